//! What `plimsoll health` asks, so that an image without a shell can check itself.

use std::path::PathBuf;
use std::time::Duration;

/// Where a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `host:port`.
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

/// One GET; health is status 200 and the body `ok`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Whom to ask.
    pub target: Target,
    /// Speak TLS; the certificate is the agent's own, so it is not checked.
    pub tls: bool,
    /// Path of the request, as `/healthz`.
    pub path: String,
    /// Longest wait for the whole answer.
    pub timeout: Duration,
}

impl Probe {
    /// From `http://host:port/path`, `https://...` or `unix:///socket`; without a path, `/healthz`.
    pub(super) fn of_url(url: &str) -> Result<Self, String> {
        let wrong = || "expected http://host:port/healthz, https://... or unix:///path".to_owned();
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let timeout = Duration::from_secs(3);
        if scheme == "unix" && rest.starts_with('/') {
            return Ok(Self {
                target: Target::Unix(rest.into()),
                tls: false,
                path: "/healthz".into(),
                timeout,
            });
        }
        let (tls, default_port) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return Err(wrong()),
        };
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        if authority.is_empty() || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(wrong());
        }
        let path = if path.is_empty() { "/healthz".to_owned() } else { format!("/{path}") };
        let port = authority.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let target = match port {
            Some(_) => authority.to_owned(),
            None => format!("{authority}:{default_port}"),
        };
        Ok(Self { target: Target::Tcp(target), tls, path, timeout })
    }
}
