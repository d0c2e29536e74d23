//! Which files are read of a group, in which order: the same for all groups of a machine.

use std::ffi::CStr;
use std::path::Path;

use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::hierarchy::{Controller, Hierarchy, Version};

use crate::host::Host;
use crate::pressure::Resource;
use crate::sample::Sample;
use crate::{cpu, cpuset, hugetlb, io, memory, network, pids};

/// A directory that belongs to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Place {
    /// Its group in the v1 hierarchy of cpu.
    Cpu,
    /// Its group in the v1 hierarchy of cpuacct.
    CpuAcct,
    /// Its group in the v1 hierarchy of memory.
    Memory,
    /// Its group in the v1 hierarchy of blkio.
    Io,
    /// Its group in the v1 hierarchy of pids.
    Pids,
    /// Its group in the v1 hierarchy of cpuset.
    CpuSet,
    /// Its group in the v1 hierarchy of hugetlb.
    HugeTlb,
    /// Its group in the unified hierarchy.
    Unified,
    /// `/proc/<pid>` of its first process.
    Process,
    /// `/proc`, for the root group.
    Proc,
}

impl Place {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 10] = [
        Self::Cpu,
        Self::CpuAcct,
        Self::Memory,
        Self::Io,
        Self::Pids,
        Self::CpuSet,
        Self::HugeTlb,
        Self::Unified,
        Self::Process,
        Self::Proc,
    ];

    /// Where the files of a controller are.
    pub(crate) fn of(controller: Controller, version: Version) -> Self {
        if version == Version::V2 {
            return Self::Unified;
        }
        match controller {
            Controller::Cpu | Controller::Devices | Controller::PerfEvent | Controller::Freezer => Self::Cpu,
            Controller::CpuAcct => Self::CpuAcct,
            Controller::Memory => Self::Memory,
            Controller::Io => Self::Io,
            Controller::Pids => Self::Pids,
            Controller::CpuSet => Self::CpuSet,
            Controller::HugeTlb => Self::HugeTlb,
        }
    }

    /// The controller whose v1 hierarchy it is in.
    pub(crate) const fn controller(self) -> Option<Controller> {
        match self {
            Self::Cpu => Some(Controller::Cpu),
            Self::CpuAcct => Some(Controller::CpuAcct),
            Self::Memory => Some(Controller::Memory),
            Self::Io => Some(Controller::Io),
            Self::Pids => Some(Controller::Pids),
            Self::CpuSet => Some(Controller::CpuSet),
            Self::HugeTlb => Some(Controller::HugeTlb),
            Self::Unified | Self::Process | Self::Proc => None,
        }
    }

    /// Whether it is a directory of the group.
    pub(crate) const fn is_group(self) -> bool {
        !matches!(self, Self::Process | Self::Proc)
    }
}

/// Whose numbers a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Subject {
    Cpu,
    DiskIo,
    Memory,
    Network,
    Processes,
    CpuSet,
}

impl Subject {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: &[Self] =
        &[Self::Cpu, Self::DiskIo, Self::Memory, Self::Network, Self::Processes, Self::CpuSet];

    /// As the kind of metric that switches it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::DiskIo => "diskIO",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Processes => "process",
            Self::CpuSet => "cpuset",
        }
    }
}

/// What a parser may ask besides the text.
pub(crate) struct Context<'a> {
    pub(crate) host: &'a Host,
    pub(crate) at: Timestamp,
}

