//! What a market says of an event beside its question. Miners are told it as it came.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields;
use crate::units::Foreign;

/// Longest metadata passed on, in bytes: every miner gets it in every round.
const LONGEST: usize = 8 << 10;

/// See the module. Most markets say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(default)]
pub struct Beside {
    /// What kind of event it is, in lower case: `llm`, `earnings`.
    pub kind: Option<String>,
    /// The text of a JSON object.
    pub metadata: Option<Foreign>,
}

impl Beside {
    /// As a service says it. What is no word, no object, too long, or nested deeper than others can read is left out.
    #[must_use]
    pub fn of(kind: Option<&str>, metadata: Option<&str>) -> Self {
        let is_object = |text: &&str| {
            text.len() <= LONGEST && serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object())
        };
        let is_empty = |text: &str| text.bytes().all(|byte| matches!(byte, b'{' | b'}') || byte.is_ascii_whitespace());
        Self {
            kind: kind.and_then(fields::plain_id).map(str::to_lowercase),
            metadata: metadata.filter(is_object).filter(|text| !is_empty(text)).map(Foreign::from),
        }
    }

    /// Whether nothing is said.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        self.kind.is_none() && self.metadata.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_left_out() {
        let metadata = |text: &str| Beside::of(None, Some(text)).metadata.map(Foreign::into_raw);
        assert_eq!(metadata(r#"{"a": 1.50, "a": "x"}"#).as_deref(), Some(r#"{"a": 1.50, "a": "x"}"#), "as it came");
        let (long, deep) = (
            format!(r#"{{"a":"{}"}}"#, "x".repeat(LONGEST)),
            format!(r#"{{"a":{}1{}}}"#, "[".repeat(200), "]".repeat(200)),
        );
        for bad in ["", "null", "7", "[1]", "{", "{}", " { } ", r#"{"a":NaN}"#, &long, &deep] {
            assert_eq!(metadata(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_kind_is_a_word_in_lower_case() {
        assert_eq!(Beside::of(Some("LLM"), None).kind.as_deref(), Some("llm"));
        for bad in ["", " ", "a\u{1b}[2J"] {
            assert!(Beside::of(Some(bad), None).is_absent(), "{bad:?}");
        }
    }
}
