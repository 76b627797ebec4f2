//! Python's `str()` of parsed JSON, byte for byte: what the body hash is computed over.

use std::fmt::{self, Display, Write as _};

use serde::ser::{self, Serialize};

use super::printable::EDGES;
use super::pyjson::PyValue;

/// A value that Python could not have read from JSON, so that it has no Python text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no Python text for {0}: a hash field may hold what JSON can hold, nothing else")]
pub struct NoPythonText(String);

impl ser::Error for NoPythonText {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Python's `str(value)`: text as it is at the top, in `repr` form inside lists and objects.
///
/// Structs are objects in order of declaration. Printability is that of Unicode 14, as in Python 3.11: two Python peers
/// of different versions disagree about characters assigned in between, and so do we with one of them.
///
/// # Errors
/// [`NoPythonText`] for bytes and enums with data.
pub fn python_str<T: Serialize + ?Sized>(value: &T) -> Result<String, NoPythonText> {
    let mut out = String::new();
    value.serialize(PyText { out: &mut out, top: true })?;
    Ok(out)
}

/// Python's text of a float: shortest digits that round-trip; positional from 1e-4 up to 1e16, else scientific.
#[must_use]
pub fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".into() } else { "-inf".into() };
    }
    // Rust's `e` form gives the same shortest digits: `-1.5e300`.
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let mut text = value.to_string();
        if !text.contains('.') {
            text.push_str(".0");
        }
        return text;
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn is_printable(c: char) -> bool {
    EDGES.partition_point(|edge| *edge <= c as u32) % 2 == 1
}

/// Python's `repr` of text.
fn write_repr(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            c if is_printable(c) => out.push(c),
            c => {
                let code = c as u32;
                let _ = match code {
                    0..0x100 => write!(out, "\\x{code:02x}"),
                    0x100..0x10000 => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// The serializer behind [`python_str`].
struct PyText<'a> {
    out: &'a mut String,
    top: bool,
}

impl PyText<'_> {
    fn put(self, value: impl Display) -> Result<(), NoPythonText> {
        let _ = write!(self.out, "{value}");
        Ok(())
    }
}

/// Where `serde_json` hides raw text and, with its feature `arbitrary_precision`, numbers.
const JSON_TEXT_STRUCTS: [&str; 2] = ["$serde_json::private::RawValue", "$serde_json::private::Number"];

impl<'a> ser::Serializer for PyText<'a> {
    type Ok = ();
    type Error = NoPythonText;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = ser::Impossible<(), NoPythonText>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = ser::Impossible<(), NoPythonText>;

    fn serialize_bool(self, value: bool) -> Result<(), NoPythonText> {
        self.put(if value { "True" } else { "False" })
    }
    fn serialize_i8(self, value: i8) -> Result<(), NoPythonText> {
        self.put(value)
    }
    fn serialize_i16(self, value: i16) -> Result<(), NoPythonText> {
        self.put(value)
    }
    fn serialize_i32(self, value: i32) -> Result<(), NoPythonText> {
        self.put(value)
    }
    fn serialize_i64(self, value: i64) -> Result<(), NoPythonText> {
        self.put(value)
    }
    fn serialize_i128(self, value: i128) -> Result<(), NoPythonText> {
        self.put(value)
    }
    fn serialize_u8(self, value: u8) -> Result<(), NoPythonText> {
        self.put(value)
    }
    fn serialize_u16(self, value: u16) -> Result<(), NoPythonText> {
        self.put(value)
    }
    fn serialize_u32(self, value: u32) -> Result<(), NoPythonText> {
        self.put(value)
    }
    fn serialize_u64(self, value: u64) -> Result<(), NoPythonText> {
        self.put(value)
    }
    fn serialize_u128(self, value: u128) -> Result<(), NoPythonText> {
        self.put(value)
    }
    /// A Python float is a double: the number is widened first.
    fn serialize_f32(self, value: f32) -> Result<(), NoPythonText> {
        self.serialize_f64(f64::from(value))
    }
    fn serialize_f64(self, value: f64) -> Result<(), NoPythonText> {
        self.put(float_text(value))
    }
    fn serialize_char(self, value: char) -> Result<(), NoPythonText> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, value: &str) -> Result<(), NoPythonText> {
        if self.top {
            self.out.push_str(value);
        } else {
            write_repr(value, self.out);
        }
        Ok(())
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<(), NoPythonText> {
        Err(NoPythonText("bytes".into()))
    }
    fn serialize_none(self) -> Result<(), NoPythonText> {
        self.put("None")
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NoPythonText> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), NoPythonText> {
        self.put("None")
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NoPythonText> {
        self.put("None")
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), NoPythonText> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), NoPythonText> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NoPythonText> {
        Err(NoPythonText(format!("a variant of {name} with data")))
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, NoPythonText> {
        self.out.push('[');
        Ok(Items { out: self.out, close: "]", first: true, top: false })
    }
    fn serialize_tuple(self, len: usize) -> Result<Items<'a>, NoPythonText> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Items<'a>, NoPythonText> {
        self.serialize_seq(Some(len))
    }
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NoPythonText> {
        Err(NoPythonText(format!("a variant of {name} with data")))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Items<'a>, NoPythonText> {
        self.out.push('{');
        Ok(Items { out: self.out, close: "}", first: true, top: false })
    }
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Items<'a>, NoPythonText> {
        if JSON_TEXT_STRUCTS.contains(&name) {
            return Ok(Items { out: self.out, close: "", first: true, top: self.top });
        }
        self.serialize_map(Some(len))
    }
    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NoPythonText> {
        Err(NoPythonText(format!("a variant of {name} with data")))
    }
}

/// The inside of a list or an object.
struct Items<'a> {
    out: &'a mut String,
    close: &'static str,
    first: bool,
    /// Whether this stands for the whole value: text then is plain.
    top: bool,
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoPythonText> {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push_str(", ");
        }
        value.serialize(PyText { out: self.out, top: false })
    }

    fn after_key<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoPythonText> {
        self.out.push_str(": ");
        value.serialize(PyText { out: self.out, top: false })
    }

    fn close(self) {
        self.out.push_str(self.close);
    }
}

