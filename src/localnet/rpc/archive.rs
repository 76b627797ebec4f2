//! `archive_v1_*`: any kept block by height or hash, final or not, without a subscription that holds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use codec::Encode;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::{ErrorObjectOwned, Params};
use jsonrpsee::{PendingSubscriptionSink, RpcModule};
use serde_json::{Value, json};
use sp_core::H256;
use sp_state_machine::Backend;

use super::queries::Query;
use super::subscribe::message;
use super::{Answer, Args, Table, errors, hex};
use crate::localnet::chain::StateError;
use crate::localnet::node::{Node, ReadError};
use crate::localnet::runtime::BlockNumber;
use crate::localnet::state;

pub(super) const METHODS: &Table = &[
    (&["archive_v1_finalizedHeight"], |node, _| Ok(json!(*node.finals().borrow()))),
    (&["archive_v1_genesisHash"], |node, _| Ok(json!(hex(node.chain().genesis())))),
    (&["archive_v1_hashByHeight"], hash_by_height),
    (&["archive_v1_header"], header),
    (&["archive_v1_body"], body),
    (&["archive_v1_call"], call),
];

pub(super) fn register(module: &mut RpcModule<Node>) -> Result<(), RegisterMethodError> {
    module.register_subscription(
        "archive_v1_storage",
        "archive_v1_storageEvent",
        "archive_v1_stopStorage",
        |params, pending, node, _| storage(params, pending, node),
    )?;
    module.register_subscription(
        "archive_v1_storageDiff",
        "archive_v1_storageDiffEvent",
        "archive_v1_stopStorageDiff",
        |params, pending, node, _| storage_diff(params, pending, node),
    )?;
    Ok(())
}

/// A list of the one hash, empty for an unknown height.
fn hash_by_height(node: &Node, args: &Args) -> Answer {
    let height = args.number(0)?.ok_or_else(|| errors::invalid_params("parameter 0 must be a height".into()))?;
    let hash = BlockNumber::try_from(height).ok().and_then(|height| node.chain().hash_of(height));
    Ok(json!(hash.iter().map(hex).collect::<Vec<_>>()))
}

fn header(node: &Node, args: &Args) -> Answer {
    let hash = args.needed_hash(0)?;
    Ok(json!(node.chain().by_hash(&hash).map(|block| hex(block.header.encode()))))
}

fn body(node: &Node, args: &Args) -> Answer {
    let hash = args.needed_hash(0)?;
    let block = node.chain().by_hash(&hash).cloned();
    Ok(json!(block.map(|block| block.extrinsics.iter().map(hex).collect::<Vec<_>>())))
}

/// A runtime call; null when there is no such block.
fn call(node: &Node, args: &Args) -> Answer {
    let output = node.call(args.needed_hash(0)?, args.text(1)?, &args.optional_bytes(2)?.unwrap_or_default());
    Ok(match output {
        Ok(output) => json!({ "success": true, "value": hex(output) }),
        Err(ReadError::State(StateError::UnknownBlock(_))) => Value::Null,
        Err(error) => json!({ "success": false, "error": errors::read(&error).message() }),
    })
}

/// `archive_v1_storage [hash, queries, child trie]`: an event for each entry, and a last one. There are no child tries.
async fn storage(params: Params<'static>, pending: PendingSubscriptionSink, node: Arc<Node>) {
    let parsed = Args::parse(&params).and_then(|args| {
        let queries = Query::list(&args, 1)?;
        let child = args.optional_bytes(2)?.is_some();
        Ok((args.needed_hash(0)?, if child { Vec::new() } else { queries }))
    });
    let (hash, queries) = match parsed {
        Ok(parsed) => parsed,
        Err(refusal) => return pending.reject(refusal).await,
    };
    let Ok(sink) = pending.accept().await else { return };
    for query in queries {
        let mut next = Some(query);
        while let Some(query) = next {
            let node = Arc::clone(&node);
            let page = tokio::task::spawn_blocking(move || node.read(hash, |state| query.answer(state)));
            let page = match page.await {
                Ok(Ok(page)) => page,
                Ok(Err(error)) => {
                    let error = errors::read(&error);
                    let event = json!({ "event": "storageError", "error": error.message() });
                    let _ = sink.send(message(&event)).await;
                    return;
                }
                Err(_) => return,
            };
            for mut item in page.items {
                if let Some(item) = item.as_object_mut() {
                    item.insert("event".into(), json!("storage"));
                }
                if sink.send(message(&item)).await.is_err() {
                    return;
                }
            }
            next = page.rest;
        }
    }
    let _ = sink.send(message(&json!({ "event": "storageDone" }))).await;
}

