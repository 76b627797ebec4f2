//! What an axon holds: idle, with ten thousand connections, and after ten million nonces.

use std::time::Duration;

use neuron::axon::admission::replay::{Bounds, ReplayMemory, Sender};
use neuron::clock;
use neuron::units::Account;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{CONNECTIONS, Signer, call, load, read_answer};
use crate::server::{Server, rss_mib};

const IDLE_CONNECTIONS: usize = 10_000;
/// Descriptors beside those of the connections.
const OTHER_DESCRIPTORS: u64 = 100;
const NONCES: u64 = 10_000_000;
/// Hotkeys the nonces come from: some registered, many that are not.
const REGISTERED: u64 = 256;
const STRANGERS: u64 = 100_000;

/// Prints the table.
pub fn memory() {
    println!("\n| memory of the axon, resident | MiB |\n|---|---|");
    let wanted = (IDLE_CONNECTIONS as u64).min(raise_descriptors().saturating_sub(OTHER_DESCRIPTORS)) as usize;
    if wanted < IDLE_CONNECTIONS {
        println!("| (`ulimit -Hn` allows only {wanted} connections) | |");
    }
    let server = Server::own("axon", 2, None);
    let row = |what: &str| println!("| {what} | {:.1} |", server.rss_mib());
    row("idle");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut open = Vec::new();
        while open.len() < wanted {
            open.push(connect(server.port).await);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        row(&format!("{wanted} open connections that have not spoken"));
        let signer = Signer::new("//Load0");
        let (mut buffer, base) = (Vec::new(), clock::wall_ns());
        let mut failures = 0;
        for (number, stream) in open.iter_mut().enumerate() {
            failures +=
                usize::from(!matches!(call(stream, &signer.sign(base + number as u64), &mut buffer).await, Ok(200)));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        row(&format!("the same after each has asked once, one after the other ({failures} failed)"));

        let (mut failures, base) = (0, clock::wall_ns());
        for (number, stream) in open.iter_mut().enumerate() {
            failures += usize::from(stream.write_all(&signer.sign(base + number as u64)).await.is_err());
        }
        row("while all have asked and nobody has read an answer");
        for stream in &mut open {
            failures += usize::from(!matches!(read_answer(stream, &mut buffer).await, Ok(200 | 503)));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        row(&format!("a second after they have ({failures} failed)"));
        drop(open);
        tokio::time::sleep(Duration::from_secs(1)).await;
        row("a second after all have left");
    });
    let server = Server::own("axon", 2, None);
    for round in 1..=2 {
        load(&server, 200);
        println!("| after {} requests, as many nonces | {:.1} |", round * 200 * CONNECTIONS, server.rss_mib());
    }
    Server::report("nonces");
}

/// Ten million nonces through the memory that an axon keeps, as fast as it takes them; prints rows of the table.
pub fn nonces() {
    let (before, started) = (rss_mib("self"), clock::monotonic());
    let memory = ReplayMemory::new(Bounds::USUAL, 0);
    let mut refused = 0;
    for step in 1..=NONCES {
        // One nonce per 100 µs of the senders' time: each is forgotten after ten minutes, if not earlier.
        let nonce = step * 100_000;
        let known = step % 2 == 0;
        let number = step / 2 % if known { REGISTERED } else { STRANGERS };
        let sender = Sender { hotkey: hotkey(known, number), uuid: number, known };
        let claimed = memory.claim(sender, nonce, nonce.saturating_sub(600_000_000_000));
        refused += u64::from(claimed.is_err());
        if step % (NONCES / 10) == 0 && [1, 2, 5, 10].contains(&(step / (NONCES / 10))) {
            let (held, callers) = memory.size();
            let grown = rss_mib("self") - before;
            println!(
                "| replay memory after {step} nonces ({refused} refused; holds {held} of {callers} hotkeys) | + {grown:.1} |"
            );
        }
    }
    let each = started.elapsed().as_secs_f64() / NONCES as f64;
    println!("| (a nonce takes {:.2} µs) | |", each * 1e6);
}

fn hotkey(known: bool, number: u64) -> Account {
    let mut key = [u8::from(known); 32];
    key[..8].copy_from_slice(&number.to_le_bytes());
    Account(key)
}

/// On a busy machine the listener's queue may be full for a moment.
async fn connect(port: u16) -> TcpStream {
    for _ in 0..50 {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => return stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("the axon on port {port} takes no connection");
}

/// Raises this process's limit of open files as far as it may go, for its servers too; returns it.
fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
