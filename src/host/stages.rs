//! What every reading needs: the kernel's side, the rules, the clock, the meters.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::machine::FsInfo;
use plimsoll_core::time::Timestamp;
use plimsoll_measure::filesystem::{FsStats, Table, Tracker};
use plimsoll_poll::Poller;
use plimsoll_serve::labels::LabelRules;

use super::hints::HintsFile;
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
    /// What is told of groups without a runtime.
    pub(crate) hints: HintsFile,
    /// Asks applications for metrics of their own; not there while the kind is off.
    pub(crate) poller: Option<Poller>,
    /// Their use at the root's last sample.
    pub(crate) storage: Mutex<Arc<Vec<FsInfo>>>,
}

impl Stages {
    /// Looks at the machine.
    ///
    /// # Errors
    /// It has no cgroups, or the certificate for applications is none.
    pub(crate) fn new(options: &super::Options) -> Result<Self, super::Error> {
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
            hints: HintsFile::new(options.container_hints.clone()),
            poller: options.kinds.has(Kind::App).then(|| Poller::new(polling(options), now)).transpose()?,
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

    /// Now, by the machine's clock.
    pub(crate) fn now(&self) -> Timestamp {
        now()
    }

    /// Directories that the hints tell of a group.
    pub(crate) fn hinted(&self, name: &str) -> Vec<PathBuf> {
        // the root has all filesystems
        if name == "/" || !self.kinds.has(Kind::Disk) { Vec::new() } else { self.hints.mounts(name) }
    }

    /// The filesystems that are mounted at these directories.
    pub(crate) fn filesystems_at(&self, mountpoints: &[PathBuf]) -> Vec<FsStats> {
        let mut table = lock(&self.filesystems);
        table.refresh();
        table.usage_at(mountpoints)
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

fn polling(options: &super::Options) -> plimsoll_poll::Options {
    plimsoll_poll::Options {
        proc: options.root.proc.clone(),
        metrics: options.application_metrics,
        series: options.application_series,
        own_address: options.application_own_address,
        identity: options.collector_identity.clone(),
        keep: Some(options.storage_duration).filter(|keep| !keep.is_zero()).unwrap_or(Duration::MAX),
        ..plimsoll_poll::Options::default()
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
