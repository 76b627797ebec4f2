//! A year: events spread over its days, each open for a day; every miner says something about each in each of its intervals.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use neuron::clock;
use neuron::lake::{Folder, Published, publish};
use neuron::ledger::{Place, ReadOnly};
use neuron::market::PriceSource;
use neuron::scoring::Rules;
use neuron::subnets::events::KIND;
use neuron::subnets::events::ledger::{
    Archive, EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, Submission, Tick,
};
use neuron::units::{Account, Identity, UnixMs};

use crate::store::Store;

/// 2026-01-01T00:00Z.
pub const START: i64 = 1_767_225_600_000;
pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;
pub const DAYS: i64 = 365;
/// Rounds of a day: one an interval.
pub const ROUNDS: i64 = 6;
/// Events that are looked at.
const LOOKS: u64 = 200;

/// What a year holds.
#[derive(Debug, Clone, Copy)]
pub struct Year {
    pub events: u64,
    pub miners: u16,
}

/// What an event cost, in ms; and bytes.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    ingest: f64,
    settle: f64,
    read: f64,
    recompute: f64,
    export: f64,
    disk: f64,
    lake: f64,
}

/// One of the figures.
pub type Of = fn(&Figures) -> f64;

/// A table for each.
pub const OPERATIONS: [(&str, Of); 7] = [
    ("Ingest: an event with all its rounds, ms", |of| of.ingest),
    ("Settle: an event, ms", |of| of.settle),
    ("Read: an event with its prices, and a miner's intervals and history, ms", |of| of.read),
    ("Recompute (`score verify`): an event, ms", |of| of.recompute),
    ("Export: an event's part of a year published at once, ms", |of| of.export),
    ("Ledger on the disk: kB an event", |of| of.disk / 1e3),
    ("Lake: kB an event", |of| of.lake / 1e3),
];

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// Makes a year in an empty store and does everything with it.
pub fn measure(year: Year, store: &Store) -> Figures {
    let runtime = runtime();
    let (ingest, settle) = runtime.block_on(fill(year, &store.place));
    let begun = clock::monotonic();
    let looks = LOOKS.min(year.events);
    runtime.block_on(look(year, &store.place, looks));
    let read = begun.elapsed();
    let begun = clock::monotonic();
    let verified = Archive::open(&store.place).unwrap().verify(&Rules::default()).unwrap();
    assert_eq!((verified.events as u64, verified.differences.len()), (year.events, 0));
    let recompute = begun.elapsed();
    let begun = clock::monotonic();
    let published = published(&store.place, &store.folder.path().join("lake"));
    let export = begun.elapsed();
    let each = |time: Duration, count: u64| time.as_secs_f64() * 1000.0 / count as f64;
    Figures {
        ingest: each(ingest, year.events),
        settle: each(settle, year.events),
        read: each(read, looks),
        recompute: each(recompute, year.events),
        export: each(export, year.events),
        disk: store.bytes() as f64 / year.events as f64,
        lake: published.bytes as f64 / year.events as f64,
    }
}

/// What a day took.
pub struct Taken {
    pub taking: Duration,
    pub settling: Duration,
    pub forgetting: Duration,
}

/// Day by day, as a validator does it: what it took to take everything in, and to settle it.
pub async fn fill(year: Year, place: &Place) -> (Duration, Duration) {
    let ledger = EventsLedger::open(place, Options::default()).unwrap();
    let identities: Vec<Identity> = (0..year.miners).map(identity).collect();
    let (mut taking, mut settling) = (Duration::ZERO, Duration::ZERO);
    for day in 0..DAYS {
        // As many events as days have passed, to the nearest one.
        let (first, last) = (year.events * day as u64 / DAYS as u64, year.events * (day as u64 + 1) / DAYS as u64);
        let took = a_day(&ledger, first..last, &identities, UnixMs(START + day * DAY)).await;
        taking += took.taking + took.forgetting;
        settling += took.settling;
    }
    (taking, settling)
}

/// A day, at whose beginning events of these numbers are opened, and at whose end they are settled.
pub async fn a_day(ledger: &EventsLedger, events: Range<u64>, identities: &[Identity], opened: UnixMs) -> Taken {
    let keys: Vec<Arc<str>> = events.map(key).collect();
    let begun = clock::monotonic();
    ledger.upsert_events(keys.iter().map(|key| event(key, opened)).collect()).await.unwrap();
    for round in 0..ROUNDS {
        ledger.record_tick(tick(&keys, identities, opened.plus_ms(round * 4 * HOUR + 60_000))).await.unwrap();
    }
    let taking = begun.elapsed();
    let begun = clock::monotonic();
    for (n, key) in keys.iter().enumerate() {
        let outcome = Outcome::Payout((n % 2) as f64);
        let (at, seen) = (Some(opened.plus_ms(DAY)), opened.plus_ms(DAY + HOUR));
        ledger.resolve(Resolution { event: key.to_string(), outcome, at, seen }).await.unwrap();
    }
    let settling = begun.elapsed();
    let begun = clock::monotonic();
    ledger.prune(opened.plus_ms(DAY + 2 * HOUR)).await.unwrap();
    Taken { taking, settling, forgetting: begun.elapsed() }
}

/// What a page shows of an event and of a miner, for events all over the year.
async fn look(year: Year, place: &Place, looks: u64) {
    let ledger = EventsLedger::open(place, Options::default()).unwrap();
    for n in 0..looks {
        let key = key(n * year.events / looks).to_string();
        let who = identity((n % u64::from(year.miners)) as u16);
        assert!(ledger.event(key.clone()).await.unwrap().is_some());
        assert_eq!(ledger.prices(key.clone()).await.unwrap().len() as i64, ROUNDS);
        assert_eq!(ledger.intervals(who, key).await.unwrap().len() as i64, ROUNDS);
        assert!(!ledger.history(who, 20).await.unwrap().is_empty());
    }
}

/// The whole year, published at once.
pub fn published(place: &Place, lake: &std::path::Path) -> Published {
    let source = (KIND.history.unwrap())(ReadOnly::open(place, KIND.schema.unwrap()).unwrap()).unwrap();
    let until = UnixMs(START + (DAYS + 2) * DAY);
    publish(&*source, "year", &Folder::open(lake).unwrap(), until, &|| true).unwrap()
}

pub fn key(number: u64) -> Arc<str> {
    format!("year-{number:09}").into()
}

pub fn identity(number: u16) -> Identity {
    let mut key = [7; 32];
    key[..2].copy_from_slice(&number.to_le_bytes());
    Identity { hotkey: Account(key), registered_at: u64::from(number) }
}

pub fn event(key: &Arc<str>, opened_at: UnixMs) -> NewEvent {
    NewEvent {
        key: key.to_string(),
        provider: "year".into(),
        id: key.to_string(),
        description: format!("Will {key} happen before the day is over? It resolves to yes if so.").into(),
        opened_at,
        cutoff: opened_at.plus_ms(DAY),
        ends_at: None,
        beside: Default::default(),
    }
}

/// Everybody says something about everything, not far from the price.
pub fn tick(keys: &[Arc<str>], miners: &[Identity], at: UnixMs) -> Tick {
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
