//! The chain's arithmetic: signed fixed point with 32 bits after the point. Sums saturate, products round down, quotients
//! round towards zero, and dividing by zero gives zero. Every node must come to the same bits, so nothing here is a float.

use std::{cmp::Ordering, iter::Sum, ops};

/// A number in `-2³¹..2³¹` in steps of 2⁻³².
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed(i64);

const POINT: u32 = 32;

impl Fixed {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(1 << POINT);
    /// One half.
    pub const HALF: Self = Self(1 << (POINT - 1));

    /// A whole number.
    #[must_use]
    pub const fn whole(number: i32) -> Self {
        Self((number as i64) << POINT)
    }

    /// A share of which 65535 is one.
    #[must_use]
    pub fn from_u16_share(share: u16) -> Self {
        Self::whole(i32::from(share)) / Self::whole(i32::from(u16::MAX))
    }

    /// A share in millionths.
    #[must_use]
    pub fn from_millionths(millionths: u64) -> Self {
        Self::saturate(((i128::from(millionths)) << POINT) / 1_000_000)
    }

    /// `part / whole`, which is at most one; zero where the whole is zero.
    #[must_use]
    pub fn ratio(part: u128, whole: u128) -> Self {
        if whole == 0 {
            return Self::ZERO;
        }
        // One bit of the quotient at a time: shifting the part by 32 bits at once would not fit.
        let mut bits = i128::try_from(part / whole).unwrap_or(i128::MAX).min(i128::from(i64::MAX));
        let mut rest = part % whole;
        for _ in 0..POINT {
            let carried = rest.checked_shl(1).filter(|_| rest >> 127 == 0);
            let fits = carried.is_none_or(|doubled| doubled >= whole);
            rest = rest.wrapping_shl(1);
            if fits {
                rest = rest.wrapping_sub(whole);
            }
            bits = (bits << 1) | i128::from(fits);
        }
        Self::saturate(bits)
    }

    /// The share as the chain stores it: 65535 is one, rounded down.
    #[must_use]
    pub fn to_u16_share(self) -> u16 {
        let scaled = (i128::from(self.0) * i128::from(u16::MAX)) >> POINT;
        u16::try_from(scaled.clamp(0, i128::from(u16::MAX))).unwrap_or(u16::MAX)
    }

    /// This share of `amount`, rounded down.
    #[must_use]
    pub fn of(self, amount: u64) -> u64 {
        let scaled = (i128::from(self.0) * i128::from(amount)) >> POINT;
        u64::try_from(scaled.clamp(0, i128::from(u64::MAX))).unwrap_or(u64::MAX)
    }

    /// The nearest whole number, halves up, as a stored weight.
    #[must_use]
    pub fn round_to_u16(self) -> u16 {
        u16::try_from((self.0.saturating_add(Self::HALF.0) >> POINT).clamp(0, i64::from(u16::MAX))).unwrap_or(u16::MAX)
    }

    /// e to this power, by 31 terms of the series, each rounded as every product and quotient is.
    #[must_use]
    pub fn exp(self) -> Self {
        if self == Self::ZERO {
            return Self::ONE;
        }
        if self == Self::ONE {
            return Self(22_802_600 << 9); // e with 23 bits after the point, as the chain's library has it
        }
        let size = Self(self.0.saturating_abs());
        let (mut sum, mut term) = (size + Self::ONE, size);
        for n in 2..32 {
            term = Self((term * size).0 / n);
            sum = sum + term;
        }
        if self > Self::ZERO { sum } else { Self::ONE / sum }
    }

    fn saturate(bits: i128) -> Self {
        Self(bits.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }
}

impl ops::Add for Fixed {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl ops::Sub for Fixed {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl ops::Mul for Fixed {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self::saturate((i128::from(self.0) * i128::from(other.0)) >> POINT)
    }
}

impl ops::Div for Fixed {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        if other.0.cmp(&0) == Ordering::Equal {
            return Self::ZERO;
        }
        match short_quotient(self.0, other.0) {
            Some(quotient) => Self(quotient),
            None => Self::saturate((i128::from(self.0) << POINT) / i128::from(other.0)),
        }
    }
}

/// The same as a division of 128 bits, by one of 64, which takes a third of the time: for what is not negative and leaves room
/// for the bits after the point. Nearly all shares do, and whole numbers, since bits that are zero in both are left out.
fn short_quotient(part: i64, whole: i64) -> Option<i64> {
    let (part, whole) = (u64::try_from(part).ok()?, u64::try_from(whole).ok()?);
    let zeros = (part | whole).trailing_zeros();
    let (part, whole) = (part >> zeros, whole >> zeros);
    if part >> POINT != 0 {
        return None;
    }
    i64::try_from((part << POINT).checked_div(whole)?).ok()
}

impl Sum for Fixed {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        numbers.fold(Self::ZERO, |sum, number| sum + number)
    }
}

