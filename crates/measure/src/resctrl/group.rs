//! In which monitoring group a container is: looked for, or made as cAdvisor makes it.
//!
//! The only place that writes to the host: `mon_groups/cadvisor-<name>` and its `tasks`.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::tree::{Tree, tasks};

/// Begins the name of a group that was made for a container.
const PREFIX: &str = "cadvisor-";

/// Why a container is in no group.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// It may have some in a moment.
    #[error("it has no processes of its own")]
    NoProcesses,
    /// It may be another a moment later; but it needs somebody to do something.
    #[error("{0}")]
    Other(String),
}

/// How the host is written to; in tests, by a machine of the test's own.
pub(super) trait Write {
    /// Makes a monitoring group.
    fn make(&self, group: &Path) -> io::Result<()>;
    /// Takes a thread into it, out of the one in which it was.
    fn enter(&self, group: &Path, thread: u32) -> io::Result<()>;
    /// Removes it; its threads are those of its control group again.
    fn remove(&self, group: &Path) -> io::Result<()>;
}

/// The real one.
pub(super) struct Kernel;

impl Write for Kernel {
    fn make(&self, group: &Path) -> io::Result<()> {
        std::fs::create_dir(group)
    }

    fn enter(&self, group: &Path, thread: u32) -> io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).open(group.join("tasks"))?;
        io::Write::write_all(&mut file, thread.to_string().as_bytes())
    }

    fn remove(&self, group: &Path) -> io::Result<()> {
        std::fs::remove_dir(group)
    }
}

/// The group of a container.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Where its numbers are.
    pub(super) path: Option<PathBuf>,
    /// Whether it was made for the container.
    own: bool,
}

impl Group {
    /// Looks for the container's group, makes it where there is none, takes in threads that are new.
    pub(super) fn place(
        &mut self,
        tree: &Tree,
        name: &str,
        pids: &[u32],
        proc: &Path,
        kernel: &impl Write,
    ) -> Result<(), Trouble> {
        if name == "/" {
            self.path = Some(tree.path.clone());
            return Ok(());
        }
        let mut buffer = Vec::new();
        let threads = threads(pids, proc);
        if threads.is_empty() {
            return Err(Trouble::NoProcesses);
        }
        let control = control_group(tree, pids, &threads, &mut buffer)?;
        let wanted = control.join("mon_groups").join(name_of(name));
        // it was moved to another control group
        if self.own && self.path.as_ref().is_some_and(|path| *path != wanted) {
            self.remove(kernel);
        }
        for group in Tree::monitoring_groups(&control) {
            if group == wanted {
                continue;
            }
            // one that ends meanwhile is no fault
            let Ok(tasks) = tasks(&group, &mut buffer) else { continue };
            match tasks.intersection(&threads).count() {
                0 => {}
                // a runtime's own, of exactly this container
                _ if pids.iter().all(|pid| tasks.contains(pid)) && are_of(&tasks, pids, &threads, proc) => {
                    self.remove(kernel);
                    (self.path, self.own) = (Some(group), false);
                    return Ok(());
                }
                _ => {
                    let why =
                        format!("some of its threads are monitored in {}, with others", group.display());
                    return Err(Trouble::Other(why));
                }
            }
        }
        self.enter(&wanted, pids, &threads, proc, kernel, &mut buffer)
    }

