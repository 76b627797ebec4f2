//! Rude clients: none panics the axon, none holds a place past its deadline, and honest callers are served meanwhile.

use std::sync::Arc;
use std::time::Duration;

use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, AxonError, Handle, Outcome, Rung};
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::synapse::Synapse;
use neuron::wallet::{Keypair, Scheme};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::axon_kit::{Request, bob, connect, events, key, one_event, open_bob, read_answer, send};

/// Deadlines that a test can wait for.
fn hasty() -> AxonConfig {
    AxonConfig {
        head_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_millis(300),
        max_wait: Duration::from_millis(300),
        handler_deadline: Duration::from_millis(300),
        ..AxonConfig::loopback()
    }
}

async fn hasty_bob() -> Handle {
    bob(hasty()).policy(AdmissionPolicy::open()).spawn().await.unwrap()
}

async fn honest(axon: &Handle) {
    assert_eq!(Request::new(&one_event(), "//Alice").send(axon).await.checked(), 200, "an honest caller");
}

#[tokio::test]
async fn malformed_requests_are_told_so() {
    let axon = open_bob().await;
    let good = || Request::new(&one_event(), "//Alice");
    let nonce = good().header("bt_header_dendrite_nonce").to_owned();
    let mut twice = good();
    twice.headers.push(("bt_header_dendrite_nonce".into(), nonce));
    let mut not_json = good();
    not_json.body = b"{not json".to_vec();
    let mut not_utf8 = good();
    not_utf8.body = b"{\"events\": \"\xff\"}".to_vec();
    let mut gzip = good().set("content-encoding", "gzip");
    gzip.body = b"\x1f\x8b\x08\x00garbage".to_vec();
    let deep = format!("{{\"events\":{}", "[".repeat(100_000));
    let mut nested = good();
    nested.body = deep.into_bytes();
    let cases = [
        (twice, 400, "a header twice"),
        (good().set("bt_header_dendrite_nonce", "-5"), 400, "a negative nonce"),
        (good().set("bt_header_dendrite_nonce", "1e9"), 400, "a nonce that is no integer"),
        (good().set("bt_header_dendrite_nonce", "99999999999999999999999999"), 400, "a nonce beyond 64 bits"),
        (good().set("timeout", "-1.0"), 400, "a negative timeout"),
        (good().set("timeout", "nan"), 400, "a timeout that is no number"),
        (good().set("timeout", "1e308"), 200, "a huge timeout is clamped"),
        (good().set("bt_header_dendrite_hotkey", "5Nonsense"), 401, "no address"),
        (good().set("bt_header_dendrite_uuid", &"x".repeat(9000)), 400, "a long uuid"),
        (good().set("bt_header_dendrite_uuid", "\u{e9}"), 400, "a header outside ASCII"),
        (good().set("bt_header_dendrite_signature", "0x00"), 401, "a short signature"),
        (good().set("bt_header_input_obj_events", "!!"), 400, "no base64"),
        (not_json, 422, "no JSON"),
        (not_utf8, 422, "no UTF-8"),
        (gzip, 422, "a compressed body"),
        (nested, 422, "nested without end"),
    ];
    for (request, status, what) in cases {
        assert_eq!(request.send(&axon).await.checked(), status, "{what}");
    }
    for (line, status) in [
        ("PUT /EventPredictionSynapse HTTP/1.1", 405),
        ("POST /eventpredictionsynapse HTTP/1.1", 404),
        ("POST /EventPredictionSynapse/ HTTP/1.1", 404),
        ("POST / HTTP/1.1", 404),
        ("POST /%00%ff HTTP/1.1", 404),
        ("GET /EventPredictionSynapse?x=1 HTTP/1.1", 200),
    ] {
        let request = Request { line: line.into(), ..good() };
        assert_eq!(request.send(&axon).await.checked(), status, "{line}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_turned_away() {
    let axon = hasty_bob().await;
    let folded = b"POST /Synapse HTTP/1.1\r\nname: a\r\n folded\r\n\r\n".to_vec();
    let many = [b"POST /Synapse HTTP/1.1\r\n".to_vec(), b"x: y\r\n".repeat(500), b"\r\n".to_vec()].concat();
    let long = [b"POST /Synapse HTTP/1.1\r\nx: ".to_vec(), vec![b'a'; 70_000], b"\r\n\r\n".to_vec()].concat();
    let smuggled = b"POST /Synapse HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef".to_vec();
    let cases = [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), [0, 400], "the preface of HTTP/2"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), [0, 400], "the beginning of TLS"),
        (folded, [400, 400], "a folded header"),
        (many, [431, 431], "five hundred headers"),
        (long, [431, 431], "a head of 70,000 bytes"),
        (smuggled, [400, 400], "two lengths"),
        (vec![0; 4096], [0, 400], "zeros"),
    ];
    for (bytes, expected, what) in cases {
        let status = send(axon.local_addr(), &bytes).await.status;
        assert!(expected.contains(&status), "{what}: {status}");
    }
    honest(&axon).await;
}

