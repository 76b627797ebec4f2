//! A socket that knows when its peer takes too long: dripping a head, or not reading the answer.
//!
//! hyper's own head timeout also runs while a connection rests between requests, and a resting Python pool is honest for
//! 15 s. So hyper gets the long one, and this wrapper the short one, which starts with the first byte of a head.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What the service tells its socket.
#[derive(Debug, Default)]
pub(super) struct Phase {
    heads: AtomicU64,
    busy: AtomicBool,
}

impl Phase {
    /// A head is complete; what arrives now is its body.
    pub(super) fn begin(&self) {
        self.heads.fetch_add(1, Relaxed);
        self.busy.store(true, Relaxed);
    }

    /// The request is read to its end and answered.
    pub(super) fn finish(&self) {
        self.busy.store(false, Relaxed);
    }
}

/// A stream with deadlines for the head and for stalled writes.
#[derive(Debug)]
pub(super) struct Watched<T> {
    inner: T,
    phase: Arc<Phase>,
    head_timeout: Duration,
    write_timeout: Duration,
    head: Deadline,
    head_number: u64,
    write: Deadline,
}

/// A deadline that is set when something starts, and costs a timer only when that something is waited for.
#[derive(Debug, Default)]
struct Deadline {
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    fn start(&mut self) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }

    fn stop(&mut self) {
        self.since = None;
        self.timer = None;
    }

    /// Ready when it was started and `allowed` has passed since.
    fn poll_passed(&mut self, cx: &mut Context<'_>, allowed: Duration) -> Poll<()> {
        let Some(since) = self.since else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(since + allowed)));
        timer.as_mut().poll(cx)
    }
}

impl<T> Watched<T> {
    pub(super) fn new(inner: T, phase: Arc<Phase>, head_timeout: Duration, write_timeout: Duration) -> Self {
        let (head, write) = (Deadline::default(), Deadline::default());
        Self { inner, phase, head_timeout, write_timeout, head, head_number: 0, write }
    }

    /// Forgets the head's deadline once the head has been handed to the service.
    fn follow_phase(&mut self) {
        let heads = self.phase.heads.load(Relaxed);
        if heads != self.head_number {
            self.head_number = heads;
            self.head.stop();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.follow_phase();
        let before = buf.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Pending => {
                let allowed = this.head_timeout;
                ready!(this.head.poll_passed(cx, allowed));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head did not arrive in time")))
            }
            Poll::Ready(read) => {
                if buf.filled().len() > before && !this.phase.busy.load(Relaxed) {
                    this.head.start();
                }
                Poll::Ready(read)
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> Watched<T> {
    /// Passes a finished write on; a pending one only within its time.
    fn watch<R>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.write.stop();
            return written;
        }
        self.write.start();
        ready!(self.write.poll_passed(cx, self.write_timeout));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read its answer")))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const HEAD: Duration = Duration::from_secs(5);
    const WRITE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_dripping_head_is_cut_and_a_resting_connection_is_not() {
        let (mut client, server) = tokio::io::duplex(64);
        let phase = Arc::new(Phase::default());
        let mut socket = Watched::new(server, Arc::clone(&phase), HEAD, WRITE);
        let mut byte = [0; 1];
        let rest = tokio::time::timeout(Duration::from_secs(20), socket.read(&mut byte)).await;
        assert!(rest.is_err(), "it may rest before a head");
        client.write_all(b"PO").await.unwrap();
        socket.read_exact(&mut byte).await.unwrap();
        socket.read_exact(&mut byte).await.unwrap();
        let cut = socket.read(&mut byte).await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_and_the_rest_after_it_have_no_head_deadline() {
        let (mut client, server) = tokio::io::duplex(64);
        let phase = Arc::new(Phase::default());
        let mut socket = Watched::new(server, Arc::clone(&phase), HEAD, WRITE);
        let mut byte = [0; 1];
        client.write_all(b"H").await.unwrap();
        socket.read_exact(&mut byte).await.unwrap();
        phase.begin();
        client.write_all(b"B").await.unwrap();
        socket.read_exact(&mut byte).await.unwrap();
        phase.finish();
        let rest = tokio::time::timeout(Duration::from_secs(20), socket.read(&mut byte)).await;
        assert!(rest.is_err(), "neither its body nor its rest is a head");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_given_up() {
        let (_client, server) = tokio::io::duplex(8);
        let mut socket = Watched::new(server, Arc::default(), HEAD, WRITE);
        let stalled = socket.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(stalled.kind(), io::ErrorKind::TimedOut);
    }
}
