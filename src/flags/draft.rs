//! What the flags have said so far, and the rules that need more than one of them.

use std::net::Ipv6Addr;
use std::num::{IntErrorKind, ParseIntError};
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_core::kinds::Kinds;
use tracing::Level;

use super::cluster::Words;
use super::health::{Probe, Target};
use super::kinds;
use super::settings::{Auth, DockerTls, Listen, Settings, Tls};
use super::top::Top;
use super::value::{self, print_duration};
use super::{Notice, UsageError};

const DRIVERS: [&str; 7] = ["bigquery", "elasticsearch", "influxdb", "kafka", "redis", "statsd", "stdout"];

/// Values that go straight to their place are in `settings`; the others wait here for [`Draft::finish`].
#[derive(Debug)]
pub struct Draft {
    pub(super) settings: Settings,
    pub(super) notices: Vec<Notice>,
    pub(super) version: bool,
    pub(super) listen_ip: String,
    pub(super) port: Option<i64>,
    pub(super) listen: String,
    pub(super) prefix: String,
    pub(super) basic_file: String,
    pub(super) basic_realm: String,
    pub(super) digest_file: String,
    pub(super) digest_realm: String,
    pub(super) tls_cert: String,
    pub(super) tls_key: String,
    pub(super) tls_client_ca: String,
    pub(super) collector_cert: String,
    pub(super) collector_key: String,
    pub(super) docker_tls: bool,
    pub(super) docker_files: DockerTls,
    pub(super) disable: Option<Kinds>,
    pub(super) enable: Option<Kinds>,
    pub(super) probe: Option<Probe>,
    pub(super) probe_timeout: Duration,
    pub(super) top: Top,
    pub(super) cluster: Words,
}

impl Default for Draft {
    fn default() -> Self {
        let localhost = || "localhost".to_owned();
        Self {
            settings: Settings::default(),
            notices: Vec::new(),
            version: false,
            listen_ip: String::new(),
            port: None,
            listen: String::new(),
            prefix: String::new(),
            basic_file: String::new(),
            basic_realm: localhost(),
            digest_file: String::new(),
            digest_realm: localhost(),
            tls_cert: String::new(),
            tls_key: String::new(),
            tls_client_ca: String::new(),
            collector_cert: String::new(),
            collector_key: String::new(),
            docker_tls: false,
            docker_files: DockerTls { cert: "cert.pem".into(), key: "key.pem".into(), ca: "ca.pem".into() },
            disable: None,
            enable: None,
            probe: None,
            probe_timeout: Duration::from_secs(3),
            top: Top::default(),
            cluster: Words::default(),
        }
    }
}

/// Setters with a grammar of their own.
impl Draft {
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.notices.push(Notice { text: text.into() });
    }

    pub(super) fn sink_option(&mut self, name: &'static str, value: String) {
        self.settings.sinks.options.retain(|(known, _)| *known != name);
        self.settings.sinks.options.push((name, value));
    }

    pub(super) fn drivers(&mut self, text: &str) -> Result<(), String> {
        let drivers = value::list(text);
        match drivers.iter().find(|name| !DRIVERS.contains(&name.as_str())) {
            Some(name) => {
                Err(format!("unknown backend storage driver: {name}\nthe drivers are: {}", DRIVERS.join(" ")))
            }
            None => {
                self.settings.sinks.drivers = drivers;
                Ok(())
            }
        }
    }

    /// klog's levels: cAdvisor starts at 2 and debugs from 4 on.
    pub(super) fn verbosity(&mut self, text: &str) -> Result<(), String> {
        let level: i32 = text.parse().map_err(|error: ParseIntError| {
            let cause = match error.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
                _ => "invalid syntax",
            };
            format!("strconv.ParseInt: parsing {text:?}: {cause}")
        })?;
        self.settings.log.level = match level {
            ..0 => Level::WARN,
            0..=3 => Level::INFO,
            4..=5 => Level::DEBUG,
            6.. => Level::TRACE,
        };
        Ok(())
    }

    pub(super) fn probe_url(&mut self, text: &str) -> Result<(), String> {
        self.probe = if text.is_empty() { None } else { Some(Probe::of_url(text)?) };
        Ok(())
    }
}

