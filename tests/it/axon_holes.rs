//! The holes of the Python axons that ours must not have, each tried over real sockets.

use std::sync::{Arc, Mutex};

use neuron::axon::{
    AdmissionPolicy, Axon, AxonConfig, Caller, Dialect, Handle, Handler, Network, Outcome, Rate, Refusal, Reply, Rung,
};
use neuron::clock::{self, Clock};
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::synapse::Synapse;
use neuron::units::UnixMs;
use neuron::wallet::{Keypair, Scheme};
use tokio::io::AsyncWriteExt as _;

use crate::axon_kit::{Registered, Request, bob, connect, key, one_event, open_bob, send};

const EVENTS: &str = EventPredictionSynapse::NAME;

/// Remembers who called.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Caller>>>);

impl Handler<EventPredictionSynapse> for Seen {
    async fn handle(
        &self,
        caller: &Caller,
        ask: EventPredictionSynapse,
    ) -> Result<Reply<EventPredictionSynapse>, Refusal> {
        self.0.lock().unwrap().push(caller.clone());
        Ok(Reply::Answer(ask))
    }
}

async fn watching() -> (Handle, Seen) {
    let seen = Seen::default();
    let axon = Axon::builder(AxonConfig::loopback(), Arc::new(key("//Bob")))
        .serve::<EventPredictionSynapse>(seen.clone())
        .policy(AdmissionPolicy::open());
    (axon.spawn().await.unwrap(), seen)
}

fn stream_ask(mode: &str, message: &str) -> StreamPromptingSynapse {
    serde_json::from_value(serde_json::json!({ "roles": [mode], "messages": [message] })).unwrap()
}

#[tokio::test]
async fn unsigned_requests_are_refused() {
    let axon = open_bob().await;
    let unsigned = Request::new(&one_event(), "//Alice").without("bt_header_dendrite_signature");
    let answer = unsigned.send(&axon).await;
    assert_eq!(answer.checked(), 401);
    assert_eq!(answer.message(), "Not Verified with error: Missing Signature");
    assert_eq!(unsigned.set("bt_header_dendrite_signature", "").send(&axon).await.checked(), 401);
    let by_another = Request::new(&one_event(), "//Alice").set(
        "bt_header_dendrite_signature",
        Request::new(&one_event(), "//Eve").header("bt_header_dendrite_signature"),
    );
    assert_eq!(by_another.send(&axon).await.checked(), 401);
    assert_eq!(axon.snapshot().count(EVENTS, Outcome::Refused(Rung::Signature)), 3);
}

#[tokio::test]
async fn who_sends_unauthenticated_bodies_is_shown_and_btauth_covers_them() {
    let (axon, seen) = watching().await;
    assert_eq!(Request::new(&one_event(), "//Alice").send(&axon).await.checked(), 200);
    for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
        let dave = Keypair::from_uri("//Dave", scheme).unwrap();
        let signed = Request::btauth(&one_event(), &dave, clock::wall_ns());
        assert_eq!(signed.send(&axon).await.checked(), 200);
        let mut changed = Request::btauth(&one_event(), &dave, clock::wall_ns());
        changed.body[10] ^= 1;
        let answer = changed.send(&axon).await;
        assert_eq!(answer.checked(), 401);
        assert!(answer.message().starts_with("BadSignature"), "{}", answer.message());
    }
    let seen = seen.0.lock().unwrap();
    let covered: Vec<_> = seen.iter().map(|caller| (caller.dialect, caller.body_authenticated)).collect();
    assert_eq!(covered, [(Dialect::Sdk, false), (Dialect::Btauth, true), (Dialect::Btauth, true)]);
    let shown = axon.snapshot().unauthenticated_bodies;
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), [(key("//Alice").account(), 1)]);
}

#[tokio::test]
async fn a_stripped_btauth_signature_does_not_fall_back_to_weaker_rules() {
    let axon = open_bob().await;
    let mut both = Request::new(&one_event(), "//Alice");
    both.headers.push(("X-Bittensor-Hotkey".into(), key("//Alice").account().ss58()));
    let answer = both.send(&axon).await;
    assert_eq!(answer.checked(), 401);
    assert!(answer.message().starts_with("MalformedAuth"), "{}", answer.message());
}

#[tokio::test]
async fn the_handler_sees_the_identity_of_the_headers_not_of_the_body() {
    let (axon, seen) = watching().await;
    let mut forged = Request::new(&one_event(), "//Alice");
    let body = String::from_utf8(forged.body).unwrap();
    let changed = body.replace(&key("//Alice").account().ss58(), &key("//Eve").account().ss58());
    assert_ne!(body, changed, "the body names its sender");
    forged.body = changed.into_bytes();
    assert_eq!(forged.send(&axon).await.checked(), 200, "old peers' bodies are not signed, so this is accepted");
    assert_eq!(seen.0.lock().unwrap()[0].hotkey, key("//Alice").account());
    assert_eq!(seen.0.lock().unwrap()[0].ip.to_string(), "127.0.0.1");
}

