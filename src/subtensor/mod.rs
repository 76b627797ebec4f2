//! The chain, read and written through subxt's dynamic interface with the metadata that the node serves.
//!
//! ```
//! # #[cfg(not(feature = "localnet"))] fn main() {}
//! # #[cfg(feature = "localnet")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use neuron::localnet::{LocalnetConfig, spawn};
//! # let node = spawn(LocalnetConfig { port: 0, ..LocalnetConfig::default() }).await?;
//! use neuron::subtensor::{Subtensor, SubtensorConfig};
//! use neuron::units::NetUid;
//!
//! let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await?;
//! let metagraph = chain.metagraph(NetUid(155)).await?;
//! println!("{} neurons at block {}", metagraph.neurons.len(), metagraph.block);
//! # Ok(())
//! # }
//! ```
//!
//! For who knows the Python SDK:
//!
//! | there | here |
//! |---|---|
//! | `bt.Subtensor(network="finney")` | [`Subtensor::connect`]`(`[`SubtensorConfig::network`]`("finney")?)` |
//! | `subtensor.metagraph(netuid)`, with `block=…` | [`Subtensor::metagraph`], [`Subtensor::at`]`(block).metagraph(netuid)` |
//! | `metagraph.save()`, `.load()` | [`Metagraph::save`], [`Metagraph::load`]; what changed: [`Metagraph::diff`] |
//! | `subtensor.get_subnet_hyperparameters` | [`Subtensor::hyperparameters`] |
//! | `subtensor.get_uid_for_hotkey_on_subnet`, `get_hotkey_owner` | [`Subtensor::uid`], [`Subtensor::owner`] |
//! | `subtensor.get_balance`, `get_stake`, `get_stake_info_for_coldkey` | [`Subtensor::balance`], [`Subtensor::stake`], [`Subtensor::stakes`] |
//! | `subtensor.block`, `wait_for_block` | [`Subtensor::block_number`], [`Subtensor::blocks`] |
//! | `subtensor.query_module`, `query_map_module`, `query_constant`, `query_runtime_api` | [`Subtensor::storage`], [`Subtensor::constant`], [`Subtensor::api`] |
//! | `subtensor.all_subnets`, `get_delegates`, `get_children` | [`Subtensor::subnets`], [`Subtensor::delegates`], [`Subtensor::family`] |
//! | `subtensor.move_stake`, `swap_stake`, `transfer_stake`, `set_children`, … | [`Subtensor::submit`] with an [`Operation`] |
//! | `subtensor.set_weights`, `serve_axon` | [`Subtensor::set_weights`], [`Subtensor::serve_axon`] |
//! | `subtensor.burned_register`, `add_stake`, `unstake`, `transfer` | [`Subtensor::burned_register`], [`Subtensor::add_stake`], [`Subtensor::remove_stake`], [`Subtensor::transfer`] |
//!
//! Everything is looked up by name at run time, so an upgrade of the chain needs no new build; what a runtime does not
//! have is a [`SubtensorError::Missing`] or a `None`. Reads come from the best block, all values of one answer from the
//! same. Writes wait until their block is final. Behind [`Subtensor`] stands one connection that moves along the
//! endpoints (`connection.rs`); this room knows nothing of scores, axons or settings.

mod by_name;
mod calls;
mod chain;
mod connection;
mod crosscheck;
mod error;
mod hyperparameters;
mod keccak;
mod keeper;
mod link;
mod market;
mod metagraph;
mod metagraph_diff;
mod metagraph_file;
mod moved;
mod networks;
mod operation;
mod past;
mod people;
mod read;
mod refusals;
mod runtime;
pub mod seals;
mod sha256;
mod snapshot;
mod stake;
mod submit;
mod subnets;
mod transaction;
pub mod weights;
mod work;

use std::sync::Arc;

use tokio::sync::watch;

