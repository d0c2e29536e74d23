//! A container's `config`, or the `lxc.conf` that LXD and Incus write: `key = value` lines.

use std::collections::BTreeMap;

/// What is taken of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `lxc.rootfs.path` (`lxc.rootfs` before LXC 3), without the kind `dir:` in front; empty when absent.
    pub rootfs: String,
    /// The kind in front of it: `dir`, `overlay`, `btrfs`, `zfs`, `lvm`, `loop`, ...; `dir` where there is none. Empty
    /// without a root file system.
    pub storage: String,
    /// `lxc.environment`: variables that the container's first process is given; those without a value are
    /// the monitor's own and are not known here.
    pub environment: BTreeMap<String, String>,
}

/// Reads a file; what it says of other things, and lines that say nothing, are passed over. Files that it includes
/// are LXC's common ones, which have neither key.
pub fn parse(text: &str) -> Config {
    let mut config = Config::default();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), unquoted(value.trim()));
        match key {
            "lxc.rootfs.path" | "lxc.rootfs" => {
                let kind = value.split_once(':').map(|(kind, _)| kind).filter(|kind| !kind.contains('/'));
                config.storage = if value.is_empty() { "" } else { kind.unwrap_or("dir") }.to_owned();
                config.rootfs = value.strip_prefix("dir:").unwrap_or(value).to_owned();
            }
            // an empty one takes all back
            "lxc.environment" if value.is_empty() => config.environment.clear(),
            "lxc.environment" => {
                if let Some((name, value)) = value.split_once('=') {
                    config.environment.insert(name.to_owned(), value.to_owned());
                }
            }
            _ => {}
        }
    }
    config
}

/// LXC takes away one pair of quotes around a value.
fn unquoted(value: &str) -> &str {
    let inside = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `lxc-create -t none` of LXC 5.0.2, with lines added.
    const REAL: &str = "\
# Template used to create this container: none
# For additional config options, please look at lxc.container.conf(5)

lxc.net.0.type = empty
lxc.rootfs.path = dir:/var/lib/lxc/one/rootfs
lxc.environment = TEST_VAR=FOO=1
lxc.environment = TERM
lxc.environment=OTHER= x
";

    #[test]
    fn a_real_file_is_read() {
        let config = parse(REAL);
        assert_eq!(config.rootfs, "/var/lib/lxc/one/rootfs");
        let environment: Vec<_> =
            config.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(environment, [("OTHER", " x"), ("TEST_VAR", "FOO=1")]);
    }

    #[test]
    fn later_lines_win_and_other_storages_keep_their_kind() {
        let of = |text| parse(text).rootfs;
        for (path, kind) in [
            ("dir:/a:b", "dir"),
            ("/a:b", "dir"),
            ("overlay:/a:/b", "overlay"),
            ("btrfs:/a", "btrfs"),
            ("zfs:pool/a", "zfs"),
            ("", ""),
        ] {
            assert_eq!(parse(&format!("lxc.rootfs.path = {path}\n")).storage, kind, "{path}");
        }
        assert_eq!(of("lxc.rootfs = /old\nlxc.rootfs.path = \"overlay:/a:/b\"\n"), "overlay:/a:/b");
        assert_eq!(of("lxc.rootfs.path='/q'"), "/q");
        assert_eq!(of("#lxc.rootfs.path = /x\nnonsense\n=\n"), "");
        assert_eq!(parse("lxc.environment = A=1\nlxc.environment =\n").environment.len(), 0);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_what_is_written_is_read_back(text in "\\PC*", path in "[a-z/]{1,20}", value in "[a-z=]{0,9}") {
            let _ = parse(&text);
            let config = parse(&format!("lxc.rootfs.path = dir:/{path}\nlxc.environment = N={value}\n"));
            proptest::prop_assert_eq!(config.rootfs, format!("/{path}"));
            proptest::prop_assert_eq!(&config.environment["N"], &value);
        }
    }
}
