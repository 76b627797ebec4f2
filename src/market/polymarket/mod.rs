//! Polymarket's order-book API (CLOB), the public part: what is offered, at what price, and how it ended.
//!
//! Two requests are used: `GET /sampling-markets?next_cursor=…`, the markets that pay for liquidity and so have usable
//! prices, page by page until the cursor is `LTE=`; and `GET /markets/{condition_id}`. Instead of the first, what is offered may
//! be asked of the Gamma API ([`gamma`]).

mod books;
pub mod gamma;
mod prices;
mod reviews;
mod stream;
mod wire;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

#[doc(hidden)]
pub use self::books::StreamBench;
use self::gamma::{Discovery, GammaFilter};
use self::prices::Desk;
pub use self::prices::Prices;
pub use self::stream::StreamFacts;
use self::wire::{Market, Page};
use super::http::{HttpClient, HttpSettings};
use super::skipped::{LastSkipped, write_counts};
pub use super::stream::StreamSettings;
use super::{Event, EventKey, Listing, MarketError, Provider, Quote, Review};
use crate::clock::Clock;
use crate::market::MarketSettings;
use crate::units::{UnixMs, millis};

/// The provider's name.
pub const NAME: &str = "polymarket";

/// The public API.
pub const URL: &str = "https://clob.polymarket.com";

/// The public Gamma API.
pub const GAMMA_URL: &str = "https://gamma-api.polymarket.com";

/// The public market channel.
pub const STREAM_URL: &str = "wss://ws-subscriptions-clob.polymarket.com/ws/market";

/// The cursor that means there is no further page (base64 of `-1`).
const LAST_PAGE: &str = "LTE=";

/// What is asked, and which markets are taken.
#[derive(Debug, Clone)]
pub struct PolymarketSettings {
    /// Address, pace and patience.
    pub http: HttpSettings,
    /// Answers count until this long before the end date, in a game at most until its start.
    pub cutoff_before_end: Duration,
    /// Markets that end later than this from now are not offered yet.
    pub max_ahead: Duration,
    /// Pages of (usually) 1000 markets read in one poll at most.
    pub max_pages: usize,
    /// How markets are found.
    pub discovery: Discovery,
    /// The Gamma API: address, pace and patience.
    pub gamma_http: HttpSettings,
    /// Which of its markets are taken.
    pub gamma: GammaFilter,
    /// What prices are taken from.
    pub prices: Prices,
    /// The market channel.
    pub stream: StreamSettings,
}

impl Default for PolymarketSettings {
    fn default() -> Self {
        Self {
            http: HttpSettings::at(URL),
            cutoff_before_end: Duration::from_secs(86_400),
            max_ahead: Duration::from_secs(14 * 86_400),
            max_pages: 20,
            discovery: Discovery::Clob,
            gamma_http: HttpSettings::at(GAMMA_URL),
            gamma: GammaFilter::default(),
            prices: Prices::default(),
            stream: StreamSettings::at(STREAM_URL),
        }
    }
}

impl PolymarketSettings {
    /// What the operator's settings say.
    #[must_use]
    pub fn from_config(settings: &MarketSettings) -> Self {
        Self {
            http: HttpSettings::at(&settings.polymarket.url),
            discovery: settings.polymarket.discovery,
            gamma_http: HttpSettings::at(&settings.polymarket.gamma_url),
            gamma: settings.polymarket.filter(),
            prices: settings.polymarket.prices,
            stream: StreamSettings::at(&settings.polymarket.stream_url),
            cutoff_before_end: settings.cutoff_before_end,
            max_ahead: settings.horizon,
            ..Self::default()
        }
    }

    /// Whether the Gamma API is that of the same exchange: who names another order-book API, such as a simulator, and no Gamma of
    /// its own, wants no questions to the public one.
    fn knows_gamma(&self) -> bool {
        self.discovery != Discovery::Clob || self.gamma_http.base_url != GAMMA_URL || self.http.base_url == URL
    }
}

/// Why entries of the last poll are not among its listings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Not the documented shape, or a date that cannot be read.
    pub malformed: usize,
    /// No condition id.
    pub unnamed: usize,
    /// Not two outcomes.
    pub not_binary: usize,
    /// No end date, so no cutoff.
    pub no_end_date: usize,
    /// The cutoff has passed.
    pub past_cutoff: usize,
    /// Ends too far ahead.
    pub too_far_ahead: usize,
    /// Closed, archived or resolved.
    pub not_trading: usize,
    /// Met on an earlier page of the same poll.
    pub repeated: usize,
    /// An outcome was proposed, or is disputed.
    pub proposed: usize,
    /// Not what the filter of Gamma's markets asks for.
    pub filtered: usize,
}

