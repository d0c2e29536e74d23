//! Files that are read again and again: the descriptor is kept while a shared budget has room.
//!
//! Cost: a cgroup file through a kept descriptor takes a third of what opening it anew takes, but holds
//! about 4.7 KiB of kernel memory once it has been read, hence the budget.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::dir::Dir;
use crate::error::Errno;
use crate::sys;

/// How many descriptors may be kept open by all readers together.
#[derive(Debug)]
pub struct Budget {
    max: usize,
    used: AtomicUsize,
}

impl Budget {
    /// At most so many descriptors; 0 keeps none.
    pub fn new(max_descriptors: usize) -> Arc<Self> {
        Arc::new(Self { max: max_descriptors, used: AtomicUsize::new(0) })
    }

    /// How many are kept now.
    pub fn in_use(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many may be kept.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Room for one more, if there is.
    fn take(self: &Arc<Self>) -> Option<Room> {
        let more = |used| (used < self.max).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Room(Arc::clone(self)))
    }

    /// Room for so many more at once, or for none.
    pub fn take_many(self: &Arc<Self>, count: usize) -> Option<Rooms> {
        let more = |used: usize| used.checked_add(count).filter(|&used| used <= self.max);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Rooms { budget: Arc::clone(self), count })
    }
}

/// One descriptor's room, given back when dropped.
#[derive(Debug)]
struct Room(Arc<Budget>);

impl Drop for Room {
    fn drop(&mut self) {
        self.0.used.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Room for several descriptors that are opened and closed together, given back when dropped.
#[derive(Debug)]
pub struct Rooms {
    budget: Arc<Budget>,
    count: usize,
}

impl Rooms {
    /// Gives back what is above `count`.
    pub fn shrink(&mut self, count: usize) {
        let unused = self.count.saturating_sub(count);
        self.count -= unused;
        self.budget.used.fetch_sub(unused, Ordering::Relaxed);
    }
}

impl Drop for Rooms {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

/// Something open that counts against the budget.
#[derive(Debug)]
pub struct Kept<T> {
    open: T,
    _room: Room,
}

impl<T> Kept<T> {
    /// Keeps it if there is room, else gives it back.
    ///
    /// # Errors
    /// The thing itself, when the budget is used up.
    pub fn keep(open: T, budget: &Arc<Budget>) -> Result<Self, T> {
        match budget.take() {
            Some(room) => Ok(Self { open, _room: room }),
            None => Err(open),
        }
    }

    /// What is open.
    pub fn get(&self) -> &T {
        &self.open
    }
}

impl<T: AsFd> AsFd for Kept<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.open.as_fd()
    }
}

/// A file that is read often.
#[derive(Debug, Default)]
pub struct HotFile {
    kept: Option<Kept<OwnedFd>>,
}

impl HotFile {
    /// Not opened yet.
    pub const fn new() -> Self {
        Self { kept: None }
    }

    /// Whether its descriptor is kept.
    pub const fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// Reads it through the kept descriptor, whole or to where it is `enough` ([`sys::read_until`]). `None`: none is
    /// kept, call [`HotFile::open_and_read`].
    pub fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Option<Result<(), Errno>> {
        let result = sys::read_until(self.kept.as_ref()?, buffer, enough);
        if result.is_err() {
            self.close();
        }
        Some(result)
    }

    /// Opens it below the directory, reads it likewise, and keeps the descriptor where there is room.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open_and_read(
        &mut self,
        dir: &Dir,
        name: &CStr,
        budget: &Arc<Budget>,
        buffer: &mut Vec<u8>,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<(), Errno> {
        let file = dir.file(name)?;
        sys::read_until(&file, buffer, enough)?;
        self.kept = Kept::keep(file, budget).ok();
        Ok(())
    }

    /// Gives the descriptor back.
    pub fn close(&mut self) {
        self.kept = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(_: &[u8]) -> bool {
        false
    }

    fn folder() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "1\n").unwrap();
        let dir = Dir::open(folder.path()).unwrap();
        (folder, dir)
    }

    #[test]
    fn a_kept_file_is_read_from_its_beginning_each_time() {
        let (folder, dir) = folder();
        let (budget, mut file, mut buffer) = (Budget::new(1), HotFile::new(), Vec::new());
        assert_eq!(file.read(&mut buffer, whole), None);
        file.open_and_read(&dir, c"file", &budget, &mut buffer, whole).unwrap();
        assert_eq!(buffer, b"1\n");
        std::fs::write(folder.path().join("file"), "23\n").unwrap();
        file.read(&mut buffer, whole).unwrap().unwrap();
        assert_eq!(buffer, b"23\n");
    }

    #[test]
    fn descriptors_are_counted_and_given_back() {
        let (_folder, dir) = folder();
        let (budget, mut buffer) = (Budget::new(1), Vec::new());
        let (mut first, mut second) = (HotFile::new(), HotFile::new());
        first.open_and_read(&dir, c"file", &budget, &mut buffer, whole).unwrap();
        second.open_and_read(&dir, c"file", &budget, &mut buffer, whole).unwrap();
        assert_eq!((first.is_kept(), second.is_kept(), budget.in_use()), (true, false, 1));
        drop(first);
        assert_eq!(budget.in_use(), 0);
        second.open_and_read(&dir, c"file", &budget, &mut buffer, whole).unwrap();
        assert!(second.is_kept());
        second.close();
        assert_eq!(budget.in_use(), 0);
    }

    #[test]
    fn several_are_taken_together_or_not_at_all() {
        let budget = Budget::new(10);
        let mut first = budget.take_many(6).unwrap();
        assert!(budget.take_many(5).is_none());
        assert!(budget.take_many(usize::MAX).is_none());
        first.shrink(4);
        first.shrink(9);
        let second = budget.take_many(6).unwrap();
        assert_eq!(budget.in_use(), 10);
        drop((first, second));
        assert_eq!(budget.in_use(), 0);
    }

    #[test]
    fn without_a_budget_nothing_is_kept_and_all_is_read() {
        let (_folder, dir) = folder();
        let (budget, mut file, mut buffer) = (Budget::new(0), HotFile::new(), Vec::new());
        file.open_and_read(&dir, c"file", &budget, &mut buffer, whole).unwrap();
        assert_eq!((buffer.as_slice(), file.is_kept()), (b"1\n".as_slice(), false));
    }
}
