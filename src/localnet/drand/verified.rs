//! Pulses are verified once per process: two pairings take a hundred times as long as an empty block.

use super::{BeaconConfiguration, Pulse};
use crate::localnet::runtime::signature;
use crate::timelock::{PublicKey, Signature};
use codec::Encode;

/// Under whose key a pulse is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// The one that the chain names.
    Chain,
    /// Drand's `quicknet`.
    Quicknet,
}

/// Whose pulse this is; `None` when neither the chain's beacon nor `quicknet` signed it, or its randomness is another's.
#[must_use]
pub fn checked(beacon: &BeaconConfiguration, pulse: &Pulse) -> Option<Signer> {
    let candidates =
        [(Signer::Chain, beacon.public_key.as_slice()), (Signer::Quicknet, PublicKey::QUICKNET.as_bytes())];
    let known = candidates.iter().find(|(_, key)| signature::is_known(&fingerprint(key, pulse)));
    let (signer, key) = known.or_else(|| candidates.iter().find(|(_, key)| is_good(key, pulse)))?;
    signature::remember(fingerprint(key, pulse));
    Some(*signer)
}

/// Notes a pulse that was signed a moment ago by the one who has the key.
pub fn remember(key: &PublicKey, pulse: &Pulse) {
    signature::remember(fingerprint(key.as_bytes(), pulse));
}

fn is_good(key: &[u8], pulse: &Pulse) -> bool {
    let (Ok(key), Ok(signature)) = (PublicKey::from_bytes(key), Signature::from_bytes(&pulse.signature)) else {
        return false;
    };
    signature.randomness().as_slice() == pulse.randomness.as_slice() && key.verifies(pulse.round, &signature)
}

fn fingerprint(key: &[u8], pulse: &Pulse) -> [u8; 32] {
    sp_io::hashing::blake2_256(&("pulse", key, pulse).encode())
}
