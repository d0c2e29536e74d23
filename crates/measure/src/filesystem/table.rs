//! The filesystems of the machine, kept up to date with its mounts.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::mem;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_core::machine::FsInfo;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::root::Root;
use plimsoll_kernel::sys;
use rustix::event::{PollFd, PollFlags, poll};

use super::FsStats;
use super::diskstats::{self, DiskStats};
use super::mountinfo::{self, Mount};
use super::partitions::{self, Partition};
use super::probe::{Probe, Sizes};
use crate::machine::file;

/// The partition table: which filesystems there are, what they are called and what they hold.
pub struct Table {
    root: Root,
    mounts: Option<MountTable>,
    /// Where runtimes keep their images and containers: a label for each.
    stores: Vec<(&'static str, PathBuf)>,
    probe: Probe,
    entries: Vec<Entry>,
    all: Vec<Mount>,
    root_device: Option<String>,
    store_devices: Vec<(&'static str, String)>,
    /// `<proc>/diskstats`, once it could be opened.
    disks: Option<File>,
    /// What was last read from it.
    text: Vec<u8>,
    /// When the filesystems were last asked, all of them.
    asked: Timestamp,
    /// What is told of each besides its numbers.
    named: Arc<[Named]>,
}

/// What all filesystems held at one instant: what `/api/v2.x/storage` tells. Made from the numbers when somebody asks.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    at: Timestamp,
    named: Arc<[Named]>,
    sizes: Vec<Option<Sizes>>,
}

#[derive(Debug)]
struct Named {
    device: String,
    mountpoint: String,
    labels: Option<Vec<String>>,
    counts_inodes: bool,
}

/// An open mount table and what was last read from it.
struct MountTable {
    path: PathBuf,
    file: File,
    bytes: Vec<u8>,
    /// Where its paths begin, as this process sees them.
    prefix: PathBuf,
}

struct Entry {
    partition: Partition,
    /// Where it is mounted, as this process sees it.
    place: PathBuf,
    /// Device number of the block device under it, where its source is one.
    block: Option<(u32, u32)>,
    /// What it held when it was last asked; `None` when it did not answer, or was not asked.
    sizes: Option<Sizes>,
    /// Its disk, and by what it was found.
    disk: Option<(By, DiskStats)>,
}

/// How the disk of a filesystem is found, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    /// By the name of its source.
    Name,
    /// By the number of its source.
    Block,
    /// By the number of the mount.
    Mount,
}

impl Table {
    /// Reads the mounts of the host's first process, else those of this process. Without either the table is
    /// empty, which is told once.
    pub fn read(root: &Root) -> Self {
        Self::with(root, Probe::new())
    }

    pub(super) fn with(root: &Root, probe: Probe) -> Self {
        let mut table = Self {
            root: root.clone(),
            mounts: MountTable::open(root),
            stores: Vec::new(),
            probe,
            entries: Vec::new(),
            all: Vec::new(),
            root_device: None,
            store_devices: Vec::new(),
            disks: None,
            text: Vec::new(),
            asked: Timestamp(0),
            named: Arc::default(),
        };
        table.build();
        table
    }

    /// Reads the mounts again if they have changed; whether they had. Costs one poll when they have not.
    pub fn refresh(&mut self) -> bool {
        let changed = match &mut self.mounts {
            Some(mounts) => mounts.refresh(),
            None => {
                self.mounts = MountTable::open(&self.root);
                self.mounts.is_some()
            }
        };
        if changed {
            self.build();
        }
        changed
    }

    /// Tells where Docker keeps its images: `DockerRootDir` and `Driver` of its `/info`, paths of the host.
    pub fn set_docker(&mut self, root_dir: &Path, driver: &str) {
        self.set_store("docker-images", &root_dir.join(driver));
    }

    /// Tells where a runtime keeps its images or containers, a directory of the host, and under which label the
    /// filesystem with that directory is asked for.
    pub fn set_store(&mut self, label: &'static str, directory: &Path) {
        let store = (label, directory.to_owned());
        if !self.stores.contains(&store) {
            self.stores.retain(|(other, _)| *other != label);
            self.stores.push(store);
            self.build();
        }
    }

    /// What each filesystem holds now, in the order of the mount table, in the place of what `out` has; `now` is the
    /// instant that [`Self::storage`] carries. A filesystem that does not answer is left out.
    pub fn usage(&mut self, now: Timestamp, out: &mut Vec<FsStats>) {
        self.ask(|_| true);
        self.asked = now;
        self.read_disks();
        self.tell(out);
    }

