//! `neuron score export --lake`: the history of a ledger as files, whole however often it is killed on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use neuron::lake::Manifest;
use neuron::subnets::events::ledger::{EventsLedger, NewEvent, Options, Outcome, Resolution};
use neuron::units::UnixMs;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use crate::score::{ledger, score};
use crate::support::neuron;

/// A lake of the events of [`ledger`], of which one is settled anew, the other way round, when it is published: a week later.
pub async fn corrected(folder: &Path, lake: &Path) {
    const WEEK: i64 = 7 * 24 * 3_600_000;
    let path = ledger(folder).await;
    assert_eq!(publish(folder, lake).0, Some(0));
    let ledger = EventsLedger::open(&path, Options::default()).unwrap();
    let settled = ledger.event("test-3".into()).await.unwrap().unwrap().settled_at.unwrap();
    let outcome = Outcome::Payout(1.0);
    let seen = settled.plus_ms(WEEK);
    ledger.resolve(Resolution { event: "test-3".into(), outcome, at: None, seen }).await.unwrap();
    drop(ledger);
    assert_eq!(publish(folder, lake).0, Some(0));
}

/// The files of a table that a reader finds by their names.
pub fn files(lake: &Path, table: &str) -> Vec<PathBuf> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    below(&lake.join("v1").join(table), &mut found);
    found.sort();
    found
}

/// Every row of every table as text, with how often it is there.
pub fn rows(lake: &Path) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut tables: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for table in ["events", "scores", "intervals", "prices", "answers"] {
        for path in files(lake, table) {
            let file = SerializedFileReader::try_from(path.as_path()).unwrap();
            for row in file.get_row_iter(None).unwrap() {
                *tables.entry(table.into()).or_default().entry(row.unwrap().to_string()).or_default() += 1;
            }
        }
    }
    tables
}

/// What the manifests list: rows by table.
pub fn listed(lake: &Path) -> BTreeMap<String, u64> {
    let mut rows = BTreeMap::new();
    for entry in std::fs::read_dir(lake.join("v1/_manifest")).unwrap() {
        let manifest: Manifest = serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for file in manifest.files {
            *rows.entry(file.table).or_default() += file.rows;
        }
    }
    rows
}

fn publish(folder: &Path, lake: &Path) -> (Option<i32>, Value) {
    score(folder, &["export", "--lake", lake.to_str().unwrap()])
}

fn count(rows: &BTreeMap<String, usize>) -> usize {
    rows.values().sum()
}

#[tokio::test]
async fn everything_a_ledger_knows_is_in_its_lake_once() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    corrected(folder.path(), &lake).await;
    let found = rows(&lake);
    // Thirty events, six miners, four rounds; one settled twice, with other scores.
    assert_eq!(count(&found["events"]), 30 + 30 + 1);
    assert_eq!(count(&found["scores"]), 30 * 6 + 6);
    assert_eq!(count(&found["prices"]), 30 * 4);
    assert_eq!(count(&found["answers"]), 30 * 4 * 6);
    assert!(found.values().flat_map(BTreeMap::values).all(|times| *times == 1), "a row is there twice");
    let by_table: BTreeMap<String, u64> =
        found.iter().map(|(table, rows)| (table.clone(), count(rows) as u64)).collect();
    assert_eq!(listed(&lake), by_table, "the manifests tell the truth");

    // The same statistics as the tables of an export have, which are of settled events: all are.
    let to = folder.path().join("export");
    let (status, _) = score(folder.path(), &["export", "--to", to.to_str().unwrap(), "--tables", "intervals,scores"]);
    assert_eq!(status, Some(0));
    let lines = |name: &str| std::fs::read_to_string(to.join(name)).unwrap().lines().count() - 1;
    assert_eq!((count(&found["intervals"]), 30 * 6), (lines("intervals.csv"), lines("scores.csv")));

    let (status, again) = publish(folder.path(), &lake);
    let there = ["events", "scores", "intervals", "prices", "answers"].map(|table| files(&lake, table).len() as u64);
    assert_eq!(
        (status, again["files"].as_u64(), again["there"].as_u64()),
        (Some(0), Some(0), Some(there.iter().sum()))
    );
    assert_eq!(rows(&lake), found, "a second run changes nothing");
}

