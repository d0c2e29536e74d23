//! One answer of an application: bounded in time and size, its redirections not followed.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::endpoint::{Request, Target};
use crate::fault::Fault;
use crate::place::Place;
use crate::tls::Tls;
use crate::{BODY_LIMIT, FILE_WITHIN};

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) open_metrics: bool,
    pub(crate) body: Bytes,
}

/// What text formats are taken. An application that can write none of them writes what it likes.
const TAKEN: &str = "text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";

/// The whole answer, within a time. `own` forbids to ask others than the container.
pub(crate) async fn fetch(
    target: &Target,
    place: &Arc<Place>,
    tls: &Tls,
    own: bool,
    within: Duration,
) -> Result<Answer, Fault> {
    tokio::time::timeout(within, whole(target, place, tls, own)).await.unwrap_or(Err(Fault::Late(within)))
}

async fn whole(target: &Target, place: &Arc<Place>, tls: &Tls, own: bool) -> Result<Answer, Fault> {
    match target {
        Target::Unix { socket, request } => {
            let failed = |cause: String| Fault::Connect { to: socket.clone(), cause };
            let path = socket.clone();
            let found = place.look(FILE_WITHIN, move |place| place.socket(&path)).await;
            let found = found.ok_or_else(|| Fault::Stuck(socket.clone()))?;
            let found = found.map_err(|cause| failed(cause.to_string()))?;
            let path = format!("/proc/self/fd/{}", found.as_raw_fd());
            let stream = UnixStream::connect(path).await.map_err(|cause| failed(cause.to_string()))?;
            exchange(stream, request).await
        }
        Target::Tcp { host, port, tls: secure, request } => {
            let failed = |cause: String| Fault::Connect { to: format!("{host}:{port}"), cause };
            let stream = connect(host, *port, place, own).await?;
            if !secure {
                return exchange(stream, request).await;
            }
            let name = ServerName::try_from(host.clone()).map_err(|cause| failed(cause.to_string()))?;
            let stream = tls.connector()?.connect(name, stream).await;
            exchange(stream.map_err(|cause| failed(cause.to_string()))?, request).await
        }
    }
}

async fn connect(host: &str, port: u16, place: &Place, own: bool) -> Result<TcpStream, Fault> {
    let failed =
        |cause: std::io::Error| Fault::Connect { to: format!("{host}:{port}"), cause: cause.to_string() };
    let addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![(address, port).into()],
        Err(_) => tokio::net::lookup_host((host, port)).await.map_err(failed)?.collect(),
    };
    let mut last =
        Fault::Connect { to: format!("{host}:{port}"), cause: "the name has no address".to_owned() };
    for address in addresses {
        if own && !place.owns(address.ip()) {
            last = Fault::NotOwn(address.ip().to_string());
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(cause) => last = failed(cause),
        }
    }
    Err(last)
}

/// A task that ends with its owner.
struct Abort(JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: &Request,
) -> Result<Answer, Fault> {
    let broken = |cause: hyper::Error| Fault::Broken(cause.to_string());
    let mut builder = http1::Builder::new();
    builder.max_buf_size(64 << 10).max_headers(100);
    let (mut sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(broken)?;
    let _connection = Abort(tokio::spawn(async move {
        // the request tells of what goes wrong
        let _ = connection.await;
    }));
    let mut head = http::Request::get(&request.path)
        .header(HOST, &request.host)
        .header(ACCEPT, TAKEN)
        .header(USER_AGENT, concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close");
    if let Some(authorization) = &request.authorization {
        head = head.header(AUTHORIZATION, authorization);
    }
    let head = head.body(Empty::<Bytes>::new()).map_err(|cause| Fault::Broken(cause.to_string()))?;
    let response = sender.send_request(head).await.map_err(broken)?;
    let word = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoding = word(CONTENT_ENCODING);
    if !matches!(encoding, "" | "identity") {
        return Err(Fault::Encoded(encoding.chars().take(40).collect()));
    }
    let open_metrics = word(CONTENT_TYPE).starts_with("application/openmetrics-text");
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await.map_err(|cause| {
        if cause.is::<LengthLimitError>() {
            Fault::TooLong(BODY_LIMIT)
        } else {
            Fault::Broken(cause.to_string())
        }
    })?;
    Ok(Answer { status, open_metrics, body: body.to_bytes() })
}
