//! A day of a ledger of events at one tick a minute, in a few minutes: the writes of a validator (what is taken up, asked, pruned
//! every hour, settled at the end) without its network, and by how much each table grows. `scripts/events-day.sh` runs it.
//!
//! No number is rounder than in life: every miner has an error of its own about every event in every minute, answers arrive at
//! different times, prices walk in steps of half a cent, and one miner in eight says the price.

use std::sync::Arc;

use neuron::clock;
use neuron::market::PriceSource;
use neuron::subnets::events::ledger::{EventsLedger, Options, Outcome, PriceRow, Resolution, Submission, Tick};
use neuron::units::{Identity, UnixMs};

use crate::grown::{START, new_event};
use crate::hour::{size, tables};
use crate::{identity, span, took};

const MINUTES: i64 = 1_440;
const MINUTE_MS: i64 = 60_000;
/// A tick may take so long for its answers to be in, ms.
const ANSWERS_MS: u64 = 12_000;

/// Records a day and tells.
pub(crate) fn report(axons: usize, events: usize) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work(axons, events));
}

async fn work(axons: usize, events: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = EventsLedger::open(&path, Options::default()).unwrap();
    let miners: Vec<Identity> = (0..axons).map(identity).collect();
    let keys: Vec<Arc<str>> = (0..events).map(|number| Arc::from(format!("bench-{number}"))).collect();
    let mut prices: Vec<f64> = (0..events).map(|number| 0.05 + 0.9 * even(number as u64)).collect();
    prices.iter_mut().for_each(|price| *price = (*price * 200.0).round() / 200.0);
    ledger.upsert_events((0..events).map(new_event).collect()).await.unwrap();
    let (mut ticks, mut counted) = (Vec::new(), 0);
    for minute in 0..MINUTES {
        let at = START.plus_ms(minute * MINUTE_MS);
        walk(&mut prices, minute as u64);
        let round = round(&miners, &keys, &prices, at);
        let began = clock::monotonic();
        let report = ledger.record_tick(round).await.unwrap();
        ticks.push(took(began));
        counted += report.counted();
        if minute % 60 == 59 {
            ledger.prune(at).await.unwrap();
        }
    }
    let settled = settle(&ledger, events).await;
    drop(ledger);
    let [best, middle, worst] = span(&ticks);
    println!("{axons} miners, {events} events, {MINUTES} ticks, {counted} answers counted");
    println!("ms, best, median, worst: a tick {best:.1}, {middle:.1}, {worst:.1}; a settlement {settled}\n");
    tell(&tables(&path));
    println!("\nfiles: {:.1} MB", size(folder.path()));
}

/// Settles every event at its end; says how long each took, ms.
async fn settle(ledger: &EventsLedger, events: usize) -> String {
    let mut times = Vec::with_capacity(events);
    for number in 0..events {
        let seen = START.plus_ms(MINUTES * MINUTE_MS + number as i64);
        let (event, outcome) = (format!("bench-{number}"), Outcome::Payout((number % 2) as f64));
        let began = clock::monotonic();
        ledger.resolve(Resolution { event, outcome, at: Some(seen), seen }).await.unwrap();
        times.push(took(began));
    }
    span(&times).map(|ms| format!("{ms:.1}")).join(", ")
}

/// The tables by size. Single answers are kept for some hours only, and do not grow further.
fn tell(sizes: &[(String, f64)]) {
    let mut sizes: Vec<&(String, f64)> = sizes.iter().collect();
    sizes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let passing = |name: &str| name.starts_with("raw");
    println!("| table or index | MB |\n|---|---|");
    for (name, bytes) in sizes.iter().filter(|(_, bytes)| *bytes > 50e3) {
        println!("| {name} | {:.2} |", bytes / 1e6);
    }
    let sum =
        |wanted: bool| sizes.iter().filter(|(name, _)| passing(name) == wanted).map(|(_, n)| n).sum::<f64>() / 1e6;
    let hours = Options::default().raw_hours;
    println!("\ngrowth per day: {:.1} MB; beside it single answers of {hours} hours, {:.0} MB", sum(false), sum(true));
}

/// Prices move by up to half a cent in one minute of three, and stay in 0.01..=0.99.
fn walk(prices: &mut [f64], minute: u64) {
    for (number, price) in prices.iter_mut().enumerate() {
        let step = (even(minute << 32 | number as u64 | 1 << 62) * 6.0) as i64;
        let moved = (*price * 200.0).round() + [-1.0, 1.0].get(step as usize).copied().unwrap_or_default();
        *price = moved.clamp(2.0, 198.0) / 200.0;
    }
}

/// Everybody's answer about every event.
fn round(miners: &[Identity], keys: &[Arc<str>], prices: &[f64], at: UnixMs) -> Tick {
    let seed = at.0 as u64;
    let row = |(key, price): (&Arc<str>, &f64)| PriceRow {
        event: Arc::clone(key),
        price: *price,
        at: at.plus_ms(-1 - (mixed(seed ^ key.len() as u64) % 900) as i64),
        source: PriceSource::File,
    };
    let said = |(number, identity): (usize, Identity)| {
        let arrives = at.plus_ms((mixed(seed + number as u64) % ANSWERS_MS) as i64);
        keys.iter().zip(prices).enumerate().map(move |(event, (key, price))| {
            let error = even(seed ^ (number as u64) << 40 ^ (event as u64) << 20) - 0.5;
            let p = if number % 8 == 0 { *price } else { (price + 0.2 * error).clamp(0.0, 1.0) };
            Submission { identity, event: Arc::clone(key), p, at: arrives }
        })
    };
    let submissions = miners.iter().copied().enumerate().flat_map(said).collect();
    Tick { at, prices: keys.iter().zip(prices).map(row).collect(), submissions, ..Tick::default() }
}

/// A number that looks like chance (splitmix64).
fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// The same in `0..1`.
fn even(seed: u64) -> f64 {
    (mixed(seed) >> 11) as f64 / (1_u64 << 53) as f64
}
