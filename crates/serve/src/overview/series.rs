//! The kept past of one container as columns, for charts.

use std::collections::BTreeMap;

use plimsoll_core::machine::MachineInfo;
use plimsoll_core::time::Timestamp;
use plimsoll_measure::sample::{Psi, Sample};
use serde::{Deserialize, Serialize};

use super::Word;
use super::observer::limits;
use super::point::{cores, disk, network, rate, round, seconds};
use crate::past::{FormerLimits, View};

/// Points that are given unless more or fewer are asked for, and the most.
pub const POINTS: (usize, usize) = (600, 5000);

/// A number at each instant; `None` where there is none.
type Column = Vec<Option<f64>>;

/// Columns of the same length, oldest first.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The container.
    name: String,
    /// Seconds since 1970.
    at: Vec<f64>,
    /// By name; one without any number is not there.
    columns: BTreeMap<Word, Values>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Values {
    One(Column),
    /// One for each CPU.
    Each(Vec<Column>),
}

impl Series {
    /// The column of this name, a number for each instant; those of single CPUs are none.
    pub fn column(&self, name: &str) -> Option<&[Option<f64>]> {
        match self.columns.get(name)? {
            Values::One(column) => Some(column),
            Values::Each(_) => None,
        }
    }

    /// Seconds from the first instant to the last.
    pub fn span(&self) -> Option<f64> {
        Some(self.at.last()? - self.at.first()?)
    }

    /// Of samples, oldest first. What is counted is told a second, as it was on average since the point before; of
    /// more than `points` samples, every so manieth is taken. Points up to `since` are left out, but what follows
    /// counts from them. `former` are the limits before those of the view.
    pub fn of(
        view: &View,
        former: &[FormerLimits],
        info: &MachineInfo,
        samples: &[Sample],
        since: Option<Timestamp>,
        points: usize,
    ) -> Self {
        let fresh = samples.iter().filter(|sample| since.is_none_or(|since| sample.at > since)).count();
        let step = fresh.div_ceil(points.max(1)).max(1);
        // counted from the newest, which is always there
        let mut picked: Vec<&Sample> = samples.iter().rev().step_by(step).collect();
        picked.reverse();
        let mut series = Self { name: view.reference.name.clone(), ..Self::default() };
        let cpu_count = picked.iter().map(|sample| per_cpu(sample).len()).max().unwrap_or(0);
        let mut table = Table { columns: BTreeMap::new(), each: vec![Vec::new(); cpu_count], rows: 0 };
        let mut before: Option<&Sample> = None;
        for sample in picked {
            if since.is_none_or(|since| sample.at > since) {
                series.at.push((sample.at.secs_f64() * 1e3).round() / 1e3);
                table.row(before, sample);
                table.limits(sample.at, view, former, info);
                table.rows += 1;
            }
            before = Some(sample);
        }
        series.columns = table.finish();
        series
    }
}

struct Table {
    columns: BTreeMap<&'static str, Column>,
    each: Vec<Column>,
    rows: usize,
}

impl Table {
    fn put(&mut self, name: &'static str, value: Option<f64>) {
        let Some(value) = value else { return };
        let column = self.columns.entry(name).or_default();
        column.resize(self.rows, None);
        column.push(Some(value));
    }

