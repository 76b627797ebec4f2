//! The hash of a commit whose preimage is revealed by its sender.

use std::str::FromStr;

use codec::Encode as _;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sp_core::{Blake2Hasher, Hasher as _};

use super::{MechId, Row, storage_index};
use crate::units::{Account, NetUid};

/// 32 bytes, shown as `0x` and hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(transparent)]
pub struct Hash32(#[schemars(with = "String")] pub [u8; 32]);

impl Hash32 {
    /// The chain's hash of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Blake2Hasher::hash(bytes).0)
    }
}

impl std::fmt::Display for Hash32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl std::fmt::Debug for Hash32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash32 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// 64 hexadecimal digits, with or without `0x`.
impl FromStr for Hash32 {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim_start_matches("0x"), &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// What the chain compares a reveal with: the hash of hotkey, storage index, uids, values, salt and version key in SCALE
/// (`do_reveal_weights` of subtensor).
#[must_use]
pub fn commit_hash(
    hotkey: &Account,
    netuid: NetUid,
    mechanism: MechId,
    row: &Row,
    salt: &[u16],
    version_key: u64,
) -> Hash32 {
    let (uids, values) = row.columns();
    Hash32::of(&(hotkey.0, storage_index(netuid, mechanism), uids, values, salt, version_key).encode())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Uid;

    #[test]
    fn the_hash_is_the_chains() {
        // From the chain's own code, see the vector of the specification.
        let row = Row(vec![(Uid(0), 65535), (Uid(1), 1)]);
        let hash = commit_hash(&Account([1; 32]), NetUid(1), 0, &row, &[1, 2, 3], 0);
        assert_eq!(hash.to_string(), "0xdc69aa8ece2e5a5684c3ff3500fd48b27e32c320b8f72dcf59a7799785793ae8");
        assert_ne!(hash, commit_hash(&Account([1; 32]), NetUid(1), 1, &row, &[1, 2, 3], 0), "another mechanism");
        let text = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<Hash32>(&text).unwrap(), hash);
    }
}
