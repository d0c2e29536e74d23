//! Who is asked, and how: from the flags to a collector of rounds.

use std::sync::Arc;

use plimsoll::flags::cluster::{Cluster as Settings, Source as Wanted};
use plimsoll_client::{Pem, Tls};
use plimsoll_core::cluster::names::Names;
use plimsoll_core::cluster::objects::Objects;
use plimsoll_core::cluster::selector::LabelSelector;
use plimsoll_core::cluster::uri::Uri;
use plimsoll_nodes::ask::{AddressRule, Choice, NodeAccess, PATH_ANNOTATION};
use plimsoll_nodes::kube::{
    ApiOptions, Connection, Rules as Kept, Source as KubeSource, Token, Watch, WatchOptions,
};
use plimsoll_nodes::round::{Collector, Host, Hosts, Rules, Source};

use super::Failure;

/// An open source.
pub(super) struct Open {
    /// Asks its nodes.
    pub(super) collector: Collector,
    /// The API server, where there is one.
    pub(super) connection: Option<Connected>,
}

/// The API server, and what is watched of it.
pub(super) struct Connected {
    pub(super) connection: Connection,
    // what is known is kept up to date as long as it lives
    _watch: Watch,
}

/// Opens what the flags name. With an API server, its objects are watched from now on.
pub(super) async fn open(
    settings: &Settings,
    objects: &Arc<Objects>,
    names: &Arc<Names>,
) -> Result<Open, Failure> {
    let built = match &settings.source {
        Wanted::Uri(uri) if uri.key.starts_with("kubernetes") => {
            of_heapster(settings, uri, objects, names).await?
        }
        Wanted::Uri(uri) => {
            let source = with_choice(Source::of_uri(uri)?, settings.nodes.choice.clone());
            (source, of_hosts(settings)?, Rules::default(), None)
        }
        Wanted::Kubernetes(kubeconfig) => {
            let api = ApiOptions { kubeconfig: kubeconfig.clone(), ..ApiOptions::default() };
            let connected = connect(settings, &api, None, objects, names).await?;
            let access = access(settings, &connected.connection)?;
            let choice = settings.nodes.choice.clone().unwrap_or_else(|| best(settings));
            (
                Source::Kubernetes { choice },
                access,
                Rules { selector: selected(settings)?, ..Rules::default() },
                Some(connected),
            )
        }
        Wanted::Hosts(words) => {
            let hosts: Result<Vec<_>, _> = words.iter().map(|word| host(word)).collect();
            let source = Source::Hosts { hosts: Hosts::List(hosts?), choice: choice_of_hosts(settings) };
            (source, of_hosts(settings)?, Rules::default(), None)
        }
        Wanted::HostsFile(file) => {
            let source =
                Source::Hosts { hosts: Hosts::file(file.clone()), choice: choice_of_hosts(settings) };
            (source, of_hosts(settings)?, Rules::default(), None)
        }
    };
    let (source, access, rules, connection) = built;
    let collector = Collector::new(source, access, rules, Arc::clone(objects), Arc::clone(names))?;
    Ok(Open { collector, connection })
}

type Built = (Source, NodeAccess, Rules, Option<Connected>);

/// Heapster's own sources, with the options in their words.
async fn of_heapster(
    settings: &Settings,
    uri: &Uri,
    objects: &Arc<Objects>,
    names: &Arc<Names>,
) -> Result<Built, Failure> {
    let source = with_choice(Source::of_uri(uri)?, settings.nodes.choice.clone());
    let told = KubeSource::of_uri(uri)?;
    let connected = connect(settings, &told.api, told.host_id_annotation.clone(), objects, names).await?;
    let Connection { tls, token, .. } = &connected.connection;
    let tls = Tls { insecure: tls.insecure || settings.nodes.insecure_tls, ..tls.clone() };
    let access = NodeAccess::of_source(&told, &tls, token);
    let rules = Rules { ready_only: true, selector: selected(settings)?, ..Rules::default() };
    Ok((source, access, rules, Some(connected)))
}

