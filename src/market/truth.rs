//! What a world of ours knows and a real market does not tell; here, and over HTTP for other processes.

use serde::{Deserialize, Serialize};

use super::http::HttpClient;
use super::polymarket::NAME;
use super::{HttpSettings, MarketError};
use crate::units::{Probability, UnixMs};

/// A world that can be looked into.
pub trait Truth: Send + Sync + 'static {
    /// The probability that the first outcome of event `id` (the provider's id) happens, given all there is to know
    /// at market time `at`; `None` for events it does not have or that have not opened.
    fn truth(&self, id: &str, at: UnixMs) -> Option<Probability>;
}

/// The answer of `/simulator/truth/{condition_id}`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) condition_id: String,
    /// The simulator's market time.
    pub(crate) at_ms: UnixMs,
    pub(crate) probability: Probability,
}

/// Asks a simulator in another process.
#[derive(Debug)]
pub struct TruthClient(HttpClient);

impl TruthClient {
    /// A client of the simulator at the base URL of `settings`.
    ///
    /// # Errors
    /// [`MarketError::Misconfigured`] when the URL cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Self, MarketError> {
        HttpClient::new(NAME, settings).map(Self)
    }

    /// The hidden probability of event `id` now, and what time that is at the simulator.
    ///
    /// # Errors
    /// [`MarketError`] when the simulator is not there or does not know the event.
    pub async fn truth(&self, id: &str) -> Result<(Probability, UnixMs), MarketError> {
        let path = ["simulator", "truth", id];
        let told: Told = match self.0.read(&path, &[], "a probability of a simulator").await {
            Err(MarketError::Refused { status: 404, .. }) => {
                return Err(MarketError::Unknown { provider: NAME, id: id.into() });
            }
            other => other?,
        };
        Ok((told.probability, told.at_ms))
    }
}
