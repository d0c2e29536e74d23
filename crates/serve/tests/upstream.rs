//! Upstream's made-up container, which has every number, against upstream's expected text.
//!
//! Compared is what both have, whatever the order: cAdvisor's names, labels, values and times. Left out, and
//! printed, are families without a row here. `zone.name` is a label that upstream's test makes up.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]
#![allow(clippy::needless_update, reason = "samples grow")]

mod fake;
mod parse;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::HeaderMap;
use http_body_util::BodyExt;
use plimsoll_core::columns::Named;
use plimsoll_core::container::{CpuSpec, Identity, Reference, Spec};
use plimsoll_core::kinds::Kinds;
use plimsoll_core::machine::Versions;
use plimsoll_core::time::Timestamp;
use plimsoll_measure::cpu::{Cfs, Cpu, CpuUsage, Schedstat};
use plimsoll_measure::cpuset::CpuSet;
use plimsoll_measure::filesystem::FsStats;
use plimsoll_measure::hugetlb::HugeTlb;
use plimsoll_measure::io::{DiskIo, Ops, PerDisk};
use plimsoll_measure::load::TaskStats;
use plimsoll_measure::memory::{Faults, Memory, MemoryEvents, NumaStats};
use plimsoll_measure::network::{Interface, Network};
use plimsoll_measure::perf::{CoreEvent, CpuCount, Perf, Ratio, UncoreEvent};
use plimsoll_measure::pids::{Processes, Ulimit};
use plimsoll_measure::resctrl::{Cache, MemoryBandwidth, Resctrl};
use plimsoll_measure::sample::{Psi, PsiLine, Sample};
use plimsoll_measure::sockets::{Sockets, TCP_ADVANCED, Tcp, TcpAdvanced, Udp};
use plimsoll_serve::labels::{LabelRules, block};
use plimsoll_serve::metrics::{MetricsOptions, answer};
use plimsoll_serve::past::{Past, View};
use serde_json::Value;

use fake::Fake;

/// Cannot be the same, or is told right.
const DIFFERENT: &[&str] = &[
    // of the moment of the scrape
    "container_last_seen",
    // upstream takes the milliseconds of /proc/diskstats for nanoseconds
    "container_fs_io_time_seconds_total",
    "container_fs_io_time_weighted_seconds_total",
    "container_fs_read_seconds_total",
    "container_fs_write_seconds_total",
];

#[tokio::test]
async fn upstreams_container_is_told_alike() {
    compare("cadvisor/data/prometheus/prometheus_metrics", true, 15).await;
}

/// Perf events of a program without `percpu`; upstream's text has nothing else that depends on it.
#[tokio::test]
async fn upstreams_perf_events_are_summed_alike() {
    compare("cadvisor/data/prometheus/prometheus_metrics_perf_aggregated", false, 4).await;
}

async fn compare(expected: &str, per_cpu: bool, least: usize) {
    let Some(input) = parse::reference("cadvisor/data/prometheus/input.json") else { return };
    let Some(expected) = parse::reference(expected) else { return };
    let past: Arc<dyn Past> = Arc::new(upstreams(&serde_json::from_str(&input).unwrap(), per_cpu));
    let rows = plimsoll_measure::families::container();
    let options = MetricsOptions::new(Kinds::all(), rows, fake::MACHINE);
    let ours = answer(&past, &options, None, None, &HeaderMap::new()).await;
    let ours = ours.into_body().collect().await.unwrap().to_bytes();
    let ours = parse::lines(std::str::from_utf8(&ours).unwrap()).unwrap();
    let mut theirs = parse::lines(&expected).unwrap();
    theirs.iter_mut().for_each(|line| drop(line.labels.remove("zone_name")));
    let names = |lines: &[parse::Line]| lines.iter().map(|l| l.name.clone()).collect::<BTreeSet<_>>();
    let both: BTreeSet<_> = names(&ours).intersection(&names(&theirs)).cloned().collect();
    println!("left out: {:?}", names(&theirs).difference(&both).collect::<Vec<_>>());
    let (mut missing, mut surplus) = (Vec::new(), Vec::new());
    for name in both.iter().filter(|name| !DIFFERENT.contains(&name.as_str())) {
        let of =
            |lines: &[parse::Line]| lines.iter().filter(|l| l.name == *name).cloned().collect::<Vec<_>>();
        let (ours, theirs) = (of(&ours), of(&theirs));
        missing.extend(theirs.iter().filter(|line| !ours.contains(line)).cloned());
        surplus.extend(ours.into_iter().filter(|line| !theirs.contains(line)));
    }
    assert!(missing.is_empty() && surplus.is_empty(), "theirs only: {missing:#?}\nours only: {surplus:#?}");
    assert!(both.len() >= least, "{both:?}");
    assert!(both.contains("container_perf_events_total"));
}

