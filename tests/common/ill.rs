//! Daemons that a test ill-treats, the same for all runtimes.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::container::{Container, Control};
use super::containerd::Containerd;
use super::docker::Daemon;
use super::kernel::Group;
use super::podman::{Podman, Service};

pub trait Ill {
    /// The flags with which the program asks this daemon and no other.
    fn flags(&self) -> Vec<String>;
    /// The word for it in answers.
    fn namespace(&self) -> &'static str;
    fn container(&self) -> Container;
    fn stop(&mut self);
    fn start_again(&mut self);
    fn signal(&self, signal: Signal);
    /// Whether a container that is made while the daemon is away has its name all the same.
    fn names_without(&self) -> bool {
        false
    }
}

fn only(flag: String) -> Vec<String> {
    let others = ["--docker", "--containerd", "--crio", "--podman"].into_iter();
    let own = flag.split('=').next().unwrap_or_default().to_owned();
    others.filter(|other| **other != own).map(|other| format!("{other}=")).chain([flag]).collect()
}

impl Ill for Daemon {
    fn flags(&self) -> Vec<String> {
        only(self.docker.flag())
    }

    fn namespace(&self) -> &'static str {
        "docker"
    }

    fn container(&self) -> Container {
        self.docker.container(&[])
    }

    fn stop(&mut self) {
        (**self).stop();
    }

    fn start_again(&mut self) {
        (**self).start_again();
    }

    fn signal(&self, signal: Signal) {
        (**self).signal(signal);
    }
}

/// containerd with a namespace that has the image.
pub struct OfContainerd {
    daemon: Containerd,
    space: String,
}

impl OfContainerd {
    pub fn start() -> Self {
        let daemon = Containerd::start();
        let space = daemon.namespace("ill");
        Self { daemon, space }
    }
}

impl Ill for OfContainerd {
    fn flags(&self) -> Vec<String> {
        only(self.daemon.flag())
    }

    fn namespace(&self) -> &'static str {
        "containerd"
    }

    fn container(&self) -> Container {
        self.daemon.container(&self.space, &super::unique("ill"), &[])
    }

    fn stop(&mut self) {
        self.daemon.stop();
    }

    fn start_again(&mut self) {
        self.daemon.start_again();
    }

    fn signal(&self, signal: Signal) {
        self.daemon.signal(signal);
    }
}

/// Podman with its service, without which it does its work too.
pub struct OfPodman {
    service: Option<Service>,
    podman: Podman,
}

impl OfPodman {
    pub fn start() -> Self {
        let podman = Podman::new();
        Self { service: Some(podman.serve()), podman }
    }
}

impl Ill for OfPodman {
    fn flags(&self) -> Vec<String> {
        only(self.podman.flag())
    }

    fn namespace(&self) -> &'static str {
        "podman"
    }

    fn container(&self) -> Container {
        self.podman.container(&[])
    }

    fn stop(&mut self) {
        self.service = None;
    }

    fn start_again(&mut self) {
        self.service = Some(self.podman.serve());
    }

    fn signal(&self, signal: Signal) {
        self.service.as_ref().unwrap().signal(signal);
    }

    fn names_without(&self) -> bool {
        true
    }
}

/// What stands in for CRI-O, which hosts seldom have: its socket, and the files and processes that it leaves of each
/// container. The containers' work is real.
pub struct OfCrio {
    folder: tempfile::TempDir,
    /// What it answers of each container.
    told: Arc<Mutex<HashMap<String, Value>>>,
    /// Whether somebody listens, and whether he answers.
    listens: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
}

impl OfCrio {
    pub fn start() -> Self {
        let mut crio = Self {
            folder: super::folder(),
            told: Arc::default(),
            listens: Arc::default(),
            hangs: Arc::default(),
        };
        crio.start_again();
        crio
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("crio.sock")
    }

    /// Starts a container's process in its group.
    #[track_caller]
    fn work(group: &Group, control: &Control) -> Child {
        let workload = super::workload::path().unwrap();
        let words = format!("{} exec {} serve {}/sock", group.enter(), workload.display(), control.path());
        let child = Command::new("sh").arg("-c").arg(words).stdin(Stdio::null()).spawn().unwrap();
        let comm = format!("/proc/{}/comm", child.id());
        super::eventually("the workload runs in its group", 10.0, || match std::fs::read_to_string(&comm) {
            Ok(name) if name.trim() == "workload" => Ok(()),
            other => Err(format!("{other:?}")),
        });
        child
    }

