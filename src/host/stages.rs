//! What every reading needs: the kernel's side, the rules, the clock, the meters.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::time::Timestamp;
use plimsoll_measure::accelerator::{self, Accelerators};
use plimsoll_measure::filesystem::{FsStats, Storage, Table, Tracker};
use plimsoll_measure::{perf, resctrl};
use plimsoll_poll::Poller;
use plimsoll_serve::labels::LabelRules;

use super::hints::HintsFile;
use super::lock;
use super::meters::Meters;
use super::rounds::{RoundOptions, Surveys};

/// The stages that a container passes through when it is read.
pub(crate) struct Stages {
    /// The kernel's files.
    pub(crate) measure: Arc<plimsoll_measure::reader::Host>,
    /// Kinds of metric that are on.
    pub(crate) kinds: Kinds,
    /// Whether kills for want of memory are counted from the groups' own files: the kernel's log cannot be read.
    pub(crate) kills_by_file: bool,
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
    /// Measure what is too dear for every sample; not there before the start.
    pub(crate) surveys: OnceLock<Surveys>,
    /// Counts perf events; not there before the start, without a configuration, nor while the kind is off.
    pub(crate) perf: OnceLock<perf::Tracker>,
    /// Monitors caches and bandwidth; not there before the start, where the machine cannot, nor while the kind is
    /// off.
    pub(crate) resctrl: OnceLock<resctrl::Tracker>,
    /// Asks about GPUs; not there before the start, nor while the kind is off.
    pub(crate) accelerators: OnceLock<Accelerators>,
    /// What is told of groups without a runtime.
    pub(crate) hints: HintsFile,
    /// Asks applications for metrics of their own; not there while the kind is off.
    pub(crate) poller: Option<Poller>,
    /// The filesystems' use at the root's last sample. Apart from the table, which may be waiting for a mount.
    pub(crate) storage: Mutex<Storage>,
}

impl Stages {
    /// Looks at the machine.
    ///
    /// # Errors
    /// It has no cgroups, or the certificate for applications is none.
    pub(crate) fn new(options: &super::Options) -> Result<Self, super::Error> {
        let files = options.descriptors() - options.counters();
        let mut host = plimsoll_measure::reader::Host::new(options.root.clone(), options.kinds, files)?;
        let kills_by_file =
            options.kinds.has(Kind::OomEvent) && std::fs::File::open(&options.kernel_log).is_err();
        if kills_by_file {
            host.count_kills();
        }
        Ok(Self {
            measure: Arc::new(host),
            kinds: options.kinds,
            kills_by_file,
            label_rules: options.label_rules.clone(),
            storage_nanos: super::nanos(options.storage_duration),
            meters: Meters::default(),
            filesystems: Arc::new(Mutex::new(Table::read(&options.root))),
            layers: OnceLock::new(),
            surveys: OnceLock::new(),
            perf: OnceLock::new(),
            resctrl: OnceLock::new(),
            accelerators: OnceLock::new(),
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

    /// Starts the threads that measure in rounds.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn measure_rounds(&self, options: RoundOptions, base: Duration) -> std::io::Result<()> {
        if self.surveys.get().is_none() {
            // a second start ends its own
            let _ = self.surveys.set(Surveys::start(&self.measure, options, base)?);
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

    /// Starts the thread that counts perf events, if any are wanted.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn count_events(&self, options: &super::Options) -> std::io::Result<()> {
        if let Some(config) = &options.perf_events
            && self.kinds.has(Kind::PerfEvent)
            && self.perf.get().is_none()
        {
            let plan = perf::Plan::new(config, &self.measure.root.sys);
            let tracker =
                perf::Tracker::start(self.measure.clone(), plan, options.counters(), options.pace.base, now)?;
            let _ = self.perf.set(tracker);
        }
        Ok(())
    }

    /// Starts the thread that monitors caches and bandwidth, if that is wanted and the machine can.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn monitor_caches(&self, options: &super::Options) -> std::io::Result<()> {
        if !self.kinds.has(Kind::Resctrl) || self.resctrl.get().is_some() {
            return Ok(());
        }
        let tree = match resctrl::Tree::find(&self.measure.root) {
            Ok(tree) => tree,
            Err(why) => {
                tracing::warn!("no memory bandwidth and cache occupancy: {why}");
                return Ok(());
            }
        };
        let (interval, fill) = (options.pace.base, options.resctrl_interval);
        let tracker = resctrl::Tracker::start(self.measure.clone(), tree, interval, fill, now)?;
        if !options.docker_only {
            let groups = tracker.rmids().map_or_else(|| "few".to_owned(), |count| count.to_string());
            tracing::warn!(
                "the CPU monitors {groups} groups at once; with -docker_only none is spent on raw cgroups"
            );
        }
        let _ = self.resctrl.set(tracker);
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

    /// The machine's filesystems for a sample of the root, in the place of those of the sample before.
    pub(crate) fn filesystems(&self, at: Timestamp, out: &mut Vec<FsStats>) {
        if !self.kinds.has(Kind::Disk) {
            return;
        }
        let mut table = lock(&self.filesystems);
        table.refresh();
        table.usage(at, out);
        table.storage(&mut lock(&self.storage));
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

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
