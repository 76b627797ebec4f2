//! The pipeline as a miner's forecaster: asked again when that is worth its money, moved with the price in between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};

use super::calibrate::{Calibration, LEAST_RECORD, Method};
use super::conditional::are_linked;
use super::desk::Account;
use super::pipeline::{Asking, Pipeline, Record};
use super::retrieval::retrieve;
use super::scripted::{Handle, Script, spawn};
use super::settings::{LlmError, LlmSettings};
use super::spend::SpendLedger;
use super::worth::{Standing, worth};
use crate::clock::Clock;
use crate::forecast::{Forecast, Forecaster, Question};
use crate::market::{Provider, Resolution};
use crate::scoring::conditional::Conditional;
use crate::units::{Probability, UnixMs};

/// Questions it likes to have at once; the desk bounds the calls.
const BATCH: usize = 8;
/// Questions remembered at most.
const MOST_REMEMBERED: usize = 10_000;
/// Between two looks at how questions ended, ms.
const ENDS_EVERY_MS: i64 = 3_600_000;
/// Questions whose end is looked up at once.
const ENDS_AT_ONCE: usize = 20;
/// Between two looks for new articles about a question, ms.
const NEWS_EVERY_MS: i64 = 900_000;
/// Articles that are looked at for whether there are new ones.
const NEWS: usize = 10;

/// See the module.
pub struct Llm {
    pipeline: Pipeline,
    markets: Vec<Arc<dyn Provider>>,
    least_worth: f64,
    method: Method,
    conditional: bool,
    state: Mutex<State>,
    /// A script's server, which lives as long as this.
    _script: Option<Handle>,
}

#[derive(Default)]
struct State {
    remembered: HashMap<Question, Remembered>,
    calibration: Option<Calibration>,
    ends_looked_at: Option<UnixMs>,
}

/// What is kept of a record: a few numbers.
#[derive(Clone)]
struct Remembered {
    record: Record,
    /// Said when no number is.
    conditions: Vec<Conditional<String>>,
    forecasts: usize,
    articles: usize,
    new_articles: usize,
    news_looked_at: UnixMs,
}

impl Remembered {
    fn of(mut record: Record) -> Self {
        let forecasts = record.thoughts.iter().filter(|thought| thought.probability.is_some()).count();
        let (articles, news_looked_at) = (record.sources.len(), record.at);
        // Texts stay behind; what the rule looks at is kept.
        record.thoughts = Vec::new();
        record.queries.truncate(1);
        record.failures = Vec::new();
        for source in &mut record.sources {
            source.summary = String::new().into();
            source.title = String::new().into();
        }
        Self { record, conditions: Vec::new(), forecasts, articles, new_articles: 0, news_looked_at }
    }
}

