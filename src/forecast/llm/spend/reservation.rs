//! Money for one call: the wish for it, and what becomes of it.

use rusqlite::{Transaction, params};

use super::file::Kept;
use super::{Budget, Purpose, Reply, SpendError, SpendLedger, day_of, stored, sum};
use crate::forecast::llm::money::MicroUsd;
use crate::units::UnixMs;

/// Money set aside for a call. Dropped, it stays so: whoever knows better settles.
#[derive(Debug)]
#[must_use]
pub struct Reservation {
    ledger: SpendLedger,
    id: i64,
    day: i64,
    /// The most that the call can cost.
    pub most: MicroUsd,
}

impl Reservation {
    pub(super) const fn new(ledger: SpendLedger, id: i64, at: UnixMs, most: MicroUsd) -> Self {
        Self { ledger, id, day: day_of(at), most }
    }

    /// Whether its money is that of the day of `now`.
    #[must_use]
    pub const fn is_of_day(&self, now: UnixMs) -> bool {
        self.day == day_of(now)
    }

    /// Says what the call did cost, in place of what it could have.
    ///
    /// # Errors
    /// [`SpendError::File`]: it stays reserved in full.
    pub fn settle(self, spent: MicroUsd) -> Result<(), SpendError> {
        self.end(spent, None)
    }

    /// The same, and remembers what was said for it.
    ///
    /// # Errors
    /// [`SpendError::File`]: it stays reserved in full, and nothing is remembered.
    pub fn settle_for(self, spent: MicroUsd, reply: Reply) -> Result<(), SpendError> {
        let ledger = self.ledger.clone();
        self.end(spent, Some(reply))?;
        ledger.forget_old_replies()
    }

    fn end(self, spent: MicroUsd, reply: Option<Reply>) -> Result<(), SpendError> {
        // What is below the reservation may be lost in a power cut: then the call counts in full. What is above it may not.
        let kept = if spent > self.most { Kept::OnDisk } else { Kept::Written };
        let id = self.id;
        self.ledger.0.file.write(kept, move |transaction| {
            let settle = "UPDATE spend SET spent = ?1 WHERE id = ?2";
            transaction.prepare_cached(settle)?.execute(params![stored(spent), id])?;
            reply.as_ref().map_or(Ok(()), |reply| reply.write(transaction))
        })
    }
}

/// A call whose money is to be set aside.
pub(super) struct Wish {
    at: UnixMs,
    question: String,
    model: String,
    prompt: String,
    most: MicroUsd,
}

impl Wish {
    pub(super) fn of(at: UnixMs, purpose: Purpose<'_>, most: MicroUsd) -> Self {
        let Purpose { question, model, prompt } = purpose;
        Self { at, question: question.to_owned(), model: model.to_owned(), prompt: prompt.to_owned(), most }
    }

    /// The number of its reservation, or why there is none.
    pub(super) fn hold(
        &self,
        transaction: &Transaction<'_>,
        budget: Budget,
    ) -> rusqlite::Result<Result<i64, SpendError>> {
        let Self { at, question, model, prompt, most } = self;
        let (day, most) = (day_of(*at), *most);
        let spent = sum(transaction, "SELECT amount FROM spend_days WHERE day = ?1", params![day])?;
        if spent.plus(most) > budget.per_day {
            return Ok(Err(SpendError::Day { spent, budget: budget.per_day, most }));
        }
        let one = "SELECT amount FROM spend_questions WHERE question = ?1 AND day = ?2";
        let spent = sum(transaction, one, params![question, day])?;
        if spent.plus(most) > budget.per_question {
            return Ok(Err(SpendError::Question { spent, budget: budget.per_question, most }));
        }
        let insert =
            "INSERT INTO spend (at_ms, day, question, model, purpose, reserved) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let row = params![at.0, day, question, model, prompt, stored(most)];
        transaction.prepare_cached(insert)?.execute(row)?;
        Ok(Ok(transaction.last_insert_rowid()))
    }
}