#[tokio::test]
async fn a_captured_request_cannot_be_used_again() {
    let axon = open_bob().await;
    let captured = Request::new(&one_event(), "//Alice");
    assert_eq!(captured.send(&axon).await.checked(), 200);
    let variants = [
        captured.clone(),
        captured.clone().set("bt_header_dendrite_version", "701"),
        captured.clone().without("bt_header_dendrite_version"),
        captured.clone().set("timeout", "600.0"),
        captured.clone().set("timeout", "1e300"),
    ];
    for policy in [AdmissionPolicy::open(), AdmissionPolicy { legacy_peers: true, ..AdmissionPolicy::open() }] {
        axon.set_policy(policy);
        for again in &variants {
            assert_eq!(again.send(&axon).await.checked(), 401, "{again:?}");
        }
    }
    let btauth = Request::btauth(&one_event(), &key("//Alice"), clock::wall_ns());
    assert_eq!(btauth.send(&axon).await.checked(), 200);
    assert_eq!(btauth.send(&axon).await.checked(), 401);
}

#[tokio::test]
async fn a_captured_request_is_refused_by_another_axon_and_after_a_restart() {
    let axon = open_bob().await;
    let captured = Request::new(&one_event(), "//Alice");
    assert_eq!(captured.send(&axon).await.checked(), 200);
    let charlie = Axon::builder(AxonConfig::loopback(), Arc::new(key("//Charlie")))
        .serve::<EventPredictionSynapse>(Seen::default())
        .policy(AdmissionPolicy::open());
    let charlie = charlie.spawn().await.unwrap();
    let for_bob = Request::new(&one_event(), "//Alice");
    assert_eq!(for_bob.send(&charlie).await.message(), "Not Verified with error: Signature mismatch");
    axon.shutdown().await;
    let restarted = open_bob().await;
    assert_eq!(captured.send(&restarted).await.checked(), 401);
}

#[tokio::test]
async fn the_future_is_bounded() {
    let axon = open_bob().await;
    let ahead = |seconds: u64| {
        let nonce = clock::wall_ns() + seconds * 1_000_000_000;
        Request::with_nonce(&one_event(), "//Alice", nonce, "u")
    };
    assert_eq!(ahead(5).send(&axon).await.checked(), 200);
    assert_eq!(ahead(30).send(&axon).await.checked(), 401);
    assert_eq!(ahead(3600).send(&axon).await.checked(), 401);
}

#[tokio::test]
async fn the_past_is_bounded_whatever_timeout_is_claimed() {
    let now = clock::wall_ns();
    let clock = Clock::stepped(UnixMs((now / 1_000_000) as i64 - 7_200_000));
    let axon = bob(AxonConfig::loopback()).policy(AdmissionPolicy::open()).clock(clock.clone()).spawn().await.unwrap();
    // The axon has run for two hours: these nonces are not older than it is.
    clock.advance(std::time::Duration::from_secs(7200));
    let behind = |seconds: u64| Request::with_nonce(&one_event(), "//Alice", now - seconds * 1_000_000_000, "u");
    assert_eq!(behind(10).send(&axon).await.checked(), 200, "within the timeout of 12 s and 4 s of grace");
    assert_eq!(behind(30).send(&axon).await.checked(), 401);
    assert_eq!(behind(3600).set("timeout", "1e300").send(&axon).await.checked(), 401);
    assert_eq!(axon.snapshot().count(EVENTS, Outcome::Refused(Rung::Freshness)), 2);
}

#[tokio::test]
async fn concurrent_requests_of_one_dendrite_may_arrive_in_any_order() {
    let axon = open_bob().await;
    let first = clock::wall_ns();
    for step in (1..=20).rev() {
        let request = Request::with_nonce(&one_event(), "//Alice", first + step, "one uuid");
        assert_eq!(request.send(&axon).await.checked(), 200);
    }
    assert_eq!(axon.snapshot().now.nonces, 20);
}

#[tokio::test]
async fn a_status_in_a_request_is_not_obeyed_and_answers_have_whole_terminals() {
    let axon = open_bob().await;
    let mut request = Request::new(&one_event(), "//Alice");
    let mut body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    body["axon"]["status_code"] = 418.into();
    body["dendrite"] = serde_json::Value::Null;
    request.body = serde_json::to_vec(&body).unwrap();
    let answer = request.send(&axon).await;
    assert_eq!(answer.checked(), 200);
    let body = answer.json();
    assert_eq!(body["axon"]["status_code"], 200);
    assert!(body["axon"].is_object() && body["dendrite"].is_object(), "a null would abort a Python caller's gather");
    assert_eq!(body["events"]["ifgames-1"]["probability"], 0.25);
}

