//! What was accepted before: a memory that is bounded, forgets by time, and never lets a nonce in twice.
//!
//! A caller's window is the set of nonces accepted from it, and a floor: everything at or below the floor is refused. What
//! leaves the set, because it is old or because the set is full, raises the floor to itself. So nothing that was accepted
//! can come back, whatever the wall clock does, while honest requests that arrive out of order are all accepted.
//! The floor of a caller that is not remembered is the highest nonce ever forgotten with a caller, at first the time the
//! axon started: what was captured before a restart stays refused.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use crate::units::Account;

/// Bounds of the memory. One remembered nonce takes about 24 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Callers remembered.
    pub callers: usize,
    /// Nonces remembered of one caller.
    pub per_caller: usize,
    /// Nonces remembered in all; when they are that many, callers keep sixteen each.
    pub nonces: usize,
}

/// What every caller may keep, however full the memory is.
const SMALLEST_WINDOW: usize = 16;

impl Bounds {
    /// Those of an axon: four subnets' worth of neurons, and a validator that asks 500 times a second.
    pub const USUAL: Self = Self { callers: 4096, per_caller: 8192, nonces: 131_072 };
}

/// This nonce was accepted before, or lies below what is still remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay;

/// Who sent a nonce: one dendrite object of one hotkey. The uuid is a hash, as the text is the sender's.
#[derive(Debug, Clone, Copy)]
pub struct Sender {
    /// Who signed.
    pub hotkey: Account,
    /// The dendrite, by [`ReplayMemory::hash_uuid`].
    pub uuid: u64,
    /// Registered (or listed) callers and strangers are remembered apart: strangers cannot push the former out.
    pub known: bool,
}

/// The memory of one axon.
#[derive(Debug)]
pub struct ReplayMemory {
    known: Mutex<Table>,
    strangers: Mutex<Table>,
    hasher: RandomState,
}

impl ReplayMemory {
    /// A memory that refuses every nonce up to `started_ns`, the wall time of the axon's start.
    #[must_use]
    pub fn new(bounds: Bounds, started_ns: u64) -> Self {
        let table = || Mutex::new(Table::new(bounds, started_ns));
        Self { known: table(), strangers: table(), hasher: RandomState::new() }
    }

    /// The hash under which a dendrite's uuid is remembered.
    #[must_use]
    pub fn hash_uuid(&self, uuid: Option<&str>) -> u64 {
        self.hasher.hash_one(uuid)
    }

    /// Whether `nonce` could be claimed; a cheap look before the signature is checked.
    ///
    /// # Errors
    /// [`Replay`].
    pub fn look(&self, sender: Sender, nonce: u64) -> Result<(), Replay> {
        self.table(sender).lock().unwrap_or_else(PoisonError::into_inner).look(sender, nonce)
    }

    /// Claims `nonce` for good, once its signature is known to be right. What lies below `horizon_ns` is forgotten: no
    /// freshness rule would accept it any more.
    ///
    /// # Errors
    /// [`Replay`].
    pub fn claim(&self, sender: Sender, nonce: u64, horizon_ns: u64) -> Result<(), Replay> {
        self.table(sender).lock().unwrap_or_else(PoisonError::into_inner).claim(sender, nonce, horizon_ns)
    }

    /// Nonces and callers remembered now.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        [&self.known, &self.strangers].into_iter().fold((0, 0), |(nonces, callers), table| {
            let table = table.lock().unwrap_or_else(PoisonError::into_inner);
            (nonces + table.nonces, callers + table.windows.len())
        })
    }

    fn table(&self, sender: Sender) -> &Mutex<Table> {
        if sender.known { &self.known } else { &self.strangers }
    }
}

#[derive(Debug)]
struct Table {
    bounds: Bounds,
    windows: HashMap<Account, Window>,
    nonces: usize,
    floor: u64,
    claims: usize,
}

#[derive(Debug)]
struct Window {
    seen: BTreeSet<(u64, u64)>,
    floor: u64,
}

impl Window {
    /// Forgets the smallest nonce and raises the floor to it. Says whether there was one.
    fn forget_first(&mut self) -> bool {
        let first = self.seen.pop_first();
        if let Some((nonce, _)) = first {
            self.floor = self.floor.max(nonce);
        }
        first.is_some()
    }

    /// Forgets what is below the horizon; returns how many.
    fn forget_before(&mut self, horizon_ns: u64) -> usize {
        let before = self.seen.len();
        while self.seen.first().is_some_and(|(nonce, _)| *nonce < horizon_ns) {
            self.forget_first();
        }
        before - self.seen.len()
    }

    fn last(&self) -> u64 {
        self.seen.last().map_or(self.floor, |(nonce, _)| *nonce)
    }
}

impl Table {
    fn new(bounds: Bounds, floor: u64) -> Self {
        Self { bounds, windows: HashMap::new(), nonces: 0, floor, claims: 0 }
    }

    fn look(&self, sender: Sender, nonce: u64) -> Result<(), Replay> {
        let (floor, seen) = match self.windows.get(&sender.hotkey) {
            Some(window) => (window.floor, window.seen.contains(&(nonce, sender.uuid))),
            None => (self.floor, false),
        };
        if nonce <= floor || seen { Err(Replay) } else { Ok(()) }
    }

