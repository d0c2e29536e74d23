//! `ContainerStats`: one sample as v1 writes it.

use std::sync::LazyLock;

use plimsoll_core::columns::as_map;
use plimsoll_measure::accelerator::Accelerator;
use plimsoll_measure::load::TaskStats;
use plimsoll_measure::network::{Interface, Network};
use plimsoll_measure::perf::{CoreEvent, Perf, Ratio};
use plimsoll_measure::resctrl::Resctrl;
use plimsoll_measure::sample::Sample;
use plimsoll_measure::sockets::{Sockets, Tcp, TcpAdvanced, Udp};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::value::RawValue;

use crate::custom::Custom;
use crate::past::View;

/// One sample of a container.
pub struct Stats<'a> {
    /// The numbers.
    pub sample: &'a Sample,
    /// The one before it in the answer.
    pub before: Option<&'a Sample>,
    /// What is known of the container now; it is told with its newest sample only, of which it is true.
    pub view: &'a View,
}

impl Serialize for Stats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Sample {
            at,
            cpu,
            diskio,
            memory,
            hugetlb,
            network,
            filesystem,
            volumes,
            task_stats,
            accelerators,
            processes,
            cpuset,
            referenced_memory,
            rounds: _,
            perf,
            resctrl,
        } = self.sample;
        let newest = self.view.latest.as_ref().is_some_and(|latest| latest.at == *at);
        // the true length is not known; with 0 the writer would close the object at once
        let mut stats = serializer.serialize_struct("ContainerStats", 1)?;
        stats.serialize_field("timestamp", at)?;
        maybe(&mut stats, "cpu", cpu.as_ref())?;
        maybe(&mut stats, "diskio", diskio.as_ref())?;
        maybe(&mut stats, "memory", memory.as_ref())?;
        maybe(&mut stats, "hugetlb", (!hugetlb.is_empty()).then_some(HugeTlbs(hugetlb)))?;
        maybe(&mut stats, "network", network.as_ref().map(FlatNetwork))?;
        maybe(&mut stats, "filesystem", (!filesystem.is_empty()).then_some(filesystem))?;
        maybe(&mut stats, "volumes", (!volumes.is_empty()).then_some(volumes))?;
        match task_stats {
            Some(task_stats) => stats.serialize_field("task_stats", task_stats)?,
            None => stats.serialize_field("task_stats", &TaskStats::default())?,
        }
        maybe(&mut stats, "accelerators", measured(accelerators))?;
        maybe(&mut stats, "processes", processes.as_ref())?;
        maybe(&mut stats, "custom_metrics", Custom::of(self.view.app.as_deref(), self.before, self.sample))?;
        perf_stats(&mut stats, perf.as_ref())?;
        maybe(&mut stats, "referenced_memory", referenced(*referenced_memory))?;
        stats.serialize_field("resctrl", &ResctrlOrEmpty(resctrl.as_ref()))?;
        stats.serialize_field("cpuset", &cpuset.clone().unwrap_or_default())?;
        maybe(
            &mut stats,
            "oom_events",
            (newest && self.view.oom_events > 0).then_some(self.view.oom_events),
        )?;
        let health = self.view.identity.health.as_deref().filter(|_| newest).unwrap_or_default();
        stats.serialize_field("health", &Health { status: health })?;
        stats.end()
    }
}

/// Bytes that were touched; Go leaves out 0 as well.
pub fn referenced(bytes: Option<u64>) -> Option<u64> {
    bytes.filter(|bytes| *bytes > 0)
}

/// The accelerators of which more is known than their names, for which the format has no absence.
pub fn measured(all: &[Accelerator]) -> Option<Vec<&Accelerator>> {
    let list: Vec<_> = all.iter().filter(|accelerator| accelerator.is_measured()).collect();
    (!list.is_empty()).then_some(list)
}

/// A field that is there only with a value: Go's `omitempty`.
///
/// # Errors
/// Those of the serializer.
pub fn maybe<S: SerializeStruct, T: Serialize>(
    fields: &mut S,
    name: &'static str,
    value: Option<T>,
) -> Result<(), S::Error> {
    match value {
        Some(value) => fields.serialize_field(name, &value),
        None => Ok(()),
    }
}

/// Huge pages as an object by size.
pub struct HugeTlbs<'a>(
    /// By size.
    pub &'a [plimsoll_core::columns::Named<plimsoll_measure::hugetlb::HugeTlb>],
);

impl Serialize for HugeTlbs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_map(self.0, serializer)
    }
}

/// What was counted of perf events, if any was.
///
/// # Errors
/// Those of the serializer.
pub fn perf_stats<S: SerializeStruct>(fields: &mut S, perf: Option<&Perf>) -> Result<(), S::Error> {
    let Some(perf) = perf else { return Ok(()) };
    maybe(fields, "perf_stats", (!perf.core.is_empty()).then_some(PerfStats(&perf.core)))?;
    maybe(fields, "perf_uncore_stats", (!perf.uncore.is_empty()).then_some(&perf.uncore))
}

/// An item an event and CPU.
struct PerfStats<'a>(&'a [CoreEvent]);

impl Serialize for PerfStats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct PerfStat<'a> {
            scaling_ratio: Ratio,
            value: u64,
            name: &'a str,
            cpu: u64,
        }
        serializer.collect_seq(self.0.iter().flat_map(|event| {
            event.cpus.iter().map(|count| PerfStat {
                scaling_ratio: count.scaling_ratio,
                value: count.value,
                name: &event.name,
                cpu: count.cpu,
            })
        }))
    }
}

