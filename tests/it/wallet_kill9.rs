//! Killed with SIGKILL at any moment, the commands that write keys leave the old or the new file, whole, and no key is lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use neuron::wallet::{KeyCache, KeyKind, OnExisting, Scheme, UnlockedKey, Wallet};

use crate::support::neuron;

/// Moments at which each command is killed, spread over the time that it takes.
const MOMENTS: u32 = 16;
const NEW_SEED: &str = "0x398f0c28f98885e046333d4a41c19cee4c37368a9832c6502f6cfd182e2aef89";

fn old_key() -> UnlockedKey {
    UnlockedKey::from_uri("//Alice", Scheme::Sr25519).unwrap()
}

fn new_key() -> UnlockedKey {
    UnlockedKey::from_uri(NEW_SEED, Scheme::Sr25519).unwrap()
}

/// Every file under `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Which key a file opens to; `None` for half of one.
fn holds(path: &Path) -> Option<&'static str> {
    let root = tempfile::tempdir().unwrap();
    let wallet = Wallet::at(root.path(), "w", "h").unwrap();
    fs::create_dir_all(root.path().join("w/hotkeys")).unwrap();
    fs::copy(path, wallet.secret_path(KeyKind::Hotkey)).unwrap();
    let opened = wallet.locked(KeyKind::Hotkey).ok()?.open(None, &KeyCache::default()).ok()?;
    let account = opened.into_secret().ok()?.public().account;
    [("old", old_key()), ("new", new_key())]
        .into_iter()
        .find(|(_, key)| key.public().account == account)
        .map(|(n, _)| n)
}

/// Runs `neuron wallet ARGUMENTS` on a wallet made by `prepare`, killed at each of the moments.
fn survives(arguments: &[&str], had_old: bool, prepare: impl Fn(&Wallet)) {
    let fresh = || {
        let root = tempfile::tempdir().unwrap();
        let wallet = Wallet::at(root.path(), "w", "h").unwrap();
        if had_old {
            wallet.save(KeyKind::Hotkey, &old_key(), None, OnExisting::Refuse, &KeyCache::default()).unwrap();
        }
        prepare(&wallet);
        (root, wallet)
    };
    let start = |root: &Path| {
        let mut command = neuron();
        command.arg("wallet").args(arguments).args(["-w", "w", "-H", "h", "-p"]).arg(root);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let (root, wallet) = fresh();
    let began = Instant::now();
    assert!(start(root.path()).wait().unwrap().success(), "{arguments:?}");
    let whole = began.elapsed();
    let finished = holds(&wallet.secret_path(KeyKind::Hotkey)).unwrap();
    for moment in 0..MOMENTS {
        let (root, wallet) = fresh();
        let mut child = start(root.path());
        std::thread::sleep(whole * moment / (MOMENTS - 2));
        child.kill().unwrap();
        child.wait().unwrap();
        let told = format!("{arguments:?} killed at moment {moment}");
        let secret = wallet.secret_path(KeyKind::Hotkey);
        if secret.exists() {
            let now = holds(&secret);
            assert!(
                now == Some(finished) || (had_old && now == Some("old")),
                "{told}: the file is neither old nor new"
            );
        }
        if had_old {
            assert!(files(root.path()).iter().any(|path| holds(path) == Some("old")), "{told}: the old key is lost");
        }
        // After the reboot the same command does its work.
        assert!(start(root.path()).wait().unwrap().success(), "{told}: no second try");
        assert_eq!(holds(&secret), Some(finished), "{told}");
    }
}

#[test]
fn creating() {
    survives(&["regen-hotkey", "--seed", NEW_SEED], false, |_| {});
}

#[test]
fn regenerating_over_a_key() {
    survives(&["regen-hotkey", "--seed", NEW_SEED, "--overwrite"], true, |_| {});
}

#[test]
fn changing_the_password() {
    survives(&["passwd", "--use-hotkey", "--no-password"], true, |_| {});
}

#[test]
fn upgrading() {
    survives(&["upgrade"], true, |wallet| {
        let path = wallet.secret_path(KeyKind::Hotkey);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace('}', ", \"cryptoType\": 1}")).unwrap();
    });
}
