//! The blacklist rung: who may call at all, by lists, registration, permit and stake.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::rate::Rate;
use super::{Refused, Rung};
use crate::units::{Account, Rao, Uid};

/// What the subnet says about a hotkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its slot.
    pub uid: Uid,
    /// Its stake in the subnet.
    pub stake: Rao,
    /// Whether it may set weights as a validator.
    pub validator_permit: bool,
}

/// Who is registered. Implemented from the metagraph; asked for every request, so it must be a look-up in memory.
pub trait StandingOf: Send + Sync {
    /// The standing of `hotkey`, or `None` when it is not registered in the subnet.
    fn standing(&self, hotkey: &Account) -> Option<Standing>;
}

/// A subnet where nobody is registered.
impl StandingOf for () {
    fn standing(&self, _: &Account) -> Option<Standing> {
        None
    }
}

/// Who is admitted, and how much of them. Changeable while the axon serves.
#[derive(Debug, Clone)]
pub struct AdmissionPolicy {
    /// Hotkeys admitted whatever their standing.
    pub allow: HashSet<Account>,
    /// Hotkeys refused whatever their standing; stronger than `allow`.
    pub deny: HashSet<Account>,
    /// Admit hotkeys that are not registered in the subnet.
    pub allow_non_registered: bool,
    /// Admit only registered hotkeys with a validator permit, whatever their stake.
    pub force_validator_permit: bool,
    /// The stake from which a registered hotkey without a permit is admitted.
    pub min_stake: Rao,
    /// What one hotkey may send. Charged after the signature, so nobody can spend another's.
    pub hotkey_rate: Option<Rate>,
    /// What one address (one /64 network for IPv6) may send. The first thing asked of a request.
    pub ip_rate: Option<Rate>,
    /// The largest body.
    pub max_body_bytes: usize,
    /// The longest timeout taken from a caller's header, which is not signed.
    pub max_timeout: Duration,
    /// How far ahead of our clock a nonce may be.
    pub max_future: Duration,
    /// Admit SDK 6 to 7.1, whose nonces tell no time: a request captured from them can be replayed after a restart.
    pub legacy_peers: bool,
}

/// Registered callers with a permit, or with a stake of at least 1000 TAO.
impl Default for AdmissionPolicy {
    fn default() -> Self {
        Self {
            allow: HashSet::new(),
            deny: HashSet::new(),
            allow_non_registered: false,
            force_validator_permit: false,
            min_stake: Rao::from_tao(1000),
            hotkey_rate: Some(Rate { per_second: 50.0, burst: 500.0 }),
            ip_rate: Some(Rate { per_second: 200.0, burst: 2000.0 }),
            max_body_bytes: 8 * 1024 * 1024,
            max_timeout: Duration::from_secs(600),
            max_future: Duration::from_secs(10),
            legacy_peers: false,
        }
    }
}

impl AdmissionPolicy {
    /// Everybody who signs, without rates: for development and tests.
    #[must_use]
    pub fn open() -> Self {
        Self { allow_non_registered: true, min_stake: Rao(0), hotkey_rate: None, ip_rate: None, ..Self::default() }
    }

    /// Whether `hotkey` may call. The reasons are the words of the field's reference miners.
    pub(crate) fn judge(&self, hotkey: &Account, standing: Option<&Standing>) -> Result<(), Refused> {
        let refuse =
            |reason: &str| Err(Refused::new(Rung::Blacklist, 403, format!("Forbidden. Key is blacklisted: {reason}.")));
        if self.deny.contains(hotkey) {
            return refuse("Denied hotkey");
        }
        if self.allow.contains(hotkey) {
            return Ok(());
        }
        match standing {
            None if self.allow_non_registered => Ok(()),
            None => refuse("Unrecognized hotkey"),
            Some(standing) if standing.validator_permit => Ok(()),
            Some(_) if self.force_validator_permit => refuse("Non-validator hotkey"),
            Some(standing) if standing.stake < self.min_stake => refuse("Low stake"),
            Some(_) => Ok(()),
        }
    }
}

/// The policy in force; replaced as a whole.
#[derive(Debug)]
pub(crate) struct PolicyCell(RwLock<Arc<AdmissionPolicy>>);

impl PolicyCell {
    pub(crate) fn new(policy: AdmissionPolicy) -> Self {
        Self(RwLock::new(Arc::new(policy)))
    }

    pub(crate) fn get(&self) -> Arc<AdmissionPolicy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, policy: AdmissionPolicy) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(stake_tao: u64, validator_permit: bool) -> Standing {
        Standing { uid: Uid(1), stake: Rao::from_tao(stake_tao), validator_permit }
    }

    #[test]
    fn a_permit_or_enough_stake_is_asked_of_registered_callers() {
        let (policy, who) = (AdmissionPolicy::default(), Account([1; 32]));
        let reason = |standing: Option<Standing>| policy.judge(&who, standing.as_ref()).unwrap_err().message;
        assert!(policy.judge(&who, Some(&standing(0, true))).is_ok());
        assert!(policy.judge(&who, Some(&standing(1000, false))).is_ok());
        assert_eq!(reason(Some(standing(999, false))), "Forbidden. Key is blacklisted: Low stake.");
        assert_eq!(reason(None), "Forbidden. Key is blacklisted: Unrecognized hotkey.");
    }

    #[test]
    fn a_forced_permit_outweighs_stake_and_deny_outweighs_allow() {
        let who = Account([1; 32]);
        let forced = AdmissionPolicy { force_validator_permit: true, ..AdmissionPolicy::default() };
        assert!(forced.judge(&who, Some(&standing(1_000_000, false))).is_err());
        let mut lists = AdmissionPolicy { allow: [who].into(), ..AdmissionPolicy::default() };
        assert!(lists.judge(&who, None).is_ok());
        lists.deny.insert(who);
        assert!(lists.judge(&who, Some(&standing(1_000_000, true))).is_err());
    }
}
