//! A simulated year of a ledger of events, at several sizes: what an event costs, and whether that stays the same.
//!
//! `cargo bench --bench scale -- EVENTS... [--miners N]`: for each number of events, spread over 365 days, open for a day each;
//! every miner answers once per interval of four hours. Measured are: taking it in (rounds and prices, one transaction each),
//! settling, publishing into a lake day by day as a validator does it, recomputing everything (`score verify`), and
//! publishing the whole year at once.
//!
//! `NEURON_SCALE_LEDGER` names the ledger (a path; removed first), by default one in a temporary folder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a benchmark talks to a person and may panic"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use neuron::clock;
use neuron::lake::{Folder, Published, publish};
use neuron::ledger::ReadOnly;
use neuron::market::PriceSource;
use neuron::scoring::Rules;
use neuron::subnets::events::KIND;
use neuron::subnets::events::ledger::{
    Archive, EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, Submission, Tick,
};
use neuron::units::{Account, Identity, UnixMs};

/// 2026-01-01T00:00Z.
const START: i64 = 1_767_225_600_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const DAYS: i64 = 365;
/// Rounds of a day: one an interval.
const ROUNDS: i64 = 6;

fn main() {
    let mut sizes: Vec<u64> = Vec::new();
    let mut miners = 256;
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        if word == "--miners" {
            miners = words.next().and_then(|n| n.parse().ok()).expect("--miners N");
        } else {
            sizes.push(word.parse().expect("a number of events"));
        }
    }
    if sizes.is_empty() {
        sizes = vec![1_000];
    }
    println!("{miners} miners, {DAYS} days; times per event in ms");
    println!(
        "| events | taken in | settled | published by day | verified | published at once | lake rows | lake MB | ledger MB | memory of the last, MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for events in sizes {
        let folder = tempfile::tempdir().unwrap();
        let path =
            std::env::var_os("NEURON_SCALE_LEDGER").map_or_else(|| folder.path().join("year.sqlite"), PathBuf::from);
        let _ = std::fs::remove_file(&path);
        runtime.block_on(year(events, miners, &path, folder.path()));
    }
}

/// Time spent, by what on.
#[derive(Default)]
struct Spent {
    taking: Duration,
    settling: Duration,
    publishing: Duration,
}

async fn year(events: u64, miners: u16, path: &Path, folder: &Path) {
    let ledger = EventsLedger::open(path, Options::default()).unwrap();
    let identities: Vec<Identity> = (0..miners).map(identity).collect();
    let mut spent = Spent::default();
    let lake = folder.join("by-day");
    for day in 0..DAYS {
        // As many events as days have passed, to the nearest one.
        let (first, last) = (events * day as u64 / DAYS as u64, events * (day as u64 + 1) / DAYS as u64);
        let keys: Vec<Arc<str>> = (first..last).map(|n| format!("year-{n:09}").into()).collect();
        let opened = UnixMs(START + day * DAY);
        let started = clock::monotonic();
        ledger.upsert_events(keys.iter().map(|key| event(key, opened)).collect()).await.unwrap();
        for round in 0..ROUNDS {
            ledger.record_tick(tick(&keys, &identities, opened.plus_ms(round * 4 * HOUR + 60_000))).await.unwrap();
        }
        spent.taking += started.elapsed();
        let started = clock::monotonic();
        for (n, key) in keys.iter().enumerate() {
            let outcome = Outcome::Payout((n % 2) as f64);
            let (at, seen) = (Some(opened.plus_ms(DAY)), opened.plus_ms(DAY + HOUR));
            ledger.resolve(Resolution { event: key.to_string(), outcome, at, seen }).await.unwrap();
        }
        spent.settling += started.elapsed();
        let started = clock::monotonic();
        published(path, &lake, opened.plus_ms(DAY));
        spent.publishing += started.elapsed();
        ledger.prune(opened.plus_ms(DAY + 2 * HOUR)).await.unwrap();
    }
    let started = clock::monotonic();
    let verified = Archive::open(path).unwrap().verify(&Rules::default()).unwrap();
    assert_eq!((verified.events as u64, verified.differences.len()), (events, 0));
    let verifying = started.elapsed();
    let started = clock::monotonic();
    let whole = published(path, &folder.join("at-once"), UnixMs(START + (DAYS + 2) * DAY));
    let exporting = started.elapsed();
    let each = |time: Duration| time.as_secs_f64() * 1000.0 / events as f64;
    println!(
        "| {events} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} ({:.1} s) | {} | {:.1} | {:.1} | {:.0} |",
        each(spent.taking),
        each(spent.settling),
        each(spent.publishing),
        each(verifying),
        each(exporting),
        exporting.as_secs_f64(),
        whole.rows,
        whole.bytes as f64 / 1e6,
        std::fs::metadata(path).map_or(0.0, |file| file.len() as f64 / 1e6),
        memory_mb(),
    );
}

fn published(ledger: &Path, lake: &Path, until: UnixMs) -> Published {
    let source = (KIND.history.unwrap())(ReadOnly::open(ledger, KIND.schema.unwrap()).unwrap()).unwrap();
    publish(&*source, "year", &Folder::open(lake).unwrap(), until, &|| true).unwrap()
}

/// What this process holds now, mapped files left out.
fn memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn identity(number: u16) -> Identity {
    let mut key = [7; 32];
    key[..2].copy_from_slice(&number.to_le_bytes());
    Identity { hotkey: Account(key), registered_at: u64::from(number) }
}

fn event(key: &Arc<str>, opened_at: UnixMs) -> NewEvent {
    NewEvent {
        key: key.to_string(),
        provider: "year".into(),
        id: key.to_string(),
        description: format!("Will {key} happen before the day is over? It resolves to yes if so.").into(),
        opened_at,
        cutoff: opened_at.plus_ms(DAY),
        ends_at: None,
    }
}

/// Everybody says something about everything, not far from the price.
fn tick(keys: &[Arc<str>], miners: &[Identity], at: UnixMs) -> Tick {
    let round = (at.0 / HOUR) as f64;
    let price = |n: usize| 0.5 + 0.4 * (n as f64 * 0.7 + round * 0.1).sin();
    let prices = keys.iter().enumerate().map(|(n, key)| PriceRow {
        event: Arc::clone(key),
        price: price(n),
        at,
        source: PriceSource::File,
    });
    let say = |n: usize, m: usize| (price(n) + 0.05 * (m as f64 * 1.3 + n as f64).cos()).clamp(0.0, 1.0);
    let submissions = keys.iter().enumerate().flat_map(|(n, key)| {
        let answer = move |(m, identity): (usize, &Identity)| Submission {
            identity: *identity,
            event: Arc::clone(key),
            p: say(n, m),
            at: at.plus_ms(1_000 + m as i64),
        };
        miners.iter().enumerate().map(answer)
    });
    Tick { at, prices: prices.collect(), submissions: submissions.collect(), ..Tick::default() }
}
