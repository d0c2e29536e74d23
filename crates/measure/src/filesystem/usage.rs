//! How much a directory tree takes: a walk that can be left off and gone on with.
//!
//! Reads: the directories of a tree, and what the filesystem says of each name in it (`getdents64`, `fstatat`)
//! Gives: bytes and inodes as `du` counts them
//! Cost:  1 to 2 µs a name when it is in the kernel's caches. Memory does not grow with the tree: one buffer
//!        of names, the subdirectories of one buffer at each level, and a bounded list of hard links
//!
//! Names that vanish meanwhile are no fault. A tree that changes while it is walked has no one size; what was
//! written before the walk began is counted.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use plimsoll_kernel::error::{Errno, Error};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, SeekFrom, Stat};

/// Directories that one walk keeps open; those above are opened again on the way back.
const MOST_OPEN: usize = 32;
/// A tree that is deeper is not measured: it can only be made on purpose.
const DEEPEST: usize = 4096;
/// Bytes of names that are taken from the kernel at once.
const BUFFER: usize = 32 << 10;
/// The same below the directories that stay open, so that no tree costs much memory.
const BUFFER_DEEP: usize = 4 << 10;
/// Files with further links that are remembered (about 4 MiB). When there are more, each link of the rest
/// counts for its share, which is the same sum if all links are in the tree.
const MOST_LINKED: usize = 1 << 17;
/// Shares of an inode are counted in so many parts.
const WHOLE: u64 = 1 << 32;

/// What a tree takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that are allocated: 512 times `st_blocks`.
    pub bytes: u64,
    /// Files, directories (the first one too), links and all else that is an inode.
    pub inodes: u64,
}

/// Names of a directory as the kernel hands them out; one is enough for all walks of a thread.
pub struct Buffer(Vec<u8>);

impl Default for Buffer {
    fn default() -> Self {
        Self(Vec::with_capacity(BUFFER))
    }
}

/// A walk under way.
pub struct Walk {
    path: PathBuf,
    device: u64,
    /// From the first directory down to the one that is being read.
    levels: Vec<Level>,
    count: Count,
    seen: u64,
}

struct Level {
    dir: Place,
    inode: u64,
    /// Subdirectories that were met and not entered yet, each ended by NUL.
    waiting: Vec<u8>,
    /// Whether all its names were read.
    listed: bool,
}

enum Place {
    Open(OwnedFd),
    /// Closed; this is how far it was read.
    Parked(u64),
}

#[derive(Default)]
struct Count {
    bytes: u64,
    inodes: u64,
    /// Parts of inodes and of bytes of files that are counted by their links.
    inode_parts: u64,
    /// Links that have not been met yet, by inode.
    linked: HashMap<u64, u64>,
}

impl Walk {
    /// Begins at a directory, or at a file, which is all there is then.
    ///
    /// # Errors
    /// It is not there or may not be read.
    pub fn begin(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let at = rustix::fs::openat(CWD, path, flags, Mode::empty());
        Self::at(at.map_err(|cause| Error::read(path, cause))?, path)
    }

    /// The same at what is open already; the path is for the text of faults.
    ///
    /// # Errors
    /// It may not be read.
    pub fn at(at: impl AsFd, path: &Path) -> Result<Self, Error> {
        let fault = |cause| Error::read(path, cause);
        let stat = rustix::fs::fstat(&at).map_err(fault)?;
        let mut walk = Self {
            path: path.to_owned(),
            device: stat.st_dev,
            levels: Vec::new(),
            count: Count::default(),
            seen: 1,
        };
        walk.count.add(&stat);
        if is_dir(&stat) {
            let dir = open(at, c".").map_err(fault)?;
            walk.levels.push(Level::new(dir, stat.st_ino));
        }
        Ok(walk)
    }

    /// The device that the tree is on; nothing of another one is counted.
    pub fn device(&self) -> u64 {
        self.device
    }

