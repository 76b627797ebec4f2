use super::*;
use crate::localnet::{
    genesis::dev_account,
    pallet::{self as chain, Call},
    runtime::{
        AccountId, Executive, NetUid, RuntimeOrigin, SignedPayload, SubtensorModule, System, UncheckedExtrinsic,
        signature::RememberedSignature,
    },
    testing::on_chain,
};
use frame_support::{assert_ok, pallet_prelude::TransactionSource};
use sp_core::{H256, Pair, sr25519};
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError, ValidTransaction};

const EVENTS: NetUid = NetUid(155);

fn account(name: &str) -> AccountId {
    AccountId::new(dev_account(name).0)
}

fn submission(signer: &str, nonce: u32, call: impl Into<RuntimeCall>) -> UncheckedExtrinsic {
    living(Era::Immortal, signer, nonce, call)
}

fn living(era: Era, signer: &str, nonce: u32, call: impl Into<RuntimeCall>) -> UncheckedExtrinsic {
    let pair = sr25519::Pair::from_string(&format!("//{signer}"), None).unwrap();
    let extensions = signed(era, nonce, 0);
    let payload = SignedPayload::new(call.into(), extensions.clone()).unwrap();
    let signature = RememberedSignature(payload.using_encoded(|bytes| pair.sign(bytes)).into());
    UncheckedExtrinsic::new_signed(payload.deconstruct().0, account(signer).into(), signature, extensions)
}

/// What the pool says about a transaction.
fn validate(signer: &str, nonce: u32, call: impl Into<RuntimeCall>) -> Result<ValidTransaction, InvalidTransaction> {
    let submission = submission(signer, nonce, call);
    Executive::validate_transaction(TransactionSource::External, submission, H256::zero()).map_err(
        |error| match error {
            TransactionValidityError::Invalid(reason) => reason,
            TransactionValidityError::Unknown(reason) => unreachable!("{reason:?}"),
        },
    )
}

#[test]
fn a_coldkey_whose_swap_is_announced_does_nothing_else() {
    on_chain(|| {
        assert_ok!(SubtensorModule::announce_coldkey_swap(RuntimeOrigin::signed(account("Bob")), H256::zero()));
        let gift = || pallet_balances::Call::<Runtime>::transfer_all { dest: account("Eve").into(), keep_alive: true };
        assert_eq!(validate("Bob", 0, gift()).unwrap_err(), InvalidTransaction::Custom(0));
        assert_ok!(validate("Alice", 0, gift()));
        assert_ok!(validate("Bob", 0, Call::clear_coldkey_swap_announcement {}));
    });
}

#[test]
fn what_carries_a_sealed_transaction_lives_for_eight_blocks_at_most() {
    on_chain(|| {
        let outcome = |era| {
            let call = crate::localnet::shield::Call::<Runtime>::submit_encrypted { ciphertext: Default::default() };
            let submission = living(era, "Alice", 0, call);
            let answer = Executive::validate_transaction(TransactionSource::External, submission, H256::zero());
            answer.unwrap_err()
        };
        // The limit is looked at before the seal, which is none here.
        for era in [Era::Immortal, Era::mortal(2 * CARRIER_PERIOD, 0)] {
            assert_eq!(outcome(era), InvalidTransaction::Stale.into());
        }
        assert_eq!(outcome(Era::mortal(CARRIER_PERIOD, 0)), InvalidTransaction::Custom(23).into());
        assert_ok!(validate("Alice", 0, weights()));
    });
}

fn weights() -> Call<Runtime> {
    Call::set_weights { netuid: EVENTS, dests: vec![1], weights: vec![1], version_key: 0 }
}

fn axon(ip: u128, port: u16) -> Call<Runtime> {
    let (netuid, version, ip_type, protocol) = (EVENTS, 1, 4, 4);
    Call::serve_axon { netuid, version, ip, port, ip_type, protocol, placeholder1: 0, placeholder2: 0 }
}

#[test]
fn the_bytes_are_era_nonce_tip_and_mode() {
    assert_eq!(signed(Era::Immortal, 0, 0).encode(), [0; 4]);
    assert_eq!(signed(Era::mortal(64, 0), 5, 1).encode(), [0x05, 0x00, 5 << 2, 1 << 2, 0]);
}

#[test]
fn a_hotkey_without_balance_sends_what_is_free_and_nothing_else() {
    on_chain(|| {
        assert_ok!(SubtensorModule::burned_register(RuntimeOrigin::signed(account("Alice")), EVENTS, account("poor")));
        assert_ok!(validate("poor", 0, axon(0x0808_0808, 8091)));
        let paying = Call::burned_register { netuid: EVENTS, hotkey: account("other") };
        assert_eq!(validate("poor", 0, paying).unwrap_err(), InvalidTransaction::Payment);
    });
}

#[test]
fn nonces_are_used_in_order() {
    on_chain(|| {
        let ready = validate("Alice", 0, weights()).unwrap();
        assert!(ready.requires.is_empty());
        assert_eq!(ready.provides, [(account("Alice"), 0u32).encode()]);
        let early = validate("Alice", 3, weights()).unwrap();
        assert_eq!(early.requires, [(account("Alice"), 2u32).encode()]);
        System::inc_account_nonce(account("Alice"));
        assert_eq!(validate("Alice", 0, weights()).unwrap_err(), InvalidTransaction::Stale);
    });
}

#[test]
fn hopeless_calls_are_refused_with_their_codes() {
    on_chain(|| {
        assert_ok!(SubtensorModule::burned_register(RuntimeOrigin::signed(account("Alice")), EVENTS, account("miner")));
        let code = |call: Call<Runtime>| {
            validate("miner", 0, call).map(|_| ()).map_err(|reason| match reason {
                InvalidTransaction::Custom(code) => code,
                other => unreachable!("{other:?}"),
            })
        };
        assert_eq!(code(weights()), Err(6), "the rate limit counts from registration");
        chain::StakeThreshold::<Runtime>::put(1);
        assert_eq!(code(weights()), Err(1));
        assert_eq!(code(axon(u128::MAX, 8091)), Err(11));
        assert_eq!(code(axon(0x0808_0808, 0)), Err(13));
        assert_eq!(code(axon(0x0808_0808, 8091)), Ok(()));
        let stranger = validate("stranger", 0, axon(0x0808_0808, 8091)).unwrap_err();
        assert_eq!(stranger, InvalidTransaction::Custom(10));
    });
}

#[test]
fn only_the_sudo_key_gets_sudo_into_the_pool() {
    on_chain(|| {
        let call = || pallet_sudo::Call::<Runtime>::sudo { call: Box::new(weights().into()) };
        assert_ok!(validate("Alice", 0, call()));
        assert_eq!(validate("Bob", 0, call()).unwrap_err(), InvalidTransaction::BadSigner);
    });
}

#[test]
fn a_changed_call_is_not_what_was_signed() {
    on_chain(|| {
        let mut forged = submission("Alice", 0, weights());
        forged.function = axon(1, 1).into();
        let answer = Executive::validate_transaction(TransactionSource::External, forged, H256::zero());
        assert_eq!(answer.unwrap_err(), InvalidTransaction::BadProof.into());
    });
}
