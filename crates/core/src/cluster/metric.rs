//! Which numbers: Heapster's metrics, one row each. Sets keep them by their place in this list.

/// How a number moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A total since the entity's start.
    Cumulative,
    /// What is, now.
    Gauge,
    /// What was added since the last one.
    Delta,
}

impl Kind {
    /// Heapster's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cumulative => "cumulative",
            Self::Gauge => "gauge",
            Self::Delta => "delta",
        }
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words say it")]
pub enum Unit {
    Count,
    Bytes,
    Milliseconds,
    Nanoseconds,
}

impl Unit {
    /// Heapster's word; empty for a count.
    pub fn word(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Bytes => "bytes",
            Self::Milliseconds => "ms",
            Self::Nanoseconds => "ns",
        }
    }
}

/// Where Heapster lists a metric, which decides what exports and schemas show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Read from nodes.
    Standard,
    /// From the API's objects.
    Additional,
    /// Computed from a standard one.
    Rate,
    /// Has labels of its own; several in one set.
    Labeled,
    /// Of nodes: capacity and what is used of it.
    Node,
}

/// A metric's row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// `cpu/usage_rate`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub help: &'static str,
    /// How schemas describe it.
    pub kind: Kind,
    /// How its values are tagged, which differs from the schema's word in three places of Heapster.
    pub tagged: Kind,
    /// Whether values are floats.
    pub float: bool,
    /// What it counts.
    pub unit: Unit,
    /// Its list.
    pub list: List,
    /// What it is the rate of.
    pub rate_of: Option<Metric>,
}

macro_rules! metrics {
    ($($id:ident $name:literal $list:ident $kind:ident $tagged:ident $sort:ident $unit:ident $($of:ident)?; $help:literal)*) => {
        /// A metric of the list. The order is that of Heapster's lists.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Metric {
            $(#[doc = concat!("`", $name, "`: ", $help)] $id,)*
        }

        impl Metric {
            /// All, in order.
            pub const ALL: &[Self] = &[$(Self::$id,)*];

            /// Its row.
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$id => &Row {
                        name: $name,
                        help: $help,
                        kind: Kind::$kind,
                        tagged: Kind::$tagged,
                        float: metrics!(@float $sort),
                        unit: Unit::$unit,
                        list: List::$list,
                        rate_of: metrics!(@of $($of)?),
                    },)*
                }
            }
        }
    };
    (@float int) => { false };
    (@float float) => { true };
    (@of) => { None };
    (@of $of:ident) => { Some(Self::$of) };
}

