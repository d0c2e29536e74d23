//! How a cluster's peers are asked over HTTP: nodes and stores.
//!
//! Comes in: a request. Goes out: the whole answer, within a time and a size. Connections are kept and used again.
//! Refuses to know: what is asked and what is answered.

mod connect;
mod file_version;
mod many;
mod renewed;
mod tls;
mod way;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use self::connect::Connector;
pub use self::file_version::FileVersion;
use self::many::Many;
use self::renewed::Renewed;
pub use self::tls::{Pem, Tls, TlsError};
pub use self::way::{Proxy, ProxyError, Way};
/// The body of an answer, as it comes.
pub use hyper::body::Incoming;

/// How long an answer may take and how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the beginning of the request to the end of the answer.
    pub within: Duration,
    /// Bytes of its body.
    pub body: usize,
}

/// The whole of an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status; every one is an answer.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nobody there, no TLS with them, or they hung up.
    #[error("{0}")]
    Failed(String),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// It was too large.
    #[error("the answer is larger than {0} bytes")]
    Large(usize),
}

/// Bytes in one piece that are read of an answer to [`ManyClient`].
pub const SMALL_BUFFER: usize = 4 * 1024;

type Pooled = legacy::Client<Connector, Full<Bytes>>;

/// Asks, and keeps connections for the next question. Clones share them. Certificates and keys in files are read again
/// within seconds after they were replaced; new connections go by those.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Renewed<Pooled>>,
}

/// The same for who asks thousands of peers again and again: a connection that rests costs little more than its socket.
/// It asks a question a second time if it finds a kept connection closed, so that questions must be such as may be asked
/// twice. An answer's head may not be longer than [`SMALL_BUFFER`].
#[derive(Clone)]
pub struct ManyClient {
    inner: Arc<Renewed<Arc<Many>>>,
}

impl ManyClient {
    /// One that speaks HTTP, and HTTPS as `tls` says.
    ///
    /// # Errors
    /// A file of `tls` is missing or has something else in it.
    pub fn new(tls: &Tls) -> Result<Self, TlsError> {
        let make = |config| Ok(Arc::new(Many::new(Connector::new(config, &Way::default())?)));
        Ok(Self { inner: Arc::new(Renewed::new(tls, make)?) })
    }

    /// The answer to a request.
    ///
    /// # Errors
    /// There is none within the limits.
    pub async fn ask(&self, request: Request<Bytes>, limits: Limits) -> Result<Answer, AskError> {
        // boxed: who waits for the next round does not hold what a question needs
        let many = self.inner.now();
        let whole = Box::pin(async move { many.ask(request.map(Full::new), limits.body).await });
        tokio::time::timeout(limits.within, whole).await.unwrap_or(Err(AskError::Late(limits.within)))
    }
}

impl Client {
    /// One that speaks HTTP, and HTTPS as `tls` says.
    ///
    /// # Errors
    /// A file of `tls` is missing or has something else in it.
    pub fn new(tls: &Tls) -> Result<Self, TlsError> {
        Self::by(tls, &Way::default())
    }

    /// One whose connections go this way.
    ///
    /// # Errors
    /// A file of `tls` is missing or has something else in it, or the way's server name is no name.
    pub fn by(tls: &Tls, way: &Way) -> Result<Self, TlsError> {
        let way = way.clone();
        let make = move |config| {
            Ok(legacy::Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(90))
                .pool_max_idle_per_host(1)
                .build(Connector::new(config, &way)?))
        };
        Ok(Self { inner: Arc::new(Renewed::new(tls, make)?) })
    }

    /// The answer to a request.
    ///
    /// # Errors
    /// There is none within the limits.
    pub async fn ask(&self, request: Request<Bytes>, limits: Limits) -> Result<Answer, AskError> {
        let whole = self.whole(request.map(Full::new), limits.body);
        tokio::time::timeout(limits.within, whole).await.unwrap_or(Err(AskError::Late(limits.within)))
    }

    /// The head of an answer, with its body as it comes: how long and how large that may be is the caller's question.
    ///
    /// # Errors
    /// There is none within this time.
    pub async fn begin(
        &self,
        request: Request<Bytes>,
        within: Duration,
    ) -> Result<Response<Incoming>, AskError> {
        let head = self.head(request.map(Full::new));
        tokio::time::timeout(within, head).await.unwrap_or(Err(AskError::Late(within)))
    }

    async fn head(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, AskError> {
        self.inner.now().request(request).await.map_err(|error| AskError::Failed(chain(&error)))
    }

    async fn whole(&self, request: Request<Full<Bytes>>, limit: usize) -> Result<Answer, AskError> {
        whole(self.head(request).await?, limit).await
    }
}

