//! What a filesystem counts by itself, so that nobody has to walk it: project quotas (ext4, xfs, f2fs) and the
//! trees of btrfs.
//!
//! Calls: `FS_IOC_FSGETXATTR`, `quotactl_fd(2)` (5.14; before it `quotactl(2)`), `BTRFS_IOC_GET_SUBVOL_INFO` (4.18),
//!        `BTRFS_IOC_TREE_SEARCH_V2`
//! Cost:  1 to 5 µs a call; a search in a btrfs tree besides for each leaf that has changed
//! Needs: `CAP_SYS_ADMIN`, for all but the project's id and the subvolume's description
//!
//! This is a module with `unsafe` besides [`crate::sys`], since rustix has none of these calls. All of them read:
//! they take a descriptor or a path and fill a structure of ours.

#![allow(unsafe_code, reason = "system calls that no crate of ours has; each is argued where it stands")]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};

use rustix::io::Errno;
use rustix::ioctl::{Getter, Opcode, Updater, opcode};

/// What the filesystem counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Bytes that are allocated.
    pub bytes: u64,
    /// Inodes; absent where only bytes are counted.
    pub inodes: Option<u64>,
}

// ---- project quota ----

/// `struct fsxattr` (include/uapi/linux/fs.h).
#[repr(C)]
struct FsXattr {
    xflags: u32,
    extsize: u32,
    nextents: u32,
    projid: u32,
    cowextsize: u32,
    pad: [u8; 8],
}

/// `struct if_dqblk` (include/uapi/linux/quota.h).
#[repr(C)]
#[derive(Default)]
struct Dqblk {
    bhardlimit: u64,
    bsoftlimit: u64,
    curspace: u64,
    ihardlimit: u64,
    isoftlimit: u64,
    curinodes: u64,
    btime: u64,
    itime: u64,
    valid: u32,
}

/// `QCMD(Q_GETQUOTA, PRJQUOTA)`; the kernel's general layer answers it for xfs too.
const GET_PROJECT_QUOTA: u32 = 0x0080_0007 << 8 | 2;
/// `QIF_SPACE | QIF_INODES`: which of its fields the kernel filled.
const SPACE_AND_INODES: u32 = 2 | 8;
/// The same number on all processors that rustix knows.
const QUOTACTL_FD: libc::c_long = 443;

/// The project that a file or directory counts for; 0 is none.
///
/// # Errors
/// The kernel's; `ENOTTY` or `EOPNOTSUPP` where the filesystem has no projects.
pub fn project(file: impl AsFd) -> Result<u32, Errno> {
    const CODE: Opcode = opcode::read::<FsXattr>(b'X', 31);
    // SAFETY: FS_IOC_FSGETXATTR writes one `struct fsxattr`, of which FsXattr is the layout, and reads nothing.
    unsafe { rustix::ioctl::ioctl(file, Getter::<CODE, FsXattr>::new()) }.map(|told| told.projid)
}

/// What counts for a project on the filesystem of an open file. `device` is its block device, for kernels before
/// 5.14.
///
/// # Errors
/// The kernel's; `ESRCH` where quotas of projects are off, `EPERM` without `CAP_SYS_ADMIN`.
pub fn of_project(file: impl AsFd, device: Option<&CStr>, project: u32) -> Result<Counted, Errno> {
    let mut told = Dqblk::default();
    let fd = libc::c_long::from(file.as_fd().as_raw_fd());
    // SAFETY: the kernel writes one `struct if_dqblk`, of which Dqblk is the layout, and keeps no pointer.
    let status =
        unsafe { libc::syscall(QUOTACTL_FD, fd, GET_PROJECT_QUOTA, project, std::ptr::from_mut(&mut told)) };
    let outcome = match (outcome(status), device) {
        (Err(Errno::NOSYS), Some(device)) => {
            // SAFETY: as above; besides, the path is a NUL-terminated string that outlives the call.
            let status = unsafe {
                libc::syscall(
                    libc::SYS_quotactl,
                    GET_PROJECT_QUOTA,
                    device.as_ptr(),
                    project,
                    std::ptr::from_mut(&mut told),
                )
            };
            self::outcome(status)
        }
        (outcome, _) => outcome,
    };
    outcome?;
    if told.valid & SPACE_AND_INODES != SPACE_AND_INODES {
        return Err(Errno::NODATA);
    }
    Ok(Counted { bytes: told.curspace, inodes: Some(told.curinodes) })
}

