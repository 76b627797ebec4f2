//! What a validator of events does in a minute, at size: `scripts/bench-events.sh` runs it.
//!
//! One tick over a local swarm of axons (market, question, answers over HTTP, checked, recorded), the ledger's part of it alone,
//! a settlement, a restart over a grown ledger, and a miner's answer. The axons are in a process of their own; the market is in
//! memory. The ledger is a file, and a schema of each database that `NEURON_BENCH_DB` names: a column each, in turns.
//!
//! Sizes are arguments: `AXONS EVENTS KEPT`, by default those of the tables in docs/operating.md. `hour MINUTES AXONS EVENTS` works at
//! one tick a minute instead (`scripts/events-hour.sh`); `day AXONS EVENTS` fills a ledger with a day of them (`scripts/events-day.sh`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_macros,
    reason = "a benchmark talks to a person and may panic"
)]

#[path = "common/day.rs"]
mod day;
#[path = "common/fill.rs"]
mod fill;
#[path = "common/grown.rs"]
mod grown;
#[path = "common/hour.rs"]
mod hour;
#[path = "common/store.rs"]
mod store;
#[path = "common/swarm.rs"]
mod swarm;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use neuron::clock::{self, Clock};
use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Target};
use neuron::ledger::Place;
use neuron::market::{Event, EventKey, Listing, MarketError, Provider, Quote, Resolution};
use neuron::subnets::events::ledger::{self as events_ledger, EventsLedger, Options, Outcome};
use neuron::subnets::events::synapse::{EventPrediction, EventPredictionSynapse};
use neuron::subnets::events::{EventsValidator, Limits};
use neuron::subnets::work::Peer;
use neuron::units::{Identity, Probability, Uid, UnixMs};
use neuron::wallet::{Keypair, Scheme};

use grown::{START, grow, new_event, round, text};
use store::Store;
use swarm::Swarm;

const TICKS: u32 = 5;
/// Events that are settled.
const SETTLED: usize = 200;

/// How much there is of everything.
#[derive(Clone, Copy)]
struct Sizes {
    axons: usize,
    events: usize,
    /// Events in the ledger of the restart.
    kept: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let numbers: Vec<usize> = arguments.iter().filter_map(|text| text.parse().ok()).collect();
    match (arguments.first().map(String::as_str), numbers.as_slice()) {
        (Some("serve"), [axons]) => swarm::serve(*axons),
        (Some("hour"), [minutes, axons, events]) => hour::report(u32::try_from(*minutes).unwrap(), *axons, *events),
        (Some("day"), [axons, events]) => day::report(*axons, *events),
        (None, _) => report(Sizes { axons: 256, events: 1_000, kept: 20_000 }),
        (Some(_), [axons, events, kept]) => report(Sizes { axons: *axons, events: *events, kept: *kept }),
        _ => panic!("expected nothing, AXONS EVENTS KEPT, hour MINUTES AXONS EVENTS, or day AXONS EVENTS"),
    }
}

fn identity(number: usize) -> Identity {
    Identity { hotkey: swarm::hotkey(number).account(), registered_at: 7 }
}

/// A peer whose axon is there.
fn peer((number, target): (usize, &Target)) -> Peer {
    Peer { uid: Uid(number as u16), identity: identity(number), target: *target }
}

/// A market in memory: events that are open for a day, at a price of this moment.
struct Market {
    clock: Clock,
    events: usize,
    opens: UnixMs,
}

impl Market {
    fn listing(&self, number: usize) -> Listing {
        let id = format!("{number:08}-aaaa");
        Listing {
            event: Event {
                key: EventKey::new("bench", &id),
                provider: "bench".to_owned(),
                id,
                description: text(number).into(),
                cutoff: self.opens.plus_ms(86_400_000),
                ends_at: None,
                beside: Default::default(),
            },
            quote: Some(Quote {
                price: Probability::new(0.4).unwrap(),
                at: self.clock.now(),
                source: neuron::market::PriceSource::File,
            }),
            resolution: Resolution::Open,
        }
    }
}

