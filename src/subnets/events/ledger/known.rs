//! The miners of a ledger, for scoring many events: found by their number without a tree, ordered by hotkey once.

use std::collections::BTreeMap;

use crate::ledger::miners::MinerId;
use crate::units::{Identity, UnixMs};

/// Every miner the ledger knows. Its place is its position by ascending number.
#[derive(Debug)]
pub(super) struct KnownMiners {
    ids: Vec<MinerId>,
    miners: Vec<(Identity, UnixMs)>,
    /// By place: how many identities sort before this one.
    ranks: Vec<u32>,
}

impl From<BTreeMap<MinerId, (Identity, UnixMs)>> for KnownMiners {
    fn from(known: BTreeMap<MinerId, (Identity, UnixMs)>) -> Self {
        let (ids, miners): (Vec<_>, Vec<_>) = known.into_iter().unzip();
        let mut by_identity: Vec<(Identity, usize)> =
            miners.iter().enumerate().map(|(place, (identity, _))| (*identity, place)).collect();
        by_identity.sort_unstable();
        let mut ranks = vec![0; ids.len()];
        for (rank, (_, place)) in by_identity.into_iter().enumerate() {
            if let Some(cell) = ranks.get_mut(place) {
                *cell = rank as u32;
            }
        }
        Self { ids, miners, ranks }
    }
}

impl KnownMiners {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn identities(&self) -> impl Iterator<Item = Identity> + '_ {
        self.miners.iter().map(|(identity, _)| *identity)
    }

    pub(super) fn identity(&self, id: MinerId) -> Option<Identity> {
        let place = self.ids.binary_search(&id).ok()?;
        self.miners.get(place).map(|(identity, _)| *identity)
    }

    pub(super) fn id(&self, place: usize) -> Option<MinerId> {
        self.ids.get(place).copied()
    }

    /// When the miner was first known.
    pub(super) fn since(&self, place: usize) -> UnixMs {
        self.miners.get(place).map_or(UnixMs(i64::MAX), |(_, since)| *since)
    }

    /// Places in the order of identities.
    pub(super) fn sort(&self, places: &mut [usize]) {
        places.sort_unstable_by_key(|place| self.ranks.get(*place).copied());
    }

    /// The places of numbers that (mostly) ascend: the next one is tried before it is searched for. `None`: unknown.
    pub(super) fn places(&self, ids: impl Iterator<Item = MinerId>) -> impl Iterator<Item = Option<usize>> {
        let mut next = 0;
        ids.map(move |id| {
            let place = if self.ids.get(next) == Some(&id) { next } else { self.ids.binary_search(&id).ok()? };
            next = place + 1;
            Some(place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Account;

    #[test]
    fn miners_are_found_by_number_and_ordered_by_identity() {
        let miner = |byte: u8| (Identity { hotkey: Account([byte; 32]), registered_at: 1 }, UnixMs(byte.into()));
        let known = KnownMiners::from(BTreeMap::from([(2, miner(9)), (5, miner(1)), (7, miner(4))]));
        let places: Vec<_> = known.places([2, 5, 7, 6, 5].into_iter()).collect();
        assert_eq!(places, [Some(0), Some(1), Some(2), None, Some(1)]);
        let mut order = [0, 1, 2];
        known.sort(&mut order);
        assert_eq!(order, [1, 2, 0]);
        assert_eq!((known.len(), known.id(1), known.since(1)), (3, Some(5), UnixMs(1)));
        assert_eq!(known.identity(7), Some(miner(4).0));
        assert_eq!(known.identity(8), None);
    }
}
