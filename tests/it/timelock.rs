//! Time-locked weights against those of `bittensor_drand`, the package that every Python validator seals with: golden ones,
//! and live ones both ways.

use std::io::Write as _;
use std::process::{Command, Stdio};

use neuron::timelock::{Payload, PublicKey, Schedule, Signature, TimelockError, open, seal};
use neuron::units::Account;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::needs::{python, shared};
use crate::support::fixture;

tests! {
    blocking: a_commit_of_bittensor_drand_opens, every_golden_commit_opens_and_every_hostile_one_has_its_error,
        bittensor_drand_opens_ours_and_we_open_its
}

/// Envelopes (compact length, commit, round) of the package are opened and made by it, in one line each.
const PEER: &str = r#"
import json, sys, bittensor_drand
asked = json.load(sys.stdin)
opened = [bittensor_drand.decrypt_with_signature(bytes.fromhex(e), asked["signature"]).hex() for e in asked["open"]]
sealed = [bittensor_drand.encrypt_at_round(bytes.fromhex(p), asked["round"])[0].hex() for p in asked["seal"]]
print(json.dumps({"opened": opened, "sealed": sealed}))
"#;

#[derive(Deserialize)]
struct Vectors {
    meta: Meta,
    cases: Vec<Case>,
    #[serde(default)]
    hostile: Vec<Hostile>,
}

#[derive(Deserialize)]
struct Meta {
    public_key_hex: String,
    genesis_unix: u64,
    period_s: u64,
    round: u64,
    signature_hex: String,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    hotkey_hex: String,
    uids: Vec<u16>,
    values: Vec<u16>,
    version_key: u64,
    payload_hex: String,
    commit_hex: String,
}

#[derive(Deserialize)]
struct Hostile {
    id: String,
    commit_hex: String,
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

impl Meta {
    fn signature(&self) -> Signature {
        Signature::from_bytes(&bytes(&self.signature_hex)).unwrap()
    }
}

impl Case {
    fn payload(&self) -> Payload {
        let hotkey = Some(Account(bytes(&self.hotkey_hex).try_into().unwrap()));
        Payload { hotkey, uids: self.uids.clone(), values: self.values.clone(), version_key: self.version_key }
    }
}

fn every_case_opens(vectors: &Vectors) {
    let signature = vectors.meta.signature();
    assert!(!vectors.cases.is_empty());
    for case in &vectors.cases {
        assert_eq!(hex::encode(case.payload().encode()), case.payload_hex, "{}", case.id);
        assert_eq!(open(&bytes(&case.commit_hex), &signature), Ok(case.payload()), "{}", case.id);
    }
}

fn a_commit_of_bittensor_drand_opens() {
    every_case_opens(&serde_json::from_str(&fixture("timelock.json")).unwrap());
}

fn every_golden_commit_opens_and_every_hostile_one_has_its_error() {
    let path = shared("vectors/drand/timelock.json");
    let vectors: Vectors = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let meta = &vectors.meta;
    assert_eq!(meta.public_key_hex, hex::encode(PublicKey::QUICKNET.as_bytes()));
    assert_eq!(Schedule::QUICKNET, Schedule { genesis_unix_s: meta.genesis_unix, period_s: meta.period_s });
    assert!(PublicKey::QUICKNET.verifies(meta.round, &meta.signature()));
    every_case_opens(&vectors);
    for hostile in &vectors.hostile {
        let refused = open(&bytes(&hostile.commit_hex), &meta.signature()).unwrap_err();
        let expected = match hostile.id.as_str() {
            "empty" | "short" | "body_length_huge" => matches!(refused, TimelockError::Short { .. }),
            "u_not_on_curve" => matches!(refused, TimelockError::NotAPoint(_)),
            "v_length_huge" => matches!(refused, TimelockError::Length { part: "V", .. }),
            "nonce_length_changed" => {
                matches!(
                    refused,
                    TimelockError::Length { .. } | TimelockError::Short { .. } | TimelockError::Trailing(_)
                )
            }
            "tag_changed" => refused == TimelockError::DoesNotOpen,
            "suite_unknown" => matches!(refused, TimelockError::UnknownSuite(_)),
            _ => true,
        };
        assert!(expected, "{}: {refused:?}", hostile.id);
    }
}

/// The package's own wrapping of a commit.
fn envelope(commit: &[u8], round: u64) -> String {
    use codec::Encode as _;
    hex::encode((commit.to_vec(), round).encode())
}

fn bittensor_drand_opens_ours_and_we_open_its() {
    let python = python("NEURON_PYTHON");
    let vectors: Vectors = serde_json::from_str(&fixture("timelock.json")).unwrap();
    let round = vectors.meta.round;
    let payloads: Vec<Payload> = [0u16, 1, 64, 256, 1100]
        .map(|weights| Payload {
            hotkey: Some(Account([weights.to_le_bytes()[0]; 32])),
            uids: (0..weights).collect(),
            values: (0..weights).map(|uid| uid ^ 0x5aa5).collect(),
            version_key: u64::from(weights) << 40,
        })
        .into();
    let plain: Vec<String> = payloads.iter().map(|payload| hex::encode(payload.encode())).collect();
    let ours: Vec<String> =
        payloads.iter().map(|payload| envelope(&seal(payload, round, &PublicKey::QUICKNET).unwrap(), round)).collect();

    let asked = json!({"signature": vectors.meta.signature_hex, "round": round, "open": ours, "seal": plain});
    let mut peer =
        Command::new(python).args(["-c", PEER]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    peer.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let answer: Value = serde_json::from_slice(&peer.wait_with_output().unwrap().stdout).unwrap();

    let texts = |name: &str| -> Vec<String> { serde_json::from_value(answer[name].clone()).unwrap() };
    assert_eq!(texts("opened"), plain, "what we sealed");
    for (payload, sealed) in payloads.iter().zip(texts("sealed")) {
        let commit = open_envelope(&bytes(&sealed), round);
        assert_eq!(open(&commit, &vectors.meta.signature()).as_ref(), Ok(payload), "what it sealed");
    }
}

fn open_envelope(mut envelope: &[u8], round: u64) -> Vec<u8> {
    use codec::Decode as _;
    let (commit, sealed_for) = <(Vec<u8>, u64)>::decode(&mut envelope).unwrap();
    assert_eq!(sealed_for, round);
    commit
}
