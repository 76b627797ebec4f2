//! Manifold's public reads: binary questions of a play-money market. Off unless `--market manifold` names it.
//!
//! `GET /v0/search-markets?filter=open&contractType=BINARY&sort=close-date`, by offset until a page is short or lies beyond the
//! horizon, and `GET /v0/market/{id}`. Prices are those of an automated market maker. Who asked a question decides how it
//! ended, and may say so before it closes.

use std::collections::HashSet;

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
pub const NAME: &str = "manifold";
/// The public API.
pub const URL: &str = "https://api.manifold.markets";

/// Markets of a page.
const PAGE: usize = 500;
/// Pages read in one poll at most.
const MAX_PAGES: usize = 10;

/// The client.
#[derive(Debug)]
pub struct Manifold {
    http: HttpClient,
    horizon_ms: i64,
    cutoff_before_end_ms: i64,
    clock: Clock,
}

/// What is used of a market; any field may be missing or null.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Market {
    id: Option<String>,
    question: Option<String>,
    /// Only a single market has its rules.
    text_description: Option<String>,
    outcome_type: Option<String>,
    /// Milliseconds, as a number that may have a fraction.
    close_time: Value,
    probability: Value,
    is_resolved: Option<bool>,
    /// `YES`, `NO`, `MKT` (a probability), `CANCEL`.
    resolution: Option<String>,
    resolution_probability: Value,
    resolution_time: Value,
}

impl Market {
    fn moment(value: &Value) -> Option<UnixMs> {
        fields::date_of((fields::number(value)? / 1000.0) as i64)
    }

    fn resolution(&self) -> Resolution {
        let at = Self::moment(&self.resolution_time);
        let resolved = |outcome| Resolution::Resolved { outcome, at };
        match (self.is_resolved, self.resolution.as_deref()) {
            (Some(true), Some("YES")) => resolved(Probability::ONE),
            (Some(true), Some("NO")) => resolved(Probability::ZERO),
            (Some(true), Some("MKT")) => {
                let payout = fields::number(&self.resolution_probability).and_then(|p| Probability::new(p).ok());
                payout.map_or(Resolution::Open, resolved)
            }
            (Some(true), Some("CANCEL")) => Resolution::Void,
            _ => Resolution::Open,
        }
    }

    fn listing(&self, now: UnixMs, cutoff_before_end_ms: i64) -> Option<Listing> {
        let id = self.id.as_deref().and_then(fields::plain_id)?;
        let ends_at = Self::moment(&self.close_time).filter(|_| self.outcome_type.as_deref() == Some("BINARY"))?;
        let resolution = self.resolution();
        let price = fields::number(&self.probability).and_then(|p| Probability::new(p).ok());
        let is_trading = resolution == Resolution::Open && ends_at > now;
        let quote = price.filter(|_| is_trading).map(|price| Quote { price, at: now, source: PriceSource::Pool });
        let lines = [self.question.as_deref(), self.text_description.as_deref()].map(Option::unwrap_or_default);
        let event = Event {
            key: EventKey::new(NAME, id),
            provider: NAME.to_owned(),
            id: id.to_owned(),
            description: asked::text(&lines, "Yes").into(),
            cutoff: ends_at.plus_ms(-cutoff_before_end_ms),
            ends_at: Some(ends_at),
            beside: Default::default(),
        };
        Some(Listing { event, quote, resolution })
    }
}

impl Manifold {
    /// A client of the API at `http`, of markets that close within `horizon_ms`.
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
        const PATH: [&str; 2] = ["v0", "search-markets"];
        let now = self.clock.now();
        let until = now.plus_ms(self.horizon_ms);
        let (mut listings, mut seen, mut unusable) = (Vec::<Listing>::new(), HashSet::new(), 0);
        for page in 0..MAX_PAGES {
            let (limit, offset) = (PAGE.to_string(), (page * PAGE).to_string());
            let fixed = [("term", ""), ("filter", "open"), ("contractType", "BINARY"), ("sort", "close-date")];
            let query = [&fixed[..], &[("limit", &*limit), ("offset", &*offset)]].concat();
            let entries: Vec<Box<RawValue>> = match self.http.read(&PATH, &query, "a list of markets").await {
                Ok(entries) => entries,
                Err(error) if page > 0 => {
                    tracing::warn!(provider = NAME, page, %error, "the list of markets ends early");
                    break;
                }
                Err(error) => return Err(error),
            };
            let before = seen.len();
            let mut is_beyond = false;
            for entry in &entries {
                let market = serde_json::from_str::<Market>(entry.get()).ok();
                match market.and_then(|market| market.listing(now, self.cutoff_before_end_ms)) {
                    Some(listing) if seen.insert(listing.event.id.clone()) => {
                        is_beyond |= listing.event.ends_at > Some(until);
                        listings.push(listing);
                    }
                    Some(_) => {}
                    None => unusable += 1,
                }
            }
            // A page with nothing new is the list going in a circle.
            if entries.len() < PAGE || is_beyond || seen.len() == before {
                break;
            }
        }
        listings.retain(|listing| {
            let Event { cutoff, ends_at, .. } = listing.event;
            listing.resolution == Resolution::Open && cutoff > now && ends_at <= Some(until)
        });
        tracing::debug!(provider = NAME, listed = listings.len(), unusable, "markets listed");
        Ok(listings)
    }

    async fn one(&self, id: &str) -> Result<Listing, MarketError> {
        let unknown = || MarketError::Unknown { provider: NAME, id: id.into() };
        let path = ["v0", "market", id];
        let market: Market = self.http.json(&path, "a market", &self.http.find(&path, id).await?)?;
        let listing = market.listing(self.clock.now(), self.cutoff_before_end_ms);
        listing.filter(|listing| listing.event.id == id).ok_or_else(unknown)
    }
}

impl Provider for Manifold {
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
