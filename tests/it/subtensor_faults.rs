//! What goes wrong between the client and the chain, one fault after the other, over real sockets: each ends in the right
//! answer and in one transaction, or in one clear error, within a known time. The table is in docs/chain.md.
#![cfg(feature = "localnet")]

use std::time::{Duration, Instant};

use neuron::localnet::runtime::COMPOSITE_SINCE;
use neuron::localnet::{self, LocalnetConfig};
use neuron::subtensor::{Subtensor, SubtensorConfig, SubtensorError};
use neuron::units::{Account, NetUid, Rao};

use serde_json::json;

use crate::fault_proxy::{Fault, Proxy};
use crate::localnet::client as raw;
use crate::subtensor::{EVENTS, key, quick, upgrade};

/// For an endpoint to answer: short, so that many faults fit into a test.
const ANSWER: Duration = Duration::from_millis(600);
/// What a busy machine may add to any time.
const SLACK: Duration = Duration::from_secs(30);

fn config<'a>(endpoints: impl IntoIterator<Item = &'a str>) -> SubtensorConfig {
    SubtensorConfig {
        answer_deadline: ANSWER,
        // An answer that is lost while connecting costs this much.
        connect_deadline: ANSWER * 2,
        stall_after: Duration::from_secs(2),
        read_deadline: Duration::from_secs(60),
        ..SubtensorConfig::new(endpoints)
    }
}

