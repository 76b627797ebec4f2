//! Which markets a role looks at.

use std::sync::Arc;

use serde::{Deserializer, de};

use super::azuro::{Azuro, AzuroSettings};
use super::file::QuestionFile;
use super::ifgames::{IfGames, IfGamesSettings};
use super::kalshi::{self, Kalshi};
use super::manifold::{self, Manifold};
use super::polymarket::{Polymarket, PolymarketSettings};
use super::{HttpSettings, MarketError, MarketSettings, Provider, azuro, file, ifgames, polymarket, replay};
use crate::clock::Clock;
use crate::config::words;
use crate::units::{Account, millis};

/// A market by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketName {
    /// Questions of all kinds, priced by an order book.
    Polymarket,
    /// Sports, priced by odds.
    Azuro,
    /// One's own questions.
    File,
    /// The subnet's own service of 2025: questions of all kinds, without prices.
    IfGames,
    /// Play-money questions of everybody.
    Manifold,
    /// A regulated exchange of events.
    Kalshi,
}

impl MarketName {
    /// All there are.
    pub const ALL: [Self; 6] = [Self::Polymarket, Self::Azuro, Self::File, Self::IfGames, Self::Manifold, Self::Kalshi];

    /// Its name, the prefix of its events' keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Polymarket => polymarket::NAME,
            Self::Azuro => azuro::NAME,
            Self::File => file::NAME,
            Self::IfGames => ifgames::NAME,
            Self::Manifold => manifold::NAME,
            Self::Kalshi => kalshi::NAME,
        }
    }

    /// The markets of these names, each once; the first name that is none.
    pub(crate) fn each<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<Vec<Self>, &'a str> {
        let mut markets = Vec::new();
        for name in names {
            let market = Self::of(name).ok_or(name.as_str())?;
            if !markets.contains(&market) {
                markets.push(market);
            }
        }
        Ok(markets)
    }

    /// The market of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|market| market.as_str().eq_ignore_ascii_case(name))
    }
}

/// The markets that `settings` choose, in that order; or, where they name a recording, those that it tells of, beginning now.
///
/// # Errors
/// [`MarketError`] when an address or another of their settings cannot be used, or the recording cannot.
pub fn providers(settings: &MarketSettings, clock: &Clock) -> Result<Vec<Arc<dyn Provider>>, MarketError> {
    providers_as(settings, clock, None)
}

/// The same for a validator, which the service of 2025 wants to know.
///
/// # Errors
/// As [`providers`].
pub fn providers_as(
    settings: &MarketSettings,
    clock: &Clock,
    validator: Option<&Account>,
) -> Result<Vec<Arc<dyn Provider>>, MarketError> {
    if let Some(path) = &settings.replay {
        let tape = replay::load(path)?.rebased(clock.now(), settings.replay_speed);
        return Ok(replay::providers(&Arc::new(tape), settings, clock));
    }
    let (horizon, before_end) = (millis(settings.horizon), millis(settings.cutoff_before_end));
    let provider = |name: &MarketName| -> Result<Arc<dyn Provider>, MarketError> {
        Ok(match name {
            MarketName::Polymarket => {
                Arc::new(Polymarket::new(PolymarketSettings::from_config(settings), clock.clone())?)
            }
            MarketName::Azuro => Arc::new(Azuro::new(AzuroSettings::from_config(settings)?, clock.clone())?),
            MarketName::IfGames => {
                let service = IfGamesSettings::from_config(settings);
                let service = match validator {
                    Some(hotkey) => service.as_validator(hotkey),
                    None => service,
                };
                Arc::new(IfGames::new(service, clock.clone())?)
            }
            MarketName::File => {
                let path = settings
                    .file
                    .path
                    .clone()
                    .ok_or_else(|| MarketError::File { path: "(none)".into(), reason: "no file is named".into() })?;
                Arc::new(QuestionFile::new(path, clock.clone()))
            }
            MarketName::Manifold => {
                let http = HttpSettings::at(&settings.manifold.url);
                Arc::new(Manifold::new(http, horizon, before_end, clock.clone())?)
            }
            MarketName::Kalshi => {
                let http = HttpSettings::at(&settings.kalshi.url);
                Arc::new(Kalshi::new(http, horizon, before_end, clock.clone())?)
            }
        })
    };
    settings.providers.iter().map(provider).collect()
}

/// Names, one a text or several with commas, each taken once.
pub(super) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<MarketName>, D::Error> {
    let words = words(deserializer)?;
    let known = || MarketName::ALL.map(MarketName::as_str).join(", ");
    let names = MarketName::each(&words)
        .map_err(|text| de::Error::custom(format!("there is no market `{text}`; choose from {}", known())))?;
    if names.is_empty() { Err(de::Error::custom("no market is named: set `--market`")) } else { Ok(names) }
}