/// The object is part of the format, with something in it or not.
pub struct ResctrlOrEmpty<'a>(
    /// What the CPU monitored.
    pub Option<&'a Resctrl>,
);

impl Serialize for ResctrlOrEmpty<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(resctrl) => resctrl.serialize(serializer),
            None => serializer.serialize_struct("ResctrlStats", 0)?.end(),
        }
    }
}

#[derive(serde::Serialize)]
struct Health<'a> {
    status: &'a str,
}

/// The network of v1: the first interface stands flat before the list.
struct FlatNetwork<'a>(&'a Network);

impl Serialize for FlatNetwork<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Flat<'a> {
            #[serde(flatten)]
            first: &'a Interface,
            #[serde(flatten)]
            rest: ListNetwork<'a>,
        }
        let none = Interface::default();
        Flat { first: self.0.interfaces.first().unwrap_or(&none), rest: ListNetwork::of(self.0) }
            .serialize(serializer)
    }
}

/// The network of v2: the interfaces, then what the kernel's protocols counted. What is off is an object of zeros.
#[derive(serde::Serialize)]
pub struct ListNetwork<'a> {
    #[serde(skip_serializing_if = "<[Interface]>::is_empty")]
    interfaces: &'a [Interface],
    tcp: Part<'a, Tcp>,
    tcp6: Part<'a, Tcp>,
    udp: Part<'a, Udp>,
    udp6: Part<'a, Udp>,
    tcp_advanced: Part<'a, TcpAdvanced>,
}

/// A part that is there, or zeros from kept text.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Part<'a, T> {
    Known(&'a T),
    Zeros(&'static RawValue),
}

impl<'a, T> Part<'a, T> {
    fn of(part: Option<&'a T>, zeros: &'static LazyLock<Box<RawValue>>) -> Self {
        part.map_or_else(|| Self::Zeros(zeros), Self::Known)
    }
}

impl<'a> ListNetwork<'a> {
    /// The parts of this network.
    pub fn of(network: &'a Network) -> Self {
        let sockets = network.sockets.as_deref().unwrap_or(&NONE);
        Self {
            interfaces: &network.interfaces,
            tcp: Part::of(sockets.tcp.as_ref(), &TCP),
            tcp6: Part::of(sockets.tcp6.as_ref(), &TCP),
            udp: Part::of(sockets.udp.as_ref(), &UDP),
            udp6: Part::of(sockets.udp6.as_ref(), &UDP),
            tcp_advanced: Part::of(sockets.tcp_advanced.as_ref(), &TCP_ADVANCED),
        }
    }

    /// A network of nothing.
    pub fn none() -> ListNetwork<'static> {
        static NONE: Network = Network { interfaces: Vec::new(), sockets: None };
        ListNetwork::of(&NONE)
    }
}

static NONE: Sockets = Sockets { tcp: None, tcp6: None, udp: None, udp6: None, tcp_advanced: None };
static TCP: LazyLock<Box<RawValue>> = LazyLock::new(|| zeros(&Tcp::default()));
static UDP: LazyLock<Box<RawValue>> = LazyLock::new(|| zeros(&Udp::default()));
static TCP_ADVANCED: LazyLock<Box<RawValue>> = LazyLock::new(|| zeros(&TcpAdvanced::default()));

fn zeros(part: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(part).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_measure::perf::{CpuCount, UncoreEvent};
    use plimsoll_measure::resctrl::Cache;

    fn json(write: impl Fn(&mut Fields) -> serde_json::Result<()>) -> String {
        let mut out = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut out);
        let mut fields = Serializer::serialize_struct(&mut serializer, "", 1).unwrap();
        write(&mut fields).unwrap();
        fields.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    type Fields<'a> = <&'a mut serde_json::Serializer<&'a mut Vec<u8>> as Serializer>::SerializeStruct;

    #[test]
    fn perf_events_are_a_list_of_events_and_cpus() {
        let count = |cpu, value| CpuCount { cpu, value, scaling_ratio: Ratio(0.5) };
        let core = CoreEvent { name: "cs".into(), cpus: vec![count(0, 7), count(1, 0)] };
        let uncore =
            UncoreEvent { value: 3, name: "cas".into(), socket: -1, pmu: "imc".into(), ..Default::default() };
        let perf = Perf { per_cpu: false, core: vec![core], uncore: vec![uncore] };
        assert_eq!(
            json(|fields| perf_stats(fields, Some(&perf))),
            r#"{"perf_stats":[{"scaling_ratio":0.5,"value":7,"name":"cs","cpu":0},{"scaling_ratio":0.5,"value":0,"name":"cs","cpu":1}],"perf_uncore_stats":[{"scaling_ratio":1.0,"value":3,"name":"cas","socket":-1,"pmu":"imc"}]}"#
        );
        assert_eq!(json(|fields| perf_stats(fields, Some(&Perf::default()))), "{}");
        assert_eq!(json(|fields| perf_stats(fields, None)), "{}");
    }

    #[test]
    fn resctrl_is_there_with_or_without_numbers() {
        let resctrl = Resctrl { cache: vec![Cache { llc_occupancy: Some(1) }], ..Resctrl::default() };
        let text = |resctrl| serde_json::to_string(&ResctrlOrEmpty(resctrl)).unwrap();
        assert_eq!(text(Some(&resctrl)), r#"{"cache":[{"llc_occupancy":1}]}"#);
        assert_eq!(text(None), "{}");
    }
}
