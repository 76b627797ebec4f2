//! A validator's three steps: ask for commitments, ask for the numbers, score what is over.
//!
//! Each is a plain function of the clock: the role calls them again and again, the demonstration as fast as it can. What a
//! miner or a market does ends no step; only the ledger can, for what cannot be recorded must not be asked.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::asking::{self, Promised};
use super::ledger::{Commitment, Forecast, NewRequest, Open, Revealed, TimeseriesLedger};
use super::schedule::{Schedule, times};
use super::synapse::LiveBackward;
use crate::clock::Clock;
use crate::dendrite::{Answer, Deadlines, Dendrite, Target};
use crate::ledger::LedgerError;
use crate::market::klines::aggregate::{Aggregate, NoTruth};
use crate::market::klines::samples::Times;
use crate::market::klines::{Candle, INTERVAL};
use crate::subnets::work::Peer;
use crate::synapse::{Synapse, Tensor, new_uuid};
use crate::units::{Identity, UnixMs};

/// Candles of a history, 25 days.
const HISTORY: usize = 25 * 288;
/// A request whose truth nobody tells for so long after its end is given up.
const PATIENCE_MS: i64 = 7 * 24 * 3_600_000;
/// A request with a history may take so many times longer.
const LONGER_WITH_HISTORY: u32 = 6;

/// What miners are asked, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// March 2024: a commitment first, the numbers later, no history.
    #[default]
    V6,
    /// January 2024: the history in the request, no commitment.
    V4,
}

/// What a step did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// Miners asked.
    pub asked: usize,
    /// Miners whose answer counts.
    pub answered: usize,
    /// What became of the others, by a word.
    pub fates: BTreeMap<&'static str, usize>,
    /// Requests scored.
    pub scored: usize,
}

/// Asks, records, scores. Weights are the role's business.
pub struct TimeseriesValidator {
    /// The ledger it records in.
    pub ledger: TimeseriesLedger,
    /// What it calls with.
    pub dendrite: Arc<Dendrite>,
    /// Market time.
    pub clock: Clock,
    /// The rhythm.
    pub schedule: Schedule,
    /// What happened.
    pub truth: Aggregate,
    /// What is asked.
    pub protocol: Protocol,
    /// How long a miner may take.
    pub deadline: Duration,
}

impl std::fmt::Debug for TimeseriesValidator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimeseriesValidator")
            .field("protocol", &self.protocol)
            .field("truth", &self.truth)
            .field("ledger", &self.ledger.core().place())
            .finish_non_exhaustive()
    }
}