    /// Names looked at so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Goes on by one piece of a directory; gives the sum when there is no more.
    ///
    /// # Errors
    /// A part of the tree cannot be read, so that there is no sum.
    pub fn step(&mut self, buffer: &mut Buffer) -> Result<Option<Usage>, Error> {
        let Some(level) = self.levels.last_mut() else { return Ok(Some(self.count.sum())) };
        if let Some(name) = level.next_waiting() {
            self.enter(&name)?;
        } else if level.listed {
            self.leave()?;
        } else {
            self.list(buffer)?;
        }
        Ok(None)
    }

    /// Reads one buffer of names of the lowest directory.
    fn list(&mut self, buffer: &mut Buffer) -> Result<(), Error> {
        let size = if self.levels.len() > MOST_OPEN { BUFFER_DEEP } else { BUFFER };
        let Self { levels, count, seen, device, path } = self;
        let Some(Level { dir: Place::Open(dir), waiting, listed, .. }) = levels.last_mut() else {
            return Ok(());
        };
        buffer.0.clear();
        let spare = buffer.0.spare_capacity_mut();
        let size = size.min(spare.len());
        let mut names = RawDir::new(&*dir, spare.get_mut(..size).unwrap_or_default());
        loop {
            let entry = match names.next() {
                Some(Ok(entry)) => entry,
                Some(Err(Errno::INTR)) => continue,
                Some(Err(cause)) if !vanished(cause) => return Err(Error::read(&*path, cause)),
                // read to its end, or removed
                Some(Err(_)) | None => {
                    *listed = true;
                    return Ok(());
                }
            };
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                *seen += 1;
                match rustix::fs::statat(&*dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) if stat.st_dev != *device => {}
                    Ok(stat) => {
                        count.add(&stat);
                        if is_dir(&stat) {
                            waiting.extend_from_slice(name.to_bytes_with_nul());
                        }
                    }
                    Err(cause) if vanished(cause) => {}
                    Err(cause) => return Err(Error::read(below(path, name), cause)),
                }
            }
            if names.is_buffer_empty() {
                return Ok(());
            }
        }
    }

    fn enter(&mut self, name: &CStr) -> Result<(), Error> {
        if self.levels.len() >= DEEPEST {
            return Err(Error::read(below(&self.path, name), Errno::NAMETOOLONG));
        }
        let Some(Level { dir: Place::Open(above), .. }) = self.levels.last() else { return Ok(()) };
        let entered = open(above, name).and_then(|dir| Ok((rustix::fs::fstat(&dir)?, dir)));
        match entered {
            // a mount that came meanwhile is not of this tree
            Ok((stat, _)) if stat.st_dev != self.device => {}
            Ok((stat, dir)) => {
                self.levels.push(Level::new(dir, stat.st_ino));
                self.park().map_err(|cause| Error::read(&self.path, cause))?;
            }
            Err(cause) if vanished(cause) => {}
            Err(cause) => return Err(Error::read(below(&self.path, name), cause)),
        }
        Ok(())
    }

    /// Closes the directory that is too far above to stay open.
    fn park(&mut self) -> Result<(), Errno> {
        let Some(far) = self.levels.len().checked_sub(MOST_OPEN + 1) else { return Ok(()) };
        if let Some(level) = self.levels.get_mut(far)
            && let Place::Open(dir) = &level.dir
        {
            level.dir = Place::Parked(rustix::fs::seek(dir, SeekFrom::Current(0))?);
        }
        Ok(())
    }

    /// Goes up, opening the directory above if it was closed.
    fn leave(&mut self) -> Result<(), Error> {
        let left = self.levels.pop();
        if let (Some(Level { dir: Place::Open(below), .. }), Some(above)) = (left, self.levels.last_mut())
            && let Place::Parked(offset) = above.dir
        {
            above.dir = Place::Open(
                up(below.as_fd(), above.inode, offset).map_err(|cause| Error::read(&self.path, cause))?,
            );
        }
        Ok(())
    }
}

impl Level {
    fn new(dir: OwnedFd, inode: u64) -> Self {
        Self { dir: Place::Open(dir), inode, waiting: Vec::new(), listed: false }
    }

