//! The freshness rung: is the nonce of now, and was it never used before?
//!
//! The window's rule is the wire's ([`synapse::freshness`]); here are the memory behind it and the two holes it closes:
//! a nonce that tells a time is judged by the clock whatever version its sender claims, and what was accepted once is not
//! accepted again, whatever timeout its sender claims.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::policy::AdmissionPolicy;
use super::replay::{Bounds, ReplayMemory, Sender};
use super::{Refused, Rung};
use crate::synapse::freshness::{self, Freshness, FreshnessPolicy};
use crate::synapse::{FIRST_MODERN_VERSION, Refusal, RequestHeaders};
use crate::units::Account;

/// Nonces from here on are times since the epoch (the number is 2001 in ns). Those of callers before SDK 7.2 count ns since
/// their machine's start, and no machine runs for 31 years.
const FIRST_EPOCH_NONCE: u64 = 1_000_000_000_000_000_000;

/// The age allowed on top of the caller's timeout, as every SDK has it.
const GRACE_NS: u64 = 4_000_000_000;

/// What a request that is fresh by its looks must claim once its signature is known to be right.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ticket {
    /// A nonce that tells a time.
    Timed { sender: Sender, nonce: u64, horizon_ns: u64 },
    /// One that only tells an order.
    Ordered { hotkey: Account, uuid: u64, nonce: u64 },
}

/// The rung with its memories.
#[derive(Debug)]
pub(crate) struct FreshnessRung {
    memory: ReplayMemory,
    ordered: Mutex<OrderedNonces>,
}

impl FreshnessRung {
    /// Refuses everything from before `started_ns`, wall time.
    pub(crate) fn new(started_ns: u64) -> Self {
        Self { memory: ReplayMemory::new(Bounds::USUAL, started_ns), ordered: Mutex::default() }
    }

    /// A look without trace, before the signature.
    pub(crate) fn look(
        &self,
        headers: &RequestHeaders,
        hotkey: Account,
        known: bool,
        policy: &AdmissionPolicy,
        now_ns: u64,
    ) -> Result<Ticket, Refused> {
        let limits = FreshnessPolicy {
            grace_ns: GRACE_NS,
            max_timeout_s: policy.max_timeout.as_secs_f64(),
            future_ns: u64::try_from(policy.max_future.as_nanos()).unwrap_or(u64::MAX),
            legacy_peers: policy.legacy_peers,
        };
        let tells_time = headers.nonce.is_some_and(|nonce| nonce >= FIRST_EPOCH_NONCE);
        let judged = if policy.legacy_peers && tells_time && !headers.is_modern() {
            let as_modern = RequestHeaders { version: Some(FIRST_MODERN_VERSION), ..headers.clone() };
            freshness::check(&as_modern, now_ns, &limits)
        } else {
            freshness::check(headers, now_ns, &limits)
        };
        let refuse = |refusal: Refusal| Refused::unverified(Rung::Freshness, refusal);
        let uuid = self.memory.hash_uuid(headers.uuid.as_deref());
        let nonce = headers.nonce.unwrap_or_default();
        match judged.map_err(refuse)? {
            Freshness::Until { .. } => {
                let widest = u64::try_from(policy.max_timeout.as_nanos()).unwrap_or(u64::MAX).saturating_add(GRACE_NS);
                self.look_timed(Sender { hotkey, uuid, known }, nonce, now_ns.saturating_sub(widest))
            }
            Freshness::Legacy => {
                let ordered = self.ordered.lock().unwrap_or_else(PoisonError::into_inner);
                let used = ordered.last(hotkey, uuid).is_some_and(|last| nonce <= last);
                if used { Err(refuse(Refusal::Replayed)) } else { Ok(Ticket::Ordered { hotkey, uuid, nonce }) }
            }
        }
    }

    /// As [`FreshnessRung::look`] for `btauth/1`, whose age was judged already.
    pub(crate) fn look_btauth(
        &self,
        hotkey: Account,
        known: bool,
        nonce: u64,
        horizon_ns: u64,
    ) -> Result<Ticket, Refused> {
        let uuid = self.memory.hash_uuid(Some("btauth/1"));
        self.look_timed(Sender { hotkey, uuid, known }, nonce, horizon_ns)
    }

    fn look_timed(&self, sender: Sender, nonce: u64, horizon_ns: u64) -> Result<Ticket, Refused> {
        let used = |_| Refused::unverified(Rung::Freshness, Refusal::Replayed);
        self.memory.look(sender, nonce).map_err(used)?;
        Ok(Ticket::Timed { sender, nonce, horizon_ns })
    }

