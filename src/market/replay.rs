//! Recordings in place of markets: `--market.replay`.
//!
//! What was recorded comes through [`Provider`], as from the market itself: what is listed at the clock's time, at the price of
//! that time and as old as the look that saw it, and what had ended by then. A look that failed when it was recorded fails again.
//! Everything behind the trait does what it does on real markets.

use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::tape::{self, Recorded, Tape};
use super::{Event, EventKey, Listing, MarketError, MarketName, MarketSettings, Provider, Quote, Resolution, asked};
use crate::clock::Clock;
use crate::units::{UnixMs, millis};

/// Reads the recording at `path`, a folder or a file. Blocking.
///
/// # Errors
/// [`MarketError::Recording`]: it cannot be read, or holds no market.
pub fn load(path: &Path) -> Result<Tape, MarketError> {
    tape::load(path).map_err(|error| MarketError::Recording(error.to_string()))
}

/// Every provider that the recording tells of, at the times of `clock`.
#[must_use]
pub fn providers(tape: &Arc<Tape>, settings: &MarketSettings, clock: &Clock) -> Vec<Arc<dyn Provider>> {
    let is_told_of = |name: &&MarketName| tape.markets().iter().any(|market| market.provider == name.as_str());
    let provider = |name: &MarketName| -> Arc<dyn Provider> {
        Arc::new(Replayed {
            name: name.as_str(),
            tape: Arc::clone(tape),
            clock: clock.clone(),
            horizon_ms: millis(settings.horizon),
            cutoff_before_end_ms: millis(settings.cutoff_before_end),
        })
    };
    MarketName::ALL.iter().filter(is_told_of).map(provider).collect()
}

/// One provider of a recording.
#[derive(Debug)]
struct Replayed {
    name: &'static str,
    tape: Arc<Tape>,
    clock: Clock,
    horizon_ms: i64,
    cutoff_before_end_ms: i64,
}

impl Replayed {
    fn all(&self) -> Result<Vec<Listing>, MarketError> {
        let now = self.clock.now();
        if let Some(reason) = self.tape.look(self.name, now).and_then(|look| look.failed.as_ref()) {
            return Err(MarketError::WasNotRead { provider: self.name, reason: reason.as_str().into() });
        }
        let latest = now.plus_ms(self.horizon_ms);
        // A recording has long more markets that are over than open ones: only of these a listing is made.
        let is_offered = |market: &&Recorded| {
            market.provider == self.name
                && market.resolution(now) == Resolution::Open
                && self.cutoff(market).is_some_and(|cutoff| cutoff > now && market.ends_at.unwrap_or(cutoff) <= latest)
        };
        Ok(self.tape.opened_by(now).filter(is_offered).filter_map(|market| self.listing(market, now)).collect())
    }

    /// Until when answers count; `None` when nobody knows.
    fn cutoff(&self, market: &Recorded) -> Option<UnixMs> {
        market.cutoff.or(market.ends_at.map(|end| end.plus_ms(-self.cutoff_before_end_ms)))
    }

    fn one(&self, id: &str) -> Result<Listing, MarketError> {
        let now = self.clock.now();
        let found = self.tape.find(id, now).filter(|market| market.provider == self.name);
        let listing = found.and_then(|market| self.listing(market, now));
        listing.ok_or_else(|| MarketError::Unknown { provider: self.name, id: id.into() })
    }

    /// The market as it was; `None` when nobody knows until when answers count.
    fn listing(&self, market: &Recorded, now: UnixMs) -> Option<Listing> {
        let cutoff = self.cutoff(market)?;
        let [outcome, _] = &market.outcomes;
        // As old as the look that saw it; where no looks were recorded, as fresh as it can be.
        let look = self.tape.look(self.name, now).map_or(now, |look| look.at);
        let quote =
            market.priced(now).map(|seen| Quote { price: seen.price, at: look.max(seen.at), source: seen.source });
        let event = Event {
            key: EventKey::new(self.name, &market.id),
            provider: self.name.to_owned(),
            id: market.id.clone(),
            description: asked::text(&[&market.question, &market.rules], outcome).into(),
            cutoff,
            ends_at: market.ends_at,
            beside: Default::default(),
        };
        Some(Listing { event, quote, resolution: market.resolution(now) })
    }
}

impl Provider for Replayed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        ready(self.all()).boxed()
    }

    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        ready(self.one(id)).boxed()
    }
}
