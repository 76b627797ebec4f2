//! What an operator can say about work on time series.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::schedule::Schedule;
use super::validator::Protocol;
use crate::clock::Clock;
use crate::config::table::{Group, Kind, Setting, WorkGroup, setting};
use crate::config::{ConfigError, Resolved, duration};
use crate::forecast::series::Choice;
use crate::market::klines::aggregate::Aggregate;
use crate::market::klines::{Exchange, KlineSource, VenueSettings, venue};
use crate::subnets::past;
use crate::subnets::work::WorkError;

const BOTH: WorkGroup = WorkGroup { place: 4, heading: "Candles", miner: true, validator: true };
/// Where candles come from.
pub const CANDLES: Group = Group::Work(BOTH);
/// When what is asked and answered.
pub const ROUNDS: Group = Group::Work(WorkGroup { place: 5, heading: "Time series", ..BOTH });
/// How a miner forecasts.
pub const MODEL: Group = Group::Work(WorkGroup { place: 6, heading: "Time-series model", validator: false, ..BOTH });
/// How a validator asks and scores.
pub const VALIDATOR: Group =
    Group::Work(WorkGroup { place: 7, heading: "Time-series validator", miner: false, ..BOTH });

const fn url(key: &'static str, default: &'static str) -> Setting {
    setting(
        key,
        Kind::Text,
        Some(default),
        CANDLES,
        "The base URL of the exchange's API, or of a `neuron klines simulate`.",
    )
}

const fn symbol(key: &'static str, default: &'static str) -> Setting {
    setting(key, Kind::Text, Some(default), CANDLES, "The exchange's name of the trading pair.")
}

const fn time(key: &'static str, default: &'static str, group: Group, help: &'static str) -> Setting {
    setting(key, Kind::Duration, Some(default), group, help)
}

/// Its rows of the table of settings.
pub const SETTINGS: &[Setting] = &[
    setting(
        "klines.sources",
        Kind::Text,
        Some("binance,bybit,coinbase"),
        CANDLES,
        "The exchanges whose mean close is the true price, separated by commas: binance, bybit, coinbase, kraken.",
    ),
    time("klines.patience", "10s", CANDLES, "An exchange that has not answered after this long is left out."),
    url("market.binance.url", "https://api.binance.com"),
    symbol("market.binance.symbol", "BTCUSDT"),
    url("market.bybit.url", "https://api.bybit.com"),
    symbol("market.bybit.symbol", "BTCUSDT"),
    url("market.coinbase.url", "https://api.exchange.coinbase.com"),
    symbol("market.coinbase.symbol", "BTC-USD"),
    url("market.kraken.url", "https://api.kraken.com"),
    symbol("market.kraken.symbol", "XBTUSD"),
    time("timeseries.period", "30m", ROUNDS, "Time between two rounds; rounds begin at multiples of it, UTC."),
    time("timeseries.offset", "0s", ROUNDS, "Rounds begin this long after a multiple of the period."),
    time(
        "timeseries.commit_window",
        "1m",
        ROUNDS,
        "Commitments are accepted for this long from the beginning of a round.",
    ),
    time(
        "timeseries.reveal_after",
        "1m",
        ROUNDS,
        "The forecasts are asked for this long after the beginning of a round.",
    ),
    time("timeseries.reveal_window", "3m", ROUNDS, "From then on, miners answer with them for this long."),
    setting(
        "base_model",
        Kind::Text,
        Some("ensemble"),
        MODEL,
        "The strategy: persistence, drift, ar, ridge, holt, ensemble, exec, http, or a file that `neuron model train` made.",
    ),
    setting(
        "timeseries.models",
        Kind::Path,
        Some("~/.neuron/models"),
        MODEL,
        "Where `base_model` looks for NAME.json, NAME.safetensors and NAME.onnx.",
    ),
    setting(
        "timeseries.command",
        Kind::Text,
        None,
        MODEL,
        "The program that `exec` starts for every forecast, with its arguments; see docs/timeseries.md.",
    ),
    setting("timeseries.endpoint", Kind::Text, None, MODEL, "The URL that `http` posts to."),
    time("timeseries.deadline", "60s", MODEL, "How long `exec` and `http` may take."),
    time("timeseries.refresh", "15s", MODEL, "How often the market is read."),
    setting(
        "timeseries.protocol",
        Kind::Choice(&["v6", "v4"]),
        Some("v6"),
        VALIDATOR,
        "v6 asks for a commitment first and for the forecast later; v4 sends the history and asks once.",
    ),
    time(
        "timeseries.timeout",
        "30s",
        VALIDATOR,
        "How long a miner may take to answer; six times as long when a history is sent.",
    ),
    time("timeseries.finish_after", "1h", VALIDATOR, "A forecast is scored this long after its last close."),
    setting(
        "timeseries.rescale_volatility",
        Kind::Bool,
        Some("false"),
        VALIDATOR,
        "Scale deviations to the price level of the volatility tables first; the reference does not.",
    ),
    setting(
        "continuous_data_feed",
        Kind::Integer { min: 0, max: 1 },
        Some("0"),
        VALIDATOR,
        "Accepted because old command lines have it; it has no effect.",
    ),
];

/// The same, typed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct TimeseriesSettings {
    pub klines: KlinesSettings,
    pub market: Venues,
    pub timeseries: Rounds,
    pub base_model: String,
    pub test_only_historical: u8,
    pub continuous_data_feed: u8,
}

/// Which exchanges.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct KlinesSettings {
    pub sources: String,
    #[serde(deserialize_with = "duration")]
    pub patience: Duration,
}

