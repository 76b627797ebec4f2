//! What an axon has done: counts and latencies per synapse, dialect and outcome, and who sends unauthenticated bodies.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::admission::Rung;
use super::handler::Dialect;
use crate::telemetry::Histogram;
use crate::units::{Account, UnixMs};

/// Upper bounds of the latency buckets, in milliseconds; one more bucket takes the rest.
pub const LATENCY_BOUNDS_MS: [f64; 14] =
    [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0, 5000.0, 30_000.0];

/// Hotkeys remembered for sending unauthenticated bodies; the subnet has at most a few hundred.
const UNAUTHENTICATED: usize = 1024;

const OUTCOMES: usize = Rung::ALL.len() + 1;
const DIALECTS: usize = Dialect::ALL.len();

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The handler answered.
    Answered,
    /// It was refused at this rung.
    Refused(Rung),
}

impl Outcome {
    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused(rung) => rung.name(),
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Answered => 0,
            Self::Refused(rung) => rung as usize + 1,
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Answered).chain(Rung::ALL.map(Self::Refused))
    }
}

/// The live counts of one synapse.
#[derive(Debug, Default)]
pub(super) struct RouteCounters {
    outcomes: [[Buckets; OUTCOMES]; DIALECTS],
}

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; LATENCY_BOUNDS_MS.len() + 1],
    total_us: AtomicU64,
}

impl Buckets {
    fn read(&self) -> Histogram {
        Histogram {
            bounds_ms: &LATENCY_BOUNDS_MS,
            counts: self.counts.iter().map(|count| count.load(Relaxed)).collect(),
            total: Duration::from_micros(self.total_us.load(Relaxed)),
        }
    }
}

impl RouteCounters {
    /// Counts one request.
    pub(super) fn count(&self, dialect: Dialect, outcome: Outcome, took: Duration) {
        let buckets = self.outcomes.get(dialect as usize).and_then(|outcomes| outcomes.get(outcome.index()));
        let Some(latency) = buckets else { return };
        let ms = took.as_secs_f64() * 1000.0;
        let bucket = LATENCY_BOUNDS_MS.partition_point(|bound| *bound < ms);
        if let Some(count) = latency.counts.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        latency.total_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    fn snapshot(&self, synapse: &'static str) -> Vec<RouteSnapshot> {
        let rows = Dialect::ALL.into_iter().zip(&self.outcomes);
        rows.map(|(dialect, outcomes)| {
            let outcomes = Outcome::all().zip(outcomes.iter().map(Buckets::read));
            RouteSnapshot { synapse, dialect, outcomes: outcomes.filter(|(_, took)| took.count() > 0).collect() }
        })
        .filter(|row| !row.outcomes.is_empty())
        .collect()
    }
}

/// The live counts that belong to no synapse.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Connections accepted.
    pub(super) accepted: AtomicU64,
    /// Connections refused because there was no room.
    pub(super) no_room: AtomicU64,
    /// Connections that ended by a fault of the peer: broken HTTP, a head out of time or size, a reset.
    pub(super) broken: AtomicU64,
    /// Requests refused before a synapse was known, by rung.
    strays: [AtomicU64; Rung::ALL.len()],
    /// Streams that were cut before their end.
    pub(super) streams_cut: AtomicU64,
    /// When a handler was last asked and answered, ms since the epoch; 0 when never.
    answered_ms: AtomicU64,
    unauthenticated: Mutex<BTreeMap<Account, u64>>,
}

