//! What a key has used, and the file that remembers it over a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::key_file::replace;
use super::keys::{Denied, KeyRow, KeysError};
use crate::forecast::llm::money::MicroUsd;
use crate::units::UnixMs;

const MINUTE: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 86_400_000;

/// What one key has used.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Since when its questions are counted, and how many there were.
    minute: Option<(Instant, u64)>,
    /// Questions that are being answered.
    sitting: u32,
    pub(super) kept: Kept,
}

impl Used {
    /// Counts a question, if the minute has room for it.
    pub(super) fn ask(&mut self, most: Option<u32>, now: Instant) -> Result<(), Denied> {
        let of_this_minute = self.minute.filter(|(since, _)| now.saturating_duration_since(*since) < MINUTE);
        let (since, count) = of_this_minute.unwrap_or((now, 0));
        if most.is_some_and(|most| count >= u64::from(most)) {
            return Err(Denied::TooOften { wait: MINUTE.saturating_sub(now.saturating_duration_since(since)) });
        }
        self.minute = Some((since, count + 1));
        Ok(())
    }

    /// Takes one of the places for questions that are answered at once.
    pub(super) fn sit(&mut self, most: Option<u32>) -> Result<(), Denied> {
        if most.is_some_and(|most| self.sitting >= most) {
            return Err(Denied::AtOnce);
        }
        self.sitting = self.sitting.saturating_add(1);
        Ok(())
    }

    /// Gives it back.
    pub(super) fn stand_up(&mut self) {
        self.sitting = self.sitting.saturating_sub(1);
    }
}

/// The part that outlives the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Kept {
    /// The day that is counted, in days since 1970 UTC.
    day: i64,
    /// Tokens of answers on that day.
    tokens: u64,
    /// Millionths of a dollar on that day.
    spent_today: MicroUsd,
    /// And since the key was made.
    spent: MicroUsd,
}

/// The same in the file, where amounts are whole numbers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    day: i64,
    tokens: u64,
    spent_today: u64,
    spent: u64,
}

impl From<Row> for Kept {
    fn from(Row { day, tokens, spent_today, spent }: Row) -> Self {
        Self { day, tokens, spent_today: MicroUsd(spent_today), spent: MicroUsd(spent) }
    }
}

impl Kept {
    /// Begins anew with the day.
    pub(super) fn roll(&mut self, now: UnixMs) {
        let day = now.0.div_euclid(DAY_MS);
        if day != self.day {
            *self = Self { day, spent: self.spent, ..Self::default() };
        }
    }

    /// Adds an answer's tokens and what they cost.
    pub(super) fn add(&mut self, tokens: u64, cost: MicroUsd) {
        self.tokens = self.tokens.saturating_add(tokens);
        self.spent_today = self.spent_today.plus(cost);
        self.spent = self.spent.plus(cost);
    }

    /// Whether there is something left of what the key allows.
    pub(super) fn within(&self, row: &KeyRow, now: UnixMs) -> Result<(), Denied> {
        let left_ms = DAY_MS - now.0.rem_euclid(DAY_MS);
        let midnight = Duration::from_millis(u64::try_from(left_ms).unwrap_or_default());
        if row.spend_in_all.is_some_and(|most| self.spent >= most) {
            return Err(Denied::Spent { wait: None });
        }
        if row.spend_per_day.is_some_and(|most| self.spent_today >= most) {
            return Err(Denied::Spent { wait: Some(midnight) });
        }
        if row.tokens_per_day.is_some_and(|most| self.tokens >= most) {
            return Err(Denied::UsedUp { wait: midnight });
        }
        Ok(())
    }
}

/// `KEYS.used`: what each key has used, by its hash, as JSON.
#[derive(Debug)]
pub(super) struct UsedFile {
    path: PathBuf,
    written: Mutex<BTreeMap<String, Kept>>,
}

impl UsedFile {
    /// Where it lies.
    pub(super) fn beside(keys: &Path) -> PathBuf {
        let mut path = keys.as_os_str().to_owned();
        path.push(".used");
        path.into()
    }

    /// Reads it; one that does not exist says that nothing was used.
    pub(super) fn open(keys: &Path) -> Result<(Self, BTreeMap<String, Kept>), KeysError> {
        let path = Self::beside(keys);
        let failed = |reason: String| KeysError { path: path.clone(), reason };
        let rows: BTreeMap<String, Row> = match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| {
                failed(format!("{e}; this file has what the keys have spent: repair it, or remove it to start at zero"))
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(e) => return Err(failed(e.to_string())),
        };
        let used: BTreeMap<String, Kept> = rows.into_iter().map(|(hash, row)| (hash, row.into())).collect();
        Ok((Self { path, written: Mutex::new(used.clone()) }, used))
    }

    /// Writes what is new. Keys that are no longer in the file of keys keep what they had: they may come back.
    pub(super) fn write(&self, used: BTreeMap<String, Kept>) -> Result<(), KeysError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if used.iter().all(|(hash, kept)| written.get(hash).copied().unwrap_or_default() == *kept) {
            return Ok(());
        }
        let mut all = written.clone();
        all.extend(used);
        let failed = |reason: String| KeysError { path: self.path.clone(), reason };
        let text = serde_json::to_string_pretty(&all).map_err(|e| failed(e.to_string()))?;
        replace(&self.path, &text).map_err(|e| failed(e.to_string()))?;
        *written = all;
        Ok(())
    }
}
