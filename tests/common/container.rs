//! A container that waits for orders, whatever runtime made it.

use super::{kernel, workload};

/// What is mounted into a container: the helper listens there.
pub struct Control(tempfile::TempDir);

impl Control {
    /// Where the container sees it.
    pub const INSIDE: &str = "/ctl";
    /// What the container runs.
    pub const COMMAND: [&str; 3] = ["workload", "serve", "/ctl/sock"];

    pub fn new() -> Self {
        Self(super::folder())
    }

    pub fn path(&self) -> String {
        self.0.path().display().to_string()
    }
}

/// A running container; removed when dropped.
pub struct Container {
    pub id: String,
    pub name: String,
    /// Of its first process, as the host counts.
    pub pid: u32,
    /// Its cgroup's name: the path inside the hierarchy.
    pub group: String,
    control: Control,
    remove: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Container {
    /// With what removes it, unless its daemon's end does.
    #[track_caller]
    pub fn new(
        id: &str,
        name: &str,
        pid: u32,
        control: Control,
        remove: Option<Box<dyn Fn() + Send + Sync>>,
    ) -> Self {
        let (id, name) = (id.to_owned(), name.to_owned());
        Self { id, name, pid, group: kernel::group_of(pid), control, remove }
    }

    /// Has the helper inside do something, and gives its answer.
    #[track_caller]
    pub fn order(&self, line: &str) -> String {
        workload::order(&self.control.0.path().join("sock"), line)
    }

    #[track_caller]
    pub fn last_order(&self, line: &str) {
        workload::last_order(&self.control.0.path().join("sock"), line);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(remove) = &self.remove {
            remove();
        }
    }
}
