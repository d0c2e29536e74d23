//! Who is it, and may they? Questions of our own server to the API server, which keeps the answers.

use std::collections::BTreeMap;
use std::time::Duration;

use ::kube::client::Body;
use http::{Request, header};
use serde::{Deserialize, Serialize};

use super::ask::{self, ApiError};
use super::connect::Connection;

const WITHIN: Duration = Duration::from_secs(10);

/// Somebody whom the API server knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// `system:serviceaccount:shop:web`.
    #[serde(rename = "username")]
    pub name: String,
    /// Often empty.
    pub uid: String,
    /// `system:authenticated`...
    pub groups: Vec<String>,
    /// What else the authenticator says.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Attributes {
    /// With an object or a kind of objects.
    Resource {
        /// `get`, `list`.
        verb: String,
        /// `metrics.k8s.io`.
        group: String,
        /// `v1beta1`.
        version: String,
        /// `pods`.
        resource: String,
        /// `log`; mostly empty.
        subresource: String,
        /// Empty for all of them, and for what is in none.
        namespace: String,
        /// Empty for all of them.
        name: String,
    },
    /// With a path.
    Path {
        /// `get`.
        verb: String,
        /// `/metrics`.
        path: String,
    },
}

/// Whether they may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// They may.
    pub allowed: bool,
    /// They may not, whoever else says otherwise.
    pub denied: bool,
    /// Why; may be empty.
    pub reason: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<S> {
    api_version: &'static str,
    kind: &'static str,
    spec: S,
}

#[derive(Deserialize)]
struct Answer<S> {
    status: S,
}

#[derive(Serialize)]
struct Shown<'a> {
    token: &'a str,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Known {
    authenticated: bool,
    user: Fields,
    error: String,
}

/// The API writes `null` or nothing for what is empty.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    username: String,
    uid: String,
    groups: Option<Vec<String>>,
    extra: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted<'a> {
    user: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    groups: &'a [String],
    extra: &'a BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_attributes: Option<ResourceAttributes<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_resource_attributes: Option<PathAttributes<'a>>,
}

#[derive(Serialize)]
struct ResourceAttributes<'a> {
    verb: &'a str,
    group: &'a str,
    version: &'a str,
    resource: &'a str,
    subresource: &'a str,
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct PathAttributes<'a> {
    verb: &'a str,
    path: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Decided {
    allowed: bool,
    denied: bool,
    reason: String,
    evaluation_error: String,
}

impl Connection {
    /// Whose token this is; nobody's where the API server does not know it.
    ///
    /// # Errors
    /// The API server does not say: it cannot be asked, or we have no right to ask (`create` of `tokenreviews`).
    pub async fn review_token(&self, token: &str) -> Result<Option<User>, ApiError> {
        let question =
            Question { api_version: "authentication.k8s.io/v1", kind: "TokenReview", spec: Shown { token } };
        let known: Known = self.ask("/apis/authentication.k8s.io/v1/tokenreviews", &question).await?;
        if !known.error.is_empty() {
            tracing::debug!(error = known.error, "of a token");
        }
        let Fields { username, uid, groups, extra } = known.user;
        let user = User {
            name: username,
            uid,
            groups: groups.unwrap_or_default(),
            extra: extra.unwrap_or_default(),
        };
        Ok(known.authenticated.then_some(user))
    }

    /// Whether a user may do something.
    ///
    /// # Errors
    /// The API server does not say: it cannot be asked, or we have no right to ask (`create` of
    /// `subjectaccessreviews`).
    pub async fn allowed(&self, user: &User, attributes: &Attributes) -> Result<Decision, ApiError> {
        let (mut resource_attributes, mut non_resource_attributes) = (None, None);
        match attributes {
            Attributes::Resource { verb, group, version, resource, subresource, namespace, name } => {
                resource_attributes =
                    Some(ResourceAttributes { verb, group, version, resource, subresource, namespace, name });
            }
            Attributes::Path { verb, path } => {
                non_resource_attributes = Some(PathAttributes { verb, path });
            }
        }
        let spec = Wanted {
            user: &user.name,
            uid: &user.uid,
            groups: &user.groups,
            extra: &user.extra,
            resource_attributes,
            non_resource_attributes,
        };
        let question = Question { api_version: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
        let decided: Decided =
            self.ask("/apis/authorization.k8s.io/v1/subjectaccessreviews", &question).await?;
        let Decided { allowed, denied, reason, evaluation_error } = decided;
        let reason = if reason.is_empty() { evaluation_error } else { reason };
        Ok(Decision { allowed: allowed && !denied, denied, reason })
    }

    async fn ask<Q, S>(&self, path: &str, question: &Question<Q>) -> Result<S, ApiError>
    where
        Q: Serialize,
        S: serde::de::DeserializeOwned,
    {
        let body = serde_json::to_vec(question).map_err(|error| ApiError::Failed(error.to_string()))?;
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(Body::from(body))
            .map_err(|error| ApiError::Failed(error.to_string()))?;
        let answer: Answer<S> = ask::object(&self.client, request, WITHIN).await?;
        Ok(answer.status)
    }
}