/// Puts the numbers of a text into the sample, none of an absent one; says whether any moved. One that fails
/// has changed nothing, or is followed by a call without a text.
pub(crate) type Parse = fn(&Context<'_>, Option<&[u8]>, &mut Sample) -> Result<bool, ParseError>;

/// A file of the plan.
#[derive(Clone, Copy)]
pub(crate) struct File {
    pub(crate) place: Place,
    pub(crate) name: &'static CStr,
    pub(crate) subject: Subject,
    pub(crate) parse: Parse,
    pub(crate) moves: Moves,
    /// Whether a beginning of the text already has all that is wanted, so that the rest need not be read. Asked only
    /// of one that may go on after 3 KiB.
    pub(crate) enough: fn(&[u8]) -> bool,
}

impl File {
    /// One that may move at any time and is wanted whole.
    pub(crate) const fn new(place: Place, name: &'static CStr, subject: Subject, parse: Parse) -> Self {
        Self { place, name, subject, parse, moves: Moves::Always, enough: |_| false }
    }

    /// The same, which moves only so.
    pub(crate) const fn moving(self, moves: Moves) -> Self {
        Self { moves, ..self }
    }

    /// The same, read only to where it is enough.
    pub(crate) const fn until(self, enough: fn(&[u8]) -> bool) -> Self {
        Self { enough, ..self }
    }
}

/// When the numbers of a file can move, as far as the kernel guarantees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moves {
    /// Whatever the group does, and by what others do.
    Always,
    /// Not unless the number does that shows the group's CPU time.
    WithCpu,
    /// Not unless the group has a CPU quota of its own.
    UnderQuota,
    /// Not unless the group has a memory limit of its own.
    UnderLimit,
    /// Not unless the machine has swap.
    WithSwap,
    /// Its totals not unless those of the machine do; its averages fade until they are zero.
    WithStalls(Resource),
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}/{}", self.place, self.name.to_string_lossy())
    }
}

/// Which files are read of a group.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Whether it is that of the machine's real root, of which every group is a part.
    pub(crate) is_machine: bool,
    /// Read first and always: when none of them moves, the group is quiet. Then the others.
    pub(crate) files: Vec<File>,
    /// How many lead.
    pub(crate) leads: usize,
    /// What of a group that has run lately tells its CPU time as well as the first file does, and where among the
    /// files that do not lead it stands.
    pub(crate) cpu_parts: Option<(usize, File)>,
    /// v1 block io: file lists of which the first that names a disk counts.
    pub(crate) io_families: Vec<Vec<File>>,
    /// Sizes of huge pages, `2MB`; empty when the kind is off or the controller is not there.
    pub(crate) page_sizes: Vec<String>,
    /// Where processes are listed.
    pub(crate) procs: Vec<Place>,
    /// Whether descriptors of processes are counted.
    pub(crate) process: bool,
    /// Whether scheduler statistics of processes are summed.
    pub(crate) sched: bool,
}

