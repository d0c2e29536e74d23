use super::*;
use plimsoll_core::kinds::Kinds;
use plimsoll_kernel::root::Root;

/// A v2 machine without groups.
pub(crate) fn host_of_nothing() -> (tempfile::TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path());
    std::fs::create_dir_all(&root.cgroup).unwrap();
    std::fs::write(root.cgroup.join("cgroup.controllers"), "").unwrap();
    let host = Host::new(root, Kinds::default(), 100).unwrap();
    (folder, host)
}
