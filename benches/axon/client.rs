//! A client that signs beforehand and reads little, so that it costs little.

use std::time::Duration;

use neuron::clock;
use neuron::subnets::events::synapse::{EventPrediction, EventPredictionSynapse, Verbatim};
use neuron::synapse::new_uuid;
use neuron::synapse::request::{Addressee, Prepared};
use neuron::wallet::{Keypair, Scheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;

const EVENTS: usize = 50;
pub const CONNECTIONS: usize = 64;
const CALLERS: usize = 8;
/// How long the requests may wait to be sent once they are signed.
const TIMEOUT_S: f64 = 600.0;

pub fn key(uri: &str) -> Keypair {
    Keypair::from_uri(uri, Scheme::Sr25519).unwrap()
}

/// Fifty events, 26 kB, as the baseline of the Python axon was measured with.
pub fn ask() -> EventPredictionSynapse {
    let event = |number: usize| {
        let text = format!("Will event number {number} resolve to yes before the end of the quarter? ");
        let id = format!("{number:08}-aaaa-bbbb-cccc-000000000000");
        let description = text + &"Details follow. ".repeat(12);
        let mut event = EventPrediction::ask(id, "llm".into(), description.into(), Some(1_752_000_000));
        let metadata = r#"{"topics": ["Politics", "World"], "market_type": "llm"}"#;
        event.metadata = Verbatim::object(metadata.into()).unwrap();
        (format!("ifgames-{number}"), event)
    };
    EventPredictionSynapse { events: (0..EVENTS).map(event).collect(), ..Default::default() }
}

/// Signed requests, ready to be written.
pub struct Signer {
    prepared: Prepared,
    key: Keypair,
    uuid: String,
}

impl Signer {
    pub fn new(uri: &str) -> Self {
        let key = key(uri);
        let prepared = Prepared::new(&ask(), TIMEOUT_S, &key.account().ss58()).unwrap();
        Self { prepared, key, uuid: new_uuid() }
    }

    pub fn sign(&self, nonce: u64) -> Vec<u8> {
        let bob = key("//Bob").account().ss58();
        let to = Addressee { hotkey: &bob, ip: "127.0.0.1", port: 8091 };
        let headers = self.prepared.headers(&self.key, to, nonce, &self.uuid, None);
        let mut request = format!("POST {} HTTP/1.1\r\nhost: x\r\n", self.prepared.path());
        for (name, value) in &headers {
            request += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        request += &format!("content-length: {}\r\n\r\n", self.prepared.body.len());
        [request.as_bytes(), &self.prepared.body].concat()
    }
}

/// Sends one request and reads the whole answer; returns its status.
pub async fn call(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> std::io::Result<u16> {
    stream.write_all(request).await?;
    read_answer(stream, buffer).await
}

/// Reads one whole answer; returns its status.
pub async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<u16> {
    let gone = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    buffer.clear();
    let end = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(gone());
        }
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = std::str::from_utf8(&buffer[..end]).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let whole = end + length.parse::<usize>().unwrap();
    let status = head[9..12].parse().unwrap();
    while buffer.len() < whole {
        if stream.read_buf(buffer).await? == 0 {
            return Err(gone());
        }
    }
    Ok(status)
}

#[derive(Default)]
pub struct Run {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub cpu_ms: f64,
    pub failures: usize,
}

/// `each` requests on every connection, as fast as they are answered.
pub fn load(server: &Server, each: usize) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let base = clock::wall_ns();
    let plans: Vec<Vec<Vec<u8>>> = (0..CONNECTIONS)
        .map(|connection| {
            let signer = Signer::new(&format!("//Load{}", connection % CALLERS));
            (0..each).map(|step| signer.sign(base + (step * CONNECTIONS + connection) as u64)).collect()
        })
        .collect();
    let (cpu, start) = (server.cpu_seconds(), clock::monotonic());
    let results: Vec<(Vec<Duration>, usize)> = runtime.block_on(async {
        let tasks = plans.into_iter().map(|plan| tokio::spawn(converse(server.port, plan, Duration::ZERO)));
        let mut results = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            results.push(task.await.unwrap());
        }
        results
    });
    let wall = start.elapsed();
    let failures = results.iter().map(|(_, failures)| failures).sum();
    let times = results.into_iter().flat_map(|(times, _)| times).collect();
    summary(times, wall, server.cpu_seconds() - cpu, failures)
}

pub async fn converse(port: u16, plan: Vec<Vec<u8>>, pause: Duration) -> (Vec<Duration>, usize) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut times, mut failures, mut buffer) = (Vec::with_capacity(plan.len()), 0, Vec::with_capacity(65_536));
    for request in plan {
        let began = clock::monotonic();
        match call(&mut stream, &request, &mut buffer).await {
            Ok(200) => times.push(began.elapsed()),
            Ok(_) => failures += 1,
            Err(_) => {
                failures += 1;
                stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            }
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    (times, failures)
}

pub fn summary(mut times: Vec<Duration>, wall: Duration, cpu: f64, failures: usize) -> Run {
    times.sort();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).map_or(0.0, |t| t.as_secs_f64() * 1000.0);
    Run {
        per_second: times.len() as f64 / wall.as_secs_f64(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        cpu_ms: cpu * 1000.0 / times.len().max(1) as f64,
        failures,
    }
}

/// A few honest callers at a walking pace: what they notice is what counts.
pub fn honest(server: &Server, each: usize) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let base = clock::wall_ns();
    let signer = |number: usize| Signer::new(&format!("//Honest{number}"));
    let plans: Vec<Vec<Vec<u8>>> =
        (0..CALLERS).map(|n| (0..each).map(|step| signer(n).sign(base + step as u64)).collect()).collect();
    let start = clock::monotonic();
    let results: Vec<_> = runtime.block_on(async {
        let pause = Duration::from_millis(40);
        let tasks: Vec<_> = plans.into_iter().map(|plan| tokio::spawn(converse(server.port, plan, pause))).collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    });
    let failures = results.iter().map(|(_, failures)| failures).sum();
    summary(results.into_iter().flat_map(|(times, _)| times).collect(), start.elapsed(), 0.0, failures)
}
