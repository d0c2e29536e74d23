//! HTTP to a daemon's socket, with a time limit and a size limit on everything.
//!
//! A client of our own rather than a library's: bollard's models fail a whole inspect for one unknown word
//! in an enumeration (`State.Health.Status`, `HostConfig.CgroupnsMode`, ...) or one malformed time, and its
//! answers are not bounded. What we need is a few GET requests.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::fault::Fault;
use super::timeouts::Timeouts;

/// The longest event.
const LINE: usize = 1 << 20;

/// Asks a daemon.
#[derive(Clone)]
pub(crate) struct Client {
    endpoint: Endpoint,
    timeouts: Timeouts,
}

/// A response on its connection; both end together.
struct Exchange {
    body: Incoming,
    status: u16,
    _connection: Abort,
}

/// A task that ends with its owner.
pub(crate) struct Abort(pub(crate) JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint, timeouts: Timeouts) -> Self {
        Self { endpoint, timeouts }
    }

    /// The Unix socket, where it is none of the network's.
    pub(crate) fn socket(&self) -> Option<&Path> {
        match &self.endpoint {
            Endpoint::Unix(path) => Some(path),
            Endpoint::Tcp { .. } => None,
        }
    }

    /// The whole answer to a request that a daemon which is well answers at once.
    pub(crate) async fn ping(&self, path: &str, limit: usize) -> Result<Bytes, Fault> {
        self.whole(get(path), limit, self.timeouts.ping).await
    }

    /// The whole answer to a GET request.
    pub(crate) async fn get(&self, path: &str, limit: usize) -> Result<Bytes, Fault> {
        self.whole(get(path), limit, self.timeouts.answer).await
    }

    /// The whole answer to a POST request with JSON.
    pub(crate) async fn post(&self, path: &str, json: &str, limit: usize) -> Result<Bytes, Fault> {
        let request = request(Method::POST, path, Bytes::copy_from_slice(json.as_bytes()));
        self.whole(request, limit, self.timeouts.answer).await
    }

    async fn whole(&self, asked: Asked, limit: usize, within: Duration) -> Result<Bytes, Fault> {
        let all = async {
            let Exchange { body, status, _connection } = self.request(asked).await?;
            let whole = Limited::new(body, limit).collect().await.map_err(|cause| {
                if cause.is::<LengthLimitError>() {
                    Fault::TooLong(limit)
                } else {
                    Fault::Broken(cause.to_string())
                }
            })?;
            let bytes = whole.to_bytes();
            if status == 200 { Ok(bytes) } else { Err(Fault::Status(status, message(&bytes))) }
        };
        timeout(within, all).await.unwrap_or(Err(Fault::Late(within)))
    }

    /// An answer that goes on.
    pub(crate) async fn lines(&self, path: &str) -> Result<Lines, Fault> {
        let within = self.timeouts.ping;
        let exchange = timeout(within, self.request(get(path))).await.unwrap_or(Err(Fault::Late(within)))?;
        if exchange.status != 200 {
            return Err(Fault::Status(exchange.status, String::new()));
        }
        Ok(Lines { exchange, rest: BytesMut::new() })
    }

    async fn request(&self, asked: Asked) -> Result<Exchange, Fault> {
        let asked = asked?;
        let connect = |cause: std::io::Error| Fault::Connect(cause.to_string());
        match &self.endpoint {
            Endpoint::Unix(socket) => {
                let named = |cause: std::io::Error| Fault::Connect(format!("{}: {cause}", socket.display()));
                exchange(UnixStream::connect(socket).await.map_err(named)?, asked).await
            }
            Endpoint::Tcp { address, tls } => {
                let tcp = TcpStream::connect(address).await.map_err(connect)?;
                match tls {
                    None => exchange(tcp, asked).await,
                    Some((tls, name)) => {
                        exchange(tls.connect(name.clone(), tcp).await.map_err(connect)?, asked).await
                    }
                }
            }
        }
    }
}

async fn exchange(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    asked: Request<Full<Bytes>>,
) -> Result<Exchange, Fault> {
    let broken = |cause: hyper::Error| Fault::Broken(cause.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(broken)?;
    let connection = Abort(tokio::spawn(async move {
        // the request tells of what goes wrong
        let _ = connection.await;
    }));
    let response = sender.send_request(asked).await.map_err(broken)?;
    let status = response.status().as_u16();
    Ok(Exchange { body: response.into_body(), status, _connection: connection })
}

/// A request, or why it is none.
type Asked = Result<Request<Full<Bytes>>, Fault>;

fn get(path: &str) -> Asked {
    request(Method::GET, path, Bytes::new())
}

fn request(method: Method, path: &str, json: Bytes) -> Asked {
    let mut builder = Request::builder().method(method).uri(path).header(HOST, "localhost");
    if !json.is_empty() {
        builder = builder.header(CONTENT_TYPE, "application/json");
    }
    builder.body(Full::new(json)).map_err(|cause| Fault::Nonsense(cause.to_string()))
}

/// The daemon's words in an error.
fn message(bytes: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let told = value.as_ref().and_then(|value| super::json::text(value, "/message"));
    told.map_or_else(|| String::from_utf8_lossy(bytes).chars().take(200).collect(), str::to_owned)
}

/// An answer line by line.
pub(crate) struct Lines {
    exchange: Exchange,
    rest: BytesMut,
}

impl Lines {
    /// The next line, without its end. May be dropped while it waits, nothing is lost then.
    pub(crate) async fn next(&mut self) -> Result<Bytes, Fault> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let mut line = self.rest.split_to(end + 1);
                line.truncate(end);
                return Ok(line.freeze());
            }
            if self.rest.len() > LINE {
                return Err(Fault::TooLong(LINE));
            }
            match self.exchange.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.rest.extend_from_slice(data);
                    }
                }
                Some(Err(cause)) => return Err(Fault::Broken(cause.to_string())),
                None => return Err(Fault::Broken("the stream of events ended".to_owned())),
            }
        }
    }
}
