//! One collector of a container: its configuration, and what an answer becomes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use plimsoll_core::app::{MetricSpec, Poll, Series, Value};
use plimsoll_core::time::Timestamp;

use crate::config::{self, Config, What};
use crate::endpoint::Target;
use crate::exposition::{self, Rules};
use crate::fault::Fault;
use crate::fetch::{self, Answer};
use crate::generic::Metric;
use crate::place::Place;
use crate::poller::Shared;
use crate::{FILE_WITHIN, TEXT_LIMIT};

/// One collector.
pub(crate) struct Collector {
    /// Which of the container's.
    nth: usize,
    name: String,
    path: String,
    config: Option<Config>,
    /// What the last answer was, to share what has not changed.
    series: Arc<[Series]>,
}

/// What a poll brought.
pub(crate) struct Polled {
    pub(crate) poll: Poll,
    pub(crate) specs: Vec<MetricSpec>,
    /// What was wrong in it without voiding it.
    pub(crate) wrong: Option<String>,
    /// Time that understanding it took.
    pub(crate) spent: Duration,
}

impl Collector {
    pub(crate) fn new(nth: usize, name: String, path: String) -> Self {
        Self { nth, name, path, config: None, series: Arc::new([]) }
    }

    /// Time between two polls.
    pub(crate) fn period(&self) -> Duration {
        self.config.as_ref().map_or(config::SHORTEST, |config| config.period)
    }

    /// Which of the container's.
    pub(crate) fn nth(&self) -> usize {
        self.nth
    }

    /// For the log.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Asks once, after reading the configuration if that is to be done yet.
    pub(crate) async fn poll(&mut self, place: &Arc<Place>, shared: &Shared) -> Result<Polled, Fault> {
        if self.config.is_none() {
            self.config = Some(self.read(place, shared).await?);
        }
        let (path, at) = (&self.path, (shared.now)());
        let Some(config) = &self.config else { return Err(Fault::NoAddress) };
        let target = Target::of(&config.endpoint, place.address())
            .map_err(|cause| Fault::Config { path: path.clone(), cause })?
            .ok_or(Fault::NoAddress)?;
        let own = shared.options.own_address;
        let answer = fetch::fetch(&target, place, &shared.tls, own, shared.options.within).await?;
        shared.meters.bytes.fetch_add(answer.body.len() as u64, Relaxed);
        let begin = Instant::now();
        let understood = match &config.what {
            What::Generic(metrics) => Ok(generic(metrics, &answer.body)),
            What::Prometheus(wanted) => prometheus(wanted, &answer, shared, at),
        };
        let spent = begin.elapsed();
        shared.meters.nanos.fetch_add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        let Understood { series, values, times, specs, wrong } = understood?;
        if *self.series != *series {
            self.series = series.into();
        }
        let wrong = config.wrong.first().cloned().or(wrong);
        let poll = Poll {
            at,
            collector: self.nth,
            named: matches!(config.what, What::Prometheus(_)),
            series: self.series.clone(),
            values: values.into(),
            times: times.map(Into::into),
        };
        Ok(Polled { poll, specs, wrong, spent })
    }

    async fn read(&self, place: &Arc<Place>, shared: &Shared) -> Result<Config, Fault> {
        let (file, path) = (self.path.clone(), || self.path.clone());
        let bytes = place.look(FILE_WITHIN, move |place| place.file(&file)).await;
        let bytes = bytes.ok_or_else(|| Fault::Stuck(path()))?;
        let bytes = bytes.map_err(|cause| Fault::File { path: path(), cause })?;
        config::parse(&self.name, &bytes, shared.options.metrics)
            .map_err(|cause| Fault::Config { path: path(), cause })
    }
}

struct Understood {
    series: Vec<Series>,
    values: Vec<Value>,
    times: Option<Vec<Timestamp>>,
    specs: Vec<MetricSpec>,
    wrong: Option<String>,
}

/// A number that is not found costs itself alone.
fn generic(metrics: &[Metric], body: &[u8]) -> Understood {
    let text = String::from_utf8_lossy(body.get(..TEXT_LIMIT).unwrap_or(body));
    let mut found: Vec<(&Series, Value)> = Vec::new();
    let mut wrong = None;
    for metric in metrics {
        match metric.find(&text) {
            Some(value) => found.push((metric.series(), value)),
            None => {
                wrong.get_or_insert_with(|| format!("{}: the answer has no such number", metric.spec.name));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(b.0));
    found.dedup_by(|later, first| later.0 == first.0);
    Understood {
        series: found.iter().map(|(series, _)| (*series).clone()).collect(),
        values: found.iter().map(|(_, value)| *value).collect(),
        times: None,
        specs: metrics.iter().map(|metric| metric.spec.clone()).collect(),
        wrong,
    }
}

fn prometheus(
    wanted: &BTreeSet<String>,
    answer: &Answer,
    shared: &Shared,
    at: Timestamp,
) -> Result<Understood, Fault> {
    if answer.status != 200 {
        return Err(Fault::Status(answer.status));
    }
    let rules = Rules {
        wanted,
        metrics: shared.options.metrics,
        series: shared.options.series,
        open_metrics: answer.open_metrics,
    };
    let read = exposition::parse(&answer.body, rules, at)?;
    shared.meters.bad_lines.fetch_add(read.bad_lines, Relaxed);
    let wrong = read.first_bad.map(|line| format!("a line of the answer is no metric: {line:?}"));
    Ok(Understood { series: read.series, values: read.values, times: read.times, specs: read.specs, wrong })
}
