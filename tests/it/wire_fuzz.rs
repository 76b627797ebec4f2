//! Bytes from a stranger, bent in every way: nothing panics, nothing is believed that was not signed, and what is read
//! is what is written again.
//!
//! Each target bends known good bytes. A plain `cargo test` tries the same few thousand every time;
//! `NEURON_FUZZ_SECONDS=60` goes on for a minute per target from a seed that is printed (CI does that), and
//! `NEURON_FUZZ_SEED` repeats a run.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use neuron::clock;
use neuron::scoring::conditional::Conditional;
use neuron::subnets::events::conditions::Conditions;
use neuron::subnets::events::synapse::{EventPrediction, EventPredictionSynapse, Generation, Verbatim};
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::subnets::timeseries::synapse::LiveForward;
use neuron::synapse::reply::{self, ReplyHead};
use neuron::synapse::request::{Addressee, Prepared};
use neuron::synapse::{
    PyValue, RequestHeaders, Synapse, Tensor, body, body_hash, btauth, parse_request_headers, python_str, sign,
};
use neuron::wallet::{Keypair, Scheme};

/// Tries without a budget: a second or two.
const FEW: u64 = 3000;

/// Small and good enough (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Pieces that break readers more often than chance does.
const TOKENS: [&[u8]; 24] = [
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"null",
    b"{",
    b"[",
    b"\"",
    b"\\ud83d",
    b"\\u0000",
    b"-0",
    b"0x",
    b"\xff",
    b"\xc3",
    b"\r\n",
    b"99999999999999999999",
    b"1.0",
    b"true",
    b",",
    b":",
    b"==",
    b"\xc6\xff\xff\xff\xff",
    b"\xdc\xff\xff",
    b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"[[[[[[[[[[[[[[[[",
];

/// Bends `seed` in one to four places.
fn bend(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let until = (at + dice.below(24)).min(bytes.len());
        match dice.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 if at < bytes.len() => bytes[at] = dice.next() as u8,
            2 => drop(bytes.drain(at..until)),
            3 => {
                let piece = bytes[at..until].to_vec();
                let to = dice.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            4 => drop(bytes.splice(at..at, TOKENS[dice.below(TOKENS.len())].iter().copied())),
            5 => drop(bytes.splice(at..until, TOKENS[dice.below(TOKENS.len())].iter().copied())),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// Runs a target on bent seeds: a few, or as long as the budget says.
pub fn fuzz(target: &str, seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let budget = number("NEURON_FUZZ_SECONDS").map(Duration::from_secs);
    let seed = number("NEURON_FUZZ_SEED").unwrap_or(if budget.is_some() { clock::wall_ns() } else { 1 });
    eprintln!("{target}: NEURON_FUZZ_SEED={seed}");
    let mut dice = Dice(seed);
    let started = clock::monotonic();
    let mut tries = 0;
    while budget.map_or(tries < FEW, |budget| started.elapsed() < budget) {
        let bytes = bend(&seeds[dice.below(seeds.len())], &mut dice);
        check(&bytes);
        tries += 1;
    }
    eprintln!("{target}: {tries} tries");
}

pub fn alice() -> Keypair {
    Keypair::from_uri("//Alice", Scheme::Sr25519).unwrap()
}

pub fn bob() -> String {
    Keypair::from_uri("//Bob", Scheme::Sr25519).unwrap().account().ss58()
}

fn events(generation: Generation) -> EventPredictionSynapse {
    let mut event = EventPrediction::ask("0x1".into(), "llm".into(), "Will \"it\" é😀\n?".into(), Some(1_752_000_000));
    event.generation = generation;
    event.probability = Some(0.25);
    event.metadata = Verbatim::object(r#"{"topics": ["FX"], "n": 1.5e300}"#.into()).unwrap();
    let rule = Conditional::new("llm-0x1".to_owned(), 0.75, "llm-0x2".to_owned(), Some(0.5), None).unwrap();
    let conditions =
        if generation == Generation::July2025 { Conditions::of([rule.clone(), rule]) } else { Conditions::default() };
    EventPredictionSynapse { events: [("llm-0x1".to_owned(), event)].into(), conditions }
}

pub fn prompt() -> StreamPromptingSynapse {
    StreamPromptingSynapse::new(vec!["user".into()], vec!["What's \"it\" é😀\u{a0}\\?".into()])
}

fn live() -> LiveForward {
    LiveForward {
        request_uuid: "7c2b".into(),
        stream_id: "BTCUSD-5m".into(),
        samples: Some(Tensor::with_shape(&[1.0, -0.0, f64::MAX, 1e-7], &[2, 2], false)),
        topic_id: Some(1),
        feature_ids: vec![1.0, 2.5],
        prediction_size: 100,
        ..LiveForward::default()
    }
}

pub fn bodies() -> Vec<Vec<u8>> {
    let of = |json: &[u8]| json.to_vec();
    let sender = alice().account().ss58();
    vec![
        of(&Prepared::new(&events(Generation::July2025), 12.0, &sender).unwrap().body),
        of(&Prepared::new(&events(Generation::June2024), 12.0, &sender).unwrap().body),
        of(&Prepared::new(&prompt(), 12.0, &sender).unwrap().body),
        of(&Prepared::new(&live(), 12.0, &sender).unwrap().body),
    ]
}

/// Headers as lines, to be bent as text.
pub fn lines(map: &HeaderMap) -> Vec<u8> {
    let line =
        |(name, value): (&HeaderName, &HeaderValue)| [name.as_str().as_bytes(), b": ", value.as_bytes()].concat();
    map.iter().map(line).collect::<Vec<_>>().join(&b'\n')
}

/// What is left of bent lines that HTTP would let through.
pub fn map_of(bytes: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii())) {
            map.append(name, value);
        }
    }
    map
}

