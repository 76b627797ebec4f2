//! A miner of known skill.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::axon::{Builder, Caller, Handler, Refusal, Reply};
use crate::subnets::prompting::questions::Question;
use crate::subnets::prompting::synapse::StreamPromptingSynapse;
use crate::subnets::work::MinerWork;

/// Words in a chunk of those who stream as one should.
const WORDS_PER_CHUNK: usize = 6;
/// Between two chunks without a word, of the one that never ends.
const IDLE: Duration = Duration::from_millis(100);

/// How well it knows the answers, and how it tells them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum How {
    /// This share of the words is right.
    Graded(f64),
    /// All of it, in one chunk.
    OneChunk,
    /// After this share of the words the connection breaks.
    StopsAfter(f64),
    /// After this share of the words nothing comes but blanks, until nobody listens.
    NeverEndsAfter(f64),
    /// The right answer to another question.
    Astray,
}

/// The right answers, and for each the one to the question after it.
#[derive(Debug)]
pub(super) struct Book(BTreeMap<String, (String, String)>);

impl Book {
    pub(super) fn of(questions: &[Question]) -> Self {
        let right = |question: &Question| question.reference.clone().unwrap_or_default();
        let others = questions.iter().cycle().skip(1).map(right);
        Self(
            questions
                .iter()
                .zip(others)
                .map(|(question, other)| (question.challenge.clone(), (right(question), other)))
                .collect(),
        )
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    pub(super) how: How,
    pub(super) book: Arc<Book>,
}

/// The first words of a text.
fn first(text: &str, share: f64) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.iter().take((words.len() as f64 * share) as usize).map(|word| (*word).to_owned()).collect()
}

/// A text of which a share of the words is right, evenly spread; the others are no words of any answer.
fn graded(text: &str, share: f64) -> Vec<String> {
    let step = |place: usize| (place as f64 * share) as usize;
    let word = |(place, word): (usize, &str)| {
        if step(place + 1) > step(place) { word.to_owned() } else { format!("hum{place}") }
    };
    text.split_whitespace().enumerate().map(word).collect()
}

fn chunks(words: &[String], size: usize) -> Vec<Result<Bytes, Refusal>> {
    words.chunks(size.max(1)).map(|words| Ok(Bytes::from(words.join(" ") + " "))).collect()
}

impl Handler<StreamPromptingSynapse> for Actor {
    async fn handle(
        &self,
        _: &Caller,
        asked: StreamPromptingSynapse,
    ) -> Result<Reply<StreamPromptingSynapse>, Refusal> {
        let question = asked.messages.last().cloned().unwrap_or_default();
        let (right, other) =
            self.book.0.get(&question).ok_or_else(|| Refusal::bad_request("this question is not in the play"))?;
        let said = |words: &[String]| stream::iter(chunks(words, WORDS_PER_CHUNK));
        Ok(Reply::Stream(match self.how {
            How::Graded(share) => said(&graded(right, share)).boxed(),
            How::OneChunk => stream::iter(chunks(&first(right, 1.0), usize::MAX)).boxed(),
            How::StopsAfter(share) => {
                let breaks = stream::iter([Err(Refusal::unavailable("the play wants it so"))]);
                said(&first(right, share)).chain(breaks).boxed()
            }
            How::NeverEndsAfter(share) => {
                let idle = stream::unfold((), |()| async {
                    tokio::time::sleep(IDLE).await;
                    Some((Ok(Bytes::from_static(b" ")), ()))
                });
                said(&first(right, share)).chain(idle).boxed()
            }
            How::Astray => said(&first(other, 1.0)).boxed(),
        }))
    }
}

impl MinerWork for Actor {
    fn serve(&self, axon: Builder) -> Builder {
        axon.serve::<StreamPromptingSynapse>(self.clone())
    }

    fn manner(&self) -> String {
        format!("answers {:?}", self.how)
    }

    fn status(&self) -> String {
        "plays".to_owned()
    }
}
