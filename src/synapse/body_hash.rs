//! `computed_body_hash`: what the signature covers of a body.

use std::fmt::Write as _;

use serde::Serialize;
use sha3::{Digest, Sha3_256};

use super::Synapse;
use super::pytext::{NoPythonText, python_str};

/// Hash over the Python text of fields: `h(h(str(v1)) ‖ h(str(v2)) ‖ …)` with `h` the lower-case hex of SHA3-256.
#[derive(Debug, Default, Clone)]
pub struct BodyHash {
    outer: Sha3_256,
    failed: Option<NoPythonText>,
}

impl BodyHash {
    /// Feeds the next field, typed as the Python class declares it: `[1, 2]` in a list of floats is `[1.0, 2.0]`.
    pub fn field<T: Serialize + ?Sized>(&mut self, value: &T) {
        match python_str(value) {
            Ok(text) => self.text(&text),
            Err(error) => self.failed = Some(error),
        }
    }

    /// Feeds a field by its Python text.
    pub fn text(&mut self, python_text: &str) {
        self.outer.update(hex_of(Sha3_256::digest(python_text.as_bytes()).as_slice()));
    }

    /// The hash: 64 lower-case hex digits.
    ///
    /// # Errors
    /// When a field had no Python text.
    pub fn finish(self) -> Result<String, NoPythonText> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(hex_of(self.outer.finalize().as_slice())),
        }
    }
}

/// The body hash of a synapse, over the hash fields of its class.
///
/// # Errors
/// When a hash field has no Python text.
pub fn body_hash<S: Synapse>(synapse: &S) -> Result<String, NoPythonText> {
    let mut hash = BodyHash::default();
    synapse.hash_fields(&mut hash);
    hash.finish()
}

fn hex_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_fields_hash_to_the_known_constant() {
        assert_eq!(
            body_hash(&super::super::Ping {}).unwrap(),
            "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
        );
    }

    #[test]
    fn the_order_of_fields_counts() {
        let hash = |fields: [&str; 2]| {
            let mut hash = BodyHash::default();
            fields.iter().for_each(|field| hash.field(field));
            hash.finish().unwrap()
        };
        assert_ne!(hash(["1", "2"]), hash(["2", "1"]));
    }
}
