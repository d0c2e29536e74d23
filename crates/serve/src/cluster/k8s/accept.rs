//! In which form an answer is wanted: the API server's reading of `Accept`, of `pretty` and of who asks.

use http::HeaderMap;
use http::header::{ACCEPT, USER_AGENT};

use crate::query::Query;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Yaml,
    Protobuf,
}

impl Media {
    /// All, the preferred one first.
    const ALL: [Self; 3] = [Self::Json, Self::Yaml, Self::Protobuf];

    /// Its name in `Accept` and `Content-Type`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml => "application/yaml",
            Self::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }
}

/// What objects are turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    /// What they are.
    Objects,
    /// Rows of a `Table` of this version of `meta.k8s.io`.
    Table(&'static str),
    /// `PartialObjectMetadata` of this version of `meta.k8s.io`.
    Metadata(&'static str),
    /// `PartialObjectMetadataList` of this version of `meta.k8s.io`.
    MetadataList(&'static str),
}

/// The form that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) media: Media,
    pub(super) shape: As,
    /// Whether JSON has lines and indents.
    pub(super) pretty: bool,
}

/// What of an `Accept` can be given here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// Objects of ours: all forms.
    Objects,
    /// Statuses and discovery: no other shape.
    Plain,
}

/// None is acceptable; the API server's sentence.
pub(super) const NOT_ACCEPTABLE: &str = "only the following media types are accepted: application/json, \
     application/yaml, application/vnd.kubernetes.protobuf";

/// The best form; none if no form is accepted that there is.
pub(super) fn form(headers: &HeaderMap, query: Query<'_>, offer: Offer) -> Option<Form> {
    let pretty = is_pretty(headers, query);
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.trim().is_empty() {
        return Some(Form { media: Media::Json, shape: As::Objects, pretty });
    }
    clauses(accept).into_iter().find_map(|clause| {
        let media = Media::ALL.into_iter().find(|media| clause.takes(media.name()))?;
        let shape = clause.shape(media, offer)?;
        let pretty = clause.given("pretty").map_or(pretty, |value| value == "1");
        Some(Form { media, shape, pretty })
    })
}

/// The form of statuses: JSON where nothing else is accepted.
pub(super) fn form_of_status(headers: &HeaderMap, query: Query<'_>) -> Form {
    let json = Form { media: Media::Json, shape: As::Objects, pretty: is_pretty(headers, query) };
    form(headers, query, Offer::Plain).unwrap_or(json)
}

/// Whether `Accept` asks for this type with this `as` of the group of aggregated discovery: its version.
pub(super) fn discovery_version(headers: &HeaderMap) -> Option<&'static str> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok())?;
    let first = clauses(accept).into_iter().find_map(|clause| {
        if !clause.takes(Media::Json.name()) {
            return None;
        }
        match (clause.given("as"), clause.given("g"), clause.given("v")) {
            (None, ..) => Some(None),
            (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => Some(Some("v2")),
            (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2beta1")) => {
                Some(Some("v2beta1"))
            }
            _ => None,
        }
    });
    first.flatten()
}

/// `pretty` decides; without it, people's clients get lines and indents.
fn is_pretty(headers: &HeaderMap, query: Query<'_>) -> bool {
    if let Some(pretty) = query.given("pretty") {
        return crate::go::parse_bool(&pretty).unwrap_or(false);
    }
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ["curl", "Wget", "Mozilla/5.0"].iter().any(|start| agent.starts_with(start))
}

struct Clause<'a> {
    kind: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    weight: f32,
}

/// The clauses of an `Accept`, the most wanted first.
fn clauses(accept: &str) -> Vec<Clause<'_>> {
    let mut all: Vec<Clause<'_>> = accept.split(',').filter_map(clause).collect();
    all.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    all
}

fn clause(text: &str) -> Option<Clause<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().filter(|kind| !kind.is_empty())?;
    let mut weight = 1.0;
    let mut parameters = Vec::new();
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match (name.trim(), value.trim()) {
            ("q", value) => {
                weight = value.parse().ok().filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(1.0)
            }
            pair => parameters.push(pair),
        }
    }
    Some(Clause { kind, parameters, weight })
}

