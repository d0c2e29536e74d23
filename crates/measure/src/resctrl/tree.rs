//! The resctrl filesystem as it lies there, and the numbers in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plimsoll_kernel::dir::read_path;
use plimsoll_kernel::error::Error;
use plimsoll_kernel::format;
use plimsoll_kernel::root::Root;

use super::{Cache, MemoryBandwidth, Resctrl};

/// Where resctrl is mounted, and what the CPU monitors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    pub(super) path: PathBuf,
    cache: bool,
    total: bool,
    local: bool,
    /// How many groups can be monitored at once.
    pub(super) rmids: Option<u64>,
}

/// What a group has beside groups below it.
const NOT_GROUPS: [&str; 3] = ["info", "mon_data", "mon_groups"];

impl Tree {
    /// Looks for it.
    ///
    /// # Errors
    /// What is missing.
    pub fn find(root: &Root) -> Result<Self, String> {
        let path = root.sys.join("fs/resctrl");
        let mut buffer = Vec::new();
        let monitoring = path.join("info/L3_MON");
        if read_path(&monitoring.join("mon_features"), &mut buffer).is_err() {
            return Err(if path.join("schemata").exists() {
                format!("{}: the CPU monitors neither its cache nor bandwidth", path.display())
            } else {
                format!(
                    "{}: resctrl is not mounted (mount -t resctrl resctrl /sys/fs/resctrl)",
                    path.display()
                )
            });
        }
        let has = |feature: &[u8]| format::words(&buffer).any(|word| word == feature);
        let (cache, total, local) = (has(b"llc_occupancy"), has(b"mbm_total_bytes"), has(b"mbm_local_bytes"));
        if !(cache || total || local) {
            return Err(format!("{}: none of the CPU's features is known", monitoring.display()));
        }
        let rmids = read_path(&monitoring.join("num_rmids"), &mut buffer).ok();
        let rmids = rmids.and_then(|()| format::single_value(&buffer).ok());
        Ok(Self { path, cache, total, local, rmids })
    }

    /// Reads a group's numbers, in place; false where it has none.
    pub(super) fn read(&self, group: &Path, buffer: &mut Vec<u8>, out: &mut Resctrl) -> bool {
        let domains = names(&group.join("mon_data"));
        (out.memory_bandwidth, out.cache) = (Vec::new(), Vec::new());
        for domain in &domains {
            let mut number = |wanted: bool, file: &str| {
                if !wanted {
                    return None;
                }
                read_path(&domain.join(file), buffer).ok()?;
                // else a word: `Unavailable`, `Error`
                format::single_value(buffer).ok()
            };
            let llc_occupancy = number(self.cache, "llc_occupancy");
            let total = number(self.total, "mbm_total_bytes");
            let local = number(self.local, "mbm_local_bytes");
            if self.cache {
                out.cache.push(Cache { llc_occupancy });
            }
            if self.total || self.local {
                out.memory_bandwidth.push(MemoryBandwidth { total, local });
            }
        }
        !domains.is_empty()
    }

    /// The control groups: the whole tree's, then those below it.
    pub(super) fn control_groups(&self) -> Vec<PathBuf> {
        let below = names(&self.path).into_iter().filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| !NOT_GROUPS.contains(&name))
        });
        std::iter::once(self.path.clone()).chain(below).collect()
    }

    /// The monitoring groups of a control group.
    pub(super) fn monitoring_groups(control: &Path) -> Vec<PathBuf> {
        names(&control.join("mon_groups"))
    }
}

/// The tasks of a group.
///
/// # Errors
/// The file cannot be read.
pub(super) fn tasks(group: &Path, buffer: &mut Vec<u8>) -> Result<BTreeSet<u32>, Error> {
    read_path(&group.join("tasks"), buffer)?;
    Ok(format::words(buffer).filter_map(|word| u32::try_from(format::number(word)?).ok()).collect())
}

/// The directories in a directory, sorted.
fn names(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resctrl::group::tests::Machine;

    #[test]
    fn the_tree_says_what_the_cpu_monitors() {
        let machine = Machine::new();
        let tree = Tree::find(&machine.root).unwrap();
        assert_eq!((tree.cache, tree.total, tree.local, tree.rmids), (true, true, true, Some(224)));
        machine.write("info/L3_MON/mon_features", "llc_occupancy\nnew_feature\n");
        let tree = Tree::find(&machine.root).unwrap();
        assert_eq!((tree.cache, tree.total, tree.local), (true, false, false));
        machine.write("info/L3_MON/mon_features", "new_feature\n");
        assert!(Tree::find(&machine.root).unwrap_err().contains("none of the CPU's features"));
        machine.write("schemata", "L3:0=7ff\n");
        std::fs::remove_dir_all(machine.path("info/L3_MON")).unwrap();
        assert!(Tree::find(&machine.root).unwrap_err().contains("monitors neither"));
        std::fs::remove_dir_all(machine.path("")).unwrap();
        assert!(Tree::find(&machine.root).unwrap_err().contains("is not mounted"));
    }

    #[test]
    fn every_domain_is_read_and_a_word_is_no_number() {
        let machine = Machine::new();
        machine.write("mon_data/mon_L3_00/llc_occupancy", "2883584\n");
        machine.write("mon_data/mon_L3_00/mbm_total_bytes", "100\n");
        machine.write("mon_data/mon_L3_00/mbm_local_bytes", "60\n");
        machine.write("mon_data/mon_L3_01/llc_occupancy", "0\n");
        machine.write("mon_data/mon_L3_01/mbm_total_bytes", "Unavailable\n");
        machine.write("mon_data/mon_L3_01/mbm_local_bytes", "7\n");
        let tree = Tree::find(&machine.root).unwrap();
        let mut out = Resctrl::default();
        assert!(tree.read(&machine.path(""), &mut Vec::new(), &mut out));
        let domain = |total, local| MemoryBandwidth { total, local };
        assert_eq!(out.memory_bandwidth, [domain(Some(100), Some(60)), domain(None, Some(7))]);
        let cache = |llc_occupancy| Cache { llc_occupancy };
        assert_eq!(out.cache, [cache(Some(2_883_584)), cache(Some(0))]);
        assert_eq!(
            serde_json::to_string(&out).unwrap(),
            r#"{"memory_bandwidth":[{"mbm_total_bytes":100,"mbm_local_bytes":60},{"mbm_local_bytes":7}],"cache":[{"llc_occupancy":2883584},{}]}"#
        );
        assert!(!tree.read(&machine.path("info"), &mut Vec::new(), &mut out));
        assert_eq!(serde_json::to_string(&out).unwrap(), "{}");
    }
}
