//! Why a demonstration did not end well.

use std::path::PathBuf;

use crate::dendrite::DendriteError;
use crate::forecast::ForecastError;
use crate::ledger::LedgerError;
use crate::localnet::LocalnetError;
use crate::market::MarketError;
use crate::market::simulator::SimulatorError;
use crate::market::tape::TapeError;
use crate::role::RoleError;
use crate::subtensor::SubtensorError;
use crate::wallet::KeyError;

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No folder for the ledger.
    #[error("no temporary folder could be made: {0}")]
    Folder(std::io::Error),
    /// The development chain.
    #[error(transparent)]
    Localnet(#[from] LocalnetError),
    /// The simulated market.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    /// The recorded market.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// Nothing to play.
    #[error("{} holds no recorded market that ended and had prices before; see docs/markets.md for what can be played", .0.display())]
    NoRecording(PathBuf),
    /// The market client.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// A key of the cast.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A strategy of the cast.
    #[error(transparent)]
    Forecast(#[from] ForecastError),
    /// The chain client.
    #[error(transparent)]
    Chain(#[from] SubtensorError),
    /// A miner.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The caller.
    #[error(transparent)]
    Dendrite(#[from] DendriteError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The axon of the miner that answers garbage.
    #[error("the garbage miner cannot serve: {0}")]
    Garbage(std::io::Error),
    /// Time passes and nothing is open or ends.
    #[error("only {scored} of {events} events were scored, and nothing is open any more")]
    NothingHappens {
        /// Events scored.
        scored: u64,
        /// Events asked for.
        events: u64,
    },
}
