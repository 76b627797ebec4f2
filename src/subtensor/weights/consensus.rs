//! What the next epoch will start from, as the chain has it now: the input of [`crate::yuma`].

use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::{AccountId32, H256};

use super::super::Subtensor;
use super::super::chain::{account, account_id};
use super::super::error::{Failure, SubtensorError};
use super::super::hyperparameters::Hyperparameters;
use super::super::metagraph::Metagraph;
use super::super::snapshot::{PALLET, Snapshot};
use super::{MechId, WeightsGround, storage_index};
use crate::units::{Account, BlockNumber, NetUid};
use crate::yuma::{BondRule, Neuron, Subnet};

/// What a runtime has where it has no liquid alpha.
const LEVEL: (u16, u16) = (45_875, 58_982);

impl Subtensor {
    /// What the next epoch of a mechanism would start from if it ran at block `epoch`, with the state of the best block.
    /// Emission is what waits now.
    ///
    /// # Errors
    /// [`SubtensorError::NoSubnet`], or the chain cannot be read.
    pub async fn before_epoch(&self, ground: &WeightsGround, mechanism: MechId) -> Result<Subnet, SubtensorError> {
        let netuid = ground.epochs.netuid;
        let epoch = ground.epochs.next().unwrap_or(ground.block.saturating_add(1));
        let unexpired = ground.rules.commit_reveal.then(|| {
            let next = ground.epochs.index().saturating_add(1);
            next.saturating_sub(ground.rules.reveal_period)..=next
        });
        let what = format!("what the next epoch of subnet {netuid} starts from");
        self.ask(&what, |at| {
            let unexpired = unexpired.clone();
            async move { read(&at, (netuid, mechanism), epoch, unexpired).await }
        })
        .await
    }
}

type Epochs = std::ops::RangeInclusive<u64>;

async fn read(
    at: &Snapshot,
    (netuid, mechanism): (NetUid, MechId),
    epoch: BlockNumber,
    unexpired: Option<Epochs>,
) -> Result<Subnet, Failure> {
    let net = netuid.0;
    let terms = Hyperparameters::read(at, netuid).await?;
    let neurons = neurons(at, (netuid, mechanism), unexpired).await?;
    let owner = match of::<AccountId32>(at, "SubnetOwnerHotkey", net).await? {
        Some(hotkey) => at.value(PALLET, "Uids", (net, hotkey)).await?,
        None => None,
    };
    let pending = [
        of::<u64>(at, "PendingServerEmission", net).await?.unwrap_or(0),
        of::<u64>(at, "PendingValidatorEmission", net).await?.unwrap_or(0),
    ];
    Ok(Subnet {
        block: epoch,
        tempo: u64::from(terms.tempo),
        last_step_block: of(at, "LastMechansimStepBlock", net).await?.unwrap_or(0),
        activity_cutoff: terms.activity_cutoff.unwrap_or(u64::MAX),
        stake_threshold: one(at, "StakeThreshold").await?.unwrap_or(0),
        tao_weight: one(at, "TaoWeight").await?.unwrap_or(0),
        owner,
        max_validators: terms.max_validators.unwrap_or(u16::MAX),
        kappa: terms.kappa.unwrap_or(u16::MAX / 2),
        bonds_penalty: of(at, "BondsPenalty", net).await?.unwrap_or(u16::MAX),
        bonds_moving_average: of(at, "BondsMovingAverage", net).await?.unwrap_or(900_000),
        bond_rule: bond_rule(at, net).await?,
        emission: pending.into_iter().fold(0, u64::saturating_add),
        neurons,
    })
}

async fn bond_rule(at: &Snapshot, net: u16) -> Result<BondRule, Failure> {
    if !of(at, "Yuma3On", net).await?.unwrap_or(false) {
        return Ok(BondRule::Yuma2);
    }
    if !of(at, "LiquidAlphaOn", net).await?.unwrap_or(false) {
        return Ok(BondRule::Yuma3);
    }
    let (low, high) = of(at, "AlphaValues", net).await?.unwrap_or(LEVEL);
    let steepness = of(at, "AlphaSigmoidSteepness", net).await?.unwrap_or(1000);
    Ok(BondRule::Liquid { low, high, steepness })
}

