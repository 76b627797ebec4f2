//! Azuro: sports, priced by bookmakers' odds on several chains and read from subgraphs, by GraphQL over HTTP.
//!
//! A game has conditions, a condition has outcomes of which one happens, and each outcome has odds. An event of ours is one
//! outcome: the first of a game's first condition that can be asked about. Two questions are used: `games`, page by page, and
//! `outcome(id)`. A websocket may tell of changes in between.

mod board;
mod feed;
mod odds;
mod past;
mod poll;
mod queries;
mod settings;
mod titles;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use self::board::Board;
pub use self::board::FeedFacts;
pub use self::odds::Margin;
pub(crate) use self::past::past;
use self::poll::Poll;
pub use self::poll::Skipped;
pub use self::settings::{AzuroSettings, Prices, Source};
pub use self::titles::{Titles, TitlesError};
use self::wire::{Answer, Found, Games, GraphError};
use super::http::HttpClient;
use super::skipped::LastSkipped;
pub use super::stream::StreamSettings;
use super::{Listing, MarketError, Provider, Quote};
use crate::clock::Clock;

/// The provider's name.
pub const NAME: &str = "azuro";

/// The subgraphs of games, bets and history, one for each chain.
pub const URL: &str = "https://thegraph.chainfeedon.com/subgraphs/name/azuro-protocol/azuro-api-{chain}-v3";

/// The subgraphs of games and odds alone.
pub const FEED_URL: &str = "https://thegraph-1.chainfeedon.com/subgraphs/name/azuro-protocol/azuro-data-feed-{chain}";

/// The stream of conditions and games.
pub const STREAM_URL: &str = "wss://streams.chainfeedon.com/v1/streams/feed";

/// Events that the stream calls over, and that are asked for in one look.
const CONFIRMED: usize = 20;
/// A Graph node skips no more than this.
const MOST_SKIPPED: usize = 5_000;
/// A Graph node gives no longer pages.
const LONGEST_PAGE: usize = 1_000;

/// The client.
#[derive(Debug)]
pub struct Azuro {
    sites: Vec<Site>,
    board: Option<Board>,
    settings: AzuroSettings,
    clock: Clock,
    skipped: LastSkipped<Skipped>,
}

/// The subgraph of one chain.
#[derive(Debug)]
struct Site {
    chain: String,
    /// What the stream calls the chain, where there is a stream and it has a name for it.
    environment: Option<String>,
    http: HttpClient,
    /// Whether it has the fields that only newer subgraphs have; true until it says otherwise.
    has_extras: AtomicBool,
}

impl Azuro {
    /// A client whose quotes carry the times of `clock`.
    ///
    /// # Errors
    /// [`MarketError::Misconfigured`] when the URL or a chain's name cannot be used, [`MarketError::Stream`] when the stream's
    /// cannot.
    pub fn new(settings: AzuroSettings, clock: Clock) -> Result<Self, MarketError> {
        let streams = settings.prices == Prices::Stream;
        let site = |(chain, url): (&String, String)| {
            let http = HttpClient::new(NAME, super::HttpSettings { base_url: url, ..settings.http.clone() })?;
            let environment = settings.environment(chain).filter(|_| streams);
            if streams && environment.is_none() {
                tracing::warn!(
                    provider = NAME,
                    chain,
                    "`--market.azuro.environments` has no name for this chain: its games are polled"
                );
            }
            Ok(Site { chain: chain.clone(), environment, http, has_extras: AtomicBool::new(true) })
        };
        let sites = settings.chains.iter().zip(settings.addresses()?).map(site).collect::<Result<_, MarketError>>()?;
        let board = streams.then(|| Board::new(&settings, &clock)).transpose()?;
        Ok(Self { sites, board, settings, clock, skipped: LastSkipped::default() })
    }

    /// What happened on the stream; `None` where it is not wanted.
    #[must_use]
    pub fn stream(&self) -> Option<FeedFacts> {
        self.board.as_ref().map(Board::facts)
    }

    /// What the last [`Provider::list`] left out, and why.
    #[must_use]
    pub fn skipped(&self) -> Skipped {
        self.skipped.get()
    }

