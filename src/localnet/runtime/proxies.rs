//! What a proxy may do for its principal: the kinds of the real chain, with their numbers, and one table of calls that both
//! the filter and `ProxyFilterRuntimeApi` read.

use super::*;
use crate::localnet::pallet as subtensor;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::traits::{
    CallMetadata, GetCallIndex, GetCallMetadata, GetCallName, InstanceFilter, PalletInfoAccess,
};
use scale_info::TypeInfo;

/// What a proxy may do for its principal.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
)]
pub enum ProxyType {
    /// Everything.
    #[default]
    Any,
    /// Settings and identity of a subnet that one owns.
    Owner,
    /// All but what cannot be taken back.
    NonCritical,
    /// All but giving away TAO, alpha or the coldkey.
    NonTransfer,
    /// Of a time with a senate: nothing.
    Senate,
    /// All that moves neither balances, stake nor keys.
    NonFungible,
    /// Of a time with a triumvirate: nothing.
    Triumvirate,
    /// Of a time with a government: nothing.
    Governance,
    /// Adding, removing and moving one's own stake.
    Staking,
    /// Registering neurons.
    Registration,
    /// Giving away balances and stake.
    Transfer,
    /// The same below half a TAO, or half an alpha.
    SmallTransfer,
    /// Of a time with weights on root: nothing.
    RootWeights,
    /// Children of a hotkey, and what they keep.
    ChildKeys,
    /// An upgrade of the runtime by root.
    SudoUncheckedSetCode,
    /// Putting a hotkey in another's place.
    SwapHotkey,
    /// Running a subnet that is leased.
    SubnetLeaseBeneficiary,
    /// Claiming dividends of root.
    RootClaim,
}

/// What [`ProxyType::SmallTransfer`] stays below, in rao.
pub const SMALL_TRANSFER: u64 = 500_000_000;

