//! Our dendrite against live Python peers: an axon of SDK 10 with every synapse, and a `btauth/1` server of SDK 11.
//! The interpreters are named by `NEURON_PYTHON` and `NEURON_PYTHON11`; `scripts/python-peers.sh` makes them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use neuron::dendrite::{Dendrite, DendriteConfig, Dialect, Failure, Target};
use neuron::scoring::conditional::Conditional;
use neuron::subnets::events::conditions::Conditions;
use neuron::subnets::events::synapse::{EventPrediction, EventPredictionSynapse, Generation};
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::subnets::timeseries::synapse::{
    LiveBackward, LiveForward, LiveForwardHash, TrainingBackward, TrainingForward, prediction_hash,
};
use neuron::synapse::{Ping, Synapse, Tensor};
use neuron::wallet::{Keypair, Scheme};
use serde::{Deserialize, Serialize};

use crate::needs::{python, shared};
use crate::wire_fakes::{bob, config, deadlines, dendrite};

tests! { asynchronous: a_python_axon_answers_every_synapse, a_python_axon_ignores_conditional_forecasts, a_python_axon_of_2024_answers_in_its_generation, a_python_btauth_server_believes_us }

const LONG: u64 = 60_000;

/// A Python process that ends with the test.
pub struct Peer {
    child: Child,
    pub target: Target,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The interpreter that `variable` names, and the folder of the peers.
fn peer_of(variable: &str) -> (PathBuf, PathBuf) {
    (python(variable), shared("peers"))
}

impl Peer {
    /// Starts a script that says in a line that it listens; Bob is its hotkey.
    pub fn start((python, peers): &(PathBuf, PathBuf), script: &str, arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(python)
            .arg(peers.join(script))
            .args(["--port", &port.to_string(), "--secret", "//Bob"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = lines.by_ref().map_while(Result::ok).find(|line| line.contains("listening"));
        let peer = Self { child, target: Target { hotkey: bob(), ip: [127, 0, 0, 1].into(), port } };
        assert!(listening.is_some(), "{script} did not start");
        // The peer must not stop for want of a reader.
        std::thread::spawn(move || lines.for_each(drop));
        peer
    }

    async fn ask<S: Synapse>(&self, synapse: &S) -> S {
        let answer = dendrite().call(&self.target, synapse, deadlines(LONG)).await.unwrap();
        answer.result.unwrap_or_else(|failure| panic!("{}: {failure}", S::NAME))
    }
}

fn events(generation: Generation) -> EventPredictionSynapse {
    let event = |n: i64| {
        let mut event = EventPrediction::ask(format!("id-{n}"), "llm".into(), "Will it, in Zürich? 😀".into(), Some(n));
        event.generation = generation;
        (format!("llm-id-{n}"), event)
    };
    EventPredictionSynapse { events: (0..3).map(event).collect(), ..Default::default() }
}

/// Starts both peers off the async threads.
async fn start(python: (PathBuf, PathBuf), script: &'static str, arguments: Vec<&'static str>) -> Peer {
    tokio::task::spawn_blocking(move || Peer::start(&python, script, &arguments)).await.unwrap()
}

async fn a_python_axon_answers_every_synapse() {
    let python = peer_of("NEURON_PYTHON");
    let charlie = Keypair::from_uri("//Charlie", Scheme::Sr25519).unwrap();
    let listed: &'static str = Box::leak(charlie.account().ss58().into_boxed_str());
    let peer = start(python, "axon_peer.py", vec!["--blacklist", listed, "--priority"]).await;
    peer.ask(&Ping {}).await;

    let answered = peer.ask(&events(Generation::July2025)).await;
    assert_eq!(answered.events.len(), 3);
    for event in answered.events.values() {
        assert_eq!(event.probability, Some(0.25));
        assert_eq!(event.reasoning, Some(format!("because {}", event.event_id).into()));
    }
    time_series(&peer).await;
    streaming(&peer).await;

    let stranger = Dendrite::new(config(), Arc::new(charlie)).unwrap();
    let answer = stranger.call(&peer.target, &events(Generation::July2025), deadlines(LONG)).await.unwrap();
    let message = "Forbidden. Key is blacklisted: listed.".into();
    assert_eq!(answer.result, Err(Failure::Refused { status: 403, message }));
}

async fn time_series(peer: &Peer) {
    let expected = [1.5, 2.25, -0.0, 100_000.0, 1e-7];
    let samples = Some(Tensor::with_shape(&[1.0, 2.0, 3.0, 4.0], &[2, 2], false));
    let hash = LiveForwardHash {
        request_uuid: "7c2b".into(),
        stream_id: "BTCUSD-5m".into(),
        topic_id: Some(1),
        feature_ids: vec![1.0, 2.0],
        prediction_size: 5,
        schema_id: Some(1),
        ..LiveForwardHash::default()
    };
    let forward = LiveForward {
        request_uuid: hash.request_uuid.clone(),
        stream_id: hash.stream_id.clone(),
        samples: samples.clone(),
        topic_id: hash.topic_id,
        feature_ids: hash.feature_ids.clone(),
        prediction_size: 5,
        schema_id: hash.schema_id,
        predictions: None,
    };
    let committed = peer.ask(&hash).await.hashed_predictions.unwrap();
    let shown = peer.ask(&forward).await.predictions.unwrap().to_f64().unwrap();
    assert_eq!(shown, expected);
    assert_eq!(prediction_hash(&bob().ss58(), &shown), committed);

    let LiveForward { request_uuid, stream_id, topic_id, feature_ids, schema_id, .. } = forward;
    let training = TrainingForward {
        request_uuid: request_uuid.clone(),
        stream_id: stream_id.clone(),
        samples: samples.clone(),
        topic_id,
        feature_ids,
        prediction_size: 5,
        schema_id,
        predictions: None,
    };
    assert_eq!(peer.ask(&training).await.predictions.unwrap().to_f64().unwrap(), expected);
    let live = LiveBackward {
        request_uuid: request_uuid.clone(),
        stream_id: stream_id.clone(),
        samples: samples.clone(),
        topic_id,
        received: false,
    };
    assert!(peer.ask(&live).await.received);
    assert!(peer.ask(&TrainingBackward { request_uuid, stream_id, samples, topic_id, received: false }).await.received);
}

async fn streaming(peer: &Peer) {
    let sentence = "repeat these five words please \u{e9}\u{4f60}";
    let prompt = StreamPromptingSynapse::new(vec!["user".into(); 2], vec!["hi".into(), sentence.into()]);
    let stream = dendrite().stream(&peer.target, &prompt, deadlines(LONG)).await.unwrap().unwrap();
    let streamed = stream.collect().await;
    assert_eq!((streamed.text.as_str(), streamed.partial), (sentence, None));
}

/// The Python peers know nothing of `conditions`: they check the body hash, read the rest, and answer it.
async fn a_python_axon_ignores_conditional_forecasts() {
    let python = peer_of("NEURON_PYTHON");
    for (generation, name) in [(Generation::July2025, "v2"), (Generation::June2024, "v1")] {
        let peer = start(python.clone(), "axon_peer.py", vec!["--events", name]).await;
        let rule = Conditional::new("llm-id-1".to_owned(), 0.75, "llm-id-2".to_owned(), Some(0.5), None).unwrap();
        let asked = EventPredictionSynapse { conditions: Conditions::of([rule]), ..events(generation) };
        assert!(serde_json::to_string(&asked).unwrap().contains(r#""conditions":[{"event":"llm-id-1","#));
        let answered = peer.ask(&asked).await;
        assert_eq!((answered.generation(), answered.events.len()), (generation, 3));
        assert!(answered.events.values().all(|event| event.probability == Some(0.25)));
    }
}

async fn a_python_axon_of_2024_answers_in_its_generation() {
    let python = peer_of("NEURON_PYTHON");
    let peer = start(python, "axon_peer.py", vec!["--events", "v1", "--probability", "0.75"]).await;
    let answered = peer.ask(&events(Generation::June2024)).await;
    assert_eq!(answered.generation(), Generation::June2024);
    assert!(answered.events.values().all(|event| event.probability == Some(0.75)));
}

/// What the `btauth/1` server says about a request.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Verdict {
    #[serde(default)]
    ok: bool,
    #[serde(default)]
    caller: String,
    #[serde(default)]
    path: String,
}

impl Synapse for Verdict {
    const NAME: &'static str = "Verdict";
}

async fn a_python_btauth_server_believes_us() {
    let python = peer_of("NEURON_PYTHON11");
    let peer = start(python, "btauth_server.py", Vec::new()).await;
    for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
        let key = Arc::new(Keypair::from_uri("//Alice", scheme).unwrap());
        let config = DendriteConfig { dialect: Some(Dialect::BtAuth), ..config() };
        let dendrite = Dendrite::new(config, Arc::clone(&key)).unwrap();
        let answer = dendrite.call(&peer.target, &Verdict::default(), deadlines(LONG)).await.unwrap();
        let expected = Verdict { ok: true, caller: key.account().ss58(), path: "/Verdict".into() };
        assert_eq!(answer.result, Ok(expected));
        // Bound to another receiver, the same request is refused.
        let elsewhere = Target { hotkey: key.account(), ..peer.target };
        let answer = dendrite.call(&elsewhere, &Verdict::default(), deadlines(LONG)).await.unwrap();
        assert!(matches!(answer.result, Err(Failure::Refused { status: 401, .. })), "{:?}", answer.result);
    }
}
