//! The process whose network is the group's, and who else is there.

use super::*;

#[test]
fn another_groups_process_is_not_believed() {
    let (_folder, tree) = whole();
    tree.process(7, "/a/b", 70);
    tree.process(8, "/other", 80);
    tree.process(9, "/a/b/below", 90);
    let host = tree.host(100);
    let received = |pid| {
        let (sample, _) = read(&host, "/a/b", Some(pid));
        sample.network.map(|network| network.interfaces[0].rx_bytes)
    };
    assert_eq!([received(7), received(8), received(9), received(10)], [Some(70), None, Some(90), None]);
}

#[test]
fn a_pod_without_a_process_of_its_own_takes_a_neighbours_and_nobody_elses() {
    let (_folder, tree) = whole();
    tree.process(7, "/a/other", 70);
    tree.process(8, "/other", 80);
    let host = tree.host(100);
    let mut reader = Reader::new(&host, "/a/b");
    let mut received = |pid| {
        let mut sample = Sample::default();
        reader.set_pod_pid(Some(pid));
        reader.read(at(i64::from(pid)), Effort::Full, &mut Vec::new(), &mut sample);
        sample.network.map(|network| network.interfaces[0].rx_bytes)
    };
    assert_eq!([received(7), received(8)], [Some(70), None]);
}

#[test]
fn the_network_of_a_process_that_ended_is_absent_until_another_is_set() {
    for budget in [0, 100] {
        let (_folder, tree) = whole();
        tree.process(7, "/a/b", 70);
        let host = tree.host(budget);
        let (mut sample, mut buffer) = (Sample::default(), Vec::new());
        let mut reader = Reader::new(&host, "/a/b");
        reader.set_pid(Some(7));
        reader.read(at(0), Effort::Full, &mut buffer, &mut sample);
        assert!(sample.network.is_some());
        fs::remove_dir_all(tree.root.proc.join("7")).unwrap();
        for secs in [5, 6] {
            reader.read(at(secs), Effort::Full, &mut buffer, &mut sample);
        }
        assert_eq!(sample.network, None, "budget {budget}");
        // its number was given to another
        tree.process(7, "/other", 1);
        tree.process(12, "/a/b", 12);
        reader.read(at(7), Effort::Full, &mut buffer, &mut sample);
        assert_eq!(sample.network, None);
        reader.set_pid(Some(12));
        reader.read(at(8), Effort::Full, &mut buffer, &mut sample);
        assert_eq!(sample.network.as_ref().unwrap().interfaces[0].rx_bytes, 12);
    }
}

#[test]
fn in_a_pid_namespace_of_its_own_no_descriptors_are_made_up() {
    let (_folder, tree) = whole();
    tree.process(7, "/a/b", 1);
    fs::create_dir_all(tree.root.proc.join("7/fd/0")).unwrap();
    let processes = || read(&tree.host(100), "/a/b", None).0.processes.unwrap();
    assert_eq!((processes().process_count, processes().fd_count), (Some(1), Some(1)));
    // there this process has another number
    std::os::unix::fs::symlink("7", tree.root.proc.join("self")).unwrap();
    for (procs, count) in [("0\n0\n", Some(2)), ("", None)] {
        tree.write("a/b/cgroup.procs", procs);
        let processes = processes();
        let of_processes = (processes.process_count, processes.fd_count, processes.socket_count);
        assert_eq!((of_processes, processes.threads_current), ((count, None, None), Some(3)));
    }
}
