//! Which GPUs a container was given: what the kernel lets it open.
//!
//! Reads: v1 devices.list of its group | elsewhere `/proc/<pid>/root/dev` and `status` of its first process
//! Gives: the minors of GPUs and of instances' nodes
//! Cost:  a file | two files and two folders; when a container appears, and every minute

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use plimsoll_kernel::format;

/// NVIDIA's major number; its GPUs are the minors below 128, the others are `nvidiactl`, `nvidia-modeset`.
const MAJOR: u32 = 195;
const MOST_GPUS: u32 = 128;

/// What a container may open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Minors of GPUs, sorted.
    pub gpus: Vec<u32>,
    /// Minors of instances' nodes, sorted.
    pub capabilities: Vec<u32>,
}

/// From v1's `devices.list`, lines `c 195:0 rwm`. A group that may open all devices, or all of NVIDIA's, was given
/// none. `caps` is the major number of instances' nodes, which the kernel hands out: see [`caps_major`].
pub fn of_list(text: &[u8], caps: Option<u32>) -> Given {
    let mut given = Given::default();
    for line in text.split(|byte| *byte == b'\n') {
        let mut words = format::words(line);
        let (Some(b"c"), Some(device)) = (words.next(), words.next()) else { continue };
        // `*` is no number
        let Some((major, minor)) = format::device(device) else { continue };
        if major == MAJOR && minor < MOST_GPUS {
            given.gpus.push(minor);
        } else if Some(major) == caps {
            given.capabilities.push(minor);
        }
    }
    given.sorted()
}

/// From the device nodes that a container's process sees. One that may do whatever the first process of the machine
/// may, or has the machine's own `/dev`, was given none, though it sees all.
pub fn of_process(proc: &Path, pid: u32) -> Given {
    let folder = proc.join(pid.to_string());
    let bounds = |status: &Path| Some(bounding_set(&std::fs::read(status).ok()?)?.to_vec());
    // nobody to compare with: a container is told that /proc is its own
    let first = bounds(&proc.join("1/status"));
    if pid == 1 || first.is_none() || bounds(&folder.join("status")) == first {
        return Given::default();
    }
    let dev = folder.join("root/dev");
    let place = |dev: &Path| std::fs::metadata(dev).ok().map(|meta| (meta.dev(), meta.ino()));
    if place(&dev).is_none() || place(&dev) == place(&proc.join("1/root/dev")) {
        return Given::default();
    }
    let gpus = nodes(&dev, "nvidia").filter(|(major, minor)| *major == MAJOR && *minor < MOST_GPUS);
    let capabilities = nodes(&dev.join("nvidia-caps"), "nvidia-cap");
    Given {
        gpus: gpus.map(|(_, minor)| minor).collect(),
        capabilities: capabilities.map(|(_, minor)| minor).collect(),
    }
    .sorted()
}

/// The numbers of the character devices of that name, with digits behind it.
fn nodes(folder: &Path, name: &str) -> impl Iterator<Item = (u32, u32)> + use<> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let name = name.to_owned();
    entries.filter_map(move |entry| {
        let digits = entry.file_name().to_str()?.strip_prefix(name.as_str())?.to_owned();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // not followed: a link may lead anywhere
        let meta = entry.metadata().ok()?;
        let device = meta.rdev();
        meta.file_type().is_char_device().then(|| (rustix::fs::major(device), rustix::fs::minor(device)))
    })
}

/// `CapBnd` of `/proc/<pid>/status`: the most that the process and its children may ever do.
pub fn bounding_set(status: &[u8]) -> Option<&[u8]> {
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"CapBnd:"))?;
    Some(line.trim_ascii())
}

/// The major number of instances' nodes: `237 nvidia-caps` in proc/devices.
pub fn caps_major(devices: &[u8]) -> Option<u32> {
    devices.split(|byte| *byte == b'\n').find_map(|line| {
        let mut words = format::words(line);
        let major = words.next().and_then(format::number)?;
        (words.next()? == b"nvidia-caps").then(|| u32::try_from(major).ok())?
    })
}

