//! Real markets as they were recorded: every page is read whole, every history plays through.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use neuron::market::polymarket::Skipped;
use neuron::market::polymarket::gamma::Discovery;
use neuron::market::{HttpSettings, PriceSource, Provider as _, Resolution, tape};
use serde_json::{Value, json};

use crate::market_polymarket::{RECORDED, api, client, client_with, page, pages};
use crate::market_tape::play;
use crate::needs::shared;

tests! {
    blocking: recorded_pages_are_a_tape_too;
    asynchronous: a_recorded_page_is_read_whole, recorded_markets_of_gamma_are_read_and_those_in_dispute_are_not_asked, old_recorded_markets_show_every_way_to_end, the_recorded_history_plays_through
}

async fn a_recorded_page_is_read_whole() {
    let path = shared("data/polymarket-api/clob_sampling_markets_page1_a.json");
    // The recording ends with the cursor of a second page, which nobody recorded.
    let text = std::fs::read_to_string(path).unwrap().replace("\"MTAwMA==\"", "\"1\"");
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let recorded = recorded["data"].as_array().unwrap();
    let without_end = recorded.iter().filter(|market| market["end_date_iso"].is_null()).count();
    let api = api(pages(vec![text, page(&[], "LTE=")])).await;
    let market = client_with(&api.url, |s| s.max_ahead = Duration::from_secs(4000 * 86_400));
    let listings = market.list().await.unwrap();
    let skipped = market.skipped();
    // Answers end a day before the end, and when the game starts.
    let moment = |market: &Value, name: &str| {
        let text = market[name].as_str()?;
        Some(text.parse::<Timestamp>().unwrap().as_millisecond())
    };
    let cutoff = |market: &Value| {
        let day_before = moment(market, "end_date_iso")? - 86_400_000;
        Some(moment(market, "game_start_time").map_or(day_before, |start| start.min(day_before)))
    };
    let past_cutoff =
        recorded.iter().filter(|market| cutoff(market).is_some_and(|cutoff| cutoff <= RECORDED.0)).count();
    assert_eq!(skipped, Skipped { no_end_date: without_end, past_cutoff, ..Skipped::default() });
    assert_eq!(listings.len(), recorded.len() - without_end - past_cutoff);
    for listing in &listings {
        assert_eq!(listing.resolution, Resolution::Open);
        let quote = listing.quote.expect("every recorded open market has a price");
        assert_eq!(quote.at, RECORDED);
        let id = listing.event.id.as_str();
        let market = recorded.iter().find(|market| market["condition_id"] == id).unwrap();
        assert_eq!(Some(listing.event.cutoff.0), cutoff(market), "{id}");
        assert!(listing.event.description.as_raw().contains(market["question"].as_str().unwrap().trim()), "{id}");
    }
}

/// Entries of Gamma's lists as keyset pages of a hundred, the first of them twice, as when a list changes while it is read.
fn keyset(path: &str, name: &'static str, entries: Vec<Value>) -> Router {
    let page = async move |Query(query): Query<HashMap<String, String>>| {
        let skip: usize = query.get("after_cursor").map_or(0, |cursor| cursor.parse().unwrap());
        let from = skip.saturating_sub(1);
        let some = entries.iter().skip(from).take(100 + skip - from).collect::<Vec<_>>();
        let next = (skip + 100 < entries.len()).then(|| (skip + 100).to_string());
        Json(json!({name: some, "next_cursor": next}))
    };
    Router::new().route(path, get(page))
}

async fn recorded_markets_of_gamma_are_read_and_those_in_dispute_are_not_asked() {
    let read = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(shared("data/polymarket-api").join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let markets = read("gamma_markets_mixed.json");
    let events = read("gamma_events_10.json");
    let of_events: Vec<Value> =
        events.iter().flat_map(|it| it["markets"].as_array().cloned().unwrap_or_default()).collect();
    for (by, router, recorded) in [
        (Discovery::Gamma, keyset("/markets/keyset", "markets", markets.clone()), markets),
        (Discovery::GammaEvents, keyset("/events/keyset", "events", events), of_events),
    ] {
        let api = api(router).await;
        let market = client_with(&api.url, |s| {
            (s.discovery, s.max_ahead) = (by, Duration::from_secs(40_000 * 86_400));
            s.gamma_http = HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(&api.url) };
        });
        let listings = market.list().await.unwrap();
        let skipped = market.skipped();
        let status = |market: &Value| market["umaResolutionStatus"].as_str().unwrap_or_default().to_owned();
        let in_doubt = |market: &Value| matches!(status(market).as_str(), "proposed" | "disputed");
        let open =
            |market: &&Value| market["closed"] == false && market["acceptingOrders"] == true && !in_doubt(market);
        let find = |id: &str| recorded.iter().find(|market| market["conditionId"] == id).unwrap();
        for listing in &listings {
            let market = find(&listing.event.id);
            assert!(open(&market), "{} is not offered", listing.event.id);
            assert!(listing.event.description.as_raw().contains(market["question"].as_str().unwrap().trim()));
            let first =
                market["outcomePrices"].as_str().and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
            let first: Option<f64> = first.and_then(|prices| prices.first()?.parse().ok());
            if let Some(quote) = listing.quote {
                assert_eq!((Some(quote.price.get()), quote.source), (first, PriceSource::Gamma));
            }
        }
        let repeats = recorded.len().saturating_sub(1) / 100;
        assert!(skipped.proposed >= recorded.iter().filter(|market| in_doubt(market)).count(), "{skipped}");
        assert_eq!(skipped.malformed, 0, "{skipped}");
        let offered = recorded.iter().filter(open).count();
        let lost = skipped.no_end_date + skipped.past_cutoff + skipped.not_binary + skipped.unnamed;
        assert!(listings.len() + lost + skipped.repeated >= offered, "{} of {offered}; {skipped}", listings.len());
        assert!(by == Discovery::GammaEvents || (!listings.is_empty() && repeats > 0), "{skipped}");
        let ids: std::collections::HashSet<&str> = listings.iter().map(|it| it.event.id.as_str()).collect();
        assert_eq!(ids.len(), listings.len(), "none twice");
    }
}

