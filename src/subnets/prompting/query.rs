//! Asking some miners oneself, side by side: what each says, piece by piece, with its time.

use std::time::Duration;

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;

use super::conversation::Conversation;
use crate::dendrite::{Deadlines, Dendrite, DendriteError, Failure, Target};
use crate::units::{Account, Foreign, Uid};

/// Whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Its slot.
    pub uid: Uid,
    /// Where it serves.
    pub target: Target,
}

/// A piece of somebody's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Piece {
    /// Whose.
    pub uid: Uid,
    /// Seconds since it was asked.
    pub at_s: f64,
    /// Seconds since its last piece, or since it was asked.
    pub after_s: f64,
    /// The text.
    pub text: Foreign,
}

/// Somebody's whole answer.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Answered {
    /// Whose.
    pub uid: Uid,
    /// Its hotkey.
    pub hotkey: Account,
    /// All that came.
    pub completion: Foreign,
    /// How many pieces.
    pub chunks: usize,
    /// Seconds to the first one.
    pub first_s: Option<f64>,
    /// Seconds to the end.
    pub total_s: f64,
    /// The status, as the Python tools note it.
    pub status: u16,
    /// Why it is not the whole answer; `None` when it is.
    pub partial: Option<Foreign>,
}

/// Asks all of `asked` at once. `told` hears of every piece as it comes; the answers stand in the order of `asked`.
///
/// # Errors
/// [`DendriteError`]: nobody was asked.
pub async fn query(
    dendrite: &Dendrite,
    asked: &[Asked],
    said: &Conversation,
    timeout: Duration,
    mut told: impl FnMut(&Piece),
) -> Result<Vec<Answered>, DendriteError> {
    let (pieces, mut heard) = mpsc::unbounded_channel();
    let streams = join_all(asked.iter().map(|asked| listen(dendrite, asked, said, timeout, pieces.clone())));
    drop(pieces);
    let mut streams = std::pin::pin!(streams);
    let answers = loop {
        tokio::select! {
            biased;
            Some(piece) = heard.recv() => told(&piece),
            answers = &mut streams => break answers,
        }
    };
    while let Ok(piece) = heard.try_recv() {
        told(&piece);
    }
    answers.into_iter().collect()
}

async fn listen(
    dendrite: &Dendrite,
    asked: &Asked,
    said: &Conversation,
    timeout: Duration,
    pieces: mpsc::UnboundedSender<Piece>,
) -> Result<Answered, DendriteError> {
    let began = crate::clock::monotonic();
    let answered = |text: String, times: &[f64], failure: Option<&Failure>| Answered {
        uid: asked.uid,
        hotkey: asked.target.hotkey,
        completion: text.into(),
        chunks: times.len(),
        first_s: times.first().copied(),
        total_s: began.elapsed().as_secs_f64(),
        status: failure.map_or(crate::synapse::status::SUCCESS, Failure::status),
        partial: failure.map(|failure| failure.to_string().into()),
    };
    let deadlines = Deadlines { total: timeout, per_peer: timeout };
    let mut stream = match dendrite.stream(&asked.target, &said.synapse(), deadlines).await? {
        Ok(stream) => stream,
        Err(failure) => return Ok(answered(String::new(), &[], Some(&failure))),
    };
    let (mut text, mut times) = (String::new(), Vec::new());
    while let Some(chunk) = stream.next().await {
        let at_s = chunk.at.as_secs_f64();
        text.push_str(&chunk.text);
        let after_s = at_s - times.last().copied().unwrap_or(0.0);
        times.push(at_s);
        // Nobody hears it when the query was given up.
        let _ = pieces.send(Piece { uid: asked.uid, at_s, after_s, text: chunk.text.into() });
    }
    let failure = stream.failure().cloned();
    Ok(answered(text, &times, failure.as_ref()))
}
