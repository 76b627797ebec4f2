//! The ledger of spend: no call is made whose cost the budgets may not hold.
//!
//! A call reserves the most that it can cost before a byte is sent, and settles what it did cost afterwards. What is never
//! settled, because the process died or the line broke, stays reserved: it may have been charged. The sum of the day and of
//! the question are looked at in the transaction that reserves, so neither threads nor processes can overtake each other.
//! Reservations that come together share a transaction: each sees those before it (`file.rs`). So do those of one step of a
//! question, which wait for the disk once. The sums are kept by triggers in the file, so a version of the program that does not
//! know them keeps them too.
//!
//! Only a server that charges more than it was allowed to say can cost more than was reserved. That is then counted in full,
//! and no further call is made.

mod file;
mod replies;
mod reservation;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use rusqlite::{Transaction, params};

use self::file::{File, Kept};
pub use self::replies::Reply;
pub use self::reservation::Reservation;
use self::reservation::Wish;
use super::money::MicroUsd;
use crate::units::UnixMs;

const DAY_MS: i64 = 86_400_000;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS spend (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    day INTEGER NOT NULL,
    question TEXT NOT NULL,
    model TEXT NOT NULL,
    purpose TEXT NOT NULL,
    reserved INTEGER NOT NULL,
    spent INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS spend_sums ON spend (day, question, reserved, spent);
CREATE TABLE IF NOT EXISTS salt (one INTEGER PRIMARY KEY CHECK (one = 1), value BLOB NOT NULL) STRICT;
";

/// Sums over `spend`. An amount counts as 2⁶¹ at most, which no budget is, so that no sum leaves SQLite's integers.
const SUMS: &str = "
CREATE TABLE spend_days (day INTEGER PRIMARY KEY, amount INTEGER NOT NULL) STRICT;
CREATE TABLE spend_questions (
    question TEXT NOT NULL,
    day INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (question, day)
) STRICT, WITHOUT ROWID;
INSERT INTO spend_days
    SELECT day, CAST(min(total(min(coalesce(spent, reserved), 1 << 61)), 1 << 61) AS INTEGER) FROM spend GROUP BY day;
INSERT INTO spend_questions
    SELECT question, day, CAST(min(total(min(coalesce(spent, reserved), 1 << 61)), 1 << 61) AS INTEGER)
    FROM spend GROUP BY question, day;
CREATE TRIGGER spend_reserved AFTER INSERT ON spend BEGIN
    INSERT INTO spend_days VALUES (new.day, min(coalesce(new.spent, new.reserved), 1 << 61))
        ON CONFLICT (day) DO UPDATE SET amount = min(amount + excluded.amount, 1 << 61);
    INSERT INTO spend_questions VALUES (new.question, new.day, min(coalesce(new.spent, new.reserved), 1 << 61))
        ON CONFLICT (question, day) DO UPDATE SET amount = min(amount + excluded.amount, 1 << 61);
END;
CREATE TRIGGER spend_settled AFTER UPDATE OF spent ON spend BEGIN
    UPDATE spend_days SET amount = min(amount - min(coalesce(old.spent, old.reserved), 1 << 61)
        + min(coalesce(new.spent, new.reserved), 1 << 61), 1 << 61) WHERE day = new.day;
    UPDATE spend_questions SET amount = min(amount - min(coalesce(old.spent, old.reserved), 1 << 61)
        + min(coalesce(new.spent, new.reserved), 1 << 61), 1 << 61) WHERE question = new.question AND day = new.day;
END;
";

/// How much may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// On one day, UTC.
    pub per_day: MicroUsd,
    /// On one question, on one day.
    pub per_question: MicroUsd,
}

/// What the money is for.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// The question's key.
    pub question: &'a str,
    /// The model.
    pub model: &'a str,
    /// The prompt with its version.
    pub prompt: &'a str,
}

