//! Putting keys into a wallet: secret first, then its public file, and never over a key without being told.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::disk::{self, FolderLock};
use super::error::WalletError;
use super::key::{PublicKey, UnlockedKey};
use super::keyfile::{self, KeyCache, LockedKey, Role};
use super::secret::Secret;
use super::store::{KeyKind, Wallet, public_of};

/// What to do when a file is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExisting {
    /// Leave it and fail.
    Refuse,
    /// Replace it, keeping a copy `NAME.bak-<UTC time>` beside it.
    Replace,
}

/// What became of a key that was to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// Its files were written; the copies of what was there before.
    Written {
        /// Old files that were kept under another name.
        kept: Vec<PathBuf>,
    },
    /// The same key was there already; nothing was changed.
    AlreadyThere,
}

impl Wallet {
    /// Saves the secret and the public file of a key; encrypted when there is a password.
    ///
    /// Both are read back before it returns. A crash at any moment leaves each file old or new, whole; between the two
    /// writes a public file may be missing, never wrong, and comes back when the key is next unlocked.
    ///
    /// # Errors
    /// [`WalletError::Exists`], [`WalletError::OpenFolder`], [`WalletError::Busy`], [`WalletError::Io`],
    /// [`WalletError::ReadBack`].
    pub fn save(
        &self,
        kind: KeyKind,
        key: &UnlockedKey,
        password: Option<&Secret>,
        existing: OnExisting,
        keys: &KeyCache,
    ) -> Result<Saved, WalletError> {
        let secret = self.secret_path(kind);
        let bytes = keyfile::seal(key, password, keys).map_err(|fault| bad(&secret, fault))?;
        let _lock = self.prepare(kind)?;
        if existing == OnExisting::Refuse && secret.exists() {
            return self.same_or_exists(kind, key, password, keys);
        }
        self.check_public_in_the_way(kind, key, existing)?;
        self.write_pair(kind, &bytes, &key.public(), password, keys)
    }

    /// Rewrites a key's secret file in another envelope or form (passwd, upgrade), keeping the old one beside it.
    ///
    /// # Errors
    /// As [`Wallet::save`].
    pub fn rewrite(
        &self,
        kind: KeyKind,
        key: &UnlockedKey,
        password: Option<&Secret>,
        keys: &KeyCache,
    ) -> Result<Vec<PathBuf>, WalletError> {
        let secret = self.secret_path(kind);
        let bytes = keyfile::seal(key, password, keys).map_err(|fault| bad(&secret, fault))?;
        let _lock = self.prepare(kind)?;
        match self.write_pair(kind, &bytes, &key.public(), password, keys)? {
            Saved::Written { kept } => Ok(kept),
            Saved::AlreadyThere => Ok(Vec::new()),
        }
    }

    /// Saves only the public file of a key, for a machine that watches.
    ///
    /// # Errors
    /// As [`Wallet::save`].
    pub fn save_public(&self, kind: KeyKind, key: &PublicKey, existing: OnExisting) -> Result<Saved, WalletError> {
        let path = self.public_path(kind);
        let _lock = self.prepare(kind)?;
        let old = disk::read(&path)?;
        match old.map(public_of) {
            None => {}
            Some(Ok(there)) if there == *key => return Ok(Saved::AlreadyThere),
            Some(there) if existing == OnExisting::Refuse => {
                let what = there.map_or_else(|fault| format!("something else ({fault})"), |k| format!("{}", k.account));
                return Err(WalletError::Exists { path, what });
            }
            Some(_) => {}
        }
        let bytes = keyfile::public_file(key);
        let kept = self.write_over(&path, &bytes)?;
        Ok(Saved::Written { kept: kept.into_iter().collect() })
    }

    /// Takes the rights of others away from a key's files and folders. Whether there was anything to take.
    ///
    /// # Errors
    /// [`WalletError::Io`].
    pub fn mend_modes(&self, kind: KeyKind) -> Result<bool, WalletError> {
        let mut mended = false;
        let folders = [self.folder().to_owned(), self.folder().join("hotkeys")];
        for (path, wanted) in folders.iter().map(|path| (path.clone(), 0o755)).chain([(self.secret_path(kind), 0o600)])
        {
            if let Some(mode) = disk::mode(&path).filter(|mode| mode & !wanted & 0o777 != 0) {
                disk::set_mode(&path, mode & wanted)?;
                mended = true;
            }
        }
        Ok(mended)
    }

    /// Makes the folders, takes the wallet's lock and refuses folders that others can write to.
    fn prepare(&self, kind: KeyKind) -> Result<FolderLock, WalletError> {
        disk::make_folder(self.folder())?;
        if kind == KeyKind::Hotkey {
            let hotkeys = self.folder().join("hotkeys");
            disk::make_folder(&hotkeys)?;
            disk::refuse_open_folder(&hotkeys)?;
        }
        disk::refuse_open_folder(self.folder())?;
        FolderLock::take(self.folder())
    }

