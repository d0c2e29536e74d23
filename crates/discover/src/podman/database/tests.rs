//! Databases that Podman wrote, and what they become when bytes of them change.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// Of Podman 4.3: 41 containers in a storage of the driver `vfs`, listed beside it as `podman inspect` tells them.
const BOLT: &[u8] = include_bytes!("../testdata/4.3/bolt_state.db.gz");
const BOLT_LIST: &str = include_str!("../testdata/4.3/containers.txt");
/// The same of Podman 5.4.
const SQLITE: &[u8] = include_bytes!("../testdata/5.4/db.sql.gz");
const SQLITE_LIST: &str = include_str!("../testdata/5.4/containers.txt");

type Reader = fn(&dyn Source, &str) -> Option<Option<Documents>>;
const BOTH: [(&[u8], &str, Reader, &str); 2] = [
    (BOLT, BOLT_LIST, bolt::container, "root/libpod/bolt_state.db"),
    (SQLITE, SQLITE_LIST, sqlite::container, "root/db.sql"),
];

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The ids and what Podman tells of them.
fn listed(list: &str) -> impl Iterator<Item = (&str, Record)> {
    list.lines().map(|line| {
        let mut words = line.splitn(3, ' ');
        let id = words.next().unwrap();
        let restarts = words.next().unwrap().parse().unwrap();
        (id, Record { restarts, labels: serde_json::from_str(words.next().unwrap()).unwrap() })
    })
}

#[test]
fn every_container_is_found_as_podman_tells_it() {
    for (packed, list, reader, name) in BOTH {
        let bytes = unpacked(packed);
        let mut restarted = 0;
        for (id, told) in listed(list) {
            let found = parse(&reader(&bytes.as_slice(), id).unwrap().expect(id)).unwrap();
            restarted += found.restarts;
            assert_eq!(found, told, "{name}: {id}");
        }
        assert_eq!((list.lines().count(), restarted), (41, 3), "{name}");
        for other in ["", "0", "ffff", "config", "zzzz", &"f".repeat(64)] {
            assert_eq!(reader(&bytes.as_slice(), other), Some(None), "{name}: {other}");
        }
    }
}

#[test]
fn what_is_no_database_or_of_the_other_kind_is_none() {
    for (packed, list, _, _) in BOTH {
        let bytes = unpacked(packed);
        let (id, _) = listed(list).next().unwrap();
        let read = [bolt::container(&bytes.as_slice(), id), sqlite::container(&bytes.as_slice(), id)];
        assert_eq!(read.iter().filter(|found| found.is_some()).count(), 1);
    }
    for (_, _, reader, _) in BOTH {
        assert_eq!(reader(&&b""[..], "a"), None);
        assert_eq!(reader(&&[0; 9_000][..], "a"), None);
    }
}

/// A host with a storage and a database in it.
struct Host(tempfile::TempDir);

impl Host {
    fn with(path: &str, bytes: &[u8]) -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        host.put(path, bytes);
        host
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn read(&self, id: &str) -> Option<Record> {
        let place = Place {
            bundle: format!("/root/vfs-containers/{id}/userdata").into(),
            pid_file: format!("/run/vfs-containers/{id}/userdata/pidfile").into(),
            exits: "/tmp/exits".into(),
            ..Place::default()
        };
        read(self.0.path(), id, &place)
    }
}

#[test]
fn it_is_looked_for_where_podman_puts_it() {
    let places: [&[&str]; 2] = [
        &["root/libpod/bolt_state.db", "tmp/bolt_state.db"],
        &["root/db.sql", "root/libpod/db.sql", "run/db.sql"],
    ];
    for ((packed, list, _, _), places) in BOTH.into_iter().zip(places) {
        for place in places {
            let host = Host::with(place, &unpacked(packed));
            let (id, told) = listed(list).next().unwrap();
            assert_eq!(host.read(id), Some(told), "{place}");
            assert_eq!(host.read("elsewhere"), None);
        }
    }
    assert_eq!(Host::with("other", b"").read("a"), None);
}

#[test]
fn one_that_knows_nothing_does_not_hide_the_other() {
    let host = Host::with(BOTH[0].3, &unpacked(BOLT));
    host.put(BOTH[1].3, &unpacked(SQLITE));
    let (id, told) = listed(SQLITE_LIST).last().unwrap();
    assert_eq!(host.read(id), Some(told));
}

#[test]
fn pages_that_are_being_written_are_not_believed() {
    let host = Host::with("root/db.sql", &unpacked(SQLITE));
    let (id, _) = listed(SQLITE_LIST).next().unwrap();
    host.put("root/db.sql-journal", b"pages as they were");
    assert_eq!(host.read(id), None);
    fs::remove_file(host.0.path().join("root/db.sql-journal")).unwrap();
    assert!(host.read(id).is_some());
}