#[tokio::test]
async fn a_stream_that_failed_midway_looks_cut() {
    let axon = open_bob().await;
    let whole = Request::new(&stream_ask("user", "one two three"), "//Alice").send(&axon).await;
    assert_eq!((whole.checked(), whole.body.as_slice()), (200, b"one two three".as_slice()));
    assert_eq!(whole.header("content-type"), Some("text/event-stream"));
    let cut = Request::new(&stream_ask("raise2", "one two three"), "//Alice").send(&axon).await;
    assert_eq!((cut.status, cut.complete, cut.body.as_slice()), (200, false, b"one two ".as_slice()));
    assert_eq!(axon.snapshot().streams_cut, 1);
}

#[tokio::test]
async fn a_character_split_over_chunks_reaches_the_caller_whole() {
    let axon = open_bob().await;
    let answer = Request::new(&stream_ask("user", "caf\u{e9} \u{4f60}\u{597d} \u{1f600}"), "//Alice").send(&axon).await;
    assert_eq!(answer.checked(), 200);
    assert!(answer.chunks.len() > 1);
    for chunk in &answer.chunks {
        assert!(std::str::from_utf8(chunk).is_ok(), "{chunk:?}");
    }
    assert_eq!(String::from_utf8(answer.body).unwrap(), "caf\u{e9} \u{4f60}\u{597d} \u{1f600}");
}

#[tokio::test]
async fn the_signed_part_of_a_body_is_checked() {
    let axon = open_bob().await;
    let mut changed = Request::new(&stream_ask("user", "pay Alice"), "//Alice");
    changed.body = String::from_utf8(changed.body).unwrap().replace("pay Alice", "pay Mallo").into_bytes();
    assert_eq!(changed.send(&axon).await.checked(), 400);
    assert_eq!(axon.snapshot().count(StreamPromptingSynapse::NAME, Outcome::Refused(Rung::Integrity)), 1);
}

#[tokio::test]
async fn the_blacklist_comes_before_the_signature_and_claims_of_stake_count_for_nothing() {
    let standing =
        Registered::default().with("//Alice", 5, true).with("//Charlie", 999, false).with("//Dave", 1000, false);
    let axon = bob(AxonConfig::loopback()).standing(Arc::new(standing)).spawn().await.unwrap();
    for (who, status, reason) in [
        ("//Alice", 200, ""),
        ("//Dave", 200, ""),
        ("//Charlie", 403, "Low stake"),
        ("//Eve", 403, "Unrecognized hotkey"),
    ] {
        let request = Request::new(&one_event(), who).set("bt_header_dendrite_stake", "1000000");
        let answer = request.send(&axon).await;
        assert_eq!(answer.checked(), status, "{who}");
        if status == 403 {
            assert_eq!(answer.message(), format!("Forbidden. Key is blacklisted: {reason}."));
            let unsigned = request.without("bt_header_dendrite_signature").send(&axon).await;
            assert_eq!(unsigned.checked(), 403, "a bad signature is not even looked at");
        }
    }
    assert_eq!(axon.snapshot().now.callers, 2, "refused callers are not remembered");
}

#[tokio::test]
async fn the_policy_changes_while_the_axon_serves() {
    let axon = open_bob().await;
    let alice = key("//Alice").account();
    assert_eq!(Request::new(&one_event(), "//Alice").send(&axon).await.checked(), 200);
    axon.set_policy(AdmissionPolicy { deny: [alice].into(), ..AdmissionPolicy::open() });
    assert_eq!(Request::new(&one_event(), "//Alice").send(&axon).await.checked(), 403);
    axon.set_policy(AdmissionPolicy { allow: [alice].into(), ..AdmissionPolicy::default() });
    assert_eq!(Request::new(&one_event(), "//Alice").send(&axon).await.checked(), 200);
}

#[tokio::test]
async fn nobody_spends_another_hotkeys_rate() {
    let hotkey_rate = Some(Rate { per_second: 0.0, burst: 2.0 });
    let axon = bob(AxonConfig::loopback()).policy(AdmissionPolicy { hotkey_rate, ..AdmissionPolicy::open() });
    let axon = axon.spawn().await.unwrap();
    for _ in 0..5 {
        let pretended =
            Request::new(&one_event(), "//Alice").set("bt_header_dendrite_signature", &format!("0x{:0128}", 1));
        assert_eq!(pretended.send(&axon).await.checked(), 401);
    }
    for expected in [200, 200, 429] {
        let answer = Request::new(&one_event(), "//Alice").send(&axon).await;
        assert_eq!(answer.checked(), expected);
        assert_eq!(answer.header("retry-after").is_some(), expected == 429);
    }
    assert_eq!(Request::new(&one_event(), "//Charlie").send(&axon).await.checked(), 200);
}

