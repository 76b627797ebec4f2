//! Peers that behave badly, or exactly as told.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Target};
use neuron::subnets::events::synapse::{EventPrediction, EventPredictionSynapse, Generation};
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::units::Account;
use neuron::wallet::{Keypair, Scheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server that hands every connection to a function once the request has come; ends when dropped.
pub struct Fake {
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Fake {
    /// The function gets the connection and the request's head and body.
    pub async fn serve<F, R>(behave: F) -> Self
    where
        F: Fn(TcpStream, String, Vec<u8>) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let behave = Arc::new(behave);
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let behave = Arc::clone(&behave);
                tokio::spawn(async move {
                    if let Some((head, body)) = read_request(&mut stream).await {
                        behave(stream, head, body).await;
                    }
                });
            }
        });
        Self { address, accepting }
    }

    /// A server that says these bytes and closes.
    pub async fn says(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = Arc::new(bytes.into());
        Self::serve(move |mut stream, _, _| {
            let bytes = Arc::clone(&bytes);
            async move {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    pub fn target(&self) -> Target {
        target(self.address)
    }
}

/// Bob at an address.
pub fn target(address: SocketAddr) -> Target {
    Target { hotkey: bob(), ip: address.ip(), port: address.port() }
}

pub fn bob() -> Account {
    "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty".parse().unwrap()
}

pub fn alice() -> Arc<Keypair> {
    Arc::new(Keypair::from_uri("//Alice", Scheme::Sr25519).unwrap())
}

/// Alice's dendrite, which may call this machine.
pub fn dendrite() -> Dendrite {
    Dendrite::new(config(), alice()).unwrap()
}

pub fn config() -> DendriteConfig {
    DendriteConfig { allow_private: true, ..DendriteConfig::default() }
}

pub const fn deadlines(ms: u64) -> Deadlines {
    Deadlines { total: Duration::from_millis(ms), per_peer: Duration::from_millis(ms) }
}

/// Reads head and body of one request; `None` when the caller left.
pub async fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let split = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        let mut piece = [0; 4096];
        let len = stream.read(&mut piece).await.ok().filter(|len| *len > 0)?;
        bytes.extend_from_slice(&piece[..len]);
    };
    let mut body = bytes.split_off(split);
    let head = String::from_utf8(bytes).unwrap();
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    while body.len() < length {
        let mut piece = [0; 4096];
        let len = stream.read(&mut piece).await.ok().filter(|len| *len > 0)?;
        body.extend_from_slice(&piece[..len]);
    }
    Some((head, body))
}

/// A header's value out of a raw head.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// The smallest success around a body.
pub fn success(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nbt_header_axon_status_code: 200\r\n\
         bt_header_axon_status_message: Success\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A deadline no honest answer on this machine misses.
pub const LONG: u64 = 30_000;

/// A question about the event `key`, in the wire form of its generation.
pub fn question(key: &str, generation: Generation) -> EventPredictionSynapse {
    let mut event = EventPrediction::ask("1".into(), "llm".into(), "d".into(), Some(1));
    event.generation = generation;
    EventPredictionSynapse { events: [(key.to_owned(), event)].into(), ..Default::default() }
}

pub fn prompt() -> StreamPromptingSynapse {
    StreamPromptingSynapse::new(vec!["user".into()], vec!["hi".into()])
}
