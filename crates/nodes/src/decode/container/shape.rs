//! A container as cAdvisor's API v1 writes it: what is read of it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::decode::ENTITIES;
use crate::decode::json::{Flag, Fraction, Last, List, Number, Object, Text, Time, anything, pass_over};

/// A container.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Info<'a> {
    /// The path of its cgroup.
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) aliases: List<Text<'a>>,
    #[serde(borrow)]
    pub(super) spec: Object<Spec<'a>>,
    /// The newest stands last.
    #[serde(borrow)]
    pub(super) stats: Last<Object<Stat<'a>>>,
}

/// What it has.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec<'a> {
    pub(super) creation_time: Time,
    #[serde(borrow)]
    pub(super) labels: Labels<'a>,
    #[serde(borrow)]
    pub(super) image: Text<'a>,
    pub(super) has_cpu: Flag,
    pub(super) has_memory: Flag,
    pub(super) has_network: Flag,
    pub(super) has_filesystem: Flag,
    pub(super) has_diskio: Flag,
    pub(super) has_custom_metrics: Flag,
    #[serde(borrow)]
    pub(super) custom_metrics: List<Object<CustomSpec<'a>>>,
}

/// Kubernetes' labels; others are passed over.
#[derive(Default)]
pub(super) struct Labels<'a> {
    /// `io.kubernetes.container.name`.
    pub(super) container: Text<'a>,
    /// `io.kubernetes.pod.namespace`.
    pub(super) namespace: Text<'a>,
    /// `io.kubernetes.pod.name`.
    pub(super) pod: Text<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted;
        impl<'de> Visitor<'de> for Wanted {
            type Value = Labels<'de>;
            anything!();
            pass_over!(null, bool, number, text, list);

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels<'de>, A::Error> {
                let mut labels = Labels::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key {
                        "io.kubernetes.container.name" => labels.container = map.next_value()?,
                        "io.kubernetes.pod.namespace" => labels.namespace = map.next_value()?,
                        "io.kubernetes.pod.name" => labels.pod = map.next_value()?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(labels)
            }
        }
        deserializer.deserialize_any(Wanted)
    }
}

/// A metric of the application.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CustomSpec<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// `gauge`, `cumulative` or `delta`.
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    /// `int` or `float`.
    #[serde(borrow)]
    pub(super) format: Text<'a>,
}

/// A sample.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Stat<'a> {
    pub(super) timestamp: Time,
    pub(super) cpu: Object<Cpu>,
    pub(super) memory: Object<Memory>,
    #[serde(borrow)]
    pub(super) network: Object<Network<'a>>,
    #[serde(borrow)]
    pub(super) filesystem: List<Object<Filesystem<'a>>>,
    #[serde(borrow)]
    pub(super) diskio: Object<DiskIo<'a>>,
    #[serde(borrow)]
    pub(super) accelerators: List<Object<Accelerator<'a>>>,
    #[serde(borrow)]
    pub(super) custom_metrics: CustomMetrics<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Cpu {
    pub(super) usage: Object<CpuUsage>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct CpuUsage {
    /// Since the start, in nanoseconds.
    pub(super) total: Number,
}

/// Bytes.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    pub(super) usage: Number,
    pub(super) cache: Number,
    pub(super) rss: Number,
    pub(super) working_set: Number,
    pub(super) container_data: Object<Faults>,
}

/// Page faults since the start.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Faults {
    pub(super) pgfault: Number,
    pub(super) pgmajfault: Number,
}

/// Network: the first interface inline, and all.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Network<'a> {
    /// Of the first interface.
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    pub(super) rx_bytes: Number,
    pub(super) rx_errors: Number,
    pub(super) tx_bytes: Number,
    pub(super) tx_errors: Number,
    pub(super) interfaces: List<Object<Counters>>,
}

/// An interface's counters.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counters {
    pub(super) rx_bytes: Number,
    pub(super) rx_errors: Number,
    pub(super) tx_bytes: Number,
    pub(super) tx_errors: Number,
}

impl Network<'_> {
    /// Over all interfaces; what no interface has is absent. Old cAdvisors have no list; without any interface newer
    /// ones write zeros.
    pub(super) fn sums(&self) -> Counters {
        let Self { rx_bytes, rx_errors, tx_bytes, tx_errors, ref name, ref interfaces } = *self;
        if interfaces.is_empty() {
            let moved = [rx_bytes, tx_bytes].iter().any(|number| number.0.is_some_and(|number| number > 0));
            return match name.is_empty() && !moved {
                true => Counters::default(),
                false => Counters { rx_bytes, rx_errors, tx_bytes, tx_errors },
            };
        }
        let sum = |of: fn(&Counters) -> Number| {
            let known = interfaces.iter().filter_map(|interface| of(interface).0);
            Number(known.reduce(u64::saturating_add))
        };
        Counters {
            rx_bytes: sum(|one| one.rx_bytes),
            rx_errors: sum(|one| one.rx_errors),
            tx_bytes: sum(|one| one.tx_bytes),
            tx_errors: sum(|one| one.tx_errors),
        }
    }
}

/// Bytes of a device.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Filesystem<'a> {
    #[serde(borrow)]
    pub(super) device: Text<'a>,
    pub(super) capacity: Number,
    pub(super) usage: Number,
    pub(super) available: Number,
    pub(super) has_inodes: Flag,
    pub(super) inodes: Number,
    pub(super) inodes_free: Number,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DiskIo<'a> {
    #[serde(borrow)]
    pub(super) io_service_bytes: List<Object<Disk<'a>>>,
}

/// Bytes of a disk.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Disk<'a> {
    #[serde(borrow)]
    pub(super) device: Text<'a>,
    pub(super) major: Number,
    pub(super) minor: Number,
    pub(super) stats: Object<DiskStats>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct DiskStats {
    pub(super) read: Number,
    pub(super) write: Number,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Accelerator<'a> {
    #[serde(borrow)]
    pub(super) make: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    /// Bytes.
    pub(super) memory_total: Number,
    /// Bytes.
    pub(super) memory_used: Number,
    /// Percent.
    pub(super) duty_cycle: Number,
}

/// Samples of the application's metrics, by name.
#[derive(Default)]
pub(super) struct CustomMetrics<'a>(pub(super) Vec<(Text<'a>, List<Object<CustomSample>>)>);

/// A sample of an application's metric. A zero is not written.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct CustomSample {
    pub(super) timestamp: Time,
    pub(super) int_value: Fraction,
    pub(super) float_value: Fraction,
}

impl<'de: 'a, 'a> Deserialize<'de> for CustomMetrics<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Wanted;
        impl<'de> Visitor<'de> for Wanted {
            type Value = CustomMetrics<'de>;
            anything!();
            pass_over!(null, bool, number, text, list);

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CustomMetrics<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    if all.len() >= ENTITIES {
                        return Err(A::Error::custom(format_args!("more than {ENTITIES} metrics")));
                    }
                    all.push(entry);
                }
                Ok(CustomMetrics(all))
            }
        }
        deserializer.deserialize_any(Wanted)
    }
}
