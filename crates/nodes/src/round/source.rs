//! Which nodes there are.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_core::cluster::objects::{Node, Objects};
use plimsoll_core::cluster::uri::Uri;

use super::Rules;
use super::hosts::Host;
use crate::ask::{Choice, ChoiceError, NodeAccess, Route, Target, authority};
use crate::followed::Followed;

/// The file of Heapster's hosts, where no other is told.
const HOSTS_FILE: &str = "/var/run/heapster/hosts";

/// Which nodes are asked, and for what.
#[derive(Debug)]
pub enum Source {
    /// Those of a cluster, as its API server tells.
    Kubernetes {
        /// What they are asked.
        choice: Choice,
    },
    /// A list of hosts.
    Hosts {
        /// Which.
        hosts: Hosts,
        /// What they are asked.
        choice: Choice,
    },
}

/// Hosts outside any cluster.
#[derive(Debug)]
pub enum Hosts {
    /// These.
    List(Vec<Host>),
    /// Those in a file, which is read again when it changes. While it cannot be read the last ones are asked.
    File(HostsFile),
}

/// A file of hosts, and who stood in it last.
#[derive(Debug)]
pub struct HostsFile {
    file: Followed,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    hosts: Arc<[(Host, Arc<Node>)]>,
    wrong: Option<String>,
}

/// A source that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Its key is not known.
    #[error("source {0:?} is not known: expected kubernetes, kubernetes.summary_api or cadvisor")]
    Key(String),
    /// A route is none.
    #[error("source {key}: route={error}")]
    Choice {
        /// Its key.
        key: String,
        /// What is wrong.
        error: ChoiceError,
    },
    /// What stands behind `cadvisor:` is something else than `external`.
    #[error(
        "source cadvisor:{0}: expected cadvisor:external?hosts_file=PATH or cadvisor:external?host=ADDRESS[:PORT]"
    )]
    External(String),
    /// An option `host` is none.
    #[error(
        "source cadvisor: host={0:?}: expected ADDRESS[:PORT] or NAME ADDRESS[:PORT], with %20 for the blank"
    )]
    Host(String),
    /// Both a file and single hosts are told.
    #[error("source cadvisor: hosts_file and host exclude each other: expected one of them")]
    Both,
}

impl Source {
    /// What Heapster's words say: `kubernetes`, `kubernetes.summary_api`, or `cadvisor:external?hosts_file=PATH` (or
    /// `host=ADDRESS[:PORT]`, repeated). `route=WORD,...` asks for something else.
    ///
    /// # Errors
    /// The key or an option is not understood.
    pub fn of_uri(uri: &Uri) -> Result<Self, SourceError> {
        let choice = |default: Choice| match uri.option("route") {
            None => Ok(default),
            Some(text) => text.parse().map_err(|error| SourceError::Choice { key: uri.key.clone(), error }),
        };
        match uri.key.as_str() {
            "kubernetes" => Ok(Self::Kubernetes { choice: choice(Route::Container.into())? }),
            "kubernetes.summary_api" => Ok(Self::Kubernetes { choice: choice(Route::Summary.into())? }),
            "cadvisor" => {
                if !matches!(uri.path.as_str(), "" | "external") || !uri.host.is_empty() {
                    return Err(SourceError::External(uri.text.clone()));
                }
                let read = |text: &str| Host::parse(text).ok_or_else(|| SourceError::Host(text.to_owned()));
                let list = uri.options("host").map(read).collect::<Result<Vec<_>, _>>()?;
                let hosts = match (uri.option("hosts_file"), list.is_empty()) {
                    (Some(_), false) => return Err(SourceError::Both),
                    (None, false) => Hosts::List(list),
                    (file, true) => Hosts::file(PathBuf::from(file.unwrap_or(HOSTS_FILE))),
                };
                Ok(Self::Hosts { hosts, choice: choice(Choice::of_cadvisor())? })
            }
            key => Err(SourceError::Key(key.to_owned())),
        }
    }

    /// What its nodes are asked.
    pub fn choice(&self) -> &Choice {
        match self {
            Self::Kubernetes { choice } | Self::Hosts { choice, .. } => choice,
        }
    }

    /// Who is to be asked now.
    pub(super) async fn targets(&self, access: &NodeAccess, objects: &Objects, rules: &Rules) -> Vec<Target> {
        let wanted = |node: &Node| {
            (!rules.ready_only || node.ready != Some(false)) && rules.selector.matches(&node.labels)
        };
        match self {
            Self::Kubernetes { .. } => {
                let nodes: Vec<_> = objects.read().nodes.values().cloned().collect();
                let target = |node: Arc<Node>| Target { authority: access.authority(&node), node };
                nodes.into_iter().filter(|node| wanted(node)).map(target).collect()
            }
            Self::Hosts { hosts, .. } => {
                let target = |(host, node): (Host, Arc<Node>)| {
                    let port = host.port.unwrap_or(access.port);
                    Target { node, authority: Ok(authority(&host.address, port)) }
                };
                hosts.now().await.into_iter().map(target).collect()
            }
        }
    }
}

impl Hosts {
    /// Those in this file.
    pub fn file(path: PathBuf) -> Self {
        Self::File(HostsFile { file: Followed::new(path), last: Mutex::default() })
    }

    async fn now(&self) -> Vec<(Host, Arc<Node>)> {
        match self {
            Self::List(hosts) => hosts.iter().map(|host| (host.clone(), host.node())).collect(),
            Self::File(file) => file.now().await,
        }
    }
}

