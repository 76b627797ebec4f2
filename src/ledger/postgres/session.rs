//! A session of a ledger with its database: what it is for, its transaction, and how it comes back when the way breaks.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Row;
use uuid::Uuid;

use super::error::PostgresError;
use super::live::{Live, Patience};
use super::value::weight;
use super::{away, dialect, pool};
use crate::clock;
use crate::ledger::place::Address;
use crate::ledger::sql::{Owned, Value};

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) enum Purpose {
    /// Reading. A replica will do.
    Read,
    /// Writing, as the only process that may.
    Own,
    /// Writing; who may is said elsewhere.
    Lease,
    /// Writing beside the ledger, to tables that are not its own.
    Beside,
}

impl Purpose {
    const fn patience(self) -> Patience {
        match self {
            Self::Read | Self::Own => Patience { connect_s: 10, statement_s: 60, idle_s: 60 },
            // A process that is paused in a transaction has lost its locks before the one that takes over wants them.
            Self::Lease => Patience { connect_s: 5, statement_s: 60, idle_s: 5 },
            // A renewal that takes longer is none.
            Self::Beside => Patience { connect_s: 3, statement_s: 5, idle_s: 5 },
        }
    }
}

/// Statements that wait to be sent together, and their bytes.
const TOGETHER: (usize, usize) = (128, 1 << 20);
/// How long a new process waits for the one before it to be gone: the server notices a death by its own clock.
const PREDECESSOR: Duration = Duration::from_secs(2);
/// How long it is tried to learn whether a commit was through.
const DOUBT: Duration = Duration::from_secs(30);

/// The one row that every commit of a ledger changes: readers see by it that something is new, and a writer whose connection
/// broke in a commit sees by it whether that was through.
const COMMITS: &str =
    "CREATE TABLE IF NOT EXISTS commits (one BIGINT PRIMARY KEY CHECK (one = 1), stamp BIGINT NOT NULL);
     INSERT INTO commits (one, stamp) VALUES (1, 0) ON CONFLICT DO NOTHING;";

/// See the module.
#[derive(Debug)]
pub(in crate::ledger) struct Session {
    address: Address,
    purpose: Purpose,
    live: RefCell<Option<Live>>,
    in_transaction: Cell<bool>,
    waiting: RefCell<Vec<(Arc<str>, Vec<Owned>)>>,
    weight: Cell<usize>,
}

impl Session {
    /// Connects. A schema that is not there is made, unless it is to be read.
    pub(in crate::ledger) fn connect(address: Address, purpose: Purpose) -> Result<Self, PostgresError> {
        let live = RefCell::new(Some(ready(&address, purpose)?));
        let (in_transaction, waiting, weight) = (Cell::new(false), RefCell::default(), Cell::new(0));
        Ok(Self { address, purpose, live, in_transaction, waiting, weight })
    }

