//! One exchange as a source: pages in order, politely, each candle once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::Url;
use serde::Deserialize;

use super::{Candle, INTERVAL, KlineSource, Span, Unreadable, Venue};
use crate::clock::Clock;
use crate::market::http::{HttpClient, HttpSettings};
use crate::market::{MarketError, is_loopback};

/// An exchange as an operator says it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueSettings {
    /// The base URL of its API, or of a world of our own.
    pub url: String,
    /// Its name of the pair.
    pub symbol: String,
}

impl VenueSettings {
    /// The venue's own.
    #[must_use]
    pub fn of(venue: &Venue) -> Self {
        Self { url: venue.url.to_owned(), symbol: venue.symbol.to_owned() }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Exchange {
    venue: &'static Venue,
    symbol: String,
    http: HttpClient,
    clock: Clock,
}

impl Exchange {
    /// A client of `venue`; what is not over at the clock's time is left out.
    ///
    /// # Errors
    /// [`MarketError::Misconfigured`].
    pub fn new(venue: &'static Venue, settings: VenueSettings, clock: Clock) -> Result<Self, MarketError> {
        let mut http = HttpSettings::at(settings.url);
        http.timeout = Duration::from_secs(10);
        http.first_pause = Duration::from_secs(1);
        // A page of 1000 rows is some 150 kB.
        http.max_body = 4 << 20;
        let is_ours = Url::parse(&http.base_url).is_ok_and(|url| is_loopback(&url));
        http.spacing = if is_ours { Duration::ZERO } else { Duration::from_millis(venue.spacing_ms) };
        Ok(Self { venue, symbol: settings.symbol, http: HttpClient::new(venue.name, http)?, clock })
    }

    async fn page(&self, span: Span) -> Result<Vec<Candle>, MarketError> {
        let ask = (self.venue.ask)(&self.symbol, span);
        let path: Vec<&str> = ask.path.iter().map(String::as_str).collect();
        let query: Vec<(&str, &str)> = ask.query.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let body = self.http.get(&path, &query).await.map_err(|error| self.by_region(error))?;
        let page = (self.venue.read)(&body).map_err(|error| match error {
            Unreadable::Refused(words) => {
                MarketError::Refused { provider: self.venue.name, url: path.join("/"), status: 200, text: words.into() }
            }
            Unreadable::Malformed(reason) => self.http.malformed(&path, "a page of candles", reason),
        })?;
        if page.bad_rows > 0 {
            tracing::warn!(source = self.venue.name, rows = page.bad_rows, "rows that are not candles are left out");
        }
        Ok(page.candles)
    }

    /// 403 where no key is used is how some venues say that they do not serve a country.
    fn by_region(&self, error: MarketError) -> MarketError {
        match error {
            MarketError::Refused { provider, status: status @ 403, text, .. } => {
                MarketError::Region { provider, status, text }
            }
            other => other,
        }
    }

    async fn all(&self, span: Span) -> Result<Vec<Candle>, MarketError> {
        let now = self.clock.now();
        let last = INTERVAL.floor(now);
        let until = span.until.min(last);
        let page_ms = INTERVAL.ms() * self.venue.page as i64;
        let mut found = BTreeMap::new();
        let mut from = span.from;
        if !self.venue.has_history {
            // Whatever is asked for, the last page is all there is.
            from = from.max(until.plus_ms(-page_ms));
        }
        while from < until {
            let part = Span { from, until: until.min(from.plus_ms(page_ms)) };
            let candles = self.page(part).await?;
            found.extend(candles.into_iter().filter(|c| part.contains(c.open_at)).map(|c| (c.open_at, c)));
            from = part.until;
        }
        Ok(found.into_values().collect())
    }
}

impl KlineSource for Exchange {
    fn name(&self) -> &'static str {
        self.venue.name
    }

    fn candles(&self, span: Span) -> BoxFuture<'_, Result<Vec<Candle>, MarketError>> {
        self.all(span).boxed()
    }
}
