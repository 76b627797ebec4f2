//! Killed at any moment of its work, a validator ends with the scores of one that was left alone.
//!
//! A child process (this test binary again) is a validator with everything around it: a simulated market behind its HTTP API,
//! three miners behind their axons, its ledger. Market time goes by hours. It is killed with SIGKILL in the middle of rounds,
//! while it reads the market, asks, records or settles, and started again at the hour of which it had not said that it was done.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Caller, Handle, Handler, Refusal, Reply};
use neuron::clock::{self, Clock};
use neuron::dendrite::Target;
use neuron::market::polymarket::{Polymarket, PolymarketSettings};
use neuron::market::simulator::{self, SimulatorConfig};
use neuron::market::{HttpSettings, Provider};
use neuron::subnets::events::ledger::{EventRow, Options, Standings};
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::subnets::events::{EventsValidator, Limits};
use neuron::subnets::work::Peer;
use neuron::units::{Identity, Probability, Uid, UnixMs};

use crate::axon_kit::key;
use crate::support::{self, open_ledger};
use crate::wire_fakes::{dendrite, target};

/// 2026-01-01, when the first event opens.
const START: UnixMs = UnixMs(1_767_225_600_000);
const HOUR_MS: i64 = 3_600_000;
/// Each event lives for two days, and takes answers for the first of them.
const LAST_HOURS: i64 = 50;
const MINERS: u16 = 3;
/// Moments at which it is killed, and from which seed they follow; `NEURON_KILLS` and `NEURON_KILL_SEED` say otherwise
/// (`scripts/kill-moments.sh`).
const KILLS: i64 = 50;
/// Hours for so many kills: between two of them it goes on by one, and by another one when it was quick.
const HOURS_FOR_KILLS: (i64, i64) = (8, 5);
const PLACE: &str = "VALIDATOR_KILL9_PLACE";
const FROM: &str = "VALIDATOR_KILL9_FROM";
const UNTIL: &str = "VALIDATOR_KILL9_UNTIL";

/// A number that the environment may say.
fn said(variable: &str, otherwise: i64) -> i64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn kills() -> i64 {
    said("NEURON_KILLS", KILLS).max(1)
}

/// One event opens every hour.
fn events() -> i64 {
    (kills() * HOURS_FOR_KILLS.0 / HOURS_FOR_KILLS.1 + 6 - LAST_HOURS).max(12)
}

fn hours() -> i64 {
    events() + LAST_HOURS
}

/// A number in `0..1` that follows from its arguments alone.
fn pseudo(text: &str, n: u64) -> f64 {
    let mut x = text
        .bytes()
        .fold(n.wrapping_mul(0x9E37_79B9) ^ 0xCBF2_9CE4, |x, b| (x ^ u64::from(b)).wrapping_mul(0x0100_0193));
    x ^= x >> 17;
    (x.wrapping_mul(0xC2B2_AE3D) >> 20) as f64 % 1000.0 / 1000.0
}

/// A miner that says about an event what follows from its name, so that it remembers nothing.
struct Stubborn(u64);

impl Handler<EventPredictionSynapse> for Stubborn {
    async fn handle(
        &self,
        _: &Caller,
        mut asked: EventPredictionSynapse,
    ) -> Result<Reply<EventPredictionSynapse>, Refusal> {
        for event in asked.events.values_mut() {
            let p = pseudo(&event.event_id, self.0);
            if p > 0.1 {
                event.answer(Probability::new(p).unwrap(), None);
            }
        }
        Ok(Reply::Answer(asked))
    }
}

/// A validator with its surroundings.
struct Stage {
    clock: Clock,
    validator: EventsValidator,
    miners: Vec<Peer>,
    _axons: Vec<Handle>,
    _market: simulator::Handle,
}

