//! The axon's capacity, memory, and calm under attack; `scripts/bench-wire.sh` runs it.
//!
//! Servers run as processes of their own, so that their CPU time and memory can be read. The client signs beforehand and
//! reads little, so that it costs little. The limit it is compared with is a bare axum handler that parses the same body,
//! verifies one signature, makes one, and says nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_macros,
    reason = "a benchmark talks to a person and may panic"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Caller, Handler, Refusal, Reply, Standing, StandingOf};
use neuron::clock;
use neuron::subnets::events::synapse::{EventPrediction, EventPredictionSynapse, Metadata};
use neuron::synapse::request::{Addressee, Prepared};
use neuron::synapse::{headers, new_uuid};
use neuron::units::{Account, Probability, Rao, Uid};
use neuron::wallet::{Keypair, Scheme, verify};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const EVENTS: usize = 50;
const CONNECTIONS: usize = 64;
const CALLERS: usize = 8;
const IDLE_CONNECTIONS: usize = 10_000;
/// How long the requests may wait to be sent once they are signed.
const TIMEOUT_S: f64 = 600.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", kind, threads] => serve(kind, threads.parse().unwrap()),
        ["attack", port] => attack(port.parse().unwrap()),
        [] => {
            capacity();
            memory();
            calm();
        }
        ["capacity"] => capacity(),
        ["memory"] => memory(),
        ["calm"] => calm(),
        _ => panic!("run by scripts/bench-wire.sh"),
    }
}

// ---- servers ---------------------------------------------------------------

/// Everybody is registered and a validator: the ladder's every rung is climbed.
struct Everybody;

impl StandingOf for Everybody {
    fn standing(&self, _: &Account) -> Option<Standing> {
        Some(Standing { uid: Uid(1), stake: Rao::from_tao(1000), validator_permit: true })
    }
}

struct Fill;

impl Handler<EventPredictionSynapse> for Fill {
    async fn handle(
        &self,
        _: &Caller,
        mut ask: EventPredictionSynapse,
    ) -> Result<Reply<EventPredictionSynapse>, Refusal> {
        let half = Probability::new(0.5).map_err(|e| Refusal::internal(e.to_string()))?;
        ask.events.values_mut().for_each(|event| event.answer(half, None));
        Ok(Reply::Answer(ask))
    }
}