    /// Uses the nonce up. Of two requests with the same nonce that come here at once, one passes.
    pub(crate) fn claim(&self, ticket: Ticket) -> Result<(), Refused> {
        let claimed = match ticket {
            Ticket::Timed { sender, nonce, horizon_ns } => self.memory.claim(sender, nonce, horizon_ns).is_ok(),
            Ticket::Ordered { hotkey, uuid, nonce } => {
                self.ordered.lock().unwrap_or_else(PoisonError::into_inner).claim(hotkey, uuid, nonce)
            }
        };
        if claimed { Ok(()) } else { Err(Refused::unverified(Rung::Freshness, Refusal::Replayed)) }
    }

    /// Nonces and callers remembered now.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.memory.size()
    }
}

/// Legacy callers remembered, and dendrites of each.
const ORDERED_CALLERS: usize = 1024;
const ORDERED_DENDRITES: usize = 16;

/// The last nonce of each dendrite before SDK 7.2. Imperfect, as the protocol was: what is forgotten, or was captured
/// before a restart, can be replayed. That is why such callers are not admitted unless the operator says so.
#[derive(Debug, Default)]
struct OrderedNonces {
    callers: HashMap<Account, VecDeque<(u64, u64)>>,
    order: VecDeque<Account>,
}

impl OrderedNonces {
    fn last(&self, hotkey: Account, uuid: u64) -> Option<u64> {
        self.callers.get(&hotkey)?.iter().find(|(other, _)| *other == uuid).map(|(_, nonce)| *nonce)
    }

    fn claim(&mut self, hotkey: Account, uuid: u64, nonce: u64) -> bool {
        if self.last(hotkey, uuid).is_some_and(|last| nonce <= last) {
            return false;
        }
        if !self.callers.contains_key(&hotkey) {
            if self.order.len() >= ORDERED_CALLERS
                && let Some(oldest) = self.order.pop_front()
            {
                self.callers.remove(&oldest);
            }
            self.order.push_back(hotkey);
        }
        let dendrites = self.callers.entry(hotkey).or_default();
        dendrites.retain(|(other, _)| *other != uuid);
        if dendrites.len() >= ORDERED_DENDRITES {
            dendrites.pop_front();
        }
        dendrites.push_back((uuid, nonce));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_206_220_000_000_000;

    fn rung() -> FreshnessRung {
        FreshnessRung::new(NOW - 3_600_000_000_000)
    }

    fn headers(nonce: u64, version: u64, timeout: f64) -> RequestHeaders {
        RequestHeaders {
            nonce: Some(nonce),
            version: Some(version),
            timeout: Some(timeout),
            ..RequestHeaders::default()
        }
    }

    fn pass(rung: &FreshnessRung, headers: &RequestHeaders, policy: &AdmissionPolicy) -> bool {
        let ticket = rung.look(headers, Account([1; 32]), true, policy, NOW);
        ticket.and_then(|ticket| rung.claim(ticket)).is_ok()
    }

    #[test]
    fn a_lowered_version_does_not_revive_a_request_even_where_legacy_peers_are_served() {
        let policy = AdmissionPolicy { legacy_peers: true, ..AdmissionPolicy::default() };
        let rung = rung();
        assert!(pass(&rung, &headers(NOW, 10_005_000, 12.0), &policy));
        assert!(!pass(&rung, &headers(NOW, 701, 12.0), &policy), "the same nonce as an old caller");
        assert!(!pass(&rung, &headers(NOW - 30_000_000_000, 701, 12.0), &policy), "an old one that was never used");
        assert!(pass(&rung, &headers(2_738_981_645_562, 701, 12.0), &policy));
        assert!(!pass(&rung, &headers(2_738_981_645_562, 701, 12.0), &policy));
        assert!(!pass(&rung, &headers(2_738_981_645_563, 701, 12.0), &AdmissionPolicy::default()));
    }

    #[test]
    fn a_raised_timeout_does_not_revive_a_request() {
        let (rung, policy) = (rung(), AdmissionPolicy::default());
        let sent = NOW - 15_000_000_000;
        assert!(pass(&rung, &headers(sent, 10_005_000, 12.0), &policy));
        assert!(!pass(&rung, &headers(sent, 10_005_000, 1e9), &policy));
    }

    #[test]
    fn the_memory_of_legacy_callers_is_bounded() {
        let mut ordered = OrderedNonces::default();
        for caller in 0..3000u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&caller.to_le_bytes());
            for uuid in 0..20 {
                assert!(ordered.claim(Account(key), uuid, 5));
            }
        }
        assert_eq!(ordered.callers.len(), ORDERED_CALLERS);
        assert!(ordered.callers.values().all(|dendrites| dendrites.len() == ORDERED_DENDRITES));
    }
}
