//! Discovery by Polymarket's Gamma API, which knows volumes, liquidity, tags and the events that markets belong to.
//!
//! `GET /markets/keyset` or `/events/keyset`, page by page with `after_cursor` until no `next_cursor` comes. Both order their
//! pages by a key, so that nothing is met twice or missed while the list changes. How a market ended is asked of the order-book
//! API, as for those that this discovered: one id, one end.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::wire::Market;
use super::{NAME, Poll, PolymarketSettings};
use crate::market::fields;
use crate::market::http::HttpClient;
use crate::market::{Listing, MarketError};
use crate::units::{UnixMs, millis};

/// Entries of a page: the most that the API gives of markets.
const PAGE: &str = "100";
/// Pages read in one poll at most.
const MAX_PAGES: usize = 100;

/// How markets are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discovery {
    /// Those that pay for liquidity, by the order-book API.
    #[default]
    Clob,
    /// Gamma's markets.
    Gamma,
    /// Gamma's events, and the markets in them.
    GammaEvents,
}

/// How many of the markets are taken of which just one happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfOneEvent {
    /// All of them.
    #[default]
    All,
    /// The one with the largest volume.
    One,
}

/// Which of Gamma's markets are taken.
#[derive(Debug, Clone, PartialEq)]
pub struct GammaFilter {
    /// USD traded, at least.
    pub min_volume: f64,
    /// USD in the book, at least.
    pub min_liquidity: f64,
    /// Markets that end sooner than this from now are left out.
    pub min_ahead: Duration,
    /// The price of the first outcome lies between these two.
    pub price: (f64, f64),
    /// One of these tags, by slug, label or number; empty takes all.
    pub tags: Vec<String>,
    /// What is taken of an event with negative risk.
    pub of_one_event: OfOneEvent,
}

impl Default for GammaFilter {
    fn default() -> Self {
        Self {
            min_volume: 0.0,
            min_liquidity: 0.0,
            min_ahead: Duration::ZERO,
            price: (0.0, 1.0),
            tags: Vec::new(),
            of_one_event: OfOneEvent::All,
        }
    }
}

/// A page of either list; entries are read one by one, so that a bad one costs only itself.
#[derive(Deserialize)]
struct Page {
    #[serde(alias = "events", alias = "data")]
    markets: Vec<Box<RawValue>>,
    #[serde(default)]
    next_cursor: Option<String>,
}

/// A market, as far as it is used; any field may be missing or null, numbers may be text.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GammaMarket {
    condition_id: Option<String>,
    question: Option<String>,
    description: Option<String>,
    end_date: Option<String>,
    game_start_time: Option<String>,
    active: Option<bool>,
    closed: Option<bool>,
    archived: Option<bool>,
    accepting_orders: Option<bool>,
    /// Texts that hold JSON, or the lists themselves.
    outcomes: Value,
    /// `proposed`, `disputed`, `resolved`; absent while nobody has proposed an outcome.
    uma_resolution_status: Option<String>,
    outcome_prices: Value,
    clob_token_ids: Value,
    volume: Value,
    volume_num: Value,
    liquidity: Value,
    liquidity_num: Value,
    neg_risk: Option<bool>,
    tags: Vec<Tag>,
    events: Vec<Belongs>,
}

/// The event that a market belongs to.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Belongs {
    id: Value,
    neg_risk: Option<bool>,
    tags: Vec<Tag>,
}

/// An event with its markets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GammaEvent {
    #[serde(flatten)]
    event: Belongs,
    #[serde(default)]
    markets: Vec<Box<RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tag {
    id: Value,
    slug: Option<String>,
    label: Option<String>,
}

impl Tag {
    fn is(&self, wanted: &str) -> bool {
        let named = |text: &Option<String>| text.as_deref().is_some_and(|text| text.eq_ignore_ascii_case(wanted));
        named(&self.slug) || named(&self.label) || plain(&self.id).is_some_and(|id| id == wanted)
    }
}

/// A text, or a number as one.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A list, or a text that holds one.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// What decides whether a market is taken, beside what the market itself says.
struct Candidate {
    volume: f64,
    /// The event of which just one market happens.
    group: Option<String>,
    listing: Listing,
}

impl GammaMarket {
    fn number(first: &Value, second: &Value) -> f64 {
        fields::number(first).or_else(|| fields::number(second)).filter(|number| number.is_finite()).unwrap_or(0.0)
    }

    fn volume(&self) -> f64 {
        Self::number(&self.volume_num, &self.volume)
    }

