//! Kalshi and Manifold: their documented answers, with every oddity, become events, prices and ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use neuron::clock::Clock;
use neuron::market::kalshi::Kalshi;
use neuron::market::manifold::Manifold;
use neuron::market::{HttpSettings, Listing, MarketError, PriceSource, Provider, Resolution};
use neuron::units::{Probability, UnixMs};
use serde_json::{Value, json};

/// 2031-05-01T12:00:00Z
const NOW: UnixMs = UnixMs(1_935_403_200_000);
const HOUR: i64 = 3_600_000;
const TWO_WEEKS: i64 = 14 * 24 * HOUR;

async fn serve(router: Router) -> HttpSettings {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().nest("/base", router)).await });
    HttpSettings { spacing: Duration::ZERO, retries: 0, ..HttpSettings::at(url) }
}

fn found(result: Option<&Value>, wrapped: bool) -> Response {
    match result {
        Some(market) if wrapped => Json(json!({"market": market})).into_response(),
        Some(market) => Json(market.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"error": {"code": "not_found"}}))).into_response(),
    }
}

fn prices(listings: &[Listing]) -> Vec<(&str, Option<f64>)> {
    listings.iter().map(|it| (it.event.id.as_str(), it.quote.map(|quote| quote.price.get()))).collect()
}

fn resolved(outcome: f64) -> Resolution {
    Resolution::Resolved { outcome: Probability::new(outcome).unwrap(), at: None }
}

fn of_kalshi(ticker: &str, more: &Value) -> Value {
    let mut market = json!({
        "ticker": ticker, "event_ticker": "KXRAIN", "market_type": "binary", "title": "Rain in Oslo?", "subtitle": "",
        "yes_sub_title": "2 May", "no_sub_title": "2 May", "open_time": "2031-04-01T00:00:00Z",
        "close_time": "2031-05-05T00:00:00Z", "expected_expiration_time": "2031-05-03T14:00:00Z", "status": "active",
        "result": "", "rules_primary": "If it rains.", "rules_secondary": "", "yes_bid_dollars": "0.4100",
        "yes_ask_dollars": "0.4400", "yes_bid": 41, "yes_ask": 44, "last_price_dollars": "0.5000",
    });
    for (name, value) in more.as_object().unwrap() {
        market[name] = value.clone();
    }
    market
}

fn kalshi_markets() -> Vec<Value> {
    let ended = |result: &str, status: &str| json!({"status": status, "result": result, "close_time": "2031-04-30T00:00:00Z", "expected_expiration_time": null});
    vec![
        of_kalshi("PLAIN", &json!({})),
        of_kalshi("CENTS", &json!({"yes_bid_dollars": null, "yes_ask_dollars": null, "yes_bid": 8, "yes_ask": "10"})),
        of_kalshi("ONE-SIDED", &json!({"yes_bid_dollars": "0.0000"})),
        of_kalshi("WIDE", &json!({"yes_bid_dollars": "0.1", "yes_ask_dollars": "0.9"})),
        of_kalshi("CROSSED", &json!({"yes_bid_dollars": "0.6", "yes_ask_dollars": "0.5"})),
        of_kalshi("OUTSIDE", &json!({"yes_bid_dollars": "1.2", "yes_ask_dollars": "1.3"})),
        of_kalshi("SCALAR", &json!({"market_type": "scalar"})),
        of_kalshi("NO-END", &json!({"close_time": null, "expected_expiration_time": "soon"})),
        of_kalshi("SOON", &json!({"expected_expiration_time": "2031-05-02T11:00:00Z"})),
        json!({"title": "no ticker"}),
        json!("no object"),
        of_kalshi("PLAIN", &json!({"yes_bid_dollars": "0.01"})),
        of_kalshi("YES", &ended("yes", "finalized")),
        of_kalshi("NO", &ended("no", "settled")),
        of_kalshi("VOID", &ended("void", "finalized")),
        of_kalshi("DISPUTED", &ended("yes", "determined")),
    ]
}

