//! What `plimsoll top` shows, and of whom.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::Settings;
use super::health::Target;

/// What to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    /// Of this host.
    pub settings: Settings,
    /// The agent that is asked in place of this host.
    pub agent: Option<Agent>,
    /// Print once and end.
    pub once: bool,
    /// Print once in this form; absent is a table where that is printed.
    pub format: Option<Format>,
    /// How often it is renewed.
    pub interval: Duration,
    /// What stands first.
    pub order: Order,
    /// What is shown; empty is all.
    pub filter: String,
    /// Who vouches for an agent on https; absent is who the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Whether an agent's certificate is not checked.
    pub insecure: bool,
}

impl Default for Top {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            agent: None,
            once: false,
            format: None,
            interval: Duration::from_secs(2),
            order: Order::default(),
            filter: String::new(),
            ca_file: None,
            insecure: false,
        }
    }
}

/// How it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// A header and a line a container, RFC 4180.
    Csv,
    /// As the agent's `/api/plimsoll/v1/overview`.
    Json,
}

impl Format {
    pub(super) fn read(text: &str) -> Result<Option<Self>, String> {
        match text {
            "" => Ok(None),
            "table" => Ok(Some(Self::Table)),
            "csv" => Ok(Some(Self::Csv)),
            "json" => Ok(Some(Self::Json)),
            _ => Err("expected table, csv or json".to_owned()),
        }
    }
}

/// What stands first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// What suffers most; among equals what is closest to its load line, then what uses most CPU.
    #[default]
    Severity,
    /// What is closest to its load line.
    Line,
    /// What uses most CPU.
    Cpu,
    /// The largest working set.
    Memory,
    /// What receives and sends most.
    Network,
    /// What reads and writes most.
    Disk,
    /// By name.
    Name,
}

impl Order {
    /// All, in the order in which they are gone through.
    pub const ALL: [Self; 7] =
        [Self::Severity, Self::Line, Self::Cpu, Self::Memory, Self::Network, Self::Disk, Self::Name];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Severity => "severity",
            Self::Line => "line",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::Name => "name",
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|order| order.name() == text);
        known.ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// A running agent.
#[derive(Clone, PartialEq, Eq)]
pub struct Agent {
    /// Where it listens.
    pub target: Target,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Its name in requests: `host:port`.
    pub host: String,
    /// Before every path: `/cadvisor`; empty for none.
    pub prefix: String,
    /// Name and password.
    pub credentials: Option<(String, String)>,
}

/// A password is nobody's business.
impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("target", &self.target)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Agent {
    /// From `http://[user:password@]host:port[/prefix]`, `https://...` or `unix:///socket`. The address of a page is
    /// taken for that of its agent.
    pub(super) fn of_url(url: &str) -> Result<Self, String> {
        let wrong = || "expected http://host:port/prefix, https://... or unix:///path".to_owned();
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        if scheme == "unix" && rest.starts_with('/') {
            return Ok(Self {
                target: Target::Unix(rest.into()),
                tls: false,
                host: "localhost".to_owned(),
                prefix: String::new(),
                credentials: None,
            });
        }
        let (tls, default_port) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return Err(wrong()),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if host.is_empty() || host.starts_with(':') || rest.chars().any(odd) {
            return Err(wrong());
        }
        let port = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let host = if port.is_some() { host.to_owned() } else { format!("{host}:{default_port}") };
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix("containers").map_or(path, |before| before.trim_end_matches('/'));
        let credentials = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (unescaped(name), unescaped(password))
        });
        Ok(Self {
            target: Target::Tcp(host.clone()),
            tls,
            host,
            prefix: if path.is_empty() { String::new() } else { format!("/{path}") },
            credentials,
        })
    }
}

fn unescaped(text: &str) -> String {
    plimsoll_serve::query::unescape(text, false).unwrap_or_else(|| text.to_owned())
}