#[tokio::test]
async fn an_address_has_its_rate() {
    let ip_rate = Some(Rate { per_second: 0.0, burst: 2.0 });
    let axon = bob(AxonConfig::loopback()).policy(AdmissionPolicy { ip_rate, ..AdmissionPolicy::open() });
    let axon = axon.spawn().await.unwrap();
    for expected in [200, 200, 429] {
        assert_eq!(Request::new(&one_event(), "//Alice").send(&axon).await.checked(), expected);
    }
    assert_eq!(axon.snapshot().strays, [(Rung::Connection, 1)]);
}

#[tokio::test]
async fn behind_a_proxy_of_ours_each_caller_has_its_rate_and_nobody_else_is_believed() {
    let ip_rate = Some(Rate { per_second: 0.0, burst: 2.0 });
    let ask = |from: &str| Request::new(&one_event(), "//Alice").set("X-Forwarded-For", from);
    let behind = |proxy: &str| {
        let proxies = [proxy.parse::<Network>().unwrap()].into_iter().collect();
        let config = AxonConfig { proxies, max_connections_per_ip: 1, ..AxonConfig::loopback() };
        bob(config).policy(AdmissionPolicy { ip_rate, ..AdmissionPolicy::open() })
    };
    let axon = behind("127.0.0.0/8").spawn().await.unwrap();
    for (from, expected) in [
        ("203.0.113.7", 200),
        ("203.0.113.7", 200),
        ("203.0.113.7", 429),
        ("6.6.6.6, 203.0.113.7", 429),
        ("203.0.113.8", 200),
    ] {
        assert_eq!(ask(from).send(&axon).await.checked(), expected, "{from}");
    }
    let _held = crate::axon_kit::connect(axon.local_addr()).await;
    assert_eq!(ask("203.0.113.9").send(&axon).await.checked(), 200, "a proxy may keep connections");

    let axon = behind("10.0.0.0/8").spawn().await.unwrap();
    for (from, expected) in [("203.0.113.1", 200), ("203.0.113.2", 200), ("203.0.113.3", 429)] {
        assert_eq!(ask(from).send(&axon).await.checked(), expected, "{from}");
    }
}

#[tokio::test]
async fn a_proxy_of_ours_says_before_the_first_request_who_calls_and_nobody_else_may() {
    let ip_rate = Some(Rate { per_second: 0.0, burst: 2.0 });
    let behind = |proxy: &str| {
        let proxies = [proxy.parse::<Network>().unwrap()].into_iter().collect();
        let config = AxonConfig { proxies, proxy_protocol: true, max_connections_per_ip: 1, ..AxonConfig::loopback() };
        bob(config).policy(AdmissionPolicy { ip_rate, ..AdmissionPolicy::open() })
    };
    let asked = |from: &str| {
        let request = Request::new(&one_event(), "//Alice").set("X-Forwarded-For", "6.6.6.6").bytes();
        [format!("PROXY TCP4 {from} 10.0.0.1 5555 8091\r\n").as_bytes(), &request].concat()
    };
    let axon = behind("127.0.0.0/8").spawn().await.unwrap();
    for (from, expected) in [("203.0.113.7", 200), ("203.0.113.7", 200), ("203.0.113.7", 429), ("203.0.113.8", 200)] {
        assert_eq!(send(axon.local_addr(), &asked(from)).await.status, expected, "{from}");
    }
    let mut held = connect(axon.local_addr()).await;
    held.write_all(b"PROXY TCP4 203.0.113.9 10.0.0.1 5555 8091\r\nPOST").await.unwrap();
    while axon.snapshot().now.connections < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(send(axon.local_addr(), &asked("203.0.113.10")).await.status, 200);

    let axon = behind("10.0.0.0/8").spawn().await.unwrap();
    assert_eq!(send(axon.local_addr(), &asked("203.0.113.7")).await.status, 400, "no proxy of ours: it is no HTTP");
    assert_eq!(Request::new(&one_event(), "//Alice").send(&axon).await.checked(), 200);
}

#[tokio::test]
async fn a_clock_that_steps_back_refuses_the_present_but_never_accepts_a_replay() {
    let now = clock::wall_ns();
    let clock = Clock::stepped(UnixMs((now / 1_000_000) as i64 - 60_000));
    let axon = bob(AxonConfig::loopback()).policy(AdmissionPolicy::open()).clock(clock.clone()).spawn().await.unwrap();
    let honest = Request::with_nonce(&one_event(), "//Alice", now, "u");
    assert_eq!(honest.send(&axon).await.checked(), 401, "our clock is a minute behind: this is the future");
    clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(honest.send(&axon).await.checked(), 200);
    clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(honest.send(&axon).await.checked(), 401);
}
