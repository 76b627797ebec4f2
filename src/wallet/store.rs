//! The folder of a wallet and the keys in it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::disk::{self, Disk, RealDisk};
use super::error::WalletError;
use super::key::{PublicKey, UnlockedKey};
use super::keyfile::{KeyCache, KeyfileError, LockedKey, Role};
use super::names::{check_hotkey_name, check_wallet_name};
use super::pair::Keypair;
use super::unlock::Unlock;

/// Where wallets are when nothing else is said; `~` is the home folder.
pub const DEFAULT_PATH: &str = "~/.bittensor/wallets";

/// Replaces a leading `~` by the home folder, where there is one.
#[must_use]
pub fn expand_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// Which of a wallet's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Owns the money; normally encrypted, often not on this machine.
    Coldkey,
    /// Signs for the neuron; normally plain.
    Hotkey,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Coldkey => "coldkey",
            Self::Hotkey => "hotkey",
        })
    }
}

/// One wallet folder with one hotkey chosen.
#[derive(Debug, Clone)]
pub struct Wallet {
    folder: PathBuf,
    root: PathBuf,
    name: String,
    hotkey: String,
    pub(super) disk: Arc<dyn Disk>,
}

impl Wallet {
    /// The wallet `name` under `root`, existing or not. A leading `~` of `root` is the home folder.
    ///
    /// # Errors
    /// [`WalletError::Name`] for names that would leave the folder.
    pub fn at(root: &Path, name: &str, hotkey: &str) -> Result<Self, WalletError> {
        check_wallet_name(name)?;
        check_hotkey_name(hotkey)?;
        let root = expand_home(root);
        let folder = root.join(name);
        Ok(Self { folder, root, name: name.to_owned(), hotkey: hotkey.to_owned(), disk: Arc::new(RealDisk) })
    }

    /// The wallet `name` under `root`, which must exist. Nothing is read yet.
    ///
    /// # Errors
    /// [`WalletError::NoWallet`] with the names that are there; [`WalletError::Name`].
    pub fn open(root: &Path, name: &str, hotkey: &str) -> Result<Self, WalletError> {
        let wallet = Self::at(root, name, hotkey)?;
        if wallet.folder.is_dir() {
            return Ok(wallet);
        }
        let known = similar_names(&wallet.root, name);
        Err(WalletError::NoWallet { name: wallet.name, folder: wallet.root, known })
    }

