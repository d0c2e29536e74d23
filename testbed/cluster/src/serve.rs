//! Connections: HTTP/1.1 over TCP, encrypted or not.

use std::future::Future;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::Error;
use crate::reply::Body;

/// Serves a connection until its end.
pub(crate) async fn connection<F, A>(stream: TcpStream, tls: Option<TlsAcceptor>, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone,
    A: Future<Output = Result<Response<Body>, Error>>,
{
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    // small: there may be thousands, and requests are short
    http.max_buf_size(16 * 1024);
    // who hangs up, and who sends no HTTP, ends nothing but the connection
    match tls {
        None => {
            let _ = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
        }
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                let _ = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            }
        }
    }
}
