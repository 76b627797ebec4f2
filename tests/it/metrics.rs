//! What a scrape of a neuron shows.

use std::net::SocketAddr;

use neuron::axon::{AdmissionPolicy, AxonConfig};
use neuron::dendrite::Target;
use neuron::telemetry::{Health, MetricsPort, Registry};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::axon_kit::{Request, bob, connect, events, key, one_event};
use crate::wire_fakes::{Fake, deadlines, success};

/// Status and body of a GET.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = connect(address).await;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// The value of a row, given as the text before it.
fn value(page: &str, row: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(row)?.strip_prefix(' ')?.parse().ok())
}

fn well() -> Health {
    Health { ok: true, facts: Map::new() }
}

#[tokio::test]
async fn a_scrape_counts_what_an_axon_was_sent() {
    let axon = bob(AxonConfig::loopback()).policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(axon.metrics()));
    let endpoint = MetricsPort::take("127.0.0.1:0".parse().unwrap()).await.unwrap().serve(registry, well);

    let ask = || Request::new(&one_event(), "//Alice");
    for _ in 0..3 {
        assert_eq!(ask().send(&axon).await.checked(), 200);
    }
    assert_eq!(Request::btauth(&one_event(), &key("//Eve"), neuron::clock::wall_ns()).send(&axon).await.checked(), 200);
    assert_eq!(ask().without("bt_header_dendrite_signature").send(&axon).await.checked(), 401);
    assert_eq!(Request::new(&events(&["__status400__"]), "//Alice").send(&axon).await.checked(), 400);
    let lost = Request { line: "POST /Nothing HTTP/1.1".into(), ..ask() };
    assert_eq!(lost.send(&axon).await.checked(), 404);

    let (status, page) = get(endpoint.local_addr(), "/metrics").await;
    assert_eq!(status, 200);
    let labels = |dialect: &str, outcome: &str| {
        format!(r#"{{synapse="EventPredictionSynapse",dialect="{dialect}",outcome="{outcome}"}}"#)
    };
    let requests = |dialect, outcome| value(&page, &format!("neuron_axon_requests_total{}", labels(dialect, outcome)));
    assert_eq!(requests("sdk", "answered"), Some(3.0), "{page}");
    assert_eq!(requests("btauth", "answered"), Some(1.0));
    assert_eq!(requests("sdk", "signature"), Some(1.0));
    assert_eq!(requests("sdk", "handler"), Some(1.0));
    assert_eq!(value(&page, r#"neuron_axon_strays_total{outcome="path"}"#), Some(1.0));
    let bucket = format!(
        r#"neuron_axon_request_seconds_bucket{{le="+Inf",{}"#,
        labels("sdk", "answered").trim_start_matches('{')
    );
    assert_eq!(value(&page, &bucket), Some(3.0), "{page}");
    let unauthenticated =
        format!(r#"neuron_axon_unauthenticated_bodies_total{{hotkey="{}"}}"#, key("//Alice").account());
    assert_eq!(value(&page, &unauthenticated), Some(4.0), "{page}");
    assert_eq!(value(&page, "neuron_axon_connections_accepted_total"), Some(7.0));
    assert_eq!(value(&page, "neuron_axon_nonces_remembered"), Some(5.0));
    assert!(page.ends_with("# EOF\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_counts_what_a_dendrite_asked() {
    let fake = Fake::says(success("{}")).await;
    let dendrite = crate::wire_fakes::dendrite();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(dendrite.metrics()));
    let endpoint = MetricsPort::take("127.0.0.1:0".parse().unwrap()).await.unwrap().serve(registry, well);
    let nobody = Target { port: 0, ..fake.target() };
    for target in [fake.target(), nobody] {
        dendrite.call(&target, &one_event(), deadlines(30_000)).await.unwrap();
    }
    let (_, page) = get(endpoint.local_addr(), "/metrics").await;
    let row = |outcome: &str| {
        format!(
            r#"neuron_dendrite_requests_total{{synapse="EventPredictionSynapse",dialect="sdk",outcome="{outcome}"}}"#
        )
    };
    assert_eq!(value(&page, &row("answered")), Some(1.0), "{page}");
    assert_eq!(value(&page, &row("not_allowed")), Some(1.0), "{page}");
}

#[tokio::test]
async fn health_says_whether_and_why() {
    let facts: Map<String, Value> = serde_json::from_value(json!({ "role": "validator", "ticks": 0 })).unwrap();
    let failing = move || Health { ok: false, facts: facts.clone() };
    let endpoint = MetricsPort::take("127.0.0.1:0".parse().unwrap()).await.unwrap().serve(Registry::default(), failing);
    let (status, body) = get(endpoint.local_addr(), "/health").await;
    assert_eq!(status, 503);
    let body: Value = serde_json::from_str(&body).unwrap();
    let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
    assert_eq!(body, json!({ "role": "validator", "status": "failing", "ticks": 0, "version": version, "pid": pid }));
    assert_eq!(get(endpoint.local_addr(), "/elsewhere").await.0, 404);

    let taken = MetricsPort::take(endpoint.local_addr()).await.unwrap_err();
    assert!(taken.to_string().contains("--metrics.port"), "{taken}");
}
