//! `bt.Tensor`: base64 of a msgpack map around a numpy array, with dtype and shape beside it.
//!
//! Both spellings of the dtype are read, `float64` and `torch.float64`; a Python peer reads only that of its own mode,
//! so answer in the one its request implies. Structured and pickled arrays are refused.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// The wire form: what stands in a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// Base64 of the msgpack map.
    pub buffer: String,
    /// `float64`, `torch.float64`, …
    pub dtype: String,
    /// The shape; `[0]` also says "as the array inside has it".
    #[serde(deserialize_with = "shape_or_its_text")]
    pub shape: Vec<u64>,
}

/// An array out of a tensor: values in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The shape; empty for a scalar.
    pub shape: Vec<u64>,
    /// The values, of the tensor's dtype.
    pub values: Values,
}

/// Values by kind; each fits the tensor's dtype.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// `float16`, `float32`, `float64`.
    Float(Vec<f64>),
    /// `uint8`, `int8` … `int64`.
    Int(Vec<i64>),
    /// `bool`.
    Bool(Vec<bool>),
}

/// Why a tensor has no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The dtype is none of the nine.
    #[error("tensor: unknown dtype `{0}`")]
    Dtype(String),
    /// The buffer is not padded base64.
    #[error("tensor: the buffer is not base64")]
    Base64,
    /// The buffer is not the msgpack map of an array.
    #[error("tensor: {0}")]
    Msgpack(&'static str),
    /// The numpy type of the data is not one of numbers.
    #[error("tensor: data of type `{0}` is not read")]
    NumpyType(String),
    /// Data and shapes do not fit each other.
    #[error("tensor: the data does not have the shape it says")]
    Shape,
}

/// An element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dtype {
    F16,
    F32,
    F64,
    U8,
    I8,
    I16,
    I32,
    I64,
    Bool,
}

impl Dtype {
    fn of_name(name: &str) -> Result<Self, TensorError> {
        Ok(match name.strip_prefix("torch.").unwrap_or(name) {
            "float16" => Self::F16,
            "float32" => Self::F32,
            "float64" => Self::F64,
            "uint8" => Self::U8,
            "int8" => Self::I8,
            "int16" => Self::I16,
            "int32" => Self::I32,
            "int64" => Self::I64,
            "bool" => Self::Bool,
            _ => return Err(TensorError::Dtype(name.chars().take(32).collect())),
        })
    }

    /// From a numpy type such as `<f8`, with whether it is big endian.
    fn of_numpy(name: &str) -> Option<(Self, bool)> {
        let big = name.starts_with('>');
        let rest = name.strip_prefix(['<', '>', '|', '='])?;
        let dtype = match rest {
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            "u1" => Self::U8,
            "i1" => Self::I8,
            "i2" => Self::I16,
            "i4" => Self::I32,
            "i8" => Self::I64,
            "b1" => Self::Bool,
            _ => return None,
        };
        Some((dtype, big))
    }

    const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::F16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }
}

impl Tensor {
    /// A tensor of one dimension in `float64`, spelled `torch.float64` when `torch`.
    #[must_use]
    pub fn from_f64(values: &[f64], torch: bool) -> Self {
        Self::with_shape(values, &[values.len() as u64], torch)
    }

    /// A tensor of `float64` with a shape; values in row-major order. One value per place is the caller's duty: a
    /// reader refuses the tensor otherwise.
    #[must_use]
    pub fn with_shape(values: &[f64], shape: &[u64], torch: bool) -> Self {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let dtype = if torch { "torch.float64" } else { "float64" };
        let outer = if shape.is_empty() { vec![0] } else { shape.to_vec() };
        Self { buffer: BASE64.encode(pack("<f8", shape, &data)), dtype: dtype.into(), shape: outer }
    }

    /// Whether the sender works in torch mode, and reads only its spelling.
    #[must_use]
    pub fn is_torch(&self) -> bool {
        self.dtype.starts_with("torch.")
    }

