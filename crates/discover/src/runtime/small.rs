//! Small files that others write, some of them inside containers.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// The file, if it is one. Never waits: what has a file's name may be a pipe.
pub(crate) fn open(path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    file.metadata().ok()?.is_file().then_some(file)
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
    }
}
