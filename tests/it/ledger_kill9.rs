//! Killed anywhere, a validator's ledger has everything that it accepted, once.
//!
//! A child process (this test binary again) works through a plan and says after each step that it was accepted. It is
//! killed with SIGKILL at many places and started again behind the last accepted step; in the end its ledger must be
//! that of a run without interruption.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use neuron::scoring::conditional::{Conditional, Side};
use neuron::subnets::events::ledger::{
    ConditionSet, EventsLedger, IntervalLine, NewEvent, Options, Outcome, PriceRow, Resolution, Standings, Submission,
    Tick,
};
use neuron::units::{Account, Identity, UnixMs};

use crate::support::{self, open_ledger};

const START: i64 = 1_717_200_000_000;
const MINUTE: i64 = 60_000;
const EVENTS: i64 = 6;
const MINERS: u8 = 12;
/// A miner that speaks by conditional forecasts alone, sent anew every few rounds.
const RULED: u8 = MINERS;
const STEPS: i64 = 120;
/// Moments at which it is killed.
const KILLS: i64 = 50;
const PLACE: &str = "LEDGER_KILL9_PLACE";
const FROM: &str = "LEDGER_KILL9_FROM";

fn miner(n: u8) -> Identity {
    Identity { hotkey: Account([n; 32]), registered_at: u64::from(n) }
}

fn key(event: i64) -> String {
    format!("test-{event}")
}

/// A number in `0..1` that follows from its arguments alone.
fn pseudo(a: i64, b: i64) -> f64 {
    let mut x = (a.wrapping_mul(0x9E37_79B9) ^ b.wrapping_mul(0x85EB_CA6B)).unsigned_abs();
    x ^= x >> 13;
    x = x.wrapping_mul(0xC2B2_AE35);
    ((x >> 7) % 10_000) as f64 / 10_000.0
}

/// Step `k` of the plan: a query round, and every tenth time a resolution, sometimes a corrected one.
async fn step(ledger: &EventsLedger, k: i64) {
    let at = UnixMs(START + k * MINUTE);
    if k % 10 == 9 {
        let event = (k / 10) % EVENTS;
        let outcome = Outcome::Payout(if k / 10 >= EVENTS { 1.0 } else { 0.0 });
        let seen = UnixMs(START + 1000 * MINUTE);
        ledger.resolve(Resolution { event: key(event), outcome, at: Some(at), seen }).await.unwrap();
        return;
    }
    let mut tick = Tick { at, dropped: vec![("timeout".into(), 1)], ..Tick::default() };
    for event in 0..EVENTS {
        let name: std::sync::Arc<str> = key(event).into();
        tick.prices.push(PriceRow {
            event: name.clone(),
            price: pseudo(k, event),
            at,
            source: neuron::market::PriceSource::File,
        });
        for n in 0..MINERS {
            let p = pseudo(k * 31 + event, i64::from(n));
            tick.submissions.push(Submission { identity: miner(n), event: name.clone(), p, at });
        }
    }
    if k % 15 == 2 {
        let rule = |event: i64, side| Conditional {
            event: key(event).into(),
            p: pseudo(k, 77 + event),
            if_event: key((event + 1) % EVENTS).into(),
            side,
            threshold: 0.5,
        };
        let rules = (0..EVENTS).flat_map(|event| [rule(event, Side::Above), rule(event, Side::Below)]).collect();
        tick.conditions.push(ConditionSet { identity: miner(RULED), rules });
    }
    ledger.record_tick(tick).await.unwrap();
}

async fn work(folder: &Path, from: i64, mut accepted: impl FnMut(i64)) {
    let ledger = open_ledger(&folder.join("ledger.sqlite"), &Options::default());
    let event = |e: i64| NewEvent {
        key: key(e),
        provider: "test".into(),
        id: e.to_string(),
        description: "".into(),
        opened_at: UnixMs(START),
        cutoff: UnixMs(START + 600 * MINUTE),
        ends_at: None,
        beside: Default::default(),
    };
    ledger.upsert_events((0..EVENTS).map(event).collect()).await.unwrap();
    for k in from..STEPS {
        step(&ledger, k).await;
        accepted(k);
    }
}

/// Everything that must not differ.
#[derive(Debug, PartialEq)]
struct Picture {
    standings: Standings,
    counters: BTreeMap<String, u64>,
    intervals: Vec<Vec<IntervalLine>>,
}

async fn picture(folder: &Path) -> Picture {
    let ledger = open_ledger(&folder.join("ledger.sqlite"), &Options::default());
    let mut intervals = Vec::new();
    for event in 0..EVENTS {
        for n in 0..=RULED {
            intervals.push(ledger.intervals(miner(n), key(event)).await.unwrap());
        }
    }
    let standings = ledger.standings().await.unwrap();
    Picture { standings, counters: ledger.core().counters().await.unwrap(), intervals }
}

/// The child. Without its environment it is not meant to run.
#[tokio::test]
#[ignore = "the body of the child process of the test below"]
async fn child() {
    let Some(folder) = std::env::var_os(PLACE) else { return };
    let from = std::env::var(FROM).unwrap().parse().unwrap();
    work(Path::new(&folder), from, |k| eprintln!("accepted {k}")).await;
}

/// Starts the child behind `from` and kills it some time after it accepted `until`; returns the first step to repeat.
fn run_and_kill(folder: &Path, from: i64, until: i64, after: Duration) -> i64 {
    let (begin, mut next) = (from.to_string(), from);
    let environment = [(PLACE, folder.as_os_str()), (FROM, OsStr::new(&begin))];
    support::run_and_kill("ledger_kill9::child", &environment, |line| {
        let step = line.strip_prefix("accepted ")?.parse::<i64>().ok()?;
        next = step + 1;
        (step == until).then_some(after)
    });
    next
}

#[tokio::test]
async fn killed_anywhere_it_goes_on_as_if_nothing_had_happened() {
    let (plain, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    work(plain.path(), 0, |_| ()).await;
    let mut next = 0;
    for k in 0..KILLS {
        let until = k * (STEPS - 20) / KILLS;
        // At once, and in the middle of what comes next. Lines that the child had written when it was killed are accepted
        // steps, too: `next` may be behind `until`.
        let after = Duration::from_micros((pseudo(k, 7) * 1200.0) as u64) * u32::from(k % 3 > 0);
        next = run_and_kill(broken.path(), next, until.max(next), after);
    }
    assert!(next > (STEPS - 20) / 2 && next <= STEPS);
    work(broken.path(), next, |_| ()).await;
    let (got, want) = (picture(broken.path()).await, picture(plain.path()).await);
    assert_eq!(got, want);
    let by_rule = want.intervals.iter().skip(RULED.into()).step_by(usize::from(RULED) + 1).flatten();
    assert!(by_rule.map(|line| line.stats.count).sum::<u32>() > 100, "the rules have spoken in most rounds");
}
