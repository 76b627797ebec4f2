//! The bytes of what is sealed: hash of the key, ML-KEM-768 ciphertext with its length, nonce, and the extrinsic under
//! XChaCha20-Poly1305 with the shared secret as its key.

use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use ml_kem::{B32, Ciphertext, EncodedSizeUser, KemCore, MlKem768, kem::Decapsulate};
use sp_io::hashing::{blake2_256, twox_128};

type PrivateKey = <MlKem768 as KemCore>::DecapsulationKey;
type PublicKey = <MlKem768 as KemCore>::EncapsulationKey;

/// The author's key of one period.
pub(crate) struct SecretKey {
    private: PrivateKey,
    public: PublicKey,
}

/// The parts of what a client sealed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sealed<'a> {
    /// twox-128 of the public key.
    pub(crate) key_hash: &'a [u8; 16],
    encapsulated: &'a [u8],
    nonce: &'a [u8; 24],
    body: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Takes the bytes apart; `None` when they are no such thing.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (key_hash, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (encapsulated, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        let (nonce, body) = rest.split_first_chunk()?;
        Some(Self { key_hash, encapsulated, nonce, body })
    }
}

impl SecretKey {
    /// The key that follows from a seed.
    pub(crate) fn of(seed: &[u8]) -> Self {
        let half = |name: &[u8]| B32::from(blake2_256(&[seed, name].concat()));
        let (private, public) = MlKem768::generate_deterministic(&half(b"d"), &half(b"z"));
        Self { private, public }
    }

    /// What clients seal with: 1184 bytes.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.public.as_bytes().to_vec()
    }

    /// What was sealed with the public key; `None` when it was another, or the bytes were changed.
    pub(crate) fn open(&self, sealed: &Sealed<'_>) -> Option<Vec<u8>> {
        if twox_128(&self.public()) != *sealed.key_hash {
            return None;
        }
        let encapsulated = Ciphertext::<MlKem768>::try_from(sealed.encapsulated).ok()?;
        let secret = self.private.decapsulate(&encapsulated).ok()?;
        let cipher = XChaCha20Poly1305::new_from_slice(&secret).ok()?;
        cipher.decrypt(XNonce::from_slice(sealed.nonce), sealed.body).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ml_kem::EncapsulateDeterministic;

    fn sealed(key: &SecretKey, plain: &[u8]) -> Vec<u8> {
        let (encapsulated, secret) = key.public.encapsulate_deterministic(&B32::from([3; 32])).unwrap();
        let nonce = [9; 24];
        let cipher = XChaCha20Poly1305::new_from_slice(&secret).unwrap();
        let body = cipher.encrypt(XNonce::from_slice(&nonce), plain).unwrap();
        let length = u16::try_from(encapsulated.len()).unwrap().to_le_bytes();
        [&twox_128(&key.public())[..], &length, &encapsulated, &nonce, &body].concat()
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_no_other() {
        let (key, other) = (SecretKey::of(b"one"), SecretKey::of(b"another"));
        assert_eq!(key.public().len(), 1184);
        let mut bytes = sealed(&key, b"hello");
        assert_eq!(bytes.len(), 16 + 2 + 1088 + 24 + 5 + 16);
        assert_eq!(key.open(&Sealed::parse(&bytes).unwrap()).as_deref(), Some(&b"hello"[..]));
        assert_eq!(other.open(&Sealed::parse(&bytes).unwrap()), None);
        *bytes.last_mut().unwrap() ^= 1;
        assert_eq!(key.open(&Sealed::parse(&bytes).unwrap()), None);
        for length in 0..1130 {
            assert!(Sealed::parse(&bytes[..length]).is_none(), "{length}");
        }
    }
}
