//! Does it look like a cluster, count like one, fail like one?

mod faults;
mod numbers;
mod shape;
mod watching;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use plimsoll_client::{Answer, AskError, Client, Limits, Tls};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Options, Running, start};

/// A cluster, its folder, a client.
struct Lab {
    running: Running,
    client: Client,
    #[expect(dead_code, reason = "it is removed at the end")]
    dir: TempDir,
}

impl Lab {
    async fn new(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { dir: dir.path().to_owned(), ..options };
        Self { running: start(options).await.unwrap(), client: Client::new(&Tls::default()).unwrap(), dir }
    }

    async fn ask(&self, request: Request<Bytes>) -> Result<Answer, AskError> {
        self.client.ask(request, Limits { within: Duration::from_secs(5), body: 32 << 20 }).await
    }

    /// What a node answers.
    async fn kubelet(&self, node: usize, path: &str) -> Result<Answer, AskError> {
        let (address, port) = (self.running.addresses[node], self.running.kubelet_port);
        self.ask(Request::get(format!("http://{address}:{port}{path}")).body(Bytes::new()).unwrap()).await
    }

    /// What the API server answers, as JSON.
    async fn api(&self, path: &str) -> Value {
        let request = Request::get(format!("{}{path}", self.running.api)).body(Bytes::new()).unwrap();
        serde_json::from_slice(&self.ask(request).await.unwrap().body).unwrap()
    }

    /// What the control routes answer.
    async fn expected(&self, query: &str) -> Value {
        let request =
            Request::get(format!("{}/expected?{query}", self.running.control)).body(Bytes::new()).unwrap();
        serde_json::from_slice(&self.ask(request).await.unwrap().body).unwrap()
    }

    async fn control(&self, path: &str) -> Value {
        let request = Request::post(format!("{}{path}", self.running.control)).body(Bytes::new()).unwrap();
        let answer = self.ask(request).await.unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    }
}

/// Two small nodes.
fn small() -> Options {
    Options { nodes: 2, pods: 10, namespaces: 3, heartbeat: 0, ..Options::default() }
}
