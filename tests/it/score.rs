//! `neuron score` on a ledger: recomputing, explaining, comparing, finding sybils, exporting.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use neuron::subnets::events::ledger::{
    EventsLedger, NewEvent, Options, Outcome, PriceCheck, PriceRow, PriceSeen, Resolution, Submission, Tick,
};
use neuron::units::{Account, Identity, UnixMs};
use serde_json::Value;

use crate::json_schema;
use crate::support::neuron;

const START: i64 = 1_717_200_000_000;
const HOUR: i64 = 3_600_000;

pub fn miner(n: u8) -> Identity {
    Identity { hotkey: Account([n; 32]), registered_at: 100 + u64::from(n) }
}

/// Thirty events of eight hours; six miners: one knows something, one copies it, one copies the price, one is wrong,
/// and a pair says 1 and 0.
pub async fn ledger(folder: &Path) -> PathBuf {
    let path = folder.join("netuid155/somebody.sqlite");
    let ledger = EventsLedger::open(&path, Options::default()).unwrap();
    for e in 0..30_i64 {
        let open = START + e * HOUR;
        let key: Arc<str> = format!("test-{e}").into();
        let event = NewEvent {
            key: key.to_string(),
            provider: "test".into(),
            id: e.to_string(),
            description: format!("Will \"{e}\" happen, or not?").into(),
            opened_at: UnixMs(open),
            cutoff: UnixMs(open + 8 * HOUR),
            ends_at: None,
            beside: Default::default(),
        };
        ledger.upsert_events(vec![event]).await.unwrap();
        let yes = e % 3 != 0;
        let price = 0.35 + 0.01 * e as f64;
        let better = price + if yes { 0.1 } else { -0.1 };
        let worse = price - if yes { 0.1 } else { -0.1 };
        for round in 0..4 {
            // Ticks of different events have different times.
            let at = UnixMs(open + round * 2 * HOUR + e);
            let answers = [better, better, price, worse, 1.0, 0.0];
            let submission =
                |(n, p): (usize, &f64)| Submission { identity: miner(n as u8), event: key.clone(), p: *p, at };
            let tick = Tick {
                at,
                prices: vec![PriceRow { event: key.clone(), price, at, source: neuron::market::PriceSource::File }],
                submissions: answers.iter().enumerate().map(submission).collect(),
                ..Tick::default()
            };
            assert_eq!(ledger.record_tick(tick).await.unwrap().counted(), 6);
        }
        let outcome = Outcome::Payout(if yes { 1.0 } else { 0.0 });
        let at = Some(UnixMs(open + 9 * HOUR));
        ledger
            .resolve(Resolution { event: key.to_string(), outcome, at, seen: UnixMs(open + 10 * HOUR) })
            .await
            .unwrap();
    }
    path
}

pub fn score(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = neuron()
        .arg("score")
        .args(arguments)
        .args(["--output", "json"])
        .env("NEURON_DB_DIRECTORY", folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let document: Result<Value, _> = serde_json::from_str(text.lines().next().map_or("null", |_| &text));
    let document = document.unwrap_or_else(|e| panic!("{e}: {text}"));
    if !document.is_null() {
        json_schema::check_printed(&[&["score"], arguments].concat(), &document);
    }
    (output.status.code(), document)
}

#[tokio::test]
async fn scores_are_recomputed_to_the_last_bit_and_a_changed_one_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger(folder.path()).await;
    let (status, found) = score(folder.path(), &["verify"]);
    assert_eq!((status, found["events"].as_u64(), found["scores"].as_u64()), (Some(0), Some(30), Some(180)));
    assert_eq!(found["differences"].as_array().unwrap().len(), 0);

    let tampered = rusqlite::Connection::open(&path).unwrap();
    let event: i64 = tampered.query_row("SELECT id FROM events WHERE key = 'test-7'", [], |row| row.get(0)).unwrap();
    let sql = "UPDATE scores SET score = score + 1e-15 WHERE event = ?1 AND score = (SELECT MIN(score) FROM scores WHERE event = ?1)";
    assert_eq!(tampered.execute(sql, [event]).unwrap(), 1);
    drop(tampered);
    let ledger = path.to_str().unwrap();
    let output = neuron().args(["score", "verify", "--ledger", ledger]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("test-7") && !text.contains("test-8"), "{text}");
}

