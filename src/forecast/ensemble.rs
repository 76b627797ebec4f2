//! Several forecasters as one: what their answers come to, by a trimmed mean or a median, each with a weight.
//!
//! Members are asked at once, and who abstains is left out. With fewer answers than the quorum there is none.

use std::str::FromStr;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use serde::{Deserialize, Serialize};

use super::{Forecast, ForecastError, Forecaster, ForecasterKind, Question};
use crate::scoring::conditional::MAX_PER_MINER;
use crate::units::{Probability, UnixMs};

/// How answers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The mean of what is left when a share of the weight is cut off at each end.
    TrimmedMean,
    /// The answer in the middle of the weight.
    Median,
}

/// A forecaster by its name, and its weight: `http`, `market=0.5`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Named {
    /// Which.
    pub kind: ForecasterKind,
    /// What its answer weighs; more than 0.
    pub weight: f64,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, weight) = text.split_once('=').unwrap_or((text, "1"));
        let kind = ForecasterKind::of(name.trim()).filter(|kind| *kind != ForecasterKind::Ensemble);
        let kind = kind.ok_or_else(|| format!("`{text}` is not a forecaster that can be a member"))?;
        let weight: f64 = weight.trim().parse().unwrap_or(f64::NAN);
        if weight.is_finite() && weight > 0.0 {
            Ok(Self { kind, weight })
        } else {
            Err(format!("the weight in `{text}` is not a number above 0"))
        }
    }
}

impl TryFrom<String> for Named {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// See the module.
pub struct Ensemble {
    members: Vec<(Arc<dyn Forecaster>, f64)>,
    combine: Combine,
    trim: f64,
    quorum: usize,
}

impl Ensemble {
    /// Members with their weights; `trim`, in `0.0..0.5`, is the share of the weight that a trimmed mean leaves out at each
    /// end; fewer than `quorum` answers are none.
    ///
    /// # Errors
    /// [`ForecastError::Setting`] without members, with a quorum that they cannot reach, or with a trim outside its range.
    pub fn new(
        members: Vec<(Arc<dyn Forecaster>, f64)>,
        combine: Combine,
        trim: f64,
        quorum: usize,
    ) -> Result<Self, ForecastError> {
        let refuse =
            |setting, value: String, rule| Err(ForecastError::Setting { forecaster: "ensemble", setting, value, rule });
        if members.is_empty() {
            return refuse("forecaster.members", "nothing".to_owned(), "names such as exec,http=2,market=0.5");
        }
        if !(1..=members.len()).contains(&quorum) {
            return refuse("forecaster.quorum", quorum.to_string(), "1 to the number of members");
        }
        if !(0.0..0.5).contains(&trim) {
            return refuse("forecaster.trim", trim.to_string(), "from 0 to less than 0.5");
        }
        Ok(Self { members, combine, trim, quorum })
    }

    fn probability(&self, said: &[(Probability, f64)]) -> Option<Probability> {
        if said.len() < self.quorum {
            return None;
        }
        let said: Vec<(f64, f64)> = said.iter().map(|(p, weight)| (p.get(), *weight)).collect();
        Probability::clamped(combined(&said, self.combine, self.trim)?)
    }
}

/// What answers with their weights come to; `trim` is that of [`Ensemble::new`]. `None` without answers.
#[must_use]
pub fn combined(said: &[(f64, f64)], combine: Combine, trim: f64) -> Option<f64> {
    let mut sorted = said.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    match combine {
        Combine::TrimmedMean => trimmed_mean(&sorted, trim),
        Combine::Median => median(&sorted),
    }
}

/// The mean of sorted `(value, weight)` within the middle of the weight: `trim` of it is cut off at each end, through a
/// value where the cut falls into one.
fn trimmed_mean(sorted: &[(f64, f64)], trim: f64) -> Option<f64> {
    let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let (from, to) = (trim * total, (1.0 - trim) * total);
    let (mut below, mut sum, mut kept) = (0.0, 0.0, 0.0);
    for (value, weight) in sorted {
        let above = below + weight;
        let inside = (above.min(to) - f64::max(below, from)).max(0.0);
        sum += value * inside;
        kept += inside;
        below = above;
    }
    (kept > 0.0).then(|| sum / kept)
}

/// The value at which half of the weight of sorted `(value, weight)` is reached; where that falls between two, their mean.
fn median(sorted: &[(f64, f64)]) -> Option<f64> {
    let half = sorted.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    let mut values = sorted.iter().peekable();
    while let Some((value, weight)) = values.next() {
        below += weight;
        if below > half {
            return Some(*value);
        }
        if below == half {
            return Some(values.peek().map_or(*value, |(next, _)| (value + next) / 2.0));
        }
    }
    // Only rounding leads here.
    sorted.last().map(|(value, _)| *value)
}

impl Forecaster for Ensemble {
    fn name(&self) -> &'static str {
        "ensemble"
    }

    /// That of its slowest member.
    fn batch(&self) -> usize {
        self.members.iter().map(|(member, _)| member.batch()).min().unwrap_or(1)
    }

