//! What a miner records of its own work, and what `neuron miner report` makes of it.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig};
use neuron::clock::Clock;
use neuron::forecast::{Cache, CacheSettings, Forecast, Forecaster, Question};
use neuron::market::{Event, EventKey, Listing, MarketError, Provider, Quote, Resolution};
use neuron::subnets::events::EventsMiner;
use neuron::subnets::events::record::Record;
use neuron::subnets::events::synapse::{EventPrediction, EventPredictionSynapse};
use neuron::subnets::work::MinerWork;
use neuron::units::{Probability, UnixMs};
use serde_json::Value;

use crate::axon_kit::key;
use crate::foreign_text::assert_harmless_text;
use crate::json_schema;
use crate::support::neuron;
use crate::wire_fakes::{deadlines, dendrite, target};

/// 2024-06-01T00:00Z, the start of an interval.
const START: UnixMs = UnixMs(1_717_200_000_000);
const DAY: Duration = Duration::from_secs(86_400);

/// A market whose event `yes` happens and whose event `no` does not, each at its price until a day has passed; it knows
/// nothing of others, and lists `unpriced` without a price.
struct Market {
    clock: Clock,
    price: Mutex<f64>,
    away: Mutex<bool>,
}

impl Market {
    fn listing(&self, id: &str) -> Listing {
        let now = self.clock.now();
        let over = now >= START.plus_ms(86_400_000);
        let outcome = if id == "no" { Probability::ZERO } else { Probability::ONE };
        let price = Probability::new(*self.price.lock().unwrap()).ok().filter(|_| id != "unpriced");
        Listing {
            event: Event {
                key: EventKey::new("m", id),
                provider: "m".into(),
                id: id.into(),
                description: id.into(),
                cutoff: START.plus_ms(86_400_000),
                ends_at: None,
                beside: Default::default(),
            },
            quote: price.map(|price| Quote { price, at: now, source: neuron::market::PriceSource::File }),
            resolution: if over { Resolution::Resolved { outcome, at: Some(now) } } else { Resolution::Open },
        }
    }
}

impl Provider for Market {
    fn name(&self) -> &'static str {
        "m"
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        let away = MarketError::Unreachable { provider: "m", url: "http://m".into(), reason: "away".into() };
        let found = ["yes", "no", "unpriced"].map(|id| self.listing(id)).to_vec();
        ready(if *self.away.lock().unwrap() { Err(away) } else { Ok(found) }).boxed()
    }

    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        ready(match id {
            "yes" | "no" | "unpriced" => Ok(self.listing(id)),
            _ => Err(MarketError::Unknown { provider: "m", id: id.into() }),
        })
        .boxed()
    }
}

/// Says 0.8 to everything, and counts how often it is asked about what.
#[derive(Default)]
struct Steady(Mutex<Vec<String>>);

impl Forecaster for Steady {
    fn name(&self) -> &'static str {
        "steady"
    }

    fn forecast<'a>(&'a self, questions: &'a [Question], _: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
        self.0.lock().unwrap().extend(questions.iter().map(|question| question.id.clone()));
        ready(questions.iter().map(|_| Probability::new(0.8).ok().into()).collect()).boxed()
    }
}

async fn pass(miner: &EventsMiner, duty: &str) {
    let duties = miner.duties();
    let duty = duties.iter().find(|found| found.name == duty).unwrap();
    duty.pass().await.unwrap();
}

