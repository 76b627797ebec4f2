//! Wall and stepped time; the only place that asks the operating system.
//!
//! Market time is a parameter: everything that schedules, records or judges takes a [`Clock`]. The demo and the tests
//! step through days of it with [`Clock::stepped`], as fast as the work allows. What crosses the wire (nonces, deadlines
//! of a request) is always wall time.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::units::{UnixMs, millis};

/// A source of time. Cheap to clone; clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    Wall,
    Stepped(Arc<watch::Sender<UnixMs>>),
}

impl Clock {
    /// The machine's time.
    #[must_use]
    pub const fn wall() -> Self {
        Self(Source::Wall)
    }

    /// Time that stands still until [`Clock::advance`].
    #[must_use]
    pub fn stepped(start: UnixMs) -> Self {
        Self(Source::Stepped(Arc::new(watch::Sender::new(start))))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> UnixMs {
        match &self.0 {
            Source::Wall => wall_ms(),
            Source::Stepped(time) => *time.borrow(),
        }
    }

    /// Waits until `duration` of this clock's time has passed.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Source::Wall => tokio::time::sleep(duration).await,
            Source::Stepped(time) => {
                let ms = millis(duration);
                let until = self.now().plus_ms(ms);
                // The sender lives in `self`, so the wait can only end by time.
                let _ = time.subscribe().wait_for(|now| *now >= until).await;
            }
        }
    }

    /// Moves a stepped clock forward; no effect on the wall's.
    pub fn advance(&self, duration: Duration) {
        if let Source::Stepped(time) = &self.0 {
            let ms = millis(duration);
            time.send_modify(|now| *now = now.plus_ms(ms));
        }
    }
}

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
}
