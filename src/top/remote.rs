//! A running agent, asked over HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use plimsoll::flags::{Agent, Target};
use plimsoll_client::{Pem, Tls};
use plimsoll_core::machine::ProcessInfo;
use plimsoll_serve::overview::series::Series;
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::text::clean;

/// For a connection and the head of an answer.
const WAIT: Duration = Duration::from_secs(10);
/// More than the overview of 10,000 containers.
const MOST: usize = 256 << 20;
/// An agent sends a sign of life every 15 s.
const SILENCE: Duration = Duration::from_secs(40);
/// Pauses before an agent that is gone is asked again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// An agent.
#[derive(Clone)]
pub(crate) struct Remote {
    agent: Arc<Agent>,
    tls: Option<TlsConnector>,
}

/// What comes from an agent's stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Everything.
    Full(Vec<u8>),
    /// What changed.
    Delta(Vec<u8>),
    /// It does not answer any more, and is asked again.
    Lost(String),
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Remote {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// Who vouches for it cannot be read.
    pub(crate) fn new(agent: Agent, ca_file: Option<&Path>, insecure: bool) -> Result<Self, String> {
        let tls = agent.tls.then(|| connector(ca_file, insecure)).transpose()?;
        Ok(Self { agent: Arc::new(agent), tls })
    }

    /// How it is called in sentences.
    pub(crate) fn name(&self) -> String {
        match &self.agent.target {
            Target::Tcp(_) => format!("{}{}", self.agent.host, self.agent.prefix),
            Target::Unix(path) => path.display().to_string(),
        }
    }

    /// The overview, as JSON.
    pub(crate) async fn overview(&self) -> Result<Vec<u8>, String> {
        self.get("/api/plimsoll/v1/overview").await
    }

    /// The kept past of a container.
    pub(crate) async fn series(&self, name: &str) -> Result<Series, String> {
        self.json(&format!("/api/plimsoll/v1/series?name={}", escaped(name, false))).await
    }

    /// Its processes.
    pub(crate) async fn processes(&self, name: &str) -> Result<Vec<ProcessInfo>, String> {
        self.json(&format!("/api/v2.1/ps{}", escaped(name, true))).await
    }

    async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let body = self.get(path).await?;
        serde_json::from_slice(&body).map_err(|error| format!("{}: {path}: {error}", self.name()))
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        let whole = async {
            let body = self.ask(path, "application/json").await?;
            let body = Limited::new(body, MOST).collect().await.map_err(|error| error.to_string())?;
            Ok(body.to_bytes().to_vec())
        };
        // as long again for the body
        let answer = timeout(WAIT * 2, whole).await.unwrap_or_else(|_| Err("does not answer".to_owned()));
        answer.map_err(|error| format!("{}: {error}", self.name()))
    }

    /// The body of a successful answer.
    async fn ask(&self, path: &str, accept: &'static str) -> Result<Incoming, String> {
        let mut request = Request::get(format!("{}{path}", self.agent.prefix))
            .header(HOST, &self.agent.host)
            .header(ACCEPT, accept);
        if let Some((name, password)) = &self.agent.credentials {
            let token = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
            let mut value =
                HeaderValue::from_str(&format!("Basic {token}")).map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        let answer = timeout(WAIT, async {
            let io = self.connect().await?;
            let handshake = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(io)).await;
            let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
            // ends with the answer's body
            tokio::spawn(connection);
            sender.send_request(request).await.map_err(|error| error.to_string())
        });
        let answer = answer.await.map_err(|_| "does not answer".to_owned())??;
        let status = answer.status();
        match status.as_u16() {
            200 => Ok(answer.into_body()),
            401 => {
                let challenge = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
                Err(unwelcome(challenge.unwrap_or_default(), self.agent.credentials.is_some()).to_owned())
            }
            404 => Err("there is no agent at this address (404); is the prefix missing?".to_owned()),
            301 | 302 | 307 | 308 => Err(format!("leads elsewhere ({status}); is the prefix missing?")),
            _ => {
                let body = Limited::new(answer.into_body(), 4096).collect().await;
                let body = body.map(|body| body.to_bytes()).unwrap_or_default();
                let text = String::from_utf8_lossy(&body).lines().next().unwrap_or_default().to_owned();
                Err(format!("{status}: {}", clean(&text)))
            }
        }
    }

    async fn connect(&self) -> Result<Box<dyn Io>, String> {
        let refused = |error: std::io::Error| error.to_string();
        match &self.agent.target {
            Target::Unix(path) => Ok(Box::new(UnixStream::connect(path).await.map_err(refused)?)),
            Target::Tcp(host) => {
                let stream = TcpStream::connect(host).await.map_err(refused)?;
                let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
                let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
                let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
                Ok(Box::new(tls.connect(name, stream).await.map_err(untrusted)?))
            }
        }
    }

    /// Follows the agent until nobody listens.
    pub(crate) async fn follow(self, interval: Duration, news: mpsc::Sender<News>) {
        let path = format!("/api/plimsoll/v1/live?interval={}s", interval.as_secs().max(1));
        let mut pause = AGAIN.0;
        loop {
            let mut heard = false;
            let lost = self.stream(&path, &news, &mut heard).await;
            let Err(lost) = lost else { return };
            pause = if heard { AGAIN.0 } else { (pause * 2).min(AGAIN.1) };
            if news.send(News::Lost(format!("{}: {lost}", self.name()))).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// One connection. Ends well when nobody listens any more.
    async fn stream(&self, path: &str, news: &mpsc::Sender<News>, heard: &mut bool) -> Result<(), String> {
        let mut body = self.ask(path, "text/event-stream").await?;
        let mut events = Events::default();
        loop {
            let frame = timeout(SILENCE, body.frame()).await.map_err(|_| "has fallen silent".to_owned())?;
            let frame = frame.ok_or("has ended")?.map_err(|error| error.to_string())?;
            let Ok(data) = frame.into_data() else { continue };
            events.take(&data)?;
            while let Some(event) = events.next() {
                *heard = true;
                if news.send(event).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// Server-sent events out of pieces.
#[derive(Default)]
struct Events {
    bytes: Vec<u8>,
    /// So far no event ends.
    searched: usize,
}

impl Events {
    fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        self.bytes.extend_from_slice(piece);
        if self.bytes.len() > MOST { Err("sends an event without an end".to_owned()) } else { Ok(()) }
    }

    /// The next event that is whole; comments and unknown ones are passed over.
    fn next(&mut self) -> Option<News> {
        loop {
            let rest = self.bytes.get(self.searched..).unwrap_or_default();
            let Some(found) = rest.windows(2).position(|pair| pair == b"\n\n") else {
                // the first of the two may be there already
                self.searched = self.bytes.len().saturating_sub(1);
                return None;
            };
            let end = self.searched + found;
            self.searched = 0;
            let event: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let field =
                |name: &[u8]| event.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name));
            let Some(data) = field(b"data: ") else { continue };
            match field(b"event: ") {
                Some(b"full") => return Some(News::Full(data.to_vec())),
                Some(b"delta") => return Some(News::Delta(data.to_vec())),
                _ => {}
            }
        }
    }
}

fn connector(ca_file: Option<&Path>, insecure: bool) -> Result<TlsConnector, String> {
    let ca = ca_file.map(|file| Pem::File(file.to_owned()));
    let config = Tls { ca, insecure, identity: None }.config().map_err(|error| error.to_string())?;
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Why it lets nobody in who comes like this.
fn unwelcome(challenge: &str, named: bool) -> &'static str {
    if challenge.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest")) {
        "asks for Digest authentication (-http_digest_file), which is not known here; -http_auth_file is"
    } else if named {
        "refuses this name or password; in the address, @ : / in them are %40 %3A %2F"
    } else {
        "asks for a name and a password: http://user:password@host:port"
    }
}

/// Of an agent that nobody vouches for, users are told who can.
fn untrusted(error: std::io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            format!("{error}: name who vouches for the agent with -ca_file")
        }
        Some(rustls::Error::InvalidMessage(_)) => "does not speak TLS: is it http:// there?".to_owned(),
        _ => error.to_string(),
    }
}

