//! Why a demonstration did not end well.

use crate::dendrite::DendriteError;
use crate::ledger::LedgerError;
use crate::localnet::LocalnetError;
use crate::role::RoleError;
use crate::subnets::registry::KindError;
use crate::subnets::work::WorkError;
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
    /// No such kind of work, or none with a cast.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// The cast.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A key of the cast.
    #[error(transparent)]
    Key(#[from] KeyError),
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
    /// Time passes and nothing is open or ends.
    #[error("only {scored} of {goal} {things} were scored, and none is open any longer")]
    NothingHappens {
        /// Things scored.
        scored: u64,
        /// Things asked for.
        goal: u64,
        /// What they are.
        things: &'static str,
    },
}
