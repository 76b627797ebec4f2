//! Connections made ready for what they are for.

use std::time::Duration;

use super::bound::{self, Turn};
use super::error::PostgresError;
use super::live::{Live, Patience};
use super::{away, pool};
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
    /// Whether it writes the ledger itself: its commits are stamped.
    pub(super) const fn is_the_ledgers(self) -> bool {
        matches!(self, Self::Own | Self::Lease)
    }

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

/// How long a new process waits for the one before it to be gone: the server notices a death by its own clock.
const PREDECESSOR: Duration = Duration::from_secs(2);

/// The one row that every commit of a ledger changes: readers see by it that something is new, and a writer whose connection
/// broke in a commit sees by it whether that was through.
const COMMITS: &str =
    "CREATE TABLE IF NOT EXISTS commits (one BIGINT PRIMARY KEY CHECK (one = 1), stamp BIGINT NOT NULL);
     INSERT INTO commits (one, stamp) VALUES (1, 0) ON CONFLICT DO NOTHING;";

/// A connection that is fit for its purpose.
pub(super) fn ready(address: &Address, purpose: Purpose) -> Result<Live, PostgresError> {
    let idle = || (purpose == Purpose::Read).then(|| pool::take(address)).flatten();
    if let Some(live) = idle() {
        return Ok(live);
    }
    if let Some(reason) = away::waits(address) {
        return Err(PostgresError::Away(reason));
    }
    let permit = match bound::permit(address, purpose == Purpose::Read, idle) {
        Turn::New(permit) => permit,
        Turn::Idle(live) => return Ok(*live),
        Turn::Over(limit) => return Err(PostgresError::Busy(limit)),
    };
    let made = Live::dial(address, purpose.patience(), permit)
        .and_then(|mut live| fit(address, purpose, &mut live).map(|()| live));
    match &made {
        Ok(_) => away::here(address),
        Err(PostgresError::Crowded(reason)) => {
            // What is kept idle here may be what another process lacks, or this one.
            pool::clear();
            away::crowded(address, reason);
        }
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
