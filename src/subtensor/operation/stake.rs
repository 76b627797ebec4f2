//! Money and stake: sent, staked, taken off, moved; the dividends of root.

use subxt::dynamic::Value;

use super::{Operation, address};
use crate::subtensor::calls::{bytes, named, number};
use crate::units::{Account, NetUid, Rao};

/// A limit to what a swap may do to the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceLimit {
    /// Rao per 10⁹ alpha-rao: a purchase stops when the price would be above, a sale when it would be below. For a swap
    /// between subnets the ratio of the prices, origin by destination, times 10⁹.
    pub price: Rao,
    /// Whether a part may be done when not all of it fits; else all or nothing.
    pub allow_partial: bool,
}

/// What a staker wants done with its dividends of root (`set_root_claim_type`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootClaim {
    /// Sold for TAO, which stays staked on root.
    Swap,
    /// Kept as alpha of each subnet.
    Keep,
    /// Kept in these subnets, sold in the others.
    KeepSubnets(Vec<NetUid>),
}

impl Operation {
    /// TAO to another account; refused rather than letting the sender's account die.
    #[must_use]
    pub fn transfer(destination: &Account, amount: Rao) -> Self {
        let arguments = named([("dest", address(destination)), ("value", number(amount.0))]);
        Self::new("Balances", "transfer_keep_alive", arguments, format!("{} rao to {destination}", amount.0))
    }

    /// All that an account has to another one, the existential deposit left when `keep_alive`.
    #[must_use]
    pub fn transfer_all(destination: &Account, keep_alive: bool) -> Self {
        let arguments = named([("dest", address(destination)), ("keep_alive", Value::bool(keep_alive))]);
        Self::new("Balances", "transfer_all", arguments, format!("everything to {destination}"))
    }

    /// TAO, in rao, staked on a hotkey in a subnet; with a limit, `add_stake_limit`.
    #[must_use]
    pub fn add_stake(hotkey: &Account, netuid: NetUid, amount: Rao, limit: Option<PriceLimit>) -> Self {
        Self::stake(["add_stake", "add_stake_limit"], "amount_staked", hotkey, netuid, amount, limit)
    }

    /// Stake, in alpha-rao (rao on root), taken off a hotkey; with a limit, `remove_stake_limit`.
    ///
    /// Without a limit the chain takes no more than the position holds; with one, more is refused.
    #[must_use]
    pub fn remove_stake(hotkey: &Account, netuid: NetUid, amount: Rao, limit: Option<PriceLimit>) -> Self {
        Self::stake(["remove_stake", "remove_stake_limit"], "amount_unstaked", hotkey, netuid, amount, limit)
    }

