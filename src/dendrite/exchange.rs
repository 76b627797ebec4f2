//! One request and its answer: sent, capped, judged.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use reqwest::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Failure;

/// Bodies up to here are read whatever the budget: an honest answer is not refused because of greedy ones.
const ALWAYS_READ: usize = 1 << 20;

/// Bodies up to here are read at once: they cost no more than what every connection costs anyway.
const SMALL: usize = 64 << 10;
/// What a body that does not say its length is taken for.
const UNKNOWN: usize = 256 << 10;
/// KiB of larger bodies that are collected at once as long as everybody sends what it announced.
const ROOM_KIB: usize = 16 << 10;
/// A body waits so long for those before it, which may come slowly on purpose.
const WAITS_AT_MOST: Duration = Duration::from_secs(1);

/// Bytes of answers that all requests under way hold together.
#[derive(Debug)]
pub(super) struct Budget {
    held: AtomicUsize,
    limit: usize,
    /// KiB that are free for larger bodies.
    room: Arc<Semaphore>,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), limit, room: Arc::new(Semaphore::new(ROOM_KIB)) })
    }

    /// Waits until there is room for a body of this size, or has waited long enough. What is not collected yet lies at its
    /// sender: when hundreds answer at once, their answers come one after the other, and not all into memory.
    async fn room_for(&self, length: usize) -> Option<OwnedSemaphorePermit> {
        if length <= SMALL {
            return None;
        }
        let kib = u32::try_from(length.min(ALWAYS_READ) >> 10).unwrap_or(u32::MAX);
        timeout(WAITS_AT_MOST, Arc::clone(&self.room).acquire_many_owned(kib)).await.ok()?.ok()
    }
}

/// A body being collected; its bytes count against the budget until it is dropped.
#[derive(Debug)]
pub(super) struct Collected {
    bytes: BytesMut,
    budget: Arc<Budget>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Collected {
    fn new(budget: &Arc<Budget>, room: Option<OwnedSemaphorePermit>, length: usize) -> Self {
        Self { bytes: BytesMut::with_capacity(length), budget: Arc::clone(budget), _room: room }
    }

    /// Adds a piece, unless that goes beyond `cap` or, for a large body, beyond the budget.
    fn push(&mut self, piece: &[u8], cap: usize) -> Result<(), Failure> {
        let len = self.bytes.len() + piece.len();
        let held = self.budget.held.load(Ordering::Relaxed) + piece.len();
        if len > cap || (len > ALWAYS_READ && held > self.budget.limit) {
            return Err(Failure::TooLarge { limit: cap });
        }
        self.budget.held.fetch_add(piece.len(), Ordering::Relaxed);
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Collected {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

/// Reads a body up to `cap` bytes, counted after decompression.
pub(super) async fn collect(mut response: Response, cap: usize, budget: &Arc<Budget>) -> Result<Collected, Failure> {
    if response.content_length().is_some_and(|length| length > cap as u64) {
        return Err(Failure::TooLarge { limit: cap });
    }
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
    let room = budget.room_for(announced.unwrap_or(UNKNOWN)).await;
    // What is announced may never come.
    let mut body = Collected::new(budget, room, announced.unwrap_or(0).min(ALWAYS_READ));
    while let Some(piece) = response.chunk().await.map_err(|e| cut(&e))? {
        body.push(&piece, cap)?;
    }
    Ok(body)
}

/// What a failure to get an answer's head means.
pub(super) fn no_head(error: &reqwest::Error) -> Failure {
    let reason = innermost(error);
    let hyper = hyper_error(error);
    if error.is_timeout() && !error.is_connect() {
        Failure::Timeout
    } else if hyper.is_some_and(|e| e.is_parse() || e.is_parse_too_large()) {
        Failure::Malformed(format!("not HTTP: {reason}").into())
    } else {
        // Refused, reset, no route, or closed without a word.
        Failure::Unreachable(reason.into())
    }
}

/// Whether the peer closed the connection instead of answering. What is no answer, or came too late, is not that.
pub(super) fn hung_up(error: &reqwest::Error) -> bool {
    let closed = |e: &std::io::Error| {
        matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe)
    };
    !error.is_connect()
        && (hyper_error(error).is_some_and(hyper::Error::is_incomplete_message)
            || sources(error).any(|source| source.downcast_ref().is_some_and(closed)))
}

/// What a failure inside a body means.
pub(super) fn cut(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        Failure::Timeout
    } else {
        Failure::Malformed(format!("the body broke off: {}", innermost(error)).into())
    }
}

fn sources<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn hyper_error(error: &reqwest::Error) -> Option<&hyper::Error> {
    sources(error).find_map(|source| source.downcast_ref())
}

fn innermost(error: &reqwest::Error) -> String {
    sources(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greedy_bodies_are_refused_before_modest_ones() {
        let budget = Budget::new(3 * ALWAYS_READ);
        let mut greedy = Collected::new(&budget, None, 0);
        let piece = vec![0; ALWAYS_READ];
        for _ in 0..3 {
            greedy.push(&piece, 100 * ALWAYS_READ).unwrap();
        }
        assert!(matches!(greedy.push(&piece, 100 * ALWAYS_READ), Err(Failure::TooLarge { .. })));
        let mut modest = Collected::new(&budget, None, 0);
        modest.push(&piece, 100 * ALWAYS_READ).unwrap();
        assert_eq!(modest.push(b"x", ALWAYS_READ), Err(Failure::TooLarge { limit: ALWAYS_READ }));
        drop((greedy, modest));
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_wait_for_one_another_but_not_for_ever() {
        let budget = Budget::new(usize::MAX);
        assert!(budget.room_for(SMALL).await.is_none(), "a small one needs no room");
        let mut slow = Vec::new();
        for _ in 0..ROOM_KIB >> 10 {
            slow.push(budget.room_for(100 * ALWAYS_READ).await.unwrap());
        }
        // Nobody gives room back: the next one is read without.
        assert!(budget.room_for(UNKNOWN).await.is_none());
        let next = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.room_for(UNKNOWN).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(slow.pop());
        assert!(next.await.unwrap());
    }
}
