//! Requests of the real SDKs, byte for byte, against our axon; and the answers the real axons gave to the same bytes.
//!
//! Where our policy is stricter than theirs, the case stands in [`STRICTER`] with the reason.

use neuron::axon::{AdmissionPolicy, AxonConfig};
use neuron::clock::Clock;
use neuron::units::UnixMs;
use serde_json::Value;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::axon_kit::{Answer, bob, send};
use crate::support::shared;

fn vectors(name: &str) -> Option<Value> {
    let path = shared(&format!("vectors/wire/{name}"))?;
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

fn bytes(case: &Value) -> Option<Vec<u8>> {
    Some(BASE64.decode(case["request_base64"].as_str()?).unwrap())
}

/// Cases where the Python axon answered otherwise, our status, and why.
const STRICTER: [(&str, u16, &str); 33] = [
    ("nonce_one_hour_in_future", 401, "the future is bounded"),
    ("nonce_stale_but_timeout_header_inflated", 401, "the timeout is not signed; it is clamped"),
    ("window_skip_second", 401, "the window holds for every request, not for the first of a uuid only"),
    ("nonce_lower_than_last", 200, "out of order is not a replay: the nonce was never used"),
    ("version_701_monotonic_nonce", 401, "legacy peers are a setting"),
    ("version_absent_tiny_nonce", 401, "legacy peers are a setting"),
    ("version_downgrade", 401, "a lowered version buys nothing"),
    ("signature_missing", 401, "SDK 9.3 to 10.4 accept unsigned requests"),
    ("timeout_header_not_a_number", 400, "400 for malformed headers, where SDK 7.2+ say 500"),
    ("nonce_not_an_integer", 400, "likewise"),
    ("input_obj_header_garbage", 400, "likewise"),
    ("input_obj_header_missing", 200, "the typed body decides, not a header that announces it"),
    ("header_names_with_dashes", 401, "without its headers the request has no hotkey"),
    ("trailing_slash", 404, "no redirects"),
    ("blacklist_reason_unicode", 200, "a fault of the test peer's own functions, which ours has not"),
    ("blacklist_reason_newline", 200, "likewise"),
    ("blacklist_function_raises", 200, "likewise"),
    ("priority_timeout", 200, "likewise"),
    ("priority_raises", 200, "likewise"),
    ("live_backward_received_null", 200, "Python clients send this null; refusing it would lose them"),
    ("body_hash_mismatch_body_changed", 400, "400 for hash errors"),
    ("body_hash_header_changed_and_signed", 400, "likewise"),
    ("body_hash_header_missing_signed_as_None", 400, "likewise"),
    ("body_missing_required_field", 200, "of both generations of this class, one has a default"),
    ("body_value_out_of_range", 400, "400 for bodies of another shape"),
    ("body_json_array", 422, "not a JSON object"),
    ("handler_returns_none", 200, "a handler of ours cannot"),
    ("handler_nan_in_response", 200, "written as null, which says no answer"),
    ("body_empty", 422, "not JSON"),
    ("body_with_bom", 422, "not JSON"),
    ("content_type_missing", 200, "SDK 7 and 9 take it; nothing depends on it"),
    ("content_type_text_plain", 200, "likewise"),
    ("body_axon_status_injected", 200, "a status in a request is not obeyed"),
];

/// Before [`STRICTER`], where legacy peers are served.
const LEGACY: [(&str, u16, &str); 7] = [
    ("nonce_stale", 401, "a nonce that tells a time is judged by the clock, whatever version is claimed"),
    ("nonce_stale_small_timeout", 401, "likewise"),
    ("nonce_lower_than_last", 401, "nonces that tell no time can only be ordered"),
    ("version_701_monotonic_nonce", 200, "served, as the operator said"),
    ("version_absent_tiny_nonce", 200, "likewise"),
    ("handler_sets_status_400_with_message", 400, "SDK 7.0 could not; ours can for everybody"),
    ("handler_sets_status_400_without_message", 400, "likewise"),
];

#[tokio::test]
async fn requests_captured_from_the_sdks_are_answered() {
    for file in ["sdk10", "sdk9", "sdk7"] {
        let Some(vectors) = vectors(&format!("dendrite_requests_{file}.json")) else { return };
        let cases = vectors["cases"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let captured = case["captured_at_ns"].as_u64().unwrap();
            let clock = Clock::stepped(UnixMs((captured / 1_000_000) as i64 - 3_600_000));
            let policy = AdmissionPolicy { legacy_peers: file == "sdk7", ..AdmissionPolicy::open() };
            let axon = bob(AxonConfig::loopback()).policy(policy).clock(clock.clone());
            let axon = axon.spawn().await.unwrap();
            clock.advance(Duration::from_secs(3600));
            let raw = ["head_base64", "body_base64"].map(|part| BASE64.decode(case[part].as_str().unwrap()).unwrap());
            let answer = send(axon.local_addr(), &raw.concat()).await;
            assert_eq!(answer.status, 200, "{file} {}: {}", case["id"], String::from_utf8_lossy(&answer.body));
        }
    }
}

#[tokio::test]
async fn the_sdks_own_axons_answer_the_same_bytes_with_the_same_status() {
    for file in ["sdk10", "sdk9", "sdk7"] {
        let Some(vectors) = vectors(&format!("axon_responses_{file}.json")) else { return };
        let cases = vectors["cases"].as_array().unwrap();
        let start = cases[0]["sent_at_ns"].as_u64().unwrap() / 1_000_000;
        let clock = Clock::stepped(UnixMs(start as i64 - 3_600_000));
        let denied = vectors["meta"]["blacklisted_hotkey"].as_str().unwrap().parse().unwrap();
        let legacy_peers = file == "sdk7";
        let policy = AdmissionPolicy { deny: [denied].into(), legacy_peers, ..AdmissionPolicy::open() };
        let axon = bob(AxonConfig::loopback()).policy(policy).clock(clock.clone()).spawn().await.unwrap();
        let (mut tried, mut wrong) = (0, Vec::new());
        for case in cases {
            let Some(raw) = bytes(case) else { continue };
            let at = UnixMs((case["sent_at_ns"].as_u64().unwrap() / 1_000_000) as i64);
            clock.advance(Duration::from_millis(at.since(clock.now()).max(0) as u64));
            let answer = send(axon.local_addr(), &raw).await;
            tried += 1;
            wrong.extend(judge(case, &answer, legacy_peers));
        }
        assert!(tried + 2 > cases.len(), "all but one that is not recorded for its size: {tried}");
        assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
    }
}

/// What is wrong with our answer, compared with theirs and with what ours should be.
fn judge(case: &Value, answer: &Answer, legacy: bool) -> Option<String> {
    let id = case["id"].as_str().unwrap();
    let theirs = case["response"]["status"].as_u64().unwrap_or(0) as u16;
    let legacy = LEGACY.iter().filter(|_| legacy);
    let stricter = legacy.chain(&STRICTER).find(|(other, ..)| *other == id);
    let (expected, why) = match stricter {
        Some((_, status, why)) => (*status, *why),
        None => (theirs, "as theirs"),
    };
    if answer.status != expected {
        let body = String::from_utf8_lossy(&answer.body);
        return Some(format!("{id}: {} instead of {expected} ({why}; theirs {theirs}): {body}", answer.status));
    }
    if answer.complete {
        answer.checked();
    }
    None
}
