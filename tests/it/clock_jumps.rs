//! The machine's clock is set forward and back while a validator works: no event is asked about after its cutoff, none is scored
//! twice, and rounds go on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Caller, Handle, Handler, Refusal, Reply};
use neuron::clock::Clock;
use neuron::ledger::Fault;
use neuron::market::{Event, EventKey, Listing, MarketError, PriceSource, Provider, Quote, Resolution};
use neuron::scoring::admission::EventState;
use neuron::subnets::events::ledger::{EventsLedger, Options};
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::subnets::events::{EventsValidator, Limits, TickSummary};
use neuron::subnets::work::Peer;
use neuron::units::{Identity, Probability, Uid, UnixMs};

use crate::axon_kit::key;
use crate::places::place;
use crate::wire_fakes::{dendrite, target};

/// 2026-01-01
const START: UnixMs = UnixMs(1_767_225_600_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR_MS: i64 = 3_600_000;
const YEAR_MS: i64 = 365 * 24 * HOUR_MS;

/// Two events at even odds: answers about `soon` count for an hour and a half, about `late` for a day.
struct Market {
    clock: Clock,
    over: Mutex<BTreeSet<&'static str>>,
}

impl Market {
    fn listing(&self, id: &'static str) -> Listing {
        let over = self.over.lock().unwrap().contains(id);
        let resolution =
            if over { Resolution::Resolved { outcome: Probability::ONE, at: None } } else { Resolution::Open };
        let cutoff = START.plus_ms(if id == "soon" { HOUR_MS * 3 / 2 } else { 24 * HOUR_MS });
        let quote = Quote { price: Probability::new(0.5).unwrap(), at: self.clock.now(), source: PriceSource::File };
        Listing {
            event: Event {
                key: EventKey::new("m", id),
                provider: "m".into(),
                id: id.into(),
                description: id.into(),
                cutoff,
                ends_at: None,
                beside: Default::default(),
            },
            quote: Some(quote),
            resolution,
        }
    }
}

impl Provider for Market {
    fn name(&self) -> &'static str {
        "m"
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        // What is over by its time and has no outcome yet is found by its id alone.
        let is_listed =
            |listing: &Listing| listing.resolution != Resolution::Open || listing.event.cutoff > self.clock.now();
        ready(Ok(["soon", "late"].map(|id| self.listing(id)).into_iter().filter(is_listed).collect())).boxed()
    }

    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        ready(Ok(self.listing(if id == "soon" { "soon" } else { "late" }))).boxed()
    }
}

/// Says 0.8 of everything, remembers what it was asked, and may set the clock meanwhile.
#[derive(Clone)]
struct Miner {
    asked: Arc<Mutex<Vec<String>>>,
    machine: Clock,
    sets_by: Arc<Mutex<i64>>,
}

impl Handler<EventPredictionSynapse> for Miner {
    async fn handle(
        &self,
        _: &Caller,
        mut asked: EventPredictionSynapse,
    ) -> Result<Reply<EventPredictionSynapse>, Refusal> {
        for event in asked.events.values_mut() {
            self.asked.lock().unwrap().push(event.event_id.clone());
            event.answer(Probability::new(0.8).unwrap(), None);
        }
        self.machine.set_by(std::mem::take(&mut *self.sets_by.lock().unwrap()));
        Ok(Reply::Answer(asked))
    }
}

struct Stage {
    /// The machine's clock, which can be set.
    machine: Clock,
    market: Arc<Market>,
    miner: Miner,
    peers: Vec<Peer>,
    validator: EventsValidator,
    folder: tempfile::TempDir,
    _axon: Handle,
}

impl Stage {
    async fn new() -> Self {
        let machine = Clock::stepped(START);
        let folder = tempfile::tempdir().unwrap();
        let miner = Miner { asked: Arc::default(), machine: machine.clone(), sets_by: Arc::default() };
        let hotkey = Arc::new(key("//Bob"));
        let axon = Axon::builder(AxonConfig::loopback(), Arc::clone(&hotkey)).serve(miner.clone());
        let axon = axon.policy(AdmissionPolicy::open()).spawn().await.unwrap();
        let identity = Identity { hotkey: hotkey.account(), registered_at: 7 };
        let target = neuron::dendrite::Target { hotkey: hotkey.account(), ..target(axon.local_addr()) };
        let peers = vec![Peer { uid: Uid(1), identity, target }];
        let (market, validator) = validator(&machine, &folder);
        Self { machine, market, miner, peers, validator, folder, _axon: axon }
    }

