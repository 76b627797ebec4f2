//! A door for those who only want an answer: an OpenAI-compatible API in front of a subnet of text.
//!
//! A question goes to the miner that has earned most and answers fastest; when its first words are late a second one is
//! asked beside it, when it fails before them the next one instead. What comes is relayed piece by piece.

mod api;
mod choice;
mod key_file;
mod keys;
mod listen;
mod race;
mod shapes;
mod usage;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

pub use choice::{Candidate, Candidates};
pub use key_file::KeyFile;
pub(crate) use keys::{Denied, Guest};
pub use keys::{KeyRow, Keys, KeysError, NewKey};
pub use listen::Limits;
pub(crate) use listen::serve;

use crate::dendrite::Dendrite;
use choice::Choice;

/// How often what keys have used is written down.
const KEEP_EVERY: Duration = Duration::from_secs(2);

/// How the door works.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may come in; without keys anybody who can reach it.
    pub keys: Keys,
    /// What the subnet is called as a model.
    pub model: String,
    /// How long an answer may stream.
    pub timeout: Duration,
    /// How long the first words may take before a second miner is asked.
    pub hedge_after: Duration,
    /// Miners that are asked at most before the first words.
    pub attempts: usize,
    /// What callers may cost.
    pub limits: Limits,
    /// What else is served to those who may come in, at paths of its own.
    pub beside: Router,
}

impl GatewayConfig {
    /// Defaults for a door at `listen`.
    #[must_use]
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            keys: Keys::default(),
            model: "subnet".to_owned(),
            timeout: Duration::from_secs(30),
            hedge_after: Duration::from_secs(2),
            attempts: 4,
            limits: Limits::default(),
            beside: Router::new(),
        }
    }
}

/// Why there is no door.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The port is taken, or not ours.
    #[error("the gateway cannot listen on {address}: {source}; choose another `--port`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// Strangers would be let in.
    #[error("other machines can reach {0}: ask callers for a key (`--keys FILE`), or listen on 127.0.0.1")]
    Open(SocketAddr),
}

/// What a request needs.
pub(crate) struct Door {
    config: GatewayConfig,
    dendrite: Dendrite,
    choice: Choice,
}

/// A running door; dropping it closes it.
pub struct Gateway {
    address: SocketAddr,
    keys: Keys,
    _serving: AbortOnDropHandle<()>,
    _keeping: AbortOnDropHandle<()>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Opens it.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn spawn(
        config: GatewayConfig,
        dendrite: Dendrite,
        candidates: Arc<dyn Candidates>,
    ) -> Result<Self, GatewayError> {
        let address = config.listen;
        if !address.ip().is_loopback() && config.keys.is_empty() {
            return Err(GatewayError::Open(address));
        }
        let failed = |source| GatewayError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (keys, limits) = (config.keys.clone(), config.limits);
        let router = api::router(Arc::new(Door { config, dendrite, choice: Choice::among(candidates) }));
        let serving = serve(listener, router, limits);
        let keeping = AbortOnDropHandle::new(tokio::spawn(keep(keys.clone())));
        Ok(Self { address, keys, _serving: serving, _keeping: keeping })
    }

    /// Where it listens, with the port that was taken.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Err(error) = self.keys.keep() {
            tracing::warn!("the usage of keys could not be written: {error}");
        }
    }
}

/// Writes down what keys have used, for as long as the task lives.
async fn keep(keys: Keys) {
    loop {
        tokio::time::sleep(KEEP_EVERY).await;
        let keys = keys.clone();
        // A disk may be slow.
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || keys.keep()).await {
            tracing::warn!("the usage of keys could not be written: {error}");
        }
    }
}
