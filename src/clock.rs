//! Wall and stepped time; the only place that asks the operating system.
//!
//! Market time is a parameter: everything that schedules, records or judges takes a [`Clock`]. The demo and the tests
//! step through days of it with [`Clock::stepped`], as fast as the work allows. What crosses the wire (nonces, deadlines
//! of a request) is always wall time.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::units::{UnixMs, millis};

/// A wall clock that differs by more than this from what has passed meanwhile was set, or the machine slept, ms.
const JUMP_MS: i64 = 5_000;
/// A steady clock goes back with the wall's when that was set back by more than this: it had been wrong for long, ms.
const HELD_MS: i64 = 86_400_000;

/// A source of time. Cheap to clone; clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
    /// Of a steady clock.
    course: Option<Arc<Mutex<Course>>>,
}

#[derive(Debug, Clone)]
enum Source {
    Wall,
    Stepped(Arc<watch::Sender<Reading>>),
}

/// What a clock shows, and how long it has been running, which nobody can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    shown: UnixMs,
    elapsed_ms: i64,
}

impl Clock {
    /// The machine's time.
    #[must_use]
    pub const fn wall() -> Self {
        Self { source: Source::Wall, course: None }
    }

    /// Time that stands still until [`Clock::advance`].
    #[must_use]
    pub fn stepped(start: UnixMs) -> Self {
        let reading = Reading { shown: start, elapsed_ms: 0 };
        Self { source: Source::Stepped(Arc::new(watch::Sender::new(reading))), course: None }
    }

