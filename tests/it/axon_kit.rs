//! An axon to try things on, and a client that can be as rude as it likes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use neuron::axon::{
    AdmissionPolicy, Axon, AxonConfig, Builder, Caller, Handle, Handler, Refusal, Reply, Standing, StandingOf,
};
use neuron::clock;
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::subnets::timeseries::synapse::{
    LiveBackward, LiveForward, LiveForwardHash, TrainingBackward, TrainingForward, prediction_hash,
};
use neuron::synapse::request::{Addressee, Prepared};
use neuron::synapse::{Synapse, Tensor, new_uuid};
use neuron::units::{Account, Probability, Rao, Uid};
use neuron::wallet::{Keypair, Scheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The numbers our time-series handlers answer with, as the Python peer does.
pub const PREDICTIONS: [f64; 5] = [1.5, 2.25, -0.0, 100_000.0, 1e-7];

pub fn key(uri: &str) -> Keypair {
    Keypair::from_uri(uri, Scheme::Sr25519).unwrap()
}

/// Standings from a table.
#[derive(Default)]
pub struct Registered(pub BTreeMap<Account, Standing>);

impl Registered {
    pub fn with(mut self, uri: &str, stake_tao: u64, validator_permit: bool) -> Self {
        let uid = Uid(self.0.len() as u16);
        self.0.insert(key(uri).account(), Standing { uid, stake: Rao::from_tao(stake_tao), validator_permit });
        self
    }
}

impl StandingOf for Registered {
    fn standing(&self, hotkey: &Account) -> Option<Standing> {
        self.0.get(hotkey).copied()
    }
}

/// Answers everything as the Python peer does; some event ids and roles ask for a fault.
#[derive(Clone, Default)]
pub struct Peer {
    pub hotkey: String,
}

impl Handler<EventPredictionSynapse> for Peer {
    async fn handle(
        &self,
        _: &Caller,
        mut ask: EventPredictionSynapse,
    ) -> Result<Reply<EventPredictionSynapse>, Refusal> {
        for (key, event) in &mut ask.events {
            match key.as_str() {
                "__raise__" => return Err(Refusal::internal("on purpose")),
                "__panic__" => panic!("on purpose"),
                "__hang__" => std::future::pending().await,
                "__nan__" => event.probability = Some(f64::NAN),
                "__status400_nomsg__" => return Err(Refusal::bad_request("")),
                "__status400__" => return Err(Refusal::bad_request("the handler says no")),
                _ => {}
            }
            if event.probability.is_some_and(f64::is_nan) {
                continue;
            }
            let reasoning = format!("because {}", event.event_id);
            event.answer(Probability::new(0.25).unwrap(), Some(reasoning.into()));
        }
        Ok(Reply::Answer(ask))
    }
}

impl Handler<LiveForwardHash> for Peer {
    async fn handle(&self, _: &Caller, mut ask: LiveForwardHash) -> Result<Reply<LiveForwardHash>, Refusal> {
        ask.hashed_predictions = Some(prediction_hash(&self.hotkey, &PREDICTIONS));
        Ok(Reply::Answer(ask))
    }
}

impl Handler<LiveForward> for Peer {
    async fn handle(&self, _: &Caller, mut ask: LiveForward) -> Result<Reply<LiveForward>, Refusal> {
        ask.predictions = Some(Tensor::from_f64(&PREDICTIONS, false));
        Ok(Reply::Answer(ask))
    }
}

impl Handler<TrainingForward> for Peer {
    async fn handle(&self, _: &Caller, mut ask: TrainingForward) -> Result<Reply<TrainingForward>, Refusal> {
        ask.predictions = Some(Tensor::from_f64(&PREDICTIONS, false));
        Ok(Reply::Answer(ask))
    }
}

impl Handler<LiveBackward> for Peer {
    async fn handle(&self, _: &Caller, mut ask: LiveBackward) -> Result<Reply<LiveBackward>, Refusal> {
        ask.received = true;
        Ok(Reply::Answer(ask))
    }
}

impl Handler<TrainingBackward> for Peer {
    async fn handle(&self, _: &Caller, mut ask: TrainingBackward) -> Result<Reply<TrainingBackward>, Refusal> {
        ask.received = true;
        Ok(Reply::Answer(ask))
    }
}

/// Streams the last message word by word, every word in two chunks that may split a character.
impl Handler<StreamPromptingSynapse> for Peer {
    async fn handle(&self, _: &Caller, ask: StreamPromptingSynapse) -> Result<Reply<StreamPromptingSynapse>, Refusal> {
        let mode = ask.roles.first().cloned().unwrap_or_default();
        let text = ask.messages.last().cloned().unwrap_or_default();
        let words: Vec<_> = text.split_inclusive(' ').map(str::to_owned).collect();
        let mut items: Vec<Result<Bytes, Refusal>> = Vec::new();
        for (number, word) in words.into_iter().enumerate() {
            if mode == "raise0" || (mode == "raise2" && number == 2) {
                items.push(Err(Refusal::internal("the stream broke on purpose")));
                break;
            }
            let bytes = Bytes::from(word);
            let middle = bytes.len() - bytes.len().min(1);
            items.extend([Ok(bytes.slice(..middle)), Ok(bytes.slice(middle..))]);
        }
        let endless = stream::pending().take(usize::from(mode == "hang"));
        Ok(Reply::Stream(Box::pin(stream::iter(items).chain(endless))))
    }
}

/// `//Bob`'s axon with every synapse, not yet started.
pub fn bob(config: AxonConfig) -> Builder {
    serving(key("//Bob"), config)
}

/// The same of another hotkey.
pub fn serving(hotkey: Keypair, config: AxonConfig) -> Builder {
    let peer = Peer { hotkey: hotkey.account().ss58() };
    Axon::builder(config, Arc::new(hotkey))
        .serve::<EventPredictionSynapse>(peer.clone())
        .serve::<LiveForwardHash>(peer.clone())
        .serve::<LiveForward>(peer.clone())
        .serve::<TrainingForward>(peer.clone())
        .serve::<LiveBackward>(peer.clone())
        .serve::<TrainingBackward>(peer.clone())
        .serve::<StreamPromptingSynapse>(peer)
}

/// The same, running, open to everybody who signs.
pub async fn open_bob() -> Handle {
    bob(AxonConfig::loopback()).policy(AdmissionPolicy::open()).spawn().await.unwrap()
}

/// A request as bytes, before they are bytes.
#[derive(Debug, Clone)]
pub struct Request {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Adds the body's length; `false` when a test writes its own.
    pub length: bool,
}

impl Request {
    /// `synapse` from `sender` to `//Bob`, signed now.
    pub fn new<S: Synapse>(synapse: &S, sender: &str) -> Self {
        Self::with_nonce(synapse, sender, clock::wall_ns(), &new_uuid())
    }

    pub fn with_nonce<S: Synapse>(synapse: &S, sender: &str, nonce: u64, uuid: &str) -> Self {
        let (key, to) = (key(sender), key("//Bob").account().ss58());
        let prepared = Prepared::new(synapse, 12.0, &key.account().ss58()).unwrap();
        let to = Addressee { hotkey: &to, ip: "127.0.0.1", port: 8091 };
        Self::from_prepared(&prepared, &prepared.headers(&key, to, nonce, uuid, None))
    }

    /// As [`Request::new`] in `btauth/1`.
    pub fn btauth<S: Synapse>(synapse: &S, sender: &Keypair, nonce: u64) -> Self {
        let prepared = Prepared::new(synapse, 12.0, &sender.account().ss58()).unwrap();
        let headers = prepared.btauth_headers(sender, &key("//Bob").account().ss58(), nonce);
        Self::from_prepared(&prepared, &headers)
    }

    fn from_prepared(prepared: &Prepared, headers: &http::HeaderMap) -> Self {
        let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        Self {
            line: format!("POST {} HTTP/1.1", prepared.path()),
            headers: headers.iter().map(text).collect(),
            body: prepared.body.to_vec(),
            length: true,
        }
    }

    /// Replaces or adds a header.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    pub fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(other, _)| other == name).unwrap().1
    }

    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("{}\r\nHost: x\r\n", self.line);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if self.length {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        (head + "\r\n").into_bytes()
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }

    pub async fn send(&self, to: &Handle) -> Answer {
        send(to.local_addr(), &self.bytes()).await
    }
}

