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
