//! Learning `community_prediction_lr` from two weeks of events: what it takes to read them, and to fit the regression.

use std::sync::Arc;

use neuron::clock;
use neuron::scoring::Rules;
use neuron::scoring::ranks::{RANKS, RankModel};
use neuron::subnets::events::ledger::{Archive, EventsLedger, Options, Outcome, Resolution};
use neuron::units::{Identity, UnixMs};

use crate::store::Store;
use crate::year::{DAY, HOUR, ROUNDS, START, Year, event, identity, key, tick};

/// Days that are learnt from.
const LEARNT: i64 = 14;
/// Batches of a day, in which events are settled.
const BATCHES: usize = 6;

/// Events over two weeks, settled all around the clock, in each store there is.
pub fn measure(year: Year, skip: usize) {
    let Year { events, miners } = year;
    println!("{events} events of {LEARNT} days, {miners} miners, {RANKS} ranks\n");
    println!("| ledger | events read | s | learnt, s | coefficients that are not 0 |\n|---|---|---|---|---|");
    for store in Store::all("learn").into_iter().skip(skip) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(fill(year, &store));
        let begun = clock::monotonic();
        let archive = Archive::open(&store.place).unwrap();
        let now = UnixMs(START + (LEARNT + 1) * DAY);
        let batches = archive.batches(&Rules::default(), now).unwrap();
        let read = begun.elapsed().as_secs_f64();
        let count: usize = batches.iter().map(|batch| batch.events.len()).sum();
        let begun = clock::monotonic();
        let model = RankModel::learn(&batches, RANKS).unwrap();
        let learnt = begun.elapsed().as_secs_f64();
        let used = model.model().coefficients.iter().filter(|coefficient| **coefficient != 0.0).count();
        println!("| {} | {count} | {read:.2} | {learnt:.2} | {used} |", store.name);
    }
}

async fn fill(year: Year, store: &Store) {
    let ledger = EventsLedger::open(&store.place, Options::default()).unwrap();
    let identities: Vec<Identity> = (0..year.miners).map(identity).collect();
    for day in 0..LEARNT {
        let (first, last) = (year.events * day as u64 / LEARNT as u64, year.events * (day as u64 + 1) / LEARNT as u64);
        let keys: Vec<Arc<str>> = (first..last).map(key).collect();
        let opened = UnixMs(START + (day - 1) * DAY);
        ledger.upsert_events(keys.iter().map(|key| event(key, opened)).collect()).await.unwrap();
        for round in 0..ROUNDS {
            ledger.record_tick(tick(&keys, &identities, opened.plus_ms(round * 4 * HOUR + 60_000))).await.unwrap();
        }
        for (n, key) in keys.iter().enumerate() {
            let outcome = Outcome::Payout(f64::from(u8::from((n * 7 + day as usize) % 5 < 2)));
            let seen = opened.plus_ms(DAY + (n * BATCHES / keys.len()) as i64 * 4 * HOUR + n as i64);
            ledger.resolve(Resolution { event: key.to_string(), outcome, at: Some(seen), seen }).await.unwrap();
        }
        ledger.prune(opened.plus_ms(2 * DAY)).await.unwrap();
    }
}
