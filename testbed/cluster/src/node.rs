//! A node as its kubelet sees it: which pods run here, and what the newest samples of them say.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::fault::{Clock, Trouble};
use crate::load::Memory;
use crate::object::{Container, Object, Phase, PodBody};

/// A kubelet looks at its containers so often, in milliseconds.
pub(crate) const EVERY: i64 = 10_000;
/// What runs on a node besides pods, in thousandths of a core: the kubelet, then all else.
pub(crate) const SYSTEM: [u64; 2] = [30, 20];
/// Bytes that the machine has.
pub(crate) const CAPACITY: u64 = 64 << 30;

/// A node.
pub(crate) struct Node {
    pub(crate) name: Arc<str>,
    pub(crate) address: Ipv4Addr,
    pub(crate) number: u64,
    /// When within ten seconds it samples, in milliseconds.
    pub(crate) phase: i64,
    /// In milliseconds.
    pub(crate) booted: AtomicI64,
    /// By namespace and name.
    pub(crate) pods: RwLock<Vec<Arc<Object>>>,
    /// Microseconds of CPU of pods that are gone.
    pub(crate) gone: AtomicU64,
    /// What is wrong with it.
    pub(crate) trouble: watch::Sender<Trouble>,
}

/// What the newest samples of a node say. Times are those of the node's own clock.
pub(crate) struct Seen {
    /// When the machine was sampled; 0 where the clock tells nothing.
    pub(crate) at: i64,
    /// Now.
    pub(crate) now: i64,
    pub(crate) booted: i64,
    /// Thousandths of a core that all of it uses now.
    pub(crate) millicores: u64,
    /// Microseconds.
    pub(crate) cpu: u64,
    pub(crate) memory: Memory,
    pub(crate) faults: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) pods: Vec<PodSeen>,
    /// Milliseconds from the boot to the sample, of the right clock.
    pub(crate) up: i64,
}

/// A pod's.
pub(crate) struct PodSeen {
    pub(crate) object: Arc<Object>,
    pub(crate) at: i64,
    pub(crate) started: i64,
    pub(crate) millicores: u64,
    pub(crate) cpu: u64,
    pub(crate) memory: Memory,
    pub(crate) faults: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) containers: Vec<ContainerSeen>,
}

/// A container's.
pub(crate) struct ContainerSeen {
    /// Which of its pod.
    pub(crate) index: usize,
    pub(crate) at: i64,
    pub(crate) started: i64,
    pub(crate) cpu: u64,
    pub(crate) memory: Memory,
    pub(crate) faults: u64,
}

impl PodSeen {
    /// Its body and its containers, each with what it is.
    pub(crate) fn parts(&self) -> Option<(&PodBody, impl Iterator<Item = (&Container, &ContainerSeen)>)> {
        let body = self.object.pod()?;
        let each = self.containers.iter().filter_map(|seen| Some((body.containers.get(seen.index)?, seen)));
        Some((body, each))
    }
}

impl Node {
    /// The instant of the newest sample of the machine.
    pub(crate) fn tick(&self, now: i64) -> i64 {
        (now - self.phase).div_euclid(EVERY) * EVERY + self.phase
    }

    /// Microseconds that this pod has used at an instant.
    pub(crate) fn used(body: &PodBody, at: i64) -> u64 {
        body.containers.iter().map(|one| one.load.cpu(at - body.started - one.after)).sum()
    }

    /// What a kubelet would answer from at this instant.
    pub(crate) fn seen(&self, now: i64) -> Seen {
        let clock = self.trouble.borrow().clock;
        let shown = |at: i64| match clock {
            Clock::Right => at,
            Clock::Off(by) => at + by,
            Clock::Zero => 0,
        };
        let tick = self.tick(now);
        let pods = self.pods.read().unwrap_or_else(PoisonError::into_inner).clone();
        let up = tick - self.booted.load(Ordering::Relaxed);
        let mut seen = Seen {
            at: shown(tick),
            now: shown(now),
            booted: shown(tick - up),
            millicores: SYSTEM.iter().sum(),
            cpu: SYSTEM.iter().sum::<u64>() * up.max(0) as u64 + self.gone.load(Ordering::Relaxed),
            memory: Memory { usage: 900 << 20, working_set: 400 << 20, rss: 250 << 20, cache: 600 << 20 },
            faults: 0,
            received: 0,
            sent: 0,
            pods: Vec::with_capacity(pods.len()),
            up,
        };
        for object in &pods {
            let Some(body) = object.pod().filter(|body| body.phase == Phase::Running) else { continue };
            let pod = Self::pod_seen(object, body, tick, &shown);
            seen.cpu += Self::used(body, tick);
            seen.millicores += body.containers.iter().map(|one| one.load.millicores).sum::<u64>();
            let since = (tick - body.started).max(0) as u64;
            seen.received += body.traffic * since;
            seen.sent += body.traffic / 2 * since;
            seen.faults += pod.faults;
            add(&mut seen.memory, pod.memory);
            seen.pods.push(pod);
        }
        seen
    }

    fn pod_seen(object: &Arc<Object>, body: &PodBody, tick: i64, shown: &dyn Fn(i64) -> i64) -> PodSeen {
        // the pod's own group is sampled when its first container is
        let at = tick - body.containers.first().map_or(0, |one| one.lag / 2);
        let since = (at - body.started).max(0) as u64;
        let mut pod = PodSeen {
            object: Arc::clone(object),
            at: shown(at),
            started: shown(body.started),
            millicores: body.containers.iter().map(|one| one.load.millicores).sum(),
            cpu: Self::used(body, at),
            memory: Memory { usage: 512 << 10, working_set: 512 << 10, rss: 256 << 10, cache: 0 },
            faults: 800,
            received: body.traffic * since,
            sent: body.traffic / 2 * since,
            containers: Vec::with_capacity(body.containers.len()),
        };
        for (index, one) in body.containers.iter().enumerate() {
            let (began, at) = (body.started + one.after, tick - one.lag);
            // not sampled since it began
            if at <= began {
                continue;
            }
            let memory = one.load.memory(at);
            let faults = one.load.page_faults(at - began);
            add(&mut pod.memory, memory);
            pod.faults += faults;
            let cpu = one.load.cpu(at - began);
            let (at, started) = (shown(at), shown(began));
            pod.containers.push(ContainerSeen { index, at, started, cpu, memory, faults });
        }
        pod
    }
}

fn add(sum: &mut Memory, more: Memory) {
    sum.usage += more.usage;
    sum.working_set += more.working_set;
    sum.rss += more.rss;
    sum.cache += more.cache;
}
