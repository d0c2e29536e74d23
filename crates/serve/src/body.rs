//! Bodies of answers: at once, or piece by piece as the client takes them.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, Stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;

/// The body of every answer. It cannot fail: what would, is said before the first byte.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// All at once; its length is known.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// Nothing.
pub fn empty() -> Body {
    Empty::new().boxed_unsync()
}

/// Pieces that are made when the connection asks for the next one, so that a large answer is never in
/// memory as a whole and a slow reader costs no more than a piece.
pub fn pieces<I>(pieces: I) -> Body
where
    I: IntoIterator<Item = Bytes>,
    I::IntoIter: Send + 'static,
{
    streamed(stream::iter(pieces))
}

/// Pieces as they happen.
pub fn streamed(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync()
}