fn question(text: &str) -> EventPredictionSynapse {
    let hostile = "Will it\u{1b}[2J rain?";
    let ask = |id: &str| {
        let event = EventPrediction::ask(id.into(), "m".into(), hostile.into(), Some(START.as_secs() + 86_400));
        (format!("m-{id}"), event)
    };
    EventPredictionSynapse { events: text.split(' ').map(ask).collect(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miner_records_what_it_was_asked_said_and_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("netuid155/miner-x.db");
    let clock = Clock::stepped(START);
    let market = Arc::new(Market { clock: clock.clone(), price: Mutex::new(0.5), away: Mutex::default() });
    let steady = Arc::new(Steady::default());
    let cache = Cache::new(Arc::clone(&steady) as _, CacheSettings::default(), clock.clone());
    let record = Record::open(&file, 90 * DAY).unwrap();
    let miner =
        EventsMiner::new(cache).watching(vec![Arc::clone(&market) as _], Duration::from_secs(300)).recording(record);
    let hotkey = Arc::new(key("//Bob"));
    let axon = Axon::builder(AxonConfig::loopback(), Arc::clone(&hotkey)).serve(miner.clone());
    let axon = axon.policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let target = neuron::dendrite::Target { hotkey: hotkey.account(), ..target(axon.local_addr()) };
    let dendrite = dendrite();
    let ask = async |ids: &str| {
        let answer = dendrite.call(&target, &question(ids), deadlines(30_000)).await.unwrap().result.unwrap();
        answer.events.values().filter(|event| event.probability == Some(0.8)).count()
    };

    assert_eq!(ask("yes no unpriced strange").await, 0, "nobody knew the questions");
    assert!(axon.snapshot().last_answered.is_some());
    pass(&miner, "prices").await;
    pass(&miner, "forecasts").await;
    assert_eq!(ask("yes no unpriced strange").await, 4);
    // The price moves, and answers are made anew for it as soon as they may be.
    steady.0.lock().unwrap().clear();
    *market.price.lock().unwrap() = 0.6;
    clock.advance(Duration::from_secs(6));
    pass(&miner, "forecasts").await;
    assert!(steady.0.lock().unwrap().is_empty(), "fresh, as far as it is known");
    pass(&miner, "prices").await;
    pass(&miner, "forecasts").await;
    let mut anew = steady.0.lock().unwrap().clone();
    anew.sort();
    assert_eq!(anew, ["no", "yes"], "those that have a price");
    // A market that is away for a while leaves the prices as they were, until they are too old.
    *market.away.lock().unwrap() = true;
    pass(&miner, "prices").await;
    assert_eq!(ask("yes no").await, 2);
    clock.advance(Duration::from_secs(300));
    pass(&miner, "prices").await;
    assert_eq!(ask("yes no").await, 2);

    clock.advance(DAY);
    pass(&miner, "outcomes").await;
    miner.finish().await.unwrap();
    pass(&miner, "outcomes").await;
    report(folder.path());
    axon.shutdown().await;
}

/// Asked three times with a price (twice each for `yes` and `no`: 0.5 and 0.6), once without.
fn report(folder: &Path) {
    let run = |more: &[&str]| {
        let arguments = ["miner", "report", "--db.directory", folder.to_str().unwrap()];
        neuron().args(arguments).args(more).output().unwrap()
    };
    let pictures = folder.join("pictures");
    let told = run(&["--output", "json", "--to", pictures.to_str().unwrap()]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let asked = serde_json::json!({
        "events": 4, "answered": 4, "ended": 3, "void": 0, "open": 1, "questions": 12, "answers": 8
    });
    assert_eq!(told["asked"], asked, "{told:#}");
    json_schema::check_printed(&["miner", "report"], &told);
    let close = |pointer: &str, wanted: f64| {
        let found = told.pointer(pointer).unwrap().as_f64().unwrap();
        assert!((found - wanted).abs() < 1e-9, "{pointer}: {found}, not {wanted}");
    };
    // yes: 0.04 a time, no: 0.64, unpriced: 0.04.
    close("/all/brier", (0.04 + 0.64 + 0.04) / 3.0);
    let price = |outcome: f64| ((0.5 - outcome) * (0.5 - outcome) + (0.6 - outcome) * (0.6 - outcome)) / 2.0;
    close("/all/market_brier", (price(1.0) + price(0.0)) / 2.0);
    close("/all/gain", ((price(1.0) - 0.04) + (price(0.0) - 0.64)) / 2.0);
    assert_eq!((&told["all"]["priced"], &told["all"]["ahead"]), (&2.into(), &0.5.into()));
    assert_eq!((&told["best"][0]["event"], &told["worst"][0]["event"]), (&"m-yes".into(), &"m-no".into()));
    assert_eq!(told["askers"][0]["requests"], 4);
    assert_eq!(told["pictures"].as_array().unwrap().len(), 2);
    for picture in ["calibration.svg", "history.svg"] {
        assert!(std::fs::read_to_string(pictures.join(picture)).unwrap().contains("</svg>"));
    }

    let text = String::from_utf8(run(&[]).stdout).unwrap();
    assert_harmless_text("the report", &text);
    for word in ["4 of 4 events answered", "market's", "largest gains", "asked by", "0.8 to 0.9"] {
        assert!(text.contains(word), "no `{word}` in:\n{text}");
    }
    let later = String::from_utf8(run(&["--since", "1h"]).stdout).unwrap();
    assert!(later.contains("0 of 0 events"), "{later}");
    let nothing = run(&["--record", "/nowhere/x.db"]);
    assert_eq!(nothing.status.code(), Some(4), "{}", String::from_utf8_lossy(&nothing.stderr));
}