/// Where they are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct Venues {
    pub binance: VenueSettings,
    pub bybit: VenueSettings,
    pub coinbase: VenueSettings,
    pub kraken: VenueSettings,
}

/// When what is asked and answered.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct Rounds {
    #[serde(deserialize_with = "duration")]
    pub period: Duration,
    #[serde(deserialize_with = "duration")]
    pub offset: Duration,
    #[serde(deserialize_with = "duration")]
    pub commit_window: Duration,
    #[serde(deserialize_with = "duration")]
    pub reveal_after: Duration,
    #[serde(deserialize_with = "duration")]
    pub reveal_window: Duration,
    #[serde(deserialize_with = "duration")]
    pub refresh: Duration,
    pub models: PathBuf,
    pub command: Option<String>,
    pub endpoint: Option<String>,
    #[serde(deserialize_with = "duration")]
    pub deadline: Duration,
    pub protocol: Protocol,
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
    #[serde(deserialize_with = "duration")]
    pub finish_after: Duration,
    pub rescale_volatility: bool,
}

impl TimeseriesSettings {
    /// What was said about time series.
    ///
    /// # Errors
    /// As [`Resolved::typed`].
    pub fn of(resolved: &Resolved) -> Result<Self, ConfigError> {
        resolved.typed(|row| SETTINGS.iter().chain([&past::SETTING]).any(|own| own.key == row.key))
    }

    /// The rhythm.
    ///
    /// # Errors
    /// [`WorkError::Setting`]: a round would not fit into its period.
    pub fn schedule(&self) -> Result<Schedule, WorkError> {
        let Rounds { period, offset, commit_window, reveal_after, reveal_window, finish_after, .. } = self.timeseries;
        let wrong = |why: &str| Err(WorkError::Setting(why.to_owned()));
        if period.is_zero() || commit_window.is_zero() || reveal_window.is_zero() {
            return wrong("`timeseries.period`, `commit_window` and `reveal_window` must be longer than nothing");
        }
        if commit_window > reveal_after {
            return wrong(
                "`timeseries.commit_window` must end before `timeseries.reveal_after`: nobody may commit after seeing \
                 other forecasts",
            );
        }
        if reveal_after + reveal_window > period {
            return wrong("`timeseries.reveal_after` and `timeseries.reveal_window` must fit into `timeseries.period`");
        }
        Ok(Schedule { period, offset, commit_window, reveal_after, reveal_window, finish_after })
    }

    /// The model that was chosen.
    #[must_use]
    pub fn strategy(&self) -> Choice {
        let Rounds { models, command, endpoint, deadline, .. } = self.timeseries.clone();
        Choice { name: self.base_model.clone(), models, command, endpoint, deadline }
    }

    /// The exchange called `name`.
    ///
    /// # Errors
    /// [`WorkError::Setting`] for an unknown name, [`WorkError::Market`] for a URL that is none.
    pub fn source(&self, name: &str, clock: &Clock) -> Result<Arc<dyn KlineSource>, WorkError> {
        let settings = match name {
            "binance" => &self.market.binance,
            "bybit" => &self.market.bybit,
            "coinbase" => &self.market.coinbase,
            _ => &self.market.kraken,
        };
        let venue = venue(name).ok_or_else(|| {
            WorkError::Setting(format!("there is no exchange called `{name}`: binance, bybit, coinbase, kraken"))
        })?;
        Ok(Arc::new(Exchange::new(venue, settings.clone(), clock.clone())?))
    }

    /// The exchanges whose mean is the truth.
    ///
    /// # Errors
    /// As [`TimeseriesSettings::source`], and when there is none.
    pub fn aggregate(&self, clock: &Clock) -> Result<Aggregate, WorkError> {
        let names = self.klines.sources.split(',').map(str::trim).filter(|name| !name.is_empty());
        let sources = names.map(|name| self.source(name, clock)).collect::<Result<Vec<_>, _>>()?;
        if sources.is_empty() {
            return Err(WorkError::Setting("`klines.sources` names no exchange".to_owned()));
        }
        Ok(Aggregate::new(sources, self.klines.patience))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    fn told(flags: &[(&'static str, &str)]) -> TimeseriesSettings {
        let flags = flags.iter().map(|(key, value)| (*key, vec![(*value).to_owned()])).collect();
        let layers = Layers { rows: SETTINGS.iter().chain([&past::SETTING]).collect(), flags, ..Layers::default() };
        TimeseriesSettings::of(&layers.resolve().unwrap()).unwrap()
    }

    #[test]
    fn what_is_not_said_is_the_subnets_own() {
        let settings = told(&[]);
        assert_eq!(settings.schedule().unwrap(), Schedule::default());
        assert_eq!(settings.timeseries.protocol, Protocol::V6);
        assert_eq!(format!("{:?}", settings.aggregate(&Clock::wall()).unwrap()), r#"["binance", "bybit", "coinbase"]"#);
    }

    #[test]
    fn a_rhythm_that_cannot_work_is_refused_in_words() {
        for (key, value, word) in [
            ("timeseries.commit_window", "2m", "reveal_after"),
            ("timeseries.reveal_window", "40m", "period"),
            ("timeseries.period", "0s", "period"),
        ] {
            let error = told(&[(key, value)]).schedule().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let error = told(&[("klines.sources", "binance, mtgox")]).aggregate(&Clock::wall()).unwrap_err().to_string();
        assert!(error.contains("mtgox") && error.contains("kraken"), "{error}");
    }
}
