//! Where passwords come from, in which order, and what is said when none fits.
//!
//! 1. what the command line named: a file, a file descriptor, standard input. It beats everything and is final.
//! 2. `BT_PW_<PATH>`, the variable of this very file; a bad one is reported and passed over.
//! 3. `BT_WALLET_PASSWORD`, `BT_WALLET_PASSWORD_FILE` (SDK 11), and for coldkeys `BT_COLD_PW_<NAME>` (bittensor 3–7).
//! 4. a person on a terminal, three times. Without a terminal nobody is asked and nothing is read by accident.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use zeroize::Zeroizing;

use super::env_password::EnvPassword;
use super::error::WalletError;
use super::keyfile::{KeyCache, KeyfileError, LockedKey, Opened};
use super::secret::Secret;
use super::store::{KeyKind, expand_home};
use crate::units::harmless_lines;

/// Tries a person has.
const TRIES: usize = 3;
/// A password source longer than this holds something else.
const LONGEST: u64 = 64 * 1024;

/// A password source named on the command line.
#[derive(Debug)]
pub enum Given {
    /// A file; its final line end is dropped.
    File(PathBuf),
    /// An open file descriptor of this process.
    Descriptor(u32),
    /// Standard input, to its end.
    Stdin,
    /// The password itself (visible to other users of the machine; for compatibility).
    Value(Secret),
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Descriptor(number) => write!(f, "file descriptor {number}"),
            Self::Stdin => f.write_str("standard input"),
            Self::Value(_) => f.write_str("the command line"),
        }
    }
}

impl Given {
    /// Reads the password; the final line end does not belong to it.
    ///
    /// # Errors
    /// [`WalletError::PasswordSource`].
    pub fn read(&self) -> Result<Secret, WalletError> {
        let bytes = match self {
            Self::Value(secret) => return Ok(Secret::new(secret.expose().to_owned())),
            Self::File(path) => limited(fs::File::open(expand_home(path))),
            Self::Descriptor(number) => limited(fs::File::open(format!("/dev/fd/{number}"))),
            Self::Stdin => limited(Ok(io::stdin())),
        };
        let refuse = |reason: String| WalletError::PasswordSource { from: self.to_string(), reason };
        let mut bytes = bytes.map_err(|fault| refuse(fault.to_string()))?;
        if bytes.ends_with(b"\n") {
            bytes.pop();
        }
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
        Secret::from_utf8(std::mem::take(&mut *bytes)).ok_or_else(|| refuse("it is not UTF-8 text".to_owned()))
    }
}

fn limited(source: io::Result<impl io::Read>) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    source?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Asks a person for a secret.
pub trait Ask: Send + Sync {
    /// Whether there is a person to ask.
    fn is_possible(&self) -> bool;
    /// Asks; the answer is not shown.
    ///
    /// # Errors
    /// When the terminal is gone or the input ends.
    fn ask(&self, question: &str) -> io::Result<Secret>;
}

/// The terminal of this process.
#[derive(Debug, Clone, Copy)]
pub struct Terminal;

impl Ask for Terminal {
    fn is_possible(&self) -> bool {
        io::stdin().is_terminal()
    }

    fn ask(&self, question: &str) -> io::Result<Secret> {
        rpassword::prompt_password(format!("{}: ", harmless_lines(question))).map(Secret::new)
    }
}

/// Nobody to ask.
struct Nobody;

impl Ask for Nobody {
    fn is_possible(&self) -> bool {
        false
    }

    fn ask(&self, _: &str) -> io::Result<Secret> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Environment variables, as of one moment.
#[derive(Default)]
pub struct Environment(BTreeMap<String, Zeroizing<String>>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} variables", self.0.len())
    }
}

impl Environment {
    /// The password variables (`BT_…`) of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let texts =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        texts.filter(|(name, _)| name.starts_with("BT_")).collect()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str()).filter(|value| !value.is_empty())
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name, Zeroizing::new(value))).collect())
    }
}

/// Where the password that fitted came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordFrom {
    /// The key is not encrypted.
    NotNeeded,
    /// A source named on the command line.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A person, now or earlier in this process.
    Person,
}

impl fmt::Display for PasswordFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNeeded => f.write_str("no password"),
            Self::Flag(text) | Self::Variable(text) => f.write_str(text),
            Self::Person => f.write_str("the terminal"),
        }
    }
}