    /// Whether it is wanted; `of_event` are tags of an event in which it was listed.
    fn passes(&self, filter: &GammaFilter, of_event: &[Tag]) -> bool {
        let tags = || self.tags.iter().chain(self.events.iter().flat_map(|event| &event.tags)).chain(of_event);
        self.volume() >= filter.min_volume
            && Self::number(&self.liquidity_num, &self.liquidity) >= filter.min_liquidity
            && (filter.tags.is_empty() || filter.tags.iter().any(|wanted| tags().any(|tag| tag.is(wanted))))
    }

    /// The event of which just one market happens, if it belongs to one.
    fn group(&self) -> Option<String> {
        let event = self.events.first()?;
        (self.neg_risk.or(event.neg_risk) == Some(true)).then(|| plain(&event.id)).flatten()
    }

    /// The same market as the order-book API would show it.
    fn market(self) -> Market {
        let labels = list(&self.outcomes);
        let (prices, ids) = (list(&self.outcome_prices), list(&self.clob_token_ids));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let tokens = labels
            .iter()
            .enumerate()
            .map(|(k, label)| (ids.get(k).and_then(text), text(label), prices.get(k).cloned().unwrap_or_default()));
        // A book that takes no orders is no market any more, whatever else is said of it.
        let closed = if self.accepting_orders == Some(false) { Some(true) } else { self.closed };
        Market::of_gamma(
            [self.condition_id, self.question, self.description, self.end_date, self.game_start_time],
            [self.active, closed, self.archived],
            tokens.collect(),
        )
    }
}

impl Poll {
    /// Takes an entry of Gamma's list, if it is one that is wanted.
    fn take_gamma(&mut self, by: Discovery, entry: &str, now: UnixMs, settings: &PolymarketSettings) -> Vec<Candidate> {
        if by == Discovery::GammaEvents {
            let Ok(GammaEvent { event, markets }) = serde_json::from_str(entry) else {
                self.skipped.malformed += 1;
                return Vec::new();
            };
            return markets
                .iter()
                .filter_map(|it| self.take_gamma_market(it.get(), Some(&event), now, settings))
                .collect();
        }
        self.take_gamma_market(entry, None, now, settings).into_iter().collect()
    }

    fn take_gamma_market(
        &mut self,
        entry: &str,
        event: Option<&Belongs>,
        now: UnixMs,
        settings: &PolymarketSettings,
    ) -> Option<Candidate> {
        let Ok(mut market) = serde_json::from_str::<GammaMarket>(entry) else {
            self.skipped.malformed += 1;
            return None;
        };
        if let Some(event) = event {
            market.events = vec![Belongs { id: event.id.clone(), neg_risk: event.neg_risk, tags: Vec::new() }];
        }
        if matches!(market.uma_resolution_status.as_deref(), Some("proposed" | "disputed")) {
            // Its price follows what was proposed; how it ends the order-book API tells, when that is final.
            self.skipped.proposed += 1;
            return None;
        }
        let filter = &settings.gamma;
        let passes = market.passes(filter, event.map_or(&[], |event| &event.tags));
        let (volume, group) = (market.volume(), market.group());
        let listing = self.read(&market.market(), now, settings)?;
        let late_enough = listing.event.ends_at.is_none_or(|end| end.since(now) >= millis(filter.min_ahead));
        // Without a price it is not asked about anyway.
        let (low, high) = filter.price;
        let in_band = listing.quote.is_none_or(|quote| (low..=high).contains(&quote.price.get()));
        if passes && late_enough && in_band {
            return Some(Candidate { volume, group, listing });
        }
        self.skipped.filtered += 1;
        None
    }
}

/// Of each event of which just one market happens the largest market, where that is wanted; says how many were left out.
fn one_of_each(candidates: Vec<Candidate>, wanted: OfOneEvent) -> (Vec<Listing>, usize) {
    let before = candidates.len();
    let mut largest: HashMap<String, (f64, String)> = HashMap::new();
    if wanted == OfOneEvent::One {
        for candidate in &candidates {
            let Some(group) = &candidate.group else { continue };
            let id = &candidate.listing.event.id;
            let best = largest.entry(group.clone()).or_insert((candidate.volume, id.clone()));
            // Of equals the first by id, so that every validator takes the same.
            if candidate.volume > best.0 || (candidate.volume == best.0 && *id < best.1) {
                *best = (candidate.volume, id.clone());
            }
        }
    }
    let is_taken = |candidate: &Candidate| {
        let best = candidate.group.as_ref().and_then(|group| largest.get(group));
        best.is_none_or(|(_, id)| *id == candidate.listing.event.id)
    };
    let taken: Vec<Listing> = candidates.into_iter().filter(is_taken).map(|candidate| candidate.listing).collect();
    let left_out = before - taken.len();
    (taken, left_out)
}