/// All of an answer that has begun.
async fn whole(answer: Response<Incoming>, limit: usize) -> Result<Answer, AskError> {
    let (parts, body) = answer.into_parts();
    if body.size_hint().lower() > limit as u64 {
        return Err(AskError::Large(limit));
    }
    let mut body = Limited::new(body, limit);
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => AskError::Large(limit),
            None => AskError::Failed(chain(&*error)),
        })?;
        if let Ok(data) = frame.into_data() {
            all.extend_from_slice(&data);
        }
    }
    Ok(Answer { status: parts.status, headers: parts.headers, body: all.freeze() })
}

/// `Authorization` with a bearer token, kept out of logs; `None` where the token is none that a header can carry.
pub fn bearer(token: &str) -> Option<(http::HeaderName, HeaderValue)> {
    secret(format!("Bearer {}", token.trim()))
}

/// `Authorization` with a name and a password, kept out of logs.
pub fn basic(user: &str, password: &str) -> Option<(http::HeaderName, HeaderValue)> {
    secret(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

fn secret(text: String) -> Option<(http::HeaderName, HeaderValue)> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some((AUTHORIZATION, value))
}

/// An error with its causes, once each: what libraries say of a failed connection stands in the causes.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that says this to each request of its connections; `None` is silence.
    async fn saying(answer: Option<&'static str>) -> (std::net::SocketAddr, Arc<AtomicU32>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, count) = (listener.local_addr().unwrap(), Arc::<AtomicU32>::default());
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                        match answer {
                            Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                            None => std::future::pending().await,
                        }
                    }
                });
            }
        });
        (address, count)
    }

    fn request(address: std::net::SocketAddr) -> Request<Bytes> {
        Request::get(format!("http://{address}/")).body(Bytes::new()).unwrap()
    }

    const LIMITS: Limits = Limits { within: Duration::from_secs(10), body: 100 };

    #[tokio::test]
    async fn answers_come_over_one_connection() {
        let (address, connections) =
            saying(Some("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno")).await;
        let client = Client::new(&Tls::default()).unwrap();
        for _ in 0..3 {
            let answer = client.ask(request(address), LIMITS).await.unwrap();
            assert_eq!((answer.status, &*answer.body), (StatusCode::NOT_FOUND, b"no".as_slice()));
        }
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn who_is_believed_is_looked_up_anew_and_connections_are_too() {
        let (address, connections) = saying(Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")).await;
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        let write = |name: &str| {
            let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
            std::fs::write(&ca, made.cert.pem()).unwrap();
        };
        write("first");
        let tls = Tls { ca: Some(Pem::File(ca.clone())), ..Tls::default() };
        let (one, many) = (Client::new(&tls).unwrap(), ManyClient::new(&tls).unwrap());
        let later = async || {
            tokio::time::pause();
            tokio::time::advance(renewed::LOOK).await;
            tokio::time::resume();
            one.ask(request(address), LIMITS).await.unwrap();
            many.ask(request(address), LIMITS).await.unwrap();
            connections.load(Ordering::Relaxed)
        };
        assert_eq!((later().await, later().await), (2, 2), "the file is the same");
        write("second");
        assert_eq!((later().await, later().await), (4, 4));
    }

    #[tokio::test]
    async fn small_buffers_take_large_answers_over_one_connection() {
        let answer = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc350\r\n{}\r\n0\r\n\r\n",
            "x".repeat(0xc350)
        );
        let (address, connections) = saying(Some(Box::leak(answer.into_boxed_str()))).await;
        let client = ManyClient::new(&Tls::default()).unwrap();
        for _ in 0..3 {
            let limits = Limits { body: 50_000, ..LIMITS };
            let answer = client.ask(request(address), limits).await.unwrap();
            assert_eq!(answer.body, "x".repeat(50_000));
        }
        assert_eq!(connections.load(Ordering::Relaxed), 1);
        let long = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "x".repeat(SMALL_BUFFER));
        let (address, _) = saying(Some(Box::leak(long.into_boxed_str()))).await;
        let error = client.ask(request(address), LIMITS).await.unwrap_err().to_string();
        assert!(error.contains("too large"), "{error}");
    }

    /// A server that closes each connection after its first answer, whether it says so or not, and tells what it heard.
    async fn closing(says: &'static str) -> (std::net::SocketAddr, Arc<std::sync::Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heard) =
            (listener.local_addr().unwrap(), Arc::<std::sync::Mutex<Vec<String>>>::default());
        let told = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                let count = stream.read(&mut buffer).await.unwrap();
                told.lock().unwrap().push(String::from_utf8_lossy(&buffer[..count]).into_owned());
                let answer = format!("HTTP/1.1 200 OK\r\n{says}content-length: 2\r\n\r\nok");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (address, heard)
    }

    #[tokio::test]
    async fn who_finds_a_kept_connection_closed_asks_over_another() {
        for says in ["", "connection: close\r\n"] {
            let (address, heard) = closing(says).await;
            let client = ManyClient::new(&Tls::default()).unwrap();
            for nth in 1..4 {
                let request = Request::get(format!("http://{address}/a?b=c")).body(Bytes::new()).unwrap();
                let answer = client.ask(request, LIMITS).await.unwrap();
                assert_eq!((&*answer.body, heard.lock().unwrap().len()), (b"ok".as_slice(), nth));
            }
            let first = heard.lock().unwrap()[0].to_lowercase();
            assert!(first.starts_with("get /a?b=c http/1.1\r\n"), "{first}");
            assert!(first.contains(&format!("host: {address}\r\n")), "{first}");
        }
    }

    #[tokio::test]
    async fn what_nobody_asked_for_is_no_answer() {
        let told = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        let unasked = "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n";
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sent, mut is_sent) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let sent = sent.clone();
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                        stream.write_all(told.as_bytes()).await.unwrap();
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        stream.write_all(unasked.as_bytes()).await.unwrap();
                        sent.send(()).unwrap();
                    }
                });
            }
        });
        let client = ManyClient::new(&Tls::default()).unwrap();
        for _ in 0..3 {
            let answer = client.ask(request(address), LIMITS).await.unwrap();
            assert_eq!((answer.status, &*answer.body), (StatusCode::OK, b"ok".as_slice()));
            is_sent.recv().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_or_late_leaves_no_connection_behind() {
        let (address, connections) = saying(Some("HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n")).await;
        let client = ManyClient::new(&Tls::default()).unwrap();
        for nth in 1..3 {
            assert_eq!(client.ask(request(address), LIMITS).await.unwrap_err(), AskError::Large(100));
            assert_eq!(connections.load(Ordering::Relaxed), nth);
        }
        let short = Limits { within: Duration::from_millis(50), body: 200 };
        for nth in 3..5 {
            assert_eq!(client.ask(request(address), short).await.unwrap_err(), AskError::Late(short.within));
            assert_eq!(connections.load(Ordering::Relaxed), nth);
        }
        let nowhere = Request::get("/a").body(Bytes::new()).unwrap();
        let error = client.ask(nowhere, LIMITS).await.unwrap_err().to_string();
        assert!(error.contains("not the address of a server"), "{error}");
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = client.ask(request(closed), LIMITS).await.unwrap_err().to_string();
        assert!(error.contains("Connection refused"), "{error}");
    }

    #[tokio::test]
    async fn silence_size_and_absence_are_told() {
        let client = Client::new(&Tls::default()).unwrap();
        let (silent, _) = saying(None).await;
        let short = Limits { within: Duration::from_millis(50), ..LIMITS };
        assert_eq!(client.ask(request(silent), short).await.unwrap_err(), AskError::Late(short.within));
        let (large, _) = saying(Some("HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n")).await;
        assert_eq!(client.ask(request(large), LIMITS).await.unwrap_err(), AskError::Large(100));
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = client.ask(request(closed), LIMITS).await.unwrap_err().to_string();
        assert!(error.contains("Connection refused"), "{error}");
    }

    #[test]
    fn credentials_do_not_show() {
        let (_, value) = bearer("secret\n").unwrap();
        assert_eq!(
            (value.to_str().unwrap(), format!("{value:?}")),
            ("Bearer secret", "Sensitive".to_owned())
        );
        assert_eq!(basic("me", "pw").unwrap().1.to_str().unwrap(), "Basic bWU6cHc=");
        assert!(bearer("a\nb").is_none());
    }
}
