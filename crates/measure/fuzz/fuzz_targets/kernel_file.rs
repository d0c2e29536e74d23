//! A captured machine of which one file says something else: every reader that may open it is run. No panic, and
//! nothing is reported as gone. In the input two bytes choose the file, the rest is what it says.
#![no_main]

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use plimsoll_core::kinds::Kinds;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::root::Root;
use plimsoll_measure::host::Host;
use plimsoll_measure::reader::{Effort, Reader};
use plimsoll_measure::sample::Sample;
use plimsoll_measure::{filesystem, machine, processes, spec};

/// Two machines, a container of each, and its first process.
const MACHINES: [(&str, &str, u32); 2] = [
    ("v1-hybrid", "/docker/e86aaafe827a4a6c1c6db7af42ec46c83d6b692c128730f66d051217056eb124", 18191),
    ("v2-cgroupfs", "/docker/288f62a616353b8ef2761793813f646259cc7ae73faf1bde70f704c751c303ff", 734),
];

struct Captured {
    folder: PathBuf,
    /// The files, each with its machine and what it says.
    files: Vec<(usize, PathBuf, Vec<u8>)>,
}

static CAPTURED: LazyLock<Captured> = LazyLock::new(|| {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let folder = Path::new("/dev/shm").join(format!("plimsoll-fuzz-{}", std::process::id()));
    let mut files = Vec::new();
    for (number, (name, ..)) in MACHINES.iter().enumerate() {
        let mut paths = Vec::new();
        list(&from.join(name), &mut paths);
        // the order in which the seeds count them
        paths.sort();
        for path in paths {
            let to = folder.join(path.strip_prefix(&from).expect("below"));
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            let bytes = std::fs::read(&path).expect("a file");
            std::fs::write(&to, &bytes).expect("a file");
            files.push((number, to, bytes));
        }
    }
    Captured { folder, files }
});

thread_local! {
    /// The filesystems of a machine as it was captured.
    static TABLE: RefCell<filesystem::Table> =
        RefCell::new(filesystem::Table::read(&Root::at(&CAPTURED.folder.join(MACHINES[1].0))));
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some(([high, low], text)) = input.split_first_chunk::<2>() else { return };
    let Captured { folder, files } = &*CAPTURED;
    let number = usize::from(u16::from_be_bytes([*high, *low])) % files.len();
    let (machine, path, bytes) = &files[number];
    std::fs::write(path, text).expect("written");
    read(folder, path, MACHINES[*machine]);
    std::fs::write(path, bytes).expect("written");
});

/// Runs those who may open the file.
fn read(folder: &Path, path: &Path, (machine, group, pid): (&str, &str, u32)) {
    let root = Root::at(&folder.join(machine));
    let now = Timestamp::from_secs(1_795_255_310);
    // a machine without hierarchies is refused
    let Ok(host) = Host::new(root.clone(), Kinds::all(), 100) else { return };
    let host = Arc::new(host);
    let (mut buffer, mut sample) = (Vec::new(), Sample::default());
    let of_container = path.to_string_lossy().contains(group);
    for name in [group, "/"].into_iter().take(if of_container { 1 } else { 2 }) {
        let mut reader = Reader::new(&host, name);
        reader.set_pid(Some(pid).filter(|_| name != "/"));
        for effort in [Effort::Full, Effort::Thrifty] {
            reader.read(now, effort, &mut buffer, &mut sample);
        }
        reader.processes(&mut buffer);
        let _ = spec::read(&host, name, None, &mut buffer);
        if path.starts_with(&root.proc) {
            let of = processes::Of { group: name.to_owned(), deep: true };
            let _ = processes::list(&root, &of, &processes::Clock::read(&root, now));
        }
    }
    if path.starts_with(&root.cgroup) {
        return;
    }
    // a table starts threads of its own
    if ["mountinfo", "diskstats"].iter().any(|name| path.ends_with(name)) {
        filesystem::Table::read(&root).usage(now, &mut Vec::new());
    } else {
        TABLE.with_borrow_mut(|table| machine::read(&root, &machine::Options::default(), table, now));
    }
    machine::versions(&root);
}
