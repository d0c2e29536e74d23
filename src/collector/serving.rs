//! The two servers: Heapster's API as its clients know it, and `metrics.k8s.io` behind the aggregation layer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll::flags::cluster::{Cluster as Settings, FrontProxy as FlagsOfProxy, Plain, Secure};
use plimsoll_nodes::kube::{ApiOptions, Connection};
use plimsoll_serve::cluster::app::{ClusterApp, ClusterOptions};
use plimsoll_serve::cluster::k8s::access::{
    Authorities, FrontProxy, Gate, Given, Mode, Options as GateOptions, ReviewError,
};
use plimsoll_serve::cluster::k8s::certificate::self_signed;
use plimsoll_serve::cluster::k8s::meters::Meters;
use plimsoll_serve::cluster::k8s::{Kubernetes, Rounds};
use plimsoll_serve::cluster::past::ClusterPast;
use plimsoll_serve::cluster::users::Users;
use plimsoll_serve::listen::{self, Address, Bound};
use plimsoll_serve::tls::Tls;
use plimsoll_serve::tls::peer::ClientCa;
use tokio::sync::watch::Receiver;

use super::Failure;
use super::review::Reviews;
use super::source::Connected;
use crate::address::resolve;

/// How often the API server is asked whose certificates count.
const AUTHORITIES_EVERY: Duration = Duration::from_secs(60);

/// What listens.
pub(super) struct Servers(Vec<Server>);

struct Server {
    bound: Bound,
    tls: Option<Tls>,
    app: Arc<ClusterApp>,
    kubernetes: Arc<Kubernetes>,
    gate: Arc<Gate>,
}

/// Listens where the flags say.
pub(super) async fn bind(
    settings: &Settings,
    connected: Option<&Connected>,
    past: Arc<dyn ClusterPast>,
    meters: Arc<Meters>,
    rounds: Arc<Rounds>,
) -> Result<Servers, Failure> {
    let mut servers = Vec::new();
    if let Some(options) = &settings.plain {
        servers.push(plain(settings, options, &past, &meters, &rounds).await?);
    }
    if let Some(options) = &settings.secure {
        servers.push(secure(settings, options, connected, &past, &meters, &rounds).await?);
    }
    if servers.is_empty() {
        return Err("nothing is served: give -heapster-port or -secure-port a port".into());
    }
    Ok(Servers(servers))
}

async fn plain(
    settings: &Settings,
    options: &Plain,
    past: &Arc<dyn ClusterPast>,
    meters: &Arc<Meters>,
    rounds: &Arc<Rounds>,
) -> Result<Server, Failure> {
    let bound = Bound::bind(&resolve("listen_ip", &options.ip, options.port).await?).await?;
    let tls = match (&options.tls, &options.client_ca) {
        (None, _) => None,
        (Some((cert, key)), None) => Some(Tls::load(cert.clone(), key.clone(), None)?),
        // /healthz is for everybody, so a certificate is asked for and not demanded
        (Some((cert, key)), Some(_)) => Some(Tls::load_asking(cert.clone(), key.clone())?),
    };
    let allowed = options.allowed_users.clone();
    let users = match &options.client_ca {
        Some(ca) => Some(Users::new(ClientCa::load(ca.clone())?, allowed.clone())),
        None => None,
    };
    let mode = match &options.client_ca {
        Some(ca) => Mode::Certificates { given: given(Some(("tls_client_ca", ca.clone())), None), allowed },
        None => Mode::Open,
    };
    let gate = Arc::new(Gate::new(mode, GateOptions::default())?);
    let kubernetes = Arc::new(Kubernetes::new(
        Arc::clone(past),
        Arc::clone(&gate),
        Arc::clone(meters),
        Arc::clone(rounds),
    ));
    let app = app(settings, past, &kubernetes, ClusterOptions { users, ..ClusterOptions::default() });
    Ok(Server { bound, tls, app: Arc::new(app), kubernetes, gate })
}