    fn enter(
        &mut self,
        group: &Path,
        pids: &[u32],
        threads: &BTreeSet<u32>,
        proc: &Path,
        kernel: &impl Write,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Trouble> {
        let failed = |what: &str, error: &io::Error| {
            let hint = match error.raw_os_error() {
                // ENOSPC
                Some(28) => ": the CPU monitors no more groups; leave raw cgroups out with -docker_only",
                _ => "",
            };
            Trouble::Other(format!("{}: cannot {what}: {error}{hint}", group.display()))
        };
        match kernel.make(group) {
            Ok(()) => {}
            // ours, or of an agent that ended without removing it
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed("be made", &error)),
        }
        let there = tasks(group, buffer).map_err(|error| Trouble::Other(error.to_string()))?;
        if !are_of(&there, pids, threads, proc) {
            let why = format!("{} has threads of another container", group.display());
            return Err(Trouble::Other(why));
        }
        (self.path, self.own) = (Some(group.to_owned()), true);
        for &thread in threads.difference(&there) {
            match kernel.enter(group, thread) {
                Ok(()) => {}
                // ESRCH: it has ended
                Err(error) if error.raw_os_error() == Some(3) => {}
                Err(error) => {
                    self.remove(kernel);
                    return Err(failed("take a thread in", &error));
                }
            }
        }
        Ok(())
    }

    /// Removes the group if it was made for the container.
    pub(super) fn remove(&mut self, kernel: &impl Write) {
        let own = std::mem::take(&mut self.own);
        if let Some(path) = self.path.take().filter(|_| own)
            && let Err(error) = kernel.remove(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("{}: cannot be removed: {error}", path.display());
        }
    }
}

/// `/docker/1` is `cadvisor-docker-1`.
fn name_of(container: &str) -> String {
    let name = container.strip_prefix('/').unwrap_or(container);
    format!("{PREFIX}{}", name.replace('/', "-"))
}

