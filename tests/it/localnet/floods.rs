//! Connections that take more than they should: the others are answered, and blocks go on. Told by order, not by time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use neuron::localnet::LocalnetConfig;
use serde_json::{Value, json};
use subxt::rpcs::client::RpcClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::task::JoinHandle;

use super::client::{Net, ask, config, start};

/// A chain whose blocks come by the clock.
async fn busy() -> Net {
    start(LocalnetConfig { block_time: Duration::from_millis(20), ..config() }).await
}

/// A request that takes the node some time: all subnets with all neurons.
const HEAVY: &str = "SubnetInfoRuntimeApi_get_all_metagraphs";

async fn another(net: &Net) -> RpcClient {
    RpcClient::from_insecure_url(net.chain.ws_url()).await.unwrap()
}

/// Waits until so many blocks more are there; a chain that stands still fails the test.
async fn blocks_go_on(net: &Net, more: u64) {
    let goal = net.chain.block_number() + more;
    let reached = async {
        while net.chain.block_number() < goal {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reached).await.expect("the chain stands still");
}

/// The upgrade to a WebSocket, by hand, and then silence.
async fn half_open(port: u16) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    socket.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 101");
    socket
}

/// A masked text frame.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => unreachable!("tests send short texts"),
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// What came back to a connection that asks without waiting.
#[derive(Default)]
struct Heard {
    answers: AtomicUsize,
    refusals: AtomicUsize,
}

/// Sends `calls` heavy requests over one socket, as fast as it takes them, and reads the answers meanwhile; ends with the
/// last of them.
fn flood(port: u16, calls: usize) -> (Arc<Heard>, JoinHandle<()>) {
    let heard = Arc::new(Heard::default());
    let flooding = tokio::spawn({
        let heard = Arc::clone(&heard);
        async move {
            let (answers, mut questions) = half_open(port).await.into_split();
            let ask = async {
                for id in 0..calls {
                    let call =
                        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"state_call","params":["{HEAVY}","0x"]}}"#);
                    questions.write_all(&frame(&call)).await.unwrap();
                }
            };
            let ((), ()) = tokio::join!(ask, listen(answers, &heard, calls));
        }
    });
    (heard, flooding)
}

