//! Ids of the machine, of its boot and of its board.
//!
//! Reads: the files of the flags, sys/class/dmi/id/product_uuid, proc/device-tree/{system-id,vm,uuid}
//! Gives: machine_id, boot_id, system_uuid
//! Cost:  three files

use std::path::{Path, PathBuf};

use plimsoll_kernel::root::Root;

use super::file;

/// The first file that can be read, on the host; "" without any.
pub(super) fn first(root: &Root, files: &[PathBuf]) -> String {
    files.iter().find_map(|path| file::text(&file::on_host(root, path))).unwrap_or_default()
}

/// The board's uuid: DMI, the device tree of PowerPC and of KVM on ARM, else the machine id.
pub(super) fn system_uuid(root: &Root) -> String {
    [
        "/sys/class/dmi/id/product_uuid",
        "/proc/device-tree/system-id",
        "/proc/device-tree/vm,uuid",
        "/etc/machine-id",
    ]
    .iter()
    .find_map(|path| file::text(&file::on_host(root, Path::new(path))))
    .unwrap_or_default()
}
