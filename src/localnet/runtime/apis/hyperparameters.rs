//! A subnet's hyperparameters in the three shapes that clients ask for.

use super::subnet_info::exists;
use crate::localnet::{
    pallet as chain,
    runtime::{
        NetUid, Runtime,
        scalars::{I32F32, U64F64},
    },
};
use codec::{Compact, Decode, Encode};
use scale_info::TypeInfo;

/// The oldest shape.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SubnetHyperparams {
    /// Unused.
    pub rho: Compact<u16>,
    /// Majority of consensus.
    pub kappa: Compact<u16>,
    /// Blocks in which a fresh neuron is safe.
    pub immunity_period: Compact<u16>,
    /// Fewest weights in a row.
    pub min_allowed_weights: Compact<u16>,
    /// Largest share of a weight.
    pub max_weights_limit: Compact<u16>,
    /// Period of epochs.
    pub tempo: Compact<u16>,
    /// Unused.
    pub min_difficulty: Compact<u64>,
    /// Unused.
    pub max_difficulty: Compact<u64>,
    /// Least version key.
    pub weights_version: Compact<u64>,
    /// Blocks between weights.
    pub weights_rate_limit: Compact<u64>,
    /// Unused.
    pub adjustment_interval: Compact<u16>,
    /// Blocks until a validator is inactive.
    pub activity_cutoff: Compact<u64>,
    /// Is registration open?
    pub registration_allowed: bool,
    /// Unused.
    pub target_regs_per_interval: Compact<u16>,
    /// Least price of a registration.
    pub min_burn: Compact<u64>,
    /// Largest price of a registration.
    pub max_burn: Compact<u64>,
    /// Weight of old bonds.
    pub bonds_moving_avg: Compact<u64>,
    /// Unused.
    pub max_regs_per_block: Compact<u16>,
    /// Blocks between announcements.
    pub serving_rate_limit: Compact<u64>,
    /// Most permits.
    pub max_validators: Compact<u16>,
    /// Unused.
    pub adjustment_alpha: Compact<u64>,
    /// Unused.
    pub difficulty: Compact<u64>,
    /// Epochs from commit to reveal.
    pub commit_reveal_period: Compact<u64>,
    /// Are weights committed first?
    pub commit_reveal_weights_enabled: bool,
    /// Largest speed of liquid bonds.
    pub alpha_high: Compact<u16>,
    /// Least speed of liquid bonds.
    pub alpha_low: Compact<u16>,
    /// Do bonds move liquidly?
    pub liquid_alpha_enabled: bool,
}

/// The second shape: the first and six more.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SubnetHyperparamsV2 {
    /// Unused.
    pub rho: Compact<u16>,
    /// Majority of consensus.
    pub kappa: Compact<u16>,
    /// Blocks in which a fresh neuron is safe.
    pub immunity_period: Compact<u16>,
    /// Fewest weights in a row.
    pub min_allowed_weights: Compact<u16>,
    /// Largest share of a weight.
    pub max_weights_limit: Compact<u16>,
    /// Period of epochs.
    pub tempo: Compact<u16>,
    /// Unused.
    pub min_difficulty: Compact<u64>,
    /// Unused.
    pub max_difficulty: Compact<u64>,
    /// Least version key.
    pub weights_version: Compact<u64>,
    /// Blocks between weights.
    pub weights_rate_limit: Compact<u64>,
    /// Unused.
    pub adjustment_interval: Compact<u16>,
    /// Blocks until a validator is inactive.
    pub activity_cutoff: Compact<u64>,
    /// Is registration open?
    pub registration_allowed: bool,
    /// Unused.
    pub target_regs_per_interval: Compact<u16>,
    /// Least price of a registration.
    pub min_burn: Compact<u64>,
    /// Largest price of a registration.
    pub max_burn: Compact<u64>,
    /// Weight of old bonds.
    pub bonds_moving_avg: Compact<u64>,
    /// Unused.
    pub max_regs_per_block: Compact<u16>,
    /// Blocks between announcements.
    pub serving_rate_limit: Compact<u64>,
    /// Most permits.
    pub max_validators: Compact<u16>,
    /// Unused.
    pub adjustment_alpha: Compact<u64>,
    /// Unused.
    pub difficulty: Compact<u64>,
    /// Epochs from commit to reveal.
    pub commit_reveal_period: Compact<u64>,
    /// Are weights committed first?
    pub commit_reveal_weights_enabled: bool,
    /// Largest speed of liquid bonds.
    pub alpha_high: Compact<u16>,
    /// Least speed of liquid bonds.
    pub alpha_low: Compact<u16>,
    /// Do bonds move liquidly?
    pub liquid_alpha_enabled: bool,
    /// How sharply liquid bonds change speed.
    pub alpha_sigmoid_steepness: I32F32,
    /// 2 or 3.
    pub yuma_version: Compact<u16>,
    /// Is it started?
    pub subnet_is_active: bool,
    /// May stake be transferred?
    pub transfers_enabled: bool,
    /// May commitments clear bonds?
    pub bonds_reset_enabled: bool,
    /// Always false.
    pub user_liquidity_enabled: bool,
}

