//! Whose releases are believed.

use std::path::Path;

use super::UpdateError;
use crate::units::Foreign;

/// A public key of minisign.
#[derive(Debug, Clone)]
pub struct PublicKey(minisign_verify::PublicKey);

impl PublicKey {
    /// From the key itself (`RW…`), or from the file that `minisign -G` writes.
    ///
    /// # Errors
    /// [`UpdateError::Key`].
    pub fn given(text: &str) -> Result<Self, UpdateError> {
        let refused = |reason: String| UpdateError::Key { given: text.to_owned().into(), reason };
        let key = match Path::new(text).is_file() {
            true => std::fs::read_to_string(text)
                .map_err(|e| refused(e.to_string()))
                .and_then(|file| minisign_verify::PublicKey::decode(file.trim()).map_err(|e| refused(e.to_string()))),
            false => minisign_verify::PublicKey::from_base64(text.trim()).map_err(|e| refused(e.to_string())),
        };
        key.map(Self)
    }

    pub(super) fn check(&self, what: &str, bytes: &[u8], signature: &[u8]) -> Result<(), UpdateError> {
        let refused = |reason: String| UpdateError::Untrusted { what: what.to_owned(), reason };
        let text = std::str::from_utf8(signature).map_err(|_| refused("the signature is not text".to_owned()))?;
        let signature =
            minisign_verify::Signature::decode(text).map_err(|e| refused(Foreign::from(e.to_string()).to_string()))?;
        self.0.verify(bytes, &signature, false).map_err(|e| refused(e.to_string()))
    }
}
