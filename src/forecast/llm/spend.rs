//! The ledger of spend: no call is made whose cost the budgets may not hold.
//!
//! A call reserves the most that it can cost before a byte is sent, and settles what it did cost afterwards. What is never
//! settled, because the process died or the line broke, stays reserved: it may have been charged. The sum of the day and of
//! the question are looked at in the transaction that reserves, so neither threads nor processes can overtake each other.
//! The sums are kept by triggers in the file, so a version of the program that does not know them keeps them too.
//!
//! Only a server that charges more than it was allowed to say can cost more than was reserved. That is then counted in full,
//! and no further call is made.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

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
CREATE TABLE IF NOT EXISTS replies (
    key BLOB PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS replies_by_time ON replies (at_ms);
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

/// Replies kept at most, and those that come between two counts; beyond them the oldest are forgotten.
const MOST_REPLIES: i64 = 100_000;
const COUNTED_EVERY: u32 = 1_000;

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
#[derive(Debug, thiserror::Error)]
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
        source: rusqlite::Error,
    },
    /// The folder of the file.
    #[error("the folder of the ledger of spend {path} cannot be made: {source}")]
    Folder {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
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
    path: PathBuf,
    file: Mutex<File>,
    salt: [u8; 16],
}

#[derive(Debug)]
struct File {
    connection: Connection,
    /// What its transactions wait for.
    kept: Kept,
    /// Replies remembered since they were counted.
    uncounted: u32,
}

/// How surely a transaction is kept once it has returned. Either way it is there for every other process, also when this one
/// is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// Also a power cut does not take it back: it waits for the disk.
    OnDisk,
    /// A power cut may take it back.
    Written,
}

