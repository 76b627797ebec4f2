//! Accepting connections and driving them: caps, rest, heads in time, and an orderly end.
//!
//! The loop is our own because `axum::serve` sets no timer: half-open clients would cost a task each for ever.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::ReadBuf;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::admission::connections::{NoRoom, Place};
use super::node::Node;
use super::proxied;
use super::serve;
use super::socket::{Phase, Watched};
use super::turn_away::TurnAway;

/// A pause after a failed accept: out of descriptors, it fails at once and for ever.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// After so much rest a connection gives its buffers back. Making them anew costs a few microseconds, so this may be short:
/// whoever asks many connections one after the other never sees their buffers add up.
const REST: Duration = Duration::from_millis(100);

/// The answer to a connection there is no room for. It is written before a request was read.
pub(super) fn no_room_answer() -> TurnAway {
    TurnAway::with(
        "bt_header_axon_status_code: 503\r\nbt_header_axon_status_message: Too many connections\r\n",
        "{\"message\":\"Too many connections\"}",
    )
}

/// Accepts until `stop`, then drops the listener: the port is free from then on.
pub(super) async fn accept(listener: TcpListener, node: Arc<Node>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(stream, peer, &node, &stop),
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(stream: TcpStream, peer: SocketAddr, node: &Arc<Node>, stop: &CancellationToken) {
    node.counters.accepted.fetch_add(1, Relaxed);
    let is_proxy = node.config.proxies.have(peer.ip());
    let place = if is_proxy { node.connections.enter_shared(peer.ip()) } else { node.connections.enter(peer.ip()) };
    match place {
        Ok(place) => {
            // Answers are written whole; waiting for more to send would only delay them.
            let _ = stream.set_nodelay(true);
            let (node, stop) = (Arc::clone(node), stop.clone());
            let resting = Resting { stream, read: Bytes::new(), peer, node: Arc::clone(&node), stop, _place: place };
            if is_proxy && node.config.proxy_protocol {
                node.tasks.spawn(introduce(resting));
            } else {
                node.tasks.spawn(converse(resting));
            }
        }
        Err(reason) => {
            no_room(node, peer, &reason);
            node.tasks.spawn(refuse(stream, false, Arc::clone(node), stop.clone()));
        }
    }
}

/// Lets a proxy say who is behind a connection, which from then on is that caller's.
async fn introduce(mut resting: Resting) {
    let node = Arc::clone(&resting.node);
    let preface = tokio::time::timeout(node.config.head_timeout, proxied::preface(&mut resting.stream));
    let proxied::Preface { caller, rest } = match preface.await {
        Ok(Ok(preface)) => preface,
        Ok(Err(error)) => {
            node.counters.broken.fetch_add(1, Relaxed);
            tracing::debug!(proxy.ip = %resting.peer.ip(), %error, "a proxy did not name the caller");
            return;
        }
        Err(_) => return,
    };
    resting.read = rest;
    if let Some(caller) = caller {
        resting.peer = SocketAddr::new(caller.ip().to_canonical(), caller.port());
        match node.connections.enter(resting.peer.ip()) {
            Ok(place) => resting._place = place,
            Err(reason) => {
                no_room(&node, resting.peer, &reason);
                let has_begun = !resting.read.is_empty();
                return refuse(resting.stream, has_begun, node, resting.stop).await;
            }
        }
    }
    converse(resting).await;
}

fn no_room(node: &Node, peer: SocketAddr, reason: &NoRoom) {
    node.counters.no_room.fetch_add(1, Relaxed);
    tracing::debug!(peer.ip = %peer.ip(), in_all = *reason == NoRoom::InAll, "no room for a connection");
}

/// Turns a caller away; an axon that ends does not wait for it.
async fn refuse(stream: TcpStream, has_begun: bool, node: Arc<Node>, stop: CancellationToken) {
    tokio::select! {
        () = node.turn_away.tell(stream, has_begun) => {}
        () = stop.cancelled() => {}
    }
}

/// A connection that rests: a socket, what was read of the next head, if anything, and its place among the others.
struct Resting {
    stream: TcpStream,
    read: Bytes,
    peer: SocketAddr,
    node: Arc<Node>,
    stop: CancellationToken,
    _place: Place,
}

/// A connection to its end. While it rests, before its first request and between requests, it costs a socket and a small
/// task: the buffers and the state of a request exist only while there is one.
#[expect(clippy::manual_async_fn, reason = "the state of an `async fn` holds its argument twice")]
fn converse(mut resting: Resting) -> impl Future<Output = ()> + Send {
    async move {
        while !resting.read.is_empty() || resting.speaks().await {
            match talk(resting).await {
                Some(rests) => resting = rests,
                None => return,
            }
        }
    }
}

impl Resting {
    /// Waits for a byte, as long as a connection may rest.
    async fn speaks(&self) -> bool {
        // `readable` is no promise: it says yes for a fresh socket without a byte. And `peek` is a future three times the
        // size of the rest of this one, of which there are ten thousand.
        let peeked = poll_fn(|cx| self.stream.poll_peek(cx, &mut ReadBuf::new(&mut [0])));
        tokio::select! {
            peeked = peeked => matches!(peeked, Ok(1..)),
            () = tokio::time::sleep(self.node.config.idle_timeout) => false,
            () = self.stop.cancelled() => false,
        }
    }
}

/// [`drive`] on the heap: its future is large, and a resting connection must not carry it.
fn talk(connection: Resting) -> Pin<Box<dyn Future<Output = Option<Resting>> + Send>> {
    Box::pin(async move {
        let (node, ip) = (Arc::clone(&connection.node), connection.peer.ip());
        drive(connection).await.unwrap_or_else(|error| {
            node.counters.broken.fetch_add(1, Relaxed);
            tracing::debug!(peer.ip = %ip, %error, "a connection broke");
            None
        })
    })
}

/// Serves requests until the connection ends (`None`) or rests.
async fn drive(connection: Resting) -> Result<Option<Resting>, hyper::Error> {
    let Resting { stream, read, peer, node, stop, _place } = connection;
    let config = &node.config;
    let phase = Arc::new(Phase::default());
    let socket = Watched::new(stream, read, Arc::clone(&phase), config.head_timeout, config.idle_timeout);
    let service = service_fn(|request| {
        let (node, busy) = (Arc::clone(&node), phase.begin());
        async move { Ok::<_, std::convert::Infallible>(serve::respond(&node, peer, request, busy).await) }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.idle_timeout)
        .max_headers(config.max_headers)
        // The buffer of a head; hyper needs at least 8 KiB.
        .max_buf_size(config.max_head_bytes.max(8192))
        .serve_connection(TokioIo::new(socket), service);
    tokio::select! {
        biased;
        ended = &mut connection => return ended.map(|()| None),
        () = stop.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            let ended = tokio::time::timeout(config.shutdown_grace, connection).await;
            return ended.unwrap_or(Ok(())).map(|()| None);
        }
        () = phase.rested(REST) => {}
    }
    let parts = connection.into_parts();
    let stream = parts.io.into_inner().into_inner();
    // A copy, usually of nothing: even when empty, hyper's own bytes keep its whole buffer alive.
    let read = Bytes::copy_from_slice(&parts.read_buf);
    Ok(Some(Resting { stream, read, peer, node, stop, _place }))
}

/// A listener on `address`, with a backlog for bursts.
pub(super) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
    // A restart must not wait for the old connections' last minutes.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axon::{Axon, AxonConfig};
    use crate::wallet::{Keypair, Scheme};

    #[tokio::test]
    async fn a_resting_connection_is_a_small_task() {
        let hotkey = Arc::new(Keypair::from_uri("//Bob", Scheme::Sr25519).unwrap());
        let axon = Axon::builder(AxonConfig::loopback(), hotkey).spawn().await.unwrap();
        let (node, stop) = (Arc::clone(axon.node()), CancellationToken::new());
        let stream = TcpStream::connect(axon.local_addr()).await.unwrap();
        let peer = axon.local_addr();
        let place = node.connections.enter(peer.ip()).unwrap();
        let resting = Resting { stream, read: Bytes::new(), peer, node: Arc::clone(&node), stop, _place: place };
        let task = node.tasks.track_future(converse(resting));
        // Ten thousand of them, with what the runtime keeps beside each, must stay far below 20 MB.
        assert!(size_of_val(&task) <= 448, "{} bytes", size_of_val(&task));
    }
}