macro_rules! list_like {
    ($($kind:ident :: $method:ident),*) => {$(
        impl ser::$kind for Items<'_> {
            type Ok = ();
            type Error = NoPythonText;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoPythonText> {
                self.item(value)
            }
            fn end(self) -> Result<(), NoPythonText> {
                self.close();
                Ok(())
            }
        }
    )*};
}
list_like!(SerializeSeq::serialize_element, SerializeTuple::serialize_element, SerializeTupleStruct::serialize_field);

impl ser::SerializeMap for Items<'_> {
    type Ok = ();
    type Error = NoPythonText;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NoPythonText> {
        self.item(key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoPythonText> {
        self.after_key(value)
    }
    fn end(self) -> Result<(), NoPythonText> {
        self.close();
        Ok(())
    }
}

impl ser::SerializeStruct for Items<'_> {
    type Ok = ();
    type Error = NoPythonText;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), NoPythonText> {
        if JSON_TEXT_STRUCTS.contains(&key) {
            let json = python_str(value)?;
            let value = PyValue::parse(&json).map_err(|e| NoPythonText(e.to_string()))?;
            match value {
                PyValue::Str(text) if self.top => self.out.push_str(&text),
                value => write_value(&value, self.out),
            }
            return Ok(());
        }
        self.item(key)?;
        self.after_key(value)
    }
    fn end(self) -> Result<(), NoPythonText> {
        self.close();
        Ok(())
    }
}

impl fmt::Display for PyValue {
    /// Python's `str()` of the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(text) => f.write_str(text),
            value => f.write_str(&repr(value)),
        }
    }
}

/// `repr` of a value, without serde in between: an integer beyond 64 bits is text of its own.
fn repr(value: &PyValue) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &PyValue, out: &mut String) {
    match value {
        PyValue::None => out.push_str("None"),
        PyValue::Bool(value) => out.push_str(if *value { "True" } else { "False" }),
        PyValue::Int(digits) => out.push_str(digits),
        PyValue::Float(value) => out.push_str(&float_text(*value)),
        PyValue::Str(text) => write_repr(text, out),
        PyValue::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_value(item, out);
            }
            out.push(']');
        }
        PyValue::Dict(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_repr(key, out);
                out.push_str(": ");
                write_value(value, out);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_as_python_writes_them() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (0.1 + 0.2, "0.30000000000000004"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }

    #[test]
    fn text_is_plain_on_top_and_quoted_inside() {
        assert_eq!(python_str("it's").unwrap(), "it's");
        assert_eq!(
            python_str(&["it's", "say \"hi\"", "both ' and \""]).unwrap(),
            r#"["it's", 'say "hi"', 'both \' and "']"#
        );
        assert_eq!(python_str(&["\u{a0}\u{7f}\u{200b}\u{1fae8}é"]).unwrap(), r"['\xa0\x7f\u200b\U0001fae8é']");
        assert_eq!(python_str(&Some(1.0)).unwrap(), "1.0");
        assert_eq!(python_str(&None::<f64>).unwrap(), "None");
    }

    #[test]
    fn json_values_render_alike_however_they_travel() {
        let text = r#"{"z": [1, 1.0, {"a": null}], "n": 123456789012345678901234567890, "e": {}}"#;
        let value = PyValue::parse(text).unwrap();
        let expected = "{'z': [1, 1.0, {'a': None}], 'n': 123456789012345678901234567890, 'e': {}}";
        assert_eq!(value.to_string(), expected);
        assert_eq!(python_str(&value).unwrap(), expected);
        let raw: Box<serde_json::value::RawValue> = serde_json::from_str(text).unwrap();
        assert_eq!(python_str(&raw).unwrap(), expected);
    }
}
