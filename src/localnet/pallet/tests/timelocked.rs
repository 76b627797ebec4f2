use super::*;
use crate::localnet::drand::{self, Pulse};
use crate::localnet::runtime::{Drand, MechId, RuntimeEvent};
use crate::timelock::{Payload, PublicKey, SecretKey, Signature, seal};
use crate::units::Account;
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchResult;

const ROUND: u64 = 1000;

/// Drand's signature of round 1000 of `quicknet`, which everybody can look up.
const QUICKNET_1000: &str =
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

fn beacon() -> SecretKey {
    drand::secret_of(&GenesisFingerprint::<Runtime>::get().unwrap())
}

fn payload(who: &str, miner: u16) -> Payload {
    Payload { hotkey: Some(Account(account(who).into())), uids: vec![miner, 0], values: vec![2, 1], version_key: 0 }
}

fn sealed(payload: &Payload, key: &PublicKey) -> SealedWeights {
    SealedWeights::truncate_from(seal(payload, ROUND, key).unwrap())
}

fn commit(who: &str, sealed: SealedWeights) -> DispatchResult {
    Module::commit_timelocked_mechanism_weights(signed(who), EVENTS, MechId(0), sealed, ROUND, 4)
}

fn store(round: u64, signature: &Signature) {
    drand::Pulses::<Runtime>::insert(round, Pulse::of(round, signature));
    drand::LastStoredRound::<Runtime>::put(round);
}

fn row(uid: u16) -> Vec<(u16, u16)> {
    Weights::<Runtime>::get(EVENTS.main_mechanism(), uid)
}

fn waiting() -> usize {
    TimelockedWeightCommits::<Runtime>::iter_prefix(EVENTS.main_mechanism()).map(|(_, queue)| queue.len()).sum()
}

#[test]
fn sealed_weights_are_opened_before_the_epoch_that_pays_for_them() {
    with_committer(|validator, miner| {
        let sealed = sealed(&payload("validator", miner), &beacon().public());
        assert_ok!(commit("validator", sealed.clone()));
        let (index, at) = (EVENTS.main_mechanism(), Module::block());
        let hash = sp_core::H256(sp_io::hashing::blake2_256(&sealed));
        assert!(happened(Event::TimelockedWeightsCommitted(account("validator"), index, hash, ROUND)));
        assert_eq!(LastUpdate::<Runtime>::get(index)[usize::from(validator)], at);
        let epoch = SubnetEpochIndex::<Runtime>::get(EVENTS);
        let queue = TimelockedWeightCommits::<Runtime>::get(index, epoch);
        assert_eq!(queue, [(account("validator"), at, sealed, ROUND)]);

        store(ROUND, &beacon().sign(ROUND));
        advance(1);
        assert!(row(validator).is_empty(), "the round alone is not enough");
        next_epoch();
        assert_eq!(row(validator), [(miner, 65_535), (0, 32_768)]);
        assert!(happened(Event::TimelockedWeightsRevealed(index, account("validator"))));
        assert_eq!(LastUpdate::<Runtime>::get(index)[usize::from(validator)], at);
        assert_eq!(waiting(), 0);
        let incentive = Incentive::<Runtime>::get(index);
        assert!(incentive[usize::from(miner)] > 0, "the epoch of the same block has seen them");
    });
}

#[test]
fn what_was_sealed_for_quicknet_is_opened_by_its_pulse() {
    with_committer(|validator, miner| {
        assert_ok!(commit("validator", sealed(&payload("validator", miner), &PublicKey::QUICKNET)));
        store(ROUND, &Signature::from_bytes(&hex::decode(QUICKNET_1000).unwrap()).unwrap());
        next_epoch();
        assert!(!row(validator).is_empty());
    });
}

#[test]
fn a_late_round_is_waited_for_within_the_epoch() {
    with_committer(|validator, miner| {
        assert_ok!(commit("validator", sealed(&payload("validator", miner), &beacon().public())));
        next_epoch();
        advance(5);
        assert_eq!((row(validator).len(), waiting()), (0, 1));
        store(ROUND, &beacon().sign(ROUND));
        advance(1);
        assert_eq!((row(validator).len(), waiting()), (2, 0));
    });
}

#[test]
fn what_no_round_opened_in_its_epoch_is_lost() {
    with_committer(|validator, miner| {
        assert_ok!(commit("validator", sealed(&payload("validator", miner), &beacon().public())));
        next_epoch();
        next_epoch();
        assert_eq!(waiting(), 0);
        store(ROUND, &beacon().sign(ROUND));
        advance(5);
        assert!(row(validator).is_empty());
    });
}

