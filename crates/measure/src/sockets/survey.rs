//! The sockets of all containers, a network namespace at a time.
//!
//! Nothing is kept open between rounds: an open file or socket would hold the namespace alive, with its interfaces,
//! after the container's end; opening costs less than the walk over the kernel's tables.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use plimsoll_core::kinds::Kind;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::dir::Dir;
use plimsoll_kernel::error::{Errno, ParseError, is_absent, is_gone};
use plimsoll_kernel::netlink::{Netlink, Protocol};
use plimsoll_kernel::process::is_of_group;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::files::{self, Columns, Inuse};
use super::{TcpAdvanced, diag};
use crate::host::Host;
use crate::reader::place::above;
use crate::rounds;

/// Whose sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A process of the container, whose network namespace is the container's.
    pub pid: u32,
    /// The container's group, which the process must be in; `/` for any.
    pub group: Box<str>,
}

impl Target {
    /// Of a group that has no process: one in a group beside it, of the same pod.
    pub fn beside(pid: u32, group: &str) -> Self {
        Self { pid, group: above(group).into() }
    }
}

/// Measures sockets.
pub struct Sockets {
    host: Arc<Host>,
    entrance: Entrance,
    snmp: Columns,
    netstat: Columns,
    buffer: Vec<u8>,
    trouble: Arc<Trouble>,
}

/// What it may not do, for those who ask why numbers are missing or dear.
#[derive(Debug, Default)]
pub struct Trouble {
    refused: AtomicBool,
}

impl Trouble {
    /// Whether other network namespaces may not be entered, so that the long lists in `/proc` are read.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Relaxed)
    }
}

impl Sockets {
    /// Of this machine, the kinds that are on there. Call it on any thread; it enters namespaces on the one that
    /// measures.
    pub fn new(host: &Arc<Host>) -> Self {
        Self {
            entrance: Entrance::new(host),
            host: host.clone(),
            snmp: Columns::default(),
            netstat: Columns::default(),
            buffer: Vec::new(),
            trouble: Arc::default(),
        }
    }

    /// What it may not do, also later.
    pub fn trouble(&self) -> Arc<Trouble> {
        self.trouble.clone()
    }

    /// The process' directory and the number of its network namespace; `None` where it has ended or is another's.
    fn find(&self, target: &Target) -> Option<(u64, Dir)> {
        let process = Dir::try_open(&self.host.root.proc.join(target.pid.to_string())).ok()?;
        if &*target.group != "/" && !is_of_group(&process, &target.group).ok()? {
            return None;
        }
        // every namespace has a tree of its own below net/, whose files have numbers of their own
        Some((process.inode_of(c"net/dev").ok()?, process))
    }

    /// The sockets of a process' network namespace.
    fn read(&mut self, space: u64, process: &Dir) -> super::Sockets {
        let (tcp, udp) = (self.host.kinds.has(Kind::Tcp), self.host.kinds.has(Kind::Udp));
        let mut found = super::Sockets::default();
        if tcp || udp {
            let v4 = self.inuse(process, c"net/sockstat");
            let v6 = self.inuse(process, c"net/sockstat6");
            let mut asked = Asked::Not;
            if tcp {
                self.read_tcp(space, process, &mut asked, (v4, v6), &mut found);
            }
            if udp {
                let none = |v: Result<Inuse, Errno>| v.is_ok_and(|inuse| inuse.udp == Some(0));
                let (v4, v6) = ((none(v4), v4), (none(v6), v6));
                found.udp = self.read_udp(space, process, &mut asked, v4, false);
                found.udp6 = self.read_udp(space, process, &mut asked, v6, true);
            }
        }
        if self.host.kinds.has(Kind::AdvancedTcp) {
            found.tcp_advanced = self.read_advanced(process);
        }
        found
    }

    fn inuse(&mut self, process: &Dir, name: &CStr) -> Result<Inuse, Errno> {
        process.read(name, &mut self.buffer)?;
        Ok(files::inuse(&self.buffer))
    }

    fn read_tcp(
        &mut self,
        space: u64,
        process: &Dir,
        asked: &mut Asked,
        (v4, v6): (Result<Inuse, Errno>, Result<Inuse, Errno>),
        found: &mut super::Sockets,
    ) {
        let without_v6 = v6.is_err_and(is_absent);
        // a listener is in use, and without one nobody can be halfway in; the time that passes is counted for both
        let none = |v: Result<Inuse, Errno>| v.is_ok_and(|inuse| inuse.tcp == Some(0));
        let waits = v4.map_or(true, |inuse| inuse.waiting != Some(0));
        let counted = if none(v4) && (none(v6) || without_v6) && !waits {
            Some(Default::default())
        } else {
            let buffer = &mut self.buffer;
            asked
                .open(&mut self.entrance, space, process, &self.trouble)
                .and_then(|netlink| diag::tcp(netlink, buffer).ok())
        };
        match counted {
            Some((tcp, tcp6)) => {
                found.tcp = Some(tcp);
                found.tcp6 = Some(tcp6).filter(|_| !without_v6);
            }
            None => {
                found.tcp = self.file(process, c"net/tcp", files::tcp);
                found.tcp6 = self.file(process, c"net/tcp6", files::tcp);
            }
        }
    }

