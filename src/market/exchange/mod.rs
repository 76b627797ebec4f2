//! The server side of the markets' APIs, for worlds of our own: the simulator and the tape. One port speaks both.
//!
//! | path | answer |
//! |---|---|
//! | `GET /sampling-markets`, `/markets`, `/markets/{id}`, `/time`, `/ok` | Polymarket's order-book API, see [`clob`] |
//! | `POST /midpoints`, websocket `/ws/market` | its midpoints and its market channel, see [`channel`] |
//! | `GET /markets/keyset`, `/events/keyset`, `/markets?condition_ids=` | Polymarket's Gamma API, see [`gamma`] |
//! | `POST /`, `/subgraphs/name/azuro-protocol/{name}`, websocket `/v1/streams/feed` | Azuro's subgraphs and its stream, see [`azuro`] |
//! | `GET /api/v2/events…`, `POST /api/v1/validators/…` | the event service of 2025, see [`ifgames`] |
//! | `GET /simulator/reported` | ours: what that service was told, `{"predictions", "results", "refused"}` |
//! | `GET /simulator/truth/{id}` | ours: `{"condition_id", "at_ms", "probability"}`, what the world knows; by the id of either API |

mod azuro;
mod channel;
mod clob;
mod gamma;
mod ifgames;
mod socket;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use self::azuro::ByAnyId;
use super::truth::{Told, Truth};
use crate::clock::Clock;
use crate::units::{Probability, UnixMs};

/// A market as an exchange shows it at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) question: String,
    pub(crate) rules: String,
    pub(crate) outcomes: [String; 2],
    pub(crate) opened_at: UnixMs,
    pub(crate) ends_at: Option<UnixMs>,
    /// When the game starts that it is about, for an API of games.
    pub(crate) starts_at: Option<UnixMs>,
    /// The first outcome's price, in `0..=1`.
    pub(crate) price: Option<f64>,
    pub(crate) state: Stage,
}

/// Where a market is in its life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stage {
    Trading,
    /// No more trading, no outcome yet.
    Awaiting,
    Settled(Probability),
}

/// A world that can be served.
pub(crate) trait Exchange: Truth {
    /// The markets that have opened by `at`, oldest first, from the `skip`-th on, `limit` at most.
    fn opened(&self, at: UnixMs, skip: usize, limit: usize) -> Vec<Shown>;
    /// Those of them that trade at `at`.
    fn trading(&self, at: UnixMs, skip: usize, limit: usize) -> Vec<Shown>;
    /// One market that has opened by `at`.
    fn market(&self, id: &str, at: UnixMs) -> Option<Shown>;
}

/// A running server; dropping it stops the server and frees the port.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _stop: DropGuard,
}

struct App {
    exchange: Arc<dyn Exchange>,
    truth: ByAnyId,
    clock: Clock,
    page_size: usize,
    reported: ifgames::Reported,
    stop: CancellationToken,
}

/// Serves `exchange` on `listen`, in pages of `page_size` markets.
pub(crate) fn serve(
    exchange: Arc<dyn Exchange>,
    clock: Clock,
    listen: SocketAddr,
    page_size: usize,
) -> std::io::Result<Server> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let truth = ByAnyId(Arc::clone(&exchange));
    let (page_size, reported) = (page_size.max(1), ifgames::Reported::default());
    let stop = CancellationToken::new();
    let app = Arc::new(App { exchange, truth, clock, page_size, reported, stop: stop.clone() });
    let stopped = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router(app)).with_graceful_shutdown(stopped).await {
            tracing::error!(%address, %error, "the market server ended");
        }
    });
    Ok(Server { address, _stop: stop.drop_guard() })
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/sampling-markets", get(clob::sampling_markets))
        .route("/markets", get(gamma::named_or_every_market))
        .route("/markets/{id}", get(clob::market))
        .route("/midpoints", post(channel::midpoints))
        .route("/ws/market", get(channel::channel))
        .route("/markets/keyset", get(gamma::markets))
        .route("/events/keyset", get(gamma::events))
        .route("/", post(azuro::api))
        .route("/subgraphs/name/azuro-protocol/{name}", post(azuro::named))
        .route("/v1/streams/feed", get(azuro::feed))
        .route("/api/v2/events", get(ifgames::events))
        .route("/api/v2/events/resolved", get(ifgames::resolved))
        .route("/api/v2/events/deleted", get(ifgames::deleted))
        .route("/api/v2/events/{id}", get(ifgames::event))
        .route("/api/v1/validators/data", post(ifgames::report))
        .route("/api/v1/validators/results", post(ifgames::report))
        .route("/simulator/reported", get(ifgames::reported))
        .route("/simulator/truth/{id}", get(truth))
        .route("/time", get(async |State(app): State<Arc<App>>| Json(app.clock.now().as_secs())))
        .route("/ok", get(async || Json("OK")))
        .fallback(async || (StatusCode::NOT_FOUND, "404 page not found"))
        .with_state(app)
}

async fn truth(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    let at = app.clock.now();
    match app.truth.truth(&id, at) {
        Some(probability) => Json(Told { condition_id: id, at_ms: at, probability }).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "market not found"),
    }
}

fn refusal(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({"error": text}))).into_response()
}
