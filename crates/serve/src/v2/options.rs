//! What every v2 request (and a scrape) may ask in its query.

use std::time::Duration;

use crate::go;
use crate::query::Query;

/// How a container is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameKind {
    /// By its cgroup.
    #[default]
    Name,
    /// By what Docker calls it.
    Docker,
    /// By what Podman calls it.
    Podman,
}

impl NameKind {
    /// The namespace that is meant; none for cgroup names.
    pub const fn namespace(self) -> Option<&'static str> {
        match self {
            Self::Name => None,
            Self::Docker => Some("docker"),
            Self::Podman => Some("podman"),
        }
    }
}

/// `type`, `count`, `recursive`, `max_age`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestOptions {
    /// `type`.
    pub kind: NameKind,
    /// `count`: so many samples at most; absent is all. 64 unless given.
    pub count: Option<usize>,
    /// `recursive`.
    pub recursive: bool,
    /// `max_age`: samples older than this are taken anew first.
    pub max_age: Option<Duration>,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self { kind: NameKind::Name, count: Some(64), recursive: false, max_age: None }
    }
}

impl RequestOptions {
    /// Reads the query.
    ///
    /// # Errors
    /// cAdvisor's sentence about the option that is wrong.
    pub fn parse(query: Query<'_>) -> Result<Self, String> {
        let kind = match query.given("type").as_deref() {
            None | Some("name") => NameKind::Name,
            Some("docker") => NameKind::Docker,
            Some("podman") => NameKind::Podman,
            Some(other) => return Err(format!("unknown 'type' {}", go::quote(other))),
        };
        let count = match query.given("count") {
            None => Some(64),
            Some(text) => match go::parse_int(&text) {
                None => return Err(format!("failed to parse 'count' option: {text}")),
                Some(-1) => None,
                Some(n) => Some(usize::try_from(n).map_err(|_| {
                    format!("invalid 'count' option: only -1 and larger values allowed, not {n}")
                })?),
            },
        };
        let max_age = max_age(query)?;
        // the one literal, not all of Go's words for true
        let recursive = query.first("recursive").as_deref() == Some("true");
        Ok(Self { kind, count, recursive, max_age })
    }
}

/// `max_age` alone.
///
/// # Errors
/// cAdvisor's sentence if it is no duration.
pub fn max_age(query: Query<'_>) -> Result<Option<Duration>, String> {
    let given = query.given("max_age").map(|text| go::parse_duration(&text));
    given.transpose().map_err(|cause| format!("failed to parse 'max_age' option: {cause}"))
}
