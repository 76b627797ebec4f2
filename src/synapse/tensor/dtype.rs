//! The nine element types, and how a value of one is read from bytes and cast to another.

use super::TensorError;

/// An element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dtype {
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
    pub(super) fn of_name(name: &str) -> Result<Self, TensorError> {
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
    pub(super) fn of_numpy(name: &str) -> Option<(Self, bool)> {
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

    pub(super) const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::F16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    pub(super) const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }
}

/// The bytes of one element, little endian, padded with zeros.
pub(super) fn raw(place: &[u8], big: bool) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (index, byte) in place.iter().enumerate() {
        let at = if big { place.len() - 1 - index } else { index };
        if let Some(slot) = bytes.get_mut(at) {
            *slot = *byte;
        }
    }
    bytes
}

pub(super) fn float_of(dtype: Dtype, raw: &[u8; 8]) -> f64 {
    let bits = u64::from_le_bytes(*raw);
    match dtype {
        Dtype::F16 => f16_to_f64(bits as u16),
        Dtype::F32 => f64::from(f32::from_bits(bits as u32)),
        _ => f64::from_bits(bits),
    }
}

pub(super) fn int_of(dtype: Dtype, raw: &[u8; 8]) -> i64 {
    let bits = i64::from_le_bytes(*raw);
    match dtype {
        Dtype::Bool => i64::from(bits != 0),
        dtype => wrap_to(dtype, bits),
    }
}

/// An integer as its type holds it, wrapped as numpy does.
pub(super) const fn wrap_to(dtype: Dtype, value: i64) -> i64 {
    match dtype {
        Dtype::U8 => value as u8 as i64,
        Dtype::I8 => value as i8 as i64,
        Dtype::I16 => value as i16 as i64,
        Dtype::I32 => value as i32 as i64,
        _ => value,
    }
}

/// A float as its type holds it.
pub(super) fn round_to(dtype: Dtype, value: f64) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
