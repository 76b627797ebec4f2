//! One keyfile: its envelope, its content, and the one portable form we write.
//!
//! Reading accepts everything the Python tools ever wrote: four envelopes, any subset of the fields, both schemes.
//! Writing makes one form that all of them open: `$NACL` or plain around JSON with string fields only.
//! Opening a file proves that the key in it has the address stored beside it.

mod ansible;
mod content;
mod envelope;
mod fernet;
mod fields;
mod nacl;
mod portable;

use zeroize::Zeroizing;

pub use content::Role;
pub use envelope::Envelope;
pub use nacl::KeyCache;

use super::key::{PublicKey, UnlockedKey};
use super::secret::Secret;

/// The longest file that can be a keyfile, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// Why a keyfile does not open. No variant carries a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyfileError {
    /// Nothing in the file or under its envelope.
    #[error("the file is empty; restore it from a backup or regenerate the key from its phrase")]
    Empty,
    /// The envelope is cut short.
    #[error("the file is cut short ({0}); restore it from a backup or regenerate the key from its phrase")]
    Truncated(&'static str),
    /// Encrypted, and no password at hand.
    #[error("the key is encrypted and no password was given")]
    Locked,
    /// The envelope's authentication failed.
    #[error("wrong password, or the file is damaged (its format cannot tell the two apart)")]
    WrongPassword,
    /// Not something a wallet tool writes.
    #[error("not a keyfile: {0}")]
    BadContent(String),
    /// The phrase in the file is none.
    #[error("its secretPhrase cannot be used: {0}")]
    BadMnemonic(String),
    /// A seed or private key of the wrong form.
    #[error("its {field} cannot be used: {reason}")]
    BadSeed {
        /// The field of the file.
        field: &'static str,
        /// What is wrong, without the value.
        reason: String,
    },
    /// An address or public key of the wrong form.
    #[error("its {field} cannot be used: {reason}")]
    BadAddress {
        /// The field of the file.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Two fields give different keys.
    #[error("its fields disagree: {one} and {other} belong to different keys; nothing is signed with it")]
    AddressMismatch {
        /// The field taken as the key.
        one: &'static str,
        /// The field it was compared with.
        other: &'static str,
    },
    /// A `cryptoType` that is neither 0 nor 1.
    #[error("its cryptoType is neither 0 (ed25519) nor 1 (sr25519)")]
    UnsupportedCrypto,
    /// A polkadot-js export where a keyfile should be.
    #[error(
        "it is a polkadot-js account export, not a keyfile; import it with `neuron wallet import --json-path FILE`"
    )]
    PolkadotJson,
    /// Key derivation with settings that are not on the list.
    #[error("it asks for scrypt settings that polkadot-js does not use; not derived")]
    UnsupportedParameters,
    /// A form we know and do not read.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The memory for the derivation could not be had.
    #[error("unlocking this key needs 512 MiB of free memory, which this machine did not give")]
    NoMemory,
    /// There is only the public half where the secret one is needed.
    #[error("it holds only the public half of the key")]
    PublicOnly,
}

impl KeyfileError {
    /// The reason as one word, stable for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Truncated(_) => "truncated",
            Self::Locked => "locked",
            Self::WrongPassword => "wrong_password",
            Self::BadContent(_) => "bad_content",
            Self::BadMnemonic(_) => "bad_mnemonic",
            Self::BadSeed { .. } => "bad_seed",
            Self::BadAddress { .. } => "bad_address",
            Self::AddressMismatch { .. } => "address_mismatch",
            Self::UnsupportedCrypto => "unsupported_crypto",
            Self::PolkadotJson => "polkadot_json",
            Self::UnsupportedParameters => "unsupported_parameters",
            Self::Unsupported(_) => "unsupported",
            Self::NoMemory => "no_memory",
            Self::PublicOnly => "public_only",
        }
    }
}

/// Something about a keyfile that its owner should know though it opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Note {
    /// The stored scheme gives another address; the stored address decided.
    #[error("its cryptoType does not match its address; the address was used")]
    SchemeByAddress,
    /// An address of another chain family beside the right key.
    #[error("its ss58Address has network prefix {0} instead of 42; the public key is the same")]
    ForeignPrefix(u16),
    /// An editor added a line end behind the ciphertext.
    #[error("a line end after the encrypted bytes was ignored; perhaps an editor added it")]
    LineEndIgnored,
    /// The password fitted in another spelling.
    #[error("the password worked without its outer spaces, or in composed Unicode form")]
    PasswordRespelled,
    /// The seed had been stored as text, a defect of bittensor-wallet 2.x–4.1.
    #[error(
        "its seed was stored as text (a defect of bittensor-wallet 2 to 4.1); no Python tool can open it, rewrite it with `neuron wallet upgrade`"
    )]
    SeedAsText,
    /// bittensor-wallet before 4.1 and btcli before 9.23 cannot read the file.
    #[error(
        "its cryptoType is a number, which bittensor-wallet below 4.1 and btcli up to 9.21 cannot read; `neuron wallet upgrade` drops it"
    )]
    NumberUnreadableByOldTools,
}

