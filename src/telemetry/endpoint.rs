//! `/metrics` and `/health` over HTTP, for the operator's own tools.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What `prometheus-client` writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether a neuron does its work.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// `true` is 200, `false` is 503.
    pub ok: bool,
    /// Why, as a JSON object; `status`, and the `version` and `pid` of this process, are added to it.
    pub facts: serde_json::Map<String, Value>,
}

/// The port cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be served on {address}: {source}; choose another `--metrics.port`, or remove that setting")]
pub struct MetricsError {
    address: SocketAddr,
    source: std::io::Error,
}

/// A port that is taken and not served yet.
#[derive(Debug)]
pub struct MetricsPort {
    listener: TcpListener,
    address: SocketAddr,
}

/// The running endpoint; dropping it frees the port.
///
/// It has none of the axon's defences: whoever reaches it can keep its connections. So it listens on the loopback
/// interface unless the operator says otherwise.
pub struct MetricsEndpoint {
    address: SocketAddr,
    told: Arc<RwLock<Arc<Told>>>,
    _serving: AbortOnDropHandle<()>,
}

impl std::fmt::Debug for MetricsEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsEndpoint").field("address", &self.address).finish_non_exhaustive()
    }
}

struct Told {
    registry: Registry,
    health: Box<dyn Fn() -> Health + Send + Sync>,
}

impl MetricsPort {
    /// Takes it, so that a port in use is known before anything else begins.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub async fn take(address: SocketAddr) -> Result<Self, MetricsError> {
        let failed = |source| MetricsError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Serves what `registry` collects and what `health` says, asked anew at every request.
    pub fn serve(self, registry: Registry, health: impl Fn() -> Health + Send + Sync + 'static) -> MetricsEndpoint {
        let Self { listener, address } = self;
        let told = Arc::new(RwLock::new(Arc::new(Told { registry, health: Box::new(health) })));
        let metrics = {
            let told = Arc::clone(&told);
            move || async move { Told::now(&told).metrics() }
        };
        let health = {
            let told = Arc::clone(&told);
            move || async move { Told::now(&told).health() }
        };
        let router = Router::new().route("/metrics", get(metrics)).route("/health", get(health));
        let serving = tokio::spawn(async move {
            if let Err(e) = axum::serve(listener, router).await {
                tracing::warn!("metrics are no longer served: {e}");
            }
        });
        MetricsEndpoint { address, told, _serving: AbortOnDropHandle::new(serving) }
    }
}

impl MetricsEndpoint {
    /// Where it listens, with the port that was taken.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Tells something else from now on: a process may change what it does.
    pub fn change(&self, registry: Registry, health: impl Fn() -> Health + Send + Sync + 'static) {
        let told = Arc::new(Told { registry, health: Box::new(health) });
        *self.told.write().unwrap_or_else(PoisonError::into_inner) = told;
    }
}

impl Told {
    fn now(told: &RwLock<Arc<Self>>) -> Arc<Self> {
        Arc::clone(&told.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn metrics(&self) -> Response {
        let mut page = String::new();
        match text::encode(&mut page, &self.registry) {
            Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], page).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }

    fn health(&self) -> Response {
        let Health { ok, mut facts } = (self.health)();
        let (code, word) = if ok { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "failing") };
        facts.insert("status".into(), word.into());
        facts.insert("version".into(), env!("CARGO_PKG_VERSION").into());
        facts.insert("pid".into(), std::process::id().into());
        (code, axum::Json(Value::Object(facts))).into_response()
    }
}

/// An object of facts.
#[must_use]
pub fn facts<const N: usize>(facts: [(&str, Value); N]) -> Map<String, Value> {
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
