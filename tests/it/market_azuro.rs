//! Azuro's client: on the simulator of its subgraphs, and on what a bad day can bring.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use neuron::clock::Clock;
use neuron::market::azuro::{Azuro, AzuroSettings, FEED_URL, Skipped, Source, URL};
use neuron::market::simulator::{self, SimulatorConfig};
use neuron::market::{HttpSettings, Listing, MarketError, Provider, Resolution, TruthClient};
use neuron::units::UnixMs;
use serde_json::{Value, json};

use crate::market_polymarket::{Api, RECORDED, api};

const HOUR: Duration = Duration::from_secs(3600);
const START: UnixMs = UnixMs::from_secs(1_767_225_600);

fn http(url: &str) -> HttpSettings {
    HttpSettings {
        first_pause: Duration::from_millis(1),
        max_pause: Duration::from_millis(50),
        spacing: Duration::ZERO,
        ..HttpSettings::at(url)
    }
}

/// A client whose clock stands at `RECORDED`.
pub fn client_with(url: &str, change: impl FnOnce(&mut AzuroSettings)) -> Azuro {
    let mut settings = AzuroSettings { http: http(url), page: 3, ..AzuroSettings::default() };
    change(&mut settings);
    Azuro::new(settings, Clock::stepped(RECORDED)).unwrap()
}

/// Answers every question with what `answer` makes of its body.
pub async fn subgraph(answer: impl Fn(Value) -> Response + Clone + Send + Sync + 'static) -> Api {
    api(Router::new().route(
        "/",
        post(move |body: String| {
            let answer = answer.clone();
            async move { answer(serde_json::from_str(&body).expect("a question is JSON")) }
        }),
    ))
    .await
}

fn data(games: &[Value]) -> Response {
    json!({"data": {"games": games}}).to_string().into_response()
}

/// A game that starts `hours` after `RECORDED`, with one condition of three outcomes.
pub fn game(n: u64, hours: i64) -> Value {
    let outcome = |number: u32, odds: &str| json!({"id": format!("0xc_{n}7_{number}"), "outcomeId": number.to_string(), "currentOdds": odds, "result": null, "sortOrder": null});
    json!({
        "id": format!("c_{n}"), "gameId": n.to_string(), "title": format!("Home {n} – Away {n}"), "status": "Created",
        "startsAt": (RECORDED.as_secs() + hours * 3600).to_string(),
        "sport": {"name": "Football", "slug": "football"}, "league": {"name": "Cup", "country": {"name": "Nowhere"}},
        "participants": [], "conditions": [{
            "conditionId": format!("{n}7"), "status": "Created",
            "outcomes": [outcome(29, "2.0"), outcome(30, "4.0"), outcome(31, "4.0")],
        }],
    })
}

fn ids(listings: &[Listing]) -> Vec<&str> {
    listings.iter().map(|listing| listing.event.id.as_str()).collect()
}

fn skip_of(question: &Value) -> usize {
    usize::try_from(question["variables"]["skip"].as_u64().unwrap()).unwrap()
}

