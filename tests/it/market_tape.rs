//! Recorded markets come back over HTTP as they were: each price at its time, each outcome once and at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use neuron::clock::Clock;
use neuron::market::polymarket::{Polymarket, PolymarketSettings};
use neuron::market::simulator::{self, SimulatorConfig};
use neuron::market::tape::{self, Recorder, Rotation, Tape, TapeError, Unusable};
use neuron::market::{HttpSettings, Provider, Resolution, Truth};
use neuron::units::{Probability, UnixMs};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

fn own() -> Tape {
    tape::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tape")).unwrap()
}

fn client(url: String, clock: &Clock) -> Polymarket {
    let http = HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(url) };
    let settings = PolymarketSettings {
        http,
        max_ahead: CENTURY,
        cutoff_before_end: Duration::ZERO,
        ..PolymarketSettings::default()
    };
    Polymarket::new(settings, clock.clone()).unwrap()
}

/// Plays a tape in steps of `step` (`None`: from change to change) and checks every listing and every outcome.
/// Returns how many markets were seen trading with a price and then ended.
pub async fn play(tape: Tape, step: Option<Duration>) -> usize {
    let (start, end) = tape.span().unwrap();
    let clock = Clock::stepped(start);
    let handle = tape::spawn(tape, clock.clone(), ANY_PORT).unwrap();
    let tape = handle.tape();
    let market = client(handle.url(), &clock);
    let by_id: BTreeMap<&str, &tape::Recorded> = tape.markets().iter().map(|m| (m.id.as_str(), m)).collect();
    let (mut priced, mut pending, mut resolved) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    loop {
        let now = clock.now();
        for listing in market.list().await.unwrap() {
            let id = listing.event.id.clone();
            assert!(!resolved.contains(&id), "{id} was offered after its end");
            // A price may lose its last bit on the way through JSON.
            let rounded = |price: Option<Probability>| price.map(|p| (p.get() * 1e12).round() as i64);
            let (seen, recorded) = (listing.quote.map(|q| q.price), by_id[id.as_str()].price(now));
            assert_eq!(rounded(seen), rounded(recorded), "{id} at {now:?}");
            if listing.quote.is_some() {
                priced.insert(id.clone());
            }
            pending.insert(id);
        }
        for id in pending.clone() {
            let (when, outcome) = by_id[id.as_str()].settled.unwrap_or((UnixMs(i64::MAX), Probability::ZERO));
            if when > now {
                continue;
            }
            assert_eq!(market.fetch(&id).await.unwrap().resolution, Resolution::Resolved { outcome, at: None });
            pending.remove(&id);
            assert!(resolved.insert(id), "an event ended twice");
        }
        if now > end {
            break;
        }
        let next = match step {
            Some(step) => now.plus_ms(i64::try_from(step.as_millis()).unwrap()),
            None => tape.next_change(now).unwrap_or(end.plus_ms(1)),
        };
        clock.advance(Duration::from_millis(u64::try_from(next.since(now)).unwrap()));
    }
    priced.intersection(&resolved).count()
}

#[test]
fn every_shape_is_read_and_what_makes_no_sense_is_counted() {
    let tape = own();
    let ids: Vec<&str> = tape.markets().iter().map(|m| m.id.as_str()).collect();
    assert_eq!(ids, ["0xef", "0xaa", "0xee", "kalshi-going-on", "kalshi-over", "0xcc", "0xbb"]);
    let unusable = Unusable { bad_rows: 4, orphan_prices: 1, repeated: 0, unknown_files: 1 };
    assert_eq!(tape.unusable(), unusable);
    let find = |id: &str| tape.markets().iter().find(|m| m.id == id).unwrap();
    let noon = UnixMs::from_secs(1_677_758_400); // 2023-03-02 12:00
    assert_eq!(find("0xaa").price(noon).map(Probability::get), Some(0.6));
    assert_eq!(find("0xaa").question, "Will it, then?");
    assert_eq!(find("0xbb").outcomes, ["Reds", "not Reds"]);
    assert_eq!(find("kalshi-going-on").settled, None);
    assert_eq!(find("0xef").settled.unwrap().1.get(), 0.5);
    // Traded after its scheduled end: the outcome comes after the last price.
    assert_eq!(find("0xcc").settled, Some((UnixMs(1_677_855_600_001), Probability::ZERO)));
}

#[tokio::test]
async fn every_recorded_market_is_offered_at_its_prices_and_ends_once() {
    assert_eq!(play(own(), None).await, 4);
    // At any speed: five days in a minute.
    let fast = own().rebased(UnixMs(1_000_000), 7200.0);
    let (start, end) = fast.span().unwrap();
    assert_eq!(start, UnixMs(1_000_000));
    assert!(end.since(start) < 100_000);
    assert_eq!(play(fast, None).await, 4);
    // One of the last two prices of 0xcc, and of kalshi-over, came at the end or after it.
    let scorable = own().only_scorable(2);
    assert_eq!(scorable.markets().iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["0xaa"]);
}

