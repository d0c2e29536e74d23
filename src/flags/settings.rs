//! What the flags say, typed and checked: everything the program is told before it starts.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_core::event::EventType;
use plimsoll_core::kinds::Kinds;
use tracing::Level;

/// All settings. [`Default`] is the program without flags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Where it listens, and who may come in.
    pub serving: Serving,
    /// What `/metrics` and JSON show of a container besides its numbers.
    pub labels: Labels,
    /// Which containers and which metrics.
    pub selection: Selection,
    /// How often it reads.
    pub pace: Pace,
    /// What it remembers.
    pub memory: Memory,
    /// How it reaches the container runtimes.
    pub runtimes: Runtimes,
    /// Where samples are sent; nothing reads it yet.
    pub sinks: Sinks,
    /// Where the host is, and what the program may take of it.
    pub machine: Machine,
    /// What it says.
    pub log: Log,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Listen {
    /// Host and port.
    Tcp {
        /// Name or address, IPv6 without brackets; empty is every address.
        host: String,
        /// 0 takes a free one.
        port: u16,
    },
    /// A Unix socket at this path.
    Unix(PathBuf),
}

/// As a listener or client wants it: `:8080`, `[::1]:8080`, `unix:///run/plimsoll.sock`.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Address.
    pub listen: Listen,
    /// Goes before every route; empty, or begins with `/` and does not end with it.
    pub url_base_prefix: String,
    /// Path of the metrics, below the prefix; begins with `/`.
    pub prometheus_endpoint: String,
    /// Whether `/debug/pprof/` answers.
    pub profiling: bool,
    /// Who may see the pages; absent is everyone.
    pub auth: Option<Auth>,
    /// Whether `auth` guards every route but `/healthz`, and not the pages only.
    pub auth_all: bool,
    /// Serve TLS with these files.
    pub tls: Option<Tls>,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            listen: Listen::Tcp { host: String::new(), port: 8080 },
            url_base_prefix: String::new(),
            prometheus_endpoint: "/metrics".to_owned(),
            profiling: false,
            auth: None,
            auth_all: false,
            tls: None,
        }
    }
}

/// A file of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// HTTP basic with an htpasswd file.
    Basic {
        /// The htpasswd file.
        file: PathBuf,
        /// Shown by browsers.
        realm: String,
    },
    /// HTTP digest with an htdigest file.
    Digest {
        /// The htdigest file.
        file: PathBuf,
        /// Equals the realm column of the file.
        realm: String,
    },
}

/// The server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM: certificate chain.
    pub cert: PathBuf,
    /// PEM: private key.
    pub key: PathBuf,
    /// PEM: authorities; when set, clients need a certificate of one of them.
    pub client_ca: Option<PathBuf>,
}

/// Labels of containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Whether every label of a container becomes `container_label_*`.
    pub store_container_labels: bool,
    /// Exact keys that become `container_label_*` when not all do.
    pub whitelist: Vec<String>,
    /// Environment variables whose name begins so are kept.
    pub env_prefixes: Vec<String>,
}

impl Default for Labels {
    fn default() -> Self {
        Self { store_container_labels: true, whitelist: Vec::new(), env_prefixes: Vec::new() }
    }
}

/// Which containers and which metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Of the groups that no runtime claims, only `/` is shown (unless `raw_prefixes` says more).
    pub docker_only: bool,
    /// Groups that no runtime claims are shown when their name begins so; empty is all of them.
    pub raw_prefixes: Vec<String>,
    /// `/` is listed but its group's files are not read.
    pub disable_root_cgroup_stats: bool,
    /// What is on.
    pub kinds: Kinds,
    /// NVIDIA's library; absent is searched for.
    pub nvidia_library: Option<PathBuf>,
    /// Network and mounts of containers that no runtime claims.
    pub container_hints: PathBuf,
    /// Write `clear_refs` every so many samples; 0 is never.
    pub referenced_reset_interval: u64,
    /// How often referenced memory is read.
    pub referenced_read_interval: Duration,
    /// JSON of perf events.
    pub perf_events_config: Option<PathBuf>,
    /// How often monitoring groups are filled again; zero is once.
    pub resctrl_interval: Duration,
    /// Application metrics of one container, at most.
    pub application_metrics_count_limit: usize,
    /// Client certificate for application metrics: certificate and key.
    pub collector_identity: Option<(PathBuf, PathBuf)>,
    /// Series of one application, at most.
    pub application_metrics_series_limit: usize,
    /// Whether an application is asked at its container's own addresses only.
    pub application_metrics_own_address: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            docker_only: false,
            raw_prefixes: Vec::new(),
            disable_root_cgroup_stats: false,
            kinds: Kinds::default(),
            nvidia_library: None,
            container_hints: "/etc/cadvisor/container_hints.json".into(),
            referenced_reset_interval: 0,
            referenced_read_interval: Duration::from_secs(30),
            perf_events_config: None,
            resctrl_interval: Duration::ZERO,
            application_metrics_count_limit: 100,
            collector_identity: None,
            application_metrics_series_limit: 10_000,
            application_metrics_own_address: false,
        }
    }
}

