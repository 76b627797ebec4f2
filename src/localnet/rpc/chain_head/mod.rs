//! `chainHead_v1_*`: following the chain block by block. What is reported stays readable until the client lets it go.

mod follows;
mod operations;

use std::sync::Arc;

use codec::Encode;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::{Params, SubscriptionId};
use jsonrpsee::{ConnectionId, PendingSubscriptionSink, ResponsePayload, RpcModule};
use serde_json::{Value, json};
use sp_core::H256;
use tokio::sync::watch;

use self::follows::{Follows, Lease, UnpinError};
use super::state::spec_json;
use super::subscribe::message;
use super::{Args, errors, hex, payload};
use crate::localnet::node::Node;
use crate::localnet::runtime::BlockNumber;

/// Blocks that are told in one go.
const AT_ONCE: BlockNumber = 64;

/// A method about a subscription of the same connection.
type Method = fn(&Arc<Node>, &Arc<Follows>, &Args, ConnectionId) -> ResponsePayload<'static, Value>;

const METHODS: [(&str, Method); 7] = [
    ("chainHead_v1_header", header),
    ("chainHead_v1_body", operations::body),
    ("chainHead_v1_call", operations::call),
    ("chainHead_v1_storage", operations::storage),
    ("chainHead_v1_unpin", unpin),
    ("chainHead_v1_continue", go_on),
    ("chainHead_v1_stopOperation", stop_operation),
];

pub(super) fn register(module: &mut RpcModule<Node>) -> Result<(), RegisterMethodError> {
    let follows = Arc::new(Follows::default());
    for (name, method) in METHODS {
        let follows = Arc::clone(&follows);
        super::register_of_connection(module, name, move |node, args, connection| {
            method(node, &follows, args, connection)
        })?;
    }
    module.register_subscription(
        "chainHead_v1_follow",
        "chainHead_v1_followEvent",
        "chainHead_v1_unfollow",
        move |params, pending, node, _| follow(params, pending, node, Arc::clone(&follows)),
    )?;
    Ok(())
}

/// `chainHead_v1_header [follow, hash]`: the header's SCALE bytes; null when there is no such subscription.
fn header(
    _node: &Arc<Node>,
    follows: &Arc<Follows>,
    args: &Args,
    connection: ConnectionId,
) -> ResponsePayload<'static, Value> {
    let header = || {
        let hash = args.needed_hash(1)?;
        match follows.pinned(connection, args.text(0)?, hash) {
            None => Ok(Value::Null),
            Some(Ok(block)) => Ok(json!(hex(block.header.encode()))),
            Some(Err(_)) => Err(errors::not_pinned(hash)),
        }
    };
    payload(header())
}

/// `chainHead_v1_unpin [follow, hash or hashes]`
fn unpin(
    _node: &Arc<Node>,
    follows: &Arc<Follows>,
    args: &Args,
    connection: ConnectionId,
) -> ResponsePayload<'static, Value> {
    let unpin = || {
        let hashes = match args.get(1) {
            Some(Value::Array(_)) => args.list_of_hashes(1)?,
            _ => vec![args.needed_hash(1)?],
        };
        match follows.unpin(connection, args.text(0)?, &hashes) {
            Ok(()) => Ok(Value::Null),
            Err(UnpinError::NotPinned(hash)) => Err(errors::not_pinned(hash)),
            Err(UnpinError::Duplicate) => Err(errors::duplicate_hashes()),
        }
    };
    payload(unpin())
}

/// `chainHead_v1_continue [follow, operation]`
fn go_on(
    _node: &Arc<Node>,
    follows: &Arc<Follows>,
    args: &Args,
    connection: ConnectionId,
) -> ResponsePayload<'static, Value> {
    let go_on = || match follows.go_on(connection, args.text(0)?, args.text(1)?) {
        true => Ok(Value::Null),
        false => Err(errors::does_not_wait()),
    };
    payload(go_on())
}

/// `chainHead_v1_stopOperation [follow, operation]`
fn stop_operation(
    _node: &Arc<Node>,
    follows: &Arc<Follows>,
    args: &Args,
    connection: ConnectionId,
) -> ResponsePayload<'static, Value> {
    let stop = || {
        follows.stop(connection, args.text(0)?, args.text(1)?);
        Ok(Value::Null)
    };
    payload(stop())
}

