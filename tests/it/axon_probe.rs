//! `neuron axon probe` tells an operator what a peer answers and why it would refuse.

use std::net::SocketAddr;
use std::time::Duration;

use neuron::axon::call_back::{CallBack, CallMe, PATH};
use neuron::axon::probe::{Probe, Step, Verdict};
use neuron::axon::{AdmissionPolicy, AxonConfig};
use neuron::synapse::request::Prepared;
use neuron::wallet::Keypair;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::axon_kit::{bob, key, one_event, open_bob};
use crate::json_schema;
use crate::support::neuron;

async fn probe(address: SocketAddr, hotkey: &str, caller: Keypair) -> Vec<Step> {
    let synapse = Prepared::new(&one_event(), 5.0, &caller.account().ss58()).unwrap();
    let patience = Duration::from_millis(500);
    let probe =
        Probe { address, hotkey: key(hotkey).account(), caller, is_stranger: false, synapse: Some(synapse), patience };
    probe.run().await.unwrap()
}

fn verdicts(steps: &[Step]) -> Vec<(&str, Verdict)> {
    steps.iter().map(|step| (step.step, step.verdict)).collect()
}

#[tokio::test]
async fn a_good_axon_passes_every_step() {
    let axon = open_bob().await;
    let steps = probe(axon.local_addr(), "//Bob", key("//Alice")).await;
    let expected = [
        ("connection", Verdict::Good),
        ("unsigned echo", Verdict::Good),
        ("signed echo", Verdict::Good),
        ("signed request for the synapse", Verdict::Good),
        ("echo signed by btauth/1", Verdict::Good),
    ];
    assert_eq!(verdicts(&steps), expected, "{steps:#?}");
}

#[tokio::test]
async fn a_refusal_is_put_in_words() {
    let axon = bob(AxonConfig::loopback()).policy(AdmissionPolicy::default()).spawn().await.unwrap();
    let steps = probe(axon.local_addr(), "//Bob", key("//Alice")).await;
    let refused = steps.iter().find(|step| step.step == "signed echo").unwrap();
    assert_eq!(refused.verdict, Verdict::Bad);
    assert_eq!(refused.heard, "403: Forbidden. Key is blacklisted: Unrecognized hotkey.");
    assert!(refused.advice.unwrap().contains("registered hotkey"));

    axon.set_policy(AdmissionPolicy::open());
    let steps = probe(axon.local_addr(), "//Charlie", key("//Alice")).await;
    let refused = steps.iter().find(|step| step.step == "signed echo").unwrap();
    assert!(refused.advice.unwrap().contains("another hotkey"), "{refused:?}");
}

#[tokio::test]
async fn what_is_no_axon_is_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let steps = probe(free, "//Bob", key("//Alice")).await;
    assert_eq!(verdicts(&steps), [("connection", Verdict::Bad)]);
    assert!(steps[0].advice.unwrap().contains("nothing listens"));

    let answers: [&[u8]; 3] = [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"SSH-2.0-OpenSSH_9.6\r\n", b""];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer).await;
                // The silent one keeps its connection, until the probe's patience ends.
                if answer.is_empty() {
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            }
        });
        let steps = probe(address, "//Bob", key("//Alice")).await;
        assert_eq!(verdicts(&steps), [("connection", Verdict::Good), ("unsigned echo", Verdict::Bad)], "{steps:#?}");
        server.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_prints_one_document_and_says_how_it_went() {
    let axon = open_bob().await;
    let run = |arguments: Vec<String>| {
        tokio::task::spawn_blocking(move || neuron().args(["axon", "probe"]).args(arguments).output().unwrap())
    };
    let address = axon.local_addr().to_string();
    let arguments = |hotkey: &str| {
        let rest = ["--synapse", "EventPredictionSynapse", "--output", "json", "--hotkey", hotkey];
        std::iter::once(address.clone()).chain(rest.map(str::to_owned)).collect::<Vec<_>>()
    };
    let good = run(arguments(axon.hotkey())).await.unwrap();
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let report: serde_json::Value = serde_json::from_slice(&good.stdout).unwrap();
    json_schema::check_printed(&["axon", "probe"], &report);
    assert_eq!((&report["reachable"], report["steps"].as_array().unwrap().len()), (&true.into(), 5));
    let other = run(arguments(&key("//Dave").account().ss58())).await.unwrap();
    assert_eq!(other.status.code(), Some(5));
    let report: serde_json::Value = serde_json::from_slice(&other.stdout).unwrap();
    json_schema::check_printed(&["axon", "probe"], &report);
    assert_eq!(report["reachable"], false);
}

/// What a peer at `address` answers to `question`.
async fn called(address: SocketAddr, question: &CallMe) -> (u16, Value) {
    neuron::market::install_tls();
    let answer = reqwest::Client::new().post(format!("http://{address}{PATH}")).json(question).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_peer_calls_back_whoever_asks_and_nobody_else() {
    let peer = CallBack::serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let axon = bob(AxonConfig::loopback()).policy(AdmissionPolicy::default()).spawn().await.unwrap();
    let question = CallMe { port: axon.local_addr().port(), hotkey: key("//Bob").account() };
    let (status, heard) = called(peer.local_addr(), &question).await;
    assert_eq!((status, &heard["reachable"]), (200, &json!(true)), "a stranger is refused, so it was reached: {heard}");
    assert_eq!(heard["address"], json!(axon.local_addr().to_string()));
    let (status, heard) = called(peer.local_addr(), &question).await;
    assert_eq!(status, 429, "once in a while: {heard}");
    let other = json!({ "port": 1, "hotkey": key("//Bob").account(), "host": "192.0.2.7" });
    let answer = reqwest::Client::new().post(format!("http://{}{PATH}", peer.local_addr())).json(&other).send();
    assert_eq!(answer.await.unwrap().status().as_u16(), 422, "no other address can be named");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_asks_a_peer() {
    let axon = open_bob().await;
    let bob = key("//Bob").account().ss58();
    let port = axon.local_addr().port().to_string();
    for (hotkey, seen) in
        [(bob.as_str(), "answers it as an axon should"), (&key("//Charlie").account().ss58(), "another hotkey")]
    {
        let peer = CallBack::serve(([127, 0, 0, 1], 0).into()).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let at = peer.local_addr().to_string();
        let arguments = ["doctor", "--peer", &at, "--axon.port", &port, "--wallet.hotkey", hotkey, "--netuid", "155"];
        let folder = home.path().to_path_buf();
        let arguments = arguments.map(str::to_owned);
        let run = move || {
            let mut command = neuron();
            command.args(arguments).args(["--subtensor.chain_endpoint", "ws://127.0.0.1:1"]);
            command.arg("--db.directory").arg(&folder).output().unwrap()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("reachability:") && text.contains(seen), "{text}");
    }
}
