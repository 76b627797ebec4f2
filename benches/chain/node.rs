//! A development chain of 256 neurons in a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use neuron::localnet::genesis::{GenesisConfig, LastEpoch, NeuronGenesis, SubnetGenesis};
use neuron::localnet::{self, LocalnetConfig};
use neuron::telemetry::{LogLevel, start_logs};
use neuron::units::{NetUid, Rao};
use neuron::wallet::{Keypair, Scheme};

/// The first subnet.
pub const EVENTS: NetUid = NetUid(155);
pub const NEURONS: usize = 256;

/// The hotkey at a slot of a subnet; slot 0 is the owner's.
pub fn hotkey(netuid: NetUid, uid: usize) -> Keypair {
    Keypair::from_uri(&format!("//Bench//{netuid}//{uid}"), Scheme::Sr25519).unwrap()
}

/// Subnets from [`EVENTS`] on.
pub fn subnets(count: u16) -> impl Iterator<Item = NetUid> {
    (EVENTS.0..).take(count.into()).map(NetUid)
}

fn genesis(count: u16) -> GenesisConfig {
    GenesisConfig { subnets: subnets(count).map(subnet).collect(), ..GenesisConfig::default() }
}

fn subnet(netuid: NetUid) -> SubnetGenesis {
    let coldkey = Keypair::from_uri("//Bob", Scheme::Sr25519).unwrap().account();
    let neuron = |uid: usize| NeuronGenesis {
        hotkey: hotkey(netuid, uid).account(),
        coldkey,
        stake: Rao::from_tao(100),
        root_stake: Rao(0),
        axon: Some(([192, 0, 2, (uid % 250) as u8 + 1], 8091).into()),
        permit: true,
        weights: Vec::new(),
        last_epoch: LastEpoch::default(),
    };
    SubnetGenesis {
        netuid: netuid.0,
        max_uids: NEURONS as u16,
        max_validators: NEURONS as u16,
        weights_rate_limit: 0,
        // No epoch while something is measured.
        tempo: 10_000,
        neurons: (1..NEURONS).map(neuron).collect(),
        ..SubnetGenesis::events()
    }
}

/// Serves until the parent ends; prints the port, and makes a block for each line that it reads: the answer is how many
/// extrinsics still wait then.
pub async fn serve(block_time: Duration, subnets: u16) {
    // As the command does: without a log, each span of the host asks for one.
    start_logs(LogLevel::Warnings, false, None).unwrap();
    let config = LocalnetConfig { port: 0, block_time, genesis: genesis(subnets), ..LocalnetConfig::default() };
    let node = localnet::spawn(config).await.unwrap();
    println!("{}", node.port());
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    while lines.recv().await.is_some() {
        node.mine(1).await.unwrap();
        println!("{}", node.waiting());
    }
}

/// This program again, in another part; killed when dropped.
pub struct Child {
    process: std::process::Child,
    said: BufReader<ChildStdout>,
    /// Its first line.
    pub greeting: String,
}

impl Child {
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut greeting = String::new();
        said.read_line(&mut greeting).unwrap();
        Self { process, said, greeting }
    }

    /// CPU time used so far, seconds (the kernel counts in 1/100).
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    /// Says a line and waits for the answer.
    fn ask(&mut self, line: &str) -> String {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.said.read_line(&mut answer).unwrap();
        answer
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// See the module.
pub struct Node {
    child: Child,
    pub port: u16,
}

impl Node {
    pub fn start(block_time: Duration, subnets: u16) -> Self {
        let child = Child::start(&["node", &block_time.as_millis().to_string(), &subnets.to_string()]);
        Self { port: child.greeting.trim().parse().unwrap(), child }
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// CPU time that it has used so far, seconds.
    pub fn cpu_seconds(&self) -> f64 {
        self.child.cpu_seconds()
    }

    /// Makes a block of what waits; how much waits after it.
    pub fn mine(&mut self) -> usize {
        self.child.ask("mine").trim().parse().unwrap()
    }
}
