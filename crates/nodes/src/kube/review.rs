//! Who is it, and may they? Questions of our own server to the API server, which keeps the answers.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
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
            .body(Bytes::from(body))
            .map_err(|error| ApiError::Failed(error.to_string()))?;
        let answer: Answer<S> = ask::object(&self.client, request, WITHIN).await?;
        Ok(answer.status)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kube::testing::{Asked, Reply, Server};

    async fn server(answer: fn(&Asked, &Value) -> Reply) -> (Server, Connection) {
        let server = Server::start(move |asked| {
            let question = serde_json::from_str(&asked.body).unwrap();
            answer(asked, &question)
        })
        .await;
        let connection = server.connection().await;
        (server, connection)
    }

    #[tokio::test]
    async fn tokens_are_reviewed() {
        let (server, connection) = server(|_, question| {
            let status = match question["spec"]["token"].as_str().unwrap() {
                "known" => json!({"authenticated": true, "user": {"username": "me", "uid": "7",
                    "groups": ["system:authenticated"], "extra": {"pod": ["p"]}}, "audiences": ["api"]}),
                "bare" => json!({"authenticated": true, "user": {"username": "system:node", "groups": null}}),
                "none" => json!({"user": {}, "error": "invalid bearer token"}),
                _ => return Reply::Whole(403, include_str!("testdata/forbidden.json").to_owned()),
            };
            // the API server answers with the question, and 201
            let mut answer = question.clone();
            answer["status"] = status;
            Reply::Whole(201, answer.to_string())
        })
        .await;
        let known = User {
            name: "me".to_owned(),
            uid: "7".to_owned(),
            groups: vec!["system:authenticated".to_owned()],
            extra: [("pod".to_owned(), vec!["p".to_owned()])].into(),
        };
        assert_eq!(connection.review_token("known").await, Ok(Some(known)));
        let bare = User { name: "system:node".to_owned(), ..User::default() };
        assert_eq!(connection.review_token("bare").await, Ok(Some(bare)));
        assert_eq!(connection.review_token("none").await, Ok(None));
        assert!(connection.review_token("other").await.unwrap_err().is_forbidden());
        let first = &server.asked()[0];
        assert_eq!(first.path, "/apis/authentication.k8s.io/v1/tokenreviews");
        let wanted = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "spec": {"token": "known"}});
        assert_eq!(serde_json::from_str::<Value>(&first.body).unwrap(), wanted);
        assert_eq!(first.headers["content-type"], "application/json");
    }

    #[tokio::test]
    async fn rights_are_reviewed() {
        let (server, connection) = server(|asked, question| {
            assert_eq!(asked.path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
            let status = match question["spec"]["user"].as_str().unwrap() {
                "me" => json!({"allowed": true, "reason": "RBAC: allowed"}),
                "you" => json!({"allowed": false, "evaluationError": "no such role"}),
                "both" => json!({"allowed": true, "denied": true}),
                _ => return Reply::Whole(500, String::new()),
            };
            Reply::Whole(201, json!({"kind": "SubjectAccessReview", "status": status}).to_string())
        })
        .await;
        let user = |name: &str| User { name: name.to_owned(), ..User::default() };
        let of_pods = Attributes::Resource {
            verb: "list".to_owned(),
            group: "metrics.k8s.io".to_owned(),
            version: "v1beta1".to_owned(),
            resource: "pods".to_owned(),
            subresource: String::new(),
            namespace: "shop".to_owned(),
            name: String::new(),
        };
        let of_path = Attributes::Path { verb: "get".to_owned(), path: "/metrics".to_owned() };
        let me =
            User { groups: vec!["g".to_owned()], extra: [("k".to_owned(), vec![])].into(), ..user("me") };
        let decided =
            |allowed, denied, reason: &str| Ok(Decision { allowed, denied, reason: reason.to_owned() });
        assert_eq!(connection.allowed(&me, &of_pods).await, decided(true, false, "RBAC: allowed"));
        assert_eq!(connection.allowed(&user("you"), &of_path).await, decided(false, false, "no such role"));
        assert_eq!(connection.allowed(&user("both"), &of_path).await, decided(false, true, ""));
        let error = connection.allowed(&user("else"), &of_path).await.unwrap_err();
        assert_eq!(error.status(), Some(500));
        let spec = |place: usize| {
            serde_json::from_str::<Value>(&server.asked()[place].body).unwrap()["spec"].clone()
        };
        let wanted = json!({"user": "me", "groups": ["g"], "extra": {"k": []}, "resourceAttributes": {
            "verb": "list", "group": "metrics.k8s.io", "version": "v1beta1", "resource": "pods", "subresource": "",
            "namespace": "shop", "name": ""}});
        assert_eq!(spec(0), wanted);
        let wanted = json!({"user": "you", "groups": [], "extra": {}, "nonResourceAttributes": {
            "verb": "get", "path": "/metrics"}});
        assert_eq!(spec(1), wanted);
    }

    #[tokio::test]
    async fn an_answer_without_a_status_is_told() {
        let (_server, connection) = server(|_, _| Reply::ok("{}")).await;
        let error = connection.review_token("secret").await.unwrap_err().to_string();
        assert!(
            error.starts_with("the API server's answer cannot be read: missing field `status`"),
            "{error}"
        );
    }
}
