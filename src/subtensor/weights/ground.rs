//! Everything that decides how and when weights are written, read from one block.

use schemars::JsonSchema;
use serde::Serialize;
use subxt::ext::codec::Decode as _;
use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::{AccountId32, H256};

use super::super::chain::{account, account_id};
use super::super::error::{Failure, SubtensorError};
use super::super::metagraph::Metagraph;
use super::super::snapshot::{PALLET, Snapshot};
use super::super::{Neuron, Subtensor};
use super::epochs::{EpochClock, EpochRule, round_for};
use super::{Hash32, MechId, Row, storage_index};
use crate::timelock::{PublicKey, Schedule};
use crate::units::{Account, BlockNumber, NetUid, Rao, Uid, UnixMs};

/// The main network's time between blocks, where the runtime does not say.
const BLOCK_MS: u64 = 12_000;
/// Blocks before an epoch in which an owner changes nothing, where the runtime does not say.
const FREEZE_WINDOW: u64 = 10;

/// A subnet's rules for weights.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct WeightRules {
    /// Whether weights are committed first and revealed later.
    pub commit_reveal: bool,
    /// Epochs between commit and reveal.
    pub reveal_period: u64,
    /// The version of sealed commits that is accepted; `None` where there are none.
    pub commit_version: Option<u16>,
    /// Blocks that must pass between two weights of one validator.
    pub rate_limit: u64,
    /// The least number of weights; zeros count.
    pub min_allowed: u16,
    /// The lowest version key that is accepted.
    pub version_key: u64,
    /// The stake that setting weights needs, in rao.
    pub stake_threshold: Rao,
    /// Blocks before an epoch in which the subnet's owner cannot change these rules.
    pub freeze_window: u64,
    /// Whether the runtime takes hashes.
    pub takes_hashes: bool,
    /// Whether the runtime takes sealed commits.
    pub takes_sealed: bool,
    /// Whether its calls name a mechanism.
    pub has_mechanisms: bool,
}

/// The randomness beacon whose rounds open sealed commits.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Beacon {
    /// Its public key, compressed: what the chain names, else that of drand's quicknet.
    #[serde(serialize_with = "hex_digits")]
    #[schemars(with = "String")]
    pub public_key: Vec<u8>,
    /// When it publishes.
    #[serde(skip)]
    pub schedule: Schedule,
    /// The newest round that the chain has; 0: none yet.
    pub last_round: u64,
}

fn hex_digits<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

impl Beacon {
    /// Seconds by which the chain is behind the beacon at `now`; `None` before its first round.
    #[must_use]
    pub fn lag(&self, now: UnixMs) -> Option<u64> {
        let now = u64::try_from(now.as_secs()).ok()?;
        (self.last_round > 0).then(|| now.saturating_sub(self.schedule.time_of(self.last_round)))
    }
}

/// A hash that waits for its reveal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HashedCommit {
    /// The hash.
    pub hash: Hash32,
    /// The epoch it belongs to; in runtimes before 2026, the block.
    pub epoch: u64,
}

/// A sealed commit that waits for the chain to reveal it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SealedCommit {
    /// The hash of its bytes, as the chain's event has it.
    pub hash: Hash32,
    /// The epoch it belongs to.
    pub epoch: u64,
    /// The block that has it.
    pub block: BlockNumber,
    /// The round it is sealed for.
    pub round: u64,
}

/// What the chain has of a validator's weights in one mechanism.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MechanismGround {
    /// Which mechanism.
    pub mechanism: MechId,
    /// The block of its last weights or commit, or of its registration.
    pub last_update: BlockNumber,
    /// The weights that count now, as stored.
    pub row: Row,
    /// Its hashes, oldest first.
    pub hashed: Vec<HashedCommit>,
    /// Its sealed commits, oldest first; `None` when they were not asked for.
    pub sealed: Option<Vec<SealedCommit>>,
}

