//! Neurons as clients see them.

use crate::localnet::{
    pallet::{self as chain, AxonInfo, PrometheusInfo},
    runtime::{AccountId, NetUid, Runtime},
};
use codec::{Compact, Decode, Encode};
use scale_info::TypeInfo;

/// A neuron with its weights and bonds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct NeuronInfo {
    /// Its hotkey.
    pub hotkey: AccountId,
    /// The hotkey's owner.
    pub coldkey: AccountId,
    /// Its slot.
    pub uid: Compact<u16>,
    /// Its subnet.
    pub netuid: Compact<NetUid>,
    /// Did it set weights recently?
    pub active: bool,
    /// Where it listens; zeros where it does not.
    pub axon_info: AxonInfo,
    /// Where it serves metrics; zeros where it does not.
    pub prometheus_info: PrometheusInfo,
    /// Its owner and all alpha on the hotkey.
    pub stake: Vec<(AccountId, Compact<u64>)>,
    /// No longer computed: 0.
    pub rank: Compact<u16>,
    /// Alpha of the last epoch.
    pub emission: Compact<u64>,
    /// Share of what miners get.
    pub incentive: Compact<u16>,
    /// The weight the majority agrees on.
    pub consensus: Compact<u16>,
    /// No longer computed: 0.
    pub trust: Compact<u16>,
    /// How much of its weights the consensus kept.
    pub validator_trust: Compact<u16>,
    /// Share of what validators get.
    pub dividends: Compact<u16>,
    /// Block of its last weights.
    pub last_update: Compact<u64>,
    /// May it set weights for others?
    pub validator_permit: bool,
    /// Its weights.
    pub weights: Vec<(Compact<u16>, Compact<u16>)>,
    /// Its bonds.
    pub bonds: Vec<(Compact<u16>, Compact<u16>)>,
    /// No longer computed: 65535.
    pub pruning_score: Compact<u16>,
}

/// A neuron without its weights and bonds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct NeuronInfoLite {
    /// Its hotkey.
    pub hotkey: AccountId,
    /// The hotkey's owner.
    pub coldkey: AccountId,
    /// Its slot.
    pub uid: Compact<u16>,
    /// Its subnet.
    pub netuid: Compact<NetUid>,
    /// Did it set weights recently?
    pub active: bool,
    /// Where it listens; zeros where it does not.
    pub axon_info: AxonInfo,
    /// Where it serves metrics; zeros where it does not.
    pub prometheus_info: PrometheusInfo,
    /// Its owner and all alpha on the hotkey.
    pub stake: Vec<(AccountId, Compact<u64>)>,
    /// No longer computed: 0.
    pub rank: Compact<u16>,
    /// Alpha of the last epoch.
    pub emission: Compact<u64>,
    /// Share of what miners get.
    pub incentive: Compact<u16>,
    /// The weight the majority agrees on.
    pub consensus: Compact<u16>,
    /// No longer computed: 0.
    pub trust: Compact<u16>,
    /// How much of its weights the consensus kept.
    pub validator_trust: Compact<u16>,
    /// Share of what validators get.
    pub dividends: Compact<u16>,
    /// Block of its last weights.
    pub last_update: Compact<u64>,
    /// May it set weights for others?
    pub validator_permit: bool,
    /// No longer computed: 65535.
    pub pruning_score: Compact<u16>,
}

/// What the chain stores by uid, read once for all neurons of a subnet.
struct Columns {
    netuid: NetUid,
    active: Vec<bool>,
    permit: Vec<bool>,
    trust: Vec<u16>,
    consensus: Vec<u16>,
    incentive: Vec<u16>,
    dividends: Vec<u16>,
    emission: Vec<u64>,
    last_update: Vec<u64>,
}

fn at<V: Copy + Default>(column: &[V], uid: u16) -> V {
    column.get(usize::from(uid)).copied().unwrap_or_default()
}

