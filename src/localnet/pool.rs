//! Extrinsics that wait for a block: bounded, ordered by priority, with the dependencies that validation found.
//!
//! An extrinsic *provides* tags (its signer and nonce) and may *require* some (the nonce before). It is ready when
//! each required tag is provided by a ready one or was included; else it is future, and waits.

use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use sp_core::H256;
use sp_runtime::transaction_validity::ValidTransaction;
use tokio::sync::mpsc;

use super::blocks::Fate;
use super::runtime::BlockNumber;

/// What one extrinsic provides and another may require.
pub(crate) type Tag = Vec<u8>;

/// Who watches an extrinsic.
type Watcher = mpsc::Sender<Status>;

/// Statuses that one watcher may have to take at once: future, ready, in block, final.
const STATUSES: usize = 8;

/// What the pool holds at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Extrinsics that could go into the next block.
    pub(crate) ready: usize,
    /// Extrinsics that wait for another one.
    pub(crate) future: usize,
    /// Bytes of all of them.
    pub(crate) bytes: usize,
}

/// The bounds of a real node's pool, which suit a development chain as well.
impl Default for Limits {
    fn default() -> Self {
        Self { ready: 8_192, future: 512, bytes: 20 << 20 }
    }
}

/// A validated extrinsic.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    /// blake2-256 of the bytes.
    pub(crate) hash: H256,
    /// As submitted, length prefix included.
    pub(crate) bytes: Vec<u8>,
    /// What validation said.
    pub(crate) validity: ValidTransaction,
    /// The head at which it was validated.
    pub(crate) validated_at: BlockNumber,
}

/// What a watcher is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It waits for an earlier nonce.
    Future,
    /// It waits for the next block.
    Ready,
    /// It is in this block.
    InBlock(H256),
    /// That block is final.
    Finalized(H256),
    /// This one took its place by a higher tip.
    Usurped(H256),
    /// It lost its place in a full pool.
    Dropped,
    /// It can never be included.
    Invalid,
}

/// Why an extrinsic did not enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PoolError {
    /// The same bytes are there.
    #[error("transaction {0:?} is already in the pool")]
    AlreadyImported(H256),
    /// Another extrinsic has the nonce, and no lower priority.
    #[error("priority is too low: {new} against {old}")]
    TooLowPriority {
        /// Of the one in the pool.
        old: u64,
        /// Of the one that came.
        new: u64,
    },
    /// The pool is full of extrinsics of no lower priority.
    #[error("the pool is full")]
    Full,
}

struct Entry {
    transaction: Arc<Transaction>,
    /// Required tags that no block has provided yet.
    requires: Vec<Tag>,
    arrival: u64,
    ready: bool,
    watcher: Option<Watcher>,
}

impl Entry {
    fn tell(&self, status: Status) {
        if let Some(watcher) = &self.watcher {
            // A watcher that went away, or reads nothing, misses it.
            let _ = watcher.try_send(status);
        }
    }

    /// Higher priority first, then the one that came first.
    fn rank(&self) -> (u64, std::cmp::Reverse<u64>) {
        (self.transaction.validity.priority, std::cmp::Reverse(self.arrival))
    }
}

/// The waiting extrinsics.
pub(crate) struct Pool {
    limits: Limits,
    entries: HashMap<H256, Entry>,
    providers: HashMap<Tag, H256>,
    /// Those that are not ready; no more than their limit.
    futures: HashSet<H256>,
    bytes: usize,
    arrivals: u64,
    /// The head that the pool knows of.
    head: BlockNumber,
    /// Watchers of what is in blocks that are not final yet, with the block's hash.
    not_final: BTreeMap<BlockNumber, (H256, Vec<Watcher>)>,
}

impl Pool {
    /// An empty pool beside a chain whose head is `head`.
    pub(crate) fn new(limits: Limits, head: BlockNumber) -> Self {
        Self {
            limits,
            entries: HashMap::new(),
            providers: HashMap::new(),
            futures: HashSet::new(),
            bytes: 0,
            arrivals: 0,
            head,
            not_final: BTreeMap::new(),
        }
    }

