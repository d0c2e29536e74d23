//! `plimsoll cluster`: the flags of Heapster and of metrics-server, as their manifests write them.

mod list;
mod settings;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_core::cluster::objects::LabelRules;
use plimsoll_core::cluster::uri::Uri;
use plimsoll_nodes::ask::{Choice, ChoiceError};

pub use self::list::SECTIONS;
pub use self::settings::{Cluster, FrontProxy, Nodes, Plain, REQUEST_TIMEOUT, Secure, Sinks, Source};

use super::draft::{Draft, pair, usage};
use super::grammar::{self, Book, End};
use super::{Command, UsageError, VERSION, tell_rest, usage as texts};

/// Whose words the command line is in: which servers are up and how often nodes are asked unless flags say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    Plimsoll,
    Heapster,
    MetricsServer,
}

/// What the flags have said so far.
#[derive(Debug)]
pub(in crate::flags) struct Words {
    pub(super) sources: Vec<Uri>,
    pub(super) kubeconfig: String,
    pub(super) hosts: Vec<String>,
    pub(super) hosts_file: String,
    pub(super) nodes: Nodes,
    pub(super) kubelet_ca: String,
    pub(super) kubelet_cert: String,
    pub(super) kubelet_key: String,
    pub(super) resolution: Option<Duration>,
    pub(super) labels: LabelRules,
    pub(super) sinks: Sinks,
    pub(super) plain: Plain,
    pub(super) without_export: bool,
    pub(super) reduced_metrics: bool,
    pub(super) port: Option<u64>,
    pub(super) cert: String,
    pub(super) key: String,
    pub(super) client_ca: String,
    pub(super) secure: Secure,
    pub(super) secure_port: Option<u64>,
    pub(super) secure_cert: String,
    pub(super) secure_key: String,
    pub(super) secure_client_ca: String,
    pub(super) api_server: bool,
    pub(super) max_procs: usize,
}

impl Default for Words {
    fn default() -> Self {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Self {
            sources: Vec::new(),
            kubeconfig: String::new(),
            hosts: Vec::new(),
            hosts_file: String::new(),
            nodes: Nodes {
                choice: None,
                port: 10250,
                status_port: false,
                address_types: texts(&["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"]),
                selector: String::new(),
                timeout: REQUEST_TIMEOUT,
                completely_insecure: false,
                insecure_tls: false,
                ca: None,
                identity: None,
                token_file: None,
            },
            kubelet_ca: String::new(),
            kubelet_cert: String::new(),
            kubelet_key: String::new(),
            resolution: None,
            labels: LabelRules::default(),
            sinks: Sinks { timeout: Duration::from_secs(20), ..Sinks::default() },
            plain: Plain {
                ip: String::new(),
                port: 0,
                tls: None,
                client_ca: None,
                allowed_users: Vec::new(),
            },
            without_export: false,
            reduced_metrics: false,
            port: None,
            cert: String::new(),
            key: String::new(),
            client_ca: String::new(),
            secure: Secure {
                ip: "0.0.0.0".to_owned(),
                port: 0,
                tls: None,
                client_ca: None,
                front_proxy: FrontProxy {
                    ca: None,
                    names: Vec::new(),
                    user_headers: texts(&["x-remote-user"]),
                    group_headers: texts(&["x-remote-group"]),
                    extra_prefixes: texts(&["x-remote-extra-"]),
                },
                skip_lookup: false,
                tolerate_lookup_failure: false,
                token_ttl: Duration::from_secs(10),
                allowed_ttl: Duration::from_secs(10),
                denied_ttl: Duration::from_secs(10),
                always_allow: texts(&["/healthz", "/readyz", "/livez"]),
                review_kubeconfig: None,
            },
            secure_port: None,
            secure_cert: String::new(),
            secure_key: String::new(),
            secure_client_ca: String::new(),
            api_server: false,
            max_procs: 0,
        }
    }
}

