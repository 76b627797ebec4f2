use super::*;
use crate::units::Account;
use proptest::prelude::*;

/// Drand's signature of round 1000 of `quicknet`, which everybody can look up.
const ROUND_1000: &str =
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

fn round_1000() -> Signature {
    Signature::from_bytes(&hex::decode(ROUND_1000).unwrap()).unwrap()
}

fn payload(weights: u16) -> Payload {
    Payload {
        hotkey: Some(Account([9; 32])),
        uids: (0..weights).collect(),
        values: (0..weights).map(|uid| uid.wrapping_mul(7919)).collect(),
        version_key: 11,
    }
}

#[test]
fn the_key_of_quicknet_verifies_its_signatures() {
    assert_eq!(PublicKey::from_bytes(PublicKey::QUICKNET.as_bytes()), Ok(PublicKey::QUICKNET));
    assert!(PublicKey::QUICKNET.verifies(1000, &round_1000()));
    assert!(!PublicKey::QUICKNET.verifies(1001, &round_1000()));
    let own = SecretKey::from_seed(b"own");
    assert!(own.public().verifies(7, &own.sign(7)));
    assert!(!own.public().verifies(1000, &round_1000()));
}

#[test]
fn what_is_sealed_for_a_past_round_of_quicknet_opens() {
    for weights in [0, 1, 256, 1170] {
        let commit = seal(&payload(weights), 1000, &PublicKey::QUICKNET).unwrap();
        assert_eq!(commit.len(), payload(weights).encode().len() + OVERHEAD_BYTES);
        assert_eq!(open(&commit, &round_1000()), Ok(payload(weights)), "{weights} weights");
    }
}

#[test]
fn a_round_a_beacon_and_a_sealing_are_not_like_others() {
    let (beacon, other) = (SecretKey::from_seed(b"one"), SecretKey::from_seed(b"two"));
    let commit = seal(&payload(3), 50, &beacon.public()).unwrap();
    assert_eq!(open(&commit, &beacon.sign(50)), Ok(payload(3)));
    assert_eq!(open(&commit, &beacon.sign(51)), Err(TimelockError::DoesNotOpen));
    assert_eq!(open(&commit, &other.sign(50)), Err(TimelockError::DoesNotOpen));
    assert_ne!(seal(&payload(3), 50, &beacon.public()).unwrap(), commit, "fresh randomness each time");
}

#[test]
fn too_many_weights_are_refused_before_they_are_sealed() {
    let refused = seal(&payload(1200), 1, &PublicKey::QUICKNET);
    assert!(matches!(refused, Err(TimelockError::TooLong { weights: 1200, bytes }) if bytes > MAX_COMMIT_BYTES));
}

#[test]
fn both_forms_of_a_payload_are_read() {
    let old = Payload { hotkey: None, ..payload(2) };
    assert_eq!(Payload::decode(&old.encode()), Ok(old));
    assert_eq!(Payload::decode(&payload(2).encode()), Ok(payload(2)));
    // These bytes could be a hotkey of two bytes and no weights; the chain wants 32, and reads on.
    let short = Payload { hotkey: None, uids: vec![2, 0], values: vec![2, 1], version_key: 0 };
    assert_eq!(Payload::decode(&short.encode()), Ok(short));
    assert!(matches!(Payload::decode(&[0xff; 40]), Err(TimelockError::Payload(_))));
}

#[test]
fn a_list_that_claims_to_be_huge_is_not_allocated() {
    // Compact length of 2³⁰ − 1 numbers, and nothing behind it.
    let mut bytes = vec![0x80];
    bytes.extend_from_slice(&[1; 32]);
    bytes.extend_from_slice(&[0xfe, 0xff, 0xff, 0xff]);
    assert!(matches!(Payload::decode(&bytes), Err(TimelockError::Payload(_))));
}

