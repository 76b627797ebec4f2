//! Candles of a trading pair: what exchanges show of a price, five minutes at a time.
//!
//! Four exchanges answer in four shapes ([`Venue`]); a [`KlineSource`] is one of them, or a world of our own behind the same
//! HTTP ([`server`]). What several say together is [`aggregate`]; what is kept on disk is [`store`]; what was recorded in
//! files is [`files`], the reference's own format of history [`taosfs`].

pub mod aggregate;
mod binance;
mod bybit;
mod client;
mod coinbase;
pub mod files;
mod kraken;
mod row;
pub mod samples;
pub mod series;
pub mod server;
pub mod store;
pub mod taosfs;

use std::fmt;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use self::client::{Exchange, VenueSettings};
pub use self::row::Unreadable;
use super::MarketError;
use crate::units::UnixMs;

/// What happened to a price in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candle {
    /// When the interval began. Its close is known [`INTERVAL`] later.
    pub open_at: UnixMs,
    /// First price, in the quote currency (dollars).
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Amount traded, in the base currency (bitcoin).
    pub volume: f64,
}

/// The length of a candle of the stream `BTCUSD-5m`.
pub const INTERVAL: Interval = Interval(300_000);

/// The length of a candle, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(i64);

impl Interval {
    /// So many minutes.
    #[must_use]
    pub const fn minutes(minutes: u32) -> Self {
        Self(minutes as i64 * 60_000)
    }

    /// Its length, ms.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Its length in whole minutes.
    #[must_use]
    pub const fn in_minutes(self) -> i64 {
        self.0 / 60_000
    }

    /// The last multiple of it at or before `at`.
    #[must_use]
    pub const fn floor(self, at: UnixMs) -> UnixMs {
        UnixMs(at.0 - at.0.rem_euclid(self.0))
    }

    /// The first multiple of it after `at`.
    #[must_use]
    pub const fn next(self, at: UnixMs) -> UnixMs {
        self.floor(at).plus_ms(self.0)
    }

    /// The multiple before [`Interval::floor`]: what closed last at `at` opened then.
    #[must_use]
    pub const fn previous(self, at: UnixMs) -> UnixMs {
        self.floor(at).plus_ms(-self.0)
    }

    /// The multiple nearest to `at`; in the middle between two, the even one.
    #[must_use]
    pub const fn closest(self, at: UnixMs) -> UnixMs {
        let (floor, rest) = (self.floor(at), at.0.rem_euclid(self.0));
        let is_up = rest > self.0 - rest || (rest == self.0 - rest && (floor.0 / self.0) % 2 != 0);
        if is_up { self.next(at) } else { floor }
    }
}

impl Candle {
    /// When its close was known.
    #[must_use]
    pub const fn closes_at(&self) -> UnixMs {
        self.open_at.plus_ms(INTERVAL.0)
    }

    /// Whether it can have happened: positive finite prices, the lowest not above the others nor the highest below them,
    /// no negative volume, a time on the grid.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let prices = [self.open, self.high, self.low, self.close];
        prices.iter().all(|price| price.is_finite() && *price > 0.0)
            && prices.iter().all(|price| self.low <= *price && *price <= self.high)
            && self.volume.is_finite()
            && self.volume >= 0.0
            && INTERVAL.floor(self.open_at) == self.open_at
    }
}

/// Open times from `from` on and before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first open time.
    pub from: UnixMs,
    /// The first open time that is no part of it any more.
    pub until: UnixMs,
}

impl Span {
    /// The candles in it, when none is missing.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::try_from(self.until.since(self.from).max(0) / INTERVAL.0).unwrap_or(0)
    }

    /// Whether `at` is in it.
    #[must_use]
    pub fn contains(&self, at: UnixMs) -> bool {
        self.from <= at && at < self.until
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |at: UnixMs| jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |t| t.to_string());
        write!(f, "{} to {}", shown(self.from), shown(self.until))
    }
}

/// Where candles come from.
pub trait KlineSource: Send + Sync + 'static {
    /// Its name: `binance`.
    fn name(&self) -> &'static str;

    /// The candles that opened within `span` and are over, in order of time, each once; those that the source lacks are
    /// missing.
    fn candles(&self, span: Span) -> BoxFuture<'_, Result<Vec<Candle>, MarketError>>;
}

/// An exchange's shape of the same thing.
#[derive(Clone, Copy)]
pub struct Venue {
    /// Its name in settings and logs.
    pub name: &'static str,
    /// The base URL of its public API.
    pub url: &'static str,
    /// Its name of bitcoin in dollars.
    pub symbol: &'static str,
    /// The most candles of one answer.
    pub page: usize,
    /// Least time between two requests, ms: well below what the venue allows one address.
    pub spacing_ms: u64,
    /// Whether it answers about any time, or about the last page only.
    pub has_history: bool,
    /// The request for at most a page.
    pub ask: fn(&str, Span) -> Ask,
    /// The candles of its answer, in any order, and the number of rows that were none.
    pub read: fn(&[u8]) -> Result<Page, Unreadable>,
}

impl fmt::Debug for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Venue").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A request below the base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The segments of its path.
    pub path: Vec<String>,
    /// Its query.
    pub query: Vec<(&'static str, String)>,
}

/// What stands in one answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Sound candles.
    pub candles: Vec<Candle>,
    /// Rows that are none: wrong types, prices that cannot be.
    pub bad_rows: usize,
}

/// The venues that are known.
pub const VENUES: [Venue; 4] = [binance::VENUE, bybit::VENUE, coinbase::VENUE, kraken::VENUE];

/// The venue called `name`.
#[must_use]
pub fn venue(name: &str) -> Option<&'static Venue> {
    static ALL: [Venue; VENUES.len()] = VENUES;
    ALL.iter().find(|venue| venue.name == name)
}
