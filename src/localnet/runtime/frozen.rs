//! What an account may not do whose coldkey is to be swapped, wherever the call comes from: a batch, a proxy, signatories.
//!
//! The real chain asks before each dispatch, also of a call inside of another, and such a call fails with
//! `ColdkeySwapAnnounced`. FRAME as it is released asks a filter that sees the call and not the account, so the accounts are
//! read from the calls around it; what is refused here fails with `System.CallFiltered`.

use super::{AccountId, Address, Runtime, RuntimeCall, RuntimeOrigin};
use crate::localnet::pallet::{self, Call};
use frame_support::traits::{Contains, OriginTrait as _};
use sp_runtime::traits::AsSystemOriginSigner as _;

/// Calls that help a frozen account, and what carries a sealed one, which is looked at when it is opened.
fn is_free(call: &RuntimeCall) -> bool {
    matches!(
        call,
        RuntimeCall::MevShield(_)
            | RuntimeCall::SubtensorModule(
                Call::announce_coldkey_swap { .. }
                    | Call::swap_coldkey_announced { .. }
                    | Call::dispute_coldkey_swap {}
                    | Call::clear_coldkey_swap_announcement {}
            )
    )
}

/// May `who` do that now?
fn may(who: &AccountId, call: &RuntimeCall) -> bool {
    is_free(call) || pallet::Pallet::<Runtime>::check_not_frozen(who).is_ok()
}

/// The signer's origin, which from now on lets nothing pass while the signer is frozen: in a batch an account may be frozen
/// by the call before. And nothing for signatories whose common account is.
pub(super) fn guarded(mut origin: RuntimeOrigin) -> RuntimeOrigin {
    if let Some(who) = origin.as_system_origin_signer().cloned() {
        origin.add_filter(move |call| may(&who, call) && signatories_may(&who, call));
    }
    origin
}

fn signatories_may(who: &AccountId, call: &RuntimeCall) -> bool {
    use pallet_multisig::Call::{as_multi, as_multi_threshold_1};
    let (others, threshold, call) = match call {
        RuntimeCall::Multisig(as_multi { other_signatories, threshold, call, .. }) => {
            (other_signatories, *threshold, call)
        }
        RuntimeCall::Multisig(as_multi_threshold_1 { other_signatories, call }) => (other_signatories, 1, call),
        _ => return true,
    };
    let mut all = others.clone();
    all.push(who.clone());
    all.sort();
    may(&super::Multisig::multi_account_id(&all, threshold), call)
}

/// Lets no proxy act for a frozen account.
#[derive(Debug)]
pub struct NotForTheFrozen;

impl Contains<RuntimeCall> for NotForTheFrozen {
    fn contains(call: &RuntimeCall) -> bool {
        use pallet_proxy::Call::{proxy, proxy_announced};
        match call {
            RuntimeCall::Proxy(proxy { real, call, .. } | proxy_announced { real, call, .. }) => match real {
                Address::Id(real) => may(real, call),
                // There are no such accounts.
                _ => true,
            },
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::localnet::{
        genesis::dev_account,
        runtime::{Balances, Multisig, Proxy, ProxyType, SubtensorModule, System},
        testing::on_chain,
    };
    use frame_support::assert_ok;
    use sp_core::H256;
    use sp_runtime::traits::Dispatchable as _;

    const TAO: u64 = 1_000_000_000;

    fn account(name: &str) -> AccountId {
        AccountId::new(dev_account(name).0)
    }

    fn signed(name: &str) -> RuntimeOrigin {
        guarded(RuntimeOrigin::signed(account(name)))
    }

    fn freeze(who: AccountId) {
        assert_ok!(SubtensorModule::announce_coldkey_swap(RuntimeOrigin::signed(who), H256::zero()));
    }

    /// One TAO for Eve.
    fn gift() -> RuntimeCall {
        pallet_balances::Call::<Runtime>::transfer_keep_alive { dest: account("Eve").into(), value: TAO }.into()
    }

    fn eve_got(calls: impl FnOnce()) -> u64 {
        let before = Balances::free_balance(account("Eve"));
        calls();
        Balances::free_balance(account("Eve")) - before
    }

    #[test]
    fn a_batch_stops_where_its_signer_is_frozen() {
        on_chain(|| {
            let announce = Call::<Runtime>::announce_coldkey_swap { new_coldkey_hash: H256::zero() };
            let batch = |calls: Vec<RuntimeCall>| RuntimeCall::from(pallet_utility::Call::<Runtime>::batch { calls });
            let got = eve_got(|| {
                assert_ok!(batch(vec![gift(), announce.into(), gift()]).dispatch(signed("Bob")));
            });
            assert_eq!(got, TAO, "what came before is done");
            let (index, error) = (2, frame_system::Error::<Runtime>::CallFiltered.into());
            System::assert_has_event(pallet_utility::Event::BatchInterrupted { index, error }.into());
            assert_eq!(
                eve_got(|| {
                    batch(vec![gift()]).dispatch(signed("Alice")).unwrap();
                }),
                TAO
            );
        });
    }

    #[test]
    fn nobody_acts_for_a_frozen_account() {
        on_chain(|| {
            assert_ok!(Proxy::add_proxy(signed("Bob"), account("Charlie").into(), ProxyType::Any, 0));
            let acts = |call: RuntimeCall| {
                let (real, force_proxy_type, call) = (account("Bob").into(), None, Box::new(call));
                RuntimeCall::from(pallet_proxy::Call::<Runtime>::proxy { real, force_proxy_type, call })
                    .dispatch(signed("Charlie"))
            };
            assert_eq!(
                eve_got(|| {
                    acts(gift()).unwrap();
                }),
                TAO
            );
            freeze(account("Bob"));
            assert!(acts(gift()).is_err());
            let inside = RuntimeCall::from(pallet_utility::Call::<Runtime>::batch { calls: vec![gift()] });
            assert!(acts(inside).is_err());
            // Its swap may be disputed by a proxy too.
            assert_ok!(acts(Call::<Runtime>::dispute_coldkey_swap {}.into()));
            assert!(crate::localnet::pallet::ColdkeySwapDisputes::<Runtime>::contains_key(account("Bob")));
        });
    }

    #[test]
    fn signatories_do_nothing_with_their_frozen_account() {
        on_chain(|| {
            let mut both = [account("Bob"), account("Charlie")];
            both.sort();
            let common = Multisig::multi_account_id(&both, 1);
            assert_ok!(Balances::transfer_allow_death(signed("Alice"), common.clone().into(), 10 * TAO));
            let acts = |call: RuntimeCall| {
                let (other_signatories, call) = (vec![account("Charlie")], Box::new(call));
                let call = pallet_multisig::Call::<Runtime>::as_multi_threshold_1 { other_signatories, call };
                RuntimeCall::from(call).dispatch(signed("Bob"))
            };
            assert_eq!(
                eve_got(|| {
                    acts(gift()).unwrap();
                }),
                TAO
            );
            freeze(common);
            assert!(acts(gift()).is_err());
            assert_eq!(
                eve_got(|| {
                    gift().dispatch(signed("Bob")).unwrap();
                }),
                TAO,
                "each alone is free"
            );
        });
    }
}
