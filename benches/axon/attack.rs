//! What an axon must stay calm under.

use std::io::Read;
use std::time::Duration;

use neuron::clock;
use neuron::synapse::headers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Signer, call};

/// Forged signatures and replays as fast as they are refused, heads that drip, bodies that never come.
pub fn attack(port: u16) {
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
