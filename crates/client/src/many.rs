//! For who asks thousands of peers again and again: between two questions nothing but the connection is kept.
//!
//! A connection that hyper drives has buffers and a queue, some 24 KB, whether anything is under way or not. So it is
//! driven by who asks, for one question; then hyper gives back what it ran over.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use tower_service::Service as _;

use super::connect::{Connector, Stream};
use super::{Answer, AskError, SMALL_BUFFER, chain, whole};

/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(90);

/// How often it is looked for such.
const LOOK: Duration = Duration::from_secs(10);

pub(crate) struct Many {
    connector: Connector,
    idle: Mutex<Idle>,
}

/// The connections over which nothing is under way.
struct Idle {
    /// One a peer, as questions to a peer come one after the other.
    kept: HashMap<Peer, (Instant, Stream)>,
    looked: Instant,
}

type Peer = (Scheme, Authority);

/// How a question over one connection ended.
enum Ended {
    /// With all that there is to say.
    With(Result<Answer, AskError>),
    /// Before the head of an answer: it may have been closed meanwhile.
    Before(AskError),
}

impl Many {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, idle: Mutex::new(Idle { kept: HashMap::new(), looked: Instant::now() }) }
    }

    /// The answer to a question. One that finds a kept connection closed is asked again over another.
    pub(crate) async fn ask(
        &self,
        mut request: Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<Answer, AskError> {
        let address = request.uri().clone();
        let peer = peer(&address)?;
        if !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, host(&peer)?);
        }
        *request.uri_mut() =
            address.path_and_query().map_or(Uri::from_static("/"), |path| path.clone().into());
        let kept = self.idle().take(&peer);
        if let Some(stream) = kept
            && let Ended::With(answer) = self.over(stream, &peer, request.clone(), limit).await
        {
            return answer;
        }
        let stream = self.connect(address).await?;
        match self.over(stream, &peer, request, limit).await {
            Ended::With(answer) => answer,
            Ended::Before(error) => Err(error),
        }
    }

    async fn connect(&self, address: Uri) -> Result<Stream, AskError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| AskError::Failed(chain(&*error));
        let mut connector = self.connector.clone();
        poll_fn(|context| connector.poll_ready(context)).await.map_err(failed)?;
        connector.call(address).await.map_err(failed)
    }

    async fn over(&self, stream: Stream, peer: &Peer, request: Request<Full<Bytes>>, limit: usize) -> Ended {
        let failed = |error: hyper::Error| AskError::Failed(chain(&error));
        let mut builder = http1::Builder::new();
        builder.read_buf_exact_size(Some(SMALL_BUFFER));
        let (mut sender, connection) = match builder.handshake(stream).await {
            Ok(both) => both,
            Err(error) => return Ended::Before(failed(error)),
        };
        // ends when nobody can ask over it any more
        let mut connection = pin!(connection.without_shutdown());
        let mut asked = pin!(async move {
            let answer = match sender.send_request(request).await {
                Ok(answer) => whole(answer, limit).await,
                Err(error) => return (Ended::Before(failed(error)), false),
            };
            // of an answer that was not read to its end the rest would come
            let again = answer.is_ok() && sender.ready().await.is_ok();
            (Ended::With(answer), again)
        });
        let (ended, again) = tokio::select! {
            biased;
            asked = &mut asked => asked,
            // what had come until then is still to be read
            _ = &mut connection => return asked.await.0,
        };
        if again
            && let Ok(parts) = connection.await
            && parts.read_buf.is_empty()
        {
            self.idle().put(peer, parts.io);
        }
        ended
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn take(&mut self, peer: &Peer) -> Option<Stream> {
        let (since, stream) = self.kept.remove(peer)?;
        (since.elapsed() < IDLE).then_some(stream)
    }

    fn put(&mut self, peer: &Peer, stream: Stream) {
        let now = Instant::now();
        self.kept.insert(peer.clone(), (now, stream));
        if now.duration_since(self.looked) > LOOK {
            self.looked = now;
            self.kept.retain(|_, (since, _)| now.duration_since(*since) < IDLE);
        }
    }
}

/// Of a whole address.
fn peer(address: &Uri) -> Result<Peer, AskError> {
    let parts = (address.scheme().cloned(), address.authority().cloned());
    let (Some(scheme), Some(authority)) = parts else {
        return Err(AskError::Failed(format!("{address}: not the address of a server")));
    };
    Ok((scheme, authority))
}

/// What the header says: no name and password, no port that goes without saying.
fn host((scheme, authority): &Peer) -> Result<HeaderValue, AskError> {
    let usual = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let text = match authority.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{}:{port}", authority.host()),
        None => authority.host().to_owned(),
    };
    HeaderValue::try_from(text).map_err(|error| AskError::Failed(format!("{authority}: {error}")))
}
