//! Copies the market's price. Against a validator that scores improvement on the price this earns nothing, and loses
//! nothing; it is the anchor that better strategies start from.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use super::{Forecast, Forecaster, Question};
use crate::market::{Listing, MarketError, Provider, Resolution};
use crate::units::{Probability, UnixMs};

/// From this many questions on, one list costs less than asking for each event.
const LIST_FROM: usize = 16;

/// Requests for single events under way at once.
const CONCURRENT: usize = 8;

/// Copies prices from the markets it knows; abstains from questions of others.
pub struct FollowMarket {
    providers: Vec<Arc<dyn Provider>>,
}

impl FollowMarket {
    /// Follows `providers`.
    #[must_use]
    pub fn new(providers: Vec<Arc<dyn Provider>>) -> Self {
        Self { providers }
    }

    async fn prices(&self, provider: &dyn Provider, ids: Vec<String>) -> HashMap<String, Probability> {
        let mut prices = HashMap::new();
        let mut remember = |listing: Listing| {
            // A price of something that is over is the outcome, not a forecast.
            if let (Some(quote), Resolution::Open) = (listing.quote, listing.resolution) {
                prices.insert(listing.event.id, quote.price);
            }
        };
        let mut missing = ids;
        if missing.len() >= LIST_FROM {
            match provider.list().await {
                Ok(listings) => {
                    let found: HashMap<String, Listing> =
                        listings.into_iter().map(|listing| (listing.event.id.clone(), listing)).collect();
                    missing.retain(|id| !found.contains_key(id));
                    found.into_values().for_each(&mut remember);
                }
                Err(error) => {
                    tracing::warn!(%error, "no prices to follow");
                    return prices;
                }
            }
        }
        let mut fetched =
            stream::iter(missing).map(|id| async move { (provider.fetch(&id).await, id) }).buffer_unordered(CONCURRENT);
        while let Some((result, id)) = fetched.next().await {
            match result {
                Ok(listing) => remember(listing),
                Err(MarketError::Unknown { .. }) => {
                    tracing::debug!(event = id, "asked about an event that no market knows");
                }
                Err(error) => tracing::warn!(event = id, %error, "no price to follow"),
            }
        }
        drop(fetched);
        prices
    }
}

impl Forecaster for FollowMarket {
    fn name(&self) -> &'static str {
        "market"
    }

    fn forecast<'a>(&'a self, questions: &'a [Question], _now: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
        async move {
            let mut answers = vec![Forecast::default(); questions.len()];
            for provider in &self.providers {
                let ours = |question: &Question| question.provider == provider.name();
                let ids: Vec<String> = questions.iter().filter(|q| ours(q)).map(|q| q.id.clone()).collect();
                if ids.is_empty() {
                    continue;
                }
                let prices = self.prices(provider.as_ref(), ids).await;
                for (answer, question) in answers.iter_mut().zip(questions).filter(|(_, q)| ours(q)) {
                    *answer = prices.get(&question.id).copied().into();
                }
            }
            answers
        }
        .boxed()
    }
}

impl std::fmt::Debug for FollowMarket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.providers.iter().map(|p| p.name())).finish()
    }
}
