//! Every flag, once, in the order of the documentation: name, type, default, help, since when, and
//! where its value goes. `-h`, `docs/flags.md` and the parser read this list and nothing else.

use std::path::PathBuf;

use super::flag::{Flag, Section, Set};
use super::settings::LogFormat;
use super::top::{Format, Order};
use super::{events, kinds, value};

const SINKS_LATER: &str = "storage drivers come in a later version; until then no sample is sent anywhere";
pub(super) const LOG_SHAPE: &str =
    "the log goes to standard error only and has one shape; see -v and -log_format";

/// Where an unset path is none.
pub(super) fn path(text: String) -> Option<PathBuf> {
    (!text.is_empty()).then(|| text.into())
}

/// containerd's own tools write its socket with a scheme.
fn socket(text: String) -> PathBuf {
    text.strip_prefix("unix://").unwrap_or(&text).into()
}

fn paths(list: Vec<String>) -> Vec<PathBuf> {
    list.into_iter().map(PathBuf::from).collect()
}

pub(super) fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// Keeps the value of a storage driver's option for the driver that will read it.
macro_rules! option {
    ($name:literal, $default:literal, $help:literal) => {
        Flag::new($name, $default, Set::Text(|d, v| d.sink_option($name, v)), $help).accepted(SINKS_LATER)
    };
    ($name:literal, $default:literal, bool, $help:literal) => {
        Flag::new($name, $default, Set::Bool(|d, v| d.sink_option($name, v.to_string())), $help)
            .accepted(SINKS_LATER)
    };
}

/// A flag whose value changes nothing, so that only its grammar is checked.
macro_rules! idle {
    ($name:literal, $default:literal, $type:ident, $help:literal, $reason:expr) => {
        Flag::new($name, $default, Set::$type(|_, _| ()), $help).accepted($reason)
    };
}

