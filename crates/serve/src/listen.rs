//! Connections: taking them, bounding what each may cost, ending them.
//!
//! Comes in: an address, TLS or none, a function from request to answer. Goes out: HTTP/1.1.
//! Bounds:   connections; bytes and seconds of a request's head; seconds of its body; seconds idle; seconds
//!           without progress while a client should read or send; how long a host that has vanished is
//!           waited for. One client's slowness costs another nothing.

mod watch;

use std::fmt;
use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch as signal};

use crate::body::Body;
use crate::tls::Tls;
use watch::{Phase, Watched};

/// A connection over TCP that is silent for so long is asked whether its client is there, and again after each such
/// time without an answer: as Go does.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long, and how many bytes, a connection is still read once all has been said.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 4 << 20);

/// What one client may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at the same time; the next is told 503 and closed, and idle ones make room.
    pub connections: usize,
    /// Bytes of a request's head.
    pub head: usize,
    /// From a request's first byte to the end of its head (and for the TLS handshake).
    pub head_time: Duration,
    /// From the end of a request's head to the end of its body.
    pub body_time: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// Without a byte moving, while a client is answered that sends no more: it may read on, or have gone.
    pub half_closed: Duration,
    /// Without a byte moving, while the client should read an answer or send a body.
    pub stalled: Duration,
    /// For answers under way when the program ends.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            head: 64 * 1024,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(60),
            // longer than the usual scrape interval, so that Prometheus keeps its connection
            idle: Duration::from_secs(180),
            half_closed: Duration::from_secs(10),
            stalled: Duration::from_secs(60),
            grace: Duration::from_secs(1),
        }
    }
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket, mode 0660.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The certificates that the client of this connection showed, its own first: an extension of each of its requests.
/// The client has the key of the first; whether anyone trusts them, nobody has looked at yet.
#[derive(Clone, Debug)]
pub struct PeerCertificates(pub Arc<[CertificateDer<'static>]>);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}")]
pub struct ListenError {
    address: Address,
    cause: io::Error,
}

/// A socket that listens; a Unix socket's file is removed with it.
#[derive(Debug)]
pub struct Bound {
    address: Address,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Bound {
    /// Listens. A Unix socket that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// Names the address and the reason.
    pub async fn bind(address: &Address) -> Result<Self, ListenError> {
        let failed = |cause| ListenError { address: address.clone(), cause };
        match address {
            Address::Tcp(at) => {
                let listener = TcpListener::bind(at).await.map_err(failed)?;
                let address = Address::Tcp(listener.local_addr().map_err(failed)?);
                Ok(Self { address, socket: Socket::Tcp(listener) })
            }
            Address::Unix(path) => {
                remove_stale(path).await.map_err(failed)?;
                let listener = UnixListener::bind(path).map_err(failed)?;
                fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(failed)?;
                Ok(Self { address: address.clone(), socket: Socket::Unix(listener) })
            }
        }
    }

    /// The address, with the port that was given where 0 was asked for.
    pub fn address(&self) -> &Address {
        &self.address
    }

    async fn accept(&self) -> io::Result<Stream> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                prepare(&stream);
                Ok(Box::new(stream))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Box::new(stream))
            }
        }
    }
}

/// How a connection over TCP behaves. What the kernel refuses is not worth losing the client for.
fn prepare(stream: &TcpStream) {
    // an answer's last part must not wait for an acknowledgement
    let _ = stream.set_nodelay(true);
    // who waits for events sends nothing, and there may be none for hours: the kernel asks whether its host is still
    // there, so that it does not hold a connection for ever
    let _ = sockopt::set_tcp_keepidle(stream, KEEP_ALIVE);
    let _ = sockopt::set_tcp_keepintvl(stream, KEEP_ALIVE);
    let _ = sockopt::set_socket_keepalive(stream, true);
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.address {
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes a socket file that nobody listens on; leaves anything else, so that binding fails.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket
        && UnixStream::connect(path).await.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
    {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// A connection of either sort, under TLS or not: what reads and writes it is the same code for all.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

type Stream = Box<dyn Duplex>;

/// A function from request to answer, whoever serves.
type Handler = Arc<dyn Fn(Request<Incoming>) -> Answering + Send + Sync>;
type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Serves until `shutdown`, then lets answers end for up to a second.
pub async fn serve<F, A>(
    listener: Bound,
    tls: Option<Tls>,
    handler: F,
    shutdown: impl Future<Output = ()> + Send,
) where
    F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    serve_within(Limits::default(), listener, tls, handler, shutdown).await;
}

/// Serves within other limits.
pub async fn serve_within<F, A>(
    limits: Limits,
    listener: Bound,
    tls: Option<Tls>,
    handler: F,
    shutdown: impl Future<Output = ()> + Send,
) where
    F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let handler: Handler = Arc::new(move |request| Box::pin(handler(request)));
    take(limits, listener, tls, handler, pin!(shutdown)).await;
}

async fn take(
    limits: Limits,
    listener: Bound,
    tls: Option<Tls>,
    handler: Handler,
    mut shutdown: Pin<&mut (dyn Future<Output = ()> + Send)>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    // as many again may wait to be told that there is no room
    let refusals = Arc::new(Semaphore::new(64));
    let crowded = Arc::new(Notify::new());
    let (ending, ended) = signal::channel(false);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    // out of descriptors, mostly: wait until connections have ended
                    tracing::warn!("{}: cannot take a connection: {error}", listener.address);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            // who holds a connection without a request makes room
            crowded.notify_waiters();
            if let Ok(slot) = Arc::clone(&refusals).try_acquire_owned() {
                tokio::spawn(refuse(stream, slot, tls.is_some()));
            }
            continue;
        };
        let connection = Connection {
            limits,
            handler: Arc::clone(&handler),
            ended: ended.clone(),
            crowded: Arc::clone(&crowded),
            _slot: slot,
        };
        let tls = tls.clone();
        tokio::spawn(connection.begin(stream, tls));
    }
    drop(ended);
    ending.send_replace(true);
    // every connection holds a receiver; all are gone once the last has ended
    let _ = tokio::time::timeout(limits.grace, ending.closed()).await;
}

