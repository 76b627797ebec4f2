//! Subnets as clients see them, and what several views of a subnet share.

use crate::localnet::{
    pallet::{self as chain, SubnetIdentityV3},
    runtime::{AccountId, NetUid, Runtime, scalars::I96F32},
};
use codec::{Compact, Decode, Encode};
use scale_info::TypeInfo;

/// A subnet in short.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SubnetInfov2 {
    /// The subnet.
    pub netuid: Compact<NetUid>,
    /// Unused.
    pub rho: Compact<u16>,
    /// Majority of consensus.
    pub kappa: Compact<u16>,
    /// Unused.
    pub difficulty: Compact<u64>,
    /// Blocks in which a fresh neuron is safe.
    pub immunity_period: Compact<u16>,
    /// Most permits.
    pub max_allowed_validators: Compact<u16>,
    /// Fewest weights in a row.
    pub min_allowed_weights: Compact<u16>,
    /// Largest share of a weight.
    pub max_weights_limit: Compact<u16>,
    /// Unused.
    pub scaling_law_power: Compact<u16>,
    /// Number of neurons.
    pub subnetwork_n: Compact<u16>,
    /// Most neurons.
    pub max_allowed_uids: Compact<u16>,
    /// Blocks since the last epoch.
    pub blocks_since_last_step: Compact<u64>,
    /// Period of epochs.
    pub tempo: Compact<u16>,
    /// Always 0.
    pub network_modality: Compact<u16>,
    /// Always empty.
    pub network_connect: Vec<[u16; 2]>,
    /// Always 0.
    pub emission_value: Compact<u64>,
    /// Price of a registration.
    pub burn: Compact<u64>,
    /// The owner's coldkey.
    pub owner: AccountId,
    /// What it says about itself.
    pub identity: Option<SubnetIdentityV3>,
}

/// A subnet's economy.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct DynamicInfo {
    /// The subnet.
    pub netuid: Compact<NetUid>,
    /// The owner's hotkey.
    pub owner_hotkey: AccountId,
    /// The owner's coldkey.
    pub owner_coldkey: AccountId,
    /// Its name.
    pub subnet_name: Vec<Compact<u8>>,
    /// Its alpha's symbol.
    pub token_symbol: Vec<Compact<u8>>,
    /// Period of epochs.
    pub tempo: Compact<u16>,
    /// Block of the last epoch.
    pub last_step: Compact<u64>,
    /// Blocks since then.
    pub blocks_since_last_step: Compact<u64>,
    /// Always 0.
    pub emission: Compact<u64>,
    /// Alpha in the pool.
    pub alpha_in: Compact<u64>,
    /// Alpha outside of the pool.
    pub alpha_out: Compact<u64>,
    /// TAO in the pool.
    pub tao_in: Compact<u64>,
    /// Alpha made for participants in the last block.
    pub alpha_out_emission: Compact<u64>,
    /// Alpha put into the pool in the last block.
    pub alpha_in_emission: Compact<u64>,
    /// TAO put into the pool in the last block.
    pub tao_in_emission: Compact<u64>,
    /// Alpha that the next epoch pays.
    pub pending_alpha_emission: Compact<u64>,
    /// Always 0.
    pub pending_root_emission: Compact<u64>,
    /// TAO that went through the pool.
    pub subnet_volume: Compact<u128>,
    /// Block of creation.
    pub network_registered_at: Compact<u64>,
    /// What it says about itself.
    pub subnet_identity: Option<SubnetIdentityV3>,
    /// Moving average of the price.
    pub moving_price: I96F32,
}

