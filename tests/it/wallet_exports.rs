//! Account exports for polkadot-js and its relatives: what we write, we read.

use neuron::wallet::{KeyfileError, Scheme, Secret, UnlockedKey, polkadot_js};

#[test]
fn what_is_exported_imports() {
    for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
        let key = UnlockedKey::from_uri("//Export", scheme).unwrap();
        let password = Secret::new("pässwörd".to_owned());
        let json = polkadot_js::export(&key, &password, "mine").unwrap();
        let back = polkadot_js::import(&json, Some(&password)).unwrap();
        assert_eq!((back.key.public(), back.name.as_deref()), (key.public(), Some("mine")));
        let wrong = polkadot_js::import(&json, Some(&Secret::new("x".to_owned()))).unwrap_err();
        assert_eq!(wrong, KeyfileError::WrongPassword);
    }
}
