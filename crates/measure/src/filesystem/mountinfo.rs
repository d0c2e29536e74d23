//! The mount table: `/proc/<pid>/mountinfo`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use plimsoll_kernel::format::unescape_octal;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Device number.
    pub major: u32,
    /// Device number.
    pub minor: u32,
    /// Which folder of the filesystem is mounted.
    pub root: PathBuf,
    /// Where it is mounted.
    pub mountpoint: PathBuf,
    /// `ext4`, `overlay`, ...
    pub fs_type: String,
    /// The device, or what stands in its place.
    pub source: String,
}

/// The mounts of a table, in its order. Lines that are no mounts are passed over.
pub fn parse(bytes: &[u8]) -> impl Iterator<Item = Mount> + '_ {
    bytes.split(|b| *b == b'\n').filter_map(line)
}

/// ```text
/// 36 35 98:0 /mnt1 /mnt/parent\040dir rw,noatime master:1 - ext3 /dev/root rw,errors=continue
/// ```
/// Optional fields (none, `shared:1`, `master:1`, ...) end at the lone `-`.
pub fn line(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|b| *b == b' ');
    let device = std::str::from_utf8(words.nth(2)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let root = unescape_octal(words.next()?);
    let mountpoint = unescape_octal(words.next()?);
    words.by_ref().find(|word| *word == b"-")?;
    let fs_type = String::from_utf8_lossy(words.next()?).into_owned();
    let source = unescape_octal(words.next()?);
    Some(Mount {
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
        root: OsString::from_vec(root).into(),
        mountpoint: OsString::from_vec(mountpoint).into(),
        fs_type,
        source: String::from_utf8_lossy(&source).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn optional_fields_end_at_the_dash() {
        let f = |text: &str, source: &str| {
            assert_eq!(line(text.as_bytes()).map(|mount| mount.source).as_deref(), Some(source), "{text}");
        };
        f("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard", "/dev/vda");
        f("43 27 254:0 /a /b rw shared:1 master:2 - ext4 /dev/vda rw", "/dev/vda");
        f("43 27 0:5 / /b rw propagate_from:2 - nfs4 host:/my\\040dir rw", "host:/my dir");
        // a fuse mount without a name
        f("43 27 0:5 / /b rw - fuse  rw", "");
    }

    #[test]
    fn spaces_in_paths_are_escaped() {
        let mount = line(br"1 1 8:1 / /with\040space\011tab\134040 rw - ext4 /dev/sda1 rw").unwrap();
        assert_eq!(mount.mountpoint, PathBuf::from("/with space\ttab\\040"));
    }

    #[test]
    fn what_is_no_mount_is_passed_over() {
        for text in ["", "36 35 98:0 / /x rw", "36 35 98 / /x rw - ext4 a rw", "1 2 a:b / /x rw - ext4 a rw"]
        {
            assert_eq!(line(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            parse(&bytes).count();
        }

        #[test]
        fn escaped_paths_come_back(path in "/[ -~\\t\\n]{0,20}", source in "[ -~]{1,20}") {
            let escape = |text: &str| text.bytes().map(|b| match b {
                b' ' | b'\t' | b'\n' | b'\\' | b'#' => format!("\\{b:03o}"),
                _ => char::from(b).to_string(),
            }).collect::<String>();
            let text = format!("1 1 8:1 / {} rw shared:3 - ext4 {} rw", escape(&path), escape(&source));
            let mount = line(text.as_bytes()).unwrap();
            prop_assert_eq!(mount.mountpoint, PathBuf::from(path));
            prop_assert_eq!(mount.source, source);
        }
    }
}