impl<'a> Clause<'a> {
    fn given(&self, name: &str) -> Option<&'a str> {
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// Whether the media type is one that the clause means.
    fn takes(&self, name: &str) -> bool {
        let ((kind, sub), (wanted, wanted_sub)) = match (name.split_once('/'), self.kind.split_once('/')) {
            (Some(name), Some(wanted)) => (name, wanted),
            (Some(name), None) if self.kind == "*" => (name, ("*", "*")),
            _ => return false,
        };
        (wanted == "*" || wanted.eq_ignore_ascii_case(kind))
            && (wanted_sub == "*" || wanted_sub.eq_ignore_ascii_case(sub))
    }

    fn shape(&self, media: Media, offer: Offer) -> Option<As> {
        let Some(kind) = self.given("as") else { return Some(As::Objects) };
        let version = match (self.given("g"), self.given("v")) {
            (Some("meta.k8s.io"), Some("v1")) => "meta.k8s.io/v1",
            (Some("meta.k8s.io"), Some("v1beta1")) => "meta.k8s.io/v1beta1",
            _ => return None,
        };
        match kind {
            _ if offer == Offer::Plain => None,
            "Table" if media != Media::Protobuf => Some(As::Table(version)),
            "PartialObjectMetadata" => Some(As::Metadata(version)),
            "PartialObjectMetadataList" => Some(As::MetadataList(version)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(accept: &str, agent: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        headers.insert(USER_AGENT, HeaderValue::from_str(agent).unwrap());
        headers
    }

    #[test]
    fn the_best_form_that_there_is_is_taken() {
        let f = |accept: &str, wanted: Option<(Media, As)>| {
            let got = form(&headers(accept, "kubectl/v1.32"), Query::default(), Offer::Objects);
            assert_eq!(got.map(|form| (form.media, form.shape)), wanted, "{accept}");
        };
        let (json, v1) = (Some((Media::Json, As::Objects)), "meta.k8s.io/v1");
        f("", json);
        f("*/*", json);
        f("application/*", json);
        f("application/json", json);
        f("application/yaml", Some((Media::Yaml, As::Objects)));
        f("application/vnd.kubernetes.protobuf,application/json", Some((Media::Protobuf, As::Objects)));
        f("application/json;q=0.5, application/yaml;q=0.9", Some((Media::Yaml, As::Objects)));
        f("text/html", None);
        f("text/html,*/*;q=0.1", json);
        // kubectl get
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,\
                     application/json";
        f(table, Some((Media::Json, As::Table(v1))));
        f(
            "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
            Some((Media::Json, As::Table("meta.k8s.io/v1beta1"))),
        );
        f("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", json);
        f("application/json;as=Table;v=v2;g=meta.k8s.io", None);
        f("application/json;as=Foo;v=v1;g=meta.k8s.io,application/json", json);
        let metadata = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        f(metadata, Some((Media::Protobuf, As::MetadataList(v1))));
        let plain =
            |accept| form(&headers(accept, ""), Query::default(), Offer::Plain).map(|form| form.media);
        assert_eq!((plain(table), plain(metadata)), (Some(Media::Json), None));
    }

    #[test]
    fn people_get_indents() {
        let f = |agent, query, accept, wanted| {
            let form = form(&headers(accept, agent), Query::new(Some(query)), Offer::Objects).unwrap();
            assert_eq!(form.pretty, wanted, "{agent} {query} {accept}");
        };
        f("kubectl/v1.32", "", "*/*", false);
        f("kubectl/v1.32", "pretty=true", "*/*", true);
        f("curl/8", "", "*/*", true);
        f("curl/8", "pretty=false", "*/*", false);
        f("curl/8", "pretty=nonsense", "*/*", false);
        f("Mozilla/5.0 (X11)", "", "*/*", true);
        f("", "", "application/json;pretty=1", true);
    }

    #[test]
    fn aggregated_discovery_is_asked_for_by_version() {
        let f =
            |accept: &str, wanted| assert_eq!(discovery_version(&headers(accept, "")), wanted, "{accept}");
        let v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let v2beta1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
        f(v2, Some("v2"));
        f(&format!("{v2},{v2beta1},application/json"), Some("v2"));
        f(&format!("{v2beta1},application/json"), Some("v2beta1"));
        f("application/json", None);
        f(&format!("application/json,{v2}"), None);
        f("application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList", None);
    }
}
