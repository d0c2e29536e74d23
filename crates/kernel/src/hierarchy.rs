//! v1, v2 or hybrid: which controller is mounted where.
//!
//! Reads: `<proc>/self/mountinfo`; where that names no cgroup mount, the listing of the cgroup folder;
//!        on hybrid `cgroup.controllers` of the unified folder
//! Gives: for each controller its version and folder, below the root that may be moved
//! Cost:  once at start

use std::path::{Path, PathBuf};

use plimsoll_core::kinds::{Kind, Kinds};

use crate::error::Error;
use crate::format;
use crate::root::Root;

/// How the machine mounts its cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only v1 hierarchies.
    V1,
    /// Only the unified hierarchy.
    V2,
    /// v1 hierarchies, and the unified one beside them.
    Hybrid,
}

/// Which version's files a controller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy a controller.
    V1,
    /// One hierarchy for all.
    V2,
}

/// A controller, by its v1 name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Controller {
    /// `cpu`.
    Cpu,
    /// `cpuacct`; on v2 a part of `cpu`.
    CpuAcct,
    /// `memory`.
    Memory,
    /// `blkio`; on v2 `io`.
    Io,
    /// `pids`.
    Pids,
    /// `cpuset`.
    CpuSet,
    /// `hugetlb`.
    HugeTlb,
    /// `devices`; on v2 not a controller with files.
    Devices,
    /// `perf_event`; on v2 always there, and so on a hybrid machine that does not mount it as v1.
    PerfEvent,
    /// `freezer`; on v2 always there, and so on a hybrid machine that does not mount it as v1.
    Freezer,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Cpu,
        Self::CpuAcct,
        Self::Memory,
        Self::Io,
        Self::Pids,
        Self::CpuSet,
        Self::HugeTlb,
        Self::Devices,
        Self::PerfEvent,
        Self::Freezer,
    ];

    /// Its name in v1 mount options.
    pub const fn v1_name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::CpuAcct => "cpuacct",
            Self::Memory => "memory",
            Self::Io => "blkio",
            Self::Pids => "pids",
            Self::CpuSet => "cpuset",
            Self::HugeTlb => "hugetlb",
            Self::Devices => "devices",
            Self::PerfEvent => "perf_event",
            Self::Freezer => "freezer",
        }
    }

    /// Its name in `cgroup.controllers`, of those that are listed there.
    const fn v2_name(self) -> Option<&'static str> {
        match self {
            Self::Cpu | Self::CpuAcct => Some("cpu"),
            Self::Io => Some("io"),
            Self::Devices | Self::PerfEvent | Self::Freezer => None,
            other => Some(other.v1_name()),
        }
    }

    /// Which kind of metric wants it; `None` is always wanted.
    const fn kind(self) -> Option<Kind> {
        match self {
            Self::Cpu | Self::CpuAcct => Some(Kind::Cpu),
            Self::Memory => Some(Kind::Memory),
            Self::Io => Some(Kind::DiskIo),
            Self::Pids => Some(Kind::Process),
            Self::CpuSet => Some(Kind::CpuSet),
            Self::HugeTlb => Some(Kind::HugeTlb),
            Self::PerfEvent => Some(Kind::PerfEvent),
            Self::Devices | Self::Freezer => None,
        }
    }
}

/// Where the cgroup hierarchies are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    v1: [Option<PathBuf>; Controller::ALL.len()],
    unified: Option<PathBuf>,
    /// Controllers that the unified folder of a hybrid machine has.
    unified_has: [bool; Controller::ALL.len()],
}

impl Hierarchy {
    /// Looks at the mounts.
    ///
    /// # Errors
    /// There is no cgroup hierarchy at all.
    pub fn detect(root: &Root) -> Result<Self, Error> {
        let mut buffer = Vec::new();
        let mut found = match crate::dir::read_path(&root.proc.join("self/mountinfo"), &mut buffer) {
            Ok(()) => from_mounts(&buffer, &root.cgroup),
            Err(_) => Found::default(),
        };
        if found.is_empty() {
            found = from_listing(&root.cgroup);
        }
        if found.is_empty() {
            return Err(Error::Nothing {
                path: root.cgroup.clone(),
                expected: "a cgroup2 mount, or a folder of v1 hierarchies (cpu, memory, ...)",
            });
        }
        Ok(found.into_hierarchy(&mut buffer))
    }

    /// v1, v2 or hybrid.
    pub fn mode(&self) -> Mode {
        match (&self.unified, self.v1.iter().any(Option::is_some)) {
            (Some(_), false) => Mode::V2,
            (Some(_), true) => Mode::Hybrid,
            (None, _) => Mode::V1,
        }
    }

    /// A controller's version and the root of its hierarchy; absent where it is not mounted. On plain v2 it
    /// is always there: which groups have it is seen from their files.
    pub fn controller(&self, controller: Controller) -> Option<(Version, &Path)> {
        if let Some(path) = self.v1.get(controller as usize)? {
            return Some((Version::V1, path));
        }
        let unified = self.unified.as_deref()?;
        let there = self.mode() == Mode::V2 || *self.unified_has.get(controller as usize)?;
        there.then_some((Version::V2, unified))
    }

