//! The time by which what a ledger holds is given up or forgotten for good.
//!
//! A machine's clock may be set forward by years, by hand or by a wrong time server. What is asked, recorded and judged follows it,
//! and follows it back. Only what cannot be had back must not: so this time goes at most twice as fast as time passes, over
//! restarts as well, and a wrong clock costs no more than the hours until somebody notices. After a pause it is behind by as long
//! as the pause was, and has caught up after as long again.

use std::sync::{Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::{Fault, Ledger, LedgerError, notes};
use crate::clock::Clock;
use crate::units::{UnixMs, millis};

/// The note that holds it over restarts.
const NOTE: &str = "patient_ms";
/// It is noted when it has gone so far, ms.
const NOTED_EVERY_MS: i64 = 1_800_000;
/// How much faster than time it goes while it is behind.
const PACE: i64 = 2;

/// How far it has come; nothing until it is asked for.
pub(super) type Patience = OnceCell<Mutex<Course>>;

#[derive(Debug)]
pub(super) struct Course {
    shown: UnixMs,
    /// How long the clock had been running then, ms.
    running_ms: i64,
    noted: Option<UnixMs>,
}

impl Course {
    /// Goes on to `now`, at its pace.
    fn go_on(&mut self, now: UnixMs, running_ms: i64) -> UnixMs {
        let passed = (running_ms - self.running_ms).max(0);
        self.shown = now.min(self.shown.plus_ms(passed.saturating_mul(PACE)));
        self.running_ms = running_ms;
        self.shown
    }

    fn is_news(&self) -> bool {
        self.noted.is_none_or(|noted| self.shown.since(noted).abs() >= NOTED_EVERY_MS)
    }
}

impl Ledger {
    /// The time by which something in this ledger may be given up or forgotten for good; never later than that of `clock`. See
    /// the module.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn patient_now(&self, clock: &Clock) -> Result<UnixMs, LedgerError> {
        let begin = || async {
            let noted = self.note(NOTE).await?.and_then(|ms| ms.parse().ok()).map(UnixMs);
            let (now, running_ms) = (clock.now(), millis(clock.running()));
            Ok::<_, LedgerError>(Mutex::new(Course { shown: noted.unwrap_or(now), running_ms, noted }))
        };
        let course = self.0.patience.get_or_try_init(begin).await?;
        let (shown, is_news) = {
            let mut course = course.lock().unwrap_or_else(PoisonError::into_inner);
            let shown = course.go_on(clock.now(), millis(clock.running()));
            let is_news = course.is_news();
            if is_news {
                course.noted = Some(shown);
            }
            (shown, is_news)
        };
        if is_news {
            let note = move |transaction: &super::sql::Transaction<'_>| -> Result<(), Fault> {
                notes::set(transaction, NOTE, &shown.0.to_string())
            };
            self.write(note).await?;
        }
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const DAY_MS: i64 = 86_400_000;
    const YEAR_MS: i64 = 365 * DAY_MS;

    #[tokio::test]
    async fn it_follows_time_and_not_a_clock_that_is_set_forward() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let clock = Clock::stepped(UnixMs(0));
        let mut ledger = Ledger::open(path.as_path(), &[]).unwrap();
        let days = async |ledger: &Ledger| ledger.patient_now(&clock).await.unwrap().0 as f64 / DAY_MS as f64;
        assert_eq!(days(&ledger).await, 0.0);
        clock.advance(30 * DAY);
        assert_eq!(days(&ledger).await, 30.0, "a machine that ran");
        clock.set_by(3 * YEAR_MS);
        assert_eq!(days(&ledger).await, 30.0);
        clock.advance(DAY);
        assert_eq!(days(&ledger).await, 32.0);
        for _ in 0..3 {
            drop(ledger);
            ledger = Ledger::open(path.as_path(), &[]).unwrap();
            assert_eq!(days(&ledger).await, 32.0, "a restart is no reason to believe it");
        }
        clock.set_by(-3 * YEAR_MS);
        assert_eq!(days(&ledger).await, 31.0, "it was set right");
        clock.advance(DAY);
        assert_eq!(days(&ledger).await, 32.0);
    }

    #[tokio::test]
    async fn after_a_pause_it_catches_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let before = Clock::stepped(UnixMs(0));
        Ledger::open(path.as_path(), &[]).unwrap().patient_now(&before).await.unwrap();
        let clock = Clock::stepped(UnixMs(10 * DAY_MS));
        let ledger = Ledger::open(path.as_path(), &[]).unwrap();
        let mut behind = Vec::new();
        for _ in 0..12 {
            behind.push(clock.now().since(ledger.patient_now(&clock).await.unwrap()) / DAY_MS);
            clock.advance(DAY);
        }
        assert_eq!(behind, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]);
    }
}
