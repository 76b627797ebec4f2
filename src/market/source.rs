//! What a price is made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a price comes from: a midpoint, a last trade and a displayed price are different things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceSource {
    /// Nobody wrote it down.
    #[default]
    Unknown,
    /// What Polymarket's order-book API shows with a market: the middle of the book, or the last trade where it is wide.
    Listed,
    /// Gamma's `outcomePrices`, which is a copy of the same that may be some minutes old.
    Gamma,
    /// The middle of best bid and best ask, as the exchange computes it when asked.
    Midpoint,
    /// The same, computed here from the book that the market channel tells.
    Stream,
    /// Odds of all outcomes with the margin taken out.
    Odds,
    /// The plain inverse of one outcome's odds, margin included.
    PlainOdds,
    /// A file of one's own.
    File,
    /// The probability of an automated market maker.
    Pool,
    /// Odds of all outcomes with the margin taken out, as a stream told them last.
    StreamedOdds,
}

impl PriceSource {
    /// All there are, each at its number in a ledger, which never changes.
    const ALL: [Self; 10] = [
        Self::Unknown,
        Self::Listed,
        Self::Gamma,
        Self::Midpoint,
        Self::Stream,
        Self::Odds,
        Self::PlainOdds,
        Self::File,
        Self::Pool,
        Self::StreamedOdds,
    ];

    /// Its name, as in settings, ledgers' reports and recordings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Listed => "listed",
            Self::Gamma => "gamma",
            Self::Midpoint => "midpoint",
            Self::Stream => "stream",
            Self::Odds => "odds",
            Self::PlainOdds => "plain_odds",
            Self::File => "file",
            Self::Pool => "pool",
            Self::StreamedOdds => "streamed_odds",
        }
    }

    /// Its number in a ledger.
    pub(crate) fn code(self) -> i64 {
        Self::ALL.iter().position(|it| *it == self).and_then(|code| i64::try_from(code).ok()).unwrap_or(0)
    }

    /// The source of that number; a number of a later version is unknown.
    pub(crate) fn of_code(code: i64) -> Self {
        usize::try_from(code).ok().and_then(|code| Self::ALL.get(code)).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for PriceSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_comes_back_from_a_ledger_and_has_the_name_that_recordings_use() {
        for source in PriceSource::ALL {
            assert_eq!(PriceSource::of_code(source.code()), source);
            assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
        }
        assert_eq!([PriceSource::of_code(-1), PriceSource::of_code(99)], [PriceSource::Unknown; 2]);
    }
}
