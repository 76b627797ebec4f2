//! The subnet's event service of 2025, see [`crate::market::ifgames`]: events without prices, those that ended, none that were
//! withdrawn, and what validators report, whose signatures are checked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Shown, Stage, refusal};
use crate::market::fields;
use crate::units::{Account, UnixMs};
use crate::wallet::{Scheme, verify};

/// Markets that are read from the world at once.
const AT_ONCE: usize = 1_000;
/// Longest page.
const MOST: usize = 1_000;

/// What validators have reported.
#[derive(Debug, Default)]
pub(super) struct Reported(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    predictions: BTreeSet<(String, String, i64)>,
    results: BTreeSet<(String, String)>,
    refused: u64,
}

/// The part of a list that is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    from_date: Option<i64>,
    resolved_since: Option<String>,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    limit: Option<usize>,
}

pub(super) async fn events(State(app): State<Arc<App>>, Query(part): Query<Part>) -> Response {
    let from = UnixMs::from_secs(part.from_date.unwrap_or_default());
    let created = |market: &Shown| (market.opened_at >= from).then(|| object(market));
    page(&all(&app, created), &part)
}

pub(super) async fn resolved(State(app): State<Arc<App>>, Query(part): Query<Part>) -> Response {
    let Some(since) = part.resolved_since.as_deref().and_then(|text| fields::moment(text).ok()) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "resolved_since is no time");
    };
    let ended = |market: &Shown| {
        let (answer, at) = (answer(market)?, market.ends_at.filter(|at| *at >= since)?);
        Some(json!({"event_id": market.id, "answer": answer, "resolved_at": at.rfc3339()}))
    };
    page(&all(&app, ended), &part)
}

/// Nothing is ever withdrawn here.
pub(super) async fn deleted(Query(part): Query<Part>) -> Response {
    page(&[], &part)
}

pub(super) async fn event(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match app.exchange.market(&id, app.clock.now()) {
        Some(market) => Json(object(&market)).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "Event not found"),
    }
}

/// Everything that has opened and that `pick` takes, oldest first.
fn all(app: &App, pick: impl Fn(&Shown) -> Option<Value>) -> Vec<Value> {
    let (now, mut found, mut skip) = (app.clock.now(), Vec::new(), 0);
    loop {
        let read = app.exchange.opened(now, skip, AT_ONCE);
        found.extend(read.iter().filter_map(&pick));
        if read.len() < AT_ONCE {
            return found;
        }
        skip += AT_ONCE;
    }
}

fn page(items: &[Value], part: &Part) -> Response {
    let limit = part.limit.unwrap_or(MOST).min(MOST);
    let items: Vec<&Value> = items.iter().skip(part.offset).take(limit).collect();
    Json(json!({"count": items.len(), "items": items})).into_response()
}

/// Answers count for the first half of an event's life: a day of the simulator's two.
fn cutoff(opened: UnixMs, end: UnixMs) -> UnixMs {
    opened.plus_ms(end.since(opened) / 2)
}

fn answer(market: &Shown) -> Option<f64> {
    match market.state {
        Stage::Settled(outcome) => Some(outcome.get()),
        Stage::Trading | Stage::Awaiting => None,
    }
}

fn object(market: &Shown) -> Value {
    let [first, _] = &market.outcomes;
    json!({
        "event_id": market.id,
        "title": market.question,
        "description": format!("{} What is asked for is the chance of \"{first}\".", market.rules),
        "market_type": "LLM",
        "created_at": market.opened_at.as_secs(),
        "cutoff": market.ends_at.map(|end| cutoff(market.opened_at, end).as_secs()),
        "event_metadata": {"market": market.id, "outcomes": market.outcomes},
        "answer": answer(market),
    })
}

/// `POST /api/v1/validators/data` and `results`.
pub(super) async fn report(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut counts = app.reported.0.lock().unwrap_or_else(PoisonError::into_inner);
    if !is_signed(&headers, &body) {
        counts.refused += 1;
        return refusal(StatusCode::UNAUTHORIZED, "the signature is not that of the validator");
    }
    let Ok(said) = serde_json::from_slice::<Value>(&body) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "no JSON");
    };
    let rows = |name: &str| said.get(name).and_then(Value::as_array).into_iter().flatten();
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    for row in rows("submissions") {
        let interval = row.get("interval_start_minutes").and_then(Value::as_i64).unwrap_or_default();
        counts.predictions.insert((text(row, "unique_event_id"), text(row, "miner_hotkey"), interval));
    }
    for row in rows("results") {
        counts.results.insert((text(row, "event_id"), text(row, "miner_hotkey")));
    }
    Json(json!({"status": "ok"})).into_response()
}

/// Ours: what has been reported so far.
pub(super) async fn reported(State(app): State<Arc<App>>) -> Response {
    let counts = app.reported.0.lock().unwrap_or_else(PoisonError::into_inner);
    let (predictions, results) = (counts.predictions.len(), counts.results.len());
    Json(json!({"predictions": predictions, "results": results, "refused": counts.refused})).into_response()
}

fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |value: Option<&axum::http::HeaderValue>| value.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let signed = || {
        let hotkey: Account = text(headers.get("validator"))?.parse().ok()?;
        let bearer = text(headers.get(AUTHORIZATION))?;
        let signature: [u8; 64] = STANDARD.decode(bearer.strip_prefix("Bearer ")?).ok()?.try_into().ok()?;
        Some(verify(Scheme::Sr25519, &hotkey, body, &signature))
    };
    signed().unwrap_or(false)
}
