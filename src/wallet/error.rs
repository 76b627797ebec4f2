//! What can go wrong with a wallet: what happened, to which file, and what to do.

use std::io;
use std::path::PathBuf;

use super::keyfile::KeyfileError;
use super::names::NameError;
use super::pair::KeyError;
use super::phrase::PhraseError;

/// Failures of the wallet room. No variant carries a secret.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// There is no such wallet folder.
    #[error("there is no wallet `{name}` in {folder}{}; create it with `neuron wallet create --wallet.name {name}`, or \
             give its folder with --wallet.path", similar(.known))]
    NoWallet {
        /// The wallet's name.
        name: String,
        /// The wallets folder.
        folder: PathBuf,
        /// Names that are there and look alike.
        known: Vec<String>,
    },
    /// The wallet is there, this key of it is not on this machine.
    #[error("{key} is not on this machine: there is no {path}; {remedy}")]
    NoKey {
        /// `coldkey`, `hotkey NAME`, …
        key: String,
        /// The file that is missing.
        path: PathBuf,
        /// What to do.
        remedy: String,
    },
    /// The file is there and does not open.
    #[error("{path}: {fault}")]
    Keyfile {
        /// The file.
        path: PathBuf,
        /// Why.
        fault: KeyfileError,
    },
    /// Encrypted, and no password from anywhere.
    #[error("{path} is encrypted and no password was given: use --wallet.password_file FILE, --password-fd N, or set {variable} (`neuron wallet env-password` prints the line) or BT_WALLET_PASSWORD{}", no_terminal(*.terminal))]
    Locked {
        /// The file.
        path: PathBuf,
        /// Its own environment variable.
        variable: String,
        /// Whether a person could have been asked.
        terminal: bool,
    },
    /// Every password that was given was refused.
    #[error("{path}: wrong password, or the file is damaged (its format cannot tell the two apart); tried {tried}")]
    WrongPassword {
        /// The file.
        path: PathBuf,
        /// The sources tried, with what each gave.
        tried: String,
    },
    /// A password source that cannot be read.
    #[error("the password could not be read from {from}: {reason}")]
    PasswordSource {
        /// Which source.
        from: String,
        /// Why.
        reason: String,
    },
    /// A new password that guards nothing.
    #[error("the new password is refused: {0}; use a long one (`--weak-password-ok` accepts it)")]
    WeakPassword(&'static str),
    /// The file exists and would be replaced.
    #[error(
        "{path} exists and holds {what}; nothing was changed. `--overwrite` replaces it and keeps the old file beside it"
    )]
    Exists {
        /// The file.
        path: PathBuf,
        /// Whose key it is.
        what: String,
    },
    /// Others could replace the secret the moment it is written.
    #[error(
        "{path} can be written by others (mode {mode:04o}); run `chmod go-w {path}` before secrets are written there"
    )]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Another process is writing to the wallet.
    #[error("{path} is being written by another process; try again when it has finished")]
    Busy {
        /// The wallet's folder.
        path: PathBuf,
    },
    /// What was written did not come back.
    #[error("{path}: the written file could not be read back; the old file is not changed. Check the disk")]
    ReadBack {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{path}: cannot {action}: {fault}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why not.
        fault: io::Error,
    },
    /// A wallet or hotkey name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A private key, seed or URI.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A phrase.
    #[error(transparent)]
    Phrase(#[from] PhraseError),
    /// A text that is no account: neither a name here, nor an address, nor a public key.
    #[error("`{text}` is not an account: {reason}")]
    NoAccount {
        /// The text as given, shortened.
        text: String,
        /// What was tried.
        reason: String,
    },
}

/// The class of a failure. Each has one exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The request itself is wrong.
    Usage,
    /// Encrypted without a password, or with a wrong one.
    Locked,
    /// No such wallet, key or account.
    Missing,
    /// The file is damaged, contradicts itself, or is no keyfile.
    BadFile,
    /// Not permitted by the operating system, or too much permitted.
    Permission,
    /// It would replace a key.
    Exists,
    /// Anything else.
    Failed,
}

impl WalletError {
    /// Which class of failure this is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Name(_) | Self::Key(_) | Self::Phrase(_) | Self::WeakPassword(_) => Class::Usage,
            Self::Locked { .. } | Self::WrongPassword { .. } | Self::PasswordSource { .. } => Class::Locked,
            Self::NoWallet { .. } | Self::NoKey { .. } | Self::NoAccount { .. } => Class::Missing,
            Self::Keyfile { fault: KeyfileError::Locked | KeyfileError::WrongPassword, .. } => Class::Locked,
            Self::Keyfile { fault: KeyfileError::NoMemory, .. } => Class::Failed,
            Self::Keyfile { .. } => Class::BadFile,
            Self::OpenFolder { .. } => Class::Permission,
            Self::Exists { .. } => Class::Exists,
            Self::Io { fault, .. } if fault.kind() == io::ErrorKind::PermissionDenied => Class::Permission,
            Self::Io { .. } | Self::Busy { .. } | Self::ReadBack { .. } => Class::Failed,
        }
    }

    /// The failure as one word, stable for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Keyfile { fault, .. } => fault.code(),
            Self::WrongPassword { .. } => "wrong_password",
            Self::Locked { .. } => "locked",
            Self::PasswordSource { .. } => "password_source",
            Self::NoWallet { .. } | Self::NoKey { .. } => "missing",
            Self::NoAccount { .. } => "no_account",
            Self::WeakPassword(_) => "weak_password",
            Self::Exists { .. } => "exists",
            Self::Busy { .. } => "busy",
            Self::ReadBack { .. } => "read_back",
            Self::OpenFolder { .. } => "permission",
            Self::Io { fault, .. } if fault.kind() == io::ErrorKind::PermissionDenied => "permission",
            Self::Io { .. } => "io",
            Self::Name(_) | Self::Key(_) | Self::Phrase(_) => "usage",
        }
    }
}

fn similar(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(" (there are: {})", known.join(", ")) }
}

fn no_terminal(terminal: bool) -> &'static str {
    if terminal { "" } else { "; there is no terminal to ask on" }
}