async fn neurons(
    at: &Snapshot,
    (netuid, mechanism): (NetUid, MechId),
    unexpired: Option<Epochs>,
) -> Result<Vec<Neuron>, Failure> {
    let index = storage_index(netuid, mechanism);
    let metagraph = Metagraph::read(at, netuid).await?;
    let uids: Vec<u16> = metagraph.neurons.iter().map(|neuron| neuron.uid.0).collect();
    type Rows = Vec<Option<Vec<(u16, u16)>>>;
    let (weights, bonds, updates, permits): (Rows, Rows, Option<Vec<u64>>, Option<Vec<bool>>) = tokio::try_join!(
        at.values("Weights", uids.iter().map(|uid| (index, *uid))),
        at.values("Bonds", uids.iter().map(|uid| (index, *uid))),
        at.value(PALLET, "LastUpdate", (index,)),
        at.value(PALLET, "ValidatorPermit", (netuid.0,)),
    )?;
    let commits = match unexpired {
        Some(epochs) => commits(at, index, &metagraph, epochs).await?,
        None => Vec::new(),
    };
    let (updates, permits) = (updates.unwrap_or_default(), permits.unwrap_or_default());
    let rows = weights.into_iter().zip(bonds);
    let neuron = |(shown, (weights, bonds)): (&super::super::Neuron, (Option<_>, Option<_>))| {
        let uid = usize::from(shown.uid.0);
        let own = commits.iter().filter(|(who, _)| *who == shown.hotkey).map(|(_, block)| *block);
        Neuron {
            alpha_stake: shown.alpha_stake.0,
            root_stake: shown.root_stake.0,
            last_update: updates.get(uid).copied(),
            registered_at: shown.registered_at,
            permit: permits.get(uid).copied(),
            weights: weights.unwrap_or_default(),
            bonds: bonds.unwrap_or_default(),
            committed_at: own.min(),
        }
    };
    Ok(metagraph.neurons.iter().zip(rows).map(neuron).collect())
}

/// Every commit of these epochs that waits for its reveal: whose, and the block that has it.
async fn commits(
    at: &Snapshot,
    index: u16,
    metagraph: &Metagraph,
    epochs: Epochs,
) -> Result<Vec<(Account, BlockNumber)>, Failure> {
    let mut found = Vec::new();
    if at.runtime.has_item(PALLET, "WeightCommits") {
        type Queue = Vec<(H256, u64, u64, u64)>;
        let keys = metagraph.neurons.iter().map(|neuron| (index, account_id(&neuron.hotkey)));
        let queues = at.values::<Queue, _>("WeightCommits", keys).await?;
        for (neuron, queue) in metagraph.neurons.iter().zip(queues) {
            let alive = queue.unwrap_or_default().into_iter().filter(|(_, epoch, ..)| epochs.contains(epoch));
            found.extend(alive.map(|(_, _, block, _)| (neuron.hotkey, block)));
        }
    }
    if at.runtime.has_item(PALLET, "TimelockedWeightCommits") {
        type Queue = Vec<(AccountId32, u64, Vec<u8>, u64)>;
        let keys = epochs.map(|epoch| (index, epoch));
        let queues = at.values::<Queue, _>("TimelockedWeightCommits", keys).await?;
        let all = queues.into_iter().flatten().flatten();
        found.extend(all.map(|(who, block, ..)| (account(&who), block)));
    }
    Ok(found)
}

/// An item of a subnet; `None` where the runtime does not have it.
async fn of<T: DecodeAsType>(at: &Snapshot, item: &str, net: u16) -> Result<Option<T>, Failure> {
    if !at.runtime.has_item(PALLET, item) {
        return Ok(None);
    }
    at.value(PALLET, item, (net,)).await
}

/// An item that is the same for all subnets; `None` where the runtime does not have it.
async fn one<T: DecodeAsType>(at: &Snapshot, item: &str) -> Result<Option<T>, Failure> {
    if !at.runtime.has_item(PALLET, item) {
        return Ok(None);
    }
    at.value(PALLET, item, ()).await
}
