//! The real SDKs call our axon: SDK 10's dendrite with each synapse, SDK 11's signed HTTP.
//!
//! `scripts/python-peers.sh` makes the environments and prints the variables that name them.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Caller, Dialect, Handle, Handler, Refusal, Reply};
use neuron::scoring::conditional::Conditional;
use neuron::subnets::events::conditions::Conditions;
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::subnets::timeseries::synapse::prediction_hash;
use serde_json::Value;
use tokio::process::Command;

use crate::axon_kit::{PREDICTIONS, Peer, bob, key, open_bob};
use crate::needs::{python, shared};

tests! { asynchronous: sdk_10_asks_each_synapse_streams_included, sdk_10_reads_past_conditional_forecasts, sdk_10_asks_many_things_at_once, sdk_10_is_told_why_it_is_refused, sdk_11_probes_our_signed_http }

/// The interpreter that `variable` names, and the peer's script.
fn peer(variable: &str, script: &str) -> (PathBuf, PathBuf) {
    (python(variable), shared(&format!("peers/{script}")))
}

/// Runs a peer against `axon` and reads the JSON it prints; also whether it was content.
async fn run((python, script): (PathBuf, PathBuf), axon: &Handle, arguments: &[&str]) -> (Value, bool) {
    let mut command = Command::new(python);
    command.arg(script).args(["--port", &axon.local_addr().port().to_string()]).args(arguments);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = serde_json::from_str(&text).unwrap_or_else(|e| {
        panic!("{e}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    (report, output.status.success())
}

fn result<'a>(report: &'a Value, synapse: &str) -> &'a Value {
    report["results"].as_array().unwrap().iter().find(|result| result["synapse"] == synapse).unwrap()
}

async fn sdk_10_asks_each_synapse_streams_included() {
    let dendrite = peer("NEURON_PYTHON", "dendrite_peer.py");
    let axon = open_bob().await;
    let hotkey = axon.hotkey().to_owned();
    let synapses = "events-v1,events-v2,live-hash,live,training,live-backward,training-backward,stream,ping";
    let (report, content) = run(dendrite, &axon, &["--hotkey", &hotkey, "--synapses", synapses]).await;
    assert!(content, "{report:#}");
    assert_eq!((&report["ok"], &report["queries"]), (&9.into(), &9.into()), "{report:#}");
    for events in ["events-v1", "events-v2"] {
        assert_eq!(result(&report, events)["answered"], 3);
        assert_eq!(result(&report, events)["probabilities"], serde_json::json!(["0.25"]));
    }
    // As numbers: the default build keeps their texts, and Python writes 1e-07 where we write 1e-7.
    let predictions: Vec<f64> =
        result(&report, "live")["predictions"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert_eq!(predictions, PREDICTIONS);
    let commitment = prediction_hash(&hotkey, &PREDICTIONS);
    assert_eq!(result(&report, "live-hash")["hashed_predictions"], commitment);
    assert_eq!(result(&report, "live")["prediction_hash"], commitment, "what it shows is what it committed to");
    assert_eq!(result(&report, "live-backward")["received"], true);
    assert_eq!(result(&report, "stream")["completion"], "repeat these five words please \u{e9}\u{4f60}");
    let snapshot = axon.snapshot();
    assert!(snapshot.routes.iter().all(|route| route.dialect == Dialect::Sdk));
    assert_eq!(snapshot.unauthenticated_bodies.get(&key("//Alice").account()), Some(&8), "all but the ping");
}

/// Answers as the peer does, with a conditional forecast beside.
#[derive(Clone)]
struct Ruled(Peer);

impl Handler<EventPredictionSynapse> for Ruled {
    async fn handle(
        &self,
        caller: &Caller,
        ask: EventPredictionSynapse,
    ) -> Result<Reply<EventPredictionSynapse>, Refusal> {
        let Reply::Answer(mut answer) = self.0.handle(caller, ask).await? else {
            return Err(Refusal::internal("a stream of events"));
        };
        let (event, if_event) = ("ifgames-1".to_owned(), "ifgames-2".to_owned());
        answer.conditions = Conditions::of([Conditional::new(event, 0.75, if_event, None, Some(0.5)).unwrap()]);
        Ok(Reply::Answer(answer))
    }
}

async fn sdk_10_reads_past_conditional_forecasts() {
    let dendrite = peer("NEURON_PYTHON", "dendrite_peer.py");
    let ruled = Ruled(Peer { hotkey: key("//Bob").account().ss58() });
    let axon = Axon::builder(AxonConfig::loopback(), Arc::new(key("//Bob"))).serve::<EventPredictionSynapse>(ruled);
    let axon = axon.policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let hotkey = axon.hotkey().to_owned();
    let (report, content) = run(dendrite, &axon, &["--hotkey", &hotkey, "--synapses", "events-v1,events-v2"]).await;
    assert!(content, "{report:#}");
    for events in ["events-v1", "events-v2"] {
        assert_eq!(result(&report, events)["answered"], 3);
        assert_eq!(result(&report, events)["probabilities"], serde_json::json!(["0.25"]));
    }
}

async fn sdk_10_asks_many_things_at_once() {
    let dendrite = peer("NEURON_PYTHON", "dendrite_peer.py");
    let axon = open_bob().await;
    let hotkey = axon.hotkey().to_owned();
    let many = ["--hotkey", &hotkey, "--synapses", "events-v2,ping,stream", "--repeat", "20", "--concurrency", "30"];
    let (report, content) = run(dendrite, &axon, &many).await;
    assert!(content, "{report:#}");
    assert_eq!(report["ok"], 60, "one uuid, sixty requests, none refused as out of order");
}

async fn sdk_10_is_told_why_it_is_refused() {
    let dendrite = peer("NEURON_PYTHON", "dendrite_peer.py");
    let axon = bob(AxonConfig::loopback()).policy(AdmissionPolicy::default()).spawn().await.unwrap();
    let hotkey = axon.hotkey().to_owned();
    let (report, content) = run(dendrite, &axon, &["--hotkey", &hotkey, "--synapses", "events-v2"]).await;
    assert!(!content);
    let refused = result(&report, "events-v2");
    assert_eq!(refused["status_code"], 403);
    assert_eq!(refused["status_message"], "Forbidden. Key is blacklisted: Unrecognized hotkey.");
}

/// The prober sends good and bad requests and knows what each must get. It aims them at the echo, which has no fields;
/// so bodies that are no JSON object are refused there, as no synapse.
/// What was signed before our axon started is refused too, as it could have been captured from its predecessor.
async fn sdk_11_probes_our_signed_http() {
    let prober = peer("NEURON_PYTHON11", "btauth_client.py");
    let axon = open_bob().await;
    let hotkey = axon.hotkey().to_owned();
    let (report, _) = run(prober, &axon, &["--receiver", &hotkey, "--path", "/Synapse?x=1", "--probe"]).await;
    let cases = report["cases"].as_array().unwrap();
    let surprises = cases.iter().filter(|case| case["as_expected"] == false);
    let surprises: Vec<_> =
        surprises.map(|case| (case["case"].as_str().unwrap(), case["status"].as_u64().unwrap())).collect();
    let expected = [("large_body", 422), ("binary_body", 422), ("age_just_inside", 401)];
    assert_eq!(surprises, expected, "{report:#}");
}