    /// The root of the unified hierarchy, on v2 and hybrid.
    pub fn unified(&self) -> Option<&Path> {
        self.unified.as_deref()
    }

    /// The distinct roots in which groups of the wanted kinds appear.
    pub fn watch_dirs(&self, kinds: &Kinds) -> Vec<PathBuf> {
        let mut dirs: Vec<PathBuf> = Vec::new();
        let wanted = Controller::ALL.iter().filter(|c| c.kind().is_none_or(|kind| kinds.has(kind)));
        let v1 = wanted.filter_map(|&c| self.v1.get(c as usize)?.as_ref());
        for dir in v1.chain(&self.unified) {
            if !dirs.contains(dir) {
                dirs.push(dir.clone());
            }
        }
        dirs
    }
}

#[derive(Default)]
struct Found {
    v1: [Option<PathBuf>; Controller::ALL.len()],
    unified: Option<PathBuf>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.unified.is_none() && self.v1.iter().all(Option::is_none)
    }

    /// The first mount of a controller counts.
    fn add_v1<'a>(&mut self, names: impl Iterator<Item = &'a str>, path: &Path) {
        for name in names {
            let controller = Controller::ALL.iter().find(|c| c.v1_name() == name);
            if let Some(place) = controller.and_then(|&c| self.v1.get_mut(c as usize)) {
                place.get_or_insert_with(|| path.to_owned());
            }
        }
    }

    fn into_hierarchy(self, buffer: &mut Vec<u8>) -> Hierarchy {
        let mut unified_has = [false; Controller::ALL.len()];
        if let Some(unified) = &self.unified
            && crate::dir::read_path(&unified.join("cgroup.controllers"), buffer).is_ok()
        {
            for (has, controller) in unified_has.iter_mut().zip(Controller::ALL) {
                *has = controller
                    .v2_name()
                    .is_some_and(|name| format::words(buffer).any(|word| word == name.as_bytes()));
            }
        }
        // listed nowhere, but a part of the unified hierarchy for as long as no v1 hierarchy has it
        for always in [Controller::PerfEvent, Controller::Freezer] {
            if let Some(has) = unified_has.get_mut(always as usize) {
                *has = self.unified.is_some();
            }
        }
        Hierarchy { v1: self.v1, unified: self.unified, unified_has }
    }
}

/// Lines of mountinfo: `35 24 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate`.
fn from_mounts(mountinfo: &[u8], cgroup: &Path) -> Found {
    let mut found = Found::default();
    let text = String::from_utf8_lossy(mountinfo);
    // a mount that shows the whole hierarchy is better than one that shows a part of it
    for whole in [true, false] {
        for mount in text.lines().filter_map(parse_mount).filter(|m| (m.shown == "/") == whole) {
            let Some(path) = rebase(&mount.point, cgroup).filter(|path| path.is_dir()) else { continue };
            match mount.kind {
                "cgroup2" => _ = found.unified.get_or_insert(path),
                "cgroup" => found.add_v1(mount.options.split(','), &path),
                _ => {}
            }
        }
    }
    found
}

struct Mount<'a> {
    shown: &'a str,
    point: String,
    kind: &'a str,
    options: &'a str,
}

fn parse_mount(line: &str) -> Option<Mount<'_>> {
    let (mount, source) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (shown, point) = (mount.next()?, mount.next()?);
    let mut source = source.split(' ');
    let (kind, options) = (source.next()?, source.nth(1)?);
    let point = || String::from_utf8_lossy(&format::unescape_octal(point.as_bytes())).into_owned();
    kind.starts_with("cgroup").then(|| Mount { shown, point: point(), kind, options })
}

/// A mount point as the machine says it, below the cgroup folder as it lies here.
fn rebase(point: &str, cgroup: &Path) -> Option<PathBuf> {
    let usual = Path::new("/sys/fs/cgroup");
    match Path::new(point).strip_prefix(usual) {
        Ok(below) if below.as_os_str().is_empty() => Some(cgroup.to_owned()),
        Ok(below) => Some(cgroup.join(below)),
        // an unusual place is believed only where nothing was moved
        Err(_) => (cgroup == usual && !point.starts_with("/rootfs/")).then(|| PathBuf::from(point)),
    }
}

/// Folders named after their controllers, as every distribution mounts them.
fn from_listing(cgroup: &Path) -> Found {
    let mut found = Found::default();
    if cgroup.join("cgroup.controllers").exists() {
        found.unified = Some(cgroup.to_owned());
        return found;
    }
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(cgroup)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    // real folders before the links to them
    dirs.sort_by_cached_key(|path| (path.is_symlink(), path.clone()));
    for dir in dirs {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if dir.join("cgroup.controllers").exists() {
            found.unified.get_or_insert(dir);
        } else {
            found.add_v1(name.split(','), &dir);
        }
    }
    found
}

#[cfg(test)]
mod tests;
