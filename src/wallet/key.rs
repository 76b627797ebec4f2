//! The two sides of a key: the public one, which everybody may hold, and the unlocked one with all that was kept of it.

use sp_core::{Pair as _, sr25519};
use zeroize::Zeroizing;

use super::pair::{KeyError, Keypair, Scheme};
use super::phrase::Phrase;
use super::secret::Secret;
use crate::units::Account;

/// The public side of a key: who it is and how its signatures are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    /// The address.
    pub account: Account,
    /// The scheme of its signatures.
    pub scheme: Scheme,
}

/// An unlocked key with the origin that was kept: the phrase, when it alone rebuilds the key, and the seed.
#[derive(Debug)]
pub struct UnlockedKey {
    pair: Keypair,
    phrase: Option<Phrase>,
    seed: Option<Seed>,
    /// Fields of the file that mean nothing to us, kept when it is rewritten.
    pub(super) extra: Vec<(String, Secret)>,
}

/// A mini-secret. `Debug` shows nothing.
struct Seed(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}

impl UnlockedKey {
    /// From a phrase alone, which is kept.
    #[must_use]
    pub fn from_phrase(phrase: Phrase, scheme: Scheme) -> Self {
        let seed = mini_secret(&phrase, None);
        Self {
            pair: Keypair::from_seed(&seed, scheme),
            phrase: Some(phrase),
            seed: Some(Seed(seed)),
            extra: Vec::new(),
        }
    }

    /// From a phrase and its BIP-39 password. The phrase is not kept: it would not rebuild the key by itself.
    #[must_use]
    pub fn from_phrase_and_password(phrase: Phrase, password: &Secret, scheme: Scheme) -> Self {
        if password.is_empty() {
            return Self::from_phrase(phrase, scheme);
        }
        let seed = mini_secret(&phrase, Some(password.expose()));
        Self { pair: Keypair::from_seed(&seed, scheme), phrase: None, seed: Some(Seed(seed)), extra: Vec::new() }
    }

    /// From a 32-byte seed.
    #[must_use]
    pub fn from_seed(seed: Zeroizing<[u8; 32]>, scheme: Scheme) -> Self {
        Self { pair: Keypair::from_seed(&seed, scheme), phrase: None, seed: Some(Seed(seed)), extra: Vec::new() }
    }

    /// From a private key of 32 (a seed) or 64 bytes.
    ///
    /// # Errors
    /// [`KeyError::Private`] when it is none.
    pub fn from_private(bytes: &[u8], scheme: Scheme) -> Result<Self, KeyError> {
        match bytes.try_into() {
            Ok(seed) => Ok(Self::from_seed(Zeroizing::new(seed), scheme)),
            Err(_) => Ok(Self::from_pair(Keypair::from_private(bytes, scheme)?)),
        }
    }

    /// From a secret URI. A bare phrase or seed is kept as what it is; with a path or password only the key is.
    ///
    /// # Errors
    /// [`KeyError::SecretUri`] when the URI is none.
    pub fn from_uri(uri: &str, scheme: Scheme) -> Result<Self, KeyError> {
        if let Ok(phrase) = Phrase::strict(uri) {
            return Ok(Self::from_phrase(phrase, scheme));
        }
        let mut seed = Zeroizing::new([0; 32]);
        if uri.strip_prefix("0x").is_some_and(|digits| hex::decode_to_slice(digits, seed.as_mut()).is_ok()) {
            return Ok(Self::from_seed(seed, scheme));
        }
        Keypair::from_uri(uri, scheme).map(Self::from_pair)
    }

    /// From a key whose origin is not known.
    #[must_use]
    pub fn from_pair(pair: Keypair) -> Self {
        Self { pair, phrase: None, seed: None, extra: Vec::new() }
    }

    /// The key that signs.
    #[must_use]
    pub const fn keypair(&self) -> &Keypair {
        &self.pair
    }

    /// The key that signs, without the rest.
    #[must_use]
    pub fn into_keypair(self) -> Keypair {
        self.pair
    }

    /// The public side.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey { account: self.pair.account(), scheme: self.pair.scheme() }
    }

    /// The phrase, when one was kept.
    #[must_use]
    pub const fn phrase(&self) -> Option<&Phrase> {
        self.phrase.as_ref()
    }

    /// The 32-byte seed, when one was kept.
    #[must_use]
    pub fn seed(&self) -> Option<&[u8; 32]> {
        self.seed.as_ref().map(|seed| &*seed.0)
    }

    pub(super) fn keep_phrase(&mut self, phrase: Phrase) {
        self.phrase = Some(phrase);
    }

    pub(super) fn keep_seed(&mut self, seed: Zeroizing<[u8; 32]>) {
        self.seed = Some(Seed(seed));
    }
}

/// substrate-bip39: PBKDF2 over the entropy, not the words; the first 32 bytes serve both schemes.
fn mini_secret(phrase: &Phrase, password: Option<&str>) -> Zeroizing<[u8; 32]> {
    // A `Phrase` is valid by construction, so the fallback is never taken; zeros would fail every address check.
    Zeroizing::new(sr25519::Pair::from_phrase(phrase.expose(), password).map_or([0; 32], |(_, seed)| seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

    #[test]
    fn the_phrase_is_kept_only_when_it_rebuilds_the_key() {
        let phrase = || Phrase::strict(WORDS).unwrap();
        let whole = UnlockedKey::from_phrase(phrase(), Scheme::Sr25519);
        assert!(whole.phrase().is_some() && whole.seed().is_some());
        let with_password = UnlockedKey::from_phrase_and_password(phrase(), &Secret::new("pw".into()), Scheme::Sr25519);
        assert!(with_password.phrase().is_none() && with_password.seed().is_some());
        assert_ne!(whole.public(), with_password.public());
        let derived = UnlockedKey::from_uri(&format!("{WORDS}//hard"), Scheme::Sr25519).unwrap();
        assert!(derived.phrase().is_none() && derived.seed().is_none());
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = UnlockedKey::from_phrase(Phrase::strict(WORDS).unwrap(), Scheme::Sr25519);
        let shown = format!("{key:?}");
        assert!(!shown.contains("bottom") && !shown.contains(&hex::encode(key.seed().unwrap())), "{shown}");
    }
}