#[tokio::test]
async fn a_score_is_explained_interval_by_interval() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path()).await;
    let hotkey = miner(0).hotkey.ss58();
    let (status, found) = score(folder.path(), &["explain", "--hotkey", &hotkey, "--event", "test-4"]);
    assert_eq!(status, Some(0));
    let gains: Vec<f64> = found["intervals"].as_array().unwrap().iter().map(|x| x["gain"].as_f64().unwrap()).collect();
    assert!(gains.len() >= 2);
    let mean = gains.iter().sum::<f64>() / gains.len() as f64;
    assert!((found["score"].as_f64().unwrap() - mean).abs() < 1e-15);
    // Two hours lie between two prices, and none older than two minutes judges.
    let prices: Vec<&Value> = found["intervals"].as_array().unwrap().iter().map(|x| &x["prices"]).collect();
    assert!(
        prices.iter().all(|it| it["sources"]["file"].as_u64() > Some(0) && it["oldest_ms"] == 120_000),
        "{prices:?}"
    );
    assert_eq!(found["disputes"].as_array().unwrap().len(), 0);
    let average = &found["average"];
    assert_eq!(average["events"], 5);
    let (before, after) = (average["before"].as_f64().unwrap(), average["after"].as_f64().unwrap());
    assert!((after - (4.0 * before + mean) / 5.0).abs() < 1e-15, "{average}");
    // In a window of three events the new one pushes the oldest out.
    let short = ["explain", "--hotkey", &hotkey, "--event", "test-4", "--scoring.window_events", "3"];
    let found = score(folder.path(), &short).1;
    let gain = |e: u32| {
        let event = format!("test-{e}");
        score(folder.path(), &["explain", "--hotkey", &hotkey, "--event", &event]).1["score"].as_f64().unwrap()
    };
    assert_eq!(found["average"]["events"], 3);
    assert!((found["average"]["before"].as_f64().unwrap() - (gain(1) + gain(2) + gain(3)) / 3.0).abs() < 1e-15);
    assert!((found["average"]["after"].as_f64().unwrap() - (gain(2) + gain(3) + gain(4)) / 3.0).abs() < 1e-15);
    let (status, _) = score(folder.path(), &["explain", "--hotkey", &hotkey, "--event", "test-99"]);
    assert_eq!(status, Some(4));
    let (_, stranger) = score(folder.path(), &["explain", "--hotkey", &miner(99).hotkey.ss58(), "--event", "test-4"]);
    assert!(stranger["error"]["message"].as_str().unwrap().contains("knows no miner"));
}

