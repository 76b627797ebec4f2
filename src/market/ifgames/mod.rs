//! The event service of the subnet as it was in 2025: one list of questions for all validators, without prices.
//!
//! | call | |
//! |---|---|
//! | `GET /api/v2/events?from_date=&offset=&limit=` | events created since, oldest first |
//! | `GET /api/v2/events/resolved?resolved_since=&offset=&limit=` | those that ended since, with the answer |
//! | `GET /api/v2/events/deleted?deleted_since=&offset=&limit=` | those that were withdrawn since: void |
//! | `GET /api/v2/events/{id}` | one of them |
//! | `POST /api/v1/validators/data`, `results` | what miners said and scored, signed, see [`Reporter`] |
//!
//! What is new is asked for at every look, what ended or was withdrawn every [`IfGamesSettings::resolve_every`]. The client
//! remembers what it was told, so that a look costs one page. While the service is away the events that are known go on.

mod report;
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Mutex;

pub use self::report::{PredictionRow, Reporter, ResultRow};
use self::wire::{Item, Page};
use super::http::HttpClient;
use super::{HttpSettings, Listing, MarketError, MarketSettings, Provider, Resolution};
use crate::clock::Clock;
use crate::units::{Account, UnixMs, millis};

/// The provider's name.
pub const NAME: &str = "ifgames";

/// Events of one page of new ones, and of the other lists.
const NEW_PER_PAGE: usize = 50;
const ENDED_PER_PAGE: usize = 100;
/// Pages of one walk through a list.
const MAX_PAGES: usize = 4_000;
/// How far behind the last event seen a walk begins, ms: what was created in the same second is not missed.
const OVERLAP_NEW_MS: i64 = 1_000;
/// The same for what ended.
const OVERLAP_ENDED_MS: i64 = 3_600_000;
/// An event that ended is told of for so long, ms; then it is forgotten here.
const TOLD_FOR_MS: i64 = 86_400_000;
/// How long one request may take, as the reference has it.
const TIMEOUT: Duration = Duration::from_secs(90);

/// How the service is asked.
#[derive(Debug, Clone)]
pub struct IfGamesSettings {
    /// Where it is.
    pub http: HttpSettings,
    /// How often it is asked what ended and what was withdrawn.
    pub resolve_every: Duration,
}

impl IfGamesSettings {
    /// As the settings say.
    #[must_use]
    pub fn from_config(settings: &MarketSettings) -> Self {
        let http = HttpSettings { timeout: TIMEOUT, ..HttpSettings::at(&settings.ifgames.url) };
        Self { http, resolve_every: settings.ifgames.resolve_every }
    }

    /// The same with the headers by which the service knows a validator.
    #[must_use]
    pub fn as_validator(mut self, hotkey: &Account) -> Self {
        let key = hex::encode(hotkey.as_bytes());
        let pairs = [
            ("validator-version", env!("CARGO_PKG_VERSION").to_owned()),
            ("validator-hash", concat!("neuron-", env!("CARGO_PKG_VERSION")).to_owned()),
            ("validator-public-key", key),
        ];
        let pair = |(name, text): (&'static str, String)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(&text).ok()?))
        };
        self.http.headers = pairs.into_iter().filter_map(pair).collect::<HeaderMap>();
        self
    }
}

/// The client.
#[derive(Debug)]
pub struct IfGames {
    http: HttpClient,
    resolve_every_ms: i64,
    clock: Clock,
    known: Mutex<Known>,
}

/// What the service has told.
#[derive(Debug, Default)]
struct Known {
    events: BTreeMap<String, Told>,
    created: Option<UnixMs>,
    resolved: Option<UnixMs>,
    deleted: Option<UnixMs>,
    /// When it was last asked what ended.
    asked: Option<UnixMs>,
}

#[derive(Debug)]
struct Told {
    listing: Listing,
    created: UnixMs,
    /// When its end was first told.
    ended: Option<UnixMs>,
}

impl Known {
    /// Takes an event that is new, or that was changed.
    fn take(&mut self, listing: Listing, created: UnixMs, now: UnixMs) {
        let id = listing.event.id.clone();
        let before = self.events.remove(&id);
        let has_ended = listing.resolution != Resolution::Open;
        let (resolution, ended) = match before {
            // The end of an event is not taken back by the list of new ones.
            Some(before) if !has_ended && before.ended.is_some() => (before.listing.resolution, before.ended),
            Some(before) => (listing.resolution, before.ended.or(has_ended.then_some(now))),
            None => (listing.resolution, has_ended.then_some(now)),
        };
        self.events.insert(id, Told { listing: Listing { resolution, ..listing }, created, ended });
    }

    /// Notes how an event ended. One that is not known is not asked about here.
    fn end(&mut self, id: &str, resolution: Resolution, now: UnixMs) {
        if let Some(told) = self.events.get_mut(id) {
            told.listing.resolution = resolution;
            told.ended.get_or_insert(now);
        }
    }

    /// The creation of the oldest event that has not ended.
    fn oldest_pending(&self) -> Option<UnixMs> {
        self.events.values().filter(|told| told.ended.is_none()).map(|told| told.created).min()
    }

    fn forget_ended(&mut self, now: UnixMs) {
        self.events.retain(|_, told| told.ended.is_none_or(|ended| now.since(ended) < TOLD_FOR_MS));
    }
}