/// A keyfile as read from disk: nothing in it is decrypted yet.
#[derive(Debug)]
pub struct LockedKey {
    bytes: HiddenBytes,
    envelope: Envelope,
    role: Role,
}

/// A plain keyfile is a secret too, so its bytes do not show.
struct HiddenBytes(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for HiddenBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What an opened keyfile holds.
#[derive(Debug)]
pub enum Holding {
    /// The whole key.
    Secret(UnlockedKey),
    /// Only its public half.
    Public(PublicKey),
}

/// An opened keyfile.
#[derive(Debug)]
pub struct Opened {
    /// The key.
    pub holding: Holding,
    /// What its owner should know.
    pub notes: Vec<Note>,
}

impl Opened {
    /// The public side, which every keyfile has.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        match &self.holding {
            Holding::Secret(key) => key.public(),
            Holding::Public(key) => *key,
        }
    }

    /// The secret side.
    ///
    /// # Errors
    /// [`KeyfileError::PublicOnly`] when the file holds only the public half.
    pub fn into_secret(self) -> Result<UnlockedKey, KeyfileError> {
        match self.holding {
            Holding::Secret(key) => Ok(key),
            Holding::Public(_) => Err(KeyfileError::PublicOnly),
        }
    }
}

impl LockedKey {
    /// Takes a file's bytes. `role` says whether it is named as a secret or a public file.
    ///
    /// # Errors
    /// [`KeyfileError::Empty`]; [`KeyfileError::BadContent`] when it is too long for a keyfile.
    pub fn new(bytes: Zeroizing<Vec<u8>>, role: Role) -> Result<Self, KeyfileError> {
        if bytes.is_empty() {
            return Err(KeyfileError::Empty);
        }
        if bytes.len() > MAX_BYTES {
            return Err(KeyfileError::BadContent(format!("it is longer than {MAX_BYTES} bytes")));
        }
        let envelope = Envelope::of(&bytes);
        Ok(Self { bytes: HiddenBytes(bytes), envelope, role })
    }

    /// How it is protected.
    #[must_use]
    pub const fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// The address the file states, without proving it: for listings. Only plain files can answer.
    ///
    /// # Errors
    /// Why the content is no keyfile.
    pub fn stated(&self) -> Result<Option<PublicKey>, KeyfileError> {
        if self.envelope.is_encrypted() { Ok(None) } else { content::stated(&self.bytes.0, self.role).map(Some) }
    }

    /// Opens it. NaCl keys are taken from and remembered in `keys`, for one derivation takes seconds and 512 MiB.
    ///
    /// # Errors
    /// Why it does not open; [`KeyfileError::Locked`] when it is encrypted and `password` is `None`.
    pub fn open(&self, password: Option<&Secret>, keys: &KeyCache) -> Result<Opened, KeyfileError> {
        if !self.envelope.is_encrypted() {
            return content::read(&self.bytes.0, self.role);
        }
        let password = password.ok_or(KeyfileError::Locked)?;
        let bytes = &self.bytes.0;
        let (plain, line_end) = match self.envelope {
            Envelope::Nacl => nacl::open(bytes, password, keys)?,
            Envelope::Ansible => (ansible::open(bytes, password)?, false),
            Envelope::Fernet => (fernet::open(bytes, password)?, false),
            Envelope::Plain => return content::read(bytes, self.role),
        };
        if plain.is_empty() {
            return Err(KeyfileError::Empty);
        }
        let mut opened = content::read(&plain, self.role)?;
        if line_end {
            opened.notes.push(Note::LineEndIgnored);
        }
        Ok(opened)
    }

    /// [`LockedKey::open`], and when the password is refused, once more with each of its other spellings. The second
    /// value is the spelling that fitted, when it was another.
    ///
    /// # Errors
    /// As [`LockedKey::open`].
    pub fn open_respelling(
        &self,
        password: &Secret,
        typed: bool,
        keys: &KeyCache,
    ) -> Result<(Opened, Option<Secret>), KeyfileError> {
        let first = self.open(Some(password), keys);
        if !matches!(first, Err(KeyfileError::WrongPassword)) {
            return first.map(|opened| (opened, None));
        }
        for other in password.other_spellings(typed) {
            if let Ok(mut opened) = self.open(Some(&other), keys) {
                opened.notes.push(Note::PasswordRespelled);
                return Ok((opened, Some(other)));
            }
        }
        first.map(|opened| (opened, None))
    }
}

