//! The servers that are measured, each in a process of its own, so that its CPU time and memory can be read.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Standing, StandingOf};
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::units::{Account, Rao, Uid};
use neuron::wallet::{Scheme, verify};

use crate::client::key;
use crate::fill::Fill;

/// Everybody is registered and a validator: the ladder's every rung is climbed.
pub struct Everybody;

impl StandingOf for Everybody {
    fn standing(&self, _: &Account) -> Option<Standing> {
        Some(Standing { uid: Uid(1), stake: Rao::from_tao(1000), validator_permit: true })
    }
}

pub fn serve(kind: &str, threads: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
    runtime.block_on(async {
        let (address, _kept): (SocketAddr, Option<neuron::axon::Handle>) = match kind {
            "axon" => {
                let config = AxonConfig {
                    max_connections_per_ip: 20_000,
                    max_connections: 20_000,
                    signature_threads: threads,
                    // Ten thousand connections take a while to open on a busy machine.
                    idle_timeout: Duration::from_secs(600),
                    ..AxonConfig::loopback()
                };
                let policy = AdmissionPolicy { ip_rate: None, hotkey_rate: None, ..AdmissionPolicy::default() };
                let axon = Axon::builder(config, Arc::new(key("//Bob")))
                    .serve::<EventPredictionSynapse>(Fill)
                    .standing(Arc::new(Everybody))
                    .policy(policy);
                let axon = axon.spawn().await.unwrap();
                (axon.local_addr(), Some(axon))
            }
            _ => (serve_bare().await, None),
        };
        println!("{}", address.port());
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        let _ = ended.await;
    });
}

/// The limit: parse, verify, sign.
pub async fn serve_bare() -> SocketAddr {
    let key = Arc::new(key("//Bob"));
    let signature = key.sign(b"something as long as a request's text would be, to be verified again and again");
    let handler = move |axum::Json(ask): axum::Json<EventPredictionSynapse>| {
        let key = Arc::clone(&key);
        async move {
            let text = b"something as long as a request's text would be, to be verified again and again";
            let verified = verify(Scheme::Sr25519, &key.account(), text, &signature);
            let signed = key.sign(text);
            axum::Json((ask.events.len(), verified, signed.first().copied()))
        }
    };
    let router = axum::Router::new().route("/EventPredictionSynapse", axum::routing::post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A server in a process of its own; killed when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    /// One of ours, with so many threads, on the given cores if `taskset` is there.
    pub fn own(kind: &str, threads: usize, cores: Option<&str>) -> Self {
        let me = std::env::current_exe().unwrap();
        let mut command = match cores {
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["-c", cores]).arg(me);
                command
            }
            None => Command::new(me),
        };
        Self::start(command.args(["serve", kind, &threads.to_string()]), |line| line.trim().parse().unwrap())
    }

    /// The SDK's, when `NEURON_PYTHON` names an interpreter that has it.
    pub fn python(port: u16) -> Option<Self> {
        let python = std::env::var("NEURON_PYTHON").ok()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/peers/axon_peer.py");
        let mut command = Command::new(python);
        command.args([script, "--secret", "//Bob", "--priority", "--port", &port.to_string()]);
        Some(Self::start(&mut command, |_| port))
    }

    pub fn start(command: &mut Command, port: impl Fn(&str) -> u16) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { port: port(&line), child }
    }

    pub fn rss_mib(&self) -> f64 {
        rss_mib(&self.child.id().to_string())
    }

    /// Runs one part of the benchmark in a process of its own, which prints its rows itself.
    pub fn report(part: &str) {
        let ended = Command::new(std::env::current_exe().unwrap()).arg(part).status();
        assert!(ended.is_ok_and(|status| status.success()), "{part} failed");
    }

    /// CPU time used so far, seconds (the kernel counts in 1/100).
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }
}

/// What a process has in memory, MiB.
pub fn rss_mib(process: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
