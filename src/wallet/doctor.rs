//! A doctor for wallets: opens what it can, proves each key against all its fields and its public file, and says what
//! other tools will make of it.

use std::fmt;
use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::disk;
use super::error::WalletError;
use super::keyfile::{Envelope, Holding};
use super::list::hotkey_names;
use super::pair::Scheme;
use super::store::{KeyKind, Wallet, public_of};
use super::unlock::{Unlock, Unlocked};
use crate::units::Account;

/// The findings on one key.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct KeyReport {
    /// The wallet's name.
    pub wallet: String,
    /// Coldkey or hotkey.
    pub kind: KeyKind,
    /// `coldkey`, or the hotkey's name.
    pub name: String,
    /// How sure it is.
    pub verdict: Verdict,
    /// The address, proven when the verdict says so.
    pub ss58: Option<Account>,
    /// The scheme.
    pub crypto_type: Option<Scheme>,
    /// The envelope of the secret file.
    pub format: Option<Envelope>,
    /// Where the password came from; `None` when none was needed or none fitted.
    pub password_from: Option<String>,
    /// What is wrong: the key does not work as it lies there.
    pub problems: Vec<String>,
    /// What its owner should know though it works.
    pub warnings: Vec<String>,
}

/// How sure the doctor is of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Opened, and every field agrees.
    Proven,
    /// Encrypted, and no password was given: only the envelope was looked at.
    Locked,
    /// Encrypted, and the password that was given did not open it: it is the wrong one, or the file is damaged.
    Refused,
    /// Only the public half is here.
    PublicOnly,
    /// It does not open, or its parts disagree.
    Broken,
}

