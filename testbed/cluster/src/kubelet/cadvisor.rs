//! `/metrics/cadvisor`: the families of it that tell of use, of the machine, pods, sandboxes and containers.

use crate::load::Memory;
use crate::node::{CAPACITY, Seen};
use crate::object::Ask;
use crate::text::{Float, float, put};

use super::container::{container_id, image, path, sandbox_id};
use super::resource::{Stamp, seconds};

/// A group that series tell of.
struct Group {
    container: &'static str,
    id: String,
    image: String,
    name: String,
    namespace: String,
    pod: String,
    at: i64,
    started: i64,
    cpu: u64,
    memory: Memory,
    faults: u64,
    limit: Option<Ask>,
    network: Option<(u64, u64)>,
    /// Whether it is the sandbox alone, of which there is little to tell.
    sandbox: bool,
}

/// A label besides those that all have, or none.
type More = (&'static str, &'static str);
const NONE: More = ("", "");
/// How a number is had of a group.
type Take = fn(&Group) -> Option<Float>;

/// A family: name, help, type, whether its samples have an instant, its series of a group.
struct Family(&'static str, &'static str, &'static str, bool, &'static [(More, Take)]);

const ETH: More = ("interface", "eth0");
const DISK: More = ("device", "/dev/vda");

/// In the order of the text.
const FAMILIES: [Family; 24] = [
    Family(
        "container_cpu_cfs_periods_total",
        "Number of elapsed enforcement period intervals.",
        "counter",
        true,
        &[(NONE, |one| one.limit.map(|_| float(one.cpu / 100_000)))],
    ),
    Family(
        "container_cpu_cfs_throttled_periods_total",
        "Number of throttled period intervals.",
        "counter",
        true,
        &[(NONE, |one| one.limit.map(|_| float(0)))],
    ),
    Family(
        "container_cpu_cfs_throttled_seconds_total",
        "Total time duration the container has been throttled.",
        "counter",
        true,
        &[(NONE, |one| one.limit.map(|_| float(0)))],
    ),
    Family(
        "container_cpu_system_seconds_total",
        "Cumulative system cpu time consumed in seconds.",
        "counter",
        true,
        &[(NONE, |one| Some(seconds(one.cpu / 3)))],
    ),
    Family(
        "container_cpu_usage_seconds_total",
        "Cumulative cpu time consumed in seconds.",
        "counter",
        true,
        &[(("cpu", "total"), |one| Some(seconds(one.cpu)))],
    ),
    Family(
        "container_cpu_user_seconds_total",
        "Cumulative user cpu time consumed in seconds.",
        "counter",
        true,
        &[(NONE, |one| Some(seconds(one.cpu / 3 * 2)))],
    ),
    Family(
        "container_fs_reads_bytes_total",
        "Cumulative count of bytes read",
        "counter",
        true,
        &[(DISK, |one| not_sandbox(one, one.faults * 4096))],
    ),
    Family(
        "container_fs_writes_bytes_total",
        "Cumulative count of bytes written",
        "counter",
        true,
        &[(DISK, |one| not_sandbox(one, one.faults * 2048))],
    ),
    Family(
        "container_memory_cache",
        "Number of bytes of page cache memory.",
        "gauge",
        true,
        &[(NONE, |one| Some(float(one.memory.cache)))],
    ),
    Family(
        "container_memory_failures_total",
        "Cumulative count of memory allocation failures.",
        "counter",
        true,
        &[
            (("failure_type", "pgfault"), |one| Some(float(one.faults))),
            (("failure_type", "pgmajfault"), |one| Some(float(one.faults / 100))),
        ],
    ),
    Family(
        "container_memory_max_usage_bytes",
        "Maximum memory usage recorded in bytes",
        "gauge",
        true,
        &[(NONE, |one| Some(float(one.memory.usage)))],
    ),
    Family(
        "container_memory_rss",
        "Size of RSS in bytes.",
        "gauge",
        true,
        &[(NONE, |one| Some(float(one.memory.rss)))],
    ),
    Family(
        "container_memory_swap",
        "Container swap usage in bytes.",
        "gauge",
        true,
        &[(NONE, |_| Some(float(0)))],
    ),
    Family(
        "container_memory_usage_bytes",
        "Current memory usage in bytes, including all memory regardless of when it was accessed",
        "gauge",
        true,
        &[(NONE, |one| Some(float(one.memory.usage)))],
    ),
    Family(
        "container_memory_working_set_bytes",
        "Current working set in bytes.",
        "gauge",
        true,
        &[(NONE, |one| Some(float(one.memory.working_set)))],
    ),
    Family(
        "container_network_receive_bytes_total",
        "Cumulative count of bytes received",
        "counter",
        true,
        &[(ETH, |one| one.network.map(|(received, _)| float(received)))],
    ),
    Family(
        "container_network_receive_errors_total",
        "Cumulative count of errors encountered while receiving",
        "counter",
        true,
        &[(ETH, |one| one.network.map(|_| float(0)))],
    ),
    Family(
        "container_network_receive_packets_total",
        "Cumulative count of packets received",
        "counter",
        true,
        &[(ETH, |one| one.network.map(|(received, _)| float(received / 500)))],
    ),
    Family(
        "container_network_transmit_bytes_total",
        "Cumulative count of bytes transmitted",
        "counter",
        true,
        &[(ETH, |one| one.network.map(|(_, sent)| float(sent)))],
    ),
    Family(
        "container_network_transmit_errors_total",
        "Cumulative count of errors encountered while transmitting",
        "counter",
        true,
        &[(ETH, |one| one.network.map(|_| float(0)))],
    ),
    Family(
        "container_network_transmit_packets_total",
        "Cumulative count of packets transmitted",
        "counter",
        true,
        &[(ETH, |one| one.network.map(|(_, sent)| float(sent / 500)))],
    ),
    Family(
        "container_spec_cpu_quota",
        "CPU quota of the container.",
        "gauge",
        false,
        &[(NONE, |one| one.limit.map(|limit| float(limit.millicores * 100)))],
    ),
    Family(
        "container_spec_memory_limit_bytes",
        "Memory limit for the container.",
        "gauge",
        false,
        &[(NONE, |one| Some(float(one.limit.map_or(0, |limit| limit.memory << 20))))],
    ),
    Family(
        "container_start_time_seconds",
        "Start time of the container since unix epoch in seconds.",
        "gauge",
        false,
        &[(NONE, |one| Some(float(one.started.max(0) as u64 / 1000)))],
    ),
];

