//! The servers that are measured, each in a process of its own, so that its CPU time and memory can be read.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig};
use neuron::clock::wall_ns;
use neuron::subnets::prompting::PromptingMiner;
use neuron::subnets::prompting::backend::{Backend, BackendError, Deltas};
use neuron::subnets::prompting::conversation::Conversation;
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;

use crate::client::key;
use crate::{PER_SECOND, STREAMS, myself};

/// The time, again and again, as so many chunks.
fn ticks(chunks: u64) -> impl Stream<Item = String> + Send {
    let mut pace = tokio::time::interval(Duration::from_millis(1000 / PER_SECOND));
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    stream::unfold((pace, chunks), |(mut pace, left)| async move {
        let left = left.checked_sub(1)?;
        pace.tick().await;
        Some((format!("{:020} ", wall_ns()), (pace, left)))
    })
}

/// How many chunks are asked for: the question is their number.
struct Metronome;

impl Backend for Metronome {
    fn name(&self) -> &'static str {
        "metronome"
    }

    fn answer(&self, said: Arc<Conversation>, _: Instant) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        let chunks = said.question().parse().unwrap_or(1);
        async move { Ok(ticks(chunks).map(Ok).boxed()) }.boxed()
    }
}

pub async fn axon() -> neuron::axon::Handle {
    let config = AxonConfig {
        max_connections_per_ip: 2 * STREAMS,
        concurrency: 2 * STREAMS,
        handler_deadline: Duration::from_secs(3600),
        ..AxonConfig::loopback()
    };
    let policy = AdmissionPolicy {
        ip_rate: None,
        hotkey_rate: None,
        max_timeout: Duration::from_secs(3600),
        ..AdmissionPolicy::open()
    };
    let axon = Axon::builder(config, Arc::new(key("//Bob"))).policy(policy);
    axon.serve::<StreamPromptingSynapse>(PromptingMiner::new(Arc::new(Metronome), 1)).spawn().await.unwrap()
}

/// The same chunks and nothing around them.
async fn bare(chunks: u64) -> SocketAddr {
    let answer = move || async move { axum::body::Body::from_stream(ticks(chunks).map(Ok::<_, Infallible>)) };
    let router = axum::Router::new().fallback(answer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving =
        axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| stream.set_nodelay(true).unwrap()), router);
    tokio::spawn(serving.into_future());
    address
}

/// Serves until the parent ends; prints the port.
pub fn serve(kind: &str, chunks: u64) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let (port, _kept) = match kind {
            "axon" => {
                let axon = axon().await;
                (axon.local_addr().port(), Some(axon))
            }
            _ => (bare(chunks).await.port(), None),
        };
        println!("{port}");
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        let _ = ended.await;
    });
}

/// A server in a process of its own; killed when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
    /// Whether its chunks carry the time: those of the SDK's axon do not.
    pub tells_time: bool,
}

impl Server {
    /// One of ours.
    pub fn own(kind: &str, chunks: u64) -> Self {
        Self::start(myself().args(["serve", kind, &chunks.to_string()]), true, |line| line.trim().parse().unwrap())
    }

    /// The SDK's, when `NEURON_PYTHON` names an interpreter that has it. It sends the words of a question back.
    pub fn python(port: u16) -> Option<Self> {
        let python = std::env::var("NEURON_PYTHON").ok()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/peers/axon_peer.py");
        let delay = (1.0 / PER_SECOND as f64).to_string();
        let mut command = Command::new(python);
        command.args([script, "--secret", "//Bob", "--chunk-delay", &delay, "--port", &port.to_string()]);
        Some(Self::start(&mut command, false, |_| port))
    }

    fn start(command: &mut Command, tells_time: bool, port: impl Fn(&str) -> u16) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { port: port(&line), child, tells_time }
    }

    /// What it has in memory, MiB.
    pub fn rss_mib(&self) -> f64 {
        self.memory_mib("VmRSS")
    }

    /// The most that it had in memory so far, MiB.
    pub fn most_mib(&self) -> f64 {
        self.memory_mib("VmHWM")
    }

    fn memory_mib(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// CPU time used so far, seconds (the kernel counts in 1/100).
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
