//! Text that others wrote commands no terminal and no log, whatever prints it; and a question without end is cut once.

use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig};
use neuron::clock::Clock;
use neuron::forecast::{Cache, CacheSettings, Forecast, Forecaster, Question};
use neuron::market::{Event, EventKey, Listing, MarketError, Provider, Quote, Resolution};
use neuron::subnets::events::ledger::{EventsLedger, NewEvent, Options, Outcome, PriceRow, Submission, Tick};
use neuron::subnets::events::{EventsMiner, EventsValidator, Limits};
use neuron::subnets::work::Peer;
use neuron::units::{CUT, Foreign, Identity, Probability, Uid, UnixMs, is_harmful};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::axon_kit::key;
use crate::score::miner;
use crate::support::{neuron, open_ledger};
use crate::wire_fakes::{Fake, dendrite, target};

/// 2024-06-01T00:00Z, the start of an interval.
const START: UnixMs = UnixMs(1_717_200_000_000);
const HOUR: i64 = 3_600_000;
const BOUND: usize = 8192;

/// Clears the screen, rings, forges a line, turns the text around, sets the title in both ways, hides letters.
pub const HOSTILE: &str = "=HYPERLINK(\"x\")\x1b[2J\x1b[31mred\x07\r\nerror: forged\u{202e}\x1b]0;title\x07\u{9b}2J\u{9d}0;t\x07\
                       \u{200b}\u{2028}\u{2066}\u{e0041}\u{feff}\x7f & <b>";

/// A name that a person pasted.
const STRANGE: &str = "no\x1b[2J\u{202e}";

/// Nothing but printable text and ends of lines came out of either channel.
fn assert_harmless(what: &str, output: &Output) {
    for channel in [&output.stdout, &output.stderr] {
        assert_harmless_text(what, std::str::from_utf8(channel).unwrap());
    }
}

