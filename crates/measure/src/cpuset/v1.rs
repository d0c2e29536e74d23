//! v1: the controller cpuset.

use plimsoll_kernel::format;

use crate::keyed::put;
use crate::reader::plan::{File, Place, Subject};

pub(crate) const FILE: File = File {
    place: Place::CpuSet,
    name: c"cpuset.memory_migrate",
    subject: Subject::CpuSet,
    parse: |_, text, sample| {
        let migrate = text.map(format::single_value).transpose()?;
        Ok(put(&mut sample.cpuset.get_or_insert_default().memory_migrate, migrate))
    },
};
