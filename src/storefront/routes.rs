//! Every address. `openapi.json` describes the same ones; a test compares them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Router, middleware};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::door::{self, Door};
use super::problem::Problem;
use super::shelf::{Shop, json, milliseconds};
use super::stream::{self, Pulse};
use super::{OPENAPI, events, forecast, miners};

/// Streams that are open at once.
const STREAMS: usize = 64;

/// A shop with its door to the street. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Front {
    pub(super) shop: Shop,
    pub(super) door: Arc<Door>,
    pub(super) pulse: Pulse,
    streams: Arc<Semaphore>,
}

impl Front {
    pub(super) fn new(shop: Shop, door: Door, pulse: Pulse) -> Self {
        Self { shop, door: Arc::new(door), pulse, streams: Arc::new(Semaphore::new(STREAMS)) }
    }

    /// A place for a stream, if there is one left.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.streams).try_acquire_owned();
        place.map_err(|_| Problem::busy("Too many streams are open", Duration::from_secs(30)))
    }
}

impl FromRef<Front> for Shop {
    fn from_ref(front: &Front) -> Self {
        front.shop.clone()
    }
}

/// The addresses, as the document writes them, each with who answers.
fn places() -> Vec<(&'static str, MethodRouter<Front>)> {
    vec![
        ("/api/health", get(health)),
        ("/api/events", get(events::list)),
        ("/api/events/community_predictions", get(forecast::community_predictions)),
        ("/api/events/{unique_event_id}", get(events::one)),
        ("/api/events/{unique_event_id}/prices", get(events::prices)),
        ("/api/events/{unique_event_id}/forecast", get(forecast::by_interval)),
        ("/api/events/{unique_event_id}/community_prediction", get(forecast::community_prediction)),
        ("/api/events/{unique_event_id}/predictions", get(forecast::predictions)),
        ("/api/events/{unique_event_id}/scores", get(events::scores)),
        ("/api/events/{unique_event_id}/reasonings", get(events::reasonings)),
        ("/api/miners", get(miners::list)),
        ("/api/miners/{hotkey}", get(miners::one)),
        ("/api/miners/{hotkey}/history", get(miners::history)),
        ("/api/stream", get(stream::stream)),
        ("/openapi.json", get(document)),
    ]
}

/// The router over all of them.
pub(super) fn router(front: Front) -> Router {
    let router = places().into_iter().fold(Router::new(), |router, (path, answers)| router.route(path, answers));
    router
        // As the reference spells them.
        .route("/api/events/community_predictions/", get(forecast::community_predictions))
        .route("/api/openapi.json", get(document))
        .fallback(|| async { Problem::no_path() })
        .method_not_allowed_fallback(|| async { Problem::no_method() })
        .layer(middleware::from_fn_with_state(front.clone(), door::guard))
        .with_state(front)
}

/// Whether the ledger can be read.
async fn health(State(shop): State<Shop>) -> Result<Response, Problem> {
    let behind = shop.read(|shelf| shelf.archive.last_tick().map(|_| shelf.behind).map_err(Into::into)).await?;
    match behind {
        Some(behind) => json(&serde_json::json!({ "status": "OK", "behind_ms": milliseconds(behind) })),
        None => json(&serde_json::json!({ "status": "OK" })),
    }
}

async fn document() -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=600")];
    (headers, Body::from(OPENAPI)).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_has_every_address_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let described: BTreeSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let served: BTreeSet<&str> = places().iter().map(|(path, _)| *path).collect();
        assert_eq!(described, served);
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
