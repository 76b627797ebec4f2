//! What a market costs: as its list shows it, as the exchange computes it when asked, or as its channel tells it.
//!
//! The best of three that is there: the middle of the book that the channel told, the middle that `POST /midpoints` answers, the
//! price in the list. With the channel each look asks for midpoints as well: they are the price until the channel has told a
//! whole book, while it is away, and where the two disagree. A channel that goes on to disagree is replaced.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

use super::stream::Channel;
use super::{NAME, StreamFacts};
use crate::clock::Clock;
use crate::market::http::HttpClient;
use crate::market::stream::{Compared, Doubt, StreamSettings};
use crate::market::{Listing, MarketError, PriceSource, Quote, fields};
use crate::units::Probability;

/// Tokens asked for in one request.
const AT_ONCE: usize = 500;

/// What a price is taken from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prices {
    /// The list in which the market was found.
    #[default]
    Listed,
    /// The middle of the book, asked for at each look.
    Midpoints,
    /// The middle of the book, told by the market channel.
    Stream,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Desk {
    stream: Option<Channel>,
    asks: bool,
    /// The first token of each market, by condition id.
    tokens: Mutex<HashMap<String, String>>,
    doubt: Doubt,
}

impl Desk {
    /// Refuses an address of the channel that cannot be used, where it is wanted.
    pub(super) fn new(prices: Prices, settings: &StreamSettings, clock: &Clock) -> Result<Self, MarketError> {
        let refuse = |reason: String| MarketError::Stream { provider: NAME, url: settings.url.clone(), reason };
        let wanted = (prices == Prices::Stream).then(|| Channel::new(settings.clone(), clock.clone()));
        let stream = wanted.transpose().map_err(refuse)?;
        let (asks, doubt) = (prices != Prices::Listed, Doubt::of(settings.silence));
        Ok(Self { stream, asks, tokens: Mutex::default(), doubt })
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `listings`, all that are offered now, the prices that are wanted.
    pub(super) async fn price(
        &self,
        http: &HttpClient,
        clock: &Clock,
        listings: &mut [Listing],
        tokens: HashMap<String, String>,
    ) {
        let wanted: BTreeSet<String> =
            listings.iter().filter_map(|listing| tokens.get(&listing.event.id)).cloned().collect();
        self.tokens().clone_from(&tokens);
        if !self.asks {
            return;
        }
        if let Some(stream) = &self.stream {
            stream.want(&wanted);
        }
        let asked = match midpoints(http, clock, wanted.into_iter().collect()).await {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!(provider = NAME, %error, "no midpoints could be read; prices of the channel or of the \
                                                         list are used");
                HashMap::new()
            }
        };
        let mut compared = Compared::default();
        for listing in listings {
            let Some(token) = tokens.get(&listing.event.id) else { continue };
            let told = self.stream.as_ref().and_then(|stream| stream.quote(token));
            let quote = match (told, asked.get(token).copied()) {
                (Some(told), Some(asked)) => Some(if compared.are_near(told, asked) { told } else { asked }),
                (told, asked) => told.or(asked),
            };
            listing.quote = quote.or(listing.quote);
        }
        if self.doubt.is_enough(NAME, compared)
            && let Some(stream) = &self.stream
        {
            stream.replace();
        }
    }

    /// The midpoints of these markets, of those whose token is known.
    pub(super) async fn second(
        &self,
        http: &HttpClient,
        clock: &Clock,
        ids: &[String],
    ) -> Result<Vec<(String, Quote)>, MarketError> {
        let known: Vec<(String, String)> = {
            let tokens = self.tokens();
            ids.iter().filter_map(|id| Some((id.clone(), tokens.get(id)?.clone()))).collect()
        };
        let found = midpoints(http, clock, known.iter().map(|(_, token)| token.clone()).collect()).await?;
        Ok(known.into_iter().filter_map(|(id, token)| Some((id, *found.get(&token)?))).collect())
    }

    /// What the channel told since the last call, by condition id.
    pub(super) fn between_looks(&self) -> Vec<(String, Quote)> {
        let Some(stream) = &self.stream else { return Vec::new() };
        let ids: HashMap<String, String> =
            self.tokens().iter().map(|(id, token)| (token.clone(), id.clone())).collect();
        let named = |(token, quote): (String, Quote)| Some((ids.get(&token)?.clone(), quote));
        stream.changes().into_iter().filter_map(named).collect()
    }

    pub(super) fn facts(&self) -> Option<StreamFacts> {
        self.stream.as_ref().map(Channel::facts)
    }
}

/// The midpoints of `tokens`, asked for some hundred at a time; of those that have one.
async fn midpoints(
    http: &HttpClient,
    clock: &Clock,
    tokens: Vec<String>,
) -> Result<HashMap<String, Quote>, MarketError> {
    const PATH: [&str; 1] = ["midpoints"];
    let mut found = HashMap::new();
    for some in tokens.chunks(AT_ONCE) {
        let asked: Vec<Value> = some.iter().map(|token| json!({"token_id": token})).collect();
        let body = http.post(&PATH, &Value::from(asked).to_string()).await?;
        let answer: HashMap<String, Value> = http.json(&PATH, "midpoints by token", &body)?;
        let at = clock.now();
        found.extend(answer.into_iter().filter_map(|(token, value)| {
            let price = Probability::new(fields::number(&value)?).ok()?;
            Some((token, Quote { price, at, source: PriceSource::Midpoint }))
        }));
    }
    Ok(found)
}
