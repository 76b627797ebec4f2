//! How long each fault between client and chain costs, measured with the settings that operators have; `scripts/fault-times.sh`
//! runs it and prints the table that docs/chain.md has. No test of `.ci/run`: it takes minutes, and asserts only that
//! everything works in the end.
#![cfg(feature = "localnet")]
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::time::{Duration, Instant};

use neuron::localnet::{self, LocalnetConfig};
use neuron::subtensor::{Subtensor, SubtensorConfig};
use neuron::units::{Account, Rao};

use crate::fault_proxy::{Fault, Proxy};
use crate::subtensor::{EVENTS, key, quick};

/// A read and a write that is final, and how long both took.
async fn used(chain: &Subtensor, friend: &mut u8) -> Duration {
    *friend += 1;
    let (begin, friend) = (Instant::now(), Account([*friend; 32]));
    assert!(!chain.metagraph(EVENTS).await.unwrap().neurons.is_empty());
    assert!(chain.transfer(&key("//Bob"), &friend, Rao::from_tao(1)).await.unwrap().finalised);
    let took = begin.elapsed();
    assert_eq!(chain.balance(&friend).await.unwrap(), Rao::from_tao(1), "once, not twice");
    took
}

fn row(fault: &str, lines: usize, well: Duration, ill: Duration) {
    let more = ill.saturating_sub(well).as_secs_f64();
    println!("| {fault} | {lines} | {:.2} | {:.2} | {more:.2} |", well.as_secs_f64(), ill.as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: scripts/fault-times.sh"]
async fn every_fault_of_the_line_costs_so_much() {
    let node = localnet::spawn(quick()).await.unwrap();
    let mut friend = 0;
    println!(
        "| fault | endpoints | a read and a final write, s | with the fault, s | what it costs, s |\n|---|---|---|---|---|"
    );
    let passing = [
        ("an answer is lost", Fault::Drop, 1),
        ("answers come 0.1 s late", Fault::Delay(Duration::from_millis(100)), 20),
        ("answers come in another order", Fault::Reorder, 20),
        ("a frame comes twice", Fault::Duplicate, 1),
        ("the half of a frame is lost", Fault::Truncate, 1),
        ("the connection dies", Fault::Kill, 1),
        ("the node is not well (-32005)", Fault::Error(-32005), 1),
        ("the node has an internal error (-32603)", Fault::Error(-32603), 1),
    ];
    for (name, fault, frames) in passing {
        let proxy = Proxy::to(node.port()).await;
        let chain = Subtensor::connect(SubtensorConfig::new([proxy.url.as_str()])).await.unwrap();
        let well = used(&chain, &mut friend).await;
        proxy.fail(fault, frames);
        let ill = used(&chain, &mut friend).await;
        assert!(proxy.suffered() > 0, "{name} was not tried");
        row(name, 1, well, ill);
    }
    let direct = node.ws_url();
    let lasting = [
        ("answers are lost for good", Fault::Drop),
        ("the connection dies again and again", Fault::Kill),
        ("the node is not well for good", Fault::Error(-32005)),
    ];
    for (name, fault) in lasting {
        let proxy = Proxy::to(node.port()).await;
        let endpoints = [proxy.url.as_str(), direct.as_str()];
        let chain = Subtensor::connect(SubtensorConfig::new(endpoints)).await.unwrap();
        let well = used(&chain, &mut friend).await;
        proxy.fail_always(fault);
        let ill = used(&chain, &mut friend).await;
        row(name, 2, well, ill);
        assert_eq!(chain.endpoint().as_ref(), Some(&direct), "{name}");
    }
    // The head stands still: nothing fails, so nobody notices until the stall is one.
    let proxy = Proxy::to(node.port()).await;
    let chain = Subtensor::connect(SubtensorConfig::new([proxy.url.as_str(), direct.as_str()])).await.unwrap();
    let begin = Instant::now();
    proxy.fail_always(Fault::StaleHead);
    while chain.endpoint().as_ref() != Some(&direct) {
        assert!(begin.elapsed() < Duration::from_secs(180), "it stays at a node that stands still");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    row("the node shows no new head", 2, Duration::ZERO, begin.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: scripts/fault-times.sh"]
async fn a_restart_of_the_node_costs_so_much() {
    let folder = tempfile::tempdir().unwrap();
    let config = LocalnetConfig { state: Some(folder.path().join("chain")), ..quick() };
    let node = localnet::spawn(config.clone()).await.unwrap();
    let (port, url) = (node.port(), node.ws_url());
    let chain = Subtensor::connect(SubtensorConfig::new([url.as_str()])).await.unwrap();
    let (mut friend, mut node) = (200, node);
    for away in [1, 10] {
        let well = used(&chain, &mut friend).await;
        node.stop().await.unwrap();
        tokio::time::sleep(Duration::from_secs(away)).await;
        node = localnet::spawn(LocalnetConfig { port, ..config.clone() }).await.unwrap();
        row(&format!("the node restarts, and was away for {away} s"), 1, well, used(&chain, &mut friend).await);
    }
}