/// `chainHead_v1_follow [withRuntime]`: tells of every block from the last final one on, until the client falls too far behind, holds
/// too much, or the chain is put back.
async fn follow(params: Params<'static>, pending: PendingSubscriptionSink, node: Arc<Node>, follows: Arc<Follows>) {
    let with_runtime = match Args::parse(&params).and_then(|args| args.flag(0)) {
        Ok(flag) => flag.unwrap_or_default(),
        Err(refusal) => return pending.reject(refusal).await,
    };
    let id = match pending.subscription_id() {
        SubscriptionId::Str(id) => id.into_owned(),
        SubscriptionId::Num(id) => id.to_string(),
    };
    let Some((lease, mut of_operations)) = follows.open((pending.connection_id(), id), with_runtime) else {
        return pending.reject(errors::too_many_follows()).await;
    };
    let (mut heads, mut finals) = (node.heads(), node.finals());
    let Ok(sink) = pending.accept().await else { return };
    let signals = (heads.clone(), finals.clone());
    let mut teller = Teller { node, lease, with_runtime, told: None, final_told: 0, spec: None, signals };
    loop {
        heads.mark_unchanged();
        finals.mark_unchanged();
        // Versions of the runtime are asked from the runtime: off the async threads.
        let told = tokio::task::spawn_blocking(move || {
            let news = teller.news();
            (teller, news)
        });
        let Ok((back, news)) = told.await else { return };
        teller = back;
        let stopped = news.is_none();
        let news = news.unwrap_or_else(|| vec![json!({ "event": "stop" })]);
        let caught_up = news.is_empty();
        for event in &news {
            if sink.send(message(event)).await.is_err() {
                return;
            }
        }
        if stopped {
            return;
        }
        if !caught_up {
            // There may be more; and what operations have to say is said between.
            while let Ok(event) = of_operations.try_recv() {
                if sink.send(message(&event)).await.is_err() {
                    return;
                }
            }
            continue;
        }
        loop {
            tokio::select! {
                event = of_operations.recv() => {
                    let Some(event) = event else { return };
                    if sink.send(message(&event)).await.is_err() {
                        return;
                    }
                }
                changed = heads.changed() => if changed.is_ok() { break } else { return },
                changed = finals.changed() => if changed.is_ok() { break } else { return },
                () = sink.closed() => return,
            }
        }
    }
}

/// What one subscription was told, and what comes next.
struct Teller {
    node: Arc<Node>,
    lease: Lease,
    with_runtime: bool,
    /// The last block that was told.
    told: Option<(BlockNumber, H256)>,
    final_told: BlockNumber,
    /// The runtime's version as it was told last.
    spec: Option<Value>,
    signals: (watch::Receiver<BlockNumber>, watch::Receiver<BlockNumber>),
}

impl Teller {
    /// The next events; none when all was told. `None` when the subscription has to end.
    fn news(&mut self) -> Option<Vec<Value>> {
        // Final ones first: the head is then never behind them.
        let last_final = *self.signals.1.borrow();
        let head = *self.signals.0.borrow();
        let mut events = Vec::new();
        let Some((told, told_hash)) = self.told else {
            events.push(self.initialized(last_final)?);
            // All that is not final yet, and at least who is the best.
            events.extend(self.blocks(last_final, head)?);
            if events.len() == 1 {
                events.push(best(self.told?.1));
            }
            return Some(events);
        };
        let (still_there, all_readable) = {
            let chain = self.node.chain();
            // States go in the order of their blocks: the oldest that is held tells for all.
            let oldest = self.lease.oldest_pin();
            (chain.hash_of(told) == Some(told_hash), oldest.is_none_or(|hash| chain.state(hash).is_ok()))
        };
        if !still_there || !all_readable {
            return None;
        }
        events.extend(self.blocks(told, head)?);
        events.extend(self.finalized(last_final)?);
        Some(events)
    }

    fn initialized(&mut self, number: BlockNumber) -> Option<Value> {
        let (hash, block) = self.node.chain().by_number(number).cloned()?;
        self.lease.pin(hash, block).then_some(())?;
        (self.told, self.final_told) = (Some((number, hash)), number);
        let mut event = json!({ "event": "initialized", "finalizedBlockHashes": [hex(hash)] });
        if let (Some(runtime), Some(event)) = (self.runtime_at(hash)?, event.as_object_mut()) {
            event.insert("finalizedBlockRuntime".into(), runtime);
        }
        Some(event)
    }

    /// Tells of the blocks after `told`.
    fn blocks(&mut self, told: BlockNumber, head: BlockNumber) -> Option<Vec<Value>> {
        let mut events = Vec::new();
        for number in told + 1..=head.min(told.saturating_add(AT_ONCE)) {
            let (hash, block) = self.node.chain().by_number(number).cloned()?;
            let parent = hex(block.header.parent_hash);
            self.lease.pin(hash, block).then_some(())?;
            let runtime = self.runtime_at(hash)?;
            events.push(json!({ "event": "newBlock", "blockHash": hex(hash), "parentBlockHash": parent, "newRuntime": runtime }));
            events.push(best(hash));
            self.told = Some((number, hash));
        }
        Some(events)
    }

    /// Tells which of the told blocks are final since the last time. Nothing is ever pruned: there are no forks.
    fn finalized(&mut self, last_final: BlockNumber) -> Option<Option<Value>> {
        let upto = last_final.min(self.told?.0);
        let news = self.final_told + 1..=upto;
        let hashes: Option<Vec<H256>> = {
            let chain = self.node.chain();
            news.map(|number| chain.hash_of(number)).collect()
        };
        let hashes: Vec<String> = hashes?.iter().map(hex).collect();
        self.final_told = self.final_told.max(upto);
        let event = json!({ "event": "finalized", "finalizedBlockHashes": hashes, "prunedBlockHashes": [] });
        Some((!hashes.is_empty()).then_some(event))
    }

    /// The runtime's version if it has to be told; `None` when it cannot be read.
    fn runtime_at(&mut self, hash: H256) -> Option<Option<Value>> {
        if !self.with_runtime {
            return Some(None);
        }
        let spec = spec_json(&self.node, hash).ok()?;
        let is_new = self.spec.as_ref() != Some(&spec);
        self.spec = Some(spec.clone());
        Some(is_new.then(|| json!({ "type": "valid", "spec": spec })))
    }
}

fn best(hash: H256) -> Value {
    json!({ "event": "bestBlockChanged", "bestBlockHash": hex(hash) })
}