impl Plan {
    /// Those that have a slot each, in the order of the slots.
    pub(crate) fn all_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().chain(self.io_families.iter().flatten())
    }

    /// Of any group but the root.
    pub(crate) fn of_group(hierarchy: &Hierarchy, kinds: Kinds, sys: &Path) -> Self {
        let mut plan = Self::common(hierarchy, kinds);
        if kinds.has(Kind::Memory) {
            memory::lead(hierarchy, &mut plan.files);
        }
        plan.finish(hierarchy, kinds, sys, memory::files)
    }

    /// Of the machine's real root group; a namespace's root is a group like any other.
    pub(crate) fn of_root(hierarchy: &Hierarchy, kinds: Kinds, sys: &Path) -> Self {
        if !is_real_root(hierarchy) {
            return Self::of_group(hierarchy, kinds, sys);
        }
        let mut plan = Self::common(hierarchy, kinds).finish(hierarchy, kinds, sys, memory::root_files);
        plan.is_machine = true;
        // a machine of v1 alone has no files for groups
        if kinds.has(Kind::Pressure) && hierarchy.unified().is_none() {
            let files = [
                (Kind::Cpu, cpu::PRESSURE_OF_MACHINE),
                (Kind::Memory, memory::PRESSURE_OF_MACHINE),
                (Kind::DiskIo, io::PRESSURE_OF_MACHINE),
            ];
            plan.files.extend(files.iter().filter(|(kind, _)| kinds.has(*kind)).map(|(_, file)| file));
        }
        plan
    }

    /// Reads kills for want of memory of a group on v1, where a file of their own has them.
    pub(crate) fn count_kills(&mut self, hierarchy: &Hierarchy) {
        self.files.extend(memory::kills(hierarchy));
    }

    fn common(hierarchy: &Hierarchy, kinds: Kinds) -> Self {
        let mut plan = Self::default();
        if kinds.has(Kind::Cpu) {
            cpu::lead(hierarchy, &mut plan.files);
        }
        if kinds.has(Kind::Network) {
            plan.files.push(network::FILE);
        }
        plan
    }

    fn finish(
        mut self,
        hierarchy: &Hierarchy,
        kinds: Kinds,
        sys: &Path,
        memory: fn(&Hierarchy, Kinds, &mut Vec<File>),
    ) -> Self {
        self.leads = self.files.len();
        if kinds.has(Kind::Cpu) {
            cpu::files(hierarchy, kinds, &mut self.files);
            self.cpu_parts = cpu::parts(self.files.get(self.leads..).unwrap_or_default());
        }
        if kinds.has(Kind::Memory) {
            memory(hierarchy, kinds, &mut self.files);
        }
        if kinds.has(Kind::DiskIo) {
            io::files(hierarchy, kinds, &mut self.files);
            if let Some((Version::V1, blkio)) = hierarchy.controller(Controller::Io) {
                self.io_families = io::families(blkio);
            }
        }
        if kinds.has(Kind::Process)
            && let Some((version, _)) = hierarchy.controller(Controller::Pids)
        {
            let place = Place::of(Controller::Pids, version);
            self.files.extend(pids::FILES.map(|file| File { place, ..file }));
        }
        if kinds.has(Kind::CpuSet)
            && matches!(hierarchy.controller(Controller::CpuSet), Some((Version::V1, _)))
        {
            self.files.push(cpuset::FILE);
        }
        if kinds.has(Kind::HugeTlb) && hierarchy.controller(Controller::HugeTlb).is_some() {
            self.page_sizes = hugetlb::page_sizes(sys);
        }
        self.procs = procs_places(hierarchy);
        self.process = kinds.has(Kind::Process);
        self.sched = kinds.has(Kind::Sched) && kinds.has(Kind::Cpu);
        self
    }

    /// Whether there is anything of which many files are opened each time.
    pub(crate) fn has_more(&self) -> bool {
        self.process || self.sched || !self.page_sizes.is_empty()
    }

    /// Where among the slots of the io families those of one begin.
    pub(crate) fn start_of_family(&self, family: usize) -> usize {
        self.io_families.iter().take(family).map(Vec::len).sum()
    }

    /// How many slots a reader needs.
    pub(crate) fn slots(&self) -> usize {
        self.files.len() + self.start_of_family(self.io_families.len())
    }
}

/// In the order in which they are asked for processes: the cpu controller's first, as cAdvisor does.
fn procs_places(hierarchy: &Hierarchy) -> Vec<Place> {
    let mut places = Vec::new();
    for controller in
        [Controller::Cpu, Controller::CpuAcct, Controller::Memory, Controller::Pids, Controller::Io]
    {
        if let Some((version, _)) = hierarchy.controller(controller) {
            let place = Place::of(controller, version);
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    if hierarchy.unified().is_some() && !places.contains(&Place::Unified) {
        places.push(Place::Unified);
    }
    places
}

/// Whether `/` is the whole machine: v1 has `release_agent` only there, v2 `cgroup.events` everywhere else.
fn is_real_root(hierarchy: &Hierarchy) -> bool {
    match hierarchy.controller(Controller::Memory).or(hierarchy.controller(Controller::CpuAcct)) {
        Some((Version::V1, path)) => path.join("release_agent").exists(),
        Some((Version::V2, path)) => !path.join("cgroup.events").exists(),
        None => true,
    }
}
