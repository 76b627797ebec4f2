//! Why a role cannot begin, or cannot go on.

use crate::axon::AxonError;
use crate::config::{Task, TaskError};
use crate::dendrite::DendriteError;
use crate::forecast::ForecastError;
use crate::ledger::LedgerError;
use crate::market::MarketError;
use crate::subtensor::SubtensorError;
use crate::telemetry::MetricsError;
use crate::units::{Account, NetUid};
use crate::wallet::WalletError;

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// Which work?
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A kind of work that has no rooms yet.
    #[error("{role} for {task} is not built yet; this version works for events (subnets 6, 155, 101 and 30)")]
    NotBuilt {
        /// miner or validator.
        role: &'static str,
        /// The work asked for.
        task: Task,
    },
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
    /// The HTTP server.
    #[error(transparent)]
    Axon(#[from] AxonError),
    /// The monitoring.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The strategy.
    #[error(transparent)]
    Forecast(#[from] ForecastError),
    /// The caller.
    #[error(transparent)]
    Dendrite(#[from] DendriteError),
    /// The markets.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The state.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
