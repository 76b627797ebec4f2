//! Which rule scores, and how: every selectable alternative with its default.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::grid::Grid;
use crate::units::UnixMs;

/// The rule that turns an event's reports into one score per miner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleName {
    /// Quadratic improvement on the market price in force when the report arrived. The main rule.
    #[default]
    MarketDelta,
    /// Hanson's sequentially shared rule: improvement on the report before.
    Sequential,
    /// The quadratic gain alone, less 0.75, as in summer 2024.
    Brier,
    /// Logarithmic score against the mean of the other miners, as in 2025.
    PeerLog,
}

impl RuleName {
    /// Its name in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MarketDelta => "market_delta",
            Self::Sequential => "sequential",
            Self::Brier => "brier",
            Self::PeerLog => "peer_log",
        }
    }
}

/// Which of a miner's reports enter the score of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionPick {
    /// All; the mean of each interval counts once.
    #[default]
    IntervalMean,
    /// The last one before the close.
    Last,
    /// The first one.
    First,
}

/// How much the intervals of an event weigh; `j` counts from 0 at the opening, `n` is their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalWeight {
    /// 1 each.
    #[default]
    Uniform,
    /// `exp(1 − n/(n−j))`.
    Exponential,
    /// As `exponential`, with 1 for the first two.
    ExponentialFlat2,
    /// `1 − (j/(n−1))^interval_power`; 1 when there is one interval.
    Power,
}

/// The price a report is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferencePick {
    /// The latest price not after the report.
    #[default]
    AtOrBefore,
    /// The worse for the miner of that price and the first price after the report.
    WorstBracket,
}

/// Where negative scores are floored at 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// After averaging: keeps the rule proper.
    #[default]
    Aggregate,
    /// Per event, the other reading of the subnet's document: rewards extreme reports.
    Event,
}

/// How event scores become one number per miner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// Plain mean over the last `window_events` events.
    #[default]
    Window,
    /// Exponential moving average, α = 0.05 (June 2024).
    Ema,
    /// Running mean of the day mixed with the day before (July 2024).
    Daily,
}

/// What happens to bit-equal reports of several miners in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Scored independently.
    #[default]
    Independent,
    /// Positive scores are divided by the number of equals.
    Split,
}

/// The order of reports in the sequential rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SequentialOrder {
    /// Reports of the same time share one step: no race inside a query round.
    #[default]
    Rounds,
    /// Strict chain by time, ties by hotkey.
    Arrival,
}

/// The rules of one subnet's scoring. Defaults are the main rule of this project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The rule that scores an event.
    pub rule: RuleName,
    /// Which reports of a miner count.
    pub submission: SubmissionPick,
    /// Length of an interval, minutes; the grid starts at 2024-01-01T00:00Z. 1 to 10080.
    pub interval_minutes: u32,
    /// How the intervals of an event weigh.
    pub interval_weight: IntervalWeight,
    /// The exponent of `interval_weight = "power"`; finite, above 0.
    pub interval_power: f64,
    /// A reference price older than this is no reference, seconds.
    pub price_max_age_seconds: u32,
    /// Which price a report is compared with.
    pub reference_pick: ReferencePick,
    /// Where scores are floored at 0.
    pub clip: Clip,
    /// How events are averaged.
    pub average: Average,
    /// Events in the average, at least 1. 150 reproduces the 2025 reference.
    pub window_events: usize,
    /// Exponent on the floored average before shares are taken, 1 to 4.
    pub exponent: u8,
    /// Standard errors subtracted from the average before the floor, under `average = "window"`; 0 is off.
    pub confidence_z: f64,
    /// Weigh events so that YES and NO outcomes count alike; only useful when scores are not relative to a price.
    pub class_balance: bool,
    /// What happens to identical reports.
    pub duplicates: Duplicates,
    /// Order of reports under `rule = "sequential"`.
    pub sequential_order: SequentialOrder,
    /// Fewer counted events than this: the weights on chain stay untouched.
    pub min_events: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            rule: RuleName::default(),
            submission: SubmissionPick::default(),
            interval_minutes: 240,
            interval_weight: IntervalWeight::default(),
            interval_power: 2.0,
            price_max_age_seconds: 120,
            reference_pick: ReferencePick::default(),
            clip: Clip::default(),
            average: Average::default(),
            window_events: 500,
            exponent: 1,
            confidence_z: 0.0,
            class_balance: false,
            duplicates: Duplicates::default(),
            sequential_order: SequentialOrder::default(),
            min_events: 1,
        }
    }
}

