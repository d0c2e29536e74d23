//! Lists by pages, watches, and what they tell when the cluster changes.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;

use super::{Lab, small};
use crate::Options;

/// A watch's lines.
struct Lines {
    body: hyper::body::Incoming,
    rest: Vec<u8>,
}

impl Lines {
    async fn open(lab: &Lab, path: &str) -> Self {
        let address = lab.running.api.strip_prefix("http://").unwrap();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        hyper::rt::Executor::execute(&TokioExecutor::new(), async move {
            let _ = connection.await;
        });
        let request = http::Request::get(path).header("host", address).body(Empty::<Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        Self { body: answer.into_body(), rest: Vec::new() }
    }

    /// The next line; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = tokio::time::timeout(Duration::from_secs(10), self.body.frame()).await.unwrap()?;
            self.rest.extend_from_slice(&frame.ok()?.into_data().unwrap());
        }
    }

    async fn words(&mut self, count: usize) -> Vec<(String, String)> {
        let mut words = Vec::new();
        for _ in 0..count {
            let line = self.next().await.unwrap();
            let text = |path: &str| line.pointer(path).and_then(Value::as_str).unwrap_or("").to_owned();
            words.push((text("/type"), text("/object/metadata/name")));
        }
        words
    }
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| format!("{}/{}", item["metadata"]["namespace"], item["metadata"]["name"])).collect()
}

#[tokio::test]
async fn pages_together_are_the_list() {
    let lab = Lab::new(small()).await;
    let whole = lab.api("/api/v1/pods").await;
    // ten of each node, a finished one, a waiting one
    assert_eq!(names(&whole).len(), 22);
    let (mut all, mut token, mut left) = (Vec::new(), String::new(), Vec::new());
    loop {
        let page = lab.api(&format!("/api/v1/pods?limit=5&continue={token}")).await;
        all.extend(names(&page));
        assert_eq!(page["metadata"]["resourceVersion"], whole["metadata"]["resourceVersion"]);
        let Some(next) = page["metadata"]["continue"].as_str() else { break };
        token = next.replace('+', "%2B").replace('=', "%3D");
        left.push(page["metadata"]["remainingItemCount"].as_u64().unwrap());
    }
    assert_eq!((all, left), (names(&whole), vec![17, 12, 7, 2]));
    assert_eq!(lab.api("/api/v1/pods?limit=5&continue=rubbish").await["code"], 400);
    let running = lab.api("/api/v1/pods?fieldSelector=status.phase%3DRunning").await;
    assert_eq!(names(&running).len(), 20);
    let here = lab.api("/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-00001").await;
    assert_eq!(names(&here).len(), 10);
    let agents = lab.api("/api/v1/namespaces/kube-system/pods?labelSelector=app%3Dnode-agent").await;
    assert_eq!(names(&agents).len(), 2);
}

#[tokio::test]
async fn a_watch_tells_what_changes_after_its_list() {
    let lab = Lab::new(Options { bookmark: 1, ..small() }).await;
    let list = lab.api("/api/v1/pods").await;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    let path = format!("/api/v1/pods?watch=true&resourceVersion={version}&allowWatchBookmarks=true");
    let mut watch = Lines::open(&lab, &path).await;
    let mut nodes = Lines::open(&lab, &format!("/api/v1/nodes?watch=1&resourceVersion={version}")).await;
    let running =
        format!("/api/v1/pods?watch=true&resourceVersion={version}&fieldSelector=status.phase%3DRunning");
    let mut running = Lines::open(&lab, &running).await;

    lab.control("/pods/add?nodes=node-00000&count=1").await;
    let words = watch.words(2).await;
    assert_eq!((words[0].0.as_str(), words[1].0.as_str()), ("ADDED", "MODIFIED"));
    assert_eq!(words[0].1, words[1].1);
    // to who looks at running ones it is new when it runs
    assert_eq!(running.words(1).await, [("ADDED".to_owned(), words[0].1.clone())]);
    lab.control("/pods/remove?nodes=node-00001&count=2").await;
    let words = watch.words(2).await;
    assert!(words.iter().all(|(word, _)| word == "DELETED"), "{words:?}");
    assert_eq!(running.words(2).await, words);
    assert_eq!(names(&lab.api("/api/v1/pods").await).len(), 21);

    let added = lab.control("/nodes/add?count=1").await;
    assert_eq!(nodes.words(1).await, [("ADDED".to_owned(), "node-00002".to_owned())]);
    assert_eq!(added["nodes"][0], "node-00002");
    let words = watch.words(20).await;
    assert_eq!(words.iter().filter(|(word, _)| word == "ADDED").count(), 10);
    let mark = watch.next().await.unwrap();
    assert_eq!((&mark["type"], &mark["object"]["kind"]), (&"BOOKMARK".into(), &"Pod".into()));
    let told: u64 =
        mark.pointer("/object/metadata/resourceVersion").unwrap().as_str().unwrap().parse().unwrap();
    assert!(told > version.parse().unwrap());

    lab.control("/nodes/remove?nodes=node-00002").await;
    assert_eq!(nodes.words(1).await, [("DELETED".to_owned(), "node-00002".to_owned())]);
}

#[tokio::test]
async fn watches_end_and_are_told_that_they_are_too_old() {
    let lab = Lab::new(small()).await;
    let path = |version: &str| format!("/api/v1/pods?watch=true&resourceVersion={version}");
    let version = lab.api("/api/v1/pods").await["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let mut watch = Lines::open(&lab, &path(&version)).await;
    lab.control("/watches/end").await;
    assert_eq!(watch.next().await, None);
    let mut watch = Lines::open(&lab, &path(&version)).await;
    lab.control("/watches/expire").await;
    assert_eq!(watch.next().await, None);
    let mut watch = Lines::open(&lab, &path(&version)).await;
    let error = watch.next().await.unwrap();
    assert_eq!((&error["type"], error["object"]["code"].as_u64()), (&"ERROR".into(), Some(410)));
    assert_eq!(error["object"]["reason"], "Expired");
    assert_eq!(watch.next().await, None);
    let limited = lab.api("/api/v1/pods?watch=true&resourceVersion=x").await;
    assert_eq!(limited["code"], 400);
}

#[tokio::test]
async fn a_watch_without_a_version_begins_with_all_there_is() {
    let lab = Lab::new(small()).await;
    let mut watch = Lines::open(&lab, "/api/v1/pods?watch=true").await;
    let words = watch.words(22).await;
    let different: BTreeSet<_> = words.iter().map(|(_, name)| name).collect();
    assert!(words.iter().all(|(word, _)| word == "ADDED") && different.len() == 22);
}

#[tokio::test]
async fn pods_are_replaced_at_the_pace_of_churn_and_nodes_report() {
    let lab = Lab::new(Options { churn: 600, heartbeat: 1, ..small() }).await;
    let before: BTreeSet<String> = names(&lab.api("/api/v1/pods").await).into_iter().collect();
    let mut nodes = Lines::open(&lab, "/api/v1/nodes?watch=true").await;
    let words = nodes.words(6).await;
    assert!(words[2..].iter().all(|(word, _)| word == "MODIFIED"), "{words:?}");
    let after: BTreeSet<String> = names(&lab.api("/api/v1/pods").await).into_iter().collect();
    assert_eq!(after.len(), before.len());
    assert!(after.difference(&before).count() > 3);
}