    /// The array inside, reshaped and cast as the outer members say.
    ///
    /// # Errors
    /// [`TensorError`]; whatever the bytes, nothing larger than they are is allocated.
    pub fn decode(&self) -> Result<Array, TensorError> {
        let dtype = Dtype::of_name(&self.dtype)?;
        let buffer: Cow<'_, str> = if self.buffer.contains(['\n', '\r']) {
            Cow::Owned(self.buffer.replace(['\n', '\r'], ""))
        } else {
            Cow::Borrowed(&self.buffer)
        };
        let packed = BASE64.decode(buffer.as_bytes()).map_err(|_| TensorError::Base64)?;
        let inner = Inner::unpack(&packed)?;
        let values = inner.values(dtype)?;
        let shape = if self.shape == [0] { inner.shape } else { self.shape.clone() };
        if count(&shape) != Some(values.len()) {
            return Err(TensorError::Shape);
        }
        Ok(Array { shape, values })
    }

    /// The values as floats, whatever the dtype, for a tensor of one dimension.
    ///
    /// # Errors
    /// [`TensorError`]; [`TensorError::Shape`] for other than one dimension.
    pub fn to_f64(&self) -> Result<Vec<f64>, TensorError> {
        let array = self.decode()?;
        if array.shape.len() != 1 {
            return Err(TensorError::Shape);
        }
        Ok(match array.values {
            Values::Float(values) => values,
            Values::Int(values) => values.into_iter().map(|v| v as f64).collect(),
            Values::Bool(values) => values.into_iter().map(|v| f64::from(u8::from(v))).collect(),
        })
    }
}

impl Values {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// Whether none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The number of places in a shape; `None` beyond any memory.
fn count(shape: &[u64]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |product, side| product.checked_mul(usize::try_from(*side).ok()?))
}

/// Shapes come as a list, from some peers as its text.
fn shape_or_its_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    struct Shape;
    impl<'de> Visitor<'de> for Shape {
        type Value = Vec<u64>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of 1 to 64 sides")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u64>, A::Error> {
            let mut sides = Vec::new();
            while let Some(side) = seq.next_element()? {
                sides.push(side);
                if sides.len() > 64 {
                    return Err(de::Error::invalid_length(sides.len(), &self));
                }
            }
            if sides.is_empty() { Err(de::Error::invalid_length(0, &self)) } else { Ok(sides) }
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<u64>, E> {
            serde_json::Deserializer::from_str(text).deserialize_seq(self).map_err(E::custom)
        }
    }
    deserializer.deserialize_any(Shape)
}

/// The msgpack map of an array, as the SDK writes it.
fn pack(numpy_type: &str, shape: &[u64], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x85];
    pack_bin(b"nd", &mut out);
    out.push(0xc3);
    pack_bin(b"type", &mut out);
    out.push(0xa0 | numpy_type.len() as u8);
    out.extend_from_slice(numpy_type.as_bytes());
    pack_bin(b"kind", &mut out);
    pack_bin(b"", &mut out);
    pack_bin(b"shape", &mut out);
    if shape.len() < 16 {
        out.push(0x90 | shape.len() as u8);
    } else {
        out.push(0xdc);
        out.extend_from_slice(&(shape.len() as u16).to_be_bytes());
    }
    for side in shape {
        pack_uint(*side, &mut out);
    }
    pack_bin(b"data", &mut out);
    pack_bin(data, &mut out);
    out
}

