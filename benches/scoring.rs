//! How fast scores are made. `cargo bench --bench scoring`, or `scripts/bench-scoring.sh` for a comparison with Python.
//!
//! Prints, for every rule, the time for 500 events of 256 miners and 180 intervals, the bytes of statistics read a
//! second, and that as a share of what the memory streams; the search for sybils; then the recomputation of a year from a
//! ledger on disk.
#![allow(
    clippy::disallowed_macros,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a program that prints for a person"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use neuron::clock::monotonic;
use neuron::scoring::event::{EventFrame, EventStats, selected};
use neuron::scoring::grid::ORIGIN;
use neuron::scoring::rules::{Duplicates, RuleName, SequentialOrder};
use neuron::scoring::sybil::{EventReports, Thresholds, pairs};
use neuron::scoring::window::averages;
use neuron::scoring::{IntervalStats, Report, Rules};
use neuron::subnets::events::ledger::{
    Archive, EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, Submission, Tick,
};
use neuron::units::{Account, Identity, UnixMs};

const MINERS: usize = 256;
const INTERVALS: usize = 180;
const EVENTS: usize = 500;
/// Different events in memory: far more than any cache holds.
const DISTINCT: usize = 200;
/// What a rule on interval means reads of each cell: a count and three sums.
const CELL_BYTES: usize = 28;
const INTERVAL_MS: i64 = 4 * 3_600_000;

fn main() {
    // `cargo test --benches` calls it with `--test`: nothing to prove there.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    rules();
    sybils();
    year();
}

fn timed<T>(job: impl FnOnce() -> T) -> (T, Duration) {
    let start = monotonic();
    let result = job();
    (result, start.elapsed())
}

fn best(times: usize, mut job: impl FnMut()) -> Duration {
    (0..times).map(|_| timed(&mut job).1).min().unwrap_or_default()
}

/// The best rate at which one core sums an array that no cache holds, eight sums at a time, bytes a second.
fn streaming_bandwidth(data: &[f64]) -> f64 {
    let sum = || {
        let add = |sums: [f64; 8], chunk: &[f64; 8]| std::array::from_fn(|lane| sums[lane] + chunk[lane]);
        black_box(data.as_chunks::<8>().0.iter().fold([0.0; 8], add));
    };
    (data.len() * 8) as f64 / best(10, sum).as_secs_f64()
}

fn pseudo(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 40) as f64 / (1_u64 << 24) as f64
}

fn event(seed: u64, rules: &Rules) -> EventStats {
    let mut seed = seed.wrapping_add(1);
    let close = ORIGIN.plus_ms(INTERVALS as i64 * INTERVAL_MS);
    let frame = EventFrame { opened: ORIGIN, close, outcome: f64::from(u8::from(pseudo(&mut seed) > 0.5)), prior: 0.5 };
    let mut stats = EventStats::new(&frame, rules, vec![UnixMs(0); MINERS]);
    for row in 0..INTERVALS {
        for miner in 0..MINERS {
            let t = ORIGIN.plus_ms(row as i64 * INTERVAL_MS + (pseudo(&mut seed) * 1e6) as i64);
            stats.set(row, miner, &IntervalStats::of(Report { t, p: pseudo(&mut seed), r: pseudo(&mut seed) }));
        }
    }
    stats
}

fn rules() {
    println!("\n{EVENTS} events x {MINERS} miners x {INTERVALS} intervals, one core");
    println!("{:<28} {:>9} {:>12} {:>10} {:>12}", "rule", "seconds", "ms / event", "GB/s", "of stream");
    let data = vec![1.0_f64; 48 << 20];
    let mut bandwidth = streaming_bandwidth(&data);
    let with = |rule| Rules { rule, ..Rules::default() };
    let contenders = [
        ("market_delta", with(RuleName::MarketDelta)),
        ("market_delta, split", Rules { duplicates: Duplicates::Split, ..Rules::default() }),
        ("sequential, rounds", with(RuleName::Sequential)),
        ("sequential, arrival", Rules { sequential_order: SequentialOrder::Arrival, ..with(RuleName::Sequential) }),
        ("brier", with(RuleName::Brier)),
        ("peer_log", with(RuleName::PeerLog)),
    ];
    let events: Vec<EventStats> = (0..DISTINCT).map(|k| event(k as u64, &Rules::default())).collect();
    for (name, rules) in contenders {
        let rule = selected(&rules);
        let time = best(5, || {
            for k in 0..EVENTS {
                black_box(rule.score(&events[k % DISTINCT].view()));
            }
        });
        // Before and after: on a shared machine a single measurement may be of a bad moment.
        bandwidth = bandwidth.max(streaming_bandwidth(&data));
        let bytes = (EVENTS * MINERS * INTERVALS * CELL_BYTES) as f64;
        let rate = bytes / time.as_secs_f64();
        let per_event = time.as_secs_f64() * 1e3 / EVENTS as f64;
        let columns = rules == Rules::default();
        let (speed, share) = if columns {
            (format!("{:.1}", rate / 1e9), format!("{:.0} %", 100.0 * rate / bandwidth))
        } else {
            ("-".to_owned(), "-".to_owned())
        };
        println!("{name:<28} {:>9.3} {per_event:>12.3} {speed:>10} {share:>12}", time.as_secs_f64());
    }
    println!("streaming read of one core: {:.1} GB/s", bandwidth / 1e9);
}