/// Calls of a pallet; none named are all.
type Calls = (&'static str, &'static [&'static str]);

/// Which calls a kind lets pass.
#[derive(Clone, Copy, Debug)]
enum Rule {
    All,
    Only(&'static [Calls]),
    But(&'static [Calls]),
}

const CHAIN: &str = "SubtensorModule";

const SWAPS_OF_COLDKEYS: Calls =
    (CHAIN, &["swap_coldkey", "announce_coldkey_swap", "swap_coldkey_announced", "reset_coldkey_swap"]);
const BURNS: Calls = (CHAIN, &["burned_register", "register", "register_limit"]);
const CHILDREN: Calls = (CHAIN, &["set_children", "set_childkey_take"]);
const OWN_STAKE: &[&str] = &[
    "add_stake",
    "add_stake_limit",
    "remove_stake",
    "remove_stake_limit",
    "remove_stake_full_limit",
    "unstake_all",
    "unstake_all_alpha",
    "swap_stake",
    "swap_stake_limit",
    "move_stake",
];
const GIFTS: Calls = ("Balances", &["transfer_allow_death", "transfer_keep_alive", "transfer_all"]);
const GIVEN_STAKE: Calls = (CHAIN, &["transfer_stake"]);
const OF_A_LESSEE: &[&str] = &[
    "sudo_set_serving_rate_limit",
    "sudo_set_weights_version_key",
    "sudo_set_immunity_period",
    "sudo_set_min_allowed_weights",
    "sudo_set_kappa",
    "sudo_set_network_registration_allowed",
    "sudo_set_max_burn",
    "sudo_set_bonds_moving_average",
    "sudo_set_bonds_penalty",
    "sudo_set_commit_reveal_weights_enabled",
    "sudo_set_commit_reveal_weights_interval",
    "sudo_set_liquid_alpha_enabled",
];

impl ProxyType {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::Any,
        Self::Owner,
        Self::NonCritical,
        Self::NonTransfer,
        Self::Senate,
        Self::NonFungible,
        Self::Triumvirate,
        Self::Governance,
        Self::Staking,
        Self::Registration,
        Self::Transfer,
        Self::SmallTransfer,
        Self::RootWeights,
        Self::ChildKeys,
        Self::SudoUncheckedSetCode,
        Self::SwapHotkey,
        Self::SubnetLeaseBeneficiary,
        Self::RootClaim,
    ];

    /// Whether it is kept for old entries alone, and lets nothing pass.
    #[must_use]
    pub const fn is_deprecated(self) -> bool {
        matches!(self, Self::Senate | Self::Triumvirate | Self::Governance | Self::RootWeights)
    }

    fn rule(self) -> Rule {
        match self {
            Self::Any => Rule::All,
            Self::Owner => Rule::Only(&[("AdminUtils", &[]), (CHAIN, &["set_subnet_identity", "update_symbol"])]),
            Self::NonCritical => {
                Rule::But(&[("Sudo", &[]), (CHAIN, &["root_register", "burned_register"]), SWAPS_OF_COLDKEYS])
            }
            Self::NonTransfer => Rule::But(&[("Balances", &[]), GIVEN_STAKE, SWAPS_OF_COLDKEYS]),
            Self::NonFungible => Rule::But(&[
                ("Balances", &[]),
                (CHAIN, OWN_STAKE),
                GIVEN_STAKE,
                BURNS,
                (CHAIN, &["root_register", "swap_hotkey", "swap_hotkey_v2"]),
                SWAPS_OF_COLDKEYS,
            ]),
            Self::Staking => Rule::Only(&[(CHAIN, OWN_STAKE), (CHAIN, &["set_root_claim_type"])]),
            Self::Registration => Rule::Only(&[BURNS]),
            Self::Transfer => Rule::Only(&[GIFTS, GIVEN_STAKE]),
            Self::SmallTransfer => {
                Rule::Only(&[("Balances", &["transfer_allow_death", "transfer_keep_alive"]), GIVEN_STAKE])
            }
            Self::ChildKeys => Rule::Only(&[CHILDREN]),
            Self::SudoUncheckedSetCode => Rule::Only(&[("Sudo", &["sudo_unchecked_weight"])]),
            Self::SwapHotkey => Rule::Only(&[(CHAIN, &["swap_hotkey", "swap_hotkey_v2"])]),
            Self::SubnetLeaseBeneficiary => Rule::Only(&[(CHAIN, &["start_call"]), ("AdminUtils", OF_A_LESSEE)]),
            Self::RootClaim => Rule::Only(&[(CHAIN, &["claim_root"])]),
            Self::Senate | Self::Triumvirate | Self::Governance | Self::RootWeights => Rule::Only(&[]),
        }
    }

    /// What is asked of a call beyond its name.
    fn condition(self, call: &RuntimeCall) -> bool {
        use pallet_balances::Call::{transfer_allow_death, transfer_keep_alive};
        match (self, call) {
            (
                Self::SmallTransfer,
                RuntimeCall::Balances(transfer_allow_death { value, .. } | transfer_keep_alive { value, .. }),
            ) => *value < SMALL_TRANSFER,
            (
                Self::SmallTransfer,
                RuntimeCall::SubtensorModule(subtensor::Call::transfer_stake { alpha_amount, .. }),
            ) => alpha_amount.0 < SMALL_TRANSFER,
            (Self::SudoUncheckedSetCode, RuntimeCall::Sudo(pallet_sudo::Call::sudo_unchecked_weight { call, .. })) => {
                matches!(**call, RuntimeCall::System(frame_system::Call::set_code { .. }))
            }
            _ => true,
        }
    }
}

/// Whether `calls` name this call.
fn names(calls: &[Calls], CallMetadata { function_name, pallet_name }: &CallMetadata) -> bool {
    calls.iter().any(|(pallet, names)| pallet == pallet_name && (names.is_empty() || names.contains(function_name)))
}

impl InstanceFilter<RuntimeCall> for ProxyType {
    fn filter(&self, call: &RuntimeCall) -> bool {
        let called = call.get_call_metadata();
        let passes = match self.rule() {
            Rule::All => true,
            Rule::Only(calls) => names(calls, &called),
            Rule::But(calls) => !names(calls, &called),
        };
        passes && self.condition(call)
    }

    fn is_superset(&self, other: &Self) -> bool {
        match (self, other) {
            (one, other) if one == other => true,
            (Self::Any, _) | (Self::Transfer, Self::SmallTransfer) => true,
            (Self::NonTransfer, other) => !matches!(other, Self::Any | Self::Transfer | Self::SmallTransfer),
            _ => false,
        }
    }
}

/// A kind in short.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ProxyTypeInfo {
    /// Its name.
    pub name: Vec<u8>,
    /// Its number.
    pub index: u8,
    /// Whether it lets nothing pass any more.
    pub deprecated: bool,
}

/// How the calls of a [`ProxyFilterInfo`] are meant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum FilterMode {
    /// All calls pass.
    AllowAll,
    /// None passes.
    DenyAll,
    /// Those named pass.
    Allow,
    /// All but those named pass.
    Deny,
}

/// What is asked of a call beyond its name.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum CallCondition {
    /// A number among its arguments.
    ParamLessThan {
        /// Which.
        param_name: Vec<u8>,
        /// What it stays below.
        limit: u128,
    },
    /// The call that it carries.
    NestedCallMustBe {
        /// That call's pallet.
        pallet_name: Vec<u8>,
        /// That call's name.
        call_name: Vec<u8>,
    },
}

/// A call, or all calls of a pallet.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct CallInfo {
    /// The pallet's name.
    pub pallet_name: Vec<u8>,
    /// The pallet's number.
    pub pallet_index: u8,
    /// The call's name; `None` for all of the pallet.
    pub call_name: Option<Vec<u8>>,
    /// The call's number; `None` for all of the pallet.
    pub call_index: Option<u8>,
    /// What else is asked.
    pub condition: Option<CallCondition>,
}

