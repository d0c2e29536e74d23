//! The routes that change the cluster, and that tell what is to be expected of it.
//!
//! | route | does |
//! | --- | --- |
//! | `GET /expected?at=MS&node=N&namespace=NS&pod=P` | what the newest samples at this instant say; all parameters may be left out |
//! | `GET /stats` | requests of each route, nodes, pods, CPU seconds of this program |
//! | `POST /fault?nodes=NODES&what=WORD` | as `--fault` |
//! | `POST /api-fault?what=WORD` | the same with the API server |
//! | `POST /restart?nodes=NODES`, `/reboot` | all containers, or the machines, begin anew |
//! | `POST /ready?nodes=NODES&is=true` | the condition Ready: True, or Unknown |
//! | `POST /pods/add?nodes=NODES&count=N`, `/pods/remove` | on each of them |
//! | `POST /churn?per-minute=N` | as `--churn` |
//! | `POST /nodes/add?count=N`, `/nodes/remove?nodes=NODES` | |
//! | `POST /watches/end`, `/watches/expire` | all watches end; the past is forgotten besides, so that they get 410 |

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fault::{self, Trouble};
use crate::kubelet::Kubelets;
use crate::node::{Node, PodSeen, Seen};
use crate::object::Kind;
use crate::reply::{Body, JSON, PLAIN, ok, reply};
use crate::world::{World, now};
use crate::{Result, life, people, serve};

/// Serves until it is dropped.
pub(crate) async fn run(world: Arc<World>, kubelets: Kubelets, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let (world, kubelets) = (Arc::clone(&world), kubelets.clone());
        let answer = move |request| answer(Arc::clone(&world), kubelets.clone(), request);
        tokio::spawn(serve::connection(stream, None, answer));
    }
}

async fn answer(world: Arc<World>, kubelets: Kubelets, request: Request<Incoming>) -> Result<Response<Body>> {
    let query: Query = Query(
        url::form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes()).into_owned().collect(),
    );
    let done = match (request.method(), request.uri().path()) {
        (&Method::GET, "/expected") => expected(&world, &query),
        (&Method::GET, "/stats") => Ok(stats(&world, &kubelets)),
        (&Method::POST, "/nodes/add") => add_nodes(&world, &kubelets, &query).await,
        (&Method::POST, path) => change(&world, &kubelets, path, &query),
        _ => Err("no such route; the head of testbed/cluster/src/control.rs lists them".into()),
    };
    Ok(match done {
        Ok(value) => ok(JSON, value.to_string()),
        Err(error) => reply(StatusCode::BAD_REQUEST, PLAIN, format!("{error}\n")),
    })
}

struct Query(HashMap<String, String>);

impl Query {
    fn get(&self, name: &str) -> Result<&str> {
        self.find(name).ok_or_else(|| format!("the parameter {name} is missing").into())
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn count(&self) -> Result<usize> {
        let text = self.get("count")?;
        text.parse().map_err(|_| format!("count={text}: a number is wanted").into())
    }
}

fn change(world: &World, kubelets: &Kubelets, path: &str, query: &Query) -> Result<Value> {
    let nodes = || world.nodes(query.get("nodes")?);
    let at = world.moment();
    match path {
        "/fault" => {
            let what = query.get("what")?;
            fault::change(Trouble::default(), what)?;
            for node in nodes()? {
                node.trouble.send_modify(|trouble| {
                    if let Ok(changed) = fault::change(trouble.clone(), what) {
                        *trouble = changed;
                    }
                });
            }
        }
        "/api-fault" => {
            let trouble = fault::change(Trouble::default(), query.get("what")?)?;
            world.api.send_replace(trouble);
        }
        "/restart" => nodes()?.iter().for_each(|node| life::restart(world, node, at)),
        "/reboot" => nodes()?.iter().for_each(|node| life::reboot(world, node, at)),
        "/ready" => life::set_ready(world, &nodes()?, query.get("is")? == "true"),
        "/pods/add" => life::add_pods(world, &nodes()?, query.count()?, at),
        "/pods/remove" => life::remove_pods(world, &nodes()?, query.count()?, at),
        "/churn" => {
            let text = query.get("per-minute")?;
            let rate = text.parse().map_err(|_| format!("per-minute={text}: a number is wanted"))?;
            world.churn.store(rate, Ordering::Relaxed);
        }
        "/nodes/remove" => {
            for node in nodes()? {
                kubelets.end(&node);
                life::remove_node(world, &node, at);
            }
        }
        "/watches/end" => world.changes.end_watches(),
        "/watches/expire" => {
            // one more change, so that nobody is up to date
            let mut state = world.write();
            state.version += 1;
            world.changes.forget(state.version);
            drop(state);
            world.changes.end_watches();
        }
        _ => return Err(format!("{path}: no such route").into()),
    }
    Ok(json!({"done": path, "at": at}))
}

async fn add_nodes(world: &World, kubelets: &Kubelets, query: &Query) -> Result<Value> {
    let count = query.count()?;
    let at = world.moment();
    let mut names = Vec::new();
    for _ in 0..count {
        let (node, pods) = {
            let mut state = world.write();
            let (node, object) = people::add_node(&mut state, &world.options, kubelets.port(), at);
            world.put(&mut state, object);
            (node, world.options.pods)
        };
        kubelets.listen(Arc::clone(&node)).await?;
        names.push(node.name.to_string());
        life::add_pods(world, &[node], pods, at);
    }
    Ok(json!({"nodes": names, "at": at}))
}

fn stats(world: &World, kubelets: &Kubelets) -> Value {
    let state = world.read();
    let pods = state.of_kind(Kind::Pod, None).count();
    let asked: BTreeMap<_, _> = kubelets.asked().into_iter().collect();
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    json!({
        "nodes": state.nodes.len(),
        "pods": pods,
        "version": state.version,
        "asked": asked,
        "cpu_seconds": cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
    })
}

/// Sums over containers.
#[derive(Default)]
struct Sum {
    pods: u64,
    containers: u64,
    millicores: u64,
    working_set: u64,
}

impl Sum {
    fn add(&mut self, pod: &PodSeen) {
        self.pods += 1;
        if let Some((_, each)) = pod.parts() {
            for (what, one) in each {
                self.containers += 1;
                self.millicores += what.load.millicores;
                self.working_set += one.memory.working_set;
            }
        }
    }

