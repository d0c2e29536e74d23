//! `/stats/summary`: JSON, indented by one space a level as a kubelet writes it.

use crate::load::Memory;
use crate::node::{CAPACITY, ContainerSeen, PodSeen, SYSTEM, Seen};
use crate::object::Container;
use crate::text::{Time, put};

/// Bytes and inodes of the filesystem that everything lies on.
const DISK: u64 = 200 << 30;
const FREE: u64 = 120 << 30;
const INODES: u64 = 13_107_200;
const INODES_FREE: u64 = 12_800_000;

/// The whole, or with CPU and memory alone.
pub(crate) fn render(name: &str, seen: &Seen, brief: bool) -> Vec<u8> {
    let size: usize = seen.pods.iter().map(|pod| 2300 + 1800 * pod.containers.len()).sum();
    let mut out = Vec::with_capacity(size + 6000);
    let o = &mut out;
    put!(o; "{\n \"node\": {\n  \"nodeName\": \"", name, "\",\n  \"systemContainers\": [\n");
    let system = Memory { usage: 90 << 20, working_set: 80 << 20, rss: 60 << 20, cache: 20 << 20 };
    let kubelet = SYSTEM.first().copied().unwrap_or(0);
    put!(o; "   {\n    \"name\": \"kubelet\",\n    \"startTime\": ", Time(seen.booted), ",\n");
    cpu(o, "    ", seen.at, kubelet, kubelet * seen.up.max(0) as u64);
    memory(o, "    ", seen.at, None, system, 40_000);
    swap(o, "    ", seen.at, false, brief);
    let pods_cpu = seen.pods.iter().map(|pod| pod.cpu).sum();
    let pods_rate = seen.pods.iter().map(|pod| pod.millicores).sum();
    let pods_memory = seen.pods.iter().fold(Memory::default(), |sum, pod| Memory {
        usage: sum.usage + pod.memory.usage,
        working_set: sum.working_set + pod.memory.working_set,
        rss: sum.rss + pod.memory.rss,
        cache: sum.cache + pod.memory.cache,
    });
    put!(o; "\n   },\n   {\n    \"name\": \"pods\",\n    \"startTime\": ", Time(seen.booted), ",\n");
    cpu(o, "    ", seen.at, pods_rate, pods_cpu);
    memory(o, "    ", seen.at, Some(CAPACITY), pods_memory, seen.faults);
    swap(o, "    ", seen.at, false, brief);
    put!(o; "\n   }\n  ],\n  \"startTime\": ", Time(seen.booted), ",\n");
    cpu(o, "  ", seen.at, seen.millicores, seen.cpu);
    memory(o, "  ", seen.at, Some(CAPACITY), seen.memory, seen.faults);
    if !brief {
        put!(o; ",\n");
        network(o, "  ", seen.at, seen.received, seen.sent);
        put!(o; ",\n  \"fs\": {\n");
        filesystem(o, "   ", seen.at, DISK - FREE, INODES - INODES_FREE);
        put!(o; "\n  },\n  \"runtime\": {\n   \"imageFs\": {\n");
        filesystem(o, "    ", seen.at, 30 << 30, 200_000);
        put!(o; "\n   },\n   \"containerFs\": {\n");
        filesystem(o, "    ", seen.at, 30 << 30, 200_000);
        put!(o; "\n   }\n  },\n  \"rlimit\": {\n   \"time\": ", Time(seen.now), ",\n   \"maxpid\": 4194304,\n   \"curproc\": ",
            200 + 4 * seen.pods.len(), "\n  }");
        swap(o, "  ", seen.at, true, brief);
    }
    put!(o; "\n },\n \"pods\": [");
    for (index, one) in seen.pods.iter().enumerate() {
        put!(o; if index == 0 { "\n" } else { ",\n" });
        pod(o, one, seen, brief);
    }
    put!(o; if seen.pods.is_empty() { "]\n}" } else { "\n ]\n}" });
    out
}

fn pod(o: &mut Vec<u8>, pod: &PodSeen, seen: &Seen, brief: bool) {
    let Some((body, containers)) = pod.parts() else { return };
    put!(o; "  {\n   \"podRef\": {\n    \"name\": \"", *pod.object.name, "\",\n    \"namespace\": \"",
        *pod.object.namespace, "\",\n    \"uid\": \"", pod.object.uid, "\"\n   },\n   \"startTime\": ", Time(pod.started),
        ",\n   \"containers\": ");
    let mut files = 0;
    if pod.containers.is_empty() {
        put!(o; "null,\n");
    } else {
        put!(o; "[\n");
        for (index, (what, one)) in containers.enumerate() {
            put!(o; if index == 0 { "" } else { ",\n" });
            container(o, what, one, seen, brief);
            files += used(what) + LOGS;
        }
        put!(o; "\n   ],\n");
    }
    cpu(o, "   ", pod.at, pod.millicores, pod.cpu);
    // a pod is limited where all of its containers are
    let limits: Option<u64> = body.containers.iter().map(|one| Some(one.limit?.memory << 20)).sum();
    memory(o, "   ", pod.at, limits, pod.memory, pod.faults);
    if !brief {
        if !body.host_network {
            put!(o; ",\n");
            network(o, "   ", pod.at, pod.received, pod.sent);
        }
        put!(o; ",\n   \"volume\": [\n");
        if let Some(claim) = &body.claim {
            put!(o; "    {\n");
            filesystem(o, "     ", seen.at, (1 << 30) + (body.number % 1024) * 4096, 1000);
            put!(o; ",\n     \"name\": \"data\",\n     \"pvcRef\": {\n      \"name\": \"", *claim,
                "\",\n      \"namespace\": \"", *pod.object.namespace, "\"\n     }\n    },\n");
        }
        put!(o; "    {\n");
        filesystem(o, "     ", seen.at, 12_288, 9);
        put!(o; ",\n     \"name\": \"kube-api-access-", crate::seed::suffix(body.number, 5), "\"\n    }\n   ],\n");
        put!(o; "   \"ephemeral-storage\": {\n");
        filesystem(o, "    ", seen.now, files + 4096, 7);
        put!(o; "\n   },\n   \"process_stats\": {\n    \"process_count\": ", 2 * pod.containers.len(), "\n   }");
        swap(o, "   ", pod.at, false, brief);
    }
    put!(o; "\n  }");
}

