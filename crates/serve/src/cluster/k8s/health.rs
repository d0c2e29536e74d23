//! How the program is, in the words of an API server: `/healthz`, `/livez`, `/readyz` and each of their checks.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::objects::Objects;

use super::request::Probe;
use super::status::uncached;
use crate::body::Body;
use crate::cluster::past::ClusterPast;
use crate::query::{Query, unescape};
use crate::reply;

/// What a check looks at.
pub(super) struct State<'a> {
    pub(super) past: &'a dyn ClusterPast,
    pub(super) ending: &'a AtomicBool,
}

type Look = fn(&State<'_>) -> Result<(), String>;

/// A check's name and what it looks at.
struct Check(&'static str, Look);

const PING: Check = Check("ping", fine);
const LOG: Check = Check("log", fine);
// what metrics-server has and this program needs not: probes and scripts may ask for them
const IN_FLIGHT: Check = Check("poststarthook/max-in-flight-filter", fine);
const TRACKER: Check = Check("poststarthook/storage-object-count-tracker-hook", fine);
const TIMELY: Check = Check("metric-collection-timely", timely);
const STORED: Check = Check("metric-storage-ready", stored);
const NODES: Check = Check("metric-informer-sync", nodes_listed);
const PODS: Check = Check("metadata-informer-sync", pods_listed);
const SHUTDOWN: Check = Check("shutdown", not_ending);

impl Probe {
    fn checks(self) -> &'static [Check] {
        match self {
            Self::Livez => &[PING, LOG, IN_FLIGHT, TRACKER, TIMELY, PODS],
            Self::Readyz => &[PING, LOG, IN_FLIGHT, TRACKER, STORED, NODES, PODS, SHUTDOWN],
            Self::Healthz => &[PING, LOG, IN_FLIGHT, TRACKER, TIMELY, STORED, NODES, PODS],
        }
    }
}

fn fine(_: &State<'_>) -> Result<(), String> {
    Ok(())
}

fn timely(state: &State<'_>) -> Result<(), String> {
    let health = state.past.health();
    let Some(began) = health.round_began else { return Ok(()) };
    let (age, most) = (state.past.now().since(began), health.resolution_nanos.saturating_mul(3) / 2);
    let words = |nanos: i64| format!("{:.1} s", nanos as f64 / 1e9);
    match age > most {
        true => Err(format!("the last round began {} ago, more than {}", words(age), words(most))),
        false => Ok(()),
    }
}

/// There are rates: of nodes, and of containers if any pod runs.
fn stored(state: &State<'_>) -> Result<(), String> {
    let Some(batch) = state.past.latest() else { return Err("no round has ended yet".to_owned()) };
    let has = |of: fn(&Key) -> bool| batch.iter().any(|set| set.cpu_rate.is_some() && of(&set.key));
    if !has(|key| matches!(key, Key::Node(_))) {
        return Err("no node has two samples yet".to_owned());
    }
    match has(|key| matches!(key, Key::Container { .. })) || !any_pod_runs(state.past.objects()) {
        true => Ok(()),
        false => Err("no container has two samples yet".to_owned()),
    }
}

fn any_pod_runs(objects: &Objects) -> bool {
    objects
        .read()
        .pods
        .values()
        .flat_map(|pods| pods.values())
        .any(|pod| *pod.phase == *super::resources::RUNNING)
}

fn nodes_listed(state: &State<'_>) -> Result<(), String> {
    listed(state, state.past.objects().read().nodes_listed, "nodes")
}

fn pods_listed(state: &State<'_>) -> Result<(), String> {
    listed(state, state.past.objects().read().pods_listed, "pods")
}

fn listed(state: &State<'_>, listed: bool, what: &str) -> Result<(), String> {
    match listed || state.past.health().objects_listed {
        true => Ok(()),
        false => Err(format!("the first list of {what} has not come yet")),
    }
}

fn not_ending(state: &State<'_>) -> Result<(), String> {
    if state.ending.load(Relaxed) { Err("the program is ending".to_owned()) } else { Ok(()) }
}

/// Answers a probe, or one check of it.
pub(super) fn answer(
    probe: Probe,
    only: Option<&str>,
    query: Option<&str>,
    state: &State<'_>,
) -> Response<Body> {
    let word = probe.word();
    if let Some(name) = only {
        return uncached(
            match probe.checks().iter().find(|check| check.0 == name).map(|check| check.1(state)) {
                None => reply::error(StatusCode::NOT_FOUND, "404 page not found"),
                Some(Ok(())) => ok("ok".to_owned()),
                Some(Err(reason)) => reply::failed(&format!("internal server error: {reason}")),
            },
        );
    }
    let mut excluded: BTreeSet<String> = excluded(query);
    let mut lines = String::new();
    let mut failed = false;
    for Check(name, look) in probe.checks() {
        let line = match look(state) {
            _ if excluded.remove(*name) => format!("[+]{name} excluded: ok\n"),
            Ok(()) => format!("[+]{name} ok\n"),
            Err(reason) => {
                // the page is for everybody: the log has the reason
                tracing::info!("{word}: {name}: {reason}");
                failed = true;
                format!("[-]{name} failed: reason withheld\n")
            }
        };
        lines.push_str(&line);
    }
    if !excluded.is_empty() {
        let names: Vec<_> = excluded.iter().map(|name| crate::go::quote(name)).collect();
        let names = names.join(", ");
        lines.push_str(&format!("warn: some health checks cannot be excluded: no matches for {names}\n"));
    }
    uncached(match failed {
        true => reply::failed(&format!("{lines}{word} check failed")),
        false if Query::new(query).first("verbose").is_some() => ok(format!("{lines}{word} check passed\n")),
        false => ok("ok".to_owned()),
    })
}

fn ok(text: String) -> Response<Body> {
    let mut answer = reply::text(text);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply::TEXT));
    answer.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}

