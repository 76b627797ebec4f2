//! Trie nodes of all kept blocks in one table, and runs of the runtime on top of any kept root.
//!
//! A block's state is a root hash over the shared table: taking one is free, any number of threads may read any of
//! them. The table counts references, so a block that leaves the window takes exactly its own nodes along.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hash_db::Prefix;
use parking_lot::RwLock;
use sp_core::H256;
use sp_runtime::traits::BlakeTwo256;
use sp_state_machine::{
    Backend, BackendTransaction, Ext, IterArgs, OverlayedChanges, TrieBackend, TrieBackendBuilder, TrieBackendStorage,
};
use sp_trie::cache::{CacheSize, LocalTrieCache, SharedTrieCache};

/// A node's key in the table: its hash behind its place in the trie.
pub(crate) type NodeKey = Vec<u8>;

/// Decoded nodes and values that were read lately, of all states. Without it every read decodes its way down from the root.
const CACHE: CacheSize = CacheSize::new(8 << 20);

/// The state of one block.
pub(crate) type State = TrieBackend<Nodes, BlakeTwo256, LocalTrieCache<BlakeTwo256>>;

/// Changes of one run, not yet part of any state.
pub(crate) type Overlay = OverlayedChanges<BlakeTwo256>;

/// The runtime panicked: a defect of the runtime, or arguments that do not decode. Carries the panic's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the runtime panicked: {0}")]
pub(crate) struct Panicked(pub(crate) String);

/// Nodes with their number of references.
type Table = HashMap<NodeKey, (Vec<u8>, i32)>;

/// Reference-counted trie nodes. Clones share the table. Its size is bounded by the window of kept states.
#[derive(Clone)]
pub(crate) struct Nodes {
    table: Arc<RwLock<Table>>,
    cache: SharedTrieCache<BlakeTwo256>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { table: Arc::default(), cache: SharedTrieCache::new(CACHE, None) }
    }
}

/// What a block does to the table.
#[derive(Debug, Clone, Default, PartialEq, Eq, codec::Encode, codec::Decode)]
pub(crate) struct Delta {
    /// Nodes that it adds, with the number of references.
    pub(crate) births: Vec<(NodeKey, Vec<u8>, i32)>,
    /// References that it gives up; to be forgotten when its *parent* is no longer kept.
    pub(crate) deaths: Vec<(NodeKey, i32)>,
}

impl Delta {
    /// Sorts the positive from the negative counts of a trie transaction.
    pub(crate) fn of(mut transaction: BackendTransaction<BlakeTwo256>) -> Self {
        let mut delta = Self::default();
        for (key, (node, count)) in transaction.drain() {
            match count {
                1.. => delta.births.push((key, node, count)),
                0 => {}
                _ => delta.deaths.push((key, -count)),
            }
        }
        delta
    }
}

impl TrieBackendStorage<BlakeTwo256> for Nodes {
    fn get(&self, key: &H256, prefix: Prefix) -> Result<Option<Vec<u8>>, String> {
        let key = sp_trie::prefixed_key::<BlakeTwo256>(key, prefix);
        Ok(self.table.read().get(&key).map(|(node, _)| node.clone()))
    }
}

impl Nodes {
    /// The state under a root.
    pub(crate) fn at(&self, root: H256) -> State {
        TrieBackendBuilder::new_with_cache(self.clone(), root, self.cache.local_cache_untrusted()).build()
    }

    /// The state in which nothing is stored.
    pub(crate) fn empty(&self) -> State {
        self.at(sp_trie::empty_trie_root::<sp_trie::LayoutV1<BlakeTwo256>>())
    }

    /// Adds nodes. States that are there already stay as they are.
    pub(crate) fn insert(&self, births: &[(NodeKey, Vec<u8>, i32)]) {
        let mut table = self.table.write();
        for (key, node, count) in births {
            table.entry(key.clone()).or_insert_with(|| (node.clone(), 0)).1 += count;
        }
    }

    /// Gives up references, and frees the nodes that nobody needs any more.
    pub(crate) fn forget(&self, deaths: &[(NodeKey, i32)]) {
        let mut table = self.table.write();
        for (key, count) in deaths {
            if let Some(entry) = table.get_mut(key) {
                entry.1 -= count;
                if entry.1 <= 0 {
                    table.remove(key);
                }
            }
        }
    }

    /// All nodes with their counts.
    pub(crate) fn all(&self) -> Vec<(NodeKey, Vec<u8>, i32)> {
        self.table.read().iter().map(|(key, (node, count))| (key.clone(), node.clone(), *count)).collect()
    }

    /// The number of nodes.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.table.read().len()
    }
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
    use sp_runtime::StateVersion;

    use super::*;

    /// The root and the delta after `code` ran on `state`.
    fn run(state: &State, code: impl FnOnce()) -> (H256, Delta) {
        let mut overlay = Overlay::default();
        enter(state, &mut overlay, code).unwrap();
        let changes = overlay.drain_storage_changes(state, StateVersion::V1).unwrap();
        (changes.transaction_storage_root, Delta::of(changes.transaction))
    }

    fn put(key: &[u8], value: u8) {
        // Longer than a node that is stored inline.
        sp_io::storage::set(key, &[value; 40]);
    }

    #[test]
    fn old_states_stay_readable_until_their_deaths_are_applied() {
        let nodes = Nodes::default();
        let (first, delta) = run(&nodes.empty(), || put(b"a", 1));
        nodes.insert(&delta.births);
        let (second, delta) = run(&nodes.at(first), || put(b"a", 2));
        nodes.insert(&delta.births);
        assert_eq!(nodes.at(first).storage(b"a").unwrap(), Some(vec![1; 40]));
        assert_eq!(nodes.at(second).storage(b"a").unwrap(), Some(vec![2; 40]));

        nodes.forget(&delta.deaths);
        // By somebody who has not read it yet.
        let uncached = Nodes { table: Arc::clone(&nodes.table), ..Nodes::default() };
        assert!(uncached.at(first).storage(b"a").is_err());
        assert_eq!(nodes.at(second).storage(b"a").unwrap(), Some(vec![2; 40]));
    }

    #[test]
    fn an_error_and_a_panic_leave_no_write() {
        let nodes = Nodes::default();
        let state = nodes.empty();
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
        let nodes = Nodes::default();
        let (root, delta) =
            run(&nodes.empty(), || [&b"p"[..], b"pa", b"pb", b"pc", b"q"].iter().for_each(|k| put(k, 1)));
        nodes.insert(&delta.births);
        let state = nodes.at(root);
        assert_eq!(keys(&state, b"p", Some(b"p"), 2).unwrap(), [b"pa".to_vec(), b"pb".to_vec()]);
        assert_eq!(keys(&state, b"p", Some(b"pb"), 9).unwrap(), [b"pc".to_vec()]);
        assert_eq!(keys(&state, b"p", None, 9).unwrap().len(), 4);
    }
}
