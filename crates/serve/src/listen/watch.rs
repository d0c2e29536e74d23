//! A connection that ends itself when its client lets it wait too long.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::Limits;
use crate::body::Body;

/// What the connection is doing.
#[derive(Clone, Default)]
pub(super) struct Phase(Arc<Shared>);

#[derive(Default)]
struct Shared {
    phase: AtomicU8,
    /// How many requests there were.
    requests: AtomicU64,
    /// Whether the newest had a body.
    body: AtomicBool,
    /// The connection, which starts its idle clock when an answer has been sent.
    connection: AtomicWaker,
}

/// Between requests, or reading a head.
const ASKING: u8 = 0;
/// A request whose body may still arrive is with the handler.
const TAKING_BODY: u8 = 1;
/// A request is being answered; the client has nothing to send.
const ANSWERING: u8 = 2;

impl Phase {
    /// A request is there. Until the guard goes it is being answered.
    pub(super) fn begin(&self, has_body: bool) -> Answering {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        self.0.body.store(has_body, Ordering::Relaxed);
        self.0.phase.store(if has_body { TAKING_BODY } else { ANSWERING }, Ordering::Relaxed);
        Answering(self.clone())
    }

    /// Whether the last request had a body, of which some may not have been read.
    pub(super) fn had_body(&self) -> bool {
        self.0.body.load(Ordering::Relaxed)
    }

    /// Which request is there.
    fn request(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    fn now(&self) -> u8 {
        self.0.phase.load(Ordering::Relaxed)
    }
}

/// Goes when the answer has been sent.
pub(super) struct Answering(Phase);

impl Answering {
    /// The handler has answered and takes no more of the body.
    pub(super) fn answered(&self) {
        self.0.0.phase.store(ANSWERING, Ordering::Relaxed);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.phase.store(ASKING, Ordering::Relaxed);
        self.0.0.connection.wake();
    }
}

/// A body that keeps the guard until it is sent.
pub(super) struct Guarded {
    body: Body,
    _answering: Answering,
}

impl Guarded {
    pub(super) fn new(body: Body, answering: Answering) -> Self {
        answering.answered();
        Self { body, _answering: answering }
    }
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The stream with its clocks.
pub(super) struct Watched<S> {
    stream: S,
    phase: Phase,
    limits: Limits,
    /// When the head under way began to arrive.
    head: Option<Instant>,
    /// When the handler began to take a body, and of which request.
    body: Option<(u64, Instant)>,
    reading: Clock,
    writing: Clock,
    /// Since the client said that it sends no more, without a byte going to it.
    ended: Clock,
}

/// Runs while an operation waits.
#[derive(Default)]
struct Clock(Option<Pin<Box<Sleep>>>);

impl Clock {
    /// Starts unless it runs already; ready when the time is over.
    fn poll(&mut self, cx: &mut Context<'_>, wait: Duration) -> Poll<()> {
        self.0.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(cx)
    }

    /// Begins anew where it runs.
    fn again(&mut self, cx: &mut Context<'_>, wait: Duration) {
        if self.0.take().is_some() {
            // not over: that it wakes whoever waits is all that is wanted
            let _ = self.poll(cx, wait);
        }
    }

    fn stop(&mut self) {
        self.0 = None;
    }
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, phase: Phase, limits: Limits) -> Self {
        // a client that connects means to ask
        let head = Some(Instant::now());
        Self {
            stream,
            phase,
            limits,
            head,
            body: None,
            reading: Clock::default(),
            writing: Clock::default(),
            ended: Clock::default(),
        }
    }

    /// The stream without its clocks.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    /// When the body under way was first waited for.
    fn body(&mut self) -> Instant {
        let request = self.phase.request();
        match self.body {
            Some((of, began)) if of == request => began,
            _ => self.body.insert((request, Instant::now())).1,
        }
    }

    /// How long the next byte of the client may take; `None` while it has nothing to send.
    fn patience(&mut self) -> Option<Duration> {
        let phase = self.phase.now();
        if phase != ASKING {
            self.head = None;
        }
        match (phase, self.head) {
            (ANSWERING, _) => None,
            (TAKING_BODY, _) => {
                let left = self.limits.body_time.saturating_sub(self.body().elapsed());
                Some(self.limits.stalled.min(left))
            }
            (_, Some(began)) => Some(self.limits.head_time.saturating_sub(began.elapsed())),
            (_, None) => Some(self.limits.idle),
        }
    }
}

fn timed_out<T>(what: &str) -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, what)))
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let ended = matches!(polled, Poll::Ready(Ok(()))) && buffer.filled().len() == before;
        if ended && this.phase.now() != ASKING {
            this.reading.stop();
            this.phase.0.connection.register(cx.waker());
            // whoever sends a request and then its end may still read the answer; told at once, hyper would drop it
            return this.ended.poll(cx, this.limits.half_closed).map(Ok);
        }
        let Some(patience) = this.patience() else {
            this.reading.stop();
            this.phase.0.connection.register(cx.waker());
            return polled;
        };
        if polled.is_ready() {
            this.reading.stop();
            // bytes that trickle in do not stop the clock of the whole
            match this.phase.now() {
                _ if buffer.filled().len() == before => {}
                ASKING => {
                    let began = *this.head.get_or_insert_with(Instant::now);
                    if began.elapsed() > this.limits.head_time {
                        return timed_out("the request's head took too long");
                    }
                }
                TAKING_BODY if this.body().elapsed() > this.limits.body_time => {
                    return timed_out("the request's body took too long");
                }
                _ => {}
            }
            return polled;
        }
        if this.reading.poll(cx, patience).is_ready() {
            return timed_out("no request came in time");
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    /// What was written, unless the client has let it wait for too long.
    fn moved(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.ended.again(cx, self.limits.half_closed);
        }
        self.written(cx, polled)
    }

    /// What was tried, unless the client has let it wait for too long.
    fn written<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.writing.stop();
        } else if self.writing.poll(cx, self.limits.stalled).is_ready() {
            return timed_out("the client reads nothing");
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.moved(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.moved(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(cx, polled)
    }
}