    /// One round, a minute after the last; the ids that were asked about.
    async fn round(&self) -> (Vec<String>, TickSummary) {
        self.machine.advance(MINUTE);
        self.miner.asked.lock().unwrap().clear();
        let summary = self.validator.tick(&self.peers).await.unwrap();
        (self.miner.asked.lock().unwrap().clone(), summary)
    }

    async fn scored(&self) -> u64 {
        self.validator.ledger().core().counters().await.unwrap().get("scored").copied().unwrap_or(0)
    }
}

/// A validator as a role makes it, on the machine's clock.
fn validator(machine: &Clock, folder: &tempfile::TempDir) -> (Arc<Market>, EventsValidator) {
    let clock = machine.clone().steady();
    let market = Arc::new(Market { clock: clock.clone(), over: Mutex::default() });
    let ledger = EventsLedger::open(place(folder.path().join("ledger.sqlite")), Options::default()).unwrap();
    let limits = Limits {
        max_question_bytes: 8192,
        max_events: 10,
        void_after: Duration::from_secs(30 * 86_400),
        lookups: 10,
        dispute_window: Duration::ZERO,
    };
    let providers = vec![Arc::clone(&market) as Arc<dyn Provider>];
    let patience = Duration::from_secs(60);
    let validator = EventsValidator::new(providers, ledger, Arc::new(dendrite()), clock, limits, patience);
    (market, validator)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_forward_and_an_hour_back_cost_nothing_but_what_was_over() {
    let stage = Stage::new().await;
    assert_eq!(stage.round().await.0, ["late", "soon"]);
    // Half an hour is left; prices and answers are of now.
    stage.machine.set_by(HOUR_MS);
    let (asked, summary) = stage.round().await;
    assert_eq!((asked.len(), summary.fates["scored"]), (2, 2));
    // It is over, and stays so when the clock is set back to before its cutoff.
    stage.machine.set_by(HOUR_MS);
    assert_eq!(stage.round().await.0, ["late"]);
    let recorded = stage.validator.ledger().last_tick().await.unwrap().unwrap();
    stage.machine.set_by(-HOUR_MS);
    for later in 1..=5 {
        let (asked, summary) = stage.round().await;
        assert_eq!((asked, summary.fates["scored"]), (vec!["late".to_owned()], 1), "at once, and not in an hour");
        let at = stage.validator.ledger().last_tick().await.unwrap().unwrap();
        assert_eq!(at, recorded.plus_ms(later * 30_000), "at half speed");
    }
    assert_eq!(stage.scored().await, 2 + 2 + 1 + 5, "every answer of every round");
    assert_eq!(stage.validator.ledger().core().counters().await.unwrap().get("unpriced"), None);

    // It ends once, whatever the clock does.
    stage.market.over.lock().unwrap().insert("soon");
    let mut settled = Vec::new();
    for set_by in [0, HOUR_MS, -HOUR_MS, 0] {
        stage.machine.set_by(set_by);
        settled.extend(stage.round().await.1.settled);
    }
    assert_eq!(settled.len(), 1);
    let (event, state, said) = (&settled[0].event, settled[0].state, settled[0].scores[0].1);
    assert_eq!((event.as_str(), state), ("m-soon", EventState::Scored));
    assert!((said - (0.25 - 0.04)).abs() < 1e-9, "{said}");
    let life = stage.validator.ledger().changes("m-soon".into()).await.unwrap();
    assert_eq!(life.iter().filter(|change| change.state == EventState::Scored).count(), 1);
    assert_eq!(stage.validator.ledger().standings().await.unwrap().events, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_arrives_after_the_clock_went_past_the_cutoff_is_late() {
    let stage = Stage::new().await;
    assert_eq!(stage.round().await.1.fates["scored"], 2);
    *stage.miner.sets_by.lock().unwrap() = 2 * HOUR_MS;
    let (asked, summary) = stage.round().await;
    assert_eq!(asked, ["late", "soon"]);
    // The one is late; of the other no price is young enough to judge by.
    assert_eq!((summary.fates["late"], summary.fates["unpriced"]), (1, 1), "{:?}", summary.fates);
    let (asked, summary) = stage.round().await;
    assert_eq!((asked, summary.fates["scored"]), (vec!["late".to_owned()], 1), "and on it goes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_over_before_a_restart_stays_over_when_the_clock_was_set_back_meanwhile() {
    let stage = Stage::new().await;
    stage.machine.set_by(HOUR_MS);
    assert_eq!(stage.round().await.0, ["late", "soon"]);
    stage.machine.set_by(HOUR_MS);
    assert_eq!(stage.round().await.0, ["late"]);
    let Stage { machine, miner, peers, validator: before, folder, _axon, .. } = stage;
    let recorded = before.ledger().last_tick().await.unwrap().unwrap();
    drop(before);
    machine.set_by(-HOUR_MS);
    let (market, validator) = validator(&machine, &folder);
    let stage = Stage { machine, market, miner, peers, validator, folder, _axon };
    let (asked, summary) = stage.round().await;
    assert_eq!((asked, summary.fates["scored"]), (vec!["late".to_owned()], 1));
    assert!(summary.at > recorded, "{:?} {recorded:?}", summary.at);
    let (_, summary) = stage.round().await;
    assert_eq!((summary.fates["scored"], stage.scored().await), (1, 2 + 1 + 2));
}

/// Retention, voiding and what was asked before: a wrong clock may take none of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn years_forward_and_back_lose_nothing() {
    let stage = Stage::new().await;
    assert_eq!(stage.round().await.0, ["late", "soon"]);
    stage.market.over.lock().unwrap().insert("soon");
    assert_eq!(stage.round().await.1.settled.len(), 1);
    let kept = async |stage: &Stage| {
        let ledger = stage.validator.ledger();
        let forgotten = ledger.prune(ledger.core().patient_now(&stage.market.clock).await.unwrap()).await.unwrap();
        let late = ledger.event("m-late".into()).await.unwrap().unwrap();
        let answers = ledger.core().read(|connection| {
            Ok::<_, Fault>(connection.query_row("SELECT COUNT(*) FROM raw", [], |row| row.get::<i64>(0))?)
        });
        (forgotten, late.state, ledger.all_events().await.unwrap().len(), answers.await.unwrap())
    };
    let before = kept(&stage).await;
    assert_eq!((before.0, before.1, before.2), (0, EventState::Open, 2));

    stage.machine.set_by(3 * YEAR_MS);
    for _ in 0..3 {
        let (asked, summary) = stage.round().await;
        assert_eq!((asked.len(), summary.settled.len()), (0, 0), "its time seems to be over; nobody says how it ended");
    }
    assert_eq!(kept(&stage).await, before);
    // Also when it is started anew meanwhile, again and again.
    let Stage { machine, miner, peers, validator: last, folder, _axon, .. } = stage;
    drop(last);
    let (market, validator) = validator(&machine, &folder);
    market.over.lock().unwrap().insert("soon");
    let stage = Stage { machine, market, miner, peers, validator, folder, _axon };
    assert_eq!(stage.round().await.1.settled.len(), 0);
    assert_eq!(kept(&stage).await, before);

    stage.machine.set_by(-3 * YEAR_MS);
    for _ in 0..2 {
        let (asked, summary) = stage.round().await;
        assert_eq!((asked, summary.fates["scored"]), (vec!["late".to_owned()], 1), "on it goes");
    }
    stage.market.over.lock().unwrap().insert("late");
    let settled = stage.round().await.1.settled;
    assert!((settled[0].scores[0].1 - (0.25 - 0.04)).abs() < 1e-9, "{settled:?}");
    assert_eq!(stage.validator.ledger().standings().await.unwrap().events, 2);
}
