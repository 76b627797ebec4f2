//! The event service of 2025: a server that does everything a bad one may do, and the simulator's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Caller, Handle, Handler, Refusal, Reply};
use neuron::clock::Clock;
use neuron::dendrite::Target;
use neuron::market::ifgames::{IfGames, IfGamesSettings, NAME, PredictionRow, Reporter, ResultRow};
use neuron::market::simulator::{self, SimulatorConfig};
use neuron::market::{HttpSettings, Listing, MarketError, Provider, Resolution};
use neuron::scoring::Rules;
use neuron::subnets::events::ledger::{Archive, EventsLedger, LONGEST_REASON, Options};
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::subnets::events::{EventsValidator, Limits, Reports};
use neuron::subnets::work::{Peer, Peers};
use neuron::units::{Identity, Probability, Uid, UnixMs};
use serde_json::{Value, json};

use crate::axon_kit::key;
use crate::wire_fakes::{dendrite, target};

/// 2025-07-01
const START: UnixMs = UnixMs(1_751_328_000_000);

/// What a service tells: events, ends, withdrawals, each as the JSON of an entry.
#[derive(Default)]
struct Told {
    events: Vec<Value>,
    resolved: Vec<Value>,
    deleted: Vec<Value>,
    /// Answers with this instead, when it says something.
    instead: Option<(u16, String)>,
    /// Serves the first page again and again.
    repeats: bool,
    asked: Vec<String>,
}

#[derive(Clone, Default)]
struct Service(Arc<Mutex<Told>>);

