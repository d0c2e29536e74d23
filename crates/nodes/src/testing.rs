//! Nodes that are not there, for tests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a node does when it is asked.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Answers with this status and body.
    Text(u16, String),
    /// Answers with these headers and this body.
    With(&'static str, String),
    /// Answers with this body after a while.
    After(Duration, String),
    /// Says nothing.
    Silence,
    /// Says what is no HTTP.
    Garbage,
    /// Says how much comes, and no more.
    Huge,
    /// Says a byte now and then, for ever.
    Trickle,
    /// Hangs up in the middle.
    HangUp,
}

/// A node on a port of its own.
pub(crate) struct FakeNode {
    pub(crate) port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl FakeNode {
    /// One that answers a request, `GET /path`, as this says.
    pub(crate) async fn new(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heads, reply) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(reply));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, reply) = (Arc::clone(&seen), Arc::clone(&reply));
                tokio::spawn(async move {
                    // who hung up is no fault here
                    let _ = serve(stream, &seen, &*reply).await;
                });
            }
        });
        Self { port, heads }
    }

    /// The heads of the requests since the last call.
    pub(crate) fn heads(&self) -> Vec<String> {
        std::mem::take(&mut self.heads.lock().unwrap())
    }

    /// The first lines of them: `GET /path`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.heads().iter().map(|head| line(head)).collect()
    }
}

fn line(head: &str) -> String {
    head.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<String>>,
    reply: &(dyn Fn(&str) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        // a question of ours fits into the first packet, body and all
        let mut chunk = [0; 8192];
        let count = stream.read(&mut chunk).await?;
        buffer.extend_from_slice(&chunk[..count]);
        if count == 0 {
            return Ok(());
        }
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.clear();
        seen.lock().unwrap().push(head.clone());
        let text = |status: u16, more: &str, body: &str| {
            format!("HTTP/1.1 {status} X\r\n{more}content-length: {}\r\n\r\n{body}", body.len())
        };
        match reply(&line(&head)) {
            Reply::Text(status, body) => stream.write_all(text(status, "", &body).as_bytes()).await?,
            Reply::With(more, body) => stream.write_all(text(200, more, &body).as_bytes()).await?,
            Reply::After(wait, body) => {
                tokio::time::sleep(wait).await;
                stream.write_all(text(200, "", &body).as_bytes()).await?;
            }
            Reply::Silence => std::future::pending().await,
            Reply::Garbage => stream.write_all(b"\x15\x03\x01\x00\x02\x02\x16 hello\r\n\r\n").await?,
            Reply::Huge => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nx").await?;
                std::future::pending().await
            }
            Reply::Trickle => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    stream.write_all(b"1\r\nx\r\n").await?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Reply::HangUp => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
                return Ok(());
            }
        }
    }
}
