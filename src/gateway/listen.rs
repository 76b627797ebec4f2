//! Serving HTTP to strangers: so many connections in all and of one address, heads in time, answers that are read.
//!
//! The loop is our own because `axum::serve` sets no timer: who opens connections and says nothing, or asks and does not
//! read, would cost a task each for ever.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::axon::{Busy, Connections, Phase, Place, TurnAway, Watched};

/// A pause after a failed accept: out of descriptors, it fails at once and for ever.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a head may take from its first byte on.
const HEAD: Duration = Duration::from_secs(10);

/// The answer to a connection there is no room for. It is written before a request was read.
fn no_room_answer() -> TurnAway {
    TurnAway::with(
        "",
        "{\"error\":{\"message\":\"too many connections\",\"type\":\"server_error\",\"param\":null,\
         \"code\":\"too_many_connections\"}}",
    )
}

/// What strangers may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one address (of one /64 for IPv6). Behind a proxy everybody has the proxy's.
    pub per_address: usize,
    /// How long a connection may rest, and how long a reader may leave what is written to it unread.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1024, per_address: 64, patience: Duration::from_secs(30) }
    }
}

/// Serves until the handle is dropped, which ends every connection.
pub(crate) fn serve(listener: TcpListener, router: Router, limits: Limits) -> AbortOnDropHandle<()> {
    let serving = async move {
        let entrance = Entrance {
            room: Connections::new(limits.connections, limits.per_address),
            turn_away: no_room_answer(),
            router,
            patience: limits.patience,
        };
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => entrance.admit(&mut open, stream, peer),
                    Err(error) => {
                        tracing::warn!("cannot accept connections: {error}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = open.join_next(), if !open.is_empty() => {}
            }
        }
    };
    AbortOnDropHandle::new(tokio::spawn(serving))
}

/// What every connection is met with.
struct Entrance {
    room: Connections,
    turn_away: TurnAway,
    router: Router,
    patience: Duration,
}

impl Entrance {
    fn admit(&self, open: &mut JoinSet<()>, stream: TcpStream, peer: SocketAddr) {
        match self.room.enter(peer.ip()) {
            Ok(place) => {
                // A piece of an answer is worth sending at once.
                let _ = stream.set_nodelay(true);
                open.spawn(converse(stream, place, self.router.clone(), self.patience));
            }
            Err(_) => {
                tracing::debug!(peer.ip = %peer.ip(), "no room for a connection");
                let turn_away = self.turn_away.clone();
                open.spawn(async move { turn_away.tell(stream, false).await });
            }
        }
    }
}

/// A connection to its end.
async fn converse(stream: TcpStream, place: Place, router: Router, patience: Duration) {
    let _place = place;
    let phase = Arc::new(Phase::default());
    let socket = Watched::new(stream, Bytes::new(), Arc::clone(&phase), HEAD, patience);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let busy = phase.begin();
        let answering = router.call(request.map(Body::new));
        async move { answering.await.map(|response| response.map(|body| Answer { body, _busy: busy })) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .serve_connection(TokioIo::new(socket), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("a connection ended: {error}");
    }
}

/// A body that keeps its connection busy until it ends.
struct Answer {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn open(limits: Limits) -> (SocketAddr, AbortOnDropHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let flood = || async {
            let piece = Bytes::from(vec![b'x'; 64 * 1024]);
            Body::from_stream(stream::repeat_with(move || Ok::<_, std::convert::Infallible>(piece.clone())))
        };
        let router = Router::new().route("/", get(|| async { "hello" })).route("/flood", get(flood));
        (address, serve(listener, router, limits))
    }

    async fn say(address: SocketAddr, words: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(words.as_bytes()).await.unwrap();
        stream
    }

    async fn hear(stream: &mut TcpStream) -> String {
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        String::from_utf8_lossy(&heard).into_owned()
    }

    const ONCE: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn one_connection_too_many_is_told_so_and_a_place_comes_back() {
        let (address, serving) = open(Limits { connections: 2, ..Limits::default() }).await;
        let (mut first, second) = (say(address, "").await, say(address, "").await);
        let refused = hear(&mut say(address, "").await).await;
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
        let (head, body) = refused.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{refused}");
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error"]["code"], "too_many_connections");

        drop(second);
        let patience = crate::clock::monotonic();
        while !hear(&mut say(address, ONCE).await).await.ends_with("hello") {
            assert!(patience.elapsed() < Duration::from_secs(10), "the place does not come back");
        }
        drop(serving);
        assert_eq!(hear(&mut first).await, "", "the end of the door ends its connections");
    }

    #[tokio::test]
    async fn who_does_not_read_or_says_nothing_is_left() {
        let patience = Duration::from_millis(300);
        let (address, _serving) = open(Limits { connections: 2, per_address: 2, patience }).await;
        let (mut silent, unread) =
            (say(address, "").await, say(address, "GET /flood HTTP/1.1\r\nhost: x\r\n\r\n").await);
        assert_eq!(hear(&mut silent).await, "", "closed by the other side");
        let begin = crate::clock::monotonic();
        let answered = |text: String| text.ends_with("hello");
        // Both places come back, also that of the one who has never read a byte of what was sent to it.
        loop {
            let mut two = (say(address, ONCE).await, say(address, ONCE).await);
            if answered(hear(&mut two.0).await) && answered(hear(&mut two.1).await) {
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "an unread answer keeps its place");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(unread);
    }
}
