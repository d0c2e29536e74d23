//! Against a socket that answers nonsense; what a real engine does is in `tests/live_docker.rs`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::runtime::endpoint::Endpoint;
use crate::runtime::fault::Fault;
use crate::runtime::http::Client;

const LONG: Duration = Duration::from_secs(20);
const ID: &str = "4f1a6f0c7d5b0e6a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7";

/// What the socket answers to a path: bytes as they are, then whether it leaves the connection open.
type Answers = Arc<Mutex<HashMap<String, (Vec<u8>, bool)>>>;

struct Fake {
    dir: tempfile::TempDir,
    answers: Answers,
    task: Option<JoinHandle<()>>,
}

impl Fake {
    fn new() -> Self {
        let fake = Self { dir: tempfile::tempdir().unwrap(), answers: Answers::default(), task: None };
        fake.say("/_ping", "OK");
        fake.say("/info", r#"{"Driver":"fake"}"#);
        fake.say("/version", r#"{"Version":"1"}"#);
        fake.say("/containers/json", "[]");
        fake.raw("/events", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true);
        fake
    }

    fn raw(&self, path: &str, answer: &[u8], open: bool) {
        self.answers.lock().unwrap().insert(path.to_owned(), (answer.to_vec(), open));
    }

    fn say(&self, path: &str, body: &str) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        self.raw(path, format!("{head}{body}").as_bytes(), false);
    }

    fn inspect(&self, answer: &str) {
        self.say(&format!("/containers/{ID}/json"), answer);
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("docker.sock")
    }

    fn listen(&mut self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        let answers = Arc::clone(&self.answers);
        self.task = Some(tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    let mut request = vec![0; 4096];
                    let len = stream.read(&mut request).await.unwrap_or(0);
                    let request = String::from_utf8_lossy(&request[..len]).into_owned();
                    let path = request.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
                    let missing = (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(), false);
                    let (answer, open) = answers.lock().unwrap().get(&path).cloned().unwrap_or(missing);
                    let _ = stream.write_all(&answer).await;
                    if open {
                        std::future::pending::<()>().await;
                    }
                });
            }
        }));
    }

    fn start(&self) -> (Daemon, mpsc::Receiver<Told>) {
        start_at(&self.socket())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn start_at(socket: &Path) -> (Daemon, mpsc::Receiver<Told>) {
    let (to, told) = mpsc::channel(64);
    let timeouts = Timeouts {
        answer: Duration::from_millis(500),
        ping: Duration::from_millis(500),
        ping_every: Duration::from_millis(100),
    };
    let config = Config { endpoint: format!("unix://{}", socket.display()), timeouts, ..Config::default() };
    (start(config, &Handle::current(), to).unwrap(), told)
}

async fn until(told: &mut mpsc::Receiver<Told>, fits: impl Fn(&Told) -> bool) -> Told {
    let mut all = Vec::new();
    loop {
        let next = timeout(LONG, told.recv())
            .await
            .unwrap_or_else(|_| panic!("not told; told was {all:?}"))
            .unwrap();
        if fits(&next) {
            return next;
        }
        all.push(next);
    }
}

fn known(told: &Told) -> bool {
    matches!(told, Told::Known { id, .. } if id == ID)
}

fn good() -> String {
    format!(r#"{{"Id":"{ID}","Name":"/web","State":{{"Running":true,"Status":"running","Pid":7}}}}"#)
}

#[tokio::test]
async fn a_daemon_that_comes_late_is_found() {
    let mut fake = Fake::new();
    let (docker, mut told) = fake.start();
    let Told::Down { reason } = until(&mut told, |told| matches!(told, Told::Down { .. })).await else {
        panic!()
    };
    assert!(reason.contains("docker.sock"), "{reason}");
    docker.ask(ID);
    fake.inspect(&good());
    fake.listen();
    // in either order
    let mut next = Vec::new();
    while next.len() < 2 {
        next.push(until(&mut told, |told| known(told) || matches!(told, Told::Up { .. })).await);
    }
    assert!(next.iter().any(known), "{next:?}");
    assert!(
        next.iter().any(|told| matches!(told, Told::Up { status } if status.driver == "fake")),
        "{next:?}"
    );
}

#[tokio::test]
async fn an_id_that_docker_does_not_have_is_unknown() {
    let mut fake = Fake::new();
    fake.listen();
    let (docker, mut told) = fake.start();
    docker.ask(ID);
    until(&mut told, |told| *told == Told::Unknown { id: ID.to_owned() }).await;
    docker.ask("../../x");
    until(&mut told, |told| *told == Told::Unknown { id: "../../x".to_owned() }).await;
}

#[tokio::test]
async fn nonsense_costs_that_answer_and_is_asked_again() {
    let good = good();
    let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{good}");
    let failing =
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 14\r\n\r\n{\"message\":\"\"}".to_owned();
    let other = good.replace("4f1a", "aaaa");
    let whole = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for nonsense in
        [cut, failing, whole(&good[..40]), whole("[]"), whole(&other), "not HTTP at all\n".to_owned()]
    {
        let mut fake = Fake::new();
        fake.raw(&format!("/containers/{ID}/json"), nonsense.as_bytes(), false);
        fake.say("/containers/json", &format!(r#"[{{"Id":"{}"}}]"#, "b".repeat(64)));
        fake.say(&format!("/containers/{}/json", "b".repeat(64)), &good.replace(ID, &"b".repeat(64)));
        fake.listen();
        let (docker, mut told) = fake.start();
        docker.ask(ID);
        until(&mut told, |told| matches!(told, Told::Known { id, .. } if id.starts_with("bbb"))).await;
        fake.inspect(&good);
        let next = until(&mut told, |told| !matches!(told, Told::Up { .. })).await;
        assert!(known(&next), "after {nonsense:?}: {next:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let mut fake = Fake::new();
    let huge = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(5 << 20));
    fake.raw(&format!("/containers/{ID}/json"), huge.as_bytes(), true);
    fake.listen();
    let (docker, mut told) = fake.start();
    docker.ask(ID);
    until(&mut told, |told| matches!(told, Told::Up { .. })).await;
    let endpoint = Endpoint::parse(&format!("unix://{}", fake.socket().display()), None).unwrap();
    let client = Client::new(endpoint, Timeouts::default());
    let fault = client.get(&format!("/containers/{ID}/json"), 1 << 20).await.unwrap_err();
    assert!(matches!(fault, Fault::TooLong(_)), "{fault}");
    fake.inspect(&good());
    until(&mut told, known).await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_asked_for_again() {
    let mut fake = Fake::new();
    fake.raw(&format!("/containers/{ID}/json"), b"", true);
    fake.listen();
    let (docker, mut told) = fake.start();
    docker.ask(ID);
    until(&mut told, |told| matches!(told, Told::Up { .. })).await;
    fake.inspect(&good());
    until(&mut told, known).await;
}

#[tokio::test]
async fn a_broken_list_does_not_keep_names_back() {
    let mut fake = Fake::new();
    fake.say("/containers/json", "{]");
    fake.inspect(&good());
    fake.listen();
    let (docker, mut told) = fake.start();
    docker.ask(ID);
    until(&mut told, known).await;
    let listed = "b".repeat(64);
    fake.say(&format!("/containers/{listed}/json"), &good().replace(ID, &listed));
    fake.say("/containers/json", &format!(r#"[{{"Id":"{listed}"}}]"#));
    until(&mut told, |told| matches!(told, Told::Known { id, .. } if *id == listed)).await;
}

#[tokio::test]
async fn odd_events_are_passed_over() {
    let mut fake = Fake::new();
    let lines = format!(
        "nonsense\n{{}}\n\u{0}\n{{\"Action\":\"die\",\"Actor\":{{\"ID\":\"{ID}\",\"Attributes\":{{\"exitCode\":\"3\"}}}}}}\n"
    );
    let chunk =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{lines}\r\n", lines.len());
    fake.raw("/events", chunk.as_bytes(), true);
    fake.listen();
    let (_docker, mut told) = fake.start();
    let ended = Told::Ended { id: ID.to_owned(), exit_code: Some(3), oom_killed: false, again: false };
    until(&mut told, |told| *told == ended).await;
}

#[tokio::test]
async fn a_late_word_of_memory_is_told_again() {
    let mut fake = Fake::new();
    let event = |action: &str| {
        format!(
            "{{\"Action\":\"{action}\",\"Actor\":{{\"ID\":\"{ID}\",\"Attributes\":{{\"exitCode\":\"137\"}}}}}}\n"
        )
    };
    let lines = event("die") + &event("oom");
    let chunk =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{lines}\r\n", lines.len());
    fake.raw("/events", chunk.as_bytes(), true);
    fake.listen();
    let (_docker, mut told) = fake.start();
    for oom_killed in [false, true] {
        let ended = Told::Ended { id: ID.to_owned(), exit_code: Some(137), oom_killed, again: oom_killed };
        until(&mut told, |told| *told == ended).await;
    }
}

#[tokio::test]
async fn the_status_says_why_there_is_none() {
    let fake = Fake::new();
    let (docker, _told) = fake.start();
    let said = docker.status().await.unwrap_err();
    assert!(said.starts_with("Docker: cannot connect: ") && said.contains("docker.sock"), "{said}");
}

#[tokio::test]
async fn the_status_has_the_images() {
    let mut fake = Fake::new();
    fake.say("/images/json", r#"[{"Id":"sha256:1","RepoTags":["a:1"],"Size":3}]"#);
    fake.listen();
    let (docker, _told) = fake.start();
    let status = docker.status().await.unwrap();
    assert_eq!((status.driver.as_str(), status.images[0].virtual_size), ("fake", 3));
}

#[tokio::test]
async fn dropping_ends_the_channel() {
    let mut fake = Fake::new();
    fake.listen();
    let (docker, mut told) = fake.start();
    until(&mut told, |told| matches!(told, Told::Up { .. })).await;
    drop(docker);
    while timeout(LONG, told.recv()).await.unwrap().is_some() {}
}
