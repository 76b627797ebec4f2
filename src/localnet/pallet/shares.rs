//! Shares of a hotkey's stake among its stakers, in the decimal floating point that the chain stores.

use super::SafeFloat;
use sp_core::U256;

/// Mantissas of shares that are not zero are above this and at most ten times this.
const LEAST: u128 = 100_000_000_000_000_000_000;
/// Powers of ten beyond which the smaller of two numbers is nothing beside the other.
const REACH: u32 = 40;

impl SafeFloat {
    /// A whole number.
    #[must_use]
    pub fn from_whole(number: u64) -> Self {
        Self::normal(U256::from(number), 0)
    }

    /// Is it zero?
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.mantissa == 0
    }

    /// The sum, rounded down to 21 digits.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        match aligned(high, low) {
            Some((a, b)) => Self::normal(a.saturating_add(b), low.exponent),
            None if high.is_zero() => low,
            None => high,
        }
    }

    /// The difference, rounded down to 21 digits; zero where `other` is larger.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        match aligned(high, low) {
            Some((a, b)) if self.exponent >= other.exponent => Self::normal(a.saturating_sub(b), low.exponent),
            Some((a, b)) => Self::normal(b.saturating_sub(a), low.exponent),
            None if self.exponent >= other.exponent => self,
            None => Self::default(),
        }
    }

    /// `self × numerator / denominator`, rounded down; zero where the denominator is zero.
    #[must_use]
    pub fn times_ratio(self, numerator: u64, denominator: u64) -> Self {
        if denominator == 0 {
            return Self::default();
        }
        // 70 + 64 bits, and 100 more for thirty further digits.
        let scaled = U256::from(self.mantissa) * U256::from(numerator) * U256::exp10(30);
        Self::normal(scaled / U256::from(denominator), self.exponent.saturating_sub(30))
    }

    /// `amount × self / whole`, rounded down: what this share of an amount is worth. At most the amount.
    #[must_use]
    pub fn part_of(self, amount: u64, whole: Self) -> u64 {
        if whole.is_zero() {
            return 0;
        }
        let product = U256::from(self.mantissa) * U256::from(amount);
        let apart = self.exponent.saturating_sub(whole.exponent);
        let power = U256::exp10(usize::try_from(apart.unsigned_abs().min(u64::from(REACH))).unwrap_or(0));
        let value = if apart >= 0 {
            product.saturating_mul(power) / U256::from(whole.mantissa)
        } else {
            product / U256::from(whole.mantissa).saturating_mul(power)
        };
        value.min(U256::from(amount)).low_u64()
    }

    fn normal(mut mantissa: U256, mut exponent: i64) -> Self {
        if mantissa.is_zero() {
            return Self::default();
        }
        let (least, most) = (U256::from(LEAST), U256::from(LEAST) * 10);
        while mantissa > most {
            mantissa /= 10;
            exponent = exponent.saturating_add(1);
        }
        while mantissa <= least {
            mantissa *= 10;
            exponent = exponent.saturating_sub(1);
        }
        Self { mantissa: mantissa.low_u128(), exponent }
    }
}

/// Both mantissas at the lower exponent, or `None` when they are too far apart to matter to each other.
fn aligned(high: SafeFloat, low: SafeFloat) -> Option<(U256, U256)> {
    let apart = u32::try_from(high.exponent.saturating_sub(low.exponent)).ok().filter(|apart| *apart <= REACH)?;
    let power = U256::exp10(usize::try_from(apart).ok()?);
    Some((U256::from(high.mantissa) * power, U256::from(low.mantissa)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_stored_with_twenty_one_digits() {
        let one = SafeFloat::from_whole(1);
        assert_eq!((one.mantissa, one.exponent), (10 * LEAST, -21));
        assert_eq!(SafeFloat::from_whole(0), SafeFloat::default());
        assert_eq!(one.minus(one), SafeFloat::default());
        assert_eq!(one.minus(SafeFloat::from_whole(5)), SafeFloat::default());
    }

    proptest! {
        #[test]
        fn parts_are_what_was_put_in(a in 1u64.., b in 1u64..) {
            let (a, b) = (a / 2 + 1, b / 2);
            let (mine, yours) = (SafeFloat::from_whole(a), SafeFloat::from_whole(b));
            let whole = mine.plus(yours);
            let total = a + b;
            prop_assert!(mine.part_of(total, whole).abs_diff(a) <= 1);
            prop_assert!(mine.part_of(total, whole) + yours.part_of(total, whole) <= total);
            prop_assert!(whole.minus(yours).part_of(total, whole).abs_diff(a) <= 1);
        }

        #[test]
        fn a_later_staker_gets_shares_at_the_present_value(first in 1_000u64..1 << 50, earned in 0u64..1 << 50, later in 1_000u64..1 << 50) {
            let whole = SafeFloat::from_whole(first);
            let total = first + earned;
            let new = whole.times_ratio(later, total);
            let worth = new.part_of(total + later, whole.plus(new));
            prop_assert!(worth.abs_diff(later) <= 1, "{worth} for {later}");
        }
    }
}
