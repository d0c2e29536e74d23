//! One sink with the batches that wait for it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use plimsoll_core::cluster::batch::Batch;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Limits;
use super::meters::{Loss, Meters, SinkMeters};
use crate::sink::{Sink, SinkError};
use crate::turn::Turn;

pub(super) struct Lane {
    pub(super) sink: Box<dyn Sink>,
    limits: Limits,
    state: Mutex<State>,
    /// Something was put in, or nothing more will be.
    changed: Notify,
    meters: Meters,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    busy: bool,
    closed: bool,
}

struct Waiting {
    batch: Arc<Batch>,
    until: Instant,
}

impl Lane {
    pub(super) fn new(sink: Box<dyn Sink>, limits: Limits) -> Self {
        Self { sink, limits, state: Mutex::default(), changed: Notify::new(), meters: Meters::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a batch in the queue. The oldest makes room: the newest numbers are worth the most.
    pub(super) fn push(&self, batch: &Arc<Batch>) {
        let mut state = self.state();
        if state.closed {
            drop(state);
            return self.dropped(batch, Loss::Stopped, "it came after the end");
        }
        let full = state.waiting.len() >= self.limits.queue.max(1);
        let oldest = if full { state.waiting.pop_front() } else { None };
        let until = Instant::now() + self.limits.wait;
        state.waiting.push_back(Waiting { batch: Arc::clone(batch), until });
        drop(state);
        self.changed.notify_one();
        if let Some(oldest) = oldest {
            self.dropped(&oldest.batch, Loss::Full, "newer ones need its place in the queue");
        }
    }

    /// Takes no more; what waits is still shipped.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    /// Counts what did not get through before the end.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        let left: Vec<_> = state.waiting.drain(..).collect();
        let cut = std::mem::take(&mut state.busy);
        drop(state);
        if cut {
            self.meters.dropped(Loss::Stopped);
            tracing::warn!("{}: a batch was on its way when the program ended", self.called());
        }
        for waiting in left {
            self.dropped(&waiting.batch, Loss::Stopped, "the program ended first");
        }
    }

    /// Ships batch after batch, in the order in which they came, until the end.
    pub(super) async fn work(self: Arc<Self>) {
        while let Some(batch) = self.next().await {
            let (turn, start) = (Turn::new(self.limits.export), Instant::now());
            let export = AssertUnwindSafe(self.sink.export(Arc::clone(&batch), &turn)).catch_unwind();
            let done = tokio::select! {
                done = timeout_at(turn.until(), export) => done,
                never = self.expire() => match never {},
            };
            self.meters.took(start.elapsed());
            self.meters.failed(turn.failures());
            // an error that ended the turn is counted already if it was tried again
            let last = |passing: bool| u64::from(!passing || turn.failures() == 0);
            match done {
                Ok(Ok(Ok(()))) => self.meters.arrived(true),
                Ok(Ok(Err(SinkError::Partly(why)))) => {
                    self.meters.failed(1);
                    self.meters.arrived(false);
                    tracing::warn!("{}: a part of the batch of {} is lost: {why}", self.called(), batch.at);
                }
                Ok(Ok(Err(error))) => {
                    self.meters.failed(last(error.is_passing()));
                    let reason = if error.is_passing() { Loss::Failed } else { Loss::Refused };
                    self.dropped(&batch, reason, &error.to_string());
                }
                Ok(Err(_)) => {
                    self.meters.failed(1);
                    self.dropped(&batch, Loss::Failed, "the sink broke; please report it");
                }
                Err(_) => {
                    self.meters.failed(1);
                    let why = format!("it was not through after {:?}", self.limits.export);
                    self.dropped(&batch, Loss::Late, &why);
                }
            }
            self.state().busy = false;
        }
    }

    async fn next(&self) -> Option<Arc<Batch>> {
        loop {
            {
                let mut state = self.state();
                if let Some(first) = state.waiting.pop_front() {
                    state.busy = true;
                    return Some(first.batch);
                }
                if state.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Drops what has waited too long, for as long as it is awaited.
    async fn expire(&self) -> Infallible {
        loop {
            let first = self.state().waiting.front().map(|waiting| waiting.until);
            let Some(until) = first else {
                self.changed.notified().await;
                continue;
            };
            sleep_until(until).await;
            let gone = {
                let mut state = self.state();
                let due = state.waiting.front().is_some_and(|waiting| waiting.until <= Instant::now());
                if due { state.waiting.pop_front() } else { None }
            };
            if let Some(gone) = gone {
                let why = format!("it waited {:?} for a sink that is busy", self.limits.wait);
                self.dropped(&gone.batch, Loss::Waited, &why);
            }
        }
    }

    pub(super) fn meters(&self) -> SinkMeters {
        let state = self.state();
        let (waiting, busy) = (state.waiting.len(), state.busy);
        drop(state);
        self.meters.told(self.sink.name(), self.sink.place(), waiting, busy)
    }

    fn dropped(&self, batch: &Batch, reason: Loss, why: &str) {
        self.meters.dropped(reason);
        tracing::warn!("{}: the batch of {} is dropped: {why}", self.called(), batch.at);
    }

    fn called(&self) -> String {
        format!("{} {}", self.sink.name(), self.sink.place()).trim_end().to_owned()
    }
}
