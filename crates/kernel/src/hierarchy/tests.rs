use std::fs;

use proptest::prelude::*;

use super::*;

/// A machine with these folders below the cgroup folder and these cgroup lines in its mountinfo.
fn machine(dirs: &[&str], mounts: &str) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path());
    for dir in dirs {
        fs::create_dir_all(root.cgroup.join(dir)).unwrap();
    }
    fs::create_dir_all(root.proc.join("self")).unwrap();
    if !mounts.is_empty() {
        fs::write(root.proc.join("self/mountinfo"), mounts).unwrap();
    }
    (folder, root)
}

const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

#[test]
fn hybrid_answers_for_each_controller() {
    let dirs = ["cpu", "cpuacct", "memory", "systemd", "unified"];
    let (_folder, root) = machine(&dirs, HYBRID);
    fs::write(root.cgroup.join("unified/cgroup.controllers"), "hugetlb\n").unwrap();
    let hierarchy = Hierarchy::detect(&root).unwrap();
    let v1 = |name: &str| Some((Version::V1, root.cgroup.join(name)));
    let got = |c| hierarchy.controller(c).map(|(version, path)| (version, path.to_owned()));
    assert_eq!(hierarchy.mode(), Mode::Hybrid);
    assert_eq!(got(Controller::Cpu), v1("cpu"));
    assert_eq!(got(Controller::CpuAcct), v1("cpuacct"));
    assert_eq!(got(Controller::Memory), v1("memory"));
    assert_eq!(got(Controller::HugeTlb), Some((Version::V2, root.cgroup.join("unified"))));
    assert_eq!(got(Controller::Io), None);
    assert_eq!(got(Controller::PerfEvent), Some((Version::V2, root.cgroup.join("unified"))));
    assert_eq!(hierarchy.unified(), Some(root.cgroup.join("unified").as_path()));
}

#[test]
fn perf_event_is_where_v1_has_it() {
    let mounts = format!("{HYBRID}42 31 0:39 / /sys/fs/cgroup/perf_event rw - cgroup cgroup rw,perf_event\n");
    let (_folder, root) = machine(&["cpu", "perf_event", "unified"], &mounts);
    let hierarchy = Hierarchy::detect(&root).unwrap();
    let place = hierarchy.controller(Controller::PerfEvent).unwrap();
    assert_eq!(place, (Version::V1, root.cgroup.join("perf_event").as_path()));
}

#[test]
fn the_freezer_is_where_v1_has_it_and_is_watched_there() {
    let mounts = format!("{HYBRID}42 31 0:39 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n");
    let (_folder, root) = machine(&["cpu", "freezer", "unified"], &mounts);
    let hierarchy = Hierarchy::detect(&root).unwrap();
    let freezer = root.cgroup.join("freezer");
    assert_eq!(hierarchy.controller(Controller::Freezer), Some((Version::V1, freezer.as_path())));
    assert!(hierarchy.watch_dirs(&Kinds::default()).contains(&freezer));
    // nobody mounts it: what v2 has beside the others counts
    let (_folder, root) = machine(&["cpu", "unified"], HYBRID);
    let place = Hierarchy::detect(&root).unwrap().controller(Controller::Freezer).map(|place| place.0);
    assert_eq!(place, Some(Version::V2));
}

#[test]
fn plain_v2_has_every_controller_in_one_place() {
    let mounts = "35 24 0:31 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";
    let (_folder, root) = machine(&["a.slice"], mounts);
    let hierarchy = Hierarchy::detect(&root).unwrap();
    assert_eq!(hierarchy.mode(), Mode::V2);
    for controller in Controller::ALL {
        assert_eq!(hierarchy.controller(controller), Some((Version::V2, root.cgroup.as_path())));
    }
    assert_eq!(hierarchy.watch_dirs(&Kinds::default()), std::slice::from_ref(&root.cgroup));
}