impl Provider for Market {
    fn name(&self) -> &'static str {
        "bench"
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        ready(Ok((0..self.events).map(|number| self.listing(number)).collect())).boxed()
    }

    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        ready(Err(MarketError::Unknown { provider: "bench", id: id.into() })).boxed()
    }
}

fn dendrite() -> Dendrite {
    let config = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
    Dendrite::new(config, Arc::new(Keypair::from_uri("//Alice", Scheme::Sr25519).unwrap())).unwrap()
}

/// What was measured of each store, ms.
type Times = Vec<Vec<f64>>;

/// The best, the middle and the worst of some times.
fn span(times: &[f64]) -> [f64; 3] {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    [times[0], times[times.len() / 2], times[times.len() - 1]]
}

/// A line of the table: how long it took in each store, and how much longer than in the first.
fn line(what: &str, times: &[Vec<f64>]) {
    let first = span(&times[0])[1];
    let cells = times.iter().enumerate().map(|(number, times)| {
        let [best, middle, worst] = span(times);
        let ratio = if number == 0 { String::new() } else { format!(" ({:.2}×)", middle / first) };
        format!("{best:.1}, {middle:.1}, {worst:.1}{ratio}")
    });
    println!("| {what} | {} |", cells.collect::<Vec<_>>().join(" | "));
}

fn report(sizes: Sizes) {
    let Sizes { axons, events, kept } = sizes;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let swarm = Swarm::start(axons);
    let peers: Vec<Peer> = swarm.targets.iter().enumerate().map(peer).collect();
    let stores = Store::all("tick");
    let names: Vec<&str> = stores.iter().map(|store| store.name.as_str()).collect();
    println!("ms: best, median, worst of {TICKS}; {SETTLED} of what is settled\n");
    println!("| what | {} |\n|---{}|", names.join(" | "), "|---".repeat(names.len()));
    let (first, ticks, counted) = runtime.block_on(ticks(&stores, &peers, events));
    line(&format!("the first tick: {events} events are taken up"), &first);
    line(&format!("one tick: {axons} miners, {events} events, {counted} answers accepted and recorded"), &ticks);
    let (records, settlements) = runtime.block_on(records(&Store::all("records"), axons, events));
    line("the ledger's part of it", &records);
    line(&format!("an event of {axons} miners is settled"), &settlements);
    let answers = runtime.block_on(answers(&peers[0], events));
    line(&format!("a miner's answer about {events} events, over HTTP"), &[answers]);
    drop((swarm, stores));
    let miners: Vec<Identity> = (0..axons).map(identity).collect();
    let mut times = Vec::new();
    for store in Store::all("kept") {
        runtime.block_on(grow(&store.place, &miners, kept));
        eprintln!("{}: {kept} events take {} MB", store.name, store.bytes() / 1_000_000);
        times.push(runtime.block_on(restarts(&store.place)));
    }
    line(&format!("ready after a restart: {kept} events, {axons} miners"), &times);
}

fn limits(events: usize) -> Limits {
    Limits {
        max_question_bytes: 8192,
        max_events: events,
        void_after: Duration::from_secs(86_400),
        lookups: 50,
        dispute_window: Duration::ZERO,
    }
}

