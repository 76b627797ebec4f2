//! Stakes, delegates and swaps as clients see them.

use super::subnet_info::all;
use crate::localnet::{
    pallet::{self as chain, Swap},
    runtime::{AccountId, NetUid, Runtime},
};
use codec::{Compact, Decode, Encode};
use scale_info::TypeInfo;
use std::collections::BTreeMap;

/// What a coldkey holds on a hotkey in a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct StakeInfo {
    /// The hotkey.
    pub hotkey: AccountId,
    /// The staker.
    pub coldkey: AccountId,
    /// The subnet.
    pub netuid: Compact<NetUid>,
    /// Alpha-rao; rao on root.
    pub stake: Compact<u64>,
    /// Always 0.
    pub locked: Compact<u64>,
    /// Alpha that the hotkey got in the last epoch.
    pub emission: Compact<u64>,
    /// Always 0.
    pub tao_emission: Compact<u64>,
    /// Always 0.
    pub drain: Compact<u64>,
    /// Has the hotkey a uid there?
    pub is_registered: bool,
}

/// What a coldkey holds in a subnet, and what of it can be sold.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct StakeAvailability {
    /// All, in alpha-rao; rao on root.
    pub total: Compact<u64>,
    /// What is locked: nothing here.
    pub locked: Compact<u64>,
    /// The rest.
    pub available: Compact<u64>,
}

/// A subnet and the alpha-rao held there.
pub type Holding = (Compact<NetUid>, Compact<u64>);

/// Who takes stake from others.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct DelegateInfo {
    /// The hotkey.
    pub delegate_ss58: AccountId,
    /// Its take.
    pub take: Compact<u16>,
    /// Its stakers, and what they hold in each subnet.
    pub nominators: Vec<(AccountId, Vec<Holding>)>,
    /// The hotkey's owner.
    pub owner_ss58: AccountId,
    /// Subnets it is registered in.
    pub registrations: Vec<Compact<NetUid>>,
    /// Subnets in which it has a permit.
    pub validator_permits: Vec<Compact<NetUid>>,
    /// Not computed: 0.
    pub return_per_1000: Compact<u64>,
    /// Not computed: 0.
    pub total_daily_return: Compact<u64>,
}

/// A subnet's price.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SubnetPrice {
    /// The subnet.
    pub netuid: NetUid,
    /// Rao per alpha.
    pub price: u64,
}

/// What a swap would do; zeros when it is impossible.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SimSwapResult {
    /// TAO paid or got, in rao.
    pub tao_amount: u64,
    /// Alpha got or paid.
    pub alpha_amount: u64,
    /// Fee in rao, when TAO is paid.
    pub tao_fee: u64,
    /// Fee in alpha, when alpha is paid.
    pub alpha_fee: u64,
    /// TAO got less than at the present price.
    pub tao_slippage: u64,
    /// Alpha got less than at the present price.
    pub alpha_slippage: u64,
}

pub(super) fn stake_info(hotkey: AccountId, coldkey: AccountId, netuid: NetUid) -> StakeInfo {
    StakeInfo {
        netuid: netuid.into(),
        stake: chain::Pallet::<Runtime>::stake_of(&hotkey, &coldkey, netuid).into(),
        locked: 0.into(),
        emission: chain::LastHotkeyEmissionOnNetuid::<Runtime>::get(&hotkey, netuid).into(),
        tao_emission: 0.into(),
        drain: 0.into(),
        is_registered: chain::IsNetworkMember::<Runtime>::get(&hotkey, netuid),
        hotkey,
        coldkey,
    }
}

/// Everything a coldkey holds.
pub(super) fn stakes_of(coldkey: &AccountId) -> Vec<StakeInfo> {
    let netuids = all();
    chain::StakingHotkeys::<Runtime>::get(coldkey)
        .iter()
        .flat_map(|hotkey| netuids.iter().map(|netuid| stake_info(hotkey.clone(), coldkey.clone(), *netuid)))
        .filter(|info| info.stake.0 > 0)
        .collect()
}

/// What coldkeys hold in `netuids`, or in all subnets, where it is anything.
pub(super) fn availability(
    coldkeys: Vec<AccountId>,
    netuids: Option<&[NetUid]>,
) -> BTreeMap<AccountId, BTreeMap<NetUid, StakeAvailability>> {
    let of = |coldkey: &AccountId| {
        let mut sums: BTreeMap<NetUid, u64> = BTreeMap::new();
        for info in stakes_of(coldkey) {
            let sum = sums.entry(info.netuid.0).or_default();
            *sum = sum.saturating_add(info.stake.0);
        }
        sums.retain(|netuid, _| netuids.is_none_or(|asked| asked.contains(netuid)));
        let whole = |total: u64| StakeAvailability { total: total.into(), locked: 0.into(), available: total.into() };
        sums.into_iter().map(|(netuid, total)| (netuid, whole(total))).collect()
    };
    coldkeys.into_iter().map(|coldkey| (coldkey.clone(), of(&coldkey))).collect()
}

/// What a swap of stake costs: of a sale, else of a purchase; within a subnet nothing.
pub(super) fn fee(from: Option<NetUid>, to: Option<NetUid>, amount: u64) -> u64 {
    let paying = match (from, to) {
        (Some(from), Some(to)) if from == to => return 0,
        (Some(from), to) if from != NetUid::ROOT || to.is_none() => Some(from),
        (_, to) => to,
    };
    paying.map_or(0, |netuid| chain::Pallet::<Runtime>::swap_fee(netuid, amount))
}

