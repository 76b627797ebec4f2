//! The lake of a ledger in PostgreSQL: row for row that of the same data in a file; and a validator that publishes beside its work,
//! killed in the middle of it.
#![cfg(all(feature = "localnet", feature = "postgres", target_os = "linux"))]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use neuron::ledger::{Place, transfer};
use neuron::market::PriceSource;
use neuron::subnets::events::ledger::{
    EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, SCHEMA, Submission, Tick,
};
use neuron::units::UnixMs;

use crate::lake::{corrected, files, listed, rows};
use crate::postgres::{Postgres, USER};
use crate::processes::{World, hotkey};
use crate::score::{miner, score};
use crate::support::wait_until;

tests! { blocking: a_lake_of_a_database_is_that_of_the_same_file, a_validator_that_is_killed_publishes_each_partition_once }

const HOUR: i64 = 3_600_000;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The tables of an export, as they are.
fn tables(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_table = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "csv");
    let read = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    entries.filter(is_table).map(read).collect()
}

fn a_lake_of_a_database_is_that_of_the_same_file() {
    let server = Postgres::start();
    let url = format!("{}?schema=sn155_somebody", server.url(&server.database()));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    run(corrected(folder.path(), &path("lake-of-file")));
    let file = path("netuid155/somebody.sqlite");
    transfer(&file.as_path().into(), &url.parse().unwrap(), &[SCHEMA]).unwrap();

    // The same events settled anew: published in two runs there, in one here.
    let (status, done) = score(folder.path(), &["export", "--ledger", &url, "--lake", path("lake").to_str().unwrap()]);
    assert_eq!(status, Some(0), "{done}");
    let (of_file, of_database) = (rows(&path("lake-of-file")), rows(&path("lake")));
    // What was settled anew took the place of its first scores in the ledger, and only the lake of the time still has those.
    let first: usize = of_file["scores"].values().sum::<usize>() - of_database["scores"].values().sum::<usize>();
    assert_eq!(first, 6);
    assert!(of_database["scores"].keys().all(|row| of_file["scores"].contains_key(row)));
    for table in ["events", "intervals", "prices", "answers"] {
        assert_eq!(of_database[table], of_file[table], "{table}");
    }
    assert!(of_database.values().flat_map(BTreeMap::values).all(|times| *times == 1), "a row is there twice");
    // Both write into one lake as one ledger: nothing is left to do for the second.
    let (status, again) =
        score(folder.path(), &["export", "--ledger", &url, "--lake", path("lake-of-file").to_str().unwrap()]);
    assert_eq!((status, again["files"].as_u64()), (Some(0), Some(0)), "{again}");

    let export = |to: &str, ledger: &str| {
        let (status, done) = score(folder.path(), &["export", "--ledger", ledger, "--to", path(to).to_str().unwrap()]);
        assert_eq!(status, Some(0), "{done}");
        tables(&path(to))
    };
    let of_file = export("of-file", file.to_str().unwrap());
    assert!(of_file.len() == 4 && of_file.values().all(|table| table.lines().count() > 30), "{:?}", of_file.keys());
    assert_eq!(export("of-database", &url), of_file);
}

/// A month of the past: three events a day, ten miners, six rounds.
fn month(path: &Path, until: i64) {
    let ledger = EventsLedger::open(path, Options::default()).unwrap();
    for day in 0..30_i64 {
        let opened = UnixMs(until - (33 - day) * 24 * HOUR);
        let keys: Vec<Arc<str>> = (0..3).map(|n| format!("seed-{}", day * 3 + n).into()).collect();
        let event = |key: &Arc<str>| NewEvent {
            key: key.to_string(),
            provider: "seed".into(),
            id: key.to_string(),
            description: "Will it?".into(),
            opened_at: opened,
            cutoff: opened.plus_ms(24 * HOUR),
            ends_at: None,
            beside: Default::default(),
        };
        run(ledger.upsert_events(keys.iter().map(event).collect())).unwrap();
        for round in 0..6 {
            let at = opened.plus_ms(round * 4 * HOUR + 60_000);
            let mut tick = Tick { at, ..Tick::default() };
            for key in &keys {
                tick.prices.push(PriceRow { event: Arc::clone(key), price: 0.4, at, source: PriceSource::File });
                let said = |m: u8| Submission { identity: miner(m), event: Arc::clone(key), p: f64::from(m) / 9.0, at };
                tick.submissions.extend((0..10).map(said));
            }
            run(ledger.record_tick(tick)).unwrap();
        }
        for key in &keys {
            let (at, seen) = (Some(opened.plus_ms(24 * HOUR)), opened.plus_ms(25 * HOUR));
            let resolution = Resolution { event: key.to_string(), outcome: Outcome::Payout(1.0), at, seen };
            run(ledger.resolve(resolution)).unwrap();
        }
    }
}