#[tokio::test]
async fn a_ledger_of_another_kind_has_a_lake_of_its_own_tables() {
    use neuron::ledger::Ledger;
    use neuron::scoring::timeseries::chain::Spread;
    use neuron::scoring::timeseries::long_run::Start;
    use neuron::scoring::timeseries::volatility::PercentileTables;
    use neuron::subnets::timeseries::ledger::{Forecast, NewRequest, Revealed, Rules, SCHEMA, TimeseriesLedger};

    let folder = tempfile::tempdir().unwrap();
    let (path, lake) = (folder.path().join("netuid8/somebody.sqlite"), folder.path().join("lake"));
    let rules = Rules { tables: PercentileTables::built_in().unwrap(), start: Start::Mean, spread: Spread::V6 };
    let ledger = TimeseriesLedger::over(Ledger::open(&path, &[SCHEMA]).unwrap(), rules);
    let at = UnixMs(1_717_200_000_000);
    let forecast = |m: u8| Forecast { miner: crate::score::miner(m), closes: vec![100.0 + f64::from(m), 101.0, 102.0] };
    let revealed = Revealed { starts_at: at, forecasts: vec![forecast(1), forecast(2)], fates: Vec::new() };
    let request = NewRequest { uuid: "a request".into(), round: at, commitments: Vec::new() };
    ledger.record_whole(request, revealed).await.unwrap();
    let truth = vec![100.5, 101.5, 102.5];
    assert!(ledger.score("a request".into(), truth, Vec::new(), at.plus_ms(60_000)).await.unwrap().is_some());

    let (status, done) = publish(folder.path(), &lake);
    assert_eq!((status, done["files"].as_u64()), (Some(0), Some(4)), "{done}");
    let tables = [("answers", 6), ("happened", 3), ("requests", 1), ("scores", 2)];
    assert_eq!(listed(&lake), tables.map(|(table, rows)| (table.to_owned(), rows)).into());
    let description: Value = serde_json::from_slice(&std::fs::read(lake.join("v1/_lake.json")).unwrap()).unwrap();
    assert!(description.to_string().contains("netuid8/somebody"), "{description}");
    let (status, again) = publish(folder.path(), &lake);
    assert_eq!((status, again["files"].as_u64(), again["there"].as_u64()), (Some(0), Some(0), Some(4)), "{again}");
}

#[tokio::test]
async fn what_is_not_over_waits_and_what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger(folder.path()).await;
    let lake = folder.path().join("lake");
    let owner = EventsLedger::open(&path, Options::default()).unwrap();
    // An event of today, while a validator has the ledger open.
    let now = UnixMs(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64);
    let event = NewEvent {
        key: "new-1".into(),
        provider: "new".into(),
        id: "1".into(),
        description: "Will it be published too early?".into(),
        opened_at: now,
        cutoff: now.plus_ms(3_600_000),
        ends_at: None,
        beside: Default::default(),
    };
    owner.upsert_events(vec![event]).await.unwrap();
    assert_eq!(publish(folder.path(), &lake).0, Some(0));
    let found = rows(&lake);
    assert!(!found["events"].keys().any(|row| row.contains("new-1")), "the day is not over");
    assert_eq!(count(&found["events"]), 60);

    let other = folder.path().join("netuid7/somebody.sqlite");
    std::fs::create_dir_all(other.parent().unwrap()).unwrap();
    std::fs::copy(&path, &other).unwrap();
    let arguments = ["export", "--lake", lake.to_str().unwrap(), "--ledger", other.to_str().unwrap()];
    let (status, refused) = score(folder.path(), &arguments);
    let message = refused["error"]["message"].as_str().unwrap();
    assert_eq!(status, Some(2));
    assert!(message.contains("netuid155/somebody") && message.contains("netuid7/somebody"), "{message}");

    let usage =
        |lake: &[&str]| score(folder.path(), &[&["export", "--ledger", path.to_str().unwrap()], lake].concat()).0;
    assert_eq!(usage(&[]), Some(2), "neither a folder nor a lake");
    assert_eq!(usage(&["--lake", "gs://history"]), Some(2));
    if cfg!(not(feature = "s3")) {
        assert_eq!(usage(&["--lake", "s3://history"]), Some(2), "this build has no buckets");
    }
}

#[tokio::test]
async fn killed_anywhere_the_next_run_finishes_and_nothing_is_doubled() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path()).await;
    let whole = folder.path().join("whole");
    assert_eq!(publish(folder.path(), &whole).0, Some(0));
    let whole = rows(&whole);
    let lake = folder.path().join("lake");
    let mut unfinished = 0;
    // Later each time, until a run is through: first while the program starts, then among the files.
    for patience in (0..).map(|n| Duration::from_millis(40 + 15 * n)) {
        let mut child = neuron()
            .args(["score", "export", "--lake", lake.to_str().unwrap()])
            .env("NEURON_DB_DIRECTORY", folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(patience).await;
        let is_done = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let found = rows(&lake);
        assert!(found.values().flat_map(BTreeMap::values).all(|times| *times == 1), "doubled after {patience:?}");
        if is_done.is_some() {
            break;
        }
        unfinished += usize::from(!found.is_empty());
    }
    assert!(unfinished > 0, "no run was killed among its files");
    let (status, last) = score(folder.path(), &["export", "--lake", lake.to_str().unwrap()]);
    assert_eq!((status, last["files"].as_u64()), (Some(0), Some(0)), "{last}");
    assert_eq!(rows(&lake), whole);
    assert_eq!(listed(&lake).values().sum::<u64>(), whole.values().map(|rows| count(rows) as u64).sum::<u64>());
    assert_eq!(std::fs::read_dir(lake.join("_drafts")).unwrap().count(), 1, "the lock alone: drafts are cleared");
}
