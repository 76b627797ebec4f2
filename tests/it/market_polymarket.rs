//! The Polymarket client reads what the real API was seen to answer, and survives what a bad day can bring.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use neuron::clock::Clock;
use neuron::market::polymarket::gamma::Discovery;
use neuron::market::polymarket::{Polymarket, PolymarketSettings, Skipped};
use neuron::market::{HttpSettings, Listing, MarketError, Provider, Resolution};
use neuron::units::UnixMs;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::fixture;

/// 2026-02-07, when the pages were recorded.
pub const RECORDED: UnixMs = UnixMs::from_secs(1_770_422_400);

/// A server of `router` that ends with the test.
pub struct Api {
    pub url: String,
    task: JoinHandle<()>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub async fn api(router: Router) -> Api {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Api { url, task }
}

/// A client without politeness, whose clock stands at `RECORDED`.
pub fn client(url: &str) -> Polymarket {
    client_with(url, |_| ())
}

pub fn client_with(url: &str, change: impl FnOnce(&mut PolymarketSettings)) -> Polymarket {
    let http = HttpSettings {
        first_pause: Duration::from_millis(1),
        max_pause: Duration::from_millis(50),
        spacing: Duration::ZERO,
        ..HttpSettings::at(url)
    };
    let mut settings = PolymarketSettings { http, ..PolymarketSettings::default() };
    change(&mut settings);
    Polymarket::new(settings, Clock::stepped(RECORDED)).unwrap()
}

/// Serves `pages` at `/sampling-markets`; the cursor is the page's number.
pub fn pages(pages: Vec<String>) -> Router {
    let pages = Arc::new(pages);
    Router::new().route(
        "/sampling-markets",
        get(move |Query(query): Query<std::collections::HashMap<String, String>>| async move {
            let number: usize = query.get("next_cursor").map_or(0, |cursor| cursor.parse().unwrap());
            pages[number].clone()
        }),
    )
}

pub fn page(markets: &[Value], next: &str) -> String {
    json!({"data": markets, "next_cursor": next, "limit": 1000, "count": markets.len()}).to_string()
}

/// An open market with id `0x…n` that ends in ten days.
fn open_market(n: u64) -> Value {
    json!({
        "condition_id": format!("0x{n:064x}"), "question": "Q?", "description": "Rules.",
        "end_date_iso": "2026-02-17T00:00:00Z", "active": true, "closed": false, "archived": false,
        "tokens": [{"outcome": "Yes", "price": 0.25, "winner": false}, {"outcome": "No", "price": 0.75, "winner": false}]
    })
}

fn ids(listings: &[Listing]) -> Vec<u64> {
    listings.iter().map(|l| u64::from_str_radix(&l.event.id[50..], 16).unwrap()).collect()
}

#[tokio::test]
async fn single_markets_of_each_kind_are_told_apart() {
    let variants: Arc<Value> = Arc::new(serde_json::from_str(&fixture("polymarket_markets.json")).unwrap());
    let served = Arc::clone(&variants);
    let api =
        api(Router::new()
            .route("/markets/{id}", get(move |Path(id): Path<String>| async move { served[&id].to_string() })))
        .await;
    let market = client(&api.url);
    for (id, object) in variants.as_object().unwrap() {
        let fetched = market.fetch(id).await;
        let found = match &fetched {
            Ok(Listing { resolution: Resolution::Resolved { outcome, .. }, .. }) => outcome.to_string(),
            Ok(Listing { resolution, quote: None, .. }) => format!("{resolution:?} without price"),
            Ok(Listing { resolution, .. }) => format!("{resolution:?}"),
            Err(MarketError::Unknown { .. }) => "unknown".to_owned(),
            Err(MarketError::Malformed { .. }) => "malformed".to_owned(),
            Err(other) => other.to_string(),
        };
        assert_eq!(found, object["expected"].as_str().unwrap_or("unknown"), "{id}");
    }
}

#[tokio::test]
async fn one_bad_market_costs_only_itself() {
    let with = |n: u64, field: &str, value: Value| {
        let mut market = open_market(n);
        market[field] = value;
        market
    };
    let first = page(
        &[
            open_market(1),
            json!("a text"),
            json!(null),
            json!({"condition_id": 7}),
            with(2, "tokens", json!("none")),
            with(3, "tokens", json!([])),
            with(4, "end_date_iso", json!(null)),
            with(5, "end_date_iso", json!("soon")),
            with(6, "condition_id", json!("")),
            with(7, "end_date_iso", json!("2026-02-08T00:00:00Z")),
            with(8, "end_date_iso", json!("2026-05-08T00:00:00Z")),
            with(9, "closed", json!(true)),
            with(10, "tags", json!({"new": "shape"})),
        ],
        "1",
    );
    let second = page(&[open_market(1), open_market(11)], "LTE=");
    let api = api(pages(vec![first, second])).await;
    let market = client(&api.url);
    assert_eq!(ids(&market.list().await.unwrap()), [1, 10, 11]);
    let expected = Skipped {
        malformed: 5,
        unnamed: 1,
        not_binary: 1,
        no_end_date: 1,
        past_cutoff: 1,
        too_far_ahead: 1,
        not_trading: 1,
        repeated: 1,
        proposed: 0,
        filtered: 0,
    };
    assert_eq!(market.skipped(), expected);
}

#[tokio::test]
async fn paging_ends_at_the_cap_in_a_circle_and_at_a_broken_page() {
    let walk = |texts: Vec<String>| async move {
        let api = api(pages(texts)).await;
        let market = client_with(&api.url, |s| s.max_pages = 3);
        market.list().await.map(|listings| ids(&listings))
    };
    let numbered = |n: u64, next: &str| page(&[open_market(n)], next);
    let endless = vec![numbered(1, "1"), numbered(2, "2"), numbered(3, "3"), numbered(4, "4")];
    assert_eq!(walk(endless).await, Ok(vec![1, 2, 3]));
    assert_eq!(walk(vec![numbered(1, "1"), numbered(2, "1")]).await, Ok(vec![1, 2]));
    assert_eq!(walk(vec![numbered(1, "1"), "{\"data\": [".to_owned()]).await, Ok(vec![1]));
    assert_eq!(walk(vec![json!({"data": [open_market(1)]}).to_string()]).await, Ok(vec![1]));
    for garbage in ["", "[]", "{}", "<html>", "{\"data\": [{}", "\u{0}"] {
        let error = walk(vec![garbage.to_owned()]).await.unwrap_err();
        assert!(matches!(error, MarketError::Malformed { .. }), "{garbage}: {error}");
    }
}

#[tokio::test]
async fn gammas_pages_end_in_a_circle_and_at_an_error_and_an_error_alone_is_told() {
    /// A page of Gamma's markets, or a status.
    fn gamma(texts: Vec<Result<String, u16>>) -> Router {
        let texts = Arc::new(texts);
        Router::new().route(
            "/markets/keyset",
            get(move |Query(query): Query<std::collections::HashMap<String, String>>| async move {
                assert!(!query.contains_key("offset") && query["closed"] == "false", "{query:?}");
                let number: usize = query.get("after_cursor").map_or(0, |cursor| cursor.parse().unwrap());
                match &texts[number] {
                    Ok(text) => text.clone().into_response(),
                    Err(status) => StatusCode::from_u16(*status).unwrap().into_response(),
                }
            }),
        )
    }
    let page = |n: u64, next: Option<&str>| {
        let market = json!({
            "conditionId": format!("0x{n:064x}"), "question": "Q?", "endDate": "2026-02-17T00:00:00Z", "active": true,
            "closed": false, "outcomes": "[\"Yes\", \"No\"]", "outcomePrices": "[\"0.25\", \"0.75\"]",
        });
        Ok(json!({ "markets": [market, "nonsense"], "next_cursor": next }).to_string())
    };
    let walk = |texts: Vec<Result<String, u16>>| async move {
        let api = api(gamma(texts)).await;
        let market = client_with(&api.url, |settings| {
            settings.discovery = Discovery::Gamma;
            settings.gamma_http = settings.http.clone();
        });
        market.list().await.map(|listings| (ids(&listings), market.skipped().malformed))
    };
    assert_eq!(walk(vec![page(1, Some("1")), page(2, Some("2")), page(3, None)]).await, Ok((vec![1, 2, 3], 3)));
    assert_eq!(
        walk(vec![page(1, Some("1")), page(1, Some("1"))]).await,
        Ok((vec![1], 2)),
        "a cursor that leads nowhere"
    );
    assert_eq!(walk(vec![page(1, Some("1")), Err(422)]).await, Ok((vec![1], 1)));
    assert!(matches!(walk(vec![Err(422)]).await, Err(MarketError::Refused { status: 422, .. })));
    for garbage in ["", "[]", "{}", "{\"markets\": 7}"] {
        let error = walk(vec![Ok(garbage.to_owned())]).await.unwrap_err();
        assert!(matches!(error, MarketError::Malformed { .. }), "{garbage}: {error}");
    }
}

/// Answers of `/markets/{id}` in order, the last one for ever; and how many were given.
fn answers(list: Vec<fn() -> Response>) -> (Router, Arc<AtomicUsize>) {
    let given = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&given);
    let router = Router::new().route(
        "/markets/{id}",
        get(move || async move {
            let n = count.fetch_add(1, Ordering::SeqCst);
            list[n.min(list.len() - 1)]()
        }),
    );
    (router, given)
}