/// One hyperparameter of the third shape, which clients look up by name.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct HyperparamEntry {
    /// Its name, ASCII.
    pub name: Vec<u8>,
    /// Its value.
    pub value: HyperparamValue,
}

/// A hyperparameter's value.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum HyperparamValue {
    /// A switch.
    Bool(bool),
    /// A small number.
    U16(Compact<u16>),
    /// A number.
    U32(Compact<u32>),
    /// A large number.
    U64(Compact<u64>),
    /// A very large number.
    U128(Compact<u128>),
    /// An amount in rao.
    TaoBalance(Compact<u64>),
    /// A signed number with a fraction.
    I32F32(I32F32),
    /// A number with a fraction.
    U64F64(U64F64),
}

fn steepness(netuid: NetUid) -> I32F32 {
    I32F32 { bits: i64::from(chain::AlphaSigmoidSteepness::<Runtime>::get(netuid)) << I32F32::FRACTION_BITS }
}

fn yuma_version(netuid: NetUid) -> u16 {
    if chain::Yuma3On::<Runtime>::get(netuid) { 3 } else { 2 }
}

pub(super) fn v2(netuid: NetUid) -> Option<SubnetHyperparamsV2> {
    if !exists(netuid) {
        return None;
    }
    let (alpha_low, alpha_high) = chain::AlphaValues::<Runtime>::get(netuid);
    Some(SubnetHyperparamsV2 {
        rho: chain::Rho::<Runtime>::get(netuid).into(),
        kappa: chain::Kappa::<Runtime>::get(netuid).into(),
        immunity_period: chain::ImmunityPeriod::<Runtime>::get(netuid).into(),
        min_allowed_weights: chain::MinAllowedWeights::<Runtime>::get(netuid).into(),
        max_weights_limit: chain::MaxWeightsLimit::<Runtime>::get(netuid).into(),
        tempo: chain::Tempo::<Runtime>::get(netuid).into(),
        min_difficulty: chain::MinDifficulty::<Runtime>::get(netuid).into(),
        max_difficulty: chain::MaxDifficulty::<Runtime>::get(netuid).into(),
        weights_version: chain::WeightsVersionKey::<Runtime>::get(netuid).into(),
        weights_rate_limit: chain::WeightsSetRateLimit::<Runtime>::get(netuid).into(),
        adjustment_interval: chain::AdjustmentInterval::<Runtime>::get(netuid).into(),
        activity_cutoff: chain::Pallet::<Runtime>::activity_cutoff(netuid).into(),
        registration_allowed: chain::NetworkRegistrationAllowed::<Runtime>::get(netuid),
        target_regs_per_interval: chain::TargetRegistrationsPerInterval::<Runtime>::get(netuid).into(),
        min_burn: chain::MinBurn::<Runtime>::get(netuid).into(),
        max_burn: chain::MaxBurn::<Runtime>::get(netuid).into(),
        bonds_moving_avg: chain::BondsMovingAverage::<Runtime>::get(netuid).into(),
        max_regs_per_block: chain::MaxRegistrationsPerBlock::<Runtime>::get(netuid).into(),
        serving_rate_limit: chain::ServingRateLimit::<Runtime>::get(netuid).into(),
        max_validators: chain::MaxAllowedValidators::<Runtime>::get(netuid).into(),
        adjustment_alpha: chain::AdjustmentAlpha::<Runtime>::get(netuid).into(),
        difficulty: chain::Difficulty::<Runtime>::get(netuid).into(),
        commit_reveal_period: chain::RevealPeriodEpochs::<Runtime>::get(netuid).into(),
        commit_reveal_weights_enabled: chain::CommitRevealWeightsEnabled::<Runtime>::get(netuid),
        alpha_high: alpha_high.into(),
        alpha_low: alpha_low.into(),
        liquid_alpha_enabled: chain::LiquidAlphaOn::<Runtime>::get(netuid),
        alpha_sigmoid_steepness: steepness(netuid),
        yuma_version: yuma_version(netuid).into(),
        subnet_is_active: chain::SubtokenEnabled::<Runtime>::get(netuid),
        transfers_enabled: chain::TransferToggle::<Runtime>::get(netuid),
        bonds_reset_enabled: chain::BondsResetOn::<Runtime>::get(netuid),
        user_liquidity_enabled: false,
    })
}

