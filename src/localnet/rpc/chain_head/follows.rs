//! Who follows the chain: the blocks that each subscription holds, its operations, and the limits of both.
//!
//! A subscription belongs to its connection: what others ask about it is answered as if it were not there.

use std::collections::HashMap;
use std::sync::Arc;

use jsonrpsee::ConnectionId;
use parking_lot::Mutex;
use serde_json::Value;
use sp_core::H256;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::localnet::chain::Block;

/// Most subscriptions of one connection.
const FOLLOWS: usize = 4;
/// Most blocks that one subscription may hold.
const PINS: usize = 1_024;
/// Most operations of one subscription at a time.
const OPERATIONS: usize = 16;
/// Events of operations that wait for a slow reader; operations wait then.
const EVENTS: usize = 16;

/// A subscription: its connection and its id.
type Key = (ConnectionId, String);

/// All subscriptions.
#[derive(Default)]
pub(in crate::localnet::rpc) struct Follows(Mutex<HashMap<Key, Follow>>);

struct Follow {
    with_runtime: bool,
    pins: HashMap<H256, Arc<Block>>,
    operations: HashMap<u64, Operation>,
    next_operation: u64,
    events: mpsc::Sender<Value>,
}

/// One operation, as whoever runs it and whoever stops it see it.
#[derive(Clone, Default)]
pub(super) struct Operation {
    /// The client wants no more of it.
    pub(super) stopped: CancellationToken,
    /// The client may be sent more.
    pub(super) go_on: Arc<Notify>,
    waits: Arc<Mutex<bool>>,
}

impl Operation {
    /// Notes whether it waits for the client's word.
    pub(super) fn waits(&self, waits: bool) {
        *self.waits.lock() = waits;
    }
}

/// An operation that may begin.
pub(super) struct Begun {
    pub(super) id: String,
    number: u64,
    pub(super) block: Arc<Block>,
    pub(super) events: mpsc::Sender<Value>,
    pub(super) operation: Operation,
}

/// Why an operation does not begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such subscription, or it has too many operations.
    LimitReached,
    /// The subscription does not hold the block.
    NotPinned,
    /// It was not asked to tell of runtimes, so it cannot call them.
    WithoutRuntime,
}

/// Why blocks are not let go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UnpinError {
    NotPinned(H256),
    Duplicate,
}

/// A subscription that ends when this is dropped.
pub(super) struct Lease {
    follows: Arc<Follows>,
    key: Key,
}

impl Follows {
    /// A new subscription; `None` when the connection has too many.
    pub(super) fn open(self: &Arc<Self>, key: Key, with_runtime: bool) -> Option<(Lease, mpsc::Receiver<Value>)> {
        let mut follows = self.0.lock();
        if follows.keys().filter(|(connection, _)| *connection == key.0).count() >= FOLLOWS {
            return None;
        }
        let (events, receiver) = mpsc::channel(EVENTS);
        let follow =
            Follow { with_runtime, pins: HashMap::new(), operations: HashMap::new(), next_operation: 0, events };
        follows.insert(key.clone(), follow);
        Some((Lease { follows: Arc::clone(self), key }, receiver))
    }

    fn with<R>(&self, connection: ConnectionId, id: &str, code: impl FnOnce(&mut Follow) -> R) -> Option<R> {
        self.0.lock().get_mut(&(connection, id.to_owned())).map(code)
    }

    /// A block that the subscription holds; `None` when there is no such subscription.
    pub(super) fn pinned(&self, connection: ConnectionId, id: &str, hash: H256) -> Option<Result<Arc<Block>, Refusal>> {
        self.with(connection, id, |follow| follow.pins.get(&hash).cloned().ok_or(Refusal::NotPinned))
    }

    /// Lets blocks go: all of them or none.
    pub(super) fn unpin(&self, connection: ConnectionId, id: &str, hashes: &[H256]) -> Result<(), UnpinError> {
        let unpin = |follow: &mut Follow| {
            for (index, hash) in hashes.iter().enumerate() {
                if !follow.pins.contains_key(hash) {
                    return Err(UnpinError::NotPinned(*hash));
                }
                if hashes.iter().take(index).any(|earlier| earlier == hash) {
                    return Err(UnpinError::Duplicate);
                }
            }
            follow.pins.retain(|hash, _| !hashes.contains(hash));
            Ok(())
        };
        self.with(connection, id, unpin).unwrap_or(Ok(()))
    }

    /// Begins an operation about a block.
    pub(super) fn begin(
        &self,
        connection: ConnectionId,
        id: &str,
        hash: H256,
        is_call: bool,
    ) -> Result<Begun, Refusal> {
        let begin = |follow: &mut Follow| {
            let block = follow.pins.get(&hash).cloned().ok_or(Refusal::NotPinned)?;
            if is_call && !follow.with_runtime {
                return Err(Refusal::WithoutRuntime);
            }
            if follow.operations.len() >= OPERATIONS {
                return Err(Refusal::LimitReached);
            }
            let number = follow.next_operation;
            follow.next_operation += 1;
            let operation = Operation::default();
            follow.operations.insert(number, operation.clone());
            Ok(Begun { id: number.to_string(), number, block, events: follow.events.clone(), operation })
        };
        self.with(connection, id, begin).unwrap_or(Err(Refusal::LimitReached))
    }

    /// The operation is over.
    pub(super) fn end(&self, connection: ConnectionId, id: &str, begun: &Begun) {
        self.with(connection, id, |follow| follow.operations.remove(&begun.number));
    }

