//! Kubelets: one address each, all on one port.

mod cadvisor;
pub(crate) mod container;
pub(crate) mod resource;
pub(crate) mod summary;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::api::objects;
use crate::fault::{Fault, Trouble};
use crate::node::Node;
use crate::object::{Kind, Object};
use crate::options::Encrypted;
use crate::reply::{Body, JSON, METRICS, PLAIN, garbage, huge, ok, reply, short, slow};
use crate::tls::Authority;
use crate::world::{World, now};
use crate::{Result, serve};

/// All kubelets.
#[derive(Clone)]
pub(crate) struct Kubelets {
    shared: Arc<Shared>,
}

struct Shared {
    world: Arc<World>,
    port: u16,
    /// What all show, where one certificate is for all.
    tls: Option<TlsAcceptor>,
    authority: Authority,
    listening: Mutex<HashMap<Arc<str>, AbortHandle>>,
    /// Requests since the start: `/metrics/resource`, `/stats/summary`, `/stats/container`, `/metrics/cadvisor`, others.
    asked: [AtomicU64; 5],
}

/// A route that others have faults at.
const ROUTES: [&str; 5] = ["resource", "summary", "container", "cadvisor", "other"];

impl Kubelets {
    pub(crate) fn new(world: Arc<World>, port: u16, authority: Authority) -> Result<Self> {
        let tls = match world.options.tls {
            Encrypted::Signed => None,
            _ => authority.server(&world.options, world.options.first, "")?,
        };
        let (listening, asked) = (Mutex::default(), Default::default());
        Ok(Self { shared: Arc::new(Shared { world, port, tls, authority, listening, asked }) })
    }

    /// On which port they listen.
    pub(crate) fn port(&self) -> u16 {
        self.shared.port
    }

    /// How often each route was asked.
    pub(crate) fn asked(&self) -> Vec<(&'static str, u64)> {
        ROUTES.into_iter().zip(self.shared.asked.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }

    /// Lets a node's kubelet listen.
    pub(crate) async fn listen(&self, node: Arc<Node>) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let tls = match (&shared.tls, shared.world.options.tls) {
            (None, Encrypted::Signed) => {
                shared.authority.server(&shared.world.options, node.address, &node.name)?
            }
            (tls, _) => tls.clone(),
        };
        let at = (node.address, shared.port);
        let listener = TcpListener::bind(at).await.map_err(|error| format!("{}:{}: {error}", at.0, at.1))?;
        let name = Arc::clone(&node.name);
        let task = tokio::spawn(Self::accept(self.clone(), node, listener, tls));
        let mut listening = self.shared.listening.lock().unwrap_or_else(PoisonError::into_inner);
        listening.insert(name, task.abort_handle());
        Ok(())
    }

    /// Ends a node's kubelet with its connections.
    pub(crate) fn end(&self, node: &Node) {
        node.trouble.send_modify(|trouble| trouble.fault = Fault::Refused);
        let mut listening = self.shared.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = listening.remove(&node.name) {
            task.abort();
        }
    }

    /// The first node.
    #[cfg(test)]
    pub(crate) fn first(&self) -> Option<Arc<Node>> {
        self.shared.world.read().nodes.values().next().cloned()
    }

    /// Ends all.
    pub(crate) fn end_all(&self) {
        let nodes: Vec<_> = self.shared.world.read().nodes.values().cloned().collect();
        nodes.iter().for_each(|node| self.end(node));
    }