fn upstreams(input: &Value, per_cpu: bool) -> Fake {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let container = &input["containers"]["testcontainer"];
    let spec = &container["spec"];
    let map = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect::<BTreeMap<_, _>>()
    };
    let time = |value: &Value| Timestamp::parse(value.as_str().unwrap()).unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    let reference = Reference {
        aliases: vec![text(&container["aliases"][0])],
        ..Reference::raw(text(&container["name"]))
    };
    let identity = Identity {
        labels: map(&spec["labels"]),
        envs: map(&spec["envs"]),
        image: text(&spec["image"]),
        health: Some("healthy".to_owned()),
        ..Identity::default()
    };
    let cpu = &spec["cpu"];
    let view = View {
        labels: block(&reference, &identity, &LabelRules::default()),
        reference: Arc::new(reference),
        identity: Arc::new(identity),
        spec: Arc::new(Spec {
            creation_time: time(&spec["creation_time"]),
            start_time: time(&spec["start_time"]),
            has_cpu: spec["has_cpu"].as_bool().unwrap(),
            cpu: CpuSpec {
                limit: number(&cpu["limit"]),
                quota: number(&cpu["quota"]),
                period: number(&cpu["period"]),
                ..CpuSpec::default()
            },
            has_memory: spec["has_memory"].as_bool().unwrap(),
            ..Spec::default()
        }),
        settled: true,
        latest: Some(Arc::new(sample(&container["stats"][0], per_cpu))),
        oom_events: 0,
        app: None,
        runtime: "",
    };
    let version = &input["version_info"];
    let versions = Versions {
        kernel: text(&version["kernel_version"]),
        os: text(&version["container_os_version"]),
        docker: text(&version["docker_version"]),
        docker_api: text(&version["docker_api_version"]),
        cadvisor: text(&version["cadvisor_version"]),
        revision: text(&version["cadvisor_revision"]),
    };
    Fake { versions, views: vec![view], ..fake::busy(0) }
}

