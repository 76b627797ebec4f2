//! Kalshi's public reads: what trades, at what price, and how it ended. Off unless `--market kalshi` names it.
//!
//! `GET /markets?status=open&min_close_ts=&max_close_ts=&cursor=`, page by page until there is no cursor, and
//! `GET /markets/{ticker}`. Prices are in dollars as text (`yes_bid_dollars`), on older servers in whole cents.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::http::HttpClient;
use super::{
    Event, EventKey, HttpSettings, Listing, MarketError, PriceSource, Provider, Quote, Resolution, asked, fields,
};
use crate::clock::Clock;
use crate::units::{Probability, UnixMs};

/// The provider's name.
pub const NAME: &str = "kalshi";
/// The public API.
pub const URL: &str = "https://api.elections.kalshi.com/trade-api/v2";

/// Markets of a page at most, as there.
const PAGE: &str = "1000";
/// Pages read in one poll at most.
const MAX_PAGES: usize = 20;
/// A book whose sides are further apart than this says little about a probability.
const WIDEST: f64 = 0.2;

/// The client.
#[derive(Debug)]
pub struct Kalshi {
    http: HttpClient,
    horizon_ms: i64,
    cutoff_before_end_ms: i64,
    clock: Clock,
}

#[derive(Deserialize)]
struct Page {
    markets: Vec<Box<RawValue>>,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct One {
    market: Market,
}

/// What is used of a market; any field may be missing or null, numbers may be text.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Market {
    ticker: Option<String>,
    market_type: Option<String>,
    title: Option<String>,
    yes_sub_title: Option<String>,
    rules_primary: Option<String>,
    rules_secondary: Option<String>,
    status: Option<String>,
    result: Option<String>,
    /// When trading ends at the latest.
    close_time: Option<String>,
    /// When the outcome is expected; it may be before the end of trading.
    expected_expiration_time: Option<String>,
    settlement_ts: Option<String>,
    yes_bid_dollars: Value,
    yes_ask_dollars: Value,
    yes_bid: Value,
    yes_ask: Value,
}

impl Market {
    /// A price in dollars: told so, or in cents.
    fn dollars(told: &Value, cents: &Value) -> Option<f64> {
        fields::number(told).or_else(|| fields::number(cents).map(|cents| cents / 100.0))
    }

    /// The middle of the book, while both sides are there and near each other. 0 and 1 stand for an empty side.
    fn quote(&self, now: UnixMs) -> Option<Quote> {
        let bid = Self::dollars(&self.yes_bid_dollars, &self.yes_bid)?;
        let ask = Self::dollars(&self.yes_ask_dollars, &self.yes_ask)?;
        let is_book = bid > 0.0 && ask < 1.0 && bid <= ask && ask - bid <= WIDEST;
        let price = Probability::new(f64::midpoint(bid, ask)).ok().filter(|_| is_book)?;
        Some(Quote { price, at: now, source: PriceSource::Midpoint })
    }

    /// `determined` may still be disputed; `settled` and `finalized` are for good.
    fn resolution(&self) -> Resolution {
        let at = self.settlement_ts.as_deref().and_then(|text| fields::moment(text).ok());
        match (self.status.as_deref(), self.result.as_deref()) {
            (Some("settled" | "finalized"), Some("yes")) => Resolution::Resolved { outcome: Probability::ONE, at },
            (Some("settled" | "finalized"), Some("no")) => Resolution::Resolved { outcome: Probability::ZERO, at },
            (Some("settled" | "finalized"), Some("void")) => Resolution::Void,
            _ => Resolution::Open,
        }
    }

    fn ends_at(&self) -> Option<UnixMs> {
        let moment = |text: &Option<String>| fields::moment(text.as_deref()?).ok();
        match (moment(&self.expected_expiration_time), moment(&self.close_time)) {
            (Some(expected), Some(close)) => Some(expected.min(close)),
            (expected, close) => expected.or(close),
        }
    }

    fn listing(&self, now: UnixMs, cutoff_before_end_ms: i64) -> Option<Listing> {
        let id = self.ticker.as_deref().and_then(fields::plain_id)?;
        // A scalar has no two outcomes.
        let ends_at = self.ends_at().filter(|_| self.market_type.as_deref() != Some("scalar"))?;
        let lines = [&self.title, &self.yes_sub_title, &self.rules_primary, &self.rules_secondary];
        let lines = lines.map(|line| line.as_deref().unwrap_or_default());
        let event = Event {
            key: EventKey::new(NAME, id),
            provider: NAME.to_owned(),
            id: id.to_owned(),
            description: asked::text(&lines, "Yes").into(),
            cutoff: ends_at.plus_ms(-cutoff_before_end_ms),
            ends_at: Some(ends_at),
            beside: Default::default(),
        };
        let resolution = self.resolution();
        let quote = self.quote(now).filter(|_| resolution == Resolution::Open);
        Some(Listing { event, quote, resolution })
    }
}

impl Kalshi {
    /// A client of the API at `http`, of markets that end within `horizon_ms`.
    ///
    /// # Errors
    /// [`MarketError::Misconfigured`] when the base URL cannot be used.
    pub fn new(
        http: HttpSettings,
        horizon_ms: i64,
        cutoff_before_end_ms: i64,
        clock: Clock,
    ) -> Result<Self, MarketError> {
        Ok(Self { http: HttpClient::new(NAME, http)?, horizon_ms, cutoff_before_end_ms, clock })
    }

    async fn all(&self) -> Result<Vec<Listing>, MarketError> {
        let now = self.clock.now();
        let (from, until) = (now.as_secs().to_string(), now.plus_ms(self.horizon_ms).as_secs().to_string());
        let (mut listings, mut cursor, mut unusable) = (Vec::<Listing>::new(), String::new(), 0);
        let mut seen = std::collections::HashSet::new();
        for page in 0..MAX_PAGES {
            let mut query =
                vec![("limit", PAGE), ("status", "open"), ("min_close_ts", &*from), ("max_close_ts", &*until)];
            query.extend((!cursor.is_empty()).then_some(("cursor", &*cursor)));
            let found: Page = match self.http.read(&["markets"], &query, "a page of markets").await {
                Ok(found) => found,
                Err(error) if page > 0 => {
                    tracing::warn!(provider = NAME, page, %error, "the list of markets ends early");
                    break;
                }
                Err(error) => return Err(error),
            };
            for entry in &found.markets {
                let market = serde_json::from_str::<Market>(entry.get()).ok();
                match market.and_then(|market| market.listing(now, self.cutoff_before_end_ms)) {
                    Some(listing) if seen.insert(listing.event.id.clone()) => listings.push(listing),
                    Some(_) => {}
                    None => unusable += 1,
                }
            }
            let next = found.cursor.filter(|next| !next.is_empty() && *next != cursor);
            let Some(next) = next else { break };
            cursor = next;
        }
        listings.retain(|listing| listing.resolution == Resolution::Open && listing.event.cutoff > now);
        tracing::debug!(provider = NAME, listed = listings.len(), unusable, "markets listed");
        Ok(listings)
    }

    async fn one(&self, id: &str) -> Result<Listing, MarketError> {
        let unknown = || MarketError::Unknown { provider: NAME, id: id.into() };
        let path = ["markets", id];
        let One { market } = self.http.json(&path, "a market", &self.http.find(&path, id).await?)?;
        let listing = market.listing(self.clock.now(), self.cutoff_before_end_ms);
        listing.filter(|listing| listing.event.id == id).ok_or_else(unknown)
    }
}

impl Provider for Kalshi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        self.all().boxed()
    }

    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        self.one(id).boxed()
    }
}