/// Each number divided by the sum of all; as they are where the sum is zero.
#[must_use]
pub fn normalised(numbers: Vec<Fixed>) -> Vec<Fixed> {
    let sum = numbers.iter().copied().sum();
    divided_by(numbers, sum)
}

/// Each number divided by `divisor`; as they are where it is zero.
#[must_use]
pub fn divided_by(mut numbers: Vec<Fixed>, divisor: Fixed) -> Vec<Fixed> {
    if divisor != Fixed::ZERO {
        for number in &mut numbers {
            *number = *number / divisor;
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn products_round_down_and_quotients_towards_zero() {
        let step = Fixed(1);
        assert_eq!(step * Fixed::HALF, Fixed::ZERO);
        assert_eq!((Fixed::ZERO - step) * Fixed::HALF, Fixed(-1));
        assert_eq!((Fixed::ZERO - step) / Fixed::whole(2), Fixed::ZERO);
        assert_eq!(Fixed::ONE / Fixed::ZERO, Fixed::ZERO);
    }

    #[test]
    fn a_ratio_of_any_size_is_a_number() {
        assert_eq!(Fixed::ratio(u128::MAX, 1), Fixed(i64::MAX));
        assert_eq!(Fixed::ratio(u128::MAX, u128::MAX), Fixed::ONE);
        assert_eq!(Fixed::ratio(u128::MAX / 2, u128::MAX - 1), Fixed::HALF);
        assert_eq!(Fixed::ratio(1, 0), Fixed::ZERO);
    }

    #[test]
    fn nothing_overflows() {
        let big = Fixed::whole(i32::MAX);
        assert_eq!(big + big, Fixed(i64::MAX));
        assert_eq!(big * big, Fixed(i64::MAX));
        assert_eq!(Fixed::ZERO - big - big - big, Fixed(i64::MIN));
        assert_eq!(big / Fixed(1), Fixed(i64::MAX));
    }

    #[test]
    fn the_exponential_is_close_and_never_negative() {
        for x in -12..=12 {
            let ours = Fixed::whole(x).exp().0 as f64 / Fixed::ONE.0 as f64;
            let real = f64::from(x).exp();
            assert!((ours - real).abs() <= real * 1e-4 + 1e-9, "exp({x}) = {ours}, not {real}");
        }
    }

    proptest! {
        #[test]
        fn a_short_division_is_a_long_one(
            part in any::<i64>(), whole in any::<i64>(), cut in (0u32..63, 0u32..63), zeros in (0u32..40, 0u32..40),
        ) {
            let (part, whole) = (part >> cut.0 >> zeros.0 << zeros.0, whole >> cut.1 >> zeros.1 << zeros.1);
            prop_assume!(whole != 0);
            let long = Fixed::saturate((i128::from(part) << POINT) / i128::from(whole));
            prop_assert_eq!(Fixed(part) / Fixed(whole), long);
        }

        #[test]
        fn a_ratio_is_the_quotient_rounded_down(part in 0u64.., more in 0u64..) {
            let whole = u128::from(part) + u128::from(more);
            prop_assume!(whole > 0);
            let expected = (u128::from(part) << 32) / whole;
            prop_assert_eq!(Fixed::ratio(part.into(), whole).0 as u128, expected);
            // With all digits of the chain's stakes, which are 64 bits longer, the share is the same.
            prop_assert_eq!(Fixed::ratio(u128::from(part) << 63, whole << 63), Fixed::ratio(part.into(), whole));
        }

        #[test]
        fn shares_of_a_whole_are_not_more_than_it(shares in prop::collection::vec(0u16.., 1..20), amount: u64) {
            let shares = normalised(shares.into_iter().map(|s| Fixed::whole(s.into())).collect());
            let paid: u128 = shares.iter().map(|share| u128::from(share.of(amount))).sum();
            prop_assert!(paid <= u128::from(amount));
        }
    }
}
