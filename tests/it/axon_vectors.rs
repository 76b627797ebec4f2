//! Requests of the real SDKs, byte for byte, against our axon; and the answers the real axons gave to the same bytes.
//!
//! What our axon has to say is reckoned from the request by [`Judge`], rung by rung; where that is not what the Python axon
//! said, the rung must have a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};
use neuron::axon::{AdmissionPolicy, AxonConfig, Builder};
use neuron::clock::Clock;
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::subnets::timeseries::synapse::{
    LiveBackward, LiveForward, LiveForwardHash, TrainingBackward, TrainingForward,
};
use neuron::synapse::{FIRST_MODERN_VERSION, Synapse, body, body_hash, headers, parse_request_headers, sign};
use neuron::units::{Account, UnixMs};
use serde_json::Value;

use crate::axon_kit::{Answer, key, send, serving};
use crate::needs::shared;

tests! { asynchronous: requests_captured_from_the_sdks_are_answered, the_sdks_own_axons_answer_the_same_bytes_with_the_same_status }

fn vectors(name: &str) -> Value {
    let path = shared(&format!("vectors/wire/{name}"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The synapses that the recorded axons served.
const SERVED: [&str; 8] = [
    "EventPredictionSynapse",
    "LiveForwardHash",
    "LiveForward",
    "LiveBackward",
    "StreamPromptingSynapse",
    "Synapse",
    "TrainingForward",
    "TrainingBackward",
];

/// What our axon must answer, with the reason for which the Python axon may have answered otherwise; without one it may not.
type Verdict = (u16, Option<&'static str>);

/// Reckons the status of one request after the other, as they share a memory of nonces.
struct Judge {
    axon: String,
    denied: String,
    legacy_peers: bool,
    policy: AdmissionPolicy,
    /// Nonces that were accepted, by hotkey and uuid.
    used: BTreeMap<(String, Option<String>), BTreeSet<u64>>,
}

/// A recorded request, in its parts.
struct Asked<'a> {
    method: &'a str,
    target: &'a str,
    headers: HeaderMap,
    body: &'a [u8],
    at_ns: u64,
}

impl<'a> Asked<'a> {
    fn read(raw: &'a [u8], at_ns: u64) -> Self {
        let end = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&raw[..end]).unwrap();
        let (line, lines) = head.split_once("\r\n").unwrap();
        let mut words = line.split(' ');
        let mut headers = HeaderMap::new();
        for (name, value) in lines.split("\r\n").filter_map(|line| line.split_once(": ")) {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let [method, target] = [words.next().unwrap(), words.next().unwrap()];
        Self { method, target, headers, body: &raw[end + 4..], at_ns }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// A header that holds a number; `Err` where it holds something else.
    fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, T::Err> {
        self.header(name).map(str::parse).transpose()
    }

    fn synapse(&self) -> &str {
        self.target.split('?').next().unwrap().trim_start_matches('/')
    }
}

impl Judge {
    fn verdict(&mut self, asked: &Asked<'_>) -> Verdict {
        match self.before_the_body(asked) {
            Err(refused) => refused,
            Ok(out_of_order) => {
                let (status, why) = Self::body_and_handler(asked);
                (
                    status,
                    if status == 200 && out_of_order {
                        Some("the nonce was never used: out of order is no replay")
                    } else {
                        why
                    },
                )
            }
        }
    }

    /// The rungs up to the signature; for what passes them, whether a higher nonce came before.
    fn before_the_body(&mut self, asked: &Asked<'_>) -> Result<bool, Verdict> {
        let synapse = asked.synapse();
        if synapse.strip_suffix('/').is_some_and(|name| SERVED.contains(&name)) {
            return Err((404, Some("no redirects")));
        }
        if !SERVED.contains(&synapse) {
            return Err((404, None));
        }
        if !["GET", "POST"].contains(&asked.method) {
            return Err((405, None));
        }
        let numbers = (asked.number::<f64>(headers::TIMEOUT), asked.number::<u64>(headers::DENDRITE_NONCE));
        let (Ok(timeout), Ok(nonce)) = numbers else {
            return Err((400, Some("400 for malformed headers, where SDK 7.2 and later say 500")));
        };
        let announced = asked.headers.iter().filter(|(name, _)| name.as_str().starts_with("bt_header_input_obj_"));
        if announced.map(|(_, value)| BASE64.decode(value)).any(|decoded| decoded.is_err()) {
            return Err((400, Some("likewise")));
        }
        let Some(hotkey) = asked.header(headers::DENDRITE_HOTKEY) else {
            let respelled = asked.headers.keys().any(|name| name.as_str().starts_with("bt-header-"));
            return Err((401, respelled.then_some("without its headers the request has no hotkey")));
        };
        if hotkey == self.denied {
            return Err((403, None));
        }
        let (Some(nonce), Ok(_)) = (nonce, hotkey.parse::<Account>()) else { return Err((401, None)) };
        let out_of_order =
            self.nonce(asked, hotkey, nonce, timeout.unwrap_or(self.policy.max_timeout.as_secs_f64()))?;
        if asked.header(headers::DENDRITE_SIGNATURE).is_none() {
            return Err((401, Some("SDK 9.3 to 10.4 accept unsigned requests")));
        }
        let claimed = parse_request_headers(&asked.headers).unwrap();
        sign::verify_signature(&claimed, &self.axon).map_err(|_| (401, None))?;
        let uuid = asked.header(headers::DENDRITE_UUID).map(str::to_owned);
        self.used.entry((hotkey.to_owned(), uuid)).or_default().insert(nonce);
        Ok(out_of_order)
    }

    /// The rung of freshness; whether a higher nonce of the same uuid was accepted before.
    fn nonce(&self, asked: &Asked<'_>, hotkey: &str, nonce: u64, timeout: f64) -> Result<bool, Verdict> {
        let is_modern = asked.number::<u64>(headers::DENDRITE_VERSION).ok().flatten() >= Some(FIRST_MODERN_VERSION);
        // A number of nanoseconds since 1970 is a time; a machine that counts from its start is far below.
        let tells_a_time = nonce > 1_000_000_000_000_000_000;
        if !is_modern && !self.legacy_peers {
            return Err((401, Some("legacy peers are a setting")));
        }
        let uuid = asked.header(headers::DENDRITE_UUID).map(str::to_owned);
        let used = self.used.get(&(hotkey.to_owned(), uuid));
        if used.is_some_and(|used| used.contains(&nonce)) {
            return Err((401, None));
        }
        let out_of_order = used.and_then(BTreeSet::last).is_some_and(|last| nonce < *last);
        if !is_modern && !tells_a_time {
            return if out_of_order { Err((401, None)) } else { Ok(false) };
        }
        let age_s = (i128::from(asked.at_ns) - i128::from(nonce)) as f64 / 1e9;
        if age_s > timeout.min(self.policy.max_timeout.as_secs_f64()) + 4.0 {
            return Err((401, Some("the window holds for every request, and no claimed timeout or version widens it")));
        }
        if -age_s > self.policy.max_future.as_secs_f64() {
            return Err((401, Some("the future is bounded")));
        }
        Ok(out_of_order)
    }

    fn body_and_handler(asked: &Asked<'_>) -> Verdict {
        if asked.header("transfer-encoding").is_some() {
            return (200, None);
        }
        let Ok(json) = serde_json::from_slice::<Value>(asked.body) else {
            return (422, Some("not JSON"));
        };
        if !json.is_object() {
            return (422, Some("not a JSON object"));
        }
        let events: Vec<_> = json["events"].as_object().into_iter().flatten().collect();
        let mut probabilities = events.iter().filter_map(|(_, event)| event["probability"].as_f64());
        if probabilities.any(|p| !(0.0..=1.0).contains(&p)) {
            return (400, Some("400 for bodies of another shape"));
        }
        if !hash_is_right(asked) {
            return (400, Some("400 for hash errors"));
        }
        for (key, _) in events {
            match key.as_str() {
                "__raise__" => return (500, None),
                "__none__" => return (200, Some("a handler of ours cannot")),
                "__nan__" => return (200, Some("written as null, which says no answer")),
                "__status400__" | "__status400_nomsg__" => {
                    return (400, Some("SDK 7.0 could not; ours can for everybody"));
                }
                _ => {}
            }
        }
        (200, why_theirs_may_refuse(asked, &json))
    }
}

/// Why the Python axon may refuse a request in which nothing is wrong.
fn why_theirs_may_refuse(asked: &Asked<'_>, json: &Value) -> Option<&'static str> {
    let is_announced = asked.headers.keys().any(|name| name.as_str().starts_with("bt_header_input_obj_"));
    let is_null = |member: &str| json.get(member).is_some_and(Value::is_null);
    if json["axon"]["status_code"].is_number() {
        Some("a status in a request is not obeyed")
    } else if json["events"].is_null() && asked.synapse() == "EventPredictionSynapse" {
        Some("of both generations of this class, one has a default")
    } else if is_null("received") {
        Some("Python clients send this null; refusing it would lose them")
    } else if asked.header("content-type").is_none_or(|kind| !kind.starts_with("application/json")) {
        Some("nothing depends on it")
    } else if !is_announced {
        Some("the typed body decides, not a header that announces it")
    } else if asked.header(headers::DENDRITE_UUID).is_some_and(|uuid| uuid.len() != 36) {
        Some("a fault of the test peer's own functions, which it shows to callers of these names")
    } else {
        None
    }
}

/// Whether the body's hash is the one in the headers.
fn hash_is_right(asked: &Asked<'_>) -> bool {
    fn right<S: Synapse>(asked: &Asked<'_>) -> bool {
        let Ok(synapse) = body::read::<S>(asked.body) else { return true };
        asked.header(headers::BODY_HASH) == Some(&*body_hash(&synapse).unwrap())
    }
    match asked.synapse() {
        "EventPredictionSynapse" => right::<EventPredictionSynapse>(asked),
        "LiveForwardHash" => right::<LiveForwardHash>(asked),
        "LiveForward" => right::<LiveForward>(asked),
        "LiveBackward" => right::<LiveBackward>(asked),
        "StreamPromptingSynapse" => right::<StreamPromptingSynapse>(asked),
        "TrainingForward" => right::<TrainingForward>(asked),
        "TrainingBackward" => right::<TrainingBackward>(asked),
        _ => true,
    }
}

/// The axon of a file's set, with its handlers and the secret that the file tells.
fn axon_of(vectors: &Value) -> Builder {
    serving(key(vectors["meta"]["axon_secret"].as_str().unwrap()), AxonConfig::loopback())
}

async fn requests_captured_from_the_sdks_are_answered() {
    for file in ["sdk10", "sdk9", "sdk7"] {
        let vectors = vectors(&format!("dendrite_requests_{file}.json"));
        let cases = vectors["cases"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let captured = case["captured_at_ns"].as_u64().unwrap();
            let clock = Clock::stepped(UnixMs((captured / 1_000_000) as i64 - 3_600_000));
            let policy = AdmissionPolicy { legacy_peers: file == "sdk7", ..AdmissionPolicy::open() };
            let axon = axon_of(&vectors).policy(policy).clock(clock.clone());
            let axon = axon.spawn().await.unwrap();
            clock.advance(Duration::from_secs(3600));
            let raw = ["head_base64", "body_base64"].map(|part| BASE64.decode(case[part].as_str().unwrap()).unwrap());
            let answer = send(axon.local_addr(), &raw.concat()).await;
            assert_eq!(answer.status, 200, "{file} {}: {}", case["id"], String::from_utf8_lossy(&answer.body));
        }
    }
}

async fn the_sdks_own_axons_answer_the_same_bytes_with_the_same_status() {
    for file in ["sdk10", "sdk9", "sdk7"] {
        let vectors = vectors(&format!("axon_responses_{file}.json"));
        let cases = vectors["cases"].as_array().unwrap();
        let sent_at = |case: &Value| case["sent_at_ns"].as_u64().unwrap();
        let start = cases.iter().map(sent_at).min().unwrap() / 1_000_000;
        let clock = Clock::stepped(UnixMs(start as i64 - 3_600_000));
        let told = |name: &str| vectors["meta"][name].as_str().unwrap().to_owned();
        let denied = told("blacklisted_hotkey");
        let legacy_peers = file == "sdk7";
        let policy =
            AdmissionPolicy { deny: [denied.parse().unwrap()].into(), legacy_peers, ..AdmissionPolicy::open() };
        let axon = axon_of(&vectors).policy(policy.clone()).clock(clock.clone()).spawn().await.unwrap();
        let mut judge = Judge { axon: told("axon_hotkey"), denied, legacy_peers, policy, used: BTreeMap::new() };
        let mut wrong = Vec::new();
        for case in cases {
            // Not recorded for its size.
            let Some(raw) = case["request_base64"].as_str() else { continue };
            let raw = BASE64.decode(raw).unwrap();
            let at = UnixMs((sent_at(case) / 1_000_000) as i64);
            clock.advance(Duration::from_millis(at.since(clock.now()).max(0) as u64));
            let verdict = judge.verdict(&Asked::read(&raw, sent_at(case)));
            let answer = send(axon.local_addr(), &raw).await;
            wrong.extend(surprise(case, verdict, &answer));
        }
        assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
    }
}

/// What is wrong with our answer, compared with theirs and with what ours should be.
fn surprise(case: &Value, (expected, why): Verdict, answer: &Answer) -> Option<String> {
    let id = &case["id"];
    let theirs = case["response"]["status"].as_u64().unwrap_or(0) as u16;
    if answer.status != expected {
        let (ours, body) = (answer.status, String::from_utf8_lossy(&answer.body));
        return Some(format!("{id}: {ours} instead of {expected} ({why:?}; theirs {theirs}): {body}"));
    }
    if expected != theirs && why.is_none() {
        return Some(format!("{id}: {expected}, where the Python axon said {theirs}, for no reason"));
    }
    if answer.complete {
        answer.checked();
    }
    None
}
