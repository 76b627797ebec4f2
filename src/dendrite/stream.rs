//! Answers that come as a stream of text.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::client::{Deadlines, Dendrite, DendriteError, Opened};
use super::counters::Counters;
use super::dialect::Dialect;
use super::exchange;
use super::failure::Failure;
use super::lanes::Lane;
use super::target::Target;
use crate::synapse::Synapse;
use crate::synapse::reply::{self, Reply};

/// A piece of the answer, whole characters only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The text.
    pub text: String,
    /// From its turn to the arrival of its last byte.
    pub at: Duration,
}

/// An answer under way. It has a turn among the requests under way until its end; dropping it ends the request.
#[derive(Debug)]
pub struct TextStream {
    response: Option<reqwest::Response>,
    /// Bytes of a character whose end has not come yet: three at most.
    tail: Vec<u8>,
    received: usize,
    limit: usize,
    started: Instant,
    until: Instant,
    failure: Option<Failure>,
    name: &'static str,
    dialect: Dialect,
    counters: Arc<Counters>,
    /// Among the requests under way, until the end.
    turn: Option<OwnedSemaphorePermit>,
    _lane: Lane,
}

/// What came of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streamed {
    /// All text that came.
    pub text: String,
    /// Its pieces with their times.
    pub chunks: Vec<Chunk>,
    /// Why it is not the whole answer; `None` when the axon ended it properly. A Python axon with Starlette 1.x ends a
    /// stream properly even when its handler failed: that cannot be seen from here.
    pub partial: Option<Failure>,
}

impl Dendrite {
    /// Asks one axon for a stream; returns when it begins.
    ///
    /// The outer error says that nothing was sent, the inner one that no stream came.
    ///
    /// # Errors
    /// [`DendriteError::NotSendable`]; inside, why there is no stream.
    pub async fn stream<S: Synapse>(
        &self,
        target: &Target,
        synapse: &S,
        deadlines: Deadlines,
    ) -> Result<Result<TextStream, Failure>, DendriteError> {
        let prepared = self.prepare(synapse, deadlines)?;
        let mut started = Instant::now();
        let all = started + deadlines.total;
        let inner = self.inner();
        let dialect = inner.dialect_of(target);
        let Ok(turn) = timeout_at(all, inner.turn()).await else {
            inner.note::<S>(target, dialect, Some(&Failure::Timeout), started.elapsed());
            return Ok(Err(Failure::Timeout));
        };
        started = Instant::now();
        let until = all.min(started + deadlines.per_peer);
        let begin = async {
            let opened = inner.open(target, &prepared, dialect).await?;
            let Opened { head, response, lane } = opened;
            if head.refusal().is_some() {
                let body = exchange::collect(response, inner.max_response(), inner.budget()).await?;
                return Err(refusal(reply::read::<S>(&head, body.bytes())));
            }
            if head.status.is_none() {
                return Err(Failure::Malformed("no status in the headers".into()));
            }
            if head.http != crate::synapse::status::SUCCESS {
                return Err(Failure::Malformed(format!("HTTP status {} but status header 200", head.http).into()));
            }
            let limit = inner.max_response();
            let (tail, response, counters) = (Vec::new(), Some(response), Arc::clone(inner.counters()));
            let (failure, name) = (None, S::NAME);
            Ok(TextStream {
                response,
                tail,
                received: 0,
                limit,
                started,
                until,
                failure,
                name,
                dialect,
                counters,
                turn,
                _lane: lane,
            })
        };
        let begun = timeout_at(until, begin).await.unwrap_or(Err(Failure::Timeout));
        if let Err(failure) = &begun {
            inner.note::<S>(target, dialect, Some(failure), started.elapsed());
        }
        Ok(begun)
    }
}

fn refusal<S>(reply: Reply<S>) -> Failure {
    match reply {
        Reply::Refused { status, message } => Failure::Refused { status, message },
        Reply::Malformed(reason) => Failure::Malformed(reason),
        Reply::Answer(_) => Failure::Malformed("an answer where a refusal was announced".into()),
    }
}

impl TextStream {
    /// The next piece; `None` at the end, at the deadline and at a failure ([`TextStream::failure`] tells which).
    pub async fn next(&mut self) -> Option<Chunk> {
        loop {
            let response = self.response.as_mut()?;
            let piece = match timeout_at(self.until, response.chunk()).await {
                Err(_) => return self.fail(Failure::Timeout),
                Ok(Err(error)) => return self.fail(exchange::cut(&error)),
                Ok(Ok(None)) if self.tail.is_empty() => {
                    (self.response, self.turn) = (None, None);
                    self.counters.count(self.name, self.dialect, None, self.started.elapsed());
                    return None;
                }
                Ok(Ok(None)) => return self.fail(Failure::Malformed("the stream ends inside a character".into())),
                Ok(Ok(Some(piece))) => piece,
            };
            self.received += piece.len();
            if self.received > self.limit {
                return self.fail(Failure::TooLarge { limit: self.limit });
            }
            match take_characters(&mut self.tail, &piece) {
                Some(text) if text.is_empty() => {}
                Some(text) => return Some(Chunk { text, at: self.started.elapsed() }),
                None => return self.fail(Failure::Malformed("the stream is not UTF-8".into())),
            }
        }
    }

    /// Why the stream ended early; `None` while it runs and after a proper end.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Reads to the end or the deadline.
    pub async fn collect(mut self) -> Streamed {
        let mut chunks = Vec::new();
        while let Some(chunk) = self.next().await {
            chunks.push(chunk);
        }
        let text = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
        Streamed { text, chunks, partial: self.failure }
    }

    fn fail(&mut self, failure: Failure) -> Option<Chunk> {
        (self.response, self.turn) = (None, None);
        self.counters.count(self.name, self.dialect, Some(&failure), self.started.elapsed());
        self.failure = Some(failure);
        None
    }
}

/// The whole characters of `tail` and `piece`; what is left of the last one becomes the tail. `None` when the bytes
/// are not UTF-8.
fn take_characters(tail: &mut Vec<u8>, piece: &[u8]) -> Option<String> {
    let mut bytes = std::mem::take(tail);
    bytes.extend_from_slice(piece);
    match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.utf8_error().error_len().is_none() => {
            let whole = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            *tail = bytes.split_off(whole);
            String::from_utf8(bytes).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn text_survives_any_cutting(text in "\\PC{0,20}", cuts in proptest::collection::vec(0usize..80, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let (mut tail, mut out) = (Vec::new(), String::new());
            for pair in cuts.windows(2) {
                out.push_str(&take_characters(&mut tail, &bytes[pair[0]..pair[1]]).unwrap());
            }
            proptest::prop_assert!(tail.is_empty());
            proptest::prop_assert_eq!(out, text);
        }

        #[test]
        fn any_bytes_are_text_or_refused(pieces in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..6), 0..6)) {
            let mut tail = Vec::new();
            for piece in pieces {
                if take_characters(&mut tail, &piece).is_none() {
                    break;
                }
                proptest::prop_assert!(tail.len() < 4);
            }
        }
    }
}
