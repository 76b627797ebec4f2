//! The price that scores against a price of another source: two things that mean the same should say the same.
//!
//! Prices that differ by more than a bound are said in the log (once, until they agree again), counted in the metrics, and kept
//! in the ledger with both sources and times. They go on to score: which of the two is wrong nobody knows here.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;

use super::ledger::{EventsLedger, PriceCheck, PriceRow, PriceSeen};
use crate::ledger::LedgerError;
use crate::market::{Provider, Quote};

/// Who compares.
#[derive(Debug)]
pub(super) struct CrossCheck {
    /// How far two prices may be apart.
    bound: f64,
    /// The events whose prices differed when they were last compared.
    disputed: Mutex<BTreeSet<Arc<str>>>,
}

impl CrossCheck {
    pub(super) const fn new(bound: f64) -> Self {
        Self { bound, disputed: Mutex::new(BTreeSet::new()) }
    }

    /// How many prices were disputed when they were last compared.
    pub(super) fn disputed(&self) -> usize {
        self.disputed.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Compares `newest`, a price of each event, with what the markets' second sources say.
    ///
    /// # Errors
    /// The ledger's; a market that does not answer is none.
    pub(super) async fn compare(
        &self,
        providers: &[Arc<dyn Provider>],
        newest: Vec<PriceRow>,
        ledger: &EventsLedger,
    ) -> Result<(), LedgerError> {
        let checks: Vec<PriceCheck> = join_all(providers.iter().map(|provider| of_market(&**provider, &newest)))
            .await
            .into_iter()
            .flatten()
            .collect();
        self.tell(&checks);
        if checks.is_empty() {
            return Ok(());
        }
        ledger.record_checks(checks, self.bound).await
    }

    fn tell(&self, checks: &[PriceCheck]) {
        let mut disputed = self.disputed.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *disputed);
        for check in checks.iter().filter(|check| check.distance() > self.bound) {
            let PriceCheck { price, other } = check;
            if !before.contains(&price.event) {
                tracing::warn!(
                    event = &*price.event,
                    price = price.price,
                    source = %price.source,
                    other = other.price,
                    other_source = %other.source,
                    "the prices of two sources differ by more than `price_check.bound`"
                );
            }
            disputed.insert(Arc::clone(&price.event));
        }
        for event in before.difference(&disputed) {
            tracing::info!(event = &**event, "the sources of a price agree again, or are no longer compared");
        }
    }
}

/// What one market's second source says about its events.
async fn of_market(provider: &dyn Provider, newest: &[PriceRow]) -> Vec<PriceCheck> {
    let prefix = format!("{}-", provider.name());
    let own = newest.iter().filter_map(|price| Some((price.event.strip_prefix(&prefix)?.to_owned(), price)));
    let (ids, prices): (Vec<String>, Vec<&PriceRow>) = own.unzip();
    let found = match provider.second(&ids).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(market = provider.name(), %error, "no second source");
            return Vec::new();
        }
    };
    let by_id: HashMap<&str, &PriceRow> = ids.iter().map(String::as_str).zip(prices).collect();
    let of = |(id, quote): (String, Quote)| {
        let price = (*by_id.get(id.as_str())?).clone();
        let other = PriceSeen { at: quote.at, price: quote.price.get(), source: quote.source };
        Some(PriceCheck { price, other })
    };
    // A source is no witness for itself.
    found.into_iter().filter_map(of).filter(|check| check.price.source != check.other.source).collect()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::{BoxFuture, ready};

    use super::super::ledger::{Archive, NewEvent, Options};
    use super::*;
    use crate::market::{Listing, MarketError, PriceSource};
    use crate::units::{Probability, UnixMs};

    type Said = Result<Vec<(&'static str, f64, PriceSource)>, MarketError>;

    /// Its second source says so.
    #[derive(Debug)]
    struct Market(Mutex<Said>);

    impl Provider for Market {
        fn name(&self) -> &'static str {
            "m"
        }

        fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
            ready(Ok(Vec::new())).boxed()
        }

        fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
            ready(Err(MarketError::Unknown { provider: "m", id: id.into() })).boxed()
        }

        fn second<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<Vec<(String, Quote)>, MarketError>> {
            assert_eq!(ids, ["a", "b"], "its own events alone");
            let quote = |(id, price, source): (&str, f64, PriceSource)| {
                (id.to_owned(), Quote { price: Probability::new(price).unwrap(), at: UnixMs(2000), source })
            };
            let said = self.0.lock().unwrap().clone();
            ready(said.map(|said| said.into_iter().map(quote).collect())).boxed()
        }
    }

    fn newest() -> Vec<PriceRow> {
        ["m-a", "m-b", "other-c"]
            .map(|key| PriceRow { event: key.into(), price: 0.5, at: UnixMs(1000), source: PriceSource::Listed })
            .to_vec()
    }

    #[tokio::test]
    async fn what_differs_is_told_counted_and_kept_and_a_source_is_no_witness_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let ledger = EventsLedger::open(&path, Options::default()).unwrap();
        let event = |id: &str| NewEvent {
            key: format!("m-{id}"),
            provider: "m".into(),
            id: id.into(),
            description: "?".into(),
            opened_at: UnixMs(0),
            cutoff: UnixMs(9000),
            ends_at: None,
            beside: Default::default(),
        };
        ledger.upsert_events(vec![event("a"), event("b")]).await.unwrap();
        let market = Arc::new(Market(Mutex::new(Ok(Vec::new()))));
        let providers: [Arc<dyn Provider>; 1] = [market.clone()];
        let check = CrossCheck::new(0.1);
        let (middle, listed) = (PriceSource::Midpoint, PriceSource::Listed);
        for (said, disputed) in [
            (Ok(vec![("a", 0.55, middle), ("b", 0.61, middle), ("strange", 0.9, middle)]), 1),
            (Ok(vec![("a", 0.39, middle), ("b", 0.9, listed)]), 1),
            (Err(MarketError::Recording("away".into())), 0),
            (Ok(vec![("a", 0.6, middle), ("b", 0.5, middle)]), 0),
        ] {
            *market.0.lock().unwrap() = said;
            check.compare(&providers, newest(), &ledger).await.unwrap();
            assert_eq!(check.disputed(), disputed);
        }
        let counters = ledger.core().counters().await.unwrap();
        assert_eq!((counters["price_checked"], counters["price_disputed"]), (5, 2));
        let archive = Archive::open(&path).unwrap();
        let kept = |key| archive.price_disputes(key).unwrap().into_iter().map(|it| it.other.price).collect::<Vec<_>>();
        assert_eq!((kept("m-a"), kept("m-b")), (vec![0.39], vec![0.61]));
        let [dispute] = archive.price_disputes("m-b").unwrap()[..] else { panic!("one") };
        assert_eq!(dispute.price, PriceSeen { at: UnixMs(1000), price: 0.5, source: listed });
        assert_eq!((dispute.other.at, dispute.other.source), (UnixMs(2000), middle));
    }
}
