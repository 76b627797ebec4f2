//! `system_*`: who this node is.

use serde_json::json;

use super::{Answer, Args, Table};
use crate::localnet::node::Node;

pub(super) const METHODS: &Table = &[
    (&["system_chain"], |_, _| Ok(json!("Bittensor"))),
    (&["system_chainType"], |_, _| Ok(json!("Development"))),
    (&["system_name"], |_, _| Ok(json!("neuron localnet"))),
    (&["system_version"], |_, _| Ok(json!(env!("CARGO_PKG_VERSION")))),
    (&["system_properties"], |_, _| Ok(json!({ "ss58Format": 42, "tokenDecimals": 9, "tokenSymbol": "TAO" }))),
    (&["system_health"], |_, _| Ok(json!({ "peers": 0, "isSyncing": false, "shouldHavePeers": false }))),
    (&["system_nodeRoles"], |_, _| Ok(json!(["Authority"]))),
    (&["system_peers"], |_, _| Ok(json!([]))),
    (&["system_syncState"], sync_state),
];

fn sync_state(node: &Node, _args: &Args) -> Answer {
    let height = node.chain().height();
    Ok(json!({ "startingBlock": 0, "currentBlock": height, "highestBlock": height }))
}