/// Rules over several flags.
impl Draft {
    /// The settings that all flags together give.
    pub(super) fn finish(&mut self) -> Result<Settings, UsageError> {
        self.settings.serving.listen = self.listen_address()?;
        self.settings.serving.url_base_prefix = self.base_prefix();
        let endpoint = &self.settings.serving.prometheus_endpoint;
        if !endpoint.starts_with('/') {
            return usage(format!("-prometheus_endpoint: must begin with /, as /metrics; got {endpoint:?}"));
        }
        self.settings.serving.auth = self.auth();
        if self.settings.serving.auth_all && self.settings.serving.auth.is_none() {
            return usage("-http_auth_all needs -http_auth_file or -http_digest_file");
        }
        self.settings.serving.tls = self.tls()?;
        self.settings.selection.kinds = kinds::resolve(self.enable, self.disable);
        self.settings.selection.collector_identity =
            pair("collector_cert", &self.collector_cert, "collector_key", &self.collector_key)?;
        self.settings.runtimes.docker_tls = self.docker_tls.then(|| self.docker_files.clone());
        self.environment();
        self.past();
        self.pace()?;
        Ok(self.settings.clone())
    }

    fn listen_address(&self) -> Result<Listen, UsageError> {
        if self.listen.is_empty() {
            let port = self.port.unwrap_or(8080);
            let port = u16::try_from(port)
                .map_err(|_| UsageError::new(format!("-port: expected 0 to 65535, got {port}")))?;
            return Ok(Listen::Tcp { host: host("listen_ip", &self.listen_ip)?, port });
        }
        if self.port.is_some() || !self.listen_ip.is_empty() {
            return usage("-listen cannot be given together with -port or -listen_ip: it says both");
        }
        if let Some(path) = self.listen.strip_prefix("unix://") {
            if path.starts_with('/') {
                return Ok(Listen::Unix(path.into()));
            }
            return usage(format!("-listen: expected unix:///path from the root, got {:?}", self.listen));
        }
        let wrong = || {
            let got = &self.listen;
            UsageError::new(format!(
                "-listen: expected unix:///path or ip:port, as 127.0.0.1:8080 or [::1]:8080; got {got:?}"
            ))
        };
        let (name, port) = self.listen.rsplit_once(':').ok_or_else(wrong)?;
        if name.contains(':') && !name.starts_with('[') {
            return Err(wrong());
        }
        Ok(Listen::Tcp { host: host("listen", name)?, port: port.parse().map_err(|_| wrong())? })
    }

    fn base_prefix(&mut self) -> String {
        let bare = self.prefix.trim_matches('/').to_owned();
        let prefix = if bare.is_empty() { bare } else { format!("/{bare}") };
        if prefix != self.prefix {
            self.warn(format!("-url_base_prefix: {:?} is taken as {prefix:?}", self.prefix));
        }
        prefix
    }

    fn auth(&mut self) -> Option<Auth> {
        let basic = !self.basic_file.is_empty();
        if basic && !self.digest_file.is_empty() {
            self.warn("-http_digest_file is not used: -http_auth_file wins");
        }
        if basic {
            Some(Auth::Basic { file: self.basic_file.clone().into(), realm: self.basic_realm.clone() })
        } else if self.digest_file.is_empty() {
            None
        } else {
            Some(Auth::Digest { file: self.digest_file.clone().into(), realm: self.digest_realm.clone() })
        }
    }

    fn tls(&self) -> Result<Option<Tls>, UsageError> {
        let files = pair("tls_cert_file", &self.tls_cert, "tls_private_key_file", &self.tls_key)?;
        let client_ca = (!self.tls_client_ca.is_empty()).then(|| PathBuf::from(&self.tls_client_ca));
        match files {
            Some((cert, key)) => Ok(Some(Tls { cert, key, client_ca })),
            None if client_ca.is_some() => {
                usage("-tls_client_ca_file needs -tls_cert_file and -tls_private_key_file")
            }
            None => Ok(None),
        }
    }

    /// The general list wins over those of the runtimes, as cAdvisor's help says.
    fn environment(&mut self) {
        let general = &self.settings.labels.env_prefixes;
        if !general.is_empty() {
            self.settings.runtimes.docker_env_prefixes.clone_from(general);
            self.settings.runtimes.containerd_env_prefixes.clone_from(general);
        }
    }

    /// cAdvisor forgets nothing when told 0, and grows until it is killed.
    fn past(&mut self) {
        let duration = &mut self.settings.memory.storage_duration;
        if duration.is_zero() {
            *duration = Duration::from_nanos(1);
            self.warn("-storage_duration: with 0 only the newest sample of a container is kept");
        }
    }

