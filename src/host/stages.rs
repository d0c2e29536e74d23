//! What every reading needs: the kernel's side, the rules, the clock, the meters.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::machine::FsInfo;
use plimsoll_core::time::Timestamp;
use plimsoll_measure::accelerator::{self, Accelerators};
use plimsoll_measure::filesystem::{FsStats, Table, Tracker};
use plimsoll_serve::labels::LabelRules;

use super::lock;
use super::meters::Meters;

/// The stages that a container passes through when it is read.
pub(crate) struct Stages {
    /// The kernel's files.
    pub(crate) measure: Arc<plimsoll_measure::reader::Host>,
    /// Kinds of metric that are on.
    pub(crate) kinds: Kinds,
    /// Which labels a container shows.
    pub(crate) label_rules: LabelRules,
    /// How long samples are kept; 0 is for ever.
    pub(crate) storage_nanos: i64,
    /// What the host counts of itself.
    pub(crate) meters: Meters,
    /// The machine's filesystems.
    pub(crate) filesystems: Arc<Mutex<Table>>,
    /// Measures writable layers; not there before the start, nor while their kind is off.
    pub(crate) layers: OnceLock<Tracker>,
    /// Asks about GPUs; likewise.
    pub(crate) accelerators: OnceLock<Accelerators>,
    /// The filesystems' use at the root's last sample.
    pub(crate) storage: Mutex<Arc<Vec<FsInfo>>>,
}

impl Stages {
    /// Looks at the machine.
    ///
    /// # Errors
    /// It has no cgroups.
    pub(crate) fn new(options: &super::Options) -> Result<Self, plimsoll_kernel::error::Error> {
        let host =
            plimsoll_measure::reader::Host::new(options.root.clone(), options.kinds, options.descriptors())?;
        Ok(Self {
            measure: Arc::new(host),
            kinds: options.kinds,
            label_rules: options.label_rules.clone(),
            storage_nanos: super::nanos(options.storage_duration),
            meters: Meters::default(),
            filesystems: Arc::new(Mutex::new(Table::read(&options.root))),
            layers: OnceLock::new(),
            accelerators: OnceLock::new(),
            storage: Mutex::default(),
        })
    }

    /// Starts the thread that measures writable layers, if they are wanted.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn measure_layers(&self, interval: Duration) -> std::io::Result<()> {
        if self.kinds.has(Kind::Disk) && self.layers.get().is_none() {
            let table = self.filesystems.clone();
            let tracker = Tracker::start(self.measure.root.clone(), table, interval, now)?;
            // a second start ends its own
            let _ = self.layers.set(tracker);
        }
        Ok(())
    }

    /// Starts the thread that asks about GPUs, if they are wanted.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn watch_accelerators(
        &self,
        options: accelerator::Options,
        groups: impl Fn() -> Vec<accelerator::Group> + Send + 'static,
    ) -> std::io::Result<()> {
        if self.kinds.has(Kind::Accelerator) && self.accelerators.get().is_none() {
            let accelerators = Accelerators::start(self.measure.clone(), options, groups, now)?;
            // a second start ends its own
            let _ = self.accelerators.set(accelerators);
        }
        Ok(())
    }

    /// Now, by the machine's clock.
    pub(crate) fn now(&self) -> Timestamp {
        now()
    }

    /// The machine's filesystems for a sample of the root.
    pub(crate) fn filesystems(&self, at: Timestamp) -> Vec<FsStats> {
        if !self.kinds.has(Kind::Disk) {
            return Vec::new();
        }
        let mut table = lock(&self.filesystems);
        table.refresh();
        let (stats, storage) = table.usage(at);
        drop(table);
        *lock(&self.storage) = Arc::new(storage);
        stats
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
