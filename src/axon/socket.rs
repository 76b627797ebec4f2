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

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What the service and its socket tell each other.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    heads: AtomicU64,
    busy: AtomicBool,
    head_under_way: AtomicBool,
    write_under_way: AtomicBool,
}

/// A request under way; dropped when it is read to its end and answered.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Phase>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Relaxed);
    }
}

impl Phase {
    /// A head is complete; what arrives now is its body.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.heads.fetch_add(1, Relaxed);
        self.busy.store(true, Relaxed);
        Busy(Arc::clone(self))
    }

    /// Waits until nothing was under way for about `period`: no head, no request, no answer still to be written.
    pub(crate) async fn rested(&self, period: Duration) {
        loop {
            let heads = self.heads.load(Relaxed);
            tokio::time::sleep(period).await;
            let under_way = [&self.busy, &self.head_under_way, &self.write_under_way];
            if heads == self.heads.load(Relaxed) && !under_way.iter().any(|flag| flag.load(Relaxed)) {
                return;
            }
        }
    }
}

/// A stream with deadlines for the head and for stalled writes.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    inner: T,
    /// Bytes that were read before.
    prefix: Bytes,
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
    pub(crate) fn new(
        inner: T,
        prefix: Bytes,
        phase: Arc<Phase>,
        head_timeout: Duration,
        write_timeout: Duration,
    ) -> Self {
        let (head, write) = (Deadline::default(), Deadline::default());
        Self { inner, prefix, phase, head_timeout, write_timeout, head, head_number: 0, write }
    }

    pub(crate) fn into_inner(self) -> T {
        self.inner
    }

    /// Forgets the head's deadline once the head has been handed to the service.
    fn follow_phase(&mut self) {
        let heads = self.phase.heads.load(Relaxed);
        if heads != self.head_number {
            self.head_number = heads;
            self.head.stop();
            self.phase.head_under_way.store(false, Relaxed);
        }
    }

    fn bytes_arrived(&mut self) {
        if !self.phase.busy.load(Relaxed) {
            self.head.start();
            self.phase.head_under_way.store(true, Relaxed);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.follow_phase();
        if !this.prefix.is_empty() {
            let first = this.prefix.split_to(this.prefix.len().min(buf.remaining()));
            buf.put_slice(&first);
            this.bytes_arrived();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Pending => {
                let allowed = this.head_timeout;
                ready!(this.head.poll_passed(cx, allowed));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the head did not arrive in time")))
            }
            Poll::Ready(read) => {
                if buf.filled().len() > before {
                    this.bytes_arrived();
                }
                Poll::Ready(read)
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> Watched<T> {
    /// Passes a finished write on; a pending one only within its time.
    fn watch<R>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        self.phase.write_under_way.store(written.is_pending(), Relaxed);
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
        let mut socket = Watched::new(server, Bytes::new(), Arc::clone(&phase), HEAD, WRITE);
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
        let mut socket = Watched::new(server, Bytes::from("H"), Arc::clone(&phase), HEAD, WRITE);
        let mut byte = [0; 1];
        socket.read_exact(&mut byte).await.unwrap();
        let busy = phase.begin();
        client.write_all(b"B").await.unwrap();
        socket.read_exact(&mut byte).await.unwrap();
        drop(busy);
        let rest = tokio::time::timeout(Duration::from_secs(20), socket.read(&mut byte)).await;
        assert!(rest.is_err(), "neither its body nor its rest is a head");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_rests_only_when_nothing_is_under_way() {
        let phase = Arc::new(Phase::default());
        let second = Duration::from_secs(1);
        let rests = |phase: &Arc<Phase>| {
            let phase = Arc::clone(phase);
            async move { tokio::time::timeout(5 * second, phase.rested(second)).await.is_ok() }
        };
        assert!(rests(&phase).await);
        let busy = phase.begin();
        assert!(!rests(&phase).await);
        drop(busy);
        assert!(rests(&phase).await);
        phase.write_under_way.store(true, Relaxed);
        assert!(!rests(&phase).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_given_up() {
        let (_client, server) = tokio::io::duplex(8);
        let mut socket = Watched::new(server, Bytes::new(), Arc::default(), HEAD, WRITE);
        let stalled = socket.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(stalled.kind(), io::ErrorKind::TimedOut);
    }
}