/// What is true of a validator's weights at one block.
#[derive(Debug, Clone)]
pub struct WeightsGround {
    /// The block.
    pub block: BlockNumber,
    /// Its hash.
    pub hash: Hash32,
    /// The chain's time at that block.
    pub now: UnixMs,
    /// Milliseconds from block to block.
    pub block_ms: u64,
    /// The schedule.
    pub epochs: EpochClock,
    /// The rules.
    pub rules: WeightRules,
    /// The beacon.
    pub beacon: Beacon,
    /// Whether the hotkey is that of the subnet's owner, whom no permit and no stake is asked of.
    pub is_owner: bool,
    /// Everybody.
    pub metagraph: Metagraph,
    /// The validator itself.
    pub own: Neuron,
    /// What it has, by mechanism.
    pub mechanisms: Vec<MechanismGround>,
}

impl WeightsGround {
    /// The round to seal for when committing now; `None` where no epoch ever reveals.
    #[must_use]
    pub fn reveal_round(&self) -> Option<u64> {
        let reveal = self.epochs.reveal_block(self.rules.reveal_period)?;
        Some(round_for((self.block, self.now), reveal, self.block_ms, self.beacon.schedule))
    }
}

impl Subtensor {
    /// Reads what decides about a validator's weights. `with_sealed`: also the sealed commits that wait, of which a subnet may
    /// have many.
    ///
    /// # Errors
    /// [`SubtensorError::NoSubnet`], [`SubtensorError::NotRegistered`], or the chain cannot be read.
    pub async fn weights_ground(
        &self,
        netuid: NetUid,
        hotkey: &Account,
        with_sealed: bool,
    ) -> Result<WeightsGround, SubtensorError> {
        let (what, hotkey) = (format!("the rules for weights of subnet {netuid}"), *hotkey);
        self.ask(&what, |at| async move { read(&at, netuid, hotkey, with_sealed).await }).await
    }
}

async fn read(at: &Snapshot, netuid: NetUid, hotkey: Account, with_sealed: bool) -> Result<WeightsGround, Failure> {
    let metagraph = Metagraph::read(at, netuid).await?;
    let own = metagraph.by_hotkey(&hotkey).cloned().ok_or(SubtensorError::NotRegistered { hotkey, netuid })?;
    let items = Items::read(at, netuid).await?;
    let epochs = items.epochs(at, netuid)?;
    let rules = items.rules(at)?;
    let beacon = items.beacon()?;
    let owner: Option<AccountId32> = items.get(PALLET, "SubnetOwnerHotkey")?;
    let count: u8 = items.get(PALLET, "MechanismCountCurrent")?.unwrap_or(1).max(1);
    let mut mechanisms = Vec::with_capacity(usize::from(count));
    for mechanism in 0..count {
        let reveal = (with_sealed && rules.takes_sealed).then_some(rules.reveal_period);
        mechanisms.push(of_mechanism(at, (netuid, mechanism), (&own, hotkey), &epochs, reveal).await?);
    }
    Ok(WeightsGround {
        block: at.block,
        hash: Hash32(at.hash.0),
        now: UnixMs(items.get::<u64>("Timestamp", "Now")?.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0)),
        block_ms: block_ms(at),
        epochs,
        rules,
        beacon,
        is_owner: owner.is_some_and(|owner| account(&owner) == hotkey),
        metagraph,
        own,
        mechanisms,
    })
}

fn block_ms(at: &Snapshot) -> u64 {
    let aura = at.runtime.metadata.pallet_by_name("Aura");
    let constant = aura.and_then(|pallet| pallet.constant_by_name("SlotDuration"));
    constant.and_then(|c| u64::decode(&mut &c.value()[..]).ok()).filter(|ms| *ms > 0).unwrap_or(BLOCK_MS)
}