/// Percent escapes; a path keeps its slashes.
fn escaped(text: &str, slashes: bool) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (slashes && byte == b'/') {
            out.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_pieces() {
        let whole = b":\n\nid: 1\nevent: full\ndata: {}\n\nid: 2\nevent: other\ndata: x\n\nid: 3\nevent: delta\ndata: []\n\n";
        for size in 1..whole.len() {
            let (mut events, mut found) = (Events::default(), Vec::new());
            for piece in whole.chunks(size) {
                events.take(piece).unwrap();
                found.extend(std::iter::from_fn(|| events.next()));
            }
            assert_eq!(found, [News::Full(b"{}".to_vec()), News::Delta(b"[]".to_vec())], "{size}");
        }
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("/a b/\\x2d:1", true), "/a%20b/%5Cx2d%3A1");
        assert_eq!(escaped("/a", false), "%2Fa");
    }

    #[test]
    fn a_file_of_certificates_that_is_none_is_named() {
        let wrong = |file: &str| connector(Some(Path::new(file)), false).err().unwrap();
        assert_eq!(wrong("/dev/null"), "/dev/null: expected certificates as PEM: there is none");
        assert!(
            wrong("/nonexistent").starts_with("/nonexistent: expected certificates as PEM: No such file")
        );
        assert!(connector(None, false).is_ok() && connector(Some(Path::new("/nonexistent")), true).is_ok());
    }

    #[test]
    fn who_can_vouch_is_told() {
        let told = |cause| {
            let cause = rustls::Error::InvalidCertificate(cause);
            untrusted(std::io::Error::new(std::io::ErrorKind::InvalidData, cause))
        };
        let unknown = "invalid peer certificate: UnknownIssuer: name who vouches for the agent with -ca_file";
        assert_eq!(told(CertificateError::UnknownIssuer), unknown);
        assert!(!told(CertificateError::Revoked).contains("-ca_file"));
        let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        let plain = untrusted(std::io::Error::new(std::io::ErrorKind::InvalidData, plain));
        assert_eq!(plain, "does not speak TLS: is it http:// there?");
    }

    #[test]
    fn who_is_not_let_in_is_told_what_would_be_right() {
        assert!(unwelcome("Basic realm=\"x\"", false).starts_with("asks for a name and a password"));
        assert!(unwelcome("", true).starts_with("refuses this name or password"));
        assert!(unwelcome("Digest realm=\"x\"", true).starts_with("asks for Digest"));
    }
}
