//! The prompts' part of a ledger: questions, answers, moving averages. A round is one transaction.

mod look;

use std::collections::BTreeMap;

use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::{Connection, Transaction, params};
use crate::ledger::{Fault, Ledger, LedgerError, Schema};
use crate::scoring::streaming::decayed_step;
use crate::subnets::kept;
use crate::units::{Foreign, Identity, UnixMs, millis};

use super::validator::{Round, Scored};
pub use look::{Asked, Round as Shown, Said};
pub(super) use look::{asked, counts, of_miner, round};

/// The tables of prompts.
pub const SCHEMA: Schema = Schema { kind: "prompting", migrations: &[include_str!("migrations/0001.sql")] };

/// How scores move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Averaging {
    /// What a new reward counts.
    pub alpha: f64,
    /// What everybody loses at every question.
    pub decay: f64,
}

/// A ledger that keeps prompts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PromptingLedger {
    core: Ledger,
    averaging: Averaging,
}

/// How a miner stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Who.
    pub identity: Identity,
    /// Its moving average.
    pub score: f64,
    /// Its mean reward over all questions that it was asked.
    pub mean: f64,
    /// Questions that it was asked.
    pub asked: u64,
    /// Of them, those it said something to.
    pub said: u64,
}

impl PromptingLedger {
    /// The prompts in a ledger that was opened with [`SCHEMA`].
    #[must_use]
    pub const fn over(core: Ledger, averaging: Averaging) -> Self {
        Self { core, averaging }
    }

    /// What every ledger has: miners, notes, the journal of weights.
    #[must_use]
    pub const fn core(&self) -> &Ledger {
        &self.core
    }

    /// Records a round and moves the averages, in one transaction.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn record(&self, round: &Round) -> Result<(), LedgerError> {
        let (round, averaging) = (round.clone(), self.averaging);
        self.core.write(move |transaction| record(transaction, &round, averaging)).await
    }

    /// How everybody stands who was ever asked.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn standings(&self) -> Result<Vec<Standing>, LedgerError> {
        self.core.read(standings).await
    }

    /// The shares of the identities that are registered now: one entry each, sum 1; `None` when nobody has earned anything.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn weights(&self, registered: &[Identity]) -> Result<Option<Vec<(Identity, f64)>>, LedgerError> {
        let registered = registered.to_vec();
        self.core.read(move |connection| allotment(connection, &registered)).await
    }

    /// Forgets rounds before `until`; returns how many. Averages stay.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn prune(&self, until: UnixMs) -> Result<usize, LedgerError> {
        let job = move |transaction: &Transaction<'_>| -> Result<usize, Fault> {
            let old = "SELECT id FROM prompt_rounds WHERE at < ?1";
            transaction.execute(&format!("DELETE FROM prompt_answers WHERE round IN ({old})"), [until.0])?;
            kept::forgotten_before(transaction, until)?;
            Ok(transaction.execute("DELETE FROM prompt_rounds WHERE at < ?1", [until.0])?)
        };
        self.core.write(job).await
    }
}

fn record(transaction: &Transaction<'_>, round: &Round, averaging: Averaging) -> Result<(), Fault> {
    let messages: Vec<(&str, &str)> =
        round.said.turns().iter().map(|turn| (turn.role.name(), turn.text.as_raw())).collect();
    let number: i64 = transaction.query_row(
        "INSERT INTO prompt_rounds (at, task, turn, messages, reference, took_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         RETURNING id",
        params![
            round.at.0,
            round.task.name(),
            round.turn,
            json(&messages)?,
            round.reference.as_raw(),
            millis(round.took),
        ],
        |row| row.get(0),
    )?;
    let mut batch = Vec::with_capacity(round.answers.len());
    for answer in &round.answers {
        let miner = miners::id(transaction, answer.peer.identity, round.at)?;
        insert(transaction, number, miner, answer)?;
        batch.push((miner, answer.judgement.total));
    }
    let mut scores = scores(transaction)?;
    decayed_step(&mut scores, &batch, averaging.alpha, averaging.decay);
    for (miner, score) in scores {
        transaction
            .prepare_cached(
                "INSERT INTO prompt_scores (miner, score, asked, said, rewards) VALUES (?1, ?2, 0, 0, 0)
                 ON CONFLICT (miner) DO UPDATE SET score = ?2",
            )?
            .send(params![miner, score])?;
    }
    for (answer, (miner, reward)) in round.answers.iter().zip(batch) {
        let said = !answer.heard.completion.as_raw().is_empty();
        transaction
            .prepare_cached(
                "UPDATE prompt_scores SET asked = asked + 1, said = said + ?2, rewards = rewards + ?3 WHERE miner = ?1",
            )?
            .send(params![miner, said, reward])?;
    }
    Ok(())
}

fn insert(transaction: &Transaction<'_>, round: i64, miner: MinerId, answer: &Scored) -> Result<(), Fault> {
    let Scored { peer, heard, judgement } = answer;
    let chunks: Vec<(i64, u32)> = heard.chunks.iter().map(|(at, tokens)| (millis(*at), *tokens)).collect();
    transaction
        .prepare_cached(
            "INSERT INTO prompt_answers
             (round, miner, uid, completion, chunks, status, timing_ms, ended, reason, judgement, reward)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .send(params![
            round,
            miner,
            peer.uid.0,
            heard.completion.as_raw(),
            json(&chunks)?,
            heard.status,
            heard.timing_s * 1000.0,
            heard.ended,
            heard.reason.as_ref().map(Foreign::as_raw),
            json(judgement)?,
            judgement.total,
        ])?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|e| Fault::Damaged(e.to_string()))
}

fn scores(connection: &Connection) -> Result<BTreeMap<MinerId, f64>, Fault> {
    let mut query = connection.prepare_cached("SELECT miner, score FROM prompt_scores")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn standings(connection: &Connection) -> Result<Vec<Standing>, Fault> {
    let known = miners::all(connection)?;
    let mut query = connection.prepare_cached("SELECT miner, score, asked, said, rewards FROM prompt_scores")?;
    let mut rows = query.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (asked, said) = (row.get::<i64>(2)?.unsigned_abs(), row.get::<i64>(3)?.unsigned_abs());
        let mean = row.get::<f64>(4)? / asked.max(1) as f64;
        if let Some((identity, _)) = known.get(&row.get(0)?) {
            found.push(Standing { identity: *identity, score: row.get(1)?, mean, asked, said });
        }
    }
    found.sort_by_key(|standing| standing.identity);
    Ok(found)
}

/// See [`PromptingLedger::weights`].
pub(super) fn allotment(
    connection: &Connection,
    registered: &[Identity],
) -> Result<Option<Vec<(Identity, f64)>>, Fault> {
    let scores: BTreeMap<Identity, f64> = standings(connection)?.into_iter().map(|s| (s.identity, s.score)).collect();
    let of = |identity: &Identity| scores.get(identity).copied().unwrap_or(0.0);
    let sum: f64 = registered.iter().map(of).sum();
    if sum <= 0.0 {
        return Ok(None);
    }
    Ok(Some(registered.iter().map(|identity| (*identity, of(identity) / sum)).collect()))
}