/// A keyfile that opened, and how.
#[derive(Debug)]
pub struct Unlocked {
    /// What is in it.
    pub opened: Opened,
    /// Where the password came from.
    pub from: PasswordFrom,
    /// The password that fitted; `None` for plain files.
    pub password: Option<Secret>,
}

/// The policy by which keys are unlocked, with what it learned: share one per process.
pub struct Unlock {
    given: Option<Given>,
    read: OnceLock<Secret>,
    environment: Environment,
    ask: Box<dyn Ask>,
    typed: Mutex<Vec<Secret>>,
    keys: KeyCache,
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unlock(given: {:?}, {:?})", self.given, self.environment)
    }
}

impl Unlock {
    /// A policy from its parts.
    #[must_use]
    pub fn new(given: Option<Given>, environment: Environment, ask: Box<dyn Ask>) -> Self {
        Self { given, read: OnceLock::new(), environment, ask, typed: Mutex::default(), keys: KeyCache::default() }
    }

    /// What this process offers: the source named on the command line, its environment, its terminal.
    #[must_use]
    pub fn of_process(given: Option<Given>) -> Self {
        Self::new(given, Environment::of_process(), Box::new(Terminal))
    }

    /// No password from anywhere: opens plain keys only.
    #[must_use]
    pub fn never_asking() -> Self {
        Self::new(None, Environment::default(), Box::new(Nobody))
    }

    /// Who is asked.
    #[must_use]
    pub fn person(&self) -> &dyn Ask {
        &*self.ask
    }

    /// The derived keys of this process.
    #[must_use]
    pub const fn keys(&self) -> &KeyCache {
        &self.keys
    }

    /// Opens a keyfile. `path` is its path as it is used, `wallet` the wallet's name.
    ///
    /// # Errors
    /// [`WalletError::Locked`] when there is no password, [`WalletError::WrongPassword`] when none fits,
    /// [`WalletError::PasswordSource`], [`WalletError::Keyfile`] for everything that a password cannot mend.
    pub fn open(&self, locked: &LockedKey, path: &Path, kind: KeyKind, wallet: &str) -> Result<Opened, WalletError> {
        self.open_telling(locked, path, kind, wallet).map(|unlocked| unlocked.opened)
    }

    /// [`Unlock::open`], telling how it went.
    ///
    /// # Errors
    /// As [`Unlock::open`].
    pub fn open_telling(
        &self,
        locked: &LockedKey,
        path: &Path,
        kind: KeyKind,
        wallet: &str,
    ) -> Result<Unlocked, WalletError> {
        let attempt = Attempt { locked, path, keys: &self.keys };
        if !locked.envelope().is_encrypted() {
            let opened = locked.open(None, &self.keys).map_err(|e| attempt.error(e))?;
            return Ok(Unlocked { opened, from: PasswordFrom::NotNeeded, password: None });
        }
        if let Some(given) = &self.given {
            let from = given.to_string();
            return match attempt.with(self.given_password(given)?, PasswordFrom::Flag(from.clone())) {
                Err(KeyfileError::WrongPassword) => Err(attempt.wrong(&[from])),
                other => other.map_err(|fault| attempt.error(fault)),
            };
        }
        let mut tried = Vec::new();
        for (name, password) in self.variables_for(path, kind, wallet) {
            match password.map(|password| attempt.with(&password, PasswordFrom::Variable(name.clone()))) {
                Ok(Ok(unlocked)) => return Ok(unlocked),
                Ok(Err(KeyfileError::WrongPassword)) => tried.push(format!("{name} (refused)")),
                Ok(Err(fault)) => return Err(attempt.error(fault)),
                Err(reason) => tried.push(format!("{name} ({reason})")),
            }
        }
        for each in &tried {
            tracing::warn!(path = %path.display(), "the password from {each} did not open it");
        }
        if self.ask.is_possible() {
            return self.by_asking(&attempt, kind, wallet, tried);
        }
        if tried.is_empty() {
            let variable = EnvPassword::of(path).name().to_owned();
            return Err(WalletError::Locked { path: path.to_owned(), variable, terminal: false });
        }
        Err(attempt.wrong(&tried))
    }

    /// The password of the source named on the command line, read once: standard input has it only once.
    ///
    /// # Errors
    /// [`WalletError::PasswordSource`].
    pub fn given_secret(&self) -> Result<Option<&Secret>, WalletError> {
        self.given.as_ref().map(|given| self.given_password(given)).transpose()
    }

