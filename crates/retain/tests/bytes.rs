//! How many bytes a container's sample costs, with numbers as real hosts had them.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use plimsoll_core::columns::Named;
use plimsoll_core::time::Timestamp;
use plimsoll_measure::cpu::{Cfs, Cpu, CpuUsage};
use plimsoll_measure::filesystem::FsStats;
use plimsoll_measure::io::{DiskIo, Ops, PerDisk};
use plimsoll_measure::memory::{Faults, Memory, MemoryEvents};
use plimsoll_measure::network::{Interface, Network};
use plimsoll_measure::sample::{Psi, PsiLine, Sample};
use plimsoll_retain::timeline::{Scratch, Timeline};

const SAMPLES: usize = 128;

/// Some spread around what the hosts showed; the same in every run.
struct Jitter(u64);

impl Jitter {
    /// A number from half of `mean` to one and a half of it.
    fn around(&mut self, mean: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        mean / 2 + (self.0 >> 33) % (mean + 1)
    }

    fn add(&mut self, number: &mut u64, mean: u64) {
        *number += self.around(mean);
    }

    fn add_to(&mut self, number: &mut Option<u64>, mean: u64) {
        *number = number.map(|number| number + self.around(mean));
    }
}

fn psi(total: u64, avg10: u64, avg60: u64, avg300: u64) -> Option<Psi> {
    let line = PsiLine { total, avg10, avg60, avg300 };
    Some(Psi { full: PsiLine { total: total * 9 / 10, ..line }, some: line })
}

/// A web server on cgroup v2 that writes and reads 4 MiB a second and serves one page a second.
fn web_v2() -> Sample {
    let disk = |read, write| {
        let stats = Ops { read: Some(read), write: Some(write), ..Ops::default() };
        vec![PerDisk { device: "/dev/vda".into(), major: 254, minor: 0, stats }]
    };
    Sample {
        cpu: Some(Cpu {
            usage: CpuUsage {
                total: Some(10_801_575_000),
                per_cpu_usage: vec![],
                user: Some(767_007_000),
                system: Some(10_034_568_000),
            },
            cfs: Cfs {
                periods: Some(510),
                throttled_periods: Some(41),
                throttled_time: Some(1_382_320_000),
                bursts_periods: Some(0),
                burst_time: Some(0),
            },
            psi: psi(4_402_195, 306, 275, 107),
            ..Cpu::default()
        }),
        diskio: Some(DiskIo {
            io_service_bytes: disk(335_544_320, 335_548_416),
            io_serviced: disk(5120, 5121),
            psi: psi(6_694_342, 502, 451, 171),
            ..DiskIo::default()
        }),
        memory: Some(Memory {
            usage: Some(1_056_768),
            max_usage: Some(5_107_712),
            cache: Some(307_200),
            rss: Some(225_280),
            swap: Some(0),
            mapped_file: Some(0),
            working_set: Some(991_232),
            total_active_file: Some(241_664),
            total_inactive_file: Some(65_536),
            file_dirty: Some(4096),
            file_writeback: Some(0),
            pgscan: Some(0),
            pgsteal: Some(0),
            workingset_refault_file: Some(0),
            workingset_refault_anon: Some(0),
            failcnt: Some(0),
            kernel: Some(524_288),
            container_data: Faults { pgfault: Some(27_529), pgmajfault: Some(3), ..Faults::default() },
            hierarchical_data: Faults { pgfault: Some(27_529), pgmajfault: Some(3), ..Faults::default() },
            psi: psi(0, 0, 0, 0),
            events: MemoryEvents { high: Some(0), max: Some(0), oom_kill: Some(0) },
        }),
        network: Some(Network {
            interfaces: vec![Interface {
                name: "eth0".into(),
                rx_bytes: 42_492,
                rx_packets: 531,
                tx_bytes: 49_882,
                tx_packets: 482,
                ..Interface::default()
            }],
            ..Network::default()
        }),
        filesystem: vec![FsStats {
            device: "/dev/vda".into(),
            r#type: "vfs".into(),
            capacity: 8_350_298_112,
            usage: 4_325_376,
            base_usage: 4_292_608,
            available: 6_227_702_784,
            has_inodes: true,
            inodes: 12,
            inodes_free: 0,
            ..FsStats::default()
        }],
        ..Sample::default()
    }
}