fn outcome(status: libc::c_long) -> Result<(), Errno> {
    if status == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

// ---- btrfs ----

/// What `statfs` says of btrfs.
pub const BTRFS: u64 = 0x9123_683e;
/// The inode number of a subvolume's first directory (`BTRFS_FIRST_FREE_OBJECTID`).
pub const SUBVOLUME_INODE: u64 = 256;

const QUOTA_TREE: u64 = 8;
const INODE_ITEM: u32 = 1;
const EXTENT_DATA: u32 = 108;
const QGROUP_STATUS: u32 = 240;
const QGROUP_INFO: u32 = 242;
/// Of a status' flags: quotas are on; the numbers are known to be wrong.
const QGROUPS_ON: u64 = 1;
const QGROUPS_INCONSISTENT: u64 = 4;

/// A subvolume of btrfs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subvolume {
    /// Its number, which is that of its tree and of its qgroup.
    pub id: u64,
    /// Whether it began as a copy of another, and then in which transaction.
    pub copied_in: Option<u64>,
}

/// `struct btrfs_ioctl_get_subvol_info_args` (include/uapi/linux/btrfs.h).
#[repr(C)]
struct SubvolumeInfo {
    treeid: u64,
    name: [u8; 256],
    parent_id: u64,
    dirid: u64,
    generation: u64,
    flags: u64,
    uuid: [u8; 16],
    parent_uuid: [u8; 16],
    received_uuid: [u8; 16],
    ctransid: u64,
    otransid: u64,
    stransid: u64,
    rtransid: u64,
    times: [u64; 8],
    reserved: [u64; 8],
}

/// Bytes of items that the kernel hands out at once; more than any item has.
const ITEMS: usize = 16 << 10;

/// `struct btrfs_ioctl_search_args_v2` with its buffer.
#[repr(C)]
struct Search {
    key: SearchKey,
    size: u64,
    items: [u8; ITEMS],
}

/// `struct btrfs_ioctl_search_key`.
#[repr(C)]
struct SearchKey {
    tree: u64,
    min_object: u64,
    max_object: u64,
    min_offset: u64,
    max_offset: u64,
    min_transaction: u64,
    max_transaction: u64,
    min_type: u32,
    max_type: u32,
    count: u32,
    unused: u32,
    more_unused: [u64; 4],
}

/// The subvolume that a directory is the first one of.
///
/// # Errors
/// The kernel's; `ENOTTY` on other filesystems and before 4.18.
pub fn subvolume(dir: impl AsFd) -> Result<Subvolume, Errno> {
    const CODE: Opcode = opcode::read::<SubvolumeInfo>(0x94, 60);
    // SAFETY: BTRFS_IOC_GET_SUBVOL_INFO writes one structure, of which SubvolumeInfo is the layout, and reads nothing.
    let told = unsafe { rustix::ioctl::ioctl(dir, Getter::<CODE, SubvolumeInfo>::new()) }?;
    let copied = told.parent_uuid != [0; 16];
    Ok(Subvolume { id: told.treeid, copied_in: copied.then_some(told.otransid) })
}

/// What is a subvolume's alone by the filesystem's quota: as of its last commit, up to half a minute ago. `None`
/// where quotas are off or known to be wrong.
///
/// # Errors
/// The kernel's; `EPERM` without `CAP_SYS_ADMIN`.
pub fn of_qgroup(dir: impl AsFd, subvolume: Subvolume) -> Result<Option<Counted>, Errno> {
    let number = |data: &[u8], at: usize| read_u64(data, at);
    let mut on = false;
    let mut search = Search::new(QUOTA_TREE, (0, 0), (QGROUP_STATUS, QGROUP_STATUS), 0);
    // no such tree while quotas are off
    let all = search.run(&dir, |item| {
        let flags = number(item.data, 16).unwrap_or(QGROUPS_INCONSISTENT);
        on = flags & QGROUPS_ON != 0 && flags & QGROUPS_INCONSISTENT == 0;
    });
    match all {
        Err(Errno::NOENT) => return Ok(None),
        all => all?,
    }
    let mut counted = None;
    if on {
        let mut search = Search::new(QUOTA_TREE, (0, 0), (QGROUP_INFO, QGROUP_INFO), 0);
        (search.key.min_offset, search.key.max_offset) = (subvolume.id, subvolume.id);
        search.run(&dir, |item| {
            counted = number(item.data, 24).map(|bytes| Counted { bytes, inodes: None });
        })?;
    }
    Ok(counted)
}

/// A count of what was written to a subvolume since it was copied, piece by piece.
pub struct Changes {
    search: Box<Search>,
    since: Option<u64>,
    /// The inode whose extents are met, and whether it was counted.
    inode: u64,
    inode_counted: bool,
    bytes: u64,
    inodes: u64,
    items: u64,
}