impl Service {
    async fn spawn(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn tell<T>(&self, change: impl FnOnce(&mut Told) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

async fn answer(State(service): State<Service>, uri: Uri) -> Response {
    let query = |name: &str| {
        let pairs = uri.query().unwrap_or_default().split('&');
        pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    let number = |name: &str| query(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or_default();
    service.tell(|told| {
        told.asked.push(uri.to_string());
        if let Some((status, text)) = &told.instead {
            return (StatusCode::from_u16(*status).unwrap(), text.clone()).into_response();
        }
        let list = match uri.path() {
            "/api/v2/events" => {
                let from = number("from_date") as i64;
                told.events
                    .iter()
                    .filter(|event| event["created_at"].as_i64().is_none_or(|at| at >= from))
                    .cloned()
                    .collect()
            }
            "/api/v2/events/resolved" => told.resolved.clone(),
            "/api/v2/events/deleted" => told.deleted.clone(),
            _ => return StatusCode::NOT_FOUND.into_response(),
        };
        let skip = if told.repeats { 0 } else { number("offset") };
        let items: Vec<Value> = list.into_iter().skip(skip).take(number("limit")).collect();
        axum::Json(json!({"count": items.len(), "items": items})).into_response()
    })
}

fn entry(n: i64) -> Value {
    let created = START.as_secs() + n;
    json!({"event_id": format!("e{n}"), "title": format!("Question {n}?"), "description": "More.", "market_type": "LLM",
           "created_at": created, "cutoff": created + 86_400, "answer": null})
}

async fn client(service: &Service, clock: &Clock) -> IfGames {
    neuron::market::install_tls();
    let patient = Duration::from_millis(1);
    let http = HttpSettings {
        spacing: Duration::ZERO,
        retries: 1,
        first_pause: patient,
        ..HttpSettings::at(service.spawn().await)
    };
    IfGames::new(IfGamesSettings { http, resolve_every: Duration::from_secs(1800) }, clock.clone()).unwrap()
}

fn ids(listings: &[Listing]) -> Vec<&str> {
    listings.iter().map(|listing| listing.event.id.as_str()).collect()
}

#[tokio::test]
async fn new_events_come_page_by_page_and_later_only_what_is_new() {
    let (service, clock) = (Service::default(), Clock::stepped(START));
    service.tell(|told| told.events = (0..120).map(entry).collect());
    let client = client(&service, &clock).await;
    let listed = client.list().await.unwrap();
    assert_eq!(listed.len(), 120);
    let first = &listed.iter().find(|listing| listing.event.id == "e7").unwrap();
    assert_eq!(first.event.key.0, format!("{NAME}-e7"));
    assert_eq!(first.event.description.as_raw(), "Question 7? ==Further Information==: More.");
    assert_eq!((first.event.cutoff, first.quote), (START.plus_ms(86_407_000), None));
    let asked = service.tell(|told| std::mem::take(&mut told.asked));
    assert!(
        asked[2].contains("from_date=0") && asked[2].contains("offset=100") && asked[2].contains("limit=50"),
        "{asked:?}"
    );

    service.tell(|told| told.events.push(entry(500)));
    assert_eq!(client.list().await.unwrap().len(), 121);
    let asked = service.tell(|told| std::mem::take(&mut told.asked));
    assert_eq!(asked.len(), 1, "neither what ended nor what was withdrawn is asked for at every look: {asked:?}");
    assert!(
        asked[0].contains(&format!("from_date={}", START.as_secs() + 118)),
        "a second before the last one: {asked:?}"
    );
}

#[tokio::test]
async fn ends_withdrawals_and_changes_are_heard() {
    let (service, clock) = (Service::default(), Clock::stepped(START));
    service.tell(|told| told.events = (0..4).map(entry).collect());
    let client = client(&service, &clock).await;
    client.list().await.unwrap();
    service.tell(|told| {
        told.resolved = vec![
            json!({"event_id": "e0", "answer": 1, "resolved_at": "2025-07-01T05:00:00Z"}),
            json!({"event_id": "e1", "answer": "maybe", "resolved_at": "2025-07-01T05:00:00Z"}),
            json!({"event_id": "stranger", "answer": 0, "resolved_at": "2025-07-01T05:00:00Z"}),
        ];
        told.deleted = vec![json!({"event_id": "e2", "deleted_at": "2025-07-01T05:00:00Z"})];
        // The last one was changed: it is told of again, being the newest.
        told.events[3]["cutoff"] = json!(START.as_secs() + 1000);
    });
    clock.advance(Duration::from_secs(1799));
    let before = client.list().await.unwrap();
    assert!(before.iter().all(|listing| listing.resolution == Resolution::Open), "not asked for yet");
    assert_eq!(before[3].event.cutoff, START.plus_ms(1_000_000));
    clock.advance(Duration::from_secs(1));
    let listed = client.list().await.unwrap();
    let at = Some(START.plus_ms(5 * 3_600_000));
    let ends: Vec<Resolution> = listed.iter().map(|listing| listing.resolution).collect();
    let won = Resolution::Resolved { outcome: Probability::ONE, at };
    assert_eq!(ends, [won, Resolution::Open, Resolution::Void, Resolution::Open]);
    assert_eq!(client.fetch("e0").await.unwrap().resolution, won);

    // What ended is told of for a day.
    clock.advance(Duration::from_secs(86_400));
    assert_eq!(ids(&client.list().await.unwrap()), ["e1", "e3"]);
    assert!(
        matches!(client.fetch("e0").await, Err(MarketError::Unknown { .. })),
        "the service does not have it any more"
    );
}

#[tokio::test]
async fn a_service_that_is_away_or_talks_nonsense_costs_nothing_that_is_known() {
    let (service, clock) = (Service::default(), Clock::stepped(START));
    service.tell(|told| told.events = (0..3).map(entry).collect());
    let client = client(&service, &clock).await;
    assert_eq!(client.list().await.unwrap().len(), 3);
    service.tell(|told| told.events.push(entry(10)));
    let html = "<!DOCTYPE html><title>We will be back</title>";
    for (status, text) in [(200, html), (200, "{}"), (200, "[1]"), (503, html), (404, ""), (200, r#"{"items": 3}"#)] {
        service.tell(|told| told.instead = Some((status, text.to_owned())));
        let error = client.list().await.unwrap_err();
        assert!(
            matches!(&error, MarketError::Malformed { .. } | MarketError::Refused { .. }),
            "{status} {text}: {error}"
        );
    }
    service.tell(|told| told.instead = None);
    assert_eq!(client.list().await.unwrap().len(), 4, "and nothing was missed");
}

#[tokio::test]
async fn pages_that_repeat_end_and_bad_entries_cost_only_themselves() {
    let (service, clock) = (Service::default(), Clock::stepped(START));
    service.tell(|told| {
        told.events = (0..60).map(entry).collect();
        told.events[5] = json!(7);
        told.events[6] = json!({"event_id": "no title", "created_at": 1, "cutoff": 2});
        told.events[7]["cutoff"] = json!("whenever");
        told.repeats = true;
    });
    let client = client(&service, &clock).await;
    assert_eq!(client.list().await.unwrap().len(), 47, "the first fifty, three of them unusable");
    assert!(service.tell(|told| told.asked.len()) <= 4);
    service.tell(|told| told.repeats = false);
    assert_eq!(client.list().await.unwrap().len(), 57);
}

#[tokio::test]
async fn the_simulator_is_such_a_service_and_checks_signatures() {
    neuron::market::install_tls();
    let clock = Clock::stepped(START);
    let world = SimulatorConfig { events: Some(130), start: Some(START), ..SimulatorConfig::new(3, clock.clone()) };
    let market = simulator::spawn(world).unwrap();
    let settings = || IfGamesSettings {
        http: HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(market.url()) },
        resolve_every: Duration::ZERO,
    };
    let client = IfGames::new(settings(), clock.clone()).unwrap();
    clock.advance(Duration::from_secs(47 * 3600));
    assert_eq!(client.list().await.unwrap().len(), 48);
    clock.advance(Duration::from_secs(10 * 3600));
    let listed = client.list().await.unwrap();
    let ended = listed.iter().filter(|listing| listing.resolution != Resolution::Open).count();
    assert_eq!((listed.len(), ended), (58, 10));
    for listing in listed.iter().filter(|listing| listing.resolution != Resolution::Open) {
        let index = market.world().index(&listing.event.id).unwrap();
        let Resolution::Resolved { outcome, .. } = listing.resolution else { panic!("{listing:?}") };
        assert_eq!(outcome, market.world().outcome(index));
    }

    let (alice, uid) = (key("//Alice"), 3);
    let hotkey = alice.account().ss58();
    let reporter = Reporter::new(settings(), Arc::new(alice)).unwrap();
    let row = PredictionRow {
        unique_event_id: listed[0].event.key.0.clone(),
        provider_type: "ifgames".into(),
        prediction: 0.5,
        interval_start_minutes: 240,
        interval_agg_prediction: 0.5,
        interval_agg_count: 2,
        interval_datetime: "2025-07-01T00:00:00Z".into(),
        miner_hotkey: hotkey.clone(),
        miner_uid: uid,
        validator_hotkey: hotkey.clone(),
        validator_uid: 0,
        title: None,
        outcome: None,
        submitted_at: "2025-07-01T00:00:00Z".into(),
    };
    reporter.predictions(&[row]).await.unwrap();
    let result = ResultRow {
        event_id: listed[0].event.id.clone(),
        prediction: 0.5,
        answer: 1.0,
        miner_hotkey: hotkey.clone(),
        miner_uid: uid,
        miner_score: 0.1,
        miner_effective_score: 0.1,
        validator_hotkey: hotkey.clone(),
        validator_uid: 0,
        spec_version: "1039".into(),
        registered_date: "2025-07-01T00:00:00Z".into(),
        scored_at: "2025-07-01T00:00:00Z".into(),
    };
    reporter.results(&[result]).await.unwrap();
    let forged = reqwest::Client::new().post(format!("{}/api/v1/validators/data", market.url()));
    let forged = forged.header("validator", hotkey).bearer_auth("AAAA").body("{}").send().await.unwrap();
    assert_eq!(forged.status(), 401);
    let reported: Value =
        reqwest::get(format!("{}/simulator/reported", market.url())).await.unwrap().json().await.unwrap();
    assert_eq!(reported, json!({"predictions": 1, "results": 1, "refused": 1}));
}

/// A miner that always says the same, at length.
struct Talker(f64);

impl Handler<EventPredictionSynapse> for Talker {
    async fn handle(
        &self,
        _: &Caller,
        mut asked: EventPredictionSynapse,
    ) -> Result<Reply<EventPredictionSynapse>, Refusal> {
        for event in asked.events.values_mut() {
            let heard = format!("because \u{1b}[2J {} {}", event.market_type, event.metadata.as_json());
            event.answer(Probability::new(self.0).unwrap(), Some(heard.repeat(1_000).into()));
        }
        Ok(Reply::Answer(asked))
    }
}

#[derive(Debug)]
struct These(Vec<Peer>);

impl Peers for These {
    fn now(&self) -> Vec<Peer> {
        self.0.clone()
    }

    fn own(&self) -> Option<Uid> {
        Some(Uid(0))
    }
}

/// Three miners behind their axons.
async fn miners() -> (Vec<Peer>, Vec<Handle>) {
    let (mut peers, mut axons) = (Vec::new(), Vec::new());
    for (uid, p) in [(1, 0.9), (2, 0.5), (3, 0.1)] {
        let hotkey = Arc::new(key(&format!("//Talker//{uid}")));
        let axon = Axon::builder(AxonConfig::loopback(), Arc::clone(&hotkey)).serve(Talker(p));
        let axon = axon.policy(AdmissionPolicy::open()).spawn().await.unwrap();
        let identity = Identity { hotkey: hotkey.account(), registered_at: 7 };
        let target = Target { hotkey: hotkey.account(), ..target(axon.local_addr()) };
        peers.push(Peer { uid: Uid(uid), identity, target });
        axons.push(axon);
    }
    (peers, axons)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_asks_scores_and_reports_without_any_price() {
    neuron::market::install_tls();
    let clock = Clock::stepped(START);
    let world = SimulatorConfig { events: Some(3), start: Some(START), ..SimulatorConfig::new(4, clock.clone()) };
    let market = simulator::spawn(world).unwrap();
    let settings = IfGamesSettings {
        http: HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(market.url()) },
        resolve_every: Duration::ZERO,
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = EventsLedger::open(&path, Options { rules: Rules::of_2025(), ..Options::default() }).unwrap();
    let (peers, _axons) = miners().await;
    let limits = Limits {
        max_question_bytes: 8192,
        max_events: 100,
        void_after: Duration::from_secs(30 * 86_400),
        lookups: 100,
        dispute_window: Duration::ZERO,
    };
    let client = Arc::new(IfGames::new(settings.clone(), clock.clone()).unwrap()) as Arc<dyn Provider>;
    let patience = Duration::from_secs(60);
    let validator =
        EventsValidator::new(vec![client], ledger.clone(), Arc::new(dendrite()), clock.clone(), limits, patience);
    let validator = validator.keeping_reasonings(true);
    let reports = |settings: IfGamesSettings| {
        let reporter = Reporter::new(settings, Arc::new(key("//Alice"))).unwrap();
        Reports::new(reporter, ledger.clone(), Arc::new(These(peers.clone())), clock.clone())
    };
    let gone = IfGamesSettings { http: HttpSettings::at("http://127.0.0.1:1"), ..settings.clone() };
    let (gone, reports) = (reports(gone), reports(settings));

    let mut told = 0;
    for hour in 0..52 {
        let summary = validator.tick(&peers).await.unwrap();
        assert_eq!((summary.markets_failed, summary.unpriced), (0, 0));
        if [8, 48].contains(&hour) {
            // What the service did not take is told again below.
            assert!(gone.tell().await.is_err(), "nobody took the report of hour {hour}");
        }
        told += reports.tell().await.unwrap();
        clock.advance(Duration::from_secs(3600));
    }
    // Each scored event has an answer, and the miners stand in the order of how right they were.
    let standings = ledger.standings().await.unwrap();
    assert_eq!((standings.events, standings.miners.len()), (3, 3));
    let archive = Archive::open(&path).unwrap();
    for event in archive.settled().unwrap() {
        let (_, mut scores) = archive.scores_of(&event.key).unwrap().unwrap();
        let said = |identity: &Identity| peers.iter().position(|peer| peer.identity == *identity).unwrap();
        scores.sort_by_key(|(identity, _)| said(identity));
        let scores: Vec<f64> = scores.into_iter().map(|(_, score)| score).collect();
        let is_yes = event.outcome == Some(1.0);
        assert_eq!(scores[0] > scores[1] && scores[1] > scores[2], is_yes, "{scores:?}");
        assert!(
            scores.iter().sum::<f64>().abs() < 1e-9,
            "the rule takes from one what it gives to another: {scores:?}"
        );
    }
    // Everything was told once: a row for each miner and interval, and one for each miner and event.
    let reported: Value =
        reqwest::get(format!("{}/simulator/reported", market.url())).await.unwrap().json().await.unwrap();
    let mut rows = 0;
    for event in archive.settled().unwrap() {
        rows += archive.said_about(&event.key).unwrap().unwrap().1.len();
    }
    assert_eq!(reported, json!({"predictions": rows, "results": 9, "refused": 0}));
    assert_eq!(told, rows + 9);
    assert_eq!(reports.tell().await.unwrap(), 0, "nothing is told twice");

    let key = archive.settled().unwrap()[0].key.clone();
    let reasons = archive.reasons(&key).unwrap().unwrap();
    assert_eq!(reasons.len(), 3);
    let words = reasons[0].text.as_raw();
    assert!(words.starts_with("because \u{1b}[2J") && words.chars().count() < LONGEST_REASON + 10, "{}", words.len());
    // What the service says beside the question came to the miner as it was.
    let beside = archive.event(&key).unwrap().unwrap().beside;
    let metadata = beside.metadata.as_ref().unwrap().as_raw();
    let said: Value = serde_json::from_str(metadata).unwrap();
    assert!(said["market"].is_string() && said["outcomes"].is_array(), "{metadata}");
    assert!(words.contains(&format!(" llm {metadata}")), "{words:.300}");
    ledger.prune(clock.now().plus_ms(8 * 86_400_000)).await.unwrap();
    assert!(archive.reasons(&key).unwrap().unwrap().is_empty(), "a week later they are gone");
}