/// The search for pairs, each with everybody else, over as many events as a window has.
fn sybils() {
    let mut seed = 5;
    let event =
        |_| EventReports { miners: (0..MINERS).map(|miner| (miner, pseudo(&mut seed), pseudo(&mut seed))).collect() };
    let events: Vec<EventReports<usize>> = (0..EVENTS).map(event).collect();
    let time = best(3, || {
        black_box(pairs(&events, &Thresholds::default()));
    });
    println!("\nsearch for sybils, {MINERS} miners x {EVENTS} events: {:.3} s", time.as_secs_f64());
}

/// 20,000 events, unless `NEURON_BENCH_EVENTS` says otherwise; 256 miners, each in six intervals of each event.
fn year() {
    let events = std::env::var("NEURON_BENCH_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000_usize);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("year.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(write_year(&path, events));
    let size = std::fs::metadata(&path).unwrap().len();
    println!("on disk: {:.2} GB", size as f64 / 1e9);
    let archive = Archive::open(&path).unwrap();
    let (found, time) = timed(|| archive.verify(&Rules::default()).unwrap());
    assert!(found.differences.is_empty());
    println!(
        "verified under market_delta on all cores: {:.2} s, {:.0} MB/s of the file ({} scores recomputed and compared)",
        time.as_secs_f64(),
        size as f64 / 1e6 / time.as_secs_f64(),
        found.scores
    );
    for (name, rule) in
        [("brier", RuleName::Brier), ("sequential", RuleName::Sequential), ("peer_log", RuleName::PeerLog)]
    {
        let (scored, time) = timed(|| archive.rescored(&Rules { rule, ..Rules::default() }).unwrap());
        println!("recomputed under {name} on all cores: {:.2} s ({} events)", time.as_secs_f64(), scored.len());
    }
    // What `neuron score sybil` does: the search over the window, and the shares under five rules.
    let (_, time) = timed(|| {
        black_box(pairs(&archive.event_reports(EVENTS).unwrap(), &Thresholds::default()));
        for _ in 0..5 {
            black_box(averages(&archive.window(&Rules::default()).unwrap(), &Rules::default()));
        }
    });
    println!("sybil search in it, with five rules over the window of {EVENTS} events: {:.2} s", time.as_secs_f64());
}

async fn write_year(path: &Path, events: usize) {
    const BATCH: usize = 100;
    const ROUNDS: i64 = 6;
    let ledger = EventsLedger::open(path, Options { raw_hours: 0, ..Options::default() }).unwrap();
    let miner = |n: usize| Identity { hotkey: Account([n as u8; 32]), registered_at: n as u64 };
    let mut seed = 7;
    let (mut ticking, mut settling, mut submissions) = (Duration::ZERO, Duration::ZERO, 0);
    for batch in 0..events.div_ceil(BATCH) {
        let opened = ORIGIN.plus_ms(batch as i64 * ROUNDS * INTERVAL_MS);
        let cutoff = opened.plus_ms(ROUNDS * INTERVAL_MS);
        let keys: Vec<Arc<str>> =
            (batch * BATCH..events.min((batch + 1) * BATCH)).map(|e| format!("bench-{e}").into()).collect();
        let event = |key: &Arc<str>| NewEvent {
            key: key.to_string(),
            provider: "bench".into(),
            id: key.to_string(),
            description: "A question of the benchmark".into(),
            opened_at: opened,
            cutoff,
            ends_at: None,
            beside: Default::default(),
        };
        ledger.upsert_events(keys.iter().map(event).collect()).await.unwrap();
        for round in 0..ROUNDS {
            let at = opened.plus_ms(round * INTERVAL_MS);
            let mut tick = Tick { at, ..Tick::default() };
            for key in &keys {
                tick.prices.push(PriceRow {
                    event: key.clone(),
                    price: pseudo(&mut seed),
                    at,
                    source: neuron::market::PriceSource::File,
                });
                tick.submissions.extend((0..MINERS).map(|n| Submission {
                    identity: miner(n),
                    event: key.clone(),
                    p: pseudo(&mut seed),
                    at,
                }));
            }
            submissions += tick.submissions.len();
            let start = monotonic();
            ledger.record_tick(tick).await.unwrap();
            ticking += start.elapsed();
        }
        let start = monotonic();
        for key in &keys {
            let outcome = Outcome::Payout(f64::from(u8::from(pseudo(&mut seed) > 0.5)));
            ledger
                .resolve(Resolution { event: key.to_string(), outcome, at: Some(cutoff), seen: cutoff })
                .await
                .unwrap();
        }
        settling += start.elapsed();
        ledger.prune(cutoff).await.unwrap();
    }
    println!("\na year: {events} events, {MINERS} miners, {ROUNDS} intervals each");
    println!(
        "recorded in rounds of {BATCH} events: {:.0} submissions/s; settled: {:.2} ms an event",
        submissions as f64 / ticking.as_secs_f64(),
        1e3 * settling.as_secs_f64() / events as f64
    );
}
