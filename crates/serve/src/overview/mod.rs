//! Who uses what, who is close to its limit and who suffers, at one look: what the page's first view and
//! `plimsoll top` show.
//!
//! Comes in: [`Past`](crate::past::Past), now and then. Goes out: an [`Overview`], and the [`Delta`] to the one before.
//! Cost:     nothing while nobody asks; then, for all who look, one pass over the newest samples each interval.
//!
//! Rates are between the newest two samples. What is wrong with a container stands in [`verdict`] and nowhere else; what
//! to do about it in [`advice`].

pub mod advice;
pub mod live;
pub mod mirror;
pub mod point;
pub mod series;
pub mod verdict;

mod changes;
mod observer;
mod spark;
mod track;
pub(crate) mod who;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use plimsoll_core::time::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde::{Deserialize, Deserializer};

pub use changes::Delta;
pub use observer::Observer;
pub use point::{Fullest, Pressure};
pub use spark::{Dot, Spark};
pub use verdict::Breach;
pub use who::Who;

use changes::{Changing, changing};

/// A word: one of ours, or one that another program told.
pub type Word = Cow<'static, str>;

/// The machine and every container at one instant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Overview {
    /// When it was put together.
    pub at: Timestamp,
    /// The machine.
    pub machine: Machine,
    /// The runtimes that are asked, in their order.
    pub runtimes: Vec<Runtime>,
    /// The containers, sorted by name.
    pub rows: Vec<Row>,
}

impl Overview {
    /// The same with this container alone.
    pub fn only(&self, name: &str) -> Self {
        let rows = self.rows.iter().filter(|row| row.who.name == name).cloned().collect();
        Self { at: self.at, machine: self.machine.clone(), runtimes: self.runtimes.clone(), rows }
    }
}

impl Serialize for Overview {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &self.at)?;
        map.serialize_entry("version", env!("CARGO_PKG_VERSION"))?;
        map.serialize_entry("machine", &self.machine)?;
        map.serialize_entry("runtimes", &self.runtimes)?;
        map.serialize_entry("rows", &self.rows)?;
        map.end()
    }
}

/// The machine as a whole: its root group.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Host name.
    pub name: String,
    /// uname release.
    pub kernel: String,
    /// PRETTY_NAME of os-release.
    pub os: String,
    /// Logical CPUs.
    pub cores: u64,
    /// Bytes.
    pub memory: u64,
    /// When it was started.
    pub boot: Option<Timestamp>,
    /// Cores in use.
    pub cpu: Option<f64>,
    /// Working set in bytes.
    pub memory_used: Option<u64>,
    /// Bytes.
    pub swap_used: Option<u64>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Bytes a second.
    pub rx: Option<u64>,
    /// Bytes a second.
    pub tx: Option<u64>,
    /// Bytes a second.
    pub read: Option<u64>,
    /// Bytes a second.
    pub write: Option<u64>,
    /// Its fullest filesystem.
    pub fullest: Option<Fullest>,
    /// Percent of the last 10 s in which some task waited.
    pub pressure: Option<Pressure>,
    /// CPU and memory of late.
    pub spark: Spark,
}

changing!(Machine {
    name,
    kernel,
    os,
    cores,
    memory,
    boot,
    cpu,
    memory_used,
    swap_used,
    load,
    rx,
    tx,
    read,
    write,
    fullest,
    pressure,
});

/// A container runtime that is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Runtime {
    /// Its name as in [`Who::runtime`].
    pub name: Word,
    /// `up`, `down`, or `absent` where there is none.
    pub state: Word,
    /// Its version, if it tells one.
    pub version: Option<String>,
    /// Containers of it that are known.
    pub containers: u64,
    /// Why it does not answer.
    pub why: Option<String>,
}

impl Serialize for Runtime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("state", &self.state)?;
        if let Some(version) = &self.version {
            map.serialize_entry("version", version)?;
        }
        map.serialize_entry("containers", &self.containers)?;
        if let Some(why) = &self.why {
            map.serialize_entry("why", why)?;
        }
        map.end()
    }
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Its names and what its runtime tells.
    #[serde(flatten, deserialize_with = "shared")]
    pub who: Arc<Who>,
    /// Cores in use.
    pub cpu: Option<f64>,
    /// Cores that it may use; absent without a quota.
    pub cpu_limit: Option<f64>,
    /// Working set in bytes.
    pub memory: Option<u64>,
    /// Bytes; absent without a limit.
    pub memory_limit: Option<u64>,
    /// The larger share of a limit that is used, 1 at the limit; absent without limits.
    pub load_line: Option<f64>,
    /// Bytes a second.
    pub rx: Option<u64>,
    /// Bytes a second.
    pub tx: Option<u64>,
    /// Bytes a second.
    pub read: Option<u64>,
    /// Bytes a second.
    pub write: Option<u64>,
    /// Share of the last minute's periods in which the quota was used up.
    pub throttled: Option<f64>,
    /// Percent of the last 10 s in which some task waited.
    pub pressure: Option<Pressure>,
    /// Processes; absent while their kind is off.
    pub processes: Option<u64>,
    /// Threads; absent while their kind is off.
    pub threads: Option<u64>,
    /// How often the runtime restarted it; absent where no runtime tells.
    pub restarts: Option<u64>,
    /// Kills for want of memory: of its group, or those of the last hour where these are more; absent while there was
    /// none.
    pub ooms: Option<u64>,
    /// CPU and memory of late.
    pub spark: Spark,
    /// What is wrong with it, the worst first.
    pub breaches: Vec<Breach>,
    /// The worst breach's: 3 suffers, 2 is at its load line, 1 is close to it, 0 is well.
    pub severity: u8,
}

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Who>, D::Error> {
    Who::deserialize(deserializer).map(Arc::new)
}

impl Row {
    /// Its cgroup's name.
    pub fn name(&self) -> &str {
        &self.who.name
    }
}

changing!(Row {
    cpu, cpu_limit, memory, memory_limit, load_line, rx, tx, read, write, throttled, pressure, processes, threads,
    restarts, ooms, breaches, severity,
} of who);
