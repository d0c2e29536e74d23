//! `/stats/container/`: containers by name, as cAdvisor's first API describes them, with the newest sample of each.

use crate::load::Memory;
use crate::node::{CAPACITY, PodSeen, SYSTEM, Seen};
use crate::object::{Ask, Container, PodBody};
use crate::seed::id;
use crate::text::{Put, put};

/// What a container's JSON is made of.
struct Info<'a> {
    name: &'a str,
    id: Option<&'a str>,
    /// Rendered: `,"labels":{...},"image":"..."`, or nothing.
    labels: &'a str,
    image: &'a str,
    created: i64,
    at: i64,
    cpu: u64,
    memory: Memory,
    faults: u64,
    limit: Option<Ask>,
    /// Received and sent.
    network: Option<(u64, u64)>,
    /// Bytes of its own layer.
    files: Option<u64>,
}

/// A time with nanoseconds' form, as cAdvisor writes it.
struct Stamp(i64);

impl Put for Stamp {
    fn put(&self, out: &mut Vec<u8>) {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) if self.0 != 0 => put!(out; "\"", at.to_string(), "\""),
            _ => put!(out; "\"0001-01-01T00:00:00Z\""),
        }
    }
}

/// The JSON.
pub(super) fn render(seen: &Seen) -> Vec<u8> {
    let mut out = Vec::with_capacity(
        seen.pods.iter().map(|pod| 1900 * (1 + pod.containers.len())).sum::<usize>() + 6000,
    );
    let o = &mut out;
    let network = Some((seen.received, seen.sent));
    let machine = Some(Ask { millicores: 16_000, memory: CAPACITY >> 20 });
    put!(o; "{");
    let root = Info { name: "/", limit: machine, network, ..system(seen, seen.cpu, seen.memory) };
    info(o, &root);
    let kubelet = SYSTEM.first().copied().unwrap_or(0) * seen.up.max(0) as u64;
    let memory = Memory { usage: 90 << 20, working_set: 80 << 20, rss: 60 << 20, cache: 20 << 20 };
    put!(o; ",");
    info(o, &Info { name: "/kubelet", ..system(seen, kubelet, memory) });
    for pod in &seen.pods {
        if let Some((body, containers)) = pod.parts() {
            put!(o; ",");
            sandbox(o, pod, body);
            for (what, one) in containers {
                let id = container_id(body, one.index);
                let (name, labels) = (path(pod, body, &id), labels(pod, body, what.name));
                put!(o; ",");
                let files = Some(4096 * (1 + what.load.millicores));
                info(
                    o,
                    &Info {
                        name: &name,
                        id: Some(&id),
                        labels: &labels,
                        image: &image(pod, what),
                        created: one.started,
                        at: one.at,
                        cpu: one.cpu,
                        memory: one.memory,
                        faults: one.faults,
                        limit: what.limit,
                        network: None,
                        files,
                    },
                );
            }
        }
    }
    put!(o; "}");
    out
}

fn system(seen: &Seen, cpu: u64, memory: Memory) -> Info<'static> {
    Info {
        name: "",
        id: None,
        labels: "",
        image: "",
        created: seen.booted,
        at: seen.at,
        cpu,
        memory,
        faults: seen.faults,
        limit: None,
        network: None,
        files: None,
    }
}

fn sandbox(o: &mut Vec<u8>, pod: &PodSeen, body: &PodBody) {
    let id = sandbox_id(body);
    let (name, labels) = (path(pod, body, &id), labels(pod, body, "POD"));
    let memory = Memory { usage: 512 << 10, working_set: 512 << 10, rss: 256 << 10, cache: 0 };
    let network = (!body.host_network).then_some((pod.received, pod.sent));
    info(
        o,
        &Info {
            name: &name,
            id: Some(&id),
            labels: &labels,
            image: "registry.k8s.io/pause:3.10",
            created: pod.started,
            at: pod.at,
            cpu: 30_000,
            memory,
            faults: 800,
            limit: None,
            network,
            files: Some(0),
        },
    );
}

/// A container's id at its runtime.
pub(crate) fn container_id(body: &PodBody, index: usize) -> String {
    id(body.number ^ (index as u64 + 1).rotate_left(32) ^ u64::from(body.restarts).rotate_left(48))
}

/// A sandbox's id at its runtime.
pub(crate) fn sandbox_id(body: &PodBody) -> String {
    id(body.number ^ u64::from(body.restarts).rotate_left(48))
}

/// The image of a container.
pub(crate) fn image(pod: &PodSeen, what: &Container) -> String {
    let app = pod.object.labels.first().map_or("app", |(_, app)| app);
    image_of(app, what.name)
}

/// The image of an application's container.
pub(crate) fn image_of(app: &str, container: &str) -> String {
    format!("registry.test/{app}/{container}:1.0")
}