    /// The head that the pool knows of: an extrinsic validated at another one should be validated again.
    pub(crate) const fn head(&self) -> BlockNumber {
        self.head
    }

    /// Whether these bytes are waiting.
    pub(crate) fn contains(&self, hash: &H256) -> bool {
        self.entries.contains_key(hash)
    }

    /// Takes an extrinsic in; the receiver gets its statuses from now on.
    pub(crate) fn insert(&mut self, transaction: Transaction) -> Result<mpsc::Receiver<Status>, PoolError> {
        if self.contains(&transaction.hash) {
            return Err(PoolError::AlreadyImported(transaction.hash));
        }
        let usurped = self.usurped(&transaction)?;
        self.make_room(&transaction, &usurped)?;
        for hash in &usurped {
            self.remove(hash, Status::Usurped(transaction.hash));
        }
        let (sender, receiver) = mpsc::channel(STATUSES);
        let hash = transaction.hash;
        self.bytes += transaction.bytes.len();
        for tag in &transaction.validity.provides {
            self.providers.insert(tag.clone(), hash);
        }
        let entry = Entry {
            requires: transaction.validity.requires.clone(),
            transaction: Arc::new(transaction),
            arrival: self.arrivals,
            ready: false,
            watcher: Some(sender),
        };
        self.arrivals += 1;
        self.entries.insert(hash, entry);
        self.futures.insert(hash);
        if usurped.is_empty() {
            self.promote();
        } else {
            // What depended on the old ones may have to wait again.
            self.refresh();
        }
        if let Some(entry) = self.entries.get(&hash).filter(|entry| !entry.ready) {
            entry.tell(Status::Future);
        }
        Ok(receiver)
    }

    /// Those with the same tag that must give way to `new`.
    fn usurped(&self, new: &Transaction) -> Result<HashSet<H256>, PoolError> {
        let mut usurped = HashSet::new();
        for hash in new.validity.provides.iter().filter_map(|tag| self.providers.get(tag)) {
            let Some(old) = self.entries.get(hash).map(|entry| entry.transaction.validity.priority) else { continue };
            if old >= new.validity.priority {
                return Err(PoolError::TooLowPriority { old, new: new.validity.priority });
            }
            usurped.insert(*hash);
        }
        Ok(usurped)
    }

    /// Evicts extrinsics of lower priority until `new` fits.
    fn make_room(&mut self, new: &Transaction, leaving: &HashSet<H256>) -> Result<(), PoolError> {
        let ready = self.satisfied(&new.validity.requires);
        let of_class = |pool: &Self| match ready {
            true => pool.ready(),
            false => pool.futures.len(),
        };
        let limit = if ready { self.limits.ready } else { self.limits.future };
        while of_class(self) >= limit + leaving.len() || self.bytes + new.bytes.len() > self.limits.bytes {
            let too_many = of_class(self) >= limit + leaving.len();
            let worst = self
                .entries
                .values()
                .filter(|entry| !too_many || entry.ready == ready)
                .min_by_key(|entry| entry.rank())
                .filter(|entry| entry.transaction.validity.priority < new.validity.priority)
                .map(|entry| entry.transaction.hash);
            let Some(worst) = worst else { return Err(PoolError::Full) };
            self.remove(&worst, Status::Dropped);
            self.refresh();
        }
        Ok(())
    }

    fn satisfied(&self, requires: &[Tag]) -> bool {
        requires.iter().all(|tag| self.provider_is_ready(tag))
    }

    fn provider_is_ready(&self, tag: &Tag) -> bool {
        self.providers.get(tag).and_then(|hash| self.entries.get(hash)).is_some_and(|entry| entry.ready)
    }

    fn remove(&mut self, hash: &H256, last_word: Status) -> Option<Arc<Transaction>> {
        let entry = self.entries.remove(hash)?;
        self.futures.remove(hash);
        self.bytes -= entry.transaction.bytes.len();
        for tag in &entry.transaction.validity.provides {
            if self.providers.get(tag) == Some(hash) {
                self.providers.remove(tag);
            }
        }
        entry.tell(last_word);
        Some(entry.transaction)
    }

