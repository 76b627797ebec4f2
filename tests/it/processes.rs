//! The job across separate processes and real ports, and what each of them survives.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use neuron::subnets::events::ledger::{EventsLedger, Options};
use neuron::units::Account;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::foreign_text::{HOSTILE, assert_harmless_text};
use crate::support::{PATIENCE, Process, free_port, neuron, wait_until};

/// The folders and ports of one small world.
pub struct World {
    pub folder: TempDir,
    chain: u16,
    market: u16,
    axons: [u16; 2],
    /// Of the validator and the first miner.
    metrics: [u16; 2],
    /// Which market is looked at.
    provider: &'static str,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let axons = [free_port(), free_port()];
        let metrics = [free_port(), free_port()];
        Self { folder, chain: free_port(), market: free_port(), axons, metrics, provider: "polymarket" }
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        neuron().args(arguments).env("HOME", self.folder.path()).stdin(Stdio::null()).output().unwrap()
    }

    pub fn must(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    pub fn start(&self, log: &str, arguments: &[&str]) -> Process {
        self.start_in(&[], log, arguments)
    }

    /// Starts it with more in its environment.
    pub fn start_in(&self, environment: &[(&str, &str)], log: &str, arguments: &[&str]) -> Process {
        let log = std::fs::File::options().create(true).append(true).open(self.path(log)).unwrap();
        let child = neuron()
            .args(arguments)
            .env("HOME", self.folder.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Process(child)
    }

    pub fn endpoint(&self) -> String {
        format!("ws://127.0.0.1:{}", self.chain)
    }

    pub fn market_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.market)
    }

    pub fn localnet(&self) -> Process {
        let (port, state) = (self.chain.to_string(), self.path("chain"));
        let localnet =
            self.start("localnet.log", &["localnet", "--port", &port, "--block-time", "25ms", "--state", &state]);
        wait_until("the chain serves", || std::net::TcpStream::connect(("127.0.0.1", self.chain)).is_ok());
        localnet
    }

    /// The flags of a role that looks at the market.
    fn market_flags(&self) -> Vec<String> {
        let (names, url) = (["--market", self.provider], self.market_url());
        [names, [&format!("--market.{}.url", self.provider), &url]].concat().into_iter().map(str::to_owned).collect()
    }

    pub fn market_sim(&self) -> Process {
        let listen = format!("127.0.0.1:{}", self.market);
        let sim =
            ["market-sim", "--listen", &listen, "--spacing", "1s", "--horizon", "8s", "--step", "1s", "--lag", "2s"];
        let market = self.start("market.log", &sim);
        wait_until("the market serves", || std::net::TcpStream::connect(("127.0.0.1", self.market)).is_ok());
        market
    }

    pub fn wallet(&self, name: &str) {
        let wallets = self.path("wallets");
        let common = ["--wallet.path", &wallets, "--wallet.name", name, "--no-password", "--yes"];
        self.must(&[&["wallet", "new-coldkey", "--uri", "//Bob"], &common[..]].concat());
        self.must(&[&["wallet", "new-hotkey", "--uri", &format!("//Test//{name}")], &common[..]].concat());
    }

    /// Wallets of these names, with their hotkeys in a subnet; that of `v`, the validator, has a stake.
    pub fn register(&self, netuid: u16, names: &[&str]) {
        let (netuid, endpoint, wallets) = (netuid.to_string(), self.endpoint(), self.path("wallets"));
        for name in names {
            self.wallet(name);
            let flags = [
                "--netuid",
                &netuid,
                "--network",
                &endpoint,
                "--wallet.path",
                &wallets,
                "--wallet.name",
                name,
                "--yes",
            ];
            self.must(&[&["register"], &flags[..]].concat());
            if *name == "v" {
                self.must(&[&["stake", "add", "--amount", "1000"], &flags[..]].concat());
            }
        }
    }

    fn neuron_flags(&self, name: &str) -> Vec<String> {
        [
            "--netuid",
            "155",
            "--subtensor.network",
            &self.endpoint(),
            "--wallet.path",
            &self.path("wallets"),
            "--wallet.name",
            name,
            "--logging.debug",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    pub fn miner(&self, index: usize, error: &str) -> Process {
        let mut arguments = vec!["miner".to_owned()];
        arguments.extend(self.neuron_flags(&format!("m{index}")));
        let port = self.axons[index].to_string();
        let own = [
            ["--axon.ip", "127.0.0.2"],
            ["--axon.port", &port],
            ["--blacklist.min_stake", "100"],
            ["--forecaster", "skilled"],
            ["--forecaster.error", error],
            ["--forecaster.refresh", "500ms"],
        ];
        arguments.extend(self.market_flags());
        arguments.extend(own.concat().into_iter().map(str::to_owned));
        if index == 0 {
            arguments.extend(["--metrics.port".to_owned(), self.metrics[1].to_string()]);
        }
        self.start(&format!("m{index}.log"), &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn validator(&self) -> Process {
        self.validator_with(&[])
    }

    fn validator_with(&self, more: &[&str]) -> Process {
        let arguments = self.validator_arguments(&[&["--tick", "500ms"], more].concat());
        self.start("validator.log", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What is typed for the validator, but for `--tick`.
    pub fn validator_arguments(&self, more: &[&str]) -> Vec<String> {
        let mut arguments = vec!["validator".to_owned()];
        arguments.extend(self.neuron_flags("v"));
        let (db, metrics) = (self.path("db"), self.metrics[0].to_string());
        let own = [
            ["--market.cutoff_before_end", "0s"],
            ["--dendrite.allow_private", "--yes"],
            ["--db.directory", &db],
            ["--metrics.port", &metrics],
        ];
        arguments.extend(self.market_flags());
        arguments.extend(own.concat().into_iter().map(str::to_owned));
        arguments.extend(more.iter().map(|it| (*it).to_owned()));
        arguments
    }

    /// Where the validator serves metrics and health.
    pub fn validators_metrics(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.metrics[0]).into()
    }

    /// The incentive of each neuron, by hotkey; empty while the chain does not answer.
    fn incentives(&self) -> BTreeMap<String, f64> {
        let output = self.run(&["metagraph", "--netuid", "155", "--network", &self.endpoint(), "--output", "json"]);
        let Ok(document) = serde_json::from_slice::<Value>(&output.stdout) else { return BTreeMap::new() };
        let neurons = document["neurons"].as_array().cloned().unwrap_or_default();
        neurons.iter().map(|n| (n["hotkey"].as_str().unwrap().to_owned(), n["incentive"].as_f64().unwrap())).collect()
    }

    /// Until a miner has incentive, while it and the validator run.
    fn until_paid(&self, hotkey: &str, validator: &mut Process, miner: &mut Process) {
        let begin = Instant::now();
        while self.incentives().get(hotkey).is_none_or(|incentive| *incentive <= 0.0) {
            assert!(begin.elapsed() < PATIENCE, "no incentive for the skilled miner\n{}", self.logs());
            assert!(validator.is_running() && miner.is_running(), "{}", self.logs());
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    pub fn logs(&self) -> String {
        let tail = |path: &Path| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("== {}\n{}\n", path.display(), lines[lines.len().saturating_sub(15)..].join("\n"))
        };
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|e| e == "log")).map(|path| tail(&path)).collect()
    }
}

/// Status and body of a GET from a role's monitoring.
pub fn get(port: u16, path: &str) -> (String, String) {
    get_with(port, path, "x-nothing: said")
}

/// The same with a header.
fn get_with(port: u16, path: &str, header: &str) -> (String, String) {
    let answer = get_whole(port, path, header);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].to_owned(), body.to_owned())
}

/// Head and body as they come.
pub fn get_whole(port: u16, path: &str, header: &str) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n{header}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub fn hotkey(name: &str) -> Account {
    use neuron::wallet::{Keypair, Scheme};
    Keypair::from_uri(&format!("//Test//{name}"), Scheme::Sr25519).unwrap().account()
}

/// Answers every connection with the same, for ever, on a thread of its own.
fn answering(listener: TcpListener, head: &str, body: &str) {
    let answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 65_536]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}

