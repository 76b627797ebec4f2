//! From the settings to a forecaster.

use std::sync::Arc;

use super::ensemble::Named;
use super::llm::forecaster::Llm;
use super::llm::settings::LlmSettings;
use super::{
    Command, CommandSettings, Constant, Ensemble, FollowMarket, ForecastError, Forecaster, ForecasterKind,
    ForecasterSettings, Http, ServerSettings, Skill, Skilled, Source,
};
use crate::clock::Clock;
use crate::market::{self, HttpSettings, MarketSettings, TruthClient};
use crate::units::Probability;

/// The forecaster of `settings`, language models as `llm` says; `market` says where prices, and the truth of a simulator, come from.
///
/// Must be called inside a tokio runtime: `exec` starts its program here, and `llm` brings its index of articles up to date.
///
/// # Errors
/// [`ForecastError`] when a setting cannot work.
pub fn build(
    settings: &ForecasterSettings,
    llm: &LlmSettings,
    market: &MarketSettings,
    clock: &Clock,
) -> Result<Arc<dyn Forecaster>, ForecastError> {
    one(settings.kind, settings, llm, market, clock)
}

/// The forecaster called `kind`, with its part of the settings.
fn one(
    kind: ForecasterKind,
    settings: &ForecasterSettings,
    llm: &LlmSettings,
    market: &MarketSettings,
    clock: &Clock,
) -> Result<Arc<dyn Forecaster>, ForecastError> {
    Ok(match kind {
        ForecasterKind::Market => Arc::new(FollowMarket::new(market::providers(market, clock)?)),
        ForecasterKind::Constant => {
            let value = settings.constant;
            let probability = Probability::new(value).map_err(|_| ForecastError::Setting {
                forecaster: "constant",
                setting: "forecaster.constant",
                value: value.to_string(),
                rule: "between 0 and 1",
            })?;
            Arc::new(Constant(probability))
        }
        ForecasterKind::Exec => {
            let line = settings.command.as_deref().unwrap_or_default();
            let deadline = settings.deadline;
            Arc::new(Command::spawn(CommandSettings { deadline, ..CommandSettings::from_line(line)? }))
        }
        ForecasterKind::Http => {
            let (url, token_file) = (settings.url.as_deref().unwrap_or_default(), settings.token_file.clone());
            let deadline = settings.deadline;
            Arc::new(Http::new(ServerSettings { token_file, deadline, ..ServerSettings::at(url) })?)
        }
        ForecasterKind::Ensemble => {
            let ForecasterSettings { combine, trim, quorum, .. } = *settings;
            // A member is never an ensemble (`Named`), so this ends.
            let member = |named: &Named| Ok((one(named.kind, settings, llm, market, clock)?, named.weight));
            let members = settings.members.iter().map(member).collect::<Result<_, ForecastError>>()?;
            Arc::new(Ensemble::new(members, combine, trim, quorum)?)
        }
        ForecasterKind::Llm => {
            let made = Llm::new(llm, market::providers(market, clock)?);
            Arc::new(made.map_err(|error| ForecastError::Llm(error.to_string()))?)
        }
        ForecasterKind::Skilled => {
            let ForecasterSettings { seed, error, presence, refresh, .. } = *settings;
            let skill = Skill { seed, error, presence, step: refresh };
            let simulator = TruthClient::new(HttpSettings::at(market.simulator_url()))?;
            Arc::new(Skilled::new(skill, Source::There(Arc::new(simulator)))?)
        }
    })
}