pub(super) fn v1(netuid: NetUid) -> Option<SubnetHyperparams> {
    v2(netuid).map(|v2| SubnetHyperparams {
        rho: v2.rho,
        kappa: v2.kappa,
        immunity_period: v2.immunity_period,
        min_allowed_weights: v2.min_allowed_weights,
        max_weights_limit: v2.max_weights_limit,
        tempo: v2.tempo,
        min_difficulty: v2.min_difficulty,
        max_difficulty: v2.max_difficulty,
        weights_version: v2.weights_version,
        weights_rate_limit: v2.weights_rate_limit,
        adjustment_interval: v2.adjustment_interval,
        activity_cutoff: v2.activity_cutoff,
        registration_allowed: v2.registration_allowed,
        target_regs_per_interval: v2.target_regs_per_interval,
        min_burn: v2.min_burn,
        max_burn: v2.max_burn,
        bonds_moving_avg: v2.bonds_moving_avg,
        max_regs_per_block: v2.max_regs_per_block,
        serving_rate_limit: v2.serving_rate_limit,
        max_validators: v2.max_validators,
        adjustment_alpha: v2.adjustment_alpha,
        difficulty: v2.difficulty,
        commit_reveal_period: v2.commit_reveal_period,
        commit_reveal_weights_enabled: v2.commit_reveal_weights_enabled,
        alpha_high: v2.alpha_high,
        alpha_low: v2.alpha_low,
        liquid_alpha_enabled: v2.liquid_alpha_enabled,
    })
}

pub(super) fn v3(netuid: NetUid) -> Option<Vec<HyperparamEntry>> {
    use HyperparamValue as Value;
    let v2 = v2(netuid)?;
    let factor = chain::ActivityCutoffFactorMilli::<Runtime>::get(netuid);
    let entries = [
        ("kappa", Value::U16(v2.kappa)),
        ("immunity_period", Value::U16(v2.immunity_period)),
        ("min_allowed_weights", Value::U16(v2.min_allowed_weights)),
        ("max_weights_limit", Value::U16(v2.max_weights_limit)),
        ("tempo", Value::U16(v2.tempo)),
        ("weights_version", Value::U64(v2.weights_version)),
        ("weights_rate_limit", Value::U64(v2.weights_rate_limit)),
        ("activity_cutoff", Value::U64(v2.activity_cutoff)),
        ("activity_cutoff_factor", Value::U32(factor.into())),
        ("registration_allowed", Value::Bool(v2.registration_allowed)),
        ("target_regs_per_interval", Value::U16(v2.target_regs_per_interval)),
        ("min_burn", Value::TaoBalance(v2.min_burn)),
        ("max_burn", Value::TaoBalance(v2.max_burn)),
        ("burn_half_life", Value::U16(chain::BurnHalfLife::<Runtime>::get(netuid).into())),
        ("burn_increase_mult", Value::U64F64(chain::BurnIncreaseMult::<Runtime>::get(netuid))),
        ("bonds_moving_avg", Value::U64(v2.bonds_moving_avg)),
        ("max_regs_per_block", Value::U16(v2.max_regs_per_block)),
        ("serving_rate_limit", Value::U64(v2.serving_rate_limit)),
        ("max_validators", Value::U16(v2.max_validators)),
        ("commit_reveal_period", Value::U64(v2.commit_reveal_period)),
        ("commit_reveal_weights_enabled", Value::Bool(v2.commit_reveal_weights_enabled)),
        ("alpha_high", Value::U16(v2.alpha_high)),
        ("alpha_low", Value::U16(v2.alpha_low)),
        ("liquid_alpha_enabled", Value::Bool(v2.liquid_alpha_enabled)),
        ("alpha_sigmoid_steepness", Value::I32F32(v2.alpha_sigmoid_steepness)),
        ("yuma_version", Value::U16(v2.yuma_version)),
        ("subnet_is_active", Value::Bool(v2.subnet_is_active)),
        ("transfers_enabled", Value::Bool(v2.transfers_enabled)),
        ("bonds_reset_enabled", Value::Bool(v2.bonds_reset_enabled)),
        ("user_liquidity_enabled", Value::Bool(v2.user_liquidity_enabled)),
        ("owner_cut_enabled", Value::Bool(chain::OwnerCutEnabled::<Runtime>::get(netuid))),
        ("owner_cut_auto_lock_enabled", Value::Bool(false)),
        ("min_childkey_take", Value::U16(0.into())),
    ];
    Some(entries.into_iter().map(|(name, value)| HyperparamEntry { name: name.into(), value }).collect())
}
