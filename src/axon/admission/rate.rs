//! Token buckets in a table that cannot grow: what one address or one hotkey may send.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much one caller may send: `per_second` on average, `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Rate {
    /// Requests per second on average.
    pub per_second: f64,
    /// Requests at once.
    pub burst: f64,
}

/// One bucket per key, at most `cap` of them.
///
/// A full bucket says nothing that a missing one does not, so full ones are forgotten first. When more than `cap` keys
/// spend at once, an arbitrary one is forgotten and starts full again: the limit then loosens, the memory does not grow.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    table: Mutex<Table<K>>,
    cap: usize,
}

#[derive(Debug)]
struct Table<K> {
    buckets: HashMap<K, Bucket>,
    swept: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn refilled(self, rate: Rate, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens + passed * rate.per_second).min(rate.burst)
    }
}

/// The least time between two sweeps for full buckets: a flood of new keys must not make each request a sweep.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

impl<K: Eq + Hash + Clone> Buckets<K> {
    pub(crate) fn new(cap: usize) -> Self {
        Self { table: Mutex::new(Table { buckets: HashMap::new(), swept: None }), cap: cap.max(1) }
    }

    /// Takes one token of `key`'s, or says after which time there is one.
    pub(crate) fn take(&self, key: &K, rate: Rate, now: Instant) -> Result<(), Duration> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let known = table.buckets.get(key).copied();
        let tokens = known.map_or(rate.burst, |bucket| bucket.refilled(rate, now));
        if tokens < 1.0 {
            let wait = if rate.per_second > 0.0 { (1.0 - tokens) / rate.per_second } else { 3600.0 };
            return Err(Duration::from_secs_f64(wait.clamp(0.001, 3600.0)));
        }
        if known.is_none() && table.buckets.len() >= self.cap {
            table.make_room(rate, now);
        }
        table.buckets.insert(key.clone(), Bucket { tokens: tokens - 1.0, at: now });
        Ok(())
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.table.lock().unwrap().buckets.len()
    }
}

impl<K: Eq + Hash + Clone> Table<K> {
    fn make_room(&mut self, rate: Rate, now: Instant) {
        if self.swept.is_none_or(|at| now.saturating_duration_since(at) >= SWEEP_EVERY) {
            self.swept = Some(now);
            let before = self.buckets.len();
            self.buckets.retain(|_, bucket| bucket.refilled(rate, now) < rate.burst);
            if self.buckets.len() < before {
                return;
            }
        }
        let any = self.buckets.keys().next().cloned();
        if let Some(any) = any {
            self.buckets.remove(&any);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock;

    const RATE: Rate = Rate { per_second: 2.0, burst: 3.0 };

    #[test]
    fn a_burst_then_the_rate() {
        let (buckets, start) = (Buckets::new(10), clock::monotonic());
        for _ in 0..3 {
            assert!(buckets.take(&"a", RATE, start).is_ok());
        }
        assert_eq!(buckets.take(&"a", RATE, start), Err(Duration::from_millis(500)));
        assert!(buckets.take(&"b", RATE, start).is_ok(), "another caller has its own");
        let later = start + Duration::from_millis(500);
        assert!(buckets.take(&"a", RATE, later).is_ok());
        assert!(buckets.take(&"a", RATE, later).is_err());
    }

    proptest! {
        #[test]
        fn the_table_never_exceeds_its_cap(keys in proptest::collection::vec((0u32..500, 0u64..2000), 1..400)) {
            let (buckets, mut now) = (Buckets::new(16), clock::monotonic());
            for (key, ms) in keys {
                now += Duration::from_millis(ms);
                let _ = buckets.take(&key, RATE, now);
                prop_assert!(buckets.len() <= 16);
            }
        }

        #[test]
        fn nobody_gets_more_than_burst_and_rate(gaps in proptest::collection::vec(0u64..1000, 1..100)) {
            let (buckets, start) = (Buckets::new(4), clock::monotonic());
            let (mut now, mut taken) = (start, 0u32);
            for ms in gaps {
                now += Duration::from_millis(ms);
                taken += u32::from(buckets.take(&1, RATE, now).is_ok());
                let allowed = RATE.burst + RATE.per_second * (now - start).as_secs_f64();
                prop_assert!(f64::from(taken) <= allowed + 1e-6);
            }
        }
    }
}
