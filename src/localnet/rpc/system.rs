//! `system_*` and `chainSpec_v1_*`: who this node is, and of which chain.

use serde_json::json;

use super::{Answer, Args, Table, hex};
use crate::localnet::node::Node;

pub(super) const METHODS: &Table = &[
    (&["system_chain", "chainSpec_v1_chainName"], |_, _| Ok(json!("Bittensor"))),
    (&["chainSpec_v1_genesisHash"], |node, _| Ok(json!(hex(node.chain().genesis())))),
    (&["system_chainType"], |_, _| Ok(json!("Development"))),
    (&["system_name"], |_, _| Ok(json!("neuron localnet"))),
    (&["system_version"], |_, _| Ok(json!(env!("CARGO_PKG_VERSION")))),
    (&["system_properties", "chainSpec_v1_properties"], |_, _| {
        Ok(json!({ "ss58Format": 42, "tokenDecimals": 9, "tokenSymbol": "TAO" }))
    }),
    (&["system_health"], |_, _| Ok(json!({ "peers": 0, "isSyncing": false, "shouldHavePeers": false }))),
    (&["system_nodeRoles"], |_, _| Ok(json!(["Authority"]))),
    (&["system_peers"], |_, _| Ok(json!([]))),
    (&["system_syncState"], sync_state),
];

fn sync_state(node: &Node, _args: &Args) -> Answer {
    let height = node.chain().height();
    Ok(json!({ "startingBlock": 0, "currentBlock": height, "highestBlock": height }))
}
