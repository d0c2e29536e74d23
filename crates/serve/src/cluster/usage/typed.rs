//! The two forms of the usage API: Heapster's own port, and a Kubernetes API server, where objects say what they are and
//! failures are objects.

use http::{Response, StatusCode};
use serde::Serialize;

use crate::body::{Body, full};
use crate::cluster::reply::{self, Around};
use crate::json;
use crate::reply::{JSON, with_type};

const VERSION: &str = "metrics/v1alpha1";

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// go-restful: plain objects, failures as text.
    Heapster,
    /// `api-server`.
    ApiServer,
}

/// What an object is, where it says so.
#[derive(Default, Serialize)]
pub(super) struct Typed {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(rename = "apiVersion", skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: super::Empty,
    status: &'static str,
    message: &'a str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
    code: u16,
}

#[derive(Serialize)]
struct Details<'a> {
    name: &'a str,
    group: &'static str,
    kind: &'static str,
}

impl Form {
    /// What an object of this kind says of itself.
    pub(super) fn typed(self, kind: &'static str) -> Typed {
        match self {
            Self::Heapster => Typed::default(),
            Self::ApiServer => Typed { kind: Some(kind), version: Some(VERSION) },
        }
    }

    /// Success.
    pub(super) fn answer<T: Serialize>(self, value: &T) -> Response<Body> {
        match self {
            Self::Heapster => reply::pretty(value),
            Self::ApiServer => reply::compact(value),
        }
    }

    /// A list of this kind, written item by item. Without items it is `null`, as Go writes a list that was never made.
    pub(super) fn list<T, I>(self, kind: &'static str, items: I) -> Response<Body>
    where
        T: Serialize,
        I: Iterator<Item = T> + Send + 'static,
    {
        let around = match self {
            Self::Heapster => {
                let head = "{\n  \"metadata\": {},\n  \"items\": ";
                let (open, none) = (format!("{head}[\n   "), format!("{head}null\n }}"));
                Around { open, between: ",\n   ", close: "\n  ]\n }", none, depth: Some(3) }
            }
            Self::ApiServer => {
                let head = format!(
                    "{{\"kind\":\"{kind}\",\"apiVersion\":\"{VERSION}\",\"metadata\":{{}},\"items\":"
                );
                let (open, none) = (format!("{head}["), format!("{head}null}}\n"));
                Around { open, between: ",", close: "]}\n", none, depth: None }
            }
        };
        reply::streamed(around, items.map(|item| json::to_vec(&item)))
    }

    /// 400.
    pub(super) fn bad(self, sentence: &str) -> Response<Body> {
        match self {
            Self::Heapster => reply::refused(StatusCode::BAD_REQUEST, sentence),
            Self::ApiServer => failure(StatusCode::BAD_REQUEST, "BadRequest", sentence, None),
        }
    }

    /// 404, with Heapster's sentence or the API server's own.
    pub(super) fn missing(self, kind: &'static str, name: &str, sentence: &str) -> Response<Body> {
        match self {
            Self::Heapster => reply::refused(StatusCode::NOT_FOUND, sentence),
            Self::ApiServer => {
                let sentence = format!("{kind}.metrics {} not found", crate::go::quote(name));
                let details = Details { name, group: "metrics", kind };
                failure(StatusCode::NOT_FOUND, "NotFound", &sentence, Some(details))
            }
        }
    }
}

fn failure(
    code: StatusCode,
    reason: &'static str,
    message: &str,
    details: Option<Details<'_>>,
) -> Response<Body> {
    let mut out = json::to_vec(&Status {
        kind: "Status",
        api_version: "v1",
        metadata: super::Empty {},
        status: "Failure",
        message,
        reason,
        details,
        code: code.as_u16(),
    });
    out.push(b'\n');
    with_type(code, JSON, full(out))
}
