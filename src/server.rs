//! The routes on an address: a TCP port or a Unix socket, with or without TLS.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_serve::app::App;
use plimsoll_serve::listen::{self, Address, Bound};
use plimsoll_serve::tls::Tls;

/// How long an embedder's taken port is left before it is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// Answers on what is bound until `shutdown`.
pub async fn serve(app: Arc<App>, bound: Bound, tls: Option<Tls>, shutdown: impl Future<Output = ()> + Send) {
    let handler = move |request| {
        let app = app.clone();
        async move { app.answer(request).await }
    };
    listen::serve(bound, tls, handler, shutdown).await;
}

/// For embedders: answers on a port, 0 means none. A port that is taken is tried again every minute, so that
/// the embedding agent need not fail for it.
pub async fn export(app: Arc<App>, ip: IpAddr, port: u16, shutdown: impl Future<Output = ()> + Send) {
    if port == 0 {
        return;
    }
    let address = Address::Tcp(SocketAddr::new(ip, port));
    tokio::pin!(shutdown);
    loop {
        match Bound::bind(&address).await {
            Ok(bound) => return serve(app, bound, None, shutdown).await,
            Err(error) => tracing::warn!(%error, "not serving; trying again in a minute"),
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = &mut shutdown => return,
        }
    }
}
