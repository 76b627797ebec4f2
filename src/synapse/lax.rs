//! Field readers with the tolerance of the Python peers' validation: `"0.5"` and `1` are numbers, `1` and `"true"` are
//! booleans.
//!
//! They read a value's own text, because `serde_json` alone rounds some floats to a neighbour, and because another crate
//! of a build may switch on its feature `arbitrary_precision`, which changes how numbers are handed over. So they work
//! from JSON only.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

/// A JSON value that is no list and no object, read with tolerance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number of 64 bits, or text that is one.
    Integer(i64),
    /// Any other number, correctly rounded, infinite when it overflows; or text that is one, `NaN` included.
    Float(f64),
    /// Another text, a list, an object.
    Other,
}

impl Scalar {
    fn of_json(json: &str) -> Self {
        match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'"') => serde_json::from_str::<String>(json).map_or(Self::Other, |text| Self::of_text(text.trim())),
            _ => Self::of_text(json),
        }
    }

    fn of_text(text: &str) -> Self {
        let integer = text.parse().map(Self::Integer);
        integer.or_else(|_| text.parse().map(Self::Float)).unwrap_or(Self::Other)
    }

    /// The number, `None` for null; booleans count as 0 and 1.
    fn number(self) -> Option<Result<f64, &'static str>> {
        match self {
            Self::Null => None,
            Self::Bool(flag) => Some(Ok(f64::from(u8::from(flag)))),
            Self::Integer(value) => Some(Ok(value as f64)),
            Self::Float(value) => Some(Ok(value)),
            Self::Other => Some(Err("not a number")),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self::of_json(raw.get()))
    }
}

/// A float, or an integer, or text that reads as one; null is `None`.
///
/// # Errors
/// For anything else.
pub fn lax_opt_f64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Scalar::deserialize(deserializer)?.number().transpose().map_err(D::Error::custom)
}

/// A list of floats, integers, or texts that read as such.
///
/// # Errors
/// For anything else, null included.
pub fn lax_vec_f64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let items = Vec::<Scalar>::deserialize(deserializer)?;
    items
        .into_iter()
        .map(|item| item.number().unwrap_or(Err("null")))
        .collect::<Result<_, _>>()
        .map_err(D::Error::custom)
}

/// An integer, a float without fraction, or text that reads as one; null is `None`.
///
/// # Errors
/// For anything else.
pub fn lax_opt_i64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match Scalar::deserialize(deserializer)? {
        Scalar::Null => Ok(None),
        Scalar::Bool(flag) => Ok(Some(i64::from(flag))),
        Scalar::Integer(value) => Ok(Some(value)),
        // Beyond 2^53 a float no longer says which integer it is.
        Scalar::Float(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => {
            Ok(Some(value as i64))
        }
        Scalar::Float(_) | Scalar::Other => Err(D::Error::custom("not an integer of 64 bits")),
    }
}

/// As [`lax_opt_i64`], null excluded.
///
/// # Errors
/// For anything that is not an integer.
pub fn lax_i64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    lax_opt_i64(deserializer)?.ok_or_else(|| D::Error::custom("null is not an integer"))
}

/// A boolean, 0 or 1, or a text for one; null is `None`.
///
/// # Errors
/// For anything else.
pub fn lax_opt_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    match Scalar::of_json(raw.get()) {
        Scalar::Null => Ok(None),
        Scalar::Bool(flag) => Ok(Some(flag)),
        Scalar::Integer(value @ 0..=1) => Ok(Some(value == 1)),
        _ => match raw.get().trim_matches('"').to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "t" | "y" => Ok(Some(true)),
            "false" | "no" | "off" | "f" | "n" => Ok(Some(false)),
            _ => Err(D::Error::custom("not a boolean")),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Row {
        #[serde(deserialize_with = "lax_opt_f64")]
        p: Option<f64>,
        #[serde(deserialize_with = "lax_i64")]
        n: i64,
        #[serde(deserialize_with = "lax_opt_bool")]
        b: Option<bool>,
    }

    #[test]
    fn numbers_come_in_several_spellings() {
        let row: Row = serde_json::from_str(r#"{"p": "0.30000000000000004", "n": 3.0, "b": "yes"}"#).unwrap();
        assert_eq!((row.p, row.n, row.b), (Some(0.1 + 0.2), 3, Some(true)));
        let row: Row = serde_json::from_str(r#"{"p": null, "n": "4", "b": null}"#).unwrap();
        assert_eq!((row.p, row.n, row.b), (None, 4, None));
        for bad in
            [r#"{"p": {}, "n": 1, "b": true}"#, r#"{"p": 1, "n": 1.5, "b": true}"#, r#"{"p": 1, "n": 1, "b": 2}"#]
        {
            assert!(serde_json::from_str::<Row>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn floats_are_rounded_correctly() {
        // serde_json by itself reads a neighbour of this one.
        let row: Row = serde_json::from_str(r#"{"p": 30535.353535353537, "n": 1, "b": 0}"#).unwrap();
        assert_eq!(row.p.map(f64::to_bits), "30535.353535353537".parse().map(f64::to_bits).ok());
    }
}
