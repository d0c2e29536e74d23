//! Whom the API server's aggregator vouches for: the ConfigMap in which it tells how its requests are known.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::ask::{self, ApiError};
use super::connect::Connection;

const PATH: &str = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
const WITHIN: Duration = Duration::from_secs(10);

/// How requests that the aggregator passes on are known, and who else is by certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrontProxy {
    /// PEM: signs users' certificates. Absent: no user comes with one.
    pub client_ca: Option<String>,
    /// PEM: signs the aggregator's certificate. Absent: nobody may name a user in headers.
    pub ca: Option<String>,
    /// The common names that the aggregator's certificate may have; empty: any.
    pub allowed_names: Vec<String>,
    /// Headers that name the user: the first that is there counts.
    pub username_headers: Vec<String>,
    /// Headers that name the user's uid.
    pub uid_headers: Vec<String>,
    /// Headers that name groups.
    pub group_headers: Vec<String>,
    /// What the names of headers begin with that tell more of the user.
    pub extra_header_prefixes: Vec<String>,
}

#[derive(Deserialize)]
struct ConfigMap {
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

impl Connection {
    /// What the API server tells of its aggregator now. It changes when authorities are renewed: ask again now and
    /// then.
    ///
    /// # Errors
    /// It cannot be asked, the ConfigMap is not there, or we have no right to read it (the role
    /// `extension-apiserver-authentication-reader` gives it); or a list in it cannot be read.
    pub async fn front_proxy_config(&self) -> Result<FrontProxy, ApiError> {
        let request = ask::get(PATH, "application/json")?;
        let map: ConfigMap = ask::object(&self.client, request, WITHIN).await?;
        FrontProxy::of(map.data.unwrap_or_default())
    }
}

impl FrontProxy {
    fn of(mut data: BTreeMap<String, String>) -> Result<Self, ApiError> {
        let list = |key: &str| match data.get(key).map(String::as_str) {
            None | Some("") => Ok(Vec::new()),
            Some(text) => serde_json::from_str(text)
                .map_err(|error| ApiError::Unreadable(format!("{key}: expected a list of texts: {error}"))),
        };
        let mut read = Self {
            allowed_names: list("requestheader-allowed-names")?,
            username_headers: list("requestheader-username-headers")?,
            uid_headers: list("requestheader-uid-headers")?,
            group_headers: list("requestheader-group-headers")?,
            extra_header_prefixes: list("requestheader-extra-headers-prefix")?,
            ..Self::default()
        };
        let mut text = |key: &str| data.remove(key).filter(|text| !text.trim().is_empty());
        read.client_ca = text("client-ca-file");
        read.ca = text("requestheader-client-ca-file");
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kube::testing::{Reply, Server};

    async fn answered(reply: fn() -> Reply) -> Result<FrontProxy, ApiError> {
        let server = Server::start(move |asked| {
            assert_eq!(asked.path, PATH);
            reply()
        })
        .await;
        server.connection().await.front_proxy_config().await
    }

    #[tokio::test]
    async fn the_config_map_is_read() {
        let whole = answered(|| {
            let data = json!({
                "client-ca-file": "CA 1",
                "requestheader-client-ca-file": "CA 2",
                "requestheader-allowed-names": r#"["front-proxy-client"]"#,
                "requestheader-username-headers": r#"["X-Remote-User"]"#,
                "requestheader-group-headers": r#"["X-Remote-Group"]"#,
                "requestheader-extra-headers-prefix": r#"["X-Remote-Extra-"]"#,
                "other": "x",
            });
            Reply::ok(&json!({"metadata": {"name": "x"}, "data": data}).to_string())
        });
        let list = |text: &str| vec![text.to_owned()];
        let wanted = FrontProxy {
            client_ca: Some("CA 1".to_owned()),
            ca: Some("CA 2".to_owned()),
            allowed_names: list("front-proxy-client"),
            username_headers: list("X-Remote-User"),
            uid_headers: Vec::new(),
            group_headers: list("X-Remote-Group"),
            extra_header_prefixes: list("X-Remote-Extra-"),
        };
        assert_eq!(whole.await, Ok(wanted));
        let empty = answered(|| Reply::ok(r#"{"metadata":{},"data":{"requestheader-allowed-names":""}}"#));
        assert_eq!(empty.await, Ok(FrontProxy::default()));
        assert_eq!(answered(|| Reply::ok(r#"{"metadata":{}}"#)).await, Ok(FrontProxy::default()));
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let broken = answered(|| Reply::ok(r#"{"data":{"requestheader-allowed-names":"a,b"}}"#)).await;
        let error = broken.unwrap_err().to_string();
        let wanted =
            "the API server's answer cannot be read: requestheader-allowed-names: expected a list of texts: ";
        assert!(error.starts_with(wanted), "{error}");
        let forbidden =
            answered(|| Reply::Whole(403, include_str!("testdata/forbidden.json").to_owned())).await;
        assert!(forbidden.unwrap_err().is_forbidden());
        assert_eq!(answered(|| Reply::Whole(404, String::new())).await.unwrap_err().status(), Some(404));
    }
}