    async fn accept(self, node: Arc<Node>, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let at = (node.address, self.shared.port);
        let mut listener = Some(listener);
        let mut trouble = node.trouble.subscribe();
        loop {
            if trouble.borrow_and_update().fault == Fault::Refused {
                listener = None;
            } else if listener.is_none() {
                listener = TcpListener::bind(at).await.ok();
            }
            let Some(there) = &listener else {
                // or the address is not free again yet
                let _ = tokio::time::timeout(Duration::from_millis(200), trouble.changed()).await;
                continue;
            };
            tokio::select! {
                _ = trouble.changed() => {}
                stream = there.accept() => match stream {
                    Ok((stream, _)) => {
                        tokio::spawn(self.clone().connection(Arc::clone(&node), stream, tls.clone()));
                    }
                    // too many files: others have to end first
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
    }

    async fn connection(self, node: Arc<Node>, stream: tokio::net::TcpStream, tls: Option<TlsAcceptor>) {
        let mut trouble = node.trouble.subscribe();
        let ended = async {
            // a fault that is not one of HTTP
            let _ = trouble.wait_for(|now| matches!(now.fault, Fault::Refused | Fault::Noise)).await;
        };
        if node.trouble.borrow().fault == Fault::Noise {
            let mut stream = stream;
            let noise = b"\x00\xff\xfeno protocol that anyone speaks\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, noise).await;
            return;
        }
        let answer = {
            let node = Arc::clone(&node);
            move |request| self.clone().answer(Arc::clone(&node), request)
        };
        tokio::select! {
            () = ended => {}
            () = serve::connection(stream, tls, answer) => {}
        }
    }

    async fn answer(self, node: Arc<Node>, request: Request<Incoming>) -> Result<Response<Body>> {
        let trouble = node.trouble.borrow().clone();
        let (head, body) = request.into_parts();
        // a body that is not read would be taken for the next request
        let body = body.collect().await?.to_bytes();
        if trouble.fault == Fault::Silent {
            let mut changes = node.trouble.subscribe();
            let _ = changes.wait_for(|now| now.fault != Fault::Silent).await;
            return Err("it was silent".into());
        }
        if !self.shared.world.options.access.knows(&head.headers) {
            return Ok(reply(StatusCode::UNAUTHORIZED, PLAIN, "Unauthorized"));
        }
        if let Fault::Status(code) = trouble.fault {
            let status = StatusCode::from_u16(code)?;
            return Ok(reply(status, PLAIN, format!("{status}: this node was told to say so")));
        }
        let path = head.uri.path().trim_end_matches('/');
        let route = match path {
            "/metrics/resource" => 0,
            "/stats/summary" => 1,
            "/stats/container" => 2,
            "/metrics/cadvisor" => 3,
            _ => 4,
        };
        if let Some(count) = self.shared.asked.get(route) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if ROUTES.get(route).is_some_and(|route| trouble.missing.iter().any(|one| one == route)) {
            return Ok(not_found());
        }
        let get = head.method == Method::GET;
        let brief = head.uri.query().is_some_and(|query| query.contains("only_cpu_and_memory=true"));
        let (kind, body) = match (route, path) {
            (0, _) if get => (METRICS, resource::render(&node.seen(now()))),
            (3, _) if get => (METRICS, cadvisor::render(&node.seen(now()))),
            (1, _) => (JSON, summary::render(&node.name, &node.seen(now()), brief)),
            (2, _) => {
                if !body.is_empty() && serde_json::from_slice::<serde_json::Value>(&body).is_err() {
                    return Ok(reply(StatusCode::BAD_REQUEST, PLAIN, "malformed request body"));
                }
                (JSON, container::render(&node.seen(now())))
            }
            (_, "/healthz") => return Ok(ok(PLAIN, "ok")),
            (_, "/pods") => (JSON, self.pods(&node)),
            (4, _) => return Ok(not_found()),
            _ => return Ok(reply(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "405: Method Not Allowed")),
        };
        Ok(damaged(&trouble, kind, body.into(), node.number))
    }

    /// `/pods`: this node's pods as the API server has them.
    fn pods(&self, node: &Node) -> Vec<u8> {
        let state = self.shared.world.read();
        let here = |pod: &&Arc<Object>| pod.field("spec.nodeName") == Some(&node.name);
        let pods: Vec<_> = state.of_kind(Kind::Pod, None).filter(here).cloned().collect();
        drop(state);
        objects::list("PodList", "v1", None, &pods, false)
    }
}

fn not_found() -> Response<Body> {
    reply(StatusCode::NOT_FOUND, PLAIN, "404 page not found\n")
}

/// The answer, or what is left of it.
fn damaged(trouble: &Trouble, kind: &'static str, body: Bytes, seed: u64) -> Response<Body> {
    match trouble.fault {
        Fault::Slow => slow(kind, body),
        Fault::Garbage => garbage(kind, seed),
        Fault::Short => short(kind, body),
        Fault::Huge(bytes) if kind == JSON => huge(kind, "{\"node\":{\"nodeName\":\"", bytes),
        Fault::Huge(bytes) => huge(kind, "# ", bytes),
        _ => ok(kind, body),
    }
}
