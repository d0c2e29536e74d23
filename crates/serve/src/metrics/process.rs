//! The program as a process.
//!
//! Reads: /proc/self/{stat,fd,net/netstat}, `getrlimit`, /proc/stat btime
//! Gives: process_*, go_threads
//! Cost:  three files a scrape, of which netstat is by far the dearest

use std::fs;
use std::io::Read as _;
use std::sync::OnceLock;

use plimsoll_core::family::Type::{self, Counter, Gauge};
use plimsoll_core::family::{Emit, Row, Source};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Ticks a second of the times in `/proc/<pid>/stat`: the same on every architecture that we build for.
const USER_HZ: f64 = 100.0;

/// The files, read once a scrape.
pub(crate) struct Process {
    stat: String,
    netstat: String,
}

/// Fields of `/proc/self/stat`, counted from the third, the state.
mod field {
    pub(super) const NUM_THREADS: usize = 17;
    pub(super) const STARTTIME: usize = 19;
    /// Bytes.
    pub(super) const VSIZE: usize = 20;
    /// Pages.
    pub(super) const RSS: usize = 21;
}

impl Process {
    pub(super) fn read() -> Self {
        Self { stat: read("/proc/self/stat"), netstat: read("/proc/self/net/netstat") }
    }

    fn stat(&self, field: usize) -> Option<f64> {
        // the command's name may have blanks; what follows its bracket starts with field 3
        let (_, fields) = self.stat.rsplit_once(')')?;
        fields.split_ascii_whitespace().nth(field)?.parse().ok()
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
    row("go_threads", "Number of OS threads created.", Gauge, "/proc/self/stat", |p, out| {
        emit(out, p.stat(field::NUM_THREADS));
    }),
    row(
        "process_cpu_seconds_total",
        "Total user and system CPU time spent in seconds.",
        Counter,
        "CLOCK_PROCESS_CPUTIME_ID",
        |_, out| emit(out, Some(cpu())),
    ),
    row("process_max_fds", "Maximum number of open file descriptors.", Gauge, "getrlimit", |_, out| {
        emit(out, Some(soft_limit(Resource::Nofile)))
    }),
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
        "/proc/self/stat",
        |p, out| emit(out, p.stat(field::RSS).map(|pages| pages * rustix::param::page_size() as f64)),
    ),
    row(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        Gauge,
        "/proc/self/stat",
        |p, out| emit(out, start_time(p)),
    ),
    row(
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
        Gauge,
        "/proc/self/stat",
        |p, out| emit(out, p.stat(field::VSIZE)),
    ),
    row(
        "process_virtual_memory_max_bytes",
        "Maximum amount of virtual memory available in bytes.",
        Gauge,
        "getrlimit",
        |_, out| emit(out, Some(soft_limit(Resource::As))),
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
    // in one go: the kernel makes the text anew for a reader that comes back for the rest
    let mut text = String::with_capacity(8 << 10);
    let read = fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    read.map(|_| text).unwrap_or_default()
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

/// `/proc/stat` is read once: it is long on large machines, and the time of the start does not move.
fn start_time(process: &Process) -> Option<f64> {
    static START: OnceLock<Option<f64>> = OnceLock::new();
    *START.get_or_init(|| {
        let ticks = process.stat(field::STARTTIME)?;
        Some(number_after(&read("/proc/stat"), "btime")? + ticks / USER_HZ)
    })
}

/// The number behind a key at the start of a line.
fn number_after(text: &str, key: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_ascii_whitespace().next()?.parse().ok()
}

/// No limit is shown as the largest number, as Go's client does.
fn soft_limit(of: Resource) -> f64 {
    getrlimit(of).current.unwrap_or(u64::MAX) as f64
}

/// A column of the `IpExt` table of netstat: one line of names, one of numbers.
fn column(netstat: &str, name: &str) -> Option<f64> {
    let mut lines = netstat.lines().filter_map(|line| line.strip_prefix("IpExt:"));
    let at = lines.next()?.split_ascii_whitespace().position(|word| word == name)?;
    lines.next()?.split_ascii_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(Vec<f64>);

    impl Emit for Told {
        fn int(&mut self, _: &[&str], value: u64) {
            self.0.push(value as f64);
        }

        fn float(&mut self, _: &[&str], value: f64) {
            self.0.push(value);
        }

        fn at(&mut self, _: plimsoll_core::time::Timestamp) {}
    }

    fn told(name: &str) -> f64 {
        let mut found = Told::default();
        each(|row, values| {
            if row.name == name {
                values(&mut found);
            }
        });
        found.0[0]
    }

    /// Other tests' threads come and go meanwhile.
    fn near(name: &str, truth: f64, factor: f64) {
        let told = told(name);
        assert!(truth / factor <= told && told <= truth * factor, "{name}: {told}, not {truth}");
    }

    #[test]
    fn the_process_is_told_as_the_kernel_tells_it_elsewhere() {
        let status = read("/proc/self/status");
        let of_status = |key| number_after(&status, key).unwrap();
        near("go_threads", of_status("Threads:"), 4.0);
        near("process_resident_memory_bytes", of_status("VmRSS:") * 1024.0, 2.0);
        near("process_virtual_memory_bytes", of_status("VmSize:") * 1024.0, 3.0);
        let limits = read("/proc/self/limits");
        let files = number_after(&limits, "Max open files").unwrap();
        near("process_max_fds", files, 1.0);
        near("process_open_fds", fs::read_dir("/proc/self/fd").unwrap().count() as f64, 4.0);
        let since_boot: f64 = read("/proc/uptime").split(' ').next().unwrap().parse().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let start = told("process_start_time_seconds");
        assert!(start <= now + 1.0 && start >= now - since_boot - 1.0 && start > now - 3600.0, "{start}");
        for name in ["process_network_receive_bytes_total", "process_network_transmit_bytes_total"] {
            assert!(told(name) >= 0.0);
        }
        assert!(told("process_virtual_memory_max_bytes") > 0.0 && told("process_cpu_seconds_total") > 0.0);
    }
}