/// The reasons with their counts: `3 too far ahead, 1 malformed`.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.too_far_ahead, "too far ahead"),
            (self.past_cutoff, "past the cutoff"),
            (self.not_trading, "not trading"),
            (self.no_end_date, "without an end date"),
            (self.not_binary, "without two outcomes"),
            (self.unnamed, "without an id"),
            (self.repeated, "repeated"),
            (self.proposed, "with a proposed or disputed outcome"),
            (self.filtered, "filtered out"),
            (self.malformed, "malformed"),
        ];
        write_counts(f, counts)
    }
}

/// The client.
#[derive(Debug)]
pub struct Polymarket {
    http: HttpClient,
    /// Where it is to be asked at all.
    gamma: Option<HttpClient>,
    desk: Desk,
    settings: PolymarketSettings,
    clock: Clock,
    skipped: LastSkipped<Skipped>,
}

impl Polymarket {
    /// A client whose quotes carry the times of `clock`.
    ///
    /// # Errors
    /// [`MarketError::Misconfigured`] when the base URL cannot be used.
    pub fn new(settings: PolymarketSettings, clock: Clock) -> Result<Self, MarketError> {
        let http = HttpClient::new(NAME, settings.http.clone())?;
        let gamma = settings.knows_gamma().then(|| HttpClient::new(NAME, settings.gamma_http.clone())).transpose()?;
        let desk = Desk::new(settings.prices, &settings.stream, &clock)?;
        Ok(Self { http, gamma, desk, settings, clock, skipped: LastSkipped::default() })
    }

    /// What the last [`Provider::list`] left out, and why.
    #[must_use]
    pub fn skipped(&self) -> Skipped {
        self.skipped.get()
    }

    /// What happened on the market channel; `None` where it is not wanted.
    #[must_use]
    pub fn stream(&self) -> Option<StreamFacts> {
        self.desk.facts()
    }

    async fn list_all(&self) -> Result<Vec<Listing>, MarketError> {
        let mut poll = match &self.gamma {
            Some(gamma) if self.settings.discovery != Discovery::Clob => {
                gamma::discover(gamma, &self.settings, self.clock.now()).await?
            }
            _ => self.sample().await?,
        };
        self.desk.price(&self.http, &self.clock, &mut poll.listings, poll.tokens).await;
        self.skipped.tell(NAME, "markets", poll.listings.len(), poll.skipped);
        Ok(poll.listings)
    }

    /// Walks through the markets that pay for liquidity.
    async fn sample(&self) -> Result<Poll, MarketError> {
        let mut poll = Poll::default();
        let mut cursor: Option<String> = None;
        for page_number in 0..self.settings.max_pages {
            let page = match self.page(cursor.as_deref()).await {
                Ok(page) => page,
                // What was read is good: half a list is no reason to stop asking about it.
                Err(error) if page_number > 0 => {
                    tracing::warn!(provider = NAME, page = page_number, %error, "the list of markets ends early");
                    break;
                }
                Err(error) => return Err(error),
            };
            poll = self.take_page(poll, page.data).await;
            cursor = poll.turn(page.next_cursor.filter(|next| next != LAST_PAGE));
            if cursor.is_none() {
                break;
            }
        }
        Ok(poll)
    }

    async fn page(&self, cursor: Option<&str>) -> Result<Page, MarketError> {
        const PATH: [&str; 1] = ["sampling-markets"];
        let query = cursor.map(|cursor| ("next_cursor", cursor));
        let body = self.http.get(&PATH, query.as_slice()).await?;
        let page = tokio::task::spawn_blocking(move || serde_json::from_slice(&body)).await;
        let page = page.map_err(|e| self.http.malformed(&PATH, "a page of markets", e.to_string()))?;
        page.map_err(|e| self.http.malformed(&PATH, "a page of markets", e.to_string()))
    }

    /// Reads the entries of a page; a page has megabytes, so not on this thread.
    async fn take_page(&self, mut poll: Poll, data: Vec<Box<serde_json::value::RawValue>>) -> Poll {
        let now = self.clock.now();
        let settings = self.settings.clone();
        let task = tokio::task::spawn_blocking(move || {
            for entry in data {
                poll.take(entry.get(), now, &settings);
            }
            poll
        });
        // Only a panic can lose the poll, and none of this panics.
        task.await.unwrap_or_default()
    }