    fn pace(&mut self) -> Result<(), UsageError> {
        let pace = &mut self.settings.pace;
        if pace.interval.is_zero() {
            return usage("-housekeeping_interval: must be longer than 0, as 1s");
        }
        if pace.disk_interval.is_zero() {
            return usage("-disk_interval: must be longer than 0, as 1m");
        }
        if pace.socket_interval.is_zero() {
            return usage("-socket_interval: must be longer than 0, as 10s");
        }
        if self.settings.selection.referenced_read_interval.is_zero() {
            return usage("-referenced_read_interval: must be longer than 0, as 30s");
        }
        let pace = &mut self.settings.pace;
        if pace.machine_info_interval.is_zero() {
            return usage("-update_machine_info_interval: must be longer than 0, as 5m");
        }
        let mut notices = Vec::new();
        if pace.max_interval < pace.interval {
            notices.push(format!(
                "-max_housekeeping_interval ({}) is shorter than -housekeeping_interval ({}): the latter counts",
                print_duration(pace.max_interval),
                print_duration(pace.interval),
            ));
            pace.max_interval = pace.interval;
        }
        for (flag, factor) in
            [("initial_splay_factor", &mut pace.initial_splay), ("jitter_factor", &mut pace.jitter)]
        {
            // so long a wait is none that anybody means, and much more cannot be told
            if !(0.0..=1e6).contains(factor) {
                notices.push(format!("-{flag}: {factor} is taken as 1"));
                *factor = 1.0;
            }
        }
        if !pace.cpu_budget.is_finite() || pace.cpu_budget < 0.0 {
            return usage("-cpu_budget: expected a number of CPUs such as 0.1, or 0 for no budget");
        }
        notices.into_iter().for_each(|text| self.warn(text));
        Ok(())
    }

    /// Whether a flag said where the agent listens.
    pub(super) fn listens(&self) -> bool {
        let words = [&self.listen, &self.listen_ip, &self.prefix, &self.tls_cert];
        self.port.is_some() || words.iter().any(|word| !word.is_empty())
    }

    /// What `plimsoll health` asks: the URL given, else where an agent with these flags listens.
    pub(super) fn probe(&mut self) -> Result<Probe, UsageError> {
        let settings = self.finish()?;
        let mut probe = self.probe.clone().unwrap_or_else(|| Probe::of_settings(&settings));
        probe.timeout = self.probe_timeout;
        Ok(probe)
    }
}

impl Probe {
    /// Where an agent with these settings answers.
    pub fn of_settings(settings: &Settings) -> Self {
        let serving = &settings.serving;
        let target = match &serving.listen {
            Listen::Unix(path) => Target::Unix(path.clone()),
            Listen::Tcp { host, port } => {
                let host = match host.as_str() {
                    "" | "0.0.0.0" => "127.0.0.1",
                    "::" => "::1",
                    other => other,
                };
                Target::Tcp(Listen::Tcp { host: host.to_owned(), port: *port }.to_string())
            }
        };
        let path = format!("{}/healthz", serving.url_base_prefix);
        Self { target, tls: serving.tls.is_some(), path, timeout: Duration::from_secs(3) }
    }
}

/// A host as a listener takes it: IPv6 loses its brackets; a port that slipped in is told.
fn host(flag: &str, text: &str) -> Result<String, UsageError> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = bracketed.unwrap_or(text);
    let (address, _zone) = bare.split_once('%').unwrap_or((bare, ""));
    let six = address.parse::<Ipv6Addr>().is_ok();
    let odd = |c: char| c.is_whitespace() || c.is_control() || "[]/:".contains(c);
    if six || (bracketed.is_none() && !bare.contains(odd)) {
        return Ok(bare.to_owned());
    }
    let hint = if flag == "listen_ip" { "; the port is given with -port" } else { "" };
    usage(format!("-{flag}: expected an address such as 127.0.0.1 or [::1], got {text:?}{hint}"))
}

/// Two files that make sense only together.
pub(super) fn pair(
    first: &str,
    one: &str,
    second: &str,
    other: &str,
) -> Result<Option<(PathBuf, PathBuf)>, UsageError> {
    match (one.is_empty(), other.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some((one.into(), other.into()))),
        (false, true) => usage(format!("-{first} needs -{second}")),
        (true, false) => usage(format!("-{second} needs -{first}")),
    }
}

pub(super) fn usage<T>(message: impl Into<String>) -> Result<T, UsageError> {
    Err(UsageError::new(message.into()))
}
