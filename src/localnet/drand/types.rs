//! What the pallet stores, in SCALE order as the real chain has it.

use crate::timelock::{PublicKey, Schedule, SecretKey, Signature};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
    BoundedVec,
    traits::{ConstU32, Get},
};
use scale_info::TypeInfo;

type Bytes<const MOST: u32> = BoundedVec<u8, ConstU32<MOST>>;

/// A beacon: its key, and when it publishes which round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct BeaconConfiguration {
    /// Compressed point of G2.
    pub public_key: Bytes<96>,
    /// Seconds between rounds.
    pub period: u32,
    /// Unix time of round 1, in seconds.
    pub genesis_time: u32,
    /// The beacon's name for itself.
    pub hash: Bytes<32>,
    /// Hash of the group that runs it.
    pub group_hash: Bytes<32>,
    /// How it signs, shortened to 32 bytes.
    pub scheme_id: Bytes<32>,
    /// More about it.
    pub metadata: Metadata,
}

/// More about a beacon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Metadata {
    /// Its name.
    pub beacon_id: Bytes<32>,
}

/// What a beacon publishes for a round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Pulse {
    /// The round.
    pub round: u64,
    /// SHA-256 of the signature.
    pub randomness: Bytes<32>,
    /// Compressed point of G1.
    pub signature: Bytes<144>,
}

/// Pulses, and who fetched them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct PulsesPayload<Public, BlockNumber> {
    /// The block at which they were fetched.
    pub block_number: BlockNumber,
    /// In the order of rounds.
    pub pulses: Vec<Pulse>,
    /// Who fetched them.
    pub public: Public,
}

/// A beacon, and who names it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct BeaconConfigurationPayload<Public, BlockNumber> {
    /// The block at which it was looked up.
    pub block_number: BlockNumber,
    /// The beacon.
    pub config: BeaconConfiguration,
    /// Who looked it up.
    pub public: Public,
}

impl BeaconConfiguration {
    /// A beacon with this key and the rounds of `quicknet`, whose numbers the SDKs take for granted.
    #[must_use]
    pub fn of(key: &PublicKey, hash: &[u8], name: &str) -> Self {
        let Schedule { genesis_unix_s, period_s } = Schedule::QUICKNET;
        Self {
            public_key: BoundedVec::truncate_from(key.as_bytes().to_vec()),
            period: u32::try_from(period_s).unwrap_or(u32::MAX),
            genesis_time: u32::try_from(genesis_unix_s).unwrap_or(u32::MAX),
            hash: BoundedVec::truncate_from(hash.to_vec()),
            group_hash: BoundedVec::truncate_from(hash.to_vec()),
            scheme_id: BoundedVec::truncate_from(b"bls-unchained-g1-rfc9380".to_vec()),
            metadata: Metadata { beacon_id: BoundedVec::truncate_from(name.as_bytes().to_vec()) },
        }
    }

    /// When it publishes which round.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        Schedule { genesis_unix_s: self.genesis_time.into(), period_s: self.period.into() }
    }
}

impl Pulse {
    /// The pulse with this signature.
    #[must_use]
    pub fn of(round: u64, signature: &Signature) -> Self {
        Self {
            round,
            randomness: BoundedVec::truncate_from(signature.randomness().to_vec()),
            signature: BoundedVec::truncate_from(signature.as_bytes().to_vec()),
        }
    }
}

/// The beacon of a chain that names none: drand's `quicknet`.
#[derive(Debug)]
pub struct Quicknet;

impl Get<BeaconConfiguration> for Quicknet {
    fn get() -> BeaconConfiguration {
        const HASH: &str = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
        BeaconConfiguration::of(&PublicKey::QUICKNET, &hex::decode(HASH).unwrap_or_default(), "quicknet")
    }
}

/// The secret key of a chain with this genesis. Everybody can make it: a development chain hides nothing.
#[must_use]
pub fn secret_of(genesis_fingerprint: &[u8; 32]) -> SecretKey {
    SecretKey::from_seed(&[b"beacon of a development chain".as_slice(), genesis_fingerprint].concat())
}
