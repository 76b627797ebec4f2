//! States of blocks, and runs of the runtime on top of any of them.
//!
//! A block's state is a [`Trie`]: taking one is free, any number of threads may read any of them, and what a block that leaves
//! the window had alone goes with it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parking_lot::Mutex;
use sp_core::H256;
use sp_core::storage::{ChildInfo, StateVersion};
use sp_runtime::traits::BlakeTwo256;
use sp_state_machine::{
    Backend, BackendTransaction, Ext, IterArgs, OverlayedChanges, StateMachineStats, StorageIterator, UsageInfo,
};
use sp_trie::{MerkleValue, PrefixedMemoryDB};

use super::trie::{Changes, Trie, Value};

/// The state of one block.
#[derive(Default)]
pub(crate) struct State {
    trie: Trie,
    /// The state whose root was asked for last: that of the block which is being built on this one.
    asked: Mutex<Option<Trie>>,
}

/// A state that follows another one.
pub(crate) struct Next {
    /// All of it.
    pub(crate) trie: Trie,
    /// What differs from the one before.
    pub(crate) changes: Changes,
}

/// Changes of one run, not yet part of any state.
pub(crate) type Overlay = OverlayedChanges<BlakeTwo256>;

/// The runtime panicked: a defect of the runtime, or arguments that do not decode. Carries the panic's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the runtime panicked: {0}")]
pub(crate) struct Panicked(pub(crate) String);

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl From<Trie> for State {
    fn from(trie: Trie) -> Self {
        Self { trie, asked: Mutex::default() }
    }
}

impl State {
    fn value(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.trie.get(key).map(|value| value.bytes().to_vec())
    }
}

/// What the runtime's host reads from. A tree in memory cannot fail; and no pallet here keeps child tries, so there are none.
impl Backend<BlakeTwo256> for State {
    type Error = String;
    type RawIter = Keys;
    type TrieBackendStorage = PrefixedMemoryDB<BlakeTwo256>;

    fn storage(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        Ok(self.value(key))
    }

    fn storage_hash(&self, key: &[u8]) -> Result<Option<H256>, String> {
        Ok(self.trie.get(key).map(|value| H256(value.hash())))
    }

    fn exists_storage(&self, key: &[u8]) -> Result<bool, String> {
        Ok(self.trie.get(key).is_some())
    }

    fn closest_merkle_value(&self, key: &[u8]) -> Result<Option<MerkleValue<H256>>, String> {
        Ok(self.trie.closest_merkle_value(key))
    }

    fn next_storage_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        Ok(self.trie.after(key))
    }

    fn storage_root<'a>(
        &self,
        delta: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        _version: StateVersion,
    ) -> (H256, BackendTransaction<BlakeTwo256>) {
        let mut trie = self.trie.clone();
        for (key, value) in delta {
            trie.change(key, value);
        }
        let root = trie.root();
        *self.asked.lock() = Some(trie);
        (root, BackendTransaction::default())
    }

    fn raw_iter(&self, args: IterArgs) -> Result<Keys, String> {
        let prefix = args.prefix.unwrap_or_default().to_vec();
        let start = args.start_at.filter(|start| *start > prefix.as_slice()).map(<[u8]>::to_vec);
        let from = match start {
            Some(start) if args.start_at_exclusive => Place::Behind(start),
            Some(start) => Place::At(start),
            None if args.start_at_exclusive && args.start_at == Some(&prefix) => Place::Behind(prefix.clone()),
            None => Place::At(prefix.clone()),
        };
        Ok(Keys { prefix, from })
    }

    fn child_storage(&self, _child: &ChildInfo, _key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn child_storage_hash(&self, _child: &ChildInfo, _key: &[u8]) -> Result<Option<H256>, String> {
        Ok(None)
    }

    fn child_closest_merkle_value(&self, _child: &ChildInfo, _key: &[u8]) -> Result<Option<MerkleValue<H256>>, String> {
        Ok(None)
    }

    fn next_child_storage_key(&self, _child: &ChildInfo, _key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn child_storage_root<'a>(
        &self,
        _child: &ChildInfo,
        _delta: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        _version: StateVersion,
    ) -> (H256, bool, BackendTransaction<BlakeTwo256>) {
        (Trie::default().root(), true, BackendTransaction::default())
    }

    fn register_overlay_stats(&self, _stats: &StateMachineStats) {}

    fn usage_info(&self) -> UsageInfo {
        UsageInfo::empty()
    }
}