/// Bytes of a container's log.
const LOGS: u64 = 8192;

/// Bytes of a container's own layer.
fn used(what: &Container) -> u64 {
    4096 * (1 + what.load.millicores)
}

fn container(o: &mut Vec<u8>, what: &Container, one: &ContainerSeen, seen: &Seen, brief: bool) {
    put!(o; "    {\n     \"name\": \"", what.name, "\",\n     \"startTime\": ", Time(one.started), ",\n");
    cpu(o, "     ", one.at, what.load.millicores, one.cpu);
    memory(o, "     ", one.at, what.limit.map(|limit| limit.memory << 20), one.memory, one.faults);
    if !brief {
        put!(o; ",\n     \"rootfs\": {\n");
        filesystem(o, "      ", seen.at, used(what), 5);
        put!(o; "\n     },\n     \"logs\": {\n");
        filesystem(o, "      ", seen.now, LOGS, 1);
        put!(o; "\n     }");
        swap(o, "     ", seen.now, true, brief);
    }
    put!(o; "\n    }");
}

fn cpu(o: &mut Vec<u8>, pad: &str, at: i64, millicores: u64, micros: u64) {
    put!(o; pad, "\"cpu\": {\n", pad, " \"time\": ", Time(at), ",\n", pad, " \"usageNanoCores\": ",
        millicores * 1_000_000, ",\n", pad, " \"usageCoreNanoSeconds\": ", micros * 1000, "\n", pad, "},\n");
}

fn memory(o: &mut Vec<u8>, pad: &str, at: i64, limit: Option<u64>, memory: Memory, faults: u64) {
    put!(o; pad, "\"memory\": {\n", pad, " \"time\": ", Time(at), ",\n");
    if let Some(limit) = limit {
        put!(o; pad, " \"availableBytes\": ", limit.saturating_sub(memory.working_set), ",\n");
    }
    put!(o; pad, " \"usageBytes\": ", memory.usage, ",\n", pad, " \"workingSetBytes\": ", memory.working_set, ",\n",
        pad, " \"rssBytes\": ", memory.rss, ",\n", pad, " \"pageFaults\": ", faults, ",\n",
        pad, " \"majorPageFaults\": ", faults / 100, "\n", pad, "}");
}

fn swap(o: &mut Vec<u8>, pad: &str, at: i64, available: bool, brief: bool) {
    if brief {
        return;
    }
    put!(o; ",\n", pad, "\"swap\": {\n", pad, " \"time\": ", Time(at), ",\n");
    if available {
        put!(o; pad, " \"swapAvailableBytes\": 0,\n");
    }
    put!(o; pad, " \"swapUsageBytes\": 0\n", pad, "}");
}

fn network(o: &mut Vec<u8>, pad: &str, at: i64, received: u64, sent: u64) {
    put!(o; pad, "\"network\": {\n", pad, " \"time\": ", Time(at), ",\n", pad, " \"name\": \"eth0\",\n",
        pad, " \"rxBytes\": ", received, ",\n", pad, " \"rxErrors\": 0,\n", pad, " \"txBytes\": ", sent, ",\n",
        pad, " \"txErrors\": 0,\n", pad, " \"interfaces\": [\n", pad, "  {\n", pad, "   \"name\": \"eth0\",\n",
        pad, "   \"rxBytes\": ", received, ",\n", pad, "   \"rxErrors\": 0,\n", pad, "   \"txBytes\": ", sent, ",\n",
        pad, "   \"txErrors\": 0\n", pad, "  }\n", pad, " ]\n", pad, "}");
}

fn filesystem(o: &mut Vec<u8>, pad: &str, at: i64, used: u64, inodes: u64) {
    put!(o; pad, "\"time\": ", Time(at), ",\n", pad, "\"availableBytes\": ", FREE, ",\n", pad, "\"capacityBytes\": ", DISK,
        ",\n", pad, "\"usedBytes\": ", used, ",\n", pad, "\"inodesFree\": ", INODES_FREE, ",\n", pad, "\"inodes\": ",
        INODES, ",\n", pad, "\"inodesUsed\": ", inodes);
}
