//! Streams of text with Python at the other end: SDK 7.0 and 10 in both directions, and clients of OpenAI's API through
//! the gateway.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig};
use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig};
use neuron::subnets::prompting::PromptingMiner;
use neuron::subnets::prompting::backend::{Backend, BackendError, Deltas};
use neuron::subnets::prompting::conversation::Conversation;
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use serde_json::Value;
use tokio::process::Command;

use crate::axon_kit::key;
use crate::gateway::{Front, How, config};
use crate::needs::{python, shared};
use crate::python_wire::Peer;

tests! { asynchronous: sdk_10_streams_both_ways_chunk_for_chunk, sdk_7_streams_both_ways_chunk_for_chunk, the_openai_package_streams_through_the_gateway, langchain_streams_through_the_gateway }

const WORDS: usize = 25;

/// Some words with a pause after each, and characters of every length.
struct Words;

impl Backend for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    fn answer(&self, _: Arc<Conversation>, _: Instant) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        let words = stream::iter(0..WORDS).then(|word| async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(format!("{word}:a\u{e9}\u{4f60}\u{1f600} "))
        });
        async move { Ok(words.boxed()) }.boxed()
    }
}

async fn both_ways(variable: &str) {
    let (interpreter, dendrite) = (python(variable), shared("peers/dendrite_peer.py"));
    // Theirs reads ours. An SDK of that age has nonces that tell no time.
    let policy = AdmissionPolicy { legacy_peers: true, ..AdmissionPolicy::open() };
    let axon = Axon::builder(AxonConfig::loopback(), Arc::new(key("//Bob"))).policy(policy);
    let miner = PromptingMiner::new(Arc::new(Words), 5);
    let axon = axon.serve::<StreamPromptingSynapse>(miner).spawn().await.unwrap();
    let port = axon.local_addr().port().to_string();
    let mut command = Command::new(&interpreter);
    command.arg(dendrite).args(["--port", &port, "--hotkey", axon.hotkey(), "--synapses", "stream"]);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let result = &report["results"][0];
    assert_eq!(result["status_code"], 200, "{report:#}");
    let chunk = |number: usize| -> String {
        (number * 5..number * 5 + 5).map(|word| format!("{word}:a\u{e9}\u{4f60}\u{1f600} ")).collect()
    };
    let chunks: Vec<String> = (0..WORDS / 5).map(chunk).collect();
    assert_eq!(result["chunks"], serde_json::json!(chunks), "chunk for chunk");
    assert_eq!(result["completion"], chunks.concat());

    // Ours reads theirs.
    let peers = (interpreter, shared("peers"));
    let start = move || Peer::start(&peers, "axon_peer.py", &["--chunk-delay", "0.02"]);
    let peer = tokio::task::spawn_blocking(start).await.unwrap();
    let config = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
    let ours = Dendrite::new(config, Arc::new(key("//Alice"))).unwrap();
    let patience = Deadlines { total: Duration::from_secs(60), per_peer: Duration::from_secs(60) };
    let sentence = "every word \u{e9}\u{4f60} is a chunk";
    let question = Conversation::asking(sentence).synapse();
    let streamed = ours.stream(&peer.target, &question, patience).await.unwrap().unwrap().collect().await;
    assert_eq!((streamed.text.as_str(), streamed.partial), (sentence, None));
    let chunks: Vec<&str> = streamed.chunks.iter().map(|chunk| chunk.text.trim()).collect();
    assert_eq!(chunks, sentence.split(' ').collect::<Vec<_>>(), "chunk for chunk");
}

async fn sdk_10_streams_both_ways_chunk_for_chunk() {
    both_ways("NEURON_PYTHON").await;
}

async fn sdk_7_streams_both_ways_chunk_for_chunk() {
    both_ways("NEURON_PYTHON7").await;
}

/// Runs `script` with the gateway's address and reads the JSON it prints.
async fn client(script: &str, front: &Front) -> Value {
    let mut command = Command::new(python("NEURON_PYTHON_OPENAI"));
    command.args(["-c", script, &front.url()]).env_remove("OPENAI_API_KEY").stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

const OPENAI: &str = r#"
import json, sys
from openai import OpenAI, APIError, NotFoundError
door = OpenAI(base_url=sys.argv[1], api_key="any", max_retries=0)
ask = dict(model="subnet", messages=[{"role": "user", "content": "why?"}])
said = []
for uid in range(3):
    stream = door.chat.completions.create(stream=True, extra_body={"uid": uid}, **ask)
    said.append([c.choices[0].delta.content for c in stream if c.choices and c.choices[0].delta.content])
whole = door.chat.completions.create(**ask)
both = door.chat.completions.create(n=2, **ask)
try:
    door.chat.completions.create(extra_body={"uid": 99}, **ask)
    missing = None
except NotFoundError as e:
    missing = e.code
try:
    for _ in door.chat.completions.create(stream=True, extra_body={"uid": 3}, **ask):
        pass
    broken = None
except APIError as e:
    broken = str(e)
print(json.dumps({"said": said, "whole": whole.choices[0].message.content, "usage": whole.usage.completion_tokens,
    "both": len(both.choices), "models": [m.id for m in door.models.list()], "missing": missing, "broken": broken}))
"#;

async fn the_openai_package_streams_through_the_gateway() {
    let front = Front::of(&[How::Words, How::Words, How::Words, How::Breaks], config()).await;
    let report = client(OPENAI, &front).await;
    for (uid, chunks) in report["said"].as_array().unwrap().iter().enumerate() {
        let words: Vec<String> = (0..10).map(|word| format!("m{uid}w{word} ")).collect();
        assert_eq!(*chunks, serde_json::json!(words), "chunk for chunk from miner {uid}");
    }
    assert!(report["whole"].as_str().unwrap().contains("w9"), "{report}");
    assert!(report["usage"].as_u64().unwrap() > 0);
    assert_eq!((&report["both"], &report["missing"]), (&2.into(), &"no_such_miner".into()), "{report}");
    assert_eq!(report["models"].as_array().unwrap().len(), 1);
    assert!(report["broken"].as_str().is_some_and(|words| words.contains("broke off")), "{report}");
}

const LANGCHAIN: &str = r#"
import json, sys
from langchain_openai import ChatOpenAI
chat = ChatOpenAI(base_url=sys.argv[1], api_key="any", model="subnet", max_retries=0)
print(json.dumps({"whole": chat.invoke("why?").content, "pieces": [c.content for c in chat.stream("why?") if c.content]}))
"#;

async fn langchain_streams_through_the_gateway() {
    let front = Front::of(&[How::Words], config()).await;
    let report = client(LANGCHAIN, &front).await;
    let words: Vec<String> = (0..10).map(|word| format!("m0w{word} ")).collect();
    assert_eq!(report["whole"], words.concat());
    assert_eq!(report["pieces"], serde_json::json!(words));
}
