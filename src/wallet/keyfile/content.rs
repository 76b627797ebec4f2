//! The JSON under the envelope: which key it holds, proven against every other field that is there.

use base64::Engine as _;
use sp_core::crypto::{AccountId32, Ss58AddressFormat, Ss58Codec as _};
use zeroize::Zeroizing;

use super::fields::{Fields, Value};
use super::{Holding, KeyfileError, Note, Opened};
use crate::units::{Account, SS58_PREFIX};
use crate::wallet::key::{PublicKey, UnlockedKey};
use crate::wallet::pair::{Keypair, Scheme};
use crate::wallet::phrase::Phrase;
use crate::wallet::secret::Secret;

/// What a file's name says it is. It decides what a bare hex text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `coldkey`, `hotkeys/NAME`.
    Secret,
    /// `coldkeypub.txt`, `hotkeys/NAMEpub.txt`.
    Public,
}

/// Reads a plaintext and proves it.
pub(super) fn read(bytes: &[u8], role: Role) -> Result<Opened, KeyfileError> {
    match parse(bytes, role)? {
        Parsed::Bare(public) => Ok(Opened { holding: Holding::Public(public), notes: Vec::new() }),
        Parsed::Fields(fields) => Content::new(fields)?.resolve(),
    }
}

/// The address a plaintext states, unproven; derived only when it states none.
pub(super) fn stated(bytes: &[u8], role: Role) -> Result<PublicKey, KeyfileError> {
    match parse(bytes, role)? {
        Parsed::Bare(public) => Ok(public),
        Parsed::Fields(fields) => {
            let content = Content::new(fields)?;
            match content.target() {
                Some((_, account)) => Ok(PublicKey { account, scheme: content.scheme.unwrap_or_default() }),
                None => content.resolve().map(|opened| opened.public()),
            }
        }
    }
}

enum Parsed {
    Bare(PublicKey),
    Fields(Fields),
}

fn parse(bytes: &[u8], role: Role) -> Result<Parsed, KeyfileError> {
    let refuse = |why: &str| Err(KeyfileError::BadContent(why.to_owned()));
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() {
        return Err(KeyfileError::Empty);
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return refuse("it starts with a UTF-8 byte-order mark; save it without one");
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.contains(&0) {
        return refuse("it is UTF-16 text or binary data; keyfiles are UTF-8");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return refuse("it is not UTF-8 text");
    };
    if !text.starts_with('{') {
        return bare(text, role);
    }
    Fields::parse(text).map(Parsed::Fields)
}

/// A file that is not a JSON object: a public key in very old `coldkeypub.txt` files, else a hint.
fn bare(text: &str, role: Role) -> Result<Parsed, KeyfileError> {
    let mut key = [0; 32];
    let is_key = hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut key).is_ok();
    let why = match (is_key, role) {
        (true, Role::Public) => return Ok(Parsed::Bare(PublicKey { account: Account(key), scheme: Scheme::Sr25519 })),
        (true, Role::Secret) => {
            "it looks like a bare seed; import it with `neuron wallet regen-coldkey --seed` or `regen-hotkey --seed`"
        }
        (false, _) if Phrase::lenient(text).is_ok() => {
            "it looks like a bare phrase; import it with `neuron wallet regen-coldkey --mnemonic-file` or `regen-hotkey --mnemonic-file`"
        }
        (false, _) if base64::engine::general_purpose::STANDARD.decode(text).is_ok_and(|b| b.starts_with(b"$NACL")) => {
            "it is a base64 text of an encrypted keyfile; decode it to a file first"
        }
        (false, _) => "it is not a JSON object",
    };
    Err(KeyfileError::BadContent(why.to_owned()))
}

/// Where the key comes from, in the order of preference.
enum Source {
    Phrase(Phrase),
    Seed(Zeroizing<[u8; 32]>),
    /// 64 bytes, or 32 that are a seed.
    Private(Zeroizing<Vec<u8>>),
}

impl Source {
    fn pair(&self, scheme: Scheme) -> Option<Keypair> {
        match self {
            Self::Phrase(phrase) => UnlockedKey::from_uri(phrase.expose(), scheme).ok().map(UnlockedKey::into_keypair),
            Self::Seed(seed) => Some(Keypair::from_seed(seed, scheme)),
            Self::Private(bytes) => Keypair::from_private(bytes, scheme).ok(),
        }
    }
}

