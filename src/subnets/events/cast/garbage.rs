//! The miner that answers garbage.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use tokio_util::task::AbortOnDropHandle;

use super::CastError;

/// The axon of the miner that answers garbage: right in form as far as it goes, and then NaN, texts, numbers out of
/// range, wrong types, another event, half a document.
pub(super) struct GarbageAxon {
    pub(super) address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl GarbageAxon {
    pub(super) async fn spawn(address: SocketAddr) -> Result<Self, CastError> {
        let listener = tokio::net::TcpListener::bind(address).await.map_err(CastError::Garbage)?;
        let address = listener.local_addr().map_err(CastError::Garbage)?;
        let turn = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let answer = move || {
            let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move { garbage(turn) }
        };
        let app = Router::new().fallback(answer);
        let serving = tokio::spawn(async move {
            if let Err(e) = axum::serve(listener, app).await {
                tracing::warn!("the garbage miner stopped: {e}");
            }
        });
        Ok(Self { address, _serving: AbortOnDropHandle::new(serving) })
    }
}

fn garbage(turn: usize) -> impl IntoResponse {
    const BODIES: [&str; 6] = [
        r#"{"events": {"polymarket-0x00": {"probability": NaN}}}"#,
        r#"{"events": {"polymarket-0x00": {"event_id": "0x00", "market_type": "polymarket", "description": "", "cutoff": null, "metadata": {}, "probability": 2.0, "reasoning": null, "miner_answered": true}}}"#,
        r#"{"events": "all of them"}"#,
        r#"{"dendrite": null, "axon": null}"#,
        r#"{"events": {"#,
        "\u{0}\u{1}\u{2}",
    ];
    let body = BODIES.get(turn % BODIES.len()).copied().unwrap_or_default();
    let headers = [("bt_header_axon_status_code", "200"), ("bt_header_dendrite_status_code", "200")];
    (headers, [(CONTENT_TYPE, "application/json")], body)
}
