//! An API server for tests: answers over loopback what a test says, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::connect::Connection;
use super::options::ApiOptions;

/// A request.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    /// By their names in small letters.
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

/// An answer.
pub(super) enum Reply {
    /// A status and a body.
    Whole(u16, String),
    /// Lines, and what comes behind them.
    Lines(Vec<String>, Then),
    /// Lines as they come; the end of the channel is that of the answer.
    Live(mpsc::UnboundedReceiver<String>),
    /// Another answer, once the sender says so.
    After(oneshot::Receiver<()>, Box<Self>),
}

/// What comes behind the last line.
pub(super) enum Then {
    End,
    /// The connection breaks.
    Cut,
    /// Nothing, for ever.
    Silence,
}

impl Reply {
    pub(super) fn ok(body: &str) -> Self {
        Self::Whole(200, body.to_owned())
    }

    /// The lines of a recorded watch.
    pub(super) fn recorded(lines: &str, then: Then) -> Self {
        Self::Lines(lines.lines().map(|line| format!("{line}\n")).collect(), then)
    }
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers each request with what the function says.
    pub(super) async fn start(answer: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (seen, answer) = (Arc::clone(&asked), Arc::new(Mutex::new(answer)));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let Some(asked) = request(&mut stream).await else { return };
                    let reply = answer.lock().unwrap()(&asked);
                    seen.lock().unwrap().push(asked);
                    // whoever asked may be gone
                    let _ = send(stream.into_inner(), reply).await;
                });
            }
        });
        Self { address, asked, task }
    }

    /// Answers each path's lists and watches (`/api/v1/pods watch`) with these, one after the other; then lists are
    /// not found and watches are silent.
    pub(super) async fn script(script: Vec<(&str, Reply)>) -> Self {
        let mut replies: HashMap<String, VecDeque<Reply>> = HashMap::new();
        for (place, reply) in script {
            replies.entry(place.to_owned()).or_default().push_back(reply);
        }
        Self::start(move |asked| {
            let watch = asked.query.contains_key("watch");
            let place = if watch { format!("{} watch", asked.path) } else { asked.path.clone() };
            let next = replies.get_mut(&place).and_then(VecDeque::pop_front);
            next.unwrap_or_else(|| match watch {
                true => Reply::Lines(Vec::new(), Then::Silence),
                false => Reply::Whole(404, String::new()),
            })
        })
        .await
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn options(&self) -> ApiOptions {
        let server = Some(format!("http://{}", self.address));
        ApiOptions { server, in_cluster: false, ..ApiOptions::default() }
    }

    pub(super) async fn connection(&self) -> Connection {
        Connection::new(&self.options(), |_| None).await.unwrap()
    }
}

/// Waits until this holds.
pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never was so: {what}");
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let target = line.split(' ').nth(1)?.to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut asked = Asked { path: path.to_owned(), ..Asked::default() };
    asked.query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        asked.headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = asked.headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    asked.body = String::from_utf8(body).unwrap();
    Some(asked)
}

async fn send(mut stream: TcpStream, reply: Reply) -> std::io::Result<()> {
    let mut reply = reply;
    while let Reply::After(gate, then) = reply {
        let _ = gate.await;
        reply = *then;
    }
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    match reply {
        Reply::Whole(status, body) => {
            let head =
                format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await
        }
        Reply::Lines(lines, then) => {
            stream.write_all(chunked.as_bytes()).await?;
            for line in lines {
                chunk(&mut stream, &line).await?;
            }
            match then {
                Then::End => stream.write_all(b"0\r\n\r\n").await,
                Then::Cut => Ok(()),
                Then::Silence => std::future::pending().await,
            }
        }
        Reply::Live(mut lines) => {
            stream.write_all(chunked.as_bytes()).await?;
            while let Some(line) = lines.recv().await {
                chunk(&mut stream, &line).await?;
            }
            stream.write_all(b"0\r\n\r\n").await
        }
        Reply::After(..) => unreachable!(),
    }
}

async fn chunk(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await
}
