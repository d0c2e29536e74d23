//! What a container may use: the cgroup part of its spec.
//!
//! Reads: v1 cpu.shares, cpu.cfs_period_us, cpu.cfs_quota_us, cpuset.cpus, memory.limit_in_bytes,
//!        memory.memsw.limit_in_bytes, memory.soft_limit_in_bytes, pids.max, freezer.state
//!        | v2 cpu.weight, cpu.max, cpuset.cpus.effective, memory.max, memory.swap.max, memory.min, pids.max,
//!        cgroup.freeze, cgroup.events;
//!        the times of the directories; of the root group /proc/meminfo
//! Gives: `spec` but what a runtime tells
//! Cost:  12 files opened anew and 2 stats a hierarchy; when a container appears and when its spec is asked for
//!
//! cAdvisor's spec has no absent numbers: what cannot be read is 0 here.

use std::ffi::CStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use plimsoll_core::container::{CpuSpec, MemorySpec, ProcessSpec, Spec};
use plimsoll_core::kinds::Kind;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::dir::{Dir, read_path};
use plimsoll_kernel::error::Error;
use plimsoll_kernel::format;
use plimsoll_kernel::hierarchy::{Controller, Version};

use crate::host::Host;
use crate::memory::root::parse_meminfo;
use crate::reader::place;

/// Reads the limits of a group; `/` is the machine. When it was made is looked for only if it is not `created`
/// already: three looks a hierarchy cost as much as all else.
///
/// # Errors
/// The group is in no hierarchy.
pub fn read(
    host: &Host,
    name: &str,
    created: Option<Timestamp>,
    buffer: &mut Vec<u8>,
) -> Result<Spec, Error> {
    let group = Group { host, name };
    let dirs = group.dirs();
    if dirs.is_empty() {
        let path = host.root.cgroup.join(name.trim_start_matches('/'));
        return Err(Error::Nothing { path, expected: "a directory of this group in some hierarchy" });
    }
    let creation_time = created.or_else(|| creation_time(host, &dirs, buffer));
    let mut spec = Spec { creation_time, ..Spec::default() };
    group.cpu(&mut spec, buffer);
    group.memory(&mut spec, buffer);
    group.rest(&mut spec, buffer);
    spec.frozen = frozen(host, name, buffer);
    if name == "/" && host.kinds.has(Kind::Memory) {
        machine_memory(host, &mut spec, buffer);
    }
    Ok(spec)
}

/// Below its container's group crun makes one more, in which it starts and stops all.
pub const INNER: &str = "container";

/// Whether the kernel keeps all processes of a group stopped, or is about to. `None` where the freezer does not have
/// the group, as it has not the root.
pub fn frozen(host: &Host, name: &str, buffer: &mut Vec<u8>) -> Option<bool> {
    let (version, root) = host.hierarchy.controller(Controller::Freezer)?;
    let path = place::below(root, name)?;
    let own = is_frozen(version, &Dir::try_open(&path).ok()?, buffer)?;
    let mut inner = || is_frozen(version, &Dir::try_open(&path.join(INNER)).ok()?, buffer);
    Some(own || inner().unwrap_or(false))
}

fn is_frozen(version: Version, dir: &Dir, buffer: &mut Vec<u8>) -> Option<bool> {
    if version == Version::V1 {
        // also that of a group above; FREEZING while some processes still run
        return text(dir, c"freezer.state", buffer)
            .map(|state| matches!(state.trim_ascii(), b"FROZEN" | b"FREEZING"));
    }
    // what is wanted of this group, else what came of that for one above
    if format::single_value(text(dir, c"cgroup.freeze", buffer)?).ok()? == 1 {
        return Some(true);
    }
    let events = text(dir, c"cgroup.events", buffer)?;
    let told = format::flat_keyed(events).find(|entry| entry.key == b"frozen")?;
    Some(told.number().ok()? == 1)
}