/// One mechanism's part. `reveal`: the reveal period, when sealed commits are wanted.
async fn of_mechanism(
    at: &Snapshot,
    (netuid, mechanism): (NetUid, MechId),
    (own, hotkey): (&Neuron, Account),
    epochs: &EpochClock,
    reveal: Option<u64>,
) -> Result<MechanismGround, Failure> {
    let index = storage_index(netuid, mechanism);
    let (updates, row) = tokio::try_join!(
        at.value::<Vec<u64>>(PALLET, "LastUpdate", (index,)),
        at.value::<Vec<(u16, u16)>>(PALLET, "Weights", (index, own.uid.0)),
    )?;
    let last_update = updates.unwrap_or_default().get(usize::from(own.uid.0)).copied().unwrap_or(0);
    let row = row.unwrap_or_default().into_iter().map(|(uid, value)| (Uid(uid), value)).collect();
    let hashed =
        if at.runtime.has_item(PALLET, "WeightCommits") { hashes(at, index, hotkey).await? } else { Vec::new() };
    let sealed = match reveal {
        Some(period) => {
            let now = epochs.index();
            Some(sealed(at, index, hotkey, now.saturating_sub(period)..=now.saturating_add(1)).await?)
        }
        None => None,
    };
    Ok(MechanismGround { mechanism, last_update, row: Row(row), hashed, sealed })
}

async fn hashes(at: &Snapshot, index: u16, hotkey: Account) -> Result<Vec<HashedCommit>, Failure> {
    type Queue = Vec<(H256, u64, u64, u64)>;
    let queue: Option<Queue> = at.value(PALLET, "WeightCommits", (index, account_id(&hotkey))).await?;
    let commit = |(hash, epoch, _, _): (H256, u64, u64, u64)| HashedCommit { hash: Hash32(hash.0), epoch };
    Ok(queue.unwrap_or_default().into_iter().map(commit).collect())
}

async fn sealed(
    at: &Snapshot,
    index: u16,
    hotkey: Account,
    epochs: std::ops::RangeInclusive<u64>,
) -> Result<Vec<SealedCommit>, Failure> {
    type Queue = Vec<(AccountId32, u64, Vec<u8>, u64)>;
    let queues = at.values::<Queue, _>("TimelockedWeightCommits", epochs.clone().map(|epoch| (index, epoch))).await?;
    let mut found = Vec::new();
    for (epoch, queue) in epochs.zip(queues) {
        let own = queue.unwrap_or_default().into_iter().filter(|(who, ..)| account(who) == hotkey);
        found.extend(own.map(|(_, block, commit, round)| SealedCommit {
            hash: Hash32::of(&commit),
            epoch,
            block,
            round,
        }));
    }
    Ok(found)
}

/// Storage items of this subnet, and with `true` those that are the same for all.
const ITEMS: [(&str, &str, bool); 18] = [
    (PALLET, "NetworksAdded", false),
    (PALLET, "Tempo", false),
    (PALLET, "LastEpochBlock", false),
    (PALLET, "PendingEpochAt", false),
    (PALLET, "SubnetEpochIndex", false),
    (PALLET, "BlocksSinceLastStep", false),
    (PALLET, "CommitRevealWeightsEnabled", false),
    (PALLET, "RevealPeriodEpochs", false),
    (PALLET, "WeightsSetRateLimit", false),
    (PALLET, "MinAllowedWeights", false),
    (PALLET, "WeightsVersionKey", false),
    (PALLET, "SubnetOwnerHotkey", false),
    (PALLET, "MechanismCountCurrent", false),
    (PALLET, "CommitRevealWeightsVersion", true),
    (PALLET, "StakeThreshold", true),
    (PALLET, "AdminFreezeWindow", true),
    ("Timestamp", "Now", true),
    ("Drand", "LastStoredRound", true),
];
const BEACON: (&str, &str) = ("Drand", "BeaconConfig");

/// `Drand.BeaconConfig`, as far as sealing needs it.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct RawBeacon {
    public_key: Vec<u8>,
    period: u32,
    genesis_time: u32,
}

/// Pallet and item.
type Name = (&'static str, &'static str);

/// The raw values of the items that this runtime has, in one request.
struct Items<'a> {
    at: &'a Snapshot,
    rows: Vec<(Name, Option<Vec<u8>>)>,
}

