//! Errors as the API server words them: a `Status`.

use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::accept::{Form, Media};
use super::access::{Attributes, Refusal, Resource};
use super::request::GROUP;
use super::write::{indent, protobuf, yaml};
use crate::body::{Body, full};
use crate::{json, reply};

/// An answer that says why there is no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Status {
    pub(super) message: String,
    pub(super) reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) details: Option<Details>,
    pub(super) code: u16,
}

/// What an error is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) group: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) kind: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Empty,
    status: &'static str,
    #[serde(flatten)]
    rest: &'a Status,
}

#[derive(Serialize)]
struct Empty {}

impl Status {
    fn new(
        code: StatusCode,
        reason: &'static str,
        message: impl Into<String>,
        details: Option<Details>,
    ) -> Self {
        Self { message: message.into(), reason, details, code: code.as_u16() }
    }

    /// It is not known who asks.
    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized", None)
    }

    /// The user may not.
    pub(super) fn forbidden(user: &str, wanted: &Attributes, reason: &str) -> Self {
        let user = crate::go::quote(user);
        let colon = if reason.is_empty() { "" } else { ": " };
        let Attributes { verb, path, resource } = wanted;
        let (message, details) = match resource {
            None => {
                let path = crate::go::quote(path);
                let message = format!("forbidden: User {user} cannot {verb} path {path}{colon}{reason}");
                (message, Details::default())
            }
            Some(Resource { group, resource, subresource, namespace, name, .. }) => {
                let plain = if group.is_empty() { resource.clone() } else { format!("{resource}.{group}") };
                let subject =
                    if name.is_empty() { plain } else { format!("{plain} {}", crate::go::quote(name)) };
                let slash = if subresource.is_empty() { "" } else { "/" };
                let what = crate::go::quote(&format!("{resource}{slash}{subresource}"));
                let group_name = crate::go::quote(group);
                let scope = match namespace.as_str() {
                    "" => "at the cluster scope".to_owned(),
                    namespace => format!("in the namespace {}", crate::go::quote(namespace)),
                };
                let message = format!(
                    "{subject} is forbidden: User {user} cannot {verb} resource {what} in API group {group_name} \
                     {scope}{colon}{reason}"
                );
                let group = if group == GROUP { GROUP } else { "" };
                (message, Details { name: name.clone(), group, kind: resource.clone() })
            }
        };
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message, Some(details))
    }

    /// An object that the API server has none of.
    pub(super) fn no_object(kind: &str, name: &str) -> Self {
        Self::not_found(kind, "", name)
    }

    /// An object that has no numbers (yet).
    pub(super) fn no_metrics(kind: &str, name: &str) -> Self {
        Self::not_found(kind, GROUP, name)
    }

    fn not_found(kind: &str, group: &'static str, name: &str) -> Self {
        let dot = if group.is_empty() { "" } else { "." };
        let message = format!("{kind}{dot}{group} {} not found", crate::go::quote(name));
        let details = Details { name: name.to_owned(), group, kind: kind.to_owned() };
        Self::new(StatusCode::NOT_FOUND, "NotFound", message, Some(details))
    }

    /// Nothing of this version.
    pub(super) fn no_resource() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(StatusCode::NOT_FOUND, "NotFound", message, Some(Details::default()))
    }

    /// A method that nothing here has.
    pub(super) fn no_method() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, Some(Details::default()))
    }

    /// Nothing here can be watched.
    pub(super) fn no_watch(kind: &str) -> Self {
        let message = format!("watch is not supported on resources of kind \"{kind}.{GROUP}\"");
        let details = Details { name: String::new(), group: GROUP, kind: kind.to_owned() };
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, Some(details))
    }

    /// A parameter that cannot be read.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message, None)
    }

    /// No form is accepted that there is.
    pub(super) fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message, None)
    }

    /// The answer in this form.
    pub(super) fn answer(&self, form: Form) -> Response<Body> {
        let body = match form.media {
            Media::Protobuf => protobuf::status(self),
            media => {
                let written = Written {
                    kind: "Status",
                    api_version: "v1",
                    metadata: Empty {},
                    status: "Failure",
                    rest: self,
                };
                text(json::to_vec(&written), media, form.pretty)
            }
        };
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = uncached(reply::with_type(code, form.media.name(), full(body)));
        if code == StatusCode::FORBIDDEN {
            answer.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        }
        answer
    }
}

/// A refusal of the gate as an answer.
pub(super) fn refused(refusal: Refusal, wanted: &Attributes, uri: &str, form: Form) -> Response<Body> {
    match refusal {
        Refusal::Unknown => Status::unauthorized().answer(form),
        Refusal::Forbidden { user, reason } => Status::forbidden(&user, wanted, &reason).answer(form),
        Refusal::Undecided(reason) => {
            let uri = crate::go::quote(uri);
            uncached(reply::failed(&format!("Internal Server Error: {uri}: {reason}")))
        }
    }
}

/// One line of JSON in the text form that is wanted.
pub(super) fn text(mut line: Vec<u8>, media: Media, pretty: bool) -> Vec<u8> {
    if media == Media::Yaml {
        return yaml::of_json(&line);
    }
    if pretty {
        return indent::indented(&line);
    }
    line.push(b'\n');
    line
}

/// The header of all that may change.
pub(super) fn uncached(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    answer
}
