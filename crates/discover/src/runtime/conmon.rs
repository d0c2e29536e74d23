//! conmon: the small process that Podman and CRI-O leave beside each container. Its command line says where
//! the container's files are, wherever the storage is and whoever the user; and it leaves the exit code in a
//! file, shortly before its runtime takes that away.
//!
//! Reads: `/proc/<pid>/comm` of all processes, `cmdline` and `status` of conmons; the files that these name.
//! Gives: [`Place`] of a container; [`Exits`], the codes as they are written.
//! Cost:  one look through `/proc` a container at its start and its end; one inotify watch a folder of codes.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::unix::AsyncFd;

use super::Claim;
use super::fault::Fault;
use super::id::{self, Parts};
use super::remote::{Events, What};
use super::{process, small};

/// What the runtime of this word (`crio`, `libpod`) claims: `WORD-ID.scope` (systemd) and `WORD-ID` (cgroupfs).
/// conmon's groups, and the group `container` that crun makes below a container's, whose numbers are in the
/// container's, are nobody's.
pub(crate) fn claim(name: &str, word: &str) -> Claim {
    let begins = |parts: &Parts<'_>| parts.before.strip_prefix(word) == Some("-");
    let outer = name.strip_suffix("/container").and_then(id::split);
    if outer.is_some_and(|outer| begins(&outer) && outer.behind == ".scope") {
        return Claim::Ignored;
    }
    let Some(parts) = id::split(name).filter(|parts| matches!(parts.behind, "" | ".scope")) else {
        return Claim::NotMine;
    };
    // systemd's own way to write it: slice:word:id
    let between = parts.before.strip_suffix(':').and_then(|before| before.rsplit_once(':'));
    if begins(&parts) || between.is_some_and(|(_, last)| last == word) {
        return Claim::Mine { id: parts.id.to_owned() };
    }
    match parts.before.strip_prefix(word) {
        Some("-conmon-") => Claim::Ignored,
        _ => Claim::NotMine,
    }
}

/// What conmon's command line says of its container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// `-n`: the name.
    pub(crate) name: String,
    /// `-b`: the folder with `config.json`.
    pub(crate) bundle: PathBuf,
    /// `-p`: the file with the pid of the first process.
    pub(crate) pid_file: PathBuf,
    /// `--exit-dir`: where the exit code will stand, in a file named as the container.
    pub(crate) exits: PathBuf,
    /// Whether that conmon is root's.
    pub(crate) is_roots: bool,
}

/// Looks for the conmon of a container. Whoever starts a process may name it so, so root's comes before users'.
pub(crate) fn find(proc: &Path, id: &str) -> Option<Place> {
    let mut users = None;
    for pid in process::all(proc) {
        let at = proc.join(pid.to_string());
        if std::fs::read(at.join("comm")).is_ok_and(|comm| comm.trim_ascii_end() == b"conmon")
            && let Some(place) = std::fs::read(at.join("cmdline")).ok().and_then(|line| read(&line, id))
        {
            if process::user(proc, pid) == Some(0) {
                return Some(Place { is_roots: true, ..place });
            }
            users.get_or_insert(place);
        }
    }
    users
}

/// Reads a command line; `None` if it is another container's.
fn read(cmdline: &[u8], id: &str) -> Option<Place> {
    let words: Vec<_> = cmdline.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let after = |flag: &str| {
        let at = words.iter().position(|word| word == flag)?;
        words.get(at + 1).map(|word| word.to_string())
    };
    if after("-c")? != id {
        return None;
    }
    let path = |flag: &str| after(flag).map(PathBuf::from).unwrap_or_default();
    Some(Place {
        name: after("-n").unwrap_or_default(),
        bundle: path("-b"),
        pid_file: path("-p"),
        exits: path("--exit-dir"),
        is_roots: false,
    })
}

/// A path of the host as we see it.
pub(crate) fn below(rootfs: &Path, path: &Path) -> PathBuf {
    rootfs.join(path.strip_prefix("/").unwrap_or(path))
}

/// The pid in a pid file.
pub(crate) fn pid(rootfs: &Path, place: &Place) -> Option<u32> {
    small::number(&below(rootfs, &place.pid_file))
}

/// The exit code in a container's file.
fn code(folder: &Path, id: &str) -> Option<i64> {
    small::number(&folder.join(id))
}

/// The folders in which conmons leave exit codes, watched from the first container on that has one there.
#[derive(Clone)]
pub(crate) struct Exits(Arc<Watched>);

struct Watched {
    /// Absent where the system gives no inotify; then exit codes are not known.
    inotify: Option<OwnedFd>,
    folders: Mutex<HashMap<i32, PathBuf>>,
}

