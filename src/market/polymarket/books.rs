//! Order books as the market channel tells them, and the midpoints in between.
//!
//! The channel has no sequence numbers, so a message may come twice, or after a later one. Each price level knows of what time it
//! is, and takes nothing older: in whatever order messages come, and however often, the book is the same in the end.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::units::Probability;

/// Levels without a size that are remembered, so that an older message cannot bring them back.
const GONE: usize = 512;

/// A price in millionths: what a level is found by.
type Micros = u32;

/// The books of the tokens that were asked for.
#[derive(Debug, Default)]
pub(super) struct Books(HashMap<Box<str>, Book>);

/// Both sides of one token's book.
#[derive(Debug, Default, Clone, PartialEq)]
struct Book {
    bids: Side,
    asks: Side,
    /// Of the last whole book; 0 before the first.
    whole_at: u64,
}

/// Sizes by price, with the time of each, in Unix ms by the exchange's clock.
type Side = BTreeMap<Micros, Level>;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Level {
    size: f64,
    at: u64,
}

/// What a frame did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Applied {
    /// Levels that were set.
    pub(super) levels: usize,
    /// Parts that are older than what is known.
    pub(super) stale: usize,
    /// Parts that make no sense.
    pub(super) malformed: usize,
}

/// What is used of a message; everything may be missing, and numbers may be texts.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    event_type: Cow<'a, str>,
    #[serde(borrow, default)]
    asset_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    bids: Vec<Row<'a>>,
    #[serde(borrow, default)]
    asks: Vec<Row<'a>>,
    #[serde(borrow, default)]
    price_changes: Vec<Row<'a>>,
    /// What `price_changes` were called before September 2025, all of one token.
    #[serde(borrow, default)]
    changes: Vec<Row<'a>>,
}

/// A level of a book, or a change of one.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow, default)]
    asset_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    size: &'a RawValue,
    #[serde(borrow, default)]
    side: Option<Cow<'a, str>>,
}

impl Books {
    /// Keeps books of these tokens and no others.
    pub(super) fn want<'a>(&mut self, tokens: impl Iterator<Item = &'a str>) {
        let mut before = std::mem::take(&mut self.0);
        self.0 = tokens.map(|token| (token.into(), before.remove(token).unwrap_or_default())).collect();
    }

    /// Forgets what they said: after a connection broke, what was missed is unknown.
    pub(super) fn forget(&mut self) {
        self.0.values_mut().for_each(|book| *book = Book::default());
    }

    /// Takes a frame: a message, or an array of them. `moved` is told of each token whose midpoint may have moved.
    pub(super) fn take(&mut self, frame: &str, mut moved: impl FnMut(&str, Option<Probability>)) -> Applied {
        let mut applied = Applied::default();
        if !frame.trim_start().starts_with('[') {
            self.take_message(frame, &mut applied, &mut moved);
            return applied;
        }
        match serde_json::from_str::<Vec<&RawValue>>(frame) {
            Ok(messages) => {
                for message in messages {
                    self.take_message(message.get(), &mut applied, &mut moved);
                }
            }
            Err(_) => applied.malformed += 1,
        }
        applied
    }

    fn take_message(&mut self, text: &str, applied: &mut Applied, moved: &mut impl FnMut(&str, Option<Probability>)) {
        let Ok(message) = serde_json::from_str::<Message<'_>>(text) else {
            applied.malformed += 1;
            return;
        };
        let at = message.timestamp.and_then(number).filter(|at| *at >= 0.0).map(|at| at as u64);
        match (&*message.event_type, at) {
            ("book", Some(at)) => {
                let book = message.asset_id.as_deref().and_then(|token| Some((token, self.0.get_mut(token)?)));
                let Some((token, book)) = book else { return };
                book.replace(&message, at, applied);
                moved(token, book.midpoint());
            }
            ("price_change", Some(at)) => {
                for change in message.price_changes.iter().chain(&message.changes) {
                    let token = change.asset_id.as_deref().or(message.asset_id.as_deref());
                    let Some((token, book)) = token.and_then(|token| Some((token, self.0.get_mut(token)?))) else {
                        continue;
                    };
                    book.change(change, at, applied);
                    moved(token, book.midpoint());
                }
            }
            ("book" | "price_change", None) => applied.malformed += 1,
            // Trades, tick sizes, new markets: they move no level.
            _ => {}
        }
    }

    /// The middle between the best bid and the best ask of a token whose whole book was told.
    pub(super) fn midpoint(&self, token: &str) -> Option<Probability> {
        self.0.get(token)?.midpoint()
    }

    /// How many of the wanted books were told whole.
    pub(super) fn whole(&self) -> usize {
        self.0.values().filter(|book| book.whole_at > 0).count()
    }
}

