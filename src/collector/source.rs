//! Who is asked, and how: from the flags to a collector of rounds.

use std::sync::Arc;

use plimsoll::flags::cluster::{Cluster as Settings, REQUEST_TIMEOUT, Source as Wanted};
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
    let access = heapsters_access(settings, &told, &connected.connection)?;
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

/// Kubelets as Heapster asks them, and as flags say that its sources have no word for.
fn heapsters_access(
    settings: &Settings,
    told: &KubeSource,
    connection: &Connection,
) -> Result<NodeAccess, Failure> {
    let (tls, token) = credentials(settings, connection)?;
    let mut access = NodeAccess::of_source(told, &tls, &token);
    // metrics-server's default is none of Heapster's
    if settings.nodes.timeout != REQUEST_TIMEOUT {
        access.within = settings.nodes.timeout;
    }
    Ok(access)
}

/// What kubelets are shown, and who signs for them: what the API server is shown, unless a flag says otherwise.
fn credentials(settings: &Settings, connection: &Connection) -> Result<(Tls, Token), Failure> {
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
    Ok((tls, token))
}

/// Kubelets as metrics-server asks them.
fn access(settings: &Settings, connection: &Connection) -> Result<NodeAccess, Failure> {
    let nodes = &settings.nodes;
    let (tls, token) = credentials(settings, connection)?;
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
    let taken = settings.plain.is_some() || settings.reduced_metrics;
    if !taken && settings.sinks.uris.iter().all(|uri| uri.key == "metric") {
        Choice::cpu_and_memory()
    } else {
        Choice::of_kubelet()
    }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use plimsoll::flags::{self, Command};

    use super::*;

    #[tokio::test]
    async fn a_heapster_source_takes_the_flags_on_kubelets() {
        let source = "kubernetes.summary_api:http://127.0.0.1:1?inClusterConfig=false&kubeletHttps=true&kubeletPort=10250";
        let access = async |more: &[&str]| {
            let source = format!("--source={source}");
            let args = ["cluster", &source].into_iter().chain(more.iter().copied()).map(Into::into);
            let Ok(Command::Cluster(settings, _)) = flags::parse("plimsoll", args) else {
                panic!("{more:?}")
            };
            let Wanted::Uri(uri) = &settings.source else { panic!("no source") };
            let told = KubeSource::of_uri(uri).unwrap();
            let connection = Connection::new(&told.api, |_| None).await.unwrap();
            heapsters_access(&settings, &told, &connection).unwrap()
        };
        let heapster = access(&[]).await;
        assert_eq!(
            (heapster.within, heapster.tls.ca, heapster.tls.insecure),
            (Duration::from_secs(20), None, true)
        );
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, "secret").unwrap();
        let flags = [
            "--kubelet-certificate-authority=/ca.pem",
            "--kubelet-client-certificate=/c.pem",
            "--kubelet-client-key=/k.pem",
            "--kubelet-request-timeout=5s",
            &format!("--kubelet-token-file={}", token.display()),
        ];
        let told = access(&flags).await;
        assert_eq!((told.port, told.within), (10250, Duration::from_secs(5)));
        let file = |path: &str| Pem::File(path.into());
        assert_eq!((told.tls.ca, told.tls.insecure), (Some(file("/ca.pem")), false));
        assert_eq!(told.tls.identity, Some((file("/c.pem"), file("/k.pem"))));
        assert_eq!(told.token.header().await.unwrap().unwrap(), "Bearer secret");
        assert!(access(&["--kubelet-insecure-tls"]).await.tls.insecure);
    }
}
