//! Who may use which uuid now: requests under way to one axon never share one, so their nonces cannot arrive out of
//! order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::synapse::new_uuid;
use crate::units::Account;

/// Uuids of one dendrite; more requests than these at once to one axon get a uuid of their own each.
const LANES: usize = 64;

/// The uuids, and which are in use for which axon.
#[derive(Debug)]
pub(super) struct Lanes {
    uuids: Vec<String>,
    /// One bit per uuid; an axon without request under way has no entry.
    taken: Mutex<HashMap<Account, u64>>,
}

/// The right to use a uuid towards one axon, until dropped.
#[derive(Debug)]
pub(super) struct Lane {
    lanes: Arc<Lanes>,
    hotkey: Account,
    /// `None` beyond the last lane.
    index: Option<usize>,
    uuid: String,
}

impl Lanes {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { uuids: (0..LANES).map(|_| new_uuid()).collect(), taken: Mutex::default() })
    }

    /// The first uuid that is free towards `hotkey`: an axon asked now and then sees the same one always.
    pub(super) fn take(self: &Arc<Self>, hotkey: Account) -> Lane {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let bits = taken.entry(hotkey).or_default();
        let index = bits.trailing_ones() as usize;
        let (index, uuid) = match self.uuids.get(index) {
            Some(uuid) => {
                *bits |= 1 << index;
                (Some(index), uuid.clone())
            }
            None => (None, new_uuid()),
        };
        drop(taken);
        Lane { lanes: Arc::clone(self), hotkey, index, uuid }
    }
}

impl Lane {
    pub(super) fn uuid(&self) -> &str {
        &self.uuid
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let Some(index) = self.index else { return };
        let mut taken = self.lanes.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bits) = taken.get_mut(&self.hotkey) {
            *bits &= !(1 << index);
            if *bits == 0 {
                taken.remove(&self.hotkey);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_under_way_never_share_a_uuid() {
        let lanes = Lanes::new();
        let (a, b) = (Account([1; 32]), Account([2; 32]));
        let mut held: Vec<_> = (0..LANES + 2).map(|_| lanes.take(a)).collect();
        let mut uuids: Vec<_> = held.iter().map(|lane| lane.uuid().to_owned()).collect();
        uuids.sort();
        uuids.dedup();
        assert_eq!(uuids.len(), LANES + 2);
        let first = held.remove(0).uuid().to_owned();
        assert_eq!(lanes.take(a).uuid(), first);
        assert_eq!(lanes.take(b).uuid(), first);
        held.clear();
        assert!(lanes.taken.lock().unwrap().is_empty());
    }
}
