//! Prices by the market channel: told, asked for meanwhile, replaced when it is silent or wrong, recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Json, Router};
use neuron::clock::Clock;
use neuron::market::polymarket::{Polymarket, PolymarketSettings, Prices, StreamSettings};
use neuron::market::simulator::{self, SimulatorConfig};
use neuron::market::tape::{self, Recorder, Rotation};
use neuron::market::{HttpSettings, PriceSource, Provider};
use neuron::units::UnixMs;
use serde_json::{Value, json};
use soketto::handshake::Server;
use soketto::handshake::server::Response;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_util::compat::TokioAsyncReadCompatExt as _;

const START: UnixMs = UnixMs(1_767_225_600_000);
const MINUTE: Duration = Duration::from_secs(60);

fn simulated(clock: &Clock) -> simulator::Handle {
    let config = SimulatorConfig {
        spacing: MINUTE * 2,
        horizon: MINUTE * 60,
        step: MINUTE,
        lag: MINUTE,
        start: Some(START),
        events: Some(12),
        ..SimulatorConfig::new(7, clock.clone())
    };
    simulator::spawn(config).unwrap()
}

fn client(url: &str, stream: &str, prices: Prices, clock: &Clock) -> Polymarket {
    let http = HttpSettings { spacing: Duration::ZERO, retries: 0, ..HttpSettings::at(url) };
    let stream = StreamSettings {
        ping: Duration::from_millis(100),
        silence: Duration::from_millis(400),
        ..StreamSettings::at(stream)
    };
    let settings = PolymarketSettings {
        http,
        prices,
        stream,
        cutoff_before_end: MINUTE,
        max_ahead: Duration::from_secs(40_000 * 86_400),
        ..PolymarketSettings::default()
    };
    Polymarket::new(settings, clock.clone()).unwrap()
}

fn channel(url: &str) -> String {
    format!("{}/ws/market", url.replace("http://", "ws://"))
}

async fn prices(market: &Polymarket) -> BTreeMap<String, (f64, PriceSource)> {
    let listings = market.list().await.unwrap();
    let quoted = listings.into_iter().filter_map(|it| Some((it.event.id, it.quote?)));
    quoted.map(|(id, quote)| (id, (quote.price.get(), quote.source))).collect()
}

/// Looks until all prices come from `source`.
async fn until(market: &Polymarket, source: PriceSource) -> BTreeMap<String, (f64, PriceSource)> {
    for _ in 0..200 {
        let prices = prices(market).await;
        if !prices.is_empty() && prices.values().all(|(_, it)| *it == source) {
            return prices;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never all from {source}: {:?}, {:?}", prices(market).await, market.stream());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channel_tells_what_the_list_says_and_a_recorder_hears_every_change() {
    let clock = Clock::stepped(START);
    let world = simulated(&clock);
    clock.advance(MINUTE * 20);
    let listed = client(&world.url(), &channel(&world.url()), Prices::Listed, &clock);
    let asking = client(&world.url(), &channel(&world.url()), Prices::Midpoints, &clock);
    let told = client(&world.url(), &channel(&world.url()), Prices::Stream, &clock);
    assert!(told.list().await.unwrap().iter().all(|it| it.quote.unwrap().source == PriceSource::Midpoint), "at first");
    until(&told, PriceSource::Stream).await;

    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::open(folder.path(), Rotation::default(), clock.clone()).await.unwrap();
    recorder.round(&told).await.unwrap();
    for _ in 0..5 {
        clock.advance(MINUTE);
        // Until the channel has told of this minute.
        for _ in 0..100 {
            let near = |(a, b): (&(f64, PriceSource), &(f64, PriceSource))| (a.0 - b.0).abs() < 1e-9;
            let (one, two) = (prices(&told).await, prices(&listed).await);
            if one.values().zip(two.values()).all(near) && one.values().all(|(_, it)| *it == PriceSource::Stream) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (list, asked, stream) = (prices(&listed).await, prices(&asking).await, prices(&told).await);
        assert_eq!(list.len(), stream.len());
        for (id, (price, source)) in &list {
            assert_eq!(
                (*source, asked[id].1, stream[id].1),
                (PriceSource::Listed, PriceSource::Midpoint, PriceSource::Stream)
            );
            assert!((price - stream[id].0).abs() < 1e-9 && (price - asked[id].0).abs() < 1e-9, "{id}");
        }
    }
    recorder.round(&told).await.unwrap();
    let tape = tape::load(folder.path()).unwrap();
    let between = tape.markets().iter().flat_map(|market| &market.prices);
    let minutes: std::collections::BTreeSet<i64> = between.map(|(at, _)| at.since(START) / 60_000).collect();
    assert!(minutes.len() >= 6, "each minute between the two rounds: {minutes:?}");
    assert!(tape.markets().iter().all(|market| market.sources.iter().all(|(_, it)| *it == PriceSource::Stream)));
    // The second opinion is asked for, whatever the first is.
    let ids: Vec<String> = prices(&listed).await.into_keys().collect();
    let second = listed.second(&ids).await.unwrap();
    assert_eq!(second.len(), ids.len());
    assert!(second.iter().all(|(_, quote)| quote.source == PriceSource::Midpoint));
}

/// How a channel of ours misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// The first connection is open and says nothing.
    SilentOnce,
    /// The first connection tells books of another world, and answers every sign of life.
    WrongOnce,
}

/// A market channel that tells one book at 0.7 for every token, but for how its first connection misbehaves; its address and how
/// many connections it has had.
async fn channel_that(talk: Talk) -> (String, Arc<AtomicU64>) {
    let connections = Arc::new(AtomicU64::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws/market", listener.local_addr().unwrap());
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let number = count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(socket, (number == 0).then_some(talk)));
        }
    });
    (url, connections)
}

