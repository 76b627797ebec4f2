//! Quantities that cannot be wrong: every number that crosses a room has a type here.

mod foreign;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sp_core::crypto::{AccountId32, Ss58AddressFormat, Ss58Codec};

pub use self::foreign::{CUT, Foreign, SHOWN, Shown, harmless_json, harmless_line, harmless_lines, is_harmful};

/// The ss58 network prefix of Bittensor addresses.
pub const SS58_PREFIX: u16 = 42;

/// A subnet's number on the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NetUid(pub u16);

/// A neuron's slot in a subnet. It changes hands: identify neurons by [`Identity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(pub u16);

/// The height of a block.
pub type BlockNumber = u64;

macro_rules! display_inner {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_inner!(NetUid, Uid);

/// An amount in rao; 1 TAO = 10⁹ rao. Arithmetic on balances is checked, floats are for display only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rao(pub u64);

impl Rao {
    /// Rao in one TAO.
    pub const PER_TAO: u64 = 1_000_000_000;

    /// `tao` whole TAO; saturates.
    #[must_use]
    pub const fn from_tao(tao: u64) -> Self {
        Self(tao.saturating_mul(Self::PER_TAO))
    }

    /// The amount in TAO, for display and comparison with thresholds given in TAO.
    #[must_use]
    pub fn as_tao(self) -> f64 {
        self.0 as f64 / Self::PER_TAO as f64
    }
}

/// A text that is no amount of TAO.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount: expected TAO with at most nine decimals, such as 1.5")]
pub struct NotAnAmount(pub String);

/// From TAO in decimal notation, exactly: `1.5` is 1 500 000 000 rao. Signs and exponents are refused.
impl FromStr for Rao {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotAnAmount(text.chars().take(64).collect());
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 9 || whole.len() + part.len() == 0 {
            return Err(refuse());
        }
        // At most nine digits, padded to rao.
        let rao: u64 = format!("{part:0<9}").parse().map_err(|_| refuse())?;
        let tao: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| refuse())? };
        tao.checked_mul(Self::PER_TAO).and_then(|tao| tao.checked_add(rao)).map(Self).ok_or_else(refuse)
    }
}

/// Shown in TAO with all nine decimals: `1.500000000 τ`.
impl fmt::Display for Rao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09} τ", self.0 / Self::PER_TAO, self.0 % Self::PER_TAO)
    }
}

/// A finite probability in `0.0..=1.0`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, JsonSchema, Serialize)]
#[serde(transparent)]
pub struct Probability(f64);

/// A number that is no probability.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a probability: it must be a finite number between 0 and 1")]
pub struct NotAProbability(pub f64);

impl Probability {
    /// Impossible.
    pub const ZERO: Self = Self(0.0);
    /// Certain.
    pub const ONE: Self = Self(1.0);

    /// Refuses anything but a finite number in `0.0..=1.0`.
    ///
    /// # Errors
    /// [`NotAProbability`] for NaN, infinities and numbers outside the range.
    pub fn new(value: f64) -> Result<Self, NotAProbability> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(NotAProbability(value)) }
    }

    /// What a peer reports: finite numbers are clamped into the range, the rest is no prediction.
    #[must_use]
    pub fn clamped(value: f64) -> Option<Self> {
        value.is_finite().then(|| Self(value.clamp(0.0, 1.0)))
    }

    /// The number, in `0.0..=1.0`.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// From whole seconds since the epoch; saturates.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time plus `ms` milliseconds (may be negative); saturates.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`, negative when `earlier` is later; saturates.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time for a person, to the second: `2026-01-01T00:00:00Z`; beyond the year 9999 the number itself.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_second(self.as_secs()).map_or_else(|_| self.0.to_string(), |time| time.to_string())
    }
}

/// A span in the unit of [`UnixMs`]; saturates.
#[must_use]
pub fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// A public key with its ss58 text: a hotkey or a coldkey.
///
/// Parses ss58 with any network prefix, or `0x` and 64 hex digits; prints ss58 with prefix 42.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(transparent)]
pub struct Account(#[schemars(with = "String")] pub [u8; 32]);

/// A text that is neither an ss58 address nor a public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an address ({reason}); expected ss58 such as 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
)]
pub struct NotAnAddress {
    /// The text as given, shortened.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Account {
    /// The raw public key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The address as ss58 text with prefix 42.
    #[must_use]
    pub fn ss58(&self) -> String {
        AccountId32::from(self.0).to_ss58check_with_version(Ss58AddressFormat::custom(SS58_PREFIX))
    }
}

impl FromStr for Account {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason: String| NotAnAddress { text: text.chars().take(64).collect(), reason };
        if let Some(digits) = text.strip_prefix("0x") {
            let mut key = [0; 32];
            hex::decode_to_slice(digits, &mut key).map_err(|e| refuse(format!("as hex: {e}")))?;
            return Ok(Self(key));
        }
        AccountId32::from_ss58check_with_version(text)
            .map(|(account, _)| Self(account.into()))
            .map_err(|e| refuse(format!("as ss58: {e}")))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ss58())
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ss58())
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Who a neuron is: its hotkey and the block at which that hotkey was registered.
///
/// A uid only is an address; the same hotkey registered again is somebody new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize)]
pub struct Identity {
    /// The neuron's hotkey.
    pub hotkey: Account,
    /// The block of its registration.
    pub registered_at: BlockNumber,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    const ALICE_HEX: &str = "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";

    #[test]
    fn an_address_is_the_same_from_ss58_and_hex() {
        let account: Account = ALICE.parse().unwrap();
        assert_eq!(account, ALICE_HEX.parse().unwrap());
        assert_eq!(account.to_string(), ALICE);
        assert!("5Grwva".parse::<Account>().unwrap_err().to_string().contains("5Grwva"));
        assert!("0x12".parse::<Account>().is_err());
    }

    #[test]
    fn a_probability_is_finite_and_in_range() {
        assert!(Probability::new(0.0).is_ok() && Probability::new(1.0).is_ok());
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Probability::new(bad).is_err());
        }
        assert_eq!(Probability::clamped(2.0).map(Probability::get), Some(1.0));
        assert_eq!(Probability::clamped(f64::NAN), None);
    }

    #[test]
    fn an_amount_is_read_exactly() {
        for (text, rao) in [("1.5", 1_500_000_000), ("0.000000001", 1), (".5", 500_000_000), ("2.", 2_000_000_000)] {
            assert_eq!(text.parse(), Ok(Rao(rao)), "{text}");
        }
        for bad in ["", ".", "-1", "1e3", "1,5", "0.0000000001", "18446744074", "99999999999999999999"] {
            assert!(bad.parse::<Rao>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rao_prints_in_tao() {
        assert_eq!(Rao(1_500_000_000).to_string(), "1.500000000 τ");
    }
}