    fn forecast<'a>(&'a self, questions: &'a [Question], now: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
        async move {
            let asked = self.members.iter().map(|(member, _)| member.forecast(questions, now));
            let mut answers: Vec<_> = join_all(asked).await.into_iter().map(Vec::into_iter).collect();
            let mut one = || {
                let mut said = Vec::new();
                let mut conditions = Vec::new();
                for (answers, (_, weight)) in answers.iter_mut().zip(&self.members) {
                    let answer = answers.next().unwrap_or_default();
                    said.extend(answer.probability.map(|p| (p, *weight)));
                    conditions.extend(answer.conditions);
                }
                // They speak when no number does, in the order of the members.
                conditions.truncate(MAX_PER_MINER);
                Forecast { probability: self.probability(&said), conditions }
            };
            questions.iter().map(|_| one()).collect()
        }
        .boxed()
    }
}

impl std::fmt::Debug for Ensemble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.members.iter().map(|(member, weight)| (member.name(), weight))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::Constant;
    use crate::market::EventKey;

    /// Says nothing, to fewer questions than it was asked.
    struct Silent;

    impl Forecaster for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }

        fn batch(&self) -> usize {
            3
        }

        fn forecast<'a>(&'a self, _: &'a [Question], _: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
            std::future::ready(Vec::new()).boxed()
        }
    }

    fn says(p: f64) -> Arc<dyn Forecaster> {
        Arc::new(Constant(Probability::new(p).unwrap()))
    }

    async fn asked(ensemble: &Ensemble) -> Option<f64> {
        let question = Question {
            key: EventKey::new("polymarket", "a"),
            provider: "polymarket".to_owned(),
            id: "a".to_owned(),
            description: "?".into(),
            cutoff: None,
        };
        let answers = ensemble.forecast(&[question.clone(), question], UnixMs(0)).await;
        assert_eq!(answers[0], answers[1]);
        answers[0].probability.map(Probability::get)
    }

    #[test]
    fn a_trimmed_mean_cuts_through_weights() {
        let values = [(0.1, 1.0), (0.2, 1.0), (0.6, 2.0)];
        assert!((trimmed_mean(&values, 0.0).unwrap() - 0.375).abs() < 1e-12);
        // A quarter of 4 off each end: 0.1 is gone, and half of the 0.6.
        assert!((trimmed_mean(&values, 0.25).unwrap() - 0.4).abs() < 1e-12);
        assert!((trimmed_mean(&values, 0.4).unwrap() - (0.2 * 0.4 + 0.6 * 0.4) / 0.8).abs() < 1e-12);
        assert_eq!(trimmed_mean(&[(0.3, 1.0)], 0.49), Some(0.3));
        assert_eq!(trimmed_mean(&[], 0.1), None);
    }

    #[test]
    fn a_median_is_in_the_middle_of_the_weight() {
        assert_eq!(median(&[(0.1, 1.0), (0.2, 1.0), (0.9, 1.0)]), Some(0.2));
        assert_eq!(median(&[(0.25, 1.0), (0.75, 1.0)]), Some(0.5));
        assert_eq!(median(&[(0.1, 1.0), (0.2, 1.0), (0.9, 3.0)]), Some(0.9));
        assert_eq!(median(&[]), None);
    }

    #[tokio::test]
    async fn who_abstains_is_left_out_and_a_quorum_is_kept() {
        let silent = || Arc::new(Silent) as Arc<dyn Forecaster>;
        let members = || vec![(says(0.2), 1.0), (silent(), 5.0), (says(0.8), 3.0)];
        let mean = Ensemble::new(members(), Combine::TrimmedMean, 0.0, 2).unwrap();
        assert_eq!(mean.batch(), 3);
        assert!((asked(&mean).await.unwrap() - 0.65).abs() < 1e-12);
        let median = Ensemble::new(members(), Combine::Median, 0.0, 1).unwrap();
        assert_eq!(asked(&median).await, Some(0.8));
        let all = Ensemble::new(members(), Combine::Median, 0.0, 3).unwrap();
        assert_eq!(asked(&all).await, None, "a member is silent");
        for (trim, quorum, word) in [(0.5, 1, "trim"), (f64::NAN, 1, "trim"), (0.0, 0, "quorum"), (0.0, 4, "quorum")] {
            let error = Ensemble::new(members(), Combine::Median, trim, quorum).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
        assert!(Ensemble::new(Vec::new(), Combine::Median, 0.0, 1).unwrap_err().to_string().contains("members"));
    }

    #[test]
    fn a_member_is_a_name_and_a_weight() {
        let named = |text: &str| text.parse::<Named>();
        assert_eq!(named("http"), Ok(Named { kind: ForecasterKind::Http, weight: 1.0 }));
        assert_eq!(named(" market = 0.5 "), Ok(Named { kind: ForecasterKind::Market, weight: 0.5 }));
        for wrong in ["", "ensemble", "oracle", "http=", "http=0", "http=-1", "http=inf", "http=x"] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
