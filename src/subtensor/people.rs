//! Who owns whom, who stakes for whom: hotkeys of a coldkey, delegates and their takes, children and parents.

use std::collections::BTreeMap;

use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::AccountId32;

use super::chain::{account, account_id};
use super::snapshot::PALLET;
use super::subnets::text;
use super::{Subtensor, SubtensorError};
use crate::units::{Account, BlockNumber, Foreign, NetUid, Rao, Uid};

/// A hotkey that takes stake of others.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Delegate {
    /// It.
    pub hotkey: Account,
    /// Its coldkey.
    pub owner: Account,
    /// What the coldkey calls itself; empty when nothing was said.
    pub name: Foreign,
    /// What it keeps of its stakers' dividends, in 65535ths.
    pub take: u16,
    /// Stake on it by subnet, all coldkeys together, in alpha-rao (rao on root).
    pub stake_rao: BTreeMap<NetUid, Rao>,
    /// How many coldkeys stake on it.
    pub nominators: usize,
    /// Subnets in which it has a slot.
    pub registrations: Vec<NetUid>,
    /// Subnets in which it may set weights.
    pub permits: Vec<NetUid>,
}

/// `DelegateInfo` of the runtime API.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct RawDelegate {
    delegate_ss58: AccountId32,
    take: u16,
    nominators: Vec<(AccountId32, Vec<(u16, u64)>)>,
    owner_ss58: AccountId32,
    registrations: Vec<u16>,
    validator_permits: Vec<u16>,
}

/// `ChainIdentityV2`, as far as it is about the name.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct RawIdentity {
    name: Vec<u8>,
}

/// A relative of a hotkey in a subnet.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Relative {
    /// The other hotkey.
    pub hotkey: Account,
    /// The part of the parent's stake that counts for the child, of 2⁶⁴−1.
    pub proportion: u64,
}

/// A hotkey's children and parents in one subnet.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Family {
    /// Hotkeys that its stake counts for.
    pub children: Vec<Relative>,
    /// Hotkeys whose stake counts for it.
    pub parents: Vec<Relative>,
    /// Children that were set, and the block from which on they count.
    pub pending: Option<(Vec<Relative>, BlockNumber)>,
    /// What it keeps, as a child, of what it earns for its parents; in 65535ths.
    pub take: u16,
}

impl Subtensor {
    /// All hotkeys that take stake of others.
    ///
    /// # Errors
    /// The chain cannot be read, or its runtime does not describe the API.
    pub async fn delegates(&self) -> Result<Vec<Delegate>, SubtensorError> {
        self.ask("the delegates", |at| async move {
            let rows: Vec<RawDelegate> = at.api("DelegateInfoRuntimeApi", "get_delegates", ()).await?;
            let owners = rows.iter().map(|row| (row.owner_ss58,));
            let names: Vec<Option<RawIdentity>> = match at.runtime.has_item(PALLET, "IdentitiesV2") {
                true => at.values("IdentitiesV2", owners).await?,
                false => Vec::new(),
            };
            let names = names.into_iter().map(|identity| identity.map(|identity| text(&identity.name)));
            let names = names.chain(std::iter::repeat(None));
            let mut delegates: Vec<Delegate> = rows.iter().zip(names).map(|(row, name)| row.shown(name)).collect();
            let on_root = |delegate: &Delegate| delegate.stake_rao.get(&NetUid(0)).copied().unwrap_or_default();
            delegates.sort_by_key(|delegate| (std::cmp::Reverse(on_root(delegate)), delegate.hotkey));
            Ok(delegates)
        })
        .await
    }

