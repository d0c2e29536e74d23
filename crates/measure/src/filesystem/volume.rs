//! What a container's volumes take. They are none of its layer's numbers.
//!
//! Reads: see [`super::own`] and [`super::usage`]
//! Gives: `volumes` of a container: each for itself, however many containers share it
//! Cost:  that of a layer, once for all containers that have the volume; a sample copies
//!
//! One that is mounted from another machine is not measured: a walk there costs that machine and may never end.

use plimsoll_core::columnar;
use plimsoll_core::container::Volume;
use plimsoll_core::time::Timestamp;
use serde::Serialize;

use super::FsStats;
use super::tracker::{Tracked, Tracker};

/// One volume's numbers; an item of `volumes` in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VolumeStats {
    /// As its runtime calls it.
    pub name: String,
    /// Key of the filesystem that it is on, as in [`FsStats`].
    pub device: String,
    /// Bytes allocated to its files.
    pub usage: u64,
    /// Files, directories and all else in it; absent where the filesystem counts it by itself and does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inodes: Option<u64>,
}

columnar!(VolumeStats { name, device, usage, inodes });

/// A container's volumes, which are measured for as long as this lives.
#[derive(Default)]
pub struct Volumes(Vec<(Volume, Tracked)>);

impl Volumes {
    /// Has these measured, those that are already not anew.
    pub fn follow(&mut self, tracker: &Tracker, wanted: &[Volume]) {
        if !self.0.iter().map(|(volume, _)| volume).eq(wanted) {
            // the old ones live until the new ones are there
            self.0 =
                wanted.iter().map(|volume| (volume.clone(), tracker.track_volume(&volume.path))).collect();
        }
    }

    /// Writes the newest numbers into a sample; leaves out those of which there are none. Never waits, as
    /// [`Tracked::fill`]. Says whether anything was written.
    pub fn fill(&self, volumes: &mut Vec<VolumeStats>) -> bool {
        let before = volumes.len();
        volumes.retain(|shown| self.0.iter().any(|(volume, _)| volume.name == shown.name));
        let mut written = volumes.len() < before;
        for (Volume { name, .. }, tracked) in &self.0 {
            let news = tracked.read(|found| {
                if let Some(shown) = volumes.iter_mut().find(|shown| shown.name == *name) {
                    return shown.set(found);
                }
                let mut shown = VolumeStats { name: name.clone(), ..VolumeStats::default() };
                shown.set(found);
                volumes.push(shown);
                true
            });
            written |= news == Some(true);
        }
        written
    }

    /// Why one of them could not be measured.
    pub fn trouble(&self) -> Option<String> {
        self.0.iter().find_map(|(_, tracked)| tracked.trouble())
    }

    /// The instant at which the oldest of the newest numbers was true.
    pub fn at(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(|(_, tracked)| tracked.at()).min()
    }
}

impl VolumeStats {
    /// Takes over what was found; whether anything is another.
    fn set(&mut self, found: &FsStats) -> bool {
        // a directory is an inode itself: none were told
        let inodes = Some(found.inodes).filter(|inodes| *inodes > 0);
        let same = self.device == found.device && (self.usage, self.inodes) == (found.base_usage, inodes);
        if !same {
            self.device.clone_from(&found.device);
            (self.usage, self.inodes) = (found.base_usage, inodes);
        }
        !same
    }
}

#[cfg(test)]
mod tests {
    use super::super::tracker::tests::Host;
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Duration;

    fn volume(name: &str) -> Volume {
        Volume { name: name.to_owned(), path: format!("/volumes/{name}/_data").into() }
    }

    fn follow(host: &Host, names: &[&str]) -> Volumes {
        let mut volumes = Volumes::default();
        let wanted: Vec<_> = names.iter().map(|name| volume(name)).collect();
        volumes.follow(&host.tracker, &wanted);
        volumes
    }

    #[test]
    fn a_shared_volume_is_walked_once_and_each_container_has_it() {
        let host = Host::new(Duration::from_secs(3600));
        host.write("volumes/data/_data/dir/file", 1 << 20);
        host.write("volumes/own/_data/file", 5000);
        let (one, other) = (follow(&host, &["data"]), follow(&host, &["own", "data"]));
        let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
        host.until(|_| {
            one.fill(&mut of_one);
            other.fill(&mut of_other);
            of_one.len() + of_other.len() == 3
        });
        let expected = |name: &str, below: &[&str]| {
            let root = format!("volumes/{name}/_data");
            let all: Vec<_> =
                std::iter::once(root.clone()).chain(below.iter().map(|b| format!("{root}/{b}"))).collect();
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            VolumeStats {
                name: name.to_owned(),
                device: "/dev/sdx1".to_owned(),
                usage: host.blocks(&all),
                inodes: Some(all.len() as u64),
            }
        };
        assert_eq!(of_one, [expected("data", &["dir", "dir/file"])]);
        of_other.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(of_other, [of_one[0].clone(), expected("own", &["file"])]);
        assert_eq!(host.tracker.meters().walks.load(Relaxed), 2);
        assert!(one.at().is_some() && one.trouble().is_none());
        // nothing new, and nothing is written
        assert!(!one.fill(&mut of_one));
    }

    #[test]
    fn a_volume_that_is_not_the_containers_any_more_is_shown_no_more() {
        let host = Host::new(Duration::from_secs(3600));
        ["a", "b"].iter().for_each(|name| host.write(&format!("volumes/{name}/_data/file"), 1));
        let mut volumes = follow(&host, &["a", "b"]);
        let mut shown = Vec::new();
        host.until(|_| {
            volumes.fill(&mut shown);
            shown.len() == 2
        });
        volumes.follow(&host.tracker, &[volume("b")]);
        assert!(volumes.fill(&mut shown));
        assert_eq!(shown.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(), ["b"]);
        // it was measured already
        assert_eq!(host.tracker.meters().walks.load(Relaxed), 2);
    }

    #[test]
    fn what_cannot_be_measured_is_absent_and_says_why() {
        let host = Host::new(Duration::from_millis(5));
        let volumes = follow(&host, &["gone"]);
        host.until(|meters| meters.failures.load(Relaxed) >= 1 && volumes.trouble().is_some());
        assert!(volumes.trouble().unwrap().contains("volumes/gone"));
        assert!(!volumes.fill(&mut Vec::new()) && volumes.at().is_none());
    }

    #[test]
    fn one_of_another_machine_is_left_alone() {
        let host = Host::new(Duration::from_millis(5));
        host.write("volumes/far/_data/file", 1);
        host.mount("server:/export", "nfs4", "/volumes/far/_data");
        let volumes = follow(&host, &["far"]);
        host.until(|meters| meters.walks.load(Relaxed) >= 2);
        assert!(!volumes.fill(&mut Vec::new()) && volumes.trouble().is_none());
        assert_eq!(host.tracker.meters().names.load(Relaxed), 0);
    }
}
