//! What it costs to know a cluster's pods: serves many over loopback, watches them, and says memory and time a pod.
//!
//! `cargo run --release -p plimsoll-nodes --example objects -- 5000 30` (nodes, pods a node)

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for who measures: what fails is seen"
)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_core::cluster::names::Names;
use plimsoll_core::cluster::objects::Objects;
use plimsoll_nodes::kube::{ApiOptions, Connection, Resource, Watch, WatchOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Pods a ReplicaSet has.
const REPLICAS: usize = 10;
const PAGE: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse().expect("a number"));
    let (nodes, pods) = (words.next().unwrap_or(1000), words.next().unwrap_or(30));
    let all = nodes * pods;
    let one = template();
    let size = pod(&one, 0, nodes).len();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Some(format!("http://{}", listener.local_addr().unwrap()));
    std::thread::spawn(move || serve(listener.into_std().unwrap(), &one, all, nodes));

    let options = ApiOptions { server, in_cluster: false, ..ApiOptions::default() };
    let connection = Connection::new(&options, |_| None).await.unwrap();
    let (objects, names) = (Arc::<Objects>::default(), Arc::<Names>::default());
    let wanted = WatchOptions { resources: vec![Resource::Pods], ..WatchOptions::default() };
    let (before, begun) = (memory(), Instant::now());
    let watch = Watch::start(&connection, &wanted, &objects, &names);
    watch.listed(&[Resource::Pods]).await;
    let took = begun.elapsed();
    // pages are given back
    tokio::time::sleep(Duration::from_millis(200)).await;
    let kept = memory().saturating_sub(before);
    let known: usize = objects.read().pods.values().map(std::collections::BTreeMap::len).sum();
    println!(
        "{known} pods of {size} bytes of JSON: {} bytes each, {:.1} µs each",
        kept / all,
        took.as_secs_f64() * 1e6 / all as f64
    );
    println!("{} names; {:?}", names.len(), watch.states());
}

/// A recorded pod of two containers.
fn template() -> String {
    let list: serde_json::Value =
        serde_json::from_str(include_str!("../src/kube/testdata/pods.json")).unwrap();
    let pods = list["items"].as_array().unwrap();
    let pod = pods.iter().find(|pod| pod["metadata"]["name"].as_str().unwrap().starts_with("web-"));
    let mut pod = pod.unwrap().clone();
    for (key, value) in [("name", "$NAME"), ("namespace", "$SPACE"), ("uid", "$UID")] {
        pod["metadata"][key] = value.into();
    }
    pod["metadata"]["labels"] = serde_json::json!({"app": "$APP", "pod-template-hash": "$HASH",
        "app.kubernetes.io/name": "$APP", "app.kubernetes.io/part-of": "shop", "team": "$SPACE"});
    pod["metadata"]["ownerReferences"][0]["name"] = "$APP-$HASH".into();
    pod["spec"]["nodeName"] = "$NODE".into();
    pod.to_string()
}

fn pod(template: &str, index: usize, nodes: usize) -> String {
    let set = index / REPLICAS;
    let app = format!("service-{}", set % 997);
    let hash = format!("{:010x}", (set as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24);
    let name = format!("{app}-{hash}-{index:05x}");
    let uid = format!("{index:08x}-32e0-48a9-97f6-b0fe5d4ac118");
    template
        .replace("$NAME", &name)
        .replace("$SPACE", &format!("team-{}", set % 200))
        .replace("$UID", &uid)
        .replace("$APP", &app)
        .replace("$HASH", &hash)
        .replace("$NODE", &format!("node-{}.example.com", index % nodes))
}

/// The API server, on a thread of its own.
fn serve(listener: std::net::TcpListener, template: &str, all: usize, nodes: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).unwrap();
        let mut silent = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            if line.contains("watch=true") {
                silent.push(stream);
                continue;
            }
            let from =
                line.split_once("continue=").map_or("0", |(_, rest)| rest.split([' ', '&']).next().unwrap());
            page(stream.into_inner(), template, from.parse().unwrap(), all, nodes).await;
        }
    });
}

async fn page(mut stream: TcpStream, template: &str, from: usize, all: usize, nodes: usize) {
    let end = (from + PAGE).min(all);
    let more = if end < all { format!(",\"continue\":\"{end}\"") } else { String::new() };
    let mut body = format!("{{\"metadata\":{{\"resourceVersion\":\"1\"{more}}},\"items\":[");
    for index in from..end {
        write!(body, "{}{}", if index > from { "," } else { "" }, pod(template, index, nodes)).unwrap();
    }
    body.push_str("]}");
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
}

/// Bytes of this process that are in memory.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
