//! A disk that dies at a chosen step, and the promise it tests: after a crash or a full disk at any moment each file
//! is the old or the new one, whole, and no key is lost.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::disk::{self, Disk, RealDisk};
use super::keyfile::{KeyCache, LockedKey, Role};
use super::store::public_of;
use super::{KeyKind, OnExisting, Scheme, Secret, UnlockedKey, Wallet, WalletError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The process is gone: the step is half done and nothing happens after it.
    Killed,
    /// This step fails half done; the process goes on and cleans up.
    Full,
}

#[derive(Debug)]
struct FaultyDisk {
    fault: Fault,
    fails_at: usize,
    step: AtomicUsize,
}

impl FaultyDisk {
    /// Whether this step is the one that fails (`Some(true)`: half done), or comes after a kill (`Some(false)`).
    fn fate(&self) -> Option<bool> {
        let step = self.step.fetch_add(1, Ordering::SeqCst);
        match step.cmp(&self.fails_at) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(true),
            std::cmp::Ordering::Greater => (self.fault == Fault::Killed).then_some(false),
        }
    }

    fn or_fail(&self, step: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.fate().is_some() { Err(io::ErrorKind::StorageFull.into()) } else { step() }
    }
}

impl Disk for FaultyDisk {
    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.fate() {
            None => RealDisk.write_new(path, bytes),
            Some(half) => {
                if half {
                    RealDisk.write_new(path, &bytes[..bytes.len() / 2])?;
                }
                Err(io::ErrorKind::StorageFull.into())
            }
        }
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.or_fail(|| RealDisk.link(from, to))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.or_fail(|| RealDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.or_fail(|| RealDisk.remove(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.or_fail(|| RealDisk.sync_folder(path))
    }
}

const PASSWORD: &str = "a long password";

fn key(name: &str) -> UnlockedKey {
    UnlockedKey::from_uri(&format!("//{name}"), Scheme::Sr25519).unwrap()
}

/// One of the operations that change a wallet.
type Operation = fn(&Wallet, KeyKind, &KeyCache) -> Result<(), WalletError>;

fn create(wallet: &Wallet, kind: KeyKind, keys: &KeyCache) -> Result<(), WalletError> {
    wallet.save(kind, &key("New"), Some(&Secret::new(PASSWORD.into())), OnExisting::Refuse, keys).map(drop)
}

fn regenerate(wallet: &Wallet, kind: KeyKind, keys: &KeyCache) -> Result<(), WalletError> {
    wallet.save(kind, &key("New"), None, OnExisting::Replace, keys).map(drop)
}

fn change_password(wallet: &Wallet, kind: KeyKind, keys: &KeyCache) -> Result<(), WalletError> {
    wallet.rewrite(kind, &key("Old"), Some(&Secret::new(PASSWORD.into())), keys).map(drop)
}

/// A file with a number that old tools cannot read, in place of what was saved.
fn spoil(wallet: &Wallet, kind: KeyKind) {
    let path = wallet.secret_path(kind);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace('}', ", \"cryptoType\": 1}")).unwrap();
}

/// What `wallet upgrade` does to a key; a second try finds nothing to do.
fn upgrade(wallet: &Wallet, kind: KeyKind, keys: &KeyCache) -> Result<(), WalletError> {
    let fault = |fault| WalletError::Keyfile { path: wallet.secret_path(kind), fault };
    let opened = wallet.locked(kind)?.open(None, keys).map_err(fault)?;
    wallet.mend_modes(kind)?;
    if opened.notes.is_empty() {
        return Ok(());
    }
    let key = opened.into_secret().map_err(fault)?;
    wallet.rewrite(kind, &key, None, keys).map(drop)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// Which of the two keys a file opens to.
fn holds(path: &Path, keys: &KeyCache) -> Option<&'static str> {
    let locked = LockedKey::new(disk::read(path).ok()??, Role::Secret).ok()?;
    let opened = locked.open(Some(&Secret::new(PASSWORD.into())), keys).ok()?.into_secret().ok()?;
    ["Old", "New"].into_iter().find(|name| key(name).public() == opened.public())
}

/// Checks the promise on what is left, and that the same operation then succeeds on a sound disk.
fn check_remains(wallet: &Wallet, kind: KeyKind, keys: &KeyCache, had_old: bool, fault: Fault, at: usize) {
    let told = format!("{fault:?} at step {at}");
    let secret = wallet.secret_path(kind);
    if secret.exists() {
        assert!(holds(&secret, keys).is_some(), "{told}: the secret file is neither old nor new");
    }
    let everything = files(wallet.root());
    if had_old {
        assert!(everything.iter().any(|path| holds(path, keys) == Some("Old")), "{told}: the old key is lost");
    }
    if let Ok(Some(bytes)) = disk::read(&wallet.public_path(kind)) {
        let public = public_of(bytes).unwrap_or_else(|e| panic!("{told}: the public file is broken: {e}"));
        if let Some(name) = holds(&secret, keys) {
            assert_eq!(key(name).public(), public, "{told}: the pair does not belong together");
        }
    }
    for path in &everything {
        assert_eq!(disk::mode(path), Some(0o600), "{told}: {}", path.display());
        let stray = path.to_string_lossy().ends_with(".tmp");
        assert!(!stray || fault == Fault::Killed, "{told}: {} was left", path.display());
    }
}

/// Runs `operation` with a fault at every step it has.
fn survives(operation: Operation, had_old: bool, spoil: impl Fn(&Wallet, KeyKind)) {
    let keys = KeyCache::knowing(PASSWORD);
    for kind in [KeyKind::Coldkey, KeyKind::Hotkey] {
        for fault in [Fault::Killed, Fault::Full] {
            let mut steps = 0;
            loop {
                let root = tempfile::tempdir().unwrap();
                let wallet = Wallet::at(root.path(), "w", "h").unwrap();
                if had_old {
                    wallet.save(kind, &key("Old"), None, OnExisting::Refuse, &keys).unwrap();
                }
                spoil(&wallet, kind);
                let faulty = Arc::new(FaultyDisk { fault, fails_at: steps, step: AtomicUsize::new(0) });
                let outcome = operation(&wallet.clone().on(faulty.clone()), kind, &keys);
                check_remains(&wallet, kind, &keys, had_old, fault, steps);
                if faulty.step.load(Ordering::SeqCst) <= steps {
                    outcome.unwrap();
                    break;
                }
                // The next try, after the reboot, is not stopped by what the first left behind.
                operation(&wallet, kind, &keys)
                    .unwrap_or_else(|e| panic!("{fault:?} at step {steps}: no second try: {e}"));
                steps += 1;
            }
            assert!(steps >= 5, "only {steps} steps were tried");
        }
    }
}

#[test]
fn creating_survives_a_fault_at_every_step() {
    survives(create, false, |_, _| {});
}

#[test]
fn regenerating_over_a_key_survives_a_fault_at_every_step() {
    survives(regenerate, true, |_, _| {});
}

#[test]
fn changing_the_password_survives_a_fault_at_every_step() {
    survives(change_password, true, |_, _| {});
}

#[test]
fn upgrading_survives_a_fault_at_every_step() {
    survives(upgrade, true, spoil);
}
