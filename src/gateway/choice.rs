//! Which miner to ask first: the one that has earned most for each second it makes one wait.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::dendrite::Target;
use crate::units::{Account, Uid};

/// What is assumed of a miner that was never asked.
const UNKNOWN: Duration = Duration::from_millis(500);
/// What the newest measurement counts.
const NEWEST: f64 = 0.3;
/// How long a miner that failed is asked last, doubled with each failure in a row.
const FIRST_REST: Duration = Duration::from_secs(5);
const MAX_REST: Duration = Duration::from_secs(300);
/// What somebody without any incentive counts: subnets begin without.
const LEAST: f64 = 1e-4;

/// A miner that may be asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Its slot.
    pub uid: Uid,
    /// Where it serves.
    pub target: Target,
    /// What the chain says it earns, `0.0..=1.0`.
    pub incentive: f64,
}

/// Who may be asked.
pub trait Candidates: Send + Sync {
    /// Those that serve now.
    fn now(&self) -> Vec<Candidate>;
}

/// What was measured of a miner.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    /// Seconds to the first words.
    first_s: Option<f64>,
    failures: u32,
    rests_until: Option<Instant>,
}

/// See the module.
pub(super) struct Choice {
    candidates: Arc<dyn Candidates>,
    measured: Mutex<HashMap<Account, Measured>>,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Choice")
    }
}

impl Choice {
    pub(super) fn among(candidates: Arc<dyn Candidates>) -> Self {
        Self { candidates, measured: Mutex::default() }
    }

    fn measured(&self) -> MutexGuard<'_, HashMap<Account, Measured>> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everybody, best first; those that failed lately last.
    pub(super) fn order(&self) -> Vec<Candidate> {
        let now = clock::monotonic();
        let mut candidates = self.candidates.now();
        let mut measured = self.measured();
        let known = |candidate: &Candidate| measured.get(&candidate.target.hotkey).copied().unwrap_or_default();
        let mut ranked: Vec<(bool, f64, Candidate)> = candidates
            .drain(..)
            .map(|candidate| {
                let of = known(&candidate);
                let wait = of.first_s.unwrap_or(UNKNOWN.as_secs_f64()).max(0.001);
                let rests = of.rests_until.is_some_and(|until| until > now);
                (rests, candidate.incentive.max(LEAST) / wait, candidate)
            })
            .collect();
        ranked.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.uid.cmp(&b.2.uid)));
        let ranked: Vec<Candidate> = ranked.into_iter().map(|(_, _, candidate)| candidate).collect();
        // Who is gone is forgotten.
        measured.retain(|hotkey, _| ranked.iter().any(|candidate| candidate.target.hotkey == *hotkey));
        ranked
    }

    /// First words came after `wait`.
    pub(super) fn spoke(&self, hotkey: Account, wait: Duration) {
        let mut measured = self.measured();
        let of = measured.entry(hotkey).or_default();
        let wait = wait.as_secs_f64();
        of.first_s = Some(of.first_s.map_or(wait, |before| before + NEWEST * (wait - before)));
        (of.failures, of.rests_until) = (0, None);
    }

    /// No first words came.
    pub(super) fn failed(&self, hotkey: Account) {
        let mut measured = self.measured();
        let of = measured.entry(hotkey).or_default();
        let rest = FIRST_REST.saturating_mul(1 << of.failures.min(10)).min(MAX_REST);
        of.failures = of.failures.saturating_add(1);
        of.rests_until = Some(clock::monotonic() + rest);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    struct Three;

    fn candidate(uid: u16, incentive: f64) -> Candidate {
        let target = Target { hotkey: Account([uid as u8; 32]), ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 1 };
        Candidate { uid: Uid(uid), target, incentive }
    }

    impl Candidates for Three {
        fn now(&self) -> Vec<Candidate> {
            vec![candidate(0, 0.2), candidate(1, 0.4), candidate(2, 0.4)]
        }
    }

    fn uids(choice: &Choice) -> Vec<u16> {
        choice.order().iter().map(|candidate| candidate.uid.0).collect()
    }

    #[test]
    fn incentive_counts_then_speed_and_who_failed_is_last() {
        let choice = Choice::among(Arc::new(Three));
        assert_eq!(uids(&choice), [1, 2, 0]);
        choice.spoke(Account([1; 32]), Duration::from_secs(2));
        assert_eq!(uids(&choice), [2, 0, 1]);
        choice.failed(Account([2; 32]));
        assert_eq!(uids(&choice), [0, 1, 2]);
        choice.spoke(Account([2; 32]), Duration::from_millis(10));
        assert_eq!(uids(&choice), [2, 0, 1]);
    }
}