/// The cgroup of a pod, and of a container in it.
pub(crate) fn path(pod: &PodSeen, body: &PodBody, id: &str) -> String {
    let class = match body.class() {
        "BestEffort" => "/besteffort",
        "Burstable" => "/burstable",
        _ => "",
    };
    let slash = if id.is_empty() { "" } else { "/" };
    format!("/kubepods{class}/pod{}{slash}{id}", pod.object.uid)
}

fn labels(pod: &PodSeen, body: &PodBody, container: &str) -> String {
    format!(
        ",\"labels\":{{\"annotation.io.kubernetes.container.restartCount\":\"{}\",\"io.kubernetes.container.name\":\"{container}\",\
         \"io.kubernetes.pod.name\":\"{}\",\"io.kubernetes.pod.namespace\":\"{}\",\"io.kubernetes.pod.uid\":\"{}\"}}",
        body.restarts, pod.object.name, pod.object.namespace, pod.object.uid
    )
}

fn info(o: &mut Vec<u8>, one: &Info<'_>) {
    put!(o; "\"", one.name, "\":{");
    if let Some(id) = one.id {
        put!(o; "\"id\":\"", id, "\",\"name\":\"", one.name, "\",\"aliases\":[\"", id, "\"],\"namespace\":\"containerd\"");
    } else {
        put!(o; "\"name\":\"", one.name, "\"");
    }
    put!(o; ",\"spec\":{\"creation_time\":", Stamp(one.created), one.labels, ",\"has_cpu\":true,\"cpu\":{\"limit\":",
        one.limit.map_or(2, |limit| limit.millicores * 1024 / 1000), ",\"max_limit\":0,\"mask\":\"0-15\"");
    if let Some(limit) = one.limit {
        put!(o; ",\"quota\":", limit.millicores * 100, ",\"period\":100000");
    }
    let memory = one.limit.map_or(9_223_372_036_854_771_712, |limit| limit.memory << 20);
    put!(o; "},\"has_memory\":true,\"memory\":{\"limit\":", memory, ",\"swap_limit\":", memory, "},\"has_network\":",
        word(one.network.is_some()), ",\"has_filesystem\":", word(one.files.is_some()),
        ",\"has_diskio\":true,\"has_custom_metrics\":false");
    if !one.image.is_empty() {
        put!(o; ",\"image\":\"", one.image, "\"");
    }
    let user = one.cpu / 3 * 2 * 1000;
    let total = one.cpu * 1000;
    put!(o; "},\"stats\":[{\"timestamp\":", Stamp(one.at), ",\"cpu\":{\"usage\":{\"total\":", total, ",\"per_cpu_usage\":[",
        total, "],\"user\":", user, ",\"system\":", total - user,
        "},\"cfs\":{\"periods\":0,\"throttled_periods\":0,\"throttled_time\":0},\"load_average\":0},\"diskio\":{},",
        "\"memory\":{\"usage\":", one.memory.usage, ",\"max_usage\":", one.memory.usage, ",\"cache\":", one.memory.cache,
        ",\"rss\":", one.memory.rss, ",\"swap\":0,\"mapped_file\":0,\"working_set\":", one.memory.working_set,
        ",\"failcnt\":0,\"container_data\":{\"pgfault\":", one.faults, ",\"pgmajfault\":", one.faults / 100,
        "},\"hierarchical_data\":{\"pgfault\":", one.faults, ",\"pgmajfault\":", one.faults / 100, "}}");
    put!(o; ",\"network\":{");
    if let Some((received, sent)) = one.network {
        interface(o, received, sent);
        put!(o; ",\"interfaces\":[{");
        interface(o, received, sent);
        put!(o; "}]");
    } else {
        put!(o; "\"name\":\"\",\"rx_bytes\":0,\"rx_packets\":0,\"rx_errors\":0,\"rx_dropped\":0,\"tx_bytes\":0,\"tx_packets\":0,\
             \"tx_errors\":0,\"tx_dropped\":0");
    }
    put!(o; "}");
    if let Some(files) = one.files {
        put!(o; ",\"filesystem\":[{\"device\":\"/dev/vda1\",\"type\":\"vfs\",\"capacity\":214748364800,\"usage\":", files + 8192,
            ",\"base_usage\":", files, ",\"available\":0,\"has_inodes\":true,\"inodes\":5,\"inodes_free\":0}]");
    }
    put!(o; ",\"task_stats\":{\"nr_sleeping\":0,\"nr_running\":0,\"nr_stopped\":0,\"nr_uninterruptible\":0,\"nr_io_wait\":0}}]}");
}

fn word(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}

fn interface(o: &mut Vec<u8>, received: u64, sent: u64) {
    put!(o; "\"name\":\"eth0\",\"rx_bytes\":", received, ",\"rx_packets\":", received / 500,
        ",\"rx_errors\":0,\"rx_dropped\":0,\"tx_bytes\":", sent, ",\"tx_packets\":", sent / 500,
        ",\"tx_errors\":0,\"tx_dropped\":0");
}
