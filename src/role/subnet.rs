//! The subnet as the chain shows it, kept fresh in the background.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::axon::{Standing, StandingOf};
use crate::subtensor::{Metagraph, Neuron, Subtensor, SubtensorError};
use crate::units::{Account, NetUid};

/// A metagraph with its index by hotkey.
#[derive(Debug)]
pub struct Snapshot {
    /// Everybody, at one block.
    pub metagraph: Metagraph,
    by_hotkey: HashMap<Account, usize>,
}

impl Snapshot {
    fn new(metagraph: Metagraph) -> Self {
        let by_hotkey = metagraph.neurons.iter().enumerate().map(|(i, neuron)| (neuron.hotkey, i)).collect();
        Self { metagraph, by_hotkey }
    }

    /// The neuron of a hotkey.
    #[must_use]
    pub fn neuron(&self, hotkey: &Account) -> Option<&Neuron> {
        self.by_hotkey.get(hotkey).and_then(|i| self.metagraph.neurons.get(*i))
    }
}

/// The newest snapshot of a subnet. Cheap to clone; clones see the same.
#[derive(Debug, Clone)]
pub struct Subnet {
    chain: Subtensor,
    netuid: NetUid,
    newest: Arc<watch::Sender<Arc<Snapshot>>>,
}

impl Subnet {
    /// Reads the subnet a first time.
    ///
    /// # Errors
    /// The chain cannot be read, or has no such subnet.
    pub async fn read(chain: Subtensor, netuid: NetUid) -> Result<Self, SubtensorError> {
        let first = Arc::new(Snapshot::new(chain.metagraph(netuid).await?));
        Ok(Self { chain, netuid, newest: Arc::new(watch::Sender::new(first)) })
    }

    /// The chain it is read from.
    #[must_use]
    pub const fn chain(&self) -> &Subtensor {
        &self.chain
    }

    /// Its number.
    #[must_use]
    pub const fn netuid(&self) -> NetUid {
        self.netuid
    }

    /// The newest snapshot.
    #[must_use]
    pub fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.newest.borrow())
    }

    /// Reads it anew.
    ///
    /// # Errors
    /// The chain cannot be read; the snapshot stays as it was.
    pub async fn refresh(&self) -> Result<Arc<Snapshot>, SubtensorError> {
        let snapshot = Arc::new(Snapshot::new(self.chain.metagraph(self.netuid).await?));
        self.newest.send_replace(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// Keeps it fresh for ever: at most once in `every`, and only when there is a new block.
    ///
    /// # Errors
    /// A reading failed; call again later, the last snapshot stays in force.
    pub async fn follow(&self, every: Duration) -> Result<(), SubtensorError> {
        let mut blocks = self.chain.blocks();
        loop {
            tokio::time::sleep(every).await;
            if blocks.changed().await.is_err() {
                return Ok(());
            }
            self.refresh().await?;
        }
    }
}

impl StandingOf for Subnet {
    fn standing(&self, hotkey: &Account) -> Option<Standing> {
        let snapshot = self.now();
        let neuron = snapshot.neuron(hotkey)?;
        Some(Standing { uid: neuron.uid, stake: neuron.total_stake, validator_permit: neuron.validator_permit })
    }
}
