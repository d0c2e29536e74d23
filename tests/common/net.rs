//! Hosts on a network of the tests' own: a network namespace each, joined to this host by a pair of interfaces.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::program;

/// A namespace; removed with its interfaces when dropped.
pub struct Net {
    name: String,
    outer: String,
    pub address: Ipv4Addr,
}

fn ip(words: &[&str]) -> program::Finished {
    program::run(Command::new("ip").args(words), 20.0)
}

#[track_caller]
fn must(words: &[&str]) {
    let done = ip(words);
    assert_eq!(done.code, Some(0), "ip {words:?}: {}", done.stderr);
}

impl Net {
    #[track_caller]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (pid, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        // test programs that run at one time must not take each other's networks: 16,000 of four addresses
        let place = (pid.wrapping_mul(61).wrapping_add(next)) % 16_384;
        let network = u32::from(Ipv4Addr::new(10, 213, 0, 0)) + place * 4;
        let (here, there) = (Ipv4Addr::from(network + 1), Ipv4Addr::from(network + 2));
        let (name, outer) = (format!("plimsoll-{pid}-{next}"), format!("pl{}v{next}", pid % 1_000_000));
        must(&["netns", "add", &name]);
        let net = Self { name, outer, address: there };
        must(&["link", "add", &net.outer, "type", "veth", "peer", "name", "eth0", "netns", &net.name]);
        must(&["address", "add", &format!("{here}/30"), "dev", &net.outer]);
        must(&["link", "set", &net.outer, "up"]);
        must(&["-n", &net.name, "address", "add", &format!("{there}/30"), "dev", "eth0"]);
        for interface in ["eth0", "lo"] {
            must(&["-n", &net.name, "link", "set", interface, "up"]);
        }
        net
    }

    /// The words before a program that runs there.
    pub fn inside(&self) -> [String; 2] {
        ["nsenter".to_owned(), format!("--net=/run/netns/{}", self.name)]
    }

    /// Pulls the cable, or puts it back.
    #[track_caller]
    pub fn cable(&self, there: bool) {
        must(&["link", "set", &self.outer, if there { "up" } else { "down" }]);
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        ip(&["link", "delete", &self.outer]);
        ip(&["netns", "delete", &self.name]);
    }
}
