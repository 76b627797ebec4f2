//! Numbers brought to -1..=1 for a network, and back.

/// Brings the smallest of what it was made of to -1 and the largest to 1. In single precision, as networks compute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaler {
    factor: f32,
    offset: f32,
}

impl Scaler {
    /// The scaler of these values; what is always the same becomes -1.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f32>) -> Self {
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for value in values {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            return Self { factor: 1.0, offset: 0.0 };
        }
        let range = high - low;
        let factor = 2.0 / if range > 0.0 { range } else { 1.0 };
        Self { factor, offset: -1.0 - low * factor }
    }

    /// The value as a network sees it.
    #[must_use]
    pub fn scale(self, value: f32) -> f32 {
        value * self.factor + self.offset
    }

    /// What a network's number stands for.
    #[must_use]
    pub fn unscale(self, scaled: f32) -> f32 {
        (scaled - self.offset) / self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_become_minus_one_and_one_and_nothing_is_harmless() {
        let scaler = Scaler::of([10.0, 30.0, 20.0]);
        assert_eq!([10.0, 20.0, 30.0].map(|x| scaler.scale(x)), [-1.0, 0.0, 1.0]);
        assert_eq!(scaler.unscale(0.5), 25.0);
        assert_eq!(Scaler::of([7.0, 7.0]).scale(7.0), -1.0);
        assert_eq!(Scaler::of([]).unscale(3.0), 3.0);
    }
}