    /// Makes those ready whose requirements are met now.
    fn promote(&mut self) {
        loop {
            let met = |hash: &&H256| self.entries.get(*hash).is_some_and(|entry| self.satisfied(&entry.requires));
            let ready: Vec<H256> = self.futures.iter().filter(met).copied().collect();
            if ready.is_empty() {
                return;
            }
            for hash in ready {
                self.futures.remove(&hash);
                if let Some(entry) = self.entries.get_mut(&hash) {
                    entry.ready = true;
                    entry.tell(Status::Ready);
                }
            }
        }
    }

    /// Decides anew who is ready, after some left; who still is hears nothing.
    fn refresh(&mut self) {
        let ready: HashSet<H256> = self.candidates().iter().map(|transaction| transaction.hash).collect();
        self.futures = self.entries.keys().filter(|hash| !ready.contains(*hash)).copied().collect();
        for (hash, entry) in &mut self.entries {
            let now = ready.contains(hash);
            if now && !entry.ready {
                entry.tell(Status::Ready);
            }
            entry.ready = now;
        }
    }

    /// How many of them a block could take now: the number of [`Pool::candidates`].
    pub(crate) fn ready(&self) -> usize {
        self.entries.len() - self.futures.len()
    }

    /// The ready extrinsics in the order in which a block takes them: by priority, requirements before dependants.
    pub(crate) fn candidates(&self) -> Vec<Arc<Transaction>> {
        let mut missing: HashMap<H256, usize> = HashMap::new();
        let mut waiting: HashMap<&Tag, Vec<H256>> = HashMap::new();
        let mut free = BinaryHeap::new();
        for (hash, entry) in &self.entries {
            if entry.requires.is_empty() {
                free.push((entry.rank(), *hash));
                continue;
            }
            missing.insert(*hash, entry.requires.len());
            for tag in &entry.requires {
                waiting.entry(tag).or_default().push(*hash);
            }
        }
        let mut order = Vec::new();
        while let Some((_, hash)) = free.pop() {
            let Some(entry) = self.entries.get(&hash) else { continue };
            order.push(Arc::clone(&entry.transaction));
            for tag in &entry.transaction.validity.provides {
                for dependant in waiting.remove(tag).into_iter().flatten() {
                    let Some(count) = missing.get_mut(&dependant) else { continue };
                    *count = count.saturating_sub(1);
                    if *count == 0
                        && let Some(entry) = self.entries.get(&dependant)
                    {
                        free.push((entry.rank(), dependant));
                    }
                }
            }
        }
        order
    }

    /// Takes note of block `number`: what it included is gone, what it refused too, what expired as well.
    pub(crate) fn settle(&mut self, number: BlockNumber, block: H256, fates: &[(H256, Fate)]) {
        self.head = number;
        if self.entries.is_empty() {
            return;
        }
        let mut included: HashSet<Tag> = HashSet::new();
        for (hash, fate) in fates {
            match fate {
                Fate::Postponed => {}
                Fate::Refused(reason) => {
                    tracing::debug!(transaction.hash = ?hash, reason, "a transaction was removed from the pool: it can \
                                                                       no longer be included");
                    self.remove(hash, Status::Invalid);
                }
                Fate::Included => {
                    let watcher = self.entries.get(hash).and_then(|entry| entry.watcher.clone());
                    if let Some(transaction) = self.remove(hash, Status::InBlock(block)) {
                        included.extend(transaction.validity.provides.iter().cloned());
                    }
                    self.not_final.entry(number).or_insert_with(|| (block, Vec::new())).1.extend(watcher);
                }
            }
        }
        for entry in self.entries.values_mut() {
            entry.requires.retain(|tag| !included.contains(tag));
        }
        self.expire();
        self.refresh();
    }

