//! Every golden vector of the wallet room, positive and negative, with its expected address or reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use neuron::units::Account;
use neuron::wallet::{
    EnvPassword, Holding, KeyCache, KeyKind, KeyfileError, Keypair, Listing, LockedKey, Opened, Phrase,
    ResolvedAccount, Role, Scheme, Secret, UnlockedKey, Wallet, polkadot_js, verify, verify_message,
};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::needs::{lacks, shared};

tests! { blocking: every_keyfile_opens_to_its_address, every_damaged_keyfile_gets_its_reason_and_shows_no_secret, keys_derive_sign_and_verify, secret_uris_give_their_keys_or_an_error_that_does_not_quote_them, phrases_are_read_as_all_libraries_read_them_and_more_from_people, password_variables_are_written_and_read, account_exports_import_or_are_refused_with_their_reason, whole_wallets_of_every_writer_open, the_folder_of_wallets_is_listed_with_its_oddities, addresses_are_decoded_and_those_of_other_chains_refused_from_people }

/// One cache for all tests of this file: a NaCl derivation takes seconds and 512 MiB.
static KEYS: LazyLock<KeyCache> = LazyLock::new(KeyCache::default);

/// The folder's JSON file.
fn vectors(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(shared(&format!("vectors/wallet/{name}"))).unwrap()).unwrap()
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

fn every_keyfile_opens_to_its_address() {
    let file = vectors("keyfiles.json");
    let root = shared("vectors/wallet");
    for case in cases(&file) {
        let id = text(&case["id"]);
        let path = root.join(text(&case["file"]));
        let content = std::fs::read(&path).unwrap();
        let content = String::from_utf8_lossy(&content);
        // A public file that names the fields of a secret one lies where a secret one is expected.
        let has_secret_fields =
            ["secretPhrase", "secretSeed", "privateKey"].iter().any(|field| content.contains(field));
        let role = if case["format"] == "public" && !has_secret_fields { Role::Public } else { Role::Secret };
        let opened = open(&path, role, password(case).as_ref());
        if case["format"] == "plaintext" && !content.trim_start().starts_with('{') {
            // A bare seed or phrase is no key file; the hint says how to make one of it.
            let refusal = opened.unwrap_err();
            assert_eq!(refusal.code(), "bad_content", "{id}");
            assert!(refusal.to_string().contains("neuron wallet regen-"), "{id}: {refusal}");
            continue;
        }
        let opened = opened.unwrap_or_else(|e| panic!("{id}: {e}"));
        assert_eq!(opened.public().account.ss58(), text(&case["ss58"]), "{id}");
        assert_eq!(opened.public().account.0.as_slice(), bytes(&case["public_key"]), "{id}");
        assert_eq!(opened.public().scheme, scheme(&case["crypto_type"]), "{id}");
        let public_only = case["format"] == "public";
        assert_eq!(matches!(opened.holding, Holding::Public(_)), public_only, "{id}");
    }
}

fn every_damaged_keyfile_gets_its_reason_and_shows_no_secret() {
    let file = vectors("negative.json");
    let root = shared("vectors/wallet");
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
    }
}

/// No word of 8 or more letters or digits of a plain file appears in the message, field names aside.
fn assert_nothing_leaks(id: &str, path: &Path, message: &str) {
    let content = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    for word in content.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= 8) {
        let field = ["secretPhrase", "secretSeed", "privateKey", "publicKey", "ss58Address", "accountId", "cryptoType"];
        assert!(field.contains(&word) || !message.contains(word), "{id} shows {word}: {message}");
    }
}

fn keys_derive_sign_and_verify() {
    let file = vectors("keys.json");
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
        check_signatures(id, case, key.keypair());
    }
}

/// Verifies what the libraries signed; ed25519 is reproduced byte for byte.
fn check_signatures(id: &str, case: &Value, key: &Keypair) {
    let signature = |value: &Value| <[u8; 64]>::try_from(bytes(&value["signature"])).unwrap();
    let (scheme, signer) = (key.scheme(), key.account());
    for each in case["signatures"].as_array().unwrap() {
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
}

fn secret_uris_give_their_keys_or_an_error_that_does_not_quote_them() {
    let file = vectors("uris.json");
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
                }
                Err(refusal) => {
                    assert!(expected["error"].is_object(), "{uri} {name}: {refusal}");
                    assert!(!format!("{refusal} {refusal:?}").contains(uri), "{uri} is quoted");
                }
            }
        }
    }
}

