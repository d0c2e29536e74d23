//! From rounds to sinks: each sink has a queue and a task of its own.

mod lane;
pub(crate) mod meters;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use plimsoll_core::cluster::batch::Batch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use self::lane::Lane;
use self::meters::SinkMeters;
use crate::sink::Sink;

/// What a sink may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many batches wait for it at most, besides the one that is on its way. Memory: they are shared with nobody
    /// when the rounds go on.
    pub queue: usize,
    /// How long a batch waits for it: Heapster's `sink_export_data_timeout`.
    pub wait: Duration,
    /// How long it may take over a batch, tries that failed included.
    pub export: Duration,
}

/// Heapster's 20 seconds of waiting. There it may take as long as it likes.
impl Default for Limits {
    fn default() -> Self {
        Self { queue: 4, wait: Duration::from_secs(20), export: Duration::from_secs(120) }
    }
}

/// What is left for a sink's last words when the time for its batches is over.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The sinks at work.
pub struct Manager {
    lanes: Vec<Arc<Lane>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Manager {
    /// Sets the sinks to work, on the runtime in which it is called.
    pub fn start(sinks: Vec<Box<dyn Sink>>, limits: Limits) -> Self {
        let lanes: Vec<_> = sinks.into_iter().map(|sink| Arc::new(Lane::new(sink, limits))).collect();
        let tasks = lanes.iter().map(|lane| tokio::spawn(Arc::clone(lane).work())).collect();
        Self { lanes, tasks: Mutex::new(tasks) }
    }

    /// Hands a batch to every sink. Never waits.
    pub fn push(&self, batch: &Arc<Batch>) {
        self.lanes.iter().for_each(|lane| lane.push(batch));
    }

    /// What happened so far, a sink each.
    pub fn meters(&self) -> Vec<SinkMeters> {
        self.lanes.iter().map(|lane| lane.meters()).collect()
    }

    /// Ships what waits, for at most this time, and ends the sinks. Batches that come later are dropped.
    pub async fn stop(&self, within: Duration) {
        let until = Instant::now() + within;
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        self.lanes.iter().for_each(|lane| lane.close());
        let ends = self.lanes.iter().zip(tasks).map(|(lane, mut task)| async move {
            if timeout_at(until, &mut task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
            lane.abandon();
            let _ = timeout_at(until.max(Instant::now() + LAST_WORDS), lane.sink.stop()).await;
        });
        join_all(ends).await;
    }
}

/// Without [`Manager::stop`] nothing more is shipped.
impl Drop for Manager {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        tasks.iter().for_each(JoinHandle::abort);
    }
}
