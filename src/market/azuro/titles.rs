//! What an outcome's number means. A subgraph numbers outcomes, and older ones do not say more; the list of what each number
//! is called, the dictionary, is published apart and has some 16,000 entries.
//!
//! A few are built in, in words of our own: who wins. The whole list is read from a file, `--market.azuro.dictionary`:
//! JSON, from the number to its text, or to an object with the text under `_comment`, `title` or `text`; `.gz` is unpacked.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;

/// Longest dictionary read, in bytes after decompression; the published one has 4 MB.
const MAX_FILE: u64 = 64 << 20;

/// Built in: the result of a whole game, by the first numbers of the lists that name it.
const FIRST_WINS: &str = "the first side wins";
const SECOND_WINS: &str = "the second side wins";
const DRAW: &str = "it ends in a draw";

/// Why there is no dictionary.
#[derive(Debug, thiserror::Error)]
pub enum TitlesError {
    /// The file cannot be read.
    #[error("the dictionary of outcomes {path} cannot be read: {source}; check `--market.azuro.dictionary`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not the documented JSON.
    #[error(
        "{path} is not a dictionary of outcomes: {reason}; expected JSON such as {{\"29\": \"Full time result: 1\"}}"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where the reader stopped.
        reason: String,
    },
}

/// Texts by outcome number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Titles(Arc<HashMap<String, String>>);

/// A text, by itself or in an object. No untagged enum of numbers, so nothing is lost under `arbitrary_precision`.
#[derive(Deserialize)]
#[serde(transparent)]
struct Entry(Value);

impl Entry {
    fn text(&self) -> Option<&str> {
        let fields = ["_comment", "title", "text"];
        let text = self.0.as_str().or_else(|| fields.iter().find_map(|field| self.0.get(field)?.as_str()))?;
        Some(text.trim()).filter(|text| !text.is_empty())
    }
}

impl Titles {
    /// Reads a dictionary. Blocking.
    ///
    /// # Errors
    /// [`TitlesError`] when the file cannot be read, or has no text under any number.
    pub fn read(path: &Path) -> Result<Self, TitlesError> {
        let failed = |source| TitlesError::Read { path: path.to_owned(), source };
        let malformed = |reason: String| TitlesError::Malformed { path: path.to_owned(), reason };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        if path.extension().is_some_and(|extension| extension == "gz") {
            MultiGzDecoder::new(file).take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
        } else {
            file.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
        }
        let entries: HashMap<String, Entry> = serde_json::from_slice(&bytes).map_err(|e| malformed(e.to_string()))?;
        let texts = entries.iter().filter_map(|(number, entry)| Some((number.clone(), entry.text()?.to_owned())));
        let titles = Self(Arc::new(texts.collect()));
        if titles.0.is_empty() { Err(malformed("no number has a text".to_owned())) } else { Ok(titles) }
    }

    /// What outcome `number` is, if anybody knows.
    #[must_use]
    pub fn of(&self, number: &str) -> Option<&str> {
        self.0.get(number).map(String::as_str).or_else(|| built_in(number))
    }
}

/// Numbers are facts of the protocol: those of the full-time result with a draw, and of the winner of a match without,
/// one pair per way to count (goals, maps, points, legs, sets, games, rounds, frames, runs).
fn built_in(number: &str) -> Option<&'static str> {
    Some(match number {
        "29" | "891" | "6979" | "6995" | "7031" | "7045" | "7047" | "7051" | "7067" | "7300" | "9724" => FIRST_WINS,
        "31" | "893" | "6980" | "6996" | "7032" | "7046" | "7048" | "7052" | "7068" | "7301" | "9725" => SECOND_WINS,
        "30" | "892" => DRAW,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_goes_before_what_is_built_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("titles.json");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write(
            r#"{"29": "First!", "7": {"selectionId": 3, "_comment": "Seventh"}, "8": {"points": 3}, "9": 1, "10": " "}"#,
        );
        let titles = Titles::read(&path).unwrap();
        assert_eq!(["29", "7", "31"].map(|n| titles.of(n)), [Some("First!"), Some("Seventh"), Some(SECOND_WINS)]);
        assert_eq!(["8", "9", "10", "11", ""].map(|n| titles.of(n)), [None; 5]);
        for bad in ["", "[]", "{}", r#"{"1": 2}"#, "{\"1\": \"cut"] {
            write(bad);
            let error = Titles::read(&path).unwrap_err().to_string();
            assert!(error.contains("titles.json"), "{error}");
        }
        let error = Titles::read(&folder.path().join("none.json")).unwrap_err().to_string();
        assert!(error.contains("none.json") && error.contains("--market.azuro.dictionary"), "{error}");
    }
}
