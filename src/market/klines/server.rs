//! The server side of four exchanges at once, for recorded and simulated prices: their paths do not meet.
//!
//! | path | as |
//! |---|---|
//! | `/api/v3/klines` | Binance |
//! | `/v5/market/kline` | Bybit |
//! | `/products/{id}/candles` | Coinbase |
//! | `/0/public/OHLC` | Kraken |
//!
//! Shown is what the clock allows: of the interval that runs, only the open.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::series::Series;
use super::{Candle, INTERVAL, Span};
use crate::clock::Clock;
use crate::units::UnixMs;

/// A running server; dropping it stops it and frees the port.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    series: Arc<Series>,
    _stop: DropGuard,
}

impl Handle {
    /// The base URL, for every venue.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is served.
    #[must_use]
    pub fn series(&self) -> Arc<Series> {
        Arc::clone(&self.series)
    }
}

struct App {
    series: Arc<Series>,
    clock: Clock,
}

/// Serves `series` on `listen` (port 0 takes a free one) at the times of `clock`; must be called inside a tokio runtime.
///
/// # Errors
/// The address is taken, or not ours to take.
pub fn spawn(series: Arc<Series>, clock: Clock, listen: SocketAddr) -> std::io::Result<Handle> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let app = Arc::new(App { series: Arc::clone(&series), clock });
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router(app)).with_graceful_shutdown(stopped).await {
            tracing::error!(%address, %error, "the candle server ended");
        }
    });
    Ok(Handle { address, series, _stop: stop.drop_guard() })
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/api/v3/klines", get(binance))
        .route("/v5/market/kline", get(bybit))
        .route("/products/{id}/candles", get(coinbase))
        .route("/0/public/OHLC", get(kraken))
        .fallback(async || StatusCode::NOT_FOUND)
        .with_state(app)
}

