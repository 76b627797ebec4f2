//! A session of a ledger with its database: its transaction, what waits to be sent, and how it comes back when the way breaks.
//!
//! Nothing is said to the server before an answer is needed: `BEGIN` goes with the first question, writes go with the next one, and
//! `COMMIT` with the last writes. So an event is settled in three or four ways there and back, whatever it consists of.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Row;
use uuid::Uuid;

use super::error::PostgresError;
use super::live::Live;
use super::ready::{Purpose, ready};
use super::sent::{Asked, Sent, Table};
use super::{dialect, pool};
use crate::clock;
use crate::ledger::place::Address;
use crate::ledger::sql::{Owned, Value};

/// Statements that wait to be sent together, and their bytes.
const TOGETHER: (usize, usize) = (512, 2 << 20);
/// How long it is tried to learn whether a commit was through.
const DOUBT: Duration = Duration::from_secs(30);
/// Changes the one row that every commit of a ledger changes. First in its transaction: from then on the row is locked, and who
/// asks for it after the way broke waits until that transaction has ended, one way or the other.
const STAMP: &str = "UPDATE commits SET stamp = ?1 WHERE one = 1";

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is none.
    None,
    /// One begins with what is sent next: nothing hangs on the connection yet.
    Due,
    /// The server knows of it.
    Open,
}

/// See the module.
#[derive(Debug)]
pub(in crate::ledger) struct Session {
    address: Address,
    purpose: Purpose,
    live: RefCell<Option<Live>>,
    stage: Cell<Stage>,
    /// The number of the transaction's commit.
    stamp: Cell<i64>,
    waiting: RefCell<Vec<Sent>>,
    weight: Cell<usize>,
    /// What will be asked in this transaction, and what came back for it.
    ahead: RefCell<Vec<Asked>>,
    known: RefCell<Vec<(Asked, Vec<Row>)>>,
}

impl Session {
    /// Connects. A schema that is not there is made, unless it is to be read.
    pub(in crate::ledger) fn connect(address: Address, purpose: Purpose) -> Result<Self, PostgresError> {
        let live = RefCell::new(Some(ready(&address, purpose)?));
        Ok(Self {
            address,
            purpose,
            live,
            stage: Cell::new(Stage::None),
            stamp: Cell::new(0),
            waiting: RefCell::default(),
            weight: Cell::new(0),
            ahead: RefCell::default(),
            known: RefCell::default(),
        })
    }

    /// Does something with the connection, which is made anew when it is gone and no transaction hangs on it.
    fn with<T>(&self, job: impl Fn(&mut Live) -> Result<T, PostgresError>) -> Result<T, PostgresError> {
        let mut live = self.live.borrow_mut();
        let gone = live.as_ref().is_none_or(Live::is_closed);
        let is_open = self.stage.get() == Stage::Open;
        if gone && is_open {
            *live = None;
            return Err(PostgresError::Away("the connection broke in the middle of a transaction".into()));
        }
        if gone {
            *live = Some(ready(&self.address, self.purpose)?);
        }
        let Some(open) = live.as_mut() else { return Err(PostgresError::Away("there is no connection".into())) };
        let mut done = job(open);
        if done.as_ref().is_err_and(PostgresError::ends_connection) && !is_open && !gone {
            // It looked alive, and was not: as after a restart of the server.
            *live = None;
            let mut again = ready(&self.address, self.purpose)?;
            done = job(&mut again);
            *live = Some(again);
        }
        if let Err(error) = &done
            && error.ends_connection()
        {
            // Whether the server is away shows when it is dialled the next time.
            *live = None;
        }
        done
    }

    /// Sends what waits, and asks; one way there and back for all of it.
    fn exchange(&self, asked: &[Asked]) -> Result<(Vec<u64>, Vec<Vec<Row>>), PostgresError> {
        let sent = self.waiting.take();
        self.weight.set(0);
        if sent.is_empty() && asked.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let done = self.with(|live| live.run(&sent, asked));
        if self.stage.get() == Stage::Due {
            self.stage.set(Stage::Open);
        }
        done
    }

