//! Language models on recorded questions: each asked as if it were then, and corrected by what had ended by then.

use futures_util::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;

use super::Asked;
use crate::forecast::llm::abstain::Silence;
use crate::forecast::llm::calibrate::{Calibration, LEAST_RECORD, Method, Pair};
use crate::forecast::llm::desk::Cost;
use crate::forecast::llm::pipeline::{Asking, Pipeline, Record};
use crate::market::EventKey;

/// Questions under way at once; the desk bounds the calls.
const IN_FLIGHT: usize = 32;
/// What language models said to all questions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Language {
    /// The answer to each, `None` where they were silent.
    pub answers: Vec<Option<f64>>,
    /// All about each.
    pub records: Vec<Record>,
}

/// What it took, and why there was silence.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize)]
pub struct Took {
    /// All of it.
    #[serde(flatten)]
    pub cost: Cost,
    /// Seconds of all questions, one after the other.
    pub seconds: f64,
    /// How often each reason for silence came.
    pub silences: Vec<(Silence, usize)>,
}

/// Asks `pipeline` about each of `all`, which are in the order of time.
pub async fn ask_all(pipeline: &Pipeline, all: &[Asked], method: Method) -> Language {
    let asked = stream::iter(all).map(|asked| ask(pipeline, asked));
    let mut records: Vec<Record> = asked.buffered(IN_FLIGHT).collect().await;
    correct(pipeline, all, &mut records, method);
    Language { answers: records.iter().map(|record| record.answer).collect(), records }
}

async fn ask(pipeline: &Pipeline, asked: &Asked) -> Record {
    let asking = Asking {
        // A budget for each moment: they are other days of the same question.
        key: format!("{}@{}", EventKey::new("backtest", &asked.id), asked.at.0),
        text: asked.text.clone(),
        closes: Some(asked.closes_at),
        at: asked.at,
        price: Some(asked.price),
    };
    pipeline.forecast(&asking, &Calibration::Identity).await
}

/// Corrects each record by those of questions that had ended when it was made.
fn correct(pipeline: &Pipeline, all: &[Asked], records: &mut [Record], method: Method) {
    let mut by_end: Vec<(usize, &Asked)> = all.iter().enumerate().collect();
    by_end.sort_by_key(|(_, asked)| asked.settled_at);
    let mut ended = by_end.into_iter().peekable();
    let mut pairs: Vec<Pair> = Vec::new();
    let (mut learnt_from, mut calibration) = (0, Calibration::Identity);
    for (place, now) in all.iter().enumerate() {
        while let Some((past, asked)) = ended.next_if(|(_, asked)| asked.settled_at <= now.at) {
            let said = records.get(past).and_then(|record| record.models_said);
            pairs.extend(said.map(|said| (said, asked.outcome)));
        }
        // Learnt anew when a twentieth more is known.
        if pairs.len() * 20 > learnt_from * 21 {
            calibration = Calibration::of(method, &pairs, LEAST_RECORD);
            learnt_from = pairs.len();
        }
        if let Some(record) = records.get_mut(place).filter(|record| record.models_said.is_some()) {
            pipeline.conclude(record, &calibration);
        }
    }
}

impl Language {
    /// What it took.
    #[must_use]
    pub fn took(&self) -> Took {
        let mut took = Took { cost: self.records.iter().map(|record| record.cost).sum(), ..Took::default() };
        for record in &self.records {
            took.seconds += record.seconds;
            let Some(silence) = record.silence else { continue };
            match took.silences.iter_mut().find(|(other, _)| *other == silence) {
                Some((_, count)) => *count += 1,
                None => took.silences.push((silence, 1)),
            }
        }
        took
    }
}
