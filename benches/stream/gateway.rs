//! What the gateway adds to the first chunk: the same question to the same axon, with and without it, in turns.

use std::sync::Arc;
use std::time::Duration;

use neuron::clock;
use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Target};
use neuron::gateway::{Candidate, Candidates, Gateway, GatewayConfig};
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::units::Uid;

use crate::client::key;
use crate::server::Server;

const ROUNDS: usize = 500;
const PATIENCE: Duration = Duration::from_secs(60);

struct One(Target);

impl Candidates for One {
    fn now(&self) -> Vec<Candidate> {
        vec![Candidate { uid: Uid(1), target: self.0, incentive: 1.0 }]
    }
}

fn caller() -> Dendrite {
    let config = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
    Dendrite::new(config, Arc::new(key("//Alice"))).unwrap()
}

/// Milliseconds to the first chunk.
async fn direct(dendrite: &Dendrite, target: &Target) -> f64 {
    let question = StreamPromptingSynapse::new(vec!["user".into()], vec!["2".into()]);
    let began = clock::monotonic();
    let deadlines = Deadlines { total: PATIENCE, per_peer: PATIENCE };
    let mut stream = dendrite.stream(target, &question, deadlines).await.unwrap().unwrap();
    stream.next().await.unwrap();
    let took = began.elapsed().as_secs_f64() * 1e3;
    while stream.next().await.is_some() {}
    took
}

async fn through(client: &reqwest::Client, url: &str) -> f64 {
    let question = serde_json::json!({ "stream": true, "messages": [{ "role": "user", "content": "2" }] });
    let began = clock::monotonic();
    let mut answer = client.post(url).json(&question).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.chunk().await.unwrap().unwrap();
    let took = began.elapsed().as_secs_f64() * 1e3;
    while answer.chunk().await.unwrap().is_some() {}
    took
}

/// Prints the table.
pub fn first_chunk() {
    neuron::market::install_tls();
    let server = Server::own("axon", 0);
    let target = Target { hotkey: key("//Bob").account(), ip: [127, 0, 0, 1].into(), port: server.port };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut without, mut with) = runtime.block_on(async {
        let config = GatewayConfig::at(([127, 0, 0, 1], 0).into());
        let door = Gateway::spawn(config, caller(), Arc::new(One(target))).await.unwrap();
        let url = format!("http://{}/v1/chat/completions", door.local_addr());
        let (dendrite, client) = (caller(), reqwest::Client::new());
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS + 20 {
            let (one, other) = (direct(&dendrite, &target).await, through(&client, &url).await);
            // The first ones open connections.
            if round >= 20 {
                without.push(one);
                with.push(other);
            }
        }
        (without, with)
    });
    println!("\n| to the first chunk, {ROUNDS} questions one after the other | p50 ms | p99 ms |\n|---|---|---|");
    let row = |name: &str, times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        println!("| {name} | {:.3} | {:.3} |", times[times.len() / 2], times[times.len() * 99 / 100]);
        times[times.len() / 2]
    };
    let (direct, through) =
        (row("a dendrite of ours", &mut without), row("an HTTP client through the gateway", &mut with));
    println!("\nThe gateway adds {:.3} ms at the median.", through - direct);
}