    fn json(&self) -> Value {
        json!({
            "pods": self.pods, "containers": self.containers, "millicores": self.millicores,
            "working_set": self.working_set,
        })
    }
}

/// What each node's newest samples at an instant say; of one namespace or pod with every container.
fn expected(world: &World, query: &Query) -> Result<Value> {
    let at: i64 = match query.find("at") {
        None => now(),
        Some(text) => text.parse().map_err(|_| format!("at={text}: milliseconds since 1970 are wanted"))?,
    };
    let nodes = world.nodes(query.find("node").unwrap_or("all"))?;
    let (namespace, name) = (query.find("namespace"), query.find("pod"));
    let detailed = namespace.is_some() || name.is_some() || query.find("node").is_some();
    let (mut cluster, mut namespaces, mut containers) =
        (Sum::default(), BTreeMap::<String, Sum>::new(), Vec::new());
    let mut each = BTreeMap::new();
    for node in &nodes {
        let seen = node.seen(at);
        let mut sum = Sum::default();
        for pod in &seen.pods {
            let object = &pod.object;
            if namespace.is_some_and(|one| one != &*object.namespace)
                || name.is_some_and(|one| one != &*object.name)
            {
                continue;
            }
            sum.add(pod);
            cluster.add(pod);
            namespaces.entry(object.namespace.to_string()).or_default().add(pod);
            if detailed {
                containers.extend(detail(node, pod));
            }
        }
        each.insert(node.name.to_string(), of_node(node, &seen, &sum));
    }
    let namespaces: BTreeMap<_, _> = namespaces.iter().map(|(name, sum)| (name, sum.json())).collect();
    Ok(json!({
        "at": at, "cluster": cluster.json(), "namespaces": namespaces, "nodes": each, "containers": containers,
    }))
}

fn of_node(node: &Node, seen: &Seen, sum: &Sum) -> Value {
    json!({
        "address": node.address.to_string(), "sampled": seen.at, "booted": seen.booted, "cpu_nanos": seen.cpu * 1000,
        "millicores": seen.millicores, "working_set": seen.memory.working_set, "usage": seen.memory.usage,
        "received": seen.received, "sent": seen.sent, "sum": sum.json(),
    })
}

fn detail(node: &Node, pod: &PodSeen) -> Vec<Value> {
    let Some((body, each)) = pod.parts() else { return Vec::new() };
    let one = |(what, one): (&crate::object::Container, &crate::node::ContainerSeen)| {
        json!({
            "node": &*node.name, "namespace": &*pod.object.namespace, "pod": &*pod.object.name, "uid": pod.object.uid,
            "container": what.name, "sampled": one.at, "started": one.started, "cpu_nanos": one.cpu * 1000,
            "millicores": what.load.millicores, "working_set": one.memory.working_set, "usage": one.memory.usage,
            "rss": one.memory.rss, "page_faults": one.faults, "pod_received": pod.received, "pod_sent": pod.sent,
            "pod_sampled": pod.at, "restarts": body.restarts,
            "request": what.request.map(|ask| json!({"millicores": ask.millicores, "memory": ask.memory << 20})),
            "limit": what.limit.map(|ask| json!({"millicores": ask.millicores, "memory": ask.memory << 20})),
        })
    };
    each.map(one).collect()
}