impl TimeseriesValidator {
    /// Begins the request of this round, once; `None` when it is not the time, or was done.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn begin(&self, miners: &[Peer]) -> Result<Option<Step>, LedgerError> {
        let now = self.clock.now();
        let round = self.schedule.round(now);
        if miners.is_empty() || !self.schedule.may_commit(now) || self.ledger.has_round(round).await? {
            return Ok(None);
        }
        match self.protocol {
            Protocol::V6 => self.ask_for_hashes(round, miners).await,
            Protocol::V4 => self.ask_with_history(round, miners).await,
        }
    }

    async fn ask_for_hashes(&self, round: UnixMs, miners: &[Peer]) -> Result<Option<Step>, LedgerError> {
        let uuid = new_uuid();
        let mut step = Step { asked: miners.len(), ..Step::default() };
        let mut commitments = Vec::new();
        for (miner, answer) in self.ask(miners, &asking::for_hash(&uuid), self.deadline).await {
            match answer.and_then(|answer| asking::hash_of(&answer)) {
                Ok(hash) => commitments.push(Commitment { miner: miner.identity, hash }),
                Err(fate) => *step.fates.entry(fate).or_default() += 1,
            }
        }
        // Who answers after the numbers may be asked for has seen them.
        if self.clock.now() >= self.schedule.reveals_at(round) {
            commitments.clear();
        }
        step.answered = commitments.len();
        let begun = self.ledger.begin(NewRequest { uuid, round, commitments }).await?;
        Ok(begun.then_some(step))
    }

    async fn ask_with_history(&self, round: UnixMs, miners: &[Peer]) -> Result<Option<Step>, LedgerError> {
        let last = INTERVAL.floor(self.clock.now());
        let first = last.plus_ms(-INTERVAL.ms() * (HISTORY as i64 - 1));
        let history = match self.truth.samples(Times::candles(first, HISTORY)).await {
            Ok(candles) => asking::history(&candles),
            Err(error) => {
                tracing::warn!("this round is skipped: {error}");
                return Ok(None);
            }
        };
        let uuid = new_uuid();
        let mut step = Step { asked: miners.len(), ..Step::default() };
        let asked = asking::for_numbers(&uuid, Some(history));
        // The close at `last` is in the history: what is forecast begins with the next one.
        let mut revealed = Revealed { starts_at: last.plus_ms(INTERVAL.ms()), ..Revealed::default() };
        for (miner, answer) in self.ask(miners, &asked, self.deadline * LONGER_WITH_HISTORY).await {
            match answer.and_then(|answer| asking::closes_of(&answer)) {
                Ok(closes) => revealed.forecasts.push(Forecast { miner: miner.identity, closes }),
                Err(fate) => *step.fates.entry(fate).or_default() += 1,
            }
        }
        step.answered = revealed.forecasts.len();
        let too_few = revealed.forecasts.len() < 2;
        let request = NewRequest { uuid: uuid.clone(), round, commitments: Vec::new() };
        let begun = self.ledger.record_whole(request, revealed).await?;
        if too_few {
            self.ledger.drop_request(uuid, "fewer than two forecasts").await?;
        }
        Ok(begun.then_some(step))
    }

    /// Asks for the numbers of every request whose time it is; one whose time is over is given up.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn reveal(&self, miners: &[Peer]) -> Result<Option<Step>, LedgerError> {
        let mut last = None;
        for request in self.ledger.committed().await? {
            let now = self.clock.now();
            if self.schedule.may_reveal(request.round, now) {
                last = Some(self.ask_for_numbers(request, miners).await?);
            } else if now >= self.schedule.reveals_at(request.round) {
                tracing::warn!(
                    round = request.round.0,
                    "the time to ask for the numbers has passed; the request is given up"
                );
                self.ledger.drop_request(request.uuid, "missed").await?;
            }
        }
        Ok(last)
    }

    async fn ask_for_numbers(&self, request: NewRequest, miners: &[Peer]) -> Result<Step, LedgerError> {
        let promised = Promised::of(&request.commitments);
        let asked: Vec<Peer> = miners.iter().filter(|miner| promised.has(miner.identity)).copied().collect();
        let mut step = Step { asked: asked.len(), ..Step::default() };
        let mut revealed = Revealed { starts_at: self.clock.now(), ..Revealed::default() };
        for (miner, answer) in self.ask(&asked, &asking::for_numbers(&request.uuid, None), self.deadline).await {
            let opened = answer.and_then(|answer| promised.opened(miner.identity, &answer));
            match opened {
                Ok(closes) => revealed.forecasts.push(Forecast { miner: miner.identity, closes }),
                Err(fate) => {
                    tracing::debug!(miner.hotkey = %miner.identity.hotkey, fate, "a forecast did not match its commitment");
                    *step.fates.entry(fate).or_default() += 1;
                    revealed.fates.push((miner.identity, fate));
                }
            }
        }
        step.answered = revealed.forecasts.len();
        let too_few = revealed.forecasts.len() < 2;
        self.ledger.reveal(request.uuid.clone(), revealed).await?;
        if too_few {
            self.ledger.drop_request(request.uuid, "fewer than two forecasts").await?;
        }
        Ok(step)
    }

    /// Scores every request that is over, oldest first, and tells the miners how it ended.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn score(&self, miners: &[Peer], registered: &[Identity]) -> Result<Step, LedgerError> {
        let mut step = Step::default();
        for request in self.ledger.open_requests().await? {
            let now = self.clock.now();
            if now <= self.schedule.finished_at(request.starts_at) {
                break;
            }
            match self.truth.samples(times(request.starts_at)).await {
                Ok(candles) => step.scored += usize::from(self.settle(request, &candles, miners, registered).await?),
                Err(error) => self.without_truth(request, &error).await?,
            }
        }
        Ok(step)
    }

    async fn settle(
        &self,
        request: Open,
        candles: &[Candle],
        miners: &[Peer],
        registered: &[Identity],
    ) -> Result<bool, LedgerError> {
        // The reference keeps samples as float32.
        let truth: Vec<f64> = candles.iter().map(|candle| f64::from(candle.close as f32)).collect();
        let now = self.clock.now();
        let scored = self.ledger.score(request.uuid.clone(), truth.clone(), registered.to_vec(), now).await?;
        let Some(scored) = scored else { return Ok(false) };
        let best = scored.miners.first().map_or(0.0, |(_, rmse, _)| *rmse);
        tracing::info!(
            miners = scored.miners.len(),
            best_rmse = best,
            volatility = scored.volatility,
            "request scored"
        );
        let took_part: HashSet<Identity> = scored.miners.iter().map(|(miner, ..)| *miner).collect();
        let told: Vec<Peer> = miners.iter().filter(|miner| took_part.contains(&miner.identity)).copied().collect();
        let ending = LiveBackward {
            request_uuid: request.uuid,
            stream_id: asking::STREAM.to_owned(),
            samples: Some(Tensor::from_f64(&truth, false)),
            topic_id: Some(1),
            received: false,
        };
        // Whether they listen is their business.
        let _ = self.ask(&told, &ending, self.deadline).await;
        Ok(true)
    }

    async fn without_truth(&self, request: Open, error: &NoTruth) -> Result<(), LedgerError> {
        tracing::warn!(request = request.uuid, "a request waits for its true prices: {error}");
        let now = self.ledger.core().patient_now(&self.clock).await?;
        if now.since(self.schedule.finished_at(request.starts_at)) > PATIENCE_MS {
            self.ledger.drop_request(request.uuid, "no true prices").await?;
        }
        Ok(())
    }

    /// Asks all at once; the answers, or what was wrong in a word, in the order of the miners.
    async fn ask<S: Synapse>(
        &self,
        miners: &[Peer],
        synapse: &S,
        deadline: Duration,
    ) -> Vec<(Peer, Result<S, &'static str>)> {
        let targets: Vec<Target> = miners.iter().map(|miner| miner.target).collect();
        let deadlines = Deadlines { total: deadline, per_peer: deadline };
        let answers = match self.dendrite.broadcast(&targets, synapse, deadlines).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::error!("no miner was asked: {error}");
                return Vec::new();
            }
        };
        let told = |(miner, answer): (&Peer, Answer<S>)| {
            let result = answer.result.map_err(|failure| {
                tracing::debug!(miner.uid = miner.uid.0, miner.hotkey = %miner.identity.hotkey, "{failure}");
                failure.kind()
            });
            (*miner, result)
        };
        miners.iter().zip(answers).map(told).collect()
    }
}
