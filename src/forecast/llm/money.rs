//! Dollars in millionths: whole numbers, so that sums are exact.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

/// Millionths in a dollar, and tokens in the unit of a price list.
const MILLION: u64 = 1_000_000;

/// An amount in millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

impl MicroUsd {
    /// The sum; at the largest amount it stays there.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of it after `other`; nothing when that is more.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for MicroUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Self::plus)
    }
}

/// An amount as a person writes it: `0.25`, `$3`, exact to the millionth.
impl FromStr for MicroUsd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an amount of dollars such as 0.25, with at most six decimals");
        let bare = text.trim().trim_start_matches('$');
        let (whole, decimals) = bare.split_once('.').unwrap_or((bare, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && decimals.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 6 {
            return Err(wrong());
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| wrong())? };
        let decimals: u64 = format!("{decimals:0<6}").parse().map_err(|_| wrong())?;
        whole.checked_mul(MILLION).and_then(|whole| whole.checked_add(decimals)).map(Self).ok_or_else(wrong)
    }
}

impl<'de> Deserialize<'de> for MicroUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / MILLION, self.0 % MILLION);
        let decimals = format!("{rest:06}");
        let short = decimals.trim_end_matches('0');
        // As money is written: two decimals, more where there are more.
        write!(f, "${whole}.{short:0<2}")
    }
}

/// What a model costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// A million tokens of what it is told.
    pub input: MicroUsd,
    /// A million tokens of what it says.
    pub output: MicroUsd,
}

impl Price {
    /// What so many tokens cost, rounded up.
    #[must_use]
    pub fn of(&self, told: u64, said: u64) -> MicroUsd {
        let cost = |tokens: u64, price: MicroUsd| u128::from(tokens) * u128::from(price.0);
        let total = (cost(told, self.input) + cost(said, self.output)).div_ceil(u128::from(MILLION));
        MicroUsd(u64::try_from(total).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown_exactly() {
        for (text, micro, shown) in [
            ("0.25", 250_000, "$0.25"),
            ("$3", 3_000_000, "$3.00"),
            (".5", 500_000, "$0.50"),
            ("0.000001", 1, "$0.000001"),
            ("18446744073709.551615", u64::MAX, "$18446744073709.551615"),
        ] {
            let amount: MicroUsd = text.parse().unwrap();
            assert_eq!((amount.0, amount.to_string()), (micro, shown.to_owned()), "{text}");
        }
        for wrong in ["", ".", "-1", "1e3", "0.0000001", "1,5", "18446744073709.551616", "NaN", "½"] {
            assert!(wrong.parse::<MicroUsd>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_part_of_a_millionth_is_a_whole_one() {
        let price = Price { input: MicroUsd(150_000), output: MicroUsd(600_000) };
        assert_eq!(price.of(0, 0), MicroUsd(0));
        assert_eq!(price.of(1, 0), MicroUsd(1));
        assert_eq!(price.of(1_000_000, 1_000_000), MicroUsd(750_000));
        assert_eq!(price.of(u64::MAX, u64::MAX), MicroUsd(13_835_058_055_282_163_712));
        assert_eq!(Price { input: MicroUsd(u64::MAX), ..price }.of(u64::MAX, 0), MicroUsd(u64::MAX));
    }
}