impl Columns {
    fn read(netuid: NetUid) -> Self {
        let index = netuid.main_mechanism();
        Self {
            netuid,
            active: chain::Active::<Runtime>::get(netuid),
            permit: chain::ValidatorPermit::<Runtime>::get(netuid),
            trust: chain::ValidatorTrust::<Runtime>::get(netuid),
            consensus: chain::Consensus::<Runtime>::get(netuid),
            incentive: chain::Incentive::<Runtime>::get(index),
            dividends: chain::Dividends::<Runtime>::get(netuid),
            emission: chain::Emission::<Runtime>::get(netuid),
            last_update: chain::LastUpdate::<Runtime>::get(index),
        }
    }

    fn lite(&self, uid: u16) -> NeuronInfoLite {
        let hotkey = chain::Keys::<Runtime>::get(self.netuid, uid);
        let coldkey = chain::Owner::<Runtime>::get(&hotkey);
        let stake = chain::TotalHotkeyAlpha::<Runtime>::get(&hotkey, self.netuid);
        NeuronInfoLite {
            uid: uid.into(),
            netuid: self.netuid.into(),
            active: at(&self.active, uid),
            axon_info: chain::Axons::<Runtime>::get(self.netuid, &hotkey).unwrap_or_default(),
            prometheus_info: chain::Prometheus::<Runtime>::get(self.netuid, &hotkey).unwrap_or_default(),
            stake: vec![(coldkey.clone(), stake.into())],
            rank: 0.into(),
            emission: at(&self.emission, uid).into(),
            incentive: at(&self.incentive, uid).into(),
            consensus: at(&self.consensus, uid).into(),
            trust: 0.into(),
            validator_trust: at(&self.trust, uid).into(),
            dividends: at(&self.dividends, uid).into(),
            last_update: at(&self.last_update, uid).into(),
            validator_permit: at(&self.permit, uid),
            pruning_score: u16::MAX.into(),
            hotkey,
            coldkey,
        }
    }

    fn full(&self, uid: u16) -> NeuronInfo {
        let index = self.netuid.main_mechanism();
        let lite = self.lite(uid);
        NeuronInfo {
            hotkey: lite.hotkey,
            coldkey: lite.coldkey,
            uid: lite.uid,
            netuid: lite.netuid,
            active: lite.active,
            axon_info: lite.axon_info,
            prometheus_info: lite.prometheus_info,
            stake: lite.stake,
            rank: lite.rank,
            emission: lite.emission,
            incentive: lite.incentive,
            consensus: lite.consensus,
            trust: lite.trust,
            validator_trust: lite.validator_trust,
            dividends: lite.dividends,
            last_update: lite.last_update,
            validator_permit: lite.validator_permit,
            weights: compact_row(chain::Weights::<Runtime>::get(index, uid)),
            bonds: compact_row(chain::Bonds::<Runtime>::get(index, uid)),
            pruning_score: lite.pruning_score,
        }
    }
}

fn compact_row(row: Vec<(u16, u16)>) -> Vec<(Compact<u16>, Compact<u16>)> {
    row.into_iter().map(|(uid, value)| (uid.into(), value.into())).collect()
}

pub(super) fn neurons(netuid: NetUid) -> Vec<NeuronInfo> {
    let columns = Columns::read(netuid);
    (0..chain::SubnetworkN::<Runtime>::get(netuid)).map(|uid| columns.full(uid)).collect()
}

pub(super) fn neuron(netuid: NetUid, uid: u16) -> Option<NeuronInfo> {
    (uid < chain::SubnetworkN::<Runtime>::get(netuid)).then(|| Columns::read(netuid).full(uid))
}

pub(super) fn neurons_lite(netuid: NetUid) -> Vec<NeuronInfoLite> {
    let columns = Columns::read(netuid);
    (0..chain::SubnetworkN::<Runtime>::get(netuid)).map(|uid| columns.lite(uid)).collect()
}

pub(super) fn neuron_lite(netuid: NetUid, uid: u16) -> Option<NeuronInfoLite> {
    (uid < chain::SubnetworkN::<Runtime>::get(netuid)).then(|| Columns::read(netuid).lite(uid))
}