    /// A process with conmon's name and command line.
    #[track_caller]
    fn conmon(&self, id: &str, bundle: &str) -> Child {
        use std::os::unix::fs::PermissionsExt;
        let script = self.folder.path().join("conmon");
        if !script.exists() {
            std::fs::write(&script, "#!/bin/sh\nread nothing\n").unwrap();
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let exits = self.folder.path().join("exits");
        std::fs::create_dir_all(&exits).unwrap();
        let mut command = Command::new(script);
        command.args(["-b", bundle, "-c", id, "-n", "of-conmon", "-p"]).arg(format!("{bundle}/pidfile"));
        command.arg("--exit-dir").arg(exits).stdin(Stdio::piped()).spawn().unwrap()
    }
}

/// One request and its answer.
fn answer(mut stream: UnixStream, told: &Mutex<HashMap<String, Value>>, waits: impl Fn() -> bool) {
    let mut request = [0; 4096];
    let length = stream.read(&mut request).unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    while waits() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let body = match path.strip_prefix("/containers/") {
        Some(id) => told.lock().unwrap().get(id).cloned(),
        None => (path == "/info").then(|| json!({"storage_driver": "overlay", "storage_root": "/nowhere"})),
    };
    let (status, body) = body.map_or(("404 Not Found", String::new()), |body| ("200 OK", body.to_string()));
    let length = body.len();
    let _ =
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
}

impl Ill for OfCrio {
    fn flags(&self) -> Vec<String> {
        only(format!("--crio={}", self.socket().display()))
    }

    fn namespace(&self) -> &'static str {
        "crio"
    }

    fn container(&self) -> Container {
        let name = format!("k8s_main_{}_default_u_0", super::unique("ill"));
        let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let id = format!("{seed:064x}");
        let group = Group::new(&format!("/crio-{id}"));
        let control = Control::new();
        let child = Self::work(&group, &control);
        let pid = child.id();
        let bundle = self.folder.path().join(&id).join("userdata");
        std::fs::create_dir_all(&bundle).unwrap();
        std::fs::write(bundle.join("pidfile"), pid.to_string()).unwrap();
        let labels = json!({"io.kubernetes.container.name": "main", "io.kubernetes.pod.name": "ill"});
        let noted = [("ContainerID", id.as_str()), ("Name", &name), ("ImageName", super::docker::IMAGE)];
        let mut annotations: serde_json::Map<String, Value> =
            noted.iter().map(|(key, text)| (format!("io.kubernetes.cri-o.{key}"), (*text).into())).collect();
        annotations.insert("io.kubernetes.cri-o.Labels".to_owned(), labels.to_string().into());
        let config = json!({ "annotations": annotations }).to_string();
        std::fs::write(bundle.join("config.json"), config).unwrap();
        let conmon = self.conmon(&id, bundle.to_str().unwrap());
        let told = json!({"name": name, "pid": pid, "image": super::docker::IMAGE, "labels": labels});
        self.told.lock().unwrap().insert(id.clone(), told);
        let parts = Mutex::new(Some((child, conmon, group)));
        let remove = move || {
            let Some((child, conmon, group)) = parts.lock().unwrap().take() else { return };
            for mut process in [child, conmon] {
                let _ = process.kill();
                let _ = process.wait();
            }
            drop(group);
        };
        Container::new(&id, &name, pid, control, Some(Box::new(remove)))
    }

    fn stop(&mut self) {
        self.listens.store(false, Relaxed);
        let _ = std::fs::remove_file(self.socket());
    }

    fn start_again(&mut self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        listener.set_nonblocking(true).unwrap();
        // that of the one before is another
        self.listens = Arc::new(AtomicBool::new(true));
        let (told, listens, hangs) = (self.told.clone(), self.listens.clone(), self.hangs.clone());
        std::thread::spawn(move || {
            while listens.load(Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                let _ = stream.set_nonblocking(false);
                let (told, listens, hangs) = (told.clone(), listens.clone(), hangs.clone());
                std::thread::spawn(move || {
                    answer(stream, &told, || hangs.load(Relaxed) && listens.load(Relaxed))
                });
            }
        });
    }

    fn signal(&self, signal: Signal) {
        self.hangs.store(signal == Signal::STOP, Relaxed);
    }

    fn names_without(&self) -> bool {
        true
    }
}

impl Drop for OfCrio {
    fn drop(&mut self) {
        self.stop();
    }
}