/// A subnet's neurons, column by column.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SubnetState {
    /// The subnet.
    pub netuid: Compact<NetUid>,
    /// Hotkeys.
    pub hotkeys: Vec<AccountId>,
    /// Their owners.
    pub coldkeys: Vec<AccountId>,
    /// Did they set weights recently?
    pub active: Vec<bool>,
    /// May they set weights for others?
    pub validator_permit: Vec<bool>,
    /// No longer computed: empty.
    pub pruning_score: Vec<Compact<u16>>,
    /// Blocks of the last weights.
    pub last_update: Vec<Compact<u64>>,
    /// Alpha of the last epoch.
    pub emission: Vec<Compact<u64>>,
    /// Shares of what validators get.
    pub dividends: Vec<Compact<u16>>,
    /// Shares of what miners get.
    pub incentives: Vec<Compact<u16>>,
    /// Weights the majority agrees on.
    pub consensus: Vec<Compact<u16>>,
    /// No longer computed: empty.
    pub trust: Vec<Compact<u16>>,
    /// No longer computed: empty.
    pub rank: Vec<Compact<u16>>,
    /// Blocks of registration.
    pub block_at_registration: Vec<Compact<u64>>,
    /// Stake in the subnet.
    pub alpha_stake: Vec<Compact<u64>>,
    /// Stake on root, not weighted.
    pub tao_stake: Vec<Compact<u64>>,
    /// What both count together.
    pub total_stake: Vec<Compact<u64>>,
    /// Alpha of the last epoch in each subnet.
    pub emission_history: Vec<Vec<Compact<u64>>>,
}

/// Stakes of a subnet's hotkeys, with what parents lent and without what children got.
pub(super) struct Stakes {
    pub(super) alpha: Vec<Compact<u64>>,
    pub(super) tao: Vec<Compact<u64>>,
    pub(super) total: Vec<Compact<u64>>,
}

impl Stakes {
    pub(super) fn of(netuid: NetUid, hotkeys: &[AccountId]) -> Self {
        let stake = |place| {
            let inherited = |hotkey| chain::Pallet::<Runtime>::inherited(hotkey, netuid, place).into();
            hotkeys.iter().map(inherited).collect()
        };
        let total = |hotkey| chain::Pallet::<Runtime>::stake_weight(hotkey, netuid).into();
        Self { alpha: stake(netuid), tao: stake(NetUid::ROOT), total: hotkeys.iter().map(total).collect() }
    }
}

pub(super) fn compact_bytes(bytes: &[u8]) -> Vec<Compact<u8>> {
    bytes.iter().map(|byte| Compact(*byte)).collect()
}

pub(super) fn compacts<V>(values: Vec<V>) -> Vec<Compact<V>> {
    values.into_iter().map(Compact).collect()
}

pub(super) fn exists(netuid: NetUid) -> bool {
    chain::NetworksAdded::<Runtime>::get(netuid)
}

/// All subnets in order of number.
pub(super) fn all() -> Vec<NetUid> {
    let mut netuids: Vec<NetUid> = chain::NetworksAdded::<Runtime>::iter_keys().collect();
    netuids.sort_unstable();
    netuids
}

pub(super) fn hotkeys(netuid: NetUid) -> Vec<AccountId> {
    (0..chain::SubnetworkN::<Runtime>::get(netuid)).map(|uid| chain::Keys::<Runtime>::get(netuid, uid)).collect()
}

pub(super) fn registrations(netuid: NetUid) -> Vec<Compact<u64>> {
    (0..chain::SubnetworkN::<Runtime>::get(netuid))
        .map(|uid| chain::BlockAtRegistration::<Runtime>::get(netuid, uid).into())
        .collect()
}

pub(super) fn name(netuid: NetUid) -> Vec<u8> {
    let fallback = if netuid == NetUid::ROOT { "root" } else { "unknown" };
    chain::SubnetIdentitiesV3::<Runtime>::get(netuid)
        .map_or_else(|| fallback.as_bytes().to_vec(), |identity| identity.subnet_name)
}

pub(super) fn subnet_info(netuid: NetUid) -> Option<SubnetInfov2> {
    exists(netuid).then(|| SubnetInfov2 {
        netuid: netuid.into(),
        rho: chain::Rho::<Runtime>::get(netuid).into(),
        kappa: chain::Kappa::<Runtime>::get(netuid).into(),
        difficulty: chain::Difficulty::<Runtime>::get(netuid).into(),
        immunity_period: chain::ImmunityPeriod::<Runtime>::get(netuid).into(),
        max_allowed_validators: chain::MaxAllowedValidators::<Runtime>::get(netuid).into(),
        min_allowed_weights: chain::MinAllowedWeights::<Runtime>::get(netuid).into(),
        max_weights_limit: chain::MaxWeightsLimit::<Runtime>::get(netuid).into(),
        scaling_law_power: chain::ScalingLawPower::<Runtime>::get(netuid).into(),
        subnetwork_n: chain::SubnetworkN::<Runtime>::get(netuid).into(),
        max_allowed_uids: chain::MaxAllowedUids::<Runtime>::get(netuid).into(),
        blocks_since_last_step: chain::BlocksSinceLastStep::<Runtime>::get(netuid).into(),
        tempo: chain::Tempo::<Runtime>::get(netuid).into(),
        network_modality: 0.into(),
        network_connect: Vec::new(),
        emission_value: 0.into(),
        burn: chain::Burn::<Runtime>::get(netuid).into(),
        owner: chain::SubnetOwner::<Runtime>::get(netuid),
        identity: chain::SubnetIdentitiesV3::<Runtime>::get(netuid),
    })
}