/// A response, read to its end or to where it was cut.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The chunks of a chunked body.
    pub chunks: Vec<Vec<u8>>,
    /// Whether the end was reached.
    pub complete: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The status, after checking what must be on every answer.
    pub fn checked(&self) -> u16 {
        assert!(self.complete, "{self:?}");
        assert_eq!(self.header("bt_header_axon_status_code"), Some(self.status.to_string().as_str()));
        let message = self.header("bt_header_axon_status_message").unwrap();
        if self.status != 200 {
            assert_eq!(self.header("content-type"), Some("application/json"));
            assert_eq!(self.message(), message);
        }
        self.status
    }
}

pub async fn connect(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).await.unwrap()
}

/// Sends bytes on a connection of their own; an answer of status 0 means the connection was closed without one.
pub async fn send(to: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(to).await;
    // The axon may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    read_answer(&mut stream).await
}

/// Reads one response; gives up after a time that only a hanging axon reaches.
pub async fn read_answer(stream: &mut TcpStream) -> Answer {
    tokio::time::timeout(Duration::from_secs(60), read(stream)).await.expect("the axon neither answers nor closes")
}

async fn read(stream: &mut TcpStream) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Answer::default(),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let mut answer = Answer { status, headers, ..Answer::default() };
    if answer.header("transfer-encoding") == Some("chunked") {
        read_chunks(stream, &mut answer).await;
    } else if let Some(length) = answer.header("content-length") {
        answer.body = vec![0; length.parse().unwrap()];
        answer.complete = stream.read_exact(&mut answer.body).await.is_ok();
    } else {
        answer.complete = stream.read_to_end(&mut answer.body).await.is_ok();
    }
    answer
}

async fn read_chunks(stream: &mut TcpStream, answer: &mut Answer) {
    loop {
        let mut size = String::new();
        while !size.ends_with("\r\n") {
            match stream.read_u8().await {
                Ok(byte) => size.push(char::from(byte)),
                Err(_) => return,
            }
        }
        let mut chunk = vec![0; usize::from_str_radix(size.trim_end(), 16).unwrap() + 2];
        if stream.read_exact(&mut chunk).await.is_err() {
            return;
        }
        chunk.truncate(chunk.len() - 2);
        if chunk.is_empty() {
            answer.complete = true;
            return;
        }
        answer.body.extend_from_slice(&chunk);
        answer.chunks.push(chunk);
    }
}

/// One event of the second generation, as the Python peer asks it.
pub fn one_event() -> EventPredictionSynapse {
    events(&["ifgames-1"])
}

pub fn events(keys: &[&str]) -> EventPredictionSynapse {
    use neuron::subnets::events::synapse::EventPrediction;
    let ask = |key: &&str| {
        let event = EventPrediction::ask((*key).into(), "llm".into(), "Will it?".into(), Some(1_752_000_000));
        ((*key).to_owned(), event)
    };
    EventPredictionSynapse { events: keys.iter().map(ask).collect(), ..Default::default() }
}