impl Changes {
    /// Begins to count what a subvolume does not share with what it was copied from; all of one that is no copy.
    pub fn begin(of: Subvolume) -> Self {
        let since = of.copied_in.map_or(0, |copied| copied + 1);
        Self {
            search: Search::new(0, (SUBVOLUME_INODE, u64::MAX), (0, u32::MAX), since),
            since: of.copied_in,
            inode: 0,
            inode_counted: false,
            bytes: 0,
            inodes: 0,
            items: 0,
        }
    }

    /// Goes on by one piece; gives the sum when there is no more. `dir` is the subvolume's first directory.
    ///
    /// # Errors
    /// The kernel's; `EPERM` without `CAP_SYS_ADMIN`.
    pub fn step(&mut self, dir: impl AsFd) -> Result<Option<Counted>, Errno> {
        let Self { search, since, inode, inode_counted, bytes, inodes, items } = self;
        let is_new = |generation: u64| since.is_none_or(|since| generation > since);
        let more = search.step(&dir, |item| {
            *items += 1;
            if item.object != *inode {
                (*inode, *inode_counted) = (item.object, false);
            }
            let new = match item.kind {
                INODE_ITEM => read_u64(item.data, 0).is_some_and(is_new),
                EXTENT_DATA => match extent(item.data) {
                    Some((generation, length)) if is_new(generation) => {
                        *bytes += length;
                        true
                    }
                    _ => false,
                },
                _ => false,
            };
            if new && !*inode_counted {
                *inode_counted = true;
                *inodes += 1;
            }
        })?;
        Ok((!more).then_some(Counted { bytes: *bytes, inodes: Some(*inodes) }))
    }

    /// Items of the tree that were looked at.
    pub fn seen(&self) -> u64 {
        self.items
    }
}

/// Of a `struct btrfs_file_extent_item`: the transaction that wrote it and the bytes that it takes on disk.
fn extent(data: &[u8]) -> Option<(u64, u64)> {
    const INLINE: u8 = 0;
    /// Where the data of an inline extent begins.
    const HEAD: usize = 21;
    let generation = read_u64(data, 0)?;
    let whole = read_u64(data, 8)?;
    if *data.get(20)? == INLINE {
        return Some((generation, data.len().saturating_sub(HEAD) as u64));
    }
    let [place, on_disk, _, part] = [21, 29, 37, 45].map(|at| read_u64(data, at));
    let length = match (place?, *data.get(16)?) {
        // a hole
        (0, _) => 0,
        (_, 0) => part?,
        // compressed: its share of what is written
        _ => u64::try_from(u128::from(on_disk?) * u128::from(part?) / u128::from(whole.max(1))).ok()?,
    };
    Some((generation, length))
}

struct Item<'a> {
    object: u64,
    kind: u32,
    offset: u64,
    data: &'a [u8],
}

impl Search {
    fn new(tree: u64, objects: (u64, u64), types: (u32, u32), since: u64) -> Box<Self> {
        let key = SearchKey {
            tree,
            min_object: objects.0,
            max_object: objects.1,
            min_offset: 0,
            max_offset: u64::MAX,
            min_transaction: since,
            max_transaction: u64::MAX,
            min_type: types.0,
            max_type: types.1,
            count: 0,
            unused: 0,
            more_unused: [0; 4],
        };
        Box::new(Self { key, size: ITEMS as u64, items: [0; ITEMS] })
    }

