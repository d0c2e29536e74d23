//! The directories of one container: opened when a file in them is, kept while that is of use.

use std::ffi::CStr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use plimsoll_core::time::Timestamp;
use plimsoll_kernel::dir::Dir;
use plimsoll_kernel::error::{Errno, is_absent, is_gone};
use plimsoll_kernel::file::{Budget, Kept};
use plimsoll_kernel::process::is_of_group;

use super::plan::Place;
use super::{LOOK_AGAIN, within};
use crate::host::Host;

/// What every group and every process has; without it the directory is an empty shell of one that ended.
const GROUP_HAS: &CStr = c"cgroup.procs";
const PROCESS_HAS: &CStr = c"stat";

/// How long the last numbers stay of a hierarchy that a group is gone from while it is still there in another: one that
/// is removed leaves them one after the other, and its last numbers are true for good. One that lives on has none there.
const LEFT_AFTER: i64 = 5_000_000_000;

/// How often it is asked whether the process still lives whose network is read. The question costs as much as
/// three files; the price of asking seldom is that a dead process' namespace may live so much longer.
const ALIVE_FOR: i64 = 5_000_000_000;

/// Why a file cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// There is none.
    Absent,
    /// There was none a moment ago, and it was not looked for again.
    Known,
    /// What it belonged to has ended.
    Gone,
    /// The kernel refused.
    Refused(Errno),
}

impl From<Errno> for Lost {
    fn from(cause: Errno) -> Self {
        match cause {
            cause if is_gone(cause) => Self::Gone,
            cause if is_absent(cause) => Self::Absent,
            cause => Self::Refused(cause),
        }
    }
}

/// One directory.
#[derive(Debug, Default)]
pub(crate) struct PlaceState {
    open: Open,
    state: State,
    /// Set when it is first opened: a directory of another inode is another group's.
    inode: u64,
    /// When it was last looked for in vain, or seen to be alive, or found to be gone.
    looked: Timestamp,
    /// Of a process: it is in a group beside this one, of the same pod.
    beside: bool,
}

#[derive(Debug, Default)]
enum Open {
    #[default]
    Not,
    /// Until the end of this read.
    Now(Dir),
    Kept(Kept<Dir>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unknown,
    Missing,
    There,
    Gone,
}

impl PlaceState {
    /// Of a process that is in a group beside the container's own.
    pub(crate) fn beside() -> Self {
        Self { beside: true, ..Self::default() }
    }

    /// The open directory, opened now if it is not.
    pub(crate) fn dir(
        &mut self,
        place: Place,
        host: &Host,
        group: &str,
        pid: Option<u32>,
        at: Timestamp,
    ) -> Result<&Dir, Lost> {
        if matches!(self.open, Open::Not) {
            self.open(place, host, group, pid, at)?;
        }
        self.opened().ok_or(Lost::Absent)
    }

    /// The directory, if it is open.
    pub(crate) fn opened(&self) -> Option<&Dir> {
        match &self.open {
            Open::Not => None,
            Open::Now(dir) => Some(dir),
            Open::Kept(dir) => Some(dir.get()),
        }
    }

    fn open(
        &mut self,
        place: Place,
        host: &Host,
        group: &str,
        pid: Option<u32>,
        at: Timestamp,
    ) -> Result<(), Lost> {
        match self.state {
            State::Gone => return Err(Lost::Gone),
            State::Missing if within(self.looked, at, LOOK_AGAIN) => return Err(Lost::Absent),
            State::Missing | State::Unknown | State::There => {}
        }
        match self.find(place, host, group, pid) {
            Ok(dir) => {
                self.state = State::There;
                // a process' directory stands for the process: as long as it is kept, its end is seen
                self.open = if place == Place::Process { keep(dir, &host.budget) } else { Open::Now(dir) };
                Ok(())
            }
            Err(lost) => {
                self.looked = at;
                self.state = match (self.state, lost) {
                    (State::There, Lost::Absent | Lost::Gone) => State::Gone,
                    (State::There, Lost::Refused(_)) => State::There,
                    _ => State::Missing,
                };
                Err(if self.state == State::Gone { Lost::Gone } else { lost })
            }
        }
    }

    fn find(&mut self, place: Place, host: &Host, group: &str, pid: Option<u32>) -> Result<Dir, Lost> {
        let dir = Dir::try_open(&path(place, host, group, pid).ok_or(Lost::Absent)?)?;
        let inode = dir.inode()?;
        if place.is_group() && self.state == State::There && inode != self.inode {
            return Err(Lost::Gone);
        }
        let of = if self.beside { above(group) } else { group };
        if place == Place::Process && of != "/" && !is_of_group(&dir, of)? {
            return Err(Lost::Absent);
        }
        self.inode = inode;
        Ok(dir)
    }