impl App {
    /// Candles that opened from `from` to `to`, both included, oldest first.
    fn shown(&self, from: i64, to: i64) -> Vec<Candle> {
        let now = self.clock.now();
        let until = UnixMs(to.min(now.0)).plus_ms(1);
        let running = |candle: &Candle| {
            if candle.closes_at() <= now {
                return *candle;
            }
            let open = candle.open;
            Candle { high: open, low: open, close: open, volume: 0.0, ..*candle }
        };
        self.series.within(Span { from: UnixMs(from), until }).iter().map(running).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfBinance {
    start_time: i64,
    end_time: i64,
    interval: String,
}

async fn binance(State(app): State<Arc<App>>, Query(asked): Query<OfBinance>) -> Response {
    if asked.interval != "5m" {
        return (StatusCode::BAD_REQUEST, Json(json!({"code": -1120, "msg": "Invalid interval."}))).into_response();
    }
    let row = |c: &Candle| {
        let texts = [c.open, c.high, c.low, c.close, c.volume].map(|x| x.to_string());
        let [open, high, low, close, volume] = texts;
        json!([c.open_at.0, open, high, low, close, volume, c.closes_at().0 - 1, "0", 0, "0", "0", "0"])
    };
    let rows = app.shown(asked.start_time, asked.end_time);
    Json(rows.iter().take(1000).map(row).collect::<Vec<Value>>()).into_response()
}

#[derive(Deserialize)]
struct OfBybit {
    start: i64,
    end: i64,
    interval: String,
}

async fn bybit(State(app): State<Arc<App>>, Query(asked): Query<OfBybit>) -> Json<Value> {
    if asked.interval != "5" {
        return Json(json!({"retCode": 10001, "retMsg": "Not supported interval", "result": {}}));
    }
    let row = |c: &Candle| {
        let texts = [c.open, c.high, c.low, c.close, c.volume].map(|x| x.to_string());
        let [open, high, low, close, volume] = texts;
        json!([c.open_at.0.to_string(), open, high, low, close, volume, "0"])
    };
    let rows: Vec<Value> = app.shown(asked.start, asked.end).iter().rev().take(1000).map(row).collect();
    Json(json!({"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": rows}}))
}

#[derive(Deserialize)]
struct OfCoinbase {
    start: i64,
    end: i64,
    granularity: i64,
}

async fn coinbase(State(app): State<Arc<App>>, Query(asked): Query<OfCoinbase>) -> Response {
    let refuse = |words: &str| (StatusCode::BAD_REQUEST, Json(json!({"message": words}))).into_response();
    if asked.granularity * 1000 != INTERVAL.ms() {
        return refuse("Unsupported granularity");
    }
    if (asked.end - asked.start) / asked.granularity >= 300 {
        return refuse("granularity too small for the requested time range");
    }
    let row = |c: &Candle| json!([c.open_at.as_secs(), c.low, c.high, c.open, c.close, c.volume]);
    let rows = app.shown(asked.start.saturating_mul(1000), asked.end.saturating_mul(1000));
    Json(rows.iter().rev().map(row).collect::<Vec<Value>>()).into_response()
}

#[derive(Deserialize)]
struct OfKraken {
    #[serde(default)]
    since: i64,
}

async fn kraken(State(app): State<Arc<App>>, Query(asked): Query<OfKraken>) -> Json<Value> {
    let now = app.clock.now();
    let oldest = INTERVAL.floor(now).plus_ms(-719 * INTERVAL.ms());
    let from = oldest.max(UnixMs::from_secs(asked.since).plus_ms(1));
    let row = |c: &Candle| {
        let texts = [c.open, c.high, c.low, c.close, c.close, c.volume].map(|x| x.to_string());
        let [open, high, low, close, mean, volume] = texts;
        json!([c.open_at.as_secs(), open, high, low, close, mean, volume, 0])
    };
    let rows: Vec<Value> = app.shown(from.0, now.0).iter().map(row).collect();
    Json(json!({"error": [], "result": {"XXBTZUSD": rows, "last": now.as_secs()}}))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::super::{Exchange, KlineSource, VENUES, VenueSettings};
    use super::*;

    #[tokio::test]
    async fn each_venue_tells_the_same_and_nothing_of_the_future() {
        let from = UnixMs(1_767_225_600_000);
        let series = Arc::new(Series::simulated(5, from, 3000));
        // In the middle of an interval.
        let clock = Clock::stepped(from.plus_ms(2000 * INTERVAL.ms() + 60_000));
        let handle = spawn(Arc::clone(&series), clock.clone(), (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        for venue in &VENUES {
            let venue = super::super::venue(venue.name).unwrap();
            let settings = VenueSettings { url: handle.url(), symbol: venue.symbol.to_owned() };
            let exchange = Exchange::new(venue, settings, clock.clone()).unwrap();
            let whole = Span { from, until: from.plus_ms(3000 * INTERVAL.ms()) };
            let got = exchange.candles(whole).await.unwrap();
            let first = if venue.has_history { 0 } else { 2000 - 720 };
            // Kraken's 720 are those up to the running one.
            let got_from = got.first().unwrap().open_at.since(from) / INTERVAL.ms();
            assert!((first..=first + 1).contains(&got_from), "{}: {got_from}", venue.name);
            let known = series.within(Span { from: got[0].open_at, until: from.plus_ms(2000 * INTERVAL.ms()) });
            assert_eq!(got, known, "{}", venue.name);
        }
        clock.advance(Duration::from_secs(240));
        let settings = VenueSettings { url: handle.url(), symbol: "BTCUSDT".into() };
        let exchange = Exchange::new(super::super::venue("binance").unwrap(), settings, clock).unwrap();
        let next = Span { from: from.plus_ms(2000 * INTERVAL.ms()), until: from.plus_ms(2005 * INTERVAL.ms()) };
        assert_eq!(exchange.candles(next).await.unwrap(), &series.candles()[2000..=2000]);
    }
}
