//! Objects as JSON.

use std::sync::Arc;

use crate::kubelet::container::{container_id, image_of};
use crate::node::CAPACITY;
use crate::object::{Ask, Body, Kind, NodeBody, Object, Phase, PodBody};
use crate::seed::uid;
use crate::text::{Time, put};

/// What stands before an object in its list: where the next page begins, how much is left.
pub(crate) struct Rest {
    pub(crate) version: u64,
    pub(crate) next: Option<(String, usize)>,
}

/// A list of objects; or of their metadata alone.
pub(crate) fn list(
    kind: &str,
    version: &str,
    rest: Option<Rest>,
    items: &[Arc<Object>],
    metadata: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(items.len() * if metadata { 600 } else { 2600 } + 200);
    let (kind, version) = if metadata { ("PartialObjectMetadataList", META) } else { (kind, version) };
    put!(&mut out; "{\"kind\":\"", kind, "\",\"apiVersion\":\"", version, "\",\"metadata\":{");
    if let Some(rest) = rest {
        put!(&mut out; "\"resourceVersion\":\"", rest.version, "\"");
        if let Some((next, left)) = rest.next {
            put!(&mut out; ",\"continue\":\"", next, "\",\"remainingItemCount\":", left);
        }
    }
    put!(&mut out; "},\"items\":[");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if metadata { partial(&mut out, item) } else { render(&mut out, item, false) }
    }
    put!(&mut out; "]}\n");
    out
}

const META: &str = "meta.k8s.io/v1";

/// The metadata of an object, as an object.
pub(crate) fn partial(o: &mut Vec<u8>, object: &Object) {
    put!(o; "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"", META, "\",");
    metadata(o, object);
    put!(o; "}");
}

/// An object; with kind and version where it does not stand in a list.
pub(crate) fn render(o: &mut Vec<u8>, object: &Object, alone: bool) {
    put!(o; "{");
    if alone {
        let resource = object.kind.resource();
        put!(o; "\"kind\":\"", resource.name, "\",\"apiVersion\":\"", resource.version(), "\",");
    }
    metadata(o, object);
    match &object.body {
        Body::Namespace => {
            put!(o; ",\"spec\":{\"finalizers\":[\"kubernetes\"]},\"status\":{\"phase\":\"Active\"}")
        }
        Body::Node(body) => node(o, object, body),
        Body::Pod(body) => pod(o, object, body),
        Body::Workload { replicas } => workload(o, object, *replicas),
        Body::ConfigMap(data) => {
            put!(o; ",\"data\":{");
            for (index, (key, text)) in data.iter().enumerate() {
                let text = serde_json::Value::from(text.as_str()).to_string();
                put!(o; if index == 0 { "\"" } else { ",\"" }, *key, "\":", text);
            }
            put!(o; "}");
        }
    }
    put!(o; "}");
}

fn app(object: &Object) -> &str {
    object.labels.first().map_or("app", |(_, app)| app)
}

fn metadata(o: &mut Vec<u8>, object: &Object) {
    put!(o; "\"metadata\":{\"name\":\"", *object.name, "\"");
    if !object.namespace.is_empty() {
        put!(o; ",\"namespace\":\"", *object.namespace, "\"");
    }
    put!(o; ",\"uid\":\"", object.uid, "\",\"resourceVersion\":\"", object.version, "\",\"creationTimestamp\":",
        Time(object.created));
    for (index, (key, value)) in object.labels.iter().enumerate() {
        put!(o; if index == 0 { ",\"labels\":{\"" } else { ",\"" }, *key, "\":\"", **value, "\"");
    }
    if !object.labels.is_empty() {
        put!(o; "}");
    }
    match &object.body {
        Body::Node(_) => put!(o; ",\"annotations\":{\"node.alpha.kubernetes.io/ttl\":\"0\",\
            \"volumes.kubernetes.io/controller-managed-attach-detach\":\"true\"}"),
        Body::Pod(_) => put!(o; ",\"annotations\":{\"note\":\"a pod that is not there\"}"),
        _ => {}
    }
    if let Some(owner) = &object.owner {
        let version = owner.kind.resource().version();
        put!(o; ",\"ownerReferences\":[{\"apiVersion\":\"", version, "\",\"kind\":\"", owner.kind.resource().name,
            "\",\"name\":\"", *owner.name, "\",\"uid\":\"", owner.uid, "\",\"controller\":true,\"blockOwnerDeletion\":true}]");
    }
    put!(o; "}");
}

