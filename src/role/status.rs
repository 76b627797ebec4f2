//! How the duties of a role stand: for metrics and health.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::clock;
use crate::telemetry::{Sheet, facts};

/// What is known of each duty, by name.
#[derive(Debug, Default)]
pub(super) struct Board {
    duties: Mutex<BTreeMap<&'static str, Passes>>,
    /// Duties whose last pass found no room on the ledger's disk.
    roomless: Mutex<BTreeSet<&'static str>>,
    worked: watch::Sender<u64>,
}

/// When a duty is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    pub(super) every: Duration,
    /// The share of `every` by which each pause is moved.
    pub(super) jitter: f64,
    pub(super) deadline: Option<Duration>,
}

/// How a pass ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Well,
    Failed(String),
    /// Its deadline was over.
    Late,
}

#[derive(Debug, Clone, Default)]
struct Passes {
    rhythm: Option<Rhythm>,
    done: u64,
    failed: u64,
    began: Option<Instant>,
    last: Option<Last>,
}

#[derive(Debug, Clone)]
struct Last {
    at: Instant,
    /// `None` where nobody said when it began.
    took: Option<Duration>,
    outcome: Outcome,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// A duty will be done in this rhythm.
    pub(super) fn expects(&self, duty: &'static str, rhythm: Rhythm) {
        locked(&self.duties).entry(duty).or_default().rhythm = Some(rhythm);
    }

    /// A pass begins.
    pub(super) fn begins(&self, duty: &'static str) {
        locked(&self.duties).entry(duty).or_default().began = Some(clock::monotonic());
    }

    /// A pass of a duty is over.
    pub(super) fn passed(&self, duty: &'static str, outcome: Outcome) {
        let mut duties = locked(&self.duties);
        let passes = duties.entry(duty).or_default();
        passes.done += 1;
        passes.failed += u64::from(outcome != Outcome::Well);
        let took = passes.began.take().map(|began| began.elapsed());
        passes.last = Some(Last { at: clock::monotonic(), took, outcome });
    }

    /// A pass found no room on the ledger's disk; whether it is the first of all duties to find that.
    pub(super) fn lacks_room(&self, duty: &'static str) -> bool {
        let mut roomless = locked(&self.roomless);
        roomless.insert(duty) && roomless.len() == 1
    }

    /// A pass went well; whether it is the last of those that had found no room.
    pub(super) fn has_room(&self, duty: &'static str) -> bool {
        let mut roomless = locked(&self.roomless);
        roomless.remove(duty) && roomless.is_empty()
    }

    /// A pass of a duty that begins at once is over: there is something to tell.
    pub(super) fn worked(&self) {
        self.worked.send_modify(|n| *n += 1);
    }

    /// Waits for the first pass of any duty that begins at once.
    pub(super) async fn first_pass(&self) {
        // The sender lives in `self`, so the wait can only end by a pass.
        let _ = self.worked.subscribe().wait_for(|n| *n > 0).await;
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
        duties.iter().map(|(name, passes)| ((*name).to_owned(), Value::Object(passes.facts()))).collect()
    }
}

impl Passes {
    fn facts(&self) -> Map<String, Value> {
        let last = self.last.as_ref();
        let outcome = last.map(|last| match &last.outcome {
            Outcome::Well => "ok",
            Outcome::Failed(_) => "failed",
            Outcome::Late => "late",
        });
        let error = last.and_then(|last| match &last.outcome {
            Outcome::Well => None,
            Outcome::Failed(error) => Some(error.clone()),
            Outcome::Late => Some("it took longer than its deadline".to_owned()),
        });
        let mut facts = facts([
            ("passes", self.done.into()),
            ("failures", self.failed.into()),
            ("running_s", self.began.map(|began| began.elapsed().as_secs()).into()),
            ("last_age_s", last.map(|last| last.at.elapsed().as_secs()).into()),
            ("last_took_ms", last.and_then(|last| last.took).map(|took| took.as_millis() as u64).into()),
            ("last_outcome", outcome.into()),
            ("last_error", error.into()),
        ]);
        if let Some(Rhythm { every, jitter, deadline }) = self.rhythm {
            facts.insert("period_s".to_owned(), every.as_secs_f64().into());
            facts.insert("jitter".to_owned(), jitter.into());
            facts.insert("deadline_s".to_owned(), deadline.map(|deadline| deadline.as_secs_f64()).into());
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duty_shows_its_rhythm_its_passes_and_how_the_last_one_ended() {
        let board = Board::default();
        let every = Duration::from_millis(1500);
        board.expects("tick", Rhythm { every, jitter: 0.1, deadline: None });
        board.expects("never", Rhythm { every, jitter: 0.0, deadline: Some(every) });
        board.begins("tick");
        assert_eq!(board.facts()["tick"]["running_s"], 0);
        board.passed("tick", Outcome::Well);
        board.passed("tick", Outcome::Failed("the disk is full".into()));
        board.passed("pruning", Outcome::Late);
        let facts = board.facts();
        assert_eq!((&facts["tick"]["passes"], &facts["tick"]["failures"]), (&2.into(), &1.into()));
        assert_eq!((&facts["tick"]["last_outcome"], &facts["tick"]["running_s"]), (&"failed".into(), &Value::Null));
        assert_eq!(facts["tick"]["last_error"], "the disk is full");
        assert_eq!((&facts["tick"]["period_s"], &facts["tick"]["jitter"]), (&1.5.into(), &0.1.into()));
        assert_eq!((&facts["never"]["deadline_s"], &facts["never"]["passes"]), (&1.5.into(), &0.into()));
        assert_eq!(facts["pruning"]["last_outcome"], "late");
    }
}
