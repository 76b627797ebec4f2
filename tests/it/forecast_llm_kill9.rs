//! Killed anywhere, the ledger of spend has counted at least what was charged, and never more than the budget.

use std::path::Path;
use std::time::Duration;

use neuron::forecast::llm::money::MicroUsd;
use neuron::forecast::llm::spend::{Budget, Purpose, SpendLedger};
use neuron::units::UnixMs;

use crate::support::run_and_kill;

const PLACE: &str = "SPEND_KILL9_PLACE";
const BUDGET: Budget = Budget { per_day: MicroUsd(60_000), per_question: MicroUsd(25_000) };
const NOW: UnixMs = UnixMs(1_767_268_800_000);
const KILLS: u64 = 25;

/// Questions at once, which share transactions, and calls of one step of theirs, which do so always.
const AT_ONCE: u64 = 4;
const TOGETHER: u64 = 3;

/// The child: reserves, is charged (says so), settles, until the money is gone.
#[test]
#[ignore = "the body of the child process of the test below"]
fn child() {
    let Some(folder) = std::env::var_os(PLACE) else { return };
    let ledger = SpendLedger::open(&Path::new(&folder).join("spend.sqlite")).unwrap();
    let calls = |thread: u64| {
        let question = format!("q{thread}");
        for step in 0u64.. {
            let most = |call: u64| MicroUsd(40 + (step + call) % 50);
            let purpose = Purpose { question: &question, model: "m", prompt: "p@1" };
            let wishes: Vec<_> = (0..1 + step % TOGETHER).map(|call| (purpose, most(call))).collect();
            let held: Vec<_> = ledger.reserve_all(NOW, &wishes, BUDGET).unwrap().into_iter().flatten().collect();
            if held.is_empty() {
                break;
            }
            for reservation in held {
                let charged = reservation.most.0 - step % 30;
                // From here on the money may be gone, whatever becomes of this process.
                eprintln!("charged {charged}");
                reservation.settle(MicroUsd(charged)).unwrap();
                eprintln!("settled");
            }
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|thread| drop(scope.spawn(move || calls(thread)))));
}

/// Runs the child until its line number `until` and kills it a little later; what it was charged.
fn charged_until(folder: &Path, until: u64) -> u64 {
    let (mut charged, mut seen) = (0, 0);
    run_and_kill("forecast_llm_kill9::child", &[(PLACE, folder.as_os_str())], |line| {
        charged += line.strip_prefix("charged ").and_then(|amount| amount.parse().ok()).unwrap_or(0);
        seen += 1;
        (seen == until).then(|| Duration::from_micros(until * 137 % 900))
    });
    charged
}

#[test]
fn killed_anywhere_no_money_is_forgotten_and_no_budget_exceeded() {
    let folder = tempfile::tempdir().unwrap();
    let mut charged = 0;
    let look = || SpendLedger::open(&folder.path().join("spend.sqlite")).unwrap().spent(NOW).unwrap();
    for kill in 0..KILLS {
        charged += charged_until(folder.path(), 2 + kill * 7 % 40);
        let spent = look();
        assert!(spent.day.0 >= charged, "forgotten: {spent:?}, charged {charged}");
        assert!(spent.day <= BUDGET.per_day, "{spent:?}");
    }
    assert!(charged > 1000, "the child was killed before it did anything: {charged}");
    // Left alone it stops by itself, at the budget.
    charged += charged_until(folder.path(), u64::MAX);
    let spent = look();
    assert!(spent.day <= BUDGET.per_day && spent.day.0 >= charged, "{spent:?}, charged {charged}");
    assert!(spent.day.0 > BUDGET.per_day.0 - AT_ONCE * 100, "it stopped too soon: {spent:?}");
}