#[tokio::test]
async fn prices_are_explained_with_what_they_are_made_of_and_who_contradicted_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger(folder.path()).await;
    let owner = EventsLedger::open(&path, Options::default()).unwrap();
    let at = UnixMs(START + 4 * HOUR);
    let price = PriceRow { event: "test-4".into(), price: 0.39, at, source: neuron::market::PriceSource::Listed };
    let other = PriceSeen { at: at.plus_ms(500), price: 0.61, source: neuron::market::PriceSource::Midpoint };
    owner.record_checks(vec![PriceCheck { price, other }], 0.1).await.unwrap();
    drop(owner);
    let output = neuron()
        .args(["score", "explain", "--hotkey", &miner(0).hotkey.ss58(), "--event", "test-4"])
        .args(["--ledger", path.to_str().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["made of", " file", "120 s", "contradicted the price 1 times", "listed 0.3900, midpoint 0.6100"] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

#[tokio::test]
async fn an_event_that_ended_early_is_explained_as_it_was_scored() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger(folder.path()).await;
    let owner = EventsLedger::open(&path, Options::default()).unwrap();
    // Rounds at 0, 2, 4 and 6 hours; it ended after 5.
    let open = START + 9 * HOUR;
    let resolution = Resolution {
        event: "test-9".into(),
        outcome: Outcome::Payout(1.0),
        at: Some(UnixMs(open + 5 * HOUR)),
        seen: UnixMs(open + 9 * HOUR),
    };
    owner.resolve(resolution).await.unwrap();
    let hotkey = miner(3).hotkey.ss58();
    let (status, found) = score(folder.path(), &["explain", "--hotkey", &hotkey, "--event", "test-9"]);
    assert_eq!(status, Some(0));
    let lines = found["intervals"].as_array().unwrap();
    assert_eq!(lines.iter().map(|line| line["answers"].as_u64().unwrap()).sum::<u64>(), 3, "{found}");
    // It was settled with the others, as a loss, and corrected.
    let life: Vec<_> = found["life"].as_array().unwrap().iter().map(|it| (&it["state"], &it["outcome"])).collect();
    let states = ["open", "scored", "scored"].map(Value::from);
    assert_eq!(life.iter().map(|(state, _)| *state).collect::<Vec<_>>(), states.iter().collect::<Vec<_>>(), "{found}");
    assert_eq!((life[1].1, life[2].1), (&0.0.into(), &1.0.into()));
    let mean = lines.iter().map(|line| line["gain"].as_f64().unwrap()).sum::<f64>() / lines.len() as f64;
    assert!((found["score"].as_f64().unwrap() - mean).abs() < 1e-15);
    let text = neuron()
        .args(["score", "explain", "--hotkey", &hotkey, "--event", "test-9", "--ledger", path.to_str().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("the mean of the gains by their weights") && text.contains("without it"), "{text}");
    assert!(text.contains("scored, outcome 0") && text.contains("scored, outcome 1"), "{text}");
}

#[tokio::test]
async fn rules_are_compared_on_the_same_records() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path()).await;
    let (status, found) =
        score(folder.path(), &["compare", "--rule", "market_delta", "--rule", "market_delta,clip=event"]);
    assert_eq!(status, Some(0));
    let best = &found["miners"][0];
    assert_eq!(best["under"].as_array().unwrap().len(), 2);
    let share = |who: u8, rule: usize| {
        let hotkey = miner(who).hotkey.ss58();
        let miners = found["miners"].as_array().unwrap();
        let line = miners.iter().find(|m| m["identity"]["hotkey"] == hotkey.as_str()).unwrap();
        line["under"][rule]["share"].as_f64().unwrap()
    };
    // The copying miner earns what the original does; the pair lives from the clip per event.
    assert!((share(0, 0) - share(1, 0)).abs() < 1e-12);
    assert!(share(4, 1) > share(4, 0) && share(5, 1) > share(5, 0));
    let (status, _) = score(folder.path(), &["compare", "--rule", "no_such_rule"]);
    assert_eq!(status, Some(2));
}

#[tokio::test]
async fn copies_and_pairs_are_found_with_what_they_earn() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path()).await;
    let (status, found) = score(folder.path(), &["sybil"]);
    assert_eq!(status, Some(0));
    let pairs = found["pairs"].as_array().unwrap();
    let seen: Vec<(&str, Value, Value)> = pairs
        .iter()
        .map(|p| (p["likeness"].as_str().unwrap(), p["a"]["hotkey"].clone(), p["b"]["hotkey"].clone()))
        .collect();
    let names = |n: u8| Value::String(miner(n).hotkey.ss58());
    assert!(seen.contains(&("copied", names(0), names(1))), "{seen:?}");
    assert!(seen.contains(&("mirrored", names(4), names(5))), "{seen:?}");
    // With one slot the copied miner would have had half of what both have.
    let copied = &found["groups"].as_array().unwrap().iter().find(|g| g["members"][0]["hotkey"] == names(0)).unwrap();
    let both = copied["shares"][0].as_f64().unwrap();
    assert!(both > 0.0 && (copied["best_alone"].as_f64().unwrap() - both / 2.0).abs() < 1e-12, "{copied}");
    assert_eq!(found["events"], 30);
    let (_, few) = score(folder.path(), &["sybil", "--events", "19"]);
    assert_eq!((few["events"].as_u64(), few["pairs"].as_array().map(Vec::len)), (Some(19), Some(0)));
    // Copying the price is no conspiracy.
    assert!(seen.iter().all(|(_, a, b)| *a != names(2) && *b != names(2)), "{seen:?}");
    assert_eq!(found["rules"].as_array().unwrap().len(), found["groups"][0]["shares"].as_array().unwrap().len());
}

