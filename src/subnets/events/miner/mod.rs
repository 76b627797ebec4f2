//! A miner of events: every question is answered from memory.

use std::fmt;
use std::sync::Arc;

use super::conditions::Conditions;
use super::settings::EventsSettings;
use super::synapse::{EventPrediction, EventPredictionSynapse};
use crate::axon::{Builder, Caller, Handler, Refusal, Reply};
use crate::clock::Clock;
use crate::config::Resolved;
use crate::forecast::{self, Cache, CacheSettings, Question};
use crate::market::EventKey;
use crate::subnets::work::{Duty, MinerWork, WorkError};
use crate::telemetry::Sheet;
use crate::units::UnixMs;

/// Events in one request; a validator's registry is far smaller, and a longer list is somebody's trick.
const MAX_EVENTS: usize = 5_000;
/// Characters of a question that are looked at.
const MAX_DESCRIPTION: usize = 20_000;

/// Answers from a [`Cache`]; what it does not know yet it abstains from, and will know next time.
#[derive(Debug, Clone)]
pub struct EventsMiner {
    cache: Cache,
}

impl EventsMiner {
    /// A miner in front of this memory.
    #[must_use]
    pub const fn new(cache: Cache) -> Self {
        Self { cache }
    }
}

/// A miner as the settings want it.
///
/// # Errors
/// The strategy cannot be made.
pub(super) fn make(resolved: &Resolved, clock: Clock) -> Result<Arc<dyn MinerWork>, WorkError> {
    let settings = EventsSettings::of(resolved)?;
    let forecaster = forecast::build(&settings.forecaster, &settings.market, &clock)?;
    let refresh = settings.forecaster.refresh;
    let cache = CacheSettings {
        refresh,
        max_age: (refresh * 10).max(CacheSettings::default().max_age),
        ..CacheSettings::default()
    };
    Ok(Arc::new(EventsMiner::new(Cache::new(forecaster, cache, clock))))
}

impl MinerWork for EventsMiner {
    fn serve(&self, axon: Builder) -> Builder {
        axon.serve(self.clone())
    }

    fn duties(&self) -> Vec<Duty> {
        let (cache, watched) = (self.cache.clone(), self.cache.clone());
        let refresh = move || {
            let cache = cache.clone();
            async move {
                cache.refresh().await;
                Ok(())
            }
        };
        let news = move || {
            let cache = watched.clone();
            async move { cache.news().await }
        };
        let every = self.cache.settings().refresh;
        vec![Duty::new("forecasts", every, self.cache.clock(), refresh).woken_by(news)]
    }

    fn manner(&self) -> String {
        format!("forecaster `{}`", self.cache.forecaster())
    }

    fn status(&self) -> String {
        format!("{} questions in memory", self.cache.len())
    }

    fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let questions = self.cache.len() as f64;
        sheet.gauge("neuron_miner_questions_remembered", "Questions with a forecast in memory", questions)
    }
}

impl Handler<EventPredictionSynapse> for EventsMiner {
    async fn handle(
        &self,
        _: &Caller,
        mut synapse: EventPredictionSynapse,
    ) -> Result<Reply<EventPredictionSynapse>, Refusal> {
        if synapse.events.len() > MAX_EVENTS {
            return Err(Refusal::bad_request(format!("more than {MAX_EVENTS} events in one request")));
        }
        let mut rules = Vec::new();
        for (key, event) in &mut synapse.events {
            // What a caller filled in is its business, not our answer.
            (event.probability, event.reasoning, event.miner_answered) = (None, None, false);
            let Some(question) = question(key, event) else { continue };
            let answer = self.cache.answer(&question);
            rules.extend(answer.conditions);
            if let Some(probability) = answer.probability {
                event.answer(probability, None);
            }
        }
        // A miner that knows nothing of rules answers in the bytes of one that was written before them.
        synapse.conditions =
            if self.cache.speaks_conditionally() { Conditions::of(rules) } else { Conditions::default() };
        Ok(Reply::Answer(synapse))
    }
}

/// The question of an entry: the provider is the part of the key before the event's id, as every generation writes it.
fn question(key: &str, event: &EventPrediction) -> Option<Question> {
    let provider = key.strip_suffix(event.event_id.as_str())?.strip_suffix('-')?;
    if provider.is_empty() || event.description.as_raw().len() > MAX_DESCRIPTION {
        return None;
    }
    Some(Question {
        key: EventKey(key.to_owned()),
        provider: provider.to_owned(),
        id: event.event_id.clone(),
        description: event.description.clone(),
        cutoff: event.cutoff.map(UnixMs::from_secs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_what_stands_before_the_id() {
        let event = EventPrediction::ask("0x-1".into(), "crypto".into(), "?".into(), Some(7));
        let found = question("polymarket-0x-1", &event).unwrap();
        assert_eq!((found.provider.as_str(), found.cutoff), ("polymarket", Some(UnixMs(7000))));
        assert_eq!(question("0x-1", &event), None);
        assert_eq!(question("polymarket-0x-2", &event), None);
    }
}
