//! Account exports of polkadot-js, its browser extension and mobile apps: JSON version 3, in and out.
//!
//! `encoded` is base64 of `salt 32 | n u32 | p u32 | r u32 | nonce 24 | secretbox(PKCS#8)`. An sr25519 secret in it has
//! its scalar in the ed25519 form, eight times the one of keyfiles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::rand_core::RngCore as _;
use crypto_secretbox::aead::{Aead as _, AeadCore as _, OsRng};
use crypto_secretbox::{KeyInit as _, Nonce, XSalsa20Poly1305};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::key::UnlockedKey;
use super::keyfile::KeyfileError;
use super::pair::Scheme;
use super::secret::Secret;
use crate::units::Account;

/// The longest export that is read, in bytes.
pub const MAX_JSON_BYTES: usize = 256 * 1024;

/// The settings polkadot-js itself allows, as (n, p, r). Others are refused before a byte is allocated for them.
const ALLOWED: [(u32, u32, u32); 6] =
    [(1 << 13, 10, 8), (1 << 14, 5, 8), (1 << 15, 3, 8), (1 << 15, 1, 8), (1 << 16, 2, 8), (1 << 17, 1, 8)];
/// What polkadot-js writes today.
const CURRENT: (u32, u32, u32) = (1 << 17, 1, 8);