    #[cfg(test)]
    pub(super) fn on(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// The wallet's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The chosen hotkey's name.
    #[must_use]
    pub fn hotkey_name(&self) -> &str {
        &self.hotkey
    }

    /// The wallet's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of all wallets.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The secret file of a key.
    #[must_use]
    pub fn secret_path(&self, kind: KeyKind) -> PathBuf {
        match kind {
            KeyKind::Coldkey => self.folder.join("coldkey"),
            KeyKind::Hotkey => self.folder.join("hotkeys").join(&self.hotkey),
        }
    }

    /// The public file of a key.
    #[must_use]
    pub fn public_path(&self, kind: KeyKind) -> PathBuf {
        match kind {
            KeyKind::Coldkey => self.folder.join("coldkeypub.txt"),
            KeyKind::Hotkey => self.folder.join("hotkeys").join(format!("{}pub.txt", self.hotkey)),
        }
    }

    /// The hotkey, ready to sign.
    ///
    /// # Errors
    /// [`WalletError::NoKey`], [`WalletError::Locked`], [`WalletError::WrongPassword`], [`WalletError::Keyfile`].
    pub fn hotkey(&self, unlock: &Unlock) -> Result<Keypair, WalletError> {
        self.unlocked(KeyKind::Hotkey, unlock).map(UnlockedKey::into_keypair)
    }

    /// The coldkey, ready to sign.
    ///
    /// # Errors
    /// As [`Wallet::hotkey`].
    pub fn coldkey(&self, unlock: &Unlock) -> Result<Keypair, WalletError> {
        self.unlocked(KeyKind::Coldkey, unlock).map(UnlockedKey::into_keypair)
    }

    /// The coldkey's public side, from `coldkeypub.txt` or a plain coldkey file. Never asks for a password.
    ///
    /// # Errors
    /// [`WalletError::NoKey`] when neither is there, [`WalletError::Keyfile`] when it cannot be read.
    pub fn coldkeypub(&self) -> Result<PublicKey, WalletError> {
        self.public(KeyKind::Coldkey)
    }

    /// The hotkey's public side, from its public file or a plain hotkey file. Never asks for a password.
    ///
    /// # Errors
    /// As [`Wallet::coldkeypub`].
    pub fn hotkeypub(&self) -> Result<PublicKey, WalletError> {
        self.public(KeyKind::Hotkey)
    }

    /// A key with all that was kept of it.
    ///
    /// A missing public file is written on the way; one that says something else is left alone and reported in the log.
    ///
    /// # Errors
    /// As [`Wallet::hotkey`].
    pub fn unlocked(&self, kind: KeyKind, unlock: &Unlock) -> Result<UnlockedKey, WalletError> {
        let path = self.secret_path(kind);
        let locked = self.locked(kind)?;
        if let Some(mode) = disk::mode(&path).filter(|mode| mode & 0o077 != 0) {
            tracing::warn!(path = %path.display(), "others can read it (mode {mode:04o}); run `chmod 600` on it");
        }
        let opened = unlock.open(&locked, &path, kind, &self.name)?;
        for note in &opened.notes {
            tracing::warn!(path = %path.display(), "{note}");
        }
        let key = opened.into_secret().map_err(|fault| WalletError::Keyfile { path: path.clone(), fault })?;
        self.mend_public(kind, &key.public());
        Ok(key)
    }

    /// The secret file of a key, as it lies there.
    ///
    /// # Errors
    /// [`WalletError::NoKey`], [`WalletError::Keyfile`] for an empty one.
    pub fn locked(&self, kind: KeyKind) -> Result<LockedKey, WalletError> {
        let path = self.secret_path(kind);
        match disk::read(&path)? {
            Some(bytes) => LockedKey::new(bytes, Role::Secret).map_err(|fault| WalletError::Keyfile { path, fault }),
            None => Err(self.no_key(kind, path)),
        }
    }

    fn public(&self, kind: KeyKind) -> Result<PublicKey, WalletError> {
        let path = self.public_path(kind);
        if let Some(bytes) = disk::read(&path)? {
            return public_of(bytes).map_err(|fault| WalletError::Keyfile { path, fault });
        }
        let locked = self.locked(kind)?;
        let path = self.secret_path(kind);
        match locked.stated() {
            Ok(Some(key)) => Ok(key),
            Ok(None) => Err(WalletError::NoKey {
                key: format!("the public half of the {}", self.key_name(kind)),
                path: self.public_path(kind),
                remedy: format!(
                    "the secret file is encrypted: make the public one with `neuron wallet regen-{kind}pub`, or unlock the key once"
                ),
            }),
            Err(fault) => Err(WalletError::Keyfile { path, fault }),
        }
    }

    fn no_key(&self, kind: KeyKind, path: PathBuf) -> WalletError {
        if !self.folder.is_dir() {
            let known = similar_names(&self.root, &self.name);
            return WalletError::NoWallet { name: self.name.clone(), folder: self.root.clone(), known };
        }
        let key = format!("the {}", self.key_name(kind));
        let remedy = match kind {
            KeyKind::Coldkey => "a machine that only runs a miner or validator does not need it; `neuron wallet \
                                 regen-coldkey` restores it here"
                .to_owned(),
            KeyKind::Hotkey => {
                let known = super::list::hotkey_names(&self.folder);
                let known =
                    if known.is_empty() { String::new() } else { format!(" (there are: {})", known.join(", ")) };
                format!(
                    "name another with --wallet.hotkey{known}, or create it with `neuron wallet new-hotkey` or \
                     `regen-hotkey`"
                )
            }
        };
        WalletError::NoKey { key, path, remedy }
    }

    fn key_name(&self, kind: KeyKind) -> String {
        match kind {
            KeyKind::Coldkey => format!("coldkey of wallet `{}`", self.name),
            KeyKind::Hotkey => format!("hotkey `{}` of wallet `{}`", self.hotkey, self.name),
        }
    }

    fn mend_public(&self, kind: KeyKind, key: &PublicKey) {
        let path = self.public_path(kind);
        match disk::read(&path) {
            Ok(None) => {
                if let Err(fault) = disk::put_new(&*self.disk, &path, &super::keyfile::public_file(key)) {
                    tracing::debug!("the missing public file was not written: {fault}");
                }
            }
            Ok(Some(bytes)) => {
                if public_of(bytes).is_ok_and(|stated| stated.account != key.account) {
                    tracing::warn!(path = %path.display(), "its address is not that of the secret key beside it; \
                                                            `neuron wallet verify-keys` says more");
                }
            }
            Err(_) => {}
        }
    }
}

/// Reads a public file's bytes.
pub(super) fn public_of(bytes: Zeroizing<Vec<u8>>) -> Result<PublicKey, KeyfileError> {
    LockedKey::new(bytes, Role::Public)?.open(None, &KeyCache::default()).map(|opened| opened.public())
}

/// Names of wallets that look like `name`, or the first few that are there.
fn similar_names(root: &Path, name: &str) -> Vec<String> {
    const SHOWN: usize = 5;
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|known| check_wallet_name(known).is_ok())
        .collect();
    let alike = |known: &str| known.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
    names.sort_by_key(|known| (std::cmp::Reverse(alike(known)), known.clone()));
    names.truncate(SHOWN);
    names
}

