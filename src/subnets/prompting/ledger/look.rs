//! Questions and answers as pages show them.

use crate::ledger::sql::{Connection, OptionalExtension, Row, params};
use crate::ledger::{Fault, miners, sql};
use crate::units::{Foreign, Identity, UnixMs};

/// A question in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The ledger's number of the round.
    pub id: i64,
    /// When.
    pub at: UnixMs,
    /// The kind of question.
    pub task: String,
    /// The last message.
    pub question: Foreign,
    /// How long the round took, ms.
    pub took_ms: f64,
    /// Miners asked.
    pub answers: u64,
    /// Their mean reward.
    pub mean_reward: f64,
}

/// A round with everything that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// The question.
    pub asked: Asked,
    /// Role and text of each message.
    pub messages: Vec<(String, Foreign)>,
    /// The right answer.
    pub reference: Foreign,
    /// The answers, best first.
    pub answers: Vec<Said>,
}

/// What a miner said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Who.
    pub miner: Identity,
    /// All that came in time.
    pub completion: Foreign,
    /// How long it took, ms.
    pub timing_ms: f64,
    /// `complete`, or why it is only a part.
    pub ended: String,
    /// The same in words.
    pub reason: Option<Foreign>,
    /// What it was worth, `0.0..=1.0`.
    pub reward: f64,
}

const COLUMNS: &str = "r.id, r.at, r.task, r.messages, r.took_ms,
    (SELECT COUNT(*) FROM prompt_answers a WHERE a.round = r.id),
    (SELECT COALESCE(AVG(a.reward), 0.0) FROM prompt_answers a WHERE a.round = r.id)";

fn messages(text: &str) -> Vec<(String, Foreign)> {
    serde_json::from_str(text).unwrap_or_default()
}

fn row(row: &Row<'_>) -> sql::Result<Asked> {
    let said: String = row.get(3)?;
    let question = messages(&said).pop().map(|(_, text)| text).unwrap_or_default();
    Ok(Asked {
        id: row.get(0)?,
        at: UnixMs(row.get(1)?),
        task: row.get(2)?,
        question,
        took_ms: row.get::<i64>(4)? as f64,
        answers: row.get::<i64>(5)?.unsigned_abs(),
        mean_reward: row.get(6)?,
    })
}

/// How many questions there are of each kind.
pub(in super::super) fn counts(connection: &Connection) -> Result<Vec<(String, usize)>, Fault> {
    let mut query = connection.prepare_cached("SELECT task, COUNT(*) FROM prompt_rounds GROUP BY task")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, usize::try_from(row.get::<i64>(1)?).unwrap_or(0))))?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

/// A part of the questions, latest first.
pub(in super::super) fn asked(
    connection: &Connection,
    task: Option<&str>,
    skip: usize,
    count: usize,
) -> Result<Vec<Asked>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM prompt_rounds r WHERE ?1 = '' OR r.task = ?1 ORDER BY r.at DESC, r.id DESC
         LIMIT ?2 OFFSET ?3"
    );
    let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let mut query = connection.prepare_cached(&sql)?;
    let rows = query.query_map(params![task.unwrap_or_default(), whole(count), whole(skip)], row)?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

/// One round.
pub(in super::super) fn round(connection: &Connection, id: i64) -> Result<Option<Round>, Fault> {
    let sql = format!("SELECT {COLUMNS}, r.reference FROM prompt_rounds r WHERE r.id = ?1");
    let head = |found: &Row<'_>| Ok((row(found)?, found.get::<String>(3)?, found.get::<String>(7)?));
    let Some((asked, said, reference)) = connection.prepare_cached(&sql)?.query_row([id], head).optional()? else {
        return Ok(None);
    };
    let sql = format!("SELECT {ANSWER} FROM prompt_answers a WHERE a.round = ?1 ORDER BY a.reward DESC, a.miner");
    let mut query = connection.prepare_cached(&sql)?;
    let known = miners::all(connection)?;
    let mut rows = query.query([id])?;
    let mut answers = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some((miner, _)) = known.get(&row.get(0)?) {
            answers.push(answer(&row, 1, *miner)?);
        }
    }
    Ok(Some(Round { asked, messages: messages(&said), reference: reference.into(), answers }))
}

const ANSWER: &str = "a.miner, a.completion, a.timing_ms, a.ended, a.reason, a.reward";

/// An answer whose columns begin at `first`.
fn answer(row: &Row<'_>, first: usize, miner: Identity) -> sql::Result<Said> {
    Ok(Said {
        miner,
        completion: row.get::<String>(first)?.into(),
        timing_ms: row.get(first + 1)?,
        ended: row.get(first + 2)?,
        reason: row.get::<Option<String>>(first + 3)?.map(Foreign::from),
        reward: row.get(first + 4)?,
    })
}

/// A miner's last answers with their questions, latest first.
pub(in super::super) fn of_miner(
    connection: &Connection,
    identity: Identity,
    count: usize,
) -> Result<Vec<(Asked, Said)>, Fault> {
    let Some(miner) = miners::find(connection, identity)? else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT {COLUMNS}, {ANSWER} FROM prompt_answers a JOIN prompt_rounds r ON r.id = a.round
         WHERE a.miner = ?1 ORDER BY r.at DESC, r.id DESC LIMIT ?2"
    );
    let mut query = connection.prepare_cached(&sql)?;
    let both = |found: &Row<'_>| Ok((row(found)?, answer(found, 8, identity)?));
    let rows = query.query_map(params![miner, i64::try_from(count).unwrap_or(i64::MAX)], both)?;
    Ok(rows.collect::<sql::Result<_>>()?)
}