impl Book {
    /// A whole book: what it does not name is gone, unless it was told of later.
    fn replace(&mut self, message: &Message<'_>, at: u64, applied: &mut Applied) {
        if at < self.whole_at {
            applied.stale += 1;
            return;
        }
        for (side, rows) in [(&mut self.bids, &message.bids), (&mut self.asks, &message.asks)] {
            side.retain(|_, level| level.at > at);
            for row in rows {
                set(side, row, at, applied);
            }
        }
        self.whole_at = at;
    }

    fn change(&mut self, change: &Row<'_>, at: u64, applied: &mut Applied) {
        // The whole book of a later moment has it already.
        if at < self.whole_at {
            applied.stale += 1;
            return;
        }
        let side = match change.side.as_deref() {
            Some("BUY" | "buy") => &mut self.bids,
            Some("SELL" | "sell") => &mut self.asks,
            _ => {
                applied.malformed += 1;
                return;
            }
        };
        set(side, change, at, applied);
        if side.len() > GONE && side.values().filter(|level| level.size <= 0.0).count() > GONE / 2 {
            side.retain(|_, level| level.size > 0.0 || level.at == at);
        }
    }

    /// `None` before the first whole book, while a side is empty, and while they cross: that is no book.
    fn midpoint(&self) -> Option<Probability> {
        let has_size = |(_, level): &(&Micros, &Level)| level.size > 0.0;
        let (bid, _) = self.bids.iter().rev().find(has_size)?;
        let (ask, _) = self.asks.iter().find(has_size)?;
        let middle = f64::from(bid + ask) / 2e6;
        if self.whole_at > 0 && bid <= ask { Probability::new(middle).ok() } else { None }
    }
}

fn set(side: &mut Side, row: &Row<'_>, at: u64, applied: &mut Applied) {
    let price = number(row.price).filter(|price| (0.0..=1.0).contains(price));
    let (Some(price), Some(size)) = (price, number(row.size).filter(|size| *size >= 0.0)) else {
        applied.malformed += 1;
        return;
    };
    let level = side.entry((price * 1e6).round() as Micros).or_insert(Level { size, at });
    if at >= level.at {
        *level = Level { size, at };
        applied.levels += 1;
    } else {
        applied.stale += 1;
    }
}

