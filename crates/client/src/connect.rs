//! Connections, straight or through a proxy, as one type: what stands above them exists once.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tower_service::Service;

use super::tls::TlsError;
use super::way::Way;

type Straight = HttpsConnector<HttpConnector>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Makes connections.
#[derive(Clone)]
pub(crate) enum Connector {
    Straight(Straight),
    Through(Box<HttpsConnector<Tunnel<Straight>>>),
}

impl Connector {
    /// # Errors
    /// The way's server name is no name.
    pub(crate) fn new(tls: ClientConfig, way: &Way) -> Result<Self, TlsError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(Duration::from_secs(10)));
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        let name = way.server_name.as_ref().map(|text| {
            let name = ServerName::try_from(text.clone());
            name.map_err(|_| TlsError::Name(text.clone()))
        });
        let name = name.transpose()?;
        Ok(match &way.proxy {
            None => Self::Straight(over(tls, name, tcp)),
            Some(proxy) => {
                let tunnel = Tunnel::new(proxy.address.clone(), over(tls.clone(), None, tcp));
                let tunnel = match &proxy.credentials {
                    Some(credentials) => tunnel.with_auth(credentials.clone()),
                    None => tunnel,
                };
                Self::Through(Box::new(over(tls, name, tunnel)))
            }
        })
    }
}

/// HTTP and HTTPS over such connections.
fn over<C>(tls: ClientConfig, name: Option<ServerName<'static>>, below: C) -> HttpsConnector<C> {
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    match name {
        Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
        None => builder,
    }
    .enable_http1()
    .wrap_connector(below)
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Straight(below) => below.poll_ready(context),
            Self::Through(below) => below.poll_ready(context),
        }
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        match self {
            Self::Straight(below) => made(below.call(address)),
            Self::Through(below) => made(below.call(address)),
        }
    }
}

fn made<S: Io + 'static>(
    future: impl Future<Output = Result<S, BoxError>> + Send + 'static,
) -> Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>> {
    Box::pin(async move { Ok(Stream(Box::new(future.await?))) })
}

trait Io: Read + Write + Connection + Send + Unpin {}
impl<T: Read + Write + Connection + Send + Unpin> Io for T {}

/// A connection.
pub(crate) struct Stream(Box<dyn Io>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(context, pieces)
    }
}