    fn given_password(&self, given: &Given) -> Result<&Secret, WalletError> {
        if self.read.get().is_none() {
            let secret = given.read()?;
            let _ = self.read.set(secret);
        }
        self.read
            .get()
            .ok_or_else(|| WalletError::PasswordSource { from: given.to_string(), reason: "it is empty".into() })
    }

    /// The variables that are set, each with its password or why it has none.
    fn variables_for(&self, path: &Path, kind: KeyKind, wallet: &str) -> Vec<(String, Result<Secret, String>)> {
        let mut found = Vec::new();
        let absolute = std::path::absolute(path).ok();
        let mut own = vec![EnvPassword::of(path)];
        own.extend(absolute.map(|path| EnvPassword::of(&path)).filter(|other| Some(other) != own.first()));
        for variable in own {
            if let Some(value) = self.environment.get(variable.name()) {
                let password = variable
                    .decode(value)
                    .map_err(|fault| format!("set, but {fault}; `neuron wallet env-password` prints the right line"));
                found.push((variable.name().to_owned(), password));
            }
        }
        if let Some(value) = self.environment.get("BT_WALLET_PASSWORD") {
            found.push(("BT_WALLET_PASSWORD".to_owned(), Ok(Secret::new(value.to_owned()))));
        }
        if let Some(file) = self.environment.get("BT_WALLET_PASSWORD_FILE") {
            let password = Given::File(PathBuf::from(file)).read().map_err(|fault| fault.to_string());
            found.push(("BT_WALLET_PASSWORD_FILE".to_owned(), password));
        }
        let old = format!("BT_COLD_PW_{}", wallet.replace('-', "_").to_uppercase());
        if let Some(value) = self.environment.get(&old).filter(|_| kind == KeyKind::Coldkey) {
            found.push((old, Ok(Secret::new(value.to_owned()))));
        }
        found
    }

    fn by_asking(
        &self,
        attempt: &Attempt<'_>,
        kind: KeyKind,
        wallet: &str,
        mut tried: Vec<String>,
    ) -> Result<Unlocked, WalletError> {
        let mut typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        for password in typed.iter() {
            if let Ok(unlocked) = attempt.with(password, PasswordFrom::Person) {
                return Ok(unlocked);
            }
        }
        let mut question = match kind {
            KeyKind::Coldkey => format!("Password of the coldkey of wallet `{wallet}`"),
            KeyKind::Hotkey => format!("Password of the hotkey {}", attempt.path.display()),
        };
        for _ in 0..TRIES {
            let password = self.ask.ask(&question).map_err(|fault| WalletError::PasswordSource {
                from: "the terminal".to_owned(),
                reason: fault.to_string(),
            })?;
            if password.is_empty() {
                // Enter alone is a no; an empty password counts only where it is passed on purpose.
                let variable = EnvPassword::of(attempt.path).name().to_owned();
                return Err(WalletError::Locked { path: attempt.path.to_owned(), variable, terminal: true });
            }
            match attempt.with(&password, PasswordFrom::Person) {
                Ok(unlocked) => {
                    typed.push(password);
                    return Ok(unlocked);
                }
                Err(KeyfileError::WrongPassword) => {}
                Err(fault) => return Err(attempt.error(fault)),
            }
            "Wrong password; try again".clone_into(&mut question);
        }
        tried.push(format!("the terminal ({TRIES} times)"));
        Err(attempt.wrong(&tried))
    }
}

/// One file to be opened.
struct Attempt<'a> {
    locked: &'a LockedKey,
    path: &'a Path,
    keys: &'a KeyCache,
}

