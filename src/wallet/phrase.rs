//! BIP-39 phrases: making them, and reading them as people write them.

use bip39::{Language, Mnemonic};
use crypto_secretbox::aead::OsRng;
use crypto_secretbox::aead::rand_core::RngCore as _;
use zeroize::Zeroizing;

use super::secret::Secret;

/// A phrase of 12, 15, 18, 21 or 24 English words with a good checksum, single-spaced and lower case.
#[derive(Debug)]
pub struct Phrase(Secret);

/// Why a text is no phrase. The text itself is secret, so not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// The number of words.
    #[error("a phrase has 12, 15, 18, 21 or 24 words; this one has {0}")]
    WordCount(usize),
    /// A word that is not on the list.
    #[error("word {0} of the phrase is not on the English BIP-39 list")]
    UnknownWord(usize),
    /// The words are known, their order or choice is not.
    #[error("the phrase's checksum is wrong: a word is wrong, or two are swapped")]
    Checksum,
    /// `1-word 2-word …` whose numbers do not run from 1 to the number of words.
    #[error("the numbers of the numbered phrase do not run from 1 to the number of words")]
    Numbers,
}

impl Phrase {
    /// A fresh phrase from the system's randomness.
    ///
    /// # Errors
    /// [`PhraseError::WordCount`] unless `words` is 12, 15, 18, 21 or 24.
    pub fn generate(words: usize) -> Result<Self, PhraseError> {
        if !matches!(words, 12 | 15 | 18 | 21 | 24) {
            return Err(PhraseError::WordCount(words));
        }
        let mut entropy = Zeroizing::new(vec![0; words / 3 * 4]);
        OsRng.fill_bytes(&mut entropy);
        let mnemonic =
            Mnemonic::from_entropy_in(Language::English, &entropy).map_err(|_| PhraseError::WordCount(words))?;
        Ok(Self(Secret::new(mnemonic.to_string())))
    }

    /// Reads a phrase as a keyfile holds it: any white space between words, nothing else forgiven.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn strict(text: &str) -> Result<Self, PhraseError> {
        let words = Zeroizing::new(text.split_whitespace().collect::<Vec<_>>().join(" "));
        match Mnemonic::parse_in_normalized(Language::English, &words) {
            Ok(_) => Ok(Self(Secret::new(words.to_string()))),
            Err(bip39::Error::BadWordCount(n)) => Err(PhraseError::WordCount(n)),
            Err(bip39::Error::UnknownWord(index)) => Err(PhraseError::UnknownWord(index + 1)),
            Err(_) => Err(PhraseError::Checksum),
        }
    }

    /// Reads a phrase as a person gives it: upper case, commas, and `1-word 2-word …` in any order are understood.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn lenient(text: &str) -> Result<Self, PhraseError> {
        let plain = Zeroizing::new(text.to_lowercase().replace(',', " "));
        let words: Vec<&str> = plain.split_whitespace().collect();
        if !words.is_empty() && words.iter().all(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
            return Self::strict(&unnumbered(&words)?);
        }
        Self::strict(&plain)
    }

    /// The words, single-spaced.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// How many words there are.
    #[must_use]
    pub fn word_count(&self) -> usize {
        self.0.expose().split(' ').count()
    }
}

/// Puts `2-word 1-word …` (btcli 9's spelling) in order and drops the numbers.
fn unnumbered(words: &[&str]) -> Result<Zeroizing<String>, PhraseError> {
    let mut numbered: Vec<(usize, &str)> = words
        .iter()
        .map(|word| {
            let (number, word) = word.split_once('-').ok_or(PhraseError::Numbers)?;
            Ok((number.parse().map_err(|_| PhraseError::Numbers)?, word))
        })
        .collect::<Result<_, _>>()?;
    numbered.sort_unstable_by_key(|(number, _)| *number);
    if numbered.iter().zip(1..).any(|((number, _), expected)| *number != expected) {
        return Err(PhraseError::Numbers);
    }
    Ok(Zeroizing::new(numbered.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

    #[test]
    fn fresh_phrases_are_valid_and_differ() {
        for words in [12, 15, 18, 21, 24] {
            let phrase = Phrase::generate(words).unwrap();
            assert_eq!(phrase.word_count(), words);
            assert!(Phrase::strict(phrase.expose()).is_ok());
            assert_ne!(phrase.expose(), Phrase::generate(words).unwrap().expose());
        }
        assert_eq!(Phrase::generate(13).unwrap_err(), PhraseError::WordCount(13));
    }

    #[test]
    fn people_write_phrases_in_many_ways() {
        let numbered =
            "2-drive 1-bottom 3-obey 4-lake 5-curtain 6-smoke 7-basket 8-hold 9-race 10-lonely 11-fit 12-walk";
        for text in [WORDS, &WORDS.to_uppercase(), &WORDS.replace(' ', ", "), numbered] {
            assert_eq!(Phrase::lenient(text).unwrap().expose(), WORDS);
        }
        assert_eq!(Phrase::lenient(&numbered.replace("12-", "13-")).unwrap_err(), PhraseError::Numbers);
        assert_eq!(Phrase::strict(&WORDS.replace("walk", "zoo")).unwrap_err(), PhraseError::Checksum);
        assert_eq!(Phrase::strict(&WORDS.replace("obey", "obay")).unwrap_err(), PhraseError::UnknownWord(3));
    }
}
