//! Layers on real filesystems: what is counted against what the kernel itself says of 50 MiB that were written.
//! Filesystems are made in files; a process whose root is changed stands for a container, so that no runtime is needed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

mod common;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Need, eventually, program};
use plimsoll_measure::filesystem::{FsStats, Layer, Table, Tracked, Tracker};

const MIB: u64 = 1 << 20;

/// Runs a program; what it printed if it went well.
fn run(words: &[&str]) -> Result<String, String> {
    let done = program::run(Command::new(words[0]).args(&words[1..]), 60.0);
    if done.code == Some(0) {
        Ok(done.stdout)
    } else {
        Err(format!("{words:?}: {}{}", done.stdout, done.stderr))
    }
}

/// A filesystem in a file, mounted until this is dropped.
struct Disk {
    folder: tempfile::TempDir,
    mounted: Vec<PathBuf>,
}

impl Disk {
    /// `None`, and a word about it, where this kernel has no such filesystem.
    #[track_caller]
    fn new(test: &str, make: &[&str], options: &str) -> Option<Self> {
        // a virtual machine has its disk elsewhere
        let large = std::env::var_os("TMPDIR").unwrap_or("/var/tmp".into());
        let folder = tempfile::Builder::new().prefix("plimsoll-disk-").tempdir_in(large).unwrap();
        let (image, at) = (folder.path().join("image"), folder.path().join("at"));
        std::fs::File::create(&image).unwrap().set_len(768 * MIB).unwrap();
        std::fs::create_dir(&at).unwrap();
        let mut disk = Self { folder, mounted: Vec::new() };
        // where the kernel has it as a module; where it has it built in, there is nothing to load
        let _ = run(&["modprobe", "loop"]);
        let made = run(&[make, &[image.to_str().unwrap()]].concat());
        let mount = ["mount", "-o", options, image.to_str().unwrap(), at.to_str().unwrap()];
        match made.and_then(|_| run(&mount)) {
            Ok(_) => {
                disk.mounted.push(at);
                Some(disk)
            }
            Err(why) => {
                common::say(&format!("SKIP {test}: {}", why.lines().next().unwrap_or_default()));
                None
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("at").join(name)
    }

    /// A folder of it, mounted once more by itself, as runtimes do with a container's root.
    fn bound(&mut self, name: &str) -> PathBuf {
        let root = self.folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        run(&["mount", "--bind", &self.name(name), root.to_str().unwrap()]).unwrap();
        self.mounted.push(root.clone());
        root
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for at in self.mounted.iter().rev() {
            let _ = run(&["umount", "-l", at.to_str().unwrap()]);
        }
    }
}

/// Something that is as large as a container's root may be: a program, and a few files.
fn image(at: &Path) {
    std::fs::create_dir_all(at.join("bin")).unwrap();
    let busybox =
        ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists()).unwrap();
    std::fs::copy(busybox, at.join("bin/busybox")).unwrap();
    write(&at.join("image"), 20 * MIB);
}

fn write(path: &Path, bytes: u64) {
    use std::io::Write;
    let block: Vec<u8> = (0..MIB).map(|n| (n * n % 251) as u8).collect();
    let mut file = std::fs::File::create(path).unwrap();
    (0..bytes / MIB).for_each(|_| file.write_all(&block).unwrap());
    file.sync_all().unwrap();
}

/// What a container does: 50 MiB, and ten small files in a folder; twelve inodes.
fn work(root: &Path) {
    write(&root.join("fifty"), 50 * MIB);
    std::fs::create_dir(root.join("small")).unwrap();
    (0..10).for_each(|n| std::fs::write(root.join(format!("small/{n}")), [1; 100]).unwrap());
    rustix::fs::sync();
}

/// A process whose `/` this directory is.
struct Rooted(Child);

impl Rooted {
    fn new(root: &Path) -> Self {
        let mut command = Command::new("chroot");
        command.arg(root).args(["/bin/busybox", "sleep", "600"]).stdin(Stdio::null());
        let child = command.spawn().unwrap();
        let comm = format!("/proc/{}/comm", child.id());
        eventually("it has its root", 10.0, || match std::fs::read_to_string(&comm) {
            Ok(name) if name.trim() == "busybox" => Ok(()),
            other => Err(format!("{other:?}")),
        });
        Self(child)
    }

