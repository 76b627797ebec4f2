//! The shapes of recordings that are understood, one function each (`docs/markets.md` lists their columns).

use std::collections::HashMap;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::csv::{Row, Table};
use super::record::Line;
use super::{Recorded, Tape, Unusable};
use crate::market::polymarket::split_outcome;
use crate::units::{Probability, UnixMs};

const DAY_MS: i64 = 86_400_000;

/// Markets and prices as they are found; prices may come before their market.
#[derive(Default)]
pub(super) struct Reading {
    markets: Vec<Found>,
    prices: HashMap<String, Vec<(UnixMs, Probability)>>,
    outcomes: HashMap<String, (Option<UnixMs>, Probability)>,
    pub(super) unusable: Unusable,
}

/// A market on the way in; what it does not say is taken from its prices.
struct Found {
    /// The name under which its prices are filed.
    prices_of: String,
    id: String,
    question: String,
    rules: String,
    outcomes: [String; 2],
    opens_at: Option<UnixMs>,
    ends_at: Option<UnixMs>,
    /// The outcome, and when it was known if that was recorded.
    settled: Option<(Option<UnixMs>, Probability)>,
    /// Prices that come with the market itself.
    prices: Vec<(UnixMs, Probability)>,
}

impl Found {
    fn new(id: &str, question: &str, first_outcome: &str) -> Self {
        let second = match first_outcome {
            "Yes" => "No".to_owned(),
            "Up" => "Down".to_owned(),
            other => format!("not {other}"),
        };
        Self {
            prices_of: id.to_owned(),
            id: id.to_owned(),
            question: question.to_owned(),
            rules: String::new(),
            outcomes: [first_outcome.to_owned(), second],
            opens_at: None,
            ends_at: None,
            settled: None,
            prices: Vec::new(),
        }
    }
}

impl Reading {
    /// Takes a table of markets or prices; `false` when its columns are those of neither.
    pub(super) fn take_table(&mut self, table: &Table) -> bool {
        type Taker = fn(&Row<'_>) -> Option<Entry>;
        let shapes: [(&[&str], Taker); 6] = [
            (&["market_id", "condition_id", "first_outcome", "first_outcome_won", "end_date"], daily_market),
            (&["market_id", "timestamp_utc", "price_first_outcome"], daily_price),
            (&["condition_id", "slug", "resolved_yes", "event_end"], fomc_market),
            (&["condition_id", "hour_ts", "last_yes_price"], hourly_price),
            (&["market", "question", "first_date", "last_date", "inferred_outcome"], kalshi_market),
            (&["market", "date", "yes_price"], kalshi_price),
        ];
        let Some((_, take)) = shapes.iter().find(|(columns, _)| table.has(columns)) else { return false };
        let before = self.unusable.bad_rows;
        if !self.take_each(table.rows().map(|row| take(&row))) {
            self.unusable.bad_rows = before + table.rows().count();
        }
        true
    }

    /// Takes a page of the order-book API, or a single market object.
    pub(super) fn take_page(&mut self, text: &str) -> bool {
        #[derive(Deserialize)]
        struct Page<'a> {
            #[serde(borrow)]
            data: Vec<&'a RawValue>,
        }
        let entries = match serde_json::from_str::<Page<'_>>(text) {
            Ok(page) => page.data,
            Err(_) => return false,
        };
        self.take_each(entries.into_iter().map(|entry| {
            serde_json::from_str::<BookMarket>(entry.get()).ok().and_then(BookMarket::found).map(a_market)
        }))
    }

    /// Takes a market, a price or an outcome per line.
    pub(super) fn take_lines(&mut self, text: &str) -> bool {
        self.take_each(text.lines().filter(|line| !line.trim().is_empty()).map(|line| {
            let own = || serde_json::from_str::<Line>(line).ok().and_then(own_line);
            let up_down = || serde_json::from_str::<UpDownMarket>(line).ok().and_then(UpDownMarket::found);
            let question = || serde_json::from_str::<BenchQuestion>(line).ok().and_then(BenchQuestion::found);
            own().or_else(|| up_down().or_else(question).map(a_market))
        }))
    }

    /// Takes what there is and counts the rest; `false`, and nothing counted, when there is nothing.
    fn take_each(&mut self, entries: impl Iterator<Item = Option<Entry>>) -> bool {
        let (mut good, mut bad) = (0, 0);
        for entry in entries {
            match entry {
                Some(entry) => {
                    good += 1;
                    self.take(entry);
                }
                None => bad += 1,
            }
        }
        self.unusable.bad_rows += if good > 0 { bad } else { 0 };
        good > 0
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Market(market) => self.markets.push(*market),
            Entry::Price(of, at, price) => self.prices.entry(of).or_default().push((at, price)),
            Entry::Outcome(of, at, outcome) => {
                self.outcomes.insert(of, (Some(at), outcome));
            }
            Entry::Nothing => {}
        }
    }

    /// Joins markets and prices.
    pub(super) fn finish(mut self) -> Tape {
        let mut markets = Vec::new();
        for mut found in self.markets {
            let mut prices = std::mem::take(&mut found.prices);
            prices.extend(self.prices.remove(&found.prices_of).unwrap_or_default());
            found.settled = found.settled.or(self.outcomes.get(&found.prices_of).copied());
            prices.sort_by_key(|(at, _)| *at);
            match placed(found, prices) {
                Some(market) => markets.push(market),
                None => self.unusable.bad_rows += 1,
            }
        }
        self.unusable.orphan_prices += self.prices.values().map(Vec::len).sum::<usize>();
        Tape::new(markets, self.unusable)
    }
}

