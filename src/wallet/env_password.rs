//! `BT_PW_<PATH>`: the per-file password variable of bittensor-wallet 2 to 4.1 and SDK 11.
//!
//! Name: the keyfile's path with `/` and `.` as `_`, upper case. Value: base64 of the password XOR the repeated name.
//! It hides nothing; it is read because operators have it set, and printed because other tools expect it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::secret::Secret;

/// Why a value is not the expected encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvPasswordError {
    /// Not base64.
    #[error("is not base64; it seems to hold the clear password")]
    NotBase64,
    /// Not UTF-8 after decoding.
    #[error("does not decode to text; it seems to hold the clear password or one encoded for another path")]
    NotText,
}

/// The variable of one keyfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvPassword {
    name: String,
}

impl EnvPassword {
    /// For the keyfile at `path`, spelled as the reading program spells it (after `~`).
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let path = path.to_string_lossy().replace(['/', '.'], "_").to_uppercase();
        Self { name: format!("BT_PW_{path}") }
    }

    /// The variable's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a shell's `export` can set it; else only `env 'NAME=…' program` can.
    #[must_use]
    pub fn is_exportable(&self) -> bool {
        self.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// The value that holds `password`.
    #[must_use]
    pub fn encode(&self, password: &Secret) -> Secret {
        Secret::new(STANDARD.encode(self.xor(password.expose().as_bytes())))
    }

    /// The password in `value`. White space around it is forgiven.
    ///
    /// # Errors
    /// Why it holds none.
    pub fn decode(&self, value: &str) -> Result<Secret, EnvPasswordError> {
        let bytes = STANDARD.decode(value.trim()).map(Zeroizing::new).map_err(|_| EnvPasswordError::NotBase64)?;
        Secret::from_utf8(self.xor(&bytes).to_vec()).ok_or(EnvPasswordError::NotText)
    }

    fn xor(&self, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(bytes.iter().zip(self.name.bytes().cycle()).map(|(byte, key)| byte ^ key).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_survives_and_clear_text_is_noticed() {
        let variable = EnvPassword::of(Path::new("/home/u/.bittensor/wallets/w/coldkey"));
        assert_eq!(variable.name(), "BT_PW__HOME_U__BITTENSOR_WALLETS_W_COLDKEY");
        assert!(variable.is_exportable());
        let password = Secret::new("pässwörd".into());
        assert_eq!(variable.decode(variable.encode(&password).expose()).unwrap().expose(), "pässwörd");
        assert_eq!(variable.decode("hunter2!").unwrap_err(), EnvPasswordError::NotBase64);
        assert_eq!(variable.decode("hunter22").unwrap_err(), EnvPasswordError::NotText);
        assert!(!EnvPassword::of(Path::new("/w-1/coldkey")).is_exportable());
    }
}
