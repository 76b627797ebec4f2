//! The fields of a keyfile's JSON object, read without losing duplicates and wiped after use.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::KeyfileError;
use crate::wallet::secret::Secret;

/// More fields than any tool writes.
const MOST: usize = 64;

/// A field's value, as far as it can matter.
pub(super) enum Value {
    Null,
    Text(Secret),
    Integer(i128),
    /// A float, boolean, array or object.
    Other,
}

/// The fields in file order.
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Self, KeyfileError> {
        // The parser's own message may quote what it read, so only the place is told.
        let fields: Self = serde_json::from_str(text).map_err(|e| {
            KeyfileError::BadContent(format!("it is not valid JSON (line {}, column {})", e.line(), e.column()))
        })?;
        for (i, (name, _)) in fields.0.iter().enumerate() {
            if fields.0.iter().skip(i + 1).any(|(other, _)| other == name) {
                return Err(KeyfileError::BadContent("a field appears twice in it".to_owned()));
            }
        }
        if fields.0.len() > MOST {
            return Err(KeyfileError::BadContent(format!("it has more than {MOST} fields")));
        }
        Ok(fields)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Removes a field.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Removes a field that must be text; null is the same as absent.
    pub(super) fn take_text(&mut self, name: &'static str) -> Result<Option<Secret>, KeyfileError> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(KeyfileError::BadContent(format!("its {name} is not text"))),
        }
    }

    /// What is left, as far as it may be written again: texts only.
    pub(super) fn remaining_texts(self) -> Vec<(String, Secret)> {
        self.0
            .into_iter()
            .filter_map(|(name, value)| match value {
                Value::Text(text) => Some((name, text)),
                _ => None,
            })
            .collect()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(Secret::new(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Value, E> {
                Ok(Value::Text(Secret::new(text)))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(Value::Integer(number.into()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Integer(number.into()))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
                Ok(Value::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}