impl Counters {
    pub(super) fn stray(&self, rung: Rung) {
        if let Some(count) = self.strays.get(rung as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// A handler answered at `now_ns`, wall time.
    pub(super) fn answered(&self, now_ns: u64) {
        self.answered_ms.fetch_max(now_ns / 1_000_000, Relaxed);
    }

    /// Remembers that `hotkey` sent a body its signature does not cover. Says whether that is new.
    pub(super) fn unauthenticated(&self, hotkey: Account) -> bool {
        let mut callers = self.unauthenticated.lock().unwrap_or_else(PoisonError::into_inner);
        let room = callers.len() < UNAUTHENTICATED;
        match callers.get_mut(&hotkey) {
            Some(count) => *count += 1,
            None if room => drop(callers.insert(hotkey, 1)),
            None => return false,
        }
        callers.get(&hotkey) == Some(&1)
    }

    pub(super) fn snapshot<'a>(
        &self,
        routes: impl Iterator<Item = (&'static str, &'a RouteCounters)>,
        now: Now,
    ) -> Snapshot {
        Snapshot {
            accepted: self.accepted.load(Relaxed),
            no_room: self.no_room.load(Relaxed),
            broken: self.broken.load(Relaxed),
            streams_cut: self.streams_cut.load(Relaxed),
            last_answered: match self.answered_ms.load(Relaxed) {
                0 => None,
                ms => i64::try_from(ms).ok().map(UnixMs),
            },
            now,
            strays: Rung::ALL
                .into_iter()
                .zip(self.strays.iter().map(|count| count.load(Relaxed)))
                .filter(|(_, count)| *count > 0)
                .collect(),
            routes: routes.flat_map(|(name, counters)| counters.snapshot(name)).collect(),
            unauthenticated_bodies: self.unauthenticated.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// What an axon holds at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// Open connections.
    pub connections: usize,
    /// Handlers running.
    pub running: usize,
    /// Requests waiting for a handler.
    pub waiting: usize,
    /// Nonces remembered against replay.
    pub nonces: usize,
    /// Callers these nonces belong to.
    pub callers: usize,
}

/// The counts at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections refused because there was no room.
    pub no_room: u64,
    /// Connections that ended by a fault of the peer.
    pub broken: u64,
    /// Streams that were cut before their end.
    pub streams_cut: u64,
    /// When a handler last answered, by the axon's clock.
    pub last_answered: Option<UnixMs>,
    /// What the axon holds now.
    pub now: Now,
    /// Requests refused before a synapse was known; rungs without any are left out.
    pub strays: Vec<(Rung, u64)>,
    /// One row per synapse and dialect that was used.
    pub routes: Vec<RouteSnapshot>,
    /// Hotkeys whose signature does not cover the body they send, and how often. Ask them for `btauth/1`.
    pub unauthenticated_bodies: BTreeMap<Account, u64>,
}

/// The counts of one synapse in one dialect.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteSnapshot {
    /// The synapse.
    pub synapse: &'static str,
    /// The dialect.
    pub dialect: Dialect,
    /// How long the requests took, by how they ended; outcomes without any are left out.
    pub outcomes: Vec<(Outcome, Histogram)>,
}

impl Snapshot {
    /// Requests of `synapse`, in any dialect, that ended so.
    #[must_use]
    pub fn count(&self, synapse: &str, outcome: Outcome) -> u64 {
        let rows = self.routes.iter().filter(|row| row.synapse == synapse);
        rows.flat_map(|row| &row.outcomes).filter(|(other, _)| *other == outcome).map(|(_, took)| took.count()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_where_they_ended() {
        let (counters, route) = (Counters::default(), RouteCounters::default());
        route.count(Dialect::Sdk, Outcome::Answered, Duration::from_micros(300));
        route.count(Dialect::Sdk, Outcome::Refused(Rung::Handler), Duration::ZERO);
        route.count(Dialect::Btauth, Outcome::Refused(Rung::Connection), Duration::ZERO);
        counters.stray(Rung::Path);
        let snapshot = counters.snapshot([("A", &route)].into_iter(), Now::default());
        assert_eq!(snapshot.count("A", Outcome::Answered), 1);
        assert_eq!(snapshot.count("A", Outcome::Refused(Rung::Handler)), 1);
        assert_eq!(snapshot.count("A", Outcome::Refused(Rung::Connection)), 1);
        assert_eq!(snapshot.strays, [(Rung::Path, 1)]);
        assert_eq!(snapshot.routes.len(), 2);
        assert_eq!(snapshot.routes[0].outcomes[0].1.counts[2], 1, "0.3 ms lies in the bucket up to 0.5 ms");
    }

    #[test]
    fn the_list_of_unauthenticated_callers_is_bounded() {
        let counters = Counters::default();
        for number in 0..2 * UNAUTHENTICATED as u64 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            assert_eq!(counters.unauthenticated(Account(key)), number < UNAUTHENTICATED as u64);
            assert!(!counters.unauthenticated(Account(key)), "it is new only once");
        }
        let snapshot = counters.snapshot(std::iter::empty(), Now::default());
        assert_eq!(snapshot.unauthenticated_bodies.len(), UNAUTHENTICATED);
    }
}