fn move_psi(psi: &mut Option<Psi>, jitter: &mut Jitter, mean: u64) {
    let psi = psi.as_mut().unwrap();
    let stall = jitter.around(mean);
    for (line, stall) in [(&mut psi.some, stall), (&mut psi.full, stall * 9 / 10)] {
        line.total += stall;
        line.avg10 = line.avg10 * 4 / 5 + stall / 500;
        line.avg60 = line.avg60 * 29 / 30 + stall / 3000;
        line.avg300 = line.avg300 * 149 / 150 + stall / 15_000;
    }
}

/// A second of the web server's life, as between two looks at it.
fn second_of_web_v2(s: &mut Sample, jitter: &mut Jitter) {
    let cpu = s.cpu.as_mut().unwrap();
    let (user, system) = (jitter.around(5_180) * 1000, jitter.around(87_900) * 1000);
    cpu.usage.user = cpu.usage.user.map(|n| n + user);
    cpu.usage.system = cpu.usage.system.map(|n| n + system);
    cpu.usage.total = cpu.usage.total.map(|n| n + user + system);
    jitter.add_to(&mut cpu.cfs.periods, 5);
    if jitter.around(100) < 80 {
        jitter.add_to(&mut cpu.cfs.throttled_periods, 1);
        cpu.cfs.throttled_time = cpu.cfs.throttled_time.map(|n| n + jitter.around(30_000) * 1000);
    }
    move_psi(&mut cpu.psi, jitter, 32_000);
    let io = s.diskio.as_mut().unwrap();
    for (list, step) in [(&mut io.io_service_bytes, 3 << 20), (&mut io.io_serviced, 46)] {
        let ops = &mut list[0].stats;
        ops.read = ops.read.map(|n| n + step);
        ops.write = ops.write.map(|n| n + step);
    }
    move_psi(&mut io.psi, jitter, 51_000);
    let memory = s.memory.as_mut().unwrap();
    let anon = jitter.around(55) * 4096;
    let kernel = 500_000 / 4096 * 4096 + jitter.around(8) * 4096;
    (memory.rss, memory.kernel) = (Some(anon), Some(kernel));
    memory.usage = Some(anon + kernel + 307_200);
    memory.working_set = Some(anon + kernel + 307_200 - 65_536);
    let faults = jitter.around(250);
    for data in [&mut memory.container_data, &mut memory.hierarchical_data] {
        data.pgfault = data.pgfault.map(|n| n + faults);
    }
    let eth0 = &mut s.network.as_mut().unwrap().interfaces[0];
    jitter.add(&mut eth0.rx_bytes, 400);
    jitter.add(&mut eth0.rx_packets, 5);
    jitter.add(&mut eth0.tx_bytes, 485);
    jitter.add(&mut eth0.tx_packets, 5);
}

/// The same server on cgroup v1 with two CPUs: nanoseconds and ticks, more operations, no pressure.
fn web_v1() -> Sample {
    let mut s = web_v2();
    let cpu = s.cpu.as_mut().unwrap();
    cpu.usage = CpuUsage {
        total: Some(530_285_120),
        per_cpu_usage: vec![39_099_745, 491_185_375],
        user: Some(60_000_000),
        system: Some(470_000_000),
    };
    (cpu.psi, cpu.cfs.bursts_periods, cpu.cfs.burst_time) = (None, None, None);
    let disk = |numbers: [u64; 6]| {
        let [asynchronous, discard, read, sync, total, write] = numbers.map(Some);
        let stats = Ops { asynchronous, count: None, discard, read, sync, total, write };
        vec![PerDisk { device: "/dev/vda".into(), major: 254, minor: 0, stats }]
    };
    s.diskio = Some(DiskIo {
        io_service_bytes: disk([415_236_096, 415_236_096, 983_040, 416_653_312, 831_889_408, 415_670_272]),
        io_serviced: disk([198, 99, 44, 349, 547, 404]),
        ..DiskIo::default()
    });
    let memory = s.memory.as_mut().unwrap();
    (memory.psi, memory.events) = (None, MemoryEvents::default());
    (memory.pgscan, memory.pgsteal) = (None, None);
    (memory.workingset_refault_anon, memory.workingset_refault_file) = (None, None);
    s
}