/// Reads the words after the command, or those of a program named `heapster` or `metrics-server`.
pub(super) fn parse(
    program: &str,
    speech: Speech,
    args: impl Iterator<Item = OsString>,
) -> Result<Command, UsageError> {
    let mut draft = Draft::default();
    let book = Book::alike(SECTIONS);
    let hint = |error: UsageError| error.with_hint(program);
    match grammar::walk(&mut draft, &book, args).map_err(hint)? {
        End::Help => return Ok(Command::Help(texts::help_cluster(program))),
        End::Rest(..) if draft.version => {
            let line = match speech {
                Speech::Plimsoll => format!("plimsoll {VERSION}"),
                Speech::Heapster => format!("version: v1.5.4+plimsoll.{VERSION}"),
                Speech::MetricsServer => format!("v0.9.0+plimsoll.{VERSION}"),
            };
            return Ok(Command::Version(line));
        }
        End::Rest(words, bare_bool) => tell_rest(&mut draft, &words, bare_bool),
    }
    let words = std::mem::take(&mut draft.cluster);
    let cluster = words.finish(speech, &mut draft).map_err(hint)?;
    Ok(Command::Cluster(Box::new(cluster), draft.notices))
}

impl Words {
    /// The settings that all flags together give.
    fn finish(mut self, speech: Speech, draft: &mut Draft) -> Result<Cluster, UsageError> {
        let resolution = self.resolution(speech)?;
        let source = self.source(speech)?;
        self.nodes(&source, resolution)?;
        Ok(Cluster {
            source,
            resolution,
            labels: self.labels.clone(),
            sinks: self.sinks.clone(),
            without_export: self.without_export,
            reduced_metrics: self.reduced_metrics,
            plain: self.plain(speech)?,
            secure: self.secure(speech)?,
            max_procs: self.max_procs,
            log: draft.settings.log,
            nodes: self.nodes,
        })
    }

    fn resolution(&self, speech: Speech) -> Result<Duration, UsageError> {
        let resolution = self.resolution.unwrap_or(match speech {
            Speech::Plimsoll => Duration::from_secs(15),
            Speech::Heapster | Speech::MetricsServer => Duration::from_secs(60),
        });
        let least = if speech == Speech::MetricsServer { 10 } else { 5 };
        if resolution < Duration::from_secs(least) {
            return usage(format!("-metric_resolution: expected {least}s or more, got {resolution:?}"));
        }
        Ok(resolution)
    }

    fn source(&self, speech: Speech) -> Result<Source, UsageError> {
        let file = |text: &String| (!text.is_empty()).then(|| PathBuf::from(text));
        let mut named: Vec<(&str, Source)> = Vec::new();
        named.extend(self.sources.iter().map(|uri| ("source", Source::Uri(uri.clone()))));
        named.extend(file(&self.kubeconfig).map(|file| ("kubeconfig", Source::Kubernetes(Some(file)))));
        if !self.hosts.is_empty() {
            named.push(("hosts", Source::Hosts(self.hosts.clone())));
        }
        named.extend(file(&self.hosts_file).map(|file| ("hosts_file", Source::HostsFile(file))));
        match (named.as_slice(), speech) {
            ([], Speech::Heapster) => usage(
                "-source is missing: say who is asked, as --source=kubernetes.summary_api:'' inside a cluster",
            ),
            ([], _) => Ok(Source::Kubernetes(None)),
            ([(_, source)], _) => Ok(source.clone()),
            (many, _) => {
                let names: Vec<_> = many.iter().map(|(name, _)| format!("-{name}")).collect();
                usage(format!("expected one source, got {}", names.join(" and ")))
            }
        }
    }

