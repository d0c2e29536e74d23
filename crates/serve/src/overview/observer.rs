//! Looks at the past again and again and remembers what the next look needs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use plimsoll_core::container::Limits;
use plimsoll_core::event::EventType;
use plimsoll_core::machine::MachineInfo;
use plimsoll_core::time::Timestamp;
use plimsoll_measure::filesystem::FsStats;

use super::point::round;
use super::track::Track;
use super::verdict::{Facts, LATELY_NANOS, judge, load_line, severity};
use super::{Fullest, Machine, Overview, Row, Runtime};
use crate::names;
use crate::past::{EventQuery, HostState, Past, View, Window};

/// After so many intervals without a look the sparks are begun anew from what was kept.
const MISSED: i64 = 3;
/// At most so much of the kept past is read for that.
const FILL_NANOS: i64 = 120_000_000_000;
/// So often kills are looked for among the events if none was counted meanwhile.
const KILLS_NANOS: i64 = 30_000_000_000;
/// Kills that are looked at.
const KILLS: usize = 10_000;

/// Who looks on. Costs nothing between two looks.
pub struct Observer {
    interval: i64,
    tracks: HashMap<String, Track>,
    round: u64,
    last: Option<Timestamp>,
    kills: Kills,
}

/// Kills by container, as the events tell them.
#[derive(Default)]
struct Kills {
    /// When, and at which count of all containers' kills.
    looked: Option<(Timestamp, u64)>,
    of: BTreeMap<String, u64>,
}

impl Observer {
    /// One that looks so often.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval: i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1),
            tracks: HashMap::new(),
            round: 0,
            last: None,
            kills: Kills::default(),
        }
    }

    /// Looks. Each look is one number of a spark.
    pub fn look(&mut self, past: &dyn Past) -> Overview {
        let state = past.host_state();
        let now = state.at;
        let late = self.last.is_none_or(|last| {
            let missed = now.since(last);
            missed < 0 || missed > self.interval.saturating_mul(MISSED)
        });
        if late {
            self.tracks.clear();
        }
        self.last = Some(now);
        self.round += 1;
        let views = past.containers();
        self.kills.look(past, &views, now);
        let info = past.machine();
        let parents: HashSet<&str> =
            views.iter().filter_map(|view| names::parent(&view.reference.name)).collect();
        let rows: Vec<Row> = views
            .iter()
            .map(|view| {
                let is_leaf = !parents.contains(view.reference.name.as_str());
                self.row(past, view, &info, is_leaf, now)
            })
            .collect();
        let round = self.round;
        self.tracks.retain(|_, track| track.round == round);
        let machine = self.machine(past, &views, &info, &state);
        Overview { at: now, machine, runtimes: runtimes(&state, &views), rows }
    }

    fn row(
        &mut self,
        past: &dyn Past,
        view: &View,
        info: &MachineInfo,
        is_leaf: bool,
        now: Timestamp,
    ) -> Row {
        let name = view.reference.name.as_str();
        if !self.tracks.contains_key(name) {
            let mut track = Track::default();
            let start = Some(now.plus_nanos(-FILL_NANOS));
            let samples = past.samples(name, Window { start, ..Window::default() });
            track.fill(&samples.unwrap_or_default(), now, self.interval);
            self.tracks.insert(name.to_owned(), track);
        }
        let told = self.kills.of.get(name).copied().unwrap_or(0);
        let mut row = Row::default();
        if let Some(track) = self.tracks.get_mut(name) {
            track.round = self.round;
            if let Some(latest) = &view.latest {
                track.take(latest);
            }
            track.beat();
            row = row_of(track, view, info, is_leaf, told, now);
        }
        row
    }

    fn machine(&self, past: &dyn Past, views: &[View], info: &MachineInfo, state: &HostState) -> Machine {
        let versions = past.versions();
        let root = self.tracks.get("/");
        let latest = root.and_then(|root| root.latest);
        let rates = root.map(|root| root.rates).unwrap_or_default();
        let disks = views.iter().find(|view| view.reference.name == "/").map(disks).unwrap_or_default();
        let fullest = disks.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
        Machine {
            name: state.name.clone(),
            kernel: versions.kernel.clone(),
            os: versions.os.clone(),
            cores: info.num_cores,
            memory: info.memory_capacity,
            boot: state.boot,
            cpu: rates.cpu,
            memory_used: latest.and_then(|latest| latest.memory),
            swap_used: latest.and_then(|latest| latest.swap),
            load: state.load,
            rx: rates.network.map(|(rx, _)| rx),
            tx: rates.network.map(|(_, tx)| tx),
            read: rates.disk.map(|(read, _)| read),
            write: rates.disk.map(|(_, write)| write),
            // steps of a thousandth: a disk that is written to is not news every second
            fullest: fullest.map(|(device, share)| Fullest {
                device: device.to_owned(),
                share: (share * 1e3).round() / 1e3,
            }),
            pressure: latest.and_then(|latest| latest.pressure),
            spark: root.map(|root| root.spark.clone()).unwrap_or_default(),
        }
    }
}

