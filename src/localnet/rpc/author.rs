//! `author_*`, nonces and fees: what a client needs to get an extrinsic into a block.

use std::sync::Arc;

use codec::{Decode, Encode};
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::{ErrorObjectOwned, Params};
use jsonrpsee::{PendingSubscriptionSink, RpcModule};
use pallet_transaction_payment::{FeeDetails, RuntimeDispatchInfo};
use serde_json::{Value, json};

use super::subscribe::message;
use super::{Answer, Args, Table, errors, gate, hex};
use crate::localnet::node::Node;
use crate::localnet::pool::Status;
use crate::localnet::runtime::Balance;

/// Submits and tells no more.
pub(super) const SUBMIT: &str = "author_submitExtrinsic";
/// Parameters of so many bytes take longer to read than an async thread should be held.
const LARGE: usize = 64 * 1024;

pub(super) const METHODS: &Table = &[
    (&["author_pendingExtrinsics"], pending),
    (&["system_accountNextIndex", "account_nextIndex"], next_index),
    (&["payment_queryInfo"], query_info),
    (&["payment_queryFeeDetails"], query_fee_details),
];

pub(super) fn register(module: &mut RpcModule<Node>) -> Result<(), RegisterMethodError> {
    module.register_async_method(SUBMIT, |params, node, _| submit(params, node))?;
    module.register_subscription(
        "author_submitAndWatchExtrinsic",
        "author_extrinsicUpdate",
        "author_unwatchExtrinsic",
        |params, pending, node, _| async move { watch(params, pending, node).await },
    )?;
    Ok(())
}

/// The extrinsic's hash.
async fn submit(params: Params<'static>, node: Arc<Node>) -> Answer {
    gate::planned(&node, SUBMIT).await?;
    let (hash, _statuses) = node.submit(extrinsic(params).await?).await.map_err(|e| errors::submit(&e))?;
    Ok(json!(hex(hash)))
}

/// The bytes of the extrinsic that is to be submitted. What is large is read off the async threads.
pub(super) async fn extrinsic(params: Params<'static>) -> Result<Vec<u8>, ErrorObjectOwned> {
    if params.as_str().is_none_or(|text| text.len() < LARGE) {
        return Args::parse(&params)?.bytes(0);
    }
    let read = tokio::task::spawn_blocking(move || Args::parse(&params)?.bytes(0)).await;
    read.unwrap_or_else(|error| Err(errors::internal(&error)))
}

fn pending(node: &Node, _args: &Args) -> Answer {
    Ok(json!(node.pending().iter().map(hex).collect::<Vec<_>>()))
}

fn next_index(node: &Node, args: &Args) -> Answer {
    let account = args.account(0)?;
    node.next_nonce(&account).map(|nonce| json!(nonce)).map_err(|e| errors::read(&e))
}

/// The answer of a `TransactionPaymentApi` method about an extrinsic.
fn payment<T: Decode>(node: &Node, args: &Args, method: &str) -> Result<T, jsonrpsee::types::ErrorObjectOwned> {
    let mut arguments = args.bytes(0)?;
    let length = u32::try_from(arguments.len()).unwrap_or(u32::MAX);
    length.encode_to(&mut arguments);
    let block = args.hash(1)?.unwrap_or_else(|| node.chain().head().0);
    let output = node.call(block, method, &arguments).map_err(|e| errors::read(&e))?;
    T::decode(&mut &output[..]).map_err(|error| errors::internal(&error))
}

fn query_info(node: &Node, args: &Args) -> Answer {
    let info: RuntimeDispatchInfo<Balance> = payment(node, args, "TransactionPaymentApi_query_info")?;
    Ok(json!({
        "weight": { "ref_time": info.weight.ref_time(), "proof_size": info.weight.proof_size() },
        "class": format!("{:?}", info.class).to_lowercase(),
        "partialFee": info.partial_fee.to_string(),
    }))
}

fn query_fee_details(node: &Node, args: &Args) -> Answer {
    let details: FeeDetails<Balance> = payment(node, args, "TransactionPaymentApi_query_fee_details")?;
    let fee = details.inclusion_fee.map(|fee| {
        json!({
            "baseFee": fee.base_fee.to_string(),
            "lenFee": fee.len_fee.to_string(),
            "adjustedWeightFee": fee.adjusted_weight_fee.to_string(),
        })
    });
    Ok(json!({ "inclusionFee": fee }))
}

/// Submits, and tells the statuses until the last one: `ready`, `broadcast`, `inBlock`, `finalized`.
async fn watch(params: Params<'static>, pending: PendingSubscriptionSink, node: Arc<Node>) {
    let submitted = async { node.submit(extrinsic(params).await?).await.map_err(|e| errors::submit(&e)) };
    let mut statuses = match submitted.await {
        Ok((_hash, statuses)) => statuses,
        Err(refusal) => return pending.reject(refusal).await,
    };
    // The answer with the subscription's id leaves here, before any status.
    let Ok(sink) = pending.accept().await else { return };
    loop {
        tokio::select! {
            status = statuses.recv() => {
                let Some(status) = status else { return };
                if sink.send(message(&status_json(status))).await.is_err() {
                    return;
                }
                // What is ready is sent on at once, here to no peers; clients wait for the word.
                if status == Status::Ready && sink.send(message(&json!({ "broadcast": [] }))).await.is_err() {
                    return;
                }
            }
            () = sink.closed() => return,
        }
    }
}

fn status_json(status: Status) -> Value {
    match status {
        Status::Future => json!("future"),
        Status::Ready => json!("ready"),
        Status::InBlock(block) => json!({ "inBlock": hex(block) }),
        Status::Finalized(block) => json!({ "finalized": hex(block) }),
        Status::Usurped(by) => json!({ "usurped": hex(by) }),
        Status::Dropped => json!("dropped"),
        Status::Invalid => json!("invalid"),
    }
}
