//! A circuit breaker: who fails again and again is left alone for a while, so that nobody waits for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When to stop asking, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerSettings {
    /// This many failures in a row open the circuit.
    pub patience: u32,
    /// How long it stays open the first time; doubles with every trial that fails.
    pub first_pause: Duration,
    /// The longest it stays open, whatever the other side asks for.
    pub max_pause: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { patience: 5, first_pause: Duration::from_secs(5), max_pause: Duration::from_secs(300) }
    }
}

/// See the module. Closed it lets everything through; open nothing; after a pause one trial, which decides.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Calls go through; so many have failed in a row.
    Closed { failures: u32 },
    /// None does before `until`; the pause was `pause`.
    Open { until: Instant, pause: Duration },
    /// One is under way to see, and has until `ends`.
    Trial { ends: Instant, pause: Duration },
}

const CLOSED: State = State::Closed { failures: 0 };

impl Breaker {
    pub(super) const fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: Mutex::new(CLOSED) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may be made now; a trial may take `longest`, and all others wait for its end.
    pub(super) fn lets_through(&self, now: Instant, longest: Duration) -> bool {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => true,
            State::Open { until, pause } | State::Trial { ends: until, pause } => {
                if now >= until {
                    *state = State::Trial { ends: now + longest, pause };
                }
                now >= until
            }
        }
    }

    /// A call went well. Says whether that ends a time of failures.
    pub(super) fn succeeded(&self) -> bool {
        let before = std::mem::replace(&mut *self.state(), CLOSED);
        !matches!(before, State::Closed { .. })
    }

    /// A call failed; the other side may have said for how long it wants none, which counts at once. Says for how long
    /// nothing goes through now, when it is this failure that decided it.
    pub(super) fn failed(&self, now: Instant, asked: Option<Duration>) -> Option<Duration> {
        let BreakerSettings { patience, first_pause, max_pause } = self.settings;
        let mut state = self.state();
        let pause = match *state {
            State::Closed { failures } if failures + 1 < patience && asked.is_none() => {
                *state = State::Closed { failures: failures + 1 };
                return None;
            }
            State::Closed { .. } => first_pause,
            // It was sent before the circuit opened, and says nothing new.
            State::Open { .. } => return None,
            State::Trial { pause, .. } => pause * 2,
        };
        let pause = pause.min(max_pause);
        let open = asked.unwrap_or_default().clamp(pause, max_pause);
        *state = State::Open { until: now + open, pause };
        Some(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    const S: Duration = Duration::from_secs(1);

    fn breaker() -> Breaker {
        Breaker::new(BreakerSettings { patience: 3, first_pause: 4 * S, max_pause: 10 * S })
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_trial_decides() {
        let (breaker, t) = (breaker(), monotonic());
        assert_eq!((breaker.failed(t, None), breaker.failed(t, None)), (None, None));
        assert!(!breaker.succeeded(), "it was never open");
        assert_eq!([0; 3].map(|_| breaker.failed(t, None)), [None, None, Some(4 * S)]);
        assert_eq!(breaker.failed(t, None), None, "one that was under way");
        assert!(!breaker.lets_through(t + 3 * S, S));
        assert!(breaker.lets_through(t + 4 * S, S));
        assert!(!breaker.lets_through(t + 4 * S, S), "one trial at a time");
        assert!(breaker.lets_through(t + 6 * S, S), "a trial that never ended");
        assert_eq!(breaker.failed(t + 6 * S, None), Some(8 * S));
        assert!(!breaker.lets_through(t + 13 * S, S));
        assert!(breaker.lets_through(t + 14 * S, S));
        assert_eq!(breaker.failed(t + 14 * S, None), Some(10 * S), "not for ever");
        assert!(breaker.lets_through(t + 24 * S, S));
        assert!(breaker.succeeded());
        assert!(breaker.lets_through(t + 24 * S, S) && breaker.lets_through(t + 24 * S, S));
        assert_eq!(breaker.failed(t + 24 * S, None), None, "counted anew");
    }

    #[test]
    fn who_asks_to_be_left_alone_is_left_alone_within_the_bound() {
        let (breaker, t) = (breaker(), monotonic());
        assert_eq!(breaker.failed(t, Some(7 * S)), Some(7 * S));
        assert!(!breaker.lets_through(t + 6 * S, S) && breaker.lets_through(t + 7 * S, S));
        assert_eq!(breaker.failed(t + 7 * S, Some(1_000_000 * S)), Some(10 * S));
    }
}
