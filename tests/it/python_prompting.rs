//! Streams of text with Python at the other end: SDK 7.0 and 10 in both directions, and clients of OpenAI's API through
//! the gateway.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig};
use neuron::clock::Clock;
use neuron::config::Layers;
use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Target};
use neuron::ledger::Ledger;
use neuron::subnets::prompting::backend::{Backend, BackendError, Deltas};
use neuron::subnets::prompting::conversation::Conversation;
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::subnets::prompting::{self, PromptingMiner};
use neuron::subnets::registry;
use neuron::subnets::work::{Peer, Peers, ValidatorNeeds};
use neuron::units::{Identity, Uid};
use serde_json::Value;
use tokio::process::Command;

use crate::axon_kit::key;
use crate::gateway::{Front, How, config};
use crate::needs::{python, shared};
use crate::python_wire;

tests! { asynchronous: sdk_10_streams_both_ways_chunk_for_chunk, sdk_7_streams_both_ways_chunk_for_chunk, the_openai_package_streams_through_the_gateway, langchain_streams_through_the_gateway, an_offline_run_is_read_by_the_client_of_weights_and_biases }

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
    let start = move || python_wire::Peer::start(&peers, "axon_peer.py", &["--chunk-delay", "0.02"]);
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

/// One miner.
#[derive(Debug)]
struct One(Peer);

impl Peers for One {
    fn now(&self) -> Vec<Peer> {
        vec![self.0]
    }
}

/// Reads an offline run with the client's own reader.
const WANDB: &str = r#"
import json, sys
import wandb
wandb._assert_is_internal_process = True
from wandb.proto import wandb_internal_pb2
from wandb.sdk.internal import datastore
run = datastore.DataStore()
run.open_for_scan(sys.argv[1])
records = []
while (data := run.scan_data()) is not None:
    record = wandb_internal_pb2.Record()
    record.ParseFromString(data)
    records.append(record)
values = lambda items: {item.key: json.loads(item.value_json) for item in items}
of = lambda kind: [getattr(r, kind) for r in records if r.WhichOneof("record_type") == kind]
print(json.dumps({"kinds": [r.WhichOneof("record_type") for r in records], "nums": [r.num for r in records],
    "project": of("run")[0].project, "config": values(of("run")[0].config.update),
    "start": of("run")[0].start_time.seconds, "steps": [h.step.num for h in of("history")],
    "history": [values(h.item) for h in of("history")], "summary": values(of("summary")[-1].update)}))
"#;

async fn an_offline_run_is_read_by_the_client_of_weights_and_biases() {
    let interpreter = python("NEURON_PYTHON_WANDB");
    let folder = tempfile::tempdir().unwrap();
    let long = "\u{e9}".repeat(40_000);
    let question = |challenge: &str| serde_json::json!({ "task": "qa", "challenge": challenge, "reference": long });
    let questions = folder.path().join("questions.jsonl");
    std::fs::write(&questions, format!("{}\n", question("Why?"))).unwrap();
    let (runs, questions) = (folder.path().join("runs"), questions.display().to_string());
    let said = |text: &str| vec![text.to_owned()];
    let flags = [
        ("prompting.wandb", said(runs.to_str().unwrap())),
        ("prompting.questions", said(&questions)),
        ("prompting.timeout", said("5s")),
        ("prompting.turns", said("1")),
    ];
    let resolved = Layers { flags: flags.into(), ..registry::layers() }.resolve().unwrap();

    let axon = Axon::builder(AxonConfig::loopback(), Arc::new(key("//Bob"))).policy(AdmissionPolicy::open());
    let axon = axon.serve::<StreamPromptingSynapse>(PromptingMiner::new(Arc::new(Words), 5)).spawn().await.unwrap();
    let target = Target { hotkey: key("//Bob").account(), ip: axon.local_addr().ip(), port: axon.local_addr().port() };
    let peer = Peer { uid: Uid(7), identity: Identity { hotkey: target.hotkey, registered_at: 1 }, target };
    let hotkey = Arc::new(key("//Alice"));
    let calling = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
    let tables: Vec<_> = prompting::KIND.schema.into_iter().collect();
    let needs = ValidatorNeeds {
        hotkey: Arc::clone(&hotkey),
        dendrite: Arc::new(Dendrite::new(calling, hotkey).unwrap()),
        deadline: Duration::from_secs(5),
        ledger: Ledger::open(folder.path().join("ledger.sqlite"), &tables).unwrap(),
        clock: Clock::wall(),
        peers: Arc::new(One(peer)),
    };
    let work = (prompting::KIND.validator.unwrap().make)(&resolved, needs).unwrap();
    let asking = Arc::clone(&work).duties().into_iter().find(|duty| duty.name == "questions").unwrap();
    asking.pass().await.unwrap();
    asking.pass().await.unwrap();
    // The run ends with its validator.
    drop((asking, work));

    let run = std::fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path();
    let log = std::fs::read_dir(&run).unwrap().flatten().map(|file| file.path());
    let log = log.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "wandb")).unwrap();
    let mut command = Command::new(interpreter);
    command.args(["-c", WANDB]).arg(log).current_dir(folder.path()).env("HOME", folder.path()).stdin(Stdio::null());
    let output = command.kill_on_drop(true).output().await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let kinds = ["header", "run", "history", "summary", "history", "summary", "exit"];
    assert_eq!(report["kinds"], serde_json::json!(kinds));
    assert_eq!(report["nums"], serde_json::json!((0..7).collect::<Vec<_>>()));
    assert_eq!((&report["project"], &report["steps"]), (&"prompting".into(), &serde_json::json!([0, 1])));
    assert!(report["config"]["alpha"].is_number() && report["start"].as_i64().unwrap() > 1_700_000_000, "{report}");
    let first = &report["history"][0];
    assert_eq!((&first["challenge"], &first["uids"]), (&"Why?".into(), &serde_json::json!([7])));
    assert_eq!(first["reference"], long.as_str(), "eighty kilobytes, over three blocks of the log");
    assert!(first["completions"][0].as_str().unwrap().contains("24:a"), "{first}");
    assert_eq!(report["summary"]["_step"], 1);
}