#[tokio::test]
async fn oversized_bodies_are_refused_before_they_are_read() {
    let axon = open_bob().await;
    axon.set_policy(AdmissionPolicy { max_body_bytes: 10_000, ..AdmissionPolicy::open() });
    let mut announced = Request::new(&one_event(), "//Alice");
    announced.length = false;
    announced.headers.push(("Content-Length".into(), "99999999999".into()));
    let answer = send(axon.local_addr(), &announced.head()).await;
    assert_eq!((answer.checked(), answer.header("connection")), (413, Some("close")));
    let mut endless = Request::new(&one_event(), "//Alice");
    endless.length = false;
    endless.headers.push(("Transfer-Encoding".into(), "chunked".into()));
    let chunk = [b"3e8\r\n".to_vec(), vec![b' '; 1000], b"\r\n".to_vec()].concat();
    let bytes = [endless.head(), chunk.repeat(11)].concat();
    let answer = send(axon.local_addr(), &bytes).await;
    assert_eq!((answer.checked(), answer.header("connection")), (413, Some("close")));
    honest(&axon).await;
}

#[tokio::test]
async fn a_dripping_head_or_body_is_cut_off() {
    let axon = hasty_bob().await;
    let mut head = connect(axon.local_addr()).await;
    head.write_all(b"POST /EventPredictionSynapse HTTP/1.1\r\nHost:").await.unwrap();
    let mut body = connect(axon.local_addr()).await;
    let request = Request::new(&one_event(), "//Alice");
    body.write_all(&request.head()).await.unwrap();
    body.write_all(&request.body[..10]).await.unwrap();
    honest(&axon).await;
    assert_eq!(read_answer(&mut body).await.checked(), 408);
    let mut nothing = Vec::new();
    let _ = head.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
    assert_eq!(axon.snapshot().count(EventPredictionSynapse::NAME, Outcome::Refused(Rung::Integrity)), 1);
}

