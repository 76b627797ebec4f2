//! Connections for reading that nobody uses just now: a page is not worth a new one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::live::Live;
use crate::clock;
use crate::ledger::place::Address;

/// Connections kept, of all databases.
const KEPT: usize = 8;
/// How long.
const FOR: Duration = Duration::from_secs(60);

static IDLE: Mutex<Vec<(Address, Live, Instant)>> = Mutex::new(Vec::new());

fn idle() -> MutexGuard<'static, Vec<(Address, Live, Instant)>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One that is free and stands.
pub(super) fn take(address: &Address) -> Option<Live> {
    let mut idle = idle();
    idle.retain(|(_, live, since)| !live.is_closed() && since.elapsed() < FOR);
    let place = idle.iter().position(|(whose, ..)| whose == address)?;
    Some(idle.swap_remove(place).1)
}

/// Closes all of them; how many there were.
pub(super) fn clear() -> usize {
    let gone = std::mem::take(&mut *idle());
    gone.len()
}

/// For the next.
pub(super) fn give_back(address: Address, live: Live) {
    let mut idle = idle();
    if idle.len() >= KEPT {
        idle.remove(0);
    }
    idle.push((address, live, clock::monotonic()));
}