    fn stake(
        [plain, limited]: [&'static str; 2],
        amount_is: &'static str,
        hotkey: &Account,
        netuid: NetUid,
        amount: Rao,
        limit: Option<PriceLimit>,
    ) -> Self {
        let mut arguments =
            vec![("hotkey", bytes(hotkey)), ("netuid", number(netuid.0)), (amount_is, number(amount.0))];
        arguments.extend(limit.iter().flat_map(PriceLimit::arguments));
        let name = if limit.is_some() { limited } else { plain };
        Self::of_subtensor(name, arguments, format!("subnet {netuid}, hotkey {hotkey}, {} rao", amount.0))
    }

    /// Everything on a hotkey, in all subnets, sold for TAO.
    #[must_use]
    pub fn unstake_all(hotkey: &Account) -> Self {
        Self::of_subtensor("unstake_all", [("hotkey", bytes(hotkey))], format!("hotkey {hotkey}"))
    }

    /// The alpha on a hotkey, in all subnets, sold for TAO that stays staked with it on root.
    #[must_use]
    pub fn unstake_all_alpha(hotkey: &Account) -> Self {
        Self::of_subtensor("unstake_all_alpha", [("hotkey", bytes(hotkey))], format!("hotkey {hotkey}"))
    }

    /// Stake from one hotkey to another, in the same or another subnet; `amount` in alpha-rao of the origin.
    #[must_use]
    pub fn move_stake(from: (&Account, NetUid), to: (&Account, NetUid), amount: Rao) -> Self {
        let arguments = [
            ("origin_hotkey", bytes(from.0)),
            ("destination_hotkey", bytes(to.0)),
            ("origin_netuid", number(from.1.0)),
            ("destination_netuid", number(to.1.0)),
            ("alpha_amount", number(amount.0)),
        ];
        let subject = format!("{} rao of {} in subnet {} to {} in subnet {}", amount.0, from.0, from.1, to.0, to.1);
        Self::of_subtensor("move_stake", arguments, subject)
    }

    /// Stake on one hotkey from one subnet to another; with a limit, `swap_stake_limit`.
    #[must_use]
    pub fn swap_stake(hotkey: &Account, from: NetUid, to: NetUid, amount: Rao, limit: Option<PriceLimit>) -> Self {
        let mut arguments = vec![
            ("hotkey", bytes(hotkey)),
            ("origin_netuid", number(from.0)),
            ("destination_netuid", number(to.0)),
            ("alpha_amount", number(amount.0)),
        ];
        arguments.extend(limit.iter().flat_map(PriceLimit::arguments));
        let name = if limit.is_some() { "swap_stake_limit" } else { "swap_stake" };
        let subject = format!("{} rao on {hotkey} from subnet {from} to subnet {to}", amount.0);
        Self::of_subtensor(name, arguments, subject)
    }

    /// Stake to another coldkey, on the same hotkey.
    #[must_use]
    pub fn transfer_stake(coldkey: &Account, hotkey: &Account, from: NetUid, to: NetUid, amount: Rao) -> Self {
        let arguments = [
            ("destination_coldkey", bytes(coldkey)),
            ("hotkey", bytes(hotkey)),
            ("origin_netuid", number(from.0)),
            ("destination_netuid", number(to.0)),
            ("alpha_amount", number(amount.0)),
        ];
        let subject = format!("{} rao on {hotkey} in subnet {from} to {coldkey} in subnet {to}", amount.0);
        Self::of_subtensor("transfer_stake", arguments, subject)
    }

    /// Where a coldkey's earnings as a miner of a subnet are staked from now on.
    #[must_use]
    pub fn set_auto_stake(netuid: NetUid, hotkey: &Account) -> Self {
        let arguments = [("netuid", number(netuid.0)), ("hotkey", bytes(hotkey))];
        Self::of_subtensor("set_coldkey_auto_stake_hotkey", arguments, format!("subnet {netuid}, hotkey {hotkey}"))
    }

    /// The dividends of root of these subnets (one to five).
    #[must_use]
    pub fn claim_root(subnets: &[NetUid]) -> Self {
        let netuids = Value::unnamed_composite(subnets.iter().map(|netuid| number(netuid.0)));
        let shown: Vec<String> = subnets.iter().map(ToString::to_string).collect();
        // A set is a struct around its list.
        let set = Value::unnamed_composite([netuids]);
        Self::of_subtensor("claim_root", [("subnets", set)], format!("subnets {}", shown.join(", ")))
    }

    /// What is to become of the coldkey's dividends of root.
    #[must_use]
    pub fn set_root_claim(claim: &RootClaim) -> Self {
        let (value, subject) = match claim {
            RootClaim::Swap => (Value::unnamed_variant("Swap", []), "swap".to_owned()),
            RootClaim::Keep => (Value::unnamed_variant("Keep", []), "keep".to_owned()),
            RootClaim::KeepSubnets(subnets) => {
                let netuids = Value::unnamed_composite(subnets.iter().map(|netuid| number(netuid.0)));
                let set = Value::unnamed_composite([netuids]);
                (Value::named_variant("KeepSubnets", [("subnets", set)]), format!("keep in {} subnets", subnets.len()))
            }
        };
        Self::of_subtensor("set_root_claim_type", [("new_root_claim_type", value)], subject)
    }
}

impl PriceLimit {
    fn arguments(&self) -> [(&'static str, Value); 2] {
        [("limit_price", number(self.price.0)), ("allow_partial", Value::bool(self.allow_partial))]
    }
}
