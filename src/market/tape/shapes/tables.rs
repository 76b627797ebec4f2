//! Tables of markets and of prices.

use jiff::civil::DateTime;

use super::super::recordings::{Entry, Found};
use super::super::table::{Row, Table};
use super::{DAY_MS, day, probability, timestamp, utc};
use crate::units::{Probability, UnixMs};

type Taker = fn(&Row<'_>) -> Option<Entry>;

/// Columns that tell a table's shape, and what reads its rows.
const SHAPES: [(&[&str], Taker); 7] = [
    (&["market_id", "condition_id", "first_outcome", "first_outcome_won", "end_date"], daily_market),
    (&["market_id", "timestamp_utc", "price_first_outcome"], daily_price),
    (&["condition_id", "slug", "resolved_yes", "event_end"], fomc_market),
    (&["condition_id", "hour_ts", "last_yes_price"], hourly_price),
    (&["timestamp", "condition_id", "side_token", "price"], trade),
    (&["market", "question", "first_date", "last_date", "inferred_outcome"], kalshi_market),
    (&["market", "date", "yes_price"], kalshi_price),
];

/// What reads the rows of a table; `None` when its columns are those of no shape.
pub(in crate::market::tape) fn of_table(table: &Table) -> Option<Taker> {
    SHAPES.iter().find(|(columns, _)| table.has(columns)).map(|(_, take)| *take)
}

/// Once-a-day prices of the first outcome; `market_id` joins.
fn daily_market(row: &Row<'_>) -> Option<Entry> {
    let mut found = Found::new(row.text("condition_id")?, row.text("question")?, row.text("first_outcome")?);
    found.prices_of = row.text("market_id")?.to_owned();
    found.ends_at = Some(day(row.text("end_date")?)?);
    found.settled = Some((None, probability(row.number("first_outcome_won")?)?));
    Some(found.into())
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
    Some(found.into())
}

fn hourly_price(row: &Row<'_>) -> Option<Entry> {
    // The last trade of the hour that begins at `hour_ts`: known when that hour is over, and not before.
    let at = UnixMs::from_secs(row.integer("hour_ts")?.checked_add(3600)?);
    Some(Entry::Price(row.text("condition_id")?.to_owned(), at, probability(row.number("last_yes_price")?)?))
}

/// A trade of either token: from then on the price of "Yes" is known.
fn trade(row: &Row<'_>) -> Option<Entry> {
    let price = probability(row.number("price")?)?;
    let price = match row.text("side_token")? {
        "Yes" => price,
        "No" => Probability::new(1.0 - price.get()).ok()?,
        _ => return None,
    };
    Some(Entry::Price(row.text("condition_id")?.to_owned(), UnixMs::from_secs(row.integer("timestamp")?), price))
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
    Some(found.into())
}

fn kalshi_price(row: &Row<'_>) -> Option<Entry> {
    // A price of that day: known when the day is over, and not before.
    let at = day(row.text("date")?)?.plus_ms(DAY_MS);
    Some(Entry::Price(row.text("market")?.to_owned(), at, probability(row.number("yes_price")?)?))
}
