//! A lease that is held: a thread of its own renews it, whatever the others do.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Token, connect, give_back, renew};
use crate::clock;
use crate::ledger::error::{LedgerError, explain};
use crate::ledger::sql::Connection;
use crate::ledger::{Fence, Place};

/// A term holds so many renewals: one that is late, or lost on the way, changes nothing.
const RENEWALS_PER_TERM: u32 = 4;
/// How long the end of a process waits for the lease to be given back.
const GIVE_BACK: Duration = Duration::from_secs(2);

/// What a process knows of the lease that it holds. Cheap to clone; clones see the same.
#[derive(Debug, Clone)]
pub struct LeaseSight(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    is_taken: watch::Sender<bool>,
    /// When the last renewal that succeeded was asked for.
    renewed: Mutex<Instant>,
    term: Duration,
}

impl LeaseSight {
    fn new(term: Duration) -> Self {
        let renewed = Mutex::new(clock::monotonic());
        Self(Arc::new(Seen { is_taken: watch::Sender::new(false), renewed, term }))
    }

    pub(super) fn taken(&self) {
        self.0.is_taken.send_replace(true);
    }

    fn renewed_at(&self, at: Instant) {
        *self.0.renewed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// How long ago the lease was surely held.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.0.renewed.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Whether nobody else can have it: it was renewed within its term, and was not found in other hands.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !*self.0.is_taken.borrow() && self.age() < self.0.term
    }

    /// Waits until it is known that somebody else has it.
    pub async fn lost(&self) {
        // The sender lives in `self`, so the wait ends by that alone.
        let _ = self.0.is_taken.subscribe().wait_for(|taken| *taken).await;
    }
}

/// A lease that is held and renewed. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    number: i64,
    sight: LeaseSight,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lease {
    /// Keeps the lease of `token`, which was taken over `connection` a moment ago.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn keep(place: Place, connection: Connection, token: i64, term: Duration) -> Result<Self, LedgerError> {
        let sight = LeaseSight::new(term);
        let (stop, told) = mpsc::channel();
        let mut keeper = Keeper { place: place.clone(), token, term, sight: sight.clone(), away: false };
        let run = move || keeper.run(Some(connection), &told);
        let thread = std::thread::Builder::new().name("ledger-lease".to_owned()).spawn(run);
        let thread = thread.map_err(|e| LedgerError::Away { place, reason: format!("no thread: {e}") })?;
        Ok(Self { number: token, sight, stop: Some(stop), thread: Some(thread) })
    }

    /// Its token: higher than that of all holders before.
    #[must_use]
    pub const fn token(&self) -> i64 {
        self.number
    }

    /// What writes are checked with.
    #[must_use]
    pub fn fence(&self) -> Arc<dyn Fence> {
        Arc::new(Token { number: self.number, sight: self.sight.clone() })
    }

    /// How it stands.
    #[must_use]
    pub fn sight(&self) -> LeaseSight {
        self.sight.clone()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop = None;
        let Some(thread) = self.thread.take() else { return };
        // A database that does not answer is no reason not to end: the lease ends by itself.
        let until = clock::monotonic() + GIVE_BACK;
        while !thread.is_finished() && clock::monotonic() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

struct Keeper {
    place: Place,
    token: i64,
    term: Duration,
    sight: LeaseSight,
    /// Whether the last renewal failed.
    away: bool,
}

impl Keeper {
    /// Renews until it is told to stop, or the lease is somebody else's.
    fn run(&mut self, mut connection: Option<Connection>, told: &mpsc::Receiver<()>) {
        let every = self.term / RENEWALS_PER_TERM;
        while told.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            let asked = clock::monotonic();
            match self.renew(&mut connection) {
                Ok(true) => {
                    if std::mem::take(&mut self.away) {
                        tracing::info!(token = self.token, "this process still holds the lease of {}", self.place);
                    }
                    self.sight.renewed_at(asked);
                }
                Ok(false) => {
                    tracing::error!(
                        token = self.token,
                        "another process has taken over the lease of {}, because this one did not renew it; its writes \
                         are refused from now on",
                        self.place
                    );
                    self.sight.taken();
                    return;
                }
                Err(error) => {
                    connection = None;
                    self.is_late(&error);
                }
            }
        }
        if let Some(connection) = connection
            && let Err(error) = give_back(&connection, self.token)
        {
            tracing::warn!(%error, "the lease could not be given back: the next process must wait until it ends");
        }
    }

    /// Says once why it does not renew; that a database is away is said already.
    fn is_late(&mut self, error: &LedgerError) {
        if std::mem::replace(&mut self.away, true) || matches!(error, LedgerError::Away { .. }) {
            tracing::debug!(token = self.token, "the lease could not be renewed: {error}");
        } else {
            tracing::warn!(token = self.token, "the lease could not be renewed: {error}");
        }
    }

    fn renew(&self, connection: &mut Option<Connection>) -> Result<bool, LedgerError> {
        let open = match connection.take() {
            Some(open) => open,
            None => connect(&self.place)?,
        };
        let renewed = renew(&open, self.token, self.term).map_err(|error| explain(&self.place, &error))?;
        *connection = Some(open);
        Ok(renewed)
    }
}