/// What a coldkey's claims on root would bring if all were sold now, in rao.
pub(super) fn root_owed(coldkey: &AccountId) -> u64 {
    let worth = |hotkey: &AccountId, netuid| {
        let owed = chain::Pallet::<Runtime>::root_owed(hotkey, coldkey, netuid);
        chain::Pallet::<Runtime>::quote_sell(netuid, owed).map_or(0, |swap| swap.got)
    };
    let hotkeys = chain::StakingHotkeys::<Runtime>::get(coldkey);
    let of = |hotkey: &AccountId| -> u64 {
        chain::RootClaimable::<Runtime>::get(hotkey).into_keys().map(|netuid| worth(hotkey, netuid)).sum()
    };
    hotkeys.iter().map(of).sum()
}

/// Hotkeys with a take of their own, and those that anybody has staked to.
pub(super) fn delegates() -> Vec<DelegateInfo> {
    let mut stakers: BTreeMap<AccountId, BTreeMap<AccountId, Vec<NetUid>>> = BTreeMap::new();
    for (hotkey, coldkey, netuid) in chain::AlphaV2::<Runtime>::iter_keys() {
        stakers.entry(hotkey).or_default().entry(coldkey).or_default().push(netuid);
    }
    stakers.into_iter().map(|(hotkey, stakers)| delegate_info(hotkey, &stakers)).collect()
}

pub(super) fn delegate(hotkey: &AccountId) -> Option<DelegateInfo> {
    let mut stakers: BTreeMap<AccountId, Vec<NetUid>> = BTreeMap::new();
    for ((coldkey, netuid), _) in chain::AlphaV2::<Runtime>::iter_prefix((hotkey,)) {
        stakers.entry(coldkey).or_default().push(netuid);
    }
    let known = chain::Delegates::<Runtime>::contains_key(hotkey) || !stakers.is_empty();
    known.then(|| delegate_info(hotkey.clone(), &stakers))
}

pub(super) fn delegated(coldkey: &AccountId) -> Vec<(DelegateInfo, Holding)> {
    let with_delegate = |info: StakeInfo| Some((delegate(&info.hotkey)?, (info.netuid, info.stake)));
    stakes_of(coldkey).into_iter().filter_map(with_delegate).collect()
}

fn delegate_info(hotkey: AccountId, stakers: &BTreeMap<AccountId, Vec<NetUid>>) -> DelegateInfo {
    let held = |coldkey: &AccountId, netuids: &[NetUid]| {
        let stake = |netuid: &NetUid| chain::Pallet::<Runtime>::stake_of(&hotkey, coldkey, *netuid);
        netuids.iter().map(|netuid| ((*netuid).into(), stake(netuid).into())).collect()
    };
    let uids: Vec<(NetUid, u16)> =
        all().into_iter().filter_map(|netuid| Some((netuid, chain::Uids::<Runtime>::get(netuid, &hotkey)?))).collect();
    let permitted = |(netuid, uid): &(NetUid, u16)| {
        chain::ValidatorPermit::<Runtime>::get(netuid).get(usize::from(*uid)).copied().unwrap_or(false)
    };
    DelegateInfo {
        take: chain::Delegates::<Runtime>::get(&hotkey).into(),
        nominators: stakers.iter().map(|(coldkey, netuids)| (coldkey.clone(), held(coldkey, netuids))).collect(),
        owner_ss58: chain::Owner::<Runtime>::get(&hotkey),
        registrations: uids.iter().map(|(netuid, _)| (*netuid).into()).collect(),
        validator_permits: uids.iter().filter(|place| permitted(place)).map(|(netuid, _)| (*netuid).into()).collect(),
        return_per_1000: 0.into(),
        total_daily_return: 0.into(),
        delegate_ss58: hotkey,
    }
}

pub(super) fn price(netuid: NetUid) -> u64 {
    chain::Pallet::<Runtime>::alpha_price(netuid)
}

pub(super) fn prices() -> Vec<SubnetPrice> {
    chain::NetworksAdded::<Runtime>::iter_keys().map(|netuid| SubnetPrice { netuid, price: price(netuid) }).collect()
}

pub(super) fn sim_buy(netuid: NetUid, tao: u64) -> SimSwapResult {
    let swap = chain::Pallet::<Runtime>::quote_buy(netuid, tao).unwrap_or_default();
    let Swap { paid, got, fee, slippage } = swap;
    SimSwapResult {
        tao_amount: paid.saturating_sub(fee),
        alpha_amount: got,
        tao_fee: fee,
        alpha_slippage: slippage,
        ..SimSwapResult::default()
    }
}

pub(super) fn sim_sell(netuid: NetUid, alpha: u64) -> SimSwapResult {
    let swap = chain::Pallet::<Runtime>::quote_sell(netuid, alpha).unwrap_or_default();
    let Swap { paid, got, fee, slippage } = swap;
    SimSwapResult {
        tao_amount: got,
        alpha_amount: paid.saturating_sub(fee),
        alpha_fee: fee,
        tao_slippage: slippage,
        ..SimSwapResult::default()
    }
}