/// A read and a write under a fault, within `limit`.
async fn holds(chain: &Subtensor, friend: u8, limit: Duration) {
    let friend = Account([friend; 32]);
    let begin = Instant::now();
    assert!(!chain.metagraph(EVENTS).await.unwrap().neurons.is_empty());
    eprintln!("read after {:?}", begin.elapsed());
    let inclusion = chain.transfer(&key("//Bob"), &friend, Rao::from_tao(1)).await.unwrap();
    eprintln!("written after {:?}", begin.elapsed());
    assert!(inclusion.finalised);
    assert_eq!(chain.balance(&friend).await.unwrap(), Rao::from_tao(1), "once, not twice");
    assert!(begin.elapsed() < limit + SLACK, "it took {:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_line_costs_time_and_nothing_else() {
    let node = localnet::spawn(quick()).await.unwrap();
    let proxy = Proxy::to(node.port()).await;
    let chain = Subtensor::connect(config([proxy.url.as_str()])).await.unwrap();
    // Some frames suffer; then the same line is well again. The friend's number makes each transfer another one.
    let faults = [
        (Fault::Drop, 3),
        (Fault::Delay(Duration::from_millis(100)), 8),
        (Fault::Delay(ANSWER * 2), 2),
        (Fault::Duplicate, 4),
        (Fault::Truncate, 3),
        (Fault::Reorder, 20),
        (Fault::Error(-32005), 3),
        (Fault::Error(-32603), 3),
    ];
    for (friend, (fault, frames)) in faults.into_iter().enumerate() {
        let before = proxy.suffered();
        proxy.fail(fault, frames);
        holds(&chain, 100 + friend as u8, ANSWER * 8).await;
        assert!(proxy.suffered() > before, "{fault:?} was not tried");
        eprintln!("{fault:?}: {} frames suffered", proxy.suffered() - before);
        // A connection that held for a second is sound: what fails next is not one of a row of failures, with their pauses.
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_endpoint_is_left_for_the_next() {
    let node = localnet::spawn(quick()).await.unwrap();
    let direct = node.ws_url();
    for (friend, fault) in
        [Fault::Drop, Fault::Truncate, Fault::Kill, Fault::StaleHead, Fault::Error(-32005)].into_iter().enumerate()
    {
        let proxy = Proxy::to(node.port()).await;
        let chain = Subtensor::connect(config([proxy.url.as_str(), direct.as_str()])).await.unwrap();
        proxy.fail_always(fault);
        let begin = Instant::now();
        holds(&chain, 120 + friend as u8, ANSWER * 8).await;
        eprintln!(
            "{fault:?}: {:?} until a read and a final write, {} submissions",
            begin.elapsed(),
            proxy.submissions()
        );
        assert_eq!(chain.endpoint().as_ref(), Some(&direct), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_dies_in_any_call_is_made_anew() {
    let node = localnet::spawn(quick()).await.unwrap();
    let direct = node.ws_url();
    // The connection dies in the n-th frame of a write: before it is sent, after it, while its block is looked for.
    for nth in 1..24_u8 {
        let proxy = Proxy::to(node.port()).await;
        let chain = Subtensor::connect(config([proxy.url.as_str(), direct.as_str()])).await.unwrap();
        let write = tokio::spawn({
            let chain = chain.clone();
            async move { chain.transfer(&key("//Bob"), &Account([nth; 32]), Rao::from_tao(1)).await }
        });
        // Frames pass until it is the turn of this one.
        proxy.fail(Fault::Delay(Duration::ZERO), u64::from(nth));
        while proxy.suffered() < u64::from(nth) && !write.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        proxy.fail_always(Fault::Kill);
        write.await.unwrap().unwrap();
        assert_eq!(chain.balance(&Account([nth; 32])).await.unwrap(), Rao::from_tao(1), "frame {nth}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_question_to_a_dead_line_waits_for_ever() {
    let node = localnet::spawn(quick()).await.unwrap();
    let proxy = Proxy::to(node.port()).await;
    let limit = Duration::from_secs(2);
    let patience = SubtensorConfig {
        read_deadline: limit,
        write_deadline: limit,
        connect_deadline: limit,
        ..config([proxy.url.as_str()])
    };
    let chain = Subtensor::connect(patience.clone()).await.unwrap();
    for fault in [Fault::Drop, Fault::Truncate, Fault::Kill] {
        proxy.fail_always(fault);
        let (who, bob) = (Account([1; 32]), key("//Bob"));
        let begin = Instant::now();
        let errors: Vec<SubtensorError> = [
            chain.metagraph(EVENTS).await.err(),
            chain.metagraph_at(EVENTS, 1).await.err(),
            chain.hyperparameters(EVENTS).await.err(),
            chain.stakes(&who).await.err(),
            chain.uid(EVENTS, &who).await.err(),
            chain.block_number().await.err(),
            chain.burned_register(&bob, EVENTS, &who).await.err(),
            chain.set_weights(&bob, EVENTS, &[], 0).await.err(),
            Subtensor::connect(patience.clone()).await.err(),
        ]
        .into_iter()
        .map(|error| error.expect("it cannot have worked"))
        .collect();
        let took = begin.elapsed();
        assert!(took < limit * (errors.len() as u32) + SLACK, "{fault:?}: {took:?}");
        for error in &errors {
            assert!(error.to_string().contains(&proxy.url), "the endpoint is named: {error}");
        }
        proxy.fail_always(Fault::None);
        let well = Instant::now();
        while chain.balance(&who).await.is_err() {
            assert!(well.elapsed() < SLACK, "the line is well again after {fault:?}, and nobody notices");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_with_another_runtime_is_read_by_the_new_one() {
    let net = raw::start(quick()).await;
    let proxy = Proxy::to(net.chain.port()).await;
    let chain = Subtensor::connect(config([proxy.url.as_str()])).await.unwrap();
    let (bob, early, late) = (key("//Bob"), Account([1; 32]), Account([2; 32]));
    chain.burned_register(&bob, EVENTS, &early).await.unwrap();
    proxy.fail_always(Fault::Kill);
    let bytes = net.signed("//Alice", &upgrade(COMPOSITE_SINCE), 0, 0).await;
    net.submit(&bytes).await.unwrap();
    let begin = Instant::now();
    while net.ask("state_getRuntimeVersion", json!([])).await.unwrap()["specVersion"] != COMPOSITE_SINCE {
        assert!(begin.elapsed() < SLACK, "the runtime does not change");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy.fail_always(Fault::None);
    chain.burned_register(&bob, EVENTS, &late).await.unwrap();
    let metagraph = chain.metagraph(EVENTS).await.unwrap();
    assert!(metagraph.by_hotkey(&early).is_some() && metagraph.by_hotkey(&late).is_some());
}

/// Two chains that were one: the same genesis, and another transaction in each.
async fn forked(first: u8, second: u8, blocks: (u32, u32)) -> (localnet::Handle, localnet::Handle) {
    let slow = LocalnetConfig { block_time: Duration::from_secs(3600), ..quick() };
    let (a, b) = (localnet::spawn(slow.clone()).await.unwrap(), localnet::spawn(slow).await.unwrap());
    assert_eq!(a.genesis_hash(), b.genesis_hash());
    for (node, friend, blocks) in [(&a, first, blocks.0), (&b, second, blocks.1)] {
        let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await.unwrap();
        let sent = tokio::spawn(async move { chain.transfer(&key("//Eve"), &Account([friend; 32]), Rao(1000)).await });
        while node.waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        node.mine(blocks).await.unwrap();
        sent.await.unwrap().unwrap();
    }
    (a, b)
}

fn comparing(endpoints: &[String]) -> SubtensorConfig {
    SubtensorConfig {
        check_every: Duration::from_millis(200),
        stall_after: Duration::from_secs(3600),
        ..config(endpoints.iter().map(String::as_str))
    }
}

async fn moves_to(chain: &Subtensor, url: &str) {
    let begin = Instant::now();
    while chain.endpoint().as_deref() != Some(url) {
        assert!(begin.elapsed() < SLACK, "it stays at {:?}", chain.endpoint());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_endpoints_the_fork_is_left_and_named() {
    let (fork, main) = forked(1, 2, (5, 9)).await;
    let endpoints = [fork.ws_url(), main.ws_url()];
    let chain = Subtensor::connect(comparing(&endpoints)).await.unwrap();
    assert_eq!(chain.endpoint().as_ref(), Some(&endpoints[0]), "nobody can know yet");
    moves_to(&chain, &endpoints[1]).await;
    let distrusted = chain.distrusted();
    assert_eq!(distrusted.len(), 1);
    assert_eq!(distrusted[0].endpoint, endpoints[0]);
    assert!(distrusted[0].reason.as_raw().contains("fork"), "{}", distrusted[0].reason);
    assert_eq!(chain.balance(&Account([2; 32])).await.unwrap(), Rao(1000));
    // It is not taken again, not even when there is no other.
    drop(main);
    let limited = tokio::time::timeout(Duration::from_secs(3), chain.block_number()).await;
    assert!(!matches!(limited, Ok(Ok(_))), "{limited:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_endpoints_the_one_that_stands_alone_is_left_although_it_is_ahead() {
    let (liar, main) = forked(1, 2, (12, 4)).await;
    let third = Proxy::to(main.port()).await;
    let endpoints = [liar.ws_url(), main.ws_url(), third.url.clone()];
    let chain = Subtensor::connect(comparing(&endpoints)).await.unwrap();
    moves_to(&chain, &endpoints[1]).await;
    assert_eq!(chain.distrusted()[0].endpoint, endpoints[0]);
    assert_eq!(chain.balance(&Account([2; 32])).await.unwrap(), Rao(1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_whose_finality_stays_behind_is_left() {
    let slow = LocalnetConfig { block_time: Duration::from_secs(3600), ..quick() };
    let (behind, ahead) = (localnet::spawn(slow.clone()).await.unwrap(), localnet::spawn(slow).await.unwrap());
    let endpoints = [behind.ws_url(), ahead.ws_url()];
    let chain = Subtensor::connect(comparing(&endpoints)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(chain.endpoint().as_ref(), Some(&endpoints[0]), "they are alike");
    ahead.mine(40).await.unwrap();
    moves_to(&chain, &endpoints[1]).await;
    assert!(chain.distrusted().is_empty(), "late is no lie");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_blocks_are_read_from_the_archive() {
    let node = |states_kept| LocalnetConfig { states_kept, block_time: Duration::from_secs(3600), ..quick() };
    let (pruned, archive) = (localnet::spawn(node(3)).await.unwrap(), localnet::spawn(node(100)).await.unwrap());
    pruned.mine(20).await.unwrap();
    archive.mine(20).await.unwrap();
    let alone = Subtensor::connect(config([pruned.ws_url().as_str()])).await.unwrap();
    assert_eq!(alone.metagraph_at(EVENTS, 20).await.unwrap().block, 20);
    let error = alone.metagraph_at(EVENTS, 5).await.unwrap_err();
    assert!(
        matches!(error, SubtensorError::Discarded(5)) && error.to_string().contains("--subtensor.archive"),
        "{error}"
    );
    assert!(matches!(alone.metagraph_at(EVENTS, 5_000).await, Err(SubtensorError::NoBlock { block: 5_000, best: 21 })));
    assert!(matches!(alone.metagraph_at(NetUid(77), 20).await, Err(SubtensorError::NoSubnet(_))));

    let both = SubtensorConfig { archive: vec![archive.ws_url()], ..config([pruned.ws_url().as_str()]) };
    let chain = Subtensor::connect(both).await.unwrap();
    let then = chain.metagraph_at(EVENTS, 5).await.unwrap();
    assert_eq!((then.block, then.neurons.len()), (5, 1));
}
