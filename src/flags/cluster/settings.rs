//! What `plimsoll cluster` is told before it starts.

use std::path::PathBuf;
use std::time::Duration;

use plimsoll_core::cluster::objects::LabelRules;
use plimsoll_core::cluster::uri::Uri;
use plimsoll_nodes::ask::Choice;

use crate::flags::settings::Log;

/// All settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Who is asked.
    pub source: Source,
    /// How nodes are asked.
    pub nodes: Nodes,
    /// From round to round.
    pub resolution: Duration,
    /// User labels.
    pub labels: LabelRules,
    /// Where rounds are sent.
    pub sinks: Sinks,
    /// `/api/v1/metric-export` is empty.
    pub without_export: bool,
    /// `/metrics` shows what was collected as well.
    pub reduced_metrics: bool,
    /// The server of Heapster's API; absent where its port is 0.
    pub plain: Option<Plain>,
    /// The server of `metrics.k8s.io`; absent where its port is 0.
    pub secure: Option<Secure>,
    /// Threads that collect and answer; 0 is one a CPU.
    pub max_procs: usize,
    /// What it says.
    pub log: Log,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Heapster's word for it.
    Uri(Uri),
    /// The nodes of the Kubernetes cluster that this file leads to, or that we run in.
    Kubernetes(Option<PathBuf>),
    /// Hosts that run Plimsoll or cAdvisor: `name=address:port` or `address:port`.
    Hosts(Vec<String>),
    /// Hosts that stand in a file, which is read again when it changes.
    HostsFile(PathBuf),
}

/// How long one may take, unless a flag says otherwise: as metrics-server.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How nodes are asked. A Heapster source says some of it in its own options, which win.
#[derive(Clone, Debug, PartialEq)]
pub struct Nodes {
    /// What they are asked for; absent is the most that they answer.
    pub choice: Option<Choice>,
    /// The kubelets' port.
    pub port: u16,
    /// Take the port that the node's status tells.
    pub status_port: bool,
    /// Which of a node's addresses is taken: the first of these types that it has.
    pub address_types: Vec<String>,
    /// Which nodes, by their labels; empty is all.
    pub selector: String,
    /// The longest wait for one.
    pub timeout: Duration,
    /// Plain HTTP without credentials.
    pub completely_insecure: bool,
    /// Do not check their certificates.
    pub insecure_tls: bool,
    /// Who signs their certificates; absent is who the API server's configuration names.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// A file with a bearer token for them, read again when it changes; for hosts without Kubernetes.
    pub token_file: Option<PathBuf>,
}

/// Where rounds are sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sinks {
    /// Heapster's words for them.
    pub uris: Vec<Uri>,
    /// Which of them answers for the past: its text.
    pub history: String,
    /// How long a round may wait for a sink.
    pub timeout: Duration,
    /// Keep no short past in memory: the API of models is not there.
    pub without_model: bool,
}

/// The server of Heapster's API.
#[derive(Clone, Debug, PartialEq)]
pub struct Plain {
    /// Address; empty is every one.
    pub ip: String,
    /// Port.
    pub port: u16,
    /// Certificate and key: HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Who signs the certificates of those who may ask.
    pub client_ca: Option<PathBuf>,
    /// The common names of those who may ask; empty is every one with a certificate.
    pub allowed_users: Vec<String>,
}

/// The server of `metrics.k8s.io`, always HTTPS.
#[derive(Clone, Debug, PartialEq)]
pub struct Secure {
    /// Address.
    pub ip: String,
    /// Port.
    pub port: u16,
    /// Certificate and key; absent is one that we sign ourselves.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Who signs clients' certificates, beside what the API server tells.
    pub client_ca: Option<PathBuf>,
    /// The front proxy, where it is told by flags and not by the API server.
    pub front_proxy: FrontProxy,
    /// Do not ask the API server for `extension-apiserver-authentication`.
    pub skip_lookup: bool,
    /// Start without it if it cannot be had.
    pub tolerate_lookup_failure: bool,
    /// How long a token's answer counts.
    pub token_ttl: Duration,
    /// How long a yes counts.
    pub allowed_ttl: Duration,
    /// How long a no counts.
    pub denied_ttl: Duration,
    /// Paths that are answered without asking whether they may be.
    pub always_allow: Vec<String>,
    /// Ask whom for reviews: a kubeconfig; absent is the source's own.
    pub review_kubeconfig: Option<PathBuf>,
}

/// Whose word counts for who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrontProxy {
    /// Who signs its certificate.
    pub ca: Option<PathBuf>,
    /// The common names that its certificate may have; empty is any.
    pub names: Vec<String>,
    /// Headers with the user's name.
    pub user_headers: Vec<String>,
    /// Headers with groups.
    pub group_headers: Vec<String>,
    /// Prefixes of headers with more.
    pub extra_prefixes: Vec<String>,
}