    /// Whether the open directory is an empty shell; marks it as gone then.
    pub(crate) fn has_ended(&mut self, place: Place, at: Timestamp) -> bool {
        let sign = match place {
            Place::Process => PROCESS_HAS,
            Place::Proc => return false,
            _ => GROUP_HAS,
        };
        let ended = self.opened().is_some_and(|dir| !dir.has(sign));
        if ended {
            self.set_gone(at);
        }
        ended
    }

    /// The same, asked only now and then.
    pub(crate) fn has_ended_lately(&mut self, place: Place, at: Timestamp) -> bool {
        if within(self.looked, at, ALIVE_FOR) {
            return false;
        }
        self.looked = at;
        self.has_ended(place, at)
    }

    /// A file of it is gone: with the process, but of a group perhaps alone, as where its controller was switched off
    /// above.
    pub(crate) fn lost_file(&mut self, place: Place, at: Timestamp) {
        if place.is_group() {
            self.has_ended(place, at);
        } else {
            self.set_gone(at);
        }
    }

    fn set_gone(&mut self, at: Timestamp) {
        self.open = Open::Not;
        self.state = State::Gone;
        self.looked = at;
    }

    /// Of a group that lives on elsewhere: whether it has been gone from here for so long that it has left this
    /// hierarchy alone. From now on it is missing, and looked for now and then.
    pub(crate) fn has_left(&mut self, at: Timestamp) -> bool {
        let left = self.is_gone() && !within(self.looked, at, LEFT_AFTER);
        if left {
            (self.state, self.looked) = (State::Missing, at);
        }
        left
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state == State::Gone
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.state == State::Unknown
    }

    pub(crate) fn is_there(&self) -> bool {
        self.state == State::There
    }

    pub(crate) fn is_open_for_now(&self) -> bool {
        matches!(self.open, Open::Now(_))
    }

    pub(crate) fn is_kept(&self) -> bool {
        matches!(self.open, Open::Kept(_))
    }

    /// What was missing is looked for again at the next read, and what was gone, of a group that `lives` elsewhere.
    /// Returns whether it may be another directory.
    pub(crate) fn rescan(&mut self, lives: bool) -> bool {
        let again = self.state == State::Missing || self.is_gone() && lives;
        if again {
            self.state = State::Unknown;
        }
        again
    }

    /// At the end of a read: kept if files are opened through it each time, closed if not or without room.
    pub(crate) fn settle(&mut self, wanted: bool, budget: &Arc<Budget>) {
        self.open = match std::mem::take(&mut self.open) {
            Open::Now(dir) if wanted => match keep(dir, budget) {
                kept @ Open::Kept(_) => kept,
                _ => Open::Not,
            },
            kept @ Open::Kept(_) if wanted => kept,
            _ => Open::Not,
        };
    }
}

fn keep(dir: Dir, budget: &Arc<Budget>) -> Open {
    match Kept::keep(dir, budget) {
        Ok(kept) => Open::Kept(kept),
        Err(dir) => Open::Now(dir),
    }
}

/// Where a place is; `None` where the machine or the container has none.
pub(crate) fn path(place: Place, host: &Host, group: &str, pid: Option<u32>) -> Option<PathBuf> {
    match place {
        Place::Proc => Some(host.root.proc.clone()),
        Place::Process => Some(host.root.proc.join(pid?.to_string())),
        Place::Unified => below(host.hierarchy.unified()?, group),
        _ => below(host.hierarchy.controller(place.controller()?)?.1, group),
    }
}

/// The group's directory; never one outside the hierarchy.
pub(crate) fn below(hierarchy: &Path, group: &str) -> Option<PathBuf> {
    let group = Path::new(group.trim_start_matches('/'));
    let inside = group.components().all(|part| matches!(part, Component::Normal(_)));
    inside.then(|| hierarchy.join(group))
}

/// The group above; never the root, which has all processes.
pub(crate) fn above(group: &str) -> &str {
    group.rsplit_once('/').map(|(above, _)| above).filter(|above| !above.is_empty()).unwrap_or(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_out_of_the_hierarchy() {
        let f = |name, path: Option<&str>| {
            assert_eq!(below(Path::new("/cg"), name), path.map(PathBuf::from), "{name}");
        };
        f("/", Some("/cg/"));
        f("/docker/1", Some("/cg/docker/1"));
        f("/../etc", None);
        f("/a/../../etc", None);
    }
}
