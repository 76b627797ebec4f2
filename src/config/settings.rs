//! The typed form of the settings.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use toml::Table;

use super::duration::parse_duration;
use super::tasks::Task;

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// Everything that a neuron can be told. The meaning of each field is the help text of its row in
/// [`super::table::SETTINGS`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct Settings {
    pub netuid: Option<u16>,
    pub task: Option<Task>,
    pub wallet: WalletSettings,
    pub subtensor: SubtensorSettings,
    pub axon: AxonSettings,
    pub priority: PrioritySettings,
    pub blacklist: BlacklistSettings,
    pub dendrite: DendriteSettings,
    pub market: MarketSettings,
    pub forecaster: ForecasterSettings,
    #[serde(deserialize_with = "duration")]
    pub tick: Duration,
    pub tick_jitter: f64,
    pub weights: ValidatorSettings,
    #[serde(deserialize_with = "duration")]
    pub void_after: Duration,
    /// Read by the scoring room's own type, which refuses keys that it does not know.
    pub scoring: Table,
    pub metrics: MetricsSettings,
    pub logging: LoggingSettings,
    pub db: DbSettings,
}

impl Settings {
    pub(super) fn deserialize_table(table: Table) -> Result<Self, toml::de::Error> {
        Self::deserialize(toml::Value::Table(table))
    }
}

/// Which key files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct WalletSettings {
    pub name: String,
    pub hotkey: String,
    pub path: PathBuf,
    pub password_file: Option<PathBuf>,
}

/// Which chain.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct SubtensorSettings {
    pub network: String,
    #[serde(default)]
    pub chain_endpoint: Vec<String>,
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
}

/// How to serve.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct AxonSettings {
    pub ip: String,
    pub port: u16,
    pub external_ip: Option<String>,
    pub external_port: Option<u16>,
    pub max_connections: usize,
    pub workers: usize,
}

/// How requests wait.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct PrioritySettings {
    pub maxsize: usize,
}

/// Who may call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct BlacklistSettings {
    pub allow_non_registered: bool,
    pub force_validator_permit: bool,
    /// In TAO.
    pub min_stake: f64,
    #[serde(default)]
    pub allow: Vec<String>,
    #[serde(default)]
    pub deny: Vec<String>,
    pub rate_per_minute: f64,
    pub legacy_peers: bool,
    pub max_body_bytes: usize,
    #[serde(deserialize_with = "duration")]
    pub max_timeout: Duration,
    #[serde(deserialize_with = "duration")]
    pub max_future: Duration,
}

/// How to call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct DendriteSettings {
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
    pub concurrency: usize,
    pub dialect: String,
    #[serde(default)]
    pub dialects: Vec<String>,
    pub allow_private: bool,
}

/// Where events come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct MarketSettings {
    pub polymarket: PolymarketSettings,
    #[serde(deserialize_with = "duration")]
    pub horizon: Duration,
    #[serde(deserialize_with = "duration")]
    pub cutoff_before_end: Duration,
    pub max_events: usize,
}

/// Polymarket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct PolymarketSettings {
    pub url: String,
}

/// A strategy's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForecasterKind {
    /// Copies the price.
    Market,
    /// Says one number.
    Constant,
    /// Asks a program.
    Exec,
    /// Knows a simulator's truth.
    Skilled,
}

/// How to answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct ForecasterSettings {
    pub kind: ForecasterKind,
    pub constant: f64,
    pub command: Option<String>,
    #[serde(deserialize_with = "duration")]
    pub deadline: Duration,
    #[serde(deserialize_with = "duration")]
    pub refresh: Duration,
    pub error: f64,
    pub presence: f64,
    pub seed: u64,
}

/// When to write weights.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct ValidatorSettings {
    pub interval_blocks: Option<u64>,
    pub disable: bool,
}

/// What monitoring sees.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct MetricsSettings {
    pub port: Option<u16>,
    pub ip: String,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct LoggingSettings {
    pub debug: bool,
    pub trace: bool,
    pub json: bool,
}

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct DbSettings {
    pub directory: PathBuf,
}