/// Walks through Gamma's list.
pub(super) async fn discover(
    http: &HttpClient,
    settings: &PolymarketSettings,
    now: UnixMs,
) -> Result<Poll, MarketError> {
    let by = settings.discovery;
    let path = [if by == Discovery::GammaEvents { "events" } else { "markets" }, "keyset"];
    let from = rfc3339(now.plus_ms(millis(settings.gamma.min_ahead)));
    let until = rfc3339(now.plus_ms(millis(settings.max_ahead)));
    let (mut poll, mut candidates) = (Poll::default(), Vec::new());
    let mut cursor: Option<String> = None;
    for page_number in 0..MAX_PAGES {
        let mut query = vec![("limit", PAGE), ("closed", "false"), ("include_tag", "true")];
        query.extend([("end_date_min", from.as_str()), ("end_date_max", until.as_str())]);
        query.extend(cursor.as_deref().map(|cursor| ("after_cursor", cursor)));
        let page: Page = match http.read(&path, &query, "a page of markets").await {
            Ok(page) => page,
            // An error is never the end of a list; what was read is good all the same.
            Err(error) if page_number > 0 => {
                tracing::warn!(provider = NAME, page = page_number, %error, "the list of markets ends early");
                break;
            }
            Err(error) => return Err(error),
        };
        let wanted = settings.clone();
        let task = tokio::task::spawn_blocking(move || {
            let found: Vec<Candidate> =
                page.markets.iter().flat_map(|entry| poll.take_gamma(by, entry.get(), now, &wanted)).collect();
            (poll, found)
        });
        let found = task.await.unwrap_or_default();
        poll = found.0;
        candidates.extend(found.1);
        cursor = poll.turn(page.next_cursor);
        if cursor.is_none() {
            break;
        }
    }
    let (listings, left_out) = one_of_each(candidates, settings.gamma.of_one_event);
    poll.listings = listings;
    poll.skipped.filtered += left_out;
    Ok(poll)
}