/// All values of `exclude`.
fn excluded(query: Option<&str>) -> BTreeSet<String> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let values = pairs.filter(|(key, _)| *key == "exclude").filter_map(|(_, value)| unescape(value, true));
    values.filter(|value| !value.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;

    use super::*;
    use crate::cluster::fake::ClusterFake;

    async fn ask(
        fake: &ClusterFake,
        ending: bool,
        probe: Probe,
        only: Option<&str>,
        query: &str,
    ) -> (u16, String) {
        let state = State { past: fake, ending: &AtomicBool::new(ending) };
        let answer = answer(probe, only, Some(query), &state);
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn verbose_answers_are_metrics_servers() {
        let fake = ClusterFake::cluster();
        let readyz = "[+]ping ok\n[+]log ok\n[+]poststarthook/max-in-flight-filter ok\n\
             [+]poststarthook/storage-object-count-tracker-hook ok\n[+]metric-storage-ready ok\n\
             [+]metric-informer-sync ok\n[+]metadata-informer-sync ok\n[+]shutdown ok\nreadyz check passed\n";
        let livez = "[+]ping ok\n[+]log ok\n[+]poststarthook/max-in-flight-filter ok\n\
             [+]poststarthook/storage-object-count-tracker-hook ok\n[+]metric-collection-timely ok\n\
             [+]metadata-informer-sync ok\nlivez check passed\n";
        assert_eq!(ask(&fake, false, Probe::Readyz, None, "verbose").await, (200, readyz.to_owned()));
        assert_eq!(ask(&fake, false, Probe::Livez, None, "verbose=").await, (200, livez.to_owned()));
        assert_eq!(ask(&fake, false, Probe::Livez, None, "").await, (200, "ok".to_owned()));
        let (code, all) = ask(&fake, false, Probe::Healthz, None, "verbose").await;
        assert!(code == 200 && all.ends_with("healthz check passed\n"), "{all}");
    }

    #[tokio::test]
    async fn what_fails_is_named_and_can_be_left_out() {
        let mut fake = ClusterFake::empty();
        let (code, body) = ask(&fake, true, Probe::Readyz, None, "").await;
        let failed: Vec<_> = body.lines().filter(|line| line.starts_with("[-]")).collect();
        let wanted = [
            "[-]metric-storage-ready failed: reason withheld",
            "[-]metric-informer-sync failed: reason withheld",
            "[-]metadata-informer-sync failed: reason withheld",
            "[-]shutdown failed: reason withheld",
        ];
        assert_eq!((code, failed), (500, wanted.to_vec()));
        assert!(body.ends_with("readyz check failed\n"), "{body}");
        // before the first round nothing is late
        let excluded = "exclude=metadata-informer-sync&verbose&exclude=b&exclude=a";
        let (code, body) = ask(&fake, false, Probe::Livez, None, excluded).await;
        let end = "[+]metadata-informer-sync excluded: ok\n\
             warn: some health checks cannot be excluded: no matches for \"a\", \"b\"\nlivez check passed\n";
        assert!(code == 200 && body.ends_with(end), "{body}");
        let one = ask(&fake, false, Probe::Readyz, Some("metric-storage-ready"), "").await;
        assert_eq!(one, (500, "internal server error: no round has ended yet\n".to_owned()));
        let one = ask(&fake, false, Probe::Readyz, Some("ping"), "").await;
        assert_eq!(one, (200, "ok".to_owned()));
        assert_eq!(ask(&fake, false, Probe::Livez, Some("shutdown"), "").await.0, 404);
        fake.health.resolution_nanos = 10_000_000_000;
        for (age, code) in [(15_000_000_000, 200), (15_000_000_001, 500)] {
            fake.health.round_began = Some(fake.now.plus_nanos(-age));
            assert_eq!(ask(&fake, false, Probe::Livez, Some("metric-collection-timely"), "").await.0, code);
        }
    }

    #[tokio::test]
    async fn a_cluster_without_running_pods_gets_ready() {
        let mut fake = ClusterFake::cluster();
        let mut batch = plimsoll_core::cluster::batch::Batch::new(crate::cluster::fake::ROUND);
        let nodes = fake.rounds[1].iter().filter(|set| matches!(set.key, Key::Node(_))).cloned();
        nodes.for_each(|set| drop(batch.insert(set)));
        fake.rounds = vec![Arc::new(batch)];
        let ready = async |fake: &ClusterFake| {
            ask(fake, false, Probe::Readyz, Some("metric-storage-ready"), "").await.0
        };
        assert_eq!(ready(&fake).await, 500);
        fake.objects.write().pods.clear();
        assert_eq!(ready(&fake).await, 200);
    }
}