    fn flush(&self) -> Result<(), PostgresError> {
        self.exchange(&[]).map(|_| ())
    }

    /// What was asked ahead may be another after a write.
    fn forget(&self) {
        self.ahead.borrow_mut().clear();
        self.known.borrow_mut().clear();
    }

    pub(in crate::ledger) fn execute(&self, sql: &Arc<str>, values: Vec<Owned>) -> Result<usize, PostgresError> {
        self.forget();
        self.waiting.borrow_mut().push(Sent::Statement((Arc::clone(sql), values)));
        let (touched, _) = self.exchange(&[])?;
        Ok(touched.last().map_or(0, |n| usize::try_from(*n).unwrap_or(usize::MAX)))
    }

    pub(in crate::ledger) fn send(&self, sql: &Arc<str>, values: Vec<Owned>) -> Result<(), PostgresError> {
        if self.stage.get() == Stage::None {
            return self.execute(sql, values).map(|_| ());
        }
        self.hold_back(Sent::Statement((Arc::clone(sql), values)))
    }

    /// Keeps something until an answer is needed, or it is much.
    fn hold_back(&self, one: Sent) -> Result<(), PostgresError> {
        self.forget();
        self.weight.set(self.weight.get() + one.weight());
        self.waiting.borrow_mut().push(one);
        if self.waiting.borrow().len() >= TOGETHER.0 || self.weight.get() >= TOGETHER.1 { self.flush() } else { Ok(()) }
    }

    /// Says what will be asked in this transaction. It goes with the next question.
    pub(in crate::ledger) fn ahead(&self, sql: &str, values: Vec<Owned>) {
        if self.stage.get() != Stage::None {
            self.ahead.borrow_mut().push((sql.into(), values));
        }
    }

    pub(in crate::ledger) fn rows(&self, sql: &Arc<str>, values: &[Owned]) -> Result<Vec<Row>, PostgresError> {
        let is_it = |asked: &Asked| *asked.0 == **sql && asked.1 == values;
        {
            let mut known = self.known.borrow_mut();
            if let Some(place) = known.iter().position(|(asked, _)| is_it(asked)) {
                return Ok(known.swap_remove(place).1);
            }
        }
        let mut asked = self.ahead.take();
        asked.retain(|one| !is_it(one));
        asked.push((Arc::clone(sql), values.to_vec()));
        let (_, mut rows) = self.exchange(&asked)?;
        let wanted = rows.pop().unwrap_or_default();
        self.known.borrow_mut().extend(asked.into_iter().zip(rows));
        Ok(wanted)
    }

    pub(in crate::ledger) fn rows_of_each(
        &self,
        sql: &Arc<str>,
        each: Vec<Vec<Owned>>,
    ) -> Result<Vec<Vec<Row>>, PostgresError> {
        let asked: Vec<Asked> = each.into_iter().map(|values| (Arc::clone(sql), values)).collect();
        self.exchange(&asked).map(|(_, rows)| rows)
    }

    /// Statements in SQLite's words.
    pub(in crate::ledger) fn batch(&self, sql: &str) -> Result<(), PostgresError> {
        self.forget();
        self.waiting.borrow_mut().push(Sent::Words(dialect::tables(sql)));
        self.flush()
    }

    /// Several rows of a table.
    pub(in crate::ledger) fn fill(
        &self,
        table: &str,
        columns: &[&str],
        rows: &[Vec<Owned>],
    ) -> Result<(), PostgresError> {
        if rows.is_empty() {
            return Ok(());
        }
        match Table::of_few(table, columns, rows).filter(|_| self.stage.get() != Stage::None) {
            Some(few) => self.hold_back(Sent::Rows(few)),
            None => {
                self.forget();
                self.flush()?;
                self.with(|live| live.copy(table, columns, rows))
            }
        }
    }

    /// Rows of a table that replace others.
    pub(in crate::ledger) fn put(
        &self,
        table: &str,
        keys: usize,
        columns: &[&str],
        rows: &[Vec<Owned>],
    ) -> Result<(), PostgresError> {
        for part in Table::replacing(table, keys, columns, rows) {
            self.hold_back(Sent::Rows(part))?;
        }
        if self.stage.get() == Stage::None { self.flush() } else { Ok(()) }
    }