    /// Keeps in `storage` what all filesystems held when [`Self::usage`] was last asked for, with nothing asked anew.
    pub fn storage(&self, storage: &mut Storage) {
        storage.at = self.asked;
        storage.named = Arc::clone(&self.named);
        storage.sizes.clear();
        storage.sizes.extend(self.entries.iter().map(|entry| entry.sizes));
    }

    /// What the filesystems hold that are mounted at one of these paths of the host.
    pub fn usage_at(&mut self, mountpoints: &[PathBuf]) -> Vec<FsStats> {
        self.ask(|partition| mountpoints.contains(&partition.mountpoint));
        // an overlay at `/` stands in the table by its device and by its source: one filesystem all the same
        let mut seen = std::collections::BTreeSet::new();
        for entry in &mut self.entries {
            if entry.sizes.is_some() && !seen.insert((entry.partition.major, entry.partition.minor)) {
                entry.sizes = None;
            }
        }
        let mut found = Vec::new();
        if !seen.is_empty() {
            self.read_disks();
            self.tell(&mut found);
        }
        found
    }

    /// The key of the filesystem that a path of the host is on; `None` when it is not there or not in the table.
    pub fn filesystem_of(&self, path: &Path) -> Option<String> {
        let device = std::fs::metadata(self.on_host(path)).ok()?.dev();
        Some(self.on_device(device, path)?.0)
    }

