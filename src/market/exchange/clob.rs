//! Polymarket's order-book API.
//!
//! | path | answer |
//! |---|---|
//! | `/sampling-markets?next_cursor=` | markets that trade now, page by page |
//! | `/markets?next_cursor=` | every market that has opened, oldest first |
//! | `/markets/{condition_id}` | one market |
//! | `/time`, `/ok` | market time in seconds; health |

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Shown, Stage, refusal};
use crate::units::UnixMs;

#[derive(Deserialize)]
pub(super) struct Cursor {
    #[serde(default)]
    next_cursor: String,
}

impl Cursor {
    /// The offset it stands for: base64 of a decimal number; empty is the beginning.
    fn offset(&self) -> Option<usize> {
        if self.next_cursor.is_empty() {
            return Some(0);
        }
        String::from_utf8(BASE64.decode(&self.next_cursor).ok()?).ok()?.parse().ok()
    }
}

pub(super) async fn sampling_markets(State(app): State<Arc<App>>, Query(cursor): Query<Cursor>) -> Response {
    let now = app.clock.now();
    page(&app, &cursor, |skip, limit| app.exchange.trading(now, skip, limit))
}

pub(super) fn markets(app: &App, cursor: &Cursor) -> Response {
    let now = app.clock.now();
    page(app, cursor, |skip, limit| app.exchange.opened(now, skip, limit))
}

fn page(app: &App, cursor: &Cursor, read: impl Fn(usize, usize) -> Vec<Shown>) -> Response {
    let Some(offset) = cursor.offset() else {
        return refusal(StatusCode::BAD_REQUEST, "Next item should be greater than or equal to 0");
    };
    let data: Vec<Value> = read(offset, app.page_size).iter().map(object).collect();
    let more = data.len() == app.page_size;
    let next = if more { (offset + app.page_size).to_string() } else { "-1".to_owned() };
    Json(json!({"limit": app.page_size, "count": data.len(), "next_cursor": BASE64.encode(next), "data": data}))
        .into_response()
}

pub(super) async fn market(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match app.exchange.market(&id, app.clock.now()) {
        Some(market) => Json(object(&market)).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "market not found"),
    }
}

/// The market object of the API.
fn object(market: &Shown) -> Value {
    let settled = match market.state {
        Stage::Settled(outcome) => Some(outcome.get()),
        Stage::Trading | Stage::Awaiting => None,
    };
    let trading = market.state == Stage::Trading;
    let prices = match settled.or(market.price) {
        // Shortest text for what is meant: 1 − 0.9 is 0.1 and not 0.09999999999999998.
        Some(price) => [json!(price), json!(((1.0 - price) * 1e9).round() / 1e9)],
        None => [Value::Null, Value::Null],
    };
    let winners = [settled == Some(1.0), settled == Some(0.0)];
    let tokens: Vec<Value> = (0..2)
        .zip(&market.outcomes)
        .zip(prices)
        .zip(winners)
        .map(|(((side, outcome), price), winner)| {
            json!({"token_id": format!("{}{side}", market.id), "outcome": outcome, "price": price, "winner": winner})
        })
        .collect();
    json!({
        "condition_id": market.id,
        "question_id": market.id,
        "question": market.question,
        "description": market.rules,
        "market_slug": market.id,
        "end_date_iso": market.ends_at.map(iso),
        "game_start_time": null,
        "active": true,
        "closed": !trading,
        "archived": false,
        "accepting_orders": trading,
        "enable_order_book": trading,
        "accepting_order_timestamp": iso(market.opened_at),
        "is_50_50_outcome": settled == Some(0.5),
        "minimum_order_size": 5,
        "minimum_tick_size": 0.001,
        "seconds_delay": 0,
        "neg_risk": false,
        "rewards": {"rates": null, "min_size": 0, "max_spread": 0},
        "tags": ["All"],
        "tokens": tokens,
    })
}

pub(super) fn iso(time: UnixMs) -> String {
    jiff::Timestamp::from_millisecond(time.0).map(|t| t.to_string()).unwrap_or_default()
}