fn workload(o: &mut Vec<u8>, object: &Object, replicas: u64) {
    let template = format!(
        "\"template\":{{\"metadata\":{{\"creationTimestamp\":null,\"labels\":{{\"app\":\"{}\"}}}},\"spec\":{{\"containers\":[],\
         \"restartPolicy\":\"Always\"}}}}",
        app(object)
    );
    let selector = format!("\"selector\":{{\"matchLabels\":{{\"app\":\"{}\"}}}}", app(object));
    match object.kind {
        Kind::Job => {
            put!(o; ",\"spec\":{\"parallelism\":", replicas, ",\"completions\":", replicas, ",", selector, ",", template,
            "},\"status\":{\"startTime\":", Time(object.created), ",\"ready\":", replicas, "}")
        }
        Kind::CronJob => {
            put!(o; ",\"spec\":{\"schedule\":\"0 * * * *\",\"jobTemplate\":{\"spec\":{", template, "}}},\"status\":{}")
        }
        Kind::DaemonSet => {
            put!(o; ",\"spec\":{", selector, ",", template, "},\"status\":{\"desiredNumberScheduled\":", replicas,
            ",\"numberReady\":", replicas, ",\"observedGeneration\":1}")
        }
        _ => {
            put!(o; ",\"spec\":{\"replicas\":", replicas, ",", selector, ",", template, "},\"status\":{\"replicas\":", replicas,
            ",\"readyReplicas\":", replicas, ",\"observedGeneration\":1}")
        }
    }
}

fn node(o: &mut Vec<u8>, object: &Object, body: &NodeBody) {
    let amounts = |o: &mut Vec<u8>, name: &str, cpu: &str, memory: u64| {
        put!(o; "\"", name, "\":{\"cpu\":\"", cpu, "\",\"ephemeral-storage\":\"209715200Ki\",\"hugepages-2Mi\":\"0\",\"memory\":\"",
            memory >> 10, "Ki\",\"pods\":\"250\"},");
    };
    put!(o; ",\"spec\":{},\"status\":{");
    amounts(o, "capacity", "16", CAPACITY);
    amounts(o, "allocatable", "15500m", CAPACITY - (2 << 30));
    put!(o; "\"conditions\":[");
    let quiet = ["MemoryPressure", "DiskPressure", "PIDPressure"];
    for kind in quiet {
        condition(o, kind, "False", body.heartbeat, object.created);
        put!(o; ",");
    }
    condition(o, "Ready", if body.ready { "True" } else { "Unknown" }, body.heartbeat, object.created);
    let machine = uid(body.number).replace('-', "");
    put!(o; "],\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"", body.address.to_string(),
        "\"},{\"type\":\"Hostname\",\"address\":\"", *object.name,
        "\"}],\"daemonEndpoints\":{\"kubeletEndpoint\":{\"Port\":", body.port, "}},\"nodeInfo\":{\"machineID\":\"", machine,
        "\",\"systemUUID\":\"", machine, "\",\"bootID\":\"", uid(body.number ^ 1),
        "\",\"kernelVersion\":\"6.1.0\",\"osImage\":\"Test\",\"containerRuntimeVersion\":\"containerd://1.7.0\",\
        \"kubeletVersion\":\"v1.32.13\",\"kubeProxyVersion\":\"v1.32.13\",\"operatingSystem\":\"linux\",\
        \"architecture\":\"amd64\"}}");
}

fn condition(o: &mut Vec<u8>, kind: &str, status: &str, heartbeat: i64, since: i64) {
    put!(o; "{\"type\":\"", kind, "\",\"status\":\"", status, "\",\"lastHeartbeatTime\":", Time(heartbeat),
        ",\"lastTransitionTime\":", Time(since), ",\"reason\":\"Kubelet", kind, "\",\"message\":\"as the kubelet says\"}");
}