async fn secure(
    settings: &Settings,
    options: &Secure,
    connected: Option<&Connected>,
    past: &Arc<dyn ClusterPast>,
    meters: &Arc<Meters>,
    rounds: &Arc<Rounds>,
) -> Result<Server, Failure> {
    let bound = Bound::bind(&resolve("bind-address", &options.ip, options.port).await?).await?;
    let tls = match &options.tls {
        Some((cert, key)) => Tls::load_asking(cert.clone(), key.clone())?,
        None => {
            let names = ["metrics-server.kube-system.svc", "heapster.kube-system"].map(str::to_owned);
            let (chain, key) = self_signed(&names)?;
            Tls::asking_with(chain, key)?
        }
    };
    let limits = GateOptions {
        always_allow: options.always_allow.clone(),
        token_ttl: options.token_ttl,
        allowed_ttl: options.allowed_ttl,
        denied_ttl: options.denied_ttl,
    };
    let gate = Arc::new(Gate::new(mode(options, connected).await?, limits)?);
    if let Err(error) = gate.refresh().await {
        if !options.tolerate_lookup_failure {
            let hint =
                "-authentication-skip-lookup or -authentication-tolerate-lookup-failure starts without";
            return Err(format!("whose certificates count cannot be learned: {error}; {hint}").into());
        }
        tracing::warn!(%error, "whose certificates count is not known yet");
    }
    let kubernetes = Arc::new(Kubernetes::new(
        Arc::clone(past),
        Arc::clone(&gate),
        Arc::clone(meters),
        Arc::clone(rounds),
    ));
    let own = ClusterOptions { gated: true, api_server: true, ..ClusterOptions::default() };
    let app = app(settings, past, &kubernetes, own);
    Ok(Server { bound, tls: Some(tls), app: Arc::new(app), kubernetes, gate })
}

/// The routes with what holds for both servers.
fn app(
    settings: &Settings,
    past: &Arc<dyn ClusterPast>,
    kubernetes: &Arc<Kubernetes>,
    own: ClusterOptions,
) -> ClusterApp {
    let options = ClusterOptions {
        model: !settings.sinks.without_model,
        export: !settings.without_export,
        series: settings.reduced_metrics,
        kubernetes: Some(Arc::clone(kubernetes)),
        ..own
    };
    ClusterApp::new(Arc::clone(past), options)
}

/// Who decides: the API server; without one, a CA of the flags; without that, nobody gets anything.
async fn mode(options: &Secure, connected: Option<&Connected>) -> Result<Mode, Failure> {
    let client_ca = options.client_ca.clone().map(|file| ("client-ca-file", file));
    let own = match &options.review_kubeconfig {
        Some(file) => {
            let api = ApiOptions { kubeconfig: Some(file.clone()), ..ApiOptions::default() };
            Some(Connection::new(&api, |name| std::env::var(name).ok()).await?)
        }
        None => connected.map(|connected| connected.connection.clone()),
    };
    Ok(match (own, client_ca) {
        (Some(connection), client_ca) => Mode::Delegated {
            reviewer: Arc::new(Reviews { connection, lookup: !options.skip_lookup }),
            given: given(client_ca, Some(options.front_proxy.clone())),
        },
        (None, Some(ca)) => Mode::Certificates { given: given(Some(ca), None), allowed: Vec::new() },
        (None, None) => {
            tracing::warn!(
                "-secure-port: nobody may ask for anything but its health: there is no API server that could say who \
                 may, and no -client-ca-file"
            );
            Mode::Closed
        }
    })
}

/// Whose certificates count by what flags say: the files are read at each asking, so that they may be renewed.
fn given(client_ca: Option<(&'static str, PathBuf)>, front_proxy: Option<FlagsOfProxy>) -> Given {
    Box::new(move || {
        let client_ca = client_ca.as_ref().map(|(flag, file)| read(flag, file)).transpose()?;
        let proxy = front_proxy.as_ref().and_then(|proxy| Some((proxy, proxy.ca.as_ref()?)));
        let front_proxy = match proxy {
            Some((proxy, file)) => Some(FrontProxy {
                allowed_names: proxy.names.clone(),
                username_headers: proxy.user_headers.clone(),
                group_headers: proxy.group_headers.clone(),
                extra_prefixes: proxy.extra_prefixes.clone(),
                ..FrontProxy::new(read("requestheader-client-ca-file", file)?)
            }),
            None => None,
        };
        Ok(Authorities { client_ca, front_proxy })
    })
}

fn read(flag: &str, file: &Path) -> Result<Vec<u8>, ReviewError> {
    std::fs::read(file)
        .map_err(|error| ReviewError(format!("-{flag}: cannot read {}: {error}", file.display())))
}

impl Servers {
    /// Where they listen.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.0.iter().map(|server| server.bound.address())
    }

    /// Answers until it is told to end.
    pub(super) async fn serve(self, ended: Receiver<bool>) {
        let all = self.0.into_iter().map(|server| server.serve(ended.clone()));
        futures_util::future::join_all(all).await;
    }
}

impl Server {
    async fn serve(self, mut ended: Receiver<bool>) {
        let Self { bound, tls, app, kubernetes, gate } = self;
        let handler = move |request| {
            let app = Arc::clone(&app);
            async move { app.answer(request).await }
        };
        let end = async move {
            // an error means that who tells has ended
            let _ = ended.wait_for(|ended| *ended).await;
            kubernetes.end();
        };
        tokio::select! {
            () = listen::serve(bound, tls, handler, end) => {}
            () = gate.follow(AUTHORITIES_EVERY) => {}
        }
    }
}
