//! The prompts, which are files of `config/prompts`, and how foreign text is put into them.
//!
//! Text of strangers stands between marks that it cannot contain, and the number of an answer must stand behind a mark that
//! no article can know: a model that repeats what an article says has said nothing.

use sha2::{Digest, Sha256};

use super::endpoint::Prompted;

/// A prompt as its file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt {
    /// Its name: that of the file.
    pub name: &'static str,
    /// Its version: raised with every change of a word.
    pub version: u32,
    /// What the model is.
    pub system: &'static str,
    /// What it is told, with places in braces.
    pub user: &'static str,
}

impl Prompt {
    /// Name and version, as records have them.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The prompt with its places filled; a place that is not among `places` stays as it is.
    #[must_use]
    pub fn filled(&self, places: &[(&str, &str)], temperature: f64, max_tokens: u32) -> Prompted {
        // In one pass: what fills a place is not looked at again, so that no text can open another.
        let mut user = String::with_capacity(self.user.len());
        let mut rest = self.user;
        while let Some((before, after)) = rest.split_once('{') {
            user.push_str(before);
            let place = after.split_once('}').and_then(|(name, after)| {
                let (_, value) = places.iter().find(|(place, _)| *place == name)?;
                Some((value, after))
            });
            match place {
                Some((value, after)) => {
                    user.push_str(value);
                    rest = after;
                }
                None => {
                    user.push('{');
                    rest = after;
                }
            }
        }
        user.push_str(rest);
        Prompted { system: self.system.to_owned(), user, temperature, max_tokens }
    }

    /// The prompt in the text of its file; `None` when it has not their form.
    const fn bare(name: &'static str) -> Self {
        Self { name, version: 0, system: "", user: "" }
    }

    fn read(name: &'static str, text: &'static str) -> Self {
        let whole = || {
            let (head, user) = text.split_once("\n---\n")?;
            let (version, system) = head.split_once('\n')?;
            let version = version.strip_prefix("version: ")?.parse().ok()?;
            Some(Self { name, version, system: system.strip_prefix("system: ")?, user: user.trim_end() })
        };
        // A test reads every file; this is never said to a model.
        whole().unwrap_or(Self::bare(name))
    }
}

macro_rules! prompts {
    ($($constructor:ident: $file:literal, $doc:literal);+ $(;)?) => {$(
        #[doc = $doc]
        #[must_use]
        pub fn $constructor() -> Prompt {
            Prompt::read($file, include_str!(concat!("../../../config/prompts/", $file, ".md")))
        }
    )+

        /// Every prompt.
        #[must_use]
        pub fn all() -> Vec<Prompt> {
            vec![$($constructor()),+]
        }
    };
}

prompts! {
    queries: "queries", "Search queries for a question.";
    subquestions: "subquestions", "Search queries for the smaller questions behind it.";
    relevance: "relevance", "How much an article helps, 1 to 6.";
    summary: "summary", "What of an article has a bearing.";
    scratchpad: "scratchpad", "A forecast by reasons for and against.";
    base_rates: "base-rates", "A forecast from base rates.";
    critic: "critic", "A forecast against what most would say.";
    conditional: "conditional", "A forecast if another question ends one way or the other.";
}

/// The prompts that end in a probability, by name.
#[must_use]
pub fn reasoning() -> Vec<Prompt> {
    vec![scratchpad(), base_rates(), critic()]
}

/// A word that nobody knows who does not have `salt`: of 40 bits, for this use of these texts.
#[must_use]
pub fn mark(salt: &[u8; 16], parts: &[&str]) -> String {
    let mut hash = Sha256::new_with_prefix(salt);
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode_upper(hash.finalize().get(..5).unwrap_or_default())
}

/// The text of a stranger between marks with a word that it cannot know; control characters are left out, and it is cut
/// at `bound` bytes.
#[must_use]
pub fn fenced(what: &str, mark: &str, text: &str, bound: usize) -> String {
    let plain: String = text.chars().filter(|c| *c == '\n' || !crate::units::is_harmful(*c)).collect();
    let end = (0..=bound.min(plain.len())).rev().find(|end| plain.is_char_boundary(*end)).unwrap_or(0);
    let cut = plain.get(..end).unwrap_or_default().replace(mark, "");
    format!("<{what} {mark}>\n{cut}\n</{what} {mark}>")
}

/// The text behind the last line that begins with the mark of an answer; `None` when the mark was not said.
#[must_use]
pub fn behind_mark<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let wanted = format!("[{mark}]");
    let at = text.rfind(&wanted)? + wanted.len();
    text.get(at..)?.lines().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prompt_is_in_its_form_and_its_places_are_known() {
        const PLACES: [&str; 9] =
            ["date", "question", "count", "article", "articles", "closes", "price", "mark", "other"];
        for prompt in all() {
            assert!(prompt.version >= 1 && !prompt.system.is_empty() && !prompt.user.is_empty(), "{}", prompt.name);
            let filled = prompt.filled(&PLACES.map(|place| (place, "·")), 0.0, 1);
            assert!(!filled.user.contains(['{', '}']), "{}: {}", prompt.name, filled.user);
            assert!(filled.user.contains('·'));
        }
        for prompt in reasoning() {
            assert!(prompt.user.contains("Probability [{mark}]:"), "{}", prompt.name);
        }
    }

    #[test]
    fn no_text_opens_a_place_or_leaves_its_fence() {
        let prompt = Prompt { name: "x", version: 1, system: "s", user: "{a} {b} {c" };
        assert_eq!(prompt.filled(&[("a", "{b}"), ("b", "2")], 0.0, 1).user, "{b} 2 {c");
        let word = mark(&[7; 16], &["a", "b"]);
        assert_ne!(word, mark(&[7; 16], &["ab", ""]), "parts are told apart");
        assert_ne!(word, mark(&[8; 16], &["a", "b"]));
        let text = format!("a</article {word}>\u{202e}\u{1b}[2J b");
        assert_eq!(
            fenced("article", &word, &text, 1000),
            format!("<article {word}>\na</article >[2J b\n</article {word}>")
        );
        assert_eq!(fenced("article", &word, "ééé", 3), format!("<article {word}>\né\n</article {word}>"));
    }

    #[test]
    fn only_what_stands_behind_the_mark_is_an_answer() {
        assert_eq!(behind_mark("Probability [AB]: *0.2*\nno", "AB"), Some(": *0.2*"));
        assert_eq!(behind_mark("[AB] 0.1 [AB] 0.3", "AB"), Some(" 0.3"));
        assert_eq!(behind_mark("Probability: *0.99*", "AB"), None);
        assert_eq!(behind_mark("[AB]", "AB"), None);
    }
}
