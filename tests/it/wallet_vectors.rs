//! Every golden vector of the wallet room, positive and negative, with its expected address or reason.

use std::path::Path;
use std::sync::LazyLock;

use neuron::units::Account;
use neuron::wallet::{
    EnvPassword, Holding, KeyCache, KeyKind, KeyfileError, Keypair, Listing, LockedKey, Opened, Phrase,
    ResolvedAccount, Role, Scheme, Secret, UnlockedKey, Wallet, polkadot_js, verify, verify_message,
};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::support::shared;

/// One cache for all tests of this file: a NaCl derivation takes seconds and 512 MiB.
static KEYS: LazyLock<KeyCache> = LazyLock::new(KeyCache::default);

/// The folder's JSON file, or `None` where the vectors are absent.
fn vectors(name: &str) -> Option<Value> {
    let path = shared("vectors/wallet")?.join(name);
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

fn cases(file: &Value) -> &[Value] {
    file["cases"].as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(text(value).trim_start_matches("0x")).unwrap()
}

fn scheme(number: &Value) -> Scheme {
    if number == 0 { Scheme::Ed25519 } else { Scheme::Sr25519 }
}

fn password(case: &Value) -> Option<Secret> {
    case["password"].as_str().map(|password| Secret::new(password.to_owned()))
}

fn open(path: &Path, role: Role, password: Option<&Secret>) -> Result<Opened, KeyfileError> {
    LockedKey::new(Zeroizing::new(std::fs::read(path).unwrap()), role)?.open(password, &KEYS)
}

#[test]
fn every_keyfile_opens_to_its_address() {
    let Some(file) = vectors("keyfiles.json") else { return };
    let root = shared("vectors/wallet").unwrap();
    let (mut opened_count, mut refused) = (0, 0);
    for case in cases(&file) {
        let id = text(&case["id"]);
        let role = if case["format"] == "public" && id != "plain-nulls" { Role::Public } else { Role::Secret };
        let opened = open(&root.join(text(&case["file"])), role, password(case).as_ref());
        if matches!(id, "plain-raw-hex-seed" | "plain-raw-mnemonic") {
            let refusal = opened.unwrap_err();
            assert_eq!(refusal.code(), "bad_content", "{id}");
            assert!(refusal.to_string().contains("neuron wallet regen-"), "{id}: {refusal}");
            refused += 1;
            continue;
        }
        let opened = opened.unwrap_or_else(|e| panic!("{id}: {e}"));
        assert_eq!(opened.public().account.ss58(), text(&case["ss58"]), "{id}");
        assert_eq!(opened.public().account.0.as_slice(), bytes(&case["public_key"]), "{id}");
        assert_eq!(opened.public().scheme, scheme(&case["crypto_type"]), "{id}");
        let public_only = case["format"] == "public";
        assert_eq!(matches!(opened.holding, Holding::Public(_)), public_only, "{id}");
        opened_count += 1;
    }
    assert_eq!(opened_count + refused, cases(&file).len());
    assert!(opened_count > refused);
}

#[test]
fn every_damaged_keyfile_gets_its_reason_and_shows_no_secret() {
    let Some(file) = vectors("negative.json") else { return };
    let root = shared("vectors/wallet").unwrap();
    let mut seen = 0;
    for case in cases(&file) {
        let (id, expect) = (text(&case["id"]), text(&case["expect"]));
        let path = root.join(text(&case["file"]));
        let opened = open(&path, Role::Secret, password(case).as_ref());
        match (&opened, expect) {
            (Ok(opened), "ok" | "ok_with_warning" | "ok_public") => {
                assert_eq!(opened.public().account.ss58(), text(&case["expect_ss58"]), "{id}");
                assert_eq!(!opened.notes.is_empty(), expect == "ok_with_warning", "{id}");
                assert_eq!(matches!(opened.holding, Holding::Public(_)), expect == "ok_public", "{id}");
            }
            (Err(refusal), reason) => {
                assert_eq!(refusal.code(), reason, "{id}: {refusal}");
                assert_nothing_leaks(id, &path, &format!("{refusal} {refusal:?}"));
            }
            (Ok(_), reason) => panic!("{id}: opened, expected {reason}"),
        }
        seen += 1;
    }
    assert_eq!(seen, cases(&file).len());
}

/// No word of 8 or more letters or digits of a plain file appears in the message, field names aside.
fn assert_nothing_leaks(id: &str, path: &Path, message: &str) {
    let content = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    for word in content.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= 8) {
        let field = ["secretPhrase", "secretSeed", "privateKey", "publicKey", "ss58Address", "accountId", "cryptoType"];
        assert!(field.contains(&word) || !message.contains(word), "{id} shows {word}: {message}");
    }
}