    /// A chain that does not answer is told about; only when none does the list fails.
    async fn list_all(&self) -> Result<Vec<Listing>, MarketError> {
        let mut poll = Poll::default();
        let mut failure = None;
        let mut answered = false;
        for site in &self.sites {
            poll.environment.clone_from(&site.environment);
            match self.walk(site, &mut poll).await {
                Ok(()) => answered = true,
                Err(error) => {
                    tracing::warn!(provider = NAME, chain = site.chain, %error, "the games of a chain are missing");
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(error) if !answered => Err(error),
            _ => {
                if let Some(board) = &self.board {
                    let over = board.price(&mut poll.listings, std::mem::take(&mut poll.followed));
                    self.confirm(&over, &mut poll.listings).await;
                }
                self.skipped.tell(NAME, "games", poll.listings.len(), poll.skipped);
                Ok(poll.listings)
            }
        }
    }

    /// Asks the subgraph about events that the stream calls over: it alone is believed.
    async fn confirm(&self, over: &[usize], listings: &mut [Listing]) {
        for place in over.iter().take(CONFIRMED) {
            let Some(listing) = listings.get_mut(*place) else { continue };
            match self.fetch_one(&listing.event.id).await {
                Ok(found) => listing.resolution = found.resolution,
                Err(error) => {
                    tracing::debug!(provider = NAME, %error, "an event that the stream calls over was not looked up");
                }
            }
        }
    }

    /// Page by page, soonest game first, until a page is short, brings nothing new, or lies too deep.
    async fn walk(&self, site: &Site, poll: &mut Poll) -> Result<(), MarketError> {
        let now = self.clock.now();
        let ahead = i64::try_from(self.settings.max_ahead.as_secs()).unwrap_or(i64::MAX);
        let filter = queries::upcoming(
            self.settings.source,
            now.as_secs(),
            now.as_secs().saturating_add(ahead).saturating_add(1),
        );
        let first = self.settings.page.clamp(1, LONGEST_PAGE);
        for page in 0..self.settings.max_pages {
            let skip = page.saturating_mul(first);
            if skip > MOST_SKIPPED {
                tracing::warn!(
                    provider = NAME,
                    chain = site.chain,
                    games = skip,
                    "the list of games is too long and is cut here"
                );
                break;
            }
            let found = self.ask(site, "a page of games", |extras| {
                queries::games(self.settings.source, extras, &filter, first, skip)
            });
            let games = match found.await {
                Ok(Games { games }) => games,
                // What was read is good: half a list is no reason to stop asking about it.
                Err(error) if page > 0 => {
                    tracing::warn!(provider = NAME, chain = site.chain, page, %error, "the list of games ends early");
                    break;
                }
                Err(error) => return Err(error),
            };
            let count = games.len();
            let brought_new = self.take_page(poll, games).await;
            if count < first {
                break;
            }
            if !brought_new {
                tracing::warn!(provider = NAME, chain = site.chain, page, "the list of games goes in a circle");
                break;
            }
        }
        Ok(())
    }

    /// Reads the games of a page; a page has megabytes, so not on this thread. Whether one of them was new.
    async fn take_page(&self, poll: &mut Poll, games: Vec<Box<RawValue>>) -> bool {
        let (now, settings) = (self.clock.now(), self.settings.clone());
        let mut taken = std::mem::take(poll);
        let task = tokio::task::spawn_blocking(move || {
            let mut brought_new = false;
            for game in games {
                brought_new |= taken.take(game.get(), now, &settings);
            }
            (taken, brought_new)
        });
        // Only a panic can lose the poll, and none of this panics.
        let (taken, brought_new) = task.await.unwrap_or_default();
        *poll = taken;
        brought_new
    }

    /// Asks one chain after the other; an id is one chain's only.
    async fn fetch_one(&self, id: &str) -> Result<Listing, MarketError> {
        let mut failure = None;
        for site in &self.sites {
            let found = self.ask(site, "an outcome", |extras| queries::outcome(self.settings.source, extras, id));
            match found.await {
                Ok(Found { outcome: Some(outcome) }) => match self.listing(id, &outcome) {
                    Ok(listing) => return Ok(listing),
                    Err(reason) => failure = Some(site.http.malformed(&[], "an outcome", reason.to_owned())),
                },
                Ok(Found { outcome: None }) => {}
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| MarketError::Unknown { provider: NAME, id: id.into() }))
    }

    fn listing(&self, id: &str, found: &wire::Outcome) -> Result<Listing, &'static str> {
        if found.id() != Some(id) {
            return Err("it has another id");
        }
        let condition = found.condition.as_deref().ok_or("it has no `condition`")?;
        let outcome = condition.outcome(id).ok_or("its condition does not have it among its `outcomes`")?;
        let game = condition.game.as_deref().ok_or("its condition has no `game`")?;
        Ok(poll::single(id, outcome, condition, game, self.clock.now(), &self.settings))
    }

    /// Asks, and asks once more for less when the subgraph is older than the question.
    async fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        site: &Site,
        expected: &'static str,
        question: impl Fn(bool) -> String,
    ) -> Result<T, MarketError> {
        let extras = site.has_extras.load(Ordering::Relaxed);
        match self.answer(site, expected, &question(extras)).await {
            Err(MarketError::Refused { status: 200, text, .. }) if extras && is_about_a_field(text.as_raw()) => {
                tracing::info!(provider = NAME, chain = site.chain, %text, "an older subgraph: it is asked for fewer \
                                                                            fields");
                site.has_extras.store(false, Ordering::Relaxed);
                self.answer(site, expected, &question(false)).await
            }
            answer => answer,
        }
    }

    async fn answer<T: DeserializeOwned + Send + 'static>(
        &self,
        site: &Site,
        expected: &'static str,
        question: &str,
    ) -> Result<T, MarketError> {
        let body = site.http.post(&[], question).await?;
        let read = tokio::task::spawn_blocking(move || serde_json::from_slice::<Answer<T>>(&body)).await;
        let shape = |reason: String| site.http.malformed(&[], expected, reason);
        let answer = read.map_err(|e| shape(e.to_string()))?.map_err(|e| shape(e.to_string()))?;
        // With `subgraphError: allow` there may be both.
        match (answer.data, answer.errors.unwrap_or_default()) {
            (Some(data), _) => Ok(data),
            (None, errors) if errors.is_empty() => Err(shape("it has neither data nor errors".to_owned())),
            (None, errors) => Err(site.http.refused(&told(&errors))),
        }
    }
}

/// A Graph node's words for a field that its schema does not have.
fn is_about_a_field(text: &str) -> bool {
    text.contains("has no field")
}

/// The messages, one after the other, cut to what is worth repeating.
fn told(errors: &[GraphError]) -> String {
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    messages.join("; ").chars().take(300).collect()
}

impl Provider for Azuro {
    fn name(&self) -> &'static str {
        NAME
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        self.list_all().boxed()
    }

    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        self.fetch_one(id).boxed()
    }

    fn between_looks(&self) -> Vec<(String, Quote)> {
        self.board.as_ref().map(Board::between_looks).unwrap_or_default()
    }
}
