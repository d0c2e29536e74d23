//! NUMA nodes, and the cores and threads in them.
//!
//! Reads: sys/devices/system/cpu/{online, cpu*/topology/*, cpu0/cpufreq/cpuinfo_max_freq},
//!        sys/devices/system/node/node*/{cpu*, meminfo, hugepages, distance}
//! Gives: topology, num_cores; num_physical_cores and num_sockets where cpuinfo does not say
//! Cost:  three files a CPU and three a node, with those of caches.rs

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plimsoll_core::machine::{Core, Node};

use super::cpuinfo::Counts;
use super::{caches, file, memory};

/// The online CPUs whose place is known, by number.
#[derive(Debug, Default)]
pub(super) struct Cpus(BTreeMap<u64, Place>);

/// Where a CPU sits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    socket: u64,
    core: u64,
    book: Option<String>,
    drawer: Option<String>,
}

impl Cpus {
    pub(super) fn read(sys: &Path) -> Self {
        let dir = sys.join("devices/system/cpu");
        let online = file::text(&dir.join("online")).map(|text| list(&text));
        let is_online = |cpu: u64| {
            online.as_ref().is_none_or(|ranges| ranges.iter().any(|(from, to)| (*from..=*to).contains(&cpu)))
        };
        Self(
            file::numbered(&dir, "cpu")
                .into_iter()
                .filter(|(cpu, _)| is_online(*cpu))
                .filter_map(|(cpu, path)| Some((cpu, place(&path.join("topology"))?)))
                .collect(),
        )
    }

    pub(super) fn counts(&self) -> Counts {
        let cores: BTreeSet<_> = self.0.values().map(|place| (place.socket, place.core)).collect();
        let sockets: BTreeSet<_> = self.0.values().map(|place| place.socket).collect();
        let books: BTreeSet<_> = self.0.values().filter_map(|place| place.book.as_ref()).collect();
        let drawers: BTreeSet<_> = self.0.values().filter_map(|place| place.drawer.as_ref()).collect();
        Counts {
            cores: cores.len() as u64,
            sockets: sockets.len() as u64,
            books: books.len() as u64,
            drawers: drawers.len() as u64,
        }
    }

    /// CPUs by socket, for machines without NUMA nodes.
    fn by_socket(&self) -> BTreeMap<u64, Vec<u64>> {
        let mut sockets: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (cpu, place) in &self.0 {
            sockets.entry(place.socket).or_default().push(*cpu);
        }
        sockets
    }
}

/// The nodes in the order of their names; `None` when no CPU could be placed.
pub(super) fn nodes(sys: &Path, cpus: &Cpus) -> Option<Vec<Node>> {
    let cpu_dir = sys.join("devices/system/cpu");
    let dirs = file::numbered(&sys.join("devices/system/node"), "node");
    let mut nodes: Vec<Node> = if dirs.is_empty() {
        let node = |(id, members): (u64, Vec<u64>)| Node {
            node_id: id,
            cores: cores(&members, cpus),
            ..Node::default()
        };
        cpus.by_socket().into_iter().map(node).collect()
    } else {
        dirs.into_iter().map(|(id, dir)| node(id, &dir, cpus)).collect()
    };
    for node in &mut nodes {
        caches::add(&cpu_dir, node);
    }
    (!nodes.is_empty()).then_some(nodes)
}

/// Logical CPUs in all nodes.
pub(super) fn threads(nodes: Option<&[Node]>) -> u64 {
    let cores = nodes.unwrap_or_default().iter().flat_map(|node| node.cores.iter().flatten());
    cores.map(|core| core.thread_ids.as_ref().map_or(0, Vec::len) as u64).sum()
}

/// The highest frequency, where the kernel scales it.
pub(super) fn max_frequency_khz(sys: &Path) -> Option<u64> {
    file::number(&sys.join("devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"))
}

fn node(id: u64, dir: &Path, cpus: &Cpus) -> Node {
    let members: Vec<u64> = file::numbered(dir, "cpu").into_iter().map(|(cpu, _)| cpu).collect();
    Node {
        node_id: id,
        memory: memory::of_node(&dir.join("meminfo")),
        hugepages: memory::hugepages(&dir.join("hugepages")),
        cores: cores(&members, cpus),
        caches: None,
        distances: distances(&dir.join("distance")),
    }
}

/// The cores that the CPUs belong to, in order of their first CPU; `None` for a node without CPUs.
fn cores(members: &[u64], cpus: &Cpus) -> Option<Vec<Core>> {
    let mut cores: Vec<Core> = Vec::new();
    for (cpu, place) in members.iter().filter_map(|cpu| Some((*cpu, cpus.0.get(cpu)?))) {
        let known = cores.iter_mut().find(|c| c.core_id == place.core && c.socket_id == place.socket);
        match known {
            Some(core) => core.thread_ids.get_or_insert_default().push(cpu),
            None => cores.push(Core {
                core_id: place.core,
                socket_id: place.socket,
                thread_ids: Some(vec![cpu]),
                book_id: place.book.clone().unwrap_or_default(),
                drawer_id: place.drawer.clone().unwrap_or_default(),
                ..Core::default()
            }),
        }
    }
    (!cores.is_empty()).then_some(cores)
}

/// A CPU's place; `None` when its folder does not tell.
fn place(topology: &Path) -> Option<Place> {
    let core = topology.join("core_id");
    let socket = topology.join("physical_package_id");
    Some(Place {
        core: id(&core)?,
        socket: id(&socket)?,
        // these two files are there on s390x only
        book: file::text(&topology.join("book_id")),
        drawer: file::text(&topology.join("drawer_id")),
    })
}

/// An id; kernels write -1 where the firmware tells none (some ARM boards), which counts as the only one.
fn id(path: &PathBuf) -> Option<u64> {
    let id: i64 = file::number(path)?;
    Some(u64::try_from(id).unwrap_or(0))
}

fn distances(path: &Path) -> Option<Vec<u64>> {
    let text = file::text(path)?;
    let distances: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
    if distances.is_err() {
        file::tell(path, &format_args!("expected numbers between spaces, found {text:?}"));
    }
    distances.ok()
}

/// A list such as `0-3,8`, as inclusive ranges; parts that are none are passed over.
fn list(text: &str) -> Vec<(u64, u64)> {
    let range = |part: &str| match part.split_once('-') {
        Some((from, to)) => Some((file::digits(from)?, file::digits(to)?)),
        None => file::digits(part).map(|n| (n, n)),
    };
    text.trim().split(',').filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_numbers_and_ranges() {
        let f = |text, ranges: &[(u64, u64)]| assert_eq!(list(text), ranges, "{text}");
        f("0-3,8\n", &[(0, 3), (8, 8)]);
        f("0", &[(0, 0)]);
        f("", &[]);
        f("a,1-,2", &[(2, 2)]);
    }
}