impl<'a> Items<'a> {
    async fn read(at: &'a Snapshot, netuid: NetUid) -> Result<Self, Failure> {
        let wanted = ITEMS.into_iter().chain([(BEACON.0, BEACON.1, true)]);
        let known: Vec<_> = wanted.filter(|(pallet, item, _)| at.runtime.has_item(pallet, item)).collect();
        let key = |(pallet, item, global): &(&str, &str, bool)| match global {
            true => at.runtime.key(pallet, item, ()),
            false => at.runtime.key(pallet, item, (netuid.0,)),
        };
        let values = at.rows(&known.iter().map(key).collect::<Result<Vec<_>, _>>()?).await?;
        let names = known.into_iter().map(|(pallet, item, _)| (pallet, item));
        Ok(Self { at, rows: names.zip(values).collect() })
    }

    /// The item's value or its default; `None` when the runtime does not have it.
    fn get<T: DecodeAsType>(&self, pallet: &'static str, item: &'static str) -> Result<Option<T>, SubtensorError> {
        let Some((_, row)) = self.rows.iter().find(|(name, _)| *name == (pallet, item)) else { return Ok(None) };
        self.at.runtime.value(pallet, item, row.as_deref())
    }

    fn required<T: DecodeAsType>(&self, item: &'static str) -> Result<T, SubtensorError> {
        self.get(PALLET, item)?.ok_or_else(|| self.at.runtime.missing(format!("storage item {PALLET}.{item}")))
    }

    fn epochs(&self, at: &Snapshot, netuid: NetUid) -> Result<EpochClock, SubtensorError> {
        let tempo: u16 = self.required("Tempo")?;
        let counted = (self.get(PALLET, "LastEpochBlock")?, self.get(PALLET, "SubnetEpochIndex")?);
        let rule = match counted {
            (Some(last), Some(index)) => EpochRule::Counted {
                last,
                index,
                pending: self.get(PALLET, "PendingEpochAt")?.unwrap_or(0),
                since_last_step: self.get(PALLET, "BlocksSinceLastStep")?.unwrap_or(0),
            },
            _ => EpochRule::Phased,
        };
        Ok(EpochClock { netuid, block: at.block, tempo: u64::from(tempo), rule })
    }

    fn rules(&self, at: &Snapshot) -> Result<WeightRules, SubtensorError> {
        let takes = |call: &str| {
            let pallet = at.runtime.metadata.pallet_by_name(PALLET);
            pallet.and_then(|pallet| pallet.call_variant_by_name(call)).is_some()
        };
        Ok(WeightRules {
            commit_reveal: self.get(PALLET, "CommitRevealWeightsEnabled")?.unwrap_or(false),
            reveal_period: self.get(PALLET, "RevealPeriodEpochs")?.unwrap_or(1),
            commit_version: self.get(PALLET, "CommitRevealWeightsVersion")?,
            rate_limit: self.required("WeightsSetRateLimit")?,
            min_allowed: self.required("MinAllowedWeights")?,
            version_key: self.required("WeightsVersionKey")?,
            stake_threshold: Rao(self.get(PALLET, "StakeThreshold")?.unwrap_or(0)),
            freeze_window: self.get::<u16>(PALLET, "AdminFreezeWindow")?.map_or(FREEZE_WINDOW, u64::from),
            takes_hashes: takes("commit_weights") && takes("reveal_weights"),
            takes_sealed: takes("commit_timelocked_weights") && at.runtime.has_item(PALLET, "TimelockedWeightCommits"),
            has_mechanisms: takes("set_mechanism_weights"),
        })
    }
}

impl Items<'_> {
    fn beacon(&self) -> Result<Beacon, SubtensorError> {
        let raw: Option<RawBeacon> = self.get(BEACON.0, BEACON.1)?;
        let last_round = self.get("Drand", "LastStoredRound")?.unwrap_or(0);
        Ok(match raw.filter(|raw| !raw.public_key.is_empty()) {
            Some(RawBeacon { public_key, period, genesis_time }) => {
                let schedule = Schedule { genesis_unix_s: u64::from(genesis_time), period_s: u64::from(period) };
                Beacon { public_key, schedule, last_round }
            }
            None => {
                let public_key = PublicKey::QUICKNET.as_bytes().to_vec();
                Beacon { public_key, schedule: Schedule::QUICKNET, last_round }
            }
        })
    }
}