#[test]
fn keys_derive_sign_and_verify() {
    let Some(file) = vectors("keys.json") else { return };
    let (mut keys, mut signatures) = (0, 0);
    for case in cases(&file) {
        let id = text(&case["id"]);
        let scheme = scheme(&case["crypto_type"]);
        let source = &case["source"];
        let key = if let Some(words) = source["mnemonic"].as_str() {
            let phrase = Phrase::strict(words).unwrap();
            let password = Secret::new(source["bip39_password"].as_str().unwrap_or_default().to_owned());
            UnlockedKey::from_phrase_and_password(phrase, &password, scheme)
        } else if let Some(uri) = source["uri"].as_str() {
            UnlockedKey::from_uri(uri, scheme).unwrap()
        } else {
            let seed = source["seed"].as_str().unwrap_or_else(|| panic!("{id}: {source}"));
            UnlockedKey::from_uri(seed, scheme).unwrap()
        };
        assert_eq!(key.public().account.ss58(), text(&case["ss58"]), "{id}");
        if let Some(mini) = case["mini_secret"].as_str() {
            assert_eq!(hex::encode(key.seed().unwrap()), mini.trim_start_matches("0x"), "{id}");
        }
        let private = bytes(&case["private_key"]);
        let length = if case["private_key_reproducible"] == false { 32 } else { private.len() };
        assert_eq!(key.keypair().private_bytes()[..length], private[..length], "{id}");
        let again = UnlockedKey::from_private(&private, scheme).unwrap();
        assert_eq!(again.public(), key.public(), "{id}: from its private key");
        signatures += check_signatures(id, case, key.keypair());
        keys += 1;
    }
    assert_eq!(keys, cases(&file).len());
    assert!(signatures > keys, "{signatures}");
}

/// Verifies what the libraries signed; ed25519 is reproduced byte for byte.
fn check_signatures(id: &str, case: &Value, key: &Keypair) -> usize {
    let signature = |value: &Value| <[u8; 64]>::try_from(bytes(&value["signature"])).unwrap();
    let (scheme, signer) = (key.scheme(), key.account());
    let listed = case["signatures"].as_array().unwrap();
    for each in listed {
        let message = bytes(&each["message"]);
        assert!(verify(scheme, &signer, &message, &signature(each)), "{id}");
        if scheme == Scheme::Ed25519 {
            assert_eq!(key.sign(&message), signature(each), "{id}");
        }
    }
    let wrapped = &case["wrapped_signature"];
    if wrapped.is_object() {
        let message = bytes(&wrapped["message"]);
        assert!(!verify(scheme, &signer, &message, &signature(wrapped)), "{id}: wrapped");
        assert!(verify_message(scheme, &signer, &message, &signature(wrapped)), "{id}: wrapped");
    }
    let bad = &case["bad_signature"];
    if bad.is_object() {
        assert!(!verify_message(scheme, &signer, &bytes(&bad["message"]), &signature(bad)), "{id}: broken");
    }
    listed.len()
}

#[test]
fn secret_uris_give_their_keys_or_an_error_that_does_not_quote_them() {
    let Some(file) = vectors("uris.json") else { return };
    let (mut good, mut bad) = (0, 0);
    for case in cases(&file) {
        let uri = text(&case["uri"]);
        for (name, scheme) in [("sr25519", Scheme::Sr25519), ("ed25519", Scheme::Ed25519)] {
            let expected = &case[name];
            match UnlockedKey::from_uri(uri, scheme) {
                Ok(key) => {
                    assert_eq!(key.public().account.ss58(), text(&expected["ss58"]), "{uri} {name}");
                    let private = key.keypair().private_bytes();
                    let (field, length) = match expected["private_key"].as_str() {
                        Some(_) => ("private_key", private.len()),
                        None => ("private_key_first_32_bytes", 32),
                    };
                    assert_eq!(private[..length], bytes(&expected[field]), "{uri} {name}");
                    good += 1;
                }
                Err(refusal) => {
                    assert!(expected["error"].is_object(), "{uri} {name}: {refusal}");
                    assert!(!format!("{refusal} {refusal:?}").contains(uri), "{uri} is quoted");
                    bad += 1;
                }
            }
        }
    }
    assert!(good > 0 && bad > 0, "{good} {bad}");
}

