//! Where the program may differ from a kubelet, and the row of `docs/compatibility.md` that says so.

use crate::common::glob;

/// A kind of difference.
pub struct Allowed {
    /// Its line; `*` is any text.
    pub what: &'static str,
    /// Words of the row.
    pub row: &'static str,
    /// Whether it is there in every run: one that is not any more is to be taken out.
    pub always: bool,
}

impl Allowed {
    pub fn is(&self, difference: &str) -> bool {
        glob::is(self.what, difference)
    }
}

const fn always(what: &'static str, row: &'static str) -> Allowed {
    Allowed { what, row, always: true }
}

const fn at_times(what: &'static str, row: &'static str) -> Allowed {
    Allowed { what, row, always: false }
}

const UNREADABLE: &str = "a file that cannot be read gives zeros";
const LOAD: &str = "load and tasks by state on cgroup v1 only";
const UNKNOWN_DISK: &str = "io families of filesystems whose disk is not known are 0";
const LAYERS: &str =
    "no filesystem numbers with Docker's containerd image store, and none of containerd's containers";
const SECONDS: &str = "seconds of disk io from `/proc/diskstats` are a million times too small";
const HIERARCHY: &str = "v1: page faults with `scope=\"hierarchy\"` are the group's own";
const ROOT: &str = "cache, rss and faults of `/` from `memory.stat`";
const FAMILIES: &str = "`/metrics/cadvisor` has the families of the cAdvisor that is built in";
const VERSION: &str = "`cadvisor_version_info` there has no version";
const IMAGES: &str = "`usedBytes` and `inodesUsed` of `imageFs` and `containerFs`";
const LOGS: &str = "`inodesUsed` of `logs`";
const HOST_NETWORK: &str = "a pod with the host's network has the host's interfaces as its `network`";
const VOLUMES: &str = "`volume` has those of secrets, config maps, the downward API and tokens";
const MOUNTS: &str = "the list of mounts is read once, at start";
const NAME: &str = "the node's name is what `--hostname-override` says";
const SWAP: &str = "`swapAvailableBytes` of a container on cgroup v1";
const START: &str = "`startTime` of the node in the short summary";

const CADVISOR: &[Allowed] = &[
    always("family missing container_cpu_load_*", LOAD),
    always("family missing container_tasks_state", LOAD),
    // a kernel without pressure files
    at_times("family missing container_pressure_*", UNREADABLE),
    always("family extra container_*", FAMILIES),
    always("family extra machine_*", FAMILIES),
    always("missing cadvisor_version_info{*", VERSION),
    always("extra cadvisor_version_info{*", VERSION),
    always("missing container_fs_*{device=*,id=\"/\"} 0", UNKNOWN_DISK),
    always("missing container_threads{id=\"/\"} 0", UNREADABLE),
    always("missing container_threads_max{id=\"/\"} 0", UNREADABLE),
    always("extra container_fs_inodes_total{*pod=*", LAYERS),
    always("extra container_fs_limit_bytes{*pod=*", LAYERS),
    always("extra container_fs_usage_bytes{*pod=*", LAYERS),
    always("extra container_fs_*{device=\"*/var/lib/kubelet/pods/*\",id=\"/\"} *", MOUNTS),
    always("extra container_fs_*{device=\"/run/containerd/*\",id=\"/\"} *", MOUNTS),
    always("value container_fs_*_seconds_total{device=*,id=\"/\"}*", SECONDS),
    always("value container_memory_failures_total{*scope=\"hierarchy\"}*", HIERARCHY),
    always("value container_memory_failures_total{*id=\"/\"*", ROOT),
    at_times("value container_memory_*{id=\"/\"}*", ROOT),
];

const RESOURCE: &[Allowed] = &[at_times("value node_memory_working_set_bytes*", ROOT)];

const SUMMARY: &[Allowed] = &[
    at_times("missing *.psi.*", UNREADABLE),
    at_times("missing *.io.time*", UNREADABLE),
    always("value node.nodeName:*", NAME),
    always("missing node.runtime.*", IMAGES),
    always("missing pods[*].containers[*].logs.inodesUsed *", LOGS),
    // a container that was restarted has more than one
    at_times("value pods[*].ephemeral-storage.inodesUsed:*", LOGS),
    always("missing pods[kinds/hostnet].network.*", HOST_NETWORK),
    always("missing pods[*].volume[kube-api-access-*", VOLUMES),
    always("value node.memory.*", ROOT),
    at_times("value pods[*].swap.swapAvailableBytes:*", SWAP),
    at_times("extra *.swap.swapAvailableBytes 0", SWAP),
];

const SHORT: &[Allowed] = &[
    at_times("missing *.psi.*", UNREADABLE),
    always("value node.memory.*", ROOT),
    always("value node.nodeName:*", NAME),
    at_times("value node.startTime:*", START),
    at_times("extra *.swap.swapAvailableBytes 0", SWAP),
];

/// Those of a route.
pub fn of(path: &str) -> &'static [Allowed] {
    match path {
        "/metrics/cadvisor" => CADVISOR,
        "/metrics/resource" => RESOURCE,
        "/stats/summary" => SUMMARY,
        _ => SHORT,
    }
}

/// All.
pub fn all() -> impl Iterator<Item = &'static Allowed> {
    [CADVISOR, RESOURCE, SUMMARY, SHORT].into_iter().flatten()
}