/// Why no money is given.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpendError {
    /// The budget of the day.
    #[error(
        "the day's budget is used up: {spent} of {budget} are spent or reserved, and this may cost {most} (`--llm.budget_day`)"
    )]
    Day {
        /// Spent or reserved.
        spent: MicroUsd,
        /// The budget.
        budget: MicroUsd,
        /// The most that the call can cost.
        most: MicroUsd,
    },
    /// The budget of the question.
    #[error(
        "the question's budget is used up: {spent} of {budget} are spent or reserved, and this may cost {most} (`--llm.budget_question`)"
    )]
    Question {
        /// Spent or reserved.
        spent: MicroUsd,
        /// The budget.
        budget: MicroUsd,
        /// The most that the call can cost.
        most: MicroUsd,
    },
    /// The file.
    #[error("the ledger of spend {path} cannot be used: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// The thread that was to write for others ended; nothing is known of what they handed over.
    #[error("the ledger of spend {path} was not written: a thread ended")]
    Abandoned {
        /// The file.
        path: PathBuf,
    },
    /// The folder of the file.
    #[error("the folder of the ledger of spend {path} cannot be made: {source}")]
    Folder {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
}

impl SpendError {
    /// Whether there is no money, rather than no ledger.
    #[must_use]
    pub const fn is_budget(&self) -> bool {
        matches!(self, Self::Day { .. } | Self::Question { .. })
    }
}

/// See the module. It also keeps replies, so that nothing is paid twice. Clones share the file.
#[derive(Debug, Clone)]
pub struct SpendLedger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    salt: [u8; 16],
    /// Replies remembered so far.
    remembered: AtomicU32,
}

/// What was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Spent {
    /// Spent or reserved on the day.
    pub day: MicroUsd,
    /// Of that never settled: calls under way, or cut off.
    pub unsettled: MicroUsd,
    /// Calls of the day.
    pub calls: u64,
    /// Spent or reserved on all days.
    pub ever: MicroUsd,
}

