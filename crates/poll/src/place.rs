//! A container as its first process sees it: its files, its sockets, its network.
//!
//! Reads: proc/<pid>/root/..., proc/<pid>/net, proc/<pid>/ns/net
//! Cost:  one descriptor a container with application metrics; it stands for this very process, so that a later one
//!        with its number is not taken for it

use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_kernel::dir::Dir;
use plimsoll_kernel::error::Errno;
use plimsoll_kernel::inside::{self, Refused};
use plimsoll_kernel::process::is_of_group;
use rustix::fs::{AtFlags, Mode, OFlags, statat};
use tokio::sync::Semaphore;

use crate::CONFIG_LIMIT;
use crate::address::Addresses;

/// A container's first process.
pub(crate) struct Place {
    process: Dir,
    gate: Gate,
}

/// How many threads a container may hold whose filesystem does not answer.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(2)))
    }
}

impl Place {
    /// # Errors
    /// There is no such process in this group.
    pub(crate) fn open(proc: &Path, pid: u32, group: &str, gate: Gate) -> Result<Self, Errno> {
        let process = Dir::try_open(&proc.join(pid.to_string()))?;
        // else labels of one container could have files of another read, or of the host
        if group != "/" && !is_of_group(&process, group)? {
            return Err(Errno::SRCH);
        }
        Ok(Self { process, gate })
    }

    /// Looks at the container's files from a thread that may hang there; `None` if it does.
    pub(crate) async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        within: Duration,
        look: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let place = self.clone();
        let looked = async {
            let permit = place.gate.0.clone().acquire_owned().await.ok()?;
            let looking = tokio::task::spawn_blocking(move || {
                let found = look(&place);
                // kept for as long as the thread hangs, and not as long as it is waited for
                drop(permit);
                found
            });
            looking.await.ok()
        };
        tokio::time::timeout(within, looked).await.ok().flatten()
    }

    /// Its root directory.
    fn root(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.process, c"root", flags, Mode::empty())
    }

    /// An ordinary file inside.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(crate) fn file(&self, path: &str) -> Result<Vec<u8>, Refused> {
        let path = CString::new(path).map_err(|_| Errno::INVAL)?;
        inside::read(self.root()?, &path, CONFIG_LIMIT)
    }

    /// A socket inside.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(crate) fn socket(&self, path: &str) -> Result<OwnedFd, Refused> {
        let path = CString::new(path).map_err(|_| Errno::INVAL)?;
        inside::socket(self.root()?, &path)
    }

    /// Its own addresses.
    pub(crate) fn addresses(&self) -> Addresses {
        let read = |name| {
            let mut buffer = Vec::new();
            // a namespace without a protocol has no such file
            self.process.read(name, &mut buffer).map_or_else(|_| Vec::new(), |()| buffer)
        };
        Addresses::parse(&read(c"net/fib_trie"), &read(c"net/route"), &read(c"net/if_inet6"))
    }

    /// Whether its network is this program's too: then it listens here, on the loopback as well.
    pub(crate) fn shares_network(&self) -> bool {
        let own = rustix::fs::stat("/proc/self/ns/net");
        let its = statat(&self.process, c"ns/net", AtFlags::empty());
        matches!((own, its), (Ok(own), Ok(its)) if (own.st_dev, own.st_ino) == (its.st_dev, its.st_ino))
    }

    /// Where it is asked when its configuration tells no address.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        if self.shares_network() {
            return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        self.addresses().first()
    }

    /// Whether an address is its own.
    pub(crate) fn owns(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        (address.is_loopback() && self.shares_network()) || self.addresses().has(address)
    }
}
