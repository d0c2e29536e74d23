//! The processes of the machine or of one container, as `ps` prints them; no program is started for it.
//!
//! Reads: proc/{stat,uptime,meminfo}, `proc/<pid>/{stat,status,cgroup,fd}`, etc/passwd, etc/localtime
//! Gives: `/api/v2.x/ps`
//! Cost:  three files and a folder a process, when asked

pub mod stat;

pub(crate) mod cgroup;
mod clock;
mod format;
mod status;
mod users;

#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use plimsoll_core::machine::ProcessInfo;
use plimsoll_kernel::root::Root;

pub use clock::Clock;

use crate::machine::file;
use users::Users;

/// The processes cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("{}: the processes cannot be listed", path.display())]
pub struct Error {
    path: PathBuf,
    #[source]
    cause: std::io::Error,
}

/// Whose processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Of {
    /// The container's group; `/` for all.
    pub group: String,
    /// Whether processes in groups below belong to it, as runtimes and what runs inside make them.
    pub deep: bool,
}

impl Of {
    fn has(&self, group: &str) -> bool {
        let below = group.strip_prefix(&self.group);
        below.is_some_and(|rest| rest.is_empty() || (self.deep && rest.starts_with('/')))
    }
}

/// The processes of a container, or all for `/`; by pid. Their cgroup is told for `/` only. A process that ends
/// meanwhile is left out.
///
/// # Errors
/// `proc` cannot be listed.
pub fn list(root: &Root, of: &Of, clock: &Clock) -> Result<Vec<ProcessInfo>, Error> {
    let fault = |cause| Error { path: root.proc.clone(), cause };
    let mut pids: Vec<u32> = std::fs::read_dir(&root.proc)
        .map_err(fault)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    let mut users = Users::new(&file::on_host(root, Path::new("/etc/passwd")));
    let all = of.group == "/";
    let of_container = pids.into_iter().filter_map(|pid| {
        let dir = root.proc.join(pid.to_string());
        let cgroup = cgroup::choose(&read(&dir.join("cgroup"))?).to_owned();
        if !all && !of.has(&cgroup) {
            return None;
        }
        process(&dir, if all { cgroup } else { String::new() }, clock, &mut users)
    });
    Ok(of_container.collect())
}

/// One process; `None` when it has ended.
fn process(dir: &Path, cgroup_path: String, clock: &Clock, users: &mut Users) -> Option<ProcessInfo> {
    let stat_text = std::fs::read(dir.join("stat")).ok()?;
    let stat = stat::parse(&stat_text)?;
    let status = status::parse(&read(&dir.join("status"))?);
    let fd_count = descriptors(&dir.join("fd"))?;
    Some(ProcessInfo {
        user: users.name(status.euid),
        pid: stat.pid,
        parent_pid: stat.parent,
        start_time: clock.start_time(stat.start_ticks),
        percent_cpu: clock.percent_cpu(stat.utime_ticks.saturating_add(stat.stime_ticks), stat.start_ticks),
        percent_mem: clock.percent_mem(status.rss_kib),
        rss: status.rss_kib.saturating_mul(1024),
        virtual_size: status.size_kib.saturating_mul(1024),
        status: format::state(&stat, status.locked_kib > 0),
        running_time: format::cpu_time(clock.seconds(stat.utime_ticks.saturating_add(stat.stime_ticks))),
        cgroup_path,
        cmd: format::command(stat.name),
        fd_count,
        psr: stat.processor,
    })
}

/// Open descriptors; `None` when the process has ended, 0 where it may not be looked into.
fn descriptors(dir: &Path) -> Option<u64> {
    match std::fs::read_dir(dir) {
        Ok(entries) => Some(entries.count() as u64),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Some(0),
        Err(_) => None,
    }
}

fn read(path: &Path) -> Option<String> {
    std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
