//! The kinds of metric that can be switched on and off: the words of `--disable_metrics`.

use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal $default:literal,)*) => {
        /// One kind of metric.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// Every kind, in the order of the flag's documentation.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind,)*];

            /// The word that the flags use; case counts.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)* }
            }

            /// Whether it is on when neither flag is given.
            pub const fn on_by_default(self) -> bool {
                match self { $(Kind::$kind => $default,)* }
            }
        }
    };
}

kinds! {
    /// CPU time: total, user, system, throttling.
    Cpu "cpu" true,
    /// Scheduler statistics of the processes.
    Sched "sched" false,
    /// CPU time by core.
    PerCpu "percpu" true,
    /// Memory.
    Memory "memory" true,
    /// Memory by NUMA node.
    MemoryNuma "memory_numa" false,
    /// Load average and tasks by state.
    CpuLoad "cpuLoad" true,
    /// Block io.
    DiskIo "diskIO" true,
    /// Filesystem usage.
    Disk "disk" true,
    /// Network interfaces.
    Network "network" true,
    /// TCP connections by state.
    Tcp "tcp" false,
    /// The kernel's TCP counters.
    AdvancedTcp "advtcp" false,
    /// UDP sockets.
    Udp "udp" false,
    /// Application metrics.
    App "app" true,
    /// Processes, threads, descriptors.
    Process "process" false,
    /// Huge pages.
    HugeTlb "hugetlb" false,
    /// perf events.
    PerfEvent "perf_event" true,
    /// Memory referenced lately.
    ReferencedMemory "referenced_memory" false,
    /// The machine's CPU topology.
    CpuTopology "cpu_topology" false,
    /// Resource control of the CPU's caches.
    Resctrl "resctrl" false,
    /// The cpuset controller.
    CpuSet "cpuset" false,
    /// OOM kills.
    OomEvent "oom_event" true,
    /// Pressure stall information.
    Pressure "pressure" true,
    /// GPUs.
    Accelerator "accelerator" true,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);

    /// Every kind.
    pub fn all() -> Self {
        Kind::ALL.iter().copied().collect()
    }

    /// Whether the kind is on.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// The set with the kind.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | (1 << kind as u8))
    }

    /// The set without the kind.
    #[must_use]
    pub const fn without(self, kind: Kind) -> Self {
        Self(self.0 & !(1 << kind as u8))
    }
}

/// What is on when neither flag is given.
impl Default for Kinds {
    fn default() -> Self {
        Kind::ALL.iter().copied().filter(|k| k.on_by_default()).collect()
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}
