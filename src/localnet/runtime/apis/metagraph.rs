//! A subnet with all its neurons, column by column.

use super::subnet_info::{compact_bytes, compacts};
use crate::localnet::{
    pallet::{self as chain, AxonInfo, ChainIdentityV2, SubnetIdentityV3},
    runtime::{AccountId, MechId, NetUid, Runtime, scalars::I96F32},
};
use codec::{Compact, Decode, Encode};
use scale_info::TypeInfo;

/// Declares the fields once: whole in [`Metagraph`], each optional in [`SelectiveMetagraph`]; the number selects.
macro_rules! metagraph {
    ($($(#[$doc:meta])* $number:literal $field:ident: $kind:ty,)*) => {
        /// A subnet with all its neurons. Lists are by uid, shares u16 fractions, amounts rao.
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
        pub struct Metagraph {
            /// The subnet.
            pub netuid: Compact<NetUid>,
            $($(#[$doc])* pub $field: $kind,)*
        }

        /// The asked-for fields of a [`Metagraph`].
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
        pub struct SelectiveMetagraph {
            /// The subnet.
            pub netuid: Compact<NetUid>,
            $($(#[$doc])* pub $field: Option<$kind>,)*
            /// Uids with a permit.
            pub validators: Option<Vec<Compact<u16>>>,
            /// There are no commitments here.
            pub commitments: Option<Vec<(AccountId, Vec<Compact<u8>>)>>,
        }

        impl Metagraph {
            /// Keeps the fields with these numbers; unknown numbers are ignored.
            fn select(self, numbers: &[u16]) -> SelectiveMetagraph {
                let validators = numbers.contains(&72).then(|| permitted(&self.validator_permit));
                SelectiveMetagraph {
                    netuid: self.netuid,
                    $($field: numbers.contains(&$number).then_some(self.$field),)*
                    validators,
                    commitments: numbers.contains(&73).then(Vec::new),
                }
            }
        }
    };
}

metagraph! {
    /// Its name.
    1 name: Vec<Compact<u8>>,
    /// Its alpha's symbol.
    2 symbol: Vec<Compact<u8>>,
    /// What it says about itself.
    3 identity: Option<SubnetIdentityV3>,
    /// Block of creation.
    4 network_registered_at: Compact<u64>,
    /// The owner's hotkey.
    5 owner_hotkey: AccountId,
    /// The owner's coldkey.
    6 owner_coldkey: AccountId,
    /// The block of this state.
    7 block: Compact<u64>,
    /// Period of epochs.
    8 tempo: Compact<u16>,
    /// Block of the last epoch.
    9 last_step: Compact<u64>,
    /// Blocks since then.
    10 blocks_since_last_step: Compact<u64>,
    /// Always 0.
    11 subnet_emission: Compact<u64>,
    /// Alpha in the pool.
    12 alpha_in: Compact<u64>,
    /// Alpha outside of the pool.
    13 alpha_out: Compact<u64>,
    /// TAO in the pool.
    14 tao_in: Compact<u64>,
    /// Alpha made for participants in the last block.
    15 alpha_out_emission: Compact<u64>,
    /// Alpha put into the pool in the last block.
    16 alpha_in_emission: Compact<u64>,
    /// TAO put into the pool in the last block.
    17 tao_in_emission: Compact<u64>,
    /// Alpha that the next epoch pays.
    18 pending_alpha_emission: Compact<u64>,
    /// Always 0.
    19 pending_root_emission: Compact<u64>,
    /// TAO that went through the pool.
    20 subnet_volume: Compact<u128>,
    /// Moving average of the price.
    21 moving_price: I96F32,
    /// Unused.
    22 rho: Compact<u16>,
    /// Majority of consensus.
    23 kappa: Compact<u16>,
    /// Fewest weights in a row.
    24 min_allowed_weights: Compact<u16>,
    /// Largest share of a weight.
    25 max_weights_limit: Compact<u16>,
    /// Least version key.
    26 weights_version: Compact<u64>,
    /// Blocks between weights.
    27 weights_rate_limit: Compact<u64>,
    /// Blocks until a validator is inactive.
    28 activity_cutoff: Compact<u64>,
    /// Most permits.
    29 max_validators: Compact<u16>,
    /// Number of neurons.
    30 num_uids: Compact<u16>,
    /// Most neurons.
    31 max_uids: Compact<u16>,
    /// Price of a registration.
    32 burn: Compact<u64>,
    /// Unused.
    33 difficulty: Compact<u64>,
    /// Is registration open?
    34 registration_allowed: bool,
    /// Unused.
    35 pow_registration_allowed: bool,
    /// Blocks in which a fresh neuron is safe.
    36 immunity_period: Compact<u16>,
    /// Unused.
    37 min_difficulty: Compact<u64>,
    /// Unused.
    38 max_difficulty: Compact<u64>,
    /// Least price of a registration.
    39 min_burn: Compact<u64>,
    /// Largest price of a registration.
    40 max_burn: Compact<u64>,
    /// Unused.
    41 adjustment_alpha: Compact<u64>,
    /// Unused.
    42 adjustment_interval: Compact<u16>,
    /// Unused.
    43 target_regs_per_interval: Compact<u16>,
    /// Unused.
    44 max_regs_per_block: Compact<u16>,
    /// Blocks between announcements.
    45 serving_rate_limit: Compact<u64>,
    /// Are weights committed first?
    46 commit_reveal_weights_enabled: bool,
    /// Epochs from commit to reveal.
    47 commit_reveal_period: Compact<u64>,
    /// Do bonds move liquidly?
    48 liquid_alpha_enabled: bool,
    /// Largest speed of liquid bonds.
    49 alpha_high: Compact<u16>,
    /// Least speed of liquid bonds.
    50 alpha_low: Compact<u16>,
    /// Weight of old bonds.
    51 bonds_moving_avg: Compact<u64>,
    /// Hotkeys.
    52 hotkeys: Vec<AccountId>,
    /// Their owners.
    53 coldkeys: Vec<AccountId>,
    /// What the owners say about themselves.
    54 identities: Vec<Option<ChainIdentityV2>>,
    /// Where they listen.
    55 axons: Vec<AxonInfo>,
    /// Did they set weights recently?
    56 active: Vec<bool>,
    /// May they set weights for others?
    57 validator_permit: Vec<bool>,
    /// No longer computed: empty.
    58 pruning_score: Vec<Compact<u16>>,
    /// Blocks of the last weights.
    59 last_update: Vec<Compact<u64>>,
    /// Alpha of the last epoch.
    60 emission: Vec<Compact<u64>>,
    /// Shares of what validators get.
    61 dividends: Vec<Compact<u16>>,
    /// Shares of what miners get.
    62 incentives: Vec<Compact<u16>>,
    /// Weights the majority agrees on.
    63 consensus: Vec<Compact<u16>>,
    /// No longer computed: empty.
    64 trust: Vec<Compact<u16>>,
    /// No longer computed: empty.
    65 rank: Vec<Compact<u16>>,
    /// Blocks of registration.
    66 block_at_registration: Vec<Compact<u64>>,
    /// Stake in the subnet.
    67 alpha_stake: Vec<Compact<u64>>,
    /// Stake on root, not weighted.
    68 tao_stake: Vec<Compact<u64>>,
    /// What both count together.
    69 total_stake: Vec<Compact<u64>>,
    /// Always zeros.
    70 tao_dividends_per_hotkey: Vec<(AccountId, Compact<u64>)>,
    /// Alpha that stakers got in the last epoch.
    71 alpha_dividends_per_hotkey: Vec<(AccountId, Compact<u64>)>,
}

fn permitted(permits: &[bool]) -> Vec<Compact<u16>> {
    (0u16..).zip(permits).filter(|(_, permit)| **permit).map(|(uid, _)| uid.into()).collect()
}

pub(super) fn metagraph(netuid: NetUid) -> Option<Metagraph> {
    mechagraph(netuid, MechId(0))
}

/// Incentive and last update are the mechanism's own, all else is the subnet's.
pub(super) fn mechagraph(netuid: NetUid, mechanism: MechId) -> Option<Metagraph> {
    chain::Pallet::<Runtime>::check_mechanism(netuid, mechanism).ok()?;
    let index = netuid.mechanism(mechanism);
    let hotkeys: Vec<AccountId> = super::subnet_info::hotkeys(netuid);
    let coldkeys: Vec<AccountId> = hotkeys.iter().map(chain::Owner::<Runtime>::get).collect();
    let (alpha_low, alpha_high) = chain::AlphaValues::<Runtime>::get(netuid);
    let stakes = super::subnet_info::Stakes::of(netuid, &hotkeys);
    Some(Metagraph {
        netuid: netuid.into(),
        name: compact_bytes(&super::subnet_info::name(netuid)),
        symbol: compact_bytes(&chain::TokenSymbol::<Runtime>::get(netuid)),
        identity: chain::SubnetIdentitiesV3::<Runtime>::get(netuid),
        network_registered_at: chain::NetworkRegisteredAt::<Runtime>::get(netuid).into(),
        owner_hotkey: chain::SubnetOwnerHotkey::<Runtime>::get(netuid),
        owner_coldkey: chain::SubnetOwner::<Runtime>::get(netuid),
        block: chain::Pallet::<Runtime>::block().into(),
        tempo: chain::Tempo::<Runtime>::get(netuid).into(),
        last_step: chain::LastMechansimStepBlock::<Runtime>::get(netuid).into(),
        blocks_since_last_step: chain::BlocksSinceLastStep::<Runtime>::get(netuid).into(),
        subnet_emission: 0.into(),
        alpha_in: chain::SubnetAlphaIn::<Runtime>::get(netuid).into(),
        alpha_out: chain::SubnetAlphaOut::<Runtime>::get(netuid).into(),
        tao_in: chain::SubnetTAO::<Runtime>::get(netuid).into(),
        alpha_out_emission: chain::SubnetAlphaOutEmission::<Runtime>::get(netuid).into(),
        alpha_in_emission: chain::SubnetAlphaInEmission::<Runtime>::get(netuid).into(),
        tao_in_emission: chain::SubnetTaoInEmission::<Runtime>::get(netuid).into(),
        pending_alpha_emission: chain::Pallet::<Runtime>::pending_emission(netuid).into(),
        pending_root_emission: 0.into(),
        subnet_volume: chain::SubnetVolume::<Runtime>::get(netuid).into(),
        moving_price: chain::SubnetMovingPrice::<Runtime>::get(netuid),
        rho: chain::Rho::<Runtime>::get(netuid).into(),
        kappa: chain::Kappa::<Runtime>::get(netuid).into(),
        min_allowed_weights: chain::MinAllowedWeights::<Runtime>::get(netuid).into(),
        max_weights_limit: chain::MaxWeightsLimit::<Runtime>::get(netuid).into(),
        weights_version: chain::WeightsVersionKey::<Runtime>::get(netuid).into(),
        weights_rate_limit: chain::WeightsSetRateLimit::<Runtime>::get(netuid).into(),
        activity_cutoff: chain::Pallet::<Runtime>::activity_cutoff(netuid).into(),
        max_validators: chain::MaxAllowedValidators::<Runtime>::get(netuid).into(),
        num_uids: chain::SubnetworkN::<Runtime>::get(netuid).into(),
        max_uids: chain::MaxAllowedUids::<Runtime>::get(netuid).into(),
        burn: chain::Burn::<Runtime>::get(netuid).into(),
        difficulty: chain::Difficulty::<Runtime>::get(netuid).into(),
        registration_allowed: chain::NetworkRegistrationAllowed::<Runtime>::get(netuid),
        pow_registration_allowed: chain::NetworkPowRegistrationAllowed::<Runtime>::get(netuid),
        immunity_period: chain::ImmunityPeriod::<Runtime>::get(netuid).into(),
        min_difficulty: chain::MinDifficulty::<Runtime>::get(netuid).into(),
        max_difficulty: chain::MaxDifficulty::<Runtime>::get(netuid).into(),
        min_burn: chain::MinBurn::<Runtime>::get(netuid).into(),
        max_burn: chain::MaxBurn::<Runtime>::get(netuid).into(),
        adjustment_alpha: chain::AdjustmentAlpha::<Runtime>::get(netuid).into(),
        adjustment_interval: chain::AdjustmentInterval::<Runtime>::get(netuid).into(),
        target_regs_per_interval: chain::TargetRegistrationsPerInterval::<Runtime>::get(netuid).into(),
        max_regs_per_block: chain::MaxRegistrationsPerBlock::<Runtime>::get(netuid).into(),
        serving_rate_limit: chain::ServingRateLimit::<Runtime>::get(netuid).into(),
        commit_reveal_weights_enabled: chain::CommitRevealWeightsEnabled::<Runtime>::get(netuid),
        commit_reveal_period: chain::RevealPeriodEpochs::<Runtime>::get(netuid).into(),
        liquid_alpha_enabled: chain::LiquidAlphaOn::<Runtime>::get(netuid),
        alpha_high: alpha_high.into(),
        alpha_low: alpha_low.into(),
        bonds_moving_avg: chain::BondsMovingAverage::<Runtime>::get(netuid).into(),
        identities: coldkeys.iter().map(chain::IdentitiesV2::<Runtime>::get).collect(),
        axons: hotkeys.iter().map(|key| chain::Axons::<Runtime>::get(netuid, key).unwrap_or_default()).collect(),
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
        block_at_registration: super::subnet_info::registrations(netuid),
        alpha_stake: stakes.alpha,
        tao_stake: stakes.tao,
        total_stake: stakes.total,
        tao_dividends_per_hotkey: hotkeys.iter().map(|hotkey| (hotkey.clone(), 0.into())).collect(),
        alpha_dividends_per_hotkey: hotkeys
            .iter()
            .map(|key| (key.clone(), chain::AlphaDividendsPerSubnet::<Runtime>::get(netuid, key).into()))
            .collect(),
        hotkeys,
        coldkeys,
    })
}

pub(super) fn selective(netuid: NetUid, mechanism: MechId, numbers: &[u16]) -> Option<SelectiveMetagraph> {
    mechagraph(netuid, mechanism).map(|metagraph| metagraph.select(numbers))
}
