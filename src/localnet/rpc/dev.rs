//! `dev_*`: what only a development chain can do. No other node has these methods.

use std::time::Duration;

use serde_json::json;

use super::{Answer, Args, Table, errors, hex};
use crate::localnet::drand::Signer;
use crate::localnet::node::{GiveError, Node};
use crate::localnet::spawn::BeaconStatus;

/// Most blocks that one request may make.
const BLOCKS: u64 = 10_000;

/// Longest delay of finality, in milliseconds: an hour.
const LONGEST: u64 = 3_600_000;

pub(super) const METHODS: &Table =
    &[(&["dev_mine"], mine), (&["dev_finality"], finality), (&["dev_beacon"], beacon), (&["dev_putPulse"], put_pulse)];

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

/// `dev_finality [milliseconds]`: how long after a block was made it is final, and makes it so long; 0 is at once.
fn finality(node: &Node, args: &Args) -> Answer {
    match args.number(0)? {
        Some(lag) if lag > LONGEST => {
            return Err(errors::invalid_params(format!("parameter 0 is at most {LONGEST} milliseconds")));
        }
        Some(lag) => node.set_finality(Duration::from_millis(lag)),
        None => {}
    }
    Ok(json!(u64::try_from(node.finality().borrow().as_millis()).unwrap_or(u64::MAX)))
}

/// `dev_beacon [running]`: stops the beacon with `false`, lets it go on with `true`, and tells how it stands.
fn beacon(node: &Node, args: &Args) -> Answer {
    node.run_beacon(args.flag(0)?);
    let status = BeaconStatus::of(node).map_err(|error| errors::read(&error))?;
    Ok(json!(status))
}

/// `dev_putPulse round signature`: takes a pulse of drand's quicknet, or of the chain's own beacon, in place of the beacon's
/// own; it is stored in the first block at or after its time. Returns whose it is.
fn put_pulse(node: &Node, args: &Args) -> Answer {
    let round = args.number(0)?.ok_or_else(|| errors::invalid_params("parameter 0 must be a round".into()))?;
    match node.give_pulse(round, &args.bytes(1)?) {
        Ok(Signer::Chain) => Ok(json!("chain")),
        Ok(Signer::Quicknet) => Ok(json!("quicknet")),
        Err(GiveError::Read(error)) => Err(errors::read(&error)),
        Err(GiveError::Pulse(error)) => Err(errors::invalid_params(error.to_string())),
    }
}