const HEADER: [u8; 16] =
    [0x30, 0x53, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const DIVIDER: [u8; 5] = [0xa1, 0x23, 0x03, 0x21, 0x00];
const SECRET: usize = 64;
const PUBLIC: usize = 32;

/// An imported account.
#[derive(Debug)]
pub struct Imported {
    /// The key. It has neither phrase nor seed: the export and its password stay the only backup.
    pub key: UnlockedKey,
    /// The name given to it in the app, if any.
    pub name: Option<String>,
    /// Whether the export was not encrypted at all.
    pub was_open: bool,
}

/// Opens an export.
///
/// # Errors
/// [`KeyfileError`]: not an export, a batch or ecdsa one, scrypt settings off the list, a wrong password, or an address
/// that is not the key's.
pub fn import(text: &str, password: Option<&Secret>) -> Result<Imported, KeyfileError> {
    if text.len() > MAX_JSON_BYTES {
        return Err(bad("it is longer than any account export"));
    }
    let json: Value = serde_json::from_str(text).map_err(|e| {
        KeyfileError::BadContent(format!("it is not valid JSON (line {}, column {})", e.line(), e.column()))
    })?;
    let export = Export::read(&json)?;
    let plain = export.decrypt(password)?;
    let (key, stored) = decode(&plain, export.scheme)?;
    if stored != key.public().account {
        return Err(KeyfileError::AddressMismatch { one: "encoded secret key", other: "encoded public key" });
    }
    if let Some(address) = at(&json, "/address").as_str() {
        let stated: Account = address.parse().map_err(|_| KeyfileError::BadAddress {
            field: "address",
            reason: "it is not an ss58 address".to_owned(),
        })?;
        if stated != stored {
            return Err(KeyfileError::AddressMismatch { one: "encoded", other: "address" });
        }
    }
    let name = at(&json, "/meta/name").as_str().map(|name| name.chars().filter(|c| !c.is_control()).take(64).collect());
    Ok(Imported { key, name, was_open: export.protection == Protection::Open })
}

/// Writes an export that polkadot-js, its extension and the mobile apps open: scrypt n = 2^17.
///
/// # Errors
/// [`KeyfileError::NoMemory`] when the 128 MiB of the derivation cannot be had.
pub fn export(key: &UnlockedKey, password: &Secret, name: &str) -> Result<String, KeyfileError> {
    let public = key.public();
    let mut plain = Zeroizing::new(Vec::with_capacity(128));
    plain.extend_from_slice(&HEADER);
    plain.extend_from_slice(&secret_for_export(key));
    plain.extend_from_slice(&DIVIDER);
    plain.extend_from_slice(public.account.as_bytes());
    let mut salt = [0; 32];
    OsRng.fill_bytes(&mut salt);
    let (n, p, r) = CURRENT;
    let cipher = XSalsa20Poly1305::new(derive(password, &salt, CURRENT)?.as_slice().into());
    let nonce = XSalsa20Poly1305::generate_nonce(&mut OsRng);
    let sealed = cipher.encrypt(&nonce, plain.as_slice()).map_err(|_| bad("it is too long to encrypt"))?;
    let encoded = [&salt[..], &n.to_le_bytes(), &p.to_le_bytes(), &r.to_le_bytes(), &nonce, &sealed].concat();
    let document = json!({
        "address": public.account.ss58(),
        "encoded": STANDARD.encode(encoded),
        "encoding": {
            "content": ["pkcs8", public.scheme.to_string()],
            "type": ["scrypt", "xsalsa20-poly1305"],
            "version": "3"
        },
        "meta": { "name": name }
    });
    Ok(document.to_string())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    Scrypt,
    /// The password's bytes, padded with zeros, are the key.
    Direct,
    Open,
}

struct Export {
    scheme: Scheme,
    protection: Protection,
    bytes: Zeroizing<Vec<u8>>,
}

impl Export {
    fn read(json: &Value) -> Result<Self, KeyfileError> {
        let encoding = at(json, "/encoding");
        let (Some(encoded), true) = (at(json, "/encoded").as_str(), encoding.is_object()) else {
            return Err(bad("it is not a polkadot-js account export: `encoded` and `encoding` are missing"));
        };
        if at(encoding, "/version") != "3" {
            return Err(KeyfileError::Unsupported("its format is not version 3; export the account again".to_owned()));
        }
        let unsupported = |what: &str| KeyfileError::Unsupported(what.to_owned());
        let scheme = match words(at(encoding, "/content")).as_slice() {
            ["pkcs8", "sr25519"] => Scheme::Sr25519,
            ["pkcs8", "ed25519"] => Scheme::Ed25519,
            ["pkcs8", "ecdsa" | "ethereum"] => return Err(unsupported("ecdsa accounts cannot be keys of this chain")),
            ["batch-pkcs8"] => {
                return Err(unsupported("it exports several accounts; export the one you need by itself"));
            }
            _ => return Err(unsupported("its content is not sr25519 or ed25519 in PKCS#8")),
        };
        let protection = match words(at(encoding, "/type")).as_slice() {
            ["scrypt", "xsalsa20-poly1305"] => Protection::Scrypt,
            ["xsalsa20-poly1305"] => Protection::Direct,
            ["none"] => Protection::Open,
            _ => return Err(unsupported("its encryption is not the one of polkadot-js")),
        };
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| bad("its `encoded` is not base64"))?;
        Ok(Self { scheme, protection, bytes: Zeroizing::new(bytes) })
    }

    fn decrypt(&self, password: Option<&Secret>) -> Result<Zeroizing<Vec<u8>>, KeyfileError> {
        const CUT: KeyfileError = KeyfileError::Truncated("its `encoded` ends early");
        let password = || password.ok_or(KeyfileError::Locked);
        let (key, body) = match self.protection {
            Protection::Open => return Ok(self.bytes.clone()),
            Protection::Direct => {
                let mut key = Zeroizing::new([0; 32]);
                key.iter_mut().zip(password()?.expose().bytes()).for_each(|(to, from)| *to = from);
                (key, self.bytes.as_slice())
            }
            Protection::Scrypt => {
                let (salt, rest) = self.bytes.split_first_chunk::<32>().ok_or(CUT)?;
                let (settings, body) = rest.split_first_chunk::<12>().ok_or(CUT)?;
                let settings = numbers(settings);
                if !ALLOWED.contains(&settings) {
                    return Err(KeyfileError::UnsupportedParameters);
                }
                (derive(password()?, salt, settings)?, body)
            }
        };
        let (nonce, sealed) = body.split_at_checked(24).filter(|(_, sealed)| sealed.len() >= 16).ok_or(CUT)?;
        XSalsa20Poly1305::new(key.as_slice().into())
            .decrypt(Nonce::from_slice(nonce), sealed)
            .map(Zeroizing::new)
            .map_err(|_| KeyfileError::WrongPassword)
    }
}

/// What is at a JSON pointer; null when nothing is.
fn at<'a>(json: &'a Value, pointer: &str) -> &'a Value {
    json.pointer(pointer).unwrap_or(&Value::Null)
}

fn words(list: &Value) -> Vec<&str> {
    match list {
        Value::String(word) => vec![word.as_str()],
        other => other.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

/// n, p and r, in the order of the file.
fn numbers(bytes: &[u8; 12]) -> (u32, u32, u32) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]), u32::from_le_bytes([i, j, k, l]))
}

