//! From lines of the kernel's log to kills.

use plimsoll_core::time::Timestamp;

/// A process' name in the kernel has at most so many bytes.
const LONGEST_NAME: usize = 15;

/// The kernel killed a process for want of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// When the kernel said so.
    pub at: Timestamp,
    /// `CONSTRAINT_MEMCG`, `CONSTRAINT_NONE`, ...; empty where the kernel (before 5.0) does not say.
    pub constraint: String,
    /// The cgroup of the killed process; `/` where an old kernel does not say.
    pub killed_cgroup: String,
    /// The cgroup whose limit was hit; `/` when the whole machine was out of memory.
    pub limit_cgroup: String,
    /// Process id in the host's namespace.
    pub pid: i64,
    /// The process' name.
    pub process_name: String,
    /// Whether it was in the log before the log was followed: an old kill, which must not be counted as new.
    pub replayed: bool,
}

/// Follows the lines of one log. A report has many lines: `invoked oom-killer` opens it; kernels since 5.0 then
/// say all in one `oom-kill:` line, older ones in a `Task in` line (for a cgroup's limit only) and a
/// `Killed process` line, which also newer ones print.
#[derive(Debug, Default)]
pub struct Parser {
    report: Option<Report>,
}

/// What is known of a kill that is not yet told whole.
#[derive(Debug, Default)]
struct Report {
    constraint: String,
    killed_cgroup: Option<String>,
    limit_cgroup: Option<String>,
}

impl Parser {
    /// Takes the next line, with the time that the log gives it; a kill when this line completes one.
    pub fn line(&mut self, text: &str, at: Timestamp) -> Option<Kill> {
        if text.contains("invoked oom-killer:") {
            self.report = Some(Report::default());
            return None;
        }
        if let Some((_, fields)) = text.split_once("oom-kill:constraint=") {
            let (report, process) = whole(fields);
            return match process {
                Some(process) => {
                    self.report = None;
                    Some(report.kill(process, at))
                }
                // the log cuts lines that are too long; the line that follows has the process
                None => {
                    self.report = Some(report);
                    None
                }
            };
        }
        if let Some((killed, limit)) = cgroups(text) {
            let report = self.report.get_or_insert_default();
            report.killed_cgroup = Some(killed);
            report.limit_cgroup = Some(limit);
            return None;
        }
        let process = killed(text)?;
        // without a report before it, this line repeats a kill that is told already
        Some(self.report.take()?.kill(process, at))
    }

    /// Forgets a report that has begun: lines are missing.
    pub fn reset(&mut self) {
        self.report = None;
    }
}

impl Report {
    fn kill(self, (pid, process_name): (i64, String), at: Timestamp) -> Kill {
        let root = || "/".to_owned();
        Kill {
            at,
            constraint: self.constraint,
            killed_cgroup: self.killed_cgroup.unwrap_or_else(root),
            limit_cgroup: self.limit_cgroup.unwrap_or_else(root),
            pid,
            process_name,
            replayed: false,
        }
    }
}

/// The line of kernels since 5.0, behind `constraint=`:
///
/// ```text
/// CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=sh,pid=9,uid=0
/// CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/a/b,task=sh,pid=9,uid=0
/// ```
fn whole(fields: &str) -> (Report, Option<(i64, String)>) {
    let (constraint, rest) = fields.split_once(",nodemask=").unwrap_or((fields, ""));
    let mut report = Report { constraint: constraint.to_owned(), ..Report::default() };
    let Some((before, task)) = rest.split_once(",task_memcg=") else { return (report, None) };
    // without an oom_memcg the whole machine was out of memory (global_oom)
    report.limit_cgroup = before.split_once(",oom_memcg=").map(|(_, limit)| limit.to_owned());
    match task_fields(task) {
        Some((cgroup, name, pid)) => {
            report.killed_cgroup = Some(cgroup.to_owned());
            (report, Some((pid, name.to_owned())))
        }
        None => (report, None),
    }
}

/// `/a/b,task=sh,pid=9,uid=0`. Names may hold commas and even `,task=`, so pid and uid are looked for from the
/// end, and the name's beginning where no more than a name's length is left.
fn task_fields(task: &str) -> Option<(&str, &str, i64)> {
    let (task, _) = task.rsplit_once(",uid=")?;
    let (task, pid) = task.rsplit_once(",pid=")?;
    let pid = pid.parse().ok()?;
    task.match_indices(",task=")
        .filter_map(|(at, mark)| Some((task.get(..at)?, task.get(at + mark.len()..)?, pid)))
        .find(|(_, name, _)| name.len() <= LONGEST_NAME)
}

/// `Task in /a/b killed as a result of limit of /a`, before 5.0.
fn cgroups(text: &str) -> Option<(String, String)> {
    let (_, rest) = text.split_once("Task in ")?;
    let (killed, limit) = rest.split_once(" killed as a result of limit of ")?;
    Some((absolute(killed), absolute(limit)))
}

fn absolute(cgroup: &str) -> String {
    format!("/{}", cgroup.trim().trim_matches('/'))
}

/// `Killed process 9 (sh) total-vm:...`, `Killed process 9 (sh), UID 0, ...` or `Killed process 9, UID 0, (sh)
/// ...`.
fn killed(text: &str) -> Option<(i64, String)> {
    let (_, rest) = text.split_once("Killed process ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (pid, rest) = rest.split_at(end);
    let (between, rest) = rest.split_once('(')?;
    if between != " " && !between.starts_with(", UID ") {
        return None;
    }
    let (name, _) = rest.rsplit_once(')')?;
    Some((pid.parse().ok()?, name.to_owned()))
}
