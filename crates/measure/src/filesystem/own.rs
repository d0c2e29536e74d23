//! What a filesystem counts of a layer by itself, so that nobody walks it.
//!
//! Reads: the layer's project and that project's quota; a btrfs subvolume's qgroup, else what has changed in its tree
//!        since it was copied from its image; the sizes of a filesystem that is the container's alone
//! Gives: bytes and inodes
//! Cost:  2 to 10 µs; a changed subvolume without quotas about 0.1 µs for each item of its tree that has changed
//! Needs: `CAP_SYS_ADMIN`; without it, projects are walked and subvolumes are not measured
//!
//! A project counts only when it is the layer's own: not that of the folder in which all layers lie, and not another
//! layer's too.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use plimsoll_kernel::accounting::{self, Changes, Counted};
use plimsoll_kernel::error::{Errno, Error};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};

use super::layer::Place;
use super::usage::open;

/// So many projects are remembered before those of ended containers are forgotten.
const MANY: usize = 256;
/// Beside a layer's directory there are a handful of names.
const MOST_BESIDE: usize = 16;

/// What a filesystem says of a layer.
pub(super) enum Own {
    /// All that is to be known, and the device.
    Counted(Counted, u64),
    /// It has to be looked for in the filesystem's tree.
    Search(Box<Search>),
    /// Nothing: it has to be walked.
    None,
}

/// A look through a subvolume's tree that is under way.
pub(super) struct Search {
    dir: OwnedFd,
    path: PathBuf,
    device: u64,
    changes: Changes,
}

/// A project: its filesystem's device and its number.
type Project = (u64, u32);

/// Which projects are whose. `None` for one that two layers have.
pub(super) struct Projects<S>(RefCell<HashMap<Project, Option<Weak<S>>>>);

impl<S> Default for Projects<S> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

/// Asks the filesystem. `device` gives the path of a block device by its number, for old kernels.
///
/// # Errors
/// It must be asked, and does not answer.
pub(super) fn begin<S>(
    place: &Place,
    projects: &Projects<S>,
    slot: &Arc<S>,
    device: impl FnOnce(u64) -> Option<PathBuf>,
) -> Result<Own, Error> {
    let fault = |cause| Error::read(&place.path, cause);
    let stat = rustix::fs::fstat(&place.dir).map_err(fault)?;
    if place.whole.is_some() {
        return Ok(Own::Counted(filled(&place.dir).map_err(fault)?, stat.st_dev));
    }
    if place.is_subvolume() {
        return subvolume(place, stat.st_dev).map_err(fault);
    }
    let counted = project(place, &stat, projects, slot, device);
    Ok(counted.map_or(Own::None, |counted| Own::Counted(counted, stat.st_dev)))
}

/// What a filesystem that is the container's alone holds.
fn filled(dir: &OwnedFd) -> Result<Counted, Errno> {
    let stat = rustix::fs::fstatvfs(dir)?;
    let bytes = stat.f_frsize.saturating_mul(stat.f_blocks.saturating_sub(stat.f_bfree));
    let inodes = (stat.f_files > 0).then(|| stat.f_files.saturating_sub(stat.f_ffree));
    Ok(Counted { bytes, inodes })
}

fn subvolume(place: &Place, device: u64) -> Result<Own, Errno> {
    let dir = open(&place.dir, c".")?;
    let told = accounting::subvolume(&dir)?;
    if let Ok(Some(counted)) = accounting::of_qgroup(&dir, told) {
        return Ok(Own::Counted(counted, device));
    }
    // all of it is the container's
    if told.copied_in.is_none() {
        return Ok(Own::None);
    }
    Ok(Own::Search(Box::new(Search { dir, path: place.path.clone(), device, changes: Changes::begin(told) })))
}

impl Search {
    /// Goes on by one piece; gives the sum when there is no more.
    ///
    /// # Errors
    /// The tree cannot be searched.
    pub(super) fn step(&mut self) -> Result<Option<Counted>, Error> {
        self.changes.step(&self.dir).map_err(|cause| Error::read(&self.path, cause))
    }

    pub(super) fn seen(&self) -> u64 {
        self.changes.seen()
    }

    pub(super) fn device(&self) -> u64 {
        self.device
    }
}