/// Serves one connection.
pub async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, talk: Option<Talk>) {
    let mut server = Server::new(socket.compat());
    let Ok(request) = server.receive_request().await else { return };
    let key = request.key();
    server.send_response(&Response::Accept { key, protocol: None }).await.unwrap();
    let (mut sender, mut receiver) = server.into_builder().finish();
    let mut said = Vec::new();
    loop {
        said.clear();
        if receiver.receive_data(&mut said).await.is_err() {
            return;
        }
        let messages = match (talk, serde_json::from_slice::<Value>(&said)) {
            (Some(Talk::SilentOnce), _) => Vec::new(),
            (_, Err(_)) => vec!["PONG".to_owned()],
            (talk, Ok(subscription)) => {
                let [bid, ask] = if talk.is_some() { ["0.01", "0.03"] } else { ["0.69", "0.71"] };
                let tokens = subscription["assets_ids"].as_array().cloned().unwrap_or_default();
                let book = |token: Value| {
                    json!({"event_type": "book", "asset_id": token, "timestamp": "1",
                           "bids": [{"price": bid, "size": "1"}], "asks": [{"price": ask, "size": "1"}]})
                };
                tokens.into_iter().map(|token| book(token).to_string()).collect()
            }
        };
        for message in messages {
            let _ = sender.send_text(message).await;
        }
        let _ = sender.flush().await;
    }
}

/// Twenty markets at 0.7, by list and by midpoint.
pub async fn steady_market() -> String {
    async fn list() -> Json<Value> {
        let market = |n: usize| {
            json!({"condition_id": format!("0x{n}"), "question": "?", "end_date_iso": "2031-05-04T00:00:00Z", "active": true,
                   "closed": false, "tokens": [{"token_id": format!("{n}"), "outcome": "Yes", "price": 0.7},
                                               {"token_id": format!("{n}9"), "outcome": "No", "price": 0.3}]})
        };
        Json(json!({"data": (100..120).map(market).collect::<Vec<_>>(), "next_cursor": "LTE="}))
    }
    async fn midpoints(Json(asked): Json<Vec<BTreeMap<String, String>>>) -> Json<BTreeMap<String, String>> {
        Json(asked.into_iter().filter_map(|it| Some((it.get("token_id")?.clone(), "0.7".to_owned()))).collect())
    }
    let router = Router::new().route("/sampling-markets", get(list)).route("/midpoints", post(midpoints));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_open_and_silent_is_replaced() {
    let (url, connections) = channel_that(Talk::SilentOnce).await;
    let market = client(&steady_market().await, &url, Prices::Stream, &Clock::wall());
    assert!(prices(&market).await.values().all(|it| *it == (0.7, PriceSource::Midpoint)), "there are prices meanwhile");
    let told = until(&market, PriceSource::Stream).await;
    assert_eq!(told.len(), 20);
    let facts = market.stream().unwrap();
    assert_eq!((facts.silent, facts.connections, connections.load(Ordering::SeqCst)), (1, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_tells_what_is_not_so_is_never_believed_and_replaced() {
    let (url, connections) = channel_that(Talk::WrongOnce).await;
    let market = client(&steady_market().await, &url, Prices::Stream, &Clock::wall());
    for _ in 0..400 {
        let now = prices(&market).await;
        assert!(now.values().all(|(price, _)| *price == 0.7), "{now:?}");
        if connections.load(Ordering::SeqCst) == 2 && now.values().all(|(_, it)| *it == PriceSource::Stream) {
            assert_eq!(market.stream().unwrap().outdated, 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never replaced: {:?}", market.stream());
}

#[tokio::test]
async fn without_a_channel_prices_are_asked_for_and_a_wrong_address_is_said() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let market = client(&steady_market().await, &url, Prices::Stream, &Clock::wall());
    for _ in 0..3 {
        assert!(prices(&market).await.values().all(|it| *it == (0.7, PriceSource::Midpoint)));
    }
    let settings = PolymarketSettings {
        prices: Prices::Stream,
        stream: StreamSettings::at("https://host/ws"),
        ..PolymarketSettings::default()
    };
    let error = Polymarket::new(settings, Clock::wall()).unwrap_err().to_string();
    assert!(error.contains("https://host/ws") && error.contains("--market.polymarket.stream_url"), "{error}");
}
