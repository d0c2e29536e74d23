//! cAdvisor's container hints: a file that tells of groups without a runtime what no kernel file does.
//!
//! Only mounts are used, as in cAdvisor: those that are mount points of the host are the group's filesystems.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::runtime::json::{self, ParseError};

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    mounts: BTreeMap<String, Vec<PathBuf>>,
}

impl Hints {
    /// Reads the file's text: `{"all_hosts": [{"full_path": "/group", "mounts": [{"host_dir": "/a"}]}]}`.
    ///
    /// # Errors
    /// It is no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let all = json::object(bytes, "container hints as an object with all_hosts")?;
        let mut mounts = BTreeMap::new();
        for host in json::list(&all, "/all_hosts") {
            let Some(name) = json::text(host, "/full_path") else { continue };
            let dirs = json::list(host, "/mounts").iter().filter_map(|mount| json::text(mount, "/host_dir"));
            // of two hints for one group the first counts
            mounts.entry(name.to_owned()).or_insert_with(|| dirs.map(PathBuf::from).collect());
        }
        Ok(Self { mounts })
    }

    /// Directories of the host that belong to the group of this name.
    pub fn mounts(&self, name: &str) -> &[PathBuf] {
        self.mounts.get(name).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cadvisors_own_example_is_taken() {
        let hints = Hints::parse(include_bytes!("testdata/container_hints.json")).unwrap();
        let name = "18a4585950db428e4d5a65c216a5d708d241254709626f4cb300ee963fb4b144";
        assert_eq!(hints.mounts(name).len(), 5);
        assert!(hints.mounts(name).contains(&PathBuf::from("/var/run/nm-sdb3")));
    }

    #[test]
    fn a_wrong_field_costs_itself_alone_and_the_first_hint_counts() {
        let text =
            br#"{"all_hosts":[7,{"mounts":[]},{"full_path":"/a","mounts":[{"host_dir":1},{"host_dir":"/x"}]},
            {"full_path":"/a","mounts":[{"host_dir":"/y"}]},{"full_path":"/b","mounts":"z"}]}"#;
        let hints = Hints::parse(text).unwrap();
        assert_eq!(hints.mounts("/a"), [PathBuf::from("/x")]);
        assert!(hints.mounts("/b").is_empty() && hints.mounts("/c").is_empty());
        assert!(Hints::parse(b"[]").is_err() && Hints::parse(b"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_file_panics(bytes: Vec<u8>) {
            let _ = Hints::parse(&bytes);
        }
    }
}