fn second_of_web_v1(s: &mut Sample, jitter: &mut Jitter) {
    let cpu = s.cpu.as_mut().unwrap();
    let used = jitter.around(4_800_000);
    cpu.usage.total = cpu.usage.total.map(|n| n + used);
    cpu.usage.per_cpu_usage[0] += used / 7;
    cpu.usage.per_cpu_usage[1] += used - used / 7;
    cpu.usage.system = cpu.usage.system.map(|n| n + 10_000_000);
    jitter.add_to(&mut cpu.cfs.periods, 2);
    let io = s.diskio.as_mut().unwrap();
    for (list, step) in [(&mut io.io_service_bytes, 4 << 20), (&mut io.io_serviced, 2)] {
        let ops = &mut list[0].stats;
        for op in [&mut ops.asynchronous, &mut ops.discard, &mut ops.sync, &mut ops.write] {
            *op = op.map(|n| n + step);
        }
        ops.total = ops.total.map(|n| n + 2 * step);
    }
    let memory = s.memory.as_mut().unwrap();
    let anon = jitter.around(27) * 4096;
    (memory.rss, memory.usage, memory.working_set) =
        (Some(anon), Some(anon + 5_476_352), Some(anon + 1_224_704));
    let faults = jitter.around(203);
    for data in [&mut memory.container_data, &mut memory.hierarchical_data] {
        data.pgfault = data.pgfault.map(|n| n + faults);
    }
    let eth0 = &mut s.network.as_mut().unwrap().interfaces[0];
    jitter.add(&mut eth0.rx_bytes, 400);
    jitter.add(&mut eth0.rx_packets, 5);
    jitter.add(&mut eth0.tx_bytes, 485);
    jitter.add(&mut eth0.tx_packets, 5);
}

/// Bytes a sample as blocks, and with all that a timeline holds.
fn cost(name: &str, mut sample: Sample, second: fn(&mut Sample, &mut Jitter)) -> (usize, usize) {
    let (mut timeline, mut scratch, mut jitter) = (Timeline::new(0), Scratch::default(), Jitter(1));
    let mut at = 1_795_258_084_811_751_959;
    let mut expected = Vec::new();
    for _ in 0..SAMPLES {
        // the default pace: one to two seconds
        at += 1_000_000_000 + jitter.around(500_000_000) as i64;
        second(&mut sample, &mut jitter);
        sample.at = Timestamp(at);
        timeline.push(sample.at, &mut sample, &mut scratch);
        expected.push(sample.clone());
    }
    let snapshot = timeline.window(None, None, None);
    let blocks: usize = snapshot.blocks().iter().map(|block| block.to_bytes().len()).sum();
    assert_eq!(snapshot.decode(|sample: &mut Sample, at| sample.at = at), expected);
    let (blocks, all) = (blocks / SAMPLES, timeline.bytes() / SAMPLES);
    println!("{name}: {blocks} bytes a sample in blocks, {all} in memory");
    (blocks, all)
}

#[test]
fn a_busy_sample_costs_less_than_100_bytes() {
    for (name, sample, second) in [
        ("busy on v2", web_v2(), second_of_web_v2 as fn(&mut Sample, &mut Jitter)),
        ("busy on v1", web_v1(), second_of_web_v1),
    ] {
        let (blocks, all) = cost(name, sample, second);
        assert!(blocks < 100 && all < 115, "{name}: {blocks}, {all}");
    }
}

#[test]
fn an_idle_sample_costs_less_than_20_bytes() {
    for (name, sample) in [("idle on v2", web_v2()), ("idle on v1", web_v1())] {
        let (blocks, all) = cost(name, sample, |_, _| {});
        assert!(blocks < 20 && all < 30, "{name}: {blocks}, {all}");
    }
}

#[test]
fn huge_pages_and_names_come_back() {
    let mut sample = web_v2();
    let size = Named { name: "2MB".to_owned(), value: plimsoll_measure::hugetlb::HugeTlb::default() };
    sample.hugetlb.push(size);
    cost("with huge pages", sample, |s, _| s.hugetlb[0].value.usage += 2 << 20);
}
