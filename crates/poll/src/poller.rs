//! The schedule: each collector of each container at its own pace, all on one thread of low priority.
//!
//! Cost: nothing at all until a container has a label that asks for it. Then a thread; a container takes at most one
//! part in two hundred of a core, since what its answers take to be understood lengthens the pause after them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plimsoll_core::app::{AppMetrics, MetricSpec, Poll, Specs};
use plimsoll_core::time::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::collector::{Collector, Polled};
use crate::fault::Fault;
use crate::meters::Meters;
use crate::place::{Gate, Place};
use crate::tls::{Identity, Tls, TlsError};
use crate::{COLLECTORS, LABEL};

/// A container takes at most one part in so many of a core.
const PARTS: u32 = 200;
/// The longest pause after a poll that failed, unless the collector's own is longer.
const LONGEST_AFTER_FAILURE: Duration = Duration::from_secs(15);
/// How long nothing is logged of a collector that has been told of.
const TOLD_AGAIN: Duration = Duration::from_secs(600);
/// Bytes of kept values of one container, at most, beside the newest ones.
const HISTORY_LIMIT: usize = 1 << 20;
/// Threads that wait for the files and names of containers.
const WAITING_THREADS: usize = 32;

/// How much is taken, and whom it is asked of.
#[derive(Clone, Debug)]
pub struct Options {
    /// `/proc` of the host.
    pub proc: PathBuf,
    /// Metrics of a collector, at most.
    pub metrics: usize,
    /// Series of a collector, at most.
    pub series: usize,
    /// Whether a container is asked at its own addresses only, whatever its configuration says.
    pub own_address: bool,
    /// What is shown to applications that ask for a certificate.
    pub identity: Option<Identity>,
    /// How long polls are kept; zero is the newest only.
    pub keep: Duration,
    /// How long an answer may take.
    pub within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            metrics: 100,
            series: 10_000,
            own_address: false,
            identity: None,
            keep: Duration::from_secs(120),
            within: Duration::from_secs(10),
        }
    }
}

/// What is polled in one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its first process, as the host counts.
    pub pid: u32,
    /// The group that it must be in, or below: whoever told the number may be no friend.
    pub group: Box<str>,
    /// Name of each collector and path of its configuration.
    pub collectors: BTreeMap<String, String>,
}

impl Wanted {
    /// From a container's labels; `None` where none asks for anything.
    pub fn of(pid: u32, group: &str, labels: &BTreeMap<String, String>) -> Option<Self> {
        let asked =
            labels.range(LABEL.to_owned()..).map_while(|(key, path)| Some((key.strip_prefix(LABEL)?, path)));
        let collectors: BTreeMap<_, _> =
            asked.map(|(name, path)| (name.to_owned(), path.clone())).take(COLLECTORS).collect();
        (!collectors.is_empty()).then(|| Self { pid, group: group.into(), collectors })
    }
}

/// Polls containers. Dropping it ends that.
pub struct Poller {
    shared: Arc<Shared>,
    thread: Mutex<Option<(Handle, Arc<Notify>)>>,
}

/// What all collectors share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) tls: Tls,
    pub(crate) meters: Meters,
    pub(crate) now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// A container that is polled for as long as this lives.
pub struct Tracked {
    wanted: Wanted,
    state: Arc<State>,
    tasks: Vec<AbortHandle>,
}

struct State {
    shown: Mutex<Arc<AppMetrics>>,
    of: Mutex<Vec<OfCollector>>,
}

/// What is known of one collector.
#[derive(Default)]
struct OfCollector {
    specs: Vec<MetricSpec>,
    newest: Option<Arc<Poll>>,
    trouble: Option<String>,
}

impl Poller {
    /// Polls nothing yet. `now` is the clock that values are stamped with.
    ///
    /// # Errors
    /// The certificate or its key is none.
    pub fn new(
        options: Options,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let tls = Tls::new(options.identity.as_ref())?;
        let shared = Shared { options, tls, meters: Meters::default(), now: Box::new(now) };
        Ok(Self { shared: Arc::new(shared), thread: Mutex::default() })
    }