/// A page of one market of which every text is hostile, and one whose id is.
fn hostile_page() -> String {
    let end = jiff::Timestamp::now() + Duration::from_secs(5 * 86_400);
    let market = |id: &str| {
        json!({
            "condition_id": id, "question": HOSTILE, "description": HOSTILE, "end_date_iso": end.to_string(), "active": true,
            "tokens": [{"outcome": HOSTILE, "price": "0.4"}, {"outcome": HOSTILE, "price": 0.6}],
        })
    };
    json!({ "data": [market("0x1"), market(HOSTILE)], "next_cursor": "LTE=" }).to_string()
}

#[test]
fn a_hostile_market_and_a_hostile_miner_command_nothing_in_a_validators_log() {
    let world = World::new();
    let _localnet = world.localnet();
    world.register(155, &["v", "m0"]);
    // A miner publishes its address and makes room for one that answers with commands.
    let mut miner = world.miner(0, "0.1");
    wait_until("the miner serves", || std::net::TcpStream::connect(("127.0.0.2", world.axons[0])).is_ok());
    let published = |log: &str| std::fs::read_to_string(world.path(log)).is_ok_and(|log| log.contains("published"));
    wait_until("the miner's address is on the chain", || published("m0.log"));
    miner.kill();
    answering(
        TcpListener::bind(("127.0.0.2", world.axons[0])).unwrap(),
        "403 Forbidden\r\ncontent-type: application/json",
        &json!({ "message": HOSTILE }).to_string(),
    );
    answering(
        TcpListener::bind(("127.0.0.1", world.market)).unwrap(),
        "200 OK\r\ncontent-type: application/json",
        &hostile_page(),
    );

    let mut validator = world.validator();
    let log = || std::fs::read_to_string(world.path("validator.log")).unwrap_or_default();
    wait_until("the miner has refused", || log().contains("refused with 403"));
    let ticks = |page: &str| page.lines().any(|line| line.starts_with("neuron_validator_events_open 1"));
    wait_until("the question is asked", || ticks(&get(world.metrics[0], "/metrics").1));
    validator.kill();
    let log = log();
    assert_harmless_text("the validator's log", &log);
    assert!(log.contains("1 without an id"), "{log}");
}