impl Exits {
    pub(crate) fn new() -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        if let Err(cause) = &inotify {
            tracing::warn!("no inotify ({cause}): exit codes of containers under conmon are not seen");
        }
        Self(Arc::new(Watched { inotify: inotify.ok(), folders: Mutex::default() }))
    }

    /// Watches the folder of a container, and gives the code that stands there already.
    pub(crate) fn watch(&self, folder: &Path, id: &str) -> Option<i64> {
        let inotify = self.0.inotify.as_ref()?;
        if !self.folders().values().any(|known| known == folder) {
            match inotify::add_watch(inotify, folder, WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE) {
                Ok(wd) => drop(self.folders().insert(wd, folder.to_owned())),
                Err(cause) => tracing::debug!("{}: {cause}: exit codes are not seen", folder.display()),
            }
        }
        code(folder, id)
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<i32, PathBuf>> {
        self.0.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The codes from now on.
    pub(crate) fn events(&self) -> Result<Codes, Fault> {
        let fd = self.0.inotify.as_ref().and_then(|fd| fd.try_clone().ok());
        // deprecated for types that hand out another descriptor each time, which an `OwnedFd` does not
        #[allow(deprecated, reason = "the new name is unsafe")]
        let fd = fd.map(AsyncFd::new).transpose().map_err(|cause| Fault::Broken(cause.to_string()))?;
        Ok(Codes { exits: self.clone(), fd, found: Vec::new() })
    }
}

/// Exit codes as they are written.
pub(crate) struct Codes {
    exits: Exits,
    fd: Option<AsyncFd<OwnedFd>>,
    found: Vec<(String, i64)>,
}

impl Codes {
    /// Takes what the kernel has queued.
    fn take(&mut self) -> io::Result<()> {
        let Some(fd) = &self.fd else { return Ok(()) };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(fd.get_ref().as_fd(), &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(cause) => return Err(cause.into()),
            };
            let folder = self.exits.folders().get(&event.wd()).cloned();
            let name = event.file_name().and_then(|name| name.to_str().ok());
            if event.events().contains(inotify::ReadFlags::IGNORED) {
                self.exits.folders().remove(&event.wd());
            } else if let (Some(folder), Some(name)) = (folder, name)
                && id::is_id(name)
                && let Some(code) = code(&folder, name)
            {
                self.found.push((name.to_owned(), code));
            }
        }
    }
}

impl Events for Codes {
    async fn next(&mut self) -> Result<Option<(String, What)>, Fault> {
        loop {
            if let Some((id, code)) = self.found.pop() {
                return Ok(Some((id, What::Died(Some(code)))));
            }
            let Some(fd) = &self.fd else { return std::future::pending().await };
            let broken = |cause: io::Error| Fault::Broken(format!("inotify: {cause}"));
            let mut ready = fd.readable().await.map_err(broken)?;
            ready.clear_ready();
            self.take().map_err(broken)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "a6ee0b5b4d4e09e3a6d36797665f428a9939f580df4f82d541ee58ebeb6082eb";

    fn words(line: &str) -> Vec<u8> {
        line.replace("ID", ID).replace(' ', "\0").into_bytes()
    }

    #[test]
    fn podmans_command_line_is_read() {
        let line = "/usr/bin/conmon --api-version 1 -c ID -u ID -r /usr/bin/runc \
            -b /home/a/.local/share/containers/storage/overlay-containers/ID/userdata \
            -p /run/user/1000/containers/overlay-containers/ID/userdata/pidfile -n web \
            --exit-dir /run/user/1000/libpod/tmp/exits --full-attach -s -l journald --exit-command-arg -n";
        let place = read(&words(line), ID).unwrap();
        assert_eq!(place.name, "web");
        assert!(place.bundle.ends_with("userdata") && place.pid_file.ends_with("pidfile"));
        assert_eq!(place.exits, Path::new("/run/user/1000/libpod/tmp/exits"));
    }

    #[test]
    fn crios_command_line_is_read() {
        let line = "/usr/bin/conmon -b /run/containers/storage/overlay-containers/ID/userdata -c ID \
            --exit-dir /var/run/crio/exits -l /var/log/pods/x/0.log --log-level info \
            -n k8s_main_web_default_u_0 -P /run/x/conmon-pidfile -p /run/x/pidfile -r /usr/bin/crun";
        let place = read(&words(line), ID).unwrap();
        assert_eq!(
            (place.name.as_str(), place.exits.to_str()),
            ("k8s_main_web_default_u_0", Some("/var/run/crio/exits"))
        );
    }

    #[test]
    fn anothers_or_an_odd_line_is_none() {
        let other =
            words("conmon -c ID -n x").iter().map(|b| if *b == b'6' { b'7' } else { *b }).collect::<Vec<_>>();
        for line in [other, words("conmon -c"), words("conmon"), Vec::new(), vec![0xff, 0, 0]] {
            assert_eq!(read(&line, ID), None);
        }
    }

    #[test]
    fn roots_conmon_is_believed_before_a_users() {
        let proc = tempfile::tempdir().unwrap();
        let conmon = |pid: u32, user: u32, name: &str| {
            let at = proc.path().join(pid.to_string());
            std::fs::create_dir_all(&at).unwrap();
            std::fs::write(at.join("comm"), "conmon\n").unwrap();
            std::fs::write(at.join("cmdline"), words(&format!("conmon -c ID -n {name}"))).unwrap();
            std::fs::write(at.join("status"), format!("Name:\tconmon\nUid:\t{user}\t0\t0\t0\n")).unwrap();
        };
        let found = || find(proc.path(), ID).map(|place| (place.name, place.is_roots));
        assert_eq!(found(), None);
        conmon(7, 1000, "users");
        conmon(9, 1001, "users");
        assert_eq!(found(), Some(("users".to_owned(), false)));
        conmon(8, 0, "web");
        assert_eq!(found(), Some(("web".to_owned(), true)));
    }

    #[tokio::test]
    async fn a_code_is_seen_when_it_is_written_and_when_it_stands_there_already() {
        let folder = tempfile::tempdir().unwrap();
        let exits = Exits::new();
        let mut codes = exits.events().unwrap();
        assert_eq!(exits.watch(folder.path(), ID), None);
        std::fs::write(folder.path().join(".x"), "3").unwrap();
        std::fs::rename(folder.path().join(".x"), folder.path().join(ID)).unwrap();
        let next = codes.next().await.unwrap();
        assert_eq!(next, Some((ID.to_owned(), What::Died(Some(3)))));
        assert_eq!(exits.watch(folder.path(), ID), Some(3));
    }
}
