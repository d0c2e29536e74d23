//! The host's answers to what serving asks.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::event::Event;
use plimsoll_core::family::Emit;
use plimsoll_core::machine::{FsInfo, MachineInfo, ProcessInfo, Versions};
use plimsoll_core::runtime::Status;
use plimsoll_core::summary::DerivedStats;
use plimsoll_core::time::Timestamp;
use plimsoll_discover::{docker, podman};
use plimsoll_measure::processes::{self, Clock, Of};
use plimsoll_measure::reader::Effort;
use plimsoll_measure::sample::Sample;
use plimsoll_retain::events;
use plimsoll_serve::past::{
    EndedContainer, EventQuery, FormerLimits, HostState, Later, Missing, OwnMetric, Past, Validation, View,
    Window,
};
use tokio::sync::broadcast;

use super::container::{Container, Work};
use super::{Inner, lock, missing, own, state};

/// Whether a sample is too old for who `asked`. One from the future is of before the clock was set back.
fn is_old(at: Timestamp, asked: Timestamp, now: Timestamp, max_age: i64) -> bool {
    const BETWEEN_LOOKS: i64 = 1_000_000_000;
    asked.since(at) >= max_age || at.since(now) > BETWEEN_LOOKS
}

impl Past for Inner {
    fn versions(&self) -> Arc<Versions> {
        lock(&self.versions).clone()
    }

    fn machine(&self) -> Arc<MachineInfo> {
        lock(&self.machine).clone()
    }

    fn host_state(&self) -> HostState {
        state::read(self)
    }

    fn containers(&self) -> Vec<View> {
        let now = self.stages.now();
        self.registry.all().iter().map(|container| container.view(now)).collect()
    }

    fn container(&self, name: &str) -> Option<View> {
        self.registry.get(name).map(|container| container.view(self.stages.now()))
    }

    fn samples(&self, name: &str, window: Window) -> Option<Vec<Sample>> {
        let container = self.registry.get(name)?;
        Some(container.samples(window.start, window.end, window.count))
    }

    fn former_limits(&self, name: &str) -> Vec<FormerLimits> {
        self.registry.get(name).map(|container| container.former_limits()).unwrap_or_default()
    }

    fn summary(&self, name: &str) -> Option<DerivedStats> {
        self.registry.get(name)?.summary()
    }

    fn refresh(&self, names: Vec<String>, max_age: Duration) -> Later<'_, ()> {
        let max_age = i64::try_from(max_age.as_nanos()).unwrap_or(i64::MAX);
        let asked = self.stages.now();
        let old: Vec<Arc<Container>> = names
            .iter()
            .filter_map(|name| self.registry.get(name))
            .filter(|container| container.sampled_at().is_none_or(|at| is_old(at, asked, asked, max_age)))
            .collect();
        let stages = self.stages.clone();
        Box::pin(async move {
            if old.is_empty() {
                return;
            }
            let sweep = tokio::task::spawn_blocking(move || {
                let mut work = Work::default();
                for container in old {
                    // another request may have read it since this one asked
                    if container.sampled_at().is_none_or(|at| is_old(at, asked, stages.now(), 1)) {
                        let reading = container.sample(&stages, Effort::Full, &mut work);
                        stages.meters.read(&reading);
                    }
                }
            });
            if let Err(error) = sweep.await {
                tracing::error!(%error, "reading on demand failed");
            }
        })
    }

    fn events(&self, query: &EventQuery) -> Vec<Event> {
        lock(&self.events).query(&events::Query {
            container: &query.container,
            subcontainers: query.subcontainers,
            types: &query.types,
            start: query.start,
            end: query.end,
            max: query.max,
        })
    }

    fn watch_events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.watchers.subscribe()
    }

    fn processes(&self, name: &str) -> Later<'_, Result<Vec<ProcessInfo>, String>> {
        let (root, now) = (self.options.root.clone(), self.stages.now());
        let of = Of {
            group: name.to_owned(),
            deep: self.registry.get(name).is_some_and(|container| container.claimed.is_some()),
        };
        Box::pin(async move {
            tokio::task::spawn_blocking(move || processes::list(&root, &of, &Clock::read(&root, now)))
                .await
                .map_err(|error| error.to_string())?
                .map_err(|error| error.to_string())
        })
    }

    fn storage(&self) -> Vec<FsInfo> {
        lock(&self.stages.storage).list()
    }

    fn device_by_uuid(&self, uuid: &str) -> Option<String> {
        lock(&self.stages.filesystems).by_uuid(uuid)
    }

    fn docker(&self) -> Later<'_, Result<Status, String>> {
        Box::pin(async move {
            let docker = self.followed(docker::NAMESPACE).ok_or("Docker is not asked: --docker is empty")?;
            docker.status().await
        })
    }

    fn podman(&self) -> Later<'_, Result<Status, String>> {
        Box::pin(async move {
            let podman = self.followed(podman::NAMESPACE).ok_or("Podman is not asked: --podman is empty")?;
            podman.status().await
        })
    }

    fn missing(&self) -> Vec<Missing> {
        missing::list(self)
    }

    fn validation(&self) -> Validation {
        missing::validation(self)
    }

    fn ended(&self) -> Vec<EndedContainer> {
        let mut ended = lock(&self.ended);
        ended.expire(self.stages.now());
        let mut list: Vec<_> = ended.iter().map(|entry| entry.kept.clone()).collect();
        list.reverse();
        list
    }

    fn own_metrics(&self, out: &mut dyn FnMut(&OwnMetric, &mut dyn FnMut(&mut dyn Emit))) {
        own::metrics(self, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_old_by_its_age_or_when_the_clock_was_set_back() {
        let secs = Timestamp::from_secs;
        let f = |at, max_age, old| {
            assert_eq!(is_old(secs(at), secs(100), secs(100), max_age), old, "{at} {max_age}");
        };
        f(90, 10_000_000_000, true);
        f(91, 10_000_000_000, false);
        f(100, 0, true);
        f(101, 0, false);
        f(3700, 0, true);
        f(3700, i64::MAX, true);
        // read for another while this one waited for its turn
        assert!(!is_old(secs(103), secs(100), secs(104), 1));
        assert!(is_old(secs(99), secs(100), secs(104), 1));
    }
}