impl SpendLedger {
    /// Opens the ledger at `path`; makes it, and its folder, when there is none. Several processes may have it open.
    ///
    /// # Errors
    /// [`SpendError::File`], [`SpendError::Folder`].
    pub fn open(path: &Path) -> Result<Self, SpendError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let failed = |source| SpendError::Folder { path: path.to_owned(), source: Arc::new(source) };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let prepare = |transaction: &Transaction<'_>| {
            transaction.execute_batch(TABLES)?;
            let sums = "SELECT count(*) FROM sqlite_master WHERE name = 'spend_days'";
            if transaction.query_row(sums, [], |row| row.get::<_, i64>(0))? == 0 {
                transaction.execute_batch(SUMS)?;
            }
            transaction.execute_batch(replies::TABLE)?;
            transaction.execute_batch(super::history::TABLE)?;
            let fresh = *uuid::Uuid::new_v4().as_bytes();
            transaction.execute("INSERT OR IGNORE INTO salt (one, value) VALUES (1, ?1)", params![fresh])?;
            transaction.query_row("SELECT value FROM salt", [], |row| row.get::<_, [u8; 16]>(0))
        };
        let (file, salt) = File::open(path, prepare)?;
        Ok(Self(Arc::new(Inner { file, salt, remembered: AtomicU32::new(0) })))
    }

    /// Sets aside `most` for a call at `now`, when both budgets hold it.
    ///
    /// # Errors
    /// [`SpendError::Day`], [`SpendError::Question`]: nothing is reserved; [`SpendError::File`].
    pub fn reserve(
        &self,
        now: UnixMs,
        purpose: Purpose<'_>,
        most: MicroUsd,
        budget: Budget,
    ) -> Result<Reservation, SpendError> {
        let one = self.reserve_all(now, &[(purpose, most)], budget)?.pop();
        one.unwrap_or_else(|| Err(SpendError::Abandoned { path: self.0.file.path().to_owned() }))
    }

    /// Sets aside what each of several calls at `now` may cost, those that both budgets hold beside the ones before them. It
    /// waits for the disk once for all of them.
    ///
    /// # Errors
    /// [`SpendError::File`]: nothing is reserved. For each call as [`Self::reserve`].
    pub fn reserve_all(
        &self,
        now: UnixMs,
        calls: &[(Purpose<'_>, MicroUsd)],
        budget: Budget,
    ) -> Result<Vec<Result<Reservation, SpendError>>, SpendError> {
        let wishes: Vec<Wish> = calls.iter().map(|(purpose, most)| Wish::of(now, *purpose, *most)).collect();
        // Only this waits for the disk: also a power cut forgets no spending, for what is lost after it was reserved in full.
        let held = self.0.file.write(Kept::OnDisk, move |transaction| {
            wishes.iter().map(|wish| wish.hold(transaction, budget)).collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let reservation = |(held, (_, most)): (Result<i64, SpendError>, &(_, MicroUsd))| {
            held.map(|id| Reservation::new(self.clone(), id, now, *most))
        };
        Ok(held.into_iter().zip(calls).map(reservation).collect())
    }

    /// What was spent up to `now`.
    ///
    /// # Errors
    /// [`SpendError::File`].
    pub fn spent(&self, now: UnixMs) -> Result<Spent, SpendError> {
        let day = day_of(now);
        self.read(|transaction| {
            let all = sum(transaction, "SELECT coalesce(spent, reserved) FROM spend", [])?;
            let of_day = sum(transaction, "SELECT coalesce(spent, reserved) FROM spend WHERE day = ?1", params![day])?;
            let unsettled =
                sum(transaction, "SELECT reserved FROM spend WHERE day = ?1 AND spent IS NULL", params![day])?;
            let count = "SELECT count(*) FROM spend WHERE day = ?1";
            let calls: i64 = transaction.query_row(count, params![day], |row| row.get(0))?;
            Ok(Spent { day: of_day, unsettled, calls: calls.unsigned_abs(), ever: all })
        })
    }

    /// Random bytes that belong to this file: whoever does not have it cannot know what is derived from them.
    #[must_use]
    pub fn salt(&self) -> [u8; 16] {
        self.0.salt
    }

    /// Writes in a transaction that a power cut may take back; see [`File::write`].
    pub(super) fn write<T: Send + 'static>(
        &self,
        job: impl Fn(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SpendError> {
        self.0.file.write(Kept::Written, job)
    }

    /// Waits for no writer.
    pub(super) fn read<T>(&self, job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, SpendError> {
        self.0.file.read(job)
    }
}

const fn day_of(at: UnixMs) -> i64 {
    at.0.div_euclid(DAY_MS)
}

/// SQLite's integers have a sign; what is beyond them is beyond any budget too.
fn stored(amount: MicroUsd) -> i64 {
    i64::try_from(amount.0).unwrap_or(i64::MAX)
}

/// Summed here: SQLite's own sum fails on overflow.
fn sum(transaction: &Transaction<'_>, query: &str, arguments: impl rusqlite::Params) -> rusqlite::Result<MicroUsd> {
    let mut query = transaction.prepare_cached(query)?;
    let amounts = query.query_map(arguments, |row| row.get::<_, i64>(0))?;
    amounts.map(|amount| amount.map(|amount| MicroUsd(amount.unsigned_abs()))).sum::<rusqlite::Result<MicroUsd>>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: UnixMs = UnixMs(1_767_268_800_000);

    fn ledger() -> (tempfile::TempDir, SpendLedger) {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SpendLedger::open(&folder.path().join("below/spend.sqlite")).unwrap();
        (folder, ledger)
    }

    fn for_question(question: &str) -> Purpose<'_> {
        Purpose { question, model: "m", prompt: "p@1" }
    }

    #[test]
    fn what_is_reserved_counts_until_it_is_settled_and_for_ever_when_it_is_not() {
        let (folder, ledger) = ledger();
        let budget = Budget { per_day: MicroUsd(100), per_question: MicroUsd(60) };
        let first = ledger.reserve(NOON, for_question("a"), MicroUsd(60), budget).unwrap();
        assert!(matches!(
            ledger.reserve(NOON, for_question("a"), MicroUsd(1), budget),
            Err(SpendError::Question { spent: MicroUsd(60), .. })
        ));
        assert!(matches!(ledger.reserve(NOON, for_question("b"), MicroUsd(41), budget), Err(SpendError::Day { .. })));
        first.settle(MicroUsd(10)).unwrap();
        drop(ledger.reserve(NOON, for_question("b"), MicroUsd(40), budget).unwrap());
        let spent = ledger.spent(NOON).unwrap();
        assert_eq!(spent, Spent { day: MicroUsd(50), unsettled: MicroUsd(40), calls: 2, ever: MicroUsd(50) });
        let again = SpendLedger::open(&folder.path().join("below/spend.sqlite")).unwrap();
        assert_eq!((again.spent(NOON).unwrap(), again.salt()), (spent, ledger.salt()));
        // The next day has a budget of its own.
        drop(again.reserve(NOON.plus_ms(DAY_MS), for_question("a"), MicroUsd(60), budget).unwrap());
    }

    #[test]
    fn what_is_reserved_together_is_held_in_its_order_as_far_as_the_budgets_go() {
        let (_folder, ledger) = ledger();
        let budget = Budget { per_day: MicroUsd(100), per_question: MicroUsd(60) };
        let calls = [("a", 40), ("a", 30), ("a", 20), ("b", 41), ("b", 40), ("c", 1)];
        let calls = calls.map(|(question, most)| (for_question(question), MicroUsd(most)));
        let held = ledger.reserve_all(NOON, &calls, budget).unwrap();
        assert!(
            matches!(held[1], Err(SpendError::Question { spent: MicroUsd(40), most: MicroUsd(30), .. })),
            "{held:?}"
        );
        assert!(matches!(held[3], Err(SpendError::Day { spent: MicroUsd(60), .. })), "{held:?}");
        assert!(matches!(held[5], Err(SpendError::Day { spent: MicroUsd(100), .. })), "{held:?}");
        let mosts: Vec<u64> = held.into_iter().flatten().map(|held| held.most.0).collect();
        assert_eq!(mosts, [40, 20, 40]);
        assert_eq!(ledger.spent(NOON).unwrap().unsettled, MicroUsd(100));
        assert!(ledger.reserve_all(NOON, &[], budget).unwrap().is_empty());
    }

    #[test]
    fn a_server_that_overcharges_is_counted_in_full_and_then_left_alone() {
        let (_folder, ledger) = ledger();
        let budget = Budget { per_day: MicroUsd(100), per_question: MicroUsd(100) };
        ledger.reserve(NOON, for_question("a"), MicroUsd(10), budget).unwrap().settle(MicroUsd(u64::MAX)).unwrap();
        assert!(ledger.reserve(NOON, for_question("b"), MicroUsd(1), budget).unwrap_err().is_budget());
        assert!(ledger.reserve(NOON, for_question("b"), MicroUsd(0), budget).unwrap_err().is_budget());
    }

    /// A file of a version that summed up the calls each time.
    #[test]
    fn a_file_without_sums_gets_them() {
        let (folder, ledger) = ledger();
        let budget = Budget { per_day: MicroUsd(100), per_question: MicroUsd(60) };
        drop(ledger.reserve(NOON, for_question("a"), MicroUsd(50), budget).unwrap());
        ledger.reserve(NOON, for_question("b"), MicroUsd(45), budget).unwrap().settle(MicroUsd(20)).unwrap();
        let before = "DROP TRIGGER spend_reserved; DROP TRIGGER spend_settled;
            DROP TABLE spend_days; DROP TABLE spend_questions";
        ledger.write(move |transaction| transaction.execute_batch(before)).unwrap();
        drop(ledger);
        let again = SpendLedger::open(&folder.path().join("below/spend.sqlite")).unwrap();
        let refused = again.reserve(NOON, for_question("c"), MicroUsd(31), budget);
        assert!(matches!(refused, Err(SpendError::Day { spent: MicroUsd(70), .. })), "{refused:?}");
        let refused = again.reserve(NOON, for_question("a"), MicroUsd(11), budget);
        assert!(matches!(refused, Err(SpendError::Question { spent: MicroUsd(50), .. })), "{refused:?}");
    }

    #[test]
    fn replies_are_remembered() {
        let (_folder, ledger) = ledger();
        assert_eq!(ledger.replies(&[[1; 32]]).unwrap(), [None]);
        let budget = Budget { per_day: MicroUsd(9), per_question: MicroUsd(9) };
        let reservation = ledger.reserve(NOON, for_question("a"), MicroUsd(2), budget).unwrap();
        let reply = Reply { key: [1; 32], at: NOON, text: "*0.3*".to_owned() };
        reservation.settle_for(MicroUsd(1), reply).unwrap();
        assert_eq!(ledger.spent(NOON).unwrap().day, MicroUsd(1));
        assert_eq!(ledger.replies(&[[2; 32], [1; 32]]).unwrap(), [None, Some("*0.3*".to_owned())]);
    }

    #[test]
    fn many_at_once_and_in_several_processes_stay_below() {
        let (folder, _first) = ledger();
        let path = folder.path().join("below/spend.sqlite");
        let budget = Budget { per_day: MicroUsd(1000), per_question: MicroUsd(400) };
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let path = &path;
                scope.spawn(move || {
                    // A connection of its own, as another process has.
                    let ledger = SpendLedger::open(path).unwrap();
                    for call in 0..20u64 {
                        let question = format!("q{}", (thread + call) % 4);
                        let most = MicroUsd(7 + call % 30);
                        if let Ok(held) = ledger.reserve(NOON, for_question(&question), most, budget)
                            && call % 3 > 0
                        {
                            held.settle(MicroUsd(most.0 / 2)).unwrap();
                        }
                    }
                });
            }
        });
        let spent = SpendLedger::open(&path).unwrap().spent(NOON).unwrap();
        assert!(spent.day <= budget.per_day && spent.day > MicroUsd(500), "{spent:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Whatever is reserved, settled or cut off in whatever order, with a process that dies in between.
        #[test]
        fn no_budget_is_ever_exceeded(
            steps in proptest::collection::vec(
                (proptest::collection::vec(0u64..400, 1..4), 0u8..4, 0u8..3, 0u64..100, proptest::bool::ANY), 1..40
            ),
            per_day in 0u64..2000, per_question in 0u64..1000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("spend.sqlite");
            let budget = Budget { per_day: MicroUsd(per_day), per_question: MicroUsd(per_question) };
            let mut ledger = SpendLedger::open(&path).unwrap();
            let mut held = Vec::new();
            let mut by_question = std::collections::HashMap::<u8, u64>::new();
            for (together, question, fate, percent, dies) in steps {
                let name = format!("q{question}");
                let calls: Vec<_> = together.iter().map(|most| (for_question(&name), MicroUsd(*most))).collect();
                for reservation in ledger.reserve_all(NOON, &calls, budget).unwrap().into_iter().flatten() {
                    *by_question.entry(question).or_default() += reservation.most.0;
                    held.push((reservation, question));
                }
                if fate == 0 && let Some((reservation, question)) = held.pop() {
                    let (most, spent) = (reservation.most.0, reservation.most.0 * percent / 100);
                    reservation.settle(MicroUsd(spent)).unwrap();
                    *by_question.get_mut(&question).unwrap() -= most - spent;
                }
                if dies {
                    held.clear();
                    ledger = SpendLedger::open(&path).unwrap();
                }
                let spent = ledger.spent(NOON).unwrap();
                prop_assert!(spent.day.0 <= per_day);
                prop_assert_eq!(spent.day.0, by_question.values().sum::<u64>());
                let day = "SELECT amount FROM spend_days";
                let in_sums = ledger.read(|transaction| sum(transaction, day, [])).unwrap();
                prop_assert_eq!(in_sums, spent.day);
                prop_assert!(by_question.values().all(|spent| *spent <= per_question));
            }
        }
    }
}
