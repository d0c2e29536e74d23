//! Overviews over a past made of literals.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::container::{CpuSpec, Identity, Limits, MemorySpec, Reference, Spec};
use plimsoll_core::event::{Event, EventData, EventType};
use plimsoll_measure::filesystem::FsStats;
use plimsoll_measure::memory::Memory;
use serde_json::{Value, json};

use super::mirror::Mirror;
use super::series::Series;
use super::{Delta, Observer, Overview, Row};
use crate::fake::{Fake, START, WEB, WORKER, samples};
use crate::past::{FormerLimits, Past as _};

const TWO: Duration = Duration::from_secs(2);

fn look(fake: &Fake) -> Overview {
    Observer::new(TWO).look(fake)
}

fn row<'a>(overview: &'a Overview, name: &str) -> &'a Row {
    overview.rows.iter().find(|row| row.name() == name).unwrap()
}

fn web() -> String {
    format!("/docker/{WEB}")
}

/// The host some seconds later, with one more sample of each container.
fn later(seconds: i64) -> Fake {
    let mut host = Fake::host();
    host.state.at = host.state.at.plus_nanos(seconds * 1_000_000_000);
    for (view, samples) in host.containers.values_mut() {
        let mut sample = samples.last().unwrap().clone();
        sample.at = sample.at.plus_nanos(seconds * 1_000_000_000);
        view.latest = Some(Arc::new(sample.clone()));
        samples.push(sample);
    }
    host
}

fn delta(before: &Overview, now: &Overview, only: Option<&str>) -> Value {
    serde_json::from_slice(&Delta::between(before, now).json(only)).unwrap()
}

#[test]
fn rates_are_of_the_newest_two_samples() {
    let overview = look(&Fake::host());
    let row = row(&overview, &web());
    assert_eq!((row.cpu, row.cpu_limit, row.load_line), (Some(0.2), Some(0.5), Some(0.4)));
    assert_eq!((row.memory, row.memory_limit), (Some(2 * 1_376_256), Some(134_217_728)));
    assert_eq!((row.rx, row.tx, row.read, row.write), (Some(2032), Some(1000), Some(8192), Some(8192)));
    assert_eq!((row.throttled, row.severity), (Some(0.1), 1));
    assert_eq!(row.breaches[0].text, "throttled 10 % of the time");
    assert_eq!(overview.machine.cpu, Some(0.5));
    assert_eq!(row.spark.cpu(), [Some(0.2); 2], "one each two seconds");
}

#[test]
fn rows_are_sorted_and_know_who_is_above() {
    let overview = look(&Fake::host());
    assert!(overview.rows.is_sorted_by(|a, b| a.name() < b.name()));
    let of = |name: &str| {
        let row = row(&overview, name);
        (row.who.parent.clone(), row.who.title.clone(), row.who.runtime.to_string())
    };
    assert_eq!(of("/"), (String::new(), "/".into(), String::new()));
    assert_eq!(of("/docker"), ("/".into(), "docker".into(), String::new()));
    assert_eq!(of(&web()), ("/docker".into(), "fx-web".into(), "docker".into()));
}

#[test]
fn nothing_new_is_no_change() {
    let (mut observer, host) = (Observer::new(TWO), Fake::host());
    let before = observer.look(&host);
    let now = observer.look(&host);
    let told = delta(&before, &now, None);
    assert_eq!(told["changed"], json!([]));
    assert_eq!((&told["gone"], &told["lost"]), (&json!([]), &json!({})));
    assert_eq!(told["machine"], json!({"spark": {"cpu": 0.5, "memory": 6_881_280}}));
    assert!(told.get("runtimes").is_none());
}

