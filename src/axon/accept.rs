//! Accepting connections and driving them: caps, rest, heads in time, and an orderly end.
//!
//! The loop is our own because `axum::serve` sets no timer: half-open clients would cost a task each for ever.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::admission::connections::{NoRoom, Place};
use super::node::Node;
use super::serve;
use super::socket::{Phase, Watched};

/// A pause after a failed accept: out of descriptors, it fails at once and for ever.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The answer to a connection there is no room for. It is written before a request was read.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\n\
    content-length: 34\r\n\
    retry-after: 5\r\n\
    connection: close\r\n\
    bt_header_axon_status_code: 503\r\n\
    bt_header_axon_status_message: Too many connections\r\n\r\n\
    {\"message\":\"Too many connections\"}";

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
    match node.connections.enter(peer.ip()) {
        Ok(place) => {
            // Answers are written whole; waiting for more to send would only delay them.
            let _ = stream.set_nodelay(true);
            node.tasks.spawn(converse(stream, peer, Arc::clone(node), place, stop.clone()));
        }
        Err(reason) => {
            node.counters.no_room.fetch_add(1, Relaxed);
            tracing::debug!(peer.ip = %peer.ip(), in_all = reason == NoRoom::InAll, "no room for a connection");
            node.tasks.spawn(refuse(stream));
        }
    }
}

async fn refuse(mut stream: TcpStream) {
    let _ = tokio::time::timeout(Duration::from_secs(1), async {
        stream.write_all(NO_ROOM).await?;
        stream.shutdown().await
    })
    .await;
}

/// A connection from its first byte to its end. Until that byte it costs a socket and a small task, no buffers.
async fn converse(stream: TcpStream, peer: SocketAddr, node: Arc<Node>, place: Place, stop: CancellationToken) {
    let speaks = tokio::select! {
        readable = stream.readable() => readable.is_ok(),
        () = tokio::time::sleep(node.config.idle_timeout) => false,
        () = stop.cancelled() => false,
    };
    if speaks {
        let ended = Box::pin(drive(stream, peer, Arc::clone(&node), stop)).await;
        if let Err(error) = ended {
            node.counters.broken.fetch_add(1, Relaxed);
            tracing::debug!(peer.ip = %peer.ip(), %error, "a connection broke");
        }
    }
    drop(place);
}

async fn drive(
    stream: TcpStream,
    peer: SocketAddr,
    node: Arc<Node>,
    stop: CancellationToken,
) -> Result<(), hyper::Error> {
    let config = &node.config;
    let phase = Arc::new(Phase::default());
    let socket = Watched::new(stream, Arc::clone(&phase), config.head_timeout, config.idle_timeout);
    let service = service_fn(|request| {
        let (node, phase) = (Arc::clone(&node), Arc::clone(&phase));
        async move {
            phase.begin();
            let response = serve::respond(&node, peer, request).await;
            phase.finish();
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.idle_timeout)
        .max_headers(config.max_headers)
        // The buffer of a head; hyper needs at least 8 KiB.
        .max_buf_size(config.max_head_bytes.max(8192))
        .serve_connection(TokioIo::new(socket), service);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::time::timeout(config.shutdown_grace, connection).await.unwrap_or(Ok(()))
}

/// A listener on `address`, with a backlog for bursts.
pub(super) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
    // A restart must not wait for the old connections' last minutes.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}