fn pack_bin(bytes: &[u8], out: &mut Vec<u8>) {
    // The key `data` itself and its content: the latter is what may be long.
    match bytes.len() {
        len @ 0..=0xff => out.extend_from_slice(&[0xc4, len as u8]),
        len @ 0x100..=0xffff => {
            out.push(0xc5);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0xc6);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

fn pack_uint(value: u64, out: &mut Vec<u8>) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// The array of a msgpack map, still bytes.
#[derive(Debug)]
struct Inner<'a> {
    numpy_type: &'a str,
    shape: Vec<u64>,
    data: &'a [u8],
}

impl<'a> Inner<'a> {
    fn unpack(packed: &'a [u8]) -> Result<Self, TensorError> {
        let mut reader = Unpacker { rest: packed };
        let (mut nd, mut numpy_type, mut shape, mut data) = (false, None, None, None);
        for _ in 0..reader.map_len()? {
            let key = reader.item()?;
            let value = reader.item()?;
            match (key, value) {
                (Item::Bin(b"nd"), Item::Bool(flag)) => nd = flag,
                (Item::Bin(b"type"), Item::Text(text)) => numpy_type = Some(text),
                (Item::Bin(b"kind"), Item::Bin([])) => {}
                (Item::Bin(b"kind"), _) => return Err(TensorError::Msgpack("structured or pickled data is not read")),
                (Item::Bin(b"shape"), Item::List(sides)) => shape = Some(sides),
                (Item::Bin(b"data"), Item::Bin(bytes)) => data = Some(bytes),
                _ => return Err(TensorError::Msgpack("the buffer is not an array")),
            }
        }
        if !reader.rest.is_empty() {
            return Err(TensorError::Msgpack("bytes after the array"));
        }
        match (nd, numpy_type, shape, data) {
            (true, Some(numpy_type), Some(shape), Some(data)) => Ok(Self { numpy_type, shape, data }),
            _ => Err(TensorError::Msgpack("the buffer is not a whole array")),
        }
    }

    fn values(&self, cast: Dtype) -> Result<Values, TensorError> {
        let (dtype, big) = Dtype::of_numpy(self.numpy_type)
            .ok_or_else(|| TensorError::NumpyType(self.numpy_type.chars().take(32).collect()))?;
        let bytes = count(&self.shape).and_then(|count| count.checked_mul(dtype.size())).ok_or(TensorError::Shape)?;
        // Data may be longer than the shape says, not shorter.
        let data = self.data.get(..bytes).ok_or(TensorError::Shape)?;
        let places = data.chunks_exact(dtype.size());
        if dtype.is_float() {
            let floats = places.map(|place| float_of(dtype, &raw(place, big)));
            return Ok(match cast {
                Dtype::Bool => Values::Bool(floats.map(|v| v != 0.0).collect()),
                cast if cast.is_float() => Values::Float(floats.map(|v| round_to(cast, v)).collect()),
                cast => Values::Int(floats.map(|v| wrap_to(cast, v as i64)).collect()),
            });
        }
        let ints = places.map(|place| int_of(dtype, &raw(place, big)));
        Ok(match cast {
            Dtype::Bool => Values::Bool(ints.map(|v| v != 0).collect()),
            cast if cast.is_float() => Values::Float(ints.map(|v| round_to(cast, v as f64)).collect()),
            cast => Values::Int(ints.map(|v| wrap_to(cast, v)).collect()),
        })
    }
}

/// The bytes of one element, little endian, padded with zeros.
fn raw(place: &[u8], big: bool) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (index, byte) in place.iter().enumerate() {
        let at = if big { place.len() - 1 - index } else { index };
        if let Some(slot) = bytes.get_mut(at) {
            *slot = *byte;
        }
    }
    bytes
}

fn float_of(dtype: Dtype, raw: &[u8; 8]) -> f64 {
    let bits = u64::from_le_bytes(*raw);
    match dtype {
        Dtype::F16 => f16_to_f64(bits as u16),
        Dtype::F32 => f64::from(f32::from_bits(bits as u32)),
        _ => f64::from_bits(bits),
    }
}

fn int_of(dtype: Dtype, raw: &[u8; 8]) -> i64 {
    let bits = i64::from_le_bytes(*raw);
    match dtype {
        Dtype::Bool => i64::from(bits != 0),
        dtype => wrap_to(dtype, bits),
    }
}

/// An integer as its type holds it, wrapped as numpy does.
const fn wrap_to(dtype: Dtype, value: i64) -> i64 {
    match dtype {
        Dtype::U8 => value as u8 as i64,
        Dtype::I8 => value as i8 as i64,
        Dtype::I16 => value as i16 as i64,
        Dtype::I32 => value as i32 as i64,
        _ => value,
    }
}

/// A float as its type holds it.
fn round_to(dtype: Dtype, value: f64) -> f64 {
    match dtype {
        Dtype::F16 => round_to_f16(value),
        Dtype::F32 => f64::from(value as f32),
        _ => value,
    }
}

fn f16_to_f64(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    }
}

/// The nearest value of half precision, ties to even.
fn round_to_f16(value: f64) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    // The exponent of the value's binade, from its bits; the step of half precision there is 2^(e-10), at least 2^-24.
    let exponent = ((value.to_bits() >> 52 & 0x7ff) as i32 - 1023).max(-14);
    let step = 2_f64.powi(exponent - 10);
    let rounded = (value / step).round_ties_even() * step;
    if rounded.abs() >= 65520.0 { f64::INFINITY.copysign(value) } else { rounded }
}

/// What a key or a value of the map can be.
#[derive(Debug)]
enum Item<'a> {
    Bool(bool),
    Bin(&'a [u8]),
    Text(&'a str),
    List(Vec<u64>),
}

struct Unpacker<'a> {
    rest: &'a [u8],
}

