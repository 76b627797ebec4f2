//! Rounds of an events validator with two miners over HTTP.
//!
//! Conditional forecasts: a program says them, its miner sends them, the validator's ledger lets them speak.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Handle};
use neuron::clock::Clock;
use neuron::forecast::{Cache, CacheSettings, Command, CommandSettings, Forecast, Forecaster, Question};
use neuron::market::{Event, EventKey, Listing, MarketError, Provider, Quote, Resolution, Review};
use neuron::report::Case;
use neuron::scoring::Rules;
use neuron::scoring::rules::ReferencePick;
use neuron::subnets::events::ledger::{Archive, EventsLedger, Options};
use neuron::subnets::events::{EventsMiner, EventsValidator, Limits, TickSummary};
use neuron::subnets::work::Peer;
use neuron::units::{Identity, Probability, Uid, UnixMs};

use crate::axon_kit::key;
use crate::places::place;
use crate::wire_fakes::{dendrite, target};

/// 2024-06-01T00:00Z, the start of an interval.
const START: UnixMs = UnixMs(1_717_200_000_000);
const MINUTE: Duration = Duration::from_secs(60);

/// A market with the events `x` and `z` at even odds, until `over`.
struct Market {
    clock: Clock,
    over: Mutex<bool>,
    /// What `x` and `z` pay then.
    outcome: Mutex<Probability>,
    /// Which outcome is asked about, when the market says so.
    label: Mutex<&'static str>,
    /// What the oracle says of `x`.
    review: Mutex<Option<Review>>,
    /// What a reader adds to the price, a millisecond later.
    step: f64,
    readers: Mutex<u32>,
}

impl Market {
    fn price(&self) -> f64 {
        0.5 + self.step * f64::from(*self.readers.lock().unwrap())
    }

    fn listing(&self, id: &str) -> Listing {
        let resolution = if *self.over.lock().unwrap() {
            Resolution::Resolved { outcome: *self.outcome.lock().unwrap(), at: None }
        } else {
            Resolution::Open
        };
        Listing {
            event: Event {
                key: EventKey::new("m", id),
                provider: "m".into(),
                id: id.into(),
                description: format!(
                    "Will {id}?\nThe probability asked is that of the outcome \"{}\".",
                    self.label.lock().unwrap()
                )
                .into(),
                cutoff: START.plus_ms(3 * 3_600_000),
                ends_at: None,
                beside: Default::default(),
            },
            quote: Some(Quote {
                price: Probability::new(self.price()).unwrap(),
                at: self.clock.now(),
                source: neuron::market::PriceSource::File,
            }),
            resolution,
        }
    }
}

impl Provider for Market {
    fn name(&self) -> &'static str {
        "m"
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        if self.step != 0.0 {
            self.clock.advance(Duration::from_millis(1));
            *self.readers.lock().unwrap() += 1;
        }
        ready(Ok(["x", "z"].map(|id| self.listing(id)).to_vec())).boxed()
    }

    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        ready(Ok(self.listing(id))).boxed()
    }

    fn reviews<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<Vec<(String, Review)>, MarketError>> {
        let review = self.review.lock().unwrap().filter(|_| ids.iter().any(|id| id == "x"));
        ready(Ok(review.map(|review| ("x".to_owned(), review)).into_iter().collect())).boxed()
    }
}

/// Says what it is told to, by event.
#[derive(Default)]
struct Told(Mutex<BTreeMap<String, f64>>);

impl Forecaster for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn forecast<'a>(&'a self, questions: &'a [Question], _: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
        let told = self.0.lock().unwrap().clone();
        let answer = |q: &Question| told.get(&q.id).and_then(|p| Probability::new(*p).ok()).into();
        ready(questions.iter().map(answer).collect()).boxed()
    }
}