impl Given {
    fn sorted(mut self) -> Self {
        for list in [&mut self.gpus, &mut self.capabilities] {
            list.sort_unstable();
            list.dedup();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn given(gpus: &[u32], capabilities: &[u32]) -> Given {
        Given { gpus: gpus.to_vec(), capabilities: capabilities.to_vec() }
    }

    #[test]
    fn the_list_of_v1_names_gpus_one_by_one() {
        let f = |text: &str, expected| assert_eq!(of_list(text.as_bytes(), Some(237)), expected, "{text}");
        f("c 1:3 rwm\nc 195:255 rw\nc 195:254 rw\nc 195:1 rw\nc 195:0 rw\nc 195:1 r\n", given(&[0, 1], &[]));
        f("c 195:0 rw\nc 237:13 r\nc 237:12 r\n", given(&[0], &[12, 13]));
        // all of them is none, as in cAdvisor
        f("a *:* rwm\n", given(&[], &[]));
        f("c 195:* rwm\n", given(&[], &[]));
        f("b 195:0 rwm\nc 195 rwm\n\n", given(&[], &[]));
        assert_eq!(of_list(b"c 237:12 r\n", None), given(&[], &[]));
    }

    #[test]
    fn the_number_of_instances_nodes_is_looked_up() {
        let text = b"Character devices:\n  1 mem\n195 nvidia\n195 nvidia-modeset\n237 nvidia-caps\n\nBlock devices:\n259 blkext\n";
        assert_eq!(caps_major(text), Some(237));
        assert_eq!(caps_major(b"Character devices:\n  1 mem\n"), None);
    }

    #[test]
    fn a_process_that_may_everything_was_given_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let write = |pid: u32, bounds: &str| {
            let folder = folder.path().join(pid.to_string());
            std::fs::create_dir_all(folder.join("root/dev/nvidia-caps")).unwrap();
            std::fs::write(folder.join("status"), format!("Name:\tx\nCapBnd:\t{bounds}\nCapAmb:\t0\n"))
                .unwrap();
            // files are no devices
            std::fs::write(folder.join("root/dev/nvidia7"), "").unwrap();
        };
        write(1, "000001ffffffffff");
        write(7, "00000000a80425fb");
        write(8, "000001ffffffffff");
        // a node needs the right to make one
        let node = |pid: u32, name: &str, major, minor| {
            let path = folder.path().join(pid.to_string()).join("root/dev").join(name);
            let device = rustix::fs::makedev(major, minor);
            let mode = rustix::fs::Mode::from_raw_mode(0o666);
            rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::CharacterDevice, mode, device)
                .is_ok()
        };
        if !node(7, "nvidia3", 195, 3) {
            println!("skipped: no right to make device nodes");
            return;
        }
        assert!(node(7, "nvidiactl", 195, 255) && node(7, "nvidia5", 1, 3));
        assert!(node(7, "nvidia-caps/nvidia-cap12", 237, 12) && node(8, "nvidia3", 195, 3));
        assert_eq!(of_process(folder.path(), 7), given(&[3], &[12]));
        assert_eq!(of_process(folder.path(), 8), given(&[], &[]), "privileged");
        let own = folder.path().join("1/root/dev");
        std::fs::remove_dir_all(&own).unwrap();
        std::os::unix::fs::symlink(folder.path().join("7/root/dev"), own).unwrap();
        assert_eq!(of_process(folder.path(), 7), given(&[], &[]), "the machine's own");
        std::fs::remove_file(folder.path().join("1/root/dev")).unwrap();
        assert_eq!(of_process(folder.path(), 1), given(&[], &[]));
        assert_eq!(of_process(folder.path(), 9), given(&[], &[]), "ended");
        std::fs::remove_file(folder.path().join("1/status")).unwrap();
        assert_eq!(of_process(folder.path(), 7), given(&[], &[]));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            of_list(&text, Some(1));
            bounding_set(&text);
            caps_major(&text);
        }
    }
}