    /// Polls a container, at once and then again and again.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn track(&self, wanted: Wanted) -> std::io::Result<Tracked> {
        let handle = self.handle()?;
        let count = wanted.collectors.len();
        let state = Arc::new(State {
            shown: Mutex::default(),
            of: Mutex::new(std::iter::repeat_with(OfCollector::default).take(count).collect()),
        });
        let gate = Gate::default();
        let tasks = wanted
            .collectors
            .iter()
            .enumerate()
            .map(|(nth, (name, path))| {
                let collector = Collector::new(nth, name.clone(), path.clone());
                let run = run(
                    collector,
                    wanted.pid,
                    wanted.group.clone(),
                    gate.clone(),
                    self.shared.clone(),
                    state.clone(),
                );
                handle.spawn(run).abort_handle()
            })
            .collect();
        Ok(Tracked { wanted, state, tasks })
    }

    /// What it counts of itself.
    pub fn meters(&self) -> &Meters {
        &self.shared.meters
    }

    /// The thread's runtime; the thread is started for the first container.
    fn handle(&self) -> std::io::Result<Handle> {
        let mut thread = lock(&self.thread);
        if let Some((handle, _)) = &*thread {
            return Ok(handle.clone());
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("apps-wait")
            .max_blocking_threads(WAITING_THREADS)
            .build()?;
        let handle = runtime.handle().clone();
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        std::thread::Builder::new().name("apps".to_owned()).spawn(move || {
            // where the system does not let us be modest we are not
            let _ = rustix::process::setpriority_process(None, 10);
            runtime.block_on(stopped.notified());
            // a filesystem that does not answer is not waited for
            runtime.shutdown_background();
        })?;
        *thread = Some((handle.clone(), stop));
        Ok(handle)
    }

    /// Ends the thread.
    pub fn stop(&self) {
        if let Some((_, stop)) = lock(&self.thread).take() {
            stop.notify_one();
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Tracked {
    /// Whether this is what is polled.
    pub fn is(&self, wanted: &Wanted) -> bool {
        self.wanted == *wanted
    }

    /// All that is known.
    pub fn metrics(&self) -> Arc<AppMetrics> {
        lock(&self.state.shown).clone()
    }

    /// Why the metrics of a collector are not there, or not all of them.
    pub fn trouble(&self) -> Option<String> {
        let of = lock(&self.state.of);
        let mut troubled = self.wanted.collectors.keys().zip(&*of);
        troubled.find_map(|(name, of)| Some(format!("{}: {}", plain(name), of.trouble.as_ref()?)))
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Words that a container may have chosen, for a line that people read.
fn plain(said: &str) -> String {
    said.chars().take(400).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// One collector until its container is no longer tracked.
async fn run(
    mut collector: Collector,
    pid: u32,
    group: Box<str>,
    gate: Gate,
    shared: Arc<Shared>,
    state: Arc<State>,
) {
    let nth = collector.nth();
    let mut place = None;
    let mut after_failure = Duration::ZERO;
    let mut told: Option<Instant> = None;
    loop {
        let begin = Instant::now();
        let outcome = match &place {
            Some(place) => collector.poll(place, &shared).await,
            None => match Place::open(&shared.options.proc, pid, &group, gate.clone()) {
                Ok(opened) => collector.poll(place.insert(Arc::new(opened)), &shared).await,
                Err(cause) => Err(Fault::Process(cause.to_string())),
            },
        };
        let period = collector.period();
        let news;
        let pause = match outcome {
            Ok(polled) => {
                shared.meters.polls.fetch_add(1, Relaxed);
                after_failure = Duration::ZERO;
                let pause = period.max(polled.spent * PARTS);
                news = state.polled(nth, polled, shared.options.keep);
                pause
            }
            Err(fault) => {
                shared.meters.failures.fetch_add(1, Relaxed);
                news = state.failed(nth, plain(&fault.to_string()));
                after_failure = (after_failure * 2).max(period).min(LONGEST_AFTER_FAILURE.max(period));
                after_failure
            }
        };
        // a container must not fill the log by failing in ever other words
        if let Some(said) = news.filter(|_| told.is_none_or(|told| told.elapsed() > TOLD_AGAIN)) {
            told = Some(Instant::now());
            tracing::info!("application metrics {} of process {pid}: {said}", plain(collector.name()));
        }
        tokio::time::sleep_until((begin + pause).into()).await;
    }
}

impl State {
    /// What was wrong in it, if that is news.
    fn polled(&self, nth: usize, polled: Polled, keep: Duration) -> Option<String> {
        let poll = Arc::new(polled.poll);
        let mut all = lock(&self.of);
        let of = all.get_mut(nth)?;
        of.newest = Some(poll.clone());
        let wrong = polled.wrong.as_deref().map(plain);
        let news = wrong.clone().filter(|_| of.trouble != wrong);
        of.trouble = wrong;
        let renewed = of.specs != polled.specs;
        if renewed {
            of.specs = polled.specs;
        }
        self.show(&all, renewed, Some(poll), keep);
        news
    }

    /// Why, if that is news.
    fn failed(&self, nth: usize, said: String) -> Option<String> {
        let mut all = lock(&self.of);
        let of = all.get_mut(nth)?;
        let news = Some(said.clone()).filter(|_| of.trouble.as_ref() != Some(&said));
        of.trouble = Some(said);
        // a number that is not true any more is none
        if of.newest.take().is_some() {
            self.show(&all, false, None, Duration::MAX);
        }
        news
    }

    fn show(&self, all: &[OfCollector], renewed: bool, poll: Option<Arc<Poll>>, keep: Duration) {
        let before = lock(&self.shown).clone();
        let specs = if renewed {
            Specs(Some(all.iter().flat_map(|of| &of.specs).cloned().collect()))
        } else {
            before.specs.clone()
        };
        let newest = all.iter().filter_map(|of| of.newest.clone()).collect();
        let mut history: Vec<Arc<Poll>> = before.history.iter().cloned().chain(poll).collect();
        trim(&mut history, keep);
        *lock(&self.shown) = Arc::new(AppMetrics { specs, newest, history });
    }
}

/// Leaves out what is too old or too much; the last stays.
fn trim(history: &mut Vec<Arc<Poll>>, keep: Duration) {
    let Some(last) = history.last() else { return };
    let keep = i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX);
    let since = last.at.plus_nanos(keep.saturating_neg());
    let mut bytes = 0;
    let kept = history.iter().rev().take_while(|poll| {
        bytes += poll.bytes();
        poll.at >= since && bytes <= HISTORY_LIMIT
    });
    let kept = kept.count().max(1);
    history.drain(..history.len().saturating_sub(kept));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn labels_ask_for_collectors() {
        let labels = map(&[
            ("a", "b"),
            ("io.cadvisor.metric", "/no"),
            ("io.cadvisor.metric.nginx", "/etc/nginx.json"),
            ("io.cadvisor.metric.prometheus", "/etc/prometheus.json"),
            ("io.cadvisor.metrics.x", "/no"),
            ("z", "y"),
        ]);
        let wanted = Wanted::of(7, "/", &labels).unwrap();
        let expected = map(&[("nginx", "/etc/nginx.json"), ("prometheus", "/etc/prometheus.json")]);
        assert_eq!((wanted.pid, wanted.collectors), (7, expected));
        assert_eq!(Wanted::of(7, "/", &map(&[("a", "b")])), None);
    }

    #[test]
    fn words_of_containers_stay_on_their_line() {
        assert_eq!(plain("a\nb\u{1b}[0mü"), "a b [0mü");
        assert_eq!(plain(&"x".repeat(5000)).len(), 400);
    }

    #[test]
    fn so_many_collectors_and_no_more() {
        let labels = (0..100).map(|n| (format!("{LABEL}{n:03}"), String::new())).collect();
        assert_eq!(Wanted::of(7, "/", &labels).unwrap().collectors.len(), COLLECTORS);
    }

    #[test]
    fn old_polls_and_too_many_bytes_are_left_out() {
        let poll = |secs: i64, values: usize| {
            Arc::new(Poll {
                at: Timestamp::from_secs(secs),
                collector: 0,
                named: false,
                series: Arc::new([]),
                values: vec![plimsoll_core::app::Value::Int(0); values].into(),
                times: None,
            })
        };
        let f = |polls: &[(i64, usize)], keep: u64, left: &[i64]| {
            let mut history = polls.iter().map(|(at, values)| poll(*at, *values)).collect();
            trim(&mut history, Duration::from_secs(keep));
            let secs: Vec<i64> = history.iter().map(|poll| poll.at.nanos() / 1_000_000_000).collect();
            assert_eq!(secs, left);
        };
        f(&[(1, 1), (2, 1), (3, 1)], 1, &[2, 3]);
        f(&[(1, 1), (2, 1), (3, 1)], 0, &[3]);
        f(&[(1, 1), (2, 30_000), (3, 30_000), (4, 30_000)], 100, &[3, 4]);
        f(&[(1, 1), (2, 300_000)], 100, &[2]);
        f(&[], 1, &[]);
    }
}
