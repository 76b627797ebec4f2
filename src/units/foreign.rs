//! Text that others wrote: it is shown, never obeyed.
//!
//! A question, a refusal, a name on the chain may hold what a terminal takes for a command (escape sequences, also their
//! 8-bit forms), what turns a line around (bidirectional controls), and what nobody sees (zero-width characters, tags).
//! [`Foreign`] carries such text through the house: shown, by `{}` as by `{:?}`, every such character is a visible
//! `\u{1b}`, and what is too long ends in a mark that tells how much was left out. Only [`Foreign::as_raw`] hands out what
//! was really written, for comparing, storing and sending.
//!
//! What is shown does not lead back to the text: a backslash stays a single one, for people read it. Who needs the text
//! itself asks for JSON, which is exact.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters of a foreign text that are shown where nobody asked for more.
pub const SHOWN: usize = 500;

/// What stands where a question was cut.
pub const CUT: &str = " […]";

/// Text that others wrote. In serde it is the text itself, both ways.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Foreign(String);

impl Foreign {
    /// The text as it was written: to be compared, stored or sent, never to be shown.
    #[must_use]
    pub fn as_raw(&self) -> &str {
        &self.0
    }

    /// Like [`Foreign::as_raw`], as a text of one's own.
    #[must_use]
    pub fn into_raw(self) -> String {
        self.0
    }

    /// Shows up to `bound` characters of the text.
    #[must_use]
    pub fn up_to(&self, bound: usize) -> Shown<'_> {
        Shown { text: &self.0, bound }
    }

    /// The text line by line, each shown up to `bound` characters: for a person who asks for this one text.
    pub fn lines_up_to(&self, bound: usize) -> impl Iterator<Item = Shown<'_>> {
        self.0.lines().map(move |text| Shown { text, bound })
    }

    /// The text in at most `bound` bytes. A longer one loses its middle: [`CUT`] stands there, between its beginning and
    /// its last line, for that says which outcome is asked about. A last line of more than a quarter of the bound is lost
    /// as well. The same text under the same bound is always cut the same, and what was cut is not cut again.
    #[must_use]
    pub fn cut(self, bound: usize) -> Self {
        if self.0.len() <= bound {
            return self;
        }
        let tail = self.0.rfind('\n').and_then(|at| self.0.get(at..)).filter(|tail| tail.len() <= bound / 4);
        let tail = tail.unwrap_or_default();
        let room = bound.saturating_sub(CUT.len() + tail.len());
        let head = (0..=room).rev().find_map(|end| self.0.get(..end)).unwrap_or_default();
        Self(if bound < CUT.len() { String::new() } else { format!("{head}{CUT}{tail}") })
    }
}

impl From<String> for Foreign {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Foreign {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl PartialEq<str> for Foreign {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Foreign {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.up_to(SHOWN).fmt(f)
    }
}

/// As shown, in quotes.
impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A foreign text on its way to a person.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    text: &'a str,
    bound: usize,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text.chars();
        for character in rest.by_ref().take(self.bound) {
            write_harmless(f, character)?;
        }
        match rest.count() {
            0 => Ok(()),
            left_out => write!(f, "… ({left_out} more characters)"),
        }
    }
}

/// Whether a terminal or a reader would take this character for something else than a sign on a line: controls of both
/// kinds, separators of lines and paragraphs, what turns the direction around, what nobody sees, and what Unicode has
/// deprecated or keeps free of characters.
#[must_use]
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

fn write_harmless(out: &mut impl Write, character: char) -> fmt::Result {
    match character {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        harmful if is_harmful(harmful) => write!(out, "{}", harmful.escape_unicode()),
        harmless => out.write_char(harmless),
    }
}

/// Text on its way out as lines: everything harmful but the end of a line becomes an escape. The last gate, for what
/// comes from libraries and systems without a type.
#[must_use]
pub fn harmless_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' {
            out.push('\n');
        } else {
            // Writing to a String cannot fail.
            let _ = write_harmless(&mut out, character);
        }
    }
    out
}

/// Like [`harmless_lines`], and the end of a line becomes an escape as well.
#[must_use]
pub fn harmless_line(text: &str) -> String {
    harmless_lines(text).replace('\n', "\\n")
}

/// A JSON document with every harmful character as `\uXXXX`: the same document, and no terminal obeys it. Outside of its
/// texts JSON has ASCII only, so that this is a matter of characters.
#[must_use]
pub fn harmless_json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for character in document.chars() {
        if character != '\n' && is_harmful(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\x1b[2J\x07\r\n\u{202e}\x1b]0;t\x07\u{9b}2J\u{9d}\u{200b}\u{2028}\u{e0041}\u{feff}é漢👍";

    #[test]
    fn what_commands_is_shown_and_what_is_text_stays() {
        let text = Foreign::from(HOSTILE);
        let shown = text.to_string();
        assert!(!shown.chars().any(is_harmful), "{shown:?}");
        assert!(shown.starts_with("a\\u{1b}[2J\\u{7}\\r\\n\\u{202e}"), "{shown}");
        assert!(shown.ends_with("\\u{e0041}\\u{feff}é漢👍"), "{shown}");
        assert_eq!(format!("{text:?}"), format!("\"{shown}\""));
        assert_eq!(text.as_raw(), HOSTILE);
        assert_eq!(harmless_lines("a\tb\n\x1b"), "a\\tb\n\\u{1b}");
        assert_eq!(
            Foreign::from("x\ny\x1b").lines_up_to(9).map(|l| l.to_string()).collect::<Vec<_>>(),
            ["x", "y\\u{1b}"]
        );
    }

    #[test]
    fn what_is_long_ends_in_a_mark_that_counts() {
        let text = Foreign::from("é".repeat(200_000));
        assert!(text.to_string().ends_with("é… (199500 more characters)"));
        assert_eq!(text.up_to(1).to_string(), "é… (199999 more characters)");
        assert_eq!(Foreign::from("é").up_to(1).to_string(), "é");
    }

    #[test]
    fn serde_sees_the_text_itself_and_escaped_json_is_the_same_document() {
        let text = Foreign::from(HOSTILE);
        let document = serde_json::to_string_pretty(&[&text]).unwrap();
        assert_eq!(document, serde_json::to_string_pretty(&[HOSTILE]).unwrap());
        let escaped = harmless_json(&document);
        assert!(!escaped.chars().any(|c| c != '\n' && is_harmful(c)), "{escaped:?}");
        assert_eq!(serde_json::from_str::<Vec<Foreign>>(&escaped).unwrap(), [text]);
    }

    #[test]
    fn a_cut_is_on_a_character_within_the_bound_and_once_for_all() {
        for wide in ["x", "é", "漢", "👍"] {
            for bound in 0..80 {
                for tail in ["", "\nThe outcome \"Yes\".", "\nYes"] {
                    let text = Foreign::from(wide.repeat(100) + tail);
                    let cut = text.clone().cut(bound);
                    assert!(cut.as_raw().len() <= bound, "{bound}: {cut}");
                    assert!(bound < CUT.len() || cut.as_raw().contains(CUT), "{bound}: {cut}");
                    assert!(bound / 4 < tail.len() || cut.as_raw().ends_with(tail), "{bound}: {cut}");
                    assert_eq!(cut.clone().cut(bound), cut);
                }
            }
        }
        assert_eq!(Foreign::from("four").cut(4), "four");
        let (long, longer) = ("x".repeat(300), "x".repeat(400));
        assert_eq!(
            Foreign::from(long).cut(256),
            Foreign::from(longer).cut(256),
            "growth behind the cut changes nothing"
        );
    }
}