#[test]
fn phrases_are_read_as_all_libraries_read_them_and_more_from_people() {
    let Some(file) = vectors("mnemonics.json") else { return };
    let reference = text(&file["reference"]["mnemonic"]);
    let forgiven = ["upper_case", "title_case", "numbered", "comma_separated"];
    let mut seen = 0;
    for case in cases(&file) {
        let (id, given) = (text(&case["id"]), text(&case["mnemonic"]));
        let all_accept = case["results"].as_object().unwrap().values().all(Value::is_string);
        assert_eq!(Phrase::strict(given).is_ok(), all_accept, "{id}");
        let lenient = Phrase::lenient(given);
        assert_eq!(lenient.is_ok(), all_accept || forgiven.contains(&id), "{id}");
        if let Ok(phrase) = lenient {
            assert_eq!(phrase.expose(), reference, "{id}");
        }
        seen += 1;
    }
    assert_eq!(seen, cases(&file).len());
}

#[test]
fn password_variables_are_written_and_read() {
    let Some(file) = vectors("envpw.json") else { return };
    for case in cases(&file) {
        let variable = EnvPassword::of(Path::new(text(&case["keyfile_path"])));
        assert_eq!(variable.name(), text(&case["variable"]));
        let password = password(case).unwrap();
        assert_eq!(variable.encode(&password).expose(), text(&case["value"]));
        assert_eq!(variable.decode(text(&case["value"])).unwrap().expose(), password.expose());
    }
    let bad = &file["bad_values"];
    let variable = EnvPassword::of(Path::new("/home/tester/.bittensor/wallets/alpha/coldkey"));
    assert_eq!(variable.name(), text(&bad["variable"]));
    let mut refused = 0;
    for case in cases(bad) {
        refused += usize::from(variable.decode(text(&case["value"])).is_err());
    }
    assert!(!cases(&file).is_empty() && refused > 0);
}

#[test]
fn account_exports_import_or_are_refused_with_their_reason() {
    let Some(file) = vectors("polkadotjs.json") else { return };
    let root = shared("vectors/wallet").unwrap();
    let (mut imported, mut refused) = (0, 0);
    for case in cases(&file) {
        let id = text(&case["id"]);
        let export = std::fs::read_to_string(root.join(text(&case["file"]))).unwrap();
        let outcome = polkadot_js::import(&export, password(case).as_ref());
        let expect = match id {
            "pjs-ecdsa" | "craft-version-2" => Some("unsupported"),
            _ => case["expect"].as_str(),
        };
        match (outcome, expect) {
            (Ok(found), None) => {
                let key = found.key.public();
                assert_eq!(key.account.0.as_slice(), bytes(&case["public_key"]), "{id}");
                assert_eq!(found.was_open, case["password"].is_null(), "{id}");
                let readers = case["readers"].as_object().unwrap();
                for reader in readers.values().filter(|reader| reader["private_key"].is_string()) {
                    assert_eq!(found.key.keypair().private_bytes().as_slice(), bytes(&reader["private_key"]), "{id}");
                }
                imported += 1;
            }
            (Err(refusal), Some(reason)) => {
                assert_eq!(refusal.code(), reason, "{id}: {refusal}");
                refused += 1;
            }
            (outcome, expect) => panic!("{id}: {:?}, expected {expect:?}", outcome.map(|found| found.key.public())),
        }
    }
    assert_eq!(imported + refused, cases(&file).len());
    assert!(imported > 0 && refused > 0);
    let misplaced = &file["placed_as_keyfile"];
    let refusal = open(&root.join(text(&misplaced["file"])), Role::Secret, None).unwrap_err();
    assert_eq!(refusal.code(), text(&misplaced["expect"]));
}

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

