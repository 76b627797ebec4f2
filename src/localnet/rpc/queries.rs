//! Questions about storage, as `chainHead_v1_storage` and `archive_v1_storage` put them: one value, its hash, all below a key.

use jsonrpsee::types::ErrorObjectOwned;
use serde_json::{Map, Value, json};
use sp_state_machine::Backend;
use sp_trie::MerkleValue;

use super::{Args, errors, hex};
use crate::localnet::node::ReadError;
use crate::localnet::state::{self, State};

/// Most entries below a key that are read in one go.
const PAGE: usize = 512;

/// What is asked about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Value,
    Hash,
    /// The hash of the trie's node at the key or next below it: unchanged as long as nothing below the key changes.
    ClosestDescendant,
    DescendantsValues,
    DescendantsHashes,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    key: Vec<u8>,
    kind: Kind,
    /// Entries below the key begin behind this one.
    after: Option<Vec<u8>>,
}

/// A part of the answer.
pub(super) struct Page {
    /// Key and value or hash of each entry.
    pub(super) items: Vec<Value>,
    /// What is left to ask.
    pub(super) rest: Option<Query>,
}

impl Query {
    /// The list of questions in a parameter.
    pub(super) fn list(args: &Args, index: usize) -> Result<Vec<Self>, ErrorObjectOwned> {
        let refused = |what: &str| errors::invalid_params(format!("parameter {index} {what}"));
        let list = args.get(index).and_then(Value::as_array).ok_or_else(|| refused("must be a list of queries"))?;
        list.iter()
            .map(|query| {
                let bytes = |name: &str| match query.get(name).filter(|value| !value.is_null()) {
                    None => Ok(None),
                    Some(value) => value
                        .as_str()
                        .and_then(|text| super::args::bytes(text).ok())
                        .map(Some)
                        .ok_or_else(|| refused(&format!("has a query whose {name} is no hex"))),
                };
                Ok(Self {
                    key: bytes("key")?.ok_or_else(|| refused("has a query without a key"))?,
                    kind: query
                        .get("type")
                        .and_then(Value::as_str)
                        .and_then(Kind::named)
                        .ok_or_else(|| refused("has a query of an unknown type"))?,
                    after: bytes("paginationStartKey")?,
                })
            })
            .collect()
    }

    /// Answers from a state: all of it, or the first entries below the key.
    pub(super) fn answer(self, state: &State) -> Result<Page, ReadError> {
        let value = |key: &[u8]| state.storage(key).map_err(ReadError::Trie);
        let found = |what: &str, bytes: Option<Vec<u8>>| {
            let items = bytes.map(|bytes| item(&self.key, what, &bytes)).into_iter().collect();
            Ok(Page { items, rest: None })
        };
        match self.kind {
            Kind::Value => found("value", value(&self.key)?),
            Kind::Hash => found("hash", value(&self.key)?.map(|value| blake2(&value))),
            Kind::ClosestDescendant => {
                let node = state.closest_merkle_value(&self.key).map_err(ReadError::Trie)?;
                found(
                    "closestDescendantMerkleValue",
                    node.map(|node| match node {
                        MerkleValue::Node(bytes) => bytes,
                        MerkleValue::Hash(hash) => hash.0.to_vec(),
                    }),
                )
            }
            Kind::DescendantsValues | Kind::DescendantsHashes => {
                let keys = state::keys(state, &self.key, self.after.as_deref(), PAGE).map_err(ReadError::Trie)?;
                let mut items = Vec::with_capacity(keys.len());
                for key in &keys {
                    let Some(value) = value(key)? else { continue };
                    items.push(match self.kind {
                        Kind::DescendantsValues => item(key, "value", &value),
                        _ => item(key, "hash", &blake2(&value)),
                    });
                }
                let last = keys.last().filter(|_| keys.len() == PAGE).cloned();
                let rest = last.map(|last| Self { after: Some(last), ..self });
                Ok(Page { items, rest })
            }
        }
    }
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "value" => Self::Value,
            "hash" => Self::Hash,
            "closestDescendantMerkleValue" => Self::ClosestDescendant,
            "descendantsValues" => Self::DescendantsValues,
            "descendantsHashes" => Self::DescendantsHashes,
            _ => return None,
        })
    }
}

fn item(key: &[u8], what: &str, bytes: &[u8]) -> Value {
    let mut item = Map::new();
    item.insert("key".into(), json!(hex(key)));
    item.insert(what.into(), json!(hex(bytes)));
    Value::Object(item)
}

fn blake2(bytes: &[u8]) -> Vec<u8> {
    sp_io::hashing::blake2_256(bytes).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::localnet::state::{Overlay, enter, settle};
    use jsonrpsee::types::Params;

    /// A state with an entry under `p` and `entries` below it.
    fn state_with(entries: u32) -> State {
        let empty = State::default();
        let mut overlay = Overlay::default();
        enter(&empty, &mut overlay, || {
            sp_io::storage::set(b"p", b"itself");
            (0..entries).for_each(|n| sp_io::storage::set(&[b"p", &n.to_be_bytes()[..]].concat(), &[7; 40]));
            // Longer than a node that is stored in its parent.
            sp_io::storage::set(b"q", &[9; 40]);
        })
        .unwrap();
        settle(&empty, &mut overlay).unwrap().1.trie.into()
    }

    fn query(key: &str, kind: &str) -> Query {
        let params = format!(r#"[[{{"key":"{key}","type":"{kind}"}}]]"#);
        Query::list(&Args::parse(&Params::new(Some(&params))).unwrap(), 0).unwrap().remove(0)
    }

    #[test]
    fn a_value_its_hash_and_nothing() {
        let state = state_with(1);
        let answer = |key, kind| query(key, kind).answer(&state).unwrap().items;
        assert_eq!(answer("0x71", "value"), [json!({ "key": "0x71", "value": hex([9; 40]) })]);
        assert_eq!(answer("71", "hash"), [json!({ "key": "0x71", "hash": hex(blake2(&[9; 40])) })]);
        assert!(answer("0x72", "value").is_empty());
    }

    #[test]
    fn entries_below_a_key_come_in_pages_and_none_is_lost() {
        let state = state_with(PAGE as u32 + 3);
        let mut seen = Vec::new();
        let mut next = Some(query("0x70", "descendantsHashes"));
        let mut pages = 0;
        while let Some(query) = next {
            let page = query.answer(&state).unwrap();
            seen.extend(page.items);
            next = page.rest;
            pages += 1;
        }
        assert_eq!((seen.len(), pages), (PAGE + 4, 2));
        assert_eq!(seen[0]["key"], "0x70", "the key itself is one of them");
        assert!(seen.windows(2).all(|pair| pair[0]["key"].as_str() < pair[1]["key"].as_str()));
    }

    #[test]
    fn the_closest_descendant_changes_with_what_is_below_alone() {
        let closest = |state: &State, key| query(key, "closestDescendantMerkleValue").answer(state).unwrap().items;
        let (few, more) = (state_with(5), state_with(6));
        assert_ne!(closest(&few, "0x70"), closest(&more, "0x70"));
        assert_eq!(closest(&few, "0x71"), closest(&more, "0x71"));
        assert!(closest(&few, "0x99").is_empty());
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for wrong in [r#"[7]"#, r#"[[{"key":"0x01"}]]"#, r#"[[{"type":"value"}]]"#, r#"[[{"key":"zz","type":"hash"}]]"#]
        {
            let args = Args::parse(&Params::new(Some(wrong))).unwrap();
            assert_eq!(Query::list(&args, 0).unwrap_err().code(), -32602, "{wrong}");
        }
    }
}
