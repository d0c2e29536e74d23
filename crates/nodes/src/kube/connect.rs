//! Finds the API server, and makes a client of what users say about it.

use std::path::{Path, PathBuf};

use ::kube::client::{Body, ClientBuilder, ConfigExt};
use ::kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use ::kube::{Client, Config};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::header::AUTHORIZATION;
use plimsoll_client::{Pem, Tls, chain};
use secrecy::ExposeSecret;
use tower::buffer::BufferLayer;
use tower::filter::AsyncFilterLayer;

use super::options::ApiOptions;
use super::token::{Token, TokenError, signer};
use super::watch;

/// The API server, and what is shown to it.
#[derive(Clone)]
pub struct Connection {
    /// Asks it.
    pub client: Client,
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
        let Parts { mut config, mut tls, mut token } = match &options.kubeconfig {
            Some(path) => of_kubeconfig(path, options).await?,
            None if options.in_cluster => in_cluster(options, variable)?,
            None => match &options.server {
                Some(server) => Parts::new(address(server)?),
                None => return Err(ConnectError::NoAddress("none was given".to_owned())),
            },
        };
        let account = options.service_account.join("token");
        if let Some(path) = &options.token_file {
            token = Some(Token::file(path)?);
        } else if options.use_service_account && token.is_none() {
            match Token::file(&account) {
                Ok(account) => token = Some(account),
                Err(error) => tracing::warn!(%error, "the API server is asked without a token"),
            }
        }
        if options.insecure {
            (config.accept_invalid_certs, config.root_cert, config.root_cert_file) = (true, None, None);
            (tls.insecure, tls.ca) = (true, None);
        }
        let plain = config.cluster_url.scheme_str() == Some("http");
        if plain || config.accept_invalid_certs || config.root_cert_file.is_some() {
            // the machine's own authorities are not asked: one without a list of them must not matter
            config.root_cert.get_or_insert_default();
        }
        // who watches asks again by its own pace, and watches end within this time
        config.default_retry = false;
        config.read_timeout = Some(watch::SILENCE);
        config.reset_reader_on_write = true;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let wrong = |error: ::kube::Error| {
            let (server, cause) = (server.clone(), chain(&error));
            ConnectError::Client { server, cause }
        };
        if let Some(token) = &token {
            // the token's own layer adds it
            let mine = AuthInfo {
                impersonate: config.auth_info.impersonate.clone(),
                ..client_of(&config.auth_info)
            };
            config.auth_info = mine;
            let client = ClientBuilder::try_from(config).map_err(wrong)?;
            let client = client.with_layer(&BufferLayer::new(256)).with_layer(&signing(token.clone()));
            return Ok(Self { client: client.build(), server, tls, token: token.clone() });
        }
        let token = match config.auth_layer().map_err(wrong)? {
            Some(layer) => Token::plugin(signer(&layer)),
            None => Token::default(),
        };
        let client = ClientBuilder::try_from(config).map_err(wrong)?.build();
        Ok(Self { client, server, tls, token })
    }
}

/// What is put together before the client is made.
struct Parts {
    config: Config,
    tls: Tls,
    /// Ours to show; where there is none, `kube` shows what its `AuthInfo` says.
    token: Option<Token>,
}

