//! The one form we write: what every Python tool from bittensor 5 to SDK 11 opens.
//!
//! String values only. bittensor-wallet 2 to 4.0 give up on a number, so sr25519, the default, goes without
//! `cryptoType`; an ed25519 key says `"cryptoType": 0`, and those tools then fail loudly instead of opening another
//! account.

use zeroize::Zeroizing;

use crate::wallet::key::{PublicKey, UnlockedKey};
use crate::wallet::pair::Scheme;

/// Builds the object text; keys and values are JSON strings.
struct Object(Zeroizing<String>);

impl Object {
    fn new() -> Self {
        // Reserved at once: a growing string would leave copies of the secret behind.
        let mut text = Zeroizing::new(String::with_capacity(8 * 1024));
        text.push('{');
        Self(text)
    }

    fn raw(&mut self, name: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push_str(", ");
        }
        self.0.push_str(&serde_json::Value::from(name).to_string());
        self.0.push_str(": ");
        self.0.push_str(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        let quoted = Zeroizing::new(serde_json::to_string(value).unwrap_or_default());
        self.raw(name, &quoted);
    }

    fn hex(&mut self, name: &str, value: &[u8]) {
        let digits = Zeroizing::new(hex::encode(value));
        let quoted = Zeroizing::new(format!("\"0x{}\"", *digits));
        self.raw(name, &quoted);
    }

    fn close(mut self, scheme: Scheme) -> Zeroizing<Vec<u8>> {
        if scheme == Scheme::Ed25519 {
            self.raw("cryptoType", "0");
        }
        self.0.push('}');
        Zeroizing::new(std::mem::take(&mut *self.0).into_bytes())
    }
}

pub(super) fn secret_json(key: &UnlockedKey) -> Zeroizing<Vec<u8>> {
    let public = key.public();
    let mut object = Object::new();
    object.hex("accountId", public.account.as_bytes());
    object.hex("publicKey", public.account.as_bytes());
    object.hex("privateKey", &key.keypair().private_bytes());
    if let Some(phrase) = key.phrase() {
        object.text("secretPhrase", phrase.expose());
    }
    if let Some(seed) = key.seed() {
        object.hex("secretSeed", seed);
    }
    object.text("ss58Address", &public.account.ss58());
    for (name, value) in &key.extra {
        object.text(name, value.expose());
    }
    object.close(public.scheme)
}

pub(super) fn public_json(key: &PublicKey) -> Vec<u8> {
    let mut object = Object::new();
    object.hex("accountId", key.account.as_bytes());
    object.hex("publicKey", key.account.as_bytes());
    object.text("ss58Address", &key.account.ss58());
    object.close(key.scheme).to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::super::{Keypair, Phrase};
    use super::*;

    #[test]
    fn only_an_ed25519_key_has_a_number() {
        let phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
        for (scheme, fields) in [(Scheme::Sr25519, 6), (Scheme::Ed25519, 7)] {
            let key = UnlockedKey::from_phrase(Phrase::strict(phrase).unwrap(), scheme);
            let json: serde_json::Value = serde_json::from_slice(&secret_json(&key)).unwrap();
            let object = json.as_object().unwrap();
            assert_eq!(object.len(), fields);
            let numbers = object.values().filter(|value| !value.is_string()).count();
            assert_eq!(numbers, usize::from(scheme == Scheme::Ed25519));
            assert_eq!(object["secretPhrase"], phrase);
        }
        let bare = UnlockedKey::from_pair(Keypair::from_uri("//Alice", Scheme::Sr25519).unwrap());
        let json: serde_json::Value = serde_json::from_slice(&secret_json(&bare)).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 4, "no phrase and no seed where none rebuilds the key");
    }
}
