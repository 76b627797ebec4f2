//! `transaction_v1_*` and `transactionWatch_v1_*`: submitting in the newer interface.

use std::collections::HashMap;
use std::sync::Arc;

use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::{ErrorObjectOwned, Params};
use jsonrpsee::{ConnectionId, PendingSubscriptionSink, RpcModule};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sp_core::H256;
use sp_runtime::transaction_validity::TransactionValidityError;
use tokio_util::sync::CancellationToken;

use super::subscribe::message;
use super::{author, errors, hex, payload};
use crate::localnet::node::{Node, SubmitError};
use crate::localnet::pool::{PoolError, Status};

/// Most extrinsics that one connection has the node try at a time.
const BROADCASTS: usize = 16;
/// Most of all connections: a connection that is gone leaves its own behind until their end.
const ALL_BROADCASTS: usize = 256;
/// For so many blocks an extrinsic is tried.
const TRIES: usize = 256;

/// What is being tried, by its id.
#[derive(Default)]
struct Broadcasts {
    next: u64,
    running: HashMap<String, (ConnectionId, CancellationToken)>,
}

pub(super) fn register(module: &mut RpcModule<Node>) -> Result<(), RegisterMethodError> {
    let broadcasts = Arc::new(Mutex::new(Broadcasts::default()));
    let (starting, stopping) = (Arc::clone(&broadcasts), broadcasts);
    super::register_of_connection(module, "transaction_v1_broadcast", move |node, args, connection| {
        payload(args.bytes(0).map(|bytes| json!(broadcast(node, &starting, bytes, connection))))
    })?;
    super::register_of_connection(module, "transaction_v1_stop", move |_, args, connection| {
        let stopped = args.text(0).and_then(|id| stop(&stopping, id, connection));
        payload(stopped.map(|()| Value::Null))
    })?;
    module.register_subscription(
        "transactionWatch_v1_submitAndWatch",
        "transactionWatch_v1_watchEvent",
        "transactionWatch_v1_unwatch",
        |params, pending, node, _| watch(params, pending, node),
    )?;
    Ok(())
}

/// Tries an extrinsic at each block until it is in a final one or can never be. The id of the attempt, `None` at the limit.
fn broadcast(
    node: &Arc<Node>,
    broadcasts: &Arc<Mutex<Broadcasts>>,
    bytes: Vec<u8>,
    connection: ConnectionId,
) -> Option<String> {
    let (id, stopped) = {
        let mut all = broadcasts.lock();
        let of_this = all.running.values().filter(|(owner, _)| *owner == connection).count();
        if of_this >= BROADCASTS || all.running.len() >= ALL_BROADCASTS {
            return None;
        }
        all.next += 1;
        let (id, stopped) = (all.next.to_string(), CancellationToken::new());
        all.running.insert(id.clone(), (connection, stopped.clone()));
        (id, stopped)
    };
    let (node, broadcasts, running) = (Arc::clone(node), Arc::clone(broadcasts), id.clone());
    tokio::spawn(async move {
        stopped.run_until_cancelled(attempt(node, bytes)).await;
        broadcasts.lock().running.remove(&running);
    });
    Some(id)
}

fn stop(broadcasts: &Mutex<Broadcasts>, id: &str, connection: ConnectionId) -> Result<(), ErrorObjectOwned> {
    let mut all = broadcasts.lock();
    match all.running.get(id) {
        Some((owner, stopped)) if *owner == connection => stopped.cancel(),
        // An attempt that has ended is still known by its number.
        _ if id.parse::<u64>().is_ok_and(|number| (1..=all.next).contains(&number)) => return Ok(()),
        _ => return Err(errors::invalid_params(format!("{id:?} is no broadcast of this connection"))),
    }
    all.running.remove(id);
    Ok(())
}

async fn attempt(node: Arc<Node>, bytes: Vec<u8>) {
    let mut heads = node.heads();
    for _ in 0..TRIES {
        heads.mark_unchanged();
        match node.submit(bytes.clone()).await {
            Ok((_, mut statuses)) => {
                while let Some(status) = statuses.recv().await {
                    match status {
                        Status::Finalized(_) | Status::Invalid | Status::Usurped(_) => return,
                        Status::Dropped | Status::Future | Status::Ready | Status::InBlock(_) => {}
                    }
                }
            }
            // There may be room for it later, or the one that has its nonce may leave.
            Err(SubmitError::Pool(PoolError::Full | PoolError::TooLowPriority { .. })) => {}
            Err(_) => return,
        }
        if heads.changed().await.is_err() {
            return;
        }
    }
}

/// `transactionWatch_v1_submitAndWatch [extrinsic]`: what is no valid extrinsic is told by an event, too.
async fn watch(params: Params<'static>, pending: PendingSubscriptionSink, node: Arc<Node>) {
    let bytes = match author::extrinsic(params).await {
        Ok(bytes) => bytes,
        Err(refusal) => return pending.reject(refusal).await,
    };
    let submitted = node.submit(bytes).await;
    let Ok(sink) = pending.accept().await else { return };
    let (hash, mut statuses) = match submitted {
        Ok(taken) => taken,
        Err(refusal) => {
            let _ = sink.send(message(&refused(&refusal))).await;
            return;
        }
    };
    let mut validated = false;
    loop {
        let status = tokio::select! {
            status = statuses.recv() => status,
            () = sink.closed() => return,
        };
        let Some(status) = status else { return };
        let is_first = matches!(status, Status::Ready | Status::Future);
        if is_first && std::mem::replace(&mut validated, true) {
            continue;
        }
        if sink.send(message(&event(&node, hash, status))).await.is_err() {
            return;
        }
    }
}

fn event(node: &Node, extrinsic: H256, status: Status) -> Value {
    let place = |block: H256| {
        let index = node.chain().by_hash(&block).and_then(|block| {
            block.extrinsics.iter().position(|bytes| sp_io::hashing::blake2_256(bytes) == extrinsic.0)
        });
        json!({ "hash": hex(block), "index": index.unwrap_or_default() })
    };
    match status {
        Status::Future | Status::Ready => json!({ "event": "validated" }),
        Status::InBlock(block) => json!({ "event": "bestChainBlockIncluded", "block": place(block) }),
        Status::Finalized(block) => json!({ "event": "finalized", "block": place(block) }),
        Status::Usurped(by) => {
            json!({ "event": "invalid", "error": format!("{} took its place by a higher tip", hex(by)) })
        }
        Status::Dropped => json!({ "event": "dropped", "error": "the pool was full" }),
        Status::Invalid => json!({ "event": "invalid", "error": "it can no longer be included" }),
    }
}

fn refused(reason: &SubmitError) -> Value {
    match reason {
        SubmitError::Refused(TransactionValidityError::Invalid(invalid)) => {
            json!({ "event": "invalid", "error": errors::text_of(*invalid) })
        }
        SubmitError::Format(_) => json!({ "event": "invalid", "error": errors::submit(reason).message() }),
        SubmitError::Pool(PoolError::Full) => json!({ "event": "dropped", "error": reason.to_string() }),
        _ => json!({ "event": "error", "error": errors::submit(reason).message() }),
    }
}