fn pod(o: &mut Vec<u8>, object: &Object, body: &PodBody) {
    put!(o; ",\"spec\":{\"volumes\":[");
    if let Some(claim) = &body.claim {
        put!(o; "{\"name\":\"data\",\"persistentVolumeClaim\":{\"claimName\":\"", *claim, "\"}},");
    }
    put!(o; "{\"name\":\"kube-api-access-", crate::seed::suffix(body.number, 5), "\",\"projected\":{\"sources\":[\
        {\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}}],\"defaultMode\":420}}],\"containers\":[");
    for (index, one) in body.containers.iter().enumerate() {
        put!(o; if index == 0 { "" } else { "," }, "{\"name\":\"", one.name, "\",\"image\":\"",
            image_of(app(object), one.name), "\",\"command\":[\"serve\"],\"resources\":{");
        if let Some(limit) = one.limit {
            put!(o; "\"limits\":");
            ask(o, limit);
        }
        if let Some(request) = one.request {
            put!(o; if one.limit.is_some() { "," } else { "" }, "\"requests\":");
            ask(o, request);
        }
        put!(o; "},\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\",\
            \"imagePullPolicy\":\"IfNotPresent\"}");
    }
    let restart = if body.phase == Phase::Succeeded { "Never" } else { "Always" };
    put!(o; "],\"restartPolicy\":\"", restart, "\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\",\
        \"serviceAccountName\":\"default\",\"serviceAccount\":\"default\"");
    if let Some(node) = &body.node {
        put!(o; ",\"nodeName\":\"", **node, "\"");
    }
    if body.host_network {
        put!(o; ",\"hostNetwork\":true");
    }
    put!(o; ",\"securityContext\":{},\"schedulerName\":\"default-scheduler\",\"priority\":0,\"enableServiceLinks\":true,\
        \"preemptionPolicy\":\"PreemptLowerPriority\"},\"status\":{\"phase\":\"", body.phase.word(), "\"");
    let ready = if body.phase == Phase::Running { "True" } else { "False" };
    put!(o; ",\"conditions\":[{\"type\":\"Ready\",\"status\":\"", ready, "\",\"lastProbeTime\":null,\"lastTransitionTime\":",
        Time(body.started), "}]");
    if let (Some(host), false) = (body.host, body.phase == Phase::Pending) {
        let (host, ip) = (host.to_string(), if body.host_network { host } else { body.ip }.to_string());
        put!(o; ",\"hostIP\":\"", host, "\",\"hostIPs\":[{\"ip\":\"", host, "\"}],\"podIP\":\"", ip, "\",\"podIPs\":[{\"ip\":\"",
            ip, "\"}],\"startTime\":", Time(body.started), ",\"containerStatuses\":[");
        for (index, one) in body.containers.iter().enumerate() {
            let began = Time(body.started + one.after);
            put!(o; if index == 0 { "" } else { "," }, "{\"name\":\"", one.name, "\",\"state\":{");
            if body.phase == Phase::Running {
                put!(o; "\"running\":{\"startedAt\":", began, "}},\"lastState\":{},\"ready\":true");
            } else {
                put!(o; "\"terminated\":{\"exitCode\":0,\"reason\":\"Completed\",\"startedAt\":", began, ",\"finishedAt\":",
                    Time(body.started + one.after + 5000), "}},\"lastState\":{},\"ready\":false");
            }
            let started = if body.phase == Phase::Running { "true" } else { "false" };
            put!(o; ",\"restartCount\":", body.restarts, ",\"image\":\"", image_of(app(object), one.name),
                "\",\"imageID\":\"sha256:", crate::seed::id(crate::seed::number(app(object))),
                "\",\"containerID\":\"containerd://", container_id(body, index), "\",\"started\":", started, "}");
        }
        put!(o; "]");
    }
    put!(o; ",\"qosClass\":\"", body.class(), "\"}");
}

fn ask(o: &mut Vec<u8>, ask: Ask) {
    put!(o; "{\"cpu\":\"", ask.millicores, "m\",\"memory\":\"", ask.memory, "Mi\"}");
}