    async fn fetch_one(&self, id: &str) -> Result<Listing, MarketError> {
        let path = ["markets", id];
        let unknown = || MarketError::Unknown { provider: NAME, id: id.into() };
        let body = self.http.find(&path, id).await?;
        let shape = |reason: String| self.http.malformed(&path, "a market", reason);
        let market: Market = self.http.json(&path, "a market", &body)?;
        if market.condition_id().is_none_or(|found| !found.eq_ignore_ascii_case(id)) {
            return Err(unknown());
        }
        let ends_at = market.ends_at().map_err(|e| shape(format!("`end_date_iso`: {e}")))?;
        let starts_at = market.game_starts_at().map_err(|e| shape(format!("`game_start_time`: {e}")))?;
        // An end date may be taken back after the event was offered; whoever asked keeps the cutoff asked under, and
        // anybody else may answer until the outcome is known.
        let cutoff = cutoff(ends_at.unwrap_or(UnixMs(i64::MAX)), starts_at, &self.settings);
        let quote = market.quote(self.clock.now());
        let resolution = market.resolution();
        Ok(Listing { event: event(&market, id, cutoff, ends_at), quote, resolution })
    }
}

impl Provider for Polymarket {
    fn name(&self) -> &'static str {
        NAME
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        self.list_all().boxed()
    }

    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        self.fetch_one(id).boxed()
    }

    fn second<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<Vec<(String, Quote)>, MarketError>> {
        self.desk.second(&self.http, &self.clock, ids).boxed()
    }

    fn reviews<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<Vec<(String, Review)>, MarketError>> {
        match &self.gamma {
            Some(gamma) => reviews::reviews(gamma, ids).boxed(),
            None => std::future::ready(Ok(Vec::new())).boxed(),
        }
    }

    fn between_looks(&self) -> Vec<(String, Quote)> {
        self.desk.between_looks()
    }
}

/// What one walk through the pages has found.
#[derive(Default)]
struct Poll {
    listings: Vec<Listing>,
    /// The first token of each, by condition id.
    tokens: HashMap<String, String>,
    ids: HashSet<String>,
    cursors: HashSet<String>,
    skipped: Skipped,
}

impl Poll {
    /// The cursor of the next page, unless the list ends here or comes back to a page that was read.
    fn turn(&mut self, next: Option<String>) -> Option<String> {
        let next = next.filter(|next| !next.is_empty())?;
        if self.cursors.insert(next.clone()) {
            return Some(next);
        }
        tracing::warn!(provider = NAME, cursor = next, "the list of markets goes in a circle");
        None
    }

    fn take(&mut self, entry: &str, now: UnixMs, settings: &PolymarketSettings) {
        let Ok(market) = serde_json::from_str::<Market>(entry) else {
            self.skipped.malformed += 1;
            return;
        };
        let listing = self.read(&market, now, settings);
        self.listings.extend(listing);
    }

    /// The listing of a market that is offered; of another the reason is counted.
    fn read(&mut self, market: &Market, now: UnixMs, settings: &PolymarketSettings) -> Option<Listing> {
        let Some(id) = market.condition_id() else {
            self.skipped.unnamed += 1;
            return None;
        };
        let times = market.ends_at().and_then(|end| Ok((end, market.game_starts_at()?)));
        let counter = match times {
            Err(_) => &mut self.skipped.malformed,
            Ok(_) if !market.is_binary() => &mut self.skipped.not_binary,
            Ok(_) if !market.is_trading() => &mut self.skipped.not_trading,
            Ok((None, _)) => &mut self.skipped.no_end_date,
            Ok((Some(end), start)) if cutoff(end, start, settings) <= now => &mut self.skipped.past_cutoff,
            Ok((Some(end), _)) if end > now.plus_ms(millis(settings.max_ahead)) => &mut self.skipped.too_far_ahead,
            Ok(_) if !self.ids.insert(id.to_owned()) => &mut self.skipped.repeated,
            Ok((Some(end), start)) => {
                let event = event(market, id, cutoff(end, start, settings), Some(end));
                self.tokens.extend(market.first_token().map(|token| (id.to_owned(), token.to_owned())));
                return Some(Listing { event, quote: market.quote(now), resolution: market.resolution() });
            }
        };
        *counter += 1;
        None
    }
}

fn event(market: &Market, id: &str, cutoff: UnixMs, ends_at: Option<UnixMs>) -> Event {
    Event {
        key: EventKey::new(NAME, id),
        provider: NAME.to_owned(),
        id: id.to_owned(),
        description: market.text().into(),
        cutoff,
        ends_at,
        beside: Default::default(),
    }
}

