//! What lies in a wallets folder, without unlocking anything and without being stopped by anything.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::disk;
use super::error::WalletError;
use super::key::PublicKey;
use super::keyfile::{Envelope, LockedKey, Role};
use super::names::{check_hotkey_name, check_wallet_name};
use super::pair::Scheme;
use super::store::{expand_home, public_of};
use crate::units::Account;

/// A wallets folder.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Listing {
    /// The folder.
    pub path: PathBuf,
    /// Its wallets, in natural order.
    pub wallets: Vec<ListedWallet>,
}

/// One wallet.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ListedWallet {
    /// The folder's name.
    pub name: String,
    /// The coldkey, when either of its files is there.
    pub coldkey: Option<ListedKey>,
    /// The hotkeys, in natural order.
    pub hotkeys: Vec<ListedKey>,
}

/// One key, from its files' own words: addresses are not proven here (`verify-keys` does).
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct ListedKey {
    /// `coldkey`, or the hotkey's name.
    pub name: String,
    /// The address, when any file says it.
    pub ss58: Option<Account>,
    /// The scheme, when the address is known.
    pub crypto_type: Option<Scheme>,
    /// Whether the secret file is encrypted; `None` when it is not here.
    pub encrypted: Option<bool>,
    /// The envelope of the secret file.
    pub format: Option<Envelope>,
    /// Whether only the public half is on this machine.
    pub public_only: bool,
    /// What is wrong with its files, if anything.
    pub problem: Option<String>,
}

impl Listing {
    /// Reads a folder. Wallets and keys that cannot be read are listed with their problem.
    ///
    /// # Errors
    /// [`WalletError::Io`] when the folder itself cannot be read. A folder that is not there has no wallets.
    pub fn read(root: &Path) -> Result<Self, WalletError> {
        let path = expand_home(root);
        let mut names: Vec<String> = match fs::read_dir(&path) {
            Ok(entries) => entries
                .filter_map(Result::ok)
                .filter(is_folder)
                .filter_map(|entry| entry.file_name().into_string().ok())
                .filter(|name| check_wallet_name(name).is_ok())
                .collect(),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(fault) => return Err(WalletError::Io { path, action: "list it", fault }),
        };
        names.sort_by(|a, b| natural(a, b));
        let wallets = names.into_iter().map(|name| ListedWallet::read(&path.join(&name), name)).collect();
        Ok(Self { path, wallets })
    }

    /// Every key with a problem, as `WALLET` or `WALLET/HOTKEY` and the problem.
    pub fn problems(&self) -> impl Iterator<Item = (String, &str)> {
        self.wallets.iter().flat_map(|wallet| {
            let coldkey = wallet.coldkey.iter().map(|key| (wallet.name.clone(), key));
            let hotkeys = wallet.hotkeys.iter().map(|key| (format!("{}/{}", wallet.name, key.name), key));
            coldkey.chain(hotkeys).filter_map(|(name, key)| Some((name, key.problem.as_deref()?)))
        })
    }
}

impl ListedWallet {
    /// Reads one wallet's folder.
    #[must_use]
    pub fn read(folder: &Path, name: String) -> Self {
        let coldkey = ListedKey::read("coldkey", &folder.join("coldkey"), &folder.join("coldkeypub.txt"));
        let hotkeys = folder.join("hotkeys");
        let hotkeys = hotkey_names(folder)
            .iter()
            .filter_map(|name| ListedKey::read(name, &hotkeys.join(name), &hotkeys.join(format!("{name}pub.txt"))))
            .collect();
        Self { name, coldkey, hotkeys }
    }
}

