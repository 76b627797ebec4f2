//! Whose turn it is: of several validators with one ledger, one is active, the others stand by.
//!
//! In a database the turn is a lease ([`crate::ledger::lease`]); for a file it is the file's lock, which serves processes of one
//! machine. A standby has its chain, its keys and its settings ready, and touches neither ledger nor weights.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::error::RoleError;
use crate::clock;
use crate::ledger::lease::{self, Holder, LOOK_EVERY, Lease, LeaseSight, Look};
use crate::ledger::sql::Connection;
use crate::ledger::{Ledger, LedgerError, Ownership, Place, Schema};

/// A validator that is not to stand by waits so long for one that does not renew its lease any more: a process that was killed
/// is started again before its lease is over.
const GRACE: Duration = Duration::from_secs(lease::TERM.as_secs() + 2);

/// Where a process stands, for health and metrics; read from what decides.
#[derive(Debug, Clone, Default)]
pub struct Rank(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default)]
enum State {
    /// Nothing was looked at yet.
    #[default]
    Begins,
    /// Another one is active, as was seen then.
    Standby { holder: Option<Holder>, seen: std::time::Instant },
    /// This one is. A file has no lease.
    Active { lease: Option<Holding> },
}

#[derive(Debug, Clone)]
struct Holding {
    sight: LeaseSight,
    token: i64,
    takeovers: u64,
}

impl Rank {
    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn state(&self) -> State {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it may write. One that was cut off from its database for longer than its lease is not sure of it, and says no.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match self.state() {
            State::Active { lease } => lease.is_none_or(|lease| lease.sight.is_held()),
            State::Begins | State::Standby { .. } => false,
        }
    }

    /// How long ago the ledger's place last answered a standby; `None` for others.
    #[must_use]
    pub fn looked(&self) -> Option<Duration> {
        match self.state() {
            State::Standby { seen, .. } => Some(seen.elapsed()),
            State::Begins | State::Active { .. } => None,
        }
    }

    /// How often the lease was taken from a holder that had not given it back; `None` where there is no lease.
    #[must_use]
    pub fn takeovers(&self) -> Option<u64> {
        match self.state() {
            State::Active { lease } => lease.map(|lease| lease.takeovers),
            State::Standby { holder, .. } => holder.map(|holder| holder.takeovers),
            State::Begins => None,
        }
    }

    /// `active` or `standby`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        if self.is_active() { "active" } else { "standby" }
    }

    /// For `/health`.
    #[must_use]
    pub fn fact(&self) -> Value {
        match self.state() {
            State::Begins => Value::Null,
            State::Standby { holder, seen } => json!({
                "looked_age_s": seen.elapsed().as_secs(),
                "holder": holder.as_ref().map(|holder| &holder.name),
                "token": holder.as_ref().map(|holder| holder.token),
                "held_for_ms": holder.and_then(|holder| holder.left).map(|left| left.as_millis() as u64),
            }),
            State::Active { lease: None } => json!({ "lease": false }),
            State::Active { lease: Some(lease) } => json!({
                "token": lease.token,
                "takeovers": lease.takeovers,
                "renewed_age_ms": lease.sight.age().as_millis() as u64,
            }),
        }
    }
}

/// Waits for its turn at one ledger.
#[derive(Debug, Clone)]
pub struct Turn {
    place: Place,
    /// How this process calls itself to others.
    name: String,
    /// Whether to wait while another one is at work.
    stands_by: bool,
    rank: Rank,
}

impl Turn {
    /// For the ledger at `place`; with `stands_by` it waits while another process is at work.
    #[must_use]
    pub fn at(place: Place, stands_by: bool) -> Self {
        Self { place, name: own_name(), stands_by, rank: Rank::default() }
    }

    /// Where this process stands.
    #[must_use]
    pub fn rank(&self) -> Rank {
        self.rank.clone()
    }

    /// Whether it waits while another process is at work.
    #[must_use]
    pub const fn stands_by(&self) -> bool {
        self.stands_by
    }

    /// Stands by from now on: what has lost its turn once waits for the next.
    pub fn stand_by(&mut self) {
        self.stands_by = true;
    }

    /// Waits for the turn, and opens the ledger.
    ///
    /// # Errors
    /// [`RoleError::Held`] when another process is at work and this one is not to wait; those of the ledger.
    pub async fn ledger(&self, tables: &[Schema]) -> Result<(Ledger, Tenure), RoleError> {
        match &self.place {
            Place::File(_) => self.file(tables).await,
            Place::Database(_) => self.database(tables).await,
        }
    }