/// A file that changes after a few readings.
struct Changing<'a> {
    bytes: &'a [u8],
    at: u64,
    to: &'a [u8],
    after: std::cell::Cell<usize>,
}

impl Source for Changing<'_> {
    fn at(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let mut bytes = self.bytes.at(offset, length)?;
        let left = self.after.get();
        self.after.set(left.saturating_sub(1));
        if left == 0 && (offset..offset + length as u64).contains(&self.at) {
            let begin = usize::try_from(self.at - offset).unwrap();
            bytes[begin..begin + self.to.len()].copy_from_slice(self.to);
        }
        Some(bytes)
    }
}

#[test]
fn few_pages_are_read() {
    for (packed, list, reader, name) in BOTH {
        let bytes = unpacked(packed);
        let most = listed(list).map(|(id, _)| {
            let file = Changing { bytes: &bytes, at: u64::MAX, to: &[], after: usize::MAX.into() };
            assert!(reader(&file, id).unwrap().is_some());
            usize::MAX - file.after.get()
        });
        let most = most.max().unwrap();
        assert!(most <= 24, "{name}: {most}");
    }
}

#[test]
fn what_changed_meanwhile_is_not_believed() {
    // SQLite counts changes at 24; in Bolt a page in front whose checksum is wrong does not count
    for ((packed, list, reader, name), at) in BOTH.into_iter().zip([None, Some(24)]) {
        let bytes = unpacked(packed);
        let (id, _) = listed(list).next().unwrap();
        assert!(reader(&bytes.as_slice(), id).unwrap().is_some());
        for at in at.map_or(vec![16, 4_096 + 16], |at| vec![at]) {
            let file = Changing { bytes: &bytes, at, to: &[9; 4], after: 4.into() };
            let found = reader(&file, id);
            // of Bolt's two the older may change
            let newer = name == "root/db.sql" || Changing { after: 0.into(), ..file }.newer_is_hit();
            assert_eq!(found.is_none(), newer, "{name} at {at}");
        }
    }
}

impl Changing<'_> {
    /// Whether the transaction that counts is another once the file has changed.
    fn newer_is_hit(&self) -> bool {
        bolt::transaction(self) != bolt::transaction(&self.bytes)
    }
}

#[test]
fn fields_of_a_wrong_type_are_left_out() {
    let f = |config: &str, state: &str| {
        parse(&Documents { config: config.as_bytes().to_vec(), state: state.as_bytes().to_vec() })
    };
    assert_eq!(f("{", "{}"), None);
    let empty = Some(Record::default());
    assert_eq!(f("{}", ""), empty);
    assert_eq!(f(r#"{"labels":7}"#, r#"{"restartCount":-1}"#), empty);
    let some = f(r#"{"labels":{"a":"b","c":7}}"#, r#"{"restartCount":2}"#).unwrap();
    assert_eq!((some.labels.len(), some.labels["a"].as_str(), some.restarts), (1, "b", 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_change_of_bytes_panics_or_hangs(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..200),
        front in proptest::collection::vec((0..4_096_usize, any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
    ) {
        static WHOLE: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| BOTH.map(|(packed, ..)| unpacked(packed)));
        for ((_, list, reader, _), whole) in BOTH.into_iter().zip(&*WHOLE) {
            let mut bytes = whole.clone();
            let (id, _) = listed(list).nth(20).unwrap();
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let _ = reader(&bytes.as_slice(), id);
            for (at, byte) in &front {
                bytes[*at] = *byte;
            }
            let _ = reader(&bytes.as_slice(), id);
            let _ = reader(&&bytes[..end.index(bytes.len())], id);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9_000)) {
        let mut bytes = bytes;
        let _ = (bolt::container(&bytes.as_slice(), "a"), sqlite::container(&bytes.as_slice(), "a"));
        if bytes.len() > 100 {
            bytes[..16].copy_from_slice(b"SQLite format 3\0");
            bytes[16..21].copy_from_slice(&[2, 0, 1, 1, 0]);
            bytes[56..60].copy_from_slice(&[0, 0, 0, 1]);
        }
        let _ = sqlite::container(&bytes.as_slice(), "a");
    }
}

#[test]
fn a_folder_and_a_pipe_are_no_database() {
    let host = Host::with("root/libpod/bolt_state.db/x", b"");
    let pipe = host.0.path().join("root/db.sql");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        Path::new(&pipe),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(host.read("a"), None, "and it has not waited");
}
