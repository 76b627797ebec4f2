//! The `$NACL` envelope: `"$NACL" | nonce 24 | tag 16 | XSalsa20 ciphertext`, key by Argon2i over a fixed salt.
//!
//! The salt is the same for the whole world, so one guess attacks every wallet at once: long passwords matter. It
//! cannot change without losing interchange. It also makes one derivation serve every file with the same password.

use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use crypto_secretbox::aead::{Aead as _, AeadCore as _, OsRng};
use crypto_secretbox::{KeyInit as _, Nonce, XSalsa20Poly1305};
use zeroize::Zeroizing;

use super::KeyfileError;
use crate::wallet::secret::Secret;

const PREFIX: &[u8] = b"$NACL";
const NONCE: usize = 24;
const TAG: usize = 16;
const SALT: [u8; 16] = [0x13, 0x71, 0x83, 0xdf, 0xf1, 0x5a, 0x09, 0xbc, 0x9c, 0x90, 0xb5, 0x51, 0x87, 0x39, 0xe9, 0xb1];
/// libsodium's "sensitive" limits.
const MEMORY_KIB: u32 = 512 * 1024;
const PASSES: u32 = 8;
/// Passwords remembered at once: a coldkey's, a hotkey's, and the tries of one sitting.
const REMEMBERED: usize = 8;

type NaclKey = Zeroizing<[u8; 32]>;

/// Derived keys of this process, so that a password costs one derivation however many files it opens.
/// The lock is held while deriving: never two times 512 MiB.
#[derive(Default)]
pub struct KeyCache(Mutex<Vec<(Secret, NaclKey)>>);

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyCache(…)")
    }
}

impl KeyCache {
    /// A cache that knows a made-up key for `password`, so that a test does not pay for a derivation.
    #[cfg(test)]
    pub(crate) fn knowing(password: &str) -> Self {
        Self::knowing_all(&[(password, 7)])
    }

    /// The same for several passwords, each with a key of its own.
    #[cfg(test)]
    pub(crate) fn knowing_all(known: &[(&str, u8)]) -> Self {
        let made_up =
            |(password, byte): &(&str, u8)| (Secret::new((*password).to_owned()), Zeroizing::new([*byte; 32]));
        Self(Mutex::new(known.iter().map(made_up).collect()))
    }

    fn key(&self, password: &Secret) -> Result<NaclKey, KeyfileError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = known.iter().find(|(of, _)| of.expose() == password.expose()) {
            return Ok(key.clone());
        }
        let key = derive(password)?;
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        known.push((Secret::new(password.expose().to_owned()), key.clone()));
        Ok(key)
    }
}

/// Argon2i 1.3 over the password: about 2–4 s of one core and 512 MiB.
fn derive(password: &Secret) -> Result<NaclKey, KeyfileError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).map_err(|_| KeyfileError::NoMemory)?;
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(params.block_count()).map_err(|_| KeyfileError::NoMemory)?;
    memory.resize(params.block_count(), Block::default());
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2i, Version::V0x13, params)
        .hash_password_into_with_memory(password.expose().as_bytes(), &SALT, key.as_mut(), &mut memory)
        .map_err(|_| KeyfileError::NoMemory)?;
    Ok(key)
}

/// Opens an envelope; the second value says that a line end behind it had to be dropped.
pub(super) fn open(
    bytes: &[u8],
    password: &Secret,
    keys: &KeyCache,
) -> Result<(Zeroizing<Vec<u8>>, bool), KeyfileError> {
    let body = bytes.strip_prefix(PREFIX).unwrap_or_default();
    if body.len() < NONCE + TAG {
        return Err(KeyfileError::Truncated("shorter than the $NACL envelope itself"));
    }
    let key = keys.key(password)?;
    if let Some(plain) = decrypt(body, &key) {
        return Ok((plain, false));
    }
    let trimmed = body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n"));
    match trimmed.and_then(|body| decrypt(body, &key)) {
        Some(plain) => Ok((plain, true)),
        None => Err(KeyfileError::WrongPassword),
    }
}

fn decrypt(body: &[u8], key: &NaclKey) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = body.split_at_checked(NONCE)?;
    XSalsa20Poly1305::new(key.as_slice().into()).decrypt(Nonce::from_slice(nonce), sealed).ok().map(Zeroizing::new)
}

/// Seals `plain` with a fresh nonce.
pub(super) fn seal(plain: &[u8], password: &Secret, keys: &KeyCache) -> Result<Zeroizing<Vec<u8>>, KeyfileError> {
    let key = keys.key(password)?;
    let nonce = XSalsa20Poly1305::generate_nonce(&mut OsRng);
    let sealed = XSalsa20Poly1305::new(key.as_slice().into())
        .encrypt(&nonce, plain)
        .map_err(|_| KeyfileError::BadContent("too long to encrypt".to_owned()))?;
    Ok(Zeroizing::new([PREFIX, &nonce, &sealed].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_with_its_password_and_nonces_differ() {
        let (keys, password) = (KeyCache::knowing("pw"), Secret::new("pw".into()));
        let sealed = seal(b"{}", &password, &keys).unwrap();
        assert_eq!(open(&sealed, &password, &keys).unwrap().0.as_slice(), b"{}");
        assert_ne!(sealed, seal(b"{}", &password, &keys).unwrap());
        let mut edited = sealed.to_vec();
        edited.push(b'\n');
        assert!(open(&edited, &password, &keys).unwrap().1);
        edited[30] ^= 1;
        assert_eq!(open(&edited, &password, &keys).unwrap_err(), KeyfileError::WrongPassword);
    }

    #[test]
    fn too_short_is_told_before_anything_is_derived() {
        for length in 0..NONCE + TAG {
            let bytes = [PREFIX, &vec![0; length]].concat();
            let refused = open(&bytes, &Secret::new(String::new()), &KeyCache::default()).unwrap_err();
            assert!(matches!(refused, KeyfileError::Truncated(_)));
        }
    }
}