    /// Begins a transaction with what is said next.
    pub(in crate::ledger) fn begin(&self, only_reads: bool) {
        // Beside the ledger, rows are waited for and read as they are then; in it, there is one picture of the whole, and what
        // another has written meanwhile is no ground to write on.
        let level = if self.purpose == Purpose::Beside { "READ COMMITTED" } else { "REPEATABLE READ" };
        let access = if only_reads { "READ ONLY" } else { "READ WRITE" };
        let mut waiting = self.waiting.borrow_mut();
        waiting.clear();
        waiting.push(Sent::Words(format!("BEGIN ISOLATION LEVEL {level} {access}")));
        if !only_reads && self.purpose.is_the_ledgers() {
            self.stamp.set(Uuid::new_v4().as_u64_pair().0.cast_signed());
            waiting.push(Sent::Statement((STAMP.into(), vec![Owned::Int(self.stamp.get())])));
        }
        self.forget();
        self.stage.set(Stage::Due);
    }

    pub(in crate::ledger) fn commit(&self) -> Result<(), PostgresError> {
        let is_stamped = self.purpose.is_the_ledgers();
        // What is in doubt can be looked up once the server has said that the stamp is on its row, and not before.
        if !(is_stamped && self.stage.get() == Stage::Open)
            && let Err(error) = self.flush()
        {
            self.roll_back();
            return Err(error);
        }
        self.forget();
        self.waiting.borrow_mut().push(Sent::Words("COMMIT".to_owned()));
        let committed = self.flush();
        match committed {
            Ok(()) => self.stage.set(Stage::None),
            // One of the last writes was refused. The `COMMIT` behind it has ended the transaction without them, if it was sent.
            Err(ref error) if !error.ends_connection() => self.roll_back(),
            Err(_) => self.stage.set(Stage::None),
        }
        match committed {
            Err(error) if error.ends_connection() && is_stamped => self.resolve(&error),
            Err(error) if error.ends_connection() => Err(PostgresError::Uncertain(error.to_string())),
            other => other,
        }
    }

    /// The way broke in a commit: asks whether it was through. The lock of the row is had only when the old transaction has ended.
    fn resolve(&self, error: &PostgresError) -> Result<(), PostgresError> {
        let sql = "SELECT stamp FROM commits WHERE one = 1 FOR UPDATE".into();
        let until = clock::monotonic() + DOUBT;
        while clock::monotonic() < until {
            std::thread::sleep(Duration::from_millis(200));
            let Ok(rows) = self.with(|live| live.rows(&sql, &[])) else { continue };
            let found = rows.first().map(|row| super::value(row, 0)).transpose()?;
            return match found {
                Some(Value::Int(found)) if found == self.stamp.get() => Ok(()),
                _ => Err(PostgresError::Away(format!("{error}; the commit was not through"))),
            };
        }
        Err(PostgresError::Uncertain(error.to_string()))
    }

    pub(in crate::ledger) fn roll_back(&self) {
        self.waiting.take();
        self.weight.set(0);
        self.forget();
        // Whatever does not end it by itself ends with the connection.
        if self.stage.get() == Stage::Open && self.with(|live| live.batch("ROLLBACK")).is_err() {
            *self.live.borrow_mut() = None;
        }
        self.stage.set(Stage::None);
    }

    /// See [`Connection::pulse`](crate::ledger::sql::Connection::pulse).
    pub(in crate::ledger) fn pulse(&self) -> Option<i64> {
        let rows = self.rows(&"SELECT stamp FROM commits WHERE one = 1".into(), &[]).ok()?;
        match super::value(rows.first()?, 0) {
            Ok(Value::Int(stamp)) => Some(stamp),
            _ => None,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let idle = self.stage.get() == Stage::None && self.purpose == Purpose::Read;
        if let Some(live) = self.live.take().filter(|live| idle && !live.is_closed()) {
            pool::give_back(self.address.clone(), live);
        }
    }
}