#[test]
fn a_validator_of_2025_asks_without_prices_and_opens_a_storefront() {
    let world = World::new();
    let _localnet = world.localnet();
    world.register(155, &["v", "m0"]);
    let listen = format!("127.0.0.1:{}", world.market);
    let _market = world.start("market.log", &["market-sim", "--listen", &listen, "--events", "3"]);
    let started = |words: &[Vec<String>], log: &str| {
        let words = words.concat();
        world.start(log, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let serving = format!("--axon.ip 127.0.0.2 --axon.port {} --blacklist.min_stake 100", world.axons[0]);
    let constant = words("--forecaster constant --forecaster.constant 0.7 --forecaster.refresh 500ms");
    let _miner = started(&[words("miner"), world.neuron_flags("m0"), words(&serving), constant], "m0.log");

    let (db, port) = (world.path("db"), free_port());
    let made = world.must(&["storefront", "key", "add", "test", "--db.directory", &db, "--output", "json"]);
    let key = serde_json::from_slice::<Value>(&made.stdout).unwrap()["key"].as_str().unwrap().to_owned();
    let service = format!("--preset ifgames-2025 --market.ifgames.url {} --tick 500ms", world.market_url());
    let open = format!("--dendrite.allow_private --yes --db.directory {db} --storefront.port {port}");
    let _validator =
        started(&[words("validator"), world.neuron_flags("v"), words(&service), words(&open)], "validator.log");
    wait_until("the storefront is open", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());

    let header = format!("x-api-key: {key}");
    let ask = |path: &str| serde_json::from_str::<Value>(&get_with(port, path, &header).1).unwrap_or_default();
    let mut event = String::new();
    wait_until("an event is listed", || {
        let found = ask("/api/events?state=open")["events"][0]["unique_event_id"].as_str().map(str::to_owned);
        event = found.unwrap_or_default();
        event.starts_with("ifgames-")
    });
    let mut said = Value::Null;
    wait_until("the miner's answer is told, with its uid", || {
        said = ask(&format!("/api/events/{event}/predictions"))["predictions"][0].clone();
        said["miner_uid"].is_u64()
    });
    assert_eq!(
        (said["latest_prediction"].as_f64(), &said["miner_hotkey"]),
        (Some(0.7), &hotkey("m0").ss58().into()),
        "{said}"
    );
    assert_eq!(get(port, "/api/events").0, "401");
}

/// A server that takes every connection and never says a word.
fn silent(address: (&str, u16)) {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        held.extend(listener.incoming().flatten());
    });
}