/// A market with its times: it opens with its first price, and its outcome comes after the last price and not before
/// the scheduled end. `None` when there is no time at all.
fn placed(found: Found, prices: Vec<(UnixMs, Probability)>) -> Option<Recorded> {
    let first_price = prices.first().map(|(at, _)| *at);
    let last_price = prices.last().map(|(at, _)| *at);
    let ends_at = found.ends_at.or_else(|| last_price.map(|at| at.plus_ms(1)));
    let opens_at = first_price.or(found.opens_at).or(ends_at.map(|end| end.plus_ms(-DAY_MS)))?;
    let settled = match found.settled {
        Some((recorded, outcome)) => {
            let when = recorded.or(ends_at)?;
            Some((when.max(last_price.map_or(when, |at| at.plus_ms(1))).max(opens_at.plus_ms(1)), outcome))
        }
        None => None,
    };
    Some(Recorded {
        id: found.id,
        question: found.question,
        rules: found.rules,
        outcomes: found.outcomes,
        opens_at,
        ends_at,
        prices,
        settled,
    })
}

/// What a row of a table, or a line, is.
enum Entry {
    Market(Box<Found>),
    Price(String, UnixMs, Probability),
    Outcome(String, UnixMs, Probability),
    /// A row that is there for other readers.
    Nothing,
}

fn a_market(found: Found) -> Entry {
    Entry::Market(Box::new(found))
}

/// A line of a [`super::Recorder`].
fn own_line(line: Line) -> Option<Entry> {
    match line {
        Line { seen, event: Some(event), .. } => {
            let (text, outcome) = split_outcome(&event.description);
            let (question, rules) = text.split_once('\n').unwrap_or((text, ""));
            let mut found = Found::new(&event.id, question, outcome.unwrap_or("Yes"));
            found.rules = rules.to_owned();
            found.prices_of = event.key.0;
            found.opens_at = Some(seen);
            found.ends_at = event.ends_at;
            Some(a_market(found))
        }
        Line { seen, key: Some(key), price: Some(price), .. } => Some(Entry::Price(key, seen, price)),
        Line { seen, key: Some(key), outcome: Some(outcome), .. } => Some(Entry::Outcome(key, seen, outcome)),
        _ => None,
    }
}

/// Once-a-day prices of the first outcome; `market_id` joins.
fn daily_market(row: &Row<'_>) -> Option<Entry> {
    let mut found = Found::new(row.text("condition_id")?, row.text("question")?, row.text("first_outcome")?);
    found.prices_of = row.text("market_id")?.to_owned();
    found.ends_at = Some(day(row.text("end_date")?)?);
    found.settled = Some((None, probability(row.number("first_outcome_won")?)?));
    Some(Entry::Market(Box::new(found)))
}

