//! A client that reads little, so that it costs little: a chunk is twenty digits in a row, wherever they stand.

use std::time::Duration;

use neuron::clock::wall_ns;
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::synapse::new_uuid;
use neuron::synapse::request::{Addressee, Prepared};
use neuron::wallet::{Keypair, Scheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::STREAMS;
use crate::server::Server;

/// How long an answer may take, seconds.
const TIMEOUT_S: f64 = 3600.0;
const DIGITS: usize = 20;

pub fn key(uri: &str) -> Keypair {
    Keypair::from_uri(uri, Scheme::Sr25519).unwrap()
}

/// What came of a round.
pub struct Heard {
    pub chunks: u64,
    /// From being made to being read; empty where chunks do not tell.
    pub delays_ms: Vec<f64>,
}

/// A signed request.
fn request(question: &str, caller: &Keypair) -> Vec<u8> {
    let synapse = StreamPromptingSynapse::new(vec!["user".into()], vec![question.to_owned()]);
    let prepared = Prepared::new(&synapse, TIMEOUT_S, &caller.account().ss58()).unwrap();
    let bob = key("//Bob").account().ss58();
    let to = Addressee { hotkey: &bob, ip: "127.0.0.1", port: 8091 };
    let mut head = format!("POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", prepared.path());
    for (name, value) in &prepared.headers(caller, to, wall_ns(), &new_uuid(), None) {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    head += &format!("content-length: {}\r\n\r\n", prepared.body.len());
    [head.as_bytes(), &prepared.body].concat()
}

/// All streams once, each of `chunks` chunks.
pub fn listen(server: &Server, chunks: u64) -> Heard {
    // The SDK's axon sends words back, so it is given as many; ours is told how many are wanted.
    let words = || vec!["0".repeat(DIGITS); chunks as usize].join(" ");
    let question = if server.tells_time { chunks.to_string() } else { words() };
    let caller = key("//Alice");
    let (port, tells_time) = (server.port, server.tells_time);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut streams = tokio::task::JoinSet::new();
        for number in 0..STREAMS {
            let request = request(&question, &caller);
            // Not all in the same millisecond.
            let pause = Duration::from_micros(20_000 * number as u64 / STREAMS as u64);
            streams.spawn(async move {
                tokio::time::sleep(pause).await;
                read(port, &request, tells_time).await
            });
        }
        let mut all = Heard { chunks: 0, delays_ms: Vec::new() };
        while let Some(heard) = streams.join_next().await {
            let Heard { chunks, delays_ms } = heard.unwrap();
            all.chunks += chunks;
            all.delays_ms.extend(delays_ms);
        }
        all
    })
}

async fn read(port: u16, request: &[u8], tells_time: bool) -> Heard {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut heard = Heard { chunks: 0, delays_ms: Vec::new() };
    let (mut buffer, mut digits, mut number, mut in_head) = ([0; 16 * 1024], 0, 0_u64, true);
    let mut head = Vec::new();
    loop {
        let read = match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => read,
            _ => return heard,
        };
        let now = wall_ns();
        let mut bytes = &buffer[..read];
        if in_head {
            head.extend_from_slice(bytes);
            let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            assert!(head.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&head));
            in_head = false;
            bytes = &buffer[read - (head.len() - end - 4)..read];
        }
        for byte in bytes {
            (digits, number) = match byte {
                b'0'..=b'9' => (digits + 1, number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'))),
                _ => (0, 0),
            };
            if digits == DIGITS {
                heard.chunks += 1;
                if tells_time {
                    heard.delays_ms.push(now.saturating_sub(number) as f64 / 1e6);
                }
                (digits, number) = (0, 0);
            }
        }
    }
}