impl HostsFile {
    async fn now(&self) -> Vec<(Host, Arc<Node>)> {
        let read = match self.file.changed().await {
            Ok(None) => None,
            Ok(Some(content)) => {
                Some(Host::list(&String::from_utf8_lossy(&content)).map_err(|error| error.to_string()))
            }
            Err(error) => Some(Err(error.to_string())),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Some(Ok(hosts)) => {
                let nodes = hosts.into_iter().map(|host| (host.clone(), host.node()));
                *last = Last { hosts: nodes.collect(), wrong: None };
            }
            Some(Err(error)) if last.wrong.as_ref() != Some(&error) => {
                let file = self.file.path().display();
                tracing::warn!(%file, error, hosts = last.hosts.len(), "the list of hosts cannot be read: the last one stays");
                last.wrong = Some(error);
            }
            Some(Err(_)) | None => {}
        }
        last.hosts.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_core::cluster::selector::LabelSelector;

    use super::*;

    fn of(text: &str) -> Result<Source, SourceError> {
        Source::of_uri(&Uri::parse(text, |_| None).unwrap())
    }

    #[test]
    fn heapsters_words_are_understood() {
        let f =
            |text: &str, wanted: &str| assert_eq!(of(text).unwrap().choice().to_string(), wanted, "{text}");
        f("kubernetes", "container");
        f("kubernetes:https://kubernetes.default", "container");
        f("kubernetes.summary_api:''", "summary");
        f("kubernetes.summary_api:?kubeletHttps=true&route=resource,summary", "resource,summary");
        f("cadvisor:external?hosts_file=/etc/hosts.json", "subcontainers,container,metrics,summary,cadvisor");
        let source = of("cadvisor:external?hosts_file=/etc/hosts.json&route=summary").unwrap();
        let Source::Hosts { hosts: Hosts::File(file), .. } = source else { panic!("{source:?}") };
        assert_eq!(file.file.path().to_str(), Some("/etc/hosts.json"));
        let source = of("cadvisor:external").unwrap();
        assert!(format!("{source:?}").contains(HOSTS_FILE), "{source:?}");
        let source = of("cadvisor:external?host=10.0.0.1:81&host=web2%20db.example").unwrap();
        let Source::Hosts { hosts: Hosts::List(hosts), .. } = source else { panic!("{source:?}") };
        assert_eq!(hosts.iter().map(|host| &*host.name).collect::<Vec<_>>(), ["10.0.0.1", "web2"]);
    }

    #[test]
    fn what_is_not_understood_is_told() {
        let f = |text: &str, wanted: &str| {
            let error = of(text).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{text}: {error}");
        };
        f("kubernetes.best", "source \"kubernetes.best\" is not known: expected kubernetes, ");
        f("kubernetes:?route=all", "source kubernetes: route=\"all\" is no route: expected ");
        f(
            "cadvisor:http://a:8080",
            "source cadvisor:http://a:8080: expected cadvisor:external?hosts_file=PATH",
        );
        f("cadvisor:external?host=a:b", "source cadvisor: host=\"a:b\": expected ADDRESS[:PORT]");
        f(
            "cadvisor:external?host=a&hosts_file=/x",
            "source cadvisor: hosts_file and host exclude each other",
        );
    }

    #[tokio::test]
    async fn a_file_of_hosts_is_followed_and_a_broken_one_leaves_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        let source = Source::Hosts { hosts: Hosts::file(path.clone()), choice: Choice::of_cadvisor() };
        let mut access = NodeAccess::heapster();
        access.port = 8080;
        let names = async || {
            let targets = source.targets(&access, &Objects::default(), &Rules::default()).await;
            let shown = |target: Target| format!("{} {}", target.node.hostname, target.authority.unwrap());
            targets.into_iter().map(shown).collect::<Vec<_>>()
        };
        assert!(names().await.is_empty());
        std::fs::write(&path, "a 10.0.0.1\nb [fd00::1]:9\n").unwrap();
        let wanted = ["a 10.0.0.1:8080", "b [fd00::1]:9"];
        assert_eq!(names().await, wanted);
        assert_eq!(names().await, wanted);
        std::fs::write(&path, "a 10.0.0.1 x y z").unwrap();
        assert_eq!(names().await, wanted);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(names().await, wanted);
        std::fs::write(&path, r#"[{"name":"c","ip":"10.0.0.3"}]"#).unwrap();
        assert_eq!(names().await, ["c 10.0.0.3:8080"]);
    }

    #[tokio::test]
    async fn nodes_of_a_cluster_are_asked_by_the_rules() {
        let objects = Objects::default();
        for (name, ready) in [("a", Some(true)), ("b", Some(false)), ("c", None)] {
            let disk = if name == "a" { "hdd" } else { "ssd" };
            let node = Node {
                name: name.into(),
                labels: [("disk".into(), disk.into())].into_iter().collect(),
                ready,
                ip: Some("10.0.0.1".parse().unwrap()),
                ..Node::default()
            };
            objects.write().nodes.insert(name.into(), Arc::new(node));
        }
        let source = Source::Kubernetes { choice: Route::Summary.into() };
        let names = async |rules: Rules| {
            let targets = source.targets(&NodeAccess::heapster(), &objects, &rules).await;
            targets.into_iter().map(|target| target.node.name.to_string()).collect::<String>()
        };
        assert_eq!(names(Rules::default()).await, "abc");
        assert_eq!(names(Rules { ready_only: true, ..Rules::default() }).await, "ac");
        let selector = LabelSelector::parse("disk=ssd").unwrap();
        assert_eq!(names(Rules { selector: selector.clone(), ..Rules::default() }).await, "bc");
        assert_eq!(names(Rules { ready_only: true, selector, ..Rules::default() }).await, "c");
    }
}
