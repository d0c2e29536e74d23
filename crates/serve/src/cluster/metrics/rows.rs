//! How the cluster's metrics are called for Prometheus: one row each, in base units.

use plimsoll_core::cluster::batch::{Set, Value};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::family::Type;

/// A sort of entity: the first part of a name, and its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Cluster,
    Container,
    Namespace,
    Node,
    Pod,
    SystemContainer,
    Workload,
}

impl Level {
    /// In the order of the output.
    pub(super) const ALL: [Self; 7] = [
        Self::Cluster,
        Self::Container,
        Self::Namespace,
        Self::Node,
        Self::Pod,
        Self::SystemContainer,
        Self::Workload,
    ];

    pub(super) fn of(key: &Key) -> Self {
        match key {
            Key::Cluster => Self::Cluster,
            Key::Container { .. } => Self::Container,
            Key::Namespace(_) => Self::Namespace,
            Key::Node(_) => Self::Node,
            Key::Pod { .. } => Self::Pod,
            Key::SystemContainer { .. } => Self::SystemContainer,
            Key::Workload { .. } => Self::Workload,
        }
    }

    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Cluster => "plimsoll_cluster_",
            Self::Container => "plimsoll_container_",
            Self::Namespace => "plimsoll_namespace_",
            Self::Node => "plimsoll_node_",
            Self::Pod => "plimsoll_pod_",
            Self::SystemContainer => "plimsoll_system_container_",
            Self::Workload => "plimsoll_workload_",
        }
    }
}

/// The labels of an entity, sorted.
pub(super) fn labels(set: &Set) -> Vec<(&'static str, &str)> {
    let node = || set.node.as_ref().map(|node| ("node", &*node.name));
    match &set.key {
        Key::Cluster => Vec::new(),
        Key::Node(node) => vec![("node", node)],
        Key::SystemContainer { node, container } => vec![("container", container), ("node", node)],
        Key::Namespace(namespace) => vec![("namespace", namespace)],
        Key::Pod { namespace, pod } => {
            Some(("namespace", &**namespace)).into_iter().chain(node()).chain([("pod", &**pod)]).collect()
        }
        Key::Container { namespace, pod, container } => {
            [("container", &**container), ("namespace", &**namespace)]
                .into_iter()
                .chain(node())
                .chain([("pod", &**pod)])
                .collect()
        }
        Key::Workload { namespace, kind, name } => {
            vec![("namespace", namespace), ("workload", name), ("workload_type", kind.word())]
        }
    }
}

/// How a metric is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Behind the level's prefix.
    pub(super) name: &'static str,
    pub(super) kind: Type,
    /// How many of Heapster's units are one of ours.
    per: f64,
    /// Whether zero says that nothing was set.
    zero_is_unset: bool,
}

impl Shown {
    const fn gauge(name: &'static str) -> Self {
        Self { name, kind: Type::Gauge, per: 1.0, zero_is_unset: false }
    }

    const fn counter(name: &'static str) -> Self {
        Self { kind: Type::Counter, ..Self::gauge(name) }
    }

    const fn per(self, per: f64) -> Self {
        Self { per, ..self }
    }

    const fn if_set(self) -> Self {
        Self { zero_is_unset: true, ..self }
    }

    /// The number in our unit; absent where it says nothing.
    pub(super) fn value(self, value: Value) -> Option<f64> {
        let value = value.as_f64();
        (!(self.zero_is_unset && value == 0.0)).then(|| value / self.per)
    }
}

