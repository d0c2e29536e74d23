//! The least that a program must do to know these numbers: the same files kept open, one `pread` each, once a
//! second, nothing parsed.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::groups::{Group, Groups, hierarchies};
use crate::{Result, subject};

/// Starts the reader in a group of its own, for the files that a subject keeps open, of all containers, of the
/// group above them and of the root.
pub(crate) fn start(groups: &Groups, home: &Group, pid: u32) -> Result<(Child, usize)> {
    let kept = kept_files(groups, pid)?;
    let mut all = paths(groups, &kept);
    all.extend(root_files(pid)?);
    let list: String = all.iter().map(|path| format!("{}\n", path.display())).collect();
    let mut command = home.command(&std::env::current_exe()?, &["minimal"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut input = child.stdin.take().ok_or("no pipe")?;
    std::io::Write::write_all(&mut input, list.as_bytes())?;
    Ok((child, kept.len()))
}

/// Which files of one container: those that the subject has open now of any.
fn kept_files(groups: &Groups, pid: u32) -> Result<Vec<PathBuf>> {
    let mut kept: Vec<PathBuf> = Vec::new();
    let inside = groups.parent.name.trim_start_matches('/');
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let Ok(path) = fs::read_link(entry?.path()) else { continue };
        let Some(text) = path.to_str() else { continue };
        // HIERARCHY/plimsoll-bench-1/c7/FILE
        let Some((hierarchy, rest)) = text.split_once(&format!("/{inside}/")) else { continue };
        let Some((_, file)) = rest.split_once('/') else { continue };
        let form = PathBuf::from(hierarchy).join(file);
        if !kept.contains(&form) {
            kept.push(form);
        }
    }
    kept.sort();
    if kept.is_empty() { Err("the program keeps no file of a container open".into()) } else { Ok(kept) }
}

/// What the subject keeps open of the machine itself: files right in a hierarchy, and of `/proc`.
fn root_files(pid: u32) -> Result<Vec<PathBuf>> {
    let hierarchies = hierarchies()?;
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let Ok(path) = fs::read_link(entry?.path()) else { continue };
        let of_root = path.parent().is_some_and(|dir| hierarchies.iter().any(|root| root == dir));
        if (of_root || path.starts_with("/proc")) && path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

fn paths(groups: &Groups, kept: &[PathBuf]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for group in groups.members.iter().chain([&groups.parent]) {
        for form in kept {
            let (dir, file) = (form.parent().unwrap_or(form), form.file_name().unwrap_or_default());
            paths.push(dir.join(group.name.trim_start_matches('/')).join(file));
        }
    }
    paths
}

/// The reader itself: paths on stdin.
pub(crate) fn run() -> Result<()> {
    crate::open_files()?;
    let mut list = String::new();
    std::io::stdin().read_to_string(&mut list)?;
    let files: std::io::Result<Vec<File>> = list.lines().map(File::open).collect();
    let files = files?;
    let mut buffer = vec![0; 64 * 1024];
    let mut due = Instant::now();
    loop {
        for file in &files {
            let _ = black_box(file.read_at(&mut buffer, 0));
        }
        due += Duration::from_secs(1);
        let now = Instant::now();
        // after having been stopped, what was missed is not made up for
        due = due.max(now);
        std::thread::sleep(due - now);
    }
}

/// How often it has read: it sleeps once after each pass.
pub(crate) fn passes(pid: u32) -> Result<u64> {
    subject::status(pid, "voluntary_ctxt_switches:")
}