#[tokio::test]
async fn a_chunked_body_without_end_is_cut_off() {
    let axon = hasty_bob().await;
    let head = |sender: &str| {
        let mut request = Request::new(&one_event(), sender);
        request.length = false;
        request.headers.push(("Transfer-Encoding".into(), "chunked".into()));
        request.head()
    };
    // One that pauses after a chunk, one that goes on for ever with small ones, one that leaves before the last.
    let mut pausing = connect(axon.local_addr()).await;
    pausing.write_all(&[head("//Alice"), b"1\r\n{\r\n".to_vec()].concat()).await.unwrap();
    assert_eq!(read_answer(&mut pausing).await.checked(), 408);
    let (mut endless, mut writing) = connect(axon.local_addr()).await.into_split();
    writing.write_all(&head("//Charlie")).await.unwrap();
    let dripping = tokio::spawn(async move {
        while writing.write_all(b"1\r\n \r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = endless.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    dripping.await.unwrap();
    let mut leaving = connect(axon.local_addr()).await;
    leaving.write_all(&[head("//Dave"), b"1\r\n{\r\n".to_vec()].concat()).await.unwrap();
    drop(leaving);
    honest(&axon).await;
}

#[tokio::test]
async fn an_unsigned_callers_body_is_not_waited_for() {
    let axon = open_bob().await;
    let mut stream = connect(axon.local_addr()).await;
    let unsigned = Request::new(&one_event(), "//Alice").without("bt_header_dendrite_signature");
    stream.write_all(&unsigned.head()).await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert_eq!((answer.checked(), answer.header("connection")), (401, Some("close")));
}

#[tokio::test]
async fn a_refused_caller_may_use_its_connection_again() {
    let axon = open_bob().await;
    let mut stream = connect(axon.local_addr()).await;
    let refused = Request::new(&one_event(), "//Alice").without("bt_header_dendrite_signature");
    for (request, status) in [(refused, 401), (Request::new(&one_event(), "//Alice"), 200)] {
        stream.write_all(&request.bytes()).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.checked(), status);
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_http_1_0_once() {
    let axon = open_bob().await;
    let mut stream = connect(axon.local_addr()).await;
    let pair = [Request::new(&events(&["a"]), "//Alice"), Request::new(&events(&["b"]), "//Alice")];
    stream.write_all(&[pair[0].bytes(), pair[1].bytes()].concat()).await.unwrap();
    for key in ["a", "b"] {
        assert!(read_answer(&mut stream).await.json()["events"][key].is_object());
    }
    let old = Request { line: "POST /EventPredictionSynapse HTTP/1.0".into(), ..Request::new(&one_event(), "//Alice") };
    assert_eq!(old.send(&axon).await.checked(), 200);
}

#[tokio::test]
async fn connections_are_counted_per_address_and_in_all() {
    let config = AxonConfig { max_connections_per_ip: 2, ..hasty() };
    let axon = bob(config).policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let (mut first, _second) = (connect(axon.local_addr()).await, connect(axon.local_addr()).await);
    // The first two are in once they are answered or seen; asking on the first makes sure of it.
    first.write_all(&Request::new(&one_event(), "//Alice").bytes()).await.unwrap();
    assert_eq!(read_answer(&mut first).await.checked(), 200);
    let mut third = connect(axon.local_addr()).await;
    let answer = read_answer(&mut third).await;
    assert_eq!((answer.status, answer.message()), (503, "Too many connections".to_owned()));
    assert_eq!(answer.header("bt_header_axon_status_code"), Some("503"));
    assert_eq!((axon.snapshot().no_room, axon.snapshot().now.connections), (1, 2));
}

#[tokio::test]
async fn a_caller_there_is_no_room_for_hears_it_however_long_its_request_is() {
    neuron::market::install_tls();
    let config = AxonConfig { max_connections: 1, ..AxonConfig::loopback() };
    let axon = bob(config).policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let mut only = connect(axon.local_addr()).await;
    only.write_all(&Request::new(&one_event(), "//Alice").bytes()).await.unwrap();
    assert_eq!(read_answer(&mut only).await.checked(), 200);
    let url = format!("http://{}/EventPredictionSynapse", axon.local_addr());
    for size in [0, 100, 1 << 20] {
        for _ in 0..20 {
            let client = reqwest::Client::new();
            let answer = client.post(&url).body("x".repeat(size)).send().await;
            let answer = answer.unwrap_or_else(|e| panic!("{size} bytes: a broken connection, {e:?}"));
            assert_eq!(
                (answer.status().as_u16(), answer.headers()["bt_header_axon_status_code"].as_bytes()),
                (503, &b"503"[..])
            );
            assert_eq!(answer.text().await.unwrap(), "{\"message\":\"Too many connections\"}");
        }
    }
    assert_eq!(axon.snapshot().no_room, 60);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let config = AxonConfig { concurrency: 1, queue: 0, ..hasty() };
    let axon = bob(config).policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let mut hanging = connect(axon.local_addr()).await;
    hanging.write_all(&Request::new(&events(&["__hang__"]), "//Alice").bytes()).await.unwrap();
    while axon.snapshot().now.running == 0 {
        tokio::task::yield_now().await;
    }
    let answer = Request::new(&one_event(), "//Charlie").send(&axon).await;
    assert_eq!((answer.checked(), answer.header("retry-after")), (503, Some("1")));
    let late = read_answer(&mut hanging).await;
    assert_eq!((late.checked(), late.message()), (408, "Response timeout after: 0.3s".to_owned()));
    honest(&axon).await;
}

#[tokio::test]
async fn a_caller_that_leaves_frees_its_place() {
    let config = AxonConfig { concurrency: 1, queue: 0, ..AxonConfig::loopback() };
    let axon = bob(config).policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let mut hanging = connect(axon.local_addr()).await;
    hanging.write_all(&Request::new(&events(&["__hang__"]), "//Alice").bytes()).await.unwrap();
    while axon.snapshot().now.running == 0 {
        tokio::task::yield_now().await;
    }
    drop(hanging);
    while axon.snapshot().now.running == 1 {
        tokio::task::yield_now().await;
    }
    honest(&axon).await;
}

#[tokio::test]
async fn a_stream_keeps_its_place_until_its_caller_leaves() {
    let config = AxonConfig { concurrency: 1, queue: 0, ..AxonConfig::loopback() };
    let axon = bob(config).policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let ask: neuron::subnets::prompting::synapse::StreamPromptingSynapse =
        serde_json::from_value(serde_json::json!({ "roles": ["hang"], "messages": ["a b"] })).unwrap();
    let mut listening = connect(axon.local_addr()).await;
    listening.write_all(&Request::new(&ask, "//Alice").bytes()).await.unwrap();
    // The head of the stream has come: its handler has returned, and the stream runs.
    let mut byte = [0];
    listening.read_exact(&mut byte).await.unwrap();
    assert_eq!(Request::new(&one_event(), "//Charlie").send(&axon).await.checked(), 503, "there is one place");
    drop(listening);
    while axon.snapshot().now.running == 1 {
        tokio::task::yield_now().await;
    }
    honest(&axon).await;
}

#[tokio::test]
async fn a_caller_that_does_not_read_its_stream_holds_no_place_past_the_deadline() {
    let config = AxonConfig { concurrency: 1, queue: 0, ..hasty() };
    let axon = bob(config).policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let ask: neuron::subnets::prompting::synapse::StreamPromptingSynapse =
        serde_json::from_value(serde_json::json!({ "roles": ["hang"], "messages": ["a b"] })).unwrap();
    let mut idle = connect(axon.local_addr()).await;
    idle.write_all(&Request::new(&ask, "//Alice").bytes()).await.unwrap();
    while axon.snapshot().streams_cut == 0 {
        tokio::task::yield_now().await;
    }
    honest(&axon).await;
    let answer = read_answer(&mut idle).await;
    assert_eq!((answer.status, answer.complete, answer.body.as_slice()), (200, false, b"a b".as_slice()));
}

#[tokio::test]
async fn a_handler_that_fails_or_panics_tells_the_caller_a_number_only() {
    let axon = open_bob().await;
    for fault in ["__raise__", "__panic__"] {
        let answer = Request::new(&events(&[fault]), "//Alice").send(&axon).await;
        assert_eq!(answer.checked(), 500);
        assert!(answer.message().starts_with("Internal Server Error #"), "{}", answer.message());
    }
    let answer = Request::new(&events(&["__status400__"]), "//Alice").send(&axon).await;
    assert_eq!((answer.checked(), answer.message()), (400, "the handler says no".to_owned()));
    honest(&axon).await;
}

#[tokio::test]
async fn a_taken_port_says_which_and_a_dropped_axon_frees_its_own() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = AxonConfig::at(taken.local_addr().unwrap());
    let error = bob(config).spawn().await.unwrap_err();
    let port = taken.local_addr().unwrap().port();
    assert!(matches!(error, AxonError::PortInUse { .. }) && error.to_string().contains(&port.to_string()), "{error}");

    let axon = open_bob().await;
    let address = axon.local_addr();
    let mut open = connect(address).await;
    drop(axon);
    let mut nothing = Vec::new();
    let _ = open.read_to_end(&mut nothing).await;
    while TcpListener::bind(address).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_ed25519_hotkey_and_two_handlers_for_one_synapse_are_refused_at_the_start() {
    let ed25519 = Keypair::from_uri("//Bob", Scheme::Ed25519).unwrap();
    let error = Axon::builder(AxonConfig::loopback(), Arc::new(ed25519)).spawn().await.unwrap_err();
    assert!(matches!(error, AxonError::WrongScheme { .. }));
    let peer = crate::axon_kit::Peer::default();
    let twice = bob(AxonConfig::loopback()).serve::<EventPredictionSynapse>(peer);
    assert!(matches!(twice.spawn().await.unwrap_err(), AxonError::ServedTwice { name: "EventPredictionSynapse" }));
    assert!(key("//Bob").scheme() == Scheme::Sr25519);
}

#[test]
fn any_byte_of_a_request_may_be_wrong() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let axon = runtime.block_on(hasty_bob());
    let config = ProptestConfig { cases: 200, ..ProptestConfig::default() };
    let strategy = (any::<bool>(), proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4));
    let tried = TestRunner::new(config).run(&strategy, |(btauth, changes)| {
        let request = if btauth {
            Request::btauth(&one_event(), &key("//Alice"), neuron::clock::wall_ns())
        } else {
            Request::new(&one_event(), "//Alice")
        };
        let mut bytes = request.bytes();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let answer = runtime.block_on(send(axon.local_addr(), &bytes));
        prop_assert!(answer.status == 0 || answer.status == 200 || (400..=431).contains(&answer.status), "{answer:?}");
        Ok(())
    });
    tried.unwrap();
    runtime.block_on(honest(&axon));
}