/// What a kind lets pass.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ProxyFilterInfo {
    /// The kind's number.
    pub proxy_type: u8,
    /// The kind's name.
    pub name: Vec<u8>,
    /// Whether it lets nothing pass any more.
    pub deprecated: bool,
    /// How `calls` are meant.
    pub filter_mode: FilterMode,
    /// The calls.
    pub calls: Vec<CallInfo>,
    /// Calls that are not meant although `calls` has them.
    pub exceptions: Vec<CallInfo>,
}

/// All kinds in short.
pub(super) fn kinds() -> Vec<ProxyTypeInfo> {
    let info =
        |kind: ProxyType| ProxyTypeInfo { name: name(kind), index: kind as u8, deprecated: kind.is_deprecated() };
    ProxyType::ALL.map(info).to_vec()
}

/// What kinds let pass: one, or all.
pub(super) fn filters(number: Option<u8>) -> Vec<ProxyFilterInfo> {
    let wanted = |kind: &ProxyType| number.is_none_or(|number| *kind as u8 == number);
    ProxyType::ALL.into_iter().filter(wanted).map(filter_of).collect()
}

fn filter_of(kind: ProxyType) -> ProxyFilterInfo {
    let (filter_mode, calls) = match kind.rule() {
        Rule::All => (FilterMode::AllowAll, &[][..]),
        Rule::Only([]) => (FilterMode::DenyAll, &[][..]),
        Rule::Only(calls) => (FilterMode::Allow, calls),
        Rule::But(calls) => (FilterMode::Deny, calls),
    };
    ProxyFilterInfo {
        proxy_type: kind as u8,
        name: name(kind),
        deprecated: kind.is_deprecated(),
        filter_mode,
        calls: calls.iter().flat_map(|calls| infos(kind, *calls)).collect(),
        exceptions: Vec::new(),
    }
}

fn name(kind: ProxyType) -> Vec<u8> {
    format!("{kind:?}").into_bytes()
}

fn infos(kind: ProxyType, (pallet, names): Calls) -> Vec<CallInfo> {
    let Some((pallet_index, known)) = calls_of(pallet) else { return Vec::new() };
    let info = |call_name: Option<&str>| CallInfo {
        pallet_name: pallet.as_bytes().to_vec(),
        pallet_index,
        call_name: call_name.map(|name| name.as_bytes().to_vec()),
        call_index: call_name.and_then(|name| known.iter().find(|(call, _)| *call == name).map(|(_, index)| *index)),
        condition: call_name.and_then(|name| described_condition(kind, name)),
    };
    if names.is_empty() { vec![info(None)] } else { names.iter().map(|name| info(Some(name))).collect() }
}

/// [`ProxyType::condition`], as clients read it.
fn described_condition(kind: ProxyType, call: &str) -> Option<CallCondition> {
    let below = |name: &str| CallCondition::ParamLessThan {
        param_name: name.as_bytes().to_vec(),
        limit: SMALL_TRANSFER.into(),
    };
    match (kind, call) {
        (ProxyType::SmallTransfer, "transfer_stake") => Some(below("alpha_amount")),
        (ProxyType::SmallTransfer, _) => Some(below("value")),
        (ProxyType::SudoUncheckedSetCode, _) => {
            Some(CallCondition::NestedCallMustBe { pallet_name: b"System".to_vec(), call_name: b"set_code".to_vec() })
        }
        _ => None,
    }
}

