//! The desk through which every word to a model goes: remembered replies cost nothing, others are paid for before they are
//! asked for, and only so many are under way at once.

use std::iter::Sum;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::endpoint::{Endpoint, EndpointError, Prompted};
use super::money::MicroUsd;
use super::prompts::Prompt;
use super::spend::{Budget, Purpose, Reply, SpendError, SpendLedger};
use crate::clock::Clock;

/// Attempts of one call, each paid for.
const ATTEMPTS: u32 = 2;

/// Why a model was not heard.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// No money, or no ledger.
    #[error(transparent)]
    Spend(#[from] SpendError),
    /// The model.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A thread of ours ended.
    #[error("the ledger of spend did not answer: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl DeskError {
    /// Whether there is no money left.
    #[must_use]
    pub fn is_budget(&self) -> bool {
        matches!(self, Self::Spend(error) if error.is_budget())
    }
}

/// What a question took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Cost {
    /// Paid, in millionths of a dollar; where a call was cut off, what it may have cost.
    pub micro_usd: MicroUsd,
    /// Calls that were made.
    pub calls: u64,
    /// Replies from memory.
    pub remembered: u64,
    /// Calls that failed.
    pub failed: u64,
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |all, one| Self {
            micro_usd: all.micro_usd.plus(one.micro_usd),
            calls: all.calls + one.calls,
            remembered: all.remembered + one.remembered,
            failed: all.failed + one.failed,
        })
    }
}

/// A running account of one question; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Account(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    micro_usd: AtomicU64,
    calls: AtomicU64,
    remembered: AtomicU64,
    failed: AtomicU64,
}

impl Account {
    /// What it came to so far.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Cost {
            micro_usd: MicroUsd(read(&self.0.micro_usd)),
            calls: read(&self.0.calls),
            remembered: read(&self.0.remembered),
            failed: read(&self.0.failed),
        }
    }

    fn pay(&self, amount: MicroUsd) {
        self.0.micro_usd.fetch_add(amount.0, Ordering::Relaxed);
    }
}

/// One call: of whom, by which prompt, for which question.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The question's key.
    pub question: &'a str,
    /// The prompt that was filled.
    pub prompt: Prompt,
    /// Which of several draws of the same prompt.
    pub draw: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Desk {
    ledger: SpendLedger,
    budget: Budget,
    clock: Clock,
    places: Semaphore,
}

impl Desk {
    /// A desk that pays from `ledger` within `budget`, with `in_flight` calls under way at once. `clock` tells whose day it
    /// is: the wall's, also where forecasts are made of the past, for money is spent today.
    #[must_use]
    pub fn new(ledger: SpendLedger, budget: Budget, clock: Clock, in_flight: usize) -> Self {
        Self { ledger, budget, clock, places: Semaphore::new(in_flight.max(1)) }
    }

    /// The bytes from which marks are made.
    #[must_use]
    pub fn salt(&self) -> [u8; 16] {
        self.ledger.salt()
    }

    /// What `endpoint` says to `prompted`.
    ///
    /// # Errors
    /// [`DeskError`]. Where the budget does not hold the most that the call can cost, nothing is sent.
    pub async fn ask(
        &self,
        endpoint: &Endpoint,
        call: Call<'_>,
        prompted: &Prompted,
        account: &Account,
    ) -> Result<String, DeskError> {
        let key = key_of(endpoint, call.draw, prompted);
        if let Some(text) = self.with_ledger(move |ledger| ledger.reply(&key)).await? {
            account.0.remembered.fetch_add(1, Ordering::Relaxed);
            return Ok(text);
        }
        // Closed it never is.
        let _place = self.places.acquire().await.ok();
        let mut attempt = 1;
        loop {
            match self.once(endpoint, call, prompted, key, account).await {
                Ok(text) => return Ok(text),
                Err(DeskError::Endpoint(error)) if error.may_pass() && attempt < ATTEMPTS => {
                    tracing::debug!(attempt, "{error}; asking again");
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn once(
        &self,
        endpoint: &Endpoint,
        call: Call<'_>,
        prompted: &Prompted,
        key: [u8; 32],
        account: &Account,
    ) -> Result<String, DeskError> {
        let most = endpoint.most(prompted);
        let (question, model, prompt) = (call.question.to_owned(), endpoint.model.clone(), call.prompt.label());
        let (now, budget) = (self.clock.now(), self.budget);
        let reserve = move |ledger: &SpendLedger| {
            let purpose = Purpose { question: &question, model: &model, prompt: &prompt };
            ledger.reserve(now, purpose, most, budget)
        };
        let reservation = self.with_ledger(reserve).await?;
        account.0.calls.fetch_add(1, Ordering::Relaxed);
        let asked = endpoint.ask(prompted).await;
        let spent = match &asked {
            Ok(reply) => endpoint.cost(prompted, reply),
            Err(error) if error.is_free() => MicroUsd(0),
            // It may have been charged: it stays reserved.
            Err(_) => most,
        };
        account.pay(spent);
        if asked.is_err() {
            account.0.failed.fetch_add(1, Ordering::Relaxed);
        }
        if spent > most {
            tracing::warn!(model = endpoint.model, %spent, %most, "the API used more tokens than it was allowed");
        }
        match asked {
            Ok(said) => {
                let reply = Reply { key, at: self.clock.now(), text: said.text.clone() };
                tokio::task::spawn_blocking(move || reservation.settle_for(spent, reply)).await??;
                Ok(said.text)
            }
            Err(error) => {
                if spent == MicroUsd(0) {
                    tokio::task::spawn_blocking(move || reservation.settle(spent)).await??;
                }
                Err(error.into())
            }
        }
    }

    /// Does something with the ledger of spend, off the async threads.
    pub(super) async fn with_ledger<T: Send + 'static>(
        &self,
        job: impl FnOnce(&SpendLedger) -> Result<T, SpendError> + Send + 'static,
    ) -> Result<T, DeskError> {
        let ledger = self.ledger.clone();
        Ok(tokio::task::spawn_blocking(move || job(&ledger)).await??)
    }
}

/// What makes a reply the same reply.
fn key_of(endpoint: &Endpoint, draw: u32, prompted: &Prompted) -> [u8; 32] {
    let mut hash = Sha256::new();
    let numbers = [u64::from(draw), u64::from(prompted.max_tokens), prompted.temperature.to_bits()];
    numbers.iter().for_each(|number| hash.update(number.to_le_bytes()));
    for part in [endpoint.address(), &endpoint.model, &prompted.system, &prompted.user] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}
