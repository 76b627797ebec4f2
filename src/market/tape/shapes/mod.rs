//! The shapes of recordings that are understood, one function each (`docs/markets.md` lists their columns).

mod azuro;
mod book;
mod gamma;
mod lines;
mod tables;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::Value;

pub(super) use self::lines::of_line;
pub(super) use self::tables::of_table;
use super::recordings::Entry;
use crate::units::{Probability, UnixMs};

pub(super) const DAY_MS: i64 = 86_400_000;
/// How deep markets are looked for: a collection of pages of events with their markets.
const DEPTH: usize = 5;

/// The markets in a document of any of the APIs; `None` for each object that is no market.
pub(super) fn of_document(document: &Value) -> Vec<Option<Entry>> {
    let mut found = Vec::new();
    collect(document, DEPTH, &mut found);
    found
}

fn collect(value: &Value, depth: usize, found: &mut Vec<Option<Entry>>) {
    let inner: Vec<&Value> = match value {
        Value::Array(entries) => entries.iter().collect(),
        Value::Object(object) if object.contains_key("condition_id") => return found.push(book::market(value)),
        Value::Object(object) if object.contains_key("conditionId") => return found.push(gamma::market(value)),
        Value::Object(object) if object.contains_key("startsAt") && object.contains_key("conditions") => {
            return found.push(azuro::game(value));
        }
        // Pages, events with their markets, and whatever a collector named its objects by.
        Value::Object(object) => {
            match ["data", "value", "markets", "games"].iter().find_map(|name| object.get(*name)) {
                Some(list) => vec![list],
                None => object.values().filter(|value| value.is_object()).collect(),
            }
        }
        _ => return found.push(None),
    };
    if let Some(depth) = depth.checked_sub(1) {
        inner.into_iter().for_each(|value| collect(value, depth, found));
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