#[test]
fn controllers_mounted_together_share_one_folder() {
    let mounts = "\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:32 / /sys/fs/cgroup/second rw,relatime - cgroup cgroup rw,memory
";
    let (_folder, root) = machine(&["cpu,cpuacct", "memory", "second"], mounts);
    let hierarchy = Hierarchy::detect(&root).unwrap();
    assert_eq!(hierarchy.mode(), Mode::V1);
    assert_eq!(hierarchy.controller(Controller::Cpu), hierarchy.controller(Controller::CpuAcct));
    assert_eq!(
        hierarchy.watch_dirs(&Kinds::default()),
        [root.cgroup.join("cpu,cpuacct"), root.cgroup.join("memory")]
    );
}

#[test]
fn a_kind_that_is_off_is_not_watched() {
    let (_folder, root) = machine(&["cpu", "cpuacct", "memory", "systemd", "unified"], HYBRID);
    let hierarchy = Hierarchy::detect(&root).unwrap();
    let kinds = Kinds::default().without(Kind::Memory);
    let dirs = hierarchy.watch_dirs(&kinds);
    assert_eq!(dirs, ["cpu", "cpuacct", "unified"].map(|name| root.cgroup.join(name)));
}

#[test]
fn without_a_mount_table_the_listing_tells() {
    let (_folder, root) = machine(&["cpu,cpuacct", "memory", "unified", "odd"], "");
    std::os::unix::fs::symlink("cpu,cpuacct", root.cgroup.join("cpu")).unwrap();
    fs::write(root.cgroup.join("unified/cgroup.controllers"), "").unwrap();
    let hierarchy = Hierarchy::detect(&root).unwrap();
    assert_eq!(hierarchy.mode(), Mode::Hybrid);
    let together = root.cgroup.join("cpu,cpuacct");
    assert_eq!(hierarchy.controller(Controller::Cpu), Some((Version::V1, together.as_path())));

    let (_folder, root) = machine(&["a.slice"], "");
    fs::write(root.cgroup.join("cgroup.controllers"), "cpu memory\n").unwrap();
    assert_eq!(Hierarchy::detect(&root).unwrap().mode(), Mode::V2);
}

#[test]
fn a_mount_of_a_part_gives_way_to_the_whole() {
    let mounts = "\
34 31 0:32 /docker/1 /sys/fs/cgroup/part rw - cgroup cgroup rw,memory
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
";
    let (_folder, root) = machine(&["part", "memory"], mounts);
    let hierarchy = Hierarchy::detect(&root).unwrap();
    let whole = root.cgroup.join("memory");
    assert_eq!(hierarchy.controller(Controller::Memory), Some((Version::V1, whole.as_path())));
}

#[test]
fn a_machine_without_cgroups_is_an_error_that_says_what_would_be_right() {
    let (_folder, root) = machine(&[], "1 1 0:1 / / rw - ext4 /dev/vda rw\n");
    let error = Hierarchy::detect(&root).unwrap_err();
    assert!(error.to_string().contains("expected a cgroup2 mount"), "{error}");
}

#[test]
fn this_machine_is_understood() {
    let Ok(hierarchy) = Hierarchy::detect(&Root::at(Path::new("/"))) else {
        eprintln!("skipped: no cgroups here");
        return;
    };
    let (_, cpu) = hierarchy.controller(Controller::CpuAcct).unwrap();
    assert!(cpu.join("cgroup.procs").exists());
}

proptest! {
    #[test]
    fn no_mount_table_makes_it_panic(text in ".{0,300}", line in "[ -~]{0,80} - cgroup2? [ -~]{0,40}") {
        from_mounts(text.as_bytes(), Path::new("/sys/fs/cgroup"));
        from_mounts(line.as_bytes(), Path::new("/tmp"));
    }

    #[test]
    fn escapes_are_undone(name in "[a-z \\\\\t]{0,20}") {
        let written = name.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011");
        prop_assert_eq!(format::unescape_octal(written.as_bytes()), name.as_bytes());
    }
}
