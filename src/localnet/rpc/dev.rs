//! `dev_*`: what only a development chain can do. No other node has these methods.

use serde_json::json;

use super::{Answer, Args, Table, errors, hex};
use crate::localnet::node::Node;

/// Most blocks that one request may make.
const BLOCKS: u64 = 10_000;

pub(super) const METHODS: &Table = &[(&["dev_mine"], mine)];

/// `dev_mine [count = 1]`: makes that many blocks now, whatever the block time, and returns the new head's hash.
fn mine(node: &Node, args: &Args) -> Answer {
    let count = args.number(0)?.unwrap_or(1);
    if count > BLOCKS {
        return Err(errors::too_many(count, BLOCKS));
    }
    for _ in 0..count {
        node.author().map_err(|e| errors::author(&e))?;
    }
    Ok(json!(hex(node.chain().head().0)))
}
