//! `--test_only_historical`: the past, whose end is known, gone through with a clock of its own as fast as miners answer.
//!
//! A kind of work that has a past to show makes a [`Past`] of it, runs on its clock, and brings one duty that goes from one
//! moment of it to the next. What it does at each is what it does at any other time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::table::{Group, Kind, Setting, WorkGroup, setting};
use crate::units::UnixMs;

/// Wall time between two moments of it.
pub const PACE: Duration = Duration::from_millis(10);

/// 1 in place of the present.
pub static SETTING: Setting = setting(
    "test_only_historical",
    Kind::Integer { min: 0, max: 1 },
    Some("0"),
    Group::Work(WorkGroup { place: 1, heading: "Validator", miner: false, validator: true }),
    "1 asks about the past, where outcomes are known, as fast as miners answer: a month of candles, or the recording \
     of `market.replay`.",
);

/// Where it is in the past.
#[derive(Debug)]
pub struct Past {
    clock: Clock,
    ends: UnixMs,
    is_over: AtomicBool,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Something is to be done at the clock's time.
    Moment,
    /// It has just ended: time to tell how it went.
    JustOver,
    /// It ended before.
    Over,
}

impl Past {
    /// From `start` to `ends`.
    #[must_use]
    pub fn between(start: UnixMs, ends: UnixMs) -> Self {
        Self { clock: Clock::stepped(start), ends, is_over: AtomicBool::new(false) }
    }

    /// Its clock, which stands still but for [`Past::go_to`].
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Goes on to `next`, unless it is over.
    pub fn go_to(&self, next: UnixMs) -> Next {
        let now = self.clock.now();
        if now >= self.ends {
            return if self.is_over.swap(true, Ordering::Relaxed) { Next::Over } else { Next::JustOver };
        }
        self.clock.advance(Duration::from_millis(u64::try_from(next.since(now)).unwrap_or(0)));
        Next::Moment
    }

    /// Whether it has ended, and that was told.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_to_its_end_and_says_that_once() {
        let past = Past::between(UnixMs(1000), UnixMs(3000));
        assert_eq!((past.go_to(UnixMs(2000)), past.clock().now()), (Next::Moment, UnixMs(2000)));
        assert_eq!((past.go_to(UnixMs(500)), past.clock().now()), (Next::Moment, UnixMs(2000)), "never back");
        assert_eq!((past.go_to(UnixMs(3500)), past.clock().now()), (Next::Moment, UnixMs(3500)));
        assert!(!past.is_over());
        assert_eq!([past.go_to(UnixMs(4000)), past.go_to(UnixMs(4000))], [Next::JustOver, Next::Over]);
        assert_eq!((past.is_over(), past.clock().now()), (true, UnixMs(3500)));
    }
}