impl Rules {
    /// Those by which the subnet's validators scored in 2025.
    #[must_use]
    pub fn of_2025() -> Self {
        Self {
            rule: RuleName::PeerLog,
            interval_weight: IntervalWeight::Power,
            window_events: 150,
            exponent: 2,
            class_balance: true,
            ..Self::default()
        }
    }
}

/// A scoring setting outside its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("scoring.{key} = {value}: {expected}")]
pub struct RulesError {
    /// The setting.
    pub key: &'static str,
    /// What it was set to.
    pub value: String,
    /// What it may be.
    pub expected: &'static str,
}

impl Rules {
    /// Checks the ranges that the types do not.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn validate(&self) -> Result<(), RulesError> {
        let check = |ok: bool, key: &'static str, value: String, expected: &'static str| {
            if ok { Ok(()) } else { Err(RulesError { key, value, expected }) }
        };
        let positive = |x: f64| x.is_finite() && x > 0.0;
        check(
            (1..=10_080).contains(&self.interval_minutes),
            "interval_minutes",
            self.interval_minutes.to_string(),
            "1 to 10080 minutes",
        )?;
        let power = self.interval_power;
        check(positive(power), "interval_power", power.to_string(), "a finite number above 0")?;
        check(self.price_max_age_seconds > 0, "price_max_age_seconds", "0".into(), "at least 1 second")?;
        check(self.window_events > 0, "window_events", "0".into(), "at least 1 event")?;
        check((1..=4).contains(&self.exponent), "exponent", self.exponent.to_string(), "1, 2, 3 or 4")?;
        let z = self.confidence_z;
        check(z == 0.0 || positive(z), "confidence_z", z.to_string(), "0 (off) or a finite number above 0")
    }

    /// The interval grid.
    #[must_use]
    pub const fn grid(&self) -> Grid {
        Grid::of_minutes(self.interval_minutes)
    }

    /// Whether the rule looks at each miner's first and last report; else the sums of its intervals are all it needs.
    #[must_use]
    pub fn needs_single_reports(&self) -> bool {
        match self.rule {
            RuleName::MarketDelta | RuleName::Brier => self.submission != SubmissionPick::IntervalMean,
            RuleName::Sequential => true,
            RuleName::PeerLog => false,
        }
    }

    /// Whether reports are compared with a price. The peer rule knows miners only by each other.
    #[must_use]
    pub fn needs_price(&self) -> bool {
        self.rule != RuleName::PeerLog
    }

    /// How many intervals an event open in `[opened, close)` has: all that it touches. The peer rule leaves out the
    /// one that holds the close, as its reference does.
    #[must_use]
    pub fn intervals(&self, opened: UnixMs, close: UnixMs) -> usize {
        let grid = self.grid();
        let n = match self.rule {
            RuleName::PeerLog => grid.index(close) - grid.index(opened),
            _ => grid.touched(opened, close),
        };
        usize::try_from(n).unwrap_or(0)
    }

    /// The oldest reference price that counts, milliseconds before the report.
    #[must_use]
    pub const fn price_max_age_ms(&self) -> i64 {
        self.price_max_age_seconds as i64 * 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_an_unknown_key_is_refused() {
        let rules: Rules = toml::from_str("rule = 'sequential'\nwindow_events = 150").unwrap();
        assert_eq!(rules.rule, RuleName::Sequential);
        assert_eq!(rules.window_events, 150);
        assert_eq!(rules.interval_minutes, 240);
        assert_eq!(Rules::default().validate(), Ok(()));
        assert!(toml::from_str::<Rules>("windw_events = 150").unwrap_err().to_string().contains("window_events"));
    }

    #[test]
    fn every_range_is_checked_by_name() {
        let bad = [
            ("interval_minutes", Rules { interval_minutes: 0, ..Rules::default() }),
            ("interval_power", Rules { interval_power: f64::NAN, ..Rules::default() }),
            ("price_max_age_seconds", Rules { price_max_age_seconds: 0, ..Rules::default() }),
            ("window_events", Rules { window_events: 0, ..Rules::default() }),
            ("exponent", Rules { exponent: 0, ..Rules::default() }),
            ("confidence_z", Rules { confidence_z: -1.0, ..Rules::default() }),
        ];
        for (key, rules) in bad {
            assert_eq!(rules.validate().unwrap_err().key, key);
        }
    }
}