/// A walk over keys, in the order of bytes.
pub(crate) struct Keys {
    prefix: Vec<u8>,
    from: Place,
}

/// Where a walk goes on.
enum Place {
    At(Vec<u8>),
    Behind(Vec<u8>),
    End,
}

impl Keys {
    fn next(&mut self, trie: &Trie) -> Option<Vec<u8>> {
        let next = match std::mem::replace(&mut self.from, Place::End) {
            Place::At(key) if trie.get(&key).is_some() => Some(key),
            Place::At(key) | Place::Behind(key) => trie.after(&key),
            Place::End => None,
        };
        let next = next.filter(|key| key.starts_with(&self.prefix))?;
        self.from = Place::Behind(next.clone());
        Some(next)
    }
}

impl StorageIterator<BlakeTwo256> for Keys {
    type Backend = State;
    type Error = String;

    fn next_key(&mut self, state: &State) -> Option<Result<Vec<u8>, String>> {
        self.next(&state.trie).map(Ok)
    }

    fn next_pair(&mut self, state: &State) -> Option<Result<(Vec<u8>, Vec<u8>), String>> {
        let key = self.next(&state.trie)?;
        let value = state.value(&key).unwrap_or_default();
        Some(Ok((key, value)))
    }

    fn was_complete(&self) -> bool {
        matches!(self.from, Place::End)
    }
}

