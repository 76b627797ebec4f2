//! Why a role cannot begin, or cannot go on.

use crate::axon::AxonError;
use crate::dendrite::DendriteError;
use crate::ledger::LedgerError;
use crate::subnets::registry::KindError;
use crate::subnets::work::WorkError;
use crate::subtensor::SubtensorError;
use crate::telemetry::MetricsError;
use crate::units::{Account, NetUid};
use crate::wallet::WalletError;

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// Which work?
    #[error(transparent)]
    Kind(#[from] KindError),
    /// The kind of work cannot begin.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A setting that is well-formed but makes no sense.
    #[error("{0}")]
    Setting(String),
    /// The keys.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] SubtensorError),
    /// Not on the subnet.
    #[error(
        "hotkey {hotkey} is not registered on subnet {netuid}; register it with \
         `neuron register --netuid {netuid} --wallet.name {wallet} --wallet.hotkey {name}`"
    )]
    NotRegistered {
        /// The hotkey.
        hotkey: Account,
        /// The subnet.
        netuid: NetUid,
        /// The wallet's name.
        wallet: String,
        /// The hotkey's name.
        name: String,
    },
    /// Another process is at work on the same ledger.
    #[error(
        "{place} is written by another validator, {holder}; stop that one, or start this one with `--standby`: it takes over \
         when that one is gone"
    )]
    Held {
        /// The ledger.
        place: String,
        /// The other one, as it calls itself.
        holder: String,
    },
    /// Weights that cannot be written, and why.
    #[error("{0}")]
    Weights(String),
    /// The HTTP server.
    #[error(transparent)]
    Axon(#[from] AxonError),
    /// The monitoring.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The caller.
    #[error(transparent)]
    Dendrite(#[from] DendriteError),
    /// The state.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