    /// Blocks up to `number` are final.
    pub(crate) fn finalize(&mut self, number: BlockNumber) {
        let later = self.not_final.split_off(&number.saturating_add(1));
        for (block, watchers) in std::mem::replace(&mut self.not_final, later).into_values() {
            for watcher in watchers {
                // One that went away, or reads nothing, misses it.
                let _ = watcher.try_send(Status::Finalized(block));
            }
        }
    }

    /// Forgets everything, since the chain went back to `head`: who waits hears that it was dropped.
    pub(crate) fn clear(&mut self, head: BlockNumber) {
        self.head = head;
        for hash in self.entries.keys().copied().collect::<Vec<_>>() {
            self.remove(&hash, Status::Dropped);
        }
        let not_final = std::mem::take(&mut self.not_final);
        for watcher in not_final.into_values().flat_map(|(_, watchers)| watchers) {
            // One that went away, or reads nothing, misses it.
            let _ = watcher.try_send(Status::Dropped);
        }
    }

    fn expire(&mut self) {
        let outlived = |transaction: &Transaction| {
            u64::from(transaction.validated_at).saturating_add(transaction.validity.longevity) < u64::from(self.head)
        };
        let expired: Vec<H256> = self
            .entries
            .values()
            .filter(|entry| outlived(&entry.transaction))
            .map(|entry| entry.transaction.hash)
            .collect();
        for hash in expired {
            self.remove(&hash, Status::Invalid);
        }
    }