/// Every flag.
pub static SECTIONS: &[Section] = &[
    Section {
        title: "Serving",
        flags: &[
            Flag::new(
                "listen_ip",
                "",
                Set::Text(|d, v| d.listen_ip = v),
                "Address to listen on, every one when empty. IPv6 with or without brackets.",
            ),
            Flag::new(
                "port",
                "8080",
                Set::Int(|d, v| d.port = Some(v)),
                "TCP port to listen on; 0 takes a free one.",
            ),
            Flag::new(
                "listen",
                "",
                Set::Text(|d, v| d.listen = v),
                "Where to listen, instead of -listen_ip and -port: unix:///path of a socket, or \
                 ip:port.",
            )
            .ours(),
            Flag::new(
                "url_base_prefix",
                "",
                Set::Text(|d, v| d.prefix = v),
                "Goes before every route, for a proxy that forwards a path.",
            )
            .since("0.33"),
            Flag::new(
                "prometheus_endpoint",
                "/metrics",
                Set::Text(|d, v| d.settings.serving.prometheus_endpoint = v),
                "Path of the Prometheus metrics; must begin with /.",
            ),
            Flag::new(
                "profiling",
                "false",
                Set::Bool(|d, v| d.settings.serving.profiling = v),
                "Serve /debug/pprof/.",
            )
            .since("0.20")
            .accepted(
                "there is no profile of Go's runtime to serve; the agent's own numbers are on \
                 /metrics as plimsoll_*",
            ),
            Flag::new(
                "http_auth_file",
                "",
                Set::Text(|d, v| d.basic_file = v),
                "htpasswd file: the pages ask for a user (HTTP basic). Wins over -http_digest_file.",
            ),
            Flag::new(
                "http_auth_realm",
                "localhost",
                Set::Text(|d, v| d.basic_realm = v),
                "Realm of -http_auth_file.",
            ),
            Flag::new(
                "http_digest_file",
                "",
                Set::Text(|d, v| d.digest_file = v),
                "htdigest file: the pages ask for a user (HTTP digest).",
            ),
            Flag::new(
                "http_digest_realm",
                "localhost",
                Set::Text(|d, v| d.digest_realm = v),
                "Realm of -http_digest_file; equals the realm in the file.",
            ),
            Flag::new(
                "http_auth_all",
                "false",
                Set::Bool(|d, v| d.settings.serving.auth_all = v),
                "Ask for a user on every route but /healthz, and not on the pages only.",
            )
            .ours(),
            Flag::new(
                "tls_cert_file",
                "",
                Set::Text(|d, v| d.tls_cert = v),
                "PEM file of a certificate chain: serve HTTPS. Needs -tls_private_key_file.",
            )
            .ours(),
            Flag::new(
                "tls_private_key_file",
                "",
                Set::Text(|d, v| d.tls_key = v),
                "PEM file of the key of -tls_cert_file.",
            )
            .ours(),
            Flag::new(
                "tls_client_ca_file",
                "",
                Set::Text(|d, v| d.tls_client_ca = v),
                "PEM file of authorities: clients must show a certificate of one of them.",
            )
            .ours(),
            Flag::new("version", "false", Set::Bool(|d, v| d.version = v), "Print the version and exit."),
        ],
    },
    Section {
        title: "Labels",
        flags: &[
            Flag::new(
                "store_container_labels",
                "true",
                Set::Bool(|d, v| d.settings.labels.store_container_labels = v),
                "Give every label of a container as container_label_* on its metrics.",
            )
            .since("0.31"),
            Flag::new(
                "whitelisted_container_labels",
                "",
                Set::List(|d, v| d.settings.labels.whitelist = v),
                "Labels to give when -store_container_labels=false: exact keys.",
            )
            .since("0.33"),
            Flag::new(
                "env_metadata_whitelist",
                "",
                Set::List(|d, v| d.settings.labels.env_prefixes = v),
                "Give environment variables whose name begins with one of these.",
            )
            .since("0.44"),
        ],
    },
    Section {
        title: "Which containers, which metrics",
        flags: &[
            Flag::new(
                "docker_only",
                "false",
                Set::Bool(|d, v| d.settings.selection.docker_only = v),
                "Of the cgroups that no runtime claims, show only the root.",
            ),
            Flag::new(
                "raw_cgroup_prefix_whitelist",
                "",
                Set::List(|d, v| d.settings.selection.raw_prefixes = v),
                "Show cgroups that no runtime claims only when their name begins with one of these; \
                 with -docker_only, show these too.",
            )
            .since("0.33"),
            Flag::new(
                "disable_root_cgroup_stats",
                "false",
                Set::Bool(|d, v| d.settings.selection.disable_root_cgroup_stats = v),
                "Do not read the root cgroup's numbers.",
            )
            .since("0.34"),
            Flag::new(
                "disable_metrics",
                "advtcp,cpu_topology,cpuset,hugetlb,memory_numa,process,\
                 referenced_memory,resctrl,sched,tcp,udp",
                Set::Own("kinds", |d, v| kinds::parse(v).map(|kinds| d.disable = Some(kinds.set))),
                "Metrics to leave out; replaces the default list, and an empty value leaves out \
                 nothing.",
            )
            .since("0.22"),
            Flag::new(
                "enable_metrics",
                "",
                Set::Own("kinds", |d, v| {
                    kinds::parse(v).map(|kinds| d.enable = Some(kinds.set).filter(|_| kinds.any))
                }),
                "Metrics to give; when set, these and no others, and -disable_metrics is ignored.",
            )
            .since("0.44"),
            Flag::new(
                "nvidia_library",
                "",
                Set::Text(|d, v| d.settings.selection.nvidia_library = path(v)),
                "NVIDIA's management library (kind accelerator); when empty, libnvidia-ml.so.1 is \
                 searched for where there is a driver.",
            )
            .ours(),
            Flag::new(
                "container_hints",
                "/etc/cadvisor/container_hints.json",
                Set::Text(|d, v| d.settings.selection.container_hints = v.into()),
                "File that tells mounts of cgroups that no runtime claims; they become their filesystems.",
            ),
            Flag::new(
                "referenced_reset_interval",
                "0",
                Set::Uint(|d, v| d.settings.selection.referenced_reset_interval = v),
                "Reset the referenced bytes after every so many readings (kind referenced_memory); 0 is \
                 never. A reset slows the processes down whose memory is reset.",
            )
            .since("0.37"),
            Flag::new(
                "referenced_read_interval",
                "30s",
                Set::Duration(|d, v| d.settings.selection.referenced_read_interval = v),
                "Time between two readings of referenced bytes (kind referenced_memory); longer by itself where \
                 they take long.",
            )
            .ours(),
            Flag::new(
                "perf_events_config",
                "",
                Set::Text(|d, v| d.settings.selection.perf_events_config = path(v)),
                "JSON file of perf events to count (kind perf_event); see docs/perf-events.md.",
            )
            .since("0.37"),
            Flag::new(
                "resctrl_interval",
                "0s",
                Set::Duration(|d, v| d.settings.selection.resctrl_interval = v),
                "How often resctrl's monitoring groups are filled again (kind resctrl); 0 is once.",
            )
            .since("0.44"),
            Flag::new(
                "application_metrics_count_limit",
                "100",
                Set::Int(|d, v| d.settings.selection.application_metrics_count_limit = count(v)),
                "Application metrics of one container, at most (kind app).",
            )
            .since("0.22"),
            Flag::new(
                "collector_cert",
                "",
                Set::Text(|d, v| d.collector_cert = v),
                "Client certificate for application metrics. Needs -collector_key.",
            )
            .since("0.24"),
            Flag::new("collector_key", "", Set::Text(|d, v| d.collector_key = v), "Key of -collector_cert.")
                .since("0.24"),
            Flag::new(
                "application_metrics_series_limit",
                "10000",
                Set::Uint(|d, v| d.settings.selection.application_metrics_series_limit = size(v)),
                "Series of one collector of a container, at most (kind app); an application that has more gives \
                 none.",
            )
            .ours(),
            Flag::new(
                "application_metrics_own_address",
                "false",
                Set::Bool(|d, v| d.settings.selection.application_metrics_own_address = v),
                "Ask a container for application metrics at its own addresses only, whatever URL its \
                 configuration tells.",
            )
            .ours(),
        ],
    },
    Section {
        title: "How often",
        flags: &[
            Flag::new(
                "housekeeping_interval",
                "1s",
                Set::Duration(|d, v| d.settings.pace.interval = v),
                "Time between two samples of a container.",
            ),
            Flag::new(
                "max_housekeeping_interval",
                "1m0s",
                Set::Duration(|d, v| d.settings.pace.max_interval = v),
                "Longest time between two samples of a container that rests.",
            ),
            Flag::new(
                "allow_dynamic_housekeeping",
                "true",
                Set::Bool(|d, v| d.settings.pace.dynamic = v),
                "Sample a container that rests less and less often, up to -max_housekeeping_interval.",
            ),
            Flag::new(
                "global_housekeeping_interval",
                "1m0s",
                Set::Duration(|d, v| d.settings.pace.global_interval = v),
                "Time between two full looks at the cgroup tree, a net under the kernel's \
                 notifications; 0 is never.",
            ),
            Flag::new(
                "update_machine_info_interval",
                "5m0s",
                Set::Duration(|d, v| d.settings.pace.machine_info_interval = v),
                "Time between two looks at the machine.",
            )
            .since("0.33"),
            Flag::new(
                "initial_splay_factor",
                "1",
                Set::Float(|d, v| d.settings.pace.initial_splay = v),
                "Share of the interval that is added at random before a container's second sample.",
            )
            .since("0.57"),
            Flag::new(
                "jitter_factor",
                "1",
                Set::Float(|d, v| d.settings.pace.jitter = v),
                "Share of the interval that is added at random before each later sample.",
            )
            .since("0.57"),
            Flag::new(
                "enable_load_reader",
                "false",
                Set::Bool(|d, v| d.settings.pace.load_reader = v),
                "Count tasks by state and average the load: by netlink, and thread by thread where that is not to \
                 be had (cgroup v2).",
            ),
            idle!(
                "log_cadvisor_usage",
                "false",
                Bool,
                "Log the agent's own use.",
                "the agent's own use is on /metrics as process_* and plimsoll_*"
            ),
            Flag::new(
                "disk_interval",
                "1m0s",
                Set::Duration(|d, v| d.settings.pace.disk_interval = v),
                "Time between two measurements of a container's writable layer and volumes; longer by itself, up to 20m, \
                 for one that takes long or cannot be measured.",
            )
            .ours(),
            Flag::new(
                "socket_interval",
                "10s",
                Set::Duration(|d, v| d.settings.pace.socket_interval = v),
                "Time between two looks at the sockets of a network namespace (kinds tcp, udp, advtcp); longer by \
                 itself where they take long.",
            )
            .ours(),
            Flag::new(
                "sampling_threads",
                "0",
                Set::Uint(|d, v| d.settings.pace.sampling_threads = size(v)),
                "Threads that sample; 0 is one for 8 CPUs.",
            )
            .ours(),
            Flag::new(
                "cpu_budget",
                "0",
                Set::Float(|d, v| d.settings.pace.cpu_budget = v),
                "CPUs that the agent may use, kept by lengthening the intervals; 0 is no budget.",
            )
            .ours()
            .accepted("the budget comes in a later version; until then intervals stay as they are set"),
        ],
    },
    Section {
        title: "What is remembered",
        flags: &[
            Flag::new(
                "storage_duration",
                "2m0s",
                Set::Duration(|d, v| d.settings.memory.storage_duration = v),
                "How long samples are kept in memory; 0 keeps the newest one only.",
            ),
            Flag::new(
                "event_storage_age_limit",
                "default=24h",
                Set::Own("limits", |d, v| {
                    events::ages(d, v);
                    Ok(())
                }),
                "How long events are kept: type=duration, with the types oom, oomKill, \
                 containerCreation, containerDeletion and default.",
            ),
            Flag::new(
                "event_storage_event_limit",
                "default=100000",
                Set::Own("limits", |d, v| {
                    events::counts(d, v);
                    Ok(())
                }),
                "How many events are kept: type=number, types as above; 0 keeps none.",
            ),
            Flag::new(
                "ended_containers",
                "100",
                Set::Uint(|d, v| d.settings.memory.ended_containers = size(v)),
                "How many containers are kept after their end.",
            )
            .ours(),
            Flag::new(
                "ended_age",
                "5m0s",
                Set::Duration(|d, v| d.settings.memory.ended_age = v),
                "How long a container is kept after its end.",
            )
            .ours(),
        ],
    },
    Section {
        title: "Runtimes",
        flags: &[
            Flag::new(
                "docker",
                "unix:///var/run/docker.sock",
                Set::Text(|d, v| d.settings.runtimes.docker = v),
                "Docker's address, unix:// or tcp://; when empty, Docker is not asked.",
            ),
            Flag::new("docker-tls", "false", Set::Bool(|d, v| d.docker_tls = v), "Speak TLS to Docker.")
                .since("0.27"),
            Flag::new(
                "docker-tls-cert",
                "cert.pem",
                Set::Text(|d, v| d.docker_files.cert = v.into()),
                "Our certificate for -docker-tls.",
            )
            .since("0.27"),
            Flag::new(
                "docker-tls-key",
                "key.pem",
                Set::Text(|d, v| d.docker_files.key = v.into()),
                "Our key for -docker-tls.",
            )
            .since("0.27"),
            Flag::new(
                "docker-tls-ca",
                "ca.pem",
                Set::Text(|d, v| d.docker_files.ca = v.into()),
                "The authority that signed Docker's certificate, for -docker-tls.",
            )
            .since("0.27"),
            Flag::new(
                "docker_root",
                "/var/lib/docker",
                Set::Text(|d, v| d.settings.runtimes.docker_root = v.into()),
                "Docker's directory, where Docker itself does not tell it.",
            ),
            Flag::new(
                "docker_env_metadata_whitelist",
                "",
                Set::List(|d, v| d.settings.runtimes.docker_env_prefixes = v),
                "As -env_metadata_whitelist, for Docker's containers, where that one is empty.",
            )
            .since("0.21"),
            Flag::new(
                "containerd",
                "/run/containerd/containerd.sock",
                Set::Text(|d, v| d.settings.runtimes.containerd = socket(v)),
                "containerd's socket.",
            )
            .since("0.29"),
            Flag::new(
                "containerd-namespace",
                "k8s.io",
                Set::Text(|d, v| {
                    d.settings.runtimes.containerd_namespace = Some(v).filter(|name| !name.is_empty())
                }),
                "The only namespace of containerd that is looked at. Not given: all.",
            )
            .since("0.34"),
            Flag::new(
                "containerd_env_metadata_whitelist",
                "",
                Set::List(|d, v| d.settings.runtimes.containerd_env_prefixes = v),
                "As -env_metadata_whitelist, for containerd's containers, where that one is empty.",
            )
            .since("0.40"),
            Flag::new(
                "crio",
                "/var/run/crio/crio.sock",
                Set::Text(|d, v| d.settings.runtimes.crio = socket(v)),
                "CRI-O's socket.",
            )
            .ours(),
            Flag::new(
                "crio_client_timeout",
                "0s",
                Set::Duration(|d, v| d.settings.runtimes.crio_client_timeout = v),
                "Longest wait for CRI-O's answer; 0 is the agent's own limit.",
            )
            .since("0.48"),
            Flag::new(
                "podman",
                "unix:///var/run/podman/podman.sock",
                Set::Text(|d, v| d.settings.runtimes.podman = v),
                "Podman's address.",
            )
            .since("0.48"),
            Flag::new(
                "mesos_agent",
                "127.0.0.1:5051",
                Set::Text(|d, v| d.settings.runtimes.mesos_agent = v),
                "Address of Mesos' agent (cAdvisor 0.31 to 0.54), asked only where a group looks like Mesos'; \
                 when empty, never.",
            )
            .since("0.31"),
            Flag::new(
                "mesos_agent_timeout",
                "10s",
                Set::Duration(|d, v| d.settings.runtimes.mesos_agent_timeout = v),
                "Longest wait for the Mesos agent (cAdvisor 0.31 to 0.54).",
            )
            .since("0.31"),
        ],
    },
    Section {
        title: "The machine",
        flags: &[
            Flag::new(
                "rootfs",
                "",
                Set::Text(|d, v| d.settings.machine.rootfs = path(v)),
                "Where the host's / is mounted; when empty, /rootfs if the host's is there, else /.",
            )
            .ours(),
            Flag::new(
                "machine_id_file",
                "/etc/machine-id,/var/lib/dbus/machine-id",
                Set::List(|d, v| d.settings.machine.machine_id_files = paths(v)),
                "Files with the machine's id; the first that can be read counts.",
            ),
            Flag::new(
                "boot_id_file",
                "/proc/sys/kernel/random/boot_id",
                Set::List(|d, v| d.settings.machine.boot_id_files = paths(v)),
                "Files with the boot's id; the first that can be read counts.",
            ),
            Flag::new(
                "max_procs",
                "0",
                Set::Int(|d, v| d.settings.machine.max_procs = count(v)),
                "Threads that serve; less than 1 is the number of CPUs.",
            ),
            Flag::new(
                "open_files",
                "0",
                Set::Uint(|d, v| d.settings.machine.open_files = size(v)),
                "Kernel files that are kept open, at most; 0 chooses by the process' limit and the machine's memory.",
            )
            .ours(),
        ],
    },
    Section {
        title: "Storage drivers",
        flags: &[
            Flag::new(
                "storage_driver",
                "",
                Set::Own("list", |d, v| d.drivers(v)),
                "Where samples are sent: bigquery, elasticsearch, influxdb, kafka, redis, statsd, \
                 stdout.",
            )
            .accepted(SINKS_LATER),
            option!("storage_driver_user", "root", "User."),
            option!("storage_driver_password", "root", "Password."),
            option!("storage_driver_host", "localhost:8086", "Server, host:port."),
            option!("storage_driver_db", "cadvisor", "Database, list or prefix."),
            option!("storage_driver_table", "stats", "Table."),
            option!("storage_driver_secure", "false", bool, "Speak TLS to the server."),
            Flag::new(
                "storage_driver_buffer_duration",
                "1m0s",
                Set::Duration(|d, v| {
                    d.sink_option("storage_driver_buffer_duration", value::print_duration(v))
                }),
                "How long samples are gathered before they are sent.",
            )
            .accepted(SINKS_LATER),
            option!("storage_driver_influxdb_retention_policy", "", "InfluxDB's retention policy.")
                .since("0.26"),
            option!("storage_driver_kafka_broker_list", "localhost:9092", "Kafka's brokers.").since("0.21"),
            option!("storage_driver_kafka_topic", "stats", "Kafka's topic.").since("0.21"),
            option!("storage_driver_kafka_ssl_cert", "", "Our certificate for Kafka.").since("0.24"),
            option!("storage_driver_kafka_ssl_key", "", "Our key for Kafka.").since("0.24"),
            option!("storage_driver_kafka_ssl_ca", "", "The authority that signed Kafka's certificates.")
                .since("0.24"),
            option!("storage_driver_kafka_ssl_verify", "true", bool, "Check Kafka's certificates.")
                .since("0.24"),
            option!("storage_driver_es_host", "http://localhost:9200", "Elasticsearch's address."),
            option!("storage_driver_es_index", "cadvisor", "Elasticsearch's index."),
            option!("storage_driver_es_type", "stats", "Elasticsearch's document type."),
            option!("storage_driver_es_enable_sniffer", "false", bool, "Find Elasticsearch's other nodes."),
            option!("bq_id", "", "BigQuery's client id."),
            option!("bq_secret", "notasecret", "BigQuery's client secret."),
            option!("bq_project_id", "", "BigQuery's project."),
            option!("bq_account", "", "BigQuery's service account."),
            option!("bq_credentials_file", "", "BigQuery's key file."),
        ],
    },
    Section {
        title: "Logging",
        flags: &[
            Flag::new(
                "v",
                "2",
                Set::Own("level", |d, v| d.verbosity(v)),
                "How much is logged: below 0 warnings, up to 3 information, 4 and 5 debugging, from 6 \
                 on everything.",
            ),
            Flag::new(
                "log_format",
                "text",
                Set::Own("format", |d, v| log_format(v).map(|format| d.settings.log.format = format)),
                "Shape of a log line: text or json.",
            )
            .ours(),
            idle!("logtostderr", "true", Bool, "Log to standard error.", LOG_SHAPE),
            idle!("alsologtostderr", "false", Bool, "Log to standard error and to files.", LOG_SHAPE),
            idle!(
                "stderrthreshold",
                "2",
                Text,
                "Log from this severity on to standard error as well.",
                LOG_SHAPE
            ),
            idle!("log_dir", "", Text, "Directory for log files.", LOG_SHAPE),
            idle!("log_file", "", Text, "Log file.", LOG_SHAPE),
            idle!("log_file_max_size", "1800", Uint, "Megabytes of a log file, at most.", LOG_SHAPE),
            idle!("log_backtrace_at", ":0", Text, "Log the stack at file:line.", LOG_SHAPE),
            idle!(
                "vmodule",
                "",
                Text,
                "Verbosity by source file.",
                "source files are not the same; -v counts for all"
            ),
            idle!("add_dir_header", "false", Bool, "Log the source file's directory.", LOG_SHAPE),
            idle!("skip_headers", "false", Bool, "Log without headers.", LOG_SHAPE),
            idle!("skip_log_headers", "false", Bool, "Open log files without headers.", LOG_SHAPE),
            idle!("one_output", "false", Bool, "Log each message to one file only.", LOG_SHAPE),
        ],
    },
    Section {
        title: "Dropped by cAdvisor, still taken",
        flags: &[
            idle!(
                "docker_run",
                "/var/run/docker",
                Text,
                "Docker's run directory (cAdvisor up to 0.23).",
                "Docker's run directory is not needed"
            ),
            idle!(
                "nosystemd",
                "false",
                Bool,
                "Do not use systemd (cAdvisor 0.20 and 0.21).",
                "systemd is not needed"
            ),
        ],
    },
];