impl Stage {
    async fn set(folder: &Path) -> Self {
        let clock = Clock::stepped(START);
        let world = SimulatorConfig {
            events: Some(events() as u64),
            start: Some(START),
            ..SimulatorConfig::new(5, clock.clone())
        };
        let market = simulator::spawn(world).unwrap();
        let http = HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(market.url()) };
        let client =
            Polymarket::new(PolymarketSettings { http, ..PolymarketSettings::default() }, clock.clone()).unwrap();
        let (mut miners, mut axons) = (Vec::new(), Vec::new());
        for uid in 1..=MINERS {
            let hotkey = Arc::new(key(&format!("//Miner//{uid}")));
            let axon = Axon::builder(AxonConfig::loopback(), Arc::clone(&hotkey)).serve(Stubborn(uid.into()));
            let axon = axon.policy(AdmissionPolicy::open()).spawn().await.unwrap();
            let identity = Identity { hotkey: hotkey.account(), registered_at: 7 };
            let target = Target { hotkey: hotkey.account(), ..target(axon.local_addr()) };
            miners.push(Peer { uid: Uid(uid), identity, target });
            axons.push(axon);
        }
        let limits = Limits {
            max_question_bytes: 8192,
            max_events: 100,
            void_after: Duration::from_secs(30 * 86_400),
            lookups: 100,
            dispute_window: Duration::ZERO,
        };
        let ledger = open_ledger(&folder.join("ledger.sqlite"), &Options::default());
        let (providers, patience) = (vec![Arc::new(client) as Arc<dyn Provider>], Duration::from_secs(60));
        let validator = EventsValidator::new(providers, ledger, Arc::new(dendrite()), clock.clone(), limits, patience);
        Self { clock, validator, miners, _axons: axons, _market: market }
    }

    /// Works these hours; says of each that is done how long it took.
    async fn play(folder: &Path, these: std::ops::Range<i64>, mut done: impl FnMut(i64, Duration)) {
        let stage = Self::set(folder).await;
        stage.clock.advance(Duration::from_millis((these.start * HOUR_MS) as u64));
        for hour in these {
            let began = clock::monotonic();
            let summary = stage.validator.tick(&stage.miners).await.unwrap();
            assert_eq!(summary.markets_failed, 0);
            done(hour, began.elapsed());
            stage.clock.advance(Duration::from_millis(HOUR_MS as u64));
        }
    }
}

/// Everything that must not differ.
#[derive(Debug, PartialEq)]
struct Picture {
    events: Vec<EventRow>,
    standings: Standings,
    counters: BTreeMap<String, u64>,
    changes: usize,
}

async fn picture(folder: &Path) -> Picture {
    let ledger = open_ledger(&folder.join("ledger.sqlite"), &Options::default());
    let events = ledger.all_events().await.unwrap();
    let mut changes = 0;
    for event in &events {
        changes += ledger.changes(event.key.clone()).await.unwrap().len();
    }
    let standings = ledger.standings().await.unwrap();
    Picture { events, standings, counters: ledger.core().counters().await.unwrap(), changes }
}

/// The child. Without its environment it is not meant to run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the body of the child process of the test below"]
async fn child() {
    let Some(folder) = std::env::var_os(PLACE) else { return };
    let [from, until] = [FROM, UNTIL].map(|name| said(name, 0));
    // It works at one hour more, in which it is killed; where that comes late, the hour is over, and nobody knows of it.
    let tell = |hour, took: Duration| {
        if hour <= until {
            eprintln!("done {hour} {}", took.as_micros());
        }
    };
    Stage::play(Path::new(&folder), from..until + 2, tell).await;
    std::future::pending::<()>().await;
}

/// Starts the child at an hour, and kills it after it finished `until` and some share of the time that this took.
fn run_and_kill(folder: &Path, from: i64, until: i64, share: f64) {
    let (begin, end) = (from.to_string(), until.to_string());
    let environment = [(PLACE, folder.as_os_str()), (FROM, OsStr::new(&begin)), (UNTIL, OsStr::new(&end))];
    let mut killed = false;
    support::run_and_kill("validator_kill9::child", &environment, |line| {
        let (hour, took) = line.strip_prefix("done ")?.split_once(' ')?;
        killed = hour.parse() == Ok(until);
        killed.then(|| Duration::from_micros(took.parse().unwrap()).mul_f64(share))
    });
    assert!(killed, "it ended by itself before hour {until}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_its_scores_are_those_of_one_left_alone() {
    let (plain, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let began = clock::monotonic();
    Stage::play(plain.path(), 0..hours(), |_, _| ()).await;
    let (kills, hours, seed) = (kills(), hours(), said("NEURON_KILL_SEED", 0));
    let moments = if seed == 0 { "kill".to_owned() } else { format!("kill {seed}") };
    let mut next = 0;
    for k in 0..kills {
        let until = (k * (hours - 6) / kills).max(next);
        // At once, and anywhere in the hour that follows.
        let share = if k % 4 == 0 { 0.0 } else { pseudo(&moments, k as u64) };
        run_and_kill(broken.path(), next, until, share);
        next = until + 1;
    }
    Stage::play(broken.path(), next..hours, |_, _| ()).await;
    let (got, want) = (picture(broken.path()).await, picture(plain.path()).await);
    assert_eq!(got, want);
    let in_window = (events() as usize).min(Options::default().rules.window_events);
    assert_eq!((want.standings.events, want.standings.miners.len()), (in_window, MINERS.into()));
    assert!(want.counters["scored"] > 500, "{:?}", want.counters);
    eprintln!(
        "killed at {kills} moments (seed {seed}) in {hours} rounds: {} events, {} answers and the scores of {MINERS} miners are those \
         of a validator that was left alone; {:.0} s",
        want.events.len(),
        want.counters["scored"],
        began.elapsed().as_secs_f64()
    );
}
