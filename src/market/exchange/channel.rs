//! Polymarket's midpoints and its market channel, for worlds of our own.
//!
//! `POST /midpoints` answers `{token: "0.45"}`; `/ws/market` is a websocket that tells the whole book of each token that is
//! subscribed to, and its changes when the world's price moves. A book of ours has one level on each side, around the price.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::socket::{self, Teller};
use super::{App, Stage};

/// Half of the distance between best bid and best ask, where there is room.
const HALF_SPREAD: f64 = 0.005;

#[derive(Deserialize)]
pub(super) struct Asked {
    token_id: String,
}

pub(super) async fn midpoints(State(app): State<Arc<App>>, Json(asked): Json<Vec<Asked>>) -> Response {
    let middle =
        |asked: &Asked| Some((asked.token_id.clone(), Value::from(price_of(&app, &asked.token_id)?.to_string())));
    Json(asked.iter().filter_map(middle).collect::<Map<_, _>>()).into_response()
}

/// The price of a token that trades: the id of its market, and which of the two it is.
fn price_of(app: &App, token: &str) -> Option<f64> {
    let (id, side) = token.split_at_checked(token.len().checked_sub(1)?)?;
    let market = app.exchange.market(id, app.clock.now()).filter(|market| market.state == Stage::Trading)?;
    match side {
        "0" => market.price,
        "1" => market.price.map(|price| ((1.0 - price) * 1e9).round() / 1e9),
        _ => None,
    }
}

/// What a client says.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    assets_ids: Vec<String>,
    #[serde(default)]
    operation: Option<String>,
}

/// The price of each token that was told last.
#[derive(Default)]
struct Told(BTreeMap<String, Option<f64>>);

pub(super) async fn channel(State(app): State<Arc<App>>, request: Request) -> Response {
    socket::serve(app, request, Told::default())
}

impl Teller for Told {
    fn hear(&mut self, _: &App, said: &str) -> Vec<String> {
        if said == "PING" {
            return vec!["PONG".to_owned()];
        }
        subscribe(said, &mut self.0);
        Vec::new()
    }

    fn news(&mut self, app: &App) -> Vec<String> {
        news(app, &mut self.0)
    }
}

fn subscribe(said: &str, told: &mut BTreeMap<String, Option<f64>>) {
    let Ok(Said { assets_ids, operation }) = serde_json::from_str(said) else { return };
    for token in assets_ids {
        match operation.as_deref() {
            Some("unsubscribe") => {
                told.remove(&token);
            }
            _ => {
                told.insert(token, None);
            }
        }
    }
}

/// Whole books of what was not told yet, and changes of what moved.
fn news(app: &App, told: &mut BTreeMap<String, Option<f64>>) -> Vec<String> {
    let at = app.clock.now().0.to_string();
    let mut messages = Vec::new();
    for (token, last) in told {
        let Some(price) = price_of(app, token) else { continue };
        let row = |(price, size): (f64, &str)| json!({"price": price.to_string(), "size": size});
        let sides = around(price);
        match *last {
            Some(before) if before == price => continue,
            None => messages.push(json!({
                "event_type": "book", "asset_id": token, "market": token, "timestamp": at, "hash": "0",
                "bids": [row((sides[0], "100"))], "asks": [row((sides[1], "100"))],
            })),
            Some(before) => {
                let change = |side: &str, price: f64, size: &str| {
                    json!({"asset_id": token, "price": price.to_string(), "size": size, "side": side, "hash": "0",
                           "best_bid": sides[0].to_string(), "best_ask": sides[1].to_string()})
                };
                let old = around(before);
                let gone = [change("BUY", old[0], "0"), change("SELL", old[1], "0")];
                let come = [change("BUY", sides[0], "100"), change("SELL", sides[1], "100")];
                let changes = [gone, come].concat();
                messages.push(json!({
                    "event_type": "price_change", "market": token, "timestamp": at, "price_changes": changes,
                }));
            }
        }
        *last = Some(price);
    }
    messages.iter().map(Value::to_string).collect()
}

/// Best bid and best ask around a price, in steps of a ten-thousandth.
fn around(price: f64) -> [f64; 2] {
    let half = HALF_SPREAD.min(price / 2.0).min((1.0 - price) / 2.0);
    [price - half, price + half].map(|price| (price * 1e6).round() / 1e6)
}