    fn nodes(&mut self, source: &Source, resolution: Duration) -> Result<(), UsageError> {
        let nodes = &mut self.nodes;
        nodes.identity =
            pair("kubelet-client-certificate", &self.kubelet_cert, "kubelet-client-key", &self.kubelet_key)?;
        nodes.ca = (!self.kubelet_ca.is_empty()).then(|| self.kubelet_ca.clone().into());
        if nodes.insecure_tls && nodes.ca.is_some() {
            return usage("-kubelet-insecure-tls and -kubelet-certificate-authority exclude each other");
        }
        if nodes.completely_insecure && (nodes.insecure_tls || nodes.ca.is_some() || nodes.identity.is_some())
        {
            return usage(
                "-deprecated-kubelet-completely-insecure excludes -kubelet-insecure-tls, \
                 -kubelet-certificate-authority, -kubelet-client-certificate and -kubelet-client-key",
            );
        }
        if nodes.timeout.is_zero() {
            return usage("-kubelet-request-timeout: must be longer than 0, as 10s");
        }
        let kubernetes = matches!(source, Source::Kubernetes(_));
        if kubernetes && nodes.timeout > resolution.mul_f64(0.9) {
            // Heapster's shortest period is half of what nodes are given by default
            if nodes.timeout == REQUEST_TIMEOUT {
                nodes.timeout = resolution.mul_f64(0.9);
            } else {
                return usage(format!(
                    "-kubelet-request-timeout: {:?} is more than nine tenths of -metric_resolution ({resolution:?})",
                    nodes.timeout
                ));
            }
        }
        Ok(())
    }

    fn plain(&mut self, speech: Speech) -> Result<Option<Plain>, UsageError> {
        let tls = pair("tls_cert", &self.cert, "tls_key", &self.key)?;
        if !self.client_ca.is_empty() && tls.is_none() {
            return usage(
                "-tls_client_ca needs -tls_cert and -tls_key: a client shows its certificate over TLS alone",
            );
        }
        if !self.plain.allowed_users.is_empty() && self.client_ca.is_empty() {
            return usage("-allowed_users needs -tls_client_ca: names that nobody signs are worth nothing");
        }
        let default = if speech == Speech::MetricsServer { 0 } else { 8082 };
        let Some(port) = port("heapster-port", self.port, default)? else { return Ok(None) };
        let client_ca = (!self.client_ca.is_empty()).then(|| self.client_ca.clone().into());
        Ok(Some(Plain { port, tls, client_ca, ..self.plain.clone() }))
    }

    fn secure(&mut self, speech: Speech) -> Result<Option<Secure>, UsageError> {
        let default = match speech {
            Speech::MetricsServer => 443,
            _ if self.api_server => 6443,
            _ => 0,
        };
        let tls = pair("tls-cert-file", &self.secure_cert, "tls-private-key-file", &self.secure_key)?;
        let Some(port) = port("secure-port", self.secure_port, default)? else { return Ok(None) };
        let client_ca = (!self.secure_client_ca.is_empty()).then(|| self.secure_client_ca.clone().into());
        Ok(Some(Secure { port, tls, client_ca, ..self.secure.clone() }))
    }
}

fn port(flag: &str, told: Option<u64>, default: u16) -> Result<Option<u16>, UsageError> {
    let told = told.unwrap_or(default.into());
    let port = u16::try_from(told);
    let port = port.map_err(|_| UsageError::new(format!("-{flag}: expected 0 to 65535, got {told}")))?;
    Ok((port != 0).then_some(port))
}

/// A source's or a sink's word, with the environment's variables in it.
fn uri(text: &str) -> Result<Uri, String> {
    Uri::parse(text, |name| std::env::var(name).ok()).map_err(|error| error.to_string())
}

/// What nodes are asked for: the words of routes, by commas, or `best`.
fn choice(text: &str) -> Result<Option<Choice>, String> {
    if text == "best" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error: ChoiceError| format!("{error}, or best"))
}

/// A label to be stored: `name` or `new=name`.
fn stored(text: &str) -> Result<(String, String), String> {
    let (new, name) = text.split_once('=').unwrap_or((text, text));
    if new.is_empty() || name.is_empty() {
        return Err("expected a label's name, or newName=name".to_owned());
    }
    Ok((name.to_owned(), new.to_owned()))
}