fn took(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// A validator over a ledger, with a market and a clock of its own.
fn validator(place: &Place, events: usize) -> (EventsValidator, Clock) {
    let clock = Clock::stepped(START);
    let market = Arc::new(Market { clock: clock.clone(), events, opens: START }) as Arc<dyn Provider>;
    let ledger = EventsLedger::open(place, Options::default()).unwrap();
    let (limits, patience) = (limits(events), Duration::from_secs(60));
    (EventsValidator::new(vec![market], ledger, Arc::new(dendrite()), clock.clone(), limits, patience), clock)
}

/// Ticks of validators over the swarm, a minute of market time apart: the first of each, the others, and the answers in each.
async fn ticks(stores: &[Store], peers: &[Peer], events: usize) -> (Times, Times, u64) {
    let validators: Vec<_> = stores.iter().map(|store| validator(&store.place, events)).collect();
    let (mut first, mut times, mut counted) = (Vec::new(), vec![Vec::new(); stores.len()], 0);
    for tick in 0..=TICKS {
        for ((validator, clock), times) in validators.iter().zip(&mut times) {
            let began = clock::monotonic();
            let summary = validator.tick(peers).await.unwrap();
            let took = took(began);
            counted = summary.fates.get("scored").copied().unwrap_or_default();
            assert_eq!(counted, (peers.len() * events) as u64, "{:?} {:?}", summary.fates, summary.silent);
            if tick == 0 {
                first.push(vec![took]);
            } else {
                times.push(took);
            }
            clock.advance(Duration::from_secs(60));
        }
    }
    (first, times, counted)
}

/// Recording rounds and settling their events, and nothing else.
async fn records(stores: &[Store], axons: usize, events: usize) -> (Times, Times) {
    let open = |store: &Store| EventsLedger::open(&store.place, Options::default()).unwrap();
    let ledgers: Vec<EventsLedger> = stores.iter().map(open).collect();
    let miners: Vec<Identity> = (0..axons).map(identity).collect();
    let (mut times, mut settlements) = (vec![Vec::new(); stores.len()], vec![Vec::new(); stores.len()]);
    for ledger in &ledgers {
        ledger.upsert_events((0..events).map(new_event).collect()).await.unwrap();
    }
    for tick in 0..=i64::from(TICKS) {
        for (ledger, times) in ledgers.iter().zip(&mut times) {
            let round = round(&miners, 0..events, START.plus_ms(tick * 60_000));
            let began = clock::monotonic();
            ledger.record_tick(round).await.unwrap();
            if tick > 0 {
                times.push(took(began));
            }
        }
    }
    for number in 0..SETTLED.min(events) {
        for (ledger, times) in ledgers.iter().zip(&mut settlements) {
            let (event, seen) = (format!("bench-{number}"), START.plus_ms(7_200_000));
            let outcome = Outcome::Payout((number % 2) as f64);
            let resolution = events_ledger::Resolution { event, outcome, at: Some(seen), seen };
            let began = clock::monotonic();
            ledger.resolve(resolution).await.unwrap();
            times.push(took(began));
        }
    }
    (times, settlements)
}

/// Round trips of one question to one axon.
async fn answers(peer: &Peer, events: usize) -> Vec<f64> {
    let event = |number: usize| {
        let id = format!("{number:08}-aaaa");
        (format!("bench-{id}"), EventPrediction::ask(id, "bench".into(), text(number).into(), Some(1_767_312_000)))
    };
    let question = EventPredictionSynapse { events: (0..events).map(event).collect(), ..Default::default() };
    let deadlines = Deadlines { total: Duration::from_secs(60), per_peer: Duration::from_secs(60) };
    let (dendrite, mut times) = (dendrite(), Vec::new());
    for call in 0..=TICKS {
        let began = clock::monotonic();
        let answer = dendrite.call(&peer.target, &question, deadlines).await.unwrap();
        assert_eq!(answer.result.unwrap().events.len(), events);
        if call > 0 {
            times.push(took(began));
        }
    }
    times
}

/// From nothing to the first answer about who earned what.
async fn restarts(place: &Place) -> Vec<f64> {
    let mut times = Vec::new();
    for _ in 0..TICKS {
        let began: Instant = clock::monotonic();
        let ledger = EventsLedger::open(place, Options::default()).unwrap();
        let open = ledger.unsettled().await.unwrap();
        let standings = ledger.standings().await.unwrap();
        assert!(open.is_empty() && standings.events > 0);
        times.push(took(began));
    }
    times
}
