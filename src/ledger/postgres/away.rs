//! One line when a database goes away, and one when it is back: however many ask for it meanwhile.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::ledger::place::Address;

/// The first pause before it is tried again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// The databases that are away.
static AWAY: Mutex<Vec<Absence>> = Mutex::new(Vec::new());

struct Absence {
    address: Address,
    since: Instant,
    pause: Duration,
    next_try: Instant,
    reason: String,
}

fn away() -> MutexGuard<'static, Vec<Absence>> {
    AWAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why it is not worth a try yet.
pub(super) fn waits(address: &Address) -> Option<String> {
    let now = clock::monotonic();
    away().iter().find(|absence| absence.address == *address && now < absence.next_try).map(|a| a.reason.clone())
}

/// It cannot be reached.
pub(super) fn gone(address: &Address, reason: &str) {
    note(address, reason, "the database is away", "nothing is recorded until it is back, what was recorded is safe");
}

/// It takes no further connection.
pub(super) fn crowded(address: &Address, reason: &str) {
    let goes_on = "what has a connection goes on; raise `max_connections` of the server, or lower `db.connections` of its clients";
    note(address, reason, "the database takes no further connection", goes_on);
}

fn note(address: &Address, reason: &str, what: &str, goes_on: &str) {
    let now = clock::monotonic();
    let mut away = away();
    if let Some(absence) = away.iter_mut().find(|absence| absence.address == *address) {
        absence.pause = (absence.pause * 2).min(PAUSES.1);
        absence.next_try = now + absence.pause;
        reason.clone_into(&mut absence.reason);
        return;
    }
    tracing::error!(ledger = %address, "{what}: {reason}; {goes_on}");
    let (address, reason) = (address.clone(), reason.to_owned());
    away.push(Absence { address, since: now, pause: PAUSES.0, next_try: now + PAUSES.0, reason });
}

/// It answers.
pub(super) fn here(address: &Address) {
    let mut away = away();
    if let Some(place) = away.iter().position(|absence| absence.address == *address) {
        let absence = away.swap_remove(place);
        tracing::warn!(ledger = %address, away_s = absence.since.elapsed().as_secs(), "the database is back");
    }
}
