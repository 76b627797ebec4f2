//! Signing and verification with both schemes of the chain. One implementation: `sp-core`'s, the chain's own.

use std::fmt;
use std::str::FromStr;

use sp_core::crypto::SecretStringError;
use sp_core::{Pair as _, ed25519, sr25519};
use zeroize::Zeroizing;

use crate::units::Account;

/// A signature scheme.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, schemars::JsonSchema, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Schnorrkel, context `substrate`: the default, and the only one of the axon protocol up to SDK 10.
    #[default]
    Sr25519,
    /// Edwards.
    Ed25519,
}

impl Scheme {
    /// The other of the two.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Sr25519 => Self::Ed25519,
            Self::Ed25519 => Self::Sr25519,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sr25519 => "sr25519",
            Self::Ed25519 => "ed25519",
        })
    }
}

/// A text that names no signature scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a key type; use sr25519 (1) or ed25519 (0)")]
pub struct NotAScheme(pub String);

/// By name, or by the number keyfiles use: 0 = ed25519, 1 = sr25519.
impl FromStr for Scheme {
    type Err = NotAScheme;

    fn from_str(text: &str) -> Result<Self, NotAScheme> {
        match text.to_ascii_lowercase().as_str() {
            "sr25519" | "1" => Ok(Self::Sr25519),
            "ed25519" | "0" => Ok(Self::Ed25519),
            _ => Err(NotAScheme(text.chars().take(24).collect())),
        }
    }
}

/// Why a key could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The secret URI (phrase, seed or `//Dev` path) was not understood. The text itself is secret, so not shown.
    #[error("the secret phrase, seed or derivation path was not understood ({0})")]
    SecretUri(String),
    /// Bytes that are no private key of the scheme.
    #[error("these {length} bytes are not a {scheme} private key")]
    Private {
        /// How many bytes there were.
        length: usize,
        /// The scheme asked for.
        scheme: Scheme,
    },
}

/// What is wrong with a secret URI, in words that do not quote it (the library's own `Debug` does).
fn uri_fault(fault: &SecretStringError) -> &'static str {
    match fault {
        SecretStringError::InvalidFormat(_) => "the derivation path is malformed",
        SecretStringError::InvalidPhrase => {
            "the phrase is not 12, 15, 18, 21 or 24 words of the list with a good checksum"
        }
        SecretStringError::InvalidPassword => "the password of the phrase is not allowed",
        SecretStringError::InvalidSeed => "the seed is not 32 bytes as 0x and 64 hex digits",
        SecretStringError::InvalidSeedLength => "the seed has the wrong length",
        SecretStringError::InvalidPath => "ed25519 keys have no soft derivation (`/name`); use `//name`",
    }
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
        let refuse = |e: SecretStringError| KeyError::SecretUri(uri_fault(&e).to_owned());
        match scheme {
            Scheme::Sr25519 => {
                sr25519::Pair::from_string(uri, None).map(|p| Self::Sr25519(Box::new(p))).map_err(refuse)
            }
            Scheme::Ed25519 => {
                ed25519::Pair::from_string(uri, None).map(|p| Self::Ed25519(Box::new(p))).map_err(refuse)
            }
        }
    }

    /// From the 32-byte mini-secret, called seed in keyfiles.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32], scheme: Scheme) -> Self {
        match scheme {
            Scheme::Sr25519 => Self::Sr25519(Box::new(sr25519::Pair::from_seed(seed))),
            Scheme::Ed25519 => Self::Ed25519(Box::new(ed25519::Pair::from_seed(seed))),
        }
    }

    /// From the private key of a keyfile: 32 bytes are a seed; 64 bytes are, for sr25519, scalar and nonce in
    /// schnorrkel's own form, and for ed25519 seed and public key.
    ///
    /// # Errors
    /// [`KeyError::Private`] for other lengths and for bytes that contradict themselves.
    pub fn from_private(bytes: &[u8], scheme: Scheme) -> Result<Self, KeyError> {
        let refuse = || KeyError::Private { length: bytes.len(), scheme };
        if let Ok(seed) = bytes.try_into() {
            return Ok(Self::from_seed(seed, scheme));
        }
        let Some((seed, rest)) = bytes.split_first_chunk::<32>().filter(|(_, rest)| rest.len() == 32) else {
            return Err(refuse());
        };
        match scheme {
            Scheme::Sr25519 => {
                sr25519::Pair::from_seed_slice(bytes).map(|p| Self::Sr25519(Box::new(p))).map_err(|_| refuse())
            }
            Scheme::Ed25519 => {
                let pair = Self::from_seed(seed, scheme);
                if pair.account().0 == rest { Ok(pair) } else { Err(refuse()) }
            }
        }
    }

    /// The private key as keyfiles hold it: 64 bytes for sr25519, 32 for ed25519.
    #[must_use]
    pub fn private_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Sr25519(pair) => pair.to_raw_vec(),
            Self::Ed25519(pair) => pair.to_raw_vec(),
        })
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

/// Whether `signature` is `signer`'s over `message`, bare or between `<Bytes>` and `</Bytes>` as browser wallets sign.
#[must_use]
pub fn verify_message(scheme: Scheme, signer: &Account, message: &[u8], signature: &[u8; 64]) -> bool {
    verify(scheme, signer, message, signature)
        || verify(scheme, signer, &[b"<Bytes>", message, b"</Bytes>"].concat(), signature)
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
            let wrapped = key.sign(b"<Bytes>message</Bytes>");
            assert!(!verify(scheme, &key.account(), b"message", &wrapped));
            assert!(verify_message(scheme, &key.account(), b"message", &wrapped));
        }
    }

    #[test]
    fn a_refused_uri_is_not_quoted() {
        for uri in ["not a phrase", "secretword//", "0x1234"] {
            let refusal = Keypair::from_uri(uri, Scheme::Sr25519).unwrap_err();
            assert!(!format!("{refusal} {refusal:?}").contains(uri));
        }
    }

    #[test]
    fn a_key_comes_back_from_its_private_bytes() {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            let key = Keypair::from_uri("//Alice", scheme).unwrap();
            let again = Keypair::from_private(&key.private_bytes(), scheme).unwrap();
            assert_eq!(again.account(), key.account());
            assert!(Keypair::from_private(&[1; 33], scheme).is_err());
        }
        assert!(Keypair::from_private(&[1; 64], Scheme::Ed25519).is_err(), "the halves disagree");
    }
}