    async fn file(&self, tables: &[Schema]) -> Result<(Ledger, Tenure), RoleError> {
        let mut told = false;
        loop {
            match Ledger::open(&self.place, tables) {
                Ok(ledger) => {
                    self.rank.set(State::Active { lease: None });
                    return Ok((ledger, Tenure { lease: None, rank: self.rank() }));
                }
                Err(LedgerError::InUse { .. }) if self.stands_by => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::info!("standing by: {} is in use by another process of this machine", self.place);
                    }
                    self.rank.set(State::Standby { holder: None, seen: clock::monotonic() });
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn database(&self, tables: &[Schema]) -> Result<(Ledger, Tenure), RoleError> {
        let (connection, token, holder) = self.taken().await?;
        let takeovers = holder.map_or(0, |holder| holder.takeovers);
        let lease = Lease::keep(self.place.clone(), connection, token, lease::TERM)?;
        tracing::info!(token, takeovers, name = self.name, "this process holds the lease of {} now", self.place);
        self.rank.set(State::Active { lease: Some(Holding { sight: lease.sight(), token, takeovers }) });
        let (place, tables, fence) = (self.place.clone(), tables.to_vec(), lease.fence());
        let opening = move || Ledger::open_as(place, &tables, Ownership::Leased(fence));
        let opened = tokio::task::spawn_blocking(opening).await;
        let gone = |e| LedgerError::Away { place: self.place.clone(), reason: format!("it was not opened: {e}") };
        let ledger = opened.map_err(gone)??;
        Ok((ledger, Tenure { lease: Some(lease), rank: self.rank() }))
    }

    /// Looks until the lease is free, and takes it: with its token, and what is known of it.
    async fn taken(&self) -> Result<(Connection, i64, Option<Holder>), RoleError> {
        let begin = clock::monotonic();
        let mut watch = Watching { connection: None, told: false, away: false, first: None };
        loop {
            let (place, name) = (self.place.clone(), self.name.clone());
            let connection = watch.connection.take();
            let looked = tokio::task::spawn_blocking(move || lease::look(&place, &name, connection)).await;
            let gone = |e| LedgerError::Away { place: self.place.clone(), reason: format!("it was not asked: {e}") };
            match looked.map_err(gone)? {
                Ok(Look { connection, holder, token: Some(token) }) => return Ok((connection, token, holder)),
                Ok(Look { connection, holder, token: None }) => {
                    watch.away = false;
                    watch.connection = Some(connection);
                    self.rank.set(State::Standby { holder: holder.clone(), seen: clock::monotonic() });
                    self.waits_for(&mut watch, holder, begin.elapsed())?;
                }
                Err(error) if self.stands_by => watch.is_blind(&error),
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Another one has the lease: says so once, and gives up where this one is not to wait for a holder that is alive.
    fn waits_for(&self, watch: &mut Watching, holder: Option<Holder>, waited: Duration) -> Result<(), RoleError> {
        let Some(holder) = holder else { return Ok(()) };
        let seen = watch.first.get_or_insert_with(|| (holder.clone(), waited));
        if self.stands_by {
            if !std::mem::replace(&mut watch.told, true) {
                tracing::info!(token = holder.token, "standing by: {} is written by {}", self.place, holder.name);
            }
            return Ok(());
        }
        // It has more time left than what it had would be by now: it was renewed since.
        let expected = seen.0.left.unwrap_or_default().saturating_sub(waited.saturating_sub(seen.1));
        let is_alive = holder.token != seen.0.token || holder.left.unwrap_or_default() > expected + LOOK_EVERY;
        if is_alive || waited > GRACE {
            return Err(RoleError::Held { place: self.place.to_string(), holder: holder.name });
        }
        if !std::mem::replace(&mut watch.told, true) {
            tracing::info!(
                token = holder.token,
                "{} was written by {}: waiting for the end of its lease",
                self.place,
                holder.name
            );
        }
        Ok(())
    }
}

/// What one who waits remembers.
struct Watching {
    connection: Option<Connection>,
    /// Whether it was said that this process waits.
    told: bool,
    /// Whether the last look failed.
    away: bool,
    /// The holder when it was seen first, and after how long.
    first: Option<(Holder, Duration)>,
}

impl Watching {
    /// Says once why it cannot look; that a database is away is said already.
    fn is_blind(&mut self, error: &LedgerError) {
        if std::mem::replace(&mut self.away, true) || matches!(error, LedgerError::Away { .. }) {
            tracing::debug!("standing by; the state of the ledger is not known: {error}");
        } else {
            tracing::warn!("standing by; the state of the ledger is not known: {error}");
        }
    }
}

/// A turn that lasts. Dropping it ends it; do so after the ledger is closed.
#[derive(Debug)]
pub struct Tenure {
    lease: Option<Lease>,
    rank: Rank,
}

impl Tenure {
    /// Waits until another process is active; for ever where that cannot be.
    pub async fn lost(&self) {
        match &self.lease {
            Some(lease) => lease.sight().lost().await,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        self.rank.set(State::Begins);
    }
}

/// Machine and process, in letters that a terminal takes.
fn own_name() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let machine: String = machine.trim().chars().filter(plain).take(64).collect();
    format!("{} (pid {})", if machine.is_empty() { "a machine" } else { &machine }, std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_standby_of_a_file_waits_for_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::from(folder.path().join("ledger.sqlite"));
        let (first, tenure) = Turn::at(place.clone(), false).ledger(&[]).await.unwrap();
        let refused = Turn::at(place.clone(), false).ledger(&[]).await.unwrap_err();
        assert!(matches!(refused, RoleError::Ledger(LedgerError::InUse { .. })), "{refused}");

        let standby = Turn::at(place, true);
        let rank = standby.rank();
        assert_eq!((rank.name(), rank.looked(), rank.fact()), ("standby", None, Value::Null));
        let waiting = tokio::spawn(async move { standby.ledger(&[]).await.map(|(ledger, _)| ledger) });
        while rank.looked().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!waiting.is_finished() && !rank.is_active());
        drop((first, tenure));
        waiting.await.unwrap().unwrap();
    }
}