/// A finite number, or a text that is one, `.48` included.
fn number(raw: &RawValue) -> Option<f64> {
    let text = raw.get().trim_matches('"').trim();
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The books of a channel without the channel, for the benchmark.
#[doc(hidden)]
#[derive(Debug)]
pub struct StreamBench(Books);

impl StreamBench {
    /// Books of these tokens.
    #[must_use]
    pub fn of(tokens: impl Iterator<Item = String>) -> Self {
        let mut books = Books::default();
        books.want(tokens.collect::<Vec<_>>().iter().map(String::as_str));
        Self(books)
    }

    /// Takes a frame, as when the channel tells it.
    pub fn take(&mut self, frame: &str) {
        self.0.take(frame, |token, price| {
            std::hint::black_box((token, price));
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn books() -> Books {
        let mut books = Books::default();
        books.want(["1", "2"].into_iter());
        books
    }

    fn book(at: u64, bids: &[(&str, &str)], asks: &[(&str, &str)]) -> Value {
        let rows = |rows: &[(&str, &str)]| -> Vec<Value> {
            rows.iter().map(|(price, size)| json!({"price": price, "size": size})).collect()
        };
        json!({"event_type": "book", "asset_id": "1", "market": "0xa", "timestamp": at.to_string(), "hash": "h",
               "bids": rows(bids), "asks": rows(asks)})
    }

    fn change(at: u64, side: &str, price: &str, size: &str) -> Value {
        json!({"event_type": "price_change", "market": "0xa", "timestamp": at.to_string(),
               "price_changes": [{"asset_id": "1", "price": price, "size": size, "side": side, "hash": "h"}]})
    }

    fn middle(books: &Books) -> Option<f64> {
        books.midpoint("1").map(Probability::get)
    }

    fn take(books: &mut Books, message: &Value) -> Applied {
        books.take(&message.to_string(), |_, _| ())
    }

    #[test]
    fn the_price_is_the_middle_of_a_whole_book() {
        let mut books = books();
        assert_eq!(take(&mut books, &change(9, "BUY", ".47", "5")).levels, 1);
        assert_eq!(middle(&books), None, "no whole book yet");
        // Levels come in any order, and numbers may lack their zero.
        take(&mut books, &book(10, &[(".40", "9"), ("0.46", "1"), (".3", "2")], &[("0.60", "1"), (".50", "2")]));
        assert_eq!((middle(&books), books.whole()), (Some(0.48), 1));
        take(&mut books, &change(11, "SELL", "0.50", "0"));
        assert_eq!(middle(&books), Some(0.53));
        let old = json!({"event_type": "price_change", "asset_id": "1", "timestamp": 12,
                         "changes": [{"price": 0.49, "size": 3, "side": "BUY"}]});
        take(&mut books, &old);
        assert_eq!(middle(&books), Some(0.545));
        take(&mut books, &change(13, "SELL", "0.60", "0"));
        assert_eq!(middle(&books), None, "nobody sells");
        take(&mut books, &change(14, "SELL", "0.10", "1"));
        assert_eq!(middle(&books), None, "crossed");
        books.forget();
        assert_eq!((middle(&books), books.whole()), (None, 0));
    }

    #[test]
    fn frames_are_objects_or_arrays_and_strangers_are_nobodys_business() {
        let mut books = books();
        let whole = book(10, &[("0.4", "1")], &[("0.6", "1")]);
        let trade = json!({"event_type": "last_trade_price", "asset_id": "1", "price": "0.9", "timestamp": "11"});
        let stranger = json!({"event_type": "book", "asset_id": "77", "timestamp": "1", "bids": [], "asks": []});
        let applied = take(&mut books, &json!([whole, trade, stranger, {"event_type": "new_thing"}]));
        assert_eq!((applied, middle(&books)), (Applied { levels: 2, ..Applied::default() }, Some(0.5)));
        for nonsense in [
            json!(7),
            json!({"event_type": "book", "asset_id": "1", "bids": [], "asks": []}),
            json!({"event_type": "price_change", "timestamp": "soon", "price_changes": []}),
            change(12, "BUY", "1.5", "1"),
            change(12, "BUY", "-0.1", "1"),
            change(12, "BUY", "NaN", "1"),
            change(12, "BUY", "0.5", "-1"),
            change(12, "HOLD", "0.5", "1"),
        ] {
            assert_eq!(take(&mut books, &nonsense), Applied { malformed: 1, ..Applied::default() }, "{nonsense}");
        }
        assert_eq!(books.take("[{]", |_, _| ()).malformed, 1);
        assert_eq!(middle(&books), Some(0.5));
    }

    #[test]
    fn levels_that_are_gone_do_not_pile_up() {
        let mut books = books();
        take(&mut books, &book(1, &[("0.4", "1")], &[("0.6", "1")]));
        for step in 0..5000_u64 {
            take(&mut books, &change(step + 2, "BUY", &format!("0.{:06}", step + 100), "0"));
        }
        assert!(books.0["1"].bids.len() < 2 * GONE, "{}", books.0["1"].bids.len());
        assert_eq!(middle(&books), Some(0.5));
    }

    fn messages() -> impl Strategy<Value = Vec<Value>> {
        let message = (any::<bool>(), any::<bool>(), 30..70_u32, 0..4_u32);
        prop::collection::vec(message, 1..30).prop_map(|rows| {
            let build = |(at, (is_book, is_bid, cents, size)): (u64, (bool, bool, u32, u32))| {
                let (price, size) = (format!("0.{cents}"), size.to_string());
                match (is_book, is_bid) {
                    (true, _) => book(at, &[(&price, &size), ("0.1", "1")], &[("0.9", "1")]),
                    (false, true) => change(at, "BUY", &price, &size),
                    (false, false) => change(at, "SELL", &price, &size),
                }
            };
            (1..).zip(rows).map(build).collect()
        })
    }

    proptest! {
        #[test]
        fn order_and_repetition_change_nothing(
            messages in messages(), order in prop::collection::vec(any::<u64>(), 60)
        ) {
            let mut straight = books();
            messages.iter().for_each(|message| { take(&mut straight, message); });
            // Twice each, in any order.
            let mut shuffled: Vec<(u64, &Value)> = order.iter().copied().zip(messages.iter().chain(&messages)).collect();
            shuffled.sort_by_key(|(key, _)| *key);
            let mut other = books();
            shuffled.iter().for_each(|(_, message)| { take(&mut other, message); });
            prop_assert_eq!(middle(&straight), middle(&other));
        }

        #[test]
        fn no_frame_is_a_panic(frame in "(\\PC{0,20}|[{}\\[\\],:\"]|event_type|book|price_changes|asset_id|1){0,12}") {
            let _ = books().take(&frame, |_, _| ());
        }
    }
}
