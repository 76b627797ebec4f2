//! The typed form of the settings.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::duration::parse_duration;

/// Reads a duration from its text, for serde's `deserialize_with`.
///
/// # Errors
/// It is none.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// Reads texts for serde's `deserialize_with`, what commas separate apart; blank ones are none.
///
/// # Errors
/// It is no list of texts.
pub fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let words = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|word| !word.is_empty());
    Ok(words.map(str::to_owned).collect())
}

/// Everything that a neuron can be told beside its kind of work. The meaning of each field is the help text of its row in
/// [`super::table::CORE`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct Settings {
    pub netuid: Option<u16>,
    pub task: Option<String>,
    pub preset: Option<String>,
    pub wallet: WalletSettings,
    pub subtensor: SubtensorSettings,
    pub axon: AxonSettings,
    pub priority: PrioritySettings,
    pub blacklist: BlacklistSettings,
    pub dendrite: DendriteSettings,
    pub weights: ValidatorSettings,
    pub standby: bool,
    pub metrics: MetricsSettings,
    pub dashboard: DashboardSettings,
    pub storefront: StorefrontSettings,
    pub lake: LakeSettings,
    pub logging: LoggingSettings,
    pub db: DbSettings,
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
    #[serde(default)]
    pub archive: Vec<String>,
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
    pub announce: bool,
    #[serde(default)]
    pub trusted_proxies: Vec<String>,
    pub proxy_protocol: bool,
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

/// When to write weights.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct ValidatorSettings {
    pub interval_blocks: Option<u64>,
    pub commit: String,
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

/// What a person sees.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct DashboardSettings {
    pub port: Option<u16>,
    pub ip: String,
    pub token_file: Option<PathBuf>,
}

/// What programs may read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct StorefrontSettings {
    pub port: Option<u16>,
    pub ip: String,
    pub keys: Option<PathBuf>,
    pub ranks: usize,
    #[serde(deserialize_with = "duration")]
    pub max_behind: Duration,
}

/// The history as files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct LakeSettings {
    pub to: Option<String>,
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    #[serde(deserialize_with = "duration")]
    pub delay: Duration,
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub credentials: Option<PathBuf>,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct LoggingSettings {
    pub debug: bool,
    pub trace: bool,
    pub json: bool,
    pub file: Option<PathBuf>,
}

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of settings explains each")]
pub struct DbSettings {
    pub directory: PathBuf,
    pub url: Option<String>,
    pub password_file: Option<PathBuf>,
    pub tls_roots: Option<PathBuf>,
    pub connections: u16,
}