/// The state after all that is in the overlay, which is empty then, and its root.
///
/// # Errors
/// The host's, when a transaction is still open.
pub(crate) fn settle(state: &State, overlay: &mut Overlay) -> Result<(H256, Next), String> {
    let changed = overlay.drain_storage_changes(state, StateVersion::V1)?;
    let root = changed.transaction_storage_root;
    // The runtime asked for the root at the end of its block, or the overlay did; but perhaps somebody else after that.
    let asked = state.asked.lock().take().filter(|trie| trie.root() == root);
    let trie = asked.unwrap_or_else(|| {
        let mut trie = state.trie.clone();
        for (key, value) in &changed.main_storage_changes {
            trie.change(key, value.as_deref());
        }
        trie
    });
    let changes = changed.main_storage_changes.into_iter().filter_map(|(key, _)| {
        let (old, new) = (state.trie.get(&key), trie.get(&key));
        let same = match (old, new) {
            (Some(old), Some(new)) => Value::is_same(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        (!same).then(|| (key, new.cloned()))
    });
    let changes = changes.collect();
    Ok((root, Next { trie, changes }))
}

/// Runs runtime code on a state and an overlay. What a panicking run wrote is still in the overlay.
pub(crate) fn enter<R>(state: &State, overlay: &mut Overlay, code: impl FnOnce() -> R) -> Result<R, Panicked> {
    let mut ext = Ext::new(overlay, state, None);
    sp_externalities::set_and_run_with_externalities(&mut ext, || catch_unwind(AssertUnwindSafe(code)))
        .map_err(|panic| Panicked(text_of(panic)))
}

/// Like [`enter`], on a scratch overlay: nothing is kept.
pub(crate) fn peek<R>(state: &State, code: impl FnOnce() -> R) -> Result<R, Panicked> {
    enter(state, &mut Overlay::default(), code)
}

/// Like [`enter`], but an error or a panic undoes everything the code wrote.
///
/// Both matter: `apply_extrinsic` notes the bytes in storage before it knows whether the extrinsic is valid.
pub(crate) fn attempt<R, E>(
    state: &State,
    overlay: &mut Overlay,
    code: impl FnOnce() -> Result<R, E>,
) -> Result<Result<R, E>, Panicked> {
    let depth = overlay.transaction_depth();
    overlay.start_transaction();
    let result = enter(state, overlay, code);
    if matches!(result, Ok(Ok(_))) {
        // Fails only without an open transaction; ours is open.
        let _ = overlay.commit_transaction();
    } else {
        // The runtime may have opened transactions of its own before it panicked.
        while overlay.transaction_depth() > depth && overlay.rollback_transaction().is_ok() {}
    }
    result
}

/// Up to `count` keys under `prefix`, in byte order, strictly after `start`.
pub(crate) fn keys(state: &State, prefix: &[u8], start: Option<&[u8]>, count: usize) -> Result<Vec<Vec<u8>>, String> {
    let mut args = IterArgs::default();
    args.prefix = Some(prefix);
    args.start_at = start;
    args.start_at_exclusive = true;
    state.keys(args)?.take(count).collect()
}

fn text_of(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or_else(|| "panic".to_owned(), ToString::to_string),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The state after `code` ran on `state`.
    fn run(state: &State, code: impl FnOnce()) -> (H256, State, Changes) {
        let mut overlay = Overlay::default();
        enter(state, &mut overlay, code).unwrap();
        let (root, next) = settle(state, &mut overlay).unwrap();
        assert_eq!(root, next.trie.root());
        (root, next.trie.into(), next.changes)
    }

    fn put(key: &[u8], value: u8) {
        // Longer than a node that is stored inline.
        sp_io::storage::set(key, &[value; 40]);
    }

    #[test]
    fn a_state_stays_as_it_is_and_the_next_one_is_told_by_what_differs() {
        let (first, one, _) = run(&State::default(), || [b"a", b"b", b"c"].iter().for_each(|key| put(*key, 1)));
        let (second, two, changes) = run(&one, || {
            put(b"a", 1);
            put(b"b", 2);
            sp_io::storage::clear(b"c");
            sp_io::storage::clear(b"d");
        });
        assert_ne!(first, second);
        assert_eq!(one.storage(b"b").unwrap(), Some(vec![1; 40]));
        assert_eq!(two.storage(b"b").unwrap(), Some(vec![2; 40]));
        let changed: Vec<_> = changes.iter().map(|(key, value)| (key.as_slice(), value.is_some())).collect();
        assert_eq!(changed, [(&b"b"[..], true), (b"c", false)]);
        let mut again = one.trie.clone();
        again.apply(&changes);
        assert_eq!(again.root(), second);
    }

    #[test]
    fn an_error_and_a_panic_leave_no_write() {
        let state = State::default();
        let mut overlay = Overlay::default();
        let kept: Result<Result<(), ()>, _> = attempt(&state, &mut overlay, || {
            put(b"kept", 1);
            Ok(())
        });
        assert_eq!(kept, Ok(Ok(())));
        let error = attempt(&state, &mut overlay, || {
            put(b"error", 1);
            Err::<(), _>("no")
        });
        assert_eq!(error, Ok(Err("no")));
        let panic = attempt::<(), ()>(&state, &mut overlay, || {
            sp_io::storage::start_transaction();
            put(b"panic", 1);
            panic!("on purpose");
        });
        assert_eq!(panic, Err(Panicked("on purpose".into())));
        let found = enter(&state, &mut overlay, || {
            [&b"kept"[..], b"error", b"panic"].map(|key| sp_io::storage::get(key).is_some())
        });
        assert_eq!(found, Ok([true, false, false]));
        assert!(sp_externalities::with_externalities(|_| ()).is_none(), "externalities were left behind");
    }

    #[test]
    fn keys_come_in_order_strictly_after_the_start() {
        let (_, state, _) =
            run(&State::default(), || [&b"p"[..], b"pa", b"pb", b"pc", b"q"].iter().for_each(|k| put(k, 1)));
        assert_eq!(keys(&state, b"p", Some(b"p"), 2).unwrap(), [b"pa".to_vec(), b"pb".to_vec()]);
        assert_eq!(keys(&state, b"p", Some(b"pb"), 9).unwrap(), [b"pc".to_vec()]);
        assert_eq!(keys(&state, b"p", None, 9).unwrap().len(), 4);
    }
}
