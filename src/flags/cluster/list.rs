//! Every flag of `plimsoll cluster`, once: Heapster's 1.2 to 1.5, those of metrics-server, and ours.
//! `-` and `_` in names are the same.

use super::{choice, stored, uri};
use crate::flags::flag::{Flag, Section, Set};
use crate::flags::list::{LOG_SHAPE, log_format, path, size};

const GENERIC: &str = "it tunes the library of API servers that metrics-server is built with";
const LOG_FILES: &str = LOG_SHAPE;

/// A flag whose value changes nothing, so that only its grammar is checked.
macro_rules! idle {
    ($name:literal, $default:literal, $type:ident, $help:literal, $reason:expr) => {
        Flag::new($name, $default, Set::$type(|_, _| ()), $help).accepted($reason)
    };
}

macro_rules! flag {
    ($name:literal, $default:literal, $set:expr, $help:literal) => {
        Flag::new($name, $default, $set, $help)
    };
}

/// Every flag.
pub static SECTIONS: &[Section] = &[
    Section {
        title: "Whom to ask",
        flags: &[
            flag!(
                "source", "",
                Set::Own("uri", |d, v| uri(v).map(|uri| d.cluster.sources.push(uri))),
                "Heapster's word for whom to ask: kubernetes:URL?options, kubernetes.summary_api:URL?options, \
                 cadvisor:external?hosts_file=FILE."
            ),
            flag!(
                "kubeconfig", "", Set::Text(|d, v| d.cluster.kubeconfig = v),
                "The file that leads to the API server and to its nodes; when empty, the cluster that we run in, \
                 and outside of pods the files in $KUBECONFIG."
            ),
            flag!(
                "hosts", "",
                Set::List(|d, v| d.cluster.hosts.extend(v)),
                "Hosts that run Plimsoll or cAdvisor, in place of a cluster: name=address:port or address:port."
            ).ours(),
            flag!(
                "hosts_file", "", Set::Text(|d, v| d.cluster.hosts_file = v),
                "A file with such hosts, one a line or as Heapster's JSON; read again when it changes."
            ).ours(),
            flag!(
                "route", "best",
                Set::Own("routes", |d, v| choice(v).map(|choice| d.cluster.nodes.choice = choice)),
                "What nodes are asked for, the first that they answer: best (the most that they tell), or a list of resource \
                 (/metrics/resource), summary (/stats/summary), container (/stats/container/), cadvisor \
                 (/metrics/cadvisor), subcontainers (/api/v1.3/subcontainers/), metrics (/metrics)."
            ).ours(),
            flag!(
                "metric_resolution", "15s", Set::Duration(|d, v| d.cluster.resolution = Some(v)),
                "From round to round, at least 5s; 60s when the program is named heapster or metrics-server."
            ),
            flag!(
                "node-selector", "", Set::Text(|d, v| d.cluster.nodes.selector = v),
                "Only nodes with these labels, as size=large,disk!=slow."
            ),
            flag!("l", "", Set::Text(|d, v| d.cluster.nodes.selector = v), "As -node-selector."),
        ],
    },
    Section {
        title: "How nodes are asked",
        flags: &[
            flag!("kubelet-port", "10250", Set::Own("port", |d, v| {
                v.parse().map(|port| d.cluster.nodes.port = port).map_err(|_| "expected 1 to 65535".to_owned())
            }), "Their port."),
            flag!(
                "kubelet-use-node-status-port", "false", Set::Bool(|d, v| d.cluster.nodes.status_port = v),
                "Take the port that the node's status tells, if it tells one."
            ),
            flag!(
                "kubelet-preferred-address-types",
                "Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP",
                Set::List(|d, v| d.cluster.nodes.address_types = v),
                "Which of a node's addresses is taken: the first of these types that it has."
            ),
            flag!(
                "kubelet-request-timeout", "10s", Set::Duration(|d, v| d.cluster.nodes.timeout = v),
                "The longest wait for one of them."
            ),
            flag!(
                "kubelet-insecure-tls", "false", Set::Bool(|d, v| d.cluster.nodes.insecure_tls = v),
                "Do not check their certificates."
            ),
            flag!(
                "kubelet-certificate-authority", "", Set::Text(|d, v| d.cluster.kubelet_ca = v),
                "PEM file of who signs their certificates; when empty, who signs the API server's."
            ),
            flag!(
                "kubelet-client-certificate", "", Set::Text(|d, v| d.cluster.kubelet_cert = v),
                "PEM file of the certificate that they are shown. Needs -kubelet-client-key."
            ),
            flag!("kubelet-client-key", "", Set::Text(|d, v| d.cluster.kubelet_key = v), "Its key."),
            flag!(
                "kubelet-token-file", "", Set::Text(|d, v| d.cluster.nodes.token_file = path(v)),
                "A file with a bearer token for them, read again when it changes; when empty, the API server's."
            ).ours(),
            flag!(
                "deprecated-kubelet-completely-insecure", "false",
                Set::Bool(|d, v| d.cluster.nodes.completely_insecure = v),
                "Ask them over HTTP and without credentials."
            ),
        ],
    },
    Section {
        title: "Where to send it",
        flags: &[
            flag!(
                "sink", "",
                Set::Own("uri", |d, v| uri(v).map(|uri| d.cluster.sinks.uris.push(uri))),
                "Where rounds are sent, as influxdb:http://host:8086; may be given again for more. See docs/sinks.md."
            ),
            flag!(
                "sink_export_data_timeout", "20s", Set::Duration(|d, v| d.cluster.sinks.timeout = v),
                "How long a round may wait for a sink before it is dropped for that sink."
            ).since("1.5"),
            flag!(
                "historical_source", "", Set::Text(|d, v| d.cluster.sinks.history = v),
                "Which of the sinks answers /api/v1/historical: the same word as in its -sink."
            ),
            flag!(
                "disable_metric_sink", "false", Set::Bool(|d, v| d.cluster.sinks.without_model = v),
                "Keep no past in memory: only the newest round is there to be asked for."
            ).since("1.5"),
            flag!(
                "label_separator", ",", Set::Text(|d, v| d.cluster.labels.separator = v),
                "Between the user's labels in the label `labels`."
            ).since("1.5"),
            flag!(
                "label_seperator", ",", Set::Text(|d, v| d.cluster.labels.separator = v),
                "As -label_separator; so spelled in 1.3 and 1.4."
            ).since("1.3"),
            flag!(
                "ignore_label", "", Set::List(|d, v| d.cluster.labels.ignore.extend(v)),
                "Labels of users that are left out of the label `labels`."
            ).since("1.5"),
            flag!(
                "store_label", "",
                Set::Own("list", |d, v| {
                    for text in crate::flags::value::list(v) {
                        d.cluster.labels.store.push(stored(&text)?);
                    }
                    Ok(())
                }),
                "Labels of users that are sent as labels of their own: name, or newName=name."
            ).since("1.5"),
        ],
    },
    Section {
        title: "Heapster's API",
        flags: &[
            flag!("listen_ip", "", Set::Text(|d, v| d.cluster.plain.ip = v), "Address to listen on; every one when empty."),
            flag!(
                "heapster-port", "8082", Set::Uint(|d, v| d.cluster.port = Some(v)),
                "Its port; 0 for none, which is so when the program is named metrics-server."
            ),
            flag!("port", "8082", Set::Uint(|d, v| d.cluster.port = Some(v)), "As -heapster-port."),
            flag!("tls_cert", "", Set::Text(|d, v| d.cluster.cert = v), "PEM file of a certificate: HTTPS. Needs -tls_key."),
            flag!("tls_key", "", Set::Text(|d, v| d.cluster.key = v), "Its key."),
            flag!(
                "tls_client_ca", "", Set::Text(|d, v| d.cluster.client_ca = v),
                "PEM file of who signs clients' certificates: nothing but /healthz is answered without one."
            ),
            flag!(
                "allowed_users", "", Set::List(|d, v| d.cluster.plain.allowed_users = v),
                "The common names of the clients that may ask; every one with a certificate when empty."
            ),
            flag!(
                "disable_export", "false", Set::Bool(|d, v| d.cluster.without_export = v),
                "/api/v1/metric-export is empty."
            ).since("1.4"),
            flag!(
                "reduced_metrics", "false", Set::Bool(|d, v| d.cluster.reduced_metrics = v),
                "Show on /metrics what was collected of containers, pods, namespaces, nodes and workloads as well."
            ).ours(),
            flag!("max_procs", "0", Set::Uint(|d, v| d.cluster.max_procs = size(v)), "Threads that collect and answer; 0 is one a CPU, at most four."),
        ],
    },
    Section {
        title: "metrics.k8s.io",
        flags: &[
            flag!(
                "secure-port", "0", Set::Uint(|d, v| d.cluster.secure_port = Some(v)),
                "HTTPS port of metrics.k8s.io; 0 for none; 443 when the program is named metrics-server, 6443 with \
                 -api-server."
            ),
            flag!("bind-address", "0.0.0.0", Set::Text(|d, v| d.cluster.secure.ip = v), "Address that it listens on."),
            flag!(
                "api-server", "false", Set::Bool(|d, v| d.cluster.api_server = v),
                "Serve it, as Heapster's own API server."
            ).since("1.3"),
            flag!(
                "tls-cert-file", "", Set::Text(|d, v| d.cluster.secure_cert = v),
                "PEM file of its certificate; when empty, one that it signs itself. Needs -tls-private-key-file."
            ),
            flag!("tls-private-key-file", "", Set::Text(|d, v| d.cluster.secure_key = v), "Its key."),
            flag!(
                "client-ca-file", "", Set::Text(|d, v| d.cluster.secure_client_ca = v),
                "PEM file of who signs clients' certificates."
            ),
            flag!(
                "requestheader-client-ca-file", "", Set::Text(|d, v| d.cluster.secure.front_proxy.ca = path(v)),
                "PEM file of who signs the front proxy's certificate; when empty, the API server tells."
            ),
            flag!(
                "requestheader-allowed-names", "", Set::List(|d, v| d.cluster.secure.front_proxy.names = v),
                "The front proxy's common names; any when empty."
            ),
            flag!(
                "requestheader-username-headers", "x-remote-user",
                Set::List(|d, v| d.cluster.secure.front_proxy.user_headers = v),
                "Headers in which it says who asks."
            ),
            flag!(
                "requestheader-group-headers", "x-remote-group",
                Set::List(|d, v| d.cluster.secure.front_proxy.group_headers = v),
                "Headers in which it says their groups."
            ),
            flag!(
                "requestheader-extra-headers-prefix", "x-remote-extra-",
                Set::List(|d, v| d.cluster.secure.front_proxy.extra_prefixes = v),
                "How headers with more about them begin."
            ),
            idle!("requestheader-uid-headers", "", List, "Headers with their uid.", "no decision depends on it"),
            flag!(
                "authentication-kubeconfig", "",
                Set::Text(|d, v| d.cluster.secure.review_kubeconfig = path(v)),
                "Who is asked about tokens; when empty, the API server of -kubeconfig."
            ),
            flag!(
                "authorization-kubeconfig", "",
                Set::Text(|d, v| d.cluster.secure.review_kubeconfig = path(v)),
                "Who is asked about rights; when empty, the API server of -kubeconfig."
            ),
            flag!(
                "authentication-skip-lookup", "false", Set::Bool(|d, v| d.cluster.secure.skip_lookup = v),
                "Do not ask the API server about the front proxy and the clients' CA."
            ),
            flag!(
                "authentication-tolerate-lookup-failure", "false",
                Set::Bool(|d, v| d.cluster.secure.tolerate_lookup_failure = v),
                "Start without its answer if there is none."
            ),
            flag!(
                "authentication-token-webhook-cache-ttl", "10s",
                Set::Duration(|d, v| d.cluster.secure.token_ttl = v),
                "How long the answer about a token counts."
            ),
            flag!(
                "authorization-webhook-cache-authorized-ttl", "10s",
                Set::Duration(|d, v| d.cluster.secure.allowed_ttl = v),
                "How long a yes counts."
            ),
            flag!(
                "authorization-webhook-cache-unauthorized-ttl", "10s",
                Set::Duration(|d, v| d.cluster.secure.denied_ttl = v),
                "How long a no counts."
            ),
            flag!(
                "authorization-always-allow-paths", "/healthz,/readyz,/livez",
                Set::List(|d, v| d.cluster.secure.always_allow = v),
                "Paths that everybody may ask for."
            ),
            idle!("cert-dir", "", Text, "Where a certificate of its own is kept.", "it is made anew at each start and not written"),
            idle!("advertise-address", "", Text, "The address that others are told.", GENERIC),
            idle!("audit-log-path", "", Text, "Where requests are written.", "requests are counted, not written"),
            idle!("audit-policy-file", "", Text, "Which requests are written.", "requests are counted, not written"),
            idle!("contention-profiling", "false", Bool, "Profile waiting for locks.", GENERIC),
            idle!("cors-allowed-origins", "", List, "Other origins that pages may come from.", GENERIC),
            idle!("disable-http2-serving", "false", Bool, "Speak HTTP/1.1 alone.", GENERIC),
            idle!("egress-selector-config-file", "", Text, "Ways to other networks.", GENERIC),
            idle!("emulated-version", "", Text, "Behave as another version.", GENERIC),
            idle!("enable-priority-and-fairness", "true", Bool, "Queues by user.", GENERIC),
            idle!("enable-swagger-ui", "false", Bool, "Serve a page about the API.", GENERIC),
            idle!("external-hostname", "", Text, "The name that others know.", GENERIC),
            idle!("feature-gates", "", Text, "Features of the library.", GENERIC),
            idle!("goaway-chance", "0", Float, "How often clients are sent elsewhere.", GENERIC),
            idle!("http2-max-streams-per-connection", "0", Uint, "Requests at a time on a connection.", GENERIC),
            idle!("livez-grace-period", "0s", Duration, "How long it may take to start.", GENERIC),
            idle!("max-requests-inflight", "400", Uint, "Requests at a time.", GENERIC),
            idle!("max-mutating-requests-inflight", "200", Uint, "Writing requests at a time.", GENERIC),
            idle!("min-request-timeout", "1800", Uint, "How long a watch lives.", GENERIC),
            idle!("permit-address-sharing", "false", Bool, "SO_REUSEADDR.", GENERIC),
            idle!("permit-port-sharing", "false", Bool, "SO_REUSEPORT.", GENERIC),
            idle!("profiling", "true", Bool, "Serve /debug/pprof/.", "there is no profile of Go's runtime to serve"),
            idle!("request-timeout", "1m0s", Duration, "How long a request may take.", GENERIC),
            idle!("shutdown-delay-duration", "0s", Duration, "How long it serves on after its end was asked for.", GENERIC),
            idle!("tls-ca-file", "", Text, "Who signed its certificate.", GENERIC),
            idle!("tls-cipher-suites", "", List, "Ciphers.", "TLS 1.2 and 1.3 are spoken with the ciphers that are held to be safe"),
            idle!("tls-min-version", "", Text, "The oldest TLS.", "TLS 1.2 and 1.3 are spoken with the ciphers that are held to be safe"),
            idle!("tls-sni-cert-key", "", Text, "Certificates by name.", GENERIC),
        ],
    },
    Section {
        title: "Log and version",
        flags: &[
            flag!("v", "2", Set::Own("level", |d, v| d.verbosity(v)), "How much is told: 0 to 10; 4 and more is for debugging."),
            flag!("log_format", "text", Set::Own("format", |d, v| log_format(v).map(|format| d.settings.log.format = format)), "text or json.").ours(),
            flag!("logging-format", "text", Set::Own("format", |d, v| log_format(v).map(|format| d.settings.log.format = format)), "As -log_format."),
            flag!("version", "false", Set::Bool(|d, v| d.version = v), "Print the version and end."),
            idle!("logtostderr", "true", Bool, "Log to standard error.", LOG_FILES),
            idle!("alsologtostderr", "false", Bool, "Log to standard error and to files.", LOG_FILES),
            idle!("stderrthreshold", "2", Text, "Log from this severity on to standard error as well.", LOG_FILES),
            idle!("log_dir", "", Text, "Folder of log files.", LOG_FILES),
            idle!("log_backtrace_at", ":0", Text, "Log the stack at file:line.", LOG_FILES),
            idle!("log-flush-frequency", "5s", Duration, "How often log files are written.", LOG_FILES),
            idle!("log-json-info-buffer-size", "0", Text, "How much is kept back.", LOG_FILES),
            idle!("log-json-split-stream", "false", Bool, "Errors to standard error, the rest to standard output.", LOG_FILES),
            idle!("vmodule", "", Text, "How much is told, by file.", LOG_FILES),
        ],
    },
];
