//! The kernel's own figures, read without any code of the program under test.

use std::path::{Path, PathBuf};

const MOUNT: &str = "/sys/fs/cgroup";

/// Whether cgroup v2 is the only hierarchy.
pub fn v2() -> bool {
    Path::new(MOUNT).join("cgroup.controllers").exists()
}

/// The cgroup's name of a process: v2's, or v1's of the memory controller.
#[track_caller]
pub fn group_of(pid: u32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let wanted = if v2() { "" } else { "memory" };
    let mut found = text.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|name| name == wanted).then(|| path.to_owned())
    });
    found.next().unwrap_or_else(|| panic!("no memory group in {text}"))
}

/// The name of the group whose own name has `part` in it, anywhere below the group that a part of a path names.
#[track_caller]
pub fn find_group(above: &str, part: &str) -> String {
    let mount = if v2() { PathBuf::from(MOUNT) } else { Path::new(MOUNT).join("memory") };
    let mut folders = vec![mount.clone()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
        {
            let name = format!("/{}", path.strip_prefix(&mount).unwrap().display());
            let own = path.file_name().unwrap_or_default().to_string_lossy();
            if name.contains(above) && own.contains(part) && !own.contains("conmon") {
                return name;
            }
            folders.push(path);
        }
    }
    panic!("no group of {part} below {above}")
}

/// A file of a group: on v1 under the controller's own mount.
pub fn file(controller: &str, group: &str, v1: &str, v2_name: &str) -> PathBuf {
    let group = group.trim_start_matches('/');
    if v2() {
        Path::new(MOUNT).join(group).join(v2_name)
    } else {
        Path::new(MOUNT).join(controller).join(group).join(v1)
    }
}

#[track_caller]
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The value of a key in a file of `key value` lines.
#[track_caller]
pub fn key(path: &Path, key: &str) -> f64 {
    let text = read(path);
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {key} in {}:\n{text}", path.display())).trim().parse().unwrap()
}

#[track_caller]
pub fn single(path: &Path) -> f64 {
    read(path).trim().parse().unwrap()
}

/// CPU time of a group in nanoseconds.
#[track_caller]
pub fn cpu_nanos(group: &str) -> f64 {
    if v2() {
        key(&file("", group, "", "cpu.stat"), "usage_usec") * 1000.0
    } else {
        single(&file("cpuacct", group, "cpuacct.usage", ""))
    }
}

#[track_caller]
pub fn memory_bytes(group: &str) -> f64 {
    single(&file("memory", group, "memory.usage_in_bytes", "memory.current"))
}

/// Usage less the file memory that was not touched lately.
#[track_caller]
pub fn working_set(group: &str) -> f64 {
    let stat = file("memory", group, "memory.stat", "memory.stat");
    let inactive = key(&stat, if v2() { "inactive_file" } else { "total_inactive_file" });
    (memory_bytes(group) - inactive).max(0.0)
}

/// Anonymous memory in bytes, which cAdvisor calls rss.
#[track_caller]
pub fn anonymous_bytes(group: &str) -> f64 {
    let path = file("memory", group, "memory.stat", "memory.stat");
    key(&path, if v2() { "anon" } else { "total_rss" })
}

/// Received and sent bytes of an interface in the network namespace of a process.
#[track_caller]
pub fn network_bytes(pid: u32, interface: &str) -> (f64, f64) {
    let text = read(Path::new(&format!("/proc/{pid}/net/dev")));
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'));
    let line = line.unwrap_or_else(|| panic!("no {interface} in {text}"));
    let columns: Vec<f64> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
    (columns[0], columns[8])
}

/// The block device that a path lies on, as `/dev/NAME`, and its `MAJOR:MINOR`.
pub fn device_of(path: &Path) -> Option<(String, String)> {
    let status = rustix::fs::stat(path).ok()?;
    let number = format!("{}:{}", rustix::fs::major(status.st_dev), rustix::fs::minor(status.st_dev));
    let told = std::fs::read_to_string(format!("/sys/dev/block/{number}/uevent")).ok()?;
    let name = told.lines().find_map(|line| line.strip_prefix("DEVNAME="))?;
    Some((format!("/dev/{name}"), number))
}

/// Makes a group in every hierarchy that the tests read; removed when dropped.
pub struct Group {
    pub name: String,
}

impl Group {
    #[track_caller]
    pub fn new(name: &str) -> Self {
        for folder in folders(name) {
            std::fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            // v1's cpuset lets no process in before it has CPUs and memory nodes
            for list in ["cpuset.cpus", "cpuset.mems"] {
                if let Ok(above) = std::fs::read_to_string(folder.join("..").join(list))
                    && !v2()
                {
                    std::fs::write(folder.join(list), above).unwrap();
                }
            }
        }
        Self { name: name.to_owned() }
    }

    /// The shell words that move the shell itself in here.
    pub fn enter(&self) -> String {
        folders(&self.name)
            .iter()
            .map(|folder| format!("echo 0 >{}/cgroup.procs && ", folder.display()))
            .collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in folders(&self.name) {
            remove(&folder);
        }
    }
}

/// Removes a group's directory as soon as nobody is in it.
pub fn remove(folder: &Path) {
    for _ in 0..100 {
        match std::fs::remove_dir(folder) {
            Err(error) if error.raw_os_error() == Some(16) => {
                std::thread::sleep(std::time::Duration::from_millis(20))
            }
            _ => break,
        }
    }
}

/// Where a group of that name stands: one folder on v2, one a controller on v1.
pub fn folders(name: &str) -> Vec<PathBuf> {
    let name = name.trim_start_matches('/');
    if v2() {
        return vec![Path::new(MOUNT).join(name)];
    }
    ["cpu", "cpuacct", "cpuset", "memory", "blkio", "pids"]
        .iter()
        .map(|controller| Path::new(MOUNT).join(controller))
        .filter(|mount| mount.join("cgroup.procs").exists())
        .map(|mount| mount.join(name))
        .collect()
}
