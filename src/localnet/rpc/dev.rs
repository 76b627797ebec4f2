//! `dev_*`: what only a development chain can do. No other node has these methods.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Args, Table, errors, hex};
use crate::localnet::drand::Signer;
use crate::localnet::impersonation::{ActError, Impersonation};
use crate::localnet::node::{GiveError, Node};
use crate::localnet::powers::{BlockMode, Edit, Fault};
use crate::localnet::rewind::RevertError;
use crate::localnet::spawn::BeaconStatus;
use crate::localnet::status::{ChainStatus, milliseconds};

/// Most blocks that one request may make.
const BLOCKS: u64 = 10_000;

/// Longest delay of finality, in milliseconds: an hour.
const LONGEST: u64 = 3_600_000;

/// Furthest jump of time, in milliseconds: ten years.
const FURTHEST: u64 = 10 * 365 * 86_400_000;

/// Longest delay of one call, in milliseconds.
const LONGEST_WAIT: u64 = 60_000;

pub(super) const METHODS: &Table = &[
    (&["dev_mine"], mine),
    (&["dev_finality"], finality),
    (&["dev_beacon"], beacon),
    (&["dev_putPulse"], put_pulse),
    (&["dev_setStorage"], set_storage),
    (&["dev_setBalance"], set_balance),
    (&["dev_setSpecVersion"], set_spec_version),
    (&["dev_jumpTime"], jump_time),
    (&["dev_freeze"], freeze),
    (&["dev_failNext"], fail_next),
    (&["dev_delayNext"], delay_next),
    (&["dev_blocks"], blocks),
    (&["dev_impersonate"], impersonate),
    (&["dev_snapshot"], |node, _| Ok(json!(node.mark()))),
    (&["dev_revert"], revert),
    (&["dev_status"], |node, _| ChainStatus::of(node).map(|status| json!(status)).map_err(|e| errors::read(&e))),
];

/// Makes a block with these changes and returns its hash.
fn edited(node: &Node, edits: Vec<Edit>) -> Answer {
    node.author_after(0, edits).map(|hash| json!(hex(hash))).map_err(|error| errors::author(&error))
}

/// `dev_setStorage [[key, value], …]`: writes raw values, removes those that are null; makes a block and returns its hash.
fn set_storage(node: &Node, args: &Args) -> Answer {
    let refused = || errors::invalid_params("parameter 0 must be a list of pairs of a key and a value or null".into());
    let bytes = |value: &Value| {
        let text = value.as_str().ok_or_else(refused)?;
        hex::decode(text.trim_start_matches("0x")).map_err(|_| refused())
    };
    let pairs = args.get(0).and_then(Value::as_array).ok_or_else(refused)?;
    let edits: Result<Vec<Edit>, _> = pairs
        .iter()
        .map(|pair| match pair.as_array().map(Vec::as_slice) {
            Some([key, Value::Null]) => Ok(Edit::Storage(bytes(key)?, None)),
            Some([key, value]) => Ok(Edit::Storage(bytes(key)?, Some(bytes(value)?))),
            _ => Err(refused()),
        })
        .collect();
    edited(node, edits?)
}

/// `dev_setBalance address rao`: what the account has free; makes a block and returns its hash.
fn set_balance(node: &Node, args: &Args) -> Answer {
    let account = args.account(0)?;
    let rao = args.number(1)?.ok_or_else(|| errors::invalid_params("parameter 1 must be an amount in rao".into()))?;
    edited(node, vec![Edit::Balance(account, rao)])
}

/// `dev_setSpecVersion version`: rehearses an upgrade; makes a block and returns its hash.
fn set_spec_version(node: &Node, args: &Args) -> Answer {
    let version = args.number(0)?.and_then(|version| u32::try_from(version).ok());
    let version = version.ok_or_else(|| errors::invalid_params("parameter 0 must be a version".into()))?;
    edited(node, vec![Edit::SpecVersion(version)])
}

/// `dev_jumpTime milliseconds`: makes a block so much later by the chain's own time, and returns its hash. No blocks are made for the
/// time between.
fn jump_time(node: &Node, args: &Args) -> Answer {
    let later = args.number(0)?.filter(|later| *later <= FURTHEST);
    let later =
        later.ok_or_else(|| errors::invalid_params(format!("parameter 0 is at most {FURTHEST} milliseconds")))?;
    node.author_after(later, Vec::new()).map(|hash| json!(hex(hash))).map_err(|error| errors::author(&error))
}

