//! The time-series work across separate processes, as its users start them: `neuron miner --netuid 8`, `neuron validator
//! --netuid 8`, a development chain, and candles of our own.

use std::path::PathBuf;
use std::time::Instant;

use neuron::forecast::series::network::named;
use neuron::forecast::training::{Recipe, train};
use neuron::ledger::rusqlite::{Connection, OpenFlags};
use neuron::market::klines::series::Series;
use neuron::units::UnixMs;

use crate::processes::{World, hotkey};
use crate::support::{PATIENCE, Process, free_port, wait_until};

/// A subnet of time series: a chain, candles, a validator with a stake, two miners.
struct Subnet {
    world: World,
    candles: u16,
    axons: [u16; 2],
}

impl Subnet {
    fn new() -> Self {
        let world = World::new();
        Self { world, candles: free_port(), axons: [free_port(), free_port()] }
    }

    fn flags(&self, name: &str) -> Vec<String> {
        let (endpoint, wallets) = (self.world.endpoint(), self.world.path("wallets"));
        ["--netuid", "8", "--subtensor.network", &endpoint, "--wallet.path", &wallets, "--wallet.name", name]
            .map(str::to_owned)
            .to_vec()
    }

    fn candles(&self) -> Process {
        let listen = format!("127.0.0.1:{}", self.candles);
        let process = self.world.start("candles.log", &["klines", "simulate", "--listen", &listen, "--seed", "4"]);
        wait_until("the candles are served", || std::net::TcpStream::connect(("127.0.0.1", self.candles)).is_ok());
        process
    }

    /// The flags of both roles: our candles.
    fn common(&self) -> Vec<String> {
        let url = format!("http://127.0.0.1:{}", self.candles);
        let flags = [
            ["--market.binance.url", &url],
            ["--market.bybit.url", &url],
            ["--market.coinbase.url", &url],
            ["--db.directory", &self.world.path("db")],
            ["--logging.debug", "--yes"],
        ];
        flags.concat().into_iter().map(str::to_owned).collect()
    }

    fn role(&self, role: &str, name: &str, own: &[&str]) -> Process {
        let mut arguments = vec![role.to_owned()];
        arguments.extend(self.flags(name));
        arguments.extend(self.common());
        arguments.extend(own.iter().map(|flag| (*flag).to_owned()));
        self.world.start(&format!("{name}.log"), &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn miner(&self, index: usize, model: &str, rhythm: &[&str]) -> Process {
        let port = self.axons[index].to_string();
        let own =
            ["--axon.ip", "127.0.0.2", "--axon.port", &port, "--blacklist.min_stake", "100", "--base_model", model];
        self.role("miner", &format!("m{index}"), &[&own, rhythm].concat())
    }

    fn validator(&self, own: &[&str]) -> Process {
        self.role("validator", "v", &[&["--dendrite.allow_private"], own].concat())
    }

    fn ledger(&self) -> PathBuf {
        self.world.folder.path().join("db/netuid8").join(format!("{}.sqlite", hotkey("v")))
    }

    /// The one number that a query finds in the validator's ledger, while it is in use; 0 when there is no ledger yet.
    fn count(&self, sql: &str) -> u32 {
        let open = Connection::open_with_flags(self.ledger(), OpenFlags::SQLITE_OPEN_READ_ONLY);
        open.and_then(|connection| connection.query_row(sql, [], |row| row.get(0))).unwrap_or(0)
    }

    fn wait_for(&self, what: &str, least: u32, sql: &str) {
        let begin = Instant::now();
        while self.count(sql) < least {
            assert!(begin.elapsed() < PATIENCE, "not so: {what}\n{}", self.world.logs());
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }
}

/// A rhythm for a test.
const SECONDS: [&str; 8] = [
    "--timeseries.period",
    "16s",
    "--timeseries.commit_window",
    "5s",
    "--timeseries.reveal_after",
    "6s",
    "--timeseries.reveal_window",
    "9s",
];

const COMMITTED: &str = "SELECT COUNT(*) FROM ts_requests WHERE state = 'committed' AND 2 = (SELECT COUNT(*) FROM ts_commitments WHERE request = id)";
const REVEALED: &str = "SELECT COUNT(*) FROM ts_requests WHERE state = 'open' AND 2 = (SELECT COUNT(*) FROM ts_forecasts WHERE request = id)";

#[test]
fn miners_and_validator_of_subnet_8_keep_their_word_over_kill_9() {
    let subnet = Subnet::new();
    let _chain = subnet.world.localnet();
    let _candles = subnet.candles();
    subnet.world.register(8, &["v", "m0", "m1"]);
    // Of a network of the reference whose file is not here, that is said.
    let mut lost = subnet.miner(0, "model_v4_1", &SECONDS);
    wait_until("the miner without its file ends", || !lost.is_running());
    assert!(subnet.world.logs().contains("model_v4_1.safetensors"), "{}", subnet.world.logs());
    // The second answers from a file that was trained before.
    let file = subnet.world.folder.path().join("models/day.json");
    let recipe = Recipe { model: "ar".into(), shape: named("model_v5_1").unwrap(), units: 1, epochs: 1, seed: 1 };
    let prices = Series::simulated(4, UnixMs(1_767_225_600_000), 4000);
    train(&prices, &recipe, &file, &mut |_| ()).unwrap();
    let second = subnet.miner(1, file.to_str().unwrap(), &SECONDS);
    let (mut first, _second) = (subnet.miner(0, "persistence", &SECONDS), second);
    let mut validator = subnet.validator(&SECONDS);
    subnet.wait_for("a whole round", 1, REVEALED);

    // Between a commitment and its numbers both are killed without a word; started again, they finish the round.
    let before = subnet.count(REVEALED);
    subnet.wait_for("the next commitments", 1, COMMITTED);
    first.kill();
    validator.kill();
    let _first = subnet.miner(0, "persistence", &SECONDS);
    let _validator = subnet.validator(&SECONDS);
    subnet.wait_for("the numbers that were committed before", before + 1, REVEALED);
    let kept = "SELECT COUNT(*) FROM ts_commitments WHERE fate = 'other_numbers'";
    assert_eq!(subnet.count(kept), 0, "somebody showed other numbers\n{}", subnet.world.logs());
}

#[test]
fn a_month_of_the_past_pays_on_the_chain() {
    let subnet = Subnet::new();
    let _chain = subnet.world.localnet();
    let _candles = subnet.candles();
    subnet.world.register(8, &["v", "m0", "m1"]);
    let _miners = [subnet.miner(0, "persistence", &[]), subnet.miner(1, "drift", &[])];
    let _validator = subnet.validator(&["--test_only_historical", "1"]);
    subnet.wait_for("scored requests", 3, "SELECT COUNT(*) FROM ts_requests WHERE state = 'scored'");
    let begin = Instant::now();
    let paid = || {
        let output = subnet.world.run(&[
            "metagraph",
            "--netuid",
            "8",
            "--network",
            &subnet.world.endpoint(),
            "--output",
            "json",
        ]);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let neurons = document["neurons"].as_array().cloned().unwrap_or_default();
        let miners = ["m0", "m1"].map(|name| hotkey(name).to_string());
        neurons.iter().any(|n| miners.iter().any(|m| n["hotkey"] == **m) && n["incentive"].as_f64() > Some(0.0))
    };
    while !paid() {
        assert!(begin.elapsed() < PATIENCE, "no incentive\n{}", subnet.world.logs());
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
}
