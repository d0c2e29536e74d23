use plimsoll_core::kinds::Kinds;
use plimsoll_kernel::root::Root;

use super::*;
use crate::reader::tests::{V1_WEB, V2_HUGE, V2_WEB, all_kinds, captured, host_of_nothing};

fn spec(host: &str, kinds: Kinds, name: &str) -> Spec {
    read(&captured(host, kinds), name, None, &mut Vec::new()).unwrap()
}

#[test]
fn limits_of_a_container_on_v1() {
    let spec = spec("v1-hybrid", all_kinds(), V1_WEB);
    let cpu = CpuSpec { limit: 1024, max_limit: 0, mask: "0-1".to_owned(), quota: 50_000, period: 100_000 };
    assert_eq!((spec.has_cpu, spec.cpu), (true, cpu));
    let memory = MemorySpec { limit: 134_217_728, reservation: 67_108_864, swap_limit: 268_435_456 };
    assert_eq!((spec.has_memory, spec.memory), (true, memory));
    assert_eq!((spec.has_processes, spec.processes.limit, spec.has_diskio), (true, 64, true));
    assert!(spec.creation_time.is_some());
}

#[test]
fn a_creation_time_that_is_known_stays() {
    let known = Some(Timestamp::from_secs(7));
    let spec = read(&captured("v1-hybrid", all_kinds()), V1_WEB, known, &mut Vec::new()).unwrap();
    assert_eq!(spec.creation_time, known);
}

#[test]
fn limits_of_a_container_on_v2() {
    let spec = spec("v2-systemd", all_kinds(), V2_WEB);
    assert_eq!((spec.cpu.limit, spec.cpu.quota, spec.cpu.period), (2597, 50_000, 100_000));
    assert_eq!(spec.cpu.mask, "0-1");
    let memory = MemorySpec { limit: 134_217_728, reservation: 0, swap_limit: 134_217_728 };
    assert_eq!((spec.has_memory, spec.memory), (true, memory));
    assert_eq!((spec.has_processes, spec.processes.limit, spec.has_hugetlb), (true, 64, false));
}

#[test]
fn no_limit_is_the_largest_number_on_v2() {
    let spec = spec("v2-cgroupfs", all_kinds(), V2_HUGE);
    assert_eq!((spec.cpu.quota, spec.processes.limit), (0, u64::MAX));
}

#[test]
fn the_root_has_the_machines_memory() {
    for (host, total, swap) in [("v1-hybrid", 24_684_092u64, 0), ("v2-systemd", 2_026_012, 262_140u64)] {
        let spec = spec(host, all_kinds(), "/");
        assert_eq!(
            (spec.has_memory, spec.memory.limit, spec.memory.swap_limit),
            (true, total << 10, swap << 10)
        );
    }
    assert!(!spec("v1-hybrid", all_kinds(), "/").has_processes);
}

#[test]
fn a_kind_that_is_off_has_no_limits() {
    let spec = spec("v1-hybrid", Kinds::default().without(Kind::Memory), V1_WEB);
    assert_eq!((spec.has_memory, spec.memory, spec.has_processes), (false, MemorySpec::default(), false));
    assert_eq!(spec.cpu.mask, "", "needs the kind cpuset on v1");
}

#[test]
fn a_frozen_group_is_told_on_both_versions() {
    let write = |folder: &tempfile::TempDir, name: &str, text: &str| {
        let file = Root::at(folder.path()).cgroup.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    let detect = |folder: &tempfile::TempDir| Host::new(Root::at(folder.path()), all_kinds(), 100).unwrap();
    let told = |host: &Host| frozen(host, "/web", &mut Vec::new());

    let folder = tempfile::tempdir().unwrap();
    write(&folder, "cgroup.controllers", "cpu memory\n");
    let host = detect(&folder);
    assert_eq!(told(&host), None, "no such group");
    let v2 = |freeze: &str, frozen: u8| {
        write(&folder, "web/cgroup.freeze", freeze);
        write(&folder, "web/cgroup.events", &format!("populated 1\nfrozen {frozen}\n"));
        told(&host)
    };
    assert_eq!(v2("0\n", 0), Some(false));
    assert_eq!(v2("1\n", 0), Some(true), "it is about to be");
    assert_eq!(v2("0\n", 1), Some(true), "one above is");
    assert_eq!(v2("?\n", 1), None);
    v2("0\n", 0);
    write(&folder, "web/container/cgroup.freeze", "1\n");
    assert_eq!(told(&host), Some(true), "crun's group inside");

    let folder = tempfile::tempdir().unwrap();
    write(&folder, "cpu/tasks", "");
    write(&folder, "freezer/tasks", "");
    let host = detect(&folder);
    for (state, want) in [("THAWED\n", false), ("FREEZING\n", true), ("FROZEN\n", true)] {
        write(&folder, "freezer/web/freezer.state", state);
        assert_eq!(told(&host), Some(want), "{state}");
    }
}

#[test]
fn a_group_that_is_not_there_is_an_error() {
    let (_folder, host) = host_of_nothing();
    let error = read(&host, "/nothing", None, &mut Vec::new()).unwrap_err();
    assert!(error.is_absent() && error.to_string().contains("/nothing"), "{error}");
}

#[test]
fn weights_are_shares() {
    let f = |weight, want| assert_eq!(shares(weight), want);
    f(0, 0);
    f(1, 2);
    f(20, 500);
    f(100, 2597);
    f(10_000, 262_144);
}

#[test]
fn a_mask_of_its_own_or_all_cpus() {
    let f = |own: &str, stat: &str, want: &str| {
        let (folder, host) = host_of_nothing();
        std::fs::create_dir_all(&host.root.proc).unwrap();
        std::fs::write(host.root.proc.join("stat"), stat).unwrap();
        std::fs::write(folder.path().join("cpus"), own).unwrap();
        let dir = Dir::open(folder.path()).unwrap();
        assert_eq!(mask(&dir, c"cpus", &host, &mut Vec::new()), want);
    };
    f("1-2\n", "cpu 1 2\ncpu0 1 2\n", "1-2");
    f("\n", "cpu 1 2\ncpu0 1 2\ncpu1 1 2\n", "0-1");
    f("\n", "cpu 1 2\ncpu0 1 2\n", "0");
    f("\n", "", "");
}

#[test]
fn nothing_was_created_before_the_machine_started() {
    let (folder, host) = host_of_nothing();
    std::fs::create_dir_all(&host.root.proc).unwrap();
    let dirs = [folder.path().to_owned()];
    let boot = 4_000_000_019;
    std::fs::write(host.root.proc.join("stat"), format!("btime {boot}\n")).unwrap();
    let got = creation_time(&host, &dirs, &mut Vec::new());
    assert_eq!(got, Some(Timestamp::from_secs(boot - boot % 60)));
    std::fs::write(host.root.proc.join("stat"), "btime 0\n").unwrap();
    assert_eq!(creation_time(&host, &dirs, &mut Vec::new()), changed(folder.path()));
}
