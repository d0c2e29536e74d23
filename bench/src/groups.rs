//! Containers for the bench: raw cgroups in every mounted hierarchy, with a process in each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::Result;

/// How the groups are called that hold containers: with the bench's process id.
pub(crate) const CONTAINERS: &str = "plimsoll-bench-";
/// And those of what is measured.
pub(crate) const HOMES: &str = "plimsoll-home-";

/// The mount points of all cgroup hierarchies.
pub(crate) fn hierarchies() -> Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let mut found = Vec::new();
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        if let (Some(point), Some("cgroup" | "cgroup2")) = (before.split(' ').nth(4), after.split(' ').next())
        {
            found.push(PathBuf::from(point));
        }
    }
    if found.is_empty() { Err("no cgroup hierarchy is mounted".into()) } else { Ok(found) }
}

/// One cgroup, in every hierarchy. Removed when dropped, with what runs in it.
pub(crate) struct Group {
    /// `/plimsoll-bench-1/c7`.
    pub(crate) name: String,
    dirs: Vec<PathBuf>,
    tasks: Vec<Child>,
}

impl Group {
    /// Makes its directories.
    pub(crate) fn new(hierarchies: &[PathBuf], name: String) -> Result<Self> {
        let mut group = Self { dirs: Vec::new(), tasks: Vec::new(), name };
        for root in hierarchies {
            let dir = root.join(group.name.trim_start_matches('/'));
            fs::create_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
            prepare(&dir);
            group.dirs.push(dir);
        }
        Ok(group)
    }

    /// Starts one of this program's roles in it: `work sleep`, `work busy`, `work burn 20`.
    pub(crate) fn start(&mut self, work: &[&str]) -> Result<()> {
        let task = self.command(&std::env::current_exe()?, &[&["work"], work].concat()).spawn()?;
        self.tasks.push(task);
        Ok(())
    }

    /// A program that enters the group before it begins.
    pub(crate) fn command(&self, program: &Path, args: &[&str]) -> Command {
        let this = std::env::current_exe().unwrap_or_default();
        let mut command = Command::new(this);
        command.arg("enter").args(&self.dirs).arg("--").arg(program).args(args).stdin(Stdio::null());
        command
    }

    /// The program starts a task that sleeps for good.
    pub(crate) fn sleeper(&mut self) -> Result<()> {
        let task = self.command(Path::new("sleep"), &["100000"]).spawn()?;
        self.tasks.push(task);
        Ok(())
    }

    /// Waits for the task that was started last.
    pub(crate) fn wait(&mut self) -> Result<()> {
        if let Some(mut task) = self.tasks.pop() {
            task.wait()?;
        }
        Ok(())
    }

    /// Ends the task that was started last.
    pub(crate) fn end(&mut self) {
        if let Some(mut task) = self.tasks.pop() {
            // it may have ended by itself
            let _ = task.kill();
            let _ = task.wait();
        }
    }

    /// One of its files, from the hierarchy that has it.
    pub(crate) fn file(&self, name: &str) -> Option<String> {
        self.dirs.iter().find_map(|dir| fs::read_to_string(dir.join(name)).ok())
    }

    /// CPU time used in it, in nanoseconds.
    pub(crate) fn cpu_nanos(&self) -> Result<u64> {
        if let Some(text) = self.file("cpuacct.usage") {
            return Ok(text.trim().parse()?);
        }
        let text = self.file("cpu.stat").ok_or("no cpuacct.usage and no cpu.stat")?;
        let micros = text.lines().find_map(|line| line.strip_prefix("usage_usec ")).ok_or("no usage_usec")?;
        Ok(micros.parse::<u64>()? * 1000)
    }

    /// What the kernel holds for it besides its pages, in bytes.
    pub(crate) fn kernel_bytes(&self) -> Option<u64> {
        if let Some(text) = self.file("memory.kmem.usage_in_bytes") {
            return text.trim().parse().ok();
        }
        let text = self.file("memory.stat")?;
        text.lines().find_map(|line| line.strip_prefix("kernel "))?.parse().ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        while !self.tasks.is_empty() {
            self.end();
        }
        for dir in self.dirs.iter().rev() {
            // the last task's exit may still be under way
            for _ in 0..200 {
                if fs::remove_dir(dir).is_ok() || !dir.exists() {
                    break;
                }
                sleep(Duration::from_millis(2));
            }
        }
    }
}

/// What a new directory needs before a process may enter it, or before its children have all files.
fn prepare(dir: &Path) {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if let (Some(above), true) = (dir.parent(), dir.join("cgroup.clone_children").exists())
            && let Ok(text) = fs::read_to_string(above.join(file))
        {
            let _ = fs::write(dir.join(file), text);
        }
    }
}

/// On v2, controllers are switched on by the group above; those that are a v1 hierarchy's cannot be.
fn enable(dir: &Path) {
    for controller in ["+cpu", "+memory", "+io", "+pids", "+cpuset"] {
        let _ = fs::write(dir.join("cgroup.subtree_control"), controller);
    }
}

/// A group that holds groups.
pub(crate) struct Groups {
    pub(crate) members: Vec<Group>,
    /// Dropped after its members.
    pub(crate) parent: Group,
    hierarchies: Vec<PathBuf>,
    made: usize,
}

impl Groups {
    /// An empty one, `/plimsoll-bench-<pid>`.
    pub(crate) fn new() -> Result<Self> {
        let hierarchies = hierarchies()?;
        hierarchies.iter().for_each(|root| enable(root));
        let parent = Group::new(&hierarchies, format!("/{CONTAINERS}{}", std::process::id()))?;
        parent.dirs.iter().for_each(|dir| enable(dir));
        Ok(Self { members: Vec::new(), parent, hierarchies, made: 0 })
    }

    /// The name of the group that is made next.
    pub(crate) fn next_name(&self) -> String {
        format!("{}/c{}", self.parent.name, self.made)
    }

    /// Makes one more, empty.
    pub(crate) fn make(&mut self) -> Result<Group> {
        let name = self.next_name();
        self.made += 1;
        Group::new(&self.hierarchies, name)
    }

    /// Makes as many as are wanted in all, a sleeping process in each.
    pub(crate) fn fill(&mut self, count: usize) -> Result<()> {
        while self.members.len() < count {
            let mut group = self.make()?;
            group.sleeper()?;
            self.members.push(group);
        }
        Ok(())
    }

    /// The same, with a network namespace for each that has a listening socket.
    pub(crate) fn fill_apart(&mut self, count: usize) -> Result<()> {
        while self.members.len() < count {
            let mut group = self.make()?;
            group.start(&["listen"])?;
            self.members.push(group);
        }
        Ok(())
    }

    /// A process that works a little each second joins each; or leaves.
    pub(crate) fn busy(&mut self, on: bool) -> Result<()> {
        for group in &mut self.members {
            if on { group.start(&["busy"])? } else { group.end() }
        }
        Ok(())
    }
}
