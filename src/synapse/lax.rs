//! Field readers with the tolerance of the Python peers' validation: `"0.5"` and `1` are numbers, `1` and `"true"` are
//! booleans. Floats are read from their digits where those are at hand, so that they round exactly.

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

/// A number of either kind.
#[derive(Debug, Clone, Copy)]
enum Number {
    Integer(i64),
    Float(f64),
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Option<Number>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Number::Integer(i64::from(value))))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Number::Integer(value)))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(i64::try_from(value).map_or(Number::Float(value as f64), Number::Integer)))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Number::Float(value)))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let text = text.trim();
        if let Ok(value) = text.parse() {
            return Ok(Some(Number::Integer(value)));
        }
        text.parse().map(|value| Some(Number::Float(value))).map_err(|_| E::custom("the text is not a number"))
    }
    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    /// With the feature `arbitrary_precision`, which another crate of the build may ask for, `serde_json` hands a
    /// number over as a map with its digits.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        match map.next_entry::<String, String>()? {
            Some((key, digits)) if key == "$serde_json::private::Number" => self.visit_str(&digits),
            _ => Err(de::Error::custom("an object is not a number")),
        }
    }
}

/// A float, or an integer, or text that reads as one; null is `None`.
///
/// # Errors
/// For anything else.
pub fn lax_opt_f64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(deserializer.deserialize_any(NumberVisitor)?.map(|number| match number {
        Number::Integer(value) => value as f64,
        Number::Float(value) => value,
    }))
}

/// As [`lax_opt_f64`], null excluded.
///
/// # Errors
/// For anything that is not a number.
pub fn lax_f64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    lax_opt_f64(deserializer)?.ok_or_else(|| de::Error::custom("null is not a number"))
}

/// An integer, a float without fraction, or text that reads as one; null is `None`.
///
/// # Errors
/// For anything else.
pub fn lax_opt_i64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match deserializer.deserialize_any(NumberVisitor)? {
        None => Ok(None),
        Some(Number::Integer(value)) => Ok(Some(value)),
        // Beyond 2^53 a float no longer says which integer it is.
        Some(Number::Float(value)) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => {
            Ok(Some(value as i64))
        }
        Some(Number::Float(_)) => Err(de::Error::custom("not an integer of 64 bits")),
    }
}

/// As [`lax_opt_i64`], null excluded.
///
/// # Errors
/// For anything that is not an integer.
pub fn lax_i64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    lax_opt_i64(deserializer)?.ok_or_else(|| de::Error::custom("null is not an integer"))
}

/// A list of what [`lax_f64`] reads.
///
/// # Errors
/// For anything else.
pub fn lax_vec_f64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    struct Item(f64);
    impl<'de> de::Deserialize<'de> for Item {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            lax_f64(deserializer).map(Self)
        }
    }
    struct Items;
    impl<'de> Visitor<'de> for Items {
        type Value = Vec<f64>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of numbers")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<f64>, A::Error> {
            let mut items = Vec::new();
            while let Some(Item(value)) = seq.next_element()? {
                items.push(value);
            }
            Ok(items)
        }
    }
    deserializer.deserialize_seq(Items)
}

/// A boolean, 0 or 1, or a text for one.
///
/// # Errors
/// For anything else.
pub fn lax_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct BoolVisitor;
    impl Visitor<'_> for BoolVisitor {
        type Value = bool;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a boolean")
        }
        fn visit_bool<E: de::Error>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }
        fn visit_u64<E: de::Error>(self, value: u64) -> Result<bool, E> {
            match value {
                0 => Ok(false),
                1 => Ok(true),
                _ => Err(E::custom("not a boolean")),
            }
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<bool, E> {
            match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
                "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
                _ => Err(E::custom("the text is not a boolean")),
            }
        }
    }
    deserializer.deserialize_any(BoolVisitor)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Row {
        #[serde(deserialize_with = "super::lax_opt_f64")]
        p: Option<f64>,
        #[serde(deserialize_with = "super::lax_i64")]
        n: i64,
        #[serde(deserialize_with = "super::lax_bool")]
        b: bool,
    }

    #[test]
    fn numbers_come_in_several_spellings() {
        let row: Row = serde_json::from_str(r#"{"p": "0.30000000000000004", "n": 3.0, "b": "yes"}"#).unwrap();
        assert_eq!((row.p, row.n, row.b), (Some(0.1 + 0.2), 3, true));
        let row: Row = serde_json::from_str(r#"{"p": null, "n": "4", "b": false}"#).unwrap();
        assert_eq!((row.p, row.n, row.b), (None, 4, false));
        assert!(serde_json::from_str::<Row>(r#"{"p": {}, "n": 1, "b": true}"#).is_err());
        assert!(serde_json::from_str::<Row>(r#"{"p": 1, "n": 1.5, "b": true}"#).is_err());
    }
}
