//! Forecasters judged on recorded questions that have ended: what each would have said at some days of a question's life,
//! knowing nothing of later, against the market's price of that moment.

pub mod baseline;
mod category;
pub mod language;
mod models;
mod scores;

use serde::Serialize;

pub use self::category::Category;
pub use self::models::{ModelName, answers};
pub use self::scores::{Bin, Judged, Line, Selected, Value, judge};
use super::Question;
use super::llm::schedule::retrieval_times;
use crate::market::tape::Tape;
use crate::market::{EventKey, Quote, asked_text};
use crate::units::{Foreign, UnixMs};

/// When recorded questions are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// Moments of a question's life, beside its first day.
    pub moments: u32,
    /// A price older than this is none, ms: an asker knows what happened since, the price does not.
    pub price_age_ms: i64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { moments: 5, price_age_ms: 2 * 86_400_000 }
    }
}

/// A recorded question at one moment of its life.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// The provider that it was seen at.
    pub provider: String,
    /// What its market is called.
    pub id: String,
    /// The place of its market on the tape: its moments are no independent observations.
    pub market: usize,
    /// What was asked, without the rules.
    pub title: Foreign,
    /// Title, rules, and the outcome whose probability is asked.
    pub text: Foreign,
    /// What it is about.
    pub category: Category,
    /// The moment.
    pub at: UnixMs,
    /// The price then.
    pub price: f64,
    /// The scheduled end.
    pub closes_at: UnixMs,
    /// When it ended.
    pub settled_at: UnixMs,
    /// How it ended: 1 yes, 0 no, between for a split.
    pub outcome: f64,
}

impl Asked {
    /// The question as a validator would put it.
    #[must_use]
    pub fn question(&self) -> Question {
        Question {
            key: EventKey::new(&self.provider, &self.id),
            provider: self.provider.clone(),
            id: self.id.clone(),
            description: self.text.clone(),
            cutoff: Some(self.closes_at),
        }
    }
}

/// The moments at which the ended questions of `tape` are asked, in the order of time: those of [`retrieval_times`] with a
/// price that is fresh enough.
#[must_use]
pub fn asked(tape: &Tape, sampling: Sampling) -> Vec<Asked> {
    let mut all = Vec::new();
    for (place, market) in tape.markets().iter().enumerate() {
        let Some((settled_at, outcome)) = market.settled else { continue };
        let closes_at = market.cutoff.or(market.ends_at).unwrap_or(settled_at);
        let times = retrieval_times(market.opens_at.0, closes_at.0, settled_at.0.min(closes_at.0), sampling.moments);
        let mut last = None;
        for at in times.into_iter().flatten().map(UnixMs) {
            let Some(Quote { price, at: priced_at, .. }) = market.priced(at) else { continue };
            // Twice within one price would be the same question twice.
            if at.since(priced_at) > sampling.price_age_ms || last == Some(priced_at) {
                continue;
            }
            last = Some(priced_at);
            all.push(Asked {
                provider: market.provider.clone(),
                id: market.id.clone(),
                market: place,
                title: market.question.as_str().into(),
                text: asked_text(&[&market.question, &market.rules], &market.outcomes[0]).into(),
                category: Category::of(&market.question),
                at,
                price: price.get(),
                closes_at,
                settled_at,
                outcome: outcome.get(),
            });
        }
    }
    all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    all
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::market::simulator::uniform;
    use crate::market::tape::{Recorded, Unusable};
    use crate::units::Probability;

    const DAY: i64 = 86_400_000;

    /// A tape of `count` markets of thirty days, one opening each day, whose price is as far from the true chance as `off`
    /// says, in log odds.
    pub(crate) fn tape(count: u64, off: f64) -> Tape {
        use crate::forecast::llm::combine::{logistic, logit};
        let market = |i: u64| {
            let chance = 0.05 + 0.9 * uniform(&[11, i]);
            let price = Probability::clamped(logistic(logit(chance) * off)).unwrap();
            let opens_at = UnixMs(1_700_000_000_000 + i64::try_from(i).unwrap() * DAY);
            let settled = opens_at.plus_ms(30 * DAY);
            let outcome = if uniform(&[12, i]) < chance { Probability::ONE } else { Probability::ZERO };
            Recorded {
                provider: "polymarket".to_owned(),
                id: format!("m{i}"),
                question: format!("Will bitcoin do thing {i}?"),
                rules: String::new(),
                outcomes: ["Yes".to_owned(), "No".to_owned()],
                opens_at,
                ends_at: Some(settled),
                cutoff: None,
                prices: (0..30).map(|day| (opens_at.plus_ms(day * DAY), price)).collect(),
                sources: Vec::new(),
                unpriced: Vec::new(),
                void_at: None,
                settled: Some((settled, outcome)),
            }
        };
        Tape::new((0..count).map(market).collect(), Unusable::default())
    }

    #[test]
    fn a_question_is_asked_while_it_is_open_and_priced_and_in_order() {
        let all = asked(&tape(20, 1.0), Sampling::default());
        assert_eq!(all.len(), 20 * 5, "days 1, 3.9, 7.7, 15.2 and 29; on day 1.97 the price is still that of day 1");
        assert!(all.is_sorted_by_key(|asked| asked.at));
        for asked in &all {
            assert!(asked.at < asked.settled_at && asked.at < asked.closes_at);
            assert!(asked.question().description.as_raw().ends_with("the outcome \"Yes\"."));
        }
        let stale = Sampling { price_age_ms: -1, ..Sampling::default() };
        assert!(asked(&tape(20, 1.0), stale).is_empty());
    }
}
