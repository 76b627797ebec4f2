//! A miner of events: every question is answered from memory, and what was asked is recorded.

mod show;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use watch::{PRICES_EVERY, Watch};

use super::conditions::Conditions;
use super::record::{Asked, Record};
use super::settings::EventsSettings;
use super::synapse::{EventPrediction, EventPredictionSynapse};
use crate::axon::{Builder, Caller, Handler, Refusal, Reply};
use crate::clock::Clock;
use crate::config::Resolved;
use crate::forecast::{self, Cache, CacheSettings, Question};
use crate::market::{self, EventKey, Provider};
use crate::subnets::shown::Block;
use crate::subnets::work::{Duty, MinerNeeds, MinerWork, WorkError};
use crate::telemetry::Sheet;
use crate::units::{Probability, UnixMs};

/// Events in one request; a validator's registry is far smaller, and a longer list is somebody's trick.
const MAX_EVENTS: usize = 5_000;
/// Characters of a question that are looked at.
const MAX_DESCRIPTION: usize = 20_000;
/// Between two passes over the answers that are due.
const LEAST_PASS: Duration = Duration::from_secs(1);
/// How often the record is written.
const WRITE_EVERY: Duration = Duration::from_secs(10);
/// How often old events are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// Answers from a [`Cache`]; what it does not know yet it abstains from, and will know next time.
#[derive(Debug, Clone)]
pub struct EventsMiner {
    cache: Cache,
    watch: Option<Arc<Watch>>,
    record: Option<Record>,
}

impl EventsMiner {
    /// A miner in front of this memory.
    #[must_use]
    pub const fn new(cache: Cache) -> Self {
        Self { cache, watch: None, record: None }
    }

    /// The same with an eye on these markets: answers are made anew when a price moves, and recorded with prices and ends. How
    /// events ended is asked once in `every`.
    #[must_use]
    pub fn watching(self, markets: Vec<Arc<dyn Provider>>, every: Duration) -> Self {
        Self { watch: Some(Arc::new(Watch::new(markets, self.cache.clock(), every))), ..self }
    }

    /// The same with a record.
    #[must_use]
    pub fn recording(self, record: Record) -> Self {
        Self { record: Some(record), ..self }
    }

    fn note(&self, caller: &Caller, answers: &[(Question, Option<f64>)]) {
        let Some(record) = &self.record else { return };
        let now = self.cache.clock().now();
        let price = |key: &EventKey| self.watch.as_ref().and_then(|watch| watch.price(key, now));
        let asked = answers.iter().map(|(question, answer)| {
            // A price is worth a look only where there is an answer to compare.
            Asked { question, answer: *answer, price: answer.and_then(|_| price(&question.key)) }
        });
        record.asked(caller.hotkey, now, asked);
    }

    /// Duties that look at the markets.
    fn watching_duties(&self, watch: &Arc<Watch>) -> Vec<Duty> {
        let (clock, cache) = (self.cache.clock(), self.cache.clone());
        let every = watch.every().max(LEAST_PASS);
        let mut duties = vec![Duty::over(watch, "prices", every.min(PRICES_EVERY), clock.clone(), move |watch| {
            let cache = cache.clone();
            async move {
                watch.look(&cache).await;
                Ok(())
            }
        })];
        if let Some(record) = self.record.clone() {
            duties.push(
                Duty::over(watch, "outcomes", every, clock, move |watch| {
                    let record = record.clone();
                    async move { Ok(watch.outcomes(&record).await?) }
                })
                .jitter(0.1),
            );
        }
        duties
    }

    /// Duties of the record itself.
    fn recording_duties(&self, record: &Record) -> Vec<Duty> {
        let (write, forget, clock) = (record.clone(), record.clone(), self.cache.clock());
        let writing = move || {
            let record = write.clone();
            async move { Ok(record.write().await?) }
        };
        let forgetting = move || {
            let (record, clock) = (forget.clone(), clock.clone());
            async move { Ok(record.forget(&clock).await.map(|_| ())?) }
        };
        vec![
            Duty::new("record", WRITE_EVERY, Clock::wall(), writing).later(),
            Duty::new("forgetting", FORGET_EVERY, Clock::wall(), forgetting),
        ]
    }
}

