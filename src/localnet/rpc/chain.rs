//! `chain_*`: blocks, headers and hashes.

use codec::Encode;
use serde_json::{Value, json};

use super::{Answer, Args, Table, errors, hex};
use crate::localnet::chain::Chain;
use crate::localnet::node::Node;
use crate::localnet::runtime::{BlockNumber, Header};

pub(super) const METHODS: &Table = &[
    (&["chain_getBlockHash", "chain_getHead"], block_hash),
    (&["chain_getFinalizedHead", "chain_getFinalisedHead"], finalized_head),
    (&["chain_getHeader"], header),
    (&["chain_getBlock"], block),
];

/// Hash of the block of a height; of the head without one; a list for a list. Null for an unknown height.
fn block_hash(node: &Node, args: &Args) -> Answer {
    let chain = node.chain();
    match args.get(0) {
        None => Ok(json!(hex(chain.head().0))),
        Some(Value::Array(heights)) => heights.iter().map(|height| hash_of(&chain, height)).collect(),
        Some(height) => hash_of(&chain, height),
    }
}

fn hash_of(chain: &Chain, height: &Value) -> Answer {
    let number = match height {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| errors::invalid_params(format!("{height} is no block number")))?;
    Ok(json!(BlockNumber::try_from(number).ok().and_then(|number| chain.hash_of(number)).map(hex)))
}

fn finalized_head(node: &Node, _args: &Args) -> Answer {
    Ok(json!(hex(node.final_head())))
}

fn header(node: &Node, args: &Args) -> Answer {
    let hash = args.hash(0)?;
    let chain = node.chain();
    let hash = hash.unwrap_or(chain.head().0);
    Ok(json!(chain.by_hash(&hash).map(|block| header_json(&block.header))))
}

fn block(node: &Node, args: &Args) -> Answer {
    let hash = args.hash(0)?;
    let block = {
        let chain = node.chain();
        chain.by_hash(&hash.unwrap_or(chain.head().0)).cloned()
    };
    Ok(json!(block.map(|block| json!({
        "block": {
            "header": header_json(&block.header),
            "extrinsics": block.extrinsics.iter().map(hex).collect::<Vec<_>>(),
        },
        "justifications": null,
    }))))
}

/// A header as clients read it.
pub(super) fn header_json(header: &Header) -> Value {
    json!({
        "parentHash": hex(header.parent_hash),
        "number": format!("0x{:x}", header.number),
        "stateRoot": hex(header.state_root),
        "extrinsicsRoot": hex(header.extrinsics_root),
        "digest": { "logs": header.digest.logs.iter().map(|log| hex(log.encode())).collect::<Vec<_>>() },
    })
}
