//! Finds the API server, and makes a client of what users say about it.

use std::path::{Path, PathBuf};

use http::HeaderMap;
use plimsoll_client::{Pem, Tls, Way};

use super::api::Api;
use super::kubeconfig::{Kubeconfig, User};
use super::options::ApiOptions;
use super::plugin::Plugin;
use super::token::{Token, TokenError};

/// The API server, and what is shown to it.
#[derive(Clone)]
pub struct Connection {
    /// Asks it.
    pub client: Api,
    /// Its address.
    pub server: String,
    /// Whom to believe and who we are: kubelets are asked with the same, unless users say otherwise. Without `ca`, the
    /// machine's own list counts.
    pub tls: Tls,
    /// The token that is shown to it, and to kubelets with it.
    pub token: Token,
}

/// What is said about the API server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Nothing tells where it is.
    #[error(
        "no address of an API server: {0}; run in a pod with a service account, or give a kubeconfig or an address \
         such as https://HOST:6443"
    )]
    NoAddress(String),
    /// The address is none.
    #[error("{text:?} is no address of an API server: {cause}; expected https://HOST:PORT")]
    Address {
        /// What was given.
        text: String,
        /// What is wrong.
        cause: String,
    },
    /// The kubeconfig cannot be used.
    #[error("{path}: expected a kubeconfig: {cause}")]
    Kubeconfig {
        /// Where it is.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Certificates or keys cannot be used.
    #[error("the API server {server}: {cause}")]
    Client {
        /// Its address.
        server: String,
        /// What is wrong.
        cause: String,
    },
}

impl Connection {
    /// Makes a client; asks nothing yet. `variable` reads the environment.
    ///
    /// # Errors
    /// What is said of address, certificates or token cannot be used.
    pub async fn new(
        options: &ApiOptions,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConnectError> {
        let mut parts = match &options.kubeconfig {
            Some(path) => of_kubeconfig(std::slice::from_ref(path), options)?,
            None if options.in_cluster => in_cluster(options, variable)?,
            None => match &options.server {
                Some(server) => Parts::new(address(server)?),
                None => return Err(ConnectError::NoAddress("none was given".to_owned())),
            },
        };
        let account = options.service_account.join("token");
        if let Some(path) = &options.token_file {
            parts.token = Token::file(path)?;
        } else if options.use_service_account && parts.token.is_nothing() {
            match Token::file(&account) {
                Ok(account) => parts.token = account,
                Err(error) => tracing::warn!(%error, "the API server is asked without a token"),
            }
        }
        if options.insecure {
            (parts.tls.insecure, parts.tls.ca) = (true, None);
        }
        let Parts { url, headers, tls, way, token } = parts;
        let server = url.to_string().trim_end_matches('/').to_owned();
        // a plugin that fails is told now, and whoever has none is asked for none
        if token.shown().await?.identity.is_some() {
            tracing::warn!(
                server,
                "the kubeconfig's plugin gives a certificate: it is shown to the API server, not to kubelets"
            );
        }
        let client = Api::new(server.clone(), headers, token.clone(), tls.clone(), way);
        let client = client.map_err(|error| {
            let (server, cause) = (server.clone(), error.to_string());
            ConnectError::Client { server, cause }
        })?;
        Ok(Self { client, server, tls, token })
    }
}

/// What is put together before the client is made.
struct Parts {
    url: http::Uri,
    /// Shown with each question.
    headers: HeaderMap,
    tls: Tls,
    way: Way,
    token: Token,
}

impl Parts {
    fn new(url: http::Uri) -> Self {
        let (headers, tls, way, token) = Default::default();
        Self { url, headers, tls, way, token }
    }
}

/// The address that a text is.
fn address(text: &str) -> Result<http::Uri, ConnectError> {
    let wrong = |cause: &dyn std::fmt::Display| ConnectError::Address {
        text: text.to_owned(),
        cause: cause.to_string(),
    };
    let url: http::Uri = text.parse().map_err(|error: http::uri::InvalidUri| wrong(&error))?;
    match (url.scheme_str(), url.host()) {
        (Some("http" | "https"), Some(_)) => Ok(url),
        (None, _) => Err(wrong(&"it has no scheme")),
        (Some(_), None) => Err(wrong(&"it has no host")),
        (Some(scheme), _) => Err(wrong(&format_args!("{scheme} is not known"))),
    }
}

/// A pod's way; outside of pods that of `$KUBECONFIG`, where it is set. The authority may be missing where everybody
/// is believed.
fn in_cluster(
    options: &ApiOptions,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Parts, ConnectError> {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    let host = variable("KUBERNETES_SERVICE_HOST");
    let url = match (&options.server, host) {
        (Some(server), _) => address(server)?,
        (None, Some(host)) => {
            let port = variable("KUBERNETES_SERVICE_PORT");
            let port = port.ok_or_else(|| not_set("KUBERNETES_SERVICE_PORT"))?;
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            address(&format!("https://{host}:{port}"))?
        }
        (None, None) => {
            let list = variable("KUBECONFIG").ok_or_else(|| not_set("KUBERNETES_SERVICE_HOST"))?;
            let files: Vec<_> =
                std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect();
            return of_kubeconfig(&files, options);
        }
    };
    let mut parts = Parts::new(url);
    parts.token = Token::file(&options.service_account.join("token"))?;
    let ca = options.service_account.join("ca.crt");
    if ca.exists() && !options.insecure {
        parts.tls.ca = Some(Pem::File(ca));
    }
    Ok(parts)
}

fn not_set(name: &str) -> ConnectError {
    ConnectError::NoAddress(format!("{name} is not set, so this is no pod"))
}

fn of_kubeconfig(files: &[PathBuf], options: &ApiOptions) -> Result<Parts, ConnectError> {
    let wrong = |path: &Path, cause| ConnectError::Kubeconfig { path: path.display().to_string(), cause };
    let file = Kubeconfig::read(files).map_err(|(path, cause)| wrong(&path, cause))?;
    let all = files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
    let (cluster, user) =
        file.context(options.context.as_deref()).map_err(|cause| wrong(Path::new(&all), cause))?;
    let mut parts = Parts::new(address(options.server.as_ref().unwrap_or(&cluster.server))?);
    parts.tls = Tls { ca: cluster.ca, identity: user.identity.clone(), insecure: cluster.insecure };
    parts.way = Way { server_name: cluster.server_name, proxy: cluster.proxy };
    parts.headers = user.headers.clone();
    parts.token = token(user)?;
    Ok(parts)
}

/// What a kubeconfig's user shows: a password or token comes before a plugin, and a token's file before the token.
fn token(user: User) -> Result<Token, TokenError> {
    let unusable = |what: &str| TokenError::Kubeconfig(format!("the {what} can be in no header"));
    if let Some((name, password)) = &user.basic {
        let basic = plimsoll_client::basic(name, password);
        return basic.map(|(_, header)| Token::fixed(header)).ok_or_else(|| unusable("password"));
    }
    if let Some(file) = &user.token_file {
        match Token::file(file) {
            Err(error) if user.token.is_some() => tracing::warn!(%error, "the kubeconfig's token is shown"),
            token => return token,
        }
    }
    if let Some(token) = &user.token {
        let bearer = plimsoll_client::bearer(token);
        return bearer.map(|(_, header)| Token::fixed(header)).ok_or_else(|| unusable("token"));
    }
    Ok(user.exec.map(|exec| Token::plugin(Plugin::new(exec))).unwrap_or_default())
}

#[cfg(test)]
mod tests;
