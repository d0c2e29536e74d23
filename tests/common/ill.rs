//! Daemons that a test ill-treats, the same for all runtimes.

use rustix::process::Signal;

use super::container::Container;
use super::containerd::Containerd;
use super::docker::Daemon;
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
