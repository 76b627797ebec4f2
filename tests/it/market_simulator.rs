//! The simulator is a market like any other, and the same one whoever polls it.

use std::time::Duration;

use neuron::clock::Clock;
use neuron::market::polymarket::gamma::{Discovery, GammaFilter};
use neuron::market::polymarket::{Polymarket, PolymarketSettings};
use neuron::market::simulator::{self, SimulatorConfig};
use neuron::market::{HttpSettings, Listing, Provider, Resolution, Review};
use neuron::units::UnixMs;

const HOUR: Duration = Duration::from_secs(3600);
const START: UnixMs = UnixMs::from_secs(1_767_225_600);

fn client(url: String, clock: &Clock) -> Polymarket {
    let http = HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(url) };
    Polymarket::new(PolymarketSettings { http, ..PolymarketSettings::default() }, clock.clone()).unwrap()
}

fn config(seed: u64, clock: &Clock) -> SimulatorConfig {
    SimulatorConfig { events: Some(8), page_size: 3, ..SimulatorConfig::new(seed, clock.clone()) }
}

#[tokio::test]
async fn every_event_is_listed_priced_and_resolved_once() {
    let clock = Clock::stepped(START);
    let handle = simulator::spawn(config(5, &clock)).unwrap();
    let market = client(handle.url(), &clock);
    let mut listed = std::collections::BTreeMap::new();
    for _ in 0..60 {
        for listing in market.list().await.unwrap() {
            let Listing { event, quote, resolution } = listing;
            assert_eq!(resolution, Resolution::Open);
            assert!(clock.now() < event.cutoff);
            let index = handle.world().index(&event.id).unwrap();
            assert_eq!(quote.unwrap().price.get(), handle.world().price(index, clock.now()));
            *listed.entry(event.id).or_insert(0) += 1;
        }
        clock.advance(HOUR);
    }
    assert_eq!(listed.len(), 8);
    assert!(listed.values().all(|times| *times == 24), "a day of hours until the cutoff: {listed:?}");
    for id in listed.keys() {
        let expected = handle.world().outcome(handle.world().index(id).unwrap());
        assert_eq!(market.fetch(id).await.unwrap().resolution, Resolution::Resolved { outcome: expected, at: None });
        assert_eq!(handle.truth(id, clock.now()), Some(expected));
    }
}

#[tokio::test]
async fn gammas_markets_and_events_are_those_of_the_order_book() {
    let clock = Clock::stepped(START);
    let handle = simulator::spawn(config(5, &clock)).unwrap();
    clock.advance(5 * HOUR);
    let by = async |discovery: Discovery, gamma: GammaFilter| {
        let http = HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(handle.url()) };
        let settings =
            PolymarketSettings { gamma_http: http.clone(), http, discovery, gamma, ..PolymarketSettings::default() };
        let mut found = Polymarket::new(settings, clock.clone()).unwrap().list().await.unwrap();
        found.sort_by(|a, b| a.event.key.cmp(&b.event.key));
        // The same prices, whoever tells them.
        found
            .iter_mut()
            .filter_map(|it| it.quote.as_mut())
            .for_each(|it| it.source = neuron::market::PriceSource::Listed);
        found
    };
    let book = by(Discovery::Clob, GammaFilter::default()).await;
    assert!(book.len() > 3, "more than a page: {}", book.len());
    assert_eq!(by(Discovery::Gamma, GammaFilter::default()).await, book);
    let tagged = GammaFilter { tags: vec!["simulated".into()], min_volume: 1000.0, ..GammaFilter::default() };
    assert_eq!(by(Discovery::GammaEvents, tagged).await, book);
    assert!(by(Discovery::Gamma, GammaFilter { min_volume: 1001.0, ..GammaFilter::default() }).await.is_empty());
}

#[tokio::test]
async fn the_oracle_proposes_an_outcome_and_then_it_is_resolved() {
    let clock = Clock::stepped(START);
    let world = SimulatorConfig { dispute: HOUR, ..config(5, &clock) };
    let handle = simulator::spawn(world).unwrap();
    let http = HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(handle.url()) };
    let settings = PolymarketSettings { gamma_http: http.clone(), http, ..PolymarketSettings::default() };
    let market = Polymarket::new(settings, clock.clone()).unwrap();
    let ids = vec![market.list().await.unwrap()[0].event.id.clone(), "0xunknown".to_owned()];
    let mut said = Vec::new();
    for _ in 0..120 {
        said.push(market.reviews(&ids).await.unwrap().first().map(|(id, review)| (id == &ids[0], *review)));
        clock.advance(HOUR / 2);
    }
    said.dedup();
    assert_eq!(said, [None, Some((true, Review::Proposed)), Some((true, Review::Resolved))]);
    // Who names a simulator for the order book alone asks no other server.
    assert!(client(handle.url(), &clock).reviews(&ids).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_same_seed_is_the_same_world_whenever_it_is_polled() {
    let look = |seed: u64, warm_up: u32| async move {
        let clock = Clock::stepped(START);
        let handle = simulator::spawn(config(seed, &clock)).unwrap();
        let market = client(handle.url(), &clock);
        for _ in 0..warm_up {
            market.list().await.unwrap();
        }
        clock.advance(6 * HOUR);
        market.list().await.unwrap()
    };
    let first = look(1, 0).await;
    assert_eq!(first.len(), 7);
    assert_eq!(first, look(1, 3).await);
    assert_ne!(first, look(2, 0).await);
}

#[tokio::test]
async fn a_dropped_simulator_frees_its_port_and_a_taken_one_is_said() {
    let clock = Clock::stepped(START);
    let handle = simulator::spawn(config(1, &clock)).unwrap();
    let listen = handle.url().trim_start_matches("http://").parse().unwrap();
    let again = || SimulatorConfig { listen, ..config(1, &clock) };
    let error = simulator::spawn(again()).unwrap_err().to_string();
    assert!(error.contains(&listen.to_string()) && error.contains("--listen"), "{error}");
    drop(handle);
    let mut freed = simulator::spawn(again());
    while freed.is_err() {
        // The server's task closes the port when it next runs.
        tokio::task::yield_now().await;
        freed = simulator::spawn(again());
    }
}