    /// What a hotkey keeps of its stakers' dividends, in 65535ths; `None` for one that was never a delegate.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn take(&self, hotkey: &Account) -> Result<Option<u16>, SubtensorError> {
        let key = account_id(hotkey);
        self.ask(&format!("the take of {hotkey}"), |at| async move {
            let owner: Option<AccountId32> = at.value(PALLET, "Owner", (key,)).await?;
            match owner.is_some_and(|owner| owner.0 != [0; 32]) {
                true => at.value(PALLET, "Delegates", (key,)).await,
                false => Ok(None),
            }
        })
        .await
    }

    /// The hotkeys that a coldkey owns, in the chain's order.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn owned_hotkeys(&self, coldkey: &Account) -> Result<Vec<Account>, SubtensorError> {
        let key = account_id(coldkey);
        let owned: Option<Vec<AccountId32>> =
            self.ask(&format!("the hotkeys of {coldkey}"), |at| async move {
                at.value(PALLET, "OwnedHotkeys", (key,)).await
            })
            .await?;
        Ok(owned.unwrap_or_default().iter().map(account).collect())
    }

    /// Every slot of these hotkeys in any subnet.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn slots(&self, hotkeys: &[Account]) -> Result<Vec<(NetUid, Uid, Account)>, SubtensorError> {
        self.ask("the slots of hotkeys", |at| async move {
            let netuids = at.subnets().await?;
            let places: Vec<(u16, Account)> =
                hotkeys.iter().flat_map(|hotkey| netuids.iter().map(|netuid| (*netuid, *hotkey))).collect();
            let keys = places.iter().map(|(netuid, hotkey)| (*netuid, account_id(hotkey)));
            let uids: Vec<Option<u16>> = at.values("Uids", keys).await?;
            let mut slots: Vec<_> = places
                .into_iter()
                .zip(uids)
                .filter_map(|((netuid, hotkey), uid)| Some((NetUid(netuid), Uid(uid?), hotkey)))
                .collect();
            slots.sort_unstable();
            Ok(slots)
        })
        .await
    }

    /// A hotkey's children and parents in a subnet.
    ///
    /// # Errors
    /// The chain cannot be read, or its runtime knows no children.
    pub async fn family(&self, hotkey: &Account, netuid: NetUid) -> Result<Family, SubtensorError> {
        let key = account_id(hotkey);
        self.ask(&format!("the children of {hotkey} in subnet {netuid}"), |at| async move {
            type Raw = Vec<(u64, AccountId32)>;
            let (children, parents, pending, take) = tokio::try_join!(
                at.value::<Raw>(PALLET, "ChildKeys", (key, netuid.0)),
                at.value::<Raw>(PALLET, "ParentKeys", (key, netuid.0)),
                at.value::<(Raw, u64)>(PALLET, "PendingChildKeys", (netuid.0, key)),
                at.value::<u16>(PALLET, "ChildkeyTake", (key, netuid.0)),
            )?;
            let shown =
                |raw: Raw| raw.into_iter().map(|(proportion, other)| Relative { hotkey: account(&other), proportion });
            let list = |raw: Option<Raw>| shown(raw.unwrap_or_default()).collect();
            // The item's default is "nothing, from block 0 on".
            let pending = pending.filter(|(_, block)| *block > 0).map(|(raw, block)| (shown(raw).collect(), block));
            Ok(Family { children: list(children), parents: list(parents), pending, take: take.unwrap_or(0) })
        })
        .await
    }
}

impl RawDelegate {
    fn shown(&self, name: Option<Foreign>) -> Delegate {
        let mut stake_rao: BTreeMap<NetUid, Rao> = BTreeMap::new();
        for (netuid, amount) in self.nominators.iter().flat_map(|(_, holdings)| holdings) {
            let sum = stake_rao.entry(NetUid(*netuid)).or_default();
            *sum = Rao(sum.0.saturating_add(*amount));
        }
        let netuids = |raw: &[u16]| raw.iter().copied().map(NetUid).collect();
        Delegate {
            hotkey: account(&self.delegate_ss58),
            owner: account(&self.owner_ss58),
            name: name.unwrap_or_default(),
            take: self.take,
            stake_rao,
            nominators: self.nominators.len(),
            registrations: netuids(&self.registrations),
            permits: netuids(&self.validator_permits),
        }
    }
}
