//! What a dendrite has seen: counts and latencies per synapse, dialect and outcome.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::dialect::Dialect;
use super::failure::Failure;
use crate::telemetry::Histogram;
use crate::units::Account;

/// Upper bounds of the latency buckets, in milliseconds; one more bucket takes the rest.
pub const LATENCY_BOUNDS_MS: [f64; 12] =
    [1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0, 5000.0, 15_000.0, 60_000.0];

/// The name of an answer among the outcomes; the others are those of [`Failure::kind`].
pub const ANSWERED: &str = "answered";

/// The counts of one synapse in one dialect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// How long the exchanges took, by outcome; none is empty.
    pub outcomes: BTreeMap<&'static str, Histogram>,
}

impl Tally {
    /// How often this outcome came.
    #[must_use]
    pub fn count(&self, outcome: &str) -> u64 {
        self.outcomes.get(outcome).map_or(0, Histogram::count)
    }
}

/// The counts of all synapses by name and dialect: as many as the program has synapse types, times two.
pub type Snapshot = BTreeMap<(&'static str, Dialect), Tally>;

/// Peers that are remembered; a subnet has at most a few hundred.
const PEERS: usize = 4096;

/// What came of the questions to one peer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PeerTally {
    /// Questions.
    pub asked: u64,
    /// Of them, those with an answer.
    pub answered: u64,
    /// How long the last answer took.
    pub latency: Option<Duration>,
    /// Why there was no answer to the last question; `None` when there was one.
    pub silence: Option<String>,
}

/// The live counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    synapses: Mutex<Snapshot>,
    peers: Mutex<BTreeMap<Account, PeerTally>>,
}

impl Counters {
    /// Counts one exchange.
    pub(super) fn count(&self, synapse: &'static str, dialect: Dialect, failure: Option<&Failure>, took: Duration) {
        let mut all = self.synapses.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = all.entry((synapse, dialect)).or_default();
        let empty = || Histogram {
            bounds_ms: &LATENCY_BOUNDS_MS,
            counts: vec![0; LATENCY_BOUNDS_MS.len() + 1],
            total: Duration::ZERO,
        };
        let latency = tally.outcomes.entry(failure.map_or(ANSWERED, Failure::kind)).or_insert_with(empty);
        let ms = took.as_secs_f64() * 1000.0;
        let bucket = LATENCY_BOUNDS_MS.partition_point(|bound| *bound < ms);
        if let Some(count) = latency.counts.get_mut(bucket) {
            *count += 1;
        }
        latency.total = latency.total.saturating_add(took);
    }

    /// Remembers what came of a question to `peer`.
    pub(super) fn heard(&self, peer: Account, failure: Option<&Failure>, took: Duration) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS && !peers.contains_key(&peer) {
            return;
        }
        let tally = peers.entry(peer).or_default();
        tally.asked += 1;
        tally.silence = failure.map(Failure::reason);
        if failure.is_none() {
            tally.answered += 1;
            tally.latency = Some(took);
        }
    }

    pub(super) fn peers(&self) -> BTreeMap<Account, PeerTally> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.synapses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_failures_are_counted_apart() {
        let counters = Counters::default();
        counters.count("X", Dialect::Headers, None, Duration::from_millis(10));
        counters.count("X", Dialect::Headers, None, Duration::from_secs(3600));
        counters.count("X", Dialect::Headers, Some(&Failure::Timeout), Duration::from_secs(1));
        counters.count("X", Dialect::BtAuth, Some(&Failure::Timeout), Duration::from_secs(1));
        let snapshot = counters.snapshot();
        let tally = &snapshot[&("X", Dialect::Headers)];
        assert_eq!((tally.count(ANSWERED), tally.count("timeout"), tally.count("refused")), (2, 1, 0));
        let answers = &tally.outcomes[ANSWERED];
        assert_eq!((answers.counts[3], answers.counts[LATENCY_BOUNDS_MS.len()]), (1, 1));
        let other = &snapshot[&("X", Dialect::BtAuth)];
        assert_eq!((other.count(ANSWERED), other.outcomes["timeout"].total), (0, Duration::from_secs(1)));
    }

    #[test]
    fn a_peer_is_remembered_by_its_last_word_and_their_number_is_bounded() {
        let counters = Counters::default();
        let peer = Account([1; 32]);
        counters.heard(peer, None, Duration::from_millis(10));
        counters.heard(peer, Some(&Failure::Timeout), Duration::from_secs(12));
        let tally = counters.peers()[&peer].clone();
        assert_eq!((tally.asked, tally.answered, tally.latency), (2, 1, Some(Duration::from_millis(10))));
        assert_eq!(tally.silence, Some(Failure::Timeout.reason()));
        for number in 0..2 * PEERS as u64 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            counters.heard(Account(key), None, Duration::ZERO);
        }
        assert_eq!(counters.peers().len(), PEERS);
    }
}
