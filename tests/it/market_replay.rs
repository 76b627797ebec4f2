//! `neuron market-record` and `--market.replay`: what markets told comes back as they told it, torn files and lost looks included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use neuron::clock::Clock;
use neuron::market::azuro::{Azuro, AzuroSettings};
use neuron::market::polymarket::{Polymarket, PolymarketSettings};
use neuron::market::simulator::{self, SimulatorConfig};
use neuron::market::tape::{self, Recorder, Rotation, Tape};
use neuron::market::{HttpSettings, Listing, MarketError, Provider, Resolution, replay};
use neuron::scoring::admission::EventState;
use neuron::subnets::events::ledger::Archive;
use neuron::subnets::events::settings::EventsSettings;
use neuron::subnets::registry;
use neuron::units::UnixMs;

use crate::processes;
use crate::support::{Process, free_port, neuron, wait_until};

const MINUTE: Duration = Duration::from_secs(60);
const START: UnixMs = UnixMs(1_767_225_600_000);

/// What a recording plays at the times of `clock`.
fn played(tape: Tape, clock: &Clock) -> Vec<Arc<dyn Provider>> {
    let settings = EventsSettings::of(&registry::layers().resolve().unwrap()).unwrap().market;
    replay::providers(&Arc::new(tape), &settings, clock)
}

struct Markets {
    clock: Clock,
    market: Option<simulator::Handle>,
    polymarket: Polymarket,
    azuro: Azuro,
}

impl Markets {
    /// Events every minute that live for half an hour, through both APIs.
    fn new(seed: u64) -> Self {
        let clock = Clock::stepped(START);
        let config = SimulatorConfig {
            spacing: MINUTE * 2,
            horizon: MINUTE * 30,
            step: MINUTE,
            lag: MINUTE,
            start: Some(START),
            events: Some(20),
            ..SimulatorConfig::new(seed, clock.clone())
        };
        let market = simulator::spawn(config).unwrap();
        let http = HttpSettings { spacing: Duration::ZERO, retries: 0, ..HttpSettings::at(market.url()) };
        let polymarket =
            PolymarketSettings { http: http.clone(), cutoff_before_end: MINUTE * 3, ..PolymarketSettings::default() };
        let azuro = AzuroSettings { http, ..AzuroSettings::default() };
        let polymarket = Polymarket::new(polymarket, clock.clone()).unwrap();
        let azuro = Azuro::new(azuro, clock.clone()).unwrap();
        Self { clock, market: Some(market), polymarket, azuro }
    }
}