impl Parts {
    fn new(url: http::Uri) -> Self {
        Self { config: Config::new(url), tls: Tls::default(), token: None }
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

/// A pod's way. The authority may be missing where everybody is believed.
fn in_cluster(
    options: &ApiOptions,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Parts, ConnectError> {
    let url = match &options.server {
        Some(server) => address(server)?,
        None => {
            let told = |name| {
                let value = variable(name).filter(|value| !value.is_empty());
                value.ok_or_else(|| ConnectError::NoAddress(format!("{name} is not set, so this is no pod")))
            };
            let (host, port) = (told("KUBERNETES_SERVICE_HOST")?, told("KUBERNETES_SERVICE_PORT")?);
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            address(&format!("https://{host}:{port}"))?
        }
    };
    let mut parts = Parts::new(url);
    parts.token = Some(Token::file(&options.service_account.join("token"))?);
    let ca = options.service_account.join("ca.crt");
    if ca.exists() && !options.insecure {
        parts.config.root_cert_file = Some(ca.clone());
        parts.tls.ca = Some(Pem::File(ca));
    }
    Ok(parts)
}

async fn of_kubeconfig(path: &Path, options: &ApiOptions) -> Result<Parts, ConnectError> {
    let wrong = |cause: String| ConnectError::Kubeconfig { path: path.display().to_string(), cause };
    let file = Kubeconfig::read_from(path).map_err(|error| wrong(chain(&error)))?;
    let proxy = proxy(&file, options.context.as_ref()).map(|text| text.parse::<http::Uri>()).transpose();
    let proxy = proxy.map_err(|error| wrong(format!("proxy-url: {error}")))?;
    let context = options.context.clone();
    let which = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(file, &which).await.map_err(|error| wrong(chain(&error)))?;
    let mut parts = Parts { tls: Tls::default(), token: None, config };
    // `kube` takes the environment's proxy for every address, and looks for the proxy's own in NO_PROXY
    parts.config.proxy_url = proxy;
    if let Some(server) = &options.server {
        parts.config.cluster_url = address(server)?;
    }
    address(&parts.config.cluster_url.to_string())?;
    parts.tls.insecure = parts.config.accept_invalid_certs;
    parts.tls.ca = parts.config.root_cert.as_deref().map(|all| Pem::Content(pem(all).into_bytes()));
    parts.tls.identity = identity(&parts.config.auth_info).map_err(wrong)?;
    parts.token = token(&parts.config.auth_info)?;
    Ok(parts)
}

/// The proxy through which the context's cluster says that it is reached.
fn proxy(file: &Kubeconfig, context: Option<&String>) -> Option<String> {
    let wanted = context.or(file.current_context.as_ref())?;
    let context = file.contexts.iter().find(|one| one.name == *wanted)?.context.as_ref()?;
    let cluster = file.clusters.iter().find(|one| one.name == context.cluster)?.cluster.as_ref()?;
    cluster.proxy_url.clone().filter(|text| !text.is_empty())
}

/// The client certificate and its key: content comes before files, as in client-go.
fn identity(user: &AuthInfo) -> Result<Option<(Pem, Pem)>, String> {
    let one = |content: Option<&str>, file: Option<&String>, what: &str| match (content, file) {
        (Some(content), _) => {
            let bytes = STANDARD.decode(content.trim());
            bytes.map(|bytes| Some(Pem::Content(bytes))).map_err(|error| format!("{what}: {error}"))
        }
        (None, file) => Ok(file.map(|file| Pem::File(PathBuf::from(file)))),
    };
    let key = user.client_key_data.as_ref().map(|key| key.expose_secret());
    let key = one(key, user.client_key.as_ref(), "client-key-data")?;
    let certificate = one(
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_ref(),
        "client-certificate-data",
    )?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err("the user has a client certificate without its key".to_owned()),
        (None, Some(_)) => Err("the user has a client key without its certificate".to_owned()),
    }
}

/// The token or password of a kubeconfig's user; what its plugins give is left to `kube`.
fn token(user: &AuthInfo) -> Result<Option<Token>, TokenError> {
    let unusable = |what: &str| TokenError::Kubeconfig(format!("the {what} can be in no header"));
    if user.auth_provider.is_some() {
        return Ok(None);
    }
    if let (Some(name), Some(password)) = (&user.username, &user.password) {
        let basic = plimsoll_client::basic(name, password.expose_secret());
        return basic.map(|(_, header)| Some(Token::fixed(header))).ok_or_else(|| unusable("password"));
    }
    if let Some(token) = &user.token {
        let bearer = plimsoll_client::bearer(token.expose_secret());
        return bearer.map(|(_, header)| Some(Token::fixed(header))).ok_or_else(|| unusable("token"));
    }
    user.token_file.as_ref().map(|file| Token::file(Path::new(file))).transpose()
}

/// A user's certificate, without tokens and plugins.
fn client_of(user: &AuthInfo) -> AuthInfo {
    AuthInfo {
        client_certificate: user.client_certificate.clone(),
        client_certificate_data: user.client_certificate_data.clone(),
        client_key: user.client_key.clone(),
        client_key_data: user.client_key_data.clone(),
        impersonate_uid: user.impersonate_uid.clone(),
        impersonate_groups: user.impersonate_groups.clone(),
        impersonate_user_extra: user.impersonate_user_extra.clone(),
        ..AuthInfo::default()
    }
}

type Signed = std::pin::Pin<Box<dyn Future<Output = Result<Request<Body>, tower::BoxError>> + Send>>;

/// Adds what the token's source says to each request.
fn signing(token: Token) -> AsyncFilterLayer<impl Fn(Request<Body>) -> Signed + Clone> {
    AsyncFilterLayer::new(move |mut request: Request<Body>| -> Signed {
        let token = token.clone();
        Box::pin(async move {
            if let Some(header) = token.header().await? {
                request.headers_mut().insert(AUTHORIZATION, header);
            }
            Ok(request)
        })
    })
}

/// Certificates as PEM.
fn pem(certificates: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let body = STANDARD.encode(certificate);
        let mut rest = body.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

#[cfg(test)]
mod tests;
