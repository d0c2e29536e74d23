//! The program as a process.
//!
//! Reads: /proc/self/{stat,status,fd,limits,net/netstat}, /proc/stat btime
//! Gives: process_*, go_threads
//! Cost:  four small files a scrape

use std::fs;
use std::sync::OnceLock;

use plimsoll_core::family::Type::{self, Counter, Gauge};
use plimsoll_core::family::{Emit, Row, Source};
use rustix::time::{ClockId, clock_gettime};

/// Ticks a second of the times in `/proc/<pid>/stat`: the same on every architecture that we build for.
const USER_HZ: f64 = 100.0;

/// The files, read once a scrape.
pub(crate) struct Process {
    status: String,
    limits: String,
    netstat: String,
}

impl Process {
    pub(super) fn read() -> Self {
        Self {
            status: read("/proc/self/status"),
            limits: read("/proc/self/limits"),
            netstat: read("/proc/self/net/netstat"),
        }
    }

    fn kib(&self, key: &str) -> Option<f64> {
        number_after(&self.status, key).map(|n| n * 1024.0)
    }

    fn soft_limit(&self, name: &str) -> Option<f64> {
        self.limits.lines().find_map(|line| line.strip_prefix(name)).and_then(limit)
    }
}

const fn row(
    name: &'static str,
    help: &'static str,
    kind: Type,
    file: &'static str,
    values: fn(&Process, &mut dyn Emit),
) -> Row<Process> {
    let source = Source::both(file);
    Row { name, help, kind, switch: None, labels: &[], timestamped: false, source, values }
}

fn emit(out: &mut dyn Emit, value: Option<f64>) {
    if let Some(value) = value {
        out.float(&[], value);
    }
}

/// What Prometheus' own clients tell of their process, and Go's count of threads, for dashboards that ask for it.
pub(super) static ROWS: &[Row<Process>] = &[
    row("go_threads", "Number of OS threads created.", Gauge, "/proc/self/status", |p, out| {
        emit(out, number_after(&p.status, "Threads:"));
    }),
    row(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        Counter,
        "CLOCK_PROCESS_CPUTIME_ID",
        |_, out| emit(out, Some(cpu())),
    ),
    row(
        "process_max_fds",
        "Maximum number of open file descriptors.",
        Gauge,
        "/proc/self/limits",
        |p, out| {
            emit(out, p.soft_limit("Max open files"));
        },
    ),
    row(
        "process_network_receive_bytes_total",
        "Number of bytes received by the process over the network.",
        Counter,
        "/proc/self/net/netstat",
        |p, out| emit(out, column(&p.netstat, "InOctets")),
    ),
    row(
        "process_network_transmit_bytes_total",
        "Number of bytes sent by the process over the network.",
        Counter,
        "/proc/self/net/netstat",
        |p, out| emit(out, column(&p.netstat, "OutOctets")),
    ),
    row("process_open_fds", "Number of open file descriptors.", Gauge, "/proc/self/fd", |_, out| {
        emit(out, open_fds());
    }),
    row(
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
        Gauge,
        "/proc/self/status",
        |p, out| {
            emit(out, p.kib("VmRSS:"));
        },
    ),
    row(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        Gauge,
        "/proc/self/stat",
        |_, out| emit(out, start_time()),
    ),
    row(
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
        Gauge,
        "/proc/self/status",
        |p, out| {
            emit(out, p.kib("VmSize:"));
        },
    ),
    row(
        "process_virtual_memory_max_bytes",
        "Maximum amount of virtual memory available in bytes.",
        Gauge,
        "/proc/self/limits",
        |p, out| emit(out, p.soft_limit("Max address space")),
    ),
];

/// Tells each family by its row, with what writes its value.
pub(crate) fn each(mut tell: impl FnMut(&Row<Process>, &mut dyn FnMut(&mut dyn Emit))) {
    let process = Process::read();
    for row in ROWS {
        tell(row, &mut |out| (row.values)(&process, out));
    }
}

/// What cannot be read has no numbers.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn cpu() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// The size of the directory is the count since Linux 6.2; before that it is 0 and entries are counted.
fn open_fds() -> Option<f64> {
    match fs::metadata("/proc/self/fd").ok()?.len() {
        // less the one that lists them
        0 => fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1) as f64),
        count => Some(count as f64),
    }
}

/// Read once: it does not move, and `/proc/stat` is long on large machines.
fn start_time() -> Option<f64> {
    static START: OnceLock<Option<f64>> = OnceLock::new();
    *START.get_or_init(|| {
        let stat = read("/proc/self/stat");
        // the command's name may have blanks; what follows its bracket starts with field 3
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks: f64 = fields.split_ascii_whitespace().nth(19)?.parse().ok()?;
        Some(number_after(&read("/proc/stat"), "btime")? + ticks / USER_HZ)
    })
}

/// The number behind a key at the start of a line.
fn number_after(text: &str, key: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_ascii_whitespace().next()?.parse().ok()
}

/// The soft limit of a line of `limits`; no limit is shown as the largest number, as Go's client does.
fn limit(rest: &str) -> Option<f64> {
    match rest.split_ascii_whitespace().next()? {
        "unlimited" => Some(u64::MAX as f64),
        soft => soft.parse().ok(),
    }
}

/// A column of the `IpExt` table of netstat: one line of names, one of numbers.
fn column(netstat: &str, name: &str) -> Option<f64> {
    let mut lines = netstat.lines().filter_map(|line| line.strip_prefix("IpExt:"));
    let at = lines.next()?.split_ascii_whitespace().position(|word| word == name)?;
    lines.next()?.split_ascii_whitespace().nth(at)?.parse().ok()
}
