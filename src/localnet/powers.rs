//! What a tester may do to a chain from outside of its rules: change the state, let time pass, say when blocks are made, go back
//! to a moment, and make calls fail or wait.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use frame_support::traits::fungible::Mutate;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::impersonation::Impersonation;
use super::pallet;
use super::runtime::{AccountId, Balance, Balances, Runtime};

/// Most faults that wait for their calls.
const FAULTS: usize = 1_024;

/// A change of the state, which the next block makes before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit {
    /// A value under a raw key; nothing removes it.
    Storage(Vec<u8>, Option<Vec<u8>>),
    /// What an account has free, in rao; the issuance follows.
    Balance(AccountId, Balance),
    /// The version that the runtime reports from the next block on.
    SpecVersion(u32),
    /// Whether any signature is good for an account.
    Impersonate(AccountId, Impersonation),
}

impl Edit {
    /// Makes the change; must run in externalities.
    pub(crate) fn apply(&self) {
        match self {
            Self::Storage(key, Some(value)) => sp_io::storage::set(key, value),
            Self::Storage(key, None) => sp_io::storage::clear(key),
            Self::Balance(account, rao) => {
                let before = Balances::total_issuance();
                Balances::set_balance(account, *rao);
                let after = Balances::total_issuance();
                pallet::TotalIssuance::<Runtime>::mutate(|sum| {
                    *sum = sum.saturating_add(after).saturating_sub(before);
                });
            }
            Self::SpecVersion(version) => pallet::SpecVersion::<Runtime>::put(version),
            Self::Impersonate(account, how) => how.set(account),
        }
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It gets this error instead of an answer.
    Error {
        /// Of JSON-RPC.
        code: i32,
        /// For people.
        message: String,
    },
    /// It waits before it is answered.
    Delay(Duration),
}

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockMode {
    /// One per block time.
    #[default]
    Interval,
    /// Only when asked for.
    Manual,
    /// One as soon as an extrinsic waits for it.
    Extrinsic,
}

impl BlockMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Interval, Self::Manual, Self::Extrinsic];

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// As settings and answers name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Manual => "manual",
            Self::Extrinsic => "extrinsic",
        }
    }
}

/// When blocks are made, and how far apart by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pace {
    pub(crate) mode: BlockMode,
    pub(crate) block_time: Duration,
}

/// Faults that wait for calls, whether blocks are held, and when they are made.
#[derive(Debug, Default)]
pub(crate) struct Powers {
    frozen: AtomicBool,
    faults: Mutex<VecDeque<(String, Fault)>>,
    pace: watch::Sender<Pace>,
}

impl Powers {
    /// Are blocks held? They are made when asked for then, not by the clock.
    pub(crate) fn frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed)
    }

    /// Holds the blocks, or lets them go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::Relaxed);
    }

    /// When blocks are made, as a signal.
    pub(crate) fn pace(&self) -> watch::Receiver<Pace> {
        self.pace.subscribe()
    }

    /// From now on blocks are made so.
    pub(crate) fn set_pace(&self, pace: Pace) {
        self.pace.send_replace(pace);
    }

    /// The next call of `method` gets this fault. `false` when too many wait already.
    pub(crate) fn plan(&self, method: &str, fault: Fault) -> bool {
        let mut faults = self.faults.lock();
        let room = faults.len() < FAULTS;
        if room {
            faults.push_back((method.to_owned(), fault));
        }
        room
    }

    /// The fault of a call that comes in now.
    pub(crate) fn fault_of(&self, method: &str) -> Option<Fault> {
        let mut faults = self.faults.lock();
        let place = faults.iter().position(|(named, _)| named == method)?;
        faults.remove(place).map(|(_, fault)| fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::localnet::genesis::{account_id, dev_account};
    use crate::localnet::testing::on_chain;
    use frame_support::traits::fungible::Inspect;

    #[test]
    fn an_edited_balance_changes_both_issuances() {
        on_chain(|| {
            let bob = account_id(dev_account("Bob"));
            let sums = || (Balances::total_issuance(), pallet::TotalIssuance::<Runtime>::get());
            let before = sums();
            let had = Balances::balance(&bob);
            Edit::Balance(bob.clone(), had + 7).apply();
            assert_eq!(sums(), (before.0 + 7, before.1 + 7));
            Edit::Balance(bob.clone(), 0).apply();
            assert_eq!((Balances::balance(&bob), sums().0), (0, before.0 - had));
            Edit::Storage(b"key".to_vec(), Some(b"value".to_vec())).apply();
            assert_eq!(sp_io::storage::get(b"key").unwrap().to_vec(), b"value");
        });
    }

    #[test]
    fn a_fault_meets_one_call_of_its_method() {
        let powers = Powers::default();
        assert!(powers.plan("a", Fault::Delay(Duration::from_millis(1))));
        assert_eq!(powers.fault_of("b"), None);
        assert_eq!(powers.fault_of("a"), Some(Fault::Delay(Duration::from_millis(1))));
        assert_eq!(powers.fault_of("a"), None);
        for _ in 0..FAULTS {
            assert!(powers.plan("a", Fault::Delay(Duration::ZERO)));
        }
        assert!(!powers.plan("a", Fault::Delay(Duration::ZERO)));
    }
}