    /// Stops an operation, if it is there.
    pub(super) fn stop(&self, connection: ConnectionId, id: &str, operation: &str) {
        self.with(connection, id, |follow| {
            let number = operation.parse().ok()?;
            follow.operations.remove(&number).map(|operation: Operation| operation.stopped.cancel())
        });
    }

    /// Lets an operation go on. `false` when it does not wait for that; what is not there is not asked for either.
    pub(super) fn go_on(&self, connection: ConnectionId, id: &str, operation: &str) -> bool {
        let operation =
            self.with(connection, id, |follow| follow.operations.get(&operation.parse().ok()?).cloned()).flatten();
        let Some(operation) = operation else { return true };
        let waited = std::mem::take(&mut *operation.waits.lock());
        if waited {
            operation.go_on.notify_one();
        }
        waited
    }
}

impl Lease {
    /// Holds a block for the subscription; `false` when it holds too many.
    pub(super) fn pin(&self, hash: H256, block: Arc<Block>) -> bool {
        let pin = |follow: &mut Follow| {
            follow.pins.insert(hash, block);
            follow.pins.len() <= PINS
        };
        self.follows.with(self.key.0, &self.key.1, pin).unwrap_or(false)
    }

    /// The oldest block that is held.
    pub(super) fn oldest_pin(&self) -> Option<H256> {
        let number = |(_, block): &(&H256, &Arc<Block>)| block.header.number;
        let oldest = |follow: &mut Follow| follow.pins.iter().min_by_key(number).map(|(hash, _)| *hash);
        self.follows.with(self.key.0, &self.key.1, oldest).flatten()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(follow) = self.follows.0.lock().remove(&self.key) {
            follow.operations.values().for_each(|operation| operation.stopped.cancel());
        }
    }
}

#[cfg(test)]
mod tests {
    use sp_runtime::Digest;
    use sp_runtime::traits::Header as _;

    use super::*;
    use crate::localnet::runtime::Header;

    const MINE: ConnectionId = ConnectionId(1);
    const OTHERS: ConnectionId = ConnectionId(2);

    fn block(number: u32) -> (H256, Arc<Block>) {
        let header = Header::new(number, H256::zero(), H256::zero(), H256::zero(), Digest::default());
        let block = Block { header, extrinsics: Vec::new() };
        (block.hash(), Arc::new(block))
    }

    fn opened() -> (Arc<Follows>, Lease, mpsc::Receiver<Value>) {
        let follows = Arc::new(Follows::default());
        let (lease, events) = follows.open((MINE, "a".into()), false).unwrap();
        (follows, lease, events)
    }

    #[test]
    fn a_block_is_held_until_it_is_let_go_by_its_owner() {
        let (follows, lease, _events) = opened();
        let (one, two) = (block(1), block(2));
        assert!(lease.pin(one.0, one.1) && lease.pin(two.0, two.1));
        assert!(follows.pinned(OTHERS, "a", one.0).is_none(), "of another connection");
        assert_eq!(follows.unpin(OTHERS, "a", &[one.0]), Ok(()));
        assert_eq!(follows.unpin(MINE, "a", &[one.0, one.0]), Err(UnpinError::Duplicate));
        assert_eq!(follows.unpin(MINE, "a", &[one.0, H256::zero()]), Err(UnpinError::NotPinned(H256::zero())));
        assert!(follows.pinned(MINE, "a", one.0).unwrap().is_ok(), "all or none");
        assert_eq!(follows.unpin(MINE, "a", &[one.0]), Ok(()));
        assert_eq!(follows.pinned(MINE, "a", one.0), Some(Err(Refusal::NotPinned)));
        drop(lease);
        assert!(follows.pinned(MINE, "a", two.0).is_none());
    }

    #[test]
    fn operations_are_bounded_and_stop_with_their_subscription() {
        let (follows, lease, _events) = opened();
        let one = block(1);
        lease.pin(one.0, one.1);
        assert_eq!(follows.begin(MINE, "a", one.0, true).err(), Some(Refusal::WithoutRuntime));
        let begun: Vec<Begun> = (0..OPERATIONS).map(|_| follows.begin(MINE, "a", one.0, false).ok().unwrap()).collect();
        assert_eq!(follows.begin(MINE, "a", one.0, false).err(), Some(Refusal::LimitReached));
        assert_eq!(follows.begin(OTHERS, "a", one.0, false).err(), Some(Refusal::LimitReached));
        follows.end(MINE, "a", &begun[0]);
        follows.stop(MINE, "a", &begun[1].id);
        assert!(begun[1].operation.stopped.is_cancelled());
        assert!(!follows.go_on(MINE, "a", &begun[2].id), "it does not wait");
        begun[2].operation.waits(true);
        assert!(follows.go_on(MINE, "a", &begun[2].id) && !follows.go_on(MINE, "a", &begun[2].id));
        assert!(follows.go_on(MINE, "a", "gone"));
        drop(lease);
        assert!(begun[3].operation.stopped.is_cancelled());
    }

    #[test]
    fn a_connection_follows_a_few_times_and_holds_so_many_blocks() {
        let follows = Arc::new(Follows::default());
        let open = |connection, id: usize| follows.open((connection, id.to_string()), true);
        let leases: Vec<_> = (0..FOLLOWS).map(|id| open(MINE, id).unwrap()).collect();
        assert!(open(MINE, FOLLOWS).is_none());
        assert!(open(OTHERS, 0).is_some());
        let held = (0..PINS as u32 + 1).map(block);
        let fitted: Vec<bool> = held.map(|(hash, block)| leases[0].0.pin(hash, block)).collect();
        assert!(fitted[PINS - 1] && !fitted[PINS]);
    }
}
