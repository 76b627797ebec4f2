//! Secret text that wipes itself and never shows.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// A password, phrase or private key as text. Wiped on drop; `Debug` shows nothing; neither `Clone` nor `Display`.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// From bytes that must be UTF-8; the bytes are wiped when they are not.
    #[must_use]
    pub fn from_utf8(bytes: Vec<u8>) -> Option<Self> {
        match String::from_utf8(bytes) {
            Ok(text) => Some(Self::new(text)),
            Err(refused) => {
                drop(Zeroizing::new(refused.into_bytes()));
                None
            }
        }
    }

    /// The text. Do not put it into a message.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Other spellings worth a try when this one is refused: without outer spaces, as bittensor-wallet 2–4 stored typed
    /// passwords, and, when a person typed it, in the composed form of Unicode (NFC).
    #[must_use]
    pub fn other_spellings(&self, typed: bool) -> Vec<Self> {
        let mut others: Vec<Self> = Vec::new();
        let stripped = self.0.trim();
        if stripped.len() != self.0.len() {
            others.push(Self::new(stripped.to_owned()));
        }
        if typed {
            let composed: String = self.0.nfc().collect();
            if composed != *self.0 {
                others.push(Self::new(composed));
            }
        }
        others
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Tells the system to write no memory image of this process, which would hold unlocked keys. Quiet when refused.
pub fn forbid_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        if let Err(fault) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
            tracing::debug!("core dumps stay allowed: {fault}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(…)");
    }

    #[test]
    fn other_spellings_are_the_stripped_and_the_composed_one() {
        let typed = Secret::new(" a\u{308} ".into());
        let tried: Vec<_> = typed.other_spellings(true).iter().map(|s| s.expose().to_owned()).collect();
        assert_eq!(tried, ["a\u{308}", " ä "]);
        assert!(Secret::new("plain".into()).other_spellings(true).is_empty());
    }
}
