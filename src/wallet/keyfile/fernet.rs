//! Fernet, as bittensor 1 and 2 wrote keyfiles. Read only; no wallet library from 2.0 to 4.1 reads it.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::KeyfileError;
use crate::wallet::secret::Secret;

const SALT: &[u8] = b"Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins";
/// About 1–6 s of one core.
const ROUNDS: u32 = 10_000_000;
/// Version, time, IV, one block, HMAC.
const SHORTEST: usize = 1 + 8 + 16 + 16 + 32;

/// Damaged ends must still be told from text that is no token at all.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn open(bytes: &[u8], password: &Secret) -> Result<Zeroizing<Vec<u8>>, KeyfileError> {
    let not_a_token = || KeyfileError::BadContent("as a Fernet token: it is not base64".to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| not_a_token())?.trim_ascii();
    let raw = match LENIENT.decode(text) {
        Ok(raw) => raw,
        // One character more than whole bytes is a cut, not another alphabet.
        Err(base64::DecodeError::InvalidLength(_)) => Vec::new(),
        Err(_) => return Err(not_a_token()),
    };
    if raw.len() < SHORTEST {
        return Err(KeyfileError::Truncated("shorter than the Fernet envelope itself"));
    }
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.expose().as_bytes(), SALT, ROUNDS, key.as_mut());
    let key = Zeroizing::new(base64::engine::general_purpose::URL_SAFE.encode(key.as_slice()));
    let token = ::fernet::Fernet::new(&key).ok_or(KeyfileError::WrongPassword)?;
    token.decrypt(text).map(Zeroizing::new).map_err(|_| KeyfileError::WrongPassword)
}