    fn claim(&mut self, sender: Sender, nonce: u64, horizon_ns: u64) -> Result<(), Replay> {
        self.look(sender, nonce)?;
        self.claims += 1;
        if self.claims >= self.bounds.callers {
            self.claims = 0;
            self.forget_idle(horizon_ns);
        }
        if !self.windows.contains_key(&sender.hotkey) && self.windows.len() >= self.bounds.callers {
            self.forget_longest_silent();
            // Making room may have raised the floor above this very nonce.
            self.look(sender, nonce)?;
        }
        let full = self.nonces >= self.bounds.nonces;
        let floor = self.floor;
        let window = self.windows.entry(sender.hotkey).or_insert_with(|| Window { seen: BTreeSet::new(), floor });
        self.nonces -= window.forget_before(horizon_ns);
        let room = if full { SMALLEST_WINDOW } else { self.bounds.per_caller };
        while window.seen.len() >= room.max(1) && window.forget_first() {
            self.nonces -= 1;
        }
        if nonce <= window.floor {
            return Err(Replay);
        }
        self.nonces += usize::from(window.seen.insert((nonce, sender.uuid)));
        Ok(())
    }

    /// Forgets callers whose whole window is below the horizon. Called once per `callers` claims, so it costs little each.
    fn forget_idle(&mut self, horizon_ns: u64) {
        let (nonces, floor) = (&mut self.nonces, &mut self.floor);
        self.windows.retain(|_, window| {
            let last = window.last();
            *nonces -= window.forget_before(horizon_ns);
            if window.seen.is_empty() {
                *floor = (*floor).max(last);
            }
            !window.seen.is_empty()
        });
    }

    /// Makes room for newcomers: forgets the sixteenth of the callers that has been silent longest. One by one, each
    /// newcomer would cost a look at all of them.
    fn forget_longest_silent(&mut self) {
        let mut lasts: Vec<_> = self.windows.values().map(Window::last).collect();
        if lasts.is_empty() {
            return;
        }
        let forgotten = (lasts.len() / 16).max(1);
        let newest = *lasts.select_nth_unstable(forgotten - 1).1;
        let nonces = &mut self.nonces;
        self.windows.retain(|_, window| {
            let stays = window.last() > newest;
            *nonces -= if stays { 0 } else { window.seen.len() };
            stays
        });
        self.floor = self.floor.max(newest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Bounds = Bounds { callers: 8, per_caller: 32, nonces: 64 };

    fn sender(caller: u8, uuid: u64) -> Sender {
        Sender { hotkey: Account([caller; 32]), uuid, known: true }
    }

    #[test]
    fn out_of_order_is_welcome_and_twice_is_not() {
        let memory = ReplayMemory::new(SMALL, 0);
        for nonce in [105, 103, 104, 101] {
            assert_eq!(memory.claim(sender(1, 7), nonce, 50), Ok(()));
        }
        assert_eq!(memory.claim(sender(1, 7), 103, 50), Err(Replay));
        assert_eq!(memory.look(sender(1, 7), 103), Err(Replay));
        assert_eq!(memory.claim(sender(1, 8), 103, 50), Ok(()), "another dendrite of that hotkey");
        assert_eq!(memory.claim(sender(2, 7), 103, 50), Ok(()), "another hotkey");
    }

    #[test]
    fn what_was_captured_before_the_start_stays_outside() {
        let memory = ReplayMemory::new(SMALL, 1000);
        assert_eq!(memory.claim(sender(1, 7), 1000, 0), Err(Replay));
        assert_eq!(memory.claim(sender(1, 7), 1001, 0), Ok(()));
    }

    #[test]
    fn a_clock_that_jumps_ahead_and_back_opens_nothing() {
        let memory = ReplayMemory::new(SMALL, 0);
        memory.claim(sender(1, 7), 100, 50).unwrap();
        // The clock jumps ahead: other callers' requests make the memory forget everything.
        for nonce in 10_000..10_020 {
            memory.claim(sender(2, 7), nonce, 9_000).unwrap();
        }
        // And back: the captured request is fresh again by its age, and still refused.
        assert_eq!(memory.claim(sender(1, 7), 100, 50), Err(Replay));
    }

    #[test]
    fn strangers_cannot_push_registered_callers_out() {
        let memory = ReplayMemory::new(SMALL, 0);
        memory.claim(sender(1, 7), 100, 0).unwrap();
        for caller in 2..200 {
            let stranger = Sender { known: false, ..sender(caller, 7) };
            memory.claim(stranger, 1000 + u64::from(caller), 0).unwrap();
        }
        assert_eq!(memory.claim(sender(1, 7), 99, 0), Ok(()), "an older one of a registered caller is still welcome");
        assert!(memory.size().1 <= 1 + SMALL.callers);
    }

    #[test]
    fn many_nonces_of_one_caller_stay_within_its_window() {
        let memory = ReplayMemory::new(SMALL, 0);
        for nonce in 1..=200_000 {
            memory.claim(sender(1, 7), nonce, 0).unwrap();
        }
        assert_eq!(memory.size(), (SMALL.per_caller, 1));
        assert_eq!(memory.claim(sender(1, 7), 5, 0), Err(Replay));
    }

    proptest! {
        #[test]
        fn nothing_is_accepted_twice_and_the_bounds_hold(
            steps in proptest::collection::vec((0u8..20, 0u64..3, 1u64..400, 0u64..500), 1..500),
        ) {
            let memory = ReplayMemory::new(SMALL, 0);
            let mut accepted = std::collections::HashSet::new();
            for (caller, uuid, nonce, horizon) in steps {
                // The freshness rule comes first: it lets nothing older than the horizon through.
                if nonce < horizon {
                    continue;
                }
                if memory.claim(sender(caller, uuid), nonce, horizon).is_ok() {
                    prop_assert!(accepted.insert((caller, uuid, nonce)), "accepted twice");
                }
                let (nonces, callers) = memory.size();
                prop_assert!(callers <= SMALL.callers);
                prop_assert!(nonces <= SMALL.nonces + SMALL.callers * SMALLEST_WINDOW);
            }
        }
    }
}
