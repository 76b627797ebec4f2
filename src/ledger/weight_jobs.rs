//! The journal of weights: a job for each time that weights were due, and the steps it took. What a job's plan says, only
//! whoever writes weights knows.

use schemars::JsonSchema;
use serde::Serialize;

use super::error::Fault;
use crate::ledger::sql::{self, Connection, Row, Transaction, params};
use crate::units::{BlockNumber, UnixMs};

/// Jobs kept; of the usual tempo, some eight months.
const KEPT: i64 = 5_000;

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightJob {
    /// Its number; later ones have higher numbers.
    pub id: i64,
    /// The mechanism of the subnet.
    pub mechanism: u8,
    /// The validator's last update on the chain when the job became due.
    pub after: BlockNumber,
    /// How the weights are written: `plain`, `hashed`, `timelocked`.
    pub mode: String,
    /// How far it is.
    pub stage: String,
    /// Whether something is to be done.
    pub open: bool,
    /// The numbers, by uid.
    pub weights: Vec<(u16, u16)>,
    /// What its owner needs to go on, as JSON.
    pub plan: String,
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct WeightStep {
    /// When.
    pub at: UnixMs,
    /// The block where it happened, or the newest when it was seen.
    pub block: BlockNumber,
    /// The hash of the transaction, the commit or the block, `0x…`.
    pub hash: Option<String>,
    /// What.
    pub step: String,
    /// Why, where that needs saying.
    pub cause: Option<String>,
}

/// Writes a new job with its first steps, and returns its number; [`WeightJob::id`] is not looked at. The oldest closed jobs
/// make room.
///
/// # Errors
/// Those of the file.
pub fn open(transaction: &Transaction<'_>, job: &WeightJob, steps: &[WeightStep]) -> Result<i64, Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO weight_jobs (mechanism, after_block, mode, stage, open, weights, plan)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
    )?;
    let weights = numbers(&job.weights)?;
    let values = params![job.mechanism, integer(job.after), job.mode, job.stage, job.open, weights, job.plan];
    let id: i64 = insert.query_row(values, |row| row.get(0))?;
    add_steps(transaction, id, steps)?;
    transaction
        .prepare_cached("DELETE FROM weight_jobs WHERE id <= ?1 AND open = 0")?
        .execute([id.saturating_sub(KEPT)])?;
    Ok(id)
}

/// Moves a job on, with what happened.
///
/// # Errors
/// Those of the file.
pub fn advance(transaction: &Transaction<'_>, job: &WeightJob, steps: &[WeightStep]) -> Result<(), Fault> {
    transaction
        .prepare_cached("UPDATE weight_jobs SET stage = ?2, open = ?3, plan = ?4 WHERE id = ?1")?
        .execute(params![job.id, job.stage, job.open, job.plan])?;
    add_steps(transaction, job.id, steps)
}

fn add_steps(transaction: &Transaction<'_>, job: i64, steps: &[WeightStep]) -> Result<(), Fault> {
    let mut add = transaction.prepare_cached(
        "INSERT INTO weight_steps (job, at, block, hash, step, cause) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for step in steps {
        add.execute(params![job, step.at.0, integer(step.block), step.hash, step.step, step.cause])?;
    }
    Ok(())
}

const COLUMNS: &str = "id, mechanism, after_block, mode, stage, open, weights, plan";

/// The jobs with something to do, oldest first.
///
/// # Errors
/// Those of the file.
pub fn open_ones(connection: &Connection) -> Result<Vec<WeightJob>, Fault> {
    jobs(connection, &format!("SELECT {COLUMNS} FROM weight_jobs WHERE open = 1 ORDER BY id"), 0)
}

/// The last `count` jobs, newest first.
///
/// # Errors
/// Those of the file.
pub fn last(connection: &Connection, count: usize) -> Result<Vec<WeightJob>, Fault> {
    jobs(connection, &format!("SELECT {COLUMNS} FROM weight_jobs WHERE ?1 > 0 ORDER BY id DESC LIMIT ?1"), count)
}

/// What happened to a job, in its order.
///
/// # Errors
/// Those of the file.
pub fn steps(connection: &Connection, job: i64) -> Result<Vec<WeightStep>, Fault> {
    let mut query = connection
        .prepare_cached("SELECT at, block, hash, step, cause FROM weight_steps WHERE job = ?1 ORDER BY rowid")?;
    let step = |row: &Row<'_>| {
        Ok(WeightStep {
            at: UnixMs(row.get(0)?),
            block: row.get::<i64>(1)?.unsigned_abs(),
            hash: row.get(2)?,
            step: row.get(3)?,
            cause: row.get(4)?,
        })
    };
    Ok(query.query_map([job], step)?.collect::<sql::Result<_>>()?)
}

fn jobs(connection: &Connection, sql: &str, count: usize) -> Result<Vec<WeightJob>, Fault> {
    let mut query = connection.prepare_cached(sql)?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let mut rows = if query.parameter_count() > 0 { query.query([count])? } else { query.query([])? };
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(6)?;
        let weights = serde_json::from_str(&text).map_err(|e| Fault::Damaged(format!("weight_jobs.weights: {e}")))?;
        found.push(WeightJob {
            id: row.get(0)?,
            mechanism: row.get(1)?,
            after: row.get::<i64>(2)?.unsigned_abs(),
            mode: row.get(3)?,
            stage: row.get(4)?,
            open: row.get(5)?,
            weights,
            plan: row.get(7)?,
        });
    }
    Ok(found)
}

fn numbers(weights: &[(u16, u16)]) -> Result<String, Fault> {
    serde_json::to_string(weights).map_err(|e| Fault::Damaged(e.to_string()))
}

fn integer(block: BlockNumber) -> i64 {
    i64::try_from(block).unwrap_or(i64::MAX)
}