/// Pages of four; the last cursor leads back to itself.
async fn kalshi_page(Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    assert_eq!((query["status"].as_str(), query["min_close_ts"].as_str()), ("open", "1935403200"));
    let skip: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let all = kalshi_markets();
    let page: Vec<Value> = all.iter().skip(skip).take(4).cloned().collect();
    let next = if skip + 4 < all.len() { skip + 4 } else { skip };
    Json(json!({"markets": page, "cursor": next.to_string()}))
}

#[tokio::test]
async fn kalshi_is_read_page_by_page_and_market_by_market() {
    let one =
        async |Path(ticker): Path<String>| found(kalshi_markets().iter().find(|it| it["ticker"] == *ticker), true);
    let router = Router::new().route("/markets", get(kalshi_page)).route("/markets/{ticker}", get(one));
    let market = Kalshi::new(serve(router).await, TWO_WEEKS, 24 * HOUR, Clock::stepped(NOW)).unwrap();
    let listings = market.list().await.unwrap();
    let none = ["ONE-SIDED", "WIDE", "CROSSED", "OUTSIDE"].map(|id| (id, None));
    assert_eq!(prices(&listings), [&[("PLAIN", Some(0.425)), ("CENTS", Some(0.09))], &none[..]].concat());
    let plain = &listings[0];
    assert_eq!((plain.event.key.0.as_str(), plain.quote.unwrap().source), ("kalshi-PLAIN", PriceSource::Midpoint));
    assert_eq!(plain.event.cutoff, NOW.plus_ms(26 * HOUR), "a day before the outcome is expected");
    assert_eq!(
        plain.event.description.as_raw(),
        "Rain in Oslo?\n2 May\nIf it rains.\nThe probability asked is that of the outcome \"Yes\"."
    );
    for (id, how) in [
        ("YES", resolved(1.0)),
        ("NO", resolved(0.0)),
        ("VOID", Resolution::Void),
        ("DISPUTED", Resolution::Open),
        ("PLAIN", Resolution::Open),
    ] {
        let listing = market.fetch(id).await.unwrap();
        assert_eq!(
            (listing.resolution, listing.quote.is_some()),
            (how, how == Resolution::Open && !id.is_empty()),
            "{id}"
        );
    }
    for unknown in ["NOBODY", "SCALAR"] {
        assert!(matches!(market.fetch(unknown).await, Err(MarketError::Unknown { .. })), "{unknown}");
    }
}

fn of_manifold(id: &str, hours: i64, more: &Value) -> Value {
    let mut market = json!({
        "id": id, "creatorUsername": "x", "question": "Will it rain?", "slug": "rain", "outcomeType": "BINARY",
        "mechanism": "cpmm-1", "createdTime": 1_900_000_000_000_i64, "closeTime": NOW.0 + hours * HOUR,
        "probability": 0.37, "isResolved": false, "volume": 10.5, "totalLiquidity": 1000,
    });
    for (name, value) in more.as_object().unwrap() {
        market[name] = value.clone();
    }
    market
}

fn manifold_markets() -> Vec<Value> {
    let ended = |more: Value| {
        let mut all = json!({"isResolved": true});
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    };
    vec![
        of_manifold("soon", 1, &json!({})),
        of_manifold("plain", 50, &json!({})),
        of_manifold("outside", 51, &json!({"probability": 1.3})),
        of_manifold("text", 52, &json!({"probability": "0.5"})),
        of_manifold("many", 53, &json!({"outcomeType": "MULTIPLE_CHOICE"})),
        of_manifold("endless", 54, &json!({"closeTime": null})),
        of_manifold("later-than-time", 55, &json!({"closeTime": 1e300})),
        json!({"question": "no id"}),
        json!([1]),
        of_manifold("plain", 56, &json!({"probability": 0.9})),
        of_manifold("far", 24 * 20, &json!({})),
        of_manifold("yes", -9, &ended(json!({"resolution": "YES"}))),
        of_manifold("no", -9, &ended(json!({"resolution": "NO"}))),
        of_manifold("part", -9, &ended(json!({"resolution": "MKT", "resolutionProbability": 0.25}))),
        of_manifold("odd", -9, &ended(json!({"resolution": "MKT", "resolutionProbability": 7}))),
        of_manifold("gone", -9, &ended(json!({"resolution": "CANCEL"}))),
        of_manifold("early", 99, &ended(json!({"resolution": "YES"}))),
    ]
}

