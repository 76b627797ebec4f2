//! Which reports count, and against which price.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quadratic::loss;
use super::rules::ReferencePick;
use crate::units::UnixMs;

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It counts.
    Scored,
    /// It came before the event was opened.
    Early,
    /// It came at or after the close.
    Late,
    /// No valid price of at most the maximum age was known when it came.
    Unpriced,
    /// Not a finite number: no prediction.
    Invalid,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Not resolved yet.
    Open,
    /// Resolved; it counts.
    Scored,
    /// Cancelled; never counts.
    Void,
    /// Closed before it was offered; does not count.
    NoWindow,
    /// No valid price while it was open: nobody could have been scored; does not count.
    NoPrice,
    /// Nobody predicted it; does not count under `peer_log`, which knows miners only by each other.
    NoReports,
}

/// The time in which reports on an event count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// When this validator first offered the event.
    pub opened: UnixMs,
    /// The event's cutoff.
    pub cutoff: UnixMs,
    /// When it resolved, if known.
    pub resolved: Option<UnixMs>,
}

impl Window {
    /// Reports count before this time: the cutoff, or the resolution when that was earlier.
    #[must_use]
    pub fn close(&self) -> UnixMs {
        self.resolved.map_or(self.cutoff, |resolved| resolved.min(self.cutoff))
    }

    /// How a resolved event stands, given its prices.
    #[must_use]
    pub fn state(&self, prices: &Prices, max_age_ms: i64) -> EventState {
        if self.close() <= self.opened {
            EventState::NoWindow
        } else if prices.first_in(self.opened.plus_ms(-max_age_ms), self.close()).is_none() {
            EventState::NoPrice
        } else {
            EventState::Scored
        }
    }

    /// Admits a report `p` (any number) that arrived at `t`, or says why not. Finite numbers are clamped to `0..=1`.
    ///
    /// # Errors
    /// The [`Fate`] of a report that does not count.
    pub fn admit(&self, t: UnixMs, p: f64, prices: &Prices, max_age_ms: i64) -> Result<Admitted, Fate> {
        if !p.is_finite() {
            return Err(Fate::Invalid);
        }
        if t >= self.close() {
            return Err(Fate::Late);
        }
        if t < self.opened {
            return Err(Fate::Early);
        }
        let before = prices.in_force(t, max_age_ms).ok_or(Fate::Unpriced)?;
        Ok(Admitted { p: p.clamp(0.0, 1.0), before, after: prices.next_after(t).unwrap_or(before) })
    }
}

/// A report that counts, with the prices around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Admitted {
    /// The report, in `0..=1`.
    pub p: f64,
    /// The price in force when it arrived.
    pub before: f64,
    /// The first price after it, or the one in force when none came.
    pub after: f64,
}

impl Admitted {
    /// The reference price under `pick`, for outcome `o`.
    #[must_use]
    pub fn reference(&self, pick: ReferencePick, o: f64) -> f64 {
        match pick {
            ReferencePick::WorstBracket if loss(self.after, o) < loss(self.before, o) => self.after,
            ReferencePick::AtOrBefore | ReferencePick::WorstBracket => self.before,
        }
    }
}

/// The valid price observations of one event, by time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices {
    seen: Vec<(UnixMs, f64)>,
    stand_in: Option<f64>,
}

impl Prices {
    /// Sorts observations; of two at the same time the later in the list counts; anything but a finite number in
    /// `0..=1` is no observation.
    #[must_use]
    pub fn new(observations: impl IntoIterator<Item = (UnixMs, f64)>) -> Self {
        let mut kept: Vec<_> = observations.into_iter().filter(|(_, r)| (0.0..=1.0).contains(r)).collect();
        kept.sort_by_key(|(t, _)| *t);
        kept.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = later.1;
            }
            same
        });
        Self { seen: kept, stand_in: None }
    }

    /// The same with a number that stands where no price does: for rules that compare with none.
    #[must_use]
    pub const fn or_else(mut self, stand_in: f64) -> Self {
        self.stand_in = Some(stand_in);
        self
    }

    /// The observations, by time.
    #[must_use]
    pub fn as_slice(&self) -> &[(UnixMs, f64)] {
        &self.seen
    }

    /// The latest price not after `t` and at most `max_age_ms` old.
    #[must_use]
    pub fn in_force(&self, t: UnixMs, max_age_ms: i64) -> Option<f64> {
        let last = self.seen.partition_point(|(at, _)| *at <= t).checked_sub(1);
        let last = last.and_then(|last| self.seen.get(last)).filter(|(at, _)| t.since(*at) <= max_age_ms);
        last.map(|(_, r)| *r).or(self.stand_in)
    }

    /// The first price after `t`.
    #[must_use]
    pub fn next_after(&self, t: UnixMs) -> Option<f64> {
        self.seen.get(self.seen.partition_point(|(at, _)| *at <= t)).map(|(_, r)| *r)
    }

    /// The first price in `[from, until)`.
    #[must_use]
    pub fn first_in(&self, from: UnixMs, until: UnixMs) -> Option<f64> {
        let first = self.seen.get(self.seen.partition_point(|(at, _)| *at < from)).filter(|(at, _)| *at < until);
        first.map(|(_, r)| *r).or(self.stand_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_of_the_same_time_replaces_and_a_bad_one_is_none() {
        let prices = Prices::new([(UnixMs(5), 0.4), (UnixMs(1), 0.2), (UnixMs(5), 0.6), (UnixMs(6), f64::NAN)]);
        assert_eq!(prices.as_slice(), [(UnixMs(1), 0.2), (UnixMs(5), 0.6)]);
        assert_eq!(prices.in_force(UnixMs(7), 2), Some(0.6));
        assert_eq!(prices.in_force(UnixMs(8), 2), None);
        assert_eq!(prices.in_force(UnixMs(0), 2), None);
        assert_eq!(prices.next_after(UnixMs(1)), Some(0.6));
        assert_eq!(prices.first_in(UnixMs(2), UnixMs(5)), None);
    }

    #[test]
    fn where_no_price_is_needed_another_number_stands() {
        let prices = Prices::new([(UnixMs(5), 0.4)]).or_else(0.5);
        assert_eq!((prices.in_force(UnixMs(6), 2), prices.in_force(UnixMs(9), 2)), (Some(0.4), Some(0.5)));
        assert_eq!(prices.first_in(UnixMs(6), UnixMs(9)), Some(0.5));
        let window = Window { opened: UnixMs(0), cutoff: UnixMs(9), resolved: None };
        let none = Prices::default();
        assert_eq!(window.state(&none, 2), EventState::NoPrice);
        assert_eq!(window.state(&none.clone().or_else(0.5), 2), EventState::Scored);
        assert_eq!(window.admit(UnixMs(1), 0.7, &none.or_else(0.5), 2).map(|admitted| admitted.before), Ok(0.5));
    }

    #[test]
    fn the_window_is_half_open_and_ends_at_the_resolution() {
        let window = Window { opened: UnixMs(10), cutoff: UnixMs(30), resolved: Some(UnixMs(20)) };
        let prices = Prices::new([(UnixMs(10), 0.5)]);
        let fate = |t, p| window.admit(UnixMs(t), p, &prices, 5).err();
        assert_eq!(fate(9, 0.5), Some(Fate::Early));
        assert_eq!(fate(10, -3.0), None);
        assert_eq!(fate(16, 0.5), Some(Fate::Unpriced));
        assert_eq!(fate(20, 0.5), Some(Fate::Late));
        assert_eq!(fate(12, f64::INFINITY), Some(Fate::Invalid));
    }
}