async fn connect(
    settings: &Settings,
    api: &ApiOptions,
    host_id_annotation: Option<String>,
    objects: &Arc<Objects>,
    names: &Arc<Names>,
) -> Result<Connected, Failure> {
    let connection = Connection::new(api, |name| std::env::var(name).ok()).await?;
    let rules = Kept {
        labels: settings.labels.clone(),
        host_id_annotation,
        annotations: vec![PATH_ANNOTATION.to_owned()],
    };
    let options = WatchOptions { rules, ..WatchOptions::default() };
    let watch = Watch::start(&connection, &options, objects, names);
    Ok(Connected { connection, _watch: watch })
}

/// Kubelets as metrics-server asks them.
fn access(settings: &Settings, connection: &Connection) -> Result<NodeAccess, Failure> {
    let nodes = &settings.nodes;
    let mut tls = connection.tls.clone();
    if let Some(ca) = &nodes.ca {
        (tls.ca, tls.insecure) = (Some(Pem::File(ca.clone())), false);
    }
    if let Some((cert, key)) = &nodes.identity {
        tls.identity = Some((Pem::File(cert.clone()), Pem::File(key.clone())));
    }
    tls.insecure |= nodes.insecure_tls;
    let token = match &nodes.token_file {
        Some(file) => Token::file(file)?,
        None => connection.token.clone(),
    };
    let access = NodeAccess {
        port: nodes.port,
        node_status_port: nodes.status_port,
        address: AddressRule::Preferred(nodes.address_types.clone()),
        within: nodes.timeout,
        tls,
        token,
        ..NodeAccess::metrics_server()
    };
    if nodes.completely_insecure {
        return Ok(NodeAccess { https: false, token: Token::default(), tls: Tls::default(), ..access });
    }
    Ok(access)
}

/// Hosts that run Plimsoll or cAdvisor: HTTP, unless a flag speaks of TLS.
fn of_hosts(settings: &Settings) -> Result<NodeAccess, Failure> {
    let nodes = &settings.nodes;
    let file = |path: &std::path::PathBuf| Pem::File(path.clone());
    Ok(NodeAccess {
        https: nodes.ca.is_some() || nodes.identity.is_some() || nodes.insecure_tls,
        port: 8080,
        within: nodes.timeout,
        token: nodes.token_file.as_deref().map(Token::file).transpose()?.unwrap_or_default(),
        tls: Tls {
            ca: nodes.ca.as_ref().map(file),
            identity: nodes.identity.as_ref().map(|(cert, key)| (file(cert), file(key))),
            insecure: nodes.insecure_tls,
        },
        ..NodeAccess::heapster()
    })
}

/// As much as kubelets tell where somebody takes it; where only `metrics.k8s.io` is served, CPU and memory.
fn best(settings: &Settings) -> Choice {
    let only_usage = settings.plain.is_none() && settings.sinks.uris.iter().all(|uri| uri.key == "metric");
    if only_usage { Choice::cpu_and_memory() } else { Choice::of_kubelet() }
}

fn choice_of_hosts(settings: &Settings) -> Choice {
    settings.nodes.choice.clone().unwrap_or_else(Choice::of_cadvisor)
}

/// A flag's choice comes before that of a source's key.
fn with_choice(source: Source, wanted: Option<Choice>) -> Source {
    match (source, wanted) {
        (Source::Kubernetes { .. }, Some(choice)) => Source::Kubernetes { choice },
        (Source::Hosts { hosts, .. }, Some(choice)) => Source::Hosts { hosts, choice },
        (source, None) => source,
    }
}

fn host(word: &str) -> Result<Host, Failure> {
    let found = Host::parse(&word.replacen('=', " ", 1));
    found.ok_or_else(|| format!("-hosts: {word:?}: expected name=address:port or address:port").into())
}

fn selected(settings: &Settings) -> Result<LabelSelector, Failure> {
    LabelSelector::parse(&settings.nodes.selector).map_err(|error| format!("-node-selector: {error}").into())
}
