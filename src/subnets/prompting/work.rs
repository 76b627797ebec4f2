//! A validator of prompts as a part of a role: asking as a duty, its shares, and what it tells about itself.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::backend::{BackendError, Chat, ChatSettings, Sampling, key_of_process};
use super::embeddings::Embeddings;
use super::ledger::{Averaging, PromptingLedger, allotment};
use super::log::{self, RoundLog};
use super::meter::Meter;
use super::questions;
use super::settings::{AskingSettings, PromptingSettings};
use super::source::Source;
use super::validator::{PromptingValidator, Round, Rules};
use super::wandb::WandbRun;
use crate::clock::{self, Clock};
use crate::config::Resolved;
use crate::ledger::{LedgerError, ReadOnly};
use crate::subnets::work::{Allotment, ChainSeen, Duty, Peers, Shares, ValidatorNeeds, ValidatorWork, WorkError};
use crate::telemetry::{Gauges, Health, Registry, Sheet, facts};
use crate::units::Identity;

/// How often old rounds are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Time beyond some passes before a validator without one counts as failing: a dialogue may take two minutes.
const SLACK: Duration = Duration::from_secs(180);
/// How a made-up question and a right answer are drawn, as the reference's validator does.
const SAMPLING: Sampling = Sampling { max_tokens: 512, temperature: 0.7, top_p: 0.95, top_k: None };
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Refuses settings that cannot work.
///
/// # Errors
/// Those of the settings.
pub(super) fn check(resolved: &Resolved) -> Result<(), WorkError> {
    let settings = PromptingSettings::of(resolved)?.prompting;
    source(&settings)?;
    embeddings(&settings)?;
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn wrong(error: BackendError) -> WorkError {
    WorkError::Setting(error.to_string())
}

fn source(settings: &AskingSettings) -> Result<Source, WorkError> {
    let model = settings.url.as_ref().map(|url| -> Result<Chat, BackendError> {
        let chat = ChatSettings {
            url: url.clone(),
            key: key_of_process(settings.key_file.as_deref())?,
            model: settings.model.clone(),
            system_prompt: String::new(),
            sampling: SAMPLING,
            proxy: None,
        };
        Chat::new("questions", chat)
    });
    let model = model.transpose().map_err(wrong)?;
    let questions = match &settings.questions {
        Some(path) => questions::load(path).map_err(|e| WorkError::Setting(e.to_string()))?,
        None if model.is_some() => Vec::new(),
        None => questions::own(),
    };
    let bare = |question: &questions::Question| {
        question.reference.is_none() || question.follow_ups.iter().any(|follow_up| follow_up.reference.is_none())
    };
    if model.is_none() && questions.iter().any(bare) {
        let message = "some questions of `prompting.questions` have no reference: add one, or name a model that \
                       answers them with `--prompting.url`";
        return Err(WorkError::Setting(message.to_owned()));
    }
    Ok(Source::new(questions, model, clock::wall_ns()))
}

fn embeddings(settings: &AskingSettings) -> Result<Option<Embeddings>, WorkError> {
    let Some(url) = &settings.embeddings_url else { return Ok(None) };
    let key = key_of_process(settings.key_file.as_deref()).map_err(wrong)?;
    Embeddings::new(url, settings.embeddings_model.clone(), key).map(Some).map_err(wrong)
}

/// A validator's part as the settings want it.
///
/// # Errors
/// Settings that cannot work, or a log that cannot be written.
pub(super) fn make(resolved: &Resolved, needs: ValidatorNeeds) -> Result<Arc<dyn ValidatorWork>, WorkError> {
    let settings = PromptingSettings::of(resolved)?.prompting;
    let ValidatorNeeds { hotkey: _, dendrite, deadline: _, ledger, clock, peers } = needs;
    let ledger = PromptingLedger::over(ledger, Averaging { alpha: settings.alpha, decay: settings.decay });
    let rules = Rules {
        timeout: settings.timeout,
        sample: settings.sample,
        one_per_ip: settings.one_per_ip,
        one_per_coldkey: settings.one_per_coldkey,
        vpermit_tao_limit: settings.vpermit_tao_limit,
        turns: settings.turns,
        max_tokens_per_chunk: settings.max_tokens_per_chunk,
        seed: clock::wall_ns(),
    };
    let (source, embeddings) = (source(&settings)?, embeddings(&settings)?);
    if embeddings.is_none() {
        tracing::info!(
            "no embeddings API is set (`--prompting.embeddings_url`): relevance is not part of the rewards, and its \
             weight goes to the other measures"
        );
    }
    let log = settings.log.as_deref().map(RoundLog::open).transpose()?;
    let said = [
        ("alpha", settings.alpha.into()),
        ("decay", settings.decay.into()),
        ("sample_size", settings.sample.into()),
        ("timeout", settings.timeout.as_secs_f64().into()),
        ("max_tokens_per_chunk", settings.max_tokens_per_chunk.into()),
    ];
    let said = said.map(|(name, value): (&str, serde_json::Value)| (name.to_owned(), value)).into_iter().collect();
    let wandb = settings.wandb.as_deref().map(|parent| WandbRun::begin(parent, &said, clock.now())).transpose()?;
    let prompts = PromptingValidator::new(source, embeddings, ledger, dendrite, clock.clone(), rules);
    let mut work = PromptingWork::new(prompts, peers, clock, settings.every);
    work.keep_days = settings.retention_days;
    work.log = log;
    work.wandb = wandb;
    Ok(Arc::new(work))
}

/// Who earned what, from a ledger that somebody else writes.
///
/// # Errors
/// Those of the file.
pub(super) fn shares_in(_: &Resolved, ledger: &ReadOnly, registered: &[Identity]) -> Result<Allotment, WorkError> {
    Ok(ledger.ask(|connection| allotment(connection, registered))?)
}

/// See the module.
#[derive(Debug)]
pub struct PromptingWork {
    prompts: PromptingValidator,
    peers: Arc<dyn Peers>,
    clock: Clock,
    every: Duration,
    keep_days: u32,
    log: Option<RoundLog>,
    wandb: Option<WandbRun>,
    meter: Meter,
    state: Mutex<State>,
    started: Instant,
}

#[derive(Debug, Default)]
struct State {
    rounds: u64,
    last: Option<Last>,
}

/// What is told of the last round.
#[derive(Debug)]
struct Last {
    at: Instant,
    task: &'static str,
    asked: usize,
    answered: usize,
    best: f64,
    mean: f64,
    took: Duration,
}

impl PromptingWork {
    /// A question every `every`.
    #[must_use]
    pub fn new(prompts: PromptingValidator, peers: Arc<dyn Peers>, clock: Clock, every: Duration) -> Self {
        let meter = Meter::new("neuron_validator", "uid");
        let (state, started) = (Mutex::default(), clock::monotonic());
        Self { prompts, peers, clock, every, keep_days: 30, log: None, wandb: None, meter, state, started }
    }

    /// What asks.
    #[must_use]
    pub const fn prompts(&self) -> &PromptingValidator {
        &self.prompts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a round.
    pub fn note(&self, round: &Round) {
        for answer in &round.answers {
            self.meter.add(&answer.peer.uid.to_string(), &answer.heard.course());
        }
        if self.log.is_some() || self.wandb.is_some() {
            let line = log::line(round);
            self.log.iter().for_each(|log| log.write(&line));
            self.wandb.iter().for_each(|run| run.step(round.at, &line));
        }
        let asked = round.answers.len();
        let total: f64 = round.answers.iter().map(|answer| answer.judgement.total).sum();
        let last = Last {
            at: clock::monotonic(),
            task: round.task.name(),
            asked,
            answered: round.answered(),
            best: round.best().map_or(0.0, |best| best.judgement.total),
            mean: total / asked.max(1) as f64,
            took: round.took,
        };
        tracing::debug!(
            task = last.task,
            turn = round.turn,
            asked,
            answered = last.answered,
            best = last.best,
            "question"
        );
        let mut state = self.state();
        state.rounds += 1;
        state.last = Some(last);
    }

    fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        {
            let state = self.state();
            let last = state.last.as_ref();
            sheet.counter("neuron_validator_questions", "Questions asked and judged", state.rounds)?;
            let age = last.map(|last| last.at.elapsed().as_secs_f64());
            sheet.gauge(
                "neuron_validator_last_question_age_seconds",
                "Time since the last question was judged",
                age,
            )?;
            let of = |number: fn(&Last) -> f64| last.map(number);
            for (name, help, value) in [
                ("neuron_validator_miners_asked", "Miners asked the last question", of(|last| last.asked as f64)),
                (
                    "neuron_validator_miners_answered",
                    "Of them, those that said something",
                    of(|last| last.answered as f64),
                ),
                ("neuron_validator_best_reward", "The best reward of the last question", of(|last| last.best)),
                ("neuron_validator_mean_reward", "The mean reward of the last question", of(|last| last.mean)),
                (
                    "neuron_validator_question_seconds",
                    "How long the last question took",
                    of(|last| last.took.as_secs_f64()),
                ),
            ] {
                sheet.gauge(name, help, value)?;
            }
        }
        self.meter.write(sheet)
    }
}

impl Shares for PromptingWork {
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        self.prompts.ledger().weights(registered).boxed()
    }
}

