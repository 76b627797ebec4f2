//! Checks that run in the pool as well as before dispatch, and the codes with which the pool refuses.

use super::{AxonInfo, Call, Config, Error, Pallet, PrometheusInfo};
use crate::localnet::runtime::AccountId;

/// Why the pool refuses a transaction: the `n` of `Custom error: n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Refusal {
    /// Too little stake to set weights.
    StakeTooLow = 1,
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
            Error::NotEnoughStakeToSetWeights => Self::StakeTooLow,
            Error::SettingWeightsTooFast | Error::NetworkTxRateLimitExceeded => Self::RateLimitExceeded,
            Error::HotKeyNotRegisteredInNetwork => Self::HotKeyNotRegisteredInNetwork,
            Error::InvalidIpAddress => Self::InvalidIpAddress,
            Error::ServingRateLimitExceeded => Self::ServingRateLimitExceeded,
            Error::InvalidPort => Self::InvalidPort,
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
        match call {
            Call::set_weights { netuid, .. } | Call::set_mechanism_weights { netuid, .. } => {
                Self::guard_weights(who, *netuid)
            }
            Call::register_network { .. } => Self::check_network_rate(),
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
