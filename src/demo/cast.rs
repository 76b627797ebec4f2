//! The miners of the demonstration.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use tokio_util::task::AbortOnDropHandle;

use super::error::DemoError;
use crate::forecast::planted::{How, PLANTED, Planted};
use crate::forecast::{FollowMarket, Forecaster, Skilled, Source};
use crate::market::{Provider, Truth};
use crate::wallet::{Keypair, Scheme};

/// One miner of the cast.
#[derive(Debug)]
pub struct Role {
    /// Its name.
    pub name: &'static str,
    /// What its skill earns in the long run, as mean gain per event.
    pub planted_skill: f64,
    /// How it answers.
    pub(super) how: How,
    /// Its hotkey.
    pub(super) hotkey: Arc<Keypair>,
}

/// The six.
pub(super) fn cast(seed: u64) -> Result<Vec<Role>, DemoError> {
    let role = |planted: &Planted| {
        let hotkey = Keypair::from_uri(&format!("//Demo//{seed}//{}", planted.name), Scheme::Sr25519)?;
        let Planted { name, expected_gain, how } = *planted;
        Ok(Role { name, planted_skill: expected_gain, how, hotkey: Arc::new(hotkey) })
    };
    PLANTED.iter().map(role).collect()
}

/// A seed of its own for the miner number `index`.
const fn seed_of(seed: u64, index: usize) -> u64 {
    seed.wrapping_mul(100).wrapping_add(index as u64)
}

impl Role {
    /// Its strategy; `None` for the one that has none. Where there is no truth to know, on recorded markets, the
    /// skilled ones know the market's price and are off by their error.
    pub(super) fn forecaster(
        &self,
        index: usize,
        seed: u64,
        truth: &Arc<dyn Truth>,
        market: Arc<dyn Provider>,
    ) -> Result<Option<Arc<dyn Forecaster>>, DemoError> {
        Ok(match self.how {
            How::Garbage => None,
            How::FollowsMarket => Some(Arc::new(FollowMarket::new(vec![market]))),
            How::Skilled { .. } => match self.how.skill(seed_of(seed, index)) {
                Some(skill) => Some(Arc::new(Skilled::new(skill, Source::Here(Arc::clone(truth)))?)),
                None => None,
            },
        })
    }
}

/// The axon of the miner that answers garbage: right in form as far as it goes, and then NaN, texts, numbers out of
/// range, wrong types, another event, half a document.
pub(super) struct GarbageAxon {
    pub(super) address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl GarbageAxon {
    pub(super) async fn spawn() -> Result<Self, DemoError> {
        let listener = tokio::net::TcpListener::bind((super::stage::AXON_IP, 0)).await.map_err(DemoError::Garbage)?;
        let address = listener.local_addr().map_err(DemoError::Garbage)?;
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