    fn next_waiting(&mut self) -> Option<CString> {
        self.waiting.pop()?;
        let start = self.waiting.iter().rposition(|byte| *byte == 0).map_or(0, |at| at + 1);
        CString::new(self.waiting.split_off(start)).ok()
    }
}

impl Count {
    fn add(&mut self, stat: &Stat) {
        #[allow(clippy::useless_conversion, reason = "32 bits on other processors")]
        let links = u64::from(stat.st_nlink);
        // a directory's links are its subdirectories
        if links > 1 && !is_dir(stat) {
            if let Some(left) = self.linked.get_mut(&stat.st_ino) {
                *left -= 1;
                if *left == 0 {
                    self.linked.remove(&stat.st_ino);
                }
                return;
            }
            if self.linked.len() >= MOST_LINKED {
                self.bytes += bytes(stat) / links;
                self.inode_parts += WHOLE / links;
                return;
            }
            self.linked.insert(stat.st_ino, links - 1);
        }
        self.bytes += bytes(stat);
        self.inodes += 1;
    }

    fn sum(&self) -> Usage {
        Usage { bytes: self.bytes, inodes: self.inodes + (self.inode_parts + WHOLE / 2) / WHOLE }
    }
}

fn bytes(stat: &Stat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512)
}

fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Opens a directory, if the rights allow it without a trace in its access time.
pub(super) fn open(at: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(&at, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::openat(&at, name, flags, Mode::empty()),
        opened => opened,
    }
}

/// What a log takes, with those that were turned away from it: files beside it whose names go on from its own with a
/// dot (`0.log.20261128-021700`, `0.log.20261128-021700.gz`).
///
/// # Errors
/// The folder cannot be read.
pub fn of_log(folder: impl AsFd, log: &CStr, path: &Path) -> Result<Usage, Error> {
    let fault = |cause| Error::read(path, cause);
    let mut count = Count::default();
    let dir = open(folder, c".").map_err(fault)?;
    let mut names = rustix::fs::Dir::new(dir).map_err(fault)?;
    while let Some(entry) = names.read() {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name();
        let Some(rest) = name.to_bytes().strip_prefix(log.to_bytes()) else { continue };
        if rest.is_empty() || rest.starts_with(b".") {
            let dir = names.fd().map_err(fault)?;
            match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if !is_dir(&stat) => count.add(&stat),
                Err(cause) if !vanished(cause) => return Err(fault(cause)),
                _ => {}
            }
        }
    }
    Ok(count.sum())
}

/// The directory above, read on from an offset. It must be the one that the walk came from.
fn up(below: BorrowedFd<'_>, inode: u64, offset: u64) -> Result<OwnedFd, Errno> {
    let dir = open(below, c"..")?;
    if rustix::fs::fstat(&dir)?.st_ino != inode {
        // moved meanwhile
        return Err(Errno::STALE);
    }
    rustix::fs::seek(&dir, SeekFrom::Start(offset))?;
    Ok(dir)
}

/// Whether a name was removed, or became something else, since it was listed.
fn vanished(cause: Errno) -> bool {
    matches!(cause, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::STALE)
}

