//! One question to many miners, and what each has said until the end or the deadline.

use std::time::Duration;

use futures_util::future::join_all;

use super::meter::Course;
use super::synapse::StreamPromptingSynapse;
use crate::dendrite::{Deadlines, Dendrite, DendriteError, Failure, Target};
use crate::scoring::streaming::{noted_status, noted_time};
use crate::scoring::text::tokens;
use crate::synapse::status;
use crate::units::Foreign;

/// The most of one answer that is listened to, bytes: a stream that goes on is left there.
const MAX_ANSWER: usize = 256 * 1024;
/// The most chunks of one answer.
const MAX_CHUNKS: usize = 20_000;

/// What a miner has said.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// All text that came in time.
    pub completion: Foreign,
    /// When each chunk came, from the miner's turn, and its tokens.
    pub chunks: Vec<(Duration, u32)>,
    /// The status as the reference notes it: 204 for a success without text.
    pub status: u16,
    /// The time as the reference notes it, seconds.
    pub timing_s: f64,
    /// Why it is not the whole answer, in a word; `complete` when it is.
    pub ended: &'static str,
    /// The same in words, for a person.
    pub reason: Option<Foreign>,
}

impl Heard {
    /// For metrics.
    #[must_use]
    pub fn course(&self) -> Course {
        Course {
            chunks: self.chunks.iter().map(|(at, _)| *at).collect(),
            tokens: self.chunks.iter().map(|(_, tokens)| u64::from(*tokens)).sum(),
            ended: self.ended,
        }
    }

    /// Tokens of each chunk.
    #[must_use]
    pub fn tokens(&self) -> Vec<u32> {
        self.chunks.iter().map(|(_, tokens)| *tokens).collect()
    }
}

/// Asks all at once; one result for each target, in their order.
///
/// # Errors
/// [`DendriteError`]: the question cannot be put on the wire, nobody was asked.
pub async fn ask(
    dendrite: &Dendrite,
    targets: &[Target],
    question: &StreamPromptingSynapse,
    timeout: Duration,
) -> Result<Vec<Heard>, DendriteError> {
    let heard = join_all(targets.iter().map(|target| listen(dendrite, target, question, timeout))).await;
    heard.into_iter().collect()
}

async fn listen(
    dendrite: &Dendrite,
    target: &Target,
    question: &StreamPromptingSynapse,
    timeout: Duration,
) -> Result<Heard, DendriteError> {
    let deadlines = Deadlines { total: timeout, per_peer: timeout };
    let mut stream = match dendrite.stream(target, question, deadlines).await? {
        Ok(stream) => stream,
        Err(failure) => return Ok(heard(String::new(), Vec::new(), Some(&failure), timeout)),
    };
    let (mut text, mut chunks) = (String::new(), Vec::new());
    while let Some(chunk) = stream.next().await {
        chunks.push((chunk.at, tokens(&chunk.text)));
        text.push_str(&chunk.text);
        if text.len() > MAX_ANSWER || chunks.len() >= MAX_CHUNKS {
            let failure = Failure::TooLarge { limit: MAX_ANSWER };
            return Ok(heard(text, chunks, Some(&failure), timeout));
        }
    }
    let failure = stream.failure().cloned();
    Ok(heard(text, chunks, failure.as_ref(), timeout))
}

fn heard(text: String, chunks: Vec<(Duration, u32)>, failure: Option<&Failure>, timeout: Duration) -> Heard {
    let said = failure.map_or(status::SUCCESS, Failure::status);
    let status = noted_status(Some(said), &text);
    let took = chunks.last().map(|(at, _)| at.as_secs_f64());
    Heard {
        completion: text.into(),
        chunks,
        status: status.unwrap_or(said),
        timing_s: noted_time(status, took, timeout.as_secs_f64()),
        ended: failure.map_or("complete", Failure::kind),
        reason: failure.map(|failure| failure.to_string().into()),
    }
}