fn phrases_are_read_as_all_libraries_read_them_and_more_from_people() {
    let file = vectors("mnemonics.json");
    let reference = text(&file["reference"]["mnemonic"]);
    for case in cases(&file) {
        let (id, given) = (text(&case["id"]), text(&case["mnemonic"]));
        let all_accept = case["results"].as_object().unwrap().values().all(Value::is_string);
        assert_eq!(Phrase::strict(given).is_ok(), all_accept, "{id}");
        let lenient = Phrase::lenient(given);
        assert_eq!(lenient.is_ok(), all_accept || as_meant(given) == reference, "{id}");
        if let Ok(phrase) = lenient {
            assert_eq!(phrase.expose(), reference, "{id}");
        }
    }
}

/// The words that a person means who writes them in capitals, with commas, or numbered in any order.
fn as_meant(given: &str) -> String {
    let plain = given.to_lowercase().replace(',', " ");
    let numbered = |word: &'_ str| word.split_once('-').and_then(|(number, _)| number.parse::<u32>().ok());
    let mut words: Vec<&str> = plain.split_whitespace().collect();
    if words.iter().all(|word| numbered(word).is_some()) {
        words.sort_by_key(|word| numbered(word));
        words.iter_mut().for_each(|word| *word = word.split_once('-').unwrap().1);
    }
    words.join(" ")
}

fn password_variables_are_written_and_read() {
    let file = vectors("envpw.json");
    for case in cases(&file) {
        let variable = EnvPassword::of(Path::new(text(&case["keyfile_path"])));
        assert_eq!(variable.name(), text(&case["variable"]));
        let password = password(case).unwrap();
        assert_eq!(variable.encode(&password).expose(), text(&case["value"]));
        assert_eq!(variable.decode(text(&case["value"])).unwrap().expose(), password.expose());
    }
    // Values that somebody typed into a variable: what no library reads, we refuse; the rest must not harm.
    let bad = &file["bad_values"];
    let Some(of) = cases(&file).iter().find(|case| case["variable"] == bad["variable"]) else {
        lacks("shared", "this set of vectors does not say whose password the bad values are");
    };
    let variable = EnvPassword::of(Path::new(text(&of["keyfile_path"])));
    for case in cases(bad) {
        let mut readers =
            case.as_object().unwrap().iter().filter(|(field, _)| !matches!(field.as_str(), "case" | "value"));
        let refused = variable.decode(text(&case["value"])).is_err();
        assert!(refused || !readers.all(|(_, read)| read["error"].is_string()), "{case}");
    }
}

fn account_exports_import_or_are_refused_with_their_reason() {
    let file = vectors("polkadotjs.json");
    let root = shared("vectors/wallet");
    for case in cases(&file) {
        let id = text(&case["id"]);
        let export = std::fs::read_to_string(root.join(text(&case["file"]))).unwrap();
        let outcome = polkadot_js::import(&export, password(case).as_ref());
        // Of other curves and of other versions than the last there are no hotkeys.
        let written: Value = serde_json::from_str(&export).unwrap_or_default();
        let encoding = &written["encoding"];
        let is_foreign =
            encoding["content"][1] == "ecdsa" || (encoding["version"].is_string() && encoding["version"] != "3");
        let expect = case["expect"].as_str().or(is_foreign.then_some("unsupported"));
        match (outcome, expect) {
            (Ok(found), None) => {
                let key = found.key.public();
                assert_eq!(key.account.0.as_slice(), bytes(&case["public_key"]), "{id}");
                assert_eq!(found.was_open, case["password"].is_null(), "{id}");
                let readers = case["readers"].as_object().unwrap();
                for reader in readers.values().filter(|reader| reader["private_key"].is_string()) {
                    assert_eq!(found.key.keypair().private_bytes().as_slice(), bytes(&reader["private_key"]), "{id}");
                }
            }
            (Err(refusal), Some(reason)) => assert_eq!(refusal.code(), reason, "{id}: {refusal}"),
            (outcome, expect) => panic!("{id}: {:?}, expected {expect:?}", outcome.map(|found| found.key.public())),
        }
    }
    let misplaced = &file["placed_as_keyfile"];
    let refusal = open(&root.join(text(&misplaced["file"])), Role::Secret, None).unwrap_err();
    assert_eq!(refusal.code(), text(&misplaced["expect"]));
}

fn whole_wallets_of_every_writer_open() {
    let file = vectors("wallets.json");
    let root = shared("vectors/wallet").join("wallets");
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
        }
        let coldkeypub = Wallet::open(&root, name, "default").unwrap().coldkeypub().unwrap();
        assert_eq!(coldkeypub.account.ss58(), text(&case["coldkey"]["ss58"]), "{name}");
    }
}