impl ListedKey {
    /// Reads a key's two files; `None` when neither is there.
    fn read(name: &str, secret: &Path, public: &Path) -> Option<Self> {
        let mut key = Self {
            name: name.to_owned(),
            ss58: None,
            crypto_type: None,
            encrypted: None,
            format: None,
            public_only: false,
            problem: None,
        };
        let found = disk::read(secret).transpose();
        let has_secret = found.is_some();
        if let Some(found) = found {
            let stated = found.map_err(|e| e.to_string()).and_then(|bytes| {
                let locked = LockedKey::new(bytes, Role::Secret).map_err(|e| e.to_string())?;
                key.format = Some(locked.envelope());
                key.encrypted = Some(locked.envelope().is_encrypted());
                locked.stated().map_err(|e| e.to_string())
            });
            key.take(stated);
        }
        // Only what the secret file does not tell costs a second file.
        if key.ss58.is_none() {
            match disk::read(public).transpose() {
                None if !has_secret => return None,
                None => {}
                Some(found) => {
                    key.public_only = !has_secret;
                    let stated =
                        found.map_err(|e| e.to_string()).and_then(|bytes| public_of(bytes).map_err(|e| e.to_string()));
                    let stated = stated.map(Some).map_err(|e| format!("{}: {e}", public.display()));
                    key.take(stated);
                }
            }
        }
        Some(key)
    }

    fn take(&mut self, stated: Result<Option<PublicKey>, String>) {
        match stated {
            Ok(Some(public)) => {
                self.ss58 = Some(public.account);
                self.crypto_type = Some(public.scheme);
            }
            Ok(None) => {}
            Err(problem) => {
                self.problem.get_or_insert(problem);
            }
        }
    }
}

/// A folder or a link to one.
fn is_folder(entry: &fs::DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        Ok(kind) => kind.is_dir(),
        Err(_) => false,
    }
}

/// The names of the hotkeys in a wallet's folder, secret or public only, in natural order.
pub(super) fn hotkey_names(wallet: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(wallet.join("hotkeys")) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| !is_folder(entry))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .map(|name| name.strip_suffix("pub.txt").map_or_else(|| name.clone(), str::to_owned))
        .filter(|name| check_hotkey_name(name).is_ok())
        .collect();
    names.sort_by(|a, b| natural(a, b));
    names.dedup();
    names
}

/// Order in which `hk2` comes before `hk10`.
pub(super) fn natural(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one, other);
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (in_a, in_b) = (digits(a), digits(b));
        if in_a > 0 && in_b > 0 {
            let ((number_a, rest_a), (number_b, rest_b)) = (a.split_at(in_a), b.split_at(in_b));
            let (plain_a, plain_b) = (number_a.trim_start_matches('0'), number_b.trim_start_matches('0'));
            let order = plain_a.len().cmp(&plain_b.len()).then_with(|| plain_a.cmp(plain_b));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (rest_a, rest_b);
            continue;
        }
        let (mut left, mut right) = (a.chars(), b.chars());
        match (left.next(), right.next()) {
            (None, None) => return one.cmp(other),
            (x, y) if x == y => (a, b) = (left.as_str(), right.as_str()),
            (x, y) => return x.cmp(&y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names = ["hk10", "hk2", "a", "hk02", "hk", "b1x2", "b1x10"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "b1x2", "b1x10", "hk", "hk02", "hk2", "hk10"]);
    }

    #[test]
    fn one_bad_file_hides_nothing() {
        let root = tempfile::tempdir().unwrap();
        for name in ["good", "bad", "empty"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        fs::write(root.path().join("bad/coldkeypub.txt"), "nonsense").unwrap();
        fs::write(root.path().join("stray"), "a file").unwrap();
        let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        fs::write(root.path().join("good/coldkeypub.txt"), format!(r#"{{"ss58Address":"{alice}"}}"#)).unwrap();
        let listing = Listing::read(root.path()).unwrap();
        let names: Vec<_> = listing.wallets.iter().map(|w| w.name.as_str()).collect();
        assert_eq!(names, ["bad", "empty", "good"]);
        let good = listing.wallets[2].coldkey.clone().unwrap();
        assert_eq!((good.ss58.unwrap().ss58().as_str(), good.public_only), (alice, true));
        assert_eq!(listing.problems().count(), 1);
        assert!(Listing::read(&root.path().join("nowhere")).unwrap().wallets.is_empty());
    }
}