#[tokio::test]
async fn every_game_is_listed_priced_and_resolved_once_by_either_subgraph() {
    for (source, path) in [(Source::Api, "api-{chain}-v3"), (Source::Feed, "data-feed-{chain}")] {
        let clock = Clock::stepped(START);
        let config = SimulatorConfig { events: Some(8), ..SimulatorConfig::new(5, clock.clone()) };
        let handle = simulator::spawn(config).unwrap();
        let url = format!("{}/subgraphs/name/azuro-protocol/azuro-{path}", handle.url());
        let settings = AzuroSettings { http: http(&url), page: 3, source, ..AzuroSettings::default() };
        let market = Azuro::new(settings, clock.clone()).unwrap();
        let mut listed = BTreeMap::new();
        for hour in 0..60 {
            let listings = market.list().await.unwrap();
            assert_eq!(listings.len(), (hour + 1).min(8).min(8 + 23 - hour.min(31)), "hour {hour}");
            for Listing { event, quote, resolution } in listings {
                assert_eq!(resolution, Resolution::Open);
                assert!(clock.now() < event.cutoff && event.ends_at.is_none());
                let text = event.description.as_raw();
                let index: u64 = text.split_whitespace().nth(2).unwrap().parse().unwrap();
                assert!(text.ends_with("the outcome \"On\"."), "{text}");
                assert_eq!(event.cutoff, handle.world().opens_at(index).plus_ms(24 * 3_600_000));
                let price = handle.world().price(index, clock.now());
                assert!((quote.unwrap().price.get() - price).abs() < 1e-9, "the margin is taken out again");
                listed.entry(event.id).or_insert((index, 0)).1 += 1;
            }
            clock.advance(HOUR);
        }
        assert_eq!(listed.len(), 8);
        let truth = TruthClient::new(http(&handle.url())).unwrap();
        for (id, (index, times)) in &listed {
            assert_eq!(*times, 24, "a day of hours until the game starts");
            let outcome = handle.world().outcome(*index);
            let at = Some(handle.world().ends_at(*index));
            assert_eq!(market.fetch(id).await.unwrap().resolution, Resolution::Resolved { outcome, at });
            assert_eq!(truth.truth(id).await.unwrap().0, outcome, "the truth is known by this id too");
            let other = format!("{}_6980", id.strip_suffix("_6979").unwrap());
            let lost = market.fetch(&other).await.unwrap().resolution;
            let Resolution::Resolved { outcome: other, .. } = lost else { panic!("{lost:?}") };
            assert_eq!(other.get(), 1.0 - outcome.get());
        }
        for stranger in ["", "0x1", "0xcore_12_29", "'\"}{", &"9".repeat(5000)] {
            let error = market.fetch(stranger).await.unwrap_err();
            assert!(matches!(error, MarketError::Unknown { .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn while_a_game_runs_there_is_no_price_and_no_outcome() {
    let clock = Clock::stepped(START);
    let config = SimulatorConfig { events: Some(1), dispute: 2 * HOUR, ..SimulatorConfig::new(5, clock.clone()) };
    let handle = simulator::spawn(config).unwrap();
    let settings = AzuroSettings { http: http(&handle.url()), ..AzuroSettings::default() };
    let market = Azuro::new(settings, clock.clone()).unwrap();
    let id = market.list().await.unwrap().remove(0).event.id;
    assert!(market.fetch(&id).await.unwrap().quote.is_some());
    for hours in [24, 24] {
        clock.advance(hours * HOUR);
        assert!(market.list().await.unwrap().is_empty());
        let running = market.fetch(&id).await.unwrap();
        assert_eq!((running.quote, running.resolution), (None, Resolution::Open));
    }
    clock.advance(2 * HOUR);
    assert!(matches!(market.fetch(&id).await.unwrap().resolution, Resolution::Resolved { .. }));
}

#[tokio::test]
async fn one_bad_game_costs_only_itself() {
    let with = |n: u64, field: &str, value: Value| {
        let mut game = game(n, 5);
        game[field] = value;
        game
    };
    let condition = |n: u64, change: &dyn Fn(&mut Value)| {
        let mut game = game(n, 5);
        change(&mut game["conditions"][0]);
        game
    };
    let games = vec![
        game(1, 5),
        json!("a text"),
        json!(null),
        json!({"gameId": "3"}),
        with(4, "startsAt", json!("soon")),
        with(5, "startsAt", json!(-7)),
        with(6, "startsAt", json!("99999999999999999")),
        with(7, "conditions", json!(null)),
        with(8, "conditions", json!([null, 7, {"outcomes": "none"}, {"outcomes": []}])),
        with(9, "status", json!("Canceled")),
        with(10, "status", json!("Resolved")),
        game(11, -1),
        game(12, 24 * 15),
        game(1, 6),
        condition(13, &|it| it["status"] = json!("Canceled")),
        condition(14, &|it| it["outcomes"][0]["id"] = json!("0x\u{1b}[2J")),
        condition(15, &|it| it["outcomes"] = json!([{"id": "0xc_157_1", "outcomeId": "999999", "currentOdds": "2.0"}])),
        condition(16, &|it| it["outcomes"][0]["currentOdds"] = json!("NaN")),
        condition(17, &|it| it["status"] = json!("Paused")),
        condition(18, &|it| {
            for outcome in it["outcomes"].as_array_mut().unwrap() {
                outcome["currentOdds"] = json!(1.4);
            }
        }),
        with(19, "startsAt", json!(RECORDED.as_secs() + 60)),
    ];
    let server = subgraph(move |question| {
        let page = games.iter().skip(skip_of(&question)).take(3).cloned().collect::<Vec<_>>();
        data(&page)
    })
    .await;
    let market = client_with(&server.url, |_| ());
    let listings = market.list().await.unwrap();
    assert_eq!(ids(&listings), ["0xc_17_29", "0xc_167_29", "0xc_177_29", "0xc_197_29"]);
    let prices: Vec<_> = listings.iter().map(|listing| listing.quote.map(|quote| quote.price.get())).collect();
    assert_eq!(prices, [Some(0.5), None, None, Some(0.5)], "odds that are none, and a pause, are no price");
    let expected = Skipped {
        malformed: 6 + 3,
        unnamed: 1,
        started: 1,
        too_far_ahead: 1,
        not_trading: 2,
        repeated: 1,
        no_question: 6,
        other_sports: 0,
    };
    assert_eq!(market.skipped(), expected);
}

#[tokio::test]
async fn sports_can_be_chosen_and_a_game_may_bring_more_than_one_question() {
    let server = subgraph(|_| {
        let mut tennis = game(1, 5);
        tennis["sport"] = json!({"slug": "tennis"});
        let mut two = game(2, 5);
        let mut other = two["conditions"][0].clone();
        (other["conditionId"], other["outcomes"][0]["id"]) = (json!("3"), json!("other"));
        two["conditions"].as_array_mut().unwrap().push(other);
        data(&[tennis, two])
    })
    .await;
    let listed = async |sports: &[&str], per_game: usize| {
        let sports = sports.iter().map(|sport| (*sport).to_owned()).collect();
        let market = client_with(&server.url, |it| (it.sports, it.per_game) = (sports, per_game));
        let listings = market.list().await.unwrap();
        ids(&listings).join(" ")
    };
    assert_eq!(listed(&["Tennis"], 9).await, "0xc_17_29");
    assert_eq!(listed(&["football", "darts"], 9).await, "other 0xc_27_29", "in the order of the conditions' numbers");
    assert_eq!(listed(&[], 1).await, "0xc_17_29 other");
}

#[tokio::test]
async fn a_walk_through_the_pages_ends_whatever_they_bring() {
    // The same page for ever; and full pages of new games for ever.
    for (endless, most) in [(false, 2), (true, 50)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let server = subgraph(move |question| {
            counter.fetch_add(1, Ordering::SeqCst);
            let first = if endless { skip_of(&question) as u64 } else { 0 };
            data(&[game(first + 1, 1), game(first + 2, 1), game(first + 3, 1)])
        })
        .await;
        let listings = client_with(&server.url, |_| ()).list().await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), most);
        assert_eq!(listings.len(), if endless { 150 } else { 3 });
    }
    // A Graph node skips no more than 5000.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let server = subgraph(move |question| {
        seen.lock().unwrap().push(skip_of(&question));
        let from = skip_of(&question) as u64;
        data(&(0..1000).map(|n| game(from + n, 1)).collect::<Vec<_>>())
    })
    .await;
    client_with(&server.url, |it| it.page = 20_000).list().await.unwrap();
    assert_eq!(*asked.lock().unwrap(), [0, 1000, 2000, 3000, 4000, 5000]);
}

#[tokio::test]
async fn pages_that_are_cut_or_huge_or_errors_are_told_and_what_was_read_counts() {
    type Second = fn() -> Response;
    let broken: [(Second, &str); 7] = [
        (|| "{\"data\":{\"games\":[{\"gameId\":".into_response(), "a page of games"),
        (|| "<html>".into_response(), "a page of games"),
        (
            || json!({"data": null, "errors": [{"message": "store timeout"}]}).to_string().into_response(),
            "store timeout",
        ),
        (|| json!({}).to_string().into_response(), "neither data nor errors"),
        (|| vec![b' '; 70_000].into_response(), "reasonable size"),
        (|| (StatusCode::FORBIDDEN, "not from here").into_response(), "403"),
        (|| (StatusCode::FORBIDDEN, "not in your country").into_response(), "this region (HTTP 403"),
    ];
    for (second, words) in broken {
        let server = subgraph(move |question| match skip_of(&question) {
            0 => data(&[game(1, 1), game(2, 1), game(3, 1)]),
            _ => second(),
        })
        .await;
        let listings = client_with(&server.url, |it| it.http.max_body = 60_000).list().await.unwrap();
        assert_eq!(listings.len(), 3, "{words}");
        let server = subgraph(move |_| second()).await;
        let market = client_with(&server.url, |it| it.http.max_body = 60_000);
        let error = market.list().await.unwrap_err().to_string();
        let says_where = error.contains(&server.url) || error.contains("`--market.azuro.url`");
        assert!(error.contains(words) && says_where, "{error}");
        let error = market.fetch("0xc_17_29").await.unwrap_err();
        assert!(!matches!(error, MarketError::Unknown { .. }), "{error}");
    }
}

#[tokio::test]
async fn data_beside_an_error_is_used() {
    let server = subgraph(|_| {
        json!({"data": {"games": [game(1, 1)]}, "errors": [{"message": "indexing_error"}]}).to_string().into_response()
    })
    .await;
    assert_eq!(client_with(&server.url, |_| ()).list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let server = subgraph(move |_| match counter.fetch_add(1, Ordering::SeqCst) {
        0 => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")], "slowly").into_response(),
        1 => StatusCode::BAD_GATEWAY.into_response(),
        2 => data(&[game(1, 1)]),
        _ => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3600")], "go away").into_response(),
    })
    .await;
    let market = client_with(&server.url, |_| ());
    assert_eq!(market.list().await.unwrap().len(), 1);
    for _ in 0..3 {
        let error = market.list().await.unwrap_err();
        assert!(matches!(error, MarketError::Refused { status: 429, .. }), "{error}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 4, "within the hour nothing more is sent");
}

#[tokio::test]
async fn an_older_subgraph_is_asked_for_less() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let server = subgraph(move |question| {
        let query = question["query"].as_str().unwrap().to_owned();
        let is_new = query.contains("wonOutcomeIds");
        seen.lock().unwrap().push(is_new);
        if is_new {
            let message = "Type `Condition` has no field `wonOutcomeIds`";
            return json!({"errors": [{ "message": message }]}).to_string().into_response();
        }
        data(&[game(1, 1)])
    })
    .await;
    let market = client_with(&server.url, |_| ());
    for _ in 0..2 {
        assert_eq!(market.list().await.unwrap().len(), 1);
    }
    assert_eq!(*asked.lock().unwrap(), [true, false, false], "it is remembered");
}

#[tokio::test]
async fn of_several_chains_the_first_goes_first_and_one_may_fail() {
    async fn chain(State(down): State<&'static str>, Path(chain): Path<String>, body: String) -> Response {
        let question: Value = serde_json::from_str(&body).unwrap();
        let own = |n: u64| {
            let mut game = game(n, 5);
            game["conditions"][0]["outcomes"][0]["id"] = json!(format!("{chain}_{n}"));
            game
        };
        if chain == down {
            return (StatusCode::NOT_FOUND, "404 page not found").into_response();
        }
        if let Some(id) = question["variables"]["id"].as_str() {
            let mut found = own(9)["conditions"][0].clone();
            found["game"] = own(9);
            found["outcomes"][0]["id"] = json!("gnosis_9");
            let outcome = (chain == "gnosis" && id == "gnosis_9").then(|| json!({"id": id, "condition": found}));
            return json!({"data": {"outcome": outcome}}).to_string().into_response();
        }
        let games = if chain == "polygon" { [own(1), own(2)] } else { [own(2), own(9)] };
        data(&games)
    }
    let look = async |down: &'static str| {
        let server = api(Router::new().route("/azuro/{chain}", post(chain)).with_state(down)).await;
        let market = client_with(&format!("{}/azuro/{{chain}}", server.url), |it| {
            it.chains = vec!["polygon".to_owned(), "gnosis".to_owned()];
        });
        let listed = market.list().await.map(|listings| ids(&listings).join(" "));
        (listed, market.fetch("gnosis_9").await.map(|found| found.event.id), market.fetch("gnosis_8").await)
    };
    let (listed, found, unknown) = look("none").await;
    assert_eq!((listed.unwrap().as_str(), found.unwrap().as_str()), ("polygon_1 polygon_2 gnosis_9", "gnosis_9"));
    assert!(matches!(unknown, Err(MarketError::Unknown { .. })));
    let (listed, found, unknown) = look("polygon").await;
    assert_eq!((listed.unwrap().as_str(), found.unwrap().as_str()), ("gnosis_2 gnosis_9", "gnosis_9"));
    assert!(matches!(unknown, Err(MarketError::Refused { .. })), "one chain could not be asked: it is not unknown");
}

#[tokio::test]
async fn an_answer_about_another_outcome_is_none() {
    for (outcome, words) in [
        (json!({"id": "other", "condition": {}}), "another id"),
        (json!({"id": "x"}), "no `condition`"),
        (json!({"id": "x", "condition": {"outcomes": []}}), "among its `outcomes`"),
        (json!({"id": "x", "condition": {"outcomes": [{"id": "x"}]}}), "no `game`"),
    ] {
        let server = subgraph(move |_| json!({"data": {"outcome": outcome}}).to_string().into_response()).await;
        let error = client_with(&server.url, |_| ()).fetch("x").await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn the_defaults_are_the_addresses_of_today() {
    let page = crate::support::neuron().args(["config", "show", "--netuid", "155"]).output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains(URL) && page.contains(FEED_URL), "{page}");
}
