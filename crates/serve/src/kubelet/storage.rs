//! Filesystems in the summary's words: the machine's, and what containers take of them.

use plimsoll_core::machine::FsInfo;
use plimsoll_measure::filesystem::FsStats;
use serde::Serialize;

use super::numbers::{Sampled, Seconds};
use crate::past::Past;

/// A filesystem, or a part of one: `used` is the part's, the other numbers are those of the whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fs {
    pub(super) time: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) available_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) capacity_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) used_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inodes_free: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inodes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inodes_used: Option<u64>,
}

/// Where a runtime keeps images and writable layers.
#[derive(Debug, Serialize)]
pub(super) struct Runtime {
    #[serde(rename = "imageFs")]
    images: Fs,
    #[serde(rename = "containerFs")]
    containers: Fs,
}

/// A volume.
#[derive(Debug, Serialize)]
pub(super) struct Volume {
    #[serde(flatten)]
    pub(super) fs: Fs,
    pub(super) name: String,
    /// Whether it takes memory, not disk.
    #[serde(skip)]
    pub(super) in_memory: bool,
}

/// The machine's filesystems.
pub(super) struct Storage(Vec<FsInfo>);

impl Storage {
    /// As they were at the root's last sample.
    pub(super) fn of(past: &dyn Past) -> Self {
        Self(past.storage())
    }

    /// The one that is mounted on `/`.
    pub(super) fn root(&self) -> Option<&FsInfo> {
        self.labelled("root")
    }

    /// Those of the runtime. What its images take in all nobody tells without a walk over them.
    pub(super) fn runtime(&self, runtime: &str) -> Option<Runtime> {
        let images = self.labelled(&format!("{runtime}-images"))?;
        let containers = self.labelled(&format!("{runtime}-containers")).unwrap_or(images);
        let [images, containers] = [images, containers].map(|fs| part(fs, Seconds(fs.timestamp), None, None));
        Some(Runtime { images, containers })
    }

    /// A container's writable layer on its filesystem.
    pub(super) fn layer(&self, sampled: &Sampled<'_>) -> Option<Fs> {
        let layer = layer(sampled)?;
        // a filesystem that counts none has no inode in use
        let inodes = Some(layer.inodes).filter(|inodes| *inodes > 0);
        let (time, used) = (sampled.time(), Some(layer.base_usage));
        Some(match self.holding(&layer.device, sampled.view.runtime) {
            Some(fs) => part(fs, time, used, inodes),
            None => Fs {
                capacity_bytes: Some(layer.capacity).filter(|bytes| *bytes > 0),
                ..alone(time, used, inodes)
            },
        })
    }

    /// A container's log, with what lies beside it, on the root's filesystem. Absent where the runtime names none.
    pub(super) fn logs(&self, sampled: &Sampled<'_>) -> Option<Fs> {
        sampled.view.identity.layers.as_ref()?.extra.as_ref()?;
        let layer = layer(sampled)?;
        let used = Some(layer.usage.saturating_sub(layer.base_usage));
        let time = sampled.time();
        Some(self.root().map_or_else(|| alone(time, used, None), |fs| part(fs, time, used, None)))
    }

    /// The volumes that a container's runtime keeps for it.
    pub(super) fn volumes(&self, sampled: &Sampled<'_>) -> Vec<Volume> {
        let time = sampled.time();
        let volume = |volume: &plimsoll_measure::filesystem::VolumeStats| {
            let (used, inodes) = (Some(volume.usage), volume.inodes);
            let whole = self.0.iter().find(|fs| fs.device == volume.device);
            let fs = match whole {
                Some(fs) => part(fs, time, used, inodes),
                None => alone(time, used, inodes),
            };
            // what is on no device is called by where it is mounted
            let in_memory = whole.is_some_and(|fs| fs.device == fs.mountpoint);
            Volume { fs, name: volume.name.clone(), in_memory }
        };
        sampled.latest.volumes.iter().map(volume).collect()
    }

    fn labelled(&self, wanted: &str) -> Option<&FsInfo> {
        let has = |fs: &&FsInfo| fs.labels.iter().flatten().any(|label| label == wanted);
        self.0.iter().find(has)
    }

    fn holding(&self, device: &str, runtime: &str) -> Option<&FsInfo> {
        let same = self.0.iter().find(|fs| fs.device == device);
        same.or_else(|| self.labelled(&format!("{runtime}-images")))
    }
}

/// The writable layer's numbers; a raw group may have filesystems that were named for it, and no layer.
fn layer<'a>(sampled: &'a Sampled<'_>) -> Option<&'a FsStats> {
    sampled.latest.filesystem.first().filter(|_| !sampled.view.runtime.is_empty())
}

/// All of a filesystem.
pub(super) fn whole(fs: &FsInfo) -> Fs {
    let inodes = fs.inodes.zip(fs.inodes_free).map(|(all, free)| all.saturating_sub(free));
    part(fs, Seconds(fs.timestamp), Some(fs.usage), inodes)
}

/// A part of a filesystem.
pub(super) fn part(fs: &FsInfo, time: Seconds, used: Option<u64>, inodes_used: Option<u64>) -> Fs {
    Fs {
        time,
        available_bytes: Some(fs.available),
        capacity_bytes: Some(fs.capacity),
        used_bytes: used,
        inodes_free: fs.inodes_free,
        inodes: fs.inodes,
        inodes_used,
    }
}

/// A part of a filesystem that is not known.
fn alone(time: Seconds, used: Option<u64>, inodes_used: Option<u64>) -> Fs {
    Fs {
        time,
        available_bytes: None,
        capacity_bytes: None,
        used_bytes: used,
        inodes_free: None,
        inodes: None,
        inodes_used,
    }
}