#[test]
fn whole_wallets_of_six_writers_open() {
    let Some(file) = vectors("wallets.json") else { return };
    let root = shared("vectors/wallet").unwrap().join("wallets");
    let (mut wallets, mut keys) = (0, 0);
    for case in cases(&file) {
        let name = text(&case["name"]);
        let hotkeys = case["hotkeys"].as_object().unwrap();
        let expected = hotkeys.iter().map(|(hotkey, key)| (KeyKind::Hotkey, hotkey.as_str(), key));
        for (kind, hotkey, key) in expected.chain([(KeyKind::Coldkey, "default", &case["coldkey"])]) {
            let wallet = Wallet::open(&root, name, hotkey).unwrap();
            let opened = wallet.locked(kind).unwrap().open(password(key).as_ref(), &KEYS);
            let public = opened.unwrap_or_else(|e| panic!("{name}/{hotkey}: {e}")).into_secret().unwrap().public();
            assert_eq!(public.account.ss58(), text(&key["ss58"]), "{name}/{hotkey}");
            assert_eq!(public.scheme, scheme(&key["crypto_type"]), "{name}/{hotkey}");
            keys += 1;
        }
        let coldkeypub = Wallet::open(&root, name, "default").unwrap().coldkeypub().unwrap();
        assert_eq!(coldkeypub.account.ss58(), text(&case["coldkey"]["ss58"]), "{name}");
        wallets += 1;
    }
    assert_eq!(wallets, cases(&file).len());
    assert!(keys > wallets);
}

#[test]
fn the_folder_of_wallets_is_listed_with_its_oddities() {
    let Some(file) = vectors("wallets.json") else { return };
    let listing = Listing::read(&shared("vectors/wallet").unwrap().join("wallets")).unwrap();
    let wallet = |name: &str| listing.wallets.iter().find(|w| w.name == name).unwrap_or_else(|| panic!("no {name}"));
    let hotkeys = |name: &str| wallet(name).hotkeys.iter().map(|h| h.name.clone()).collect::<Vec<_>>();
    for case in cases(&file) {
        let listed = wallet(text(&case["name"]));
        assert_eq!(listed.coldkey.as_ref().unwrap().ss58.unwrap().ss58(), text(&case["coldkey"]["ss58"]));
        let expected = case["hotkeys"].as_object().unwrap();
        assert_eq!(listed.hotkeys.len(), expected.len(), "{}", listed.name);
        for hotkey in &listed.hotkeys {
            let truth = &expected[&hotkey.name];
            assert_eq!(hotkey.encrypted, Some(truth["password"].is_string()), "{}/{}", listed.name, hotkey.name);
            if let Some(address) = hotkey.ss58 {
                assert_eq!(address.ss58(), text(&truth["ss58"]));
            }
            assert!(hotkey.problem.is_none());
        }
    }
    assert_eq!(hotkeys("messy"), ["broken", "good", "hk2", "hk10"]);
    let broken = &wallet("messy").hotkeys[0];
    assert!(broken.problem.is_some() && broken.ss58.is_none());
    assert!(wallet("watch-only").coldkey.as_ref().unwrap().public_only);
    assert!(wallet("pub-hotkey").hotkeys[0].public_only);
    assert!(wallet("hotkeys-only").coldkey.is_none() && hotkeys("hotkeys-only") == ["default"]);
    assert!(wallet("bad-coldkeypub").coldkey.as_ref().unwrap().problem.is_some());
    assert!(wallet("empty-dir").coldkey.is_none() && hotkeys("empty-dir").is_empty());
    let folders = std::fs::read_dir(shared("vectors/wallet").unwrap().join("wallets")).unwrap();
    let folders = folders.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!(listing.wallets.len(), folders, "a stray file is no wallet");
}

#[test]
fn addresses_are_decoded_and_those_of_other_chains_refused_from_people() {
    let Some(file) = vectors("ss58.json") else { return };
    let nowhere = Path::new("/nonexistent");
    let (mut ours, mut others, mut refused) = (0, 0, 0);
    for case in cases(&file) {
        let given = text(&case["address"]);
        let account: Account = given.parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(account.0.as_slice(), bytes(&case["public_key"]), "{given}");
        let by_person = ResolvedAccount::find(given, nowhere);
        if case["prefix"] == 42 {
            assert_eq!(account.ss58(), given);
            assert_eq!(by_person.unwrap().account, account);
            ours += 1;
        } else {
            assert!(by_person.unwrap_err().to_string().contains("prefix"), "{given}");
            others += 1;
        }
    }
    for case in file["odd"].as_array().unwrap() {
        let (id, given) = (text(&case["id"]), text(&case["address"]));
        // A person's white space is forgiven, and a public key is as good as an address.
        let fine = ["hex_public_key", "leading_space", "trailing_newline"].contains(&id);
        assert_eq!(ResolvedAccount::find(given, nowhere).is_ok(), fine, "{id}");
        refused += usize::from(!fine);
    }
    assert!(ours > 0 && others > 0 && refused > 0);
}