fn daily_price(row: &Row<'_>) -> Option<Entry> {
    // After the end the recorded series is an empty book's midpoint.
    if row.text("after_end_date") == Some("1") {
        return Some(Entry::Nothing);
    }
    let at: DateTime = row.text("timestamp_utc")?.parse().ok()?;
    Some(Entry::Price(row.text("market_id")?.to_owned(), utc(at)?, probability(row.number("price_first_outcome")?)?))
}

fn fomc_market(row: &Row<'_>) -> Option<Entry> {
    let slug = row.text("slug")?;
    let mut found = Found::new(row.text("condition_id")?, &slug.replace('-', " "), "Yes");
    // Some have no scheduled end; the last trade stands for it.
    let last_trade = row.integer("last_trade").map(UnixMs::from_secs);
    found.ends_at = row.text("event_end").and_then(timestamp).or(last_trade);
    found.settled = Some((None, probability(row.number("resolved_yes")?)?));
    Some(Entry::Market(Box::new(found)))
}

fn hourly_price(row: &Row<'_>) -> Option<Entry> {
    // The last trade of the hour that begins at `hour_ts`: known when that hour is over, and not before.
    let at = UnixMs::from_secs(row.integer("hour_ts")?.checked_add(3600)?);
    Some(Entry::Price(row.text("condition_id")?.to_owned(), at, probability(row.number("last_yes_price")?)?))
}

/// Another venue's markets; those without an outcome stay open.
fn kalshi_market(row: &Row<'_>) -> Option<Entry> {
    let mut found = Found::new(row.text("market")?, row.text("question")?, "Yes");
    found.id = format!("kalshi-{}", found.id);
    // Trading was seen on the last day, so the end is the day after.
    found.ends_at = Some(day(row.text("last_date")?)?.plus_ms(DAY_MS));
    if let Some(outcome) = row.text("inferred_outcome") {
        found.settled = Some((None, probability(outcome.parse().ok()?)?));
    }
    Some(Entry::Market(Box::new(found)))
}

fn kalshi_price(row: &Row<'_>) -> Option<Entry> {
    // A price of that day: known when the day is over, and not before.
    let at = day(row.text("date")?)?.plus_ms(DAY_MS);
    Some(Entry::Price(row.text("market")?.to_owned(), at, probability(row.number("yes_price")?)?))
}

/// A market object of the order-book API: one price, of unknown time.
#[derive(Deserialize)]
struct BookMarket {
    condition_id: String,
    question: String,
    #[serde(default)]
    description: Option<String>,
    end_date_iso: Option<String>,
    #[serde(default)]
    accepting_order_timestamp: Option<String>,
    closed: bool,
    #[serde(default)]
    is_50_50_outcome: bool,
    tokens: [BookToken; 2],
}

#[derive(Deserialize)]
struct BookToken {
    outcome: String,
    price: f64,
    winner: bool,
}

impl BookMarket {
    fn found(self) -> Option<Found> {
        let [first, second] = self.tokens;
        if self.condition_id.is_empty() {
            return None;
        }
        let mut found = Found::new(&self.condition_id, &self.question, &first.outcome);
        found.outcomes[1] = second.outcome;
        found.rules = self.description.unwrap_or_default();
        found.ends_at = self.end_date_iso.as_deref().and_then(timestamp);
        found.opens_at = self.accepting_order_timestamp.as_deref().and_then(timestamp);
        found.settled = match (self.closed, first.winner, second.winner) {
            (true, true, false) => Some((None, Probability::ONE)),
            (true, false, true) => Some((None, Probability::ZERO)),
            (true, false, false) if self.is_50_50_outcome => Some((None, Probability::new(0.5).ok()?)),
            _ => None,
        };
        // The price of a closed market is its outcome, which nobody could trade at.
        if !self.closed {
            let opens_at = found.opens_at.or(found.ends_at.map(|end| end.plus_ms(-30 * DAY_MS)))?;
            found.prices.push((opens_at, probability(first.price)?));
        }
        Some(found)
    }
}