/// Counts answers by the end that each object has: its number, after what was found or why not.
async fn listen(mut answers: OwnedReadHalf, heard: &Heard, calls: usize) {
    let mut rest = Vec::new();
    let mut part = vec![0; 1 << 16];
    while heard.answers.load(Ordering::SeqCst) < calls {
        let length = answers.read(&mut part).await.unwrap();
        assert_ne!(length, 0, "the connection ended");
        rest.extend_from_slice(&part[..length]);
        let end = rest.iter().rposition(|byte| *byte == b'}').map_or(0, |place| place + 1);
        let whole = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest.drain(..end);
        heard.refusals.fetch_add(whole.matches("-32999").count(), Ordering::SeqCst);
        heard.answers.fetch_add(whole.matches("\"id\":").count(), Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_floods_waits_for_himself_alone() {
    const FLOOD: usize = 3_000;
    let net = busy().await;
    let polite = another(&net).await;
    let (heard, flooding) = flood(net.chain.port(), FLOOD);
    while heard.answers.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // In one row with the flood, even one question would have to wait for nearly all of it.
    for _ in 0..5 {
        ask(&polite, "state_call", json!([HEAVY, "0x"])).await.unwrap();
    }
    let by_then = heard.answers.load(Ordering::SeqCst);
    assert!(by_then < FLOOD / 2, "{by_then} of the flood were answered before five that were asked politely");
    blocks_go_on(&net, 3).await;
    flooding.await.unwrap();
    assert_eq!(heard.refusals.load(Ordering::SeqCst), 0, "who floods gets his answers too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_what_may_wait_calls_are_refused() {
    const FLOOD: usize = 8_000;
    let net = busy().await;
    let (heard, flooding) = flood(net.chain.port(), FLOOD);
    flooding.await.unwrap();
    let refused = heard.refusals.load(Ordering::SeqCst);
    assert!(refused > 0 && refused < FLOOD, "{refused} of {FLOOD} refused");
    net.ask("system_name", json!([])).await.unwrap();
    blocks_go_on(&net, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_that_say_nothing_hinder_nobody() {
    let net = busy().await;
    let port = net.chain.port();
    let mut silent = Vec::new();
    for turn in 0..100 {
        // Nothing at all; half a head; an upgrade; an upgrade and half a frame.
        let mut socket = match turn % 4 {
            0 | 1 => TcpStream::connect(("127.0.0.1", port)).await.unwrap(),
            _ => half_open(port).await,
        };
        match turn % 4 {
            1 => socket.write_all(b"POST / HTTP/1.1\r\nHost: local").await.unwrap(),
            3 => socket.write_all(&frame("{\"jsonrpc\":\"2.0\",\"id\":1,")[..10]).await.unwrap(),
            _ => {}
        }
        silent.push(socket);
    }
    let polite = another(&net).await;
    for _ in 0..20 {
        ask(&polite, "chain_getHeader", json!([])).await.unwrap();
    }
    blocks_go_on(&net, 5).await;
    drop(silent);
    ask(&polite, "chain_getHeader", json!([])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_does_not_read_holds_up_no_block() {
    let net = start(config()).await;
    // Subscribes to a lot, and never reads an answer.
    let mut slow = half_open(net.chain.port()).await;
    for id in 0..200 {
        let subscribe = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"chain_subscribeNewHeads","params":[]}}"#);
        slow.write_all(&frame(&subscribe)).await.unwrap();
    }
    let mut reader = net.subscribe("chain_subscribeNewHeads", json!([]), "chain_unsubscribeNewHeads").await.unwrap();
    let first = net.chain.block_number();
    let number = |head: &Value| u64::from_str_radix(&head["number"].as_str().unwrap()[2..], 16).unwrap();
    assert_eq!(number(&reader.next().await.unwrap().unwrap()), first);
    // More than any buffer holds: 200 subscriptions of 1,000 heads each. The next block is not begun before this
    // reader has the last one, so if the slow one held it up, this would never end.
    for block in first + 1..=first + 1_000 {
        net.chain.mine(1).await.unwrap();
        let head = tokio::time::timeout(Duration::from_secs(30), reader.next()).await.expect("no head came");
        assert_eq!(number(&head.unwrap().unwrap()), block);
    }
    drop(slow);
    net.chain.mine(1).await.unwrap();
    assert_eq!(number(&reader.next().await.unwrap().unwrap()), first + 1_001);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_too_large_is_refused_whole() {
    let net = start(config()).await;
    let port = net.chain.port();
    let call = |id: usize| json!({"jsonrpc": "2.0", "id": id, "method": "system_name", "params": []});
    let post = async |calls: usize| {
        let body = Value::Array((0..calls).map(call).collect()).to_string();
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        serde_json::from_str::<Value>(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    assert_eq!(post(1_024).await.as_array().unwrap().len(), 1_024);
    let refused = post(1_025).await;
    assert_eq!(refused["error"]["code"], -32010, "{refused}");
    assert!(refused["error"]["data"].as_str().is_some_and(|data| data.contains("1024")), "{refused}");
    assert_eq!(net.ask("system_name", json!([])).await.unwrap(), json!("neuron localnet"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_fault_meets_a_subscription_too() {
    let net = start(config()).await;
    for (subscribe, unsubscribe, parameters) in [
        ("chain_subscribeNewHeads", "chain_unsubscribeNewHeads", json!([])),
        ("state_subscribeStorage", "state_unsubscribeStorage", json!([["0x00"]])),
        ("chainHead_v1_follow", "chainHead_v1_unfollow", json!([false])),
        ("author_submitAndWatchExtrinsic", "author_unwatchExtrinsic", json!(["0x00"])),
    ] {
        net.ask("dev_failNext", json!([subscribe, -32005, "slow down"])).await.unwrap();
        let refused = net.subscribe(subscribe, parameters.clone(), unsubscribe).await.err().unwrap();
        assert_eq!((refused.code, refused.message.as_str()), (-32005, "slow down"), "{subscribe}");
        let next = net.subscribe(subscribe, parameters, unsubscribe).await;
        assert!(next.is_ok() || next.err().unwrap().code != -32005, "{subscribe} fails once");
    }
}
