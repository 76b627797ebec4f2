//! What the service is told: predictions of closed intervals and results of scored events, signed by the hotkey.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Serialize;

use super::{IfGamesSettings, NAME};
use crate::market::MarketError;
use crate::market::http::HttpClient;
use crate::wallet::Keypair;

/// What one miner said about one event in one interval.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the service's own names")]
pub struct PredictionRow {
    pub unique_event_id: String,
    pub provider_type: String,
    /// The last answer.
    pub prediction: f64,
    /// The interval's start, minutes since 2024-01-01T00:00Z.
    pub interval_start_minutes: i64,
    /// The mean of the answers, and their number.
    pub interval_agg_prediction: f64,
    pub interval_agg_count: u32,
    /// The interval's start in RFC 3339.
    pub interval_datetime: String,
    pub miner_hotkey: String,
    pub miner_uid: u16,
    pub validator_hotkey: String,
    pub validator_uid: u16,
    pub title: Option<String>,
    pub outcome: Option<f64>,
    pub submitted_at: String,
}

/// What one event came to for one miner.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the service's own names")]
pub struct ResultRow {
    pub event_id: String,
    pub prediction: f64,
    pub answer: f64,
    pub miner_hotkey: String,
    pub miner_uid: u16,
    pub miner_score: f64,
    /// The miner's share after it.
    pub miner_effective_score: f64,
    pub validator_hotkey: String,
    pub validator_uid: u16,
    pub spec_version: String,
    pub registered_date: String,
    pub scored_at: String,
}

#[derive(Serialize)]
struct Data<'a> {
    submissions: &'a [PredictionRow],
    events: Option<()>,
}

#[derive(Serialize)]
struct Results<'a> {
    results: &'a [ResultRow],
}

/// Tells the service. Telling the same twice is harmless: the service keeps one row for each.
pub struct Reporter {
    http: HttpClient,
    key: Arc<Keypair>,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("hotkey", &self.key.account()).finish_non_exhaustive()
    }
}

impl Reporter {
    /// One that signs with `key`.
    ///
    /// # Errors
    /// [`MarketError::Misconfigured`].
    pub fn new(settings: IfGamesSettings, key: Arc<Keypair>) -> Result<Self, MarketError> {
        let http = HttpClient::new(NAME, settings.as_validator(&key.account()).http)?;
        Ok(Self { http, key })
    }

    /// Whose reports they are.
    #[must_use]
    pub fn hotkey(&self) -> crate::units::Account {
        self.key.account()
    }

    /// Predictions of closed intervals.
    ///
    /// # Errors
    /// [`MarketError`]: the service did not take them.
    pub async fn predictions(&self, submissions: &[PredictionRow]) -> Result<(), MarketError> {
        self.post("data", &Data { submissions, events: None }).await
    }

    /// Results of a scored event.
    ///
    /// # Errors
    /// As [`Reporter::predictions`].
    pub async fn results(&self, results: &[ResultRow]) -> Result<(), MarketError> {
        self.post("results", &Results { results }).await
    }

    /// The signature is over the very text that is sent.
    async fn post(&self, what: &str, body: &impl Serialize) -> Result<(), MarketError> {
        let path = ["api", "v1", "validators", what];
        let text = serde_json::to_string(body)
            .map_err(|e| self.http.malformed(&path, "rows that JSON can carry", e.to_string()))?;
        let signature = STANDARD.encode(self.key.sign(text.as_bytes()));
        let pairs = [(AUTHORIZATION, format!("Bearer {signature}")), (VALIDATOR, self.key.account().ss58())];
        let pairs = pairs.into_iter().filter_map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?)));
        self.http.post_with(&path, &text, pairs.collect::<HeaderMap>()).await.map(|_| ())
    }
}

const VALIDATOR: reqwest::header::HeaderName = reqwest::header::HeaderName::from_static("validator");
