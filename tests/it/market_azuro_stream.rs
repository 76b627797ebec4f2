//! Azuro's prices by its stream: told, polled meanwhile, replaced when it is silent, gone or wrong; and what it says of an end is
//! confirmed by the subgraph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::IntoResponse as _;
use neuron::clock::Clock;
use neuron::market::azuro::{Azuro, AzuroSettings, FeedFacts, Prices, StreamSettings};
use neuron::market::simulator::{self, SimulatorConfig};
use neuron::market::tape::{self, Recorder, Rotation};
use neuron::market::{HttpSettings, PriceSource, Provider, Resolution};
use neuron::units::UnixMs;
use serde_json::{Value, json};
use soketto::handshake::Server;
use soketto::handshake::server::Response;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::compat::TokioAsyncReadCompatExt as _;

use crate::market_azuro::{client_with, game, subgraph};
use crate::market_polymarket::Api;

const MINUTE: Duration = Duration::from_secs(60);
const START: UnixMs = UnixMs::from_secs(1_767_225_600);

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Talk {
    /// It is open, and answers nothing.
    Silent,
    /// It is closed at once.
    Gone,
    /// It says what is put into [`Talker::says`].
    Says,
}

/// A stream of ours. The first connections do what they are told to; later ones talk.
struct Talker {
    url: String,
    connections: Arc<AtomicU64>,
    says: Arc<Mutex<VecDeque<String>>>,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Talker {
    async fn new(first: &'static [Talk]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/v1/streams/feed", listener.local_addr().unwrap());
        let talker = Self { url, connections: Arc::default(), says: Arc::default(), heard: Arc::default() };
        let (connections, says, heard) = (talker.connections.clone(), talker.says.clone(), talker.heard.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let number = connections.fetch_add(1, Ordering::SeqCst) as usize;
                let talk = first.get(number).copied().unwrap_or(Talk::Says);
                tokio::spawn(serve(socket, talk, says.clone(), heard.clone()));
            }
        });
        talker
    }

    fn say(&self, event: &str, data: &Value) {
        self.say_frame(json!({"event": event, "data": data}).to_string());
    }

    fn say_frame(&self, frame: String) {
        self.says.lock().unwrap().push_back(frame);
    }

    fn subscriptions(&self, event: &str) -> Vec<Value> {
        self.heard
            .lock()
            .unwrap()
            .iter()
            .filter(|said| said["event"] == event)
            .map(|said| said["data"].clone())
            .collect()
    }
}

