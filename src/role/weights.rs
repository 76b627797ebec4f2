//! From shares to weights on the chain, and back: what was written is read again.

use std::sync::Arc;

use serde::Serialize;

use super::error::RoleError;
use super::subnet::{Snapshot, Subnet};
use crate::clock::Clock;
use crate::ledger::{Ledger, WeightSet};
use crate::scoring::weights::weights_u16;
use crate::subnets::work::Shares;
use crate::subtensor::{Hyperparameters, Neuron, SubtensorError};
use crate::units::{BlockNumber, Identity, Uid};
use crate::wallet::Keypair;

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum WeightsOutcome {
    /// The cadence says later.
    NotDue {
        /// The first block at which they may be set.
        from_block: BlockNumber,
    },
    /// Nobody has earned anything yet, or too few events count: the chain keeps what it has.
    NoScores,
    /// The chain has them, and shows them.
    Set {
        /// The block of inclusion.
        block: BlockNumber,
        /// The numbers, by uid.
        weights: Vec<(Uid, u16)>,
    },
}

/// Writes weights at the subnet's cadence.
pub struct WeightsWriter {
    hotkey: Arc<Keypair>,
    subnet: Subnet,
    ledger: Ledger,
    shares: Arc<dyn Shares>,
    clock: Clock,
    interval_blocks: Option<BlockNumber>,
}

impl std::fmt::Debug for WeightsWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WeightsWriter").field("hotkey", &self.hotkey).finish_non_exhaustive()
    }
}

impl WeightsWriter {
    /// A writer for `hotkey`'s weights: `shares` says who earned what, `ledger` remembers what was sent; `interval_blocks` replaces the cadence of the subnet's tempo.
    #[must_use]
    pub const fn new(
        hotkey: Arc<Keypair>,
        subnet: Subnet,
        ledger: Ledger,
        shares: Arc<dyn Shares>,
        clock: Clock,
        interval_blocks: Option<BlockNumber>,
    ) -> Self {
        Self { hotkey, subnet, ledger, shares, clock, interval_blocks }
    }

    /// Sets weights when they are due.
    ///
    /// # Errors
    /// The chain refused or cannot be reached, or the ledger cannot be read; try again at a later block.
    pub async fn set_when_due(&self) -> Result<WeightsOutcome, RoleError> {
        let parameters = self.subnet.chain().hyperparameters(self.subnet.netuid()).await?;
        let snapshot = self.subnet.refresh().await?;
        let own = self.own_neuron(&snapshot)?;
        let from_block = own.last_update.saturating_add(self.cadence(&parameters));
        if snapshot.metagraph.block < from_block {
            return Ok(WeightsOutcome::NotDue { from_block });
        }
        self.set(&snapshot, own, &parameters).await
    }

    /// Sets weights now, whatever the cadence.
    ///
    /// # Errors
    /// As [`WeightsWriter::set_when_due`].
    pub async fn set_now(&self) -> Result<WeightsOutcome, RoleError> {
        let parameters = self.subnet.chain().hyperparameters(self.subnet.netuid()).await?;
        let snapshot = self.subnet.refresh().await?;
        self.set(&snapshot, self.own_neuron(&snapshot)?, &parameters).await
    }

    /// Once per tempo is what consensus sees, and never more often than the rate limit allows.
    fn cadence(&self, parameters: &Hyperparameters) -> BlockNumber {
        let wanted = self.interval_blocks.unwrap_or_else(|| u64::from(parameters.tempo));
        wanted.max(parameters.weights_rate_limit.saturating_add(1))
    }

    fn own_neuron<'a>(&self, snapshot: &'a Snapshot) -> Result<&'a Neuron, RoleError> {
        let (hotkey, netuid) = (self.hotkey.account(), self.subnet.netuid());
        snapshot.neuron(&hotkey).ok_or(RoleError::Chain(SubtensorError::NotRegistered { hotkey, netuid }))
    }

    async fn set(
        &self,
        snapshot: &Snapshot,
        own: &Neuron,
        parameters: &Hyperparameters,
    ) -> Result<WeightsOutcome, RoleError> {
        let registered: Vec<Identity> = snapshot.metagraph.neurons.iter().map(Neuron::identity).collect();
        let Some(shares) = self.shares.shares(&registered).await? else { return Ok(WeightsOutcome::NoScores) };
        let by_uid: Vec<(Uid, f64)> =
            snapshot.metagraph.neurons.iter().zip(&shares).map(|(neuron, (_, share))| (neuron.uid, *share)).collect();
        let limit = f64::from(parameters.max_weight_limit) / f64::from(u16::MAX);
        let weights = weights_u16(&by_uid, usize::from(parameters.min_allowed_weights), limit);
        if weights.is_empty() {
            return Ok(WeightsOutcome::NoScores);
        }
        let (chain, netuid) = (self.subnet.chain(), self.subnet.netuid());
        let result = chain.set_weights(&self.hotkey, netuid, &weights, parameters.weights_version).await;
        let (block, outcome) = match &result {
            Ok(inclusion) => (inclusion.block, "included".to_owned()),
            Err(e) => (snapshot.metagraph.block, e.to_string()),
        };
        let numbers = weights.iter().map(|(uid, value)| (uid.0, *value)).collect();
        self.ledger.record_weights(WeightSet { at: self.clock.now(), block, outcome, weights: numbers }).await?;
        result?;
        self.check(own.uid, &weights).await?;
        Ok(WeightsOutcome::Set { block, weights })
    }

    /// Reads the weights back: the chain scales them so that the largest is 65535, as ours are already.
    async fn check(&self, own: Uid, sent: &[(Uid, u16)]) -> Result<(), RoleError> {
        let shown = self.subnet.chain().weights_of(self.subnet.netuid(), own).await?;
        if shown != sent {
            tracing::warn!(?sent, ?shown, "the chain shows other weights than were sent; they will be set again");
        }
        Ok(())
    }
}
