//! Streamed answers: whole characters, one HTTP chunk each, and a connection that is cut when the text is not complete.
//!
//! A task of its own draws from the handler until the text ends, the deadline comes, or the caller leaves. So a caller that
//! reads slowly, or not at all, holds the handler's place no longer than the deadline.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http_body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::handler::{Chunks, Refusal};
use super::socket::Busy;

/// How a stream came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The handler said all it had to say.
    Complete,
    /// The caller left.
    Left,
    /// The deadline passed.
    TimedOut,
    /// The handler failed, or gave bytes that are no text.
    Failed(Refusal),
}

#[derive(Debug)]
enum Piece {
    Text(Bytes),
    End,
}

/// The text was not complete: hyper then drops the connection without the final chunk, which the client can tell.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the streamed answer broke off")]
pub(super) struct BrokeOff;

/// The body of a streamed answer.
#[derive(Debug)]
pub(super) struct StreamedBody {
    pieces: mpsc::Receiver<Piece>,
    breaking: bool,
    ended: bool,
    /// The connection does not rest while its answer streams.
    _busy: Option<Busy>,
}

/// The body that yields `chunks`, and the work that fills it, to be run beside it.
pub(super) fn streamed(chunks: Chunks, deadline: Instant) -> (StreamedBody, impl Future<Output = Ended> + Send) {
    let (sender, pieces) = mpsc::channel(1);
    let work = async move {
        let ended = tokio::select! {
            () = sender.closed() => Ended::Left,
            () = tokio::time::sleep_until(deadline) => Ended::TimedOut,
            ended = forward(chunks, &sender) => ended,
        };
        if ended == Ended::Complete {
            let _ = tokio::time::timeout_at(deadline, sender.send(Piece::End)).await;
        }
        ended
    };
    (StreamedBody { pieces, breaking: false, ended: false, _busy: None }, work)
}

async fn forward(mut chunks: Chunks, sender: &mpsc::Sender<Piece>) -> Ended {
    let mut text = WholeCharacters::default();
    while let Some(chunk) = chunks.next().await {
        let whole = match chunk.and_then(|chunk| text.push(&chunk)) {
            Ok(whole) => whole,
            Err(refusal) => return Ended::Failed(refusal),
        };
        if !whole.is_empty() && sender.send(Piece::Text(whole)).await.is_err() {
            return Ended::Left;
        }
    }
    if text.rest.is_empty() { Ended::Complete } else { Ended::Failed(no_text()) }
}

impl StreamedBody {
    /// The same, keeping its connection busy until it ends.
    pub(super) fn keeping(self, busy: Busy) -> Self {
        Self { _busy: Some(busy), ..self }
    }
}

impl Body for StreamedBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match self.pieces.poll_recv(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Piece::Text(text))) => Poll::Ready(Some(Ok(Frame::data(text)))),
            Poll::Ready(Some(Piece::End)) => {
                self.ended = true;
                Poll::Ready(None)
            }
            // hyper flushes what it has when a body pends, and throws it away when one fails: so pend once.
            Poll::Ready(None) if !self.breaking => {
                self.breaking = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(Some(Err(BrokeOff)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

/// Joins chunks so that no character is split: SDK clients decode every piece by itself.
#[derive(Debug, Default)]
struct WholeCharacters {
    rest: BytesMut,
}

fn no_text() -> Refusal {
    Refusal::internal("the streamed answer is not UTF-8")
}

impl WholeCharacters {
    /// The whole characters so far; the beginning of a split one is kept for the next chunk.
    fn push(&mut self, chunk: &Bytes) -> Result<Bytes, Refusal> {
        if self.rest.is_empty() && std::str::from_utf8(chunk).is_ok() {
            return Ok(chunk.clone());
        }
        self.rest.extend_from_slice(chunk);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(no_text()),
        };
        Ok(self.rest.split_to(whole).freeze())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    fn chunks(items: Vec<Result<Bytes, Refusal>>) -> Chunks {
        Box::pin(stream::iter(items))
    }

    async fn read(mut body: StreamedBody) -> (Vec<Bytes>, bool) {
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => pieces.push(frame.into_data().unwrap()),
                Err(BrokeOff) => return (pieces, false),
            }
        }
        (pieces, true)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test(start_paused = true)]
    async fn a_character_split_over_chunks_arrives_whole() {
        let bytes = "a€b".as_bytes();
        let split = bytes.iter().map(|byte| Ok(Bytes::copy_from_slice(&[*byte]))).collect();
        let (body, work) = streamed(chunks(split), soon());
        let ((pieces, complete), ended) = tokio::join!(read(body), work);
        assert!(complete);
        assert_eq!(pieces, ["a", "€", "b"]);
        assert_eq!(ended, Ended::Complete);
    }

    #[tokio::test(start_paused = true)]
    async fn failure_and_lateness_cut_the_body() {
        let failing = chunks(vec![Ok(Bytes::from("a")), Err(Refusal::internal("broken"))]);
        let (body, work) = streamed(failing, soon());
        let ((pieces, complete), ended) = tokio::join!(read(body), work);
        assert_eq!((pieces.len(), complete), (1, false));
        assert_eq!(ended, Ended::Failed(Refusal::internal("broken")));

        let (body, work) = streamed(Box::pin(stream::pending()), soon());
        let ((_, complete), ended) = tokio::join!(read(body), work);
        assert_eq!((complete, ended), (false, Ended::TimedOut));

        let (body, work) = streamed(chunks(vec![Ok(Bytes::from_static(b"\xe2\x82"))]), soon());
        assert_eq!(tokio::join!(read(body), work).0, (Vec::new(), false), "a text that ends within a character");
    }

    #[tokio::test(start_paused = true)]
    async fn the_handler_stops_when_the_caller_leaves() {
        let (body, work) = streamed(Box::pin(stream::pending()), soon());
        drop(body);
        assert_eq!(work.await, Ended::Left);
    }
}