#[cfg(test)]
mod tests {
    use super::super::{OnExisting, Scheme};
    use super::*;

    fn made(root: &Path) -> Wallet {
        let wallet = Wallet::at(root, "w", "h").unwrap();
        for kind in [KeyKind::Coldkey, KeyKind::Hotkey] {
            let key = UnlockedKey::from_uri(&format!("//{kind}"), Scheme::Sr25519).unwrap();
            wallet.save(kind, &key, None, OnExisting::Refuse, &KeyCache::default()).unwrap();
        }
        wallet
    }

    #[test]
    fn a_wallet_opens_and_signs() {
        let root = tempfile::tempdir().unwrap();
        made(root.path());
        let wallet = Wallet::open(root.path(), "w", "h").unwrap();
        let unlock = Unlock::never_asking();
        let hotkey = wallet.hotkey(&unlock).unwrap();
        assert_eq!(hotkey.account(), Keypair::from_uri("//hotkey", Scheme::Sr25519).unwrap().account());
        assert_eq!(wallet.hotkeypub().unwrap().account, hotkey.account());
        assert_eq!(wallet.coldkeypub().unwrap().account, wallet.coldkey(&unlock).unwrap().account());
    }

    #[test]
    fn what_is_missing_is_said_with_a_remedy() {
        let root = tempfile::tempdir().unwrap();
        made(root.path());
        let text = Wallet::open(root.path(), "v", "h").unwrap_err().to_string();
        assert!(
            text.contains("no wallet `v`") && text.contains("there are: w") && text.contains("wallet create"),
            "{text}"
        );
        let other = Wallet::open(root.path(), "w", "nobody").unwrap();
        let text = other.hotkey(&Unlock::never_asking()).unwrap_err().to_string();
        assert!(text.contains("hotkeys/nobody") && text.contains("there are: h"), "{text}");
    }

    #[test]
    fn a_lost_public_file_comes_back_and_a_lost_coldkey_is_no_fault() {
        let root = tempfile::tempdir().unwrap();
        let wallet = made(root.path());
        let public = wallet.public_path(KeyKind::Hotkey);
        fs::remove_file(&public).unwrap();
        wallet.hotkey(&Unlock::never_asking()).unwrap();
        assert!(public.exists());
        fs::remove_file(wallet.secret_path(KeyKind::Coldkey)).unwrap();
        assert!(wallet.coldkeypub().is_ok(), "watch-only");
        assert!(matches!(wallet.coldkey(&Unlock::never_asking()), Err(WalletError::NoKey { .. })));
    }
}