/// Flags that only `plimsoll health` knows, besides all others.
pub static HEALTH: Section = Section {
    title: "health",
    flags: &[
        Flag::new(
            "url",
            "",
            Set::Own("url", |d, v| d.probe_url(v)),
            "What to ask, http:// or https:// or unix://; when empty, found from the other flags.",
        )
        .ours(),
        Flag::new("timeout", "3s", Set::Duration(|d, v| d.probe_timeout = v), "Longest wait for the answer.")
            .ours(),
    ],
};

/// Flags that only `plimsoll top` knows, besides the agent's.
pub static TOP: Section = Section {
    title: "top",
    flags: &[
        Flag::new(
            "ca_file",
            "",
            Set::Text(|d, v| d.top.ca_file = path(v)),
            "Certificates (PEM) that vouch for an agent on https; when empty, those of this system.",
        )
        .ours(),
        Flag::new(
            "filter",
            "",
            Set::Text(|d, v| d.top.filter = v),
            "Shows what has this text in its name, image, runtime, pod or what is wrong with it.",
        )
        .ours(),
        Flag::new(
            "format",
            "",
            Set::Own("format", |d, v| Format::read(v).map(|v| d.top.format = v)),
            "Prints once, as table, csv or json; when empty, a table if standard output is no terminal.",
        )
        .ours(),
        Flag::new(
            "insecure",
            "false",
            Set::Bool(|d, v| d.top.insecure = v),
            "Does not check the certificate of an agent on https.",
        )
        .ours(),
        Flag::new("interval", "2s", Set::Duration(|d, v| d.top.interval = v), "How often it is renewed.")
            .ours(),
        Flag::new("once", "false", Set::Bool(|d, v| d.top.once = v), "Prints a table once and ends.").ours(),
        Flag::new(
            "sort",
            "severity",
            Set::Own("order", |d, v| Order::read(v).map(|v| d.top.order = v)),
            "What stands first: severity, line, cpu, memory, network, disk or name.",
        )
        .ours(),
    ],
};

/// Every flag of the agent, in order.
pub fn all() -> impl Iterator<Item = &'static Flag> {
    SECTIONS.iter().flat_map(|section| section.flags)
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("expected text or json".to_owned()),
    }
}
