//! Answers about events: lists, one event, its prices, its scores.

use axum::extract::{Path, State};
use axum::response::Response;

use super::answers::{Event, Events, Price, Prices, Reasoning, Reasonings, Score, Scores, time};
use super::paging::{Asked, page};
use super::problem::Problem;
use super::shelf::{Shelf, Shop};
use crate::subnets::events::ledger::{Reason, state_named};
use crate::units::UnixMs;

type Answer = Result<Response, Problem>;

/// The newest events first, of all states or of one.
pub(super) async fn list(State(shop): State<Shop>, asked: Asked) -> Answer {
    let limit = asked.limit(50, 200)?;
    let before: Option<i64> = asked.cursor()?;
    let state = match asked.one("state") {
        Some(word) => Some(state_named(word).ok_or_else(|| Problem::bad("`state` is no state of an event"))?),
        None => None,
    };
    let read = move |shelf: &Shelf| {
        let mut found = shelf.archive.newest(state, before, limit + 1)?;
        let next_cursor = page(&mut found, limit, |(number, _)| *number)?;
        Ok(Events { events: found.into_iter().map(|(_, listed)| Event::from(listed)).collect(), next_cursor })
    };
    shop.answer(read).await
}

/// One event.
pub(super) async fn one(State(shop): State<Shop>, Path(key): Path<String>) -> Answer {
    let read = move |shelf: &Shelf| {
        let listed = shelf.archive.listed_one(&key)?.ok_or_else(Problem::no_event)?;
        Ok(Event::from(listed))
    };
    shop.answer(read).await
}

/// The prices that are kept of an event, by time.
pub(super) async fn prices(State(shop): State<Shop>, Path(key): Path<String>, asked: Asked) -> Answer {
    let limit = asked.limit(1_000, 5_000)?;
    let after: Option<i64> = asked.cursor()?;
    let read = move |shelf: &Shelf| {
        let found = shelf.archive.prices_after(&key, after.map(UnixMs), limit + 1)?;
        let mut found = found.ok_or_else(Problem::no_event)?;
        let next_cursor = page(&mut found, limit, |(at, _)| at.0)?;
        let prices = found.into_iter().map(|(at, price)| Price { at: time(at), price }).collect();
        Ok(Prices { unique_event_id: key, prices, next_cursor })
    };
    shop.answer(read).await
}

/// The scores of an event, by hotkey; none before it is scored.
pub(super) async fn scores(State(shop): State<Shop>, Path(key): Path<String>) -> Answer {
    let read = move |shelf: &Shelf| {
        let (event, mut scores) = shelf.archive.scores_of(&key)?.ok_or_else(Problem::no_event)?;
        scores.sort_by_key(|(identity, _)| *identity);
        let uids = shelf.uids();
        let score = |(identity, score)| Score { who: uids.who(&identity), score };
        Ok(Scores::of(event, scores.into_iter().map(score).collect()))
    };
    shop.answer(read).await
}

/// What miners said about an event beside their numbers, the latest first.
pub(super) async fn reasonings(State(shop): State<Shop>, Path(key): Path<String>) -> Answer {
    let read = move |shelf: &Shelf| {
        let found = shelf.archive.reasons(&key)?.ok_or_else(Problem::no_event)?;
        let uids = shelf.uids();
        let row = |Reason { identity, at, text }| Reasoning { who: uids.who(&identity), at: time(at), reasoning: text };
        Ok(Reasonings { unique_event_id: key, reasonings: found.into_iter().map(row).collect() })
    };
    shop.answer(read).await
}