/// How often.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// Between two samples of a container that moves; more than zero.
    pub interval: Duration,
    /// The most between two samples of one that rests.
    pub max_interval: Duration,
    /// Whether the interval grows while nothing moves.
    pub dynamic: bool,
    /// Between two full looks at the cgroup tree; zero is never.
    pub global_interval: Duration,
    /// Between two looks at the machine; more than zero.
    pub machine_info_interval: Duration,
    /// Between two measurements of a container's writable layer; more than zero.
    pub disk_interval: Duration,
    /// How often the sockets of network namespaces are looked at.
    pub socket_interval: Duration,
    /// Share of the interval that is added at random before the second sample; not negative.
    pub initial_splay: f64,
    /// Share of the interval that is added at random before each later sample; not negative.
    pub jitter: f64,
    /// Whether the load average is read.
    pub load_reader: bool,
    /// Threads that sample; 0 chooses by the number of CPUs.
    pub sampling_threads: usize,
    /// CPUs that the agent may use, by lengthening intervals; 0 is no budget.
    pub cpu_budget: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(60),
            dynamic: true,
            global_interval: Duration::from_secs(60),
            machine_info_interval: Duration::from_secs(300),
            disk_interval: Duration::from_secs(60),
            socket_interval: Duration::from_secs(10),
            initial_splay: 1.0,
            jitter: 1.0,
            load_reader: false,
            sampling_threads: 0,
            cpu_budget: 0.0,
        }
    }
}

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Samples that are older than the newest by this or more are dropped; more than zero.
    pub storage_duration: Duration,
    /// Age of the oldest event, by type.
    pub event_age: PerType<Duration>,
    /// Events kept, by type; 0 keeps none.
    pub event_count: PerType<usize>,
    /// Containers kept after their end, at most.
    pub ended_containers: usize,
    /// How long a container is kept after its end.
    pub ended_age: Duration,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            storage_duration: Duration::from_secs(120),
            event_age: PerType::all(Duration::from_secs(24 * 3600)),
            event_count: PerType::all(100_000),
            ended_containers: 100,
            ended_age: Duration::from_secs(300),
        }
    }
}

/// One value for each type of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerType<T>([T; EventType::ALL.len()]);

impl<T: Copy> PerType<T> {
    /// The same for every type.
    pub const fn all(value: T) -> Self {
        Self([value; EventType::ALL.len()])
    }

    /// The value of one type.
    pub const fn of(&self, kind: EventType) -> T {
        let [oom, oom_kill, creation, deletion] = self.0;
        match kind {
            EventType::Oom => oom,
            EventType::OomKill => oom_kill,
            EventType::Creation => creation,
            EventType::Deletion => deletion,
        }
    }

    /// Replaces the value of one type.
    pub const fn set(&mut self, kind: EventType, value: T) {
        let [oom, oom_kill, creation, deletion] = &mut self.0;
        *match kind {
            EventType::Oom => oom,
            EventType::OomKill => oom_kill,
            EventType::Creation => creation,
            EventType::Deletion => deletion,
        } = value;
    }
}

/// The runtimes' sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtimes {
    /// `unix://` or `tcp://`.
    pub docker: String,
    /// TLS to a Docker daemon behind TCP.
    pub docker_tls: Option<DockerTls>,
    /// Docker's directory where the daemon does not tell it.
    pub docker_root: PathBuf,
    /// Environment variables of Docker's containers that are kept, by prefix.
    pub docker_env_prefixes: Vec<String>,
    /// containerd's socket.
    pub containerd: PathBuf,
    /// The only namespace of containerd that is looked at; absent is all.
    pub containerd_namespace: Option<String>,
    /// Environment variables of containerd's containers that are kept, by prefix.
    pub containerd_env_prefixes: Vec<String>,
    /// CRI-O's socket.
    pub crio: PathBuf,
    /// Longest wait for CRI-O; zero is the agent's own limit.
    pub crio_client_timeout: Duration,
    /// `unix://` or `tcp://`.
    pub podman: String,
    /// Mesos' agent, `host:port`; empty where Mesos' containers are not asked for.
    pub mesos_agent: String,
    /// Longest wait for it.
    pub mesos_agent_timeout: Duration,
}

impl Default for Runtimes {
    fn default() -> Self {
        Self {
            docker: "unix:///var/run/docker.sock".to_owned(),
            docker_tls: None,
            docker_root: "/var/lib/docker".into(),
            docker_env_prefixes: Vec::new(),
            containerd: "/run/containerd/containerd.sock".into(),
            containerd_namespace: None,
            containerd_env_prefixes: Vec::new(),
            crio: "/var/run/crio/crio.sock".into(),
            crio_client_timeout: Duration::ZERO,
            podman: "unix:///var/run/podman/podman.sock".to_owned(),
            mesos_agent: "127.0.0.1:5051".to_owned(),
            mesos_agent_timeout: Duration::from_secs(10),
        }
    }
}

/// Files for TLS to Docker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerTls {
    /// PEM: our certificate.
    pub cert: PathBuf,
    /// PEM: our key.
    pub key: PathBuf,
    /// PEM: the authority that we trust.
    pub ca: PathBuf,
}

/// Storage drivers, as they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sinks {
    /// Names, each a known one.
    pub drivers: Vec<String>,
    /// Every other `storage_driver_*` and `bq_*` flag that was given: name and value.
    pub options: Vec<(&'static str, String)>,
}

/// The host, and what the program may take of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Where the host's `/` is mounted; absent finds it out (`/rootfs`, else `/`).
    pub rootfs: Option<PathBuf>,
    /// The first that can be read gives the machine's id.
    pub machine_id_files: Vec<PathBuf>,
    /// The first that can be read gives the boot's id.
    pub boot_id_files: Vec<PathBuf>,
    /// Threads that serve; 0 is as many as there are CPUs for this process.
    pub max_procs: usize,
    /// Descriptors for kept kernel files; 0 chooses by the process' limit and the machine's memory.
    pub open_files: usize,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            rootfs: None,
            machine_id_files: vec!["/etc/machine-id".into(), "/var/lib/dbus/machine-id".into()],
            boot_id_files: vec!["/proc/sys/kernel/random/boot_id".into()],
            max_procs: 0,
            open_files: 0,
        }
    }
}

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Least important level that is still printed.
    pub level: Level,
    /// Shape of a line.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level::INFO, format: LogFormat::Text }
    }
}

/// Shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
