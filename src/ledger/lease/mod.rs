//! Who may write to a ledger that several processes reach: one holder at a time, by a lease in the database itself.
//!
//! Each take-over gives out a higher number, the token. Every transaction that writes reads the token before it commits, under a
//! lock that a take-over waits for: so a take-over comes either after that commit or before that look, and what an earlier
//! holder began is refused. It needs no clock for that. The lease's term only says when another may try, by the database's own
//! clock: those of the machines may be wrong.
//!
//! Two tables, for one reason: a renewal must not touch the row that writes lock, or PostgreSQL would refuse a write that was
//! under way at that moment.

mod keeper;

use std::time::Duration;

pub use keeper::{Lease, LeaseSight};

use super::error::{Fault, LedgerError, explain};
use super::sql::{self, Connection, OptionalExtension as _, Transaction, params};
use super::{Fence, Place};
use crate::units::UnixMs;

/// How long a lease lasts from its last renewal. With a look of each standby per [`LOOK_EVERY`] a take-over begins within 9 s.
pub const TERM: Duration = Duration::from_secs(8);
/// How often a standby looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The time of the database in ms, anew at each mention; not that of the transaction's begin.
macro_rules! now {
    () => {
        "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    };
}

/// In one go, so that of several who do it at once the later ones wait and find it done.
const TABLES: &str = "BEGIN;
SELECT pg_advisory_xact_lock(hashtext('neuron lease'), hashtext(current_schema()));
CREATE TABLE IF NOT EXISTS lease (
    one BIGINT PRIMARY KEY CHECK (one = 1), token BIGINT NOT NULL, holder TEXT NOT NULL, since_ms BIGINT NOT NULL,
    takeovers BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS lease_term (
    one BIGINT PRIMARY KEY CHECK (one = 1), token BIGINT NOT NULL, until_ms BIGINT NOT NULL
);
INSERT INTO lease VALUES (1, 0, '', 0, 0) ON CONFLICT DO NOTHING;
INSERT INTO lease_term VALUES (1, 0, 0) ON CONFLICT DO NOTHING;
COMMIT";

/// One statement, so that it is whole by itself. Of several takers one locks the row, the others then find it taken. Who writes
/// alone, without a lease, holds the lock that is tried here.
const TAKE: &str = concat!(
    "WITH free AS (
         SELECT until_ms FROM lease_term
         WHERE one = 1 AND pg_try_advisory_xact_lock_shared(hashtextextended('neuron writes ' || current_schema(), 0))
           AND until_ms <= ",
    now!(),
    " FOR UPDATE
     ), taken AS (
         UPDATE lease SET token = lease.token + 1, holder = ?1, since_ms = ",
    now!(),
    ", takeovers = lease.takeovers + CASE WHEN free.until_ms > 0 THEN 1 ELSE 0 END
         FROM free WHERE lease.one = 1 RETURNING lease.token
     )
     UPDATE lease_term SET token = taken.token, until_ms = ",
    now!(),
    " + CAST(?2 AS BIGINT) FROM taken WHERE lease_term.one = 1 RETURNING taken.token"
);
const RENEW: &str =
    concat!("UPDATE lease_term SET until_ms = ", now!(), " + CAST(?2 AS BIGINT) WHERE one = 1 AND token = ?1");
const GIVE_BACK: &str = "UPDATE lease_term SET until_ms = 0 WHERE one = 1 AND token = ?1";
const LOOK: &str = concat!(
    "SELECT lease.token, lease.holder, lease.since_ms, lease.takeovers, lease_term.until_ms - ",
    now!(),
    " FROM lease, lease_term"
);
const TOKEN: &str = "SELECT token FROM lease WHERE one = 1 FOR SHARE";

/// The last holder of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Who, as it called itself: machine and process.
    pub name: String,
    /// How often the lease was taken until then.
    pub token: i64,
    /// Since when, by the database's clock.
    pub since: UnixMs,
    /// How often it was taken from a holder that did not give it back.
    pub takeovers: u64,
    /// How long it is still held unless it is renewed; `None` when it is free.
    pub left: Option<Duration>,
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Makes the tables of a lease where there are none.
///
/// # Errors
/// Those of the database.
pub fn prepare(connection: &Connection) -> sql::Result<()> {
    connection.execute_batch(TABLES)
}

/// Takes the lease if it is free, in the name of `who`; its token.
///
/// # Errors
/// Those of the database.
pub fn take(connection: &Connection, who: &str, term: Duration) -> sql::Result<Option<i64>> {
    connection.query_row(TAKE, params![who, milliseconds(term)], |row| row.get(0)).optional()
}

/// Holds the lease of `token` for another `term`; `false` when somebody else has it.
///
/// # Errors
/// Those of the database.
pub fn renew(connection: &Connection, token: i64, term: Duration) -> sql::Result<bool> {
    Ok(connection.execute(RENEW, params![token, milliseconds(term)])? > 0)
}

/// Gives the lease of `token` back, if it is still held: the next one need not wait for its end.
///
/// # Errors
/// Those of the database.
pub fn give_back(connection: &Connection, token: i64) -> sql::Result<()> {
    connection.execute(GIVE_BACK, params![token]).map(|_| ())
}

/// Who held it last, and whether it still does; `None` where there never was a lease.
///
/// # Errors
/// Those of the database.
pub fn holder(connection: &Connection) -> sql::Result<Option<Holder>> {
    if !connection.has_table("lease_term")? {
        return Ok(None);
    }
    let seen = connection.query_row(LOOK, [], |row| {
        let left: i64 = row.get(4)?;
        Ok(Holder {
            token: row.get(0)?,
            name: row.get(1)?,
            since: UnixMs(row.get(2)?),
            takeovers: row.get::<i64>(3)?.unsigned_abs(),
            left: u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_millis),
        })
    });
    Ok(seen.optional()?.filter(|holder| holder.token > 0))
}

/// The check of one holder's writes.
#[derive(Debug)]
struct Token {
    number: i64,
    sight: LeaseSight,
}

impl Fence for Token {
    fn check(&self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        // PostgreSQL itself refuses this look when the row was changed after the transaction began.
        let now: i64 = transaction.query_row(TOKEN, [], |row| row.get(0))?;
        if now == self.number {
            return Ok(());
        }
        self.sight.taken();
        Err(Fault::Fenced(format!("its lease has number {now}, this process had number {}", self.number)))
    }
}

/// Opens a connection for leases only.
///
/// # Errors
/// Those of the database.
pub fn connect(place: &Place) -> Result<Connection, LedgerError> {
    let connection = Connection::connect(place)?;
    prepare(&connection).map_err(|error| explain(place, &error))?;
    Ok(connection)
}

/// One look of a standby.
#[derive(Debug)]
pub struct Look {
    /// For the next look, or for [`Lease::keep`].
    pub connection: Connection,
    /// Who held it last.
    pub holder: Option<Holder>,
    /// The token, when the lease was free and is now held by who looked.
    pub token: Option<i64>,
}

/// Takes the lease at `place` in the name of `who` if it is free, over `connection` or a new one. Blocks.
///
/// # Errors
/// Those of the database; the connection is gone then.
pub fn look(place: &Place, who: &str, connection: Option<Connection>) -> Result<Look, LedgerError> {
    let connection = match connection {
        Some(open) => open,
        None => connect(place)?,
    };
    let named = |error| explain(place, &error);
    let token = take(&connection, who, TERM).map_err(named)?;
    let holder = holder(&connection).map_err(named)?;
    Ok(Look { connection, holder, token })
}