/// Tells a client that there is no room. Under TLS there are no words for it without a handshake.
async fn refuse(mut stream: Stream, _slot: OwnedSemaphorePermit, tls: bool) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 21\r\nRetry-After: 1\r\nConnection: close\r\n\r\ntoo many connections\n";
    if tls {
        return;
    }
    let told = async {
        let mut sink = [0; 4096];
        // the request is read first: closing with it unread would reset the connection and lose the answer
        let _ = stream.read(&mut sink).await;
        let _ = stream.write_all(FULL).await;
        let _ = stream.shutdown().await;
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), told).await;
}

/// Says that no more will come, and lets the client send what it is at for a while, so that it comes to read the answer.
async fn linger(mut stream: Stream) {
    let (most, mut left) = LINGER;
    let sent = async {
        let _ = stream.shutdown().await;
        let mut sink = vec![0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut sink).await {
            left = left.saturating_sub(read);
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(most, sent).await;
}

struct Connection {
    limits: Limits,
    handler: Handler,
    ended: signal::Receiver<bool>,
    crowded: Arc<Notify>,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn begin(self, stream: Stream, tls: Option<Tls>) {
        let Some(tls) = tls else { return self.http(stream, None).await };
        let shaken = tokio::time::timeout(self.limits.head_time, tls.acceptor().accept(stream)).await;
        match shaken {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates();
                let shown = shown.map(|chain| PeerCertificates(chain.iter().cloned().collect()));
                self.http(Box::new(stream), shown).await;
            }
            Ok(Err(error)) => tracing::debug!("TLS handshake: {error}"),
            Err(_) => tracing::debug!("TLS handshake: not done within {:?}", self.limits.head_time),
        }
    }

    async fn http(mut self, stream: Stream, peer: Option<PeerCertificates>) {
        let phase = Phase::default();
        let mut stream = Watched::new(stream, phase.clone(), self.limits);
        match self.answers(&mut stream, phase.clone(), peer).await {
            // what is left of a body, or of a head that was refused, would reset the connection and lose the answer
            Ok(()) if phase.had_body() => {}
            Err(error) if error.is_parse() => tracing::debug!("connection: {error}"),
            Ok(()) => return,
            Err(error) => return tracing::debug!("connection: {error}"),
        }
        tokio::select! {
            () = linger(stream.into_inner()) => {}
            () = async { drop(self.ended.wait_for(|ended| *ended).await) } => {}
        }
    }

    /// Answers requests until there are no more.
    async fn answers(
        &mut self,
        stream: &mut Watched<Stream>,
        phase: Phase,
        peer: Option<PeerCertificates>,
    ) -> hyper::Result<()> {
        let handler = Arc::clone(&self.handler);
        let service = service_fn(move |mut request: Request<Incoming>| {
            if let Some(peer) = &peer {
                request.extensions_mut().insert(peer.clone());
            }
            let answering = phase.begin(!request.body().is_end_stream());
            let answer = handler(request);
            async move {
                // the guard goes with the body: the connection is idle again once that is sent
                let answer = answer.await.map(|body| watch::Guarded::new(body, answering).boxed_unsync());
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        let connection = http1::Builder::new()
            .max_buf_size(self.limits.head)
            // an end that the client comes to is noticed, but `Watched` tells it late
            .half_close(false)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut last = false;
        loop {
            tokio::select! {
                done = &mut connection => return done,
                () = self.crowded.notified(), if !last => {
                    last = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = async { drop(self.ended.wait_for(|ended| *ended).await) } => {
                    connection.as_mut().graceful_shutdown();
                    return tokio::time::timeout(self.limits.grace, connection).await.unwrap_or(Ok(()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
