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
    /// When each chunk came, ms from the beginning, and its tokens.
    pub chunks: Vec<(i64, u32)>,
}

impl Said {
    /// When the first words came, ms from the beginning.
    #[must_use]
    pub fn first_ms(&self) -> Option<f64> {
        self.chunks.first().map(|(at, _)| *at as f64)
    }

    /// Tokens a second, to the last chunk; `None` where all came at once, or nothing.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        let (last, _) = self.chunks.last().filter(|(at, _)| *at > 0)?;
        let tokens: u64 = self.chunks.iter().map(|(_, tokens)| u64::from(*tokens)).sum();
        Some(tokens as f64 * 1000.0 / *last as f64)
    }

    /// Tokens so far against seconds, chunk by chunk.
    #[must_use]
    pub fn course(&self) -> Vec<(f64, f64)> {
        let mut so_far = 0_u64;
        let point = |(at, tokens): &(i64, u32)| {
            so_far += u64::from(*tokens);
            (*at as f64 / 1000.0, so_far as f64)
        };
        self.chunks.iter().map(point).collect()
    }
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

const ANSWER: &str = "a.miner, a.completion, a.timing_ms, a.ended, a.reason, a.reward, a.chunks";

/// An answer whose columns begin at `first`.
fn answer(row: &Row<'_>, first: usize, miner: Identity) -> sql::Result<Said> {
    Ok(Said {
        miner,
        completion: row.get::<String>(first)?.into(),
        timing_ms: row.get(first + 1)?,
        ended: row.get(first + 2)?,
        reason: row.get::<Option<String>>(first + 3)?.map(Foreign::from),
        reward: row.get(first + 4)?,
        chunks: serde_json::from_str(&row.get::<String>(first + 5)?).unwrap_or_default(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Account;

    fn said(chunks: &[(i64, u32)]) -> Said {
        Said {
            miner: Identity { hotkey: Account([1; 32]), registered_at: 1 },
            completion: Foreign::default(),
            timing_ms: 0.0,
            ended: "complete".to_owned(),
            reason: None,
            reward: 0.0,
            chunks: chunks.to_vec(),
        }
    }

    #[test]
    fn a_stream_is_told_by_its_chunks() {
        let three = said(&[(20, 4), (40, 6), (500, 10)]);
        assert_eq!((three.first_ms(), three.tokens_per_second()), (Some(20.0), Some(40.0)));
        assert_eq!(three.course(), [(0.02, 4.0), (0.04, 10.0), (0.5, 20.0)]);
        assert_eq!((said(&[]).first_ms(), said(&[]).tokens_per_second()), (None, None));
        assert_eq!(said(&[(0, 9)]).tokens_per_second(), None, "all at once has no rate");
    }
}