metrics! {
    Uptime "uptime" Standard Cumulative Cumulative int Milliseconds; "Time since the entity's start"
    CpuUsage "cpu/usage" Standard Cumulative Cumulative int Nanoseconds; "CPU time used on all cores"
    MemoryUsage "memory/usage" Standard Gauge Gauge int Bytes; "Memory in use, caches included"
    MemoryRss "memory/rss" Standard Gauge Gauge int Bytes; "Anonymous memory"
    MemoryCache "memory/cache" Standard Gauge Gauge int Bytes; "Page cache"
    MemoryWorkingSet "memory/working_set" Standard Gauge Gauge int Bytes; "Memory in use without inactive file pages"
    MemoryPageFaults "memory/page_faults" Standard Cumulative Cumulative int Count; "Page faults"
    MemoryMajorPageFaults "memory/major_page_faults" Standard Cumulative Cumulative int Count; "Page faults that read from a disk"
    NetworkRx "network/rx" Standard Cumulative Cumulative int Bytes; "Bytes received"
    NetworkRxErrors "network/rx_errors" Standard Cumulative Cumulative int Count; "Errors while receiving"
    NetworkTx "network/tx" Standard Cumulative Cumulative int Bytes; "Bytes sent"
    NetworkTxErrors "network/tx_errors" Standard Cumulative Cumulative int Count; "Errors while sending"
    CpuRequest "cpu/request" Additional Gauge Gauge int Count; "CPU that was asked for, in thousandths of a core"
    CpuLimit "cpu/limit" Additional Gauge Gauge int Count; "CPU limit, in thousandths of a core"
    MemoryRequest "memory/request" Additional Gauge Gauge int Bytes; "Memory that was asked for"
    MemoryLimit "memory/limit" Additional Gauge Gauge int Bytes; "Memory limit"
    RestartCount "restart_count" Additional Cumulative Gauge int Count; "Restarts of the container"
    CpuUsageRate "cpu/usage_rate" Rate Gauge Gauge int Count CpuUsage; "CPU in use, in thousandths of a core"
    MemoryPageFaultsRate "memory/page_faults_rate" Rate Gauge Gauge float Count MemoryPageFaults; "Page faults a second"
    MemoryMajorPageFaultsRate "memory/major_page_faults_rate" Rate Gauge Gauge float Count MemoryMajorPageFaults; "Major page faults a second"
    NetworkRxRate "network/rx_rate" Rate Gauge Gauge float Count NetworkRx; "Bytes received a second"
    NetworkRxErrorsRate "network/rx_errors_rate" Rate Gauge Gauge float Count NetworkRxErrors; "Errors while receiving, a second"
    NetworkTxRate "network/tx_rate" Rate Gauge Gauge float Count NetworkTx; "Bytes sent a second"
    NetworkTxErrorsRate "network/tx_errors_rate" Rate Gauge Gauge float Count NetworkTxErrors; "Errors while sending, a second"
    FilesystemUsage "filesystem/usage" Labeled Gauge Gauge int Bytes; "Bytes used on a filesystem"
    FilesystemLimit "filesystem/limit" Labeled Gauge Gauge int Bytes; "Size of a filesystem"
    FilesystemAvailable "filesystem/available" Labeled Gauge Gauge int Bytes; "Bytes left on a filesystem"
    FilesystemInodes "filesystem/inodes" Labeled Gauge Gauge int Bytes; "Inodes of a filesystem"
    FilesystemInodesFree "filesystem/inodes_free" Labeled Gauge Gauge int Bytes; "Inodes left on a filesystem"
    DiskIoReadBytes "disk/io_read_bytes" Labeled Cumulative Gauge int Bytes; "Bytes read from a disk"
    DiskIoWriteBytes "disk/io_write_bytes" Labeled Cumulative Gauge int Bytes; "Bytes written to a disk"
    DiskIoReadBytesRate "disk/io_read_bytes_rate" Labeled Gauge Gauge float Count DiskIoReadBytes; "Bytes read from a disk, a second"
    DiskIoWriteBytesRate "disk/io_write_bytes_rate" Labeled Gauge Gauge float Count DiskIoWriteBytes; "Bytes written to a disk, a second"
    AcceleratorMemoryTotal "accelerator/memory_total" Labeled Gauge Gauge int Bytes; "Memory of an accelerator"
    AcceleratorMemoryUsed "accelerator/memory_used" Labeled Gauge Gauge int Bytes; "Memory of an accelerator in use"
    AcceleratorDutyCycle "accelerator/duty_cycle" Labeled Gauge Gauge int Count; "Percent of the time in which an accelerator worked"
    CpuNodeCapacity "cpu/node_capacity" Node Gauge Gauge float Count; "CPU of a node, in thousandths of a core"
    MemoryNodeCapacity "memory/node_capacity" Node Gauge Gauge float Count; "Memory of a node, in bytes"
    CpuNodeAllocatable "cpu/node_allocatable" Node Gauge Gauge float Count; "CPU of a node for pods, in thousandths of a core"
    MemoryNodeAllocatable "memory/node_allocatable" Node Gauge Gauge float Count; "Memory of a node for pods, in bytes"
    CpuNodeUtilization "cpu/node_utilization" Node Gauge Gauge float Count; "CPU in use as a part of what is allocatable"
    MemoryNodeUtilization "memory/node_utilization" Node Gauge Gauge float Count; "Memory in use as a part of what is allocatable"
    CpuNodeReservation "cpu/node_reservation" Node Gauge Gauge float Count; "CPU asked for as a part of what is allocatable"
    MemoryNodeReservation "memory/node_reservation" Node Gauge Gauge float Count; "Memory asked for as a part of what is allocatable"
}

impl Metric {
    /// The metric of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.name() == name)
    }

    /// `cpu/usage_rate`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Those of a list, in order.
    pub fn of_list(list: List) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |metric| metric.row().list == list)
    }

    /// Whether it stands among a set's plain values, one in a set.
    pub fn is_plain(self) -> bool {
        self.row().list != List::Labeled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_rates_have_sources() {
        for metric in Metric::ALL {
            assert_eq!(Metric::of_name(metric.name()), Some(*metric));
            let row = metric.row();
            assert_eq!(row.rate_of.is_some(), row.name.ends_with("_rate"), "{}", row.name);
        }
        assert_eq!(Metric::of_list(List::Standard).count(), 12);
        assert_eq!(Metric::CpuUsageRate.row().rate_of, Some(Metric::CpuUsage));
        assert!(Metric::ALL.len() <= 64, "values are kept under the bits of a word");
    }
}