    /// Does something with the connection, which is made anew when it is gone and no transaction hangs on it.
    fn with<T>(&self, job: impl Fn(&mut Live) -> Result<T, PostgresError>) -> Result<T, PostgresError> {
        let mut live = self.live.borrow_mut();
        let gone = live.as_ref().is_none_or(Live::is_closed);
        if gone && self.in_transaction.get() {
            *live = None;
            return Err(PostgresError::Away("the connection broke in the middle of a transaction".into()));
        }
        if gone {
            *live = Some(ready(&self.address, self.purpose)?);
        }
        let Some(open) = live.as_mut() else { return Err(PostgresError::Away("there is no connection".into())) };
        let mut done = job(open);
        if done.as_ref().is_err_and(PostgresError::ends_connection) && !self.in_transaction.get() && !gone {
            // It looked alive, and was not: as after a restart of the server.
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

    pub(in crate::ledger) fn execute(&self, sql: &Arc<str>, values: Vec<Owned>) -> Result<usize, PostgresError> {
        let mut sent = self.waiting.take();
        self.weight.set(0);
        sent.push((Arc::clone(sql), values));
        let touched = self.with(|live| live.run(&sent))?;
        Ok(touched.last().map_or(0, |n| usize::try_from(*n).unwrap_or(usize::MAX)))
    }

    pub(in crate::ledger) fn send(&self, sql: &Arc<str>, values: Vec<Owned>) -> Result<(), PostgresError> {
        if !self.in_transaction.get() {
            return self.execute(sql, values).map(|_| ());
        }
        self.weight.set(self.weight.get() + values.iter().map(weight).sum::<usize>());
        self.waiting.borrow_mut().push((Arc::clone(sql), values));
        if self.waiting.borrow().len() >= TOGETHER.0 || self.weight.get() >= TOGETHER.1 { self.flush() } else { Ok(()) }
    }

    fn flush(&self) -> Result<(), PostgresError> {
        let sent = self.waiting.take();
        self.weight.set(0);
        if sent.is_empty() { Ok(()) } else { self.with(|live| live.run(&sent)).map(|_| ()) }
    }

    pub(in crate::ledger) fn rows(&self, sql: &Arc<str>, values: &[Owned]) -> Result<Vec<Row>, PostgresError> {
        self.flush()?;
        self.with(|live| live.rows(sql, values))
    }

    pub(in crate::ledger) fn rows_of_each(
        &self,
        sql: &Arc<str>,
        each: &[Vec<Owned>],
    ) -> Result<Vec<Vec<Row>>, PostgresError> {
        self.flush()?;
        self.with(|live| live.rows_of_each(sql, each))
    }

    /// Statements in SQLite's words.
    pub(in crate::ledger) fn batch(&self, sql: &str) -> Result<(), PostgresError> {
        self.flush()?;
        let sql = dialect::tables(sql);
        self.with(|live| live.batch(&sql))
    }

    /// Many rows at once.
    pub(in crate::ledger) fn copy(
        &self,
        table: &str,
        columns: &[&str],
        rows: &[Vec<Owned>],
    ) -> Result<(), PostgresError> {
        self.flush()?;
        self.with(|live| live.copy(table, columns, rows))
    }

    pub(in crate::ledger) fn begin(&self, only_reads: bool) -> Result<(), PostgresError> {
        // Beside the ledger, rows are waited for and read as they are then; in it, there is one picture of the whole, and what
        // another has written meanwhile is no ground to write on.
        let level = if self.purpose == Purpose::Beside { "READ COMMITTED" } else { "REPEATABLE READ" };
        let access = if only_reads { "READ ONLY" } else { "READ WRITE" };
        self.with(|live| live.batch(&format!("BEGIN ISOLATION LEVEL {level} {access}")))?;
        self.in_transaction.set(true);
        Ok(())
    }

    pub(in crate::ledger) fn commit(&self) -> Result<(), PostgresError> {
        let stamp = Uuid::new_v4().as_u64_pair().0.cast_signed();
        let is_ours = matches!(self.purpose, Purpose::Own | Purpose::Lease);
        let stamped = if is_ours {
            let sql = "UPDATE commits SET stamp = ?1 WHERE one = 1".into();
            self.waiting.borrow_mut().push((sql, vec![Owned::Int(stamp)]));
            self.flush()
        } else {
            self.flush()
        };
        if let Err(error) = stamped {
            self.roll_back();
            return Err(error);
        }
        let committed = self.with(|live| live.batch("COMMIT"));
        self.in_transaction.set(false);
        match committed {
            Err(error) if error.ends_connection() && is_ours => self.resolve(stamp, &error),
            Err(error) if error.ends_connection() => Err(PostgresError::Uncertain(error.to_string())),
            other => other,
        }
    }

    /// The way broke in a commit: asks whether it was through. The lock of the row is had only when the old transaction has ended.
    fn resolve(&self, stamp: i64, error: &PostgresError) -> Result<(), PostgresError> {
        let sql = "SELECT stamp FROM commits WHERE one = 1 FOR UPDATE".into();
        let until = clock::monotonic() + DOUBT;
        while clock::monotonic() < until {
            std::thread::sleep(Duration::from_millis(200));
            let Ok(rows) = self.with(|live| live.rows(&sql, &[])) else { continue };
            let found = rows.first().map(|row| super::value(row, 0)).transpose()?;
            return match found {
                Some(Value::Int(found)) if found == stamp => Ok(()),
                _ => Err(PostgresError::Away(format!("{error}; the commit was not through"))),
            };
        }
        Err(PostgresError::Uncertain(error.to_string()))
    }

    pub(in crate::ledger) fn roll_back(&self) {
        self.waiting.take();
        self.weight.set(0);
        // Whatever does not end it by itself ends with the connection.
        if self.with(|live| live.batch("ROLLBACK")).is_err() {
            *self.live.borrow_mut() = None;
        }
        self.in_transaction.set(false);
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
        let idle = !self.in_transaction.get() && self.purpose == Purpose::Read;
        if let Some(live) = self.live.take().filter(|live| idle && !live.is_closed()) {
            pool::give_back(self.address.clone(), live);
        }
    }
}

/// A connection that is fit for its purpose.
fn ready(address: &Address, purpose: Purpose) -> Result<Live, PostgresError> {
    if let Some(live) = (purpose == Purpose::Read).then(|| pool::take(address)).flatten() {
        return Ok(live);
    }
    if let Some(reason) = away::waits(address) {
        return Err(PostgresError::Away(reason));
    }
    let made =
        Live::dial(address, purpose.patience()).and_then(|mut live| fit(address, purpose, &mut live).map(|()| live));
    match &made {
        Ok(_) => away::here(address),
        Err(error) if error.ends_connection() => away::gone(address, &error.to_string()),
        Err(_) => {}
    }
    made
}

fn fit(address: &Address, purpose: Purpose, live: &mut Live) -> Result<(), PostgresError> {
    if purpose == Purpose::Read {
        return live.batch("SET default_transaction_read_only = on");
    }
    make_schema(address, live)?;
    if purpose == Purpose::Own {
        own(address, live)?;
    }
    if purpose == Purpose::Beside { Ok(()) } else { made_alone(address, live, COMMITS) }
}

/// The schema. Who may not make one may use one that is there.
fn make_schema(address: &Address, live: &mut Live) -> Result<(), PostgresError> {
    let known = "SELECT 1 FROM pg_namespace WHERE nspname = ?1".into();
    if !live.rows(&known, &[Owned::Text(address.schema().to_owned())])?.is_empty() {
        return Ok(());
    }
    made_alone(address, live, &format!("CREATE SCHEMA IF NOT EXISTS {}", address.quoted_schema()))
}

/// Makes what several processes may want to make at the same moment.
fn made_alone(address: &Address, live: &mut Live, sql: &str) -> Result<(), PostgresError> {
    let name = address.schema().replace('\'', "''");
    live.batch(&format!(
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('neuron makes {name}', 0)); {sql}; COMMIT;"
    ))
}

/// Whether a process writes by a lease ([`crate::ledger::lease`]).
fn is_leased(live: &mut Live) -> Result<bool, PostgresError> {
    let known = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'lease_term'".into();
    if live.rows(&known, &[])?.is_empty() {
        return Ok(false);
    }
    let held =
        "SELECT 1 FROM lease_term WHERE until_ms > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)".into();
    Ok(!live.rows(&held, &[])?.is_empty())
}

/// One writer at a time: a lock that the server holds for as long as this connection lives.
fn own(address: &Address, live: &mut Live) -> Result<(), PostgresError> {
    let sql = "SELECT pg_try_advisory_lock(hashtextextended(?1, 0))".into();
    let name = [Owned::Text(format!("neuron writes {}", address.schema()))];
    let until = clock::monotonic() + PREDECESSOR;
    loop {
        let rows = live.rows(&sql, &name)?;
        let held = rows.first().map(|row| super::value(row, 0)).transpose()?;
        if held == Some(Value::Int(1)) {
            return if is_leased(live)? { Err(PostgresError::InUse) } else { Ok(()) };
        }
        if clock::monotonic() >= until {
            return Err(PostgresError::InUse);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
