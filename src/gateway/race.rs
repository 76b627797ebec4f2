//! From a question to the first words: one miner, a second one when it is late, the next one when it fails.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::Door;
use super::choice::Candidate;
use crate::clock;
use crate::dendrite::{Chunk, Deadlines, Failure, TextStream};
use crate::subnets::prompting::conversation::Conversation;
use crate::units::Foreign;

/// An answer that has begun. Dropped, the miner is told to stop.
pub(super) struct Speaking {
    pub(super) who: Candidate,
    pub(super) first: Chunk,
    pub(super) rest: TextStream,
}

/// Nobody said a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Silence {
    /// Miners asked.
    pub(super) asked: usize,
    /// What the last one failed with.
    pub(super) reason: Option<Foreign>,
}

type Attempt = Pin<Box<dyn Future<Output = (Candidate, Result<Speaking, Failure>)> + Send>>;

/// The first of `candidates` to speak.
pub(super) async fn first_words(
    door: &Arc<Door>,
    candidates: &[Candidate],
    said: &Conversation,
) -> Result<Speaking, Silence> {
    let mut waiting = candidates.iter().copied().take(door.config.attempts.max(1));
    let mut running: FuturesUnordered<Attempt> = FuturesUnordered::new();
    let (mut asked, mut reason) = (0, None);
    let mut begin = |running: &FuturesUnordered<Attempt>| match waiting.next() {
        Some(candidate) => {
            running.push(attempt(Arc::clone(door), candidate, said.clone()).boxed());
            true
        }
        None => false,
    };
    let mut more = begin(&running);
    asked += usize::from(more);
    while !running.is_empty() {
        tokio::select! {
            Some((who, outcome)) = running.next() => match outcome {
                Ok(speaking) => {
                    door.choice.spoke(who.target.hotkey, speaking.first.at);
                    return Ok(speaking);
                }
                Err(failure) => {
                    tracing::debug!(uid = who.uid.0, "no first words: {failure}");
                    door.choice.failed(who.target.hotkey);
                    reason = Some(failure.to_string().into());
                    more = more && begin(&running);
                    asked += usize::from(more);
                }
            },
            () = tokio::time::sleep(door.config.hedge_after), if more => {
                more = begin(&running);
                asked += usize::from(more);
            }
        }
    }
    Err(Silence { asked, reason })
}

async fn attempt(door: Arc<Door>, who: Candidate, said: Conversation) -> (Candidate, Result<Speaking, Failure>) {
    (who, speak(&door, who, &said).await)
}

async fn speak(door: &Door, who: Candidate, said: &Conversation) -> Result<Speaking, Failure> {
    let timeout = door.config.timeout;
    let deadlines = Deadlines { total: timeout, per_peer: timeout };
    let began = clock::monotonic();
    let opened = door.dendrite.stream(&who.target, &said.synapse(), deadlines).await;
    let mut rest = opened.map_err(|e| Failure::Malformed(e.to_string().into()))??;
    match rest.next().await {
        Some(chunk) => {
            let at: Duration = began.elapsed();
            Ok(Speaking { who, first: Chunk { at, ..chunk }, rest })
        }
        None => Err(rest.failure().cloned().unwrap_or_else(|| Failure::Malformed("it ended without an answer".into()))),
    }
}