impl Llm {
    /// The forecaster of `settings`, with prices of `markets`. Must be called inside a tokio runtime. Blocking: a folder of
    /// articles is indexed.
    ///
    /// # Errors
    /// [`LlmError`].
    pub fn new(settings: &LlmSettings, markets: Vec<Arc<dyn Provider>>) -> Result<Self, LlmError> {
        let wrong = |error: super::scripted::ScriptError| LlmError::Setting(error.to_string());
        let script = settings.script.as_deref().map(|file| spawn(Script::read(file)?)).transpose().map_err(wrong)?;
        let pipeline = settings.pipeline(&Clock::wall(), script.as_ref().map(Handle::url).as_deref())?;
        Ok(Self {
            pipeline,
            markets,
            least_worth: settings.least_worth,
            method: settings.calibration,
            conditional: settings.conditional,
            state: Mutex::default(),
            _script: script,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn market(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.markets.iter().find(|market| market.name() == name)
    }

    async fn one(&self, question: &Question, now: UnixMs) -> Forecast {
        let price = match self.price(question).await {
            Ok(price) => price,
            // What is over has an outcome and no forecast.
            Err(Over) => return Forecast::default(),
        };
        let remembered = self.state().remembered.get(question).cloned();
        if let Some(remembered) = remembered {
            let remembered = self.with_news(question, remembered, now).await;
            if self.worth_of(question, &remembered, price, now) < self.least_worth {
                return self.again(question, remembered, price);
            }
        }
        self.anew(question, price, now).await
    }

    /// The price of a question's event, where it has a market that knows it.
    async fn price(&self, question: &Question) -> Result<Option<f64>, Over> {
        let Some(market) = self.market(&question.provider) else { return Ok(None) };
        match market.fetch(&question.id).await {
            Ok(listing) if listing.resolution != Resolution::Open => Err(Over),
            Ok(listing) => Ok(listing.quote.map(|quote| quote.price.get())),
            Err(error) => {
                tracing::debug!(event = %question.key, %error, "no price for the language models");
                Ok(None)
            }
        }
    }

    /// The same answer at another price: it costs nothing.
    fn again(&self, question: &Question, mut remembered: Remembered, price: Option<f64>) -> Forecast {
        let calibration = self.calibration();
        remembered.record.price = price;
        if remembered.record.models_said.is_some() {
            self.pipeline.conclude(&mut remembered.record, &calibration);
        }
        let answer = remembered.record.answer;
        if let Some(kept) = self.state().remembered.get_mut(question) {
            kept.new_articles = remembered.new_articles;
            kept.news_looked_at = remembered.news_looked_at;
        }
        Forecast { probability: answer.and_then(Probability::clamped), conditions: remembered.conditions }
    }

    async fn anew(&self, question: &Question, price: Option<f64>, now: UnixMs) -> Forecast {
        let asking = Asking {
            key: question.key.0.clone(),
            text: question.description.clone(),
            closes: question.cutoff,
            at: now,
            price,
        };
        let record = self.pipeline.forecast(&asking, &self.calibration()).await;
        tracing::info!(
            event = %question.key, answer = record.answer, silence = ?record.silence, models = record.models_said,
            price = record.price, cost = %record.cost.micro_usd, articles = record.sources.len(), "language models asked"
        );
        let answer = record.answer;
        if let Some(said) = record.models_said {
            let question = question.clone();
            let note = move |ledger: &SpendLedger| {
                ledger.note_said(&question.provider, &question.id, now, question.cutoff, said)
            };
            if let Err(error) = self.pipeline.desk.with_ledger(note).await {
                tracing::warn!(%error, "what the language models said is not recorded");
            }
        }
        let mut remembered = Remembered::of(record);
        if self.conditional && answer.is_none() {
            remembered.conditions = self.conditions(question, &asking).await;
        }
        let conditions = remembered.conditions.clone();
        let mut state = self.state();
        if state.remembered.len() >= MOST_REMEMBERED {
            // What closed long ago goes first; if nothing did, all of it: it is made anew from remembered replies.
            state.remembered.retain(|question, _| question.cutoff.is_none_or(|cutoff| cutoff > now));
            if state.remembered.len() >= MOST_REMEMBERED {
                state.remembered.clear();
            }
        }
        state.remembered.insert(question.clone(), remembered);
        Forecast { probability: answer.and_then(Probability::clamped), conditions }
    }

    /// What the question is, depending on one that shares its words and was asked before.
    async fn conditions(&self, question: &Question, asking: &Asking) -> Vec<Conditional<String>> {
        let text = question.description.as_raw();
        let other = {
            let state = self.state();
            let linked = |other: &&Question| are_linked(text, other.description.as_raw());
            // The same one each time, so that its reply is remembered.
            state.remembered.keys().filter(linked).min_by(|a, b| a.key.cmp(&b.key)).cloned()
        };
        let Some(other) = other else { return Vec::new() };
        match self.pipeline.conditional(asking, &other.description, &Account::default()).await {
            Ok(link) => link.map(|link| link.rules(&question.key.0, &other.key.0)).unwrap_or_default(),
            Err(error) => {
                tracing::debug!(event = %question.key, "no conditional forecast: {error}");
                Vec::new()
            }
        }
    }

    fn worth_of(&self, question: &Question, remembered: &Remembered, price: Option<f64>, now: UnixMs) -> f64 {
        worth(&Standing {
            made: remembered.record.at,
            now,
            closes: question.cutoff,
            prices: remembered.record.price.zip(price),
            spread: remembered.record.spread,
            forecasts: remembered.forecasts,
            articles: (remembered.articles, remembered.new_articles),
        })
    }

    /// Counts articles that were not there when the answer was made.
    async fn with_news(&self, question: &Question, mut remembered: Remembered, now: UnixMs) -> Remembered {
        if now.since(remembered.news_looked_at) < NEWS_EVERY_MS || self.pipeline.sources.is_empty() {
            return remembered;
        }
        let title = question.description.as_raw().lines().next().unwrap_or_default().to_owned();
        let from = Some(remembered.record.at);
        let found = retrieve(&self.pipeline.sources, &[title], from, now, NEWS).await;
        let made = remembered.record.at;
        let is_new = |known: Option<UnixMs>| known.is_some_and(|known| known > made);
        remembered.new_articles = found.articles.iter().filter(|article| is_new(article.known_from)).count();
        remembered.news_looked_at = now;
        remembered
    }

    fn calibration(&self) -> Calibration {
        self.state().calibration.clone().unwrap_or(Calibration::Identity)
    }

    /// Once an hour: how questions ended, and what that teaches.
    async fn learn(&self, now: UnixMs) {
        {
            let mut state = self.state();
            if state.ends_looked_at.is_some_and(|at| now.since(at) < ENDS_EVERY_MS) {
                return;
            }
            state.ends_looked_at = Some(now);
        }
        let desk = &self.pipeline.desk;
        let Ok(closed) = desk.with_ledger(move |ledger| ledger.closed(now, ENDS_AT_ONCE)).await else { return };
        for closed in closed {
            let Some(market) = self.market(&closed.provider) else { continue };
            let Ok(listing) = market.fetch(&closed.event).await else { continue };
            let outcome = match listing.resolution {
                Resolution::Open => continue,
                Resolution::Resolved { outcome, .. } => Some(outcome.get()),
                Resolution::Void => None,
            };
            if let Err(error) = desk.with_ledger(move |ledger| ledger.note_end(&closed, outcome)).await {
                tracing::warn!(%error, "how a question ended is not recorded");
            }
        }
        if let Ok(pairs) = desk.with_ledger(SpendLedger::record).await {
            self.state().calibration = Some(Calibration::of(self.method, &pairs, LEAST_RECORD));
        }
    }
}

/// A question that has ended.
struct Over;

impl Forecaster for Llm {
    fn name(&self) -> &'static str {
        "llm"
    }

    fn batch(&self) -> usize {
        BATCH
    }

    fn forecast<'a>(&'a self, questions: &'a [Question], now: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
        async move {
            self.learn(now).await;
            let mut asked = Vec::new();
            for question in questions {
                asked.push(self.one(question, now));
            }
            join_all(asked).await
        }
        .boxed()
    }
}

impl std::fmt::Debug for Llm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Llm").field("pipeline", &self.pipeline).finish_non_exhaustive()
    }
}
