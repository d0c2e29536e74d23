//! Filesystems: those of the machine, a container's writable layer and its volumes.
//!
//! Reads: proc/1/mountinfo (else proc/self/mountinfo), proc/diskstats, dev/disk/by-uuid; statvfs of each mount;
//!        the directories of writable layers and volumes
//! Gives: filesystems of the machine, filesystem of `/`, `/api/v2.x/storage`; what a container's layer takes, and
//!        its volumes
//! Cost:  one statvfs a filesystem and one file; the mount table is read again only when it has changed.
//!        Layers are walked by a thread of their own: see `tracker`

pub mod diskstats;
pub mod mountinfo;

mod partitions;
mod probe;
mod table;

mod layer;
mod own;
mod purse;
pub mod tracker;
pub mod usage;
mod view;
mod volume;

#[cfg(test)]
mod tests;

pub mod families;

use plimsoll_core::columnar;
use serde::Serialize;

pub use layer::Layer;
#[cfg(fuzzing)]
pub use layer::fuzz as fuzz_layer;
pub use table::{Storage, Table};
pub use tracker::{Tracked, Tracker};
pub use volume::{VolumeStats, Volumes};

/// One filesystem's numbers; an item of `filesystem` in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FsStats {
    /// Key of the partition table: the mount's source, `overlay_0-45`, a tmpfs' mount point.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// `vfs`, `zfs`, ...
    pub r#type: String,
    /// Bytes in all: statfs.
    pub capacity: u64,
    /// Bytes used; of a container's layer and its extra directory together.
    pub usage: u64,
    /// Bytes of a container's layer alone.
    pub base_usage: u64,
    /// Bytes that an ordinary user can still write.
    pub available: u64,
    /// Whether inodes are counted.
    pub has_inodes: bool,
    /// Inodes in all (of a container: used).
    pub inodes: u64,
    /// Inodes free.
    pub inodes_free: u64,
    /// `/proc/diskstats` of its device, from here on.
    pub reads_completed: u64,
    /// Count.
    pub reads_merged: u64,
    /// Sectors of 512 bytes.
    pub sectors_read: u64,
    /// Milliseconds.
    pub read_time: u64,
    /// Count.
    pub writes_completed: u64,
    /// Count.
    pub writes_merged: u64,
    /// Sectors of 512 bytes.
    pub sectors_written: u64,
    /// Milliseconds.
    pub write_time: u64,
    /// Operations in flight.
    pub io_in_progress: u64,
    /// Milliseconds with at least one operation in flight.
    pub io_time: u64,
    /// Milliseconds weighted by operations in flight.
    pub weighted_io_time: u64,
}

columnar!(FsStats {
    device,
    r#type,
    capacity,
    usage,
    base_usage,
    available,
    has_inodes,
    inodes,
    inodes_free,
    reads_completed,
    reads_merged,
    sectors_read,
    read_time,
    writes_completed,
    writes_merged,
    sectors_written,
    write_time,
    io_in_progress,
    io_time,
    weighted_io_time,
});
