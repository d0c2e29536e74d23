//! Where the numbers come from: this host, looked at from here, or an agent.

use std::sync::Arc;
use std::time::Duration;

use plimsoll::host::Host;
use plimsoll_core::machine::ProcessInfo;
use plimsoll_serve::overview::mirror::Mirror;
use plimsoll_serve::overview::series::Series;
use plimsoll_serve::overview::{Observer, Overview};
use plimsoll_serve::past::{Past, Window};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::remote::{News, Remote};

/// The columns that a chart can show at once, at most.
const POINTS: usize = 600;

/// Who can be asked about one container.
#[derive(Clone)]
pub(crate) enum Source {
    /// This host.
    Local(Arc<dyn Past>),
    /// An agent.
    Remote(Remote),
}

/// What is new.
pub(crate) enum Update {
    /// The overview.
    Overview(Arc<Overview>),
    /// Why there is none at the moment.
    Lost(String),
}

impl Source {
    /// This host. It has to be started.
    pub(crate) fn of(host: &Host) -> Self {
        Self::Local(host.past())
    }

    /// The overview, once. Of this host it takes two looks: a rate is between two samples.
    pub(crate) async fn once(&self) -> Result<Overview, String> {
        match self {
            Self::Local(past) => {
                let mut observer = Observer::new(Duration::from_secs(1));
                observer.look(&**past);
                // every container is read once a second
                tokio::time::sleep(Duration::from_millis(1600)).await;
                let names = past.containers().iter().map(|view| view.reference.name.clone()).collect();
                past.refresh(names, Duration::from_secs(1)).await;
                Ok(observer.look(&**past))
            }
            Self::Remote(remote) => {
                let mut mirror = Mirror::default();
                let wrong = |error| format!("{}: no overview: {error}", remote.name());
                mirror.full(&remote.overview().await?).map_err(wrong)?;
                Ok(mirror.overview().clone())
            }
        }
    }

    /// Overviews from now on, until nobody listens. The channel is short: who draws slowly sees the newest.
    pub(crate) fn follow(&self, interval: Duration) -> mpsc::Receiver<Update> {
        let (updates, told) = mpsc::channel(1);
        match self.clone() {
            Self::Local(past) => drop(tokio::spawn(look(past, interval, updates))),
            Self::Remote(remote) => {
                let (news, heard) = mpsc::channel(4);
                tokio::spawn(remote.follow(interval, news));
                tokio::spawn(mirror(heard, updates));
            }
        }
        told
    }

    /// The kept past of a container.
    pub(crate) async fn series(&self, name: String) -> Result<Series, String> {
        match self {
            Self::Local(past) => {
                let past = past.clone();
                let series = tokio::task::spawn_blocking(move || {
                    let view = past.container(&name)?;
                    let samples = past.samples(&name, Window::default())?;
                    let former = past.former_limits(&name);
                    Some(Series::of(&view, &former, &past.machine(), &samples, None, POINTS))
                });
                series.await.ok().flatten().ok_or_else(|| "it is gone".to_owned())
            }
            Self::Remote(remote) => remote.series(&name).await,
        }
    }

    /// Its processes.
    pub(crate) async fn processes(&self, name: String) -> Result<Vec<ProcessInfo>, String> {
        match self {
            Self::Local(past) => past.processes(&name).await,
            Self::Remote(remote) => remote.processes(&name).await,
        }
    }
}

async fn look(past: Arc<dyn Past>, interval: Duration, updates: mpsc::Sender<Update>) {
    let mut observer = Observer::new(interval);
    let mut beat = tokio::time::interval(interval);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let past = past.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let overview = observer.look(&*past);
            (observer, overview)
        });
        let Ok((back, overview)) = looked.await else { return };
        observer = back;
        if updates.send(Update::Overview(Arc::new(overview))).await.is_err() {
            return;
        }
    }
}

async fn mirror(mut heard: mpsc::Receiver<News>, updates: mpsc::Sender<Update>) {
    let mut mirror = Mirror::default();
    while let Some(news) = heard.recv().await {
        let followed = match &news {
            News::Full(data) => mirror.full(data).map_err(|error| error.to_string()),
            News::Delta(data) => mirror.delta(data).map_err(|error| error.to_string()),
            News::Lost(reason) => Err(reason.clone()),
        };
        let update = match followed {
            Ok(()) => Update::Overview(Arc::new(mirror.overview().clone())),
            Err(reason) => Update::Lost(reason),
        };
        if updates.send(update).await.is_err() {
            return;
        }
    }
}
