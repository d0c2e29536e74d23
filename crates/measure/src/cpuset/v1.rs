//! v1: the controller cpuset.

use plimsoll_kernel::format;

use crate::keyed::put;
use crate::reader::plan::{File, Place, Subject};

pub(crate) const FILE: File =
    File::new(Place::CpuSet, c"cpuset.memory_migrate", Subject::CpuSet, |_, text, sample| {
        let migrate = text.map(format::single_value).transpose()?;
        Ok(put(&mut sample.cpuset.get_or_insert_default().memory_migrate, migrate))
    });