#[test]
fn hindsight_lies_half_way_to_the_outcome() {
    let tape = own();
    let at =
        |id: &str, day: i64| tape.truth(id, UnixMs::from_secs(1_677_628_800 + day * 86_400 + 60)).map(Probability::get);
    assert_eq!(at("0xaa", 0), Some(0.7));
    assert_eq!(at("0xaa", 30), Some(1.0));
    assert_eq!(at("0xbb", 0), None);
    assert_eq!(at("kalshi-going-on", 1), None);
    assert_eq!(at("stranger", 1), None);
}

#[test]
fn a_compressed_recording_is_read_and_an_empty_folder_is_said() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(tape::load(folder.path()), Err(TapeError::Empty { .. })));
    assert!(matches!(tape::load(&folder.path().join("nowhere")), Err(TapeError::Read { .. })));
    let line = r#"{"slug":"up","condition_id":"0x1","start_sec":1000,"end_sec":1300,"resolved":true,"outcome_prices":["1","0"],"raw":{"question":"Up?"}}"#;
    let file = std::fs::File::create(folder.path().join("markets.jsonl.gz")).unwrap();
    let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    write!(gz, "{line}\nnonsense\n{{}}\n\n{line}\n").unwrap();
    gz.finish().unwrap();
    let tape = tape::load(folder.path()).unwrap();
    assert_eq!(tape.unusable(), Unusable { bad_rows: 2, repeated: 1, ..Unusable::default() });
    assert_eq!(tape.markets()[0].settled, Some((UnixMs(1_300_000), Probability::ONE)));
    assert_eq!(tape.markets()[0].price(UnixMs(1_200_000)), None);
}

#[test]
fn trades_are_prices_of_yes_whichever_token_was_traded() {
    let folder = tempfile::tempdir().unwrap();
    let markets =
        "event_slug,slug,condition_id,resolved_yes,event_end,last_trade\nfed,will-it,0xf,1,2023-03-02T00:00:00Z,\n";
    let trades = "timestamp,condition_id,market,side_token,price,token_volume\n1677628800,0xf,up,No,0.75,3\n1677628800,0xf,up,Yes,0.5,1\n1677628900,0xf,up,No,2,1\n";
    std::fs::write(folder.path().join("m.csv"), markets).unwrap();
    std::fs::write(folder.path().join("t.csv"), trades).unwrap();
    let tape = tape::load(folder.path()).unwrap();
    let prices: Vec<f64> = tape.markets()[0].prices.iter().map(|(_, price)| price.get()).collect();
    assert_eq!((prices, tape.unusable().bad_rows), (vec![0.25, 0.5], 1));
}

#[tokio::test]
async fn what_is_recorded_plays_back_the_same() {
    const HOUR: Duration = Duration::from_secs(3600);
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::stepped(UnixMs::from_secs(1_767_225_600));
    let config = SimulatorConfig { events: Some(6), ..SimulatorConfig::new(11, clock.clone()) };
    let live = simulator::spawn(config).unwrap();
    let market = client(live.url(), &clock);
    let rotation = Rotation { every: 12 * HOUR, ..Rotation::default() };
    let mut recorder = Recorder::open(&folder.path().join("new"), rotation, clock.clone()).await.unwrap();
    let mut seen: BTreeMap<(UnixMs, String), Option<Probability>> = BTreeMap::new();
    for hour in 0..60 {
        if hour == 30 {
            // Somebody restarts it.
            recorder = Recorder::open(&folder.path().join("new"), rotation, clock.clone()).await.unwrap();
        }
        recorder.round(&market).await.unwrap();
        for listing in market.list().await.unwrap() {
            seen.insert((clock.now(), listing.event.id), listing.quote.map(|q| q.price));
        }
        clock.advance(HOUR);
    }
    // Hours 0, 12, 24, 30 (restarted), 42, 54.
    let files = std::fs::read_dir(folder.path().join("new")).unwrap().count();
    assert_eq!(files, 6);
    let tape = tape::load(folder.path()).unwrap();
    assert_eq!(tape.unusable(), Unusable::default());
    assert_eq!(tape.markets().len(), 6);
    assert!(seen.len() > 250);
    for ((at, id), price) in seen {
        let recorded = tape.markets().iter().find(|m| m.id == id).unwrap();
        assert_eq!(recorded.price(at), price);
        let (settled, outcome) = recorded.settled.unwrap();
        assert_eq!(outcome, live.world().outcome(live.world().index(&id).unwrap()));
        assert!(settled > at);
        assert_eq!(recorded.outcomes[0], "On");
    }
}
