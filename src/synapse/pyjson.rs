//! JSON as Python reads it: `NaN` and infinities, integers of any size, the last of duplicate keys.
//!
//! Bodies are read by `serde_json` first, straight into their type. Only a body it refuses is read again here and, when
//! that succeeds, written as strict JSON for a second attempt ([`PyValue::to_strict_json`]): `NaN` and infinities become
//! their names as text, which number fields read as what they are and range checks refuse. A lone surrogate, which a
//! Rust string cannot hold, is refused.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::de::Error as _;
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// As deep as `serde_json` goes; Python stops near a thousand, no synapse needs ten.
const MAX_DEPTH: usize = 128;

/// Python refuses to parse longer integers.
const MAX_INTEGER_DIGITS: usize = 4300;

/// A value as Python's `json.loads` gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum PyValue {
    /// `null`
    None,
    /// `true`, `false`
    Bool(bool),
    /// An integer of any size, as normal decimal text (no leading zeros, `0` without sign).
    Int(String),
    /// A number with a point or exponent, `NaN`, `Infinity`, `-Infinity`.
    Float(f64),
    /// Text.
    Str(String),
    /// A list.
    List(Vec<PyValue>),
    /// An object in order of first appearance of its keys; each key once, with its last value.
    Dict(Vec<(String, PyValue)>),
}

/// Why a text is not JSON, even by Python's rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {at}: {reason}")]
pub struct NotPythonJson {
    /// Offset of the fault.
    pub at: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl PyValue {
    /// Reads a whole text.
    ///
    /// # Errors
    /// [`NotPythonJson`] with the place of the fault; lone surrogates and depths above 128 are faults.
    pub fn parse(text: &str) -> Result<Self, NotPythonJson> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let value = reader.value()?;
        reader.blanks();
        if reader.at == text.len() { Ok(value) } else { Err(reader.fault("text after the value")) }
    }

    /// Strict JSON that a strict reader takes for the same value where it can; see the module.
    #[must_use]
    pub fn to_strict_json(&self) -> String {
        let mut out = String::new();
        self.write_strict(&mut out);
        out
    }

