//! Keys: files, addresses, signing.
//!
//! The field keeps keys in `~/.bittensor/wallets/NAME/{coldkey, coldkeypub.txt, hotkeys/HOTKEY, hotkeys/HOTKEYpub.txt}`.
//! A [`Wallet`] is one such folder with one hotkey chosen. A key has three states, each a type: a [`PublicKey`] that
//! anybody may hold, a [`LockedKey`] as it lies in a file, and an [`UnlockedKey`]. [`Unlock`] is the one policy that
//! says where passwords may come from; it holds what it learned, so that a process asks and derives once.
//!
//! Everything ever written by a wallet tool of the field opens; what is written here opens in all of them.

mod accounts;
mod disk;
mod doctor;
mod env_password;
mod error;
#[cfg(test)]
mod faults;
mod key;
mod keyfile;
mod list;
mod names;
mod pair;
mod phrase;
mod policy;
pub mod polkadot_js;
mod save;
mod secret;
mod store;
mod unlock;

pub use accounts::{AccountFrom, ResolvedAccount, address};
pub use doctor::{KeyReport, Verdict, examine};
pub use env_password::{EnvPassword, EnvPasswordError};
pub use error::{Class, WalletError};
pub use key::{PublicKey, UnlockedKey};
pub use keyfile::{Envelope, Holding, KeyCache, KeyfileError, LockedKey, Note, Opened, Role, public_file, seal};
pub use list::{ListedKey, ListedWallet, Listing};
pub use names::{NameError, check_hotkey_name, check_wallet_name, split_name};
pub use pair::{KeyError, Keypair, NotAScheme, Scheme, verify, verify_message};
pub use phrase::{Phrase, PhraseError};
pub use policy::check_new_password;
pub use save::{OnExisting, Saved};
pub use secret::{Secret, forbid_core_dumps};
pub use store::{DEFAULT_PATH, KeyKind, Wallet, expand_home};
pub use unlock::{Ask, Environment, Given, PasswordFrom, Terminal, Unlock, Unlocked};
