//! A `MultiSignature` that remembers what was verified already: the pool and the block both check a signature, which
//! costs 30–60 µs, and only the first pays. Who has several to check may have that done together, for half as much each.

use super::super::impersonation;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use schnorrkel::{PublicKey, signing_context, verify_batch};
use sp_runtime::{
    AccountId32, MultiSignature, MultiSigner,
    traits::{Lazy, Verify},
};
use std::{
    cell::RefCell,
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

/// What an sr25519 signature is made in.
const CONTEXT: &[u8] = b"substrate";

/// A signature that passed for good and has to be checked.
pub(in crate::localnet) struct Later {
    fingerprint: [u8; 32],
    signature: schnorrkel::Signature,
    signer: PublicKey,
    message: Vec<u8>,
}

thread_local! {
    /// Of the run under way on this thread, if it leaves signatures for later.
    static LATER: RefCell<Option<Vec<Later>>> = const { RefCell::new(None) };
}

/// Runs code for which every sr25519 signature passes; what comes out of it is only true when they are good.
pub(in crate::localnet) fn later<R>(code: impl FnOnce() -> R) -> (R, Vec<Later>) {
    // Also when the code panics: the next to run on this thread checks its signatures itself.
    struct Ends;
    impl Drop for Ends {
        fn drop(&mut self) {
            LATER.set(None);
        }
    }
    let _ends = Ends;
    LATER.set(Some(Vec::new()));
    let result = code();
    (result, LATER.take().unwrap_or_default())
}

/// Checks signatures together; each is remembered when all are good.
pub(in crate::localnet) fn are_good<'a>(all: impl Iterator<Item = &'a Later>) -> bool {
    let all: Vec<&Later> = all.collect();
    let context = signing_context(CONTEXT);
    let messages = all.iter().map(|later| context.bytes(&later.message));
    let signatures: Vec<_> = all.iter().map(|later| later.signature).collect();
    let signers: Vec<_> = all.iter().map(|later| later.signer).collect();
    let good = all.is_empty() || verify_batch(messages, &signatures, &signers, false).is_ok();
    if good && let Ok(mut known) = KNOWN.write() {
        all.iter().for_each(|later| known.insert(later.fingerprint));
    }
    good
}

/// Leaves a signature for later, where that is wanted and can be.
fn postponed(fingerprint: [u8; 32], signature: &MultiSignature, message: &[u8], signer: &AccountId32) -> bool {
    let MultiSignature::Sr25519(signature) = signature else { return false };
    LATER.with_borrow_mut(|later| {
        let Some(later) = later else { return false };
        let (Ok(signature), Ok(signer)) =
            (schnorrkel::Signature::from_bytes(signature.as_ref()), PublicKey::from_bytes(signer.as_ref()))
        else {
            return false;
        };
        later.push(Later { fingerprint, signature, signer, message: message.to_vec() });
        true
    })
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
        if is_known(&key) || postponed(key, &self.0, message, signer) {
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
    fn after_a_panic_nothing_is_left_for_later() {
        let [alice, bob] = ["//Alice", "//Bob"].map(|uri| sr25519::Pair::from_string(uri, None).unwrap());
        let forged = RememberedSignature(alice.sign(b"after a panic").into());
        assert!(std::panic::catch_unwind(|| later(|| panic!("decoding"))).is_err());
        assert!(!forged.verify(&b"after a panic"[..], &bob.public().into()));
    }

    #[test]
    fn what_is_left_for_later_is_good_together_or_not_at_all() {
        let pairs: Vec<_> = (0..5).map(|n| sr25519::Pair::from_string(&format!("//Later{n}"), None).unwrap()).collect();
        let signed = |text: &str| -> Vec<_> {
            let sign = |pair: &sr25519::Pair| RememberedSignature(pair.sign(text.as_bytes()).into());
            pairs.iter().map(|pair| (sign(pair), pair.public().into())).collect()
        };
        let checked = |all: &[(RememberedSignature, AccountId32)], text: &'static str| {
            let (passed, later) = later(|| all.iter().all(|(signature, who)| signature.verify(text.as_bytes(), who)));
            assert!(passed);
            (later.len(), are_good(later.iter()))
        };
        let good = signed("together");
        assert_eq!(checked(&good, "together"), (5, true));
        assert_eq!(checked(&good, "together"), (0, true), "they are remembered");
        let mut forged = signed("forged");
        forged[2].0 = forged[1].0.clone();
        assert_eq!(checked(&forged, "forged"), (5, false));
        assert_eq!(checked(&forged, "forged"), (5, false), "none is remembered");
        assert!(!forged[2].0.verify(&b"forged"[..], &forged[2].1));
        assert!(forged[3].0.verify(&b"forged"[..], &forged[3].1));
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