    fn layer(&self) -> Layer {
        Layer { pid: Some(self.0.id()), ..Layer::default() }
    }
}

impl Drop for Rooted {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tracker(interval: Duration) -> Tracker {
    let root = plimsoll_kernel::root::Root::detect();
    let table = Arc::new(Mutex::new(Table::read(&root)));
    Tracker::start(root, table, interval, || plimsoll_core::time::Timestamp(1)).unwrap()
}

#[track_caller]
fn value(tracked: &Tracked) -> FsStats {
    let mut filesystem = Vec::new();
    eventually("it is measured", 30.0, || {
        tracked.fill(&mut filesystem);
        if filesystem.is_empty() { Err(format!("{:?}", tracked.trouble())) } else { Ok(()) }
    });
    filesystem.pop().unwrap()
}

/// The numbers, and whether the filesystem counted them itself.
#[track_caller]
fn measured(layer: Layer) -> (FsStats, bool) {
    let tracker = tracker(Duration::from_secs(60));
    let stats = value(&tracker.track(layer));
    (stats, tracker.meters().counted.load(Relaxed) > 0)
}

#[track_caller]
fn is_about(bytes: u64, mib: u64) {
    let wanted = mib * MIB;
    assert!(bytes.abs_diff(wanted) * 100 <= wanted, "{bytes} bytes, not {mib} MiB");
}

/// By whole paths and a set of all inodes.
fn slowly(root: &Path) -> (u64, u64) {
    let (mut left, mut inodes) = (vec![root.to_owned()], std::collections::BTreeMap::new());
    while let Some(path) = left.pop() {
        let data = std::fs::symlink_metadata(&path).unwrap();
        inodes.insert(data.ino(), data.blocks() * 512);
        if data.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    (inodes.values().sum(), inodes.len() as u64)
}

#[test]
fn a_subvolume_counts_what_it_does_not_share_with_its_image() {
    let test = "a_subvolume_counts_what_it_does_not_share_with_its_image";
    if !common::able(test, &[Need::Root, Need::Program("mkfs.btrfs"), Need::Program("btrfs")]) {
        return;
    }
    let Some(mut disk) = Disk::new(test, &["mkfs.btrfs", "-q"], "loop") else { return };
    run(&["btrfs", "subvolume", "create", &disk.name("image")]).unwrap();
    image(&disk.path("image"));
    let snapshot =
        |name: &str| run(&["btrfs", "subvolume", "snapshot", &disk.name("image"), &disk.name(name)]);
    snapshot("container").unwrap();
    snapshot("other").unwrap();
    let container = Rooted::new(&disk.bound("container"));
    let untouched = measured(container.layer()).0;
    assert!(untouched.base_usage < MIB, "{untouched:?}");
    // part of a file of the image too, which is then a thirteenth inode
    work(&disk.path("container"));
    {
        use std::os::unix::fs::FileExt;
        let image = std::fs::OpenOptions::new().write(true).open(disk.path("container/image")).unwrap();
        image.write_all_at(&[7; 64 << 10], MIB).unwrap();
        image.sync_all().unwrap();
    }
    rustix::fs::sync();
    write(&disk.path("other/more"), 30 * MIB);

    let (stats, counted) = measured(container.layer());
    assert!(!counted);
    is_about(stats.base_usage, 50);
    assert_eq!(stats.inodes, 13);
    assert!(stats.device.starts_with("/dev/loop"), "{stats:?}");
    let told = Layer { upper: Some(disk.path("container")), ..Layer::default() };
    assert_eq!(measured(told.clone()).0, stats);
    // its quota knows better what became of its own meanwhile
    run(&["btrfs", "quota", "enable", disk.path("").to_str().unwrap()]).unwrap();
    run(&["btrfs", "quota", "rescan", "-w", disk.path("").to_str().unwrap()]).unwrap();
    for layer in [container.layer(), told] {
        let (stats, counted) = measured(layer);
        assert!(counted);
        is_about(stats.base_usage, 50);
        assert_eq!(stats.inodes, 0, "qgroups count no inodes");
    }
    // one that is no copy is the container's as a whole
    run(&["btrfs", "quota", "disable", disk.path("").to_str().unwrap()]).unwrap();
    let all = measured(Layer { upper: Some(disk.path("image")), ..Layer::default() }).0;
    let truth = slowly(&disk.path("image"));
    assert_eq!((all.base_usage, all.inodes), truth);
}

fn projects(test: &str, make: &[&str], options: &str) {
    if !common::able(test, &[Need::Root, Need::Program(make_program(make)), Need::Program("chattr")]) {
        return;
    }
    let Some(disk) = Disk::new(test, make, options) else { return };
    // as Docker does it: the folder has the project, and what is made in it inherits it
    let layer = |name: &str, project: &str| {
        let folder = disk.path(&format!("overlay2/{name}"));
        std::fs::create_dir_all(&folder).unwrap();
        if !project.is_empty() {
            run(&["chattr", "-p", project, "+P", folder.to_str().unwrap()]).unwrap();
        }
        std::fs::create_dir_all(folder.join("diff")).unwrap();
        std::fs::create_dir_all(folder.join("work/work")).unwrap();
        std::fs::write(folder.join("lower"), "l/X").unwrap();
        Layer { upper: Some(folder.join("diff")), ..Layer::default() }
    };
    let (own, none) = (layer("own", "17"), layer("none", ""));
    for layer in [&own, &none] {
        work(layer.upper.as_ref().unwrap());
    }
    let truth = slowly(own.upper.as_ref().unwrap());
    for (layer, by_project) in [(&own, true), (&none, false)] {
        let (stats, counted) = measured(layer.clone());
        is_about(stats.base_usage, 50);
        assert_eq!((counted, stats.base_usage, stats.inodes), (by_project, truth.0, truth.1));
    }
    // two that share a project, and all that lie in a folder of one, are walked
    let (one, two) = (layer("one", "18"), layer("two", "18"));
    let all = tracker(Duration::from_millis(50));
    let (first, second) = (all.track(one.clone()), all.track(two));
    work(one.upper.as_ref().unwrap());
    let truth = slowly(one.upper.as_ref().unwrap());
    eventually("each counts its own", 20.0, || {
        let (one, two) = (value(&first), value(&second));
        if (one.base_usage, one.inodes) == truth && two.inodes == 1 {
            Ok(())
        } else {
            Err(format!("{one:?} {two:?}"))
        }
    });
    let above = disk.path("overlay2");
    run(&["chattr", "-p", "17", "+P", above.to_str().unwrap()]).unwrap();
    assert!(!measured(own).1);
}

fn make_program(make: &[&str]) -> &'static str {
    if make[0].ends_with("xfs") { "mkfs.xfs" } else { "mkfs.ext4" }
}

#[test]
fn a_project_of_ext4_counts_its_layer() {
    projects(
        "a_project_of_ext4_counts_its_layer",
        &["mkfs.ext4", "-q", "-O", "project,quota"],
        "loop,prjquota",
    );
}

#[test]
fn a_project_of_xfs_counts_its_layer() {
    projects("a_project_of_xfs_counts_its_layer", &["mkfs.xfs", "-q"], "loop,pquota");
}

#[test]
fn a_filesystem_of_its_own_is_counted_by_its_sizes() {
    let test = "a_filesystem_of_its_own_is_counted_by_its_sizes";
    if !common::able(test, &[Need::Root, Need::Program("mkfs.ext4")]) {
        return;
    }
    // as devicemapper's volumes: the container is in a folder
    let Some(mut disk) = Disk::new(test, &["mkfs.ext4", "-q"], "loop") else { return };
    image(&disk.path("rootfs"));
    let root = disk.bound("rootfs");
    let container = Rooted::new(&root);
    let before = measured(container.layer()).0;
    work(&root);
    let (stats, counted) = measured(container.layer());
    assert!(counted);
    is_about(stats.base_usage - before.base_usage, 50);
    assert_eq!(stats.inodes - before.inodes, 12);
    assert!(stats.capacity < 800 * MIB && stats.device.starts_with("/dev/loop"), "{stats:?}");
}

#[test]
fn overlays_are_found_by_their_mounts() {
    let test = "overlays_are_found_by_their_mounts";
    if !common::able(test, &[Need::Root, Need::Program("mkfs.ext4")]) {
        return;
    }
    let Some(mut disk) = Disk::new(test, &["mkfs.ext4", "-q"], "loop") else { return };
    image(&disk.path("l"));
    let mut ways = vec!["whole", "relative"];
    if common::find_program("fuse-overlayfs").is_some() {
        ways.push("fuse");
    }
    for way in ways {
        let at = |part: &str| disk.path(&format!("overlay/{way}/{part}"));
        for part in ["diff", "work", "merged"] {
            std::fs::create_dir_all(at(part)).unwrap();
        }
        let overlay = disk.name("overlay");
        let (folder, options) = match way {
            "relative" => {
                (overlay.as_str(), "lowerdir=../l,upperdir=relative/diff,workdir=relative/work".to_owned())
            }
            _ => (
                "/",
                format!(
                    "lowerdir={},upperdir={},workdir={}",
                    disk.name("l"),
                    at("diff").display(),
                    at("work").display()
                ),
            ),
        };
        let words = match way {
            "fuse" => vec!["fuse-overlayfs", "-o", &options],
            _ => vec!["mount", "-t", "overlay", "overlay", "-o", &options],
        };
        let merged = at("merged");
        let done =
            program::run(Command::new(words[0]).args(&words[1..]).arg(&merged).current_dir(folder), 20.0);
        if done.code != Some(0) {
            common::say(&format!("SKIP {test}, {way}: {}", done.stderr));
            continue;
        }
        disk.mounted.push(merged.clone());
        let container = Rooted::new(&merged);
        work(&merged);
        let stats = measured(container.layer()).0;
        is_about(stats.base_usage, 50);
        assert_eq!(
            (stats.base_usage, stats.inodes),
            slowly(&disk.path(&format!("overlay/{way}/diff"))),
            "{way}"
        );
        // fuse-overlayfs leaves marks of its own
        assert!(stats.inodes == 13 || way == "fuse", "{stats:?}");
    }
}

#[test]
fn a_runtime_among_other_mounts_is_asked_for_its_own_paths() {
    let test = "a_runtime_among_other_mounts_is_asked_for_its_own_paths";
    if !common::able(test, &[Need::Root, Need::Program("mkfs.ext4"), Need::Program("unshare")]) {
        return;
    }
    let Some(disk) = Disk::new(test, &["mkfs.ext4", "-q"], "loop") else { return };
    image(&disk.path("l"));
    for part in ["inner/diff", "inner/work", "inner/merged", "store/diff"] {
        std::fs::create_dir_all(disk.path(part)).unwrap();
    }
    // the same path on the host is something else
    write(&disk.path("store/diff/other"), 30 * MIB);
    let [l, inner, store] = ["l", "inner", "store"].map(|name| disk.name(name));
    let script = format!(
        "mount --bind {inner} {store} && mount -t overlay overlay {store}/merged \
         -o lowerdir={l},upperdir={store}/diff,workdir={store}/work && \
         {{ chroot {store}/merged /bin/busybox sleep 600 & echo $!; wait; }}"
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &script]);
    let mut runtime = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(runtime.stdout.take().unwrap()), &mut line)
        .unwrap();
    let pid: u32 = line.trim().parse().unwrap();
    eventually("it has its root", 10.0, || match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) if name.trim() == "busybox" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    work(Path::new(&format!("/proc/{pid}/root")));
    let stats = measured(Layer { pid: Some(pid), ..Layer::default() }).0;
    let _ = run(&["kill", "-KILL", &pid.to_string()]);
    let _ = runtime.wait();
    is_about(stats.base_usage, 50);
    assert_eq!((stats.base_usage, stats.inodes), slowly(&disk.path("inner/diff")));
}
