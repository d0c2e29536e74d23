//! Small files that others write, some of them inside containers.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use plimsoll_kernel::inside;
use rustix::fs::{FileType, Mode, OFlags};

/// The file, if it is one. Nothing else is opened: what has a file's name may be a pipe that nobody writes to, or a
/// device that acts when it is opened.
pub(crate) fn open(path: &Path) -> Option<File> {
    let found = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&found).ok()?.st_mode);
    if kind.is_file() { inside::opened(&found).ok().map(File::from) } else { None }
}

/// The number that such a file holds alone.
pub(crate) fn number<T: std::str::FromStr>(path: &Path) -> Option<T> {
    std::str::from_utf8(&read(path, 64)?).ok()?.trim().parse().ok()
}

/// The whole file, if it is one and has at most so many bytes.
pub(crate) fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut text).ok()?;
    (text.len() as u64 <= most).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a"), "abc").unwrap();
        assert_eq!(read(&at("a"), 3).as_deref(), Some(&b"abc"[..]));
        assert_eq!(read(&at("a"), 2), None);
        assert_eq!(read(&at("b"), 2), None);
        assert_eq!(read(folder.path(), 2), None);
        let pipe = at("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(read(&pipe, 2), None, "and it has not waited");
        assert_eq!(read(Path::new("/dev/null"), 2), None);
        std::fs::write(at("pid"), "17\n").unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("endless")).unwrap();
        assert_eq!(
            ["pid", "a", "endless", "pipe"].map(|name| number::<u32>(&at(name))),
            [Some(17), None, None, None]
        );
    }
}
