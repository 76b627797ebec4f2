//! `state_*`: storage at any kept block, runtime calls, metadata, runtime version.

use codec::Decode;
use serde_json::{Value, json};
use sp_core::H256;
use sp_state_machine::Backend;
use sp_version::RuntimeVersion;

use super::{Answer, Args, Table, errors, hex};
use crate::localnet::node::{Node, ReadError};
use crate::localnet::runtime;
use crate::localnet::state;

/// Most keys that one page may have.
const PAGE: u64 = 1_000;

pub(super) const METHODS: &Table = &[
    (&["state_getStorage", "state_getStorageAt"], storage),
    (&["state_getStorageSize", "state_getStorageSizeAt"], storage_size),
    (&["state_getStorageHash", "state_getStorageHashAt"], storage_hash),
    (&["state_getKeysPaged", "state_getKeysPagedAt"], keys_paged),
    (&["state_getKeys"], keys),
    (&["state_queryStorageAt"], query_storage),
    (&["state_call", "state_callAt"], call),
    (&["state_getMetadata"], metadata),
    (&["state_getRuntimeVersion", "chain_getRuntimeVersion"], runtime_version),
];

/// The block of an optional parameter; the head without one.
fn at(node: &Node, args: &Args, index: usize) -> Result<H256, jsonrpsee::types::ErrorObjectOwned> {
    Ok(args.hash(index)?.unwrap_or_else(|| node.chain().head().0))
}

fn value(node: &Node, args: &Args) -> Result<Option<Vec<u8>>, jsonrpsee::types::ErrorObjectOwned> {
    let key = args.bytes(0)?;
    node.read(at(node, args, 1)?, |state| state.storage(&key).map_err(ReadError::Trie)).map_err(|e| errors::read(&e))
}

fn storage(node: &Node, args: &Args) -> Answer {
    Ok(json!(value(node, args)?.map(hex)))
}

fn storage_size(node: &Node, args: &Args) -> Answer {
    Ok(json!(value(node, args)?.map(|value| value.len())))
}

fn storage_hash(node: &Node, args: &Args) -> Answer {
    Ok(json!(value(node, args)?.map(|value| hex(sp_io::hashing::blake2_256(&value)))))
}

/// Keys in byte order, strictly after the start key, also when that is the prefix itself.
fn keys_paged(node: &Node, args: &Args) -> Answer {
    let count = args.number(1)?.unwrap_or(PAGE);
    if count > PAGE {
        return Err(errors::too_many(count, PAGE));
    }
    let start = args.optional_bytes(2)?;
    keys_after(node, args, at(node, args, 3)?, start.as_deref(), usize::try_from(count).unwrap_or_default())
}

fn keys(node: &Node, args: &Args) -> Answer {
    keys_after(node, args, at(node, args, 1)?, None, usize::MAX)
}

fn keys_after(node: &Node, args: &Args, at: H256, start: Option<&[u8]>, count: usize) -> Answer {
    let prefix = args.optional_bytes(0)?.unwrap_or_default();
    let keys = node
        .read(at, |state| state::keys(state, &prefix, start, count).map_err(ReadError::Trie))
        .map_err(|e| errors::read(&e))?;
    Ok(json!(keys.iter().map(hex).collect::<Vec<_>>()))
}

/// One group with every key in the order asked, null where there is nothing: SDK 10 keeps only the last group.
fn query_storage(node: &Node, args: &Args) -> Answer {
    let keys = args.list_of_bytes(0)?;
    let block = at(node, args, 1)?;
    let changes = changes(node, block, &keys).map_err(|e| errors::read(&e))?;
    Ok(json!([{ "block": hex(block), "changes": changes }]))
}

/// Keys with their values, as `state_queryStorageAt` and `state_storage` have them.
pub(super) fn changes(node: &Node, block: H256, keys: &[Vec<u8>]) -> Result<Vec<Value>, ReadError> {
    node.read(block, |state| {
        keys.iter()
            .map(|key| {
                let value = state.storage(key).map_err(ReadError::Trie)?;
                Ok(json!([hex(key), value.map(hex)]))
            })
            .collect()
    })
}

fn call(node: &Node, args: &Args) -> Answer {
    let arguments = args.optional_bytes(1)?.unwrap_or_default();
    let output = node.call(at(node, args, 2)?, args.text(0)?, &arguments).map_err(|e| errors::read(&e))?;
    Ok(json!(hex(output)))
}

/// Version 14 for good; the newer ones are had by `Metadata_metadata_at_version`.
fn metadata(node: &Node, args: &Args) -> Answer {
    let spec_version = version(node, at(node, args, 0)?).map_err(|e| errors::read(&e))?.spec_version;
    let blob = runtime::metadata_blob(14, spec_version);
    blob.map(|blob| json!(hex(blob))).ok_or_else(|| errors::internal(&"no metadata"))
}

fn runtime_version(node: &Node, args: &Args) -> Answer {
    version_json(node, at(node, args, 0)?).map_err(|e| errors::read(&e))
}

/// The runtime version in force at a block.
fn version(node: &Node, block: H256) -> Result<RuntimeVersion, ReadError> {
    let output = node.call(block, "Core_version", &[])?;
    RuntimeVersion::decode(&mut &output[..]).map_err(|error| ReadError::Trie(error.to_string()))
}

/// The runtime version in force at a block, as clients see it.
pub(super) fn version_json(node: &Node, block: H256) -> Result<Value, ReadError> {
    let version = version(node, block)?;
    Ok(json!({
        "specName": version.spec_name,
        "implName": version.impl_name,
        "authoringVersion": version.authoring_version,
        "specVersion": version.spec_version,
        "implVersion": version.impl_version,
        "apis": version.apis.iter().map(|(id, version)| json!([hex(id), version])).collect::<Vec<_>>(),
        "transactionVersion": version.transaction_version,
        "systemVersion": version.system_version,
        "stateVersion": version.system_version,
    }))
}

/// The same as the newer interface has it: `apis` is an object there.
pub(super) fn spec_json(node: &Node, block: H256) -> Result<Value, ReadError> {
    let version = version(node, block)?;
    let apis: serde_json::Map<String, Value> =
        version.apis.iter().map(|(id, version)| (hex(id), json!(version))).collect();
    Ok(json!({
        "specName": version.spec_name,
        "implName": version.impl_name,
        "specVersion": version.spec_version,
        "implVersion": version.impl_version,
        "transactionVersion": version.transaction_version,
        "apis": apis,
    }))
}