/// Ends a process as a supervisor does, which kills it after ten seconds; how long it took.
fn terminate(process: &mut Process) -> Duration {
    let begin = Instant::now();
    let pid = process.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    while process.is_running() && begin.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(process.wait().unwrap().success());
    begin.elapsed()
}

#[test]
fn a_validator_told_to_stop_ends_in_time_whatever_it_waits_for() {
    const BOUND: Duration = Duration::from_secs(10);
    let world = World::new();
    let _localnet = world.localnet();
    world.register(155, &["v", "m0"]);
    let mut miner = world.miner(0, "0.1");
    let published = |log: &str| std::fs::read_to_string(world.path(log)).is_ok_and(|log| log.contains("published"));
    wait_until("the miner's address is on the chain", || published("m0.log"));
    miner.kill();
    silent(("127.0.0.2", world.axons[0]));
    let log = |name: &str| std::fs::read_to_string(world.path(name)).unwrap_or_default();

    let starts = || log("validator.log").matches("Ctrl-C stops").count();
    let facts = || serde_json::from_str::<Value>(&get(world.metrics[0], "/health").1).unwrap();
    let waits = |duty: &str| facts()["duties"][duty]["running_s"].as_u64() > Some(0);

    // A miner that is silent: the question to it is abandoned.
    let mut market = world.market_sim();
    let mut validator = world.validator();
    wait_until("the validator works", || starts() == 1);
    wait_until("it waits for the miner", || waits("query"));
    let took = terminate(&mut validator);
    assert!(took < BOUND, "{took:?}\n{}", world.logs());
    market.kill();

    // A market that is silent: the look at it is abandoned.
    let announced = ["--axon.announce", "--axon.ip", "127.0.0.3", "--axon.port", "0"];
    silent(("127.0.0.1", world.market));
    let mut validator = world.validator_with(&announced);
    wait_until("the validator works", || starts() == 2);
    wait_until("it waits for the market", || waits("discover"));
    // Meanwhile miners are asked, about nothing, and nobody waits for the market.
    wait_until("it ticks all the same", || facts()["ticks"].as_u64() > Some(1));
    let query = facts()["duties"]["query"].clone();
    assert_eq!((&query["period_s"], &query["last_outcome"]), (&0.5.into(), &"ok".into()), "{query}");
    assert!(query["deadline_s"].as_f64() > Some(1.0) && query["jitter"].as_f64() > Some(0.0), "{query}");
    for duty in ["discover", "resolve", "metagraph", "weights", "pruning"] {
        assert!(facts()["duties"][duty]["period_s"].as_f64() > Some(0.0), "{duty}: {}", facts());
    }
    // Who wants to know whether it is there finds an axon.
    wait_until("its axon is on the chain", || log("validator.log").contains("axon published"));
    let took = terminate(&mut validator);
    assert!(took < BOUND, "{took:?}\n{}", world.logs());
}