    /// The secret file is in the way: fine when it is this very key, whose public file is then mended.
    fn same_or_exists(
        &self,
        kind: KeyKind,
        key: &UnlockedKey,
        password: Option<&Secret>,
        keys: &KeyCache,
    ) -> Result<Saved, WalletError> {
        let public = self.public_path(kind);
        let mut there = disk::read(&public)?.and_then(|bytes| public_of(bytes).ok());
        if there.is_none() {
            there = self.locked(kind)?.open(password, keys).ok().map(|opened| opened.public());
            if there == Some(key.public()) && !public.exists() {
                disk::put_new(&*self.disk, &public, &keyfile::public_file(&key.public()))?;
            }
        }
        if there.is_some_and(|there| there.account == key.public().account) {
            return Ok(Saved::AlreadyThere);
        }
        let what = there.map_or_else(|| "a key of its own".to_owned(), |there| format!("the key {}", there.account));
        Err(WalletError::Exists { path: self.secret_path(kind), what })
    }

    /// A public file without its secret belongs to a watched key: the same key may come, another may not.
    fn check_public_in_the_way(
        &self,
        kind: KeyKind,
        key: &UnlockedKey,
        existing: OnExisting,
    ) -> Result<(), WalletError> {
        let path = self.public_path(kind);
        let Some(bytes) = disk::read(&path)? else { return Ok(()) };
        match public_of(bytes) {
            Ok(there) if there.account == key.public().account => Ok(()),
            _ if existing == OnExisting::Replace => Ok(()),
            Ok(there) => Err(WalletError::Exists { path, what: format!("the address {}", there.account) }),
            Err(fault) => Err(WalletError::Exists { path, what: format!("something else ({fault})") }),
        }
    }

    fn write_pair(
        &self,
        kind: KeyKind,
        secret_bytes: &[u8],
        key: &PublicKey,
        password: Option<&Secret>,
        keys: &KeyCache,
    ) -> Result<Saved, WalletError> {
        let (secret, public) = (self.secret_path(kind), self.public_path(kind));
        // Proven before anything on the disk changes: what is about to be written opens to this key.
        check(secret_bytes, key, password, keys, &secret)?;
        let mut kept = Vec::new();
        let public_bytes = keyfile::public_file(key);
        let old_public = disk::read(&public)?;
        let is_current = old_public.as_ref().is_some_and(|old| old.as_slice() == public_bytes);
        let is_stale = !is_current && old_public.is_some();
        if is_stale {
            kept.extend(disk::keep_copy(&*self.disk, &public)?);
        }
        let kept_secret = disk::keep_copy(&*self.disk, &secret)?;
        kept.extend(kept_secret.clone());
        if is_stale {
            // Rather no public file than one of another key, should the process die between the two writes.
            self.disk.remove(&public).map_err(|fault| io(&public, "remove it", fault))?;
        }
        match kept_secret {
            Some(_) => disk::replace(&*self.disk, &secret, secret_bytes)?,
            None => disk::put_new(&*self.disk, &secret, secret_bytes)?,
        }
        if !is_current {
            disk::put_new(&*self.disk, &public, &public_bytes)?;
        }
        let written = disk::read(&secret)?.ok_or_else(|| WalletError::ReadBack { path: secret.clone() })?;
        check(&written, key, password, keys, &secret)?;
        Ok(Saved::Written { kept })
    }

    fn write_over(&self, path: &Path, bytes: &[u8]) -> Result<Option<PathBuf>, WalletError> {
        let kept = disk::keep_copy(&*self.disk, path)?;
        match kept {
            Some(_) => disk::replace(&*self.disk, path, bytes)?,
            None => disk::put_new(&*self.disk, path, bytes)?,
        }
        Ok(kept)
    }
}

/// That these bytes open to `key`.
fn check(
    bytes: &[u8],
    key: &PublicKey,
    password: Option<&Secret>,
    keys: &KeyCache,
    path: &Path,
) -> Result<(), WalletError> {
    let opened = LockedKey::new(Zeroizing::new(bytes.to_vec()), Role::Secret)
        .and_then(|locked| locked.open(password, keys))
        .and_then(keyfile::Opened::into_secret)
        .map_err(|fault| bad(path, fault))?;
    if opened.public() == *key { Ok(()) } else { Err(WalletError::ReadBack { path: path.to_owned() }) }
}

fn bad(path: &Path, fault: keyfile::KeyfileError) -> WalletError {
    WalletError::Keyfile { path: path.to_owned(), fault }
}

fn io(path: &Path, action: &'static str, fault: std::io::Error) -> WalletError {
    WalletError::Io { path: path.to_owned(), action, fault }
}