pub fn assert_harmless_text(what: &str, text: &str) {
    let harmful: Vec<char> = text.chars().filter(|c| *c != '\n' && is_harmful(*c)).collect();
    assert!(harmful.is_empty(), "{what}: {harmful:?} in {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("error: forged")), "{what}: a forged line in {text:?}");
}

async fn hostile_ledger(folder: &Path) {
    let ledger = EventsLedger::open(folder.join("netuid155/somebody.sqlite"), Options::default()).unwrap();
    let texts =
        [HOSTILE.to_owned(), HOSTILE.repeat(2_000), "+1\x1b[2J".into(), "-1\u{9b}2J".into(), "@SUM\u{202e}".into()];
    for (n, text) in texts.into_iter().enumerate() {
        let key = format!("m-{n}\x1b[2J\u{202e}");
        let cutoff = START.plus_ms(8 * HOUR);
        let (provider, id) = ("m".to_owned(), format!("{n}\x1b[2J"));
        let description = text.into();
        let event = NewEvent {
            key: key.clone(),
            provider,
            id,
            description,
            opened_at: START,
            cutoff,
            ends_at: None,
            beside: Default::default(),
        };
        ledger.upsert_events(vec![event]).await.unwrap();
        let name: Arc<str> = key.as_str().into();
        for round in 0..4 {
            let at = START.plus_ms(round * HOUR + n as i64);
            let submission = |m: u8| Submission { identity: miner(m), event: name.clone(), p: 0.2 * f64::from(m), at };
            let prices =
                vec![PriceRow { event: name.clone(), price: 0.5, at, source: neuron::market::PriceSource::File }];
            let tick = Tick { at, prices, submissions: (0..4).map(submission).collect(), ..Tick::default() };
            assert_eq!(ledger.record_tick(tick).await.unwrap().counted(), 4);
        }
        let ended = START.plus_ms(9 * HOUR);
        let outcome = Outcome::Payout(1.0);
        let resolution =
            neuron::subnets::events::ledger::Resolution { event: key, outcome, at: Some(ended), seen: ended };
        ledger.resolve(resolution).await.unwrap();
    }
}

#[tokio::test]
async fn whatever_score_prints_and_draws_commands_nothing() {
    let folder = tempfile::tempdir().unwrap();
    hostile_ledger(folder.path()).await;
    let (hotkey, out) = (miner(1).hotkey.ss58(), tempfile::tempdir().unwrap());
    let (first, long) = ("m-0\x1b[2J\u{202e}", "m-1\x1b[2J\u{202e}");
    let commands: &[&[&str]] = &[
        &["verify"],
        &["explain", "--hotkey", &hotkey, "--event", first],
        &["explain", "--hotkey", &hotkey, "--event", long],
        &["explain", "--hotkey", &hotkey, "--event", STRANGE],
        &["compare", "--rule", "market_delta", "--rule", "market_delta,exponent=2"],
        &["compare", "--rule", STRANGE],
        &["sybil"],
        &["export", "--format", "csv", "--to"],
        &["export", "--format", "parquet", "--to"],
        &["plot", "--to"],
        &["verify", "--ledger", STRANGE],
    ];
    for command in commands {
        for format in ["text", "json"] {
            let output = neuron()
                .arg("score")
                .args(*command)
                .args(command.ends_with(&["--to"]).then(|| out.path().join(format!("{}-{format}", command.concat()))))
                .args(["--output", format])
                .env("NEURON_DB_DIRECTORY", folder.path())
                .output()
                .unwrap();
            assert_harmless(&format!("{command:?} {format}"), &output);
            assert!(!output.stdout.is_empty() || format == "text", "{command:?}");
            let strange = command.iter().any(|argument| argument.ends_with(STRANGE));
            assert_eq!(output.status.success(), !strange, "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
            let document = serde_json::from_slice::<serde_json::Value>(&output.stdout);
            assert!(format == "text" || document.is_ok(), "{command:?}: {document:?}");
            if format == "json" && command.contains(&first) {
                assert_eq!(document.unwrap()["event"]["description"], HOSTILE, "JSON is exact");
            } else if command.contains(&first) {
                let text = String::from_utf8(output.stdout).unwrap();
                assert!(text.contains("  =HYPERLINK(\"x\")\\u{1b}[2J\\u{1b}[31mred\\u{7}\n"), "{text}");
            }
        }
    }
    let copied = neuron()
        .args(["score", "export", "--to"])
        .arg(folder.path().join("copy"))
        .env("NEURON_DB_DIRECTORY", folder.path())
        .output()
        .unwrap();
    assert!(copied.status.success());
    let verified = neuron().args(["score", "verify"]).env("NEURON_DB_DIRECTORY", folder.path()).output().unwrap();
    assert!(verified.status.success(), "a copy is no second ledger: {}", String::from_utf8_lossy(&verified.stderr));
    let table = std::fs::read_to_string(out.path().join("export--formatcsv--to-text/events.csv")).unwrap();
    let rows = csv::Reader::from_reader(table.as_bytes());
    let questions: Vec<String> = rows.into_records().map(|row| row.unwrap()[1].to_owned()).collect();
    assert_eq!(questions.len(), 5);
    for question in questions {
        assert!(question.starts_with('\''), "a spreadsheet takes this for a formula: {question:?}");
    }
    let drawn: Vec<_> =
        std::fs::read_dir(out.path().join("plot--to-text")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let drawings = drawn.iter().filter(|path| path.extension().is_some_and(|e| e == "svg"));
    let forbidden = |path: &Path| std::fs::read_to_string(path).unwrap().chars().any(|c| c != '\n' && is_harmful(c));
    assert!(drawings.clone().count() > 0 && !drawings.into_iter().any(|path| forbidden(path)), "{drawn:?}");
}

/// A folder of wallets may come out of somebody's archive.
#[test]
fn names_of_wallets_and_keys_command_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let name = "evil\u{202e}\u{200b}\u{2066}\u{feff}";
    let hotkeys = folder.path().join(name).join("hotkeys");
    std::fs::create_dir_all(&hotkeys).unwrap();
    std::fs::create_dir_all(folder.path().join("clears\x1b[2J\nerror: forged/hotkeys")).unwrap();
    for file in [format!("hot{name}"), "bell\x07\r\nerror: forged".into()] {
        std::fs::write(hotkeys.join(file), "{\"ss58Address\": \"\x1b[2J\"}").unwrap();
    }
    let commands: &[&[&str]] = &[
        &["list"],
        &["show", "--wallet.name", name],
        &["show", "--wallet.name", STRANGE],
        &["verify-keys"],
        &["show", "--wallet.name", name, "--wallet.hotkey", HOSTILE],
    ];
    for command in commands {
        for format in ["text", "json"] {
            let output = neuron()
                .arg("wallet")
                .args(*command)
                .arg("--wallet.path")
                .arg(folder.path())
                .args(["--output", format])
                .output()
                .unwrap();
            assert_harmless(&format!("{command:?} {format}"), &output);
            let said = [output.stdout, output.stderr].concat();
            assert!(!said.is_empty(), "{command:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_and_a_peer_that_answer_with_commands_are_quoted_harmlessly() {
    let body = json!({ "message": HOSTILE, "error": HOSTILE }).to_string() + HOSTILE;
    let fake = Fake::serve(move |mut stream, _, _| {
        let head = "HTTP/1.1 400 No\r\ncontent-type: application/json\r\nconnection: close\r\n";
        let raw = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        async move {
            let _ = stream.write_all(raw.as_bytes()).await;
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let (url, to) = (format!("http://{}", fake.address), folder.path().to_str().unwrap().to_owned());
    let (address, hotkey) = (fake.address.to_string(), key("//Bob").account().ss58());
    let commands: &[&[&str]] = &[
        &["market-record", "--to", &to, "--rounds", "1", "--market.url", &url],
        &["market-record", "--to", &to, "--rounds", "1", "--market.url", &url, "--logging.json"],
        &["market-record", "--to", &to, "--rounds", "1", "--market.url", "http://\x1b[2J\u{202e}"],
        &["axon", "probe", &address, "--hotkey", &hotkey],
        &["axon", "probe", "\x1b[2J\u{202e}", "--hotkey", &hotkey],
        &["config", "show", "--market.url", HOSTILE],
        &["metagraph", "--subtensor.chain_endpoint", "ws://127.0.0.1:9/\x1b[2J\u{202e}"],
    ];
    for command in commands {
        for format in ["text", "json"] {
            let output = tokio::task::block_in_place(|| {
                neuron().args(*command).args(["--output", format]).env("RUST_LOG", "neuron=debug").output().unwrap()
            });
            assert_harmless(&format!("{command:?} {format}"), &output);
            assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{command:?}");
        }
    }
}

/// A market with one question, as long as it is told.
struct Market {
    clock: Clock,
    question: Mutex<String>,
    cutoff: Mutex<UnixMs>,
}

impl Provider for Market {
    fn name(&self) -> &'static str {
        "m"
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        let event = Event {
            key: EventKey::new("m", "1"),
            provider: "m".into(),
            id: "1".into(),
            description: self.question.lock().unwrap().as_str().into(),
            cutoff: *self.cutoff.lock().unwrap(),
            ends_at: None,
            beside: Default::default(),
        };
        let quote = Some(Quote {
            price: Probability::new(0.5).unwrap(),
            at: self.clock.now(),
            source: neuron::market::PriceSource::File,
        });
        ready(Ok(vec![Listing { event, quote, resolution: Resolution::Open }])).boxed()
    }

    fn fetch<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        unreachable!("the event is listed")
    }
}

/// Remembers every text that it was asked about.
#[derive(Default)]
struct Listener(Mutex<Vec<Foreign>>);

impl Forecaster for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn forecast<'a>(&'a self, questions: &'a [Question], _: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
        self.0.lock().unwrap().extend(questions.iter().map(|q| q.description.clone()));
        ready(vec![Some(Probability::ONE).into(); questions.len()]).boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_without_end_is_cut_once_and_sent_the_same_in_every_tick() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::stepped(START);
    let question = |n: usize| "漢".repeat(n) + "\nThe outcome \"Yes\".";
    let cutoff = Mutex::new(START.plus_ms(8 * HOUR));
    let market = Arc::new(Market { clock: clock.clone(), question: Mutex::new(question(200_000)), cutoff });
    let listener = Arc::new(Listener::default());
    let settings = CacheSettings { refresh: Duration::from_secs(1), ..CacheSettings::default() };
    let cache = Cache::new(Arc::clone(&listener) as Arc<dyn Forecaster>, settings, clock.clone());
    let hotkey = Arc::new(key("//Bob"));
    let axon = Axon::builder(AxonConfig::loopback(), Arc::clone(&hotkey)).serve(EventsMiner::new(cache.clone()));
    let axon = axon.policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let identity = Identity { hotkey: hotkey.account(), registered_at: 7 };
    let target = neuron::dendrite::Target { hotkey: hotkey.account(), ..target(axon.local_addr()) };
    let miners = [Peer { uid: Uid(1), identity, target }];
    let path = folder.path().join("ledger.sqlite");
    let limits = Limits {
        max_question_bytes: BOUND,
        max_events: 10,
        void_after: Duration::from_secs(9_000_000),
        lookups: 10,
        dispute_window: Duration::ZERO,
    };
    // Restarted after the second tick; then the question grows; then its cutoff moves, which takes its text over.
    for restart in 0..2 {
        let ledger = open_ledger(&path, &Options::default());
        let providers = vec![Arc::clone(&market) as Arc<dyn Provider>];
        let patience = Duration::from_secs(60);
        let dendrite = Arc::new(dendrite());
        let validator = EventsValidator::new(providers, ledger, dendrite, clock.clone(), limits, patience);
        for tick in 0..3 {
            if restart == 1 {
                *market.question.lock().unwrap() = question(200_000 + tick);
                *market.cutoff.lock().unwrap() = START.plus_ms(8 * HOUR + tick as i64);
            }
            assert_eq!(validator.tick(&miners).await.unwrap().answered, 1);
            cache.refresh().await;
            clock.advance(Duration::from_secs(60));
        }
        let stored = validator.ledger().event("m-1".into()).await.unwrap().unwrap().description;
        let (start, end) = stored.as_raw().split_once(CUT).unwrap();
        assert!(stored.as_raw().len() <= BOUND && stored.as_raw().len() > BOUND - 4);
        assert!(start.chars().all(|c| c == '漢') && end == "\nThe outcome \"Yes\".");
        let heard = listener.0.lock().unwrap();
        assert!(heard.len() > restart && heard.iter().all(|text| *text == stored), "the same bytes, as stored");
    }
}