pub use by_name::{Entry, Stored};
pub use calls::{Announcement, Registration};
pub use connection::SubtensorConfig;
pub use error::{Attempt, Fault, Retry, SubtensorError};
pub use hyperparameters::Hyperparameters;
pub use market::Quote;
pub use metagraph::{AxonInfo, Metagraph, Neuron};
pub use metagraph_diff::{Changed, MetagraphDiff, Who};
pub use metagraph_file::MetagraphFileError;
pub use operation::{
    Checked, Identity, OfflineError, Operation, PriceLimit, RootClaim, SignedOffline, SubnetIdentity, Unsigned,
};
pub use people::{Delegate, Family, Relative};
pub use refusals::Refusal;
pub use stake::Position;
pub use submit::Inclusion;
pub use subnets::SubnetSummary;
pub use transaction::Found;
pub use work::{Puzzle, Solution};

use crate::units::BlockNumber;
use connection::Connection;
use past::Archive;

/// A chain. Cheap to clone; the connection ends with the last clone.
#[derive(Debug, Clone)]
pub struct Subtensor {
    connection: Arc<Connection>,
    archive: Arc<Archive>,
    /// The block that is read instead of the best one.
    pinned: Option<BlockNumber>,
}

impl Subtensor {
    /// Connects to the first endpoint that works, and from then on keeps a connection to one of them.
    ///
    /// # Errors
    /// [`SubtensorError::Unreachable`] with the reason of each endpoint when none works.
    pub async fn connect(config: SubtensorConfig) -> Result<Self, SubtensorError> {
        let chain = Self::begin(config)?;
        chain.ready().await?;
        Ok(chain)
    }

    /// Begins to connect and returns at once, for who has something to do while the chain is away: questions wait for a
    /// connection until their deadline. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`SubtensorError::NoEndpoint`] when none is given.
    pub fn begin(config: SubtensorConfig) -> Result<Self, SubtensorError> {
        Ok(Self { connection: Arc::new(Connection::begin(config)?), archive: Arc::default(), pinned: None })
    }

    /// The same chain as it was at an earlier block: all that is read through it comes from there, from the archive where the
    /// node in use has forgotten that block. What is written is written now.
    ///
    /// ```
    /// # #[cfg(not(feature = "localnet"))] fn main() {}
    /// # #[cfg(feature = "localnet")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use neuron::localnet::{LocalnetConfig, spawn};
    /// # use neuron::subtensor::{Subtensor, SubtensorConfig};
    /// # use neuron::units::NetUid;
    /// # let node = spawn(LocalnetConfig { port: 0, ..LocalnetConfig::default() }).await?;
    /// # node.mine(5).await?;
    /// let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await?;
    /// let now = chain.metagraph(NetUid(155)).await?;
    /// let then = chain.at(now.block - 3).metagraph(NetUid(155)).await?;
    /// assert!(then.diff(&now).registered.is_empty(), "nobody came in three blocks");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn at(&self, block: BlockNumber) -> Self {
        Self { pinned: Some(block), ..self.clone() }
    }

    /// Waits until an endpoint works, or each has failed once.
    ///
    /// # Errors
    /// [`SubtensorError::Unreachable`] with the reason of each endpoint.
    pub async fn ready(&self) -> Result<(), SubtensorError> {
        self.connection.ready().await
    }

    /// The height of the best block, as it changes: to wait on. After a move to another node it may fall a little.
    #[must_use]
    pub fn blocks(&self) -> watch::Receiver<BlockNumber> {
        self.connection.blocks()
    }

    /// Endpoints that have other final blocks than most, as the last comparison found: on a fork, or lying.
    #[must_use]
    pub fn distrusted(&self) -> Vec<Attempt> {
        self.connection.distrusted()
    }

    /// The endpoint in use now, without what may be secret in it; `None` between two connections.
    #[must_use]
    pub fn endpoint(&self) -> Option<String> {
        self.connection.endpoint()
    }
}