/// A five-minute market with its outcome and no prices.
#[derive(Deserialize)]
struct UpDownMarket {
    condition_id: String,
    slug: String,
    start_sec: i64,
    end_sec: i64,
    resolved: bool,
    outcome_prices: [String; 2],
    #[serde(default)]
    raw: UpDownRaw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UpDownRaw {
    question: Option<String>,
    description: Option<String>,
}

impl UpDownMarket {
    fn found(self) -> Option<Found> {
        let question = self.raw.question.as_deref().unwrap_or(&self.slug);
        let mut found = Found::new(&self.condition_id, question, "Up");
        found.rules = self.raw.description.unwrap_or_default();
        found.opens_at = Some(UnixMs::from_secs(self.start_sec));
        found.ends_at = Some(UnixMs::from_secs(self.end_sec));
        if self.resolved {
            let [up, _] = &self.outcome_prices;
            found.settled = Some((None, probability(up.parse().ok()?)?));
        }
        Some(found)
    }
}

/// A question of a forecasting benchmark, with the crowd's value at a few dates.
#[derive(Deserialize)]
struct BenchQuestion {
    source: String,
    id: String,
    question: String,
    #[serde(default)]
    background: Option<String>,
    prices: Vec<BenchPrice>,
    resolved_date: String,
    resolved_to: f64,
}

#[derive(Deserialize)]
struct BenchPrice {
    t: String,
    p: f64,
}

impl BenchQuestion {
    fn found(self) -> Option<Found> {
        let mut found = Found::new(&self.id, &self.question, "Yes");
        if self.source != "polymarket" {
            found.id = format!("{}-{}", self.source, self.id);
        }
        found.rules = self.background.unwrap_or_default();
        found.ends_at = Some(day(&self.resolved_date)?.plus_ms(DAY_MS));
        found.settled = Some((None, probability(self.resolved_to)?));
        found.prices = self.prices.iter().filter_map(|price| Some((day(&price.t)?, probability(price.p)?))).collect();
        Some(found)
    }
}

fn probability(value: f64) -> Option<Probability> {
    Probability::new(value).ok()
}

/// Midnight UTC of a date.
fn day(text: &str) -> Option<UnixMs> {
    let date: Date = text.parse().ok()?;
    utc(date.to_datetime(jiff::civil::Time::midnight()))
}

fn utc(at: DateTime) -> Option<UnixMs> {
    Some(UnixMs(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()))
}

fn timestamp(text: &str) -> Option<UnixMs> {
    Some(UnixMs(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_file_is_a_panic(text in "([a-z0-9_,.\"\\n:{}\\[\\]-]|market|date|yes_price|2023-01-01|1e999){0,60}") {
            let mut reading = Reading::default();
            let _ = (reading.take_page(&text), reading.take_lines(&text));
            let _ = Table::parse(&text).map(|table| reading.take_table(&table));
            let _ = reading.finish();
        }

        #[test]
        fn any_row_is_a_price_in_order_or_counted(rows in prop::collection::vec(("[ab]", 0..40u32, -0.5..1.5f64), 0..30)) {
            let mut reading = Reading::default();
            let markets = "market,question,first_date,last_date,inferred_outcome\na,A?,2023-01-01,2023-01-20,1\n";
            prop_assert!(reading.take_table(&Table::parse(markets).unwrap()));
            let lines = rows.iter().map(|(market, day, price)| format!("{market},2023-01-{day:02},{price}\n"));
            let prices = format!("market,date,yes_price\n{}", lines.collect::<String>());
            prop_assert!(reading.take_table(&Table::parse(&prices).unwrap()));
            let tape = reading.finish();
            let kept: usize = tape.markets().iter().map(|market| market.prices.len()).sum();
            prop_assert_eq!(kept + tape.unusable().bad_rows + tape.unusable().orphan_prices, rows.len());
            for market in tape.markets() {
                prop_assert!(market.prices.is_sorted_by_key(|(at, _)| *at));
                let (settled, _) = market.settled.unwrap();
                prop_assert!(market.prices.iter().all(|(at, _)| *at < settled) && market.opens_at < settled);
            }
        }
    }
}