impl IfGames {
    /// A client that goes by `clock`.
    ///
    /// # Errors
    /// [`MarketError::Misconfigured`] when the base URL cannot be used.
    pub fn new(settings: IfGamesSettings, clock: Clock) -> Result<Self, MarketError> {
        let http = HttpClient::new(NAME, settings.http)?;
        let resolve_every_ms = millis(settings.resolve_every);
        Ok(Self { http, resolve_every_ms, clock, known: Mutex::default() })
    }

    async fn look(&self) -> Result<Vec<Listing>, MarketError> {
        // Looks do not overtake each other.
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        self.take_new(&mut known, now).await?;
        if known.asked.is_none_or(|asked| now.since(asked) >= self.resolve_every_ms) {
            self.take_resolved(&mut known, now).await?;
            self.take_deleted(&mut known, now).await?;
            known.asked = Some(now);
        }
        known.forget_ended(now);
        Ok(known.events.values().map(|told| told.listing.clone()).collect())
    }

    async fn take_new(&self, known: &mut Known, now: UnixMs) -> Result<(), MarketError> {
        let from = known.created.map_or(0, |created| created.plus_ms(-OVERLAP_NEW_MS).as_secs().max(0));
        let items = self.walk(&["api", "v2", "events"], ("from_date", &from.to_string()), NEW_PER_PAGE).await?;
        let (mut latest, mut unusable) = (known.created, 0);
        for item in items {
            let created = item.created_at();
            latest = latest.max(created);
            match item.listing() {
                Some(listing) => known.take(listing, created.unwrap_or(now), now),
                None => unusable += 1,
            }
        }
        // Only now: a walk that was broken off begins again where this one did.
        known.created = latest;
        if unusable > 0 {
            tracing::debug!(provider = NAME, unusable, "events without an id, a title or a cutoff are left out");
        }
        Ok(())
    }

    async fn take_resolved(&self, known: &mut Known, now: UnixMs) -> Result<(), MarketError> {
        let since = known.resolved.map(|at| at.plus_ms(-OVERLAP_ENDED_MS)).or_else(|| known.oldest_pending());
        let Some(since) = since else { return Ok(()) };
        let path = ["api", "v2", "events", "resolved"];
        for item in self.walk(&path, ("resolved_since", &since.rfc3339()), ENDED_PER_PAGE).await? {
            known.resolved = known.resolved.max(item.resolved_at());
            let resolution = item.resolution();
            if let Some(id) = item.id().filter(|_| resolution != Resolution::Open) {
                known.end(&id, resolution, now);
            }
        }
        Ok(())
    }

    async fn take_deleted(&self, known: &mut Known, now: UnixMs) -> Result<(), MarketError> {
        let since = known.deleted.map(|at| at.plus_ms(-OVERLAP_ENDED_MS)).or_else(|| known.oldest_pending());
        let Some(since) = since else { return Ok(()) };
        let path = ["api", "v2", "events", "deleted"];
        for item in self.walk(&path, ("deleted_since", &since.rfc3339()), ENDED_PER_PAGE).await? {
            known.deleted = known.deleted.max(item.deleted_at());
            if let Some(id) = item.id() {
                known.end(&id, Resolution::Void, now);
            }
        }
        Ok(())
    }

    /// Every entry of a list that can be read, page by page. A page that brings nothing new is the last.
    async fn walk(&self, path: &[&str], since: (&str, &str), per_page: usize) -> Result<Vec<Item>, MarketError> {
        let mut found: Vec<Item> = Vec::new();
        let (mut ids, mut offset) = (std::collections::BTreeSet::new(), 0_usize);
        for _ in 0..MAX_PAGES {
            let (skip, limit) = (offset.to_string(), per_page.to_string());
            let query = [since, ("offset", skip.as_str()), ("limit", limit.as_str())];
            let page: Page = self.http.read(path, &query, "a page of events").await?;
            let (read, mut fresh) = (page.items.len(), 0);
            for entry in &page.items {
                // An entry without an id is counted as read, and is no event.
                let Some(item) = Item::read(entry.get()) else { continue };
                let Some(id) = item.id() else { continue };
                if ids.insert(id) {
                    fresh += 1;
                    found.push(item);
                }
            }
            if read < per_page {
                return Ok(found);
            }
            if fresh == 0 {
                tracing::warn!(
                    provider = NAME,
                    offset,
                    "a page of the list repeats earlier events: the rest is not read"
                );
                return Ok(found);
            }
            offset = offset.saturating_add(read);
        }
        tracing::warn!(provider = NAME, pages = MAX_PAGES, "the list is too long: the rest is read the next time");
        Ok(found)
    }

    async fn one(&self, id: &str) -> Result<Listing, MarketError> {
        let unknown = || MarketError::Unknown { provider: NAME, id: id.into() };
        if let Some(told) = self.known.lock().await.events.get(id) {
            return Ok(told.listing.clone());
        }
        let path = ["api", "v2", "events", id];
        let body = self.http.find(&path, id).await?;
        let text = std::str::from_utf8(&body).unwrap_or_default();
        let item =
            Item::read(text).ok_or_else(|| self.http.malformed(&path, "an event", "no such object".to_owned()))?;
        item.listing().filter(|listing| listing.event.id == id).ok_or_else(unknown)
    }
}

impl Provider for IfGames {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Every event that is known and has not ended, and for a day those that did.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        self.look().boxed()
    }

    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        self.one(id).boxed()
    }
}
