//! Subscriptions to heads, to the runtime version and to storage.

use std::sync::Arc;

use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::Params;
use jsonrpsee::{PendingSubscriptionSink, RpcModule, SubscriptionMessage};
use serde_json::{Value, json};
use sp_core::H256;
use tokio::sync::watch;

use super::chain::header_json;
use super::state::{changes, version_json};
use super::{Args, errors, hex};
use crate::localnet::node::Node;
use crate::localnet::runtime::BlockNumber;

/// Where the numbers of heads come from.
type Signal = fn(&Node) -> watch::Receiver<BlockNumber>;

/// Method, notification, way out, and whose numbers.
const HEADS: [([&str; 3], Signal); 3] = [
    (["chain_subscribeNewHeads", "chain_newHead", "chain_unsubscribeNewHeads"], Node::heads),
    (["chain_subscribeAllHeads", "chain_allHead", "chain_unsubscribeAllHeads"], Node::heads),
    (["chain_subscribeFinalizedHeads", "chain_finalizedHead", "chain_unsubscribeFinalizedHeads"], Node::finals),
];

/// Second names, which some clients use as the main ones.
const ALIASES: [(&str, &str); 8] = [
    ("chain_subscribeNewHead", "chain_subscribeNewHeads"),
    ("chain_unsubscribeNewHead", "chain_unsubscribeNewHeads"),
    ("subscribe_newHead", "chain_subscribeNewHeads"),
    ("unsubscribe_newHead", "chain_unsubscribeNewHeads"),
    ("chain_subscribeFinalisedHeads", "chain_subscribeFinalizedHeads"),
    ("chain_unsubscribeFinalisedHeads", "chain_unsubscribeFinalizedHeads"),
    ("chain_subscribeRuntimeVersion", "state_subscribeRuntimeVersion"),
    ("chain_unsubscribeRuntimeVersion", "state_unsubscribeRuntimeVersion"),
];

/// Most keys that one storage subscription may watch.
const KEYS: usize = 1_024;

pub(super) fn register(module: &mut RpcModule<Node>) -> Result<(), RegisterMethodError> {
    for ([subscribe, notification, unsubscribe], signal) in HEADS {
        module.register_subscription(subscribe, notification, unsubscribe, move |_, pending, node, _| {
            heads(pending, node, signal)
        })?;
    }
    module.register_subscription(
        "state_subscribeRuntimeVersion",
        "state_runtimeVersion",
        "state_unsubscribeRuntimeVersion",
        |_, pending, node, _| latest(pending, node, Vec::new(), |node, block, _| version_json(node, block).ok()),
    )?;
    module.register_subscription(
        "state_subscribeStorage",
        "state_storage",
        "state_unsubscribeStorage",
        |params, pending, node, _| storage(params, pending, node),
    )?;
    for (alias, name) in ALIASES {
        module.register_alias(alias, name)?;
    }
    Ok(())
}

/// What a subscription sends.
pub(super) fn message(value: &Value) -> SubscriptionMessage {
    SubscriptionMessage::from(serde_json::value::to_raw_value(value).unwrap_or_default())
}

/// Every head from the present one on, none left out as long as the reader keeps up with the kept blocks.
async fn heads(pending: PendingSubscriptionSink, node: Arc<Node>, signal: Signal) {
    let mut signal = signal(&node);
    let Ok(sink) = pending.accept().await else { return };
    let mut next = *signal.borrow_and_update();
    let mut told: Option<(BlockNumber, H256)> = None;
    loop {
        let last = *signal.borrow_and_update();
        let found = {
            let chain = node.chain();
            // A tester put the chain back: it goes on from where it is now.
            if told.is_some_and(|(number, hash)| number >= chain.oldest() && chain.hash_of(number) != Some(hash)) {
                (next, told) = (last, None);
            }
            next = next.max(chain.oldest());
            let block = (next <= last).then(|| chain.by_number(next)).flatten();
            block.map(|(hash, block)| (*hash, header_json(&block.header)))
        };
        if let Some((hash, header)) = found {
            told = Some((next, hash));
            next += 1;
            if sink.send(message(&header)).await.is_err() {
                return;
            }
            continue;
        }
        tokio::select! {
            changed = signal.changed() => if changed.is_err() { return },
            () = sink.closed() => return,
        }
    }
}

async fn storage(params: Params<'static>, pending: PendingSubscriptionSink, node: Arc<Node>) {
    let keys = Args::parse(&params).and_then(|args| args.list_of_bytes(0));
    match keys {
        Ok(keys) if keys.len() <= KEYS => {
            latest(pending, node, keys, |node, block, keys| {
                let changes = changes(node, block, keys).ok()?;
                Some(json!({ "block": hex(block), "changes": changes }))
            })
            .await;
        }
        Ok(_) => pending.reject(errors::invalid_params(format!("at most {KEYS} keys"))).await,
        Err(refusal) => pending.reject(refusal).await,
    }
}

/// Sends what `read` finds at the head, at once and whenever it changes. A `changes` list shrinks to what changed.
async fn latest(
    pending: PendingSubscriptionSink,
    node: Arc<Node>,
    keys: Vec<Vec<u8>>,
    read: fn(&Node, H256, &[Vec<u8>]) -> Option<Value>,
) {
    let mut signal = node.heads();
    let Ok(sink) = pending.accept().await else { return };
    let keys = Arc::new(keys);
    let mut told = Value::Null;
    loop {
        signal.mark_unchanged();
        let found = tokio::task::spawn_blocking({
            let (node, keys) = (Arc::clone(&node), Arc::clone(&keys));
            move || {
                let head = node.chain().head().0;
                read(&node, head, &keys)
            }
        });
        if let Ok(Some(now)) = found.await
            && let Some(news) = news(&told, &now)
        {
            if sink.send(message(&news)).await.is_err() {
                return;
            }
            told = now;
        }
        tokio::select! {
            changed = signal.changed() => if changed.is_err() { return },
            () = sink.closed() => return,
        }
    }
}

/// What of `now` was not told yet.
fn news(told: &Value, now: &Value) -> Option<Value> {
    let Some(changes) = now.get("changes").and_then(Value::as_array) else {
        return (told != now).then(|| now.clone());
    };
    let Some(known) = told.get("changes").and_then(Value::as_array) else { return Some(now.clone()) };
    // Same keys in the same order.
    let changed: Vec<&Value> = changes.iter().zip(known).filter(|(new, old)| new != old).map(|(new, _)| new).collect();
    (!changed.is_empty()).then(|| json!({ "block": now.get("block"), "changes": changed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storage_subscription_tells_all_first_and_then_what_changed() {
        let at = |block: u8, b: u8| json!({ "block": block, "changes": [["a", 1], ["b", b]] });
        assert_eq!(news(&Value::Null, &at(1, 1)), Some(at(1, 1)));
        assert_eq!(news(&at(1, 1), &at(2, 1)), None);
        assert_eq!(news(&at(1, 1), &at(3, 2)), Some(json!({ "block": 3, "changes": [["b", 2]] })));
    }
}