/// Alice's prompt to Bob.
pub fn sdk_headers() -> HeaderMap {
    let (key, to) = (alice(), bob());
    let prepared = Prepared::new(&prompt(), 12.0, &key.account().ss58()).unwrap();
    let addressee = Addressee { hotkey: &to, ip: "127.0.0.1", port: 8091 };
    prepared.headers(&key, addressee, 1_795_206_220_666_936_260, "3f2c7a10", None)
}

#[test]
fn headers_of_the_sdk() {
    let (key, to, map) = (alice(), bob(), sdk_headers());
    let good = parse_request_headers(&map).unwrap();
    let signed = |h: &RequestHeaders| (h.nonce, h.hotkey.clone(), h.uuid.clone(), h.body_hash.clone());
    fuzz("headers", &[lines(&map)], |bytes| {
        let map = map_of(bytes);
        let _ = reply::check_identity(&map, &key.account(), &to);
        let _ = reply::read::<EventPredictionSynapse>(&ReplyHead::read(200, &map), b"{}");
        let Ok(read) = parse_request_headers(&map) else { return };
        if sign::verify_signature(&read, &to).is_ok() {
            assert_eq!(signed(&read), signed(&good), "believed what was not signed");
        }
    });
}

/// Alice's events to Bob: headers and body with an empty line between, the body, the nonce.
pub fn btauth_seed() -> (Vec<u8>, Vec<u8>, u64) {
    let body = bodies().swap_remove(0);
    let nonce = 1_790_000_000_000_000_000;
    let headers: HeaderMap = btauth::sign(&alice(), "POST", "/X?y=1", &body, nonce, Some(&bob()))
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap()))
        .collect();
    (lines(&headers).into_iter().chain(*b"\n\n").chain(body.iter().copied()).collect(), body, nonce)
}

#[test]
fn headers_and_bodies_of_btauth() {
    let (key, to) = (alice(), bob());
    let (message, body, nonce) = btauth_seed();
    fuzz("btauth", &[message], |bytes| {
        let split = bytes.windows(2).position(|window| window == b"\n\n").unwrap_or(bytes.len());
        let bent = bytes.get(split + 2..).unwrap_or_default();
        let Ok(auth) = btauth::AuthHeaders::read(&map_of(&bytes[..split])) else { return };
        let fits = auth.check_receiver_and_time(&to, nonce, &btauth::Options::default()).is_ok();
        if let Ok(caller) = auth.check_signature("POST", "/X?y=1", bent) {
            assert!(fits && bent == body && caller.nonce == nonce && caller.account == key.account());
        }
    });
}

/// What is read is written so that it reads the same again.
fn settles<S: Synapse + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(synapse) = body::read::<S>(bytes) else { return };
    let hash = body_hash(&synapse).unwrap();
    let again: S = body::read(&serde_json::to_vec(&synapse).unwrap()).unwrap();
    // A NaN is written as null, which some fields take for nothing: then the second reading is the settled one.
    let third: S = body::read(&serde_json::to_vec(&again).unwrap()).unwrap();
    assert_eq!(again, third);
    assert_eq!(body_hash(&third).unwrap(), hash);
}

/// A body from a stranger, read as each type.
pub fn any_body(bytes: &[u8]) {
    settles::<EventPredictionSynapse>(bytes);
    settles::<StreamPromptingSynapse>(bytes);
    if let Ok(live) = body::read::<LiveForward>(bytes) {
        assert!(
            live.feature_ids.iter().all(|id| !id.is_nan()) || bytes.windows(3).any(|w| w.eq_ignore_ascii_case(b"nan"))
        );
        let _ = live.samples.map(|tensor| tensor.decode());
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Whatever serde_json takes for JSON, Python's rules do too.
    let python = PyValue::parse(text);
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        assert!(python.is_ok() || text.contains("\\u"), "{text}");
    }
    if let Ok(value) = python {
        assert_eq!(python_str(&value).unwrap(), value.to_string());
    }
}

#[test]
fn bodies_of_every_subnet() {
    fuzz("bodies", &bodies(), any_body);
}

#[test]
fn tensors() {
    let seeds: Vec<_> = [
        Tensor::from_f64(&[1.5, -0.0, 1e-7, 1e5], false),
        Tensor::with_shape(&[0.0; 12], &[2, 3, 2], true),
        Tensor::with_shape(&[3.25], &[], false),
    ]
    .iter()
    .map(|tensor| serde_json::to_vec(tensor).unwrap())
    .collect();
    fuzz("tensors", &seeds, |bytes| {
        let Ok(tensor) = serde_json::from_slice::<Tensor>(bytes) else { return };
        let Ok(array) = tensor.decode() else { return };
        let places: u64 = array.shape.iter().product();
        assert_eq!(places, array.values.len() as u64);
        assert!(array.values.len() <= bytes.len(), "more values than bytes");
    });
}