async fn serve(socket: TcpStream, talk: Talk, says: Arc<Mutex<VecDeque<String>>>, heard: Arc<Mutex<Vec<Value>>>) {
    let mut server = Server::new(socket.compat());
    let Ok(request) = server.receive_request().await else { return };
    let key = request.key();
    server.send_response(&Response::Accept { key, protocol: None }).await.unwrap();
    let (mut sender, mut receiver) = server.into_builder().finish();
    match talk {
        Talk::Gone => return,
        Talk::Silent => std::future::pending().await,
        Talk::Says => {}
    }
    let listening = tokio::spawn(async move {
        let mut said = Vec::new();
        while receiver.receive_data(&mut said).await.is_ok() {
            heard.lock().unwrap().extend(serde_json::from_slice::<Value>(&said));
            said.clear();
        }
    });
    while !listening.is_finished() {
        let frames: Vec<String> = says.lock().unwrap().drain(..).collect();
        for frame in frames {
            let _ = sender.send_text(frame).await;
        }
        let _ = sender.flush().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Three games at 2, 4 and 4, so that the first outcome is at one half; what their conditions are is said by `conditions`.
async fn three_games(conditions: Arc<Mutex<BTreeMap<u64, Value>>>) -> Api {
    subgraph(move |question| {
        let with = |n: u64| {
            let mut game = game(n, 5);
            if let Some(changes) = conditions.lock().unwrap().get(&n) {
                for (field, value) in changes.as_object().unwrap() {
                    game["conditions"][0][field] = value.clone();
                }
            }
            game
        };
        let id = question["variables"]["id"].as_str().unwrap_or_default();
        let Some(n) = id.strip_prefix("0xc_").and_then(|rest| rest[..1].parse().ok()) else {
            // The list knows nothing of ends yet.
            let games: Vec<Value> = (1..=3).map(|n| game(n, 5)).collect();
            return json!({"data": {"games": games}}).to_string().into_response();
        };
        let game = with(n);
        let mut condition = game["conditions"][0].clone();
        condition["game"] = game;
        json!({"data": {"outcome": {"id": id, "condition": condition}}}).to_string().into_response()
    })
    .await
}

fn client(api: &Api, stream: &str, silence: Duration) -> Azuro {
    let stream = StreamSettings { ping: Duration::from_millis(50), silence, ..StreamSettings::at(stream) };
    client_with(&api.url, |settings| (settings.prices, settings.stream, settings.page) = (Prices::Stream, stream, 100))
}

/// The prices of the three games and what they are made of.
async fn prices(market: &Azuro) -> Vec<Option<(f64, PriceSource)>> {
    let listings = market.list().await.unwrap();
    assert_eq!(listings.len(), 3);
    listings.iter().map(|it| it.quote.map(|quote| (quote.price.get(), quote.source))).collect()
}

/// Looks until it is so.
async fn until(market: &Azuro, what: &str, is_so: impl Fn(&[Option<(f64, PriceSource)>], FeedFacts) -> bool) {
    for _ in 0..400 {
        let now = prices(market).await;
        if is_so(&now, market.stream().unwrap()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never {what}: {:?}, {:?}", prices(market).await, market.stream());
}

const POLLED: Option<(f64, PriceSource)> = Some((0.5, PriceSource::Odds));
const PATIENT: Duration = Duration::from_secs(60);

/// Odds at which the first outcome is a little dearer than in the list.
fn dearer(n: u64) -> Value {
    json!({"id": format!("{n}7"), "state": "Active", "outcomes": [{"outcomeId": "29", "currentOdds": "1.96"}]})
}

fn is_dearer(price: Option<(f64, PriceSource)>) -> bool {
    let expected = (1.0 / 1.96) / (1.0 / 1.96 + 0.5);
    price.is_some_and(|(price, source)| (price - expected).abs() < 1e-12 && source == PriceSource::StreamedOdds)
}

#[tokio::test(flavor = "multi_thread")]
async fn odds_that_are_told_are_the_price_and_garbage_changes_nothing() {
    let (api, talker) = (three_games(Arc::default()).await, Talker::new(&[]).await);
    let market = client(&api, &talker.url, PATIENT);
    assert_eq!(prices(&market).await, [POLLED; 3], "at first");
    until(&market, "subscribed", |_, _| !talker.subscriptions("SubscribeGames").is_empty()).await;
    let subscription = &talker.subscriptions("SubscribeConditions")[0];
    assert_eq!(*subscription, json!({"conditionIds": ["17", "27", "37"], "environment": "PolygonUSDT"}));
    for frame in [
        "garbage",
        "[1",
        "{}",
        "\u{0}",
        r#"{"event":"ConditionUpdated","data":{"id":"17","outcomes":[{"outcomeId":"29","currentOdds":"-1"}]}}"#,
    ] {
        talker.say_frame(frame.to_owned());
    }
    talker.say("ConditionUpdated", &dearer(2));
    until(&market, "told", |prices, facts| is_dearer(prices[1]) && facts.malformed == 5).await;
    let now = prices(&market).await;
    assert_eq!((now[0], now[2]), (POLLED, POLLED), "nothing was told of these");
    let facts = market.stream().unwrap();
    assert_eq!((facts.connections, facts.updates, facts.conditions), (1, 1, 3));
    assert_eq!(market.between_looks().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_silent_or_gone_is_replaced_and_prices_are_polled_meanwhile() {
    for (first, silent) in [(&[Talk::Silent][..], 1), (&[Talk::Gone, Talk::Gone], 0)] {
        let (api, talker) = (three_games(Arc::default()).await, Talker::new(first).await);
        let market = client(&api, &talker.url, Duration::from_millis(300));
        let wanted = first.len() as u64 + 1;
        until(&market, "replaced", |prices, facts| {
            assert_eq!(prices, [POLLED; 3], "meanwhile");
            facts.connections == wanted && talker.subscriptions("SubscribeGames").len() == 1
        })
        .await;
        talker.say("ConditionUpdated", &dearer(1));
        until(&market, "told", |prices, _| is_dearer(prices[0])).await;
        assert_eq!(market.stream().unwrap().silent, silent);
        assert_eq!(talker.connections.load(Ordering::SeqCst), wanted);
    }
    // Nobody there at all.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let api = three_games(Arc::default()).await;
    let market = client(&api, &format!("ws://{nobody}/"), PATIENT);
    for _ in 0..3 {
        assert_eq!(prices(&market).await, [POLLED; 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_tells_what_is_not_so_is_not_believed_and_replaced() {
    let (api, talker) = (three_games(Arc::default()).await, Talker::new(&[]).await);
    let market = client(&api, &talker.url, Duration::from_millis(300));
    until(&market, "subscribed", |_, _| !talker.subscriptions("SubscribeGames").is_empty()).await;
    talker.say("ConditionUpdated", &json!({"id": "17", "outcomes": [{"outcomeId": "29", "currentOdds": "1.5"}]}));
    until(&market, "replaced", |prices, facts| {
        assert_eq!(prices, [POLLED; 3]);
        facts.outdated == 1 && facts.connections == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_calls_held_has_no_price_and_what_it_calls_over_ends_as_the_subgraph_says() {
    let conditions = Arc::<Mutex<BTreeMap<u64, Value>>>::default();
    let (api, talker) = (three_games(conditions.clone()).await, Talker::new(&[]).await);
    let market = client(&api, &talker.url, PATIENT);
    until(&market, "subscribed", |_, _| !talker.subscriptions("SubscribeGames").is_empty()).await;
    talker.say("ConditionUpdated", &json!({"id": "17", "state": "Stopped"}));
    talker.say("GameUpdated", &json!({"id": "2", "state": "Live"}));
    until(&market, "held", |prices, _| prices[0].is_none() && prices[1].is_none() && prices[2] == POLLED).await;
    talker.say("ConditionUpdated", &json!({"id": "17", "state": "Active"}));
    talker.say("GameUpdated", &json!({"id": "2", "state": "Prematch"}));
    until(&market, "taken up again", |prices, _| prices.iter().all(Option::is_some)).await;

    talker.say("ConditionUpdated", &json!({"id": "17", "state": "Canceled"}));
    talker.say("ConditionUpdated", &json!({"id": "27", "state": "Resolved"}));
    until(&market, "over", |prices, _| prices[0].is_none() && prices[1].is_none()).await;
    let ends = async || {
        let listings = market.list().await.unwrap();
        listings.into_iter().map(|it| it.resolution).collect::<Vec<_>>()
    };
    assert_eq!(ends().await, [Resolution::Open; 3], "the subgraph knows nothing of it");
    conditions.lock().unwrap().insert(1, json!({"status": "Canceled"}));
    conditions.lock().unwrap().insert(2, json!({"status": "Resolved", "wonOutcomeIds": ["29"]}));
    let ends = ends().await;
    assert_eq!((ends[0], ends[2]), (Resolution::Void, Resolution::Open));
    assert!(matches!(ends[1], Resolution::Resolved { outcome, .. } if outcome.get() == 1.0), "{ends:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_tells_what_its_list_says_and_a_recorder_hears_it() {
    let clock = Clock::stepped(START);
    let config = SimulatorConfig {
        spacing: MINUTE * 2,
        horizon: MINUTE * 240,
        step: MINUTE,
        lag: MINUTE,
        start: Some(START),
        events: Some(8),
        ..SimulatorConfig::new(7, clock.clone())
    };
    let world = simulator::spawn(config).unwrap();
    clock.advance(MINUTE * 20);
    let http = HttpSettings { spacing: Duration::ZERO, retries: 0, ..HttpSettings::at(world.url()) };
    let settings = |prices| AzuroSettings {
        http: http.clone(),
        prices,
        stream: StreamSettings::at(format!("{}/v1/streams/feed", world.url().replace("http://", "ws://"))),
        ..AzuroSettings::default()
    };
    let listed = Azuro::new(settings(Prices::Listed), clock.clone()).unwrap();
    let told = Azuro::new(settings(Prices::Stream), clock.clone()).unwrap();
    let quotes = async |market: &Azuro| -> BTreeMap<String, (f64, PriceSource)> {
        let listings = market.list().await.unwrap();
        let quoted = listings.into_iter().filter_map(|it| Some((it.event.id, it.quote?)));
        quoted.map(|(id, quote)| (id, (quote.price.get(), quote.source))).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(folder.path(), Rotation::default(), clock.clone()).await.unwrap();
    recorder.round(&told).await.unwrap();
    let mut agreed = 0;
    for _ in 0..40 {
        clock.advance(MINUTE);
        // Until the stream has told of this minute, if it is subscribed to already.
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let (one, two) = (quotes(&told).await, quotes(&listed).await);
            assert_eq!(one.len(), two.len());
            let near = |(id, (price, _)): (&String, &(f64, PriceSource))| (price - two[id].0).abs() < 1e-9;
            let streamed = one.values().all(|(_, it)| *it == PriceSource::StreamedOdds);
            if !one.is_empty() && streamed && one.iter().all(near) {
                agreed += 1;
                break;
            }
        }
        if agreed == 3 {
            break;
        }
    }
    assert_eq!(agreed, 3, "{:?}", told.stream());
    recorder.round(&told).await.unwrap();
    let tape = tape::load(folder.path()).unwrap();
    let prices = tape.markets().iter().flat_map(|market| &market.prices);
    let minutes: BTreeSet<i64> = prices.map(|(at, _)| at.since(START) / 60_000).collect();
    assert!(minutes.len() >= 4, "each minute between the two rounds: {minutes:?}");
    let is_streamed = |(_, it): &(UnixMs, PriceSource)| *it == PriceSource::StreamedOdds;
    assert!(tape.markets().iter().any(|market| market.sources.iter().any(is_streamed)));
}

#[tokio::test]
async fn a_wrong_address_is_said_and_a_chain_without_a_name_is_polled() {
    let settings = AzuroSettings {
        prices: Prices::Stream,
        stream: StreamSettings::at("https://host/ws"),
        ..AzuroSettings::default()
    };
    let error = Azuro::new(settings, Clock::wall()).unwrap_err().to_string();
    assert!(error.contains("https://host/ws") && error.contains("--market.azuro.stream_url"), "{error}");
    let (api, talker) = (three_games(Arc::default()).await, Talker::new(&[]).await);
    let stream = StreamSettings::at(&talker.url);
    let market = client_with(&api.url, |settings| {
        (settings.prices, settings.stream, settings.page) = (Prices::Stream, stream, 100);
        settings.environments.clear();
    });
    for _ in 0..3 {
        assert_eq!(prices(&market).await, [POLLED; 3]);
    }
    assert_eq!(market.stream().unwrap().conditions, 0);
}
