//! Stretches of time: what one file of a lake holds.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::units::UnixMs;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How long the stretches of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// An hour: for what is large, or soon forgotten by the ledger.
    Hour,
    /// A day, UTC.
    Day,
}

impl Grain {
    /// Its length, ms.
    #[must_use]
    pub const fn ms(self) -> i64 {
        match self {
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    /// The start of the stretch that `time` is in.
    #[must_use]
    pub const fn floor(self, time: UnixMs) -> UnixMs {
        UnixMs(time.0.saturating_sub(time.0.rem_euclid(self.ms())))
    }

    /// The start of the first stretch that does not begin before `time`.
    #[must_use]
    pub const fn ceil(self, time: UnixMs) -> UnixMs {
        self.floor(time.plus_ms(self.ms() - 1))
    }
}

/// A whole hour or day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// How long it is.
    pub grain: Grain,
    /// Its first millisecond.
    pub from: UnixMs,
}

impl Stretch {
    /// The first millisecond after it.
    #[must_use]
    pub const fn to(self) -> UnixMs {
        self.from.plus_ms(self.grain.ms())
    }

    /// Whether a time is in it.
    #[must_use]
    pub const fn has(self, time: UnixMs) -> bool {
        self.from.0 <= time.0 && time.0 < self.to().0
    }

    /// Its day: `2026-01-31`. `None` beyond the year 9999, or before the year -9999.
    #[must_use]
    pub fn day(self) -> Option<String> {
        let time = Timestamp::from_millisecond(self.from.0).ok()?;
        Some(TimeZone::UTC.to_datetime(time).date().to_string())
    }

    /// Its hour in the day, where it is one.
    #[must_use]
    pub const fn hour(self) -> Option<u8> {
        match self.grain {
            Grain::Hour => Some((self.from.0.rem_euclid(DAY_MS) / HOUR_MS) as u8),
            Grain::Day => None,
        }
    }

    /// The stretches of a day, from its start on.
    pub fn of_day(day: UnixMs, grain: Grain) -> impl Iterator<Item = Self> {
        let count = DAY_MS / grain.ms();
        (0..count).map(move |n| Self { grain, from: day.plus_ms(n * grain.ms()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_day_or_its_hours() {
        // 2024-06-01T00:00Z.
        let day = UnixMs(1_717_200_000_000);
        let hours: Vec<Stretch> = Stretch::of_day(day, Grain::Hour).collect();
        assert_eq!(hours.len(), 24);
        assert!(hours.windows(2).all(|pair| pair[0].to() == pair[1].from));
        assert_eq!((hours[23].to(), hours[23].hour()), (day.plus_ms(DAY_MS), Some(23)));
        assert!(hours.iter().all(|hour| hour.day().as_deref() == Some("2024-06-01")));
        let whole: Vec<Stretch> = Stretch::of_day(day, Grain::Day).collect();
        assert_eq!((whole.len(), whole[0].hour(), whole[0].day().as_deref()), (1, None, Some("2024-06-01")));
        assert!(whole[0].has(day) && !whole[0].has(day.plus_ms(DAY_MS)) && !whole[0].has(day.plus_ms(-1)));
    }

    #[test]
    fn times_before_the_epoch_and_at_the_end_of_numbers_have_a_stretch_too() {
        assert_eq!(Grain::Day.floor(UnixMs(-1)), UnixMs(-DAY_MS));
        assert_eq!((Grain::Hour.ceil(UnixMs(1)), Grain::Hour.ceil(UnixMs(0))), (UnixMs(HOUR_MS), UnixMs(0)));
        for time in [UnixMs(i64::MIN), UnixMs(i64::MAX)] {
            let stretch = Stretch { grain: Grain::Day, from: Grain::Day.floor(time) };
            assert_eq!((stretch.day(), stretch.hour()), (None, None));
        }
    }
}