fn good() -> Response {
    open_market(1).to_string().into_response()
}

const ID: &str = "0x0000000000000000000000000000000000000000000000000000000000000001";

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_and_no_other() {
    let cut = || {
        let parts: [Result<&str, std::io::Error>; 2] = [Ok("{\"cond"), Err(std::io::Error::other("cut"))];
        Body::from_stream(stream::iter(parts)).into_response()
    };
    let busy = || (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")], "slow down").into_response();
    let broken = || StatusCode::INTERNAL_SERVER_ERROR.into_response();
    let (router, given) = answers(vec![cut, busy, broken, good]);
    let server = api(router).await;
    assert_eq!(client(&server.url).fetch(ID).await.unwrap().event.id, ID);
    assert_eq!(given.load(Ordering::SeqCst), 4);

    let refused = || (StatusCode::BAD_REQUEST, "{\"error\":\n \"no\"}").into_response();
    let (router, given) = answers(vec![refused]);
    let server = api(router).await;
    let error = client(&server.url).fetch(ID).await.unwrap_err();
    assert!(
        matches!(&error, MarketError::Refused { status: 400, text, .. } if text == "{\"error\": \"no\"}"),
        "{error}"
    );
    assert_eq!(given.load(Ordering::SeqCst), 1);

    let (router, given) = answers(vec![broken]);
    let server = api(router).await;
    let error = client(&server.url).fetch(ID).await.unwrap_err();
    assert!(matches!(error, MarketError::Refused { status: 500, .. }), "{error}");
    assert_eq!(given.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_server_that_asks_for_a_long_rest_gets_it() {
    let busy = || (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3600")]).into_response();
    let (router, given) = answers(vec![busy, good]);
    let server = api(router).await;
    let market = client(&server.url);
    for _ in 0..2 {
        let error = market.fetch(ID).await.unwrap_err();
        assert!(matches!(error, MarketError::Refused { status: 429, .. }), "{error}");
    }
    assert_eq!(given.load(Ordering::SeqCst), 1, "it was asked again before its time");
}

#[tokio::test]
async fn redirects_lead_nowhere_and_strange_ids_are_unknown() {
    let elsewhere = || (StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.1:1/x")]).into_response();
    let (router, _) = answers(vec![elsewhere]);
    let server = api(router).await;
    let error = client(&server.url).fetch(ID).await.unwrap_err();
    assert!(error.to_string().contains("a redirect to http://127.0.0.1:1/x"), "{error}");

    let router = Router::new().route("/markets/{id}", get(|| async { "{\"error\":\"market not found\"}" }));
    let server = api(router).await;
    for id in [ID, "", "../../etc", "a?b#c"] {
        let error = client(&server.url).fetch(id).await.unwrap_err();
        assert!(matches!(&error, MarketError::Unknown { id: named, .. } if named == id), "{id}: {error}");
    }
}

#[tokio::test]
async fn a_flood_and_a_drip_are_cut_off() {
    let flood = || Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(4096)))).into_response();
    let (router, _) = answers(vec![flood]);
    let server = api(router).await;
    let market = client_with(&server.url, |s| s.http.max_body = 100_000);
    let error = market.fetch(ID).await.unwrap_err();
    assert!(error.to_string().contains("longer than 100000 bytes"), "{error}");

    let drip = || {
        let bytes = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok::<_, std::io::Error>(" "), ()))
        });
        Body::from_stream(bytes).into_response()
    };
    let (router, _) = answers(vec![drip]);
    let server = api(router).await;
    let market = client_with(&server.url, |s| {
        s.http.timeout = Duration::from_millis(200);
        s.http.retries = 0;
    });
    let error = market.fetch(ID).await.unwrap_err();
    assert!(matches!(error, MarketError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_remedy() {
    let market = client_with("http://127.0.0.1:1", |s| s.http.retries = 1);
    let error = market.list().await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:1") && error.contains("--market.polymarket.url"), "{error}");
}

#[tokio::test]
async fn the_client_says_who_it_is() {
    let router = Router::new().route(
        "/markets/{id}",
        get(|headers: HeaderMap| async move {
            assert!(headers[header::USER_AGENT].to_str().unwrap().starts_with("neuron/"));
            good()
        }),
    );
    let server = api(router).await;
    client(&server.url).fetch(ID).await.unwrap();
}