#[tokio::test]
async fn manifold_is_read_and_what_its_askers_decide() {
    let one = async |Path(id): Path<String>| found(manifold_markets().iter().find(|it| it["id"] == *id), false);
    let list = async |Query(query): Query<HashMap<String, String>>| {
        assert_eq!((query["filter"].as_str(), query["contractType"].as_str()), ("open", "BINARY"));
        Json(manifold_markets())
    };
    let router = Router::new().route("/v0/search-markets", get(list)).route("/v0/market/{id}", get(one));
    let market = Manifold::new(serve(router).await, TWO_WEEKS, 24 * HOUR, Clock::stepped(NOW)).unwrap();
    let listings = market.list().await.unwrap();
    assert_eq!(prices(&listings), [("plain", Some(0.37)), ("outside", None), ("text", Some(0.5))]);
    assert_eq!(listings[0].quote.unwrap().source, PriceSource::Pool);
    assert_eq!(listings[0].event.cutoff, NOW.plus_ms(26 * HOUR));
    for (id, how) in [
        ("yes", resolved(1.0)),
        ("no", resolved(0.0)),
        ("part", resolved(0.25)),
        ("odd", Resolution::Open),
        ("gone", Resolution::Void),
        ("early", resolved(1.0)),
        ("far", Resolution::Open),
    ] {
        assert_eq!(market.fetch(id).await.unwrap().resolution, how, "{id}");
    }
    assert!(matches!(market.fetch("nobody").await, Err(MarketError::Unknown { .. })));
}

#[tokio::test]
async fn a_list_that_goes_in_a_circle_or_breaks_off_ends_and_what_was_read_is_used() {
    // The same full page whatever the offset.
    let page = async |State(asked): State<Arc<AtomicUsize>>| {
        asked.fetch_add(1, Ordering::SeqCst);
        Json((0..500).map(|n| of_manifold(&format!("m{n}"), 50, &json!({}))).collect::<Vec<_>>())
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let router = Router::new().route("/v0/search-markets", get(page)).with_state(Arc::clone(&asked));
    let market = Manifold::new(serve(router).await, TWO_WEEKS, 0, Clock::stepped(NOW)).unwrap();
    assert_eq!((market.list().await.unwrap().len(), asked.load(Ordering::SeqCst)), (500, 2));

    let broken = async |Query(query): Query<HashMap<String, String>>| match query.get("cursor") {
        None => Json(json!({"markets": [of_kalshi("A", &json!({}))], "cursor": "x"})).into_response(),
        Some(_) => (StatusCode::OK, r#"{"markets": [{"ticker": "B""#).into_response(),
    };
    let router = Router::new().route("/markets", get(broken));
    let market = Kalshi::new(serve(router).await, TWO_WEEKS, 0, Clock::stepped(NOW)).unwrap();
    assert_eq!(prices(&market.list().await.unwrap()), [("A", Some(0.425))]);
}

#[tokio::test]
async fn another_server_is_asked_when_the_first_is_away_and_is_kept() {
    let refused = Arc::new(AtomicUsize::new(0));
    let no = async |State(refused): State<Arc<AtomicUsize>>| {
        refused.fetch_add(1, Ordering::SeqCst);
        (StatusCode::FORBIDDEN, "not available in your region")
    };
    let first = serve(Router::new().route("/markets", get(no)).with_state(Arc::clone(&refused))).await;
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let good = serve(Router::new().route("/markets", get(kalshi_page))).await;
    let both = HttpSettings { base_url: format!("{}, {away},{}", first.base_url, good.base_url), ..good };
    let market = Kalshi::new(both, TWO_WEEKS, 24 * HOUR, Clock::stepped(NOW)).unwrap();
    for _ in 0..2 {
        assert_eq!(market.list().await.unwrap().len(), 6);
    }
    assert_eq!(refused.load(Ordering::SeqCst), 1, "then the one that answers is asked");
    let wrong = Kalshi::new(HttpSettings::at("http://a,ftp://b"), 1, 1, Clock::wall()).unwrap_err();
    assert!(matches!(&wrong, MarketError::Misconfigured { url, .. } if url == "ftp://b"), "{wrong}");
}
