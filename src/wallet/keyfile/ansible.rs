//! Ansible Vault 1.1 and 1.2, as bittensor 3 to 5 wrote keyfiles. Read only.
//!
//! After the header line: hex lines; together they are the hex of three lines, each hex again: salt, HMAC, ciphertext.
//! PBKDF2-HMAC-SHA256 (10,000 rounds) gives AES-256 key, HMAC key and IV; AES-256-CTR, then PKCS#7 padding.

use aes::Aes256;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::KeyfileError;
use crate::wallet::secret::Secret;

const ROUNDS: u32 = 10_000;
const CUT: KeyfileError = KeyfileError::Truncated("the vault's hex text ends early");

pub(super) fn open(bytes: &[u8], password: &Secret) -> Result<Zeroizing<Vec<u8>>, KeyfileError> {
    let text = std::str::from_utf8(bytes).map_err(|_| not_a_vault("it is not text"))?;
    let mut lines = text.lines().map(str::trim);
    check_header(lines.next().unwrap_or_default())?;
    let outer = unhex(&lines.collect::<String>())?;
    let inner = String::from_utf8(outer).map_err(|_| not_a_vault("its hex does not hold text"))?;
    let mut parts = inner.split('\n').map(str::trim);
    let (salt, mac, sealed) = (part(parts.next())?, part(parts.next())?, part(parts.next())?);
    if mac.len() != 32 || sealed.is_empty() || sealed.len() % 16 != 0 {
        return Err(CUT);
    }
    let mut keys = Zeroizing::new([0; 80]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.expose().as_bytes(), &salt, ROUNDS, keys.as_mut());
    let (cipher_key, rest) = keys.split_at(32);
    let (mac_key, iv) = rest.split_at(32);
    let mut check = Hmac::<Sha256>::new_from_slice(mac_key).map_err(|_| CUT)?;
    check.update(&sealed);
    check.verify_slice(&mac).map_err(|_| KeyfileError::WrongPassword)?;
    let mut plain = Zeroizing::new(sealed);
    ctr::Ctr128BE::<Aes256>::new_from_slices(cipher_key, iv).map_err(|_| CUT)?.apply_keystream(&mut plain);
    let padding = plain.last().map_or(0, |last| usize::from(*last));
    if padding == 0 || padding > 16 || padding > plain.len() {
        return Err(not_a_vault("its padding is wrong"));
    }
    let length = plain.len() - padding;
    plain.truncate(length);
    Ok(plain)
}

/// `$ANSIBLE_VAULT;1.1;AES256`, or 1.2 with a label behind.
fn check_header(line: &str) -> Result<(), KeyfileError> {
    let mut fields = line.split(';');
    match (fields.next(), fields.next(), fields.next()) {
        (Some("$ANSIBLE_VAULT"), Some("1.1" | "1.2"), Some("AES256")) => Ok(()),
        _ => Err(not_a_vault("only Ansible Vault 1.1 and 1.2 with AES256 were ever used")),
    }
}

fn part(line: Option<&str>) -> Result<Vec<u8>, KeyfileError> {
    line.filter(|line| !line.is_empty()).map_or(Err(CUT), unhex)
}

fn unhex(digits: &str) -> Result<Vec<u8>, KeyfileError> {
    hex::decode(digits).map_err(|fault| match fault {
        hex::FromHexError::InvalidHexCharacter { .. } => not_a_vault("it holds characters that are not hex digits"),
        hex::FromHexError::OddLength | hex::FromHexError::InvalidStringLength => CUT,
    })
}

fn not_a_vault(reason: &str) -> KeyfileError {
    KeyfileError::BadContent(format!("as an Ansible Vault: {reason}"))
}