/// Every score in the ledger, by event and hotkey. No validator may run.
fn scores(world: &World) -> BTreeMap<(String, String), f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = world.folder.path().join("db/netuid155").join(format!("{}.sqlite", hotkey("v")));
    runtime.block_on(async {
        let ledger = EventsLedger::open(path, Options::default()).unwrap();
        let mut scores = BTreeMap::new();
        for (identity, _) in ledger.core().identities().await.unwrap() {
            for line in ledger.history(identity, 10_000).await.unwrap() {
                if let Some(score) = line.score {
                    scores.insert((line.event, identity.hotkey.to_string()), score);
                }
            }
        }
        scores
    })
}

#[test]
fn five_processes_do_the_job_and_survive_the_restart_of_each() {
    let world = World::new();
    let mut localnet = world.localnet();
    let mut market = world.market_sim();
    world.register(155, &["v", "m0", "m1"]);
    let mut miners = [world.miner(0, "0.02"), world.miner(1, "0.4")];
    let mut validator = world.validator();

    let (skilled, v) = (hotkey("m0").to_string(), hotkey("v").to_string());
    world.until_paid(&skilled, &mut validator, &mut miners[0]);
    assert_eq!(world.incentives()[&v], 0.0);

    // Monitoring sees it: both at work, weights on the chain, and questions in the dialect that covers their bodies.
    let [validator_page, miner_page] = world.metrics.map(|port| get(port, "/metrics").1);
    let answered = r#"requests_total{synapse="EventPredictionSynapse",dialect="btauth",outcome="answered"}"#;
    assert!(validator_page.contains(&format!("neuron_dendrite_{answered}")), "{validator_page}");
    assert!(validator_page.contains("\nneuron_validator_weights_block "), "{validator_page}");
    assert!(miner_page.contains(&format!("neuron_axon_{answered}")), "{miner_page}");
    for (port, role) in world.metrics.into_iter().zip(["validator", "miner"]) {
        let (status, facts) = get(port, "/health");
        let facts: Value = serde_json::from_str(&facts).unwrap();
        assert_eq!((status.as_str(), &facts["role"], &facts["status"]), ("200", &role.into(), &"ok".into()), "{facts}");
        let chain = json!({ "endpoint": world.endpoint(), "distrusted": [] });
        assert_eq!(facts["chain"], chain, "{facts}");
        if role == "miner" {
            assert_eq!((&facts["registered"], &facts["published"]), (&true.into(), &true.into()), "{facts}");
            assert!(facts["uid"].is_u64() && facts["last_answered_age_s"].as_u64().unwrap() < 60, "{facts}");
        }
    }

    // The validator is killed without a word, and goes on with the same scores.
    validator.kill();
    let before = scores(&world);
    assert!(before.keys().any(|(_, who)| *who == skilled), "{before:?}");
    validator = world.validator();
    let starts = || std::fs::read_to_string(world.path("validator.log")).unwrap().matches("Ctrl-C stops").count();
    wait_until("the validator is back", || starts() == 2);

    // Each of the others in turn.
    localnet.kill();
    localnet = world.localnet();
    market.kill();
    market = world.market_sim();
    miners[0].kill();
    miners[0] = world.miner(0, "0.02");
    std::thread::sleep(Duration::from_secs(12));
    for (name, process) in [("validator", &mut validator), ("localnet", &mut localnet), ("market", &mut market)]
        .into_iter()
        .chain(miners.iter_mut().map(|miner| ("miner", miner)))
    {
        assert!(process.is_running(), "the {name} has ended\n{}", world.logs());
    }
    validator.kill();
    let after = scores(&world);
    for (key, score) in &before {
        assert_eq!(after.get(key), Some(score), "{key:?} changed");
    }
    let new = after.keys().filter(|key| !before.contains_key(*key) && key.1 == skilled).count();
    assert!(new > 0, "nothing was scored after the restarts\n{}", world.logs());
}