struct Group<'a> {
    host: &'a Host,
    name: &'a str,
}

impl Group<'_> {
    /// Its directories in the hierarchies of the wanted kinds.
    fn dirs(&self) -> Vec<PathBuf> {
        let roots = self.host.hierarchy.watch_dirs(&self.host.kinds);
        roots.iter().filter_map(|root| place::below(root, self.name)).filter(|dir| dir.is_dir()).collect()
    }

    fn dir(&self, controller: Controller) -> Option<(Version, Dir)> {
        let (version, root) = self.host.hierarchy.controller(controller)?;
        Some((version, Dir::try_open(&place::below(root, self.name)?).ok()?))
    }

    fn cpu(&self, spec: &mut Spec, buffer: &mut Vec<u8>) {
        if !self.host.kinds.has(Kind::Cpu) {
            return;
        }
        let cpu = self.dir(Controller::Cpu);
        let cpuset = self.dir(Controller::CpuSet);
        spec.has_cpu = cpu.is_some() || cpuset.is_some();
        match cpu {
            Some((Version::V1, dir)) => v1_cpu(&dir, buffer, &mut spec.cpu),
            Some((Version::V2, dir)) => v2_cpu(&dir, buffer, &mut spec.cpu),
            None => {}
        }
        match cpuset {
            // cAdvisor reads it only with the kind on; v2 has it in the same place as all else
            Some((Version::V1, dir)) if self.host.kinds.has(Kind::CpuSet) => {
                spec.cpu.mask = mask(&dir, c"cpuset.cpus", self.host, buffer);
            }
            Some((Version::V2, dir)) => {
                spec.cpu.mask = mask(&dir, c"cpuset.cpus.effective", self.host, buffer);
            }
            _ => {}
        }
    }

    fn memory(&self, spec: &mut Spec, buffer: &mut Vec<u8>) {
        if !self.host.kinds.has(Kind::Memory) {
            return;
        }
        let Some((version, dir)) = self.dir(Controller::Memory) else { return };
        let names = match version {
            Version::V1 => {
                [c"memory.limit_in_bytes", c"memory.memsw.limit_in_bytes", c"memory.soft_limit_in_bytes"]
            }
            Version::V2 => [c"memory.max", c"memory.swap.max", c"memory.min"],
        };
        spec.has_memory = version == Version::V1 || dir.has(c"memory.max");
        let [limit, swap_limit, reservation] = names.map(|name| limit(&dir, name, buffer));
        spec.memory = MemorySpec { limit, reservation, swap_limit };
    }

    fn rest(&self, spec: &mut Spec, buffer: &mut Vec<u8>) {
        let kinds = self.host.kinds;
        if kinds.has(Kind::Process)
            && let Some((version, dir)) = self.dir(Controller::Pids)
        {
            // on v1 the root group has no such numbers
            spec.has_processes = version == Version::V2 || self.name != "/";
            if spec.has_processes {
                spec.processes = ProcessSpec { limit: limit(&dir, c"pids.max", buffer) };
            }
        }
        spec.has_diskio = kinds.has(Kind::DiskIo) && self.dir(Controller::Io).is_some();
        let hugetlb = self.dir(Controller::HugeTlb);
        spec.has_hugetlb = kinds.has(Kind::HugeTlb) && matches!(hugetlb, Some((Version::V1, _)));
    }
}

fn v1_cpu(dir: &Dir, buffer: &mut Vec<u8>, cpu: &mut CpuSpec) {
    cpu.limit = number(dir, c"cpu.shares", buffer);
    cpu.period = number(dir, c"cpu.cfs_period_us", buffer);
    let quota = text(dir, c"cpu.cfs_quota_us", buffer).and_then(|text| format::signed_value(text).ok());
    cpu.quota = quota.and_then(|quota| u64::try_from(quota).ok()).unwrap_or(0);
}

