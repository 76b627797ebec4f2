//! How the duties of a role stand: for metrics and health.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::clock;
use crate::telemetry::{Sheet, facts};

/// What is known of each duty, by name.
#[derive(Debug, Default)]
pub(super) struct Board {
    duties: Mutex<BTreeMap<&'static str, Passes>>,
    passed: watch::Sender<u64>,
}

#[derive(Debug, Clone, Default)]
struct Passes {
    done: u64,
    failed: u64,
    last: Option<(Instant, Option<String>)>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// A pass of a duty is over, well or with an error.
    pub(super) fn passed(&self, duty: &'static str, error: Option<String>) {
        let mut duties = locked(&self.duties);
        let passes = duties.entry(duty).or_default();
        passes.done += 1;
        passes.failed += u64::from(error.is_some());
        passes.last = Some((clock::monotonic(), error));
        drop(duties);
        self.passed.send_modify(|n| *n += 1);
    }

    /// Waits for the first pass of any duty.
    pub(super) async fn first_pass(&self) {
        // The sender lives in `self`, so the wait can only end by a pass.
        let _ = self.passed.subscribe().wait_for(|n| *n > 0).await;
    }

    pub(super) fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let duties = locked(&self.duties).clone();
        let rows = |of: fn(&Passes) -> u64| {
            duties
                .iter()
                .map(move |(name, passes)| (vec![("duty", (*name).to_owned())], of(passes)))
                .collect::<Vec<_>>()
        };
        sheet.counters("neuron_duty_passes", "Passes of each duty", rows(|passes| passes.done))?;
        sheet.counters("neuron_duty_failures", "Of them, those that failed", rows(|passes| passes.failed))
    }

    /// The same as facts for `/health`.
    pub(super) fn facts(&self) -> Map<String, Value> {
        let duties = locked(&self.duties);
        let fact = |passes: &Passes| {
            let (age, error) =
                passes.last.as_ref().map_or((None, None), |(at, error)| (Some(at.elapsed().as_secs()), error.clone()));
            Value::Object(facts([
                ("passes", passes.done.into()),
                ("failures", passes.failed.into()),
                ("last_age_s", age.into()),
                ("last_error", error.into()),
            ]))
        };
        duties.iter().map(|(name, passes)| ((*name).to_owned(), fact(passes))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duty_shows_its_passes_and_its_last_error() {
        let board = Board::default();
        board.passed("tick", None);
        board.passed("tick", Some("the disk is full".into()));
        board.passed("pruning", None);
        let facts = board.facts();
        assert_eq!((&facts["tick"]["passes"], &facts["tick"]["failures"]), (&2.into(), &1.into()));
        assert_eq!(facts["tick"]["last_error"], "the disk is full");
        assert_eq!(facts["pruning"]["last_error"], Value::Null);
    }
}