    fn read_udp(
        &mut self,
        space: u64,
        process: &Dir,
        asked: &mut Asked,
        (none, inuse): (bool, Result<Inuse, Errno>),
        is_v6: bool,
    ) -> Option<super::Udp> {
        if none {
            return Some(super::Udp::default());
        }
        if is_v6 && inuse.is_err_and(is_absent) {
            return None;
        }
        let buffer = &mut self.buffer;
        asked
            .open(&mut self.entrance, space, process, &self.trouble)
            .and_then(|netlink| diag::udp(netlink, is_v6, buffer).ok())
            .or_else(|| self.file(process, if is_v6 { c"net/udp6" } else { c"net/udp" }, files::udp))
    }

    fn read_advanced(&mut self, process: &Dir) -> Option<TcpAdvanced> {
        let mut advanced = TcpAdvanced::default();
        let Self { snmp, netstat, buffer, .. } = self;
        let files: [(&CStr, &[u8], &mut Columns); 2] =
            [(c"net/netstat", b"TcpExt", netstat), (c"net/snmp", b"Tcp", snmp)];
        let mut some = false;
        for (name, protocol, columns) in files {
            // one that cannot be read leaves its own counters absent
            let read = process.read(name, buffer);
            let parsed = read.map(|()| columns.read(buffer, protocol, &mut advanced));
            some |= told(name, parsed).is_some();
        }
        some.then_some(advanced)
    }

    fn file<T>(
        &mut self,
        process: &Dir,
        name: &CStr,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Option<T> {
        let read = process.read(name, &mut self.buffer);
        told(name, read.map(|()| parse(&self.buffer)))
    }
}

/// Says once a file that it could not be read or understood.
fn told<T>(name: &CStr, outcome: Result<Result<T, ParseError>, Errno>) -> Option<T> {
    let path = std::path::Path::new("/proc/<pid>").join(name.to_string_lossy().as_ref());
    match outcome {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => crate::machine::file::tell(&path, &format_args!("not understood, {error}")),
        // no IPv6, or a process that ended meanwhile
        Err(cause) if is_absent(cause) || is_gone(cause) => {}
        Err(cause) => crate::machine::file::tell(&path, &format_args!("cannot be read: {cause}")),
    }
    None
}

impl rounds::Survey for Sockets {
    type Target = Target;
    type Value = Arc<super::Sockets>;

    fn measure(&mut self, members: &[Arc<rounds::Member<Self>>], now: &dyn Fn() -> Timestamp) {
        let mut spaces = BTreeMap::<u64, Space<'_>>::new();
        for member in members {
            match self.find(&member.target) {
                Some((space, process)) => {
                    let new = || Space { process, members: Vec::new() };
                    spaces.entry(space).or_insert_with(new).members.push(member);
                }
                None => member.put(None),
            }
        }
        for (number, Space { process, members }) in spaces {
            let at = now();
            let found = Arc::new(self.read(number, &process));
            members.into_iter().for_each(|member| member.put(Some((at, found.clone()))));
        }
        // a list of the kernel's may have been long
        self.buffer.shrink_to(64 << 10);
    }
}

/// A network namespace: a process that is in it, and who is measured there.
struct Space<'a> {
    process: Dir,
    members: Vec<&'a Arc<rounds::Member<Sockets>>>,
}

/// The question's socket of one namespace during one reading.
enum Asked {
    Not,
    Open(Netlink),
    Refused,
}

impl Asked {
    fn open(
        &mut self,
        entrance: &mut Entrance,
        space: u64,
        process: &Dir,
        trouble: &Trouble,
    ) -> Option<&mut Netlink> {
        if matches!(self, Self::Not) {
            *self = match entrance.open(space, process) {
                Ok(netlink) => Self::Open(netlink),
                Err(cause) => {
                    if matches!(cause, Errno::PERM | Errno::ACCESS) && !trouble.refused.swap(true, Relaxed) {
                        tracing::warn!(
                            "containers' network namespaces cannot be entered ({cause}): sockets are taken \
                             from /proc/<pid>/net, which costs more; give CAP_SYS_ADMIN and CAP_SYS_PTRACE"
                        );
                    }
                    Self::Refused
                }
            };
        }
        match self {
            Self::Open(netlink) => Some(netlink),
            Self::Not | Self::Refused => None,
        }
    }
}

/// The way into other network namespaces and back.
struct Entrance {
    /// The namespace of the agent; without it there would be no way back.
    own: Option<(u64, OwnedFd)>,
}

impl Entrance {
    fn new(host: &Host) -> Self {
        let own = Dir::try_open(&host.root.proc.join("self")).and_then(|own| {
            let link = own.file(c"ns/net")?;
            Ok((own.inode_of(c"net/dev")?, link))
        });
        Self { own: own.ok() }
    }

    /// A socket that asks about the process' namespace.
    fn open(&mut self, space: u64, process: &Dir) -> Result<Netlink, Errno> {
        let (own_space, own) = self.own.as_ref().ok_or(Errno::NOSYS)?;
        if *own_space == space {
            return Netlink::open(Protocol::SockDiag);
        }
        let there = process.file(c"ns/net")?;
        move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network))?;
        let opened = Netlink::open(Protocol::SockDiag);
        if let Err(cause) = move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::Network)) {
            // who does not know where he is enters nothing any more; files do not depend on it
            tracing::error!(%cause, "no way back from a network namespace; sockets are read from /proc");
            self.own = None;
        }
        opened
    }
}