/// All threads of some processes.
fn threads(pids: &[u32], proc: &Path) -> BTreeSet<u32> {
    let tasks = |pid: &u32| std::fs::read_dir(proc.join(pid.to_string()).join("task"));
    let entries = pids.iter().flat_map(|pid| tasks(pid).into_iter().flatten().flatten());
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Whether all tasks are threads of these processes; some may have begun since they were listed.
fn are_of(tasks: &BTreeSet<u32>, pids: &[u32], listed: &BTreeSet<u32>, proc: &Path) -> bool {
    tasks.is_subset(listed) || tasks.is_subset(&threads(pids, proc).union(listed).copied().collect())
}

/// The control group in which all processes are. Control groups list the tasks of their monitoring groups too.
fn control_group(
    tree: &Tree,
    pids: &[u32],
    threads: &BTreeSet<u32>,
    buffer: &mut Vec<u8>,
) -> Result<PathBuf, Trouble> {
    // those that are still there
    let pids: Vec<u32> = pids.iter().copied().filter(|pid| threads.contains(pid)).collect();
    for group in tree.control_groups() {
        let tasks = match tasks(&group, buffer) {
            Ok(tasks) => tasks,
            Err(error) if group == tree.path => return Err(Trouble::Other(error.to_string())),
            // no group, or one that has just ended
            Err(_) => continue,
        };
        match pids.iter().filter(|pid| tasks.contains(pid)).count() {
            0 => {}
            all if all == pids.len() => return Ok(group),
            _ => return Err(Trouble::Other("its processes are in several control groups".to_owned())),
        }
    }
    Err(Trouble::Other("its processes are in no control group".to_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use plimsoll_kernel::root::Root;
    use std::fs;

    /// A machine with resctrl: a tree of files, and threads that are in one group each, as the kernel has it.
    pub(in crate::resctrl) struct Machine {
        folder: tempfile::TempDir,
        pub(in crate::resctrl) root: Root,
    }

    impl Machine {
        pub(in crate::resctrl) fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = Root::at(folder.path());
            let machine = Self { folder, root };
            machine.write("info/L3_MON/mon_features", "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n");
            machine.write("info/L3_MON/num_rmids", "224\n");
            machine.write("tasks", "");
            machine.directory("mon_groups");
            machine
        }

        pub(in crate::resctrl) fn path(&self, below: &str) -> PathBuf {
            self.root.sys.join("fs/resctrl").join(below)
        }

        pub(in crate::resctrl) fn write(&self, below: &str, text: &str) {
            let path = self.path(below);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn directory(&self, below: &str) {
            fs::create_dir_all(self.path(below)).unwrap();
        }

        /// A process with these threads, which are in the whole tree's group.
        pub(in crate::resctrl) fn process(&self, pid: u32, threads: &[u32]) {
            for thread in threads {
                fs::create_dir_all(self.folder.path().join(format!("proc/{pid}/task/{thread}"))).unwrap();
                self.append(&self.path(""), *thread);
            }
        }

        fn append(&self, group: &Path, thread: u32) {
            let text = fs::read_to_string(group.join("tasks")).unwrap_or_default();
            fs::write(group.join("tasks"), format!("{text}{thread}\n")).unwrap();
        }

        fn leave(&self, group: &Path, thread: u32) {
            let Ok(text) = fs::read_to_string(group.join("tasks")) else { return };
            let kept = text.lines().filter(|line| **line != thread.to_string());
            fs::write(group.join("tasks"), kept.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        }

        /// A control group with these threads, out of the whole tree's.
        fn control(&self, name: &str, threads: &[u32]) {
            self.directory(&format!("{name}/mon_groups"));
            self.write(&format!("{name}/tasks"), "");
            for &thread in threads {
                self.leave(&self.path(""), thread);
                self.append(&self.path(name), thread);
            }
        }

        fn tree(&self) -> Tree {
            Tree::find(&self.root).unwrap()
        }

        fn place(&self, group: &mut Group, name: &str, pids: &[u32]) -> Result<(), String> {
            let placed = group.place(&self.tree(), name, pids, &self.root.proc, self);
            placed.map_err(|trouble| trouble.to_string())
        }

        fn tasks(&self, below: &str) -> String {
            fs::read_to_string(self.path(below).join("tasks")).unwrap().replace('\n', " ")
        }
    }

    impl Write for Machine {
        fn make(&self, group: &Path) -> io::Result<()> {
            assert!(group.parent().unwrap().ends_with("mon_groups"), "{}", group.display());
            fs::create_dir(group)?;
            fs::write(group.join("tasks"), "")
        }

        fn enter(&self, group: &Path, thread: u32) -> io::Result<()> {
            if thread == 666 {
                return Err(io::Error::from_raw_os_error(3));
            }
            if thread == 999 {
                return Err(io::Error::from_raw_os_error(22));
            }
            for other in Tree::monitoring_groups(group.parent().unwrap().parent().unwrap()) {
                self.leave(&other, thread);
            }
            self.append(group, thread);
            Ok(())
        }

        fn remove(&self, group: &Path) -> io::Result<()> {
            fs::remove_file(group.join("tasks"))?;
            fs::remove_dir(group)
        }
    }

    #[test]
    fn a_group_is_made_as_cadvisor_makes_it_and_removed() {
        let machine = Machine::new();
        machine.process(10, &[10, 11, 12]);
        machine.process(20, &[20, 666]);
        machine.process(30, &[30]);
        let mut group = Group::default();
        machine.place(&mut group, "/docker/abc", &[10, 20]).unwrap();
        let path = machine.path("mon_groups/cadvisor-docker-abc");
        assert_eq!(group.path.as_deref(), Some(path.as_path()));
        // every thread, but those that have ended
        assert_eq!(machine.tasks("mon_groups/cadvisor-docker-abc"), "10 11 12 20 ");
        // once more with a new thread
        machine.process(10, &[13]);
        machine.place(&mut group, "/docker/abc", &[10, 20]).unwrap();
        assert_eq!(machine.tasks("mon_groups/cadvisor-docker-abc"), "10 11 12 20 13 ");
        group.remove(&machine);
        assert!(!path.exists() && group.path.is_none());
    }

    #[test]
    fn the_root_has_the_whole_tree_and_nothing_is_made() {
        let machine = Machine::new();
        let mut group = Group::default();
        machine.place(&mut group, "/", &[]).unwrap();
        assert_eq!(group.path.as_deref(), Some(machine.path("").as_path()));
        group.remove(&machine);
        assert!(machine.path("tasks").exists());
        assert_eq!(fs::read_dir(machine.path("mon_groups")).unwrap().count(), 0);
    }

    #[test]
    fn it_is_made_in_the_control_group_of_the_container_and_follows_it() {
        let machine = Machine::new();
        machine.process(10, &[10, 11]);
        machine.control("gold", &[10, 11]);
        let mut group = Group::default();
        machine.place(&mut group, "/web", &[10]).unwrap();
        assert_eq!(machine.tasks("gold/mon_groups/cadvisor-web"), "10 11 ");
        machine.control("silver", &[]);
        for thread in [10, 11] {
            machine.leave(&machine.path("gold"), thread);
            machine.append(&machine.path("silver"), thread);
        }
        machine.place(&mut group, "/web", &[10]).unwrap();
        assert!(!machine.path("gold/mon_groups/cadvisor-web").exists());
        assert_eq!(machine.tasks("silver/mon_groups/cadvisor-web"), "10 11 ");
    }

    #[test]
    fn the_runtimes_own_group_is_used_and_left_alone() {
        let machine = Machine::new();
        machine.process(10, &[10, 11]);
        machine.directory("mon_groups/runc-1");
        machine.write("mon_groups/runc-1/tasks", "10\n11\n");
        let mut group = Group::default();
        machine.place(&mut group, "/web", &[10]).unwrap();
        assert_eq!(group.path.as_deref(), Some(machine.path("mon_groups/runc-1").as_path()));
        group.remove(&machine);
        assert!(machine.path("mon_groups/runc-1").exists());
        assert!(!machine.path("mon_groups/cadvisor-web").exists());
    }

    #[test]
    fn what_cannot_be_told_apart_is_said_and_nothing_is_moved() {
        let machine = Machine::new();
        machine.process(10, &[10]);
        machine.process(20, &[20]);
        machine.process(30, &[30]);
        let mut group = Group::default();
        let mut f = |name: &str, pids: &[u32], said: &str| {
            let error = machine.place(&mut group, name, pids).unwrap_err();
            assert!(error.contains(said) && group.path.is_none(), "{error}");
        };
        f("/none", &[], "no processes");
        f("/ended", &[99], "no processes");
        machine.write("mon_groups/other/tasks", "10\n30\n");
        f("/web", &[10], "with others");
        f("/web", &[10, 20], "with others");
        machine.write("mon_groups/other/tasks", "");
        machine.control("gold", &[20]);
        f("/web", &[10, 20], "several control groups");
        // of a container whose name comes out the same
        machine.write("mon_groups/cadvisor-a-b/tasks", "30\n");
        f("/a/b", &[10], "threads of another container");
        machine.leave(&machine.path(""), 30);
        f("/web", &[30], "no control group");
    }

    #[test]
    fn a_group_that_takes_no_threads_is_removed_again() {
        let machine = Machine::new();
        machine.process(10, &[10, 999]);
        let mut group = Group::default();
        let error = machine.place(&mut group, "/web", &[10]).unwrap_err();
        assert!(error.contains("cannot take a thread in"), "{error}");
        assert!(group.path.is_none() && !machine.path("mon_groups/cadvisor-web").exists());
    }

    #[test]
    fn one_left_by_an_agent_that_was_killed_is_taken_over() {
        let machine = Machine::new();
        machine.process(10, &[10, 11]);
        machine.write("mon_groups/cadvisor-web/tasks", "10\n");
        let mut group = Group::default();
        machine.place(&mut group, "/web", &[10]).unwrap();
        assert_eq!(machine.tasks("mon_groups/cadvisor-web"), "10 11 ");
        group.remove(&machine);
        assert!(!machine.path("mon_groups/cadvisor-web").exists());
    }
}
