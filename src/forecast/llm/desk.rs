//! The desk through which every word to a model goes: remembered replies cost nothing, others are paid for before they are
//! asked for, and only so many are under way at once.
//!
//! What one step of a question asks comes together: its money is set aside in one go, since that waits for the disk. A call for
//! which there was none then asks for it again when its turn has come, for those before it may have cost less than they could.

use std::iter::Sum;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::runtime;
use tokio::sync::Semaphore;

use super::endpoint::{Endpoint, EndpointError, Prompted};
use super::money::MicroUsd;
use super::prompts::Prompt;
use super::spend::{Budget, Purpose, Reply, Reservation, SpendError, SpendLedger};
use crate::clock::Clock;

/// Attempts of one call, each paid for.
const ATTEMPTS: u32 = 2;

/// Why a model was not heard.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeskError {
    /// No money, or no ledger.
    #[error(transparent)]
    Spend(#[from] SpendError),
    /// The model.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A thread of ours ended.
    #[error("the ledger of spend did not answer: {0}")]
    Thread(Arc<tokio::task::JoinError>),
}

impl From<tokio::task::JoinError> for DeskError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Thread(Arc::new(error))
    }
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

/// One call: of whom, by which prompt.
#[derive(Debug)]
pub struct Call<'a> {
    /// The model.
    pub endpoint: &'a Endpoint,
    /// The prompt that was filled.
    pub prompt: Prompt,
    /// Which of several draws of the same prompt.
    pub draw: u32,
    /// What it is told.
    pub prompted: Prompted,
}

impl Call<'_> {
    /// What makes a reply the same reply.
    fn key(&self) -> [u8; 32] {
        let (endpoint, prompted) = (self.endpoint, &self.prompted);
        let mut hash = Sha256::new();
        let numbers = [u64::from(self.draw), u64::from(prompted.max_tokens), prompted.temperature.to_bits()];
        numbers.iter().for_each(|number| hash.update(number.to_le_bytes()));
        for part in [endpoint.address(), &endpoint.model, &prompted.system, &prompted.user] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().into()
    }

    fn most(&self) -> MicroUsd {
        self.endpoint.most(&self.prompted)
    }
}

/// What is known of a call before its turn.
enum Known {
    /// What was said to it earlier.
    Reply(String),
    /// The money set aside for it, if there was any.
    Money(Option<Ahead>),
}

/// Money set aside for a call that was not sent yet. Dropped, it is given back.
struct Ahead(Option<Reservation>);

impl Ahead {
    fn take(mut self) -> Option<Reservation> {
        self.0.take()
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let (Some(reservation), Ok(runtime)) = (self.0.take(), runtime::Handle::try_current()) {
            // Where that is lost, it counts as spent.
            runtime.spawn_blocking(move || reservation.settle(MicroUsd(0)));
        }
    }
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

    /// What is said to each of `calls`, which are made for `question` at once.
    ///
    /// For each call [`DeskError`] where there is no reply. Where the budget does not hold the most that it can cost, it is not
    /// sent.
    pub async fn ask_all(
        &self,
        question: &str,
        calls: &[Call<'_>],
        account: &Account,
    ) -> Vec<Result<String, DeskError>> {
        let keys: Vec<_> = calls.iter().map(Call::key).collect();
        let known = match self.known(question, calls, keys.clone()).await {
            Ok(known) => known,
            Err(error) => return calls.iter().map(|_| Err(error.clone())).collect(),
        };
        let asked = calls.iter().zip(keys).zip(known).map(|((call, key), known)| async move {
            match known {
                Known::Reply(text) => {
                    account.0.remembered.fetch_add(1, Ordering::Relaxed);
                    Ok(text)
                }
                Known::Money(ahead) => self.ask(question, call, key, ahead, account).await,
            }
        });
        join_all(asked).await
    }

    /// What was said to each of `calls` earlier; money for the others.
    async fn known(&self, question: &str, calls: &[Call<'_>], keys: Vec<[u8; 32]>) -> Result<Vec<Known>, DeskError> {
        let (question, now, budget) = (question.to_owned(), self.clock.now(), self.budget);
        let wishes: Vec<_> =
            calls.iter().map(|call| (call.endpoint.model.clone(), call.prompt.label(), call.most())).collect();
        let known = move |ledger: &SpendLedger| {
            let replies = ledger.replies(&keys)?;
            let wishes = wishes.iter().zip(&replies).filter(|(_, reply)| reply.is_none());
            let wishes: Vec<_> = wishes
                .map(|((model, prompt, most), _)| (Purpose { question: &question, model, prompt }, *most))
                .collect();
            let held = if wishes.is_empty() { Vec::new() } else { ledger.reserve_all(now, &wishes, budget)? };
            let mut held = held.into_iter().map(|held| held.ok().map(|money| Ahead(Some(money))));
            let known = |reply: Option<String>| match reply {
                Some(text) => Known::Reply(text),
                None => Known::Money(held.next().flatten()),
            };
            Ok(replies.into_iter().map(known).collect())
        };
        self.with_ledger(known).await
    }

    /// One call in its turn, again where that may help.
    async fn ask(
        &self,
        question: &str,
        call: &Call<'_>,
        key: [u8; 32],
        mut ahead: Option<Ahead>,
        account: &Account,
    ) -> Result<String, DeskError> {
        // Closed it never is.
        let _place = self.places.acquire().await.ok();
        let mut attempt = 1;
        loop {
            match self.once(question, call, key, ahead.take(), account).await {
                Ok(text) => return Ok(text),
                Err(DeskError::Endpoint(error)) if error.may_pass() && attempt < ATTEMPTS => {
                    tracing::debug!(attempt, "{error}; asking again");
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Money for a call that is sent now.
    async fn money(&self, question: &str, call: &Call<'_>, ahead: Option<Ahead>) -> Result<Reservation, DeskError> {
        let now = self.clock.now();
        // That of yesterday is given back.
        let of_today = |ahead: &Ahead| ahead.0.as_ref().is_some_and(|money| money.is_of_day(now));
        if let Some(money) = ahead.filter(of_today).and_then(Ahead::take) {
            return Ok(money);
        }
        let (question, model, prompt) = (question.to_owned(), call.endpoint.model.clone(), call.prompt.label());
        let (most, budget) = (call.most(), self.budget);
        let reserve = move |ledger: &SpendLedger| {
            let purpose = Purpose { question: &question, model: &model, prompt: &prompt };
            ledger.reserve(now, purpose, most, budget)
        };
        self.with_ledger(reserve).await
    }

    async fn once(
        &self,
        question: &str,
        call: &Call<'_>,
        key: [u8; 32],
        ahead: Option<Ahead>,
        account: &Account,
    ) -> Result<String, DeskError> {
        let reservation = self.money(question, call, ahead).await?;
        let (endpoint, prompted, most) = (call.endpoint, &call.prompted, reservation.most);
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

#[cfg(test)]
mod tests;
