//! Killed at any moment of its work, a validator ends with the scores of one that was left alone.
//!
//! A child process (this test binary again) is a validator with everything around it: a simulated market behind its HTTP API,
//! three miners behind their axons, its ledger. Market time goes by hours. It is killed with SIGKILL in the middle of rounds,
//! while it reads the market, asks, records or settles, and started again at the hour that it had not finished.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Caller, Handle, Handler, Refusal, Reply};
use neuron::clock::Clock;
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
use crate::support::{kill_after_step, open_ledger};
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

    /// Works from an hour on to the end.
    async fn play(folder: &Path, from: i64, mut done: impl FnMut(i64)) {
        let stage = Self::set(folder).await;
        stage.clock.advance(Duration::from_millis((from * HOUR_MS) as u64));
        for hour in from..hours() {
            let summary = stage.validator.tick(&stage.miners).await.unwrap();
            assert_eq!(summary.markets_failed, 0);
            done(hour);
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
    let from = std::env::var(FROM).unwrap().parse().unwrap();
    Stage::play(Path::new(&folder), from, |hour| eprintln!("done {hour}")).await;
}

/// Starts the child at an hour and kills it some time after it finished `until`; returns the first hour that it did not finish.
fn run_and_kill(folder: &Path, from: i64, until: i64, after: Duration) -> i64 {
    let begin = from.to_string();
    let environment = [(PLACE, folder.as_os_str()), (FROM, OsStr::new(&begin))];
    kill_after_step("validator_kill9::child", &environment, "done ", (from, until), after)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_its_scores_are_those_of_one_left_alone() {
    let (plain, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // How long an hour takes here says where to strike.
    let began = std::time::Instant::now();
    Stage::play(plain.path(), 0, |_| ()).await;
    let (kills, hours, seed) = (kills(), hours(), said("NEURON_KILL_SEED", 0));
    let hour = began.elapsed() / hours as u32;
    let (mut next, mut killed, moments) = (0, 0, if seed == 0 { "kill".to_owned() } else { format!("kill {seed}") });
    for k in 0..kills {
        let until = k * (hours - 6) / kills;
        // At once, and anywhere in the round that follows. Hours that the child had finished when it was killed count:
        // `next` may be behind `until`.
        let after = hour.mul_f64(pseudo(&moments, k as u64)) * u32::from(k % 4 > 0);
        next = run_and_kill(broken.path(), next, until.max(next), after);
        killed += i64::from(next < hours);
    }
    assert!(killed > kills * 9 / 10, "only {killed} of {kills} times was it killed before it was done");
    assert!(next > (hours - 6) / 2 && next <= hours, "{next}");
    Stage::play(broken.path(), next, |_| ()).await;
    let (got, want) = (picture(broken.path()).await, picture(plain.path()).await);
    assert_eq!(got, want);
    let in_window = (events() as usize).min(Options::default().rules.window_events);
    assert_eq!((want.standings.events, want.standings.miners.len()), (in_window, MINERS.into()));
    assert!(want.counters["scored"] > 500, "{:?}", want.counters);
    eprintln!(
        "killed at {killed} moments (seed {seed}) in {hours} rounds: {} events, {} answers and the scores of {MINERS} miners are those \
         of a validator that was left alone; {:.0} s",
        want.events.len(),
        want.counters["scored"],
        began.elapsed().as_secs_f64()
    );
}
