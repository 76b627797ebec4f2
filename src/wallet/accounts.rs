//! Wherever an account is wanted: an ss58 address, a `0x` public key, a wallet's name, or `WALLET/HOTKEY`.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use sp_core::crypto::{AccountId32, Ss58AddressFormat, Ss58Codec as _};

use super::error::WalletError;
use super::names::split_name;
use super::pair::Scheme;
use super::store::Wallet;
use crate::units::{Account, SS58_PREFIX};

/// An account as a person named it and what that means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolvedAccount {
    /// The account.
    pub account: Account,
    /// The scheme, when a keyfile told it.
    pub scheme: Option<Scheme>,
    /// What the text turned out to be.
    pub from: AccountFrom,
}

/// What a text that names an account turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountFrom {
    /// An address.
    Address,
    /// A public key in hex.
    PublicKey,
    /// The coldkey of this wallet.
    Coldkey(String),
    /// A wallet's hotkey, as `WALLET/HOTKEY`.
    Hotkey(String),
}

/// `5F… (coldkey of wallet `w`)`.
impl fmt::Display for ResolvedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            AccountFrom::Address => write!(f, "{}", self.account),
            AccountFrom::PublicKey => write!(f, "{} (given as public key)", self.account),
            AccountFrom::Coldkey(name) => write!(f, "{} (coldkey of wallet `{name}`)", self.account),
            AccountFrom::Hotkey(name) => write!(f, "{} (hotkey `{name}`)", self.account),
        }
    }
}

/// Chains whose addresses people paste by mistake, by network prefix.
const OTHER_CHAINS: [(u16, &str); 6] =
    [(0, "Polkadot"), (2, "Kusama"), (5, "Astar"), (10, "Acala"), (63, "Hydration"), (1284, "Moonbeam")];

impl ResolvedAccount {
    /// Reads `text`. Names are looked up under `root`; a bare name is a wallet, meaning its coldkey.
    ///
    /// # Errors
    /// [`WalletError::NoAccount`] with what was tried; addresses of other chains are refused by name.
    pub fn find(text: &str, root: &Path) -> Result<Self, WalletError> {
        let text = text.trim();
        if let Some(digits) = text.strip_prefix("0x") {
            return public_key(text, digits);
        }
        if let Some(account) = address(text)? {
            return Ok(Self { account, scheme: None, from: AccountFrom::Address });
        }
        by_name(text, root)
    }

    /// Reads `text` where a hotkey is wanted: as [`ResolvedAccount::find`], and a bare name is a hotkey of `wallet`.
    ///
    /// # Errors
    /// As [`ResolvedAccount::find`].
    pub fn find_hotkey(text: &str, root: &Path, wallet: &str) -> Result<Self, WalletError> {
        let text = text.trim();
        let is_name = !text.starts_with("0x") && !text.contains('/') && address(text)?.is_none();
        if is_name { by_name(&format!("{wallet}/{text}"), root) } else { Self::find(text, root) }
    }
}

fn refuse(text: &str, reason: impl Into<String>) -> WalletError {
    WalletError::NoAccount { text: text.chars().take(64).collect(), reason: reason.into() }
}

fn public_key(text: &str, digits: &str) -> Result<ResolvedAccount, WalletError> {
    let mut key = [0; 32];
    hex::decode_to_slice(digits, &mut key).map_err(|_| refuse(text, "a public key must be 0x and 64 hex digits"))?;
    Ok(ResolvedAccount { account: Account(key), scheme: None, from: AccountFrom::PublicKey })
}

/// An address of this chain, `None` when the text does not look like an address at all.
///
/// # Errors
/// [`WalletError::NoAccount`] for a damaged address and for one of another chain.
pub fn address(text: &str) -> Result<Option<Account>, WalletError> {
    let looks_like_one = text.len() >= 40 && text.chars().all(|c| c.is_ascii_alphanumeric());
    match AccountId32::from_ss58check_with_version(text) {
        Ok((account, format)) => same_chain(text, format).map(|()| Some(Account(account.into()))),
        Err(fault) if looks_like_one => {
            Err(refuse(text, format!("as an ss58 address: {fault}; check every character")))
        }
        Err(_) => Ok(None),
    }
}

fn same_chain(text: &str, format: Ss58AddressFormat) -> Result<(), WalletError> {
    let prefix: u16 = format.into();
    if prefix == SS58_PREFIX {
        return Ok(());
    }
    let chain = OTHER_CHAINS.iter().find(|(known, _)| *known == prefix).map_or("another chain", |(_, name)| name);
    Err(refuse(
        text,
        format!(
            "it is an address of {chain} (prefix {prefix}); Bittensor's have prefix {SS58_PREFIX} and start with 5"
        ),
    ))
}

fn by_name(text: &str, root: &Path) -> Result<ResolvedAccount, WalletError> {
    let (name, hotkey) = split_name(text, None).map_err(|fault| {
        refuse(text, format!("it is not an ss58 address, not 0x and a public key, and not a name ({fault})"))
    })?;
    let wallet = Wallet::at(root, &name, hotkey.as_deref().unwrap_or("default"))?;
    if !wallet.folder().is_dir() {
        let reason = format!(
            "it is not an ss58 address, not 0x and a public key, and not a wallet in {}",
            wallet.root().display()
        );
        return Err(refuse(text, reason));
    }
    let (key, from) = match hotkey {
        None => (wallet.coldkeypub()?, AccountFrom::Coldkey(name)),
        Some(hotkey) => (wallet.hotkeypub()?, AccountFrom::Hotkey(format!("{name}/{hotkey}"))),
    };
    Ok(ResolvedAccount { account: key.account, scheme: Some(key.scheme), from })
}

#[cfg(test)]
mod tests {
    use super::super::{KeyCache, KeyKind, OnExisting, UnlockedKey};
    use super::*;

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

    #[test]
    fn addresses_keys_and_names_all_do() {
        let root = tempfile::tempdir().unwrap();
        let wallet = Wallet::at(root.path(), "w", "h").unwrap();
        for (kind, uri) in [(KeyKind::Coldkey, "//Alice"), (KeyKind::Hotkey, "//Bob")] {
            let key = UnlockedKey::from_uri(uri, Scheme::Sr25519).unwrap();
            wallet.save(kind, &key, None, OnExisting::Refuse, &KeyCache::default()).unwrap();
        }
        let find = |text: &str| ResolvedAccount::find(text, root.path());
        assert_eq!(find("w").unwrap().account.ss58(), ALICE);
        assert_eq!(find("w").unwrap().to_string(), format!("{ALICE} (coldkey of wallet `w`)"));
        assert_eq!(find(ALICE).unwrap().from, AccountFrom::Address);
        let hex = format!("0x{}", hex::encode(find(ALICE).unwrap().account.0));
        assert_eq!(find(&hex).unwrap().account.ss58(), ALICE);
        let hotkey = find("w/h").unwrap();
        assert_eq!(ResolvedAccount::find_hotkey("h", root.path(), "w").unwrap(), hotkey);
        for bad in ["nobody", "w/nobody", "0x12", "../w", "", &ALICE.replace("Grwv", "Grwx")] {
            assert!(find(bad).is_err(), "{bad}");
        }
        let polkadot = find("12sGv4CtVrMFwBysBujZjBmGWUzEFCenx7Qjw5Wg1C4KcSxv").unwrap_err().to_string();
        assert!(polkadot.contains("Polkadot"), "{polkadot}");
    }
}
