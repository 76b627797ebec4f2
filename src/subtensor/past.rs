//! Reading the past: a node keeps the states of some hundred blocks, an archive node all of them.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use super::connection::Connection;
use super::error::{Failure, SubtensorError};
use super::link::Link;
use super::snapshot::Snapshot;
use super::{Metagraph, Subtensor, SubtensorConfig};
use crate::units::{BlockNumber, NetUid};

/// The connection to the archive, opened when somebody first asks for something that no other node has.
#[derive(Debug, Default)]
pub(super) struct Archive(OnceLock<Connection>);

impl Archive {
    /// `None` when the settings name none.
    fn connection(&self, config: &SubtensorConfig, genesis: [u8; 32]) -> Option<&Connection> {
        if config.archive.is_empty() {
            return None;
        }
        if self.0.get().is_none() {
            let endpoints = config.archive.clone();
            let config = SubtensorConfig { endpoints, archive: Vec::new(), genesis: Some(genesis), ..config.clone() };
            // Somebody else may be faster; then theirs is used.
            let _ = self.0.set(Connection::begin(config).ok()?);
        }
        self.0.get()
    }
}

impl Subtensor {
    /// Everybody in a subnet as it was at an earlier block: short for [`Subtensor::at`] and [`Subtensor::metagraph`].
    ///
    /// # Errors
    /// [`SubtensorError::NoBlock`] for a height that the chain has not reached, [`SubtensorError::Discarded`] for a state
    /// that no node in reach keeps, [`SubtensorError::NoSubnet`], or the chain cannot be read.
    pub async fn metagraph_at(&self, netuid: NetUid, block: BlockNumber) -> Result<Metagraph, SubtensorError> {
        self.at(block).metagraph(netuid).await
    }

    /// One question to an earlier block.
    pub(super) async fn ask_at<T, W, F>(&self, what: &str, block: BlockNumber, question: W) -> Result<T, SubtensorError>
    where
        W: Fn(Snapshot) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        let question = &question;
        let (config, genesis) = (&self.connection.config, &OnceLock::new());
        let at_block = |link: Arc<Link>| async move {
            genesis.get_or_init(|| link.genesis.0);
            question(snapshot(link, block).await?).await
        };
        let discarded = match self.connection.run(what, config.read_deadline, at_block).await {
            Err(error) if is_discarded(&error) => error,
            other => return other,
        };
        let archive = genesis.get().and_then(|genesis| self.archive.connection(config, *genesis));
        match archive {
            Some(archive) => {
                tracing::debug!(block, %discarded, "asking an archive node");
                match archive.run(what, config.read_deadline, at_block).await {
                    Err(error) if is_discarded(&error) => Err(SubtensorError::Discarded(block)),
                    other => other,
                }
            }
            None => Err(SubtensorError::Discarded(block)),
        }
    }
}

async fn snapshot(link: Arc<Link>, block: BlockNumber) -> Result<Snapshot, Failure> {
    if let Some(hash) = link.rpc.chain_get_block_hash(Some(block.into())).await? {
        return Snapshot::at(link, hash, block).await;
    }
    let (_, best) = link.best().await?;
    let error = if block > best { SubtensorError::NoBlock { block, best } } else { SubtensorError::Discarded(block) };
    Err(error.into())
}

/// Whether an archive node may have what this one has not. The texts are the node's own.
fn is_discarded(error: &SubtensorError) -> bool {
    match error {
        SubtensorError::Discarded(_) => true,
        SubtensorError::Node { code: 4003, message, .. } => {
            ["State already discarded", "UnknownBlock"].iter().any(|text| message.as_raw().contains(text))
        }
        _ => false,
    }
}