/// A program with two rules about `z`, that says 0.6 instead as soon as there is a file `plain`.
fn program(folder: &Path) -> Command {
    let mut settings = CommandSettings::from_line("sh -c").unwrap();
    settings.arguments.push(format!(
        r#"while read -r line; do
            n=${{line#*'"id":'}}; n=${{n%%[!0-9]*}}
            p=null; rules=
            case $line in *'"event":"m-z"'*)
                if [ -e '{}/plain' ]; then p=0.6; else
                    rules='{{"if_event":"m-x","above":0.5,"probability":0.8}},7,'
                    rules="$rules"'{{"if_event":"m-x","below":0.5,"probability":0.3}}'
                fi;;
            esac
            echo "{{\"id\": $n, \"probability\": $p, \"conditions\": [$rules]}}"
        done"#,
        folder.display()
    ));
    settings.deadline = Duration::from_secs(20);
    Command::spawn(settings)
}

struct Stage {
    clock: Clock,
    market: Arc<Market>,
    told: Arc<Told>,
    caches: Vec<Cache>,
    miners: Vec<Peer>,
    validator: EventsValidator,
    _axons: Vec<Handle>,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn new(rules: Rules, step: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::stepped(START);
        let market = Arc::new(Market {
            clock: clock.clone(),
            over: Mutex::default(),
            outcome: Mutex::new(Probability::ONE),
            label: Mutex::new("Yes"),
            review: Mutex::default(),
            step,
            readers: Mutex::default(),
        });
        let told = Arc::new(Told::default());
        let forecasters = [Arc::clone(&told) as Arc<dyn Forecaster>, Arc::new(program(folder.path()))];
        let (mut caches, mut miners, mut axons) = (Vec::new(), Vec::new(), Vec::new());
        for (forecaster, (uid, name)) in forecasters.into_iter().zip([(1, "//Bob"), (2, "//Charlie")]) {
            let settings = CacheSettings { refresh: Duration::from_secs(1), ..CacheSettings::default() };
            let cache = Cache::new(forecaster, settings, clock.clone());
            let hotkey = Arc::new(key(name));
            let axon =
                Axon::builder(AxonConfig::loopback(), Arc::clone(&hotkey)).serve(EventsMiner::new(cache.clone()));
            let axon = axon.policy(AdmissionPolicy::open()).spawn().await.unwrap();
            let identity = Identity { hotkey: hotkey.account(), registered_at: 7 };
            let target = neuron::dendrite::Target { hotkey: hotkey.account(), ..target(axon.local_addr()) };
            miners.push(Peer { uid: Uid(uid), identity, target });
            caches.push(cache);
            axons.push(axon);
        }
        let options = Options { rules, ..Options::default() };
        let ledger = EventsLedger::open(place(folder.path().join("ledger.sqlite")), options).unwrap();
        let limits = Limits {
            max_question_bytes: 8192,
            max_events: 10,
            void_after: Duration::from_secs(9_000_000),
            lookups: 10,
            dispute_window: Duration::from_secs(2 * 86_400),
        };
        let providers = vec![Arc::clone(&market) as Arc<dyn Provider>];
        let patience = Duration::from_secs(60);
        let validator = EventsValidator::new(providers, ledger, Arc::new(dendrite()), clock.clone(), limits, patience);
        Self { clock, market, told, caches, miners, validator, _axons: axons, folder }
    }

    /// A minute later: fresh forecasts, and one round. Returns how many reports counted.
    async fn round(&self, x: f64) -> u64 {
        self.told.0.lock().unwrap().insert("x".into(), x);
        for cache in &self.caches {
            cache.refresh().await;
        }
        let counted = self.tick().await.fates.get("scored").copied().unwrap_or(0);
        self.clock.advance(MINUTE);
        counted
    }

    async fn tick(&self) -> TickSummary {
        let summary = self.validator.tick(&self.miners).await.unwrap();
        assert_eq!(summary.answered, if summary.open_events > 0 { 2 } else { 0 });
        summary
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_programs_rules_travel_speak_and_are_scored() {
    let stage = Stage::new(Rules::default(), 0.0).await;
    assert_eq!(stage.round(0.9).await, 0, "nobody knew the questions");
    assert_eq!(stage.round(0.9).await, 1, "the rules come with this round and speak from the next");
    assert_eq!(stage.round(0.1).await, 2);
    assert_eq!(stage.round(0.5).await, 2);
    assert_eq!(stage.round(0.9).await, 1, "the aggregate stood on the threshold");
    std::fs::write(stage.folder.path().join("plain"), "").unwrap();
    assert_eq!(stage.round(0.9).await, 2, "the plain answer");
    let ledger = stage.validator.ledger();
    let charlie = stage.miners[1].identity;
    let said = ledger.intervals(charlie, "m-z".into()).await.unwrap();
    assert_eq!((said.len(), said[0].stats.count, said[0].by_rule), (1, 3, 2));
    assert_eq!((said[0].stats.first.p, said[0].stats.last.p), (0.8, 0.6));
    assert!((said[0].stats.sum_p - (0.8 + 0.3 + 0.6)).abs() < 1e-12);

    *stage.market.over.lock().unwrap() = true;
    let settled = stage.tick().await.settled;
    let event = settled.iter().find(|settlement| settlement.event == "m-z").unwrap();
    let gain = |p: f64| 0.25 - (1.0 - p) * (1.0 - p);
    let (identity, score) = event.scores[0];
    assert_eq!((identity, event.scores.len()), (charlie, 1));
    assert!((score - (gain(0.8) + gain(0.3) + gain(0.6)) / 3.0).abs() < 1e-12, "{score}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_winner_that_changes_within_the_window_is_scored_anew_and_later_not() {
    let stage = Stage::new(Rules::default(), 0.0).await;
    assert_eq!((stage.round(0.9).await, stage.round(0.9).await), (0, 1));
    *stage.market.over.lock().unwrap() = true;
    let score = |summary: &TickSummary| {
        let settled = summary.settled.iter().find(|settlement| settlement.event == "m-x");
        settled.map(|settlement| (settlement.scores[0].1 * 1e6).round() / 1e6)
    };
    let gain = |o: f64| (0.5 - o) * (0.5 - o) - (0.9 - o) * (0.9 - o);
    let rounded = |x: f64| Some((x * 1e6).round() / 1e6);
    assert_eq!(score(&stage.tick().await), rounded(gain(1.0)));
    let after = async |time: Duration| {
        stage.clock.advance(time);
        score(&stage.tick().await)
    };
    *stage.market.outcome.lock().unwrap() = Probability::ZERO;
    assert_eq!(after(MINUTE).await, None, "checked every hour");
    assert_eq!(after(60 * MINUTE).await, rounded(gain(0.0)), "corrected");
    // About `z` nobody said anything; it counts all the same.
    let standings = stage.validator.ledger().standings().await.unwrap();
    let sum = standings.miners[0].average * standings.events as f64;
    assert_eq!((standings.events, rounded(sum)), (2, rounded(gain(0.0))), "nothing is left of the first");
    assert_eq!(after(120 * MINUTE).await, None, "said once");
    *stage.market.outcome.lock().unwrap() = Probability::ONE;
    // A correction opens the window anew; this is after it.
    assert_eq!(after(3 * 24 * 60 * MINUTE).await, None, "too late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_is_disputed_after_it_was_settled_is_followed_until_that_is_over() {
    const DAY: Duration = Duration::from_secs(86_400);
    let stage = Stage::new(Rules::default(), 0.0).await;
    assert_eq!((stage.round(0.9).await, stage.round(0.9).await), (0, 1));
    let says = |review| *stage.market.review.lock().unwrap() = Some(review);
    let settled = async |after: Duration| {
        stage.clock.advance(after);
        let settled = stage.tick().await.settled;
        settled.into_iter().find(|settlement| settlement.event == "m-x").map(|settlement| settlement.scores[0].1)
    };
    // Before the cutoff nobody asks what the oracle says.
    says(Review::Proposed);
    assert_eq!(settled(MINUTE).await, None);
    assert_eq!(stage.validator.ledger().event("m-x".into()).await.unwrap().unwrap().review, None);
    assert_eq!(settled(3 * 60 * MINUTE).await, None, "it waits for its outcome");
    says(Review::Resolved);
    *stage.market.over.lock().unwrap() = true;
    let first = settled(MINUTE).await.unwrap();
    assert!(first > 0.0);
    // A day later somebody objects, and three days later, long after the window, it ends the other way.
    says(Review::Disputed);
    assert_eq!(settled(DAY).await, None);
    assert_eq!(settled(3 * DAY).await, None, "still the same outcome");
    *stage.market.outcome.lock().unwrap() = Probability::ZERO;
    assert_eq!(settled(MINUTE).await.map(|score| score < 0.0), Some(true), "looked up in every tick, and scored anew");
    says(Review::Resolved);
    assert_eq!(settled(MINUTE).await, None);
    *stage.market.outcome.lock().unwrap() = Probability::ONE;
    assert_eq!(settled(3 * DAY).await, None, "resolved, and the window is over");

    let archive = Archive::open(place(stage.folder.path().join("ledger.sqlite"))).unwrap();
    let reviews: Vec<Review> = archive.reviews("m-x").unwrap().into_iter().map(|seen| seen.review).collect();
    assert_eq!(reviews, [Review::Proposed, Review::Resolved, Review::Disputed, Review::Resolved]);
    let event = archive.event("m-x").unwrap().unwrap();
    assert_eq!((event.outcome, event.review.unwrap().review), (Some(0.0), Review::Resolved));
    let case = Case { archive, rules: Rules::default() };
    let explained = neuron::report::explain::explain(&case, stage.miners[0].identity, "m-x").unwrap();
    assert_eq!((explained.reviews.len(), explained.score.map(|score| score < 0.0)), (4, Some(true)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_that_turns_its_outcomes_around_is_not_believed() {
    let stage = Stage::new(Rules::default(), 0.0).await;
    assert_eq!((stage.round(0.9).await, stage.round(0.9).await), (0, 1));
    *stage.market.label.lock().unwrap() = "No";
    stage.clock.advance(5 * MINUTE);
    let summary = stage.tick().await;
    assert_eq!((summary.open_events, summary.unpriced), (0, 2), "there is no price to judge by");
    *stage.market.over.lock().unwrap() = true;
    assert!(stage.tick().await.settled.is_empty());
    *stage.market.label.lock().unwrap() = "Yes";
    assert_eq!(stage.tick().await.settled.len(), 2);
}

/// A market that moves while miners answer: under `worst_bracket` it is read again after the round, and the report is
/// measured against the price that suits it least.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_worst_bracket_the_price_after_the_round_counts_too() {
    // Readers before and in the round in which Bob answers; the price rises by a hundredth with each.
    for (reference_pick, reader) in [(ReferencePick::AtOrBefore, 2.0), (ReferencePick::WorstBracket, 4.0)] {
        let stage = Stage::new(Rules { reference_pick, ..Rules::default() }, 0.01).await;
        assert_eq!((stage.round(0.9).await, stage.round(0.9).await), (0, 1));
        *stage.market.over.lock().unwrap() = true;
        let settled = stage.tick().await.settled;
        let event = settled.iter().find(|settlement| settlement.event == "m-x").unwrap();
        let r = 0.5 + 0.01 * reader;
        let want = (1.0 - r) * (1.0 - r) - (1.0 - 0.9) * (1.0 - 0.9);
        assert!((event.scores[0].1 - want).abs() < 1e-12, "{reference_pick:?}: {} for {want}", event.scores[0].1);
    }
}
