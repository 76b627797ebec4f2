//! What neurons commit: in the open, within a space, and sealed until a round.

use super::*;
use crate::localnet::{
    commitments::{CommitmentInfo, CommitmentOf, Data, Error as Refused, LastBondsReset, RevealedCommitments},
    drand::{self, Pulse},
    runtime::Commitments,
};
use crate::timelock::{SecretKey, seal_bytes};
use frame_support::{assert_noop, assert_ok};

fn info(fields: Vec<Data>) -> Box<CommitmentInfo> {
    Box::new(CommitmentInfo { fields: fields.try_into().unwrap() })
}

fn raw(bytes: &[u8]) -> Data {
    Data::Raw(bytes.to_vec().try_into().unwrap())
}

#[test]
fn a_neuron_commits_what_fits_its_space() {
    on_chain(|| {
        register("miner");
        let commit = |who: &str, fields| Commitments::set_commitment(signed(who), EVENTS, info(fields));
        assert_noop!(commit("stranger", vec![raw(b"x")]), Refused::<Runtime>::AccountNotAllowedCommit);
        assert_ok!(commit("miner", vec![raw(b"hello"), Data::ResetBondsFlag]));
        let stored = CommitmentOf::<Runtime>::get(EVENTS, account("miner")).unwrap();
        assert_eq!((stored.block, stored.info.fields[0].clone()), (1, raw(b"hello")));
        assert_eq!(LastBondsReset::<Runtime>::get(EVENTS, account("miner")), Some(1));
        // Each takes at least a hundred bytes of 3100.
        for _ in 0..30 {
            assert_ok!(commit("miner", vec![raw(b"again")]));
        }
        assert_noop!(commit("miner", vec![raw(b"more")]), Refused::<Runtime>::SpaceLimitExceeded);
        SubnetEpochIndex::<Runtime>::mutate(EVENTS, |index| *index += 1);
        assert_ok!(commit("miner", vec![raw(b"more")]));
    });
}

#[test]
fn a_sealed_field_opens_when_its_round_comes() {
    on_chain(|| {
        register("miner");
        let beacon = SecretKey::from_seed(b"a beacon");
        let sealed = seal_bytes(b"secret", 500, &beacon.public()).unwrap();
        let field = Data::TimelockEncrypted { encrypted: sealed.try_into().unwrap(), reveal_round: 500 };
        assert_ok!(Commitments::set_commitment(signed("miner"), EVENTS, info(vec![raw(b"open"), field])));
        Commitments::on_initialize(2);
        assert_eq!(RevealedCommitments::<Runtime>::get(EVENTS, account("miner")), None);
        let signature = beacon.sign(500).as_bytes().to_vec().try_into().unwrap();
        drand::Pulses::<Runtime>::insert(500, Pulse { round: 500, signature, ..Pulse::default() });
        Commitments::on_initialize(3);
        let opened = RevealedCommitments::<Runtime>::get(EVENTS, account("miner")).unwrap();
        assert_eq!(opened, [(b"secret".to_vec(), 1)]);
        let left = CommitmentOf::<Runtime>::get(EVENTS, account("miner")).unwrap().info.fields;
        assert_eq!(left.to_vec(), [raw(b"open")]);
    });
}
