//! The summary as the kubelet writes it: what is read of it. Members that the kubelet's source shares between objects
//! are written out, because serde would copy such an object before it reads it.

use serde::Deserialize;

use crate::decode::json::{Fraction, List, Number, Object, Text, Time};

/// The node.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Node<'a> {
    /// The machine's boot.
    pub(super) start_time: Time,
    pub(super) cpu: Object<Cpu>,
    pub(super) memory: Object<Memory>,
    pub(super) network: Object<Network>,
    /// Of the kubelet's own folder.
    pub(super) fs: Object<Fs>,
    #[serde(borrow)]
    pub(super) system_containers: List<Object<Container<'a>>>,
}

/// A pod.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Pod<'a> {
    #[serde(borrow)]
    pub(super) pod_ref: Object<PodRef<'a>>,
    pub(super) start_time: Time,
    #[serde(borrow)]
    pub(super) containers: List<Object<Container<'a>>>,
    pub(super) network: Object<Network>,
    #[serde(borrow)]
    pub(super) volume: List<Object<Volume<'a>>>,
}

/// Which pod.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PodRef<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) namespace: Text<'a>,
}

/// A container of a pod, or of the node.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Container<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    pub(super) start_time: Time,
    pub(super) cpu: Object<Cpu>,
    pub(super) memory: Object<Memory>,
    /// The writable layer.
    pub(super) rootfs: Object<Fs>,
    pub(super) logs: Object<Fs>,
    #[serde(borrow)]
    pub(super) accelerators: List<Object<Accelerator<'a>>>,
    #[serde(borrow)]
    pub(super) user_defined_metrics: List<Object<UserDefined<'a>>>,
}

/// CPU.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Cpu {
    pub(super) time: Time,
    /// Since the start, in nanoseconds.
    pub(super) usage_core_nano_seconds: Number,
}

/// Memory, in bytes.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Memory {
    pub(super) time: Time,
    pub(super) usage_bytes: Number,
    pub(super) working_set_bytes: Number,
    pub(super) rss_bytes: Number,
    /// Since the start.
    pub(super) page_faults: Number,
    /// Since the start.
    pub(super) major_page_faults: Number,
}

/// Network: the default interface inline, and all.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Network {
    pub(super) time: Time,
    pub(super) rx_bytes: Number,
    pub(super) rx_errors: Number,
    pub(super) tx_bytes: Number,
    pub(super) tx_errors: Number,
    pub(super) interfaces: List<Object<Counters>>,
}

impl Network {
    /// Those of the default interface, which the kubelet writes inline; it takes none for it but `eth0`. Where there
    /// is another one alone, that is it.
    pub(super) fn counters(&self) -> Counters {
        let Self { rx_bytes, rx_errors, tx_bytes, tx_errors, .. } = *self;
        match &self.interfaces[..] {
            [only] if rx_bytes.0.is_none() && tx_bytes.0.is_none() => only.0,
            _ => Counters { rx_bytes, rx_errors, tx_bytes, tx_errors },
        }
    }
}

/// An interface's counters.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Counters {
    pub(super) rx_bytes: Number,
    pub(super) rx_errors: Number,
    pub(super) tx_bytes: Number,
    pub(super) tx_errors: Number,
}

/// A filesystem.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Fs {
    pub(super) available_bytes: Number,
    pub(super) capacity_bytes: Number,
    pub(super) used_bytes: Number,
    pub(super) inodes_free: Number,
    pub(super) inodes: Number,
}

/// A pod's volume.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Volume<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    pub(super) available_bytes: Number,
    pub(super) capacity_bytes: Number,
    pub(super) used_bytes: Number,
    pub(super) inodes_free: Number,
    pub(super) inodes: Number,
}

impl Volume<'_> {
    pub(super) fn fs(&self) -> Fs {
        let Self { available_bytes, capacity_bytes, used_bytes, inodes_free, inodes, .. } = *self;
        Fs { available_bytes, capacity_bytes, used_bytes, inodes_free, inodes }
    }
}

/// An accelerator that the container has.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
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

/// A metric of the application.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct UserDefined<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// `gauge`, `cumulative` or `delta`.
    #[serde(borrow)]
    pub(super) r#type: Text<'a>,
    pub(super) value: Fraction,
}
