//! The server side of the order-book API, for worlds of our own: the simulator and the tape.
//!
//! | path | answer |
//! |---|---|
//! | `/sampling-markets?next_cursor=` | markets that trade now, page by page |
//! | `/markets?next_cursor=` | every market that has opened, oldest first |
//! | `/markets/{condition_id}` | one market |
//! | `/time`, `/ok` | market time in seconds; health |
//! | `/simulator/truth/{condition_id}` | ours: `{"condition_id", "at_ms", "probability"}`, what the world knows |

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::truth::{Told, Truth};
use crate::clock::Clock;
use crate::units::{Probability, UnixMs};

/// A market as an exchange shows it at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) question: String,
    pub(crate) rules: String,
    pub(crate) outcomes: [String; 2],
    pub(crate) opened_at: UnixMs,
    pub(crate) ends_at: Option<UnixMs>,
    /// The first outcome's price, in `0..=1`.
    pub(crate) price: Option<f64>,
    pub(crate) state: Stage,
}

/// Where a market is in its life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stage {
    Trading,
    /// No more trading, no outcome yet.
    Awaiting,
    Settled(Probability),
}

/// A world that can be served.
pub(crate) trait Exchange: Truth {
    /// The markets that have opened by `at`, oldest first, from the `skip`-th on, `limit` at most.
    fn opened(&self, at: UnixMs, skip: usize, limit: usize) -> Vec<Shown>;
    /// Those of them that trade at `at`.
    fn trading(&self, at: UnixMs, skip: usize, limit: usize) -> Vec<Shown>;
    /// One market that has opened by `at`.
    fn market(&self, id: &str, at: UnixMs) -> Option<Shown>;
}

/// A running server; dropping it stops the server and frees the port.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _stop: DropGuard,
}

struct App {
    exchange: Arc<dyn Exchange>,
    clock: Clock,
    page_size: usize,
}

/// Serves `exchange` on `listen`, in pages of `page_size` markets.
pub(crate) fn serve(
    exchange: Arc<dyn Exchange>,
    clock: Clock,
    listen: SocketAddr,
    page_size: usize,
) -> std::io::Result<Server> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let app = Arc::new(App { exchange, clock, page_size: page_size.max(1) });
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router(app)).with_graceful_shutdown(stopped).await {
            tracing::error!(%address, %error, "the market server ended");
        }
    });
    Ok(Server { address, _stop: stop.drop_guard() })
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/sampling-markets", get(sampling_markets))
        .route("/markets", get(markets))
        .route("/markets/{id}", get(market))
        .route("/simulator/truth/{id}", get(truth))
        .route("/time", get(async |State(app): State<Arc<App>>| Json(app.clock.now().as_secs())))
        .route("/ok", get(async || Json("OK")))
        .fallback(async || (StatusCode::NOT_FOUND, "404 page not found"))
        .with_state(app)
}

#[derive(Deserialize)]
struct Cursor {
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

async fn sampling_markets(State(app): State<Arc<App>>, Query(cursor): Query<Cursor>) -> Response {
    let now = app.clock.now();
    page(&app, &cursor, |skip, limit| app.exchange.trading(now, skip, limit))
}

async fn markets(State(app): State<Arc<App>>, Query(cursor): Query<Cursor>) -> Response {
    let now = app.clock.now();
    page(&app, &cursor, |skip, limit| app.exchange.opened(now, skip, limit))
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

async fn market(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match app.exchange.market(&id, app.clock.now()) {
        Some(market) => Json(object(&market)).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "market not found"),
    }
}

async fn truth(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    let at = app.clock.now();
    match app.exchange.truth(&id, at) {
        Some(probability) => Json(Told { condition_id: id, at_ms: at, probability }).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "market not found"),
    }
}

fn refusal(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({"error": text}))).into_response()
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

fn iso(time: UnixMs) -> String {
    jiff::Timestamp::from_millisecond(time.0).map(|t| t.to_string()).unwrap_or_default()
}
