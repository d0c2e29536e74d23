//! What a node can be asked, and which of it.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::request::Builder;
use http::{Method, Request};
use plimsoll_core::cluster::batch::Set;
use plimsoll_core::cluster::objects::Node;

use crate::decode::{self, DecodeError, Reading};

/// A question that a node may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Route {
    /// `/metrics/resource` of a kubelet: CPU and memory.
    Resource,
    /// `/stats/summary` of a kubelet.
    Summary,
    /// `/stats/container/` of an old kubelet or a Plimsoll.
    Container,
    /// `/metrics/cadvisor` of a kubelet.
    Cadvisor,
    /// `/api/v1.3/subcontainers/` of a cAdvisor or a Plimsoll.
    Subcontainers,
    /// `/metrics` of a cAdvisor or a Plimsoll.
    Metrics,
}

/// The annotation of a node that tells another path for [`Route::Resource`].
pub const PATH_ANNOTATION: &str = "metrics.k8s.io/resource-metrics-path";

/// The newest sample of every container.
const NEWEST_OF_ALL: &str = r#"{"containerName":"/","num_stats":1,"subcontainers":true}"#;

impl Route {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Resource, Self::Summary, Self::Container, Self::Cadvisor, Self::Subcontainers, Self::Metrics];

    /// Its word in options.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Summary => "summary",
            Self::Container => "container",
            Self::Cadvisor => "cadvisor",
            Self::Subcontainers => "subcontainers",
            Self::Metrics => "metrics",
        }
    }

    /// Where it is asked for.
    pub fn path(self, node: &Node) -> &str {
        match self {
            Self::Resource => match node.annotations.get(PATH_ANNOTATION) {
                Some(path) if path.starts_with('/') => path,
                _ => "/metrics/resource",
            },
            Self::Summary => "/stats/summary",
            Self::Container => "/stats/container/",
            Self::Cadvisor => "/metrics/cadvisor",
            Self::Subcontainers => "/api/v1.3/subcontainers/",
            Self::Metrics => "/metrics",
        }
    }

    fn method(self) -> Method {
        match self {
            Self::Container | Self::Subcontainers => Method::POST,
            _ => Method::GET,
        }
    }

    /// The question to a node at `base`, as `https://10.0.0.1:10250`.
    pub(crate) fn request(self, base: &str, node: &Node) -> Result<Request<Bytes>, http::Error> {
        let is_json = matches!(self, Self::Summary | Self::Container | Self::Subcontainers);
        let accept = if is_json { "application/json" } else { "text/plain;version=0.0.4" };
        let request: Builder = Request::builder()
            .method(self.method())
            .uri(format!("{base}{}", self.path(node)))
            .header(ACCEPT, accept)
            .header(USER_AGENT, concat!("plimsoll/", env!("CARGO_PKG_VERSION")));
        match self.method() {
            Method::POST => request
                .header(CONTENT_TYPE, "application/json")
                .body(Bytes::from_static(NEWEST_OF_ALL.as_bytes())),
            _ => request.body(Bytes::new()),
        }
    }

    /// What the answer says.
    pub(crate) fn decode(self, bytes: &[u8], reading: &Reading<'_>) -> Result<Vec<Set>, DecodeError> {
        match self {
            Self::Resource => decode::resource::decode(bytes, reading),
            Self::Summary => decode::summary::decode(bytes, reading),
            Self::Container | Self::Subcontainers => decode::container::decode(bytes, reading),
            Self::Cadvisor | Self::Metrics => decode::cadvisor::decode(bytes, reading),
        }
    }

    /// For messages: `POST /stats/container/`.
    pub(crate) fn shown(self, node: &Node) -> String {
        format!("{} {}", self.method(), self.path(node))
    }
}

/// Which questions a node is asked: the first that it answers, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice(Vec<Route>);

impl Choice {
    /// This one and no other.
    pub fn only(route: Route) -> Self {
        Self(vec![route])
    }

    /// Of a kubelet: what is cheapest where only CPU and memory are wanted.
    pub fn cpu_and_memory() -> Self {
        Self(vec![Route::Resource, Route::Summary, Route::Container, Route::Cadvisor])
    }

    /// Of a kubelet: as much as it tells.
    pub fn of_kubelet() -> Self {
        Self(vec![Route::Summary, Route::Container, Route::Cadvisor, Route::Resource])
    }

    /// Of a cAdvisor or a Plimsoll: as much as it tells.
    pub fn of_cadvisor() -> Self {
        Self(vec![Route::Subcontainers, Route::Container, Route::Metrics, Route::Summary, Route::Cadvisor])
    }

    /// In their order; never none.
    pub fn routes(&self) -> &[Route] {
        &self.0
    }

    /// Whether the answer to the question at this place gets its times from another one: `/stats/summary`, where
    /// `/metrics/resource` may be asked too and has not refused before it.
    pub(crate) fn is_sharpened(&self, place: usize) -> bool {
        self.0.get(place) == Some(&Route::Summary)
            && self.0.get(place + 1..).is_some_and(|later| later.contains(&Route::Resource))
    }
}

impl From<Route> for Choice {
    fn from(route: Route) -> Self {
        Self::only(route)
    }
}

/// The words of the routes, by commas.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|route| route.word()).collect();
        f.write_str(&words.join(","))
    }
}

/// A word is no route's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no route: expected resource, summary, container, cadvisor, subcontainers or metrics, several by commas"
)]
pub struct ChoiceError(String);

impl FromStr for Choice {
    type Err = ChoiceError;

    /// Reads words of routes, by commas.
    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let find = |word: &str| {
            let route = Route::ALL.into_iter().find(|route| route.word() == word.trim());
            route.ok_or_else(|| ChoiceError(word.to_owned()))
        };
        text.split(',').map(find).collect::<Result<Vec<_>, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_written_and_read() {
        for choice in [Choice::cpu_and_memory(), Choice::of_kubelet(), Choice::of_cadvisor()] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!(
            "summary, resource".parse::<Choice>().unwrap().routes(),
            [Route::Summary, Route::Resource]
        );
        let error = "all".parse::<Choice>().unwrap_err().to_string();
        assert!(error.starts_with("\"all\" is no route: expected resource, "), "{error}");
        assert!("".parse::<Choice>().is_err());
    }

    #[test]
    fn requests_are_those_of_the_old_programs() {
        let mut node = Node::default();
        let request = |route: Route, node: &Node| {
            let request = route.request("http://h:1", node).unwrap();
            format!("{} {} {}", request.method(), request.uri(), String::from_utf8_lossy(request.body()))
        };
        assert_eq!(request(Route::Resource, &node), "GET http://h:1/metrics/resource ");
        let posted = "POST http://h:1/stats/container/ {\"containerName\":\"/\",\"num_stats\":1,\"subcontainers\":true}";
        assert_eq!(request(Route::Container, &node), posted);
        node.annotations.insert(PATH_ANNOTATION.into(), "/other".into());
        assert_eq!(request(Route::Resource, &node), "GET http://h:1/other ");
        assert_eq!(request(Route::Summary, &node), "GET http://h:1/stats/summary ");
        node.annotations.insert(PATH_ANNOTATION.into(), "http://elsewhere/".into());
        assert_eq!(request(Route::Resource, &node), "GET http://h:1/metrics/resource ");
    }
}
