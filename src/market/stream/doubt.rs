//! Whether a stream is to be believed: what it tells is compared with what is asked for.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::market::Quote;

/// How far a price that is told may be from the one that was asked for: they are some hundred milliseconds apart.
const NEAR: f64 = 0.02;
/// The share of its prices that must not be near, one in so many, and never one alone where there are more.
const SHARE: usize = 10;

/// What was compared in one look.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::market) struct Compared {
    pub(in crate::market) near: usize,
    pub(in crate::market) far: usize,
}

impl Compared {
    /// Counts a pair of prices; whether they are near.
    pub(in crate::market) fn are_near(&mut self, told: Quote, asked: Quote) -> bool {
        let near = (told.price.get() - asked.price.get()).abs() <= NEAR;
        if near {
            self.near += 1;
        } else {
            self.far += 1;
        }
        near
    }
}

/// Since when a stream disagrees, and for how long it may.
#[derive(Debug)]
pub(in crate::market) struct Doubt {
    since: Mutex<Option<Instant>>,
    patience: Duration,
}

impl Doubt {
    pub(in crate::market) const fn of(patience: Duration) -> Self {
        Self { since: Mutex::new(None), patience }
    }

    /// Whether the stream has disagreed for so long that it is to be replaced.
    pub(in crate::market) fn is_enough(&self, provider: &str, Compared { near, far }: Compared) -> bool {
        let disagrees = far > 0 && far * SHARE >= near + far && (far > 1 || near + far < SHARE);
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if !disagrees {
            *since = None;
            return false;
        }
        let lasts = since.get_or_insert_with(clock::monotonic).elapsed();
        tracing::warn!(provider, near, far, "the prices that the stream tells and those that are asked for differ");
        let enough = lasts >= self.patience;
        if enough {
            *since = None;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_replaced_when_much_of_it_stays_wrong() {
        let judge = |doubt: &Doubt, near, far| doubt.is_enough("m", Compared { near, far });
        let patient = Doubt::of(Duration::from_secs(3600));
        assert!(!judge(&patient, 5, 5) && !judge(&patient, 5, 5), "not yet");
        assert!(!judge(&patient, 10, 0));
        assert_eq!(*patient.since.lock().unwrap(), None, "it agrees again");
        let short = Doubt::of(Duration::ZERO);
        assert!(!judge(&short, 99, 1), "one market moves fast");
        assert!(judge(&short, 5, 5) && judge(&short, 0, 1));
    }
}
