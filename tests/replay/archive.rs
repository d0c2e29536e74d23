//! A captured machine's archive, as `tests/hosts/pack` writes it: as entries, and unpacked into a folder.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// What stands at a path.
pub enum Entry {
    File(Vec<u8>),
    Dir,
    Link(String),
    /// Reading it fails.
    Errno,
}

/// Entries by path, without a slash in front.
pub struct Archive(BTreeMap<String, Entry>);

impl Archive {
    pub fn read(path: &Path) -> Self {
        Self::parse(&fs::read_to_string(path).unwrap())
    }

    fn parse(text: &str) -> Self {
        let mut entries = BTreeMap::new();
        let mut open: Option<(String, Vec<u8>)> = None;
        for line in text.lines() {
            if let Some(content) = line.strip_prefix(['|', ':']) {
                let (_, bytes) = open.as_mut().expect("a file before its lines");
                bytes.extend(unescape(content));
                if line.starts_with('|') {
                    bytes.push(b'\n');
                }
                continue;
            }
            entries.extend(open.take().map(|(path, bytes)| (path, Entry::File(bytes))));
            let (kind, rest) = line.split_once(' ').expect("a kind and a path");
            let (path, more) = rest.split_once(' ').unwrap_or((rest, ""));
            let entry = match kind {
                "file" => {
                    open = Some((path.to_owned(), Vec::new()));
                    continue;
                }
                "dir" => Entry::Dir,
                "link" => Entry::Link(more.to_owned()),
                "errno" => Entry::Errno,
                other => panic!("an entry of kind {other}"),
            };
            entries.insert(path.to_owned(), entry);
        }
        entries.extend(open.map(|(path, bytes)| (path, Entry::File(bytes))));
        Self(entries)
    }

    /// Writes all of it below a folder. What could not be read becomes a link to itself: that cannot be either.
    pub fn unpack(&self, folder: &Path) {
        for (path, entry) in &self.0 {
            let at = folder.join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            match entry {
                Entry::File(bytes) => fs::write(&at, bytes).unwrap(),
                Entry::Dir => fs::create_dir_all(&at).unwrap(),
                Entry::Link(to) => symlink(to, &at).unwrap(),
                Entry::Errno => symlink(at.file_name().unwrap(), &at).unwrap(),
            }
        }
    }

    /// A file's bytes.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        match self.0.get(path)? {
            Entry::File(bytes) => Some(bytes),
            _ => None,
        }
    }

    #[track_caller]
    pub fn text(&self, path: &str) -> &str {
        let bytes = self.file(path).unwrap_or_else(|| panic!("{path} is not in the archive"));
        std::str::from_utf8(bytes).unwrap()
    }

    /// Whether anything is below a directory.
    pub fn has_dir(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.0.range(below.clone()..).next().is_some_and(|(next, _)| next.starts_with(&below))
    }

    #[track_caller]
    pub fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(self.text(path)).unwrap()
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn unescape(line: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' if rest.next() == Some(b'0') => 0,
            other => other,
        });
    }
    bytes
}

#[test]
fn an_archive_is_read_as_it_was_packed() {
    let text =
        "dir a/empty\nerrno a/speed EINVAL\nfile a/two\n|x\\\\y\\0z\n:end\nlink b socket:[1] (x)\nfile c\n";
    let archive = Archive::parse(text);
    assert_eq!(archive.file("a/two"), Some(&b"x\\y\0z\nend"[..]));
    assert_eq!(archive.file("c"), Some(&b""[..]));
    let folder = tempfile::tempdir().unwrap();
    archive.unpack(folder.path());
    let at = |path: &str| folder.path().join(path);
    assert_eq!(fs::read(at("a/two")).unwrap(), b"x\\y\0z\nend");
    assert!(at("a/empty").is_dir());
    assert_eq!(fs::read_link(at("b")).unwrap(), Path::new("socket:[1] (x)"));
    fs::read(at("a/speed")).unwrap_err();
}
