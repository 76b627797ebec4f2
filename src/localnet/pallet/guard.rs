//! Checks that run in the pool as well as before dispatch, and the codes with which the pool refuses.

use super::{AxonInfo, Call, Config, Error, Pallet, PrometheusInfo, work::Work};
use crate::localnet::runtime::{AccountId, MechId};

/// Why the pool refuses a transaction: the `n` of `Custom error: n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Refusal {
    /// A swap of the coldkey is announced.
    ColdkeyInSwapSchedule = 0,
    /// Too little stake to set weights.
    StakeTooLow = 1,
    /// Nobody owns the hotkey.
    HotkeyAccountDoesntExist = 4,
    /// A rate limit is not over.
    RateLimitExceeded = 6,
    /// The hotkey that serves is not registered.
    HotKeyNotRegisteredInNetwork = 10,
    /// The announced address cannot be reached by others.
    InvalidIpAddress = 11,
    /// The rate limit of announcements is not over.
    ServingRateLimitExceeded = 12,
    /// The announced port is 0.
    InvalidPort = 13,
    /// The round that would open the commit has passed.
    InvalidRevealRound = 15,
    /// There is no such commit.
    CommitNotFound = 16,
    /// The commit cannot be revealed in this epoch.
    CommitBlockNotInRevealRange = 17,
    /// Lists of a batch differ in length.
    InputLengthsUnequal = 18,
    /// The swap of the coldkey is disputed.
    ColdkeySwapDisputed = 21,
    /// Another coldkey owns the hotkey.
    NonAssociatedColdKey = 25,
    /// The take is below the least one.
    DelegateTakeTooLow = 26,
    /// The take is above the largest one.
    DelegateTakeTooHigh = 27,
    /// Anything else.
    BadRequest = 255,
}

impl Refusal {
    /// The number clients see.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl<T> From<&Error<T>> for Refusal {
    fn from(error: &Error<T>) -> Self {
        match error {
            Error::ColdkeySwapAnnounced => Self::ColdkeyInSwapSchedule,
            Error::ColdkeySwapDisputed => Self::ColdkeySwapDisputed,
            Error::HotKeyAccountNotExists => Self::HotkeyAccountDoesntExist,
            Error::NonAssociatedColdKey => Self::NonAssociatedColdKey,
            Error::DelegateTakeTooLow => Self::DelegateTakeTooLow,
            Error::DelegateTakeTooHigh => Self::DelegateTakeTooHigh,
            Error::NotEnoughStakeToSetWeights => Self::StakeTooLow,
            Error::SettingWeightsTooFast | Error::CommittingWeightsTooFast | Error::NetworkTxRateLimitExceeded => {
                Self::RateLimitExceeded
            }
            Error::HotKeyNotRegisteredInNetwork => Self::HotKeyNotRegisteredInNetwork,
            Error::InvalidIpAddress => Self::InvalidIpAddress,
            Error::ServingRateLimitExceeded => Self::ServingRateLimitExceeded,
            Error::InvalidPort => Self::InvalidPort,
            Error::InvalidRevealRound => Self::InvalidRevealRound,
            Error::NoWeightsCommitFound => Self::CommitNotFound,
            Error::RevealTooEarly => Self::CommitBlockNotInRevealRange,
            Error::InputLengthsUnequal => Self::InputLengthsUnequal,
            _ => Self::BadRequest,
        }
    }
}

impl<T: Config> Pallet<T> {
    /// Would `call` by `who` certainly fail?
    ///
    /// # Errors
    /// The error with which the call would fail.
    pub fn guard(who: &AccountId, call: &Call<T>) -> Result<(), Error<T>> {
        let about_the_swap = matches!(
            call,
            Call::announce_coldkey_swap { .. }
                | Call::swap_coldkey_announced { .. }
                | Call::dispute_coldkey_swap {}
                | Call::clear_coldkey_swap_announcement {}
        );
        if !about_the_swap {
            Self::check_not_frozen(who)?;
        }
        match call {
            Call::set_weights { netuid, .. } => Self::guard_weights(who, *netuid, MechId(0)),
            Call::set_mechanism_weights { netuid, mecid, .. } => Self::guard_weights(who, *netuid, *mecid),
            Call::batch_set_weights { netuids, weights, version_keys } => {
                Self::guard_batch(who, netuids, &[weights.len(), version_keys.len()])
            }
            Call::commit_weights { netuid, .. } => Self::guard_commit(who, *netuid, MechId(0)),
            Call::commit_mechanism_weights { netuid, mecid, .. } => Self::guard_commit(who, *netuid, *mecid),
            Call::batch_commit_weights { netuids, commit_hashes } => {
                Self::guard_batch(who, netuids, &[commit_hashes.len()])
            }
            Call::reveal_weights { netuid, uids, values, salt, version_key } => {
                let hash = Self::commit_hash(who, netuid.main_mechanism(), uids, values, salt, *version_key);
                Self::guard_reveal(who, *netuid, netuid.main_mechanism(), &[hash])
            }
            Call::reveal_mechanism_weights { netuid, mecid, uids, values, salt, version_key } => {
                let index = netuid.mechanism(*mecid);
                let hash = Self::commit_hash(who, index, uids, values, salt, *version_key);
                Self::guard_reveal(who, *netuid, index, &[hash])
            }
            Call::batch_reveal_weights { netuid, uids_list, values_list, salts_list, version_keys } => {
                let hashes = Self::batch_hashes(who, *netuid, uids_list, values_list, salts_list, version_keys)?;
                Self::guard_reveal(who, *netuid, netuid.main_mechanism(), &hashes)
            }
            Call::commit_timelocked_weights { netuid, reveal_round, .. }
            | Call::commit_timelocked_mechanism_weights { netuid, reveal_round, .. }
            | Call::commit_crv3_mechanism_weights { netuid, reveal_round, .. } => {
                Self::guard_timelocked(who, *netuid, *reveal_round)
            }
            Call::register_network { .. } | Call::register_network_with_identity { .. } => Self::check_network_rate(),
            Call::increase_take { hotkey, take } | Call::decrease_take { hotkey, take } => {
                Self::check_take(who, hotkey, *take)
            }
            Call::pow_register { netuid, work_block, nonce, work, hotkey } => {
                let (netuid, block, nonce, seal) = (*netuid, *work_block, *nonce, work.as_slice());
                Self::check_work(Work { netuid, block, nonce, seal, hotkey, coldkey: who })
            }
            Call::serve_axon { netuid, version, ip, port, ip_type, .. } => {
                let axon =
                    AxonInfo { version: *version, ip: *ip, port: *port, ip_type: *ip_type, ..AxonInfo::default() };
                Self::check_axon(who, *netuid, &axon)
            }
            Call::serve_prometheus { netuid, version, ip, port, ip_type } => {
                let prometheus =
                    PrometheusInfo { block: 0, version: *version, ip: *ip, port: *port, ip_type: *ip_type };
                Self::check_prometheus(who, *netuid, &prometheus)
            }
            _ => Ok(()),
        }
    }
}