#[test]
fn what_changed_is_told_and_nothing_else() {
    let mut observer = Observer::new(TWO);
    let before = observer.look(&Fake::host());
    let now = observer.look(&later(2));
    let told = delta(&before, &now, Some(&web()));
    let expected = json!([{
        "name": web(), "cpu": 0, "load_line": 0.0205, "rx": 0, "tx": 0, "read": 0, "write": 0,
        "spark": {"cpu": 0, "memory": 2_752_512},
    }]);
    assert_eq!(told["changed"], expected, "one container is asked for");
    let all = delta(&before, &now, None);
    assert_eq!(all["changed"].as_array().unwrap().len(), 5);
    // it stands still from now on, but its spark still moves
    let next = observer.look(&later(2));
    let told = delta(&now, &next, Some(&web()));
    assert_eq!(told["changed"], json!([{"name": web(), "spark": {"cpu": 0, "memory": 2_752_512}}]));
}

#[test]
fn a_row_comes_and_goes() {
    let mut observer = Observer::new(TWO);
    let before = observer.look(&Fake::host());
    let mut host = Fake::host();
    host.containers.remove(&web());
    host.add(Reference::raw("/new"), Spec::default(), samples(1, None));
    let now = observer.look(&host);
    let told = delta(&before, &now, None);
    assert_eq!(told["gone"], json!([web()]));
    let changed = told["changed"].as_array().unwrap();
    assert_eq!(
        (changed.len(), &changed[0]["name"], &changed[0]["title"]),
        (1, &json!("/new"), &json!("new"))
    );
    assert!(changed[0]["spark"]["cpu"].is_number(), "one number, as of any row");
}

