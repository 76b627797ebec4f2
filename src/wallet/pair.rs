//! Signing and verification with both schemes of the chain. One implementation: `sp-core`'s, the chain's own.

use std::fmt;

use sp_core::{Pair as _, ed25519, sr25519};

use crate::units::Account;

/// A signature scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Schnorrkel, context `substrate`: the default, and the only one of the axon protocol up to SDK 10.
    Sr25519,
    /// Edwards.
    Ed25519,
}

/// Why a key could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The secret URI (phrase, seed or `//Dev` path) was not understood. The text itself is secret, so not shown.
    #[error("the secret phrase, seed or derivation path was not understood ({0})")]
    SecretUri(String),
}

/// An unlocked key. Its secret never shows in `Debug`.
#[derive(Clone)]
pub enum Keypair {
    /// An sr25519 key.
    Sr25519(Box<sr25519::Pair>),
    /// An ed25519 key.
    Ed25519(Box<ed25519::Pair>),
}

impl Keypair {
    /// From a secret URI: `//Alice`, a phrase, `0x` and 64 hex digits, with derivation junctions.
    ///
    /// # Errors
    /// [`KeyError::SecretUri`] when the text is none of these.
    pub fn from_uri(uri: &str, scheme: Scheme) -> Result<Self, KeyError> {
        let refuse = |e: sp_core::crypto::SecretStringError| KeyError::SecretUri(format!("{e:?}"));
        match scheme {
            Scheme::Sr25519 => {
                sr25519::Pair::from_string(uri, None).map(|p| Self::Sr25519(Box::new(p))).map_err(refuse)
            }
            Scheme::Ed25519 => {
                ed25519::Pair::from_string(uri, None).map(|p| Self::Ed25519(Box::new(p))).map_err(refuse)
            }
        }
    }

    /// The public side.
    #[must_use]
    pub fn account(&self) -> Account {
        match self {
            Self::Sr25519(pair) => Account(pair.public().0),
            Self::Ed25519(pair) => Account(pair.public().0),
        }
    }

    /// Which scheme it signs with.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        match self {
            Self::Sr25519(_) => Scheme::Sr25519,
            Self::Ed25519(_) => Scheme::Ed25519,
        }
    }

    /// Signs `message` as it is.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        match self {
            Self::Sr25519(pair) => pair.sign(message).0,
            Self::Ed25519(pair) => pair.sign(message).0,
        }
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keypair({:?}, {})", self.scheme(), self.account())
    }
}

/// Whether `signature` is `signer`'s over `message`.
#[must_use]
pub fn verify(scheme: Scheme, signer: &Account, message: &[u8], signature: &[u8; 64]) -> bool {
    match scheme {
        Scheme::Sr25519 => sr25519::Pair::verify(
            &sr25519::Signature::from_raw(*signature),
            message,
            &sr25519::Public::from_raw(signer.0),
        ),
        Scheme::Ed25519 => ed25519::Pair::verify(
            &ed25519::Signature::from_raw(*signature),
            message,
            &ed25519::Public::from_raw(signer.0),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_verifies_its_own_and_nothing_else() {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            let key = Keypair::from_uri("//Alice", scheme).unwrap();
            let signature = key.sign(b"message");
            assert!(verify(scheme, &key.account(), b"message", &signature));
            assert!(!verify(scheme, &key.account(), b"massage", &signature));
        }
        assert!(Keypair::from_uri("not a phrase", Scheme::Sr25519).is_err());
    }
}