/// The bytes of a keyfile with the secret side of `key`: encrypted (`$NACL`) when there is a password, else plain.
///
/// # Errors
/// [`KeyfileError::NoMemory`] when the key derivation's memory cannot be had.
pub fn seal(key: &UnlockedKey, password: Option<&Secret>, keys: &KeyCache) -> Result<Zeroizing<Vec<u8>>, KeyfileError> {
    let plain = portable::secret_json(key);
    match password {
        None => Ok(plain),
        Some(password) => nacl::seal(&plain, password, keys),
    }
}

/// The bytes of a public keyfile (`coldkeypub.txt`, `hotkeys/NAMEpub.txt`).
#[must_use]
pub fn public_file(key: &PublicKey) -> Vec<u8> {
    portable::public_json(key)
}

#[cfg(test)]
mod tests {
    use super::super::{Keypair, Scheme};
    use super::*;

    #[test]
    fn what_is_sealed_opens_and_nothing_shows() {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            let key = UnlockedKey::from_pair(Keypair::from_uri("//Alice", scheme).unwrap());
            let file = LockedKey::new(seal(&key, None, &KeyCache::default()).unwrap(), Role::Secret).unwrap();
            let opened = file.open(None, &KeyCache::default()).unwrap();
            assert_eq!(opened.public(), key.public());
            assert!(opened.notes.is_empty());
            assert_eq!(file.stated().unwrap(), Some(key.public()));
            assert!(!format!("{file:?}").contains(&hex::encode(key.keypair().private_bytes())));
        }
    }

    #[test]
    fn a_public_file_opens_to_the_public_half_only() {
        let key = PublicKey {
            account: Keypair::from_uri("//Bob", Scheme::Ed25519).unwrap().account(),
            scheme: Scheme::Ed25519,
        };
        let file = LockedKey::new(Zeroizing::new(public_file(&key)), Role::Public).unwrap();
        let opened = file.open(None, &KeyCache::default()).unwrap();
        assert_eq!(opened.public(), key);
        assert_eq!(opened.into_secret().unwrap_err(), KeyfileError::PublicOnly);
    }

    /// A valid plain keyfile.
    fn plain() -> Vec<u8> {
        let key = UnlockedKey::from_uri("//Alice", Scheme::Sr25519).unwrap();
        seal(&key, None, &KeyCache::default()).unwrap().to_vec()
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

        /// Foreign bytes behind each envelope's first bytes: an answer, never a panic.
        #[test]
        fn any_bytes_get_an_answer(
            start in proptest::sample::select(vec!["", "{", "0x", "$NACL", "$ANSIBLE_VAULT;1.1;AES256\n", "gAAAAA", "{\"secretSeed\":\""]),
            rest in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        ) {
            let bytes = [start.as_bytes(), &rest].concat();
            // Long enough for a Fernet token it would cost ten million rounds.
            proptest::prop_assume!(!bytes.starts_with(b"gAAAAA") || bytes.len() < 90);
            for role in [Role::Secret, Role::Public] {
                if let Ok(locked) = LockedKey::new(Zeroizing::new(bytes.clone()), role) {
                    let _ = locked.stated();
                    let _ = locked.open(Some(&Secret::new("pw".into())), &KeyCache::knowing("pw"));
                }
            }
        }

        /// One changed byte of a keyfile never opens another account.
        #[test]
        fn a_damaged_file_never_opens_another_account(at in 0usize..400, byte in proptest::prelude::any::<u8>()) {
            let mut bytes = plain();
            let before = LockedKey::new(Zeroizing::new(bytes.clone()), Role::Secret).unwrap().open(None, &KeyCache::default()).unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(after) = LockedKey::new(Zeroizing::new(bytes), Role::Secret).and_then(|file| file.open(None, &KeyCache::default())) {
                proptest::prop_assert_eq!(after.public(), before.public());
            }
        }

        /// Whatever the key, what is sealed opens to it.
        #[test]
        fn sealed_keys_open(seed in proptest::prelude::any::<[u8; 32]>(), ed in proptest::prelude::any::<bool>(), locked in proptest::prelude::any::<bool>()) {
            let scheme = if ed { Scheme::Ed25519 } else { Scheme::Sr25519 };
            let key = UnlockedKey::from_seed(Zeroizing::new(seed), scheme);
            let (keys, password) = (KeyCache::knowing("pw"), Secret::new("pw".into()));
            let bytes = seal(&key, locked.then_some(&password), &keys).unwrap();
            let opened = LockedKey::new(bytes, Role::Secret).unwrap().open(Some(&password), &keys).unwrap();
            proptest::prop_assert_eq!(opened.public(), key.public());
            proptest::prop_assert!(opened.notes.iter().all(|note| *note == Note::NumberUnreadableByOldTools));
        }
    }
}
