//! When what is asked: rounds that begin at fixed times of day, UTC.

use std::time::Duration;

use crate::market::klines::INTERVAL;
use crate::market::klines::samples::Times;
use crate::units::{UnixMs, millis};

/// Closes that a forecast consists of.
pub const CLOSES: usize = 100;

/// The rhythm that validators and miners keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Between the beginnings of two rounds; a divisor of the day, or rounds drift through it.
    pub period: Duration,
    /// From the grid of periods to the beginning of a round.
    pub offset: Duration,
    /// From the beginning of a round on, commitments are taken this long.
    pub commit_window: Duration,
    /// From the beginning of a round until the numbers are asked for.
    pub reveal_after: Duration,
    /// From then on, numbers are shown this long.
    pub reveal_window: Duration,
    /// From the last close that was forecast until it is looked up.
    pub finish_after: Duration,
}

/// The subnet's own: minutes 0 and 30, numbers a minute later, shown in minutes 1 to 3, looked up an hour after the end.
impl Default for Schedule {
    fn default() -> Self {
        Self {
            period: Duration::from_secs(30 * 60),
            offset: Duration::ZERO,
            commit_window: Duration::from_secs(60),
            reveal_after: Duration::from_secs(60),
            reveal_window: Duration::from_secs(180),
            finish_after: Duration::from_secs(3600),
        }
    }
}

impl Schedule {
    /// The beginning of the round that `now` belongs to.
    #[must_use]
    pub fn round(&self, now: UnixMs) -> UnixMs {
        let period = millis(self.period).max(1);
        UnixMs(now.0 - (now.0 - millis(self.offset)).rem_euclid(period))
    }

    /// The beginning of the next one.
    #[must_use]
    pub fn next_round(&self, now: UnixMs) -> UnixMs {
        self.round(now).plus_ms(millis(self.period))
    }

    /// Whether commitments are taken now.
    #[must_use]
    pub fn may_commit(&self, now: UnixMs) -> bool {
        now.since(self.round(now)) < millis(self.commit_window)
    }

    /// When the numbers of a round that began at `round` are asked for.
    #[must_use]
    pub fn reveals_at(&self, round: UnixMs) -> UnixMs {
        round.plus_ms(millis(self.reveal_after))
    }

    /// Whether the numbers of the round that began at `round` are shown at `now`.
    #[must_use]
    pub fn may_reveal(&self, round: UnixMs, now: UnixMs) -> bool {
        let age = now.since(self.reveals_at(round));
        (0..millis(self.reveal_window)).contains(&age)
    }

    /// When a forecast that begins at `start` can be judged.
    #[must_use]
    pub fn finished_at(&self, start: UnixMs) -> UnixMs {
        ends_at(start).plus_ms(millis(self.finish_after))
    }
}

/// The times of the closes that a forecast from `start` on is about.
#[must_use]
pub const fn times(start: UnixMs) -> Times {
    Times::candles(start, CLOSES)
}

/// The end of a forecast from `start` on.
#[must_use]
pub const fn ends_at(start: UnixMs) -> UnixMs {
    start.plus_ms(INTERVAL.ms() * CLOSES as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn a_round_has_its_windows() {
        let schedule = Schedule::default();
        let begin = UnixMs(1_767_225_600_000);
        let at = |minutes: i64| begin.plus_ms(minutes * MINUTE);
        assert_eq!(schedule.round(at(29)), begin);
        assert_eq!(schedule.round(at(30)), at(30));
        assert_eq!(schedule.next_round(at(29)), at(30));
        let may = |minutes: i64| {
            (schedule.may_commit(at(minutes)), schedule.may_reveal(schedule.round(at(minutes)), at(minutes)))
        };
        assert_eq!(
            [0, 1, 3, 4, 29, 30].map(may),
            [(true, false), (false, true), (false, true), (false, false), (false, false), (true, false)]
        );
        assert_eq!(schedule.finished_at(at(1)), at(1 + 500 + 60));
    }

    #[test]
    fn rounds_may_begin_between_the_periods() {
        let schedule = Schedule { offset: Duration::from_secs(550), ..Schedule::default() };
        let begin = UnixMs(1_767_225_600_000);
        assert_eq!(schedule.round(begin.plus_ms(550_000)), begin.plus_ms(550_000));
        assert_eq!(schedule.round(begin.plus_ms(549_999)), begin.plus_ms(550_000 - 30 * MINUTE));
    }
}