/// A metric's row; absent for rates, which Prometheus computes itself from the counters.
pub(super) fn shown(metric: Metric) -> Option<Shown> {
    const MILLI: f64 = 1e3;
    const NANO: f64 = 1e9;
    Some(match metric {
        Metric::Uptime => Shown::gauge("uptime_seconds").per(MILLI),
        Metric::CpuUsage => Shown::counter("cpu_usage_seconds_total").per(NANO),
        Metric::MemoryUsage => Shown::gauge("memory_usage_bytes"),
        Metric::MemoryRss => Shown::gauge("memory_rss_bytes"),
        Metric::MemoryCache => Shown::gauge("memory_cache_bytes"),
        Metric::MemoryWorkingSet => Shown::gauge("memory_working_set_bytes"),
        Metric::MemoryPageFaults => Shown::counter("memory_page_faults_total"),
        Metric::MemoryMajorPageFaults => Shown::counter("memory_major_page_faults_total"),
        Metric::NetworkRx => Shown::counter("network_receive_bytes_total"),
        Metric::NetworkRxErrors => Shown::counter("network_receive_errors_total"),
        Metric::NetworkTx => Shown::counter("network_transmit_bytes_total"),
        Metric::NetworkTxErrors => Shown::counter("network_transmit_errors_total"),
        Metric::CpuRequest => Shown::gauge("cpu_request_cores").per(MILLI).if_set(),
        Metric::CpuLimit => Shown::gauge("cpu_limit_cores").per(MILLI).if_set(),
        Metric::MemoryRequest => Shown::gauge("memory_request_bytes").if_set(),
        Metric::MemoryLimit => Shown::gauge("memory_limit_bytes").if_set(),
        Metric::RestartCount => Shown::counter("restarts_total"),
        // namespaces, workloads and the cluster have no counter to compute it from
        Metric::CpuUsageRate => Shown::gauge("cpu_usage_cores").per(MILLI),
        Metric::FilesystemUsage => Shown::gauge("filesystem_usage_bytes"),
        Metric::FilesystemLimit => Shown::gauge("filesystem_size_bytes"),
        Metric::FilesystemAvailable => Shown::gauge("filesystem_available_bytes"),
        Metric::FilesystemInodes => Shown::gauge("filesystem_inodes"),
        Metric::FilesystemInodesFree => Shown::gauge("filesystem_inodes_free"),
        Metric::DiskIoReadBytes => Shown::counter("disk_read_bytes_total"),
        Metric::DiskIoWriteBytes => Shown::counter("disk_written_bytes_total"),
        Metric::AcceleratorMemoryTotal => Shown::gauge("accelerator_memory_size_bytes"),
        Metric::AcceleratorMemoryUsed => Shown::gauge("accelerator_memory_used_bytes"),
        Metric::AcceleratorDutyCycle => Shown::gauge("accelerator_busy_ratio").per(100.0),
        Metric::CpuNodeCapacity => Shown::gauge("cpu_capacity_cores").per(MILLI),
        Metric::MemoryNodeCapacity => Shown::gauge("memory_capacity_bytes"),
        Metric::CpuNodeAllocatable => Shown::gauge("cpu_allocatable_cores").per(MILLI),
        Metric::MemoryNodeAllocatable => Shown::gauge("memory_allocatable_bytes"),
        Metric::CpuNodeUtilization => Shown::gauge("cpu_utilization_ratio"),
        Metric::MemoryNodeUtilization => Shown::gauge("memory_utilization_ratio"),
        Metric::CpuNodeReservation => Shown::gauge("cpu_reservation_ratio"),
        Metric::MemoryNodeReservation => Shown::gauge("memory_reservation_ratio"),
        Metric::MemoryPageFaultsRate
        | Metric::MemoryMajorPageFaultsRate
        | Metric::NetworkRxRate
        | Metric::NetworkRxErrorsRate
        | Metric::NetworkTxRate
        | Metric::NetworkTxErrorsRate
        | Metric::DiskIoReadBytesRate
        | Metric::DiskIoWriteBytesRate => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_prometheus_own_and_different() {
        let all: Vec<_> = Metric::ALL.iter().filter_map(|metric| shown(*metric)).collect();
        let mut names: Vec<_> = all.iter().map(|shown| shown.name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
        for shown in &all {
            assert_eq!(shown.kind == Type::Counter, shown.name.ends_with("_total"), "{}", shown.name);
        }
    }

    #[test]
    fn values_are_in_base_units() {
        let f = |metric, value, want| assert_eq!(shown(metric).unwrap().value(value), want, "{metric:?}");
        f(Metric::CpuUsage, Value::Int(1_500_000_000), Some(1.5));
        f(Metric::CpuUsageRate, Value::Int(250), Some(0.25));
        f(Metric::CpuUsageRate, Value::Int(0), Some(0.0));
        f(Metric::CpuLimit, Value::Int(0), None);
        f(Metric::CpuLimit, Value::Int(500), Some(0.5));
        f(Metric::Uptime, Value::Int(2500), Some(2.5));
        f(Metric::CpuNodeUtilization, Value::Float(0.87), Some(0.87));
        f(Metric::AcceleratorDutyCycle, Value::Int(42), Some(0.42));
    }
}