fn row_of(
    track: &mut Track,
    view: &View,
    info: &MachineInfo,
    is_leaf: bool,
    kills_told: u64,
    now: Timestamp,
) -> Row {
    let who = track.who(view);
    let is_machine = who.name == "/";
    let (cpu_limit, memory_limit) = limits(view.spec.limits(), info, is_machine);
    let latest = track.latest.unwrap_or_default();
    let (cpu, memory) = (track.rates.cpu, latest.memory);
    let share = |used: Option<f64>, limit: Option<f64>| Some(used? / limit.filter(|limit| *limit > 0.0)?);
    let cpu_share = share(cpu, cpu_limit);
    let memory_share = share(memory.map(|bytes| bytes as f64), memory_limit.map(|bytes| bytes as f64));
    let throttled = cpu_limit.filter(|_| !is_machine).and_then(|_| track.throttled());
    let restarts = view.identity.restart_count;
    let kills = kills_told.max(track.kills(view.oom_events, now));
    let facts = Facts {
        is_machine,
        busy: cpu_share.filter(|_| is_machine),
        memory: memory_share,
        reclaiming: track.reclaiming(),
        throttled,
        kills,
        // a group above waits because one below does: that one is named
        pressure: latest.pressure_minute.filter(|_| is_leaf || is_machine).unwrap_or_default(),
        restarts,
        started_lately: who.started.is_some_and(|started| now.since(started) < LATELY_NANOS),
        health: &who.health,
        disks: if is_machine { disks(view) } else { Vec::new() },
    };
    let breaches = judge(&facts);
    Row {
        cpu,
        cpu_limit,
        memory,
        memory_limit,
        load_line: load_line(cpu_share, memory_share),
        rx: track.rates.network.map(|(rx, _)| rx),
        tx: track.rates.network.map(|(_, tx)| tx),
        read: track.rates.disk.map(|(read, _)| read),
        write: track.rates.disk.map(|(_, write)| write),
        throttled,
        pressure: latest.pressure,
        processes: latest.processes,
        threads: latest.threads,
        restarts: who.started.map(|_| restarts).or((restarts > 0).then_some(restarts)),
        // a new start of the container counts anew
        ooms: Some(view.oom_events.max(kills)).filter(|kills| *kills > 0),
        spark: track.spark.clone(),
        severity: severity(&breaches),
        breaches,
        who,
    }
}

/// Cores and bytes that may be used; of the machine, that it has.
pub(super) fn limits(limits: Limits, info: &MachineInfo, is_machine: bool) -> (Option<f64>, Option<u64>) {
    let some = |n: u64| Some(n).filter(|n| *n > 0);
    let capacity = some(info.memory_capacity);
    if is_machine {
        return (some(info.num_cores).map(|cores| cores as f64), capacity);
    }
    let cpu = some(limits.quota).zip(some(limits.period));
    let cpu = cpu.map(|(quota, period)| round(quota as f64 / period as f64));
    // a limit beyond what the machine has limits nothing; v1 writes the largest number of whole pages for none
    let most = capacity.unwrap_or(1 << 60);
    (cpu, some(limits.memory).filter(|limit| *limit < most))
}

/// The machine's filesystems and how full each is for an ordinary user.
fn disks(view: &View) -> Vec<(&str, f64)> {
    let Some(sample) = &view.latest else { return Vec::new() };
    let share = |usage: u64, available: u64| usage as f64 / usage.saturating_add(available) as f64;
    let overlay = |fs: &FsStats| fs.device.starts_with("overlay");
    // an overlay is as full as what it lies on, which is told itself; in a container it may be all that is seen
    let beside = sample.filesystem.iter().any(|fs| fs.usage > 0 && !overlay(fs));
    sample
        .filesystem
        .iter()
        .filter(|fs| fs.usage > 0 && !(beside && overlay(fs)))
        .map(|fs| (fs.device.as_str(), share(fs.usage, fs.available)))
        .collect()
}

fn runtimes(state: &HostState, views: &[View]) -> Vec<Runtime> {
    let of = |name: &str| views.iter().filter(|view| view.runtime == name).count();
    let runtime = |runtime: &crate::past::RuntimeState| Runtime {
        name: runtime.name.into(),
        state: runtime.state.into(),
        version: runtime.version.clone(),
        containers: u64::try_from(of(runtime.name)).unwrap_or(0),
        why: runtime.why.clone(),
    };
    state.runtimes.iter().map(runtime).collect()
}

impl Kills {
    fn look(&mut self, past: &dyn Past, views: &[View], now: Timestamp) {
        let counted = views.iter().map(|view| view.oom_events).fold(0, u64::saturating_add);
        let fresh = self
            .looked
            .is_some_and(|(at, before)| before == counted && (0..KILLS_NANOS).contains(&now.since(at)));
        if fresh {
            return;
        }
        self.looked = Some((now, counted));
        self.of.clear();
        let events = past.events(&EventQuery {
            container: "/".to_owned(),
            subcontainers: true,
            types: vec![EventType::Oom],
            start: Some(now.plus_nanos(-LATELY_NANOS)),
            end: None,
            max: Some(KILLS),
        });
        for event in events {
            *self.of.entry(event.container_name).or_default() += 1;
        }
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer").field("tracks", &self.tracks.len()).field("last", &self.last).finish()
    }
}
