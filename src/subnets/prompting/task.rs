//! What a validator asks for, and what of an answer counts (reference of June 2024).

use serde::{Deserialize, Serialize};

use crate::scoring::streaming::{Weighted, chunk_penalty, total_reward};
use crate::scoring::text::{date_score, float_score, ordinal_score, rouge_1, rouge_l, sequence_ratio};

/// What the penalty for chunks that are no stream counts, in every task.
const STREAMING_WEIGHT: f64 = 0.2;

/// A kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A question with an answer in words.
    Qa,
    /// A text to be made shorter.
    Summarization,
    /// Anything else that is answered in words.
    GenericInstruction,
    /// A question for a day.
    DateQa,
    /// A question for a number.
    Math,
    /// A text in another language.
    Translation,
    /// Whether something is meant well.
    Sentiment,
    /// Code without its mistake; the reference has it switched off.
    Debugging,
}

/// Something that is measured of an answer, `0.0..=1.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Words in common.
    Rouge1,
    /// Longest sequences in common.
    RougeL,
    /// Nearness of meaning, by an embedding model.
    Relevance,
    /// Nearness of days.
    Date,
    /// Nearness of numbers.
    Float,
    /// Nearness of sentiments.
    Ordinal,
    /// Characters in common, in order.
    Sequence,
    /// Chunks that are too large; a penalty only.
    Streaming,
}

impl Task {
    /// All that are asked by default.
    pub const ALL: [Self; 7] = [
        Self::Qa,
        Self::Summarization,
        Self::GenericInstruction,
        Self::DateQa,
        Self::Math,
        Self::Translation,
        Self::Sentiment,
    ];

    /// The name in files and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Qa => "qa",
            Self::Summarization => "summarization",
            Self::GenericInstruction => "generic_instruction",
            Self::DateQa => "date_qa",
            Self::Math => "math",
            Self::Translation => "translation",
            Self::Sentiment => "sentiment",
            Self::Debugging => "debugging",
        }
    }

    /// What is rewarded, with its weight; the weights sum to 1.
    #[must_use]
    pub const fn rewards(self) -> &'static [(Measure, f64)] {
        match self {
            Self::Qa => &[(Measure::Rouge1, 0.5), (Measure::Relevance, 0.5)],
            Self::Summarization => &[(Measure::RougeL, 0.5), (Measure::Relevance, 0.5)],
            Self::GenericInstruction => &[(Measure::Rouge1, 0.25), (Measure::Relevance, 0.75)],
            Self::DateQa => &[(Measure::Date, 0.7), (Measure::Rouge1, 0.3)],
            Self::Math => &[(Measure::Float, 1.0)],
            Self::Translation => &[(Measure::Rouge1, 1.0)],
            Self::Sentiment => &[(Measure::Ordinal, 1.0)],
            Self::Debugging => &[(Measure::Sequence, 1.0)],
        }
    }

    /// What it costs to repeat the challenge, by [`Measure::Rouge1`].
    #[must_use]
    pub const fn parroting(self) -> Option<f64> {
        match self {
            Self::Qa | Self::Summarization | Self::GenericInstruction => Some(0.5),
            Self::Translation => Some(1.0),
            _ => None,
        }
    }

    /// Whether a second question can follow.
    #[must_use]
    pub const fn has_turns(self) -> bool {
        !matches!(self, Self::Sentiment | Self::Translation)
    }

    /// Whether an embedding model has a part in its reward.
    #[must_use]
    pub fn wants_relevance(self) -> bool {
        self.rewards().iter().any(|(measure, _)| *measure == Measure::Relevance)
    }
}

/// A measure as it was applied.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Applied {
    /// Which.
    pub measure: Measure,
    /// What it counts.
    pub weight: f64,
    /// What was measured.
    pub value: f64,
}

/// What an answer is worth, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// What was rewarded.
    pub rewards: Vec<Applied>,
    /// What was held against it.
    pub penalties: Vec<Applied>,
    /// The reward, `0.0..=1.0`.
    pub total: f64,
}

/// What an answer is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'a> {
    /// The kind of question.
    pub task: Task,
    /// The question.
    pub challenge: &'a str,
    /// The right answer.
    pub reference: &'a str,
    /// Tokens that a chunk may have.
    pub max_tokens_per_chunk: u32,
}

