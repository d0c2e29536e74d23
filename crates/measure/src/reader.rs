//! One container's kernel files, read into a sample.

use std::sync::Arc;

use plimsoll_core::kinds::Kinds;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::hierarchy::Hierarchy;

pub use crate::host::Host;
use crate::sample::Sample;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Every file.
    Full,
    /// Of a group that is quiet, only the files that could have moved.
    Thrifty,
}

/// What a read came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The group is no more.
    pub gone: bool,
    /// Files that were read.
    pub files: u32,
    /// Files that could not be read or understood.
    pub faults: u32,
    /// Whether no file was passed over.
    pub full: bool,
}

/// Reads one container. Owned by the sampling side.
#[derive(Debug)]
pub struct Reader {
    host: Arc<Host>,
    name: Box<str>,
    pid: Option<u32>,
}

/// Which files are read of a group.
#[derive(Debug)]
pub(crate) struct Plan {}

impl Plan {
    pub(crate) fn of_group(_: &Hierarchy, _: Kinds) -> Self {
        Self {}
    }
    pub(crate) fn of_root(_: &Hierarchy, _: Kinds) -> Self {
        Self {}
    }
}

impl Reader {
    /// Of the group with this name below its hierarchies, `/` for the root. Opens nothing yet.
    pub fn new(host: &Arc<Host>, name: &str) -> Self {
        Self { host: Arc::clone(host), name: name.into(), pid: None }
    }

    /// Whose `/proc/<pid>/net/dev` tells the network numbers.
    pub fn set_pid(&mut self, pid: Option<u32>) {
        self.pid = pid;
    }

    /// A directory of the group has appeared in a further hierarchy: what was missing is looked for again.
    pub fn rescan(&mut self) {
        let _ = (&self.host, &self.name);
    }

    /// Reads into the sample, in place.
    pub fn read(
        &mut self,
        at: Timestamp,
        _effort: Effort,
        _buffer: &mut Vec<u8>,
        sample: &mut Sample,
    ) -> Outcome {
        sample.at = at;
        Outcome::default()
    }

    /// The processes in the group itself, in the kernel's order.
    pub fn processes(&mut self, _buffer: &mut Vec<u8>) -> Vec<u32> {
        Vec::new()
    }

    /// The first process in the group.
    pub fn first_pid(&mut self, _buffer: &mut Vec<u8>) -> Option<u32> {
        None
    }
}
