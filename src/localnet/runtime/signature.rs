//! A `MultiSignature` that remembers what was verified already: the pool and the block both check a signature, which
//! costs 30–60 µs, and only the first pays.

use super::super::impersonation;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_runtime::{
    AccountId32, MultiSignature, MultiSigner,
    traits::{Lazy, Verify},
};
use std::{
    collections::HashSet,
    mem,
    sync::{LazyLock, RwLock},
};

/// Fingerprints per generation; there are two, so at most twice as many are kept (about 6 MiB).
const GENERATION: usize = 65_536;

/// Fingerprints of good signatures in two generations: when the young one is full it replaces the old one.
#[derive(Default)]
struct Known {
    young: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
}

impl Known {
    fn contains(&self, key: &[u8; 32]) -> bool {
        self.young.contains(key) || self.old.contains(key)
    }

    fn insert(&mut self, key: [u8; 32]) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key);
    }
}

static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

/// Was something with this fingerprint verified lately?
pub(in crate::localnet) fn is_known(fingerprint: &[u8; 32]) -> bool {
    KNOWN.read().is_ok_and(|known| known.contains(fingerprint))
}

/// Notes that what has this fingerprint is good.
pub(in crate::localnet) fn remember(fingerprint: [u8; 32]) {
    if let Ok(mut known) = KNOWN.write() {
        known.insert(fingerprint);
    }
}

/// Same bytes and same registry entry as `sp_runtime::MultiSignature`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct RememberedSignature(pub MultiSignature);

impl TypeInfo for RememberedSignature {
    type Identity = MultiSignature;

    fn type_info() -> scale_info::Type {
        MultiSignature::type_info()
    }
}

impl Verify for RememberedSignature {
    type Signer = MultiSigner;

    fn verify<L: Lazy<[u8]>>(&self, mut message: L, signer: &AccountId32) -> bool {
        let message = message.get();
        let key = sp_io::hashing::blake2_256(&(&self.0, signer, message).encode());
        if is_known(&key) {
            return true;
        }
        let good = self.0.verify(message, signer);
        if good {
            remember(key);
        }
        good || impersonation::is_on(signer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sp_core::{Pair, sr25519};

    #[test]
    fn a_remembered_signature_is_good_for_its_message_and_signer_only() {
        let alice = sr25519::Pair::from_string("//Alice", None).unwrap();
        let bob = sr25519::Pair::from_string("//Bob", None).unwrap();
        let signature = RememberedSignature(alice.sign(b"hello").into());
        for _ in 0..2 {
            assert!(signature.verify(&b"hello"[..], &alice.public().into()));
            assert!(!signature.verify(&b"hullo"[..], &alice.public().into()));
            assert!(!signature.verify(&b"hello"[..], &bob.public().into()));
        }
    }

    #[test]
    fn the_table_keeps_two_generations() {
        let mut known = Known::default();
        for n in 0..(3 * GENERATION as u64) {
            known.insert(sp_io::hashing::blake2_256(&n.encode()));
        }
        assert!(known.young.len() + known.old.len() <= 2 * GENERATION);
        assert!(known.contains(&sp_io::hashing::blake2_256(&(3 * GENERATION as u64 - 1).encode())));
    }
}