    fn run(&mut self, dir: impl AsFd, mut on: impl FnMut(&Item<'_>)) -> Result<(), Errno> {
        while self.step(&dir, &mut on)? {}
        Ok(())
    }

    /// One call; whether there may be more.
    fn step(&mut self, dir: impl AsFd, mut on: impl FnMut(&Item<'_>)) -> Result<bool, Errno> {
        /// The structure without its buffer stands in the request's number.
        const CODE: Opcode = opcode::read_write::<[u64; 14]>(0x94, 17);
        self.key.count = u32::MAX;
        // SAFETY: BTRFS_IOC_TREE_SEARCH_V2 reads the key and `size`, and writes the key and at most `size` bytes
        // behind it: `items` is there and of that length, and any bytes are valid in it.
        unsafe { rustix::ioctl::ioctl(dir, Updater::<CODE, Self>::new(self)) }?;
        let count = self.key.count;
        let mut last = None;
        for item in items(&self.items, count) {
            on(&item);
            last = Some((item.object, item.kind, item.offset));
        }
        let (Some((object, kind, offset)), true) = (last, count > 0) else { return Ok(false) };
        // the key behind the last one
        let key = &mut self.key;
        (key.min_object, key.min_type, key.min_offset) = match (offset.checked_add(1), kind.checked_add(1)) {
            (Some(offset), _) => (object, kind, offset),
            (None, Some(kind)) => (object, kind, 0),
            (None, None) => match object.checked_add(1) {
                Some(object) => (object, 0, 0),
                None => return Ok(false),
            },
        };
        Ok((key.min_object, key.min_type, key.min_offset) <= (key.max_object, key.max_type, key.max_offset))
    }
}

/// The items of an answer: each has a head of 32 bytes (`struct btrfs_ioctl_search_header`).
fn items(bytes: &[u8], count: u32) -> impl Iterator<Item = Item<'_>> {
    let mut rest = bytes;
    (0..count).map_while(move |_| {
        // the head is in this processor's order, what follows in the disk's
        let [object, offset] =
            [8, 16].map(|at| rest.get(at..)?.first_chunk().map(|b| u64::from_ne_bytes(*b)));
        let [kind, length] = [24, 28].map(|at| rest.get(at..)?.first_chunk().map(|b| u32::from_ne_bytes(*b)));
        let length = usize::try_from(length?).ok()?;
        let data = rest.get(32..)?.get(..length)?;
        rest = rest.get(32 + length..)?;
        Some(Item { object: object?, kind: kind?, offset: offset?, data })
    })
}

fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

/// For fuzzing: no answer of a filesystem may do harm.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8]) {
    let count = items(bytes, u32::MAX).map(|item| extent(item.data)).count();
    assert!(count <= bytes.len() / 32);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn structures_are_as_long_as_the_kernels() {
        assert_eq!(size_of::<FsXattr>(), 28);
        assert_eq!(size_of::<Dqblk>(), 72);
        assert_eq!(size_of::<SubvolumeInfo>(), 504);
        assert_eq!(size_of::<SearchKey>(), 104);
        assert_eq!(std::mem::offset_of!(Search, items), 112);
    }

    fn data(generation: u64, whole: u64, compression: u8, kind: u8, rest: [u64; 4]) -> Vec<u8> {
        let mut data = [generation.to_le_bytes(), whole.to_le_bytes()].concat();
        data.extend([compression, 0, 0, 0, kind]);
        data.extend(rest.iter().flat_map(|number| number.to_le_bytes()));
        data
    }

    #[test]
    fn an_extent_takes_what_is_on_disk() {
        let f = |compression, kind, rest| extent(&data(7, 128, compression, kind, rest));
        assert_eq!(f(0, 1, [4096, 128, 0, 128]), Some((7, 128)));
        // a part of one that is shared
        assert_eq!(f(0, 1, [4096, 128, 32, 64]), Some((7, 64)));
        assert_eq!(f(0, 2, [4096, 128, 0, 128]), Some((7, 128)));
        // a hole
        assert_eq!(f(0, 1, [0, 0, 0, 128]), Some((7, 0)));
        // compressed to a quarter, and half of that
        assert_eq!(f(3, 1, [4096, 32, 0, 64]), Some((7, 16)));
        // in the tree itself
        assert_eq!(f(0, 0, [1, 2, 3, 4]), Some((7, 32)));
        assert_eq!(extent(&data(7, 128, 0, 1, [4096, 128, 0, 128])[..40]), None);
        assert_eq!(extent(&[]), None);
    }

    #[test]
    fn a_filesystem_without_projects_says_so() {
        let proc = std::fs::File::open("/proc").unwrap();
        let refused = project(&proc).unwrap_err();
        assert!(matches!(refused, Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL), "{refused}");
        assert!(subvolume(&proc).is_err());
        assert!(of_project(&proc, None, 1).is_err());
    }

    proptest! {
        #[test]
        fn items_come_back(all in prop::collection::vec((any::<u64>(), any::<u32>(), any::<u64>(), prop::collection::vec(any::<u8>(), 0..60)), 0..20)) {
            let mut bytes = Vec::new();
            for (object, kind, offset, data) in &all {
                bytes.extend([0, *object, *offset].iter().flat_map(|number| number.to_ne_bytes()));
                bytes.extend(kind.to_ne_bytes());
                bytes.extend(u32::try_from(data.len()).unwrap().to_ne_bytes());
                bytes.extend(data);
            }
            let count = u32::try_from(all.len()).unwrap();
            let read: Vec<_> = items(&bytes, count).map(|i| (i.object, i.kind, i.offset, i.data.to_vec())).collect();
            prop_assert_eq!(read, all);
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), count in any::<u32>()) {
            items(&bytes, count).for_each(|item| _ = extent(item.data));
            extent(&bytes);
        }
    }
}