/// The number of a pallet that the table names, and its calls with theirs.
fn calls_of(pallet: &str) -> Option<(u8, Vec<(&'static str, u8)>)> {
    fn of<P: PalletInfoAccess, C: GetCallName + GetCallIndex>() -> (u8, Vec<(&'static str, u8)>) {
        let calls = C::get_call_names().iter().copied().zip(C::get_call_indices().iter().copied());
        (u8::try_from(P::index()).unwrap_or(u8::MAX), calls.collect())
    }
    Some(match pallet {
        CHAIN => of::<SubtensorModule, subtensor::Call<Runtime>>(),
        "Balances" => of::<Balances, pallet_balances::Call<Runtime>>(),
        "AdminUtils" => of::<AdminUtils, crate::localnet::admin_utils::Call<Runtime>>(),
        "Sudo" => of::<Sudo, pallet_sudo::Call<Runtime>>(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pallet_balances::Call::{transfer_all, transfer_keep_alive};
    use subtensor::Call::{add_stake, burned_register, claim_root, set_children, swap_hotkey, transfer_stake};

    fn nobody() -> AccountId {
        AccountId::new([0; 32])
    }

    /// Some calls, each with the kinds that let it pass; [`ProxyType::Any`] lets all.
    fn samples() -> Vec<(RuntimeCall, Vec<ProxyType>)> {
        use ProxyType as P;
        let (netuid, hotkey) = (NetUid(8), nobody());
        let gift = |value| RuntimeCall::from(transfer_keep_alive { dest: nobody().into(), value });
        let stake_gift = |amount| {
            RuntimeCall::from(transfer_stake {
                destination_coldkey: nobody(),
                hotkey: nobody(),
                origin_netuid: netuid,
                destination_netuid: netuid,
                alpha_amount: AlphaBalance(amount),
            })
        };
        let code = |code| RuntimeCall::from(frame_system::Call::set_code { code });
        let unchecked = |call: RuntimeCall| {
            RuntimeCall::from(pallet_sudo::Call::sudo_unchecked_weight {
                call: Box::new(call),
                weight: Default::default(),
            })
        };
        let remark = RuntimeCall::from(frame_system::Call::remark { remark: Vec::new() });
        let harmless = [P::NonCritical, P::NonTransfer, P::NonFungible];
        let with = |more: &[P]| [&harmless[..], more].concat();
        vec![
            (
                add_stake { hotkey: hotkey.clone(), netuid, amount_staked: TaoBalance(1) }.into(),
                vec![P::NonCritical, P::NonTransfer, P::Staking],
            ),
            (burned_register { netuid, hotkey: hotkey.clone() }.into(), vec![P::NonTransfer, P::Registration]),
            (transfer_all { dest: nobody().into(), keep_alive: false }.into(), vec![P::NonCritical, P::Transfer]),
            (gift(SMALL_TRANSFER), vec![P::NonCritical, P::Transfer]),
            (gift(SMALL_TRANSFER - 1), vec![P::NonCritical, P::Transfer, P::SmallTransfer]),
            (stake_gift(SMALL_TRANSFER), vec![P::NonCritical, P::Transfer]),
            (stake_gift(1), vec![P::NonCritical, P::Transfer, P::SmallTransfer]),
            (set_children { hotkey: hotkey.clone(), netuid, children: Vec::new() }.into(), with(&[P::ChildKeys])),
            (
                swap_hotkey { hotkey: hotkey.clone(), new_hotkey: hotkey, netuid: None }.into(),
                vec![P::NonCritical, P::NonTransfer, P::SwapHotkey],
            ),
            (claim_root { subnets: Default::default() }.into(), with(&[P::RootClaim])),
            (remark.clone(), harmless.to_vec()),
            (unchecked(code(Vec::new())), vec![P::NonTransfer, P::NonFungible, P::SudoUncheckedSetCode]),
            (unchecked(remark), vec![P::NonTransfer, P::NonFungible]),
            (subtensor::Call::swap_coldkey_announced { new_coldkey: nobody() }.into(), Vec::new()),
        ]
    }

    #[test]
    fn a_proxy_does_only_what_its_kind_says() {
        for (call, allowed) in samples() {
            for kind in ProxyType::ALL {
                let expected = kind == ProxyType::Any || allowed.contains(&kind);
                assert_eq!(kind.filter(&call), expected, "{kind:?}: {call:?}");
            }
        }
    }

    #[test]
    fn who_adds_a_proxy_cannot_add_a_mightier_one() {
        for kind in ProxyType::ALL {
            assert!(ProxyType::Any.is_superset(&kind) && kind.is_superset(&kind), "{kind:?}");
            assert_eq!(kind.is_superset(&ProxyType::Any), kind == ProxyType::Any);
        }
        assert!(ProxyType::NonTransfer.is_superset(&ProxyType::Staking));
        assert!(!ProxyType::NonTransfer.is_superset(&ProxyType::SmallTransfer));
        assert!(ProxyType::Transfer.is_superset(&ProxyType::SmallTransfer));
        assert!(!ProxyType::SmallTransfer.is_superset(&ProxyType::Transfer));
    }

    #[test]
    fn every_name_in_the_table_is_a_call() {
        for kind in ProxyType::ALL {
            let info = filters(Some(kind as u8)).remove(0);
            let named = match kind.rule() {
                Rule::All => 0,
                Rule::Only(calls) | Rule::But(calls) => calls.iter().map(|(_, names)| names.len().max(1)).sum(),
            };
            assert_eq!(info.calls.len(), named, "{kind:?} names a pallet that is not here");
            for call in info.calls {
                assert_eq!(call.call_name.is_some(), call.call_index.is_some(), "{kind:?} names {call:?}");
            }
        }
        let kinds = kinds();
        assert!(kinds.iter().enumerate().all(|(number, kind)| kind.index as usize == number));
        assert_eq!(kinds[8].name, b"Staking");
        assert_eq!(filters(None).len(), kinds.len());
        assert!(filters(Some(99)).is_empty());
    }
}
