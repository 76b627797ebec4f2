//! Axons of ours to be asked, each with its own hotkey and port, in a process of their own: the benchmark runs itself again as
//! `serve N`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use neuron::axon::{AdmissionPolicy, Axon, AxonConfig};
use neuron::dendrite::Target;
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::wallet::{Keypair, Scheme};

use crate::fill::Fill;

pub(crate) fn hotkey(number: usize) -> Keypair {
    Keypair::from_uri(&format!("//Axon//{number}"), Scheme::Sr25519).unwrap()
}

/// Serves until the parent ends; prints a port per line.
pub(crate) fn serve(axons: usize) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let mut handles = Vec::new();
        for number in 0..axons {
            let config = AxonConfig { signature_threads: 1, ..AxonConfig::loopback() };
            let builder = Axon::builder(config, Arc::new(hotkey(number))).serve::<EventPredictionSynapse>(Fill);
            let handle = builder.policy(AdmissionPolicy::open()).spawn().await.unwrap();
            println!("{}", handle.local_addr().port());
            handles.push(handle);
        }
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().lines().count());
        ended.await.unwrap();
    });
}

/// The process of the axons, and where they are.
pub(crate) struct Swarm {
    pub(crate) process: Child,
    pub(crate) targets: Vec<Target>,
}

impl Swarm {
    pub(crate) fn start(axons: usize) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["serve", &axons.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let target = |(number, line): (usize, String)| Target {
            hotkey: hotkey(number).account(),
            ip: [127, 0, 0, 1].into(),
            port: line.parse().unwrap(),
        };
        let targets = lines.take(axons).enumerate().map(target).collect();
        Self { process, targets }
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
