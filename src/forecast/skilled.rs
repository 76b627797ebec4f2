//! For simulated worlds: knows the truth, and is off by a set amount. Shows whether scores find skill.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use super::{Forecast, ForecastError, Forecaster, Question};
use crate::market::simulator::{label, off_by, sign, uniform};
use crate::market::{Truth, TruthClient};
use crate::units::{Probability, UnixMs};

/// Requests to a simulator elsewhere under way at once.
const CONCURRENT: usize = 8;

/// Separates the draws of presence from those of errors.
const PRESENCE: u64 = 1;
const ERROR: u64 = 2;

/// How good, and how often there. What is answered depends on these, the event and the step of market time alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skill {
    /// What the errors are drawn from; two miners should not share it.
    pub seed: u64,
    /// How far every answer is from the truth, up or down, in `0.0..=0.45`.
    pub error: f64,
    /// The share of events it answers at all, in `0.0..=1.0`; which ones is drawn from the seed.
    pub presence: f64,
    /// An error holds for one step; the simulator's step is the natural choice.
    pub step: Duration,
}

/// Where the truth comes from.
#[derive(Clone)]
pub enum Source {
    /// A world in this process.
    Here(Arc<dyn Truth>),
    /// A simulator elsewhere.
    There(Arc<TruthClient>),
}

/// See the module.
#[derive(Debug)]
pub struct Skilled {
    skill: Skill,
    step_ms: i64,
    source: Source,
}

impl Skilled {
    /// A forecaster of that skill.
    ///
    /// # Errors
    /// [`ForecastError::Setting`] for an error, a presence or a step outside its range.
    pub fn new(skill: Skill, source: Source) -> Result<Self, ForecastError> {
        let refuse =
            |setting, value: String, rule| Err(ForecastError::Setting { forecaster: "skilled", setting, value, rule });
        if !(0.0..=0.45).contains(&skill.error) {
            return refuse("forecaster.error", skill.error.to_string(), "between 0 and 0.45");
        }
        if !(0.0..=1.0).contains(&skill.presence) {
            return refuse("presence", skill.presence.to_string(), "between 0 and 1");
        }
        let Some(step_ms) = i64::try_from(skill.step.as_millis()).ok().filter(|ms| *ms > 0) else {
            return refuse("step", format!("{:?}", skill.step), "a millisecond or more");
        };
        Ok(Self { skill, step_ms, source })
    }

    /// What is said about an event whose hidden probability is `truth` at `at`.
    fn answer(&self, event: u64, truth: Probability, at: UnixMs) -> Option<Probability> {
        let present = uniform(&[self.skill.seed, PRESENCE, event]) < self.skill.presence;
        let error = self.skill.error * sign(&[self.skill.seed, ERROR, event], at.0.div_euclid(self.step_ms));
        present.then(|| Probability::clamped(off_by(truth.get(), error, 0.0))).flatten()
    }

    async fn one(&self, question: &Question, now: UnixMs) -> Option<Probability> {
        let (truth, at) = match &self.source {
            Source::Here(world) => (world.truth(&question.id, now)?, now),
            Source::There(client) => match client.truth(&question.id).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(event = %question.key, %error, "the truth is out of reach");
                    return None;
                }
            },
        };
        self.answer(label(&question.id), truth, at)
    }
}

impl Forecaster for Skilled {
    fn name(&self) -> &'static str {
        "skilled"
    }

    fn forecast<'a>(&'a self, questions: &'a [Question], now: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
        let answers = stream::iter(questions).map(move |question| self.one(question, now)).buffered(CONCURRENT);
        answers.map(Forecast::from).collect().boxed()
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here",
            Self::There(_) => "There",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skilled(error: f64, presence: f64) -> Skilled {
        struct Half;
        impl Truth for Half {
            fn truth(&self, _id: &str, _at: UnixMs) -> Option<Probability> {
                Probability::new(0.5).ok()
            }
        }
        let skill = Skill { seed: 3, error, presence, step: Duration::from_secs(60) };
        Skilled::new(skill, Source::Here(Arc::new(Half))).unwrap()
    }

    fn question(id: u32) -> Question {
        let id = format!("0x{id:064x}");
        Question {
            key: crate::market::EventKey::new("polymarket", &id),
            provider: "polymarket".to_owned(),
            id,
            description: crate::units::Foreign::default(),
            cutoff: None,
        }
    }

    #[tokio::test]
    async fn every_answer_is_off_by_the_error_and_the_same_for_a_whole_step() {
        let questions: Vec<Question> = (0..1000).map(question).collect();
        let forecaster = skilled(0.1, 1.0);
        let early = forecaster.forecast(&questions, UnixMs(120_000)).await;
        assert_eq!(early, forecaster.forecast(&questions, UnixMs(179_999)).await);
        assert_ne!(early, forecaster.forecast(&questions, UnixMs(180_000)).await);
        let high = early.iter().filter(|f| f.probability.unwrap().get() > 0.5).count();
        assert!((400..600).contains(&high), "{high}");
        assert!(early.iter().all(|f| ((f.probability.unwrap().get() - 0.5).abs() - 0.1).abs() < 1e-12));
    }

    #[tokio::test]
    async fn presence_is_a_share_of_the_events() {
        let questions: Vec<Question> = (0..1000).map(question).collect();
        let forecaster = skilled(0.0, 0.5);
        let answers = forecaster.forecast(&questions, UnixMs(0)).await;
        let there = answers.iter().filter(|f| !f.abstains()).count();
        assert!((430..570).contains(&there), "{there}");
        let later = forecaster.forecast(&questions, UnixMs(10_000_000)).await;
        assert!(answers.iter().zip(&later).all(|(a, b)| a.abstains() == b.abstains()));
    }

    #[test]
    fn a_senseless_skill_is_named() {
        let skill = Skill { seed: 0, error: 0.1, presence: f64::NAN, step: Duration::from_secs(1) };
        let source = skilled(0.0, 1.0).source;
        let error = Skilled::new(skill, source).unwrap_err().to_string();
        assert!(error.contains("presence = NaN"), "{error}");
    }
}