impl KeyReport {
    fn new(wallet: &Wallet, kind: KeyKind) -> Self {
        let name = match kind {
            KeyKind::Coldkey => "coldkey".to_owned(),
            KeyKind::Hotkey => wallet.hotkey_name().to_owned(),
        };
        Self {
            wallet: wallet.name().to_owned(),
            kind,
            name,
            verdict: Verdict::Broken,
            ss58: None,
            crypto_type: None,
            format: None,
            password_from: None,
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn problem(&mut self, text: &dyn fmt::Display) {
        self.verdict = Verdict::Broken;
        self.problems.push(text.to_string());
    }
}

/// Examines every key of a wallet. Nothing is changed.
///
/// # Errors
/// [`WalletError::NoWallet`]. What is wrong with a key is in its report.
pub fn examine(root: &Path, name: &str, unlock: &Unlock) -> Result<Vec<KeyReport>, WalletError> {
    let wallet = Wallet::open(root, name, "default")?;
    let mut reports = Vec::new();
    if wallet.secret_path(KeyKind::Coldkey).exists() || wallet.public_path(KeyKind::Coldkey).exists() {
        reports.push(examine_key(&wallet, KeyKind::Coldkey, unlock));
    }
    for hotkey in hotkey_names(wallet.folder()) {
        match Wallet::at(root, name, &hotkey) {
            Ok(wallet) => reports.push(examine_key(&wallet, KeyKind::Hotkey, unlock)),
            Err(fault) => tracing::warn!("{fault}"),
        }
    }
    if let Some(first) = reports.first_mut() {
        first.warnings.extend(strays(wallet.folder()));
    }
    Ok(reports)
}

fn examine_key(wallet: &Wallet, kind: KeyKind, unlock: &Unlock) -> KeyReport {
    let mut report = KeyReport::new(wallet, kind);
    look_at_public(wallet, kind, &mut report);
    let public = report.ss58;
    let path = wallet.secret_path(kind);
    if !path.exists() {
        if report.problems.is_empty() {
            report.verdict = Verdict::PublicOnly;
        }
        return report;
    }
    if let Some(mode) = disk::mode(&path).filter(|mode| mode & 0o077 != 0) {
        report.warnings.push(format!(
            "{} can be read by others (mode {mode:04o}); run `chmod 600 {}`",
            path.display(),
            path.display()
        ));
    }
    match wallet.locked(kind) {
        Ok(locked) => {
            report.format = Some(locked.envelope());
            match unlock.open_telling(&locked, &path, kind, wallet.name()) {
                Ok(Unlocked { opened, from, .. }) => {
                    report.password_from = locked.envelope().is_encrypted().then(|| from.to_string());
                    let key = opened.public();
                    report.ss58 = Some(key.account);
                    report.crypto_type = Some(key.scheme);
                    report.warnings.extend(opened.notes.iter().map(ToString::to_string));
                    report.verdict = Verdict::Proven;
                    if matches!(opened.holding, Holding::Public(_)) {
                        report.problem(&format!("{}: it holds only the public half of the key", path.display()));
                    }
                    if public.is_some_and(|public| public != key.account) {
                        report.problem(&format!(
                            "the address in {} is not that of the secret key beside it; `neuron wallet regen-{kind}pub \
                             --overwrite` writes the right one",
                            wallet.public_path(kind).display()
                        ));
                    }
                }
                Err(WalletError::Locked { .. }) => {
                    if report.problems.is_empty() {
                        report.verdict = Verdict::Locked;
                    }
                }
                Err(fault @ WalletError::WrongPassword { .. }) => {
                    // Not broken for all we know: in a batch, one password rarely fits every wallet.
                    report.warnings.push(fault.to_string());
                    if report.problems.is_empty() {
                        report.verdict = Verdict::Refused;
                    }
                }
                Err(fault) => report.problem(&fault),
            }
            if matches!(locked.envelope(), Envelope::Fernet | Envelope::Ansible) {
                report.warnings.push(format!(
                    "its {} encryption is out of date; `neuron wallet upgrade` renews it",
                    locked.envelope()
                ));
            }
            if kind == KeyKind::Coldkey && !locked.envelope().is_encrypted() {
                report
                    .warnings
                    .push("the coldkey is not encrypted; `neuron wallet passwd` gives it a password".to_owned());
            }
        }
        Err(fault) => report.problem(&fault),
    }
    report
}

fn look_at_public(wallet: &Wallet, kind: KeyKind, report: &mut KeyReport) {
    let path = wallet.public_path(kind);
    match disk::read(&path) {
        Ok(Some(bytes)) => match public_of(bytes) {
            Ok(key) => {
                report.ss58 = Some(key.account);
                report.crypto_type = Some(key.scheme);
            }
            Err(fault) => report.problem(&format!("{}: {fault}", path.display())),
        },
        Ok(None) if kind == KeyKind::Coldkey => {
            report
                .warnings
                .push(format!("there is no {}; it is written when the key is next unlocked", path.display()));
        }
        Ok(None) => {}
        Err(fault) => report.problem(&fault),
    }
}

/// What crashed tools left behind.
fn strays(folder: &Path) -> Vec<String> {
    [folder.to_owned(), folder.join("hotkeys")]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".tmp"))
        .map(|entry| {
            format!(
                "{} was left by a tool that crashed; it may hold a key, so look into it before you delete it",
                entry.path().display()
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{KeyCache, OnExisting, UnlockedKey};
    use super::*;

    fn key(uri: &str) -> UnlockedKey {
        UnlockedKey::from_uri(uri, Scheme::Sr25519).unwrap()
    }

    #[test]
    fn a_pair_that_does_not_belong_together_is_found() {
        let root = tempfile::tempdir().unwrap();
        let wallet = Wallet::at(root.path(), "w", "h").unwrap();
        for kind in [KeyKind::Coldkey, KeyKind::Hotkey] {
            wallet.save(kind, &key("//A"), None, OnExisting::Refuse, &KeyCache::default()).unwrap();
        }
        let sound = examine(root.path(), "w", &Unlock::never_asking()).unwrap();
        assert!(sound.iter().all(|report| report.verdict == Verdict::Proven), "{sound:?}");
        wallet.save_public(KeyKind::Hotkey, &key("//B").public(), OnExisting::Replace).unwrap();
        fs::remove_file(wallet.secret_path(KeyKind::Coldkey)).unwrap();
        fs::write(wallet.folder().join("hotkeys/x.tmp"), "").unwrap();
        let reports = examine(root.path(), "w", &Unlock::never_asking()).unwrap();
        assert_eq!(reports[0].verdict, Verdict::PublicOnly);
        assert!(reports[0].warnings.iter().any(|w| w.contains("x.tmp")), "{reports:?}");
        assert_eq!(reports[1].verdict, Verdict::Broken);
        assert!(reports[1].problems[0].contains("is not that of the secret key"), "{reports:?}");
    }
}