fn serve(kind: &str, threads: usize) {
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
async fn serve_bare() -> SocketAddr {
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
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// One of ours, with so many threads, on the given cores if `taskset` is there.
    fn own(kind: &str, threads: usize, cores: Option<&str>) -> Self {
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
    fn python(port: u16) -> Option<Self> {
        let python = std::env::var("NEURON_PYTHON").ok()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/peers/axon_peer.py");
        let mut command = Command::new(python);
        command.args([script, "--secret", "//Bob", "--priority", "--port", &port.to_string()]);
        Some(Self::start(&mut command, |_| port))
    }

    fn start(command: &mut Command, port: impl Fn(&str) -> u16) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { port: port(&line), child }
    }

    fn rss_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// CPU time used so far, seconds (the kernel counts in 1/100).
    fn cpu_seconds(&self) -> f64 {
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

// ---- client ----------------------------------------------------------------

fn key(uri: &str) -> Keypair {
    Keypair::from_uri(uri, Scheme::Sr25519).unwrap()
}

/// Fifty events, 26 kB, as the baseline of the Python axon was measured with.
fn ask() -> EventPredictionSynapse {
    let event = |number: usize| {
        let text = format!("Will event number {number} resolve to yes before the end of the quarter? ");
        let id = format!("{number:08}-aaaa-bbbb-cccc-000000000000");
        let description = text + &"Details follow. ".repeat(12);
        let mut event = EventPrediction::ask(id, "llm".into(), description, Some(1_752_000_000));
        let metadata = r#"{"topics": ["Politics", "World"], "market_type": "llm"}"#;
        event.metadata = Metadata::from_json(metadata.into()).unwrap();
        (format!("ifgames-{number}"), event)
    };
    EventPredictionSynapse { events: (0..EVENTS).map(event).collect(), ..Default::default() }
}

/// Signed requests, ready to be written.
struct Signer {
    prepared: Prepared,
    key: Keypair,
    uuid: String,
}

impl Signer {
    fn new(uri: &str) -> Self {
        let key = key(uri);
        let prepared = Prepared::new(&ask(), TIMEOUT_S, &key.account().ss58()).unwrap();
        Self { prepared, key, uuid: new_uuid() }
    }

    fn sign(&self, nonce: u64) -> Vec<u8> {
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
async fn call(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> std::io::Result<u16> {
    stream.write_all(request).await?;
    buffer.clear();
    let end = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
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
        stream.read_buf(buffer).await?;
    }
    Ok(status)
}

#[derive(Default)]
struct Run {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_ms: f64,
    failures: usize,
}

/// `each` requests on every connection, as fast as they are answered.
fn load(server: &Server, each: usize) -> Run {
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

async fn converse(port: u16, plan: Vec<Vec<u8>>, pause: Duration) -> (Vec<Duration>, usize) {
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

fn summary(mut times: Vec<Duration>, wall: Duration, cpu: f64, failures: usize) -> Run {
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
fn honest(server: &Server, each: usize) -> Run {
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

// ---- attack ----------------------------------------------------------------

/// Forged signatures and replays as fast as they are refused, heads that drip, bodies that never come.
fn attack(port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let signer = Signer::new("//Load0");
        let replay = signer.sign(clock::wall_ns());
        let text = String::from_utf8(replay.clone()).unwrap();
        let at = text.find(headers::DENDRITE_SIGNATURE).unwrap() + headers::DENDRITE_SIGNATURE.len() + 6;
        let mut forged = replay.clone();
        forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let bodiless = format!("{head}\r\n\r\n").into_bytes();
        for number in 0..32 {
            let request = if number % 2 == 0 { forged.clone() } else { replay.clone() };
            tokio::spawn(async move {
                loop {
                    let mut buffer = Vec::with_capacity(65_536);
                    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
                        while call(&mut stream, &request, &mut buffer).await.is_ok() {}
                    }
                }
            });
        }
        for number in 0..400 {
            let beginning =
                if number % 2 == 0 { b"POST /EventPredictionSynapse HTTP/1.1\r\nx".to_vec() } else { bodiless.clone() };
            tokio::spawn(async move {
                loop {
                    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
                        let _ = stream.write_all(&beginning).await;
                        let _ = stream.read_u8().await;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
        println!("attacking");
        let _ = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0])).await;
    });
}

// ---- report ----------------------------------------------------------------

fn capacity() {
    let pinned = Command::new("taskset").arg("--version").output().is_ok();
    println!("| server | cores | requests/s | p50 ms | p99 ms | CPU ms/request | of the limit | failures |");
    println!("|---|---|---|---|---|---|---|---|");
    let row = |name: &str, cores: &str, run: &Run, limit: Option<&Run>| {
        let share = limit.map_or("–".into(), |limit| format!("{:.0} %", 100.0 * limit.cpu_ms / run.cpu_ms));
        println!(
            "| {name} | {cores} | {:.0} | {:.2} | {:.2} | {:.3} | {share} | {} |",
            run.per_second, run.p50_ms, run.p99_ms, run.cpu_ms, run.failures
        );
    };
    for (threads, cores, label) in [(1, Some("0"), "1"), (2, None, "2 (shared with the client)")] {
        let cores = cores.filter(|_| pinned);
        let measure = |kind: &str| {
            let server = Server::own(kind, threads, cores);
            load(&server, 20);
            load(&server, 120)
        };
        let limit = measure("bare");
        row("bare handler (the limit)", label, &limit, None);
        row("axon", label, &measure("axon"), Some(&limit));
    }
    match Server::python(18_291) {
        Some(python) => {
            load(&python, 2);
            row("Python SDK 10 axon", "1", &load(&python, 12), None);
        }
        None => println!("| Python SDK 10 axon | | SKIPPED: NEURON_PYTHON is not set | | | | | |"),
    }
}

fn memory() {
    let server = Server::own("axon", 2, None);
    println!("\n| memory of the axon, resident | MiB |\n|---|---|");
    println!("| idle | {:.1} |", server.rss_mib());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut open = Vec::new();
        while open.len() < IDLE_CONNECTIONS {
            match TcpStream::connect(("127.0.0.1", server.port)).await {
                Ok(stream) => open.push(stream),
                Err(error) => {
                    println!("| (only {} connections: {error}; raise `ulimit -n`) | |", open.len());
                    break;
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("| with {} open connections that rest | {:.1} |", open.len(), server.rss_mib());
        let signer = Signer::new("//Load0");
        let (mut buffer, base) = (Vec::new(), clock::wall_ns());
        for (number, stream) in open.iter_mut().enumerate() {
            assert_eq!(call(stream, &signer.sign(base + number as u64), &mut buffer).await.unwrap(), 200);
        }
        println!("| the same, each after one answered request | {:.1} |", server.rss_mib());
    });
    let server = Server::own("axon", 2, None);
    for round in 1..=2 {
        load(&server, 200);
        println!("| after {} requests, as many nonces | {:.1} |", round * 200 * CONNECTIONS, server.rss_mib());
    }
}

fn calm() {
    println!("\n| honest callers (8, 25 requests/s each) | p50 ms | p99 ms | failures |\n|---|---|---|---|");
    let server = Server::own("axon", 2, None);
    let print =
        |name: &str, run: &Run| println!("| {name} | {:.2} | {:.2} | {} |", run.p50_ms, run.p99_ms, run.failures);
    honest(&server, 10);
    print("alone", &honest(&server, 50));
    let mut attacker = Command::new(std::env::current_exe().unwrap());
    attacker.args(["attack", &server.port.to_string()]);
    let attacker = Server::start(&mut attacker, |_| 0);
    print("under forged signatures, replays, dripping heads and missing bodies", &honest(&server, 50));
    drop(attacker);
    print("after it", &honest(&server, 50));
}