impl Bench<'_> {
    /// Judges an answer that came in chunks of so many tokens. Without `relevance` the other rewards share its weight.
    #[must_use]
    pub fn judge(&self, answer: &str, chunks: &[u32], relevance: Option<f64>) -> Judgement {
        let known = |measure: Measure| measure != Measure::Relevance || relevance.is_some();
        let wanted: Vec<_> = self.task.rewards().iter().filter(|(measure, _)| known(*measure)).collect();
        let whole: f64 = wanted.iter().map(|(_, weight)| weight).sum();
        let rewards: Vec<Applied> = wanted
            .into_iter()
            .map(|(measure, weight)| Applied {
                measure: *measure,
                weight: weight / whole,
                value: self.measured(*measure, answer, relevance),
            })
            .collect();
        let parroting = self.task.parroting().map(|weight| Applied {
            measure: Measure::Rouge1,
            weight,
            value: rouge_1(self.challenge, answer),
        });
        let streaming = Applied {
            measure: Measure::Streaming,
            weight: STREAMING_WEIGHT,
            value: chunk_penalty(chunks, self.max_tokens_per_chunk),
        };
        let penalties: Vec<Applied> = parroting.into_iter().chain([streaming]).collect();
        let weighted = |applied: &[Applied]| -> Vec<Weighted> {
            applied.iter().map(|it| Weighted { weight: it.weight, value: it.value }).collect()
        };
        let total = total_reward(&weighted(&rewards), &weighted(&penalties));
        Judgement { rewards, penalties, total }
    }

    fn measured(&self, measure: Measure, answer: &str, relevance: Option<f64>) -> f64 {
        match measure {
            Measure::Rouge1 => rouge_1(self.reference, answer),
            Measure::RougeL => rouge_l(self.reference, answer),
            Measure::Relevance => relevance.unwrap_or(0.0),
            Measure::Date => date_score(self.reference, answer),
            Measure::Float => self.reference.trim().parse().map_or(0.0, |reference| float_score(reference, answer)),
            Measure::Ordinal => ordinal_score(self.reference, answer),
            Measure::Sequence => sequence_ratio(self.reference, answer),
            Measure::Streaming => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(task: Task, reference: &str) -> Bench<'_> {
        Bench { task, challenge: "what is it", reference, max_tokens_per_chunk: 200 }
    }

    #[test]
    fn the_weights_of_every_task_sum_to_one() {
        for task in Task::ALL.into_iter().chain([Task::Debugging]) {
            let sum: f64 = task.rewards().iter().map(|(_, weight)| weight).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{}", task.name());
            assert_eq!(serde_json::to_value(task).unwrap(), task.name());
        }
    }

    #[test]
    fn a_right_answer_is_worth_all_and_none_nothing() {
        let cases = [
            (Task::Qa, "a tide"),
            (Task::Summarization, "a tide"),
            (Task::GenericInstruction, "a tide"),
            (Task::DateQa, "1969-07-20"),
            (Task::Math, "42"),
            (Task::Translation, "a tide"),
            (Task::Sentiment, "neutral"),
            (Task::Debugging, "x = 1"),
        ];
        for (task, reference) in cases {
            let bench = bench(task, reference);
            let total = bench.judge(reference, &[2], Some(1.0)).total;
            assert!((total - 1.0).abs() < 1e-6, "{}: {total}", task.name());
            assert_eq!(bench.judge("", &[], None).total, 0.0, "{}", task.name());
        }
    }

    #[test]
    fn without_an_embedding_model_the_others_share_its_weight() {
        let bench = bench(Task::GenericInstruction, "one two");
        let with = bench.judge("one", &[1], Some(0.0));
        let without = bench.judge("one", &[1], None);
        assert_eq!(with.rewards.iter().map(|it| it.weight).collect::<Vec<_>>(), [0.25, 0.75]);
        assert_eq!(without.rewards.iter().map(|it| it.weight).collect::<Vec<_>>(), [1.0]);
        assert!((without.total - 4.0 * with.total).abs() < 1e-12);
    }

    #[test]
    fn one_huge_chunk_costs_a_twentieth_and_a_parrot_half() {
        let bench = bench(Task::Qa, "a tide");
        assert!((bench.judge("a tide", &[201], None).total - 0.95).abs() < 1e-6);
        assert!((bench.judge("a tide", &[201; 9], None).total - 0.8).abs() < 1e-6);
        let parrot = Bench { challenge: "a tide", ..bench };
        assert!((parrot.judge("a tide", &[1], None).total - 0.5).abs() < 1e-6);
    }
}