/// What of the state to compare: all entries below a key, by value or by hash.
struct Compared {
    prefix: Vec<u8>,
    by_hash: bool,
}

/// `archive_v1_storageDiff [hash, items, previous hash]`: what is other than in the state of the parent, or of another block.
async fn storage_diff(params: Params<'static>, pending: PendingSubscriptionSink, node: Arc<Node>) {
    let parsed = Args::parse(&params).and_then(|args| Ok((args.needed_hash(0)?, compared(&args)?, args.hash(2)?)));
    let (hash, items, previous) = match parsed {
        Ok(parsed) => parsed,
        Err(refusal) => return pending.reject(refusal).await,
    };
    let Ok(sink) = pending.accept().await else { return };
    let found = tokio::task::spawn_blocking(move || {
        let previous = match previous {
            Some(previous) => previous,
            None => node.chain().by_hash(&hash).ok_or(StateError::UnknownBlock(hash))?.header.parent_hash,
        };
        items.iter().try_fold(Vec::new(), |mut events, item| {
            events.extend(difference(&node, hash, previous, item)?);
            Ok::<_, ReadError>(events)
        })
    });
    let events = match found.await {
        Ok(Ok(events)) => events.into_iter().chain([json!({ "event": "storageDiffDone" })]).collect(),
        Ok(Err(error)) => vec![json!({ "event": "storageDiffError", "error": errors::read(&error).message() })],
        Err(_) => return,
    };
    for event in &events {
        if sink.send(message(event)).await.is_err() {
            return;
        }
    }
}

/// The items of a parameter; all values where there are none.
fn compared(args: &Args) -> Result<Vec<Compared>, ErrorObjectOwned> {
    let refused =
        || errors::invalid_params("parameter 1 must be a list of keys with a returnType of value or hash".into());
    let Some(list) = args.get(1) else { return Ok(vec![Compared { prefix: Vec::new(), by_hash: false }]) };
    let item = |item: &Value| {
        let by_hash = match item.get("returnType").and_then(Value::as_str) {
            Some("value") => false,
            Some("hash") => true,
            _ => return Err(refused()),
        };
        if item.get("childTrieKey").is_some_and(|key| !key.is_null()) {
            // There are none, so nothing of them differs.
            return Ok(None);
        }
        let key = item.get("key").and_then(Value::as_str).ok_or_else(refused)?;
        Ok(Some(Compared { prefix: super::args::bytes(key).map_err(|_| refused())?, by_hash }))
    };
    list.as_array().ok_or_else(refused)?.iter().filter_map(|one| item(one).transpose()).collect()
}

/// An event for each entry that was added, modified or deleted between two states, in the order of keys.
fn difference(node: &Node, new: H256, old: H256, item: &Compared) -> Result<Vec<Value>, ReadError> {
    let entries = |block| {
        node.read(block, |state| {
            let keys = state::keys(state, &item.prefix, None, usize::MAX).map_err(ReadError::Trie)?;
            keys.into_iter()
                .map(|key| {
                    let value = state.storage(&key).map_err(ReadError::Trie)?.unwrap_or_default();
                    Ok((key, value))
                })
                .collect::<Result<BTreeMap<_, _>, ReadError>>()
        })
    };
    let (before, now) = (entries(old)?, entries(new)?);
    let event = |key: &[u8], kind: &str, value: Option<&Vec<u8>>| {
        let mut event = json!({ "event": "storageDiff", "key": hex(key), "type": kind });
        if let (Some(value), Some(event)) = (value, event.as_object_mut()) {
            match item.by_hash {
                true => event.insert("hash".into(), json!(hex(sp_io::hashing::blake2_256(value)))),
                false => event.insert("value".into(), json!(hex(value))),
            };
        }
        event
    };
    let changed = now.iter().filter_map(|(key, value)| match before.get(key) {
        None => Some((key, event(key, "added", Some(value)))),
        Some(old) if old != value => Some((key, event(key, "modified", Some(value)))),
        Some(_) => None,
    });
    let gone = before.keys().filter(|key| !now.contains_key(*key)).map(|key| (key, event(key, "deleted", None)));
    let events: BTreeMap<_, _> = changed.chain(gone).collect();
    Ok(events.into_values().collect())
}