async fn old_recorded_markets_show_every_way_to_end() {
    let path = shared("data/polymarket-api/clob_markets_page1_half.json");
    let text = std::fs::read_to_string(path).unwrap();
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let by_id: Arc<std::collections::HashMap<String, String>> = Arc::new(
        recorded["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| (m["condition_id"].as_str().unwrap().to_owned(), m.to_string()))
            .collect(),
    );
    let served = Arc::clone(&by_id);
    let api = api(
        Router::new().route("/markets/{id}", get(move |Path(id): Path<String>| async move { served[&id].clone() }))
    )
    .await;
    let market = client(&api.url);
    let (mut won, mut lost, mut split, mut open, mut void) = (0, 0, 0, 0, 0);
    for id in by_id.keys().filter(|id| !id.is_empty()) {
        match market.fetch(id).await.unwrap().resolution {
            Resolution::Resolved { outcome, .. } if outcome.get() == 1.0 => won += 1,
            Resolution::Resolved { outcome, .. } if outcome.get() == 0.0 => lost += 1,
            Resolution::Resolved { .. } => split += 1,
            Resolution::Open => open += 1,
            Resolution::Void => void += 1,
        }
    }
    let count = |test: &dyn Fn(&Value, [bool; 2]) -> bool| {
        let markets = recorded["data"].as_array().unwrap().iter().filter(|m| m["condition_id"] != "");
        markets.filter(|m| test(m, [0, 1].map(|token| m["tokens"][token]["winner"] == true))).count()
    };
    assert_eq!(won, count(&|m, winners| m["closed"] == true && winners == [true, false]));
    assert_eq!(lost, count(&|m, winners| m["closed"] == true && winners == [false, true]));
    assert_eq!(split, count(&|m, winners| m["is_50_50_outcome"] == true && winners == [false, false]));
    assert_eq!(
        void,
        count(&|m, winners| m["archived"] == true && m["is_50_50_outcome"] == false && winners == [false, false])
    );
    assert_eq!(won + lost + split + void + open, by_id.keys().filter(|id| !id.is_empty()).count());
}

async fn the_recorded_history_plays_through() {
    let folder = shared("data/polymarket-history");
    let tape = tape::load(&folder).unwrap();
    let unusable = tape.unusable();
    assert_eq!((unusable.bad_rows, unusable.orphan_prices), (0, 0), "{unusable:?}");
    let settled = tape.markets().iter().filter(|m| m.settled.is_some()).count();
    let scorable = tape.clone().only_scorable(1).markets().len();
    eprintln!("{} markets, {settled} settled, {scorable} of them with prices, {unusable:?}", tape.markets().len());
    assert!(scorable > 0);
    let with_prices = play(tape.only_scorable(1), Some(Duration::from_secs(2 * 86_400))).await;
    assert!(with_prices >= scorable * 9 / 10, "{with_prices} of {scorable} were met by a poll every two days");
}

fn recorded_pages_are_a_tape_too() {
    let folder = shared("data/polymarket-api");
    let tape = tape::load(&folder).unwrap();
    let settled = tape.markets().iter().filter(|m| m.settled.is_some()).count();
    let gamma =
        tape.markets().iter().filter(|m| m.settled.is_some_and(|(at, _)| at.0 % 1000 == 0 && at.0 % 86_400_000 != 0));
    eprintln!(
        "{} markets, {settled} settled, {} at a second of Gamma, {:?}",
        tape.markets().len(),
        gamma.count(),
        tape.unusable()
    );
    assert!(settled > 0 && tape.markets().len() > settled, "{settled}");
}
