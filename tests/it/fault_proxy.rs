//! A proxy for WebSocket connections to a node that fails on purpose, frame by frame: what a bad line does, and what a bad
//! node does.
#![cfg(feature = "localnet")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// What goes wrong, with the frames that the node sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// They are lost.
    Drop,
    /// They come later.
    Delay(Duration),
    /// They come twice.
    Duplicate,
    /// Their second half is lost: no JSON any more.
    Truncate,
    /// Each comes after the one that follows it.
    Reorder,
    /// The connection breaks in the middle of one, and cannot be opened again.
    Kill,
    /// The node repeats its old head, and answers all else.
    StaleHead,
    /// Answers are errors, with this code.
    Error(i32),
}

/// The proxy; dropping it closes its connections.
pub struct Proxy {
    pub url: String,
    faults: Arc<Faults>,
    _listening: AbortOnDropHandle<()>,
}

struct Faults {
    now: watch::Sender<Fault>,
    /// How many more frames suffer; then all is well again.
    left: AtomicU64,
    suffered: AtomicU64,
    submissions: AtomicU64,
    /// The head when it went stale: a header, and its hash.
    stale: Mutex<Option<(Value, Value)>>,
}

impl Proxy {
    /// In front of the node at `port`.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let faults = Arc::new(Faults {
            now: watch::Sender::new(Fault::None),
            left: AtomicU64::new(0),
            suffered: AtomicU64::new(0),
            submissions: AtomicU64::new(0),
            stale: Mutex::default(),
        });
        let shared = faults.clone();
        let listening = AbortOnDropHandle::new(tokio::spawn(async move {
            let mut lines = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if *shared.now.borrow() != Fault::Kill {
                    lines.spawn(line(client, port, shared.clone()));
                }
            }
        }));
        Self { url, faults, _listening: listening }
    }

    /// The next `frames` frames suffer this.
    pub fn fail(&self, fault: Fault, frames: u64) {
        self.faults.left.store(frames, Ordering::SeqCst);
        self.faults.now.send_replace(fault);
    }

    /// For good.
    pub fn fail_always(&self, fault: Fault) {
        self.fail(fault, u64::MAX);
    }

    /// Frames that suffered.
    pub fn suffered(&self) -> u64 {
        self.faults.suffered.load(Ordering::SeqCst)
    }

    /// Transactions that were handed on.
    pub fn submissions(&self) -> u64 {
        self.faults.submissions.load(Ordering::SeqCst)
    }
}

/// One connection, until either side ends it.
async fn line(client: TcpStream, port: u16, faults: Arc<Faults>) {
    let Ok(node) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_node, to_node) = node.into_split();
    let asked = Arc::new(Mutex::new(HashMap::new()));
    tokio::select! {
        _ = requests(BufReader::new(from_client), to_node, asked.clone(), &faults) => {}
        _ = answers(BufReader::new(from_node), to_client, asked, &faults) => {}
    }
}

type Asked = Arc<Mutex<HashMap<String, (String, Value)>>>;

/// Passes the client's frames on, and remembers what was asked.
async fn requests(
    mut from: BufReader<OwnedReadHalf>,
    mut to: OwnedWriteHalf,
    asked: Asked,
    faults: &Faults,
) -> std::io::Result<()> {
    handshake(&mut from, &mut to).await?;
    loop {
        let frame = Frame::read(&mut from).await?;
        if let Ok(request) = serde_json::from_slice::<Value>(&frame.payload()) {
            let method = request["method"].as_str().unwrap_or_default().to_owned();
            if method == "author_submitExtrinsic" {
                faults.submissions.fetch_add(1, Ordering::SeqCst);
            }
            asked.lock().unwrap().insert(request["id"].to_string(), (method, request["params"].clone()));
        }
        to.write_all(&frame.bytes).await?;
    }
}

