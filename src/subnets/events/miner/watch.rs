//! What a miner sees of the markets it is asked about: prices now, and later how it ended.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::clock::Clock;
use crate::forecast::Cache;
use crate::ledger::LedgerError;
use crate::market::{EventKey, Provider, Quote};
use crate::subnets::events::record::{Record, Unsettled};
use crate::units::UnixMs;

/// How old a price may be to stand beside an answer: as a validator has it.
const PRICE_MAX_AGE: Duration = Duration::from_secs(120);
/// How often the markets are asked for prices, at least.
pub(super) const PRICES_EVERY: Duration = Duration::from_secs(60);
/// An event whose end is not known yet is passed over in so many looks.
const LOOKS_BETWEEN: u32 = 12;
/// Events asked for in one pass, and at once.
const LOOKUPS: u32 = 50;
const LOOKUPS_AT_ONCE: usize = 4;

/// See the module.
pub(super) struct Watch {
    providers: Vec<Arc<dyn Provider>>,
    clock: Clock,
    /// How often the markets are asked how events ended.
    every: Duration,
    prices: Mutex<HashMap<EventKey, Quote>>,
    /// Markets that failed the last time: what goes on is not told again and again.
    failing: Mutex<HashSet<&'static str>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    pub(super) fn new(providers: Vec<Arc<dyn Provider>>, clock: Clock, every: Duration) -> Self {
        Self { providers, clock, every, prices: Mutex::default(), failing: Mutex::default() }
    }

    /// How often the markets are asked how events ended.
    pub(super) const fn every(&self) -> Duration {
        self.every
    }

    /// The price of an event, if there is one that is fresh.
    pub(super) fn price(&self, key: &EventKey, now: UnixMs) -> Option<f64> {
        fresh(locked(&self.prices).get(key)?, now)
    }

    /// Looks at the markets once, and tells `cache` what moved. Without questions in it nobody is asked.
    pub(super) async fn look(&self, cache: &Cache) {
        if cache.is_empty() {
            return;
        }
        let mut found = HashMap::new();
        for provider in &self.providers {
            match provider.list().await {
                Ok(listings) => {
                    self.tell(provider.name(), None);
                    found.extend(listings.into_iter().filter_map(|it| Some((it.event.key, it.quote?))));
                }
                Err(error) => self.tell(provider.name(), Some(&error.to_string())),
            }
        }
        let now = self.clock.now();
        let mut prices = locked(&self.prices);
        // A market that failed keeps its prices until they are too old.
        prices.retain(|_, quote| fresh(quote, now).is_some());
        prices.extend(found);
        let moved = cache.prices(|key| fresh(prices.get(key)?, now));
        if moved > 0 {
            tracing::debug!(moved, "prices have moved: answers are computed again");
        }
    }

    fn tell(&self, market: &'static str, error: Option<&str>) {
        let mut failing = locked(&self.failing);
        match error {
            Some(error) if failing.insert(market) => {
                tracing::warn!(market, "{error}; until prices can be read again, answers are recorded without one");
            }
            Some(error) => tracing::debug!(market, "{error}"),
            None if failing.remove(market) => tracing::info!(market, "prices can be read again"),
            None => {}
        }
    }

    /// Asks the markets how events ended that are over, and records it.
    pub(super) async fn outcomes(&self, record: &Record) -> Result<(), LedgerError> {
        let now = self.clock.now();
        let unsettled = record.unsettled(now, self.every * LOOKS_BETWEEN, LOOKUPS).await?;
        if unsettled.is_empty() {
            return Ok(());
        }
        let looked = stream::iter(unsettled).map(|event| self.outcome(event)).buffered(LOOKUPS_AT_ONCE);
        record.looked(looked.collect().await, now).await
    }

    async fn outcome(&self, event: Unsettled) -> (EventKey, Option<crate::market::Resolution>) {
        let Some(provider) = self.providers.iter().find(|provider| provider.name() == event.provider) else {
            return (event.key, None);
        };
        let found = provider.fetch(&event.id).await;
        let found =
            found.inspect_err(|error| tracing::debug!(event = %event.key, %error, "the outcome could not be read"));
        (event.key, found.ok().map(|listing| listing.resolution))
    }
}

fn fresh(quote: &Quote, now: UnixMs) -> Option<f64> {
    let age = now.since(quote.at);
    (age <= PRICE_MAX_AGE.as_millis() as i64).then(|| quote.price.get())
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.providers.iter().map(|provider| provider.name())).finish()
    }
}
