//! `bt.Tensor`: base64 of a msgpack map around a numpy array, with dtype and shape beside it.
//!
//! Both spellings of the dtype are read, `float64` and `torch.float64`; a Python peer reads only that of its own mode,
//! so answer in the one its request implies. Structured and pickled arrays are refused.

mod dtype;
mod msgpack;

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use self::dtype::{Dtype, float_of, int_of, raw, round_to, wrap_to};
use self::msgpack::{Inner, pack};

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

impl Inner<'_> {
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