/// The rows of the past, by table. Single answers are not among them: the validator that begins forgets those of a month ago.
fn of_the_past(lake: &Path) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut found = rows(lake);
    found.remove("answers");
    found.values_mut().for_each(|rows| rows.retain(|row, _| row.contains("seed-")));
    found
}

fn a_validator_that_is_killed_publishes_each_partition_once() {
    let server = Postgres::start();
    let database = server.database();
    let world = World::new();
    let _others = [world.localnet(), world.market_sim()];
    world.register(155, &["v", "m0"]);
    let _miner = world.miner(0, "0.05");
    let url = format!("postgres://{USER}@127.0.0.1:{}/{database}", server.port);
    let schema = format!("sn155_{}", hotkey("v"));

    let folder = tempfile::tempdir().unwrap();
    let past = folder.path().join(format!("netuid155/{}.sqlite", hotkey("v")));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    month(&past, now - now % (24 * HOUR));
    let whole = folder.path().join("whole");
    let (status, done) = score(folder.path(), &["export", "--lake", whole.to_str().unwrap()]);
    assert_eq!(status, Some(0), "{done}");
    let (whole, place) = (of_the_past(&whole), format!("{url}?schema={schema}").parse::<Place>().unwrap());
    transfer(&past.as_path().into(), &place, &[SCHEMA]).unwrap();

    let lake = folder.path().join("lake");
    let words = ["--tick", "500ms", "--db.url", &url, "--lake.to", lake.to_str().unwrap(), "--lake.every", "1s"];
    let start = || {
        let arguments = world.validator_arguments(&words);
        world.start("validator.log", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let ticks = || {
        let said = server.sql(&database, &format!("SELECT count(*) FROM \"{schema}\".ticks"));
        said.ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
    };
    let count = |lake: &Path| -> usize {
        ["events", "scores", "intervals", "prices"].map(|table| files(lake, table).len()).iter().sum()
    };
    let mut killed_at = Vec::new();
    for least in [1, 30, 70] {
        let mut validator = start();
        wait_until("some of it is published", || count(&lake) >= least);
        validator.kill();
        let found = of_the_past(&lake);
        assert!(found.values().flat_map(BTreeMap::values).all(|times| *times == 1), "a row is there twice");
        killed_at.push(count(&lake));
    }
    assert!(killed_at[0] < killed_at[2], "it was through before it was killed: {killed_at:?}");
    let before = ticks();
    let mut validator = start();
    let all: u64 = whole.values().flat_map(BTreeMap::values).map(|times| *times as u64).sum();
    wait_until("all of it is listed", || {
        let listed = listed(&lake);
        ["events", "scores", "intervals", "prices"]
            .iter()
            .map(|table| listed.get(*table).copied().unwrap_or(0))
            .sum::<u64>()
            >= all
    });
    wait_until("rounds are recorded meanwhile", || ticks() > before + 2);
    assert!(validator.is_running(), "{}", world.logs());
    validator.kill();
    assert_eq!(of_the_past(&lake), whole, "each row once, and all of them");
    let rows = rows(&lake);
    for (table, number) in listed(&lake) {
        assert_eq!(rows[&table].values().sum::<usize>() as u64, number, "{table}: what is listed is there");
    }
    eprintln!("killed after {killed_at:?} files of {}", count(&lake));
}