/// For the text of a fault: the name somewhere below the tree's beginning.
fn below(path: &Path, name: &CStr) -> PathBuf {
    path.join("…").join(String::from_utf8_lossy(name.to_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Seek, Write};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn walk(path: &Path) -> Result<Usage, Error> {
        let mut walk = Walk::begin(path)?;
        let mut buffer = Buffer::default();
        loop {
            if let Some(usage) = walk.step(&mut buffer)? {
                return Ok(usage);
            }
        }
    }

    fn size(path: &Path) -> u64 {
        fs::symlink_metadata(path).unwrap().blocks() * 512
    }

    /// The slow way: whole paths, a set of all inodes.
    fn slowly(path: &Path) -> Usage {
        let mut seen = std::collections::BTreeMap::new();
        let mut left = vec![path.to_owned()];
        while let Some(path) = left.pop() {
            let data = fs::symlink_metadata(&path).unwrap();
            seen.insert(data.ino(), data.blocks() * 512);
            if data.is_dir() {
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        Usage { bytes: seen.values().sum(), inodes: seen.len() as u64 }
    }

    #[test]
    fn a_log_counts_with_what_was_turned_away_from_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in
            ["0.log", "0.log.20261128-021700", "0.log.20261128-021600.gz", "1.log", "0.logs", "10.log"]
        {
            fs::write(dir.path().join(name), [7; 10_000]).unwrap();
        }
        fs::create_dir(dir.path().join("0.log.d")).unwrap();
        let folder = fs::File::open(dir.path()).unwrap();
        let usage = of_log(&folder, c"0.log", dir.path()).unwrap();
        assert_eq!(usage, Usage { bytes: 3 * size(&dir.path().join("0.log")), inodes: 3 });
        assert_eq!(of_log(&folder, c"gone", dir.path()).unwrap(), Usage::default());
    }

    #[test]
    fn files_directories_and_links_are_counted_once_each() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("a/b/c")).unwrap();
        fs::write(at("a/file"), vec![1; 100_000]).unwrap();
        fs::write(at("a/b/c/other"), "x").unwrap();
        fs::hard_link(at("a/file"), at("a/b/again")).unwrap();
        fs::hard_link(at("a/file"), at("third")).unwrap();
        // a link to a tree is not followed
        symlink("/", at("root")).unwrap();
        let usage = walk(dir.path()).unwrap();
        assert_eq!(usage, slowly(dir.path()));
        // the first directory, a, b, c, file, other, the symbolic link
        assert_eq!(usage.inodes, 7);
        assert!((100_000..200_000).contains(&usage.bytes), "{usage:?}");
    }

    #[test]
    fn a_sparse_file_takes_what_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = fs::File::create(dir.path().join("sparse")).unwrap();
        file.set_len(1 << 40).unwrap();
        file.seek(std::io::SeekFrom::Start(1 << 39)).unwrap();
        file.write_all(&[1; 5000]).unwrap();
        file.sync_all().unwrap();
        let usage = walk(dir.path()).unwrap();
        assert_eq!(usage.bytes, size(dir.path()) + size(&dir.path().join("sparse")));
        assert!((5000..1 << 20).contains(&usage.bytes), "{usage:?}");
    }

    #[test]
    fn a_single_file_is_a_tree_too() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("log");
        fs::write(&file, vec![1; 5000]).unwrap();
        assert_eq!(walk(&file).unwrap(), Usage { bytes: size(&file), inodes: 1 });
    }

    #[test]
    fn another_device_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("mounted")).unwrap();
        fs::write(dir.path().join("mounted/file"), vec![1; 5000]).unwrap();
        let mut walk = Walk::begin(dir.path()).unwrap();
        // as if all below were mounts
        walk.device += 1;
        let mut buffer = Buffer::default();
        let usage = loop {
            if let Some(usage) = walk.step(&mut buffer).unwrap() {
                break usage;
            }
        };
        assert_eq!(usage, Usage { bytes: size(dir.path()), inodes: 1 });
    }

    #[test]
    fn a_real_mount_is_left_out() {
        let device = |path: &str| fs::metadata(path).map(|data| data.dev()).ok();
        let file = tempfile::NamedTempFile::new_in("/dev/shm");
        let (true, Ok(mut file)) = (device("/dev") != device("/dev/shm"), file) else {
            println!("SKIP a_real_mount_is_left_out: /dev/shm is no mount here");
            return;
        };
        file.write_all(&vec![1; 8 << 20]).unwrap();
        let Ok(usage) = walk(Path::new("/dev")) else { return };
        assert!(usage.bytes < 8 << 20, "{usage:?}");
    }

    #[test]
    fn what_vanishes_meanwhile_is_no_fault() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["a/deep", "b", "c"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join("file"), "x").unwrap();
        }
        let mut walk = Walk::begin(dir.path()).unwrap();
        let mut buffer = Buffer::default();
        // a, b and c are listed; one is entered
        walk.step(&mut buffer).unwrap();
        walk.step(&mut buffer).unwrap();
        assert_eq!(walk.levels.len(), 2);
        for folder in ["a", "b", "c"] {
            fs::remove_dir_all(dir.path().join(folder)).unwrap();
        }
        // what stands in its place is not followed
        symlink("/", dir.path().join("a")).unwrap();
        symlink("/", dir.path().join("b")).unwrap();
        let usage = loop {
            if let Some(usage) = walk.step(&mut buffer).unwrap() {
                break usage;
            }
        };
        assert_eq!(usage.inodes, 4);
    }

    #[test]
    fn what_cannot_be_read_is_a_fault_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        fs::create_dir(&secret).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
        let found = walk(dir.path());
        // root may read it all the same
        match rustix::process::geteuid().is_root() {
            true => assert_eq!(found.unwrap().inodes, 2),
            false => assert!(found.unwrap_err().to_string().contains("secret")),
        }
        let error = walk(Path::new("/there/is/none")).unwrap_err();
        assert!(error.is_absent() && error.to_string().contains("/there/is/none"), "{error}");
    }

    #[test]
    fn a_tree_deeper_than_the_open_directories_is_walked_whole() {
        let dir = tempfile::tempdir().unwrap();
        // a long side branch at each level, so that each one is returned to
        let mut at = rustix::fs::openat(CWD, dir.path(), OFlags::PATH, Mode::empty()).unwrap();
        for _ in 0..MOST_OPEN * 3 {
            for name in ["side", "down", "z"] {
                rustix::fs::mkdirat(&at, name, Mode::RWXU).unwrap();
            }
            at = rustix::fs::openat(&at, "down", OFlags::PATH, Mode::empty()).unwrap();
        }
        let mut walk = Walk::begin(dir.path()).unwrap();
        let mut buffer = Buffer::default();
        let usage = loop {
            if let Some(usage) = walk.step(&mut buffer).unwrap() {
                break usage;
            }
            let open = walk.levels.iter().filter(|level| matches!(level.dir, Place::Open(_))).count();
            assert!(open <= MOST_OPEN + 1, "{open} directories are open");
        };
        assert_eq!(usage.inodes, 1 + 3 * 3 * MOST_OPEN as u64);
    }

    #[test]
    fn a_hundred_thousand_files_take_no_more_memory_than_one_buffer() {
        // in memory where there is such a place
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        for n in 0..100_000 {
            rustix::fs::symlink("x", dir.path().join(format!("link-{n}"))).unwrap();
        }
        let mut walk = Walk::begin(dir.path()).unwrap();
        let mut buffer = Buffer::default();
        let usage = loop {
            if let Some(usage) = walk.step(&mut buffer).unwrap() {
                break usage;
            }
            assert!(walk.levels.iter().all(|level| level.waiting.is_empty()) && walk.count.linked.is_empty());
            assert_eq!(buffer.0.capacity(), BUFFER);
        };
        assert_eq!((usage.inodes, walk.seen()), (100_001, 100_001));
    }

    #[test]
    fn subdirectories_wait_by_the_buffer_and_not_by_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..5000 {
            fs::create_dir(dir.path().join(format!("directory-{n}"))).unwrap();
        }
        let mut walk = Walk::begin(dir.path()).unwrap();
        let mut buffer = Buffer::default();
        let usage = loop {
            if let Some(usage) = walk.step(&mut buffer).unwrap() {
                break usage;
            }
            assert!(walk.levels.iter().all(|level| level.waiting.len() <= BUFFER));
        };
        assert_eq!(usage.inodes, 5001);
    }

    #[test]
    fn links_beyond_the_remembered_ones_count_by_their_share() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), vec![1; 3 << 12]).unwrap();
        for name in ["b", "c"] {
            fs::hard_link(dir.path().join("a"), dir.path().join(name)).unwrap();
        }
        let mut count = Count::default();
        count.linked.extend((0..MOST_LINKED as u64).map(|n| (u64::MAX - n, 1)));
        let stat = rustix::fs::stat(dir.path().join("a")).unwrap();
        for _ in 0..3 {
            count.add(&stat);
        }
        assert_eq!(count.sum(), Usage { bytes: size(&dir.path().join("a")) / 3 * 3, inodes: 1 });
        assert_eq!(count.linked.len(), MOST_LINKED);
    }
}
