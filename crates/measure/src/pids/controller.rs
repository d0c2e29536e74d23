//! The controller pids: the same on v1 and v2.

use plimsoll_kernel::format;

use crate::keyed::put;
use crate::reader::plan::{File, Place, Subject};

/// The root group has neither.
pub(crate) const FILES: [File; 2] = [
    File::new(Place::Pids, c"pids.current", Subject::Processes, |_, text, sample| {
        let current = text.map(format::single_value).transpose()?;
        Ok(put(&mut sample.processes.get_or_insert_default().threads_current, current))
    }),
    File::new(Place::Pids, c"pids.max", Subject::Processes, |_, text, sample| {
        let max = text.map(format::limit).transpose()?.map(|limit| limit.or(0));
        Ok(put(&mut sample.processes.get_or_insert_default().threads_max, max))
    }),
];