fn not_sandbox(one: &Group, value: u64) -> Option<Float> {
    (!one.sandbox).then(|| float(value))
}

/// The text.
pub(super) fn render(seen: &Seen) -> Vec<u8> {
    let groups = groups(seen);
    let mut out = Vec::with_capacity(groups.len() * 8000);
    let o = &mut out;
    put!(o; "# HELP cadvisor_version_info A metric with a constant '1' value labeled by kernel version, OS version, docker \
             version, cadvisor version & cadvisor revision.\n# TYPE cadvisor_version_info gauge\ncadvisor_version_info{\
             cadvisorRevision=\"\",cadvisorVersion=\"\",dockerVersion=\"\",kernelVersion=\"6.1.0\",osVersion=\"Test\"} 1\n");
    for Family(name, help, kind, stamped, series) in &FAMILIES {
        put!(o; "# HELP ", *name, " ", *help, "\n# TYPE ", *name, " ", *kind, "\n");
        for one in &groups {
            for ((key, value), take) in *series {
                let Some(number) = take(one) else { continue };
                line(o, name, one, key, value);
                let at = if *stamped { one.at } else { 0 };
                put!(o; number, Stamp(at), "\n");
            }
        }
    }
    put!(o; "# HELP machine_cpu_cores Number of logical CPU cores.\n# TYPE machine_cpu_cores gauge\nmachine_cpu_cores{boot_id=\
             \"\",machine_id=\"\",system_uuid=\"\"} 16\n# HELP machine_memory_bytes Amount of memory installed on the machine.\n\
             # TYPE machine_memory_bytes gauge\nmachine_memory_bytes{boot_id=\"\",machine_id=\"\",system_uuid=\"\"} ",
        float(CAPACITY), "\n# HELP container_scrape_error 1 if there was an error while getting container metrics, 0 \
             otherwise\n# TYPE container_scrape_error gauge\ncontainer_scrape_error 0\n");
    out
}

/// Labels in their names' order, wherever the further one falls.
fn line(o: &mut Vec<u8>, name: &str, one: &Group, key: &str, value: &str) {
    let at = |place: &str, before: &str| !key.is_empty() && key < place && key > before;
    put!(o; name, "{container=\"", one.container, "\"");
    if at("id", "container") {
        put!(o; ",", key, "=\"", value, "\"");
    }
    put!(o; ",id=\"", one.id, "\",image=\"", one.image, "\"");
    if at("name", "image") {
        put!(o; ",", key, "=\"", value, "\"");
    }
    put!(o; ",name=\"", one.name, "\",namespace=\"", one.namespace, "\",pod=\"", one.pod, "\"");
    if key == "failure_type" {
        put!(o; ",scope=\"container\"");
    }
    put!(o; "} ");
}

fn groups(seen: &Seen) -> Vec<Group> {
    let mut groups = vec![Group {
        container: "",
        id: "/".to_owned(),
        image: String::new(),
        name: String::new(),
        namespace: String::new(),
        pod: String::new(),
        at: seen.at,
        started: seen.booted,
        cpu: seen.cpu,
        memory: seen.memory,
        faults: seen.faults,
        limit: None,
        network: Some((seen.received, seen.sent)),
        sandbox: false,
    }];
    for pod in &seen.pods {
        let Some((body, containers)) = pod.parts() else { continue };
        let of_pod = |id: String| Group {
            container: "",
            id,
            image: String::new(),
            name: String::new(),
            namespace: pod.object.namespace.to_string(),
            pod: pod.object.name.to_string(),
            at: pod.at,
            started: pod.started,
            cpu: pod.cpu,
            memory: pod.memory,
            faults: pod.faults,
            limit: None,
            network: None,
            sandbox: false,
        };
        groups.push(of_pod(path(pod, body, "")));
        let sandbox = sandbox_id(body);
        groups.push(Group {
            image: "registry.k8s.io/pause:3.10".to_owned(),
            cpu: 30_000,
            memory: Memory { usage: 512 << 10, working_set: 512 << 10, rss: 256 << 10, cache: 0 },
            faults: 800,
            network: (!body.host_network).then_some((pod.received, pod.sent)),
            sandbox: true,
            ..of_pod(path(pod, body, &sandbox))
        });
        if let Some(last) = groups.last_mut() {
            last.name = sandbox;
        }
        for (what, one) in containers {
            let id = container_id(body, one.index);
            groups.push(Group {
                container: what.name,
                image: image(pod, what),
                at: one.at,
                started: one.started,
                cpu: one.cpu,
                memory: one.memory,
                faults: one.faults,
                limit: what.limit,
                ..of_pod(path(pod, body, &id))
            });
            if let Some(last) = groups.last_mut() {
                last.name = id;
            }
        }
    }
    groups
}