    /// The same, with its type, for a path of the host whose device number is known already: no file is asked.
    pub fn on_device(&self, device: u64, path: &Path) -> Option<(String, &'static str)> {
        let named = |entry: &Entry| (entry.partition.device.clone(), entry.partition.r#type);
        let device = (rustix::fs::major(device), rustix::fs::minor(device));
        let number = |entry: &&Entry| (entry.partition.major, entry.partition.minor) == device;
        if let Some(entry) = self.entries.iter().find(number) {
            return Some(named(entry));
        }
        // the device number of a btrfs file is its subvolume's, which no mount table has
        let mount = self
            .all
            .iter()
            .filter(|mount| path.starts_with(&mount.mountpoint))
            .max_by_key(|mount| mount.mountpoint.components().count())?;
        let entry = self.entries.iter().find(|entry| entry.partition.source == mount.source)?;
        (mount.fs_type == "btrfs").then(|| named(entry))
    }

    /// The path of the host at which a folder of a filesystem is seen that is mounted elsewhere: by the
    /// filesystem's device number and the folder's path inside it. `None` when no mount shows it.
    pub fn seen_at(&self, device: (u32, u32), folder: &Path) -> Option<PathBuf> {
        // the last mount at a place hides the others
        self.all.iter().rev().filter(|mount| (mount.major, mount.minor) == device).find_map(|mount| {
            let rest = folder.strip_prefix(&mount.root).ok()?;
            // a mount of the folder itself is the container's own
            (!rest.as_os_str().is_empty()).then(|| mount.mountpoint.join(rest))
        })
    }

    /// Whether another machine, or a program, answers for a path of the host. No file is asked.
    pub(super) fn is_remote(&self, path: &Path) -> bool {
        // the last mount at a place hides the others
        let holds = |mount: &&Mount| path.starts_with(&mount.mountpoint);
        let deepest = self.all.iter().filter(holds).max_by_key(|mount| mount.mountpoint.components().count());
        deepest.is_some_and(partitions::is_remote)
    }

    /// Whether this is the device number of what the host has mounted at `/`.
    pub(super) fn is_root(&self, device: (u32, u32)) -> bool {
        let root = self.all.iter().rev().find(|mount| mount.mountpoint == Path::new("/"));
        root.is_some_and(|mount| (mount.major, mount.minor) == device)
    }

    /// The key of the filesystem with this uuid: `/dev/disk/by-uuid`. `None` without such a link, or when its
    /// device is not mounted.
    pub fn by_uuid(&self, uuid: &str) -> Option<String> {
        if uuid.is_empty() || uuid.contains('/') || uuid.starts_with('.') {
            return None;
        }
        let link = self.on_host(&Path::new("/dev/disk/by-uuid").join(uuid));
        let target = std::fs::read_link(&link).ok()?;
        let device = Path::new("/dev").join(target.file_name()?);
        let named = |entry: &&Entry| Path::new(&entry.partition.source) == device;
        let by_number = || {
            let number = block_number(&self.on_host(&device))?;
            self.entries.iter().find(|entry| entry.block == Some(number))
        };
        let entry = self.entries.iter().find(named).or_else(by_number)?;
        Some(entry.partition.device.clone())
    }

    /// `root`, `docker-images`, ...; `None` when there is none.
    fn labels(&self, device: &str) -> Option<Vec<String>> {
        let root = self.root_device.iter().map(|device| ("root", device));
        let stores = self.store_devices.iter().map(|(label, device)| (*label, device));
        let labels: Vec<String> =
            root.chain(stores).filter(|(_, of)| *of == device).map(|(label, _)| label.to_owned()).collect();
        (!labels.is_empty()).then_some(labels)
    }

    fn build(&mut self) {
        self.all =
            self.mounts.as_ref().map(|table| mountinfo::parse(&table.bytes).collect()).unwrap_or_default();
        let stores: Vec<(&'static str, &Path)> = self
            .stores
            .iter()
            .filter_map(|(label, directory)| Some((*label, partitions::with(&self.all, directory)?)))
            .collect();
        let special: Vec<&Path> = stores.iter().map(|(_, at)| *at).chain([Path::new("/")]).collect();
        let zfs = self.on_host(Path::new("/dev/zfs")).exists();
        let partitions = partitions::of(&self.all, zfs, &special);
        self.root_device = source_at(&self.all, Path::new("/"));
        self.store_devices =
            stores.iter().filter_map(|(label, at)| Some((*label, source_at(&self.all, at)?))).collect();
        self.entries = partitions
            .into_iter()
            .map(|partition| Entry {
                place: self.on_host(&partition.mountpoint),
                block: block_number(&self.on_host(Path::new(&partition.source))),
                partition,
                sizes: None,
                disk: None,
            })
            .collect();
        let named = |entry: &Entry| Named {
            device: entry.partition.device.clone(),
            mountpoint: entry.partition.mountpoint.to_string_lossy().into_owned(),
            labels: self.labels(&entry.partition.device),
            counts_inodes: entry.partition.counts_inodes(),
        };
        self.named = self.entries.iter().map(named).collect();
    }

    /// Finds the disk of each filesystem that has answered; none where `<proc>/diskstats` cannot be read.
    fn read_disks(&mut self) {
        self.text.clear();
        let path = || self.root.proc.join("diskstats");
        if self.disks.is_none() {
            match File::open(path()) {
                Ok(file) => self.disks = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => file::tell(&path(), &error),
            }
        }
        if let Some(file) = &self.disks
            && let Err(error) = sys::read_whole(file, &mut self.text)
        {
            file::tell(&path(), &error);
            self.text.clear();
        }
        self.entries.iter_mut().for_each(|entry| entry.disk = None);
        for line in diskstats::lines(&self.text) {
            for entry in self.entries.iter_mut().filter(|entry| entry.sizes.is_some()) {
                // the first line that is as sure as any
                if let Some(by) = entry.found_by(&line)
                    && entry.disk.is_none_or(|(known, _)| by < known)
                    && let Some(disk) = line.stats()
                {
                    entry.disk = Some((by, disk));
                }
            }
        }
    }

    /// Asks the filesystems that are wanted.
    fn ask(&mut self, wanted: impl Fn(&Partition) -> bool) {
        let remote: Vec<_> = self
            .entries
            .iter()
            .filter(|entry| entry.partition.remote && wanted(&entry.partition))
            .map(|entry| (entry.place.clone(), (entry.partition.major, entry.partition.minor)))
            .collect();
        let answers = if remote.is_empty() { Vec::new() } else { self.probe.remote(&remote) };
        let mut answers = answers.into_iter();
        for entry in &mut self.entries {
            entry.sizes = None;
            if !wanted(&entry.partition) {
                continue;
            }
            let answer = match entry.partition.remote {
                true => answers.next().flatten(),
                false => Some(self.probe.local(&entry.place)),
            };
            match answer {
                Some(Ok(sizes)) => entry.sizes = Some(sizes),
                // unmounted since the table was read, or not visible from here
                Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                    tracing::debug!(mountpoint = %entry.partition.mountpoint.display(), "{error}");
                }
                Some(Err(error)) => file::tell(&entry.place, &error),
                None => {}
            }
        }
    }

    /// The numbers of those that have answered, into what is there: a sample a second makes no text anew.
    fn tell(&self, out: &mut Vec<FsStats>) {
        let mut told = 0;
        for entry in &self.entries {
            let Some(sizes) = entry.sizes else { continue };
            if out.len() == told {
                out.push(FsStats::default());
            }
            if let Some(stats) = out.get_mut(told) {
                fill(stats, &entry.partition, sizes, entry.disk.map(|(_, disk)| disk).unwrap_or_default());
            }
            told += 1;
        }
        out.truncate(told);
    }

    /// A path of the mount table, as this process sees it.
    fn on_host(&self, path: &Path) -> PathBuf {
        let prefix =
            self.mounts.as_ref().map_or(self.root.rootfs.as_path(), |mounts| mounts.prefix.as_path());
        prefix.join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl MountTable {
    fn open(root: &Root) -> Option<Self> {
        for of in ["1", "self"] {
            let path = root.proc.join(of).join("mountinfo");
            match Self::open_at(root, &path, of == "1") {
                Ok(table) if !table.bytes.is_empty() => return Some(table),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => file::tell(&path, &error),
            }
        }
        file::tell(&root.proc.join("self/mountinfo"), &"no mount table; no filesystem is measured");
        None
    }

    fn open_at(root: &Root, path: &Path, of_host: bool) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // our own table, where it shows the host's root as a mount, has paths as we see them
        let ours = !of_host && mountinfo::parse(&bytes).any(|mount| mount.mountpoint == root.rootfs);
        let prefix = if ours { PathBuf::from("/") } else { root.rootfs.clone() };
        Ok(Self { path: path.to_owned(), file, bytes, prefix })
    }

    /// Whether the table has other contents now.
    fn refresh(&mut self) -> bool {
        if !self.may_have_changed() {
            return false;
        }
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let read = self.file.rewind().and_then(|()| self.file.read_to_end(&mut bytes));
        if let Err(error) = read {
            file::tell(&self.path, &error);
            return false;
        }
        let changed = bytes != self.bytes;
        self.bytes = bytes;
        changed
    }

    /// The kernel raises an exception on an open mount table when mounts change (since 2.6.30). It never says
    /// that the file can be written, as it does of an ordinary file, which tells nothing and has to be read.
    fn may_have_changed(&self) -> bool {
        let mut fds = [PollFd::new(&self.file, PollFlags::PRI | PollFlags::OUT)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_err() || fds.iter().any(|fd| !fd.revents().is_empty())
    }
}

impl Entry {
    /// By what a line is its disk's; `None` when it is another's.
    fn found_by(&self, line: &diskstats::Line<'_>) -> Option<By> {
        let number = (line.major, line.minor);
        if self.partition.source.strip_prefix("/dev/").is_some_and(|name| name.as_bytes() == line.name) {
            return Some(By::Name);
        }
        if self.block == Some(number) {
            return Some(By::Block);
        }
        ((self.partition.major, self.partition.minor) == number).then_some(By::Mount)
    }
}

impl Storage {
    /// In the order of the mount table; those that did not answer are left out.
    pub fn list(&self) -> Vec<FsInfo> {
        let told = self.named.iter().zip(&self.sizes);
        told.filter_map(|(named, sizes)| {
            let sizes = (*sizes)?;
            Some(FsInfo {
                timestamp: self.at,
                device: named.device.clone(),
                mountpoint: named.mountpoint.clone(),
                capacity: sizes.capacity,
                available: sizes.available,
                usage: sizes.capacity.saturating_sub(sizes.free),
                labels: named.labels.clone(),
                inodes: named.counts_inodes.then_some(sizes.inodes),
                inodes_free: named.counts_inodes.then_some(sizes.inodes_free),
            })
        })
        .collect()
    }
}

fn fill(stats: &mut FsStats, partition: &Partition, sizes: Sizes, disk: DiskStats) {
    let counted = partition.counts_inodes();
    let (mut device, mut r#type) = (mem::take(&mut stats.device), mem::take(&mut stats.r#type));
    device.clone_from(&partition.device);
    r#type.clear();
    r#type.push_str(partition.r#type);
    let [
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
    ] = disk.counters;
    *stats = FsStats {
        device,
        r#type,
        capacity: sizes.capacity,
        usage: sizes.capacity.saturating_sub(sizes.free),
        base_usage: 0,
        available: sizes.available,
        has_inodes: counted,
        inodes: if counted { sizes.inodes } else { 0 },
        inodes_free: if counted { sizes.inodes_free } else { 0 },
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
    };
}

/// The source of the mount that is seen at a path.
fn source_at(mounts: &[Mount], at: &Path) -> Option<String> {
    mounts.iter().rev().find(|mount| mount.mountpoint == at).map(|mount| mount.source.clone())
}

/// The number of a block device; `None` for anything else.
fn block_number(path: &Path) -> Option<(u32, u32)> {
    let metadata = std::fs::metadata(path).ok()?;
    let number = metadata.rdev();
    metadata.file_type().is_block_device().then(|| (rustix::fs::major(number), rustix::fs::minor(number)))
}