/// Money set aside for a call. Dropped, it stays so: whoever knows better settles.
#[derive(Debug)]
#[must_use]
pub struct Reservation {
    ledger: SpendLedger,
    id: i64,
    /// The most that the call can cost.
    pub most: MicroUsd,
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
            let failed = |source| SpendError::Folder { path: path.to_owned(), source };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let prepare = || {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(TABLES)?;
            let sums = "SELECT count(*) FROM sqlite_master WHERE name = 'spend_days'";
            if transaction.query_row(sums, [], |row| row.get::<_, i64>(0))? == 0 {
                transaction.execute_batch(SUMS)?;
            }
            transaction.execute_batch(super::history::TABLE)?;
            let fresh = *uuid::Uuid::new_v4().as_bytes();
            transaction.execute("INSERT OR IGNORE INTO salt (one, value) VALUES (1, ?1)", params![fresh])?;
            let salt = transaction.query_row("SELECT value FROM salt", [], |row| row.get::<_, [u8; 16]>(0))?;
            transaction.commit()?;
            Ok((connection, salt))
        };
        let (connection, salt) = prepare().map_err(|source| SpendError::File { path: path.to_owned(), source })?;
        let file = File { connection, kept: Kept::OnDisk, uncounted: COUNTED_EVERY };
        Ok(Self(Arc::new(Inner { path: path.to_owned(), file: Mutex::new(file), salt })))
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
        let day = now.0.div_euclid(DAY_MS);
        // Only this waits for the disk: also a power cut forgets no spending, for what is lost after it was reserved in full.
        let id = self.within(Kept::OnDisk, |transaction| {
            let spent = sum(transaction, "SELECT amount FROM spend_days WHERE day = ?1", params![day])?;
            if spent.plus(most) > budget.per_day {
                return Ok(Err(SpendError::Day { spent, budget: budget.per_day, most }));
            }
            let one = "SELECT amount FROM spend_questions WHERE question = ?1 AND day = ?2";
            let spent = sum(transaction, one, params![purpose.question, day])?;
            if spent.plus(most) > budget.per_question {
                return Ok(Err(SpendError::Question { spent, budget: budget.per_question, most }));
            }
            let insert =
                "INSERT INTO spend (at_ms, day, question, model, purpose, reserved) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            transaction.prepare_cached(insert)?.execute(params![
                now.0,
                day,
                purpose.question,
                purpose.model,
                purpose.prompt,
                stored(most)
            ])?;
            Ok(Ok(transaction.last_insert_rowid()))
        })??;
        Ok(Reservation { ledger: self.clone(), id, most })
    }

    /// What was spent up to `now`.
    ///
    /// # Errors
    /// [`SpendError::File`].
    pub fn spent(&self, now: UnixMs) -> Result<Spent, SpendError> {
        let day = now.0.div_euclid(DAY_MS);
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

    /// The reply that is remembered under `key`.
    ///
    /// # Errors
    /// [`SpendError::File`].
    pub fn reply(&self, key: &[u8; 32]) -> Result<Option<String>, SpendError> {
        self.read(|transaction| {
            let mut query = transaction.prepare_cached("SELECT text FROM replies WHERE key = ?1")?;
            query.query_row(params![key.as_slice()], |row| row.get(0)).optional()
        })
    }

    /// Remembers a reply.
    ///
    /// # Errors
    /// [`SpendError::File`].
    pub fn remember(&self, key: &[u8; 32], now: UnixMs, text: &str) -> Result<(), SpendError> {
        self.write(|transaction| {
            let insert = "INSERT OR REPLACE INTO replies (key, at_ms, text) VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(insert)?.execute(params![key.as_slice(), now.0, text])?;
            Ok(())
        })?;
        if self.is_time_to_count() { self.forget_the_oldest() } else { Ok(()) }
    }

    /// Once in a while, since counting reads all of them.
    fn is_time_to_count(&self) -> bool {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.uncounted += 1;
        let is_time = file.uncounted >= COUNTED_EVERY;
        if is_time {
            file.uncounted = 0;
        }
        is_time
    }

    fn forget_the_oldest(&self) -> Result<(), SpendError> {
        self.write(|transaction| {
            let forget = "DELETE FROM replies WHERE key IN
                (SELECT key FROM replies ORDER BY at_ms DESC LIMIT -1 OFFSET ?1)";
            let count: i64 = transaction.query_row("SELECT count(*) FROM replies", [], |row| row.get(0))?;
            // A tenth at once: counting in the order of time costs more than one row is worth.
            if count > MOST_REPLIES {
                transaction.execute(forget, params![MOST_REPLIES * 9 / 10])?;
            }
            Ok(())
        })
    }

    /// Random bytes that belong to this file: whoever does not have it cannot know what is derived from them.
    #[must_use]
    pub fn salt(&self) -> [u8; 16] {
        self.0.salt
    }

    /// Immediate: who reads a sum to act on it must be the only writer from then on.
    pub(super) fn write<T>(&self, job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, SpendError> {
        self.within(Kept::Written, job)
    }

    /// Waits for no writer.
    pub(super) fn read<T>(&self, job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, SpendError> {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = in_transaction(&mut file.connection, TransactionBehavior::Deferred, job);
        read.map_err(|source| SpendError::File { path: self.0.path.clone(), source })
    }

    fn within<T>(
        &self,
        kept: Kept,
        job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, SpendError> {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        let done =
            file.keeps(kept).and_then(|()| in_transaction(&mut file.connection, TransactionBehavior::Immediate, job));
        done.map_err(|source| SpendError::File { path: self.0.path.clone(), source })
    }
}

impl File {
    /// From now on its transactions are kept so.
    fn keeps(&mut self, kept: Kept) -> rusqlite::Result<()> {
        if self.kept != kept {
            let synchronous = match kept {
                Kept::OnDisk => "full",
                Kept::Written => "normal",
            };
            self.connection.pragma_update(None, "synchronous", synchronous)?;
            self.kept = kept;
        }
        Ok(())
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(behavior)?;
    let done = job(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

impl Reservation {
    /// Says what the call did cost, in place of what it could have.
    ///
    /// # Errors
    /// [`SpendError::File`]: it stays reserved in full.
    pub fn settle(self, spent: MicroUsd) -> Result<(), SpendError> {
        // What is below the reservation may be lost in a power cut: then the call counts in full. What is above it may not.
        let kept = if spent > self.most { Kept::OnDisk } else { Kept::Written };
        self.ledger.within(kept, |transaction| {
            let settle = "UPDATE spend SET spent = ?1 WHERE id = ?2";
            transaction.prepare_cached(settle)?.execute(params![stored(spent), self.id])?;
            Ok(())
        })
    }
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
        ledger.write(|transaction| transaction.execute_batch(before)).unwrap();
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
        assert_eq!(ledger.reply(&[1; 32]).unwrap(), None);
        ledger.remember(&[1; 32], NOON, "*0.3*").unwrap();
        assert_eq!(ledger.reply(&[1; 32]).unwrap().as_deref(), Some("*0.3*"));
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
            steps in proptest::collection::vec((0u64..400, 0u8..4, 0u8..3, 0u64..100, proptest::bool::ANY), 1..40),
            per_day in 0u64..2000, per_question in 0u64..1000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("spend.sqlite");
            let budget = Budget { per_day: MicroUsd(per_day), per_question: MicroUsd(per_question) };
            let mut ledger = SpendLedger::open(&path).unwrap();
            let mut held = Vec::new();
            let mut by_question = std::collections::HashMap::<u8, u64>::new();
            for (most, question, fate, percent, dies) in steps {
                let name = format!("q{question}");
                if let Ok(reservation) = ledger.reserve(NOON, for_question(&name), MicroUsd(most), budget) {
                    *by_question.entry(question).or_default() += most;
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
