//! The collector from its settings: build, serve, end on a signal.

mod review;
mod serving;
mod source;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use plimsoll::cluster::{Cluster, Parts};
use plimsoll::flags;
use plimsoll::flags::cluster::Cluster as Settings;
use plimsoll_core::cluster::history::History;
use plimsoll_core::cluster::names::Names;
use plimsoll_core::cluster::objects::Objects;
use plimsoll_retain::model::{Model, Options as Durations};
use plimsoll_serve::cluster::k8s::Rounds;
use plimsoll_serve::cluster::k8s::meters::Meters;
use plimsoll_sinks::{Limits, Manager, Sink};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

type Failure = Box<dyn Error + Send + Sync>;

/// How long clients that are being answered may take when the program ends.
const LAST_ANSWERS: Duration = Duration::from_millis(200);

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(settings: Settings) -> Result<(), Failure> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (objects, names) = (Arc::new(Objects::default()), Arc::new(Names::default()));
    let source = source::open(&settings, &objects, &names).await?;
    let (sinks, history) = sinks(&settings)?;
    let limits = Limits { wait: settings.sinks.timeout, ..Limits::default() };
    let (meters, rounds) = (Arc::new(Meters::new(settings.resolution)), Arc::<Rounds>::default());
    let cluster = Cluster::new(Parts {
        resolution: settings.resolution,
        nodes: source.collector,
        objects: source.connection.is_some().then_some(objects),
        names,
        model: (!settings.sinks.without_model).then(|| Model::new(Durations::default())),
        sinks: Manager::start(sinks, limits),
        history,
        meters: Arc::clone(&meters),
        rounds: Arc::clone(&rounds),
    });
    let (ending, ended) = watch::channel(false);
    let servers =
        serving::bind(&settings, source.connection.as_ref(), cluster.past(), meters, rounds).await?;
    for address in servers.addresses() {
        tracing::info!(%address, version = flags::VERSION, "serving");
    }
    let serving = tokio::spawn(servers.serve(ended.clone()));
    cluster
        .run(async {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            tracing::info!("ending");
            // a receiver is in this function: it cannot fail
            let _ = ending.send(true);
        })
        .await;
    let _ = tokio::time::timeout(LAST_ANSWERS, serving).await;
    Ok(())
}

/// Threads that collect and answer: as many as there are CPUs and `-max_procs` allows, at most four.
pub(crate) fn workers(settings: &Settings) -> usize {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let allowed = if settings.max_procs == 0 { cpus } else { settings.max_procs };
    allowed.clamp(1, 4)
}

/// A store that can be asked, if one was named.
type Past = Option<Arc<dyn History>>;

/// The sinks, and the one of them that answers for the past. One that cannot be built ends the start: Heapster goes on
/// without it, and nobody notices.
fn sinks(settings: &Settings) -> Result<(Vec<Box<dyn Sink>>, Past), Failure> {
    let (mut sinks, mut history) = (Vec::new(), None);
    let wanted = &settings.sinks.history;
    for uri in settings.sinks.uris.iter().filter(|uri| uri.key != "metric") {
        let built = plimsoll_sinks::build(uri).map_err(|error| format!("-sink: {error}"))?;
        for notice in &built.notices {
            tracing::warn!("-sink: {notice}");
        }
        if !wanted.is_empty() && uri.to_string() == *wanted {
            let past = built.sink.history();
            history = Some(
                past.ok_or_else(|| format!("-historical_source: the sink {} has no past to ask", uri.key))?,
            );
        }
        sinks.push(built.sink);
    }
    if !wanted.is_empty() && history.is_none() {
        // passwords stand in the words: they are not repeated
        return Err(
            "-historical_source: expected the same text as that of one -sink, as influxdb:http://host:8086"
                .into(),
        );
    }
    Ok((sinks, history))
}