impl<'a> Unpacker<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], TensorError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(TensorError::Msgpack("the buffer ends early"))?;
        self.rest = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, TensorError> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    /// A big-endian integer of `len` bytes.
    fn uint(&mut self, len: usize) -> Result<u64, TensorError> {
        Ok(self.take(len)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn bytes(&mut self, len_of_len: usize) -> Result<&'a [u8], TensorError> {
        let len = self.uint(len_of_len)?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn map_len(&mut self) -> Result<usize, TensorError> {
        match self.byte()? {
            byte @ 0x80..=0x8f => Ok(usize::from(byte & 0xf)),
            _ => Err(TensorError::Msgpack("the buffer is not an array")),
        }
    }

    fn side(&mut self) -> Result<u64, TensorError> {
        match self.byte()? {
            byte @ 0..=0x7f => Ok(u64::from(byte)),
            0xcc => self.uint(1),
            0xcd => self.uint(2),
            0xce => self.uint(4),
            0xcf => self.uint(8),
            _ => Err(TensorError::Msgpack("a side of the shape is not a count")),
        }
    }

    fn item(&mut self) -> Result<Item<'a>, TensorError> {
        let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| TensorError::Msgpack("text is not UTF-8"));
        let sides = match self.byte()? {
            0xc2 => return Ok(Item::Bool(false)),
            0xc3 => return Ok(Item::Bool(true)),
            0xc4 => return self.bytes(1).map(Item::Bin),
            0xc5 => return self.bytes(2).map(Item::Bin),
            0xc6 => return self.bytes(4).map(Item::Bin),
            byte @ 0xa0..=0xbf => return utf8(self.take(usize::from(byte & 0x1f))?).map(Item::Text),
            0xd9 => return utf8(self.bytes(1)?).map(Item::Text),
            byte @ 0x90..=0x9f => u64::from(byte & 0xf),
            0xdc => self.uint(2)?,
            _ => return Err(TensorError::Msgpack("the buffer is not an array")),
        };
        if sides > 64 {
            return Err(TensorError::Msgpack("the shape has more than 64 sides"));
        }
        (0..sides).map(|_| self.side()).collect::<Result<_, _>>().map(Item::List)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_vector_is_encoded_as_the_sdk_does() {
        let tensor = Tensor::from_f64(&[1.5, -0.0, 1e-7, 1e5], false);
        assert_eq!(
            tensor.buffer,
            "hcQCbmTDxAR0eXBlozxmOMQEa2luZMQAxAVzaGFwZZEExARkYXRhxCAAAAAAAAD4PwAAAAAAAACASK+8mvLXej4AAAAAAGr4QA=="
        );
        assert_eq!(tensor.to_f64().unwrap(), [1.5, -0.0, 1e-7, 1e5]);
        assert_eq!(Tensor::from_f64(&[], true).dtype, "torch.float64");
        assert_eq!(Tensor::from_f64(&[], true).to_f64().unwrap(), [0.0; 0]);
    }

    #[test]
    fn half_precision_rounds_to_even_and_overflows() {
        assert_eq!(round_to_f16(0.1), 0.0999755859375);
        assert_eq!(round_to_f16(2049.0), 2048.0);
        assert_eq!(round_to_f16(65519.0), 65504.0);
        assert_eq!(round_to_f16(65520.0), f64::INFINITY);
        assert_eq!(round_to_f16(1e-9), 0.0);
        assert_eq!(f16_to_f64(0x3c00), 1.0);
        assert_eq!(f16_to_f64(1), 2_f64.powi(-24));
    }

    #[test]
    fn a_shape_may_not_promise_what_is_not_there() {
        let mut tensor = Tensor::from_f64(&[1.0, 2.0], false);
        tensor.shape = vec![u64::MAX, u64::MAX];
        assert_eq!(tensor.decode(), Err(TensorError::Shape));
        tensor.buffer = BASE64.encode(pack("<f8", &[1 << 60], &[0; 8]));
        assert_eq!(tensor.decode(), Err(TensorError::Shape));
    }

    proptest! {
        #[test]
        fn floats_survive_the_round_trip(values in proptest::collection::vec(any::<f64>(), 0..300)) {
            let back = Tensor::from_f64(&values, false).to_f64().unwrap();
            prop_assert!(values.iter().map(|v| v.to_bits()).eq(back.iter().map(|v| v.to_bits())));
        }

        #[test]
        fn any_bytes_decode_or_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), at in 0usize..60, byte: u8) {
            let tensor = |packed: &[u8]| Tensor { buffer: BASE64.encode(packed), dtype: "float64".into(), shape: vec![0] };
            let _ = tensor(&bytes).decode();
            bytes = pack("<f8", &[2], &[0; 16]);
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            let _ = tensor(&bytes).decode();
        }
    }
}