#[tokio::test]
async fn an_export_recomputes_like_the_original() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path()).await;
    let to = tempfile::tempdir().unwrap();
    let target = to.path().join("export");
    let (status, _) = score(folder.path(), &["export", "--to", target.to_str().unwrap()]);
    assert_eq!(status, Some(0));
    let lines = |name: &str| std::fs::read_to_string(target.join(name)).unwrap().lines().count();
    assert_eq!((lines("events.csv"), lines("scores.csv"), lines("reports.csv")), (31, 181, 181));
    // Four rounds, two hours apart: two or three intervals of four hours each.
    assert!(lines("intervals.csv") > 2 * 180, "{}", lines("intervals.csv"));
    let copy = target.join("ledger.sqlite");
    let (status, found) = score(folder.path(), &["verify", "--ledger", copy.to_str().unwrap()]);
    assert_eq!((status, found["scores"].as_u64()), (Some(0), Some(180)));
}

#[tokio::test]
async fn plots_say_how_much_they_are_drawn_from() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path()).await;
    let target = folder.path().join("plots");
    let to = target.to_str().unwrap();
    let (status, plotted) = score(folder.path(), &["plot", "--to", to]);
    assert_eq!((status, plotted["calibration"].as_array().unwrap().len()), (Some(0), 7));
    let names = ["calibration", "reliability", "history"];
    for name in names {
        let text = std::fs::read_to_string(target.join(format!("{name}.svg"))).unwrap();
        assert!(text.ends_with("</svg>\n") && !text.contains("NaN"), "{name}");
        // Every picture says how much it is drawn from.
        assert!(text.contains("n = 30"), "{name}");
    }
    let (status, stranger) = score(folder.path(), &["plot", "--to", to, "--hotkey", &miner(99).hotkey.ss58()]);
    assert_eq!(status, Some(4));
    assert!(stranger["error"]["message"].as_str().unwrap().contains("knows no miner"));
}

#[cfg(feature = "png")]
#[tokio::test]
async fn plots_are_pixels_too() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path()).await;
    let target = folder.path().join("plots");
    let to = target.to_str().unwrap();
    let hotkey = miner(3).hotkey.ss58();
    let (status, plotted) = score(folder.path(), &["plot", "--to", to, "--format", "png", "--hotkey", &hotkey]);
    assert_eq!((status, plotted["calibration"].as_array().unwrap().len()), (Some(0), 2));
    let pictures: Vec<_> = ["calibration", "reliability", "history"]
        .iter()
        .map(|name| std::fs::read(target.join(format!("{name}.png"))).unwrap())
        .collect();
    for picture in &pictures {
        assert_eq!(picture[..8], *b"\x89PNG\r\n\x1a\n");
        let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
        assert_eq!((number(16), number(20)), (1600, 1160));
        assert!(picture.len() > 20_000, "an empty picture is smaller: {}", picture.len());
    }
    assert!(pictures[0] != pictures[1] && pictures[1] != pictures[2]);
}

#[test]
fn the_table_of_incentives_follows_its_seed() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["incentives", "--seasons", "1", "--events", "50", "--seed", "3"];
    let (status, first) = score(folder.path(), &arguments);
    assert_eq!(status, Some(0));
    assert_eq!(first.as_array().unwrap().len(), 10);
    assert_eq!(first, score(folder.path(), &arguments).1);
    let (status, nothing) = score(folder.path(), &["verify"]);
    assert_eq!(status, Some(4));
    assert!(nothing["error"]["message"].as_str().unwrap().contains("--ledger"));
}
