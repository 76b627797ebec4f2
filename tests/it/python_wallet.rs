//! Interchange with the Python tools themselves: what we write they open, what they write we open, for both schemes,
//! with and without encryption. `scripts/python-peers.sh` makes their environments and names them to the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use neuron::wallet::{
    Environment, Given, KeyCache, KeyKind, Keypair, OnExisting, Phrase, Scheme, Secret, Terminal, Unlock, UnlockedKey,
    Wallet, verify,
};
use serde_json::Value;

use crate::needs::{python, shared};

tests! { blocking: ours_open_in_bittensor_wallet_401_and_411_and_sdk_11, theirs_open_in_ours }

const PASSWORD: &str = "pässwörd-日本";

static KEYS: LazyLock<KeyCache> = LazyLock::new(KeyCache::default);

/// The peers' scripts and the interpreters named by `variables`.
fn peers<const N: usize>(variables: [&str; N]) -> (PathBuf, [PathBuf; N]) {
    (shared("peers"), variables.map(python))
}

/// Runs a peer script with these interpreters for bittensor-wallet 4.x and SDK 11; its JSON and whether it was content.
fn peer(scripts: &Path, script: &str, btwallet: &Path, sdk11: &Path, arguments: &[&str]) -> (Value, bool) {
    let output = Command::new("python3")
        .arg(scripts.join(script))
        .args(arguments)
        .env("PEER_PY_BTWALLET", btwallet)
        .env("PEER_PY_V11", sdk11)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let json = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{script} {arguments:?}: {e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    (json, output.status.success())
}

fn key(name: &str, scheme: Scheme) -> UnlockedKey {
    match name {
        // Each kind of origin gives another set of fields.
        "path" => UnlockedKey::from_uri("//Alice//stash", scheme).unwrap(),
        words => UnlockedKey::from_phrase(Phrase::generate(words.parse().unwrap()).unwrap(), scheme),
    }
}

/// Writes wallet `name` with the library.
fn write(root: &Path, name: &str, coldkey: &UnlockedKey, hotkey: &UnlockedKey, password: Option<&Secret>) {
    let wallet = Wallet::at(root, name, "default").unwrap();
    for (kind, key) in [(KeyKind::Coldkey, coldkey), (KeyKind::Hotkey, hotkey)] {
        let password = password.filter(|_| kind == KeyKind::Coldkey || name.contains("all"));
        wallet.save(kind, key, password, OnExisting::Refuse, &KEYS).unwrap();
    }
}

fn check(root: &Path, name: &str, scripts: &Path, btwallet: &Path, sdk11: &Path, readers: &str, coldkey: &UnlockedKey) {
    let address = coldkey.public().account.ss58();
    let path = root.to_str().unwrap();
    let arguments = [
        "--path",
        path,
        "--name",
        name,
        "--readers",
        readers,
        "--expect-ss58",
        &address,
        "--coldkey-password",
        PASSWORD,
        "--hotkey-password",
        PASSWORD,
    ];
    let (report, content) = peer(scripts, "wallet_check.py", btwallet, sdk11, &arguments);
    assert!(content, "{name} with {} and {readers}: {:#}", btwallet.display(), report["problems"]);
    let signatures = report["readers"].as_object().unwrap().values();
    for reader in signatures {
        let read = &reader["coldkey"];
        let signature: [u8; 64] =
            hex::decode(read["signature"].as_str().unwrap().trim_start_matches("0x")).unwrap().try_into().unwrap();
        let key = coldkey.public();
        assert!(
            verify(key.scheme, &key.account, b"neuron wallet interop check", &signature),
            "{name}: their signature"
        );
    }
}

fn ours_open_in_bittensor_wallet_401_and_411_and_sdk_11() {
    let (scripts, [w401, w411, sdk11]) =
        peers(["NEURON_PYTHON_WALLET401", "NEURON_PYTHON_WALLET411", "NEURON_PYTHON11"]);
    let root = tempfile::tempdir().unwrap();
    let password = Secret::new(PASSWORD.to_owned());
    for (scheme, scheme_name) in [(Scheme::Sr25519, "sr"), (Scheme::Ed25519, "ed")] {
        for (origin, password) in [("12", None), ("24", Some(&password)), ("path", None)] {
            let name = format!("{scheme_name}-{origin}-{}", if password.is_some() { "all" } else { "plain" });
            let (coldkey, hotkey) = (key(origin, scheme), key("12", scheme));
            write(root.path(), &name, &coldkey, &hotkey, password);
            check(root.path(), &name, &scripts, &w411, &sdk11, "btwallet,v11", &coldkey);
            if scheme == Scheme::Sr25519 {
                // The strictest parser of all, and it knows no ed25519.
                check(root.path(), &name, &scripts, &w401, &sdk11, "btwallet", &coldkey);
            }
        }
    }
}

/// What a peer wrote, opened by us: every key signs, and the peer's own signature verifies.
fn open_theirs(root: &Path, name: &str, facts: &Value, password: Option<&str>) {
    let given = password.map(|text| Given::Value(Secret::new(text.to_owned())));
    let unlock = Unlock::new(given, Environment::default(), Box::new(Terminal));
    let wallet = Wallet::open(root, name, "default").unwrap();
    let keys: [(&str, Keypair); 2] =
        [("coldkey", wallet.coldkey(&unlock).unwrap()), ("hotkey", wallet.hotkey(&unlock).unwrap())];
    for (field, key) in keys {
        let fact = &facts[field];
        assert_eq!(key.account().ss58(), fact["ss58"].as_str().unwrap(), "{name} {field}");
        let signature = hex::decode(fact["signature"].as_str().unwrap().trim_start_matches("0x")).unwrap();
        let signature = signature.try_into().unwrap();
        assert!(verify(key.scheme(), &key.account(), b"neuron wallet interop check", &signature), "{name} {field}");
    }
}

fn theirs_open_in_ours() {
    let (scripts, [w401, w411, sdk11]) =
        peers(["NEURON_PYTHON_WALLET401", "NEURON_PYTHON_WALLET411", "NEURON_PYTHON11"]);
    let root = tempfile::tempdir().unwrap();
    let path = root.path().to_str().unwrap();
    for (writer, python, label) in [("btwallet", &w401, "w401"), ("btwallet", &w411, "w411"), ("v11", &sdk11, "v11")] {
        for scheme in ["sr25519", "ed25519"] {
            if label == "w401" && scheme == "ed25519" {
                continue;
            }
            for password in [None, Some(PASSWORD)] {
                let name = format!("{label}-{scheme}-{}", if password.is_some() { "locked" } else { "plain" });
                let mut arguments = vec![
                    "--writer",
                    writer,
                    "--path",
                    path,
                    "--name",
                    &name,
                    "--crypto-type",
                    scheme,
                    "--hotkey-crypto-type",
                    scheme,
                ];
                if let Some(password) = password {
                    arguments.extend(["--coldkey-password", password]);
                }
                let (facts, content) = peer(&scripts, "wallet_make.py", python, python, &arguments);
                assert!(content, "{name}: {facts}");
                open_theirs(root.path(), &name, &facts, password);
            }
        }
    }
}