struct Content {
    scheme: Option<Scheme>,
    number: bool,
    sources: Vec<(&'static str, Source)>,
    publics: Vec<(&'static str, Account)>,
    foreign_prefix: Option<u16>,
    seed_as_text: bool,
    extra: Vec<(String, Secret)>,
}

impl Content {
    fn new(mut fields: Fields) -> Result<Self, KeyfileError> {
        if fields.has("encoded") && fields.has("encoding") {
            return Err(KeyfileError::PolkadotJson);
        }
        let (scheme, number) = scheme_of(fields.take("cryptoType"))?;
        let mut sources = Vec::new();
        if let Some(text) = fields.take_text("secretPhrase")? {
            let phrase = Phrase::strict(text.expose()).map_err(|e| KeyfileError::BadMnemonic(e.to_string()))?;
            sources.push(("secretPhrase", Source::Phrase(phrase)));
        }
        let mut seed_as_text = false;
        for field in ["secretSeed", "privateKey"] {
            if let Some(text) = fields.take_text(field)? {
                let (source, as_text) = secret_bytes(field, &text)?;
                seed_as_text |= as_text;
                sources.push((field, source));
            }
        }
        let mut publics = Vec::new();
        let mut foreign_prefix = None;
        if let Some(text) = fields.take_text("ss58Address")? {
            let (account, prefix) = address("ss58Address", text.expose())?;
            foreign_prefix = (prefix != SS58_PREFIX).then_some(prefix);
            publics.push(("ss58Address", account));
        }
        for field in ["publicKey", "accountId"] {
            if let Some(text) = fields.take_text(field)? {
                publics.push((field, public_key(field, text.expose())?));
            }
        }
        Ok(Self { scheme, number, sources, publics, foreign_prefix, seed_as_text, extra: fields.remaining_texts() })
    }

    /// The address the key must have, with the field that says so.
    fn target(&self) -> Option<(&'static str, Account)> {
        self.publics.first().copied()
    }

    fn resolve(mut self) -> Result<Opened, KeyfileError> {
        if let Some((one, account)) = self.target()
            && let Some((other, _)) = self.publics.iter().find(|(_, other)| *other != account)
        {
            return Err(KeyfileError::AddressMismatch { one, other });
        }
        let mut notes = Vec::new();
        notes.extend(self.foreign_prefix.map(Note::ForeignPrefix));
        if self.number && self.scheme == Some(Scheme::Sr25519) {
            notes.push(Note::NumberUnreadableByOldTools);
        }
        if self.sources.is_empty() {
            let (_, account) =
                self.target().ok_or_else(|| KeyfileError::BadContent("there is no key in it".to_owned()))?;
            let public = PublicKey { account, scheme: self.scheme.unwrap_or_default() };
            return Ok(Opened { holding: Holding::Public(public), notes });
        }
        let scheme = self.proven_scheme()?;
        if self.scheme.is_some_and(|stated| stated != scheme) {
            notes.push(Note::SchemeByAddress);
        }
        if self.seed_as_text {
            notes.push(Note::SeedAsText);
        }
        let sources = std::mem::take(&mut self.sources);
        let mut key = assemble(sources, scheme)?;
        key.extra = self.extra;
        Ok(Opened { holding: Holding::Secret(key), notes })
    }

    /// The scheme under which every source gives the stored address (or, without one, the first source's).
    fn proven_scheme(&self) -> Result<Scheme, KeyfileError> {
        let stated = self.scheme.unwrap_or_default();
        let mut disagreement = None;
        for scheme in [stated, stated.other()] {
            match self.disagreement_under(scheme) {
                None => return Ok(scheme),
                Some(found) => {
                    disagreement.get_or_insert(found);
                }
            }
            if self.publics.is_empty() {
                // Nothing says that the other scheme would be right.
                break;
            }
        }
        let (one, other) = disagreement.unwrap_or(("privateKey", "ss58Address"));
        if self.seed_as_text && (one == "secretSeed" || other == "secretSeed") {
            return Err(KeyfileError::BadSeed {
                field: "secretSeed",
                reason: "it is not 0x and hex digits".to_owned(),
            });
        }
        Err(KeyfileError::AddressMismatch { one, other })
    }

    /// The first two fields that give different accounts under `scheme`; a private key that is none counts as such.
    fn disagreement_under(&self, scheme: Scheme) -> Option<(&'static str, &'static str)> {
        let mut agreed = self.target();
        for (field, source) in &self.sources {
            let account = source.pair(scheme).map(|pair| pair.account());
            match (agreed, account) {
                (Some((other, expected)), found) if found != Some(expected) => return Some((field, other)),
                (None, None) => return Some((field, "its own second half")),
                (None, Some(account)) => agreed = Some((field, account)),
                _ => {}
            }
        }
        None
    }
}

/// One key from sources that were proven to agree. A private key from the file is kept to the byte: after a soft
/// derivation its second half is random, and only the file knows it.
fn assemble(sources: Vec<(&'static str, Source)>, scheme: Scheme) -> Result<UnlockedKey, KeyfileError> {
    let private = sources.iter().find(|(_, source)| matches!(source, Source::Private(_)));
    let first = private.or(sources.first());
    let pair = first.and_then(|(_, source)| source.pair(scheme)).ok_or(KeyfileError::PublicOnly)?;
    let mut key = UnlockedKey::from_pair(pair);
    for (_, source) in sources {
        match source {
            Source::Phrase(phrase) => {
                if let Some(seed) = UnlockedKey::from_uri(phrase.expose(), scheme).ok().and_then(|k| k.seed().copied())
                {
                    key.keep_seed(Zeroizing::new(seed));
                }
                key.keep_phrase(phrase);
            }
            Source::Seed(seed) => key.keep_seed(seed),
            Source::Private(_) => {}
        }
    }
    Ok(key)
}

/// The scheme and whether it was given as a number, which old tools cannot read.
fn scheme_of(value: Option<Value>) -> Result<(Option<Scheme>, bool), KeyfileError> {
    match value {
        None | Some(Value::Null) => Ok((None, false)),
        Some(Value::Integer(0)) => Ok((Some(Scheme::Ed25519), true)),
        Some(Value::Integer(1)) => Ok((Some(Scheme::Sr25519), true)),
        Some(Value::Text(text)) if text.expose() == "0" => Ok((Some(Scheme::Ed25519), false)),
        Some(Value::Text(text)) if text.expose() == "1" => Ok((Some(Scheme::Sr25519), false)),
        Some(_) => Err(KeyfileError::UnsupportedCrypto),
    }
}

/// A seed or private key; the flag says that it was stored as text behind the `0x`.
fn secret_bytes(field: &'static str, text: &Secret) -> Result<(Source, bool), KeyfileError> {
    let digits = text.expose().strip_prefix("0x").unwrap_or(text.expose());
    let refuse = |reason: String| KeyfileError::BadSeed { field, reason };
    match hex::decode(digits).map(Zeroizing::new) {
        Ok(bytes) => match (<[u8; 32]>::try_from(bytes.as_slice()), bytes.len()) {
            (Ok(seed), _) => Ok((Source::Seed(Zeroizing::new(seed)), false)),
            (_, 64) => Ok((Source::Private(bytes), false)),
            (_, length) => Err(refuse(format!("it has {length} bytes; 32 or 64 are expected"))),
        },
        Err(_) if field == "secretSeed" => match <[u8; 32]>::try_from(digits.as_bytes()) {
            Ok(seed) => Ok((Source::Seed(Zeroizing::new(seed)), true)),
            Err(_) => Err(refuse("it is not 0x and hex digits".to_owned())),
        },
        Err(_) => Err(refuse("it is not 0x and hex digits".to_owned())),
    }
}

fn public_key(field: &'static str, text: &str) -> Result<Account, KeyfileError> {
    let mut key = [0; 32];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut key)
        .map_err(|_| KeyfileError::BadAddress { field, reason: "it is not 0x and 64 hex digits".to_owned() })?;
    Ok(Account(key))
}

/// An address and its network prefix.
fn address(field: &'static str, text: &str) -> Result<(Account, u16), KeyfileError> {
    AccountId32::from_ss58check_with_version(text)
        .map(|(account, format): (AccountId32, Ss58AddressFormat)| (Account(account.into()), format.into()))
        .map_err(|e| KeyfileError::BadAddress { field, reason: format!("as ss58: {e}") })
}