    fn row(&mut self, before: Option<&Sample>, now: &Sample) {
        let span = before.and_then(|before| seconds(before.at, now.at));
        let counted = |pick: &dyn Fn(&Sample) -> Option<u64>| {
            rate(before.and_then(pick), pick(now), span).map(|rate| (rate * 100.0).round() / 100.0)
        };
        let time = |pick: &dyn Fn(&Sample) -> Option<u64>| cores(before.and_then(pick), pick(now), span);
        let usage = |sample: &Sample| sample.cpu.as_ref().map(|cpu| cpu.usage.clone());
        self.put("cpu", time(&|sample| usage(sample)?.total));
        self.put("cpu_user", time(&|sample| usage(sample)?.user));
        self.put("cpu_system", time(&|sample| usage(sample)?.system));
        for (nth, column) in self.each.iter_mut().enumerate() {
            let of = |sample: &Sample| per_cpu(sample).get(nth).copied();
            column.push(cores(before.and_then(of), of(now), span));
        }
        self.put("throttled", before.and_then(|before| throttled(before, now)));
        self.memory(now);
        self.put("memory_failures", counted(&|sample| sample.memory.as_ref()?.failcnt));
        self.put("rx", counted(&|sample| network(sample, |one| (one.rx_bytes, 0)).map(|both| both.0)));
        self.put("tx", counted(&|sample| network(sample, |one| (one.tx_bytes, 0)).map(|both| both.0)));
        self.put(
            "rx_errors",
            counted(&|sample| network(sample, |one| (one.rx_errors, 0)).map(|both| both.0)),
        );
        self.put(
            "tx_errors",
            counted(&|sample| network(sample, |one| (one.tx_errors, 0)).map(|both| both.0)),
        );
        self.put(
            "rx_dropped",
            counted(&|sample| network(sample, |one| (one.rx_dropped, 0)).map(|both| both.0)),
        );
        self.put(
            "tx_dropped",
            counted(&|sample| network(sample, |one| (one.tx_dropped, 0)).map(|both| both.0)),
        );
        self.put("read", counted(&|sample| Some(disk(&sample.diskio.as_ref()?.io_service_bytes).0)));
        self.put("write", counted(&|sample| Some(disk(&sample.diskio.as_ref()?.io_service_bytes).1)));
        self.put("read_ops", counted(&|sample| Some(disk(&sample.diskio.as_ref()?.io_serviced).0)));
        self.put("write_ops", counted(&|sample| Some(disk(&sample.diskio.as_ref()?.io_serviced).1)));
        let layers = now.filesystem.iter().map(|fs| fs.usage).fold(0, u64::saturating_add);
        self.put("disk_usage", (!now.filesystem.is_empty()).then_some(layers as f64));
        let psi = |psi: Option<Psi>| psi.map(|psi| psi.some.avg10 as f64 / 100.0);
        self.put("pressure_cpu", psi(now.cpu.as_ref().and_then(|cpu| cpu.psi)));
        self.put("pressure_memory", psi(now.memory.as_ref().and_then(|memory| memory.psi)));
        self.put("pressure_io", psi(now.diskio.as_ref().and_then(|io| io.psi)));
        let processes = now.processes.as_ref();
        self.put("processes", processes.and_then(|all| all.process_count).map(|count| count as f64));
        self.put("threads", processes.and_then(|all| all.threads_current).map(|count| count as f64));
    }

    fn memory(&mut self, now: &Sample) {
        let Some(memory) = &now.memory else { return };
        let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64);
        self.put("memory", bytes(memory.working_set));
        self.put("memory_rss", bytes(memory.rss));
        self.put("memory_cache", bytes(memory.cache));
        self.put("memory_swap", bytes(memory.swap));
    }

    /// The limits that were in force at an instant.
    fn limits(&mut self, at: Timestamp, view: &View, former: &[FormerLimits], info: &MachineInfo) {
        let is_machine = view.reference.name == "/";
        let then = former.iter().find(|former| at < former.until).map(|former| former.limits);
        let (cpu, memory) = limits(then.unwrap_or_else(|| view.spec.limits()), info, is_machine);
        self.put("cpu_limit", cpu);
        self.put("memory_limit", memory.map(|bytes| bytes as f64));
    }

    fn finish(self) -> BTreeMap<Word, Values> {
        let rows = self.rows;
        let whole = |(name, mut column): (&'static str, Column)| -> (Word, Values) {
            column.resize(rows, None);
            (name.into(), Values::One(column))
        };
        let mut columns: BTreeMap<_, _> = self.columns.into_iter().map(whole).collect();
        if self.each.iter().flatten().any(Option::is_some) {
            columns.insert("cpus".into(), Values::Each(self.each));
        }
        columns
    }
}

fn per_cpu(sample: &Sample) -> &[u64] {
    sample.cpu.as_ref().map_or(&[], |cpu| &cpu.usage.per_cpu_usage)
}

/// Share of the periods between two samples in which the quota was used up.
fn throttled(before: &Sample, now: &Sample) -> Option<f64> {
    let (old, new) = (&before.cpu.as_ref()?.cfs, &now.cpu.as_ref()?.cfs);
    let periods = new.periods?.checked_sub(old.periods?)?;
    let hits = new.throttled_periods?.checked_sub(old.throttled_periods?)?;
    Some(if periods == 0 { 0.0 } else { round((hits as f64 / periods as f64).min(1.0)) })
}