    /// Whether a ready extrinsic provides `tag`.
    pub(crate) fn provides(&self, tag: &Tag) -> bool {
        self.provider_is_ready(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { ready: 4, future: 2, bytes: 1_000 };

    /// An extrinsic of account `who` with a nonce; requires the nonce before unless it is `next`.
    fn transaction(who: u8, nonce: u8, next: u8, priority: u64) -> Transaction {
        let bytes = vec![who, nonce, priority as u8, 0, 0, 0, 0, 0, 0, 0];
        Transaction {
            hash: sp_io::hashing::blake2_256(&bytes).into(),
            bytes,
            validity: ValidTransaction {
                priority,
                requires: if nonce > next { vec![vec![who, nonce - 1]] } else { Vec::new() },
                provides: vec![vec![who, nonce]],
                longevity: 64,
                propagate: true,
            },
            validated_at: 1,
        }
    }

    fn pool() -> Pool {
        Pool::new(LIMITS, 1)
    }

    fn order(pool: &Pool) -> Vec<(u8, u8)> {
        pool.candidates().iter().map(|t| (t.bytes[0], t.bytes[1])).collect()
    }

    fn heard(receiver: &mut mpsc::Receiver<Status>) -> Vec<Status> {
        std::iter::from_fn(|| receiver.try_recv().ok()).collect()
    }

    #[test]
    fn blocks_take_the_highest_priority_first_but_nonces_in_order() {
        let mut pool = pool();
        let _a1 = pool.insert(transaction(1, 1, 0, 90)).unwrap();
        let _b0 = pool.insert(transaction(2, 0, 0, 50)).unwrap();
        let _c0 = pool.insert(transaction(3, 0, 0, 50)).unwrap();
        let _a0 = pool.insert(transaction(1, 0, 0, 10)).unwrap();
        assert_eq!(order(&pool), [(2, 0), (3, 0), (1, 0), (1, 1)]);
    }

    #[test]
    fn a_gap_in_the_nonces_waits_until_it_closes() {
        let mut pool = pool();
        let mut second = pool.insert(transaction(1, 1, 0, 1)).unwrap();
        assert_eq!(heard(&mut second), [Status::Future]);
        assert!(order(&pool).is_empty());
        let mut first = pool.insert(transaction(1, 0, 0, 1)).unwrap();
        assert_eq!(heard(&mut first), [Status::Ready]);
        assert_eq!(heard(&mut second), [Status::Ready]);
        assert!(pool.provides(&vec![1, 1]));

        let block = H256::repeat_byte(1);
        pool.settle(2, block, &[(transaction(1, 0, 0, 1).hash, Fate::Included)]);
        assert_eq!(heard(&mut first), [Status::InBlock(block)]);
        pool.finalize(1);
        assert_eq!(heard(&mut first), []);
        pool.finalize(2);
        assert_eq!(heard(&mut first), [Status::Finalized(block)]);
        assert_eq!(order(&pool), [(1, 1)]);
    }

    #[test]
    fn the_same_nonce_needs_a_higher_priority() {
        let mut pool = pool();
        let mut old = pool.insert(transaction(1, 0, 0, 5)).unwrap();
        let same = pool.insert(transaction(1, 0, 0, 5)).unwrap_err();
        assert_eq!(same, PoolError::AlreadyImported(transaction(1, 0, 0, 5).hash));
        let lower = pool.insert(transaction(1, 0, 0, 4)).unwrap_err();
        assert_eq!(lower, PoolError::TooLowPriority { old: 5, new: 4 });
        let higher = transaction(1, 0, 0, 6);
        let hash = higher.hash;
        let _new = pool.insert(higher).unwrap();
        assert_eq!(heard(&mut old), [Status::Ready, Status::Usurped(hash)]);
        assert_eq!(pool.candidates().len(), 1);
    }

    #[test]
    fn a_full_pool_keeps_the_better_ones() {
        let mut pool = pool();
        let mut worst = pool.insert(transaction(1, 0, 0, 1)).unwrap();
        let _rest: Vec<_> = (2..=4).map(|who| pool.insert(transaction(who, 0, 0, 2)).unwrap()).collect();
        assert_eq!(pool.insert(transaction(5, 0, 0, 1)).unwrap_err(), PoolError::Full);
        let _better = pool.insert(transaction(5, 0, 0, 3)).unwrap();
        assert_eq!(heard(&mut worst), [Status::Ready, Status::Dropped]);
        assert_eq!(order(&pool).first(), Some(&(5, 0)));

        // Future ones have their own, smaller bound.
        let _future: Vec<_> = (6..=7).map(|who| pool.insert(transaction(who, 9, 0, 2)).unwrap()).collect();
        assert_eq!(pool.insert(transaction(8, 9, 0, 2)).unwrap_err(), PoolError::Full);
    }

    #[test]
    fn a_chain_that_goes_back_drops_what_waits_and_what_was_not_final() {
        let mut pool = pool();
        let mut waiting = pool.insert(transaction(1, 0, 0, 1)).unwrap();
        let mut included = pool.insert(transaction(2, 0, 0, 1)).unwrap();
        let block = H256::repeat_byte(1);
        pool.settle(2, block, &[(transaction(2, 0, 0, 1).hash, Fate::Included)]);
        pool.clear(1);
        assert_eq!(heard(&mut waiting), [Status::Ready, Status::Dropped]);
        assert_eq!(heard(&mut included), [Status::Ready, Status::InBlock(block), Status::Dropped]);
        assert!(order(&pool).is_empty() && pool.head() == 1);
        let _again = pool.insert(transaction(1, 0, 0, 1)).unwrap();
        pool.finalize(9);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut pool = Pool::new(Limits { bytes: 25, ..LIMITS }, 1);
        let _two: Vec<_> = (1..=2).map(|who| pool.insert(transaction(who, 0, 0, 2)).unwrap()).collect();
        assert_eq!(pool.insert(transaction(3, 0, 0, 2)).unwrap_err(), PoolError::Full);
    }

    #[test]
    fn what_is_refused_or_outlived_leaves_and_its_dependants_wait() {
        let mut pool = pool();
        let mut first = pool.insert(transaction(1, 0, 0, 1)).unwrap();
        let mut second = pool.insert(transaction(1, 1, 0, 1)).unwrap();
        pool.settle(2, H256::zero(), &[(transaction(1, 0, 0, 1).hash, Fate::Refused("no".into()))]);
        assert_eq!(heard(&mut first), [Status::Ready, Status::Invalid]);
        assert!(order(&pool).is_empty());
        pool.settle(66, H256::zero(), &[]);
        assert_eq!(heard(&mut second), [Status::Ready, Status::Invalid]);
        assert!(!pool.contains(&transaction(1, 1, 0, 1).hash));
    }
}