/// Some time before the end, and never after the start of the game: from then on the price follows the score.
fn cutoff(end: UnixMs, game_start: Option<UnixMs>, settings: &PolymarketSettings) -> UnixMs {
    let before_end = end.plus_ms(-millis(settings.cutoff_before_end));
    game_start.map_or(before_end, |start| start.min(before_end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// 2031-05-01T12:00:00Z
    const NOW: UnixMs = UnixMs(1_935_403_200_000);

    fn market(id: &str, changes: &Value) -> String {
        let mut market = json!({
            "condition_id": id, "question": "Who wins?", "end_date_iso": "2031-05-04T00:00:00Z", "active": true,
            "tokens": [{"outcome": "A", "price": 0.4}, {"outcome": "B", "price": 0.6}],
        });
        for (name, value) in changes.as_object().unwrap() {
            market[name] = value.clone();
        }
        market.to_string()
    }

    fn poll(changes: &[Value]) -> Poll {
        let mut poll = Poll::default();
        for (id, changes) in changes.iter().enumerate() {
            poll.take(&market(&id.to_string(), changes), NOW, &PolymarketSettings::default());
        }
        poll
    }

    #[test]
    fn an_id_that_could_command_a_terminal_is_none() {
        let mut poll = Poll::default();
        for id in ["0x1", "", " ", "0x\u{1b}[2J", "0x\u{202e}1", "0x1\r\n", &"f".repeat(257)] {
            poll.take(&market(id, &json!({})), NOW, &PolymarketSettings::default());
        }
        assert_eq!(poll.listings.len(), 1);
        assert_eq!(poll.skipped, Skipped { unnamed: 6, ..Skipped::default() });
    }

    proptest! {
        #[test]
        fn whatever_the_order_of_entries_and_however_often_they_come_the_list_is_the_same(order in prop::collection::vec(0..12_usize, 12..40)) {
            // Some of twelve markets, of which every third cannot be taken.
            let entry = |n: usize| match n % 3 {
                0 => market(&format!("0x{n}"), &json!({"end_date_iso": null})),
                _ => market(&format!("0x{n}"), &json!({"tokens": [{"outcome": "A", "price": 0.4}, {"outcome": "B", "price": 0.6}]})),
            };
            let mut poll = Poll::default();
            for n in &order {
                poll.take(&entry(*n), NOW, &PolymarketSettings::default());
            }
            let mut ids: Vec<&str> = poll.listings.iter().map(|listing| listing.event.id.as_str()).collect();
            ids.sort_unstable();
            let mut wanted: Vec<String> = order.iter().filter(|n| *n % 3 != 0).map(|n| format!("0x{n}")).collect();
            wanted.sort_unstable();
            let repeated = wanted.len();
            wanted.dedup();
            prop_assert_eq!(&ids, &wanted);
            prop_assert_eq!(poll.skipped.repeated, repeated - wanted.len());
        }

        #[test]
        fn an_entry_that_is_cut_anywhere_costs_only_itself(cut in 0..200_usize) {
            let whole = market("0x1", &json!({}));
            let cut = cut.min(whole.len() - 1);
            let mut poll = Poll::default();
            for entry in [whole.get(..cut).unwrap(), &market("0x2", &json!({}))] {
                poll.take(entry, NOW, &PolymarketSettings::default());
            }
            prop_assert_eq!((poll.listings.len(), poll.skipped.malformed), (1, 1));
        }
    }

    #[test]
    fn no_answer_counts_after_the_start_of_a_game() {
        let poll = poll(&[
            json!({}),
            json!({"game_start_time": "2031-05-01T13:00:00Z"}),
            json!({"game_start_time": "2031-05-03T18:00:00.500Z"}),
            json!({"game_start_time": "2031-05-01T11:00:00Z"}),
            json!({"game_start_time": "tonight"}),
        ]);
        let hours = |listing: &Listing| (listing.event.cutoff.0 - NOW.0) / 3_600_000;
        assert_eq!(poll.listings.iter().map(hours).collect::<Vec<_>>(), [36, 1, 36]);
        assert_eq!(poll.skipped, Skipped { past_cutoff: 1, malformed: 1, ..Skipped::default() });
        assert_eq!(poll.skipped.to_string(), "1 past the cutoff, 1 malformed");
        assert_eq!(Skipped::default().to_string(), "none");
    }
}