#[test]
fn games_of_azuro_are_asked_about_and_scored_across_processes() {
    let world = World { provider: "azuro", ..World::new() };
    let _localnet = world.localnet();
    let mut market = world.market_sim();
    world.register(155, &["v", "m0", "m1"]);
    let mut miners = [world.miner(0, "0.02"), world.miner(1, "0.4")];
    let mut validator = world.validator();
    let (skilled, poor) = (hotkey("m0").to_string(), hotkey("m1").to_string());
    world.until_paid(&skilled, &mut validator, &mut miners[0]);
    // The market goes away for a while and comes back.
    market.kill();
    std::thread::sleep(Duration::from_secs(2));
    let _market = world.market_sim();
    std::thread::sleep(Duration::from_secs(8));
    assert!(validator.is_running() && miners.iter_mut().all(Process::is_running), "{}", world.logs());
    validator.kill();
    let scores = scores(&world);
    assert!(scores.keys().all(|(event, _)| event.starts_with("azuro-0x")), "{scores:?}");
    let mean = |who: &str| {
        let own: Vec<f64> = scores.iter().filter(|((_, of), _)| of == who).map(|(_, score)| *score).collect();
        own.iter().sum::<f64>() / own.len() as f64
    };
    assert!(mean(&skilled) > mean(&poor), "{scores:?}");
}

#[test]
fn what_is_missing_is_named_with_its_remedy() {
    let world = World::new();
    let wallets = world.path("wallets");
    let fails = |arguments: &[&str], status: i32, words: &[&str]| {
        let output = world.run(arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {message}");
        for word in words {
            assert!(message.contains(word), "no `{word}` in: {message}");
        }
    };
    fails(&["miner"], 2, &["--netuid"]);
    fails(&["miner", "--netuid", "77"], 2, &["77", "--task"]);
    fails(&["validator", "--netuid", "155", "--market", "betfair"], 2, &["betfair", "polymarket, azuro, file"]);
    let azuro = ["validator", "--netuid", "155", "--market", "azuro"];
    fails(&[&azuro[..], &["--market.azuro.dictionary", "/no/titles.json"]].concat(), 2, &["/no/titles.json"]);
    fails(&["validator", "--netuid", "155", "--market", "file"], 2, &["--market.file.path"]);
    fails(&[&azuro[..], &["--market.azuro.margin", "guess"]].concat(), 2, &["guess", "shin"]);
    fails(&["validator", "--netuid", "8", "--klines.sources", "mtgox"], 2, &["mtgox", "binance"]);
    fails(&["validator", "--netuid", "155", "--wallet.path", &wallets], 4, &["default", "neuron wallet create"]);
    let strange = ["--dendrite.dialects", "5Nobody=sdk"];
    fails(&[&["validator", "--netuid", "155"], &strange[..]].concat(), 2, &["dendrite.dialects", "5Nobody"]);
    let strange = ["--dendrite.dialect", "morse"];
    fails(&[&["validator", "--netuid", "155"], &strange[..]].concat(), 2, &["dendrite.dialect", "btauth"]);
    world.wallet("v");
    let endpoint = world.endpoint();
    let flags = ["--netuid", "155", "--wallet.path", &wallets, "--wallet.name", "v", "--subtensor.network", &endpoint];
    fails(&[&["validator"], &flags[..]].concat(), 5, &[&endpoint, "--subtensor"]);
    let _localnet = world.localnet();
    fails(&[&["validator"], &flags[..]].concat(), 4, &["not registered", "neuron register --netuid 155"]);
    fails(&["localnet", "--port", &world.chain.to_string()], 1, &["in use", "--port"]);

    world.must(&[&["register", "--yes"], &flags[..]].concat());
    let taken = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let axon = ["--axon.ip", "127.0.0.2", "--axon.port", &port];
    fails(&[&["miner"], &flags[..], &axon[..]].concat(), 1, &[&port, "--axon.port"]);
    fails(&[&["miner"], &flags[..], &["--axon.port", "0"]].concat(), 2, &["--axon.external_ip"]);
}