#[test]
fn every_part_is_looked_at() {
    let commit = seal(&payload(2), 1000, &PublicKey::QUICKNET).unwrap();
    let changed = |at: usize, bytes: &[u8]| {
        let mut other = commit.clone();
        other[at..at + bytes.len()].copy_from_slice(bytes);
        open(&other, &round_1000()).unwrap_err()
    };
    let end = commit.len();
    let huge = u64::MAX.to_le_bytes();
    assert_eq!(open(&[], &round_1000()), Err(TimelockError::Short { part: "U", need: 96, have: 0 }));
    assert_eq!(changed(0, &[0xff; 96]), TimelockError::NotAPoint("the commit's U"));
    let infinity = [[0xc0].as_slice(), &[0; 95]].concat();
    assert_eq!(changed(0, &infinity), TimelockError::NotAPoint("the commit's U"));
    assert_eq!(changed(96, &huge), TimelockError::Length { part: "V", says: u64::MAX, expected: 32 });
    assert_eq!(changed(136, &[31]), TimelockError::Length { part: "W", says: 31, expected: 32 });
    assert!(matches!(changed(176, &huge), TimelockError::Short { part: "body", need: u64::MAX, .. }));
    assert!(matches!(changed(184, &huge), TimelockError::Short { part: "ciphertext", need: u64::MAX, .. }));
    assert_eq!(changed(end - 36, &[11]), TimelockError::Length { part: "nonce", says: 11, expected: 12 });
    assert_eq!(changed(192, &[commit[192] ^ 1]), TimelockError::DoesNotOpen);
    assert_eq!(changed(end - 8, b"AES_CBC_"), TimelockError::UnknownSuite("AES_CBC_".into()));
    let longer = [&commit[..], &[0]].concat();
    assert_eq!(open(&longer, &round_1000()), Err(TimelockError::Trailing(1)));
}

#[test]
fn points_outside_the_group_are_no_keys() {
    let infinity = |size: usize| [[0xc0].as_slice(), &vec![0; size - 1]].concat();
    assert!(PublicKey::from_bytes(&infinity(96)).is_err() && Signature::from_bytes(&infinity(48)).is_err());
    assert!(PublicKey::from_bytes(&[]).is_err() && Signature::from_bytes(&[0x80; 48]).is_err());
    assert_eq!(format!("{:?}", SecretKey::from_seed(b"x")), "SecretKey(hidden)");
}

#[test]
fn rounds_and_times_of_quicknet() {
    let quicknet = Schedule::QUICKNET;
    assert_eq!((quicknet.round_at(0), quicknet.round_at(1_692_803_367)), (0, 1));
    assert_eq!((quicknet.time_of(1), quicknet.time_of(1000)), (1_692_803_367, 1_692_806_364));
    assert_eq!(quicknet.time_of(u64::MAX), u64::MAX, "saturates");
    assert_eq!(Schedule { genesis_unix_s: 5, period_s: 0 }.round_at(7), 3);
}

proptest! {
    #[test]
    fn a_published_round_is_one_whose_time_has_come(now in 1_692_803_367u64..1 << 40) {
        let round = Schedule::QUICKNET.round_at(now);
        prop_assert!(Schedule::QUICKNET.time_of(round) <= now && now < Schedule::QUICKNET.time_of(round + 1));
    }

    #[test]
    fn a_payload_comes_back(hotkey: Option<[u8; 32]>, uids: Vec<u16>, values: Vec<u16>, version_key: u64) {
        let hotkey = hotkey.map(Account);
        // Without a hotkey the first list must not look like one, which the chain would mistake too.
        prop_assume!(hotkey.is_some() || uids.len() < 32);
        let payload = Payload { hotkey, uids, values, version_key };
        prop_assert_eq!(Payload::decode(&payload.encode()), Ok(payload));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Payload::decode(&bytes);
        prop_assert!(open(&bytes, &round_1000()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_changed_commit_never_opens_as_another(at in 0usize..261, flip in 1u8..) {
        let mut commit = seal(&payload(2), 1000, &PublicKey::QUICKNET).unwrap();
        let at = at % commit.len();
        commit[at] ^= flip;
        prop_assert!(open(&commit, &round_1000()).is_err());
    }
}
