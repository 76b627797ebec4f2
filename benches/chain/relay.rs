//! A second address for a node that counts what is asked: the frames of a websocket from the client to the node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// See the module.
pub struct Relay {
    pub url: String,
    requests: Arc<AtomicU64>,
    _serving: AbortOnDropHandle<()>,
}

impl Relay {
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let node = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::spawn(carry(client, node, Arc::clone(&counter)));
            }
        });
        Self { url, requests, _serving: AbortOnDropHandle::new(serving) }
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }
}

async fn carry(client: TcpStream, node: TcpStream, requests: Arc<AtomicU64>) {
    client.set_nodelay(true).unwrap();
    node.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_node, mut to_node) = node.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_node, &mut to_client).await });
    let (mut buffer, mut unread, mut upgraded) = (vec![0; 64 * 1024], Vec::new(), false);
    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
        if to_node.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        unread.extend_from_slice(&buffer[..read]);
        if !upgraded {
            let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            unread.drain(..end + 4);
            upgraded = true;
        }
        while let Some((opcode, length)) = frame(&unread) {
            unread.drain(..length);
            requests.fetch_add(u64::from(matches!(opcode, 1 | 2)), Relaxed);
        }
    }
}

/// The first frame, when it is here as a whole: its kind, and its length with its head. A client's frames are masked.
fn frame(bytes: &[u8]) -> Option<(u8, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (head, length) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => (2, usize::from(short)),
    };
    let whole = head + 4 + length;
    (bytes.len() >= whole).then_some((first & 0x0f, whole))
}