fn the_folder_of_wallets_is_listed_with_its_oddities() {
    let file = vectors("wallets.json");
    let root = shared("vectors/wallet/wallets");
    let listing = Listing::read(&root).unwrap();
    let wallet = |name: &str| listing.wallets.iter().find(|w| w.name == name).unwrap_or_else(|| panic!("no {name}"));
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
    let folders = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let folders: Vec<_> = folders.collect();
    assert_eq!(listing.wallets.len(), folders.len(), "a stray file is no wallet");
    for folder in folders {
        let listed = wallet(folder.file_name().unwrap().to_str().unwrap());
        let on_disk = keys_in(&folder.join("hotkeys"));
        let names: Vec<_> = listed.hotkeys.iter().map(|hotkey| hotkey.name.as_str()).collect();
        assert_eq!(names, on_disk.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), "{}", listed.name);
        // `hotkeypub.txt` beside a coldkey is of an old version that put it there.
        let coldkey = keys_in(&folder).into_iter().find(|key| key.name == "coldkey");
        assert_eq!(listed.coldkey.is_some(), coldkey.is_some(), "{}", listed.name);
        for (listed, key) in listed.hotkeys.iter().chain(&listed.coldkey).zip(on_disk.into_iter().chain(coldkey)) {
            assert_eq!(listed.public_only, key.public_only, "{}", key.name);
            assert_eq!(listed.problem.is_some(), !key.is_readable, "{}", key.name);
            assert!(key.is_readable || listed.ss58.is_none(), "{}", key.name);
        }
    }
}

/// A key that lies in a folder, by the names and first bytes of its files alone.
struct OnDisk {
    name: String,
    public_only: bool,
    is_readable: bool,
}

/// The keys in a folder, `a2` before `a10`; hidden files, folders and what editors and locks leave are none.
fn keys_in(folder: &Path) -> Vec<OnDisk> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = BTreeMap::new();
    for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let is_junk = name.starts_with('.') || name.ends_with(".tmp") || name.ends_with(".lock");
        if !is_junk {
            files.insert(name, std::fs::read(path).unwrap());
        }
    }
    let secret = |name: &str| files.contains_key(name.strip_suffix("pub.txt").unwrap_or_default());
    let sealed: [&[u8]; 3] = [b"$NACL", b"$ANSIBLE", b"gAAAA"];
    let is_readable = |content: &[u8]| {
        let is_plain = serde_json::from_slice::<Value>(content).is_ok_and(|fields| fields.is_object());
        is_plain || sealed.iter().any(|head| content.starts_with(head))
    };
    let keys = files.iter().filter(|(name, _)| !secret(name)).map(|(name, content)| {
        let public_only = name.ends_with("pub.txt");
        let name = name.strip_suffix("pub.txt").unwrap_or(name).to_owned();
        OnDisk { name, public_only, is_readable: is_readable(content) }
    });
    let mut keys: Vec<_> = keys.collect();
    let natural = |name: &str| {
        let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (stem, number) = name.split_at(name.len() - digits);
        (stem.to_owned(), number.parse::<u64>().ok())
    };
    keys.sort_by_key(|key| natural(&key.name));
    keys
}

fn addresses_are_decoded_and_those_of_other_chains_refused_from_people() {
    let file = vectors("ss58.json");
    let nowhere = Path::new("/nonexistent");
    for case in cases(&file) {
        let given = text(&case["address"]);
        let account: Account = given.parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(account.0.as_slice(), bytes(&case["public_key"]), "{given}");
        let by_person = ResolvedAccount::find(given, nowhere);
        if case["prefix"] == 42 {
            assert_eq!(account.ss58(), given);
            assert_eq!(by_person.unwrap().account, account);
        } else {
            assert!(by_person.unwrap_err().to_string().contains("prefix"), "{given}");
        }
    }
    for case in file["odd"].as_array().unwrap() {
        let (id, given) = (text(&case["id"]), text(&case["address"]));
        // A person's white space is forgiven, and a public key is as good as an address.
        let plain = given.trim();
        let is_key = plain.strip_prefix("0x").is_some_and(|key| hex::decode(key).is_ok_and(|key| key.len() == 32));
        let fine = is_key || cases(&file).iter().any(|case| case["prefix"] == 42 && case["address"] == plain);
        assert_eq!(ResolvedAccount::find(given, nowhere).is_ok(), fine, "{id}");
    }
}