fn rfc3339(time: UnixMs) -> String {
    time.rfc3339()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2031-05-01T12:00:00Z
    const NOW: UnixMs = UnixMs(1_935_403_200_000);

    fn market(id: &str, changes: &Value) -> Value {
        let mut market = json!({
            "id": "7", "conditionId": id, "question": "Who wins?", "endDate": "2031-05-04T18:30:00Z", "active": true,
            "closed": false, "outcomes": "[\"A\", \"B\"]", "outcomePrices": "[\"0.4\", \"0.6\"]",
            "volumeNum": 500.5, "liquidity": "50.25", "negRisk": false,
        });
        for (name, value) in changes.as_object().unwrap() {
            market[name] = value.clone();
        }
        market
    }

    fn settings(filter: GammaFilter) -> PolymarketSettings {
        PolymarketSettings { gamma: filter, ..PolymarketSettings::default() }
    }

    fn taken(by: Discovery, entries: &[Value], filter: GammaFilter) -> (Vec<Listing>, super::super::Skipped) {
        let (mut poll, settings) = (Poll::default(), settings(filter));
        let found = entries.iter().flat_map(|it| poll.take_gamma(by, &it.to_string(), NOW, &settings)).collect();
        let (listings, left_out) = one_of_each(found, settings.gamma.of_one_event);
        poll.skipped.filtered += left_out;
        (listings, poll.skipped)
    }

    fn ids(listings: &[Listing]) -> String {
        listings.iter().map(|listing| listing.event.id.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_market_is_what_the_order_book_would_show() {
        let game = json!({"gameStartTime": "2031-05-03 12:30:00+00"});
        let lists = json!({"outcomes": ["A", "B"], "outcomePrices": [0.25, "0.75"]});
        let entries = [market("1", &json!({})), market("2", &game), market("3", &lists)];
        let (found, _) = taken(Discovery::Gamma, &entries, GammaFilter::default());
        let hours = |listing: &Listing| listing.event.cutoff.since(NOW) as f64 / 3.6e6;
        assert_eq!(found.iter().map(hours).collect::<Vec<_>>(), [54.5, 48.5, 54.5]);
        let prices = found.iter().map(|listing| listing.quote.map(|quote| quote.price.get()));
        assert_eq!(prices.collect::<Vec<_>>(), [Some(0.4), Some(0.4), Some(0.25)]);
        assert!(found[0].event.description.as_raw().ends_with("the outcome \"A\"."));
        assert_eq!(found[0].event.key.0, "polymarket-1");
    }

    #[test]
    fn what_is_not_wanted_is_left_out_and_counted() {
        let entries = |changes: &[Value]| -> Vec<Value> {
            changes.iter().enumerate().map(|(k, it)| market(&k.to_string(), it)).collect()
        };
        let tagged = json!({"tags": [{"id": "21", "slug": "crypto", "label": "Crypto"}]});
        let all = entries(&[
            json!({}),
            json!({"volumeNum": null, "volume": "9.5"}),
            json!({"liquidity": null}),
            json!({"endDate": "2031-05-02T13:00:00Z"}),
            json!({"outcomePrices": "[\"0.97\", \"0.03\"]"}),
            tagged.clone(),
        ]);
        let filtered = |filter: GammaFilter| {
            let (found, skipped) = taken(Discovery::Gamma, &all, filter);
            assert_eq!(skipped.filtered, all.len() - found.len());
            ids(&found)
        };
        let none = GammaFilter::default;
        assert_eq!(filtered(none()), "0 1 2 3 4 5");
        assert_eq!(filtered(GammaFilter { min_volume: 10.0, ..none() }), "0 2 3 4 5");
        assert_eq!(filtered(GammaFilter { min_liquidity: 50.0, ..none() }), "0 1 3 4 5");
        assert_eq!(filtered(GammaFilter { min_ahead: Duration::from_secs(2 * 86_400), ..none() }), "0 1 2 4 5");
        assert_eq!(filtered(GammaFilter { price: (0.05, 0.95), ..none() }), "0 1 2 3 5");
        for tag in ["crypto", "CRYPTO", "21"] {
            assert_eq!(filtered(GammaFilter { tags: vec!["x".into(), tag.into()], ..none() }), "5", "{tag}");
        }
        let odd = entries(&[
            json!({"closed": true}),
            json!({"acceptingOrders": false}),
            json!({"outcomes": "[\"A\", \"B\", \"C\"]"}),
            json!({"outcomes": "nonsense"}),
            json!({"endDate": null}),
            json!({"endDate": "2031-05-01T13:00:00Z"}),
            json!({"endDate": "2031-09-01T13:00:00Z"}),
            json!({"conditionId": ""}),
            json!({"question": 7}),
        ]);
        let (found, skipped) = taken(Discovery::Gamma, &odd, none());
        assert!(found.is_empty());
        let said = "1 too far ahead, 1 past the cutoff, 2 not trading, 1 without an end date, 2 without two outcomes, \
                    1 without an id, 1 malformed";
        assert_eq!(skipped.to_string(), said);
    }

    #[test]
    fn of_an_event_of_which_one_happens_the_largest_market_is_taken() {
        let event = |id: &str, neg_risk: bool, markets: Vec<Value>| json!({"id": id, "negRisk": neg_risk, "tags": [{"slug": "politics"}], "markets": markets});
        let volume = |id: &str, volume: f64| market(id, &json!({"volumeNum": volume, "negRisk": null}));
        let events = [
            event("1", true, vec![volume("a", 5.0), volume("b", 9.0), volume("c", 9.0), json!("nonsense")]),
            event("2", false, vec![volume("d", 1.0), volume("e", 2.0)]),
            json!(7),
        ];
        let all = taken(Discovery::GammaEvents, &events, GammaFilter::default());
        assert_eq!((ids(&all.0), all.1.malformed), ("a b c d e".to_owned(), 2));
        let one = || GammaFilter { of_one_event: OfOneEvent::One, ..GammaFilter::default() };
        let (found, skipped) = taken(Discovery::GammaEvents, &events, one());
        assert_eq!((ids(&found), skipped.filtered), ("b d e".to_owned(), 2));
        let tagged = GammaFilter { tags: vec!["politics".into()], ..GammaFilter::default() };
        assert_eq!(taken(Discovery::GammaEvents, &events, tagged).0.len(), 5);
        // The same markets in the other list, where each names its event.
        let alone: Vec<Value> = [("a", 5.0), ("b", 9.0), ("c", 9.0)]
            .map(|(id, volume)| {
                market(id, &json!({"volumeNum": volume, "negRisk": true, "events": [{"id": 1, "title": "Who?"}]}))
            })
            .to_vec();
        assert_eq!(ids(&taken(Discovery::Gamma, &alone, one()).0), "b");
    }

    #[test]
    fn a_page_is_read_whatever_its_list_is_called() {
        for name in ["markets", "events", "data"] {
            let text = json!({name: [{}, 7], "next_cursor": "x"}).to_string();
            let page: Page = serde_json::from_str(&text).unwrap();
            assert_eq!((page.markets.len(), page.next_cursor.as_deref()), (2, Some("x")));
        }
    }
}