pub(super) fn dynamic_info(netuid: NetUid) -> Option<DynamicInfo> {
    exists(netuid).then(|| DynamicInfo {
        netuid: netuid.into(),
        owner_hotkey: chain::SubnetOwnerHotkey::<Runtime>::get(netuid),
        owner_coldkey: chain::SubnetOwner::<Runtime>::get(netuid),
        subnet_name: compact_bytes(&name(netuid)),
        token_symbol: compact_bytes(&chain::TokenSymbol::<Runtime>::get(netuid)),
        tempo: chain::Tempo::<Runtime>::get(netuid).into(),
        last_step: chain::LastMechansimStepBlock::<Runtime>::get(netuid).into(),
        blocks_since_last_step: chain::BlocksSinceLastStep::<Runtime>::get(netuid).into(),
        emission: 0.into(),
        alpha_in: chain::SubnetAlphaIn::<Runtime>::get(netuid).into(),
        alpha_out: chain::SubnetAlphaOut::<Runtime>::get(netuid).into(),
        tao_in: chain::SubnetTAO::<Runtime>::get(netuid).into(),
        alpha_out_emission: chain::SubnetAlphaOutEmission::<Runtime>::get(netuid).into(),
        alpha_in_emission: chain::SubnetAlphaInEmission::<Runtime>::get(netuid).into(),
        tao_in_emission: chain::SubnetTaoInEmission::<Runtime>::get(netuid).into(),
        pending_alpha_emission: chain::Pallet::<Runtime>::pending_emission(netuid).into(),
        pending_root_emission: 0.into(),
        subnet_volume: chain::SubnetVolume::<Runtime>::get(netuid).into(),
        network_registered_at: chain::NetworkRegisteredAt::<Runtime>::get(netuid).into(),
        subnet_identity: chain::SubnetIdentitiesV3::<Runtime>::get(netuid),
        moving_price: chain::SubnetMovingPrice::<Runtime>::get(netuid),
    })
}

pub(super) fn subnet_state(netuid: NetUid) -> Option<SubnetState> {
    if !exists(netuid) {
        return None;
    }
    let index = netuid.main_mechanism();
    let hotkeys = hotkeys(netuid);
    let stakes = Stakes::of(netuid, &hotkeys);
    let emitted = |netuid: NetUid| {
        hotkeys.iter().map(|key| chain::LastHotkeyEmissionOnNetuid::<Runtime>::get(key, netuid).into()).collect()
    };
    Some(SubnetState {
        netuid: netuid.into(),
        coldkeys: hotkeys.iter().map(chain::Owner::<Runtime>::get).collect(),
        active: chain::Active::<Runtime>::get(netuid),
        validator_permit: chain::ValidatorPermit::<Runtime>::get(netuid),
        pruning_score: Vec::new(),
        last_update: compacts(chain::LastUpdate::<Runtime>::get(index)),
        emission: compacts(chain::Emission::<Runtime>::get(netuid)),
        dividends: compacts(chain::Dividends::<Runtime>::get(netuid)),
        incentives: compacts(chain::Incentive::<Runtime>::get(index)),
        consensus: compacts(chain::Consensus::<Runtime>::get(netuid)),
        trust: Vec::new(),
        rank: Vec::new(),
        block_at_registration: registrations(netuid),
        alpha_stake: stakes.alpha,
        tao_stake: stakes.tao,
        total_stake: stakes.total,
        emission_history: all().into_iter().map(emitted).collect(),
        hotkeys,
    })
}