/// Passes the node's frames on, in the way of the fault of the moment.
async fn answers(
    mut from: BufReader<OwnedReadHalf>,
    mut to: OwnedWriteHalf,
    asked: Asked,
    faults: &Faults,
) -> std::io::Result<()> {
    handshake(&mut from, &mut to).await?;
    let mut held: Option<Frame> = None;
    loop {
        let frame = Frame::read(&mut from).await?;
        let fault = *faults.now.borrow();
        // Only texts: pings and closings are not the node's word.
        if fault == Fault::None || !frame.is_text() {
            to.write_all(&frame.bytes).await?;
            continue;
        }
        if faults.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            faults.now.send_replace(Fault::None);
        }
        faults.suffered.fetch_add(1, Ordering::SeqCst);
        match fault {
            Fault::None | Fault::Drop => {}
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                to.write_all(&frame.bytes).await?;
            }
            Fault::Duplicate => {
                to.write_all(&frame.bytes).await?;
                to.write_all(&frame.bytes).await?;
            }
            Fault::Truncate => {
                let payload = frame.payload();
                to.write_all(&Frame::text(&payload[..payload.len() / 2]).bytes).await?;
            }
            Fault::Reorder => match held.take() {
                Some(earlier) => {
                    to.write_all(&frame.bytes).await?;
                    to.write_all(&earlier.bytes).await?;
                }
                None => held = Some(frame),
            },
            Fault::Kill => return to.write_all(&frame.bytes[..frame.bytes.len() / 2]).await,
            Fault::StaleHead | Fault::Error(_) => {
                to.write_all(&changed(&frame, fault, &asked, faults).bytes).await?;
            }
        }
    }
}

/// The frame as a bad node would send it.
fn changed(frame: &Frame, fault: Fault, asked: &Asked, faults: &Faults) -> Frame {
    let mut message: Value = serde_json::from_slice(&frame.payload()).unwrap();
    let (method, params) = asked.lock().unwrap().get(&message["id"].to_string()).cloned().unwrap_or_default();
    if let Fault::Error(code) = fault {
        if message.get("id").is_none() || method.starts_with("chain_subscribe") {
            return Frame::text(&frame.payload());
        }
        let error = json!({ "code": code, "message": "the node is not well" });
        return Frame::text(json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }).to_string().as_bytes());
    }
    let mut stale = faults.stale.lock().unwrap();
    let names_the_head = method == "chain_getFinalizedHead"
        || method == "chain_getBlockHash" && params.as_array().is_none_or(|p| p.iter().all(Value::is_null));
    if names_the_head {
        let (_, hash) = stale.get_or_insert_with(|| (Value::Null, message["result"].clone()));
        if hash.is_null() {
            *hash = message["result"].clone();
        }
        message["result"] = hash.clone();
    } else if message["method"] == "chain_newHead" {
        let (header, _) = stale.get_or_insert_with(|| (message["params"]["result"].clone(), Value::Null));
        if header.is_null() {
            *header = message["params"]["result"].clone();
        }
        message["params"]["result"] = header.clone();
    }
    Frame::text(message.to_string().as_bytes())
}

/// Passes an HTTP head on.
async fn handshake(from: &mut BufReader<OwnedReadHalf>, to: &mut OwnedWriteHalf) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await?);
    }
    to.write_all(&head).await
}

/// One WebSocket frame, as it is on the line.
struct Frame {
    bytes: Vec<u8>,
    /// Where the payload begins.
    head: usize,
    mask: Option<[u8; 4]>,
}

impl Frame {
    async fn read(from: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Self> {
        let mut bytes = vec![from.read_u8().await?, from.read_u8().await?];
        let more = match bytes[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        for _ in 0..more {
            bytes.push(from.read_u8().await?);
        }
        let long = bytes[2..].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let length = if more == 0 { usize::from(bytes[1] & 0x7f) } else { long };
        let mut mask = None;
        if bytes[1] & 0x80 != 0 {
            let mut key = [0; 4];
            from.read_exact(&mut key).await?;
            bytes.extend(key);
            mask = Some(key);
        }
        let head = bytes.len();
        bytes.resize(head + length, 0);
        from.read_exact(&mut bytes[head..]).await?;
        Ok(Self { bytes, head, mask })
    }

    /// As a node sends it.
    fn text(payload: &[u8]) -> Self {
        let mut bytes = vec![0x81, 127];
        bytes.extend((payload.len() as u64).to_be_bytes());
        let head = bytes.len();
        bytes.extend(payload);
        Self { bytes, head, mask: None }
    }

    fn is_text(&self) -> bool {
        self.bytes[0] & 0x0f == 1
    }

    fn payload(&self) -> Vec<u8> {
        let key = self.mask.unwrap_or_default();
        self.bytes[self.head..].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    }
}