/// Refuses settings that contradict themselves. Whether a strategy can work is seen when it is made.
///
/// # Errors
/// Those of the settings.
pub(super) fn check(resolved: &Resolved) -> Result<(), WorkError> {
    EventsSettings::of(resolved).map(drop).map_err(WorkError::from)
}

/// A miner as the settings want it.
///
/// # Errors
/// The strategy or a market cannot be made, or the record not be opened.
pub(super) fn make(resolved: &Resolved, needs: MinerNeeds) -> Result<Arc<dyn MinerWork>, WorkError> {
    let settings = EventsSettings::of(resolved)?;
    let MinerNeeds { clock, file } = needs;
    let forecaster = forecast::build(&settings.forecaster, &settings.llm, &settings.market, &clock)?;
    let refresh = settings.forecaster.refresh;
    let price_move = settings.forecaster.price_move;
    let cache = CacheSettings {
        refresh,
        least: settings.forecaster.least_refresh,
        price_move: (price_move > 0.0).then_some(price_move),
        max_age: (refresh * 10).max(CacheSettings::default().max_age),
        ..CacheSettings::default()
    };
    let markets = market::providers(&settings.market, &clock)?;
    let miner = EventsMiner::new(Cache::new(forecaster, cache, clock)).watching(markets, settings.record.look);
    let keep = settings.record.retention;
    Ok(Arc::new(if keep.is_zero() { miner } else { miner.recording(Record::open(&file, keep)?) }))
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
        // As often as an answer may be due; a pass in which none is costs nothing.
        let CacheSettings { refresh: longest, least, .. } = *self.cache.settings();
        let every = longest.min(least.max(LEAST_PASS));
        let mut duties = vec![Duty::new("forecasts", every, self.cache.clock(), refresh).woken_by(news)];
        duties.extend(self.watch.iter().flat_map(|watch| self.watching_duties(watch)));
        duties.extend(self.record.iter().flat_map(|record| self.recording_duties(record)));
        duties
    }

    fn manner(&self) -> String {
        format!("forecaster `{}`", self.cache.forecaster())
    }

    fn status(&self) -> String {
        format!("{} questions in memory", self.cache.len())
    }

    fn show(&self) -> Vec<Block> {
        let mut blocks = show::memory(&self.cache);
        if let Some(record) = &self.record {
            blocks.extend(show::record(record.place(), self.cache.clock().now()));
        }
        blocks
    }

    fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let questions = self.cache.len() as f64;
        sheet.gauge("neuron_miner_questions_remembered", "Questions with a forecast in memory", questions)
    }

    fn finish(&self) -> BoxFuture<'_, Result<(), WorkError>> {
        async {
            match &self.record {
                Some(record) => Ok(record.write().await?),
                None => Ok(()),
            }
        }
        .boxed()
    }
}

impl Handler<EventPredictionSynapse> for EventsMiner {
    async fn handle(
        &self,
        caller: &Caller,
        mut synapse: EventPredictionSynapse,
    ) -> Result<Reply<EventPredictionSynapse>, Refusal> {
        if synapse.events.len() > MAX_EVENTS {
            return Err(Refusal::bad_request(format!("more than {MAX_EVENTS} events in one request")));
        }
        let (mut rules, mut answers) = (Vec::new(), Vec::new());
        for (key, event) in &mut synapse.events {
            // What a caller filled in is its business, not our answer.
            (event.probability, event.reasoning, event.miner_answered) = (None, None, false);
            let Some(question) = question(key, event) else { continue };
            let answer = self.cache.answer(&question);
            rules.extend(answer.conditions);
            if let Some(probability) = answer.probability {
                event.answer(probability, None);
            }
            if self.record.is_some() {
                answers.push((question, answer.probability.map(Probability::get)));
            }
        }
        self.note(caller, &answers);
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