fn v2_cpu(dir: &Dir, buffer: &mut Vec<u8>, cpu: &mut CpuSpec) {
    cpu.limit = shares(number(dir, c"cpu.weight", buffer));
    if let Some(max) = text(dir, c"cpu.max", buffer) {
        let mut words = format::words(max);
        cpu.quota = words.next().and_then(format::number).unwrap_or(0);
        cpu.period = words.next().and_then(format::number).unwrap_or(0);
    }
}

/// A weight of 1-10000 as shares of 2-262144, as the OCI runtimes convert the other way.
fn shares(weight: u64) -> u64 {
    match weight.checked_sub(1) {
        None => 0,
        Some(above) => 2 + above.saturating_mul(262_142) / 9999,
    }
}

/// `0-1`; where the group has none of its own, all that the machine has.
fn mask(dir: &Dir, name: &CStr, host: &Host, buffer: &mut Vec<u8>) -> String {
    let own = String::from_utf8_lossy(text(dir, name, buffer).unwrap_or_default().trim_ascii()).into_owned();
    if !own.is_empty() {
        return own;
    }
    let cpus = read_path(&host.root.proc.join("stat"), buffer).map_or(0, |()| count_cpus(buffer));
    match cpus {
        0 => own,
        1 => "0".to_owned(),
        n => format!("0-{}", n - 1),
    }
}

/// The lines `cpu0 ...` of `/proc/stat`: CPUs that are online.
fn count_cpus(stat: &[u8]) -> usize {
    let names = format::flat_keyed(stat).filter_map(|entry| entry.key.strip_prefix(b"cpu"));
    names.filter(|number| format::number(number).is_some()).count()
}

/// The oldest time of the group's directories, but not before the machine started.
fn creation_time(host: &Host, dirs: &[PathBuf], buffer: &mut Vec<u8>) -> Option<Timestamp> {
    let oldest = dirs.iter().flat_map(|dir| {
        ["", "cgroup.clone_children", "cgroup.events"].into_iter().filter_map(|name| changed(&dir.join(name)))
    });
    let oldest = oldest.min()?;
    Some(boot_time(host, buffer).map_or(oldest, |boot| oldest.max(boot)))
}

fn changed(path: &Path) -> Option<Timestamp> {
    let meta = std::fs::metadata(path).ok()?;
    Some(Timestamp::from_secs(meta.mtime()).plus_nanos(meta.mtime_nsec()))
}

/// `btime` of `/proc/stat`, rounded down to a minute.
fn boot_time(host: &Host, buffer: &mut Vec<u8>) -> Option<Timestamp> {
    read_path(&host.root.proc.join("stat"), buffer).ok()?;
    let secs = format::flat_keyed(buffer).find(|entry| entry.key == b"btime")?.number().ok()?;
    i64::try_from(secs - secs % 60).ok().map(Timestamp::from_secs)
}

fn machine_memory(host: &Host, spec: &mut Spec, buffer: &mut Vec<u8>) {
    let info =
        read_path(&host.root.proc.join("meminfo"), buffer).ok().and_then(|()| parse_meminfo(buffer).ok());
    let Some(info) = info else { return };
    spec.has_memory = true;
    spec.memory.limit = info.mem_total.unwrap_or(0);
    spec.memory.swap_limit = info.swap_total.unwrap_or(0);
}

fn text<'a>(dir: &Dir, name: &CStr, buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    dir.read(name, buffer).ok()?;
    Some(buffer)
}

fn number(dir: &Dir, name: &CStr, buffer: &mut Vec<u8>) -> u64 {
    text(dir, name, buffer).and_then(|text| format::single_value(text).ok()).unwrap_or(0)
}

/// What v1 prints for no limit, the largest number of whole pages, stays so.
fn limit(dir: &Dir, name: &CStr, buffer: &mut Vec<u8>) -> u64 {
    text(dir, name, buffer).and_then(|text| format::limit(text).ok()).map_or(0, |limit| limit.or(u64::MAX))
}

#[cfg(test)]
mod tests;