/// What is counted for the layer's project; `None` when it has none of its own, or the kernel does not tell.
fn project<S>(
    place: &Place,
    stat: &Stat,
    projects: &Projects<S>,
    slot: &Arc<S>,
    device: impl FnOnce(u64) -> Option<PathBuf>,
) -> Option<Counted> {
    let dir = open(&place.dir, c".").ok()?;
    let number = accounting::project(&dir).ok().filter(|number| *number != 0)?;
    let above =
        |dir: &OwnedFd| rustix::fs::openat(dir, c"..", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok();
    let is_its = |dir: &OwnedFd| accounting::project(dir).is_ok_and(|other| other == number);
    let folder = above(&dir)?;
    // Docker and Podman give one to the folder with `diff`, and it is the layer's alone; what they keep there is small
    let (all, beside) = match place.path.file_name().and_then(|name| name.to_str()) {
        Some("diff" | "fs") if is_its(&folder) => (above(&folder)?, beside(&folder, stat)?),
        _ => (folder, Counted { bytes: 0, inodes: Some(0) }),
    };
    if is_its(&all) || !projects.is_own((stat.st_dev, number), slot) {
        return None;
    }
    let device = device(stat.st_dev).and_then(|path| CString::new(path.as_os_str().as_bytes()).ok());
    let counted = accounting::of_project(&dir, device.as_deref(), number).ok()?;
    Some(Counted {
        bytes: counted.bytes.checked_sub(beside.bytes)?,
        inodes: Some(counted.inodes?.checked_sub(beside.inodes?)?),
    })
}

/// What lies beside a layer's directory and counts for its project: the folder itself, `lower`, `link`, `work`.
fn beside(folder: &OwnedFd, layer: &Stat) -> Option<Counted> {
    let stat = rustix::fs::fstat(folder).ok()?;
    let mut sum = (bytes(&stat), 1);
    let names = rustix::fs::Dir::read_from(folder).ok()?;
    for entry in names.take(MOST_BESIDE) {
        let entry = entry.ok()?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        // `merged` is another filesystem
        if stat.st_dev != layer.st_dev || stat.st_ino == layer.st_ino {
            continue;
        }
        sum = (sum.0 + bytes(&stat), sum.1 + 1);
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let inner = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes())).join("work");
            if let Ok(stat) = rustix::fs::statat(folder, &inner, AtFlags::SYMLINK_NOFOLLOW) {
                sum = (sum.0 + bytes(&stat), sum.1 + 1);
            }
        }
    }
    Some(Counted { bytes: sum.0, inodes: Some(sum.1) })
}

fn bytes(stat: &Stat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512)
}

impl<S> Projects<S> {
    /// Whether no other layer has this project.
    fn is_own(&self, project: Project, slot: &Arc<S>) -> bool {
        let mut all = self.0.borrow_mut();
        if all.len() >= MANY {
            all.retain(|_, owner| owner.as_ref().is_none_or(|owner| owner.strong_count() > 0));
        }
        let owner = all.entry(project).or_insert_with(|| Some(Arc::downgrade(slot)));
        let other = owner.as_ref().and_then(Weak::upgrade).filter(|owner| !Arc::ptr_eq(owner, slot));
        if other.is_some() {
            *owner = None;
        } else if owner.is_some() {
            *owner = Some(Arc::downgrade(slot));
        }
        owner.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_that_two_layers_have_is_nobodys() {
        let projects = Projects::default();
        let (one, two) = (Arc::new(1), Arc::new(2));
        assert!(projects.is_own((8, 5), &one) && projects.is_own((8, 5), &one));
        assert!(projects.is_own((9, 5), &two) && projects.is_own((8, 6), &two));
        assert!(!projects.is_own((8, 5), &two));
        assert!(!projects.is_own((8, 5), &one));
    }

    #[test]
    fn a_project_goes_to_the_next_layer_when_its_own_is_gone() {
        let projects = Projects::default();
        for n in 0..2 * u32::try_from(MANY).unwrap() {
            assert!(projects.is_own((8, n / 2), &Arc::new(n)), "{n}");
        }
        assert!(projects.0.borrow().len() <= MANY);
    }
}
