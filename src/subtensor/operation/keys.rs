//! Keys and who they are: slots, takes, children, identities.

use subxt::dynamic::Value;

use super::{Operation, option, text};
use crate::subtensor::calls::{bytes, number};
use crate::units::{Account, NetUid, Rao};

/// Who a coldkey or a hotkey says it is (`set_identity`). Empty texts are "not said".
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[allow(missing_docs)]
pub struct Identity {
    pub name: String,
    pub url: String,
    pub github_repo: String,
    pub image: String,
    pub discord: String,
    pub description: String,
    pub additional: String,
}

impl Operation {
    /// A hotkey's children in a subnet, in place of those it had: each with its part of 2⁶⁴−1. None revokes all.
    #[must_use]
    pub fn set_children(hotkey: &Account, netuid: NetUid, children: &[(u64, Account)]) -> Self {
        let pair = |(part, child): &(u64, Account)| Value::unnamed_composite([number(*part), bytes(child)]);
        let arguments = [
            ("hotkey", bytes(hotkey)),
            ("netuid", number(netuid.0)),
            ("children", Value::unnamed_composite(children.iter().map(pair))),
        ];
        let subject = format!("subnet {netuid}, hotkey {hotkey}, {} children", children.len());
        Self::of_subtensor("set_children", arguments, subject)
    }

    /// What a child keeps of what it earns for its parents, in 65535ths.
    #[must_use]
    pub fn set_childkey_take(hotkey: &Account, netuid: NetUid, take: u16) -> Self {
        let arguments = [("hotkey", bytes(hotkey)), ("netuid", number(netuid.0)), ("take", number(take))];
        Self::of_subtensor("set_childkey_take", arguments, format!("subnet {netuid}, hotkey {hotkey}, {take}/65535"))
    }

    /// What a validator keeps of its delegators' dividends, in 65535ths: `increase_take` or `decrease_take`, by the present one.
    #[must_use]
    pub fn set_take(hotkey: &Account, now: u16, take: u16) -> Self {
        let name = if take > now { "increase_take" } else { "decrease_take" };
        let arguments = [("hotkey", bytes(hotkey)), ("take", number(take))];
        Self::of_subtensor(name, arguments, format!("hotkey {hotkey}, {take}/65535"))
    }

    /// A hotkey becomes the coldkey's, without a registration.
    #[must_use]
    pub fn associate_hotkey(hotkey: &Account) -> Self {
        Self::of_subtensor("try_associate_hotkey", [("hotkey", bytes(hotkey))], format!("hotkey {hotkey}"))
    }

    /// A hotkey's place taken by another one: in one subnet, or in all.
    #[must_use]
    pub fn swap_hotkey(old: &Account, new: &Account, netuid: Option<NetUid>) -> Self {
        let where_ = netuid.map_or_else(|| "all subnets".to_owned(), |netuid| format!("subnet {netuid}"));
        let arguments =
            [("hotkey", bytes(old)), ("new_hotkey", bytes(new)), ("netuid", option(netuid.map(|n| number(n.0))))];
        Self::of_subtensor("swap_hotkey", arguments, format!("{old} by {new} in {where_}"))
    }

    /// Who the coldkey is, for others to read.
    #[must_use]
    pub fn set_identity(identity: &Identity) -> Self {
        let Identity { name, url, github_repo, image, discord, description, additional } = identity;
        let texts = [
            ("name", name),
            ("url", url),
            ("github_repo", github_repo),
            ("image", image),
            ("discord", discord),
            ("description", description),
            ("additional", additional),
        ];
        Self::of_subtensor("set_identity", texts.map(|(name, said)| (name, text(said))), format!("`{name}`"))
    }

    /// A slot in a subnet for a hotkey, for the price of the moment, or for no more than a limit.
    #[must_use]
    pub fn register(netuid: NetUid, hotkey: &Account, limit: Option<Rao>) -> Self {
        let mut arguments = vec![("netuid", number(netuid.0)), ("hotkey", bytes(hotkey))];
        arguments.extend(limit.map(|limit| ("limit_price", number(limit.0))));
        let name = if limit.is_some() { "register_limit" } else { "burned_register" };
        Self::of_subtensor(name, arguments, format!("subnet {netuid}, hotkey {hotkey}"))
    }

    /// A hotkey's seat on root.
    #[must_use]
    pub fn root_register(hotkey: &Account) -> Self {
        Self::of_subtensor("root_register", [("hotkey", bytes(hotkey))], format!("hotkey {hotkey}"))
    }
}