/// `dev_freeze [frozen]`: with `true` the clock makes no more blocks, with `false` it goes on; tells how it is.
fn freeze(node: &Node, args: &Args) -> Answer {
    if let Some(frozen) = args.flag(0)? {
        node.powers.freeze(frozen);
        if !frozen {
            node.asks_for_block();
        }
    }
    Ok(json!(node.powers.frozen()))
}

/// `dev_blocks [mode [milliseconds]]`: blocks come by `interval` of so long, are made by hand (`manual`), or as soon as an `extrinsic` waits;
/// tells how it is.
fn blocks(node: &Node, args: &Args) -> Answer {
    let mut pace = *node.powers.pace().borrow();
    if args.get(0).is_some() {
        let name = args.text(0)?;
        let refused = || errors::invalid_params(format!("{name:?} is none of interval, manual, extrinsic"));
        pace.mode = BlockMode::named(name).ok_or_else(refused)?;
        if let Some(milliseconds) = args.number(1)? {
            if !(1..=LONGEST).contains(&milliseconds) {
                return Err(errors::invalid_params(format!("parameter 1 is 1 to {LONGEST} milliseconds")));
            }
            pace.block_time = Duration::from_millis(milliseconds);
        }
        node.powers.set_pace(pace);
        node.asks_for_block();
    }
    Ok(json!({ "mode": pace.mode, "blockTimeMs": milliseconds(pace.block_time) }))
}

/// `dev_impersonate address true`: any signature of the account is good, until `false`; makes a block and returns its hash.
/// `dev_impersonate address call`: makes a block with this call, SCALE in hex, as a signed extrinsic of the account, and says how it ended.
fn impersonate(node: &Node, args: &Args) -> Answer {
    let account = args.account(0)?;
    match args.get(1) {
        Some(Value::Bool(on)) => {
            let how = if *on { Impersonation::On } else { Impersonation::Off };
            edited(node, vec![Edit::Impersonate(account, how)])
        }
        Some(Value::String(_)) => {
            let call = args.bytes(1)?;
            let done = node.act_for(&account, &call).map_err(|error| match error {
                ActError::Call(_) | ActError::Refused(_) => errors::invalid_params(error.to_string()),
                ActError::Read(error) => errors::read(&error),
                ActError::Author(error) => errors::author(&error),
            })?;
            Ok(json!({
                "block": hex(done.block),
                "extrinsic": hex(done.extrinsic),
                "index": done.index,
                "outcome": done.outcome,
            }))
        }
        _ => Err(errors::invalid_params("parameter 1 must be true, false, or a call's SCALE bytes in hex".into())),
    }
}

/// `dev_revert snapshot`: puts the chain back to a moment that `dev_snapshot` marked, and returns the newest block's hash. The moment stays
/// marked, later ones are gone; what waits in the pool is dropped.
fn revert(node: &Node, args: &Args) -> Answer {
    let number = args.number(0)?.ok_or_else(|| errors::invalid_params("parameter 0 must be a snapshot".into()))?;
    match node.go_back(number) {
        Ok(hash) => Ok(json!(hex(hash))),
        Err(error @ RevertError::Unknown(_)) => Err(errors::invalid_params(error.to_string())),
        Err(error) => Err(errors::internal(&error)),
    }
}

fn plan(node: &Node, args: &Args, fault: Fault) -> Answer {
    if !node.powers.plan(args.text(0)?, fault) {
        return Err(errors::invalid_params("too many faults wait for their calls".into()));
    }
    Ok(json!(true))
}

/// `dev_failNext method code message`: the next call of the method gets that error.
fn fail_next(node: &Node, args: &Args) -> Answer {
    let code = args.get(1).and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok());
    let code = code.ok_or_else(|| errors::invalid_params("parameter 1 must be a code of JSON-RPC".into()))?;
    plan(node, args, Fault::Error { code, message: args.text(2)?.to_owned() })
}

/// `dev_delayNext method milliseconds`: the next call of the method waits so long, at most a minute.
fn delay_next(node: &Node, args: &Args) -> Answer {
    let wait = args.number(1)?.filter(|wait| *wait <= LONGEST_WAIT);
    let wait =
        wait.ok_or_else(|| errors::invalid_params(format!("parameter 1 is at most {LONGEST_WAIT} milliseconds")))?;
    plan(node, args, Fault::Delay(Duration::from_millis(wait)))
}

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
    Ok(json!(milliseconds(*node.finality().borrow())))
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
