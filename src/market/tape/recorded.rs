//! One recorded market, and how it looked at any moment.

use crate::market::exchange::{Shown, Stage};
use crate::market::{PriceSource, Quote, Resolution};
use crate::units::{Probability, UnixMs};

/// A market as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The provider that it was seen at; `polymarket` where a recording names none.
    pub provider: String,
    /// The condition id, or the venue's own name for it.
    pub id: String,
    /// What was asked.
    pub question: String,
    /// The rules, when recorded.
    pub rules: String,
    /// The labels of the two outcomes; prices are the first one's.
    pub outcomes: [String; 2],
    /// From when on it is shown.
    pub opens_at: UnixMs,
    /// The scheduled end, when recorded.
    pub ends_at: Option<UnixMs>,
    /// Until when answers counted, when recorded: the last that was said.
    pub cutoff: Option<UnixMs>,
    /// Prices in the order of time.
    pub prices: Vec<(UnixMs, Probability)>,
    /// What the prices were made of, from when on, in the order of time; empty where that was not recorded.
    pub sources: Vec<(UnixMs, PriceSource)>,
    /// From when on it had no price until the next one, in the order of time.
    pub unpriced: Vec<UnixMs>,
    /// When it was cancelled, if it was.
    pub void_at: Option<UnixMs>,
    /// When it ended and how, if it did.
    pub settled: Option<(UnixMs, Probability)>,
}

/// One look at a market that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// When.
    pub at: UnixMs,
    /// Why it read nothing, if it did not.
    pub failed: Option<String>,
}

impl Recorded {
    /// The last price at or before `at`, unless it was seen to be gone since.
    #[must_use]
    pub fn price(&self, at: UnixMs) -> Option<Probability> {
        self.priced(at).map(|quote| quote.price)
    }

    /// The same, since when it is so, and what it was made of.
    pub(crate) fn priced(&self, at: UnixMs) -> Option<Quote> {
        let next = self.prices.partition_point(|(time, _)| *time <= at);
        let (since, price) = *self.prices.get(next.checked_sub(1)?)?;
        let gone = self.unpriced.partition_point(|time| *time <= at);
        let is_gone = gone.checked_sub(1).and_then(|last| self.unpriced.get(last)).is_some_and(|gone| *gone > since);
        let sources = self.sources.partition_point(|(time, _)| *time <= since).checked_sub(1);
        let source = sources.and_then(|last| self.sources.get(last)).map(|(_, source)| *source).unwrap_or_default();
        (!is_gone).then_some(Quote { price, at: since, source })
    }

    /// How it stands, as a provider tells it.
    pub(in crate::market) fn resolution(&self, at: UnixMs) -> Resolution {
        match (self.settled, self.void_at) {
            (Some((when, outcome)), _) if when <= at => Resolution::Resolved { outcome, at: None },
            (_, Some(when)) if when <= at => Resolution::Void,
            _ => Resolution::Open,
        }
    }

    pub(super) fn move_by(&mut self, moved: &impl Fn(UnixMs) -> UnixMs) {
        self.opens_at = moved(self.opens_at);
        self.ends_at = self.ends_at.map(moved);
        self.cutoff = self.cutoff.map(moved);
        self.void_at = self.void_at.map(moved);
        self.settled = self.settled.map(|(at, outcome)| (moved(at), outcome));
        let prices = self.prices.iter_mut().map(|(at, _)| at);
        let sources = self.sources.iter_mut().map(|(at, _)| at);
        for at in prices.chain(sources).chain(&mut self.unpriced) {
            *at = moved(*at);
        }
    }

    pub(super) fn stage(&self, at: UnixMs) -> Stage {
        match self.settled {
            Some((when, outcome)) if when <= at => Stage::Settled(outcome),
            _ if self.void_at.is_some_and(|when| when <= at) => Stage::Awaiting,
            _ => Stage::Trading,
        }
    }

    pub(super) fn show(&self, at: UnixMs) -> Shown {
        Shown {
            id: self.id.clone(),
            question: self.question.clone(),
            rules: self.rules.clone(),
            outcomes: self.outcomes.clone(),
            opened_at: self.opens_at,
            ends_at: self.ends_at,
            starts_at: self.ends_at,
            price: self.price(at).map(Probability::get),
            state: self.stage(at),
        }
    }
}