    /// The same time, that never goes back. When this clock is set back, the steady one goes on at half speed until this one has
    /// caught up: what was over stays over, and no moment comes twice. Set back by more than a day it is followed, for then it had
    /// been wrong before. Every jump, forward as well, is told once in the log.
    #[must_use]
    pub fn steady(self) -> Self {
        let begin = || Arc::new(Mutex::new(Course::from(self.source.reading())));
        Self { course: Some(self.course.unwrap_or_else(begin)), source: self.source }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> UnixMs {
        let Some(mut course) = self.course() else { return self.source.reading().shown };
        let (now, jump) = course.read(self.source.reading());
        drop(course);
        if let Some(jump) = jump {
            tell(jump);
        }
        now
    }

    /// How long it has been running, whatever it was set to meanwhile.
    #[must_use]
    pub fn running(&self) -> Duration {
        Duration::from_millis(self.source.reading().elapsed_ms.max(0).unsigned_abs())
    }

    /// Waits until `duration` has passed, whatever the clock is set to meanwhile.
    pub async fn sleep(&self, duration: Duration) {
        match &self.source {
            Source::Wall => tokio::time::sleep(duration).await,
            Source::Stepped(time) => {
                let until = time.borrow().elapsed_ms.saturating_add(millis(duration));
                // The sender lives in `self`, so the wait can only end by time.
                let _ = time.subscribe().wait_for(|now| now.elapsed_ms >= until).await;
            }
        }
    }

    /// Moves a stepped clock forward; no effect on the wall's.
    pub fn advance(&self, duration: Duration) {
        let ms = millis(duration);
        self.source.step(|now| {
            *now = Reading { shown: now.shown.plus_ms(ms), elapsed_ms: now.elapsed_ms.saturating_add(ms) };
        });
    }

    /// Sets a stepped clock forward or back, as an administrator does, while no time passes; no effect on the wall's.
    pub fn set_by(&self, ms: i64) {
        self.source.step(|now| now.shown = now.shown.plus_ms(ms));
    }

    /// Makes a steady clock show what is later than `moment`, which was seen by whoever ran before; no effect on others.
    pub fn later_than(&self, moment: UnixMs) {
        let Some(mut course) = self.course() else { return };
        let reading = self.source.reading();
        let behind = moment.since(reading.shown);
        if (0..=HELD_MS).contains(&behind) && course.read(reading).0 <= moment {
            course.slow_from = Reading { shown: moment.plus_ms(1), ..reading };
            drop(course);
            tracing::warn!("the clock is {} behind what was recorded last: {SLOWLY}", span(behind));
        }
    }

    fn course(&self) -> Option<MutexGuard<'_, Course>> {
        self.course.as_ref().map(|course| course.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source {
    fn reading(&self) -> Reading {
        match self {
            Self::Wall => {
                let elapsed = monotonic().saturating_duration_since(*BEGAN);
                Reading { shown: wall_ms(), elapsed_ms: millis(elapsed) }
            }
            Self::Stepped(time) => *time.borrow(),
        }
    }

    fn step(&self, change: impl FnOnce(&mut Reading)) {
        if let Self::Stepped(time) = self {
            time.send_modify(change);
        }
    }
}

/// What a steady clock does when it is ahead.
const SLOWLY: &str = "time goes on at half speed here until the clock has caught up, so that what was over stays over and no \
                      moment comes twice";

/// Names a jump of the clock below, ms.
fn tell(jump: i64) {
    if jump > 0 {
        tracing::warn!(
            "the clock went forward by {} at once: it was set, or this machine slept; what was due meanwhile is over",
            span(jump)
        );
    } else if jump < -HELD_MS {
        tracing::warn!("the clock was set back by {}: that is followed, for it had been wrong", span(-jump));
    } else {
        tracing::warn!("the clock was set back by {}: {SLOWLY}", span(-jump));
    }
}

/// How a steady clock has run so far.
#[derive(Debug)]
struct Course {
    last: Reading,
    /// From here on it goes at half speed while it is ahead.
    slow_from: Reading,
}

impl From<Reading> for Course {
    fn from(reading: Reading) -> Self {
        Self { last: reading, slow_from: reading }
    }
}

impl Course {
    /// What is shown at a reading of the clock below, and by how much that was set since the last one, if it was, ms.
    fn read(&mut self, now: Reading) -> (UnixMs, Option<i64>) {
        // A reading that was overtaken by another thread's is that one.
        let now = if now.elapsed_ms < self.last.elapsed_ms { self.last } else { now };
        let jump = now.shown.since(self.last.shown) - (now.elapsed_ms - self.last.elapsed_ms);
        self.last = now;
        let slow = self.slow_from.shown.plus_ms((now.elapsed_ms - self.slow_from.elapsed_ms) / 2);
        let is_held = (1..=HELD_MS).contains(&slow.since(now.shown));
        if !is_held {
            self.slow_from = now;
        }
        (if is_held { slow } else { now.shown }, (jump.abs() > JUMP_MS).then_some(jump))
    }
}

/// A span of time for a person: `3600 s`.
fn span(ms: i64) -> String {
    format!("{} s", ms.div_euclid(1_000))
}

/// When this process first looked.
static BEGAN: LazyLock<Instant> = LazyLock::new(monotonic);

/// A moment for measuring durations of real work; never compared with market time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// Wall time in nanoseconds since the Unix epoch, as the nonces of the wire protocol are; 0 before 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn wall_ns() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

fn wall_ms() -> UnixMs {
    UnixMs(i64::try_from(wall_ns() / 1_000_000).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stepped_clock_wakes_sleepers_when_it_moves() {
        let clock = Clock::stepped(UnixMs(0));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(3600)).await }
        });
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(3600));
        sleeper.await.unwrap();
        assert_eq!(clock.now(), UnixMs(3_600_000));
    }

    const HOUR_MS: i64 = 3_600_000;
    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn who_sleeps_is_not_woken_by_setting_the_clock_and_not_kept_by_it() {
        let clock = Clock::stepped(UnixMs(0)).steady();
        for ms in [HOUR_MS, -HOUR_MS] {
            let sleeper = tokio::spawn({
                let clock = clock.clone();
                async move { clock.sleep(MINUTE).await }
            });
            tokio::task::yield_now().await;
            clock.set_by(ms);
            tokio::task::yield_now().await;
            assert!(!sleeper.is_finished(), "no time has passed");
            clock.advance(MINUTE);
            sleeper.await.unwrap();
        }
    }

    #[test]
    fn a_steady_clock_follows_forward_and_waits_when_it_is_set_back() {
        let under = Clock::stepped(UnixMs(0));
        let steady = under.clone().steady();
        let ahead = || steady.now().since(under.now());
        under.advance(MINUTE);
        assert_eq!(ahead(), 0);
        under.set_by(HOUR_MS);
        assert_eq!((steady.now(), ahead()), (UnixMs(60_000 + HOUR_MS), 0));
        under.set_by(-HOUR_MS);
        assert_eq!((steady.now(), ahead()), (UnixMs(60_000 + HOUR_MS), HOUR_MS), "no moment comes twice");
        // At half speed, however often it is read.
        for second in 1..=3_600 {
            under.advance(Duration::from_millis(500));
            assert_eq!(ahead(), HOUR_MS - second * 500 + 250, "{second}");
            under.advance(Duration::from_millis(500));
        }
        under.advance(MINUTE * 60);
        assert_eq!(ahead(), 0, "it has caught up");
        under.advance(MINUTE);
        assert_eq!(ahead(), 0);
    }

    #[test]
    fn a_clock_that_had_been_wrong_for_days_is_followed_back() {
        let under = Clock::stepped(UnixMs(0));
        let steady = under.clone().steady();
        under.set_by(HELD_MS + HOUR_MS);
        assert_eq!(steady.now(), UnixMs(HELD_MS + HOUR_MS));
        under.set_by(-HELD_MS - 1);
        assert_eq!(steady.now(), UnixMs(HOUR_MS - 1));
    }

    #[test]
    fn every_jump_is_told_once_and_drift_is_none() {
        let reading = |shown, elapsed_ms| Reading { shown: UnixMs(shown), elapsed_ms };
        let mut course = Course::from(reading(1_000_000, 0));
        assert_eq!(
            course.read(reading(1_060_200, 60_000)),
            (UnixMs(1_060_200), None),
            "a clock that is adjusted slowly"
        );
        assert_eq!(course.read(reading(4_660_200, 60_000)), (UnixMs(4_660_200), Some(HOUR_MS)));
        assert_eq!(course.read(reading(4_660_200, 60_000)).1, None);
        assert_eq!(course.read(reading(1_060_200, 60_000)), (UnixMs(4_660_200), Some(-HOUR_MS)));
        assert_eq!(course.read(reading(1_080_200, 80_000)), (UnixMs(4_670_200), None));
        assert_eq!(course.read(reading(1_070_200, 70_000)), (UnixMs(4_670_200), None), "read late by another thread");
    }

    #[test]
    fn what_was_recorded_before_a_restart_stays_the_past() {
        let under = Clock::stepped(UnixMs(0));
        let steady = under.clone().steady();
        steady.later_than(UnixMs(HOUR_MS));
        assert_eq!(steady.now(), UnixMs(HOUR_MS + 1));
        under.advance(MINUTE);
        assert_eq!(steady.now(), UnixMs(HOUR_MS + 30_001));
        steady.later_than(UnixMs(60_000));
        assert_eq!(steady.now(), UnixMs(HOUR_MS + 30_001), "that is behind it already");
        steady.later_than(UnixMs(10 * HELD_MS));
        assert_eq!(steady.now(), UnixMs(HOUR_MS + 30_001), "a record of another age says nothing");
        under.later_than(UnixMs(HELD_MS));
        assert_eq!(under.now(), UnixMs(60_000), "others are what they are");
    }
}