    fn write_strict(&self, out: &mut String) {
        match self {
            Self::None => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(digits) => out.push_str(digits),
            Self::Float(value) if value.is_nan() => out.push_str("\"NaN\""),
            Self::Float(value) if value.is_infinite() => {
                out.push_str(if *value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
            }
            Self::Float(value) => {
                let _ = write!(out, "{value:?}");
            }
            Self::Str(text) => write_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    item.write_strict(out);
                }
                out.push(']');
            }
            Self::Dict(entries) => {
                out.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    write_text(key, out);
                    out.push(':');
                    value.write_strict(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

impl Serialize for PyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(digits) => match digits.parse::<i64>() {
                Ok(value) => serializer.serialize_i64(value),
                Err(_) => RawValue::from_string(digits.clone()).map_err(S::Error::custom)?.serialize(serializer),
            },
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Str(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Dict(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// Only from `serde_json`, whose raw text is read again by Python's rules.
impl<'de> Deserialize<'de> for PyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(D::Error::custom)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn fault(&self, reason: &'static str) -> NotPythonJson {
        NotPythonJson { at: self.at, reason }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn value(&mut self) -> Result<PyValue, NotPythonJson> {
        self.blanks();
        match self.peek() {
            Some(b'{') => self.nested(Self::dict),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => self.string().map(PyValue::Str),
            Some(b'-' | b'0'..=b'9') if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with("-I")) => {
                self.number()
            }
            _ if self.word("null") => Ok(PyValue::None),
            _ if self.word("true") => Ok(PyValue::Bool(true)),
            _ if self.word("false") => Ok(PyValue::Bool(false)),
            _ if self.word("NaN") => Ok(PyValue::Float(f64::NAN)),
            _ if self.word("Infinity") => Ok(PyValue::Float(f64::INFINITY)),
            _ if self.word("-Infinity") => Ok(PyValue::Float(f64::NEG_INFINITY)),
            _ => Err(self.fault("a value was expected")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<PyValue, NotPythonJson>) -> Result<PyValue, NotPythonJson> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault("nested too deeply"));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<PyValue, NotPythonJson> {
        let mut items = Vec::new();
        self.blanks();
        if self.take(b']') {
            return Ok(PyValue::List(items));
        }
        loop {
            items.push(self.value()?);
            self.blanks();
            if self.take(b']') {
                return Ok(PyValue::List(items));
            }
            if !self.take(b',') {
                return Err(self.fault("`,` or `]` was expected"));
            }
        }
    }

    fn dict(&mut self) -> Result<PyValue, NotPythonJson> {
        let mut entries: Vec<(String, PyValue)> = Vec::new();
        let mut places = HashMap::new();
        self.blanks();
        if self.take(b'}') {
            return Ok(PyValue::Dict(entries));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.fault("a key was expected"));
            }
            let key = self.string()?;
            self.blanks();
            if !self.take(b':') {
                return Err(self.fault("`:` was expected"));
            }
            let value = self.value()?;
            let place = *places.entry(key.clone()).or_insert(entries.len());
            match entries.get_mut(place) {
                Some(entry) => entry.1 = value,
                None => entries.push((key, value)),
            }
            self.blanks();
            if self.take(b'}') {
                return Ok(PyValue::Dict(entries));
            }
            if !self.take(b',') {
                return Err(self.fault("`,` or `}` was expected"));
            }
        }
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - from
    }

    fn number(&mut self) -> Result<PyValue, NotPythonJson> {
        let from = self.at;
        self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || (leading_zero && digits > 1) {
            return Err(self.fault("digits were expected"));
        }
        let mut float = false;
        if self.take(b'.') {
            float = true;
            if self.digits() == 0 {
                return Err(self.fault("digits were expected after the point"));
            }
        }
        if self.take(b'e') || self.take(b'E') {
            float = true;
            let _ = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return Err(self.fault("digits were expected in the exponent"));
            }
        }
        let literal = self.text.get(from..self.at).unwrap_or_default();
        if float {
            // Rust reads every float literal of JSON, correctly rounded, overflow to infinity as Python.
            return literal.parse().map(PyValue::Float).map_err(|_| self.fault("not a number"));
        }
        if digits > MAX_INTEGER_DIGITS {
            return Err(self.fault("more than 4300 digits"));
        }
        Ok(PyValue::Int(if literal == "-0" { "0".into() } else { literal.into() }))
    }

    fn string(&mut self) -> Result<String, NotPythonJson> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(rest.len());
            out.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                Some(_) => return Err(self.fault("a control character inside text")),
                None => return Err(self.fault("text without end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, NotPythonJson> {
        let kind = self.peek();
        self.at += 1;
        Ok(match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => {
                self.at -= 1;
                return Err(self.fault("an unknown escape"));
            }
        })
    }

    fn unicode_escape(&mut self) -> Result<char, NotPythonJson> {
        let first = self.hex4()?;
        let code = match first {
            0xd800..0xdc00 if self.word("\\u") => {
                let second = self.hex4()?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(self.fault("a lone surrogate"));
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.fault("a lone surrogate"))
    }

    fn hex4(&mut self) -> Result<u32, NotPythonJson> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.fault("four hex digits were expected"))?;
        self.at += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_tolerates_is_read() {
        let value = PyValue::parse(r#" {"a": [NaN, -Infinity, 1e999], "b": 1, "a": -0} "#).unwrap();
        let expected =
            PyValue::Dict(vec![("a".into(), PyValue::Int("0".into())), ("b".into(), PyValue::Int("1".into()))]);
        assert_eq!(value, expected);
        assert_eq!(PyValue::parse("[NaN,Infinity]").unwrap().to_strict_json(), r#"["NaN","Infinity"]"#);
        assert_eq!(PyValue::parse(r#""\ud83d\ude00\/""#).unwrap(), PyValue::Str("😀/".into()));
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for bad in
            ["", "01", "1.", "-", "[1,]", "{\"a\"}", "nul", "\"\u{1}\"", "1 2", "\"\\x\"", "[", "\"\\u12\"", ".5"]
        {
            assert!(PyValue::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(PyValue::parse(r#"["\ud83d"]"#).unwrap_err().reason, "a lone surrogate");
        assert!(PyValue::parse(&"[".repeat(100_000)).is_err());
        assert!(PyValue::parse(&"9".repeat(4301)).is_err());
    }

    #[test]
    fn big_integers_survive_serde() {
        let value: PyValue = serde_json::from_str("{\"n\":123456789012345678901234567890}").unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), "{\"n\":123456789012345678901234567890}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = PyValue::parse(&text);
        }

        #[test]
        fn strict_json_reads_back(text in "[\\[\\]{}\",:a0-9.eE\\\\u -]{0,40}") {
            if let Ok(value) = PyValue::parse(&text) {
                let strict = value.to_strict_json();
                proptest::prop_assert_eq!(PyValue::parse(&strict).unwrap().to_strict_json(), strict);
            }
        }
    }
}