#[test]
fn what_does_not_open_or_is_not_allowed_is_thrown_away_alone() {
    with_committer(|validator, miner| {
        let own = beacon().public();
        let foreign = Payload { hotkey: payload("miner", miner).hotkey, ..payload("validator", miner) };
        let doubled = Payload { uids: vec![miner, miner], ..payload("validator", miner) };
        assert_ok!(commit("validator", sealed(&foreign, &own)));
        assert_ok!(commit("validator", sealed(&payload("validator", miner), &PublicKey::QUICKNET)));
        assert_ok!(commit("validator", sealed(&doubled, &own)));
        assert_ok!(commit("validator", SealedWeights::truncate_from(vec![0xff; 300])));
        assert_ok!(commit("miner", sealed(&payload("miner", miner), &own)));
        store(ROUND, &beacon().sign(ROUND));
        next_epoch();
        assert_eq!((waiting(), row(validator).len(), row(miner).len()), (0, 0, 0));
        let revealed =
            |event: &RuntimeEvent| matches!(event, RuntimeEvent::SubtensorModule(Event::TimelockedWeightsRevealed(..)));
        assert!(!System::events().iter().any(|record| revealed(&record.event)));
    });
}

#[test]
fn the_old_payload_without_hotkey_is_taken() {
    with_committer(|validator, miner| {
        let old = Payload { hotkey: None, ..payload("validator", miner) };
        assert_ok!(commit("validator", sealed(&old, &beacon().public())));
        store(ROUND, &beacon().sign(ROUND));
        next_epoch();
        assert!(!row(validator).is_empty());
    });
}

#[test]
fn a_sealed_commit_is_looked_at_in_order() {
    with_committer(|_, _| {
        let bytes = || SealedWeights::truncate_from(vec![1; 10]);
        let send = |who, netuid, mecid, round, version| {
            Module::commit_timelocked_mechanism_weights(signed(who), netuid, MechId(mecid), bytes(), round, version)
        };
        assert_noop!(send("validator", NOWHERE, 0, ROUND, 4), Failure::MechanismDoesNotExist);
        assert_noop!(send("validator", EVENTS, 1, ROUND, 4), Failure::MechanismDoesNotExist);
        assert_noop!(send("stranger", EVENTS, 0, ROUND, 3), Failure::IncorrectCommitRevealVersion);
        assert_noop!(send("stranger", EVENTS, 0, ROUND, 4), Failure::HotKeyNotRegisteredInSubNet);
        for _ in 0..10 {
            assert_ok!(send("validator", EVENTS, 0, ROUND, 4));
        }
        assert_noop!(send("validator", EVENTS, 0, ROUND, 4), Failure::TooManyUnrevealedCommits);
        assert_ok!(Module::commit_timelocked_weights(signed("miner"), EVENTS, bytes(), ROUND, 4));
        assert_ok!(Module::commit_crv3_mechanism_weights(signed("miner"), EVENTS, MechId(0), bytes(), ROUND));
        next_epoch();
        assert_ok!(send("validator", EVENTS, 0, ROUND, 4));
        WeightsSetRateLimit::<Runtime>::insert(EVENTS, 5);
        assert_noop!(send("validator", EVENTS, 0, ROUND, 4), Failure::CommittingWeightsTooFast);
        CommitRevealWeightsEnabled::<Runtime>::insert(EVENTS, false);
        assert_noop!(send("stranger", EVENTS, 0, ROUND, 3), Failure::CommitRevealDisabled);

        let call = |reveal_round| Call::commit_timelocked_weights {
            netuid: EVENTS,
            commit: bytes(),
            reveal_round,
            commit_reveal_version: 4,
        };
        drand::LastStoredRound::<Runtime>::put(ROUND);
        assert_eq!((refusal("miner", &call(ROUND)), refusal("miner", &call(ROUND - 1))), (None, Some(15)));
    });
}

#[test]
fn pulses_are_verified_increase_and_leave() {
    with_committer(|_, _| {
        let write = |pulses: Vec<Pulse>, origin: RuntimeOrigin| {
            let public = sp_core::sr25519::Public::from_raw([0; 32]).into();
            Drand::write_pulse(origin, drand::PulsesPayload { block_number: 1, pulses, public }, None)
        };
        let own = |round| Pulse::of(round, &beacon().sign(round));
        let quicknet = Pulse::of(1000, &Signature::from_bytes(&hex::decode(QUICKNET_1000).unwrap()).unwrap());
        assert_noop!(write(vec![own(5)], signed("Alice")), sp_runtime::DispatchError::BadOrigin);
        assert_ok!(write(vec![own(998), own(999), quicknet.clone()], RuntimeOrigin::none()));
        let last = drand::LastStoredRound::<Runtime>::get;
        assert_eq!((last(), drand::Pulses::<Runtime>::get(1000)), (1000, Some(quicknet.clone())));
        let again = drand::Error::<Runtime>::InvalidRoundNumber;
        assert_noop!(write(vec![quicknet.clone()], RuntimeOrigin::none()), again);
        let wrong = drand::Error::<Runtime>::PulseVerificationError;
        let moved = Pulse { round: 1001, ..quicknet };
        assert_noop!(write(vec![moved], RuntimeOrigin::none()), wrong);
        let mut random = own(1002);
        random.randomness.iter_mut().for_each(|byte| *byte = 0);
        assert_noop!(write(vec![random], RuntimeOrigin::none()), drand::Error::<Runtime>::PulseVerificationError);
        assert_ok!(write(vec![own(998 + drand::KEPT)], RuntimeOrigin::none()));
        let kept = [998, 999].map(drand::Pulses::<Runtime>::contains_key);
        assert_eq!((kept, drand::OldestStoredRound::<Runtime>::get()), ([false, true], 999));
    });
}