impl Attempt<'_> {
    fn with(&self, password: &Secret, from: PasswordFrom) -> Result<Unlocked, KeyfileError> {
        let typed = from == PasswordFrom::Person;
        let (opened, respelled) = self.locked.open_respelling(password, typed, self.keys)?;
        let fitted = respelled.unwrap_or_else(|| Secret::new(password.expose().to_owned()));
        Ok(Unlocked { opened, from, password: Some(fitted) })
    }

    fn error(&self, fault: KeyfileError) -> WalletError {
        WalletError::Keyfile { path: self.path.to_owned(), fault }
    }

    fn wrong(&self, tried: &[String]) -> WalletError {
        WalletError::WrongPassword { path: self.path.to_owned(), tried: tried.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::{Role, Scheme, UnlockedKey, seal};
    use super::*;

    /// Answers in turn; fails when asked too often.
    struct Script(Vec<&'static str>, AtomicUsize);

    impl Ask for Script {
        fn is_possible(&self) -> bool {
            !self.0.is_empty()
        }

        fn ask(&self, _: &str) -> io::Result<Secret> {
            let turn = self.1.fetch_add(1, Ordering::SeqCst);
            self.0.get(turn).map(|text| Secret::new((*text).to_owned())).ok_or(io::ErrorKind::UnexpectedEof.into())
        }
    }

    const PATH: &str = "/wallets/my-w/coldkey";

    /// A policy whose cache knows the keys of both passwords, so that nothing is derived.
    fn policy(given: Option<Given>, variables: &[(&str, &str)], answers: &[&'static str]) -> Unlock {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut unlock = Unlock::new(given, variables, Box::new(Script(answers.to_vec(), AtomicUsize::new(0))));
        unlock.keys = KeyCache::knowing_all(&[("right", 1), ("wrong", 2), ("wrong\u{fffd}", 3), ("", 4)]);
        unlock
    }

    fn open(unlock: &Unlock) -> Result<Unlocked, WalletError> {
        let key = UnlockedKey::from_uri("//Alice", Scheme::Sr25519).unwrap();
        let bytes = seal(&key, Some(&Secret::new("right".into())), &unlock.keys).unwrap();
        let locked = LockedKey::new(bytes, Role::Secret).unwrap();
        unlock.open_telling(&locked, Path::new(PATH), KeyKind::Coldkey, "my-w")
    }

    #[test]
    fn each_source_opens_and_is_named() {
        let own = EnvPassword::of(Path::new(PATH));
        let encoded = own.encode(&Secret::new("right".into()));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "right\n").unwrap();
        let file_name = file.path().to_str().unwrap();
        for (name, value) in [
            (own.name(), encoded.expose()),
            ("BT_WALLET_PASSWORD", "right"),
            ("BT_WALLET_PASSWORD_FILE", file_name),
            ("BT_COLD_PW_MY_W", "right"),
        ] {
            let unlocked = open(&policy(None, &[(name, value)], &[])).unwrap();
            assert_eq!(unlocked.from, PasswordFrom::Variable(name.to_owned()));
        }
        let given = Given::File(file.path().to_owned());
        assert!(matches!(open(&policy(Some(given), &[], &[])).unwrap().from, PasswordFrom::Flag(_)));
        assert_eq!(open(&policy(None, &[], &["wrong", "right"])).unwrap().from, PasswordFrom::Person);
    }

    #[test]
    fn a_wrong_source_is_named_and_nobody_is_asked_by_accident() {
        let variable = EnvPassword::of(Path::new(PATH));
        let clear = [(variable.name(), "wrong!"), ("BT_WALLET_PASSWORD", "wrong")];
        let refused = open(&policy(None, &clear, &[])).unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, WalletError::WrongPassword { .. }));
        assert!(text.contains("env-password") && text.contains("BT_WALLET_PASSWORD (refused)"), "{text}");
        assert!(!text.contains("wrong!"), "{text}");
        let refused = open(&policy(None, &[], &[])).unwrap_err();
        assert!(matches!(refused, WalletError::Locked { terminal: false, .. }), "{refused}");
        assert!(refused.to_string().contains(variable.name()));
        let given = Given::Value(Secret::new("wrong".into()));
        assert!(matches!(open(&policy(Some(given), &[], &["right"])), Err(WalletError::WrongPassword { .. })));
    }

    #[test]
    fn a_good_variable_after_a_bad_one_opens() {
        let variable = EnvPassword::of(Path::new(PATH));
        let both = [(variable.name(), "wrong!"), ("BT_WALLET_PASSWORD", "right")];
        assert!(open(&policy(None, &both, &[])).is_ok());
    }

    #[test]
    fn a_person_is_asked_three_times_and_then_remembered() {
        assert!(open(&policy(None, &[], &["wrong", "wrong", "wrong", "right"])).is_err());
        assert!(matches!(open(&policy(None, &[], &["", "right"])), Err(WalletError::Locked { terminal: true, .. })));
        let unlock = policy(None, &[], &["right"]);
        open(&unlock).unwrap();
        open(&unlock).unwrap();
    }
}