#[test]
fn a_field_that_is_absent_now_is_lost() {
    let mut observer = Observer::new(TWO);
    let before = observer.look(&Fake::host());
    let mut host = Fake::host();
    let (view, _) = host.containers.get_mut(&web()).unwrap();
    view.spec = Arc::new(Spec::default());
    host.state.load = None;
    host.state.runtimes.pop();
    let told = delta(&before, &observer.look(&host), None);
    let lost = &told["lost"][web()];
    for field in ["image", "cpu_limit", "memory_limit", "load_line", "throttled"] {
        assert!(lost.as_array().unwrap().contains(&json!(field)), "{field}: {lost}");
    }
    assert_eq!(told["lost"][""], json!(["load"]), "the machine's");
    assert_eq!(told["runtimes"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_paused_says_so() {
    let state = |change: &dyn Fn(&mut Identity, &mut Spec), name: &str| {
        let mut host = Fake::host();
        let (view, _) = host.containers.get_mut(name).unwrap();
        change(Arc::make_mut(&mut view.identity), Arc::make_mut(&mut view.spec));
        row(&look(&host), name).who.state.clone()
    };
    assert_eq!(state(&|_, spec| spec.frozen = Some(false), &web()), "running");
    assert_eq!(state(&|identity, _| identity.paused = true, &web()), "paused", "its runtime says so");
    assert_eq!(state(&|_, spec| spec.frozen = Some(true), &web()), "paused", "the kernel says so");
    assert_eq!(
        (state(&|_, _| {}, "/"), state(&|_, spec| spec.frozen = Some(true), "/")),
        (String::new(), "paused".to_owned())
    );
}

#[test]
fn a_long_pause_begins_the_sparks_anew() {
    let mut observer = Observer::new(TWO);
    observer.look(&Fake::host());
    let long = observer.look(&later(60));
    assert_eq!(row(&long, &web()).spark.cpu().len(), 30, "filled from what was kept, not appended");
}

#[test]
fn a_limit_beyond_the_machine_is_none() {
    let mut host = Fake::host();
    let of = |limit| Spec { memory: MemorySpec { limit, ..MemorySpec::default() }, ..Spec::default() };
    for (name, limit) in [("/a", 0), ("/b", u64::MAX), ("/c", 25_276_510_208), ("/d", 25_276_510_207)] {
        host.add(Reference::raw(name), of(limit), samples(1, None));
    }
    let overview = look(&host);
    let limits = ["/a", "/b", "/c", "/d"].map(|name| row(&overview, name).memory_limit);
    assert_eq!(limits, [None, None, None, Some(25_276_510_207)]);
    assert_eq!(row(&overview, "/a").load_line, None);
}

#[test]
fn kills_are_those_of_the_last_hour() {
    let mut host = Fake::host();
    let kill = |seconds: i64| Event {
        container_name: web(),
        timestamp: START.plus_nanos(seconds * 1_000_000_000),
        event_type: EventType::Oom,
        event_data: EventData::default(),
    };
    host.events = vec![kill(-3600), kill(-100), kill(-50)];
    let (view, _) = host.containers.get_mut(&web()).unwrap();
    view.oom_events = 3;
    let overview = look(&host);
    let row = row(&overview, &web());
    assert_eq!((row.ooms, row.severity), (Some(3), 3));
    assert_eq!(row.breaches[0].text, "OOM-killed twice in the last hour");
    // started anew since: its group has counted one
    let (view, _) = host.containers.get_mut(&web()).unwrap();
    view.oom_events = 1;
    assert_eq!(self::row(&look(&host), &web()).ooms, Some(2));
}

#[test]
fn a_group_above_does_not_wait_as_well() {
    let mut host = Fake::host();
    for (view, samples) in host.containers.values_mut() {
        let mut sample = samples.last().unwrap().clone();
        let memory: &mut Memory = sample.memory.as_mut().unwrap();
        memory.psi.get_or_insert_default().some.avg60 = 3400;
        view.latest = Some(Arc::new(sample.clone()));
        *samples = vec![sample];
    }
    let overview = look(&host);
    let waits =
        |name: &str| row(&overview, name).breaches.iter().any(|breach| breach.kind == "pressure-memory");
    assert_eq!((waits("/"), waits("/docker"), waits(&web())), (false, false, true));
}

#[test]
fn a_full_disk_is_the_machines() {
    let mut host = Fake::host();
    let (view, samples) = host.containers.get_mut("/").unwrap();
    let mut sample = samples.last().unwrap().clone();
    let disk = |device: &str, usage, available| FsStats {
        device: device.to_owned(),
        usage,
        available,
        ..FsStats::default()
    };
    sample.filesystem = vec![disk("/dev/vda", 10, 90), disk("/dev/vdb", 961, 39), disk("tmpfs", 0, 0)];
    view.latest = Some(Arc::new(sample.clone()));
    *samples = vec![sample];
    let overview = look(&host);
    let fullest = overview.machine.fullest.clone().unwrap();
    assert_eq!((fullest.device.as_str(), fullest.share), ("/dev/vdb", 0.961));
    assert!(row(&overview, "/").breaches.iter().any(|breach| breach.text == "/dev/vdb is 96 % full"));
    let (view, _) = host.containers.get_mut("/").unwrap();
    view.latest = None;
    assert_eq!(look(&host).machine.fullest, None);
    let of = |disks: Vec<FsStats>| {
        let mut host = Fake::host();
        let (view, samples) = host.containers.get_mut("/").unwrap();
        let mut sample = samples.last().unwrap().clone();
        sample.filesystem = disks;
        view.latest = Some(Arc::new(sample));
        look(&host).machine.fullest.unwrap().device
    };
    let layer = disk("overlay_0-45", 95, 5);
    assert_eq!(
        of(vec![layer.clone(), disk("/dev/vda", 94, 6)]),
        "/dev/vda",
        "what an overlay lies on is named"
    );
    assert_eq!(of(vec![layer]), "overlay_0-45", "unless it is all that is seen");
}

#[test]
fn a_chart_shows_the_limits_of_their_time() {
    let host = Fake::host();
    let mut view = host.container(&web()).unwrap();
    let spec =
        Spec { cpu: CpuSpec { quota: 200_000, period: 100_000, ..CpuSpec::default() }, ..Spec::default() };
    view.spec = Arc::new(spec);
    let samples = host.samples(&web(), crate::past::Window::default()).unwrap();
    let [first, second, third] = &samples[..] else { panic!("three samples") };
    let limits = |quota, memory| Limits { quota, period: 100_000, memory };
    let former = [
        FormerLimits { until: second.at, limits: limits(50_000, 1 << 20) },
        FormerLimits { until: third.at, limits: limits(0, 2 << 20) },
    ];
    let of = |former: &[FormerLimits], since| {
        let series = Series::of(&view, former, &host.machine, &samples, since, 100);
        let column = |name| series.column(name).map(<[_]>::to_vec);
        (column("cpu_limit"), column("memory_limit"))
    };
    let mib = |n: u32| Some(f64::from(n << 20));
    let (cpu, memory) = (vec![Some(0.5), None, Some(2.0)], vec![mib(1), mib(2), None]);
    assert_eq!(
        of(&former, None),
        (Some(cpu), Some(memory)),
        "each over its own time, and none where none was"
    );
    assert_eq!(of(&former, Some(first.at)), (Some(vec![None, Some(2.0)]), Some(vec![mib(2), None])));
    assert_eq!(of(&[], None), (Some(vec![Some(2.0); 3]), None));
}

#[test]
fn what_a_runtime_tells() {
    let mut host = Fake::host();
    let (view, _) = host.containers.get_mut(&format!("/docker/{WORKER}")).unwrap();
    let labels = [("io.kubernetes.pod.name", "p"), ("com.docker.compose.project", "shop")];
    view.identity = Arc::new(Identity {
        health: Some("unhealthy".to_owned()),
        restart_count: 4,
        started: Some(START),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..Identity::default()
    });
    let overview = look(&host);
    let row = row(&overview, &format!("/docker/{WORKER}"));
    assert_eq!((row.who.pod.as_str(), row.who.compose.as_str(), row.restarts), ("p", "shop", Some(4)));
    let texts: Vec<_> = row.breaches.iter().map(|breach| breach.text.as_str()).collect();
    assert_eq!(texts, ["its health check fails", "restarted 4 times", "throttled 10 % of the time"]);
}

/// What a client makes of a full and the deltas after it is what a full would have told.
#[test]
fn a_mirror_shows_the_same() {
    let mut observer = Observer::new(TWO);
    let mut gone = later(4);
    gone.containers.remove(&web());
    gone.state.load = None;
    let (view, _) = gone.containers.get_mut(&format!("/docker/{WORKER}")).unwrap();
    view.spec = Arc::new(Spec::default());
    let mut new = later(6);
    new.add(Reference::raw("/a"), Spec::default(), samples(1, None));
    new.state.runtimes.pop();
    let mut mirror = Mirror::default();
    let mut before = observer.look(&Fake::host());
    mirror.full(&crate::json::to_vec(&before)).unwrap();
    assert_eq!(*mirror.overview(), before);
    for host in [later(2), gone, new, later(8), later(8), later(8)] {
        let now = observer.look(&host);
        mirror.delta(&Delta::between(&before, &now).json(None)).unwrap();
        let mut shown = mirror.overview().clone();
        // of a row that is new a delta tells one number
        for row in shown.rows.iter_mut().filter(|row| row.spark.cpu().len() < 2) {
            row.spark = now.rows.iter().find(|other| other.name() == row.name()).unwrap().spark.clone();
        }
        if now.rows.len() == 6 {
            assert_eq!(shown.rows.iter().map(Row::name).collect::<Vec<_>>()[1], "/a");
        }
        assert_eq!(shown.machine, now.machine);
        assert_eq!(shown.runtimes, now.runtimes);
        assert_eq!(shown.rows.len(), now.rows.len());
        for (shown, now) in shown.rows.iter().zip(&now.rows).filter(|(shown, _)| shown.name() != web()) {
            assert_eq!(shown, now);
        }
        before = now;
    }
    assert!(mirror.delta(b"{}").is_err() && mirror.full(b"[]").is_err());
}
