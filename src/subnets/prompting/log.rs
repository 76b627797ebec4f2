//! Everything about each question as JSON lines: the fields that the reference's validator uploads, in a file.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::task::{Applied, Measure};
use super::validator::{Round, Scored};
use crate::subnets::work::WorkError;

/// An open log. A line is written as a whole, and a log that cannot be written costs no question.
#[derive(Debug)]
pub(super) struct RoundLog {
    path: PathBuf,
    file: Mutex<File>,
}

impl RoundLog {
    /// Opens it to append to.
    ///
    /// # Errors
    /// [`WorkError::Setting`]: it cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Self, WorkError> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|e| WorkError::Setting(format!("`prompting.log` {}: {e}", path.display())))?;
        Ok(Self { path: path.to_path_buf(), file: Mutex::new(file) })
    }

    /// Appends a round's [`line`].
    pub(super) fn write(&self, line: &Value) {
        let line = format!("{line}\n");
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::warn!("{}: {error}; this question was not written", self.path.display());
        }
    }
}

/// A round in the reference's words.
pub(super) fn line(round: &Round) -> Value {
    let of = |value: fn(&Scored) -> Value| -> Value { round.answers.iter().map(value).collect() };
    let mut line = json!({
        "at": round.at.0,
        "task": round.task.name(),
        "turn": round.turn,
        "challenge": round.said.question(),
        "messages": round.said.turns().iter().map(|turn| json!([turn.role.name(), turn.text])).collect::<Vec<_>>(),
        "reference": round.reference,
        "best": round.best().map(|best| &best.heard.completion),
        "step_time": round.took.as_secs_f64(),
        "relevance_measured": round.relevance,
        "uids": of(|answer| answer.peer.uid.0.into()),
        "hotkeys": of(|answer| answer.peer.identity.hotkey.ss58().into()),
        "completions": of(|answer| answer.heard.completion.as_raw().into()),
        "status_codes": of(|answer| answer.heard.status.into()),
        "status_messages": of(|answer| json!(answer.heard.reason)),
        "ended": of(|answer| answer.heard.ended.into()),
        "timings": of(|answer| answer.heard.timing_s.into()),
        "stream_results_chunks_timings": of(|answer| answer.heard.chunks.iter().map(|(at, _)| at.as_secs_f64()).collect()),
        "stream_results_tokens_per_chunk": of(|answer| answer.heard.chunks.iter().map(|(_, tokens)| *tokens).collect()),
        "rewards": of(|answer| answer.judgement.total.into()),
    });
    if let Value::Object(line) = &mut line {
        line.extend(columns("reward", round, |answer| &answer.judgement.rewards));
        line.extend(columns("penalty", round, |answer| &answer.judgement.penalties));
    }
    line
}

/// Each measure of a round over all miners, raw and stretched to `0.0..=1.0`.
fn columns(kind: &str, round: &Round, of: impl Fn(&Scored) -> &Vec<Applied>) -> Vec<(String, Value)> {
    let Some(first) = round.answers.first() else { return Vec::new() };
    let mut columns = Vec::new();
    for measure in of(first).iter().map(|applied| applied.measure) {
        let value = |answer: &Scored| {
            of(answer).iter().find(|applied| applied.measure == measure).map_or(0.0, |applied| applied.value)
        };
        let raw: Vec<f64> = round.answers.iter().map(value).collect();
        let name = name_of(measure);
        columns.push((format!("{name}_{kind}_raw"), json!(raw)));
        columns.push((format!("{name}_{kind}_normalized"), json!(stretched(&raw))));
    }
    columns
}

fn name_of(measure: Measure) -> String {
    serde_json::to_value(measure).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// `(x − least) / (most − least + 1e−6)`.
fn stretched(raw: &[f64]) -> Vec<f64> {
    let least = raw.iter().copied().fold(f64::INFINITY, f64::min);
    let most = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    raw.iter().map(|value| (value - least) / (most - least + 1e-6)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_nearly_one_and_the_worst_nothing() {
        let stretched = stretched(&[0.25, 0.75, 0.5]);
        assert_eq!(stretched[0], 0.0);
        assert!((stretched[1] - 1.0).abs() < 1e-5 && (stretched[2] - 0.5).abs() < 1e-5);
    }
}