impl ValidatorWork for PromptingWork {
    fn duties(self: Arc<Self>) -> Vec<Duty> {
        let ask = async |work: Arc<Self>| {
            if work.peers.now().is_empty() {
                return Ok(());
            }
            work.prompts.dialogue(&*work.peers, |round| work.note(round)).await
        };
        let prune = async |work: Arc<Self>| {
            let ledger = work.prompts.ledger();
            let now = ledger.core().patient_now(&work.clock).await?;
            ledger.prune(now.plus_ms(-i64::from(work.keep_days) * DAY_MS)).await?;
            Ok(())
        };
        vec![
            Duty::over(&self, "questions", self.every, self.clock.clone(), ask).jitter(0.1),
            Duty::over(&self, "pruning", PRUNE_EVERY, Clock::wall(), prune).later(),
        ]
    }

    fn tell(&self, chain: ChainSeen) {
        let state = self.state();
        let Some(last) = &state.last else { return };
        tracing::info!(
            block = chain.block,
            questions = state.rounds,
            asked = last.asked,
            answered = last.answered,
            best = last.best,
            mean = last.mean,
            weights_at_block = chain.weights_at,
            "{} questions asked; the last one ({}): {} of {} miners answered, best reward {:.3}, mean {:.3}",
            state.rounds,
            last.task,
            last.answered,
            last.asked,
            last.best,
            last.mean,
        );
    }

    fn register(self: Arc<Self>, registry: &mut Registry) {
        registry.register_collector(Box::new(Gauges(move |sheet: &mut Sheet<'_>| self.write(sheet))));
    }

    /// Failing when the last question, or the start, lies three pauses and three minutes back.
    fn health(&self) -> Health {
        let state = self.state();
        let age = state.last.as_ref().map_or(self.started, |last| last.at).elapsed();
        let facts = facts([("questions", state.rounds.into()), ("last_question_age_s", age.as_secs().into())]);
        Health { ok: age <= self.every * 3 + SLACK, facts }
    }
}