/// What a list says, without the time at which a price was read.
fn told(listings: Vec<Listing>) -> BTreeMap<String, (UnixMs, Option<f64>, String)> {
    let entry = |it: Listing| {
        let price = it.quote.map(|quote| quote.price.get());
        (it.event.key.0, (it.event.cutoff, price, it.event.description.as_raw().to_owned()))
    };
    listings.into_iter().map(entry).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn two_markets_come_back_minute_by_minute_and_a_lost_look_is_lost_again() {
    let mut world = Markets::new(5);
    let folder = tempfile::tempdir().unwrap();
    let rotation = Rotation { bytes: 4000, every: MINUTE * 20 };
    let mut recorder = Recorder::open(folder.path(), rotation, world.clock.clone()).await.unwrap();
    let mut seen = Vec::new();
    for minute in 0..70 {
        if minute == 50 {
            world.market = None;
        }
        let (one, two) =
            (recorder.round(&world.polymarket).await.unwrap(), recorder.round(&world.azuro).await.unwrap());
        assert_eq!((one.read, two.read), (minute < 50, minute < 50));
        let lists = [world.polymarket.list().await, world.azuro.list().await];
        seen.push((world.clock.now(), lists.map(|list| list.ok().map(told))));
        world.clock.advance(MINUTE);
    }
    assert!(files(folder.path()).len() >= 4, "by size and by time: {:?}", files(folder.path()));

    let clock = Clock::stepped(START);
    let markets = played(replay::load(folder.path()).unwrap(), &clock);
    assert_eq!(markets.iter().map(|market| market.name()).collect::<Vec<_>>(), ["polymarket", "azuro"]);
    let (mut compared, mut failed) = (0, 0);
    for (at, lists) in seen {
        clock.advance(Duration::from_millis(u64::try_from(at.since(clock.now())).unwrap()));
        for (market, list) in markets.iter().zip(lists) {
            match (market.list().await, list) {
                (Ok(played), Some(list)) => {
                    assert!(played.iter().all(|listing| listing.quote.is_none_or(|quote| quote.at == at)));
                    let played = told(played);
                    compared += list.len();
                    // A game that has begun is in no list any more, while its market still trades.
                    for (key, entry) in &list {
                        assert_eq!(played.get(key), Some(entry), "{key} at {at:?}");
                    }
                    assert!(played.iter().all(|(key, (_, price, _))| list.contains_key(key) || price.is_none()));
                }
                (Err(error @ MarketError::WasNotRead { .. }), None) => {
                    failed += 1;
                    assert!(error.to_string().contains("no answer from"), "{error}");
                }
                (played, recorded) => panic!("{at:?}: {played:?} in place of {recorded:?}"),
            }
        }
    }
    assert!(compared > 500, "{compared}");
    assert_eq!(failed, 40);
    // What ended while it was recorded ends the same way.
    for market in &markets {
        for recorded in replay::load(folder.path()).unwrap().markets() {
            let Some((_, outcome)) = recorded.settled.filter(|_| recorded.provider == market.name()) else { continue };
            let ended = market.fetch(&recorded.id).await.unwrap().resolution;
            assert_eq!(ended, Resolution::Resolved { outcome, at: None });
        }
        assert!(matches!(market.fetch("0xnone").await, Err(MarketError::Unknown { .. })));
    }
}

#[tokio::test]
async fn a_killed_recorder_loses_its_last_round_and_another_one_goes_on() {
    let world = Markets::new(9);
    let folder = tempfile::tempdir().unwrap();
    let record = async |minutes: usize| {
        let mut recorder = Recorder::open(folder.path(), Rotation::default(), world.clock.clone()).await.unwrap();
        for _ in 0..minutes {
            assert!(recorder.round(&world.polymarket).await.unwrap().read);
            world.clock.advance(MINUTE);
        }
    };
    record(12).await;
    // Killed in the middle of a write: the last frame is torn.
    let [torn] = &files(folder.path())[..] else { panic!("one file") };
    let whole = std::fs::read(torn).unwrap();
    let before = tape::load(torn).unwrap();
    std::fs::write(torn, &whole[..whole.len() - 9]).unwrap();
    let after = tape::load(torn).unwrap();
    let prices = |tape: &Tape| tape.markets().iter().map(|market| market.prices.len()).sum::<usize>();
    assert_eq!(after.unusable(), before.unusable(), "no half line is read");
    assert!(prices(&after) < prices(&before) && prices(&after) + 20 > prices(&before));
    // Another process goes on, in another file, with what was open.
    record(40).await;
    let [_, second] = &files(folder.path())[..] else { panic!("two files") };
    let (all, second) = (tape::load(folder.path()).unwrap(), tape::load(second).unwrap());
    assert_eq!(all.markets().len(), 20);
    let ended = |tape: &Tape| tape.markets().iter().filter(|market| market.settled.is_some()).count();
    assert!(ended(&all) > 8 && ended(&all) == ended(&second), "{}", ended(&all));
    assert_eq!(all.unusable().repeated, 0);
}

/// A role of the subnet 155 on the chain of `world`.
fn role(world: &processes::World, verb: &str, name: &str, more: &[&str]) -> Process {
    let (endpoint, wallets, db) = (world.endpoint(), world.path("wallets"), world.path("db"));
    let port = free_port().to_string();
    let mut flags = vec![verb, "--netuid", "155", "--subtensor.network", &endpoint, "--wallet.path", &wallets];
    flags.extend(["--wallet.name", name, "--db.directory", &db]);
    match verb {
        "miner" => flags.extend(["--axon.ip", "127.0.0.2", "--axon.port", &port, "--blacklist.min_stake", "100"]),
        _ => flags.extend(["--dendrite.allow_private", "--yes"]),
    }
    world.start(&format!("{name}.log"), &[&flags, more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_goes_through_a_recording_and_scores_every_event_of_it_once() {
    // Half a day of a market, recorded.
    let markets = Markets::new(3);
    let world = processes::World::new();
    let recording = world.path("recording");
    let mut recorder = Recorder::open(Path::new(&recording), Rotation::default(), markets.clock.clone()).await.unwrap();
    for _ in 0..80 {
        recorder.round(&markets.polymarket).await.unwrap();
        markets.clock.advance(MINUTE);
    }
    let tape = tape::load(Path::new(&recording)).unwrap().only_scorable(1);
    let events = tape.markets().len();
    assert!(events >= 18, "{events}");

    let _chain = world.localnet();
    world.register(155, &["v", "m0", "m1"]);
    let replay = ["--market.replay", recording.as_str()];
    let say = |p: &'static str| [&replay[..], &["--forecaster", "constant", "--forecaster.constant", p]].concat();
    let _miners = [role(&world, "miner", "m0", &say("0.5")), role(&world, "miner", "m1", &say("0.02"))];
    let past = [&replay[..], &["--test_only_historical", "1"]].concat();
    let mut validator = role(&world, "validator", "v", &past);
    let log = || std::fs::read_to_string(world.path("v.log")).unwrap_or_default();
    wait_until("the recording is over", || {
        assert!(validator.is_running(), "{}", world.logs());
        log().contains("the recording is over")
    });
    validator.kill();

    let ledger = format!("{}/netuid155/{}.sqlite", world.path("db"), processes::hotkey("v"));
    let archive = Archive::open(ledger).unwrap();
    let counts = archive.counts().unwrap();
    assert!(counts.contains(&(EventState::Scored, events)), "{counts:?} of {events} events\n{}", world.logs());
    let settled = archive.settled().unwrap();
    let outcome = |id: &str| tape.markets().iter().find(|market| market.id == id).and_then(|market| market.settled);
    for event in &settled {
        assert_eq!(event.outcome, outcome(&event.id).map(|(_, outcome)| outcome.get()), "{}", event.key);
        assert!(event.opened_at > Clock::wall().now(), "it lies ahead of the miners' time");
    }
    let scored: usize = settled.iter().map(|event| archive.whole(&event.key).unwrap().unwrap().scores.len()).sum();
    assert!(scored > events, "both miners are scored, though not from the first minute: {scored}");

    // What is there already is not mixed with it.
    let _again = role(&world, "validator", "v", &past);
    wait_until("it is refused", || log().contains("does not mix"));
}

#[test]
fn what_cannot_be_played_is_said() {
    for (flags, words) in [
        (vec!["--test_only_historical", "1"], "`--market.replay`"),
        (vec!["--market.replay", "/nonexistent/recording"], "/nonexistent/recording"),
    ] {
        let output = neuron().args(["validator", "--netuid", "155"]).args(&flags).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(words), "{message}");
    }
}