fn n(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn some(value: &Value) -> Option<u64> {
    value.as_u64()
}

fn name(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn list<T>(value: &Value, item: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().into_iter().flatten().map(item).collect()
}

fn named<T>(value: &Value, item: impl Fn(&Value) -> T) -> Vec<Named<T>> {
    value.as_object().into_iter().flatten().map(|(k, v)| Named { name: k.clone(), value: item(v) }).collect()
}

fn psi(value: &Value) -> Option<Psi> {
    let line = |value: &Value| PsiLine { total: n(&value["total"]), ..PsiLine::default() };
    Some(Psi { full: line(&value["full"]), some: line(&value["some"]) })
}

fn sample(s: &Value, per_cpu: bool) -> Sample {
    Sample {
        at: Timestamp::parse(s["timestamp"].as_str().unwrap()).unwrap().unwrap(),
        cpu: Some(cpu(&s["cpu"])),
        diskio: Some(diskio(&s["diskio"])),
        memory: Some(memory(&s["memory"])),
        hugetlb: named(&s["hugetlb"], |h| HugeTlb {
            usage: n(&h["usage"]),
            max_usage: Some(n(&h["max_usage"])),
            failcnt: some(&h["failcnt"]),
        }),
        network: Some(Network {
            interfaces: list(&s["network"]["interfaces"], interface),
            sockets: Some(Box::new(sockets(&s["network"]))),
        }),
        filesystem: list(&s["filesystem"], filesystem),
        task_stats: Some(TaskStats {
            nr_sleeping: some(&s["task_stats"]["nr_sleeping"]),
            nr_running: some(&s["task_stats"]["nr_running"]),
            nr_stopped: some(&s["task_stats"]["nr_stopped"]),
            nr_uninterruptible: some(&s["task_stats"]["nr_uninterruptible"]),
            nr_io_wait: some(&s["task_stats"]["nr_io_wait"]),
        }),
        processes: Some(processes(&s["processes"])),
        cpuset: Some(CpuSet { memory_migrate: some(&s["cpuset"]["memory_migrate"]) }),
        referenced_memory: some(&s["referenced_memory"]),
        perf: Some(Perf {
            per_cpu,
            core: perf_events(&s["perf_stats"]),
            uncore: list(&s["perf_uncore_stats"], |event| UncoreEvent {
                scaling_ratio: Ratio(event["scaling_ratio"].as_f64().unwrap()),
                value: event["value"].as_f64().unwrap() as u64,
                name: name(&event["name"]),
                socket: event["socket"].as_i64().unwrap(),
                pmu: name(&event["pmu"]),
            }),
        }),
        resctrl: Some(Resctrl {
            memory_bandwidth: list(&s["resctrl"]["memory_bandwidth"], |domain| MemoryBandwidth {
                total: some(&domain["mbm_total_bytes"]),
                local: some(&domain["mbm_local_bytes"]),
            }),
            cache: list(&s["resctrl"]["cache"], |domain| Cache {
                llc_occupancy: some(&domain["llc_occupancy"]),
            }),
        }),
        ..Sample::default()
    }
}

fn perf_events(events: &Value) -> Vec<CoreEvent> {
    let mut all: Vec<CoreEvent> = Vec::new();
    for event in events.as_array().unwrap() {
        let count = CpuCount {
            cpu: n(&event["cpu"]),
            value: n(&event["value"]),
            scaling_ratio: Ratio(event["scaling_ratio"].as_f64().unwrap()),
        };
        let name = name(&event["name"]);
        match all.iter_mut().find(|known| known.name == name) {
            Some(known) => known.cpus.push(count),
            None => all.push(CoreEvent { name, cpus: vec![count] }),
        }
    }
    all
}

fn cpu(c: &Value) -> Cpu {
    let (usage, cfs, schedstat) = (&c["usage"], &c["cfs"], &c["schedstat"]);
    Cpu {
        usage: CpuUsage {
            total: some(&usage["total"]),
            per_cpu_usage: list(&usage["per_cpu_usage"], n),
            user: some(&usage["user"]),
            system: some(&usage["system"]),
        },
        cfs: Cfs {
            periods: some(&cfs["periods"]),
            throttled_periods: some(&cfs["throttled_periods"]),
            throttled_time: some(&cfs["throttled_time"]),
            bursts_periods: some(&cfs["bursts_periods"]),
            burst_time: some(&cfs["burst_time"]),
        },
        schedstat: Schedstat {
            run_time: some(&schedstat["run_time"]),
            runqueue_time: some(&schedstat["runqueue_time"]),
            run_periods: some(&schedstat["run_periods"]),
        },
        load_average: some(&c["load_average"]),
        load_d_average: some(&c["load_d_average"]),
        psi: psi(&c["psi"]),
    }
}

fn diskio(d: &Value) -> DiskIo {
    let disks = |value: &Value| {
        list(value, |disk| {
            let stats = &disk["stats"];
            PerDisk {
                device: name(&disk["device"]),
                major: n(&disk["major"]),
                minor: n(&disk["minor"]),
                stats: Ops {
                    asynchronous: some(&stats["Async"]),
                    count: some(&stats["Count"]),
                    discard: some(&stats["Discard"]),
                    read: some(&stats["Read"]),
                    sync: some(&stats["Sync"]),
                    total: some(&stats["Total"]),
                    write: some(&stats["Write"]),
                },
            }
        })
    };
    DiskIo {
        io_service_bytes: disks(&d["io_service_bytes"]),
        io_cost_usage: disks(&d["io_cost_usage"]),
        io_cost_wait: disks(&d["io_cost_wait"]),
        io_cost_indebt: disks(&d["io_cost_indebt"]),
        io_cost_indelay: disks(&d["io_cost_indelay"]),
        psi: psi(&d["psi"]),
        ..DiskIo::default()
    }
}

fn memory(m: &Value) -> Memory {
    let faults = |f: &Value| Faults {
        pgfault: some(&f["pgfault"]),
        pgmajfault: some(&f["pgmajfault"]),
        numa_stats: NumaStats {
            file: named(&f["numa_stats"]["file"], n),
            anon: named(&f["numa_stats"]["anon"], n),
            unevictable: named(&f["numa_stats"]["unevictable"], n),
        },
    };
    Memory {
        usage: some(&m["usage"]),
        max_usage: some(&m["max_usage"]),
        cache: some(&m["cache"]),
        rss: some(&m["rss"]),
        swap: some(&m["swap"]),
        mapped_file: some(&m["mapped_file"]),
        working_set: some(&m["working_set"]),
        total_active_file: some(&m["total_active_file"]),
        total_inactive_file: some(&m["total_inactive_file"]),
        file_dirty: some(&m["file_dirty"]),
        file_writeback: some(&m["file_writeback"]),
        pgscan: some(&m["pgscan"]),
        pgsteal: some(&m["pgsteal"]),
        workingset_refault_file: some(&m["workingset_refault_file"]),
        workingset_refault_anon: some(&m["workingset_refault_anon"]),
        failcnt: some(&m["failcnt"]),
        kernel: some(&m["kernel"]),
        container_data: faults(&m["container_data"]),
        hierarchical_data: faults(&m["hierarchical_data"]),
        psi: psi(&m["psi"]),
        events: MemoryEvents {
            high: some(&m["events"]["high"]),
            max: some(&m["events"]["max"]),
            oom_kill: None,
        },
    }
}

fn interface(i: &Value) -> Interface {
    Interface {
        name: name(&i["name"]),
        rx_bytes: n(&i["rx_bytes"]),
        rx_packets: n(&i["rx_packets"]),
        rx_errors: n(&i["rx_errors"]),
        rx_dropped: n(&i["rx_dropped"]),
        tx_bytes: n(&i["tx_bytes"]),
        tx_packets: n(&i["tx_packets"]),
        tx_errors: n(&i["tx_errors"]),
        tx_dropped: n(&i["tx_dropped"]),
    }
}

fn sockets(s: &Value) -> Sockets {
    let tcp = |t: &Value| Tcp {
        established: n(&t["Established"]),
        syn_sent: n(&t["SynSent"]),
        syn_recv: n(&t["SynRecv"]),
        fin_wait1: n(&t["FinWait1"]),
        fin_wait2: n(&t["FinWait2"]),
        time_wait: n(&t["TimeWait"]),
        close: n(&t["Close"]),
        close_wait: n(&t["CloseWait"]),
        last_ack: n(&t["LastAck"]),
        listen: n(&t["Listen"]),
        closing: n(&t["Closing"]),
    };
    let udp = |u: &Value| Udp {
        listen: n(&u["Listen"]),
        dropped: n(&u["Dropped"]),
        rx_queued: n(&u["RxQueued"]),
        tx_queued: n(&u["TxQueued"]),
    };
    let mut advanced = TcpAdvanced::default();
    for (key, name) in TCP_ADVANCED.iter().enumerate() {
        let value = &s["tcp_advanced"][name];
        advanced.set(key, Some(value.as_u64().or(value.as_i64().map(i64::cast_unsigned)).unwrap_or(0)));
    }
    Sockets {
        tcp: Some(tcp(&s["tcp"])),
        tcp6: Some(tcp(&s["tcp6"])),
        udp: Some(udp(&s["udp"])),
        udp6: Some(udp(&s["udp6"])),
        tcp_advanced: Some(advanced),
    }
}

fn filesystem(f: &Value) -> FsStats {
    FsStats {
        device: name(&f["device"]),
        capacity: n(&f["capacity"]),
        usage: n(&f["usage"]),
        // upstream prints inodes whatever this says
        has_inodes: true,
        inodes: n(&f["inodes"]),
        inodes_free: n(&f["inodes_free"]),
        reads_completed: n(&f["reads_completed"]),
        reads_merged: n(&f["reads_merged"]),
        sectors_read: n(&f["sectors_read"]),
        read_time: n(&f["read_time"]),
        writes_completed: n(&f["writes_completed"]),
        writes_merged: n(&f["writes_merged"]),
        sectors_written: n(&f["sectors_written"]),
        write_time: n(&f["write_time"]),
        io_in_progress: n(&f["io_in_progress"]),
        io_time: n(&f["io_time"]),
        weighted_io_time: n(&f["weighted_io_time"]),
        ..FsStats::default()
    }
}

fn processes(p: &Value) -> Processes {
    Processes {
        process_count: some(&p["process_count"]),
        fd_count: some(&p["fd_count"]),
        socket_count: some(&p["socket_count"]),
        threads_current: some(&p["threads_current"]),
        threads_max: some(&p["threads_max"]),
        ulimits: list(&p["ulimits"], |u| Ulimit {
            name: name(&u["name"]),
            soft_limit: u["soft_limit"].as_i64().unwrap(),
            hard_limit: u["hard_limit"].as_i64().unwrap(),
        }),
    }
}
