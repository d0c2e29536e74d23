//! gRPC over a Unix socket: a call is an HTTP/2 request whose body is length-prefixed messages.
//!
//! Our own on hyper rather than tonic, which brings a router, middleware and a pool for what is here six
//! calls without TLS; and every answer here has a size limit.

use std::path::Path;
use std::pin::Pin;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::UnixStream;

use crate::runtime::fault::Fault;
use crate::runtime::http::Abort;

/// The longest message; containerd's own limit.
const MOST: usize = 16 << 20;
/// Flag and length before each message.
const HEAD: usize = 5;
/// gRPC's code for what is not there.
const NOT_FOUND: &str = "5";

/// A connection; ends when it is dropped.
pub(super) struct Channel {
    sender: http2::SendRequest<Full<Bytes>>,
    connection: Abort,
}

impl Channel {
    pub(super) async fn open(socket: &Path) -> Result<Self, Fault> {
        let named = |cause: std::io::Error| Fault::Connect(format!("{}: {cause}", socket.display()));
        let stream = UnixStream::connect(socket).await.map_err(named)?;
        let broken = |cause: hyper::Error| Fault::Broken(cause.to_string());
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(broken)?;
        let connection = Abort(tokio::spawn(async move {
            // the request tells of what goes wrong
            let _ = connection.await;
        }));
        Ok(Self { sender, connection })
    }

    /// One question, one answer. `method` is `/package.Service/Method`.
    pub(super) async fn call<A: Message + Default>(
        &mut self,
        method: &str,
        namespace: &str,
        question: &impl Message,
    ) -> Result<A, Fault> {
        let mut frames = opened(self.ask(method, namespace, framed(question)?).await?.await)?;
        let answer = frames.next().await?.ok_or_else(|| Fault::Nonsense(format!("{method}: no answer")))?;
        // the status comes last, and may still say that it failed
        while frames.next::<A>().await?.is_some() {}
        Ok(answer)
    }

    /// One question, answers without end. Does not wait for the first: a daemon to which nothing happens
    /// does not answer at all.
    pub(super) async fn stream(mut self, method: &str, question: &impl Message) -> Result<Stream, Fault> {
        let asked = self.ask(method, "", framed(question)?).await?;
        Ok(Stream { state: State::Asked(asked), _connection: self.connection })
    }

    async fn ask(&mut self, method: &str, namespace: &str, body: Bytes) -> Result<Asked, Fault> {
        let mut request = http::Request::post(format!("http://containerd{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if !namespace.is_empty() {
            request = request.header("containerd-namespace", namespace);
        }
        let request = request.body(Full::new(body)).map_err(|error| Fault::nonsense(&error))?;
        let broken = |cause: hyper::Error| Fault::Broken(cause.to_string());
        self.sender.ready().await.map_err(broken)?;
        Ok(Box::pin(self.sender.send_request(request)))
    }
}

/// A question on its way.
type Asked = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

/// A message with its head.
fn framed(message: &impl Message) -> Result<Bytes, Fault> {
    let len = message.encoded_len();
    let mut body = BytesMut::with_capacity(HEAD + len);
    body.put_u8(0);
    body.put_u32(u32::try_from(len).map_err(|_| Fault::TooLong(MOST))?);
    message.encode(&mut body).map_err(|error| Fault::nonsense(&error))?;
    Ok(body.freeze())
}

/// The messages of a response.
fn opened(response: hyper::Result<Response<Incoming>>) -> Result<Frames, Fault> {
    let response = response.map_err(|cause| Fault::Broken(cause.to_string()))?;
    if response.status() != 200 {
        return Err(Fault::Status(response.status().as_u16(), "expected gRPC".to_owned()));
    }
    // an answer without messages has its status in front
    status(response.headers())?;
    Ok(Frames { body: response.into_body(), rest: BytesMut::new() })
}

/// Answers without end, on a connection of their own.
pub(super) struct Stream {
    state: State,
    _connection: Abort,
}

enum State {
    Asked(Asked),
    Answered(Frames),
}

impl Stream {
    /// The next message. May be dropped while it waits, nothing is lost then.
    pub(super) async fn next<A: Message + Default>(&mut self) -> Result<A, Fault> {
        let ended = || Fault::Broken("the stream of events ended".to_owned());
        if let State::Asked(response) = &mut self.state {
            self.state = State::Answered(opened(response.await)?);
        }
        match &mut self.state {
            State::Answered(frames) => frames.next().await?.ok_or_else(ended),
            State::Asked(_) => Err(ended()),
        }
    }
}

/// The messages of an answer.
struct Frames {
    body: Incoming,
    rest: BytesMut,
}

impl Frames {
    async fn next<A: Message + Default>(&mut self) -> Result<Option<A>, Fault> {
        loop {
            if let Some(message) = message(&mut self.rest)? {
                return A::decode(message).map(Some).map_err(|error| Fault::nonsense(&error));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(trailers) = frame.trailers_ref() {
                        status(trailers)?;
                    } else if let Some(data) = frame.data_ref() {
                        self.rest.extend_from_slice(data);
                    }
                }
                Some(Err(cause)) => return Err(Fault::Broken(cause.to_string())),
                None => return Ok(None),
            }
        }
    }
}

/// Takes the first whole message off.
fn message(rest: &mut BytesMut) -> Result<Option<Bytes>, Fault> {
    let mut head = rest.as_ref();
    if head.len() < HEAD {
        return Ok(None);
    }
    let compressed = head.get_u8() != 0;
    let len = usize::try_from(head.get_u32()).unwrap_or(usize::MAX);
    if compressed {
        return Err(Fault::Nonsense("a compressed message, which nobody asked for".to_owned()));
    }
    if len > MOST {
        return Err(Fault::TooLong(MOST));
    }
    if head.len() < len {
        return Ok(None);
    }
    rest.advance(HEAD);
    Ok(Some(rest.split_to(len).freeze()))
}

fn status(headers: &HeaderMap) -> Result<(), Fault> {
    let text = |key: &str| headers.get(key).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        None | Some("0") => Ok(()),
        Some(NOT_FOUND) => Err(Fault::not_found()),
        Some(code) => {
            let said = text("grpc-message").unwrap_or_default();
            Err(Fault::Nonsense(format!("gRPC status {code}: {said}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_off_whole_and_one_by_one() {
        let mut rest = BytesMut::from(&b"\0\0\0\0\x02ab\0\0\0\0\0\0\0\0\0\x03c"[..]);
        assert_eq!(message(&mut rest).unwrap().unwrap(), "ab");
        assert_eq!(message(&mut rest).unwrap().unwrap(), "");
        assert_eq!(message(&mut rest).unwrap(), None);
        rest.extend_from_slice(b"de");
        assert_eq!(message(&mut rest).unwrap().unwrap(), "cde");
        assert!(rest.is_empty());
    }

    #[test]
    fn a_message_that_is_compressed_or_too_long_is_refused() {
        assert!(matches!(message(&mut BytesMut::from(&b"\x01\0\0\0\0"[..])), Err(Fault::Nonsense(_))));
        assert!(matches!(message(&mut BytesMut::from(&b"\0\xff\0\0\0"[..])), Err(Fault::TooLong(_))));
    }

    #[test]
    fn a_status_is_read() {
        let of = |code: &str| {
            status(&HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())]))
        };
        assert!(of("0").is_ok() && status(&HeaderMap::new()).is_ok());
        assert!(of("5").unwrap_err().is_not_found());
        assert!(of("14").unwrap_err().to_string().contains("14"));
    }
}