fn derive(password: &Secret, salt: &[u8], (n, p, r): (u32, u32, u32)) -> Result<Zeroizing<[u8; 32]>, KeyfileError> {
    let log_n = u8::try_from(n.ilog2()).map_err(|_| KeyfileError::UnsupportedParameters)?;
    let params = scrypt::Params::new(log_n, r, p, 32).map_err(|_| KeyfileError::UnsupportedParameters)?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password.expose().as_bytes(), salt, &params, key.as_mut()).map_err(|_| KeyfileError::NoMemory)?;
    Ok(key)
}

/// The key and the public key stored beside it.
fn decode(plain: &[u8], scheme: Scheme) -> Result<(UnlockedKey, Account), KeyfileError> {
    let body = plain.strip_prefix(&HEADER[..]).ok_or_else(|| bad("the decrypted content is not a PKCS#8 key"))?;
    let (secret, rest) = body.split_at_checked(SECRET).ok_or(KeyfileError::Truncated("the PKCS#8 key ends early"))?;
    let public: [u8; PUBLIC] = rest
        .strip_prefix(&DIVIDER[..])
        .and_then(|public| public.try_into().ok())
        .ok_or_else(|| bad("the decrypted content is not a PKCS#8 key pair"))?;
    let mut secret = Zeroizing::new(secret.to_vec());
    if scheme == Scheme::Sr25519 {
        shift_scalar(&mut secret, Shift::DivideBy8);
    }
    let key = UnlockedKey::from_private(&secret, scheme)
        .map_err(|_| KeyfileError::AddressMismatch { one: "encoded secret key", other: "encoded public key" })?;
    // An ed25519 secret carries its seed; it is the private key of keyfiles.
    Ok((key, Account(public)))
}

fn secret_for_export(key: &UnlockedKey) -> Zeroizing<Vec<u8>> {
    let mut secret = key.keypair().private_bytes();
    match key.public().scheme {
        Scheme::Sr25519 => shift_scalar(&mut secret, Shift::MultiplyBy8),
        Scheme::Ed25519 => secret.extend_from_slice(key.public().account.as_bytes()),
    }
    secret
}

#[derive(Clone, Copy)]
enum Shift {
    DivideBy8,
    MultiplyBy8,
}

/// Divides or multiplies the little-endian scalar in the first 32 bytes by the cofactor.
fn shift_scalar(secret: &mut [u8], shift: Shift) {
    let Some(scalar) = secret.first_chunk_mut::<32>() else { return };
    let mut carry = 0;
    match shift {
        Shift::DivideBy8 => {
            for byte in scalar.iter_mut().rev() {
                let next = *byte << 5;
                *byte = (*byte >> 3) | carry;
                carry = next;
            }
        }
        Shift::MultiplyBy8 => {
            for byte in scalar.iter_mut() {
                let next = *byte >> 5;
                *byte = (*byte << 3) | carry;
                carry = next;
            }
        }
    }
}

fn bad(why: &str) -> KeyfileError {
    KeyfileError::BadContent(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Keypair;
    use super::*;

    #[test]
    fn the_scalar_survives_both_ways() {
        for name in ["//Alice", "//Bob", "//x"] {
            let key = UnlockedKey::from_pair(Keypair::from_uri(name, Scheme::Sr25519).unwrap());
            let exported = secret_for_export(&key);
            assert_ne!(exported, key.keypair().private_bytes());
            let mut plain = HEADER.to_vec();
            plain.extend_from_slice(&exported);
            plain.extend_from_slice(&DIVIDER);
            plain.extend_from_slice(key.public().account.as_bytes());
            let (again, public) = decode(&plain, Scheme::Sr25519).unwrap();
            assert_eq!(again.keypair().private_bytes(), key.keypair().private_bytes());
            assert_eq!(public, key.public().account);
        }
    }

    #[test]
    fn other_json_is_told_apart() {
        for (text, code) in
            [("{}", "bad_content"), ("[1", "bad_content"), (r#"{"encoded":"","encoding":{}}"#, "unsupported")]
        {
            assert_eq!(import(text, None).unwrap_err().code(), code, "{text}");
        }
    }
}
