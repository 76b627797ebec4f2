//! Recorded questions with their answers: a JSON object a line (`docs/prompting.md`).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::conversation::MAX_BYTES;
use super::task::Task;

/// Those that come with the program.
const OWN: &str = include_str!("questions.jsonl");
/// The largest file that is read, bytes.
const MAX_FILE: u64 = 256 << 20;

/// A question with what is right to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What kind it is of.
    pub task: Task,
    /// The question.
    pub challenge: String,
    /// The right answer; where there is none a model is asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Questions that may follow, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_ups: Vec<FollowUp>,
}

/// A question after an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// The question.
    pub challenge: String,
    /// The right answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A file of questions that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum QuestionsError {
    /// It cannot be read.
    #[error("`prompting.questions` {}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A line is no question.
    #[error("`prompting.questions` {}, line {line}: {reason}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// The questions that come with the program.
#[must_use]
pub fn own() -> Vec<Question> {
    // A test reads every line.
    OWN.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The questions of a file.
///
/// # Errors
/// [`QuestionsError`], with the line.
pub fn load(path: &Path) -> Result<Vec<Question>, QuestionsError> {
    let failed = |reason: String| QuestionsError::File { path: path.to_path_buf(), reason };
    let size = std::fs::metadata(path).map_err(|e| failed(e.to_string()))?.len();
    if size > MAX_FILE {
        return Err(failed(format!("{size} bytes; at most {MAX_FILE} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    let mut questions = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |reason: String| QuestionsError::Line { path: path.to_path_buf(), line: number + 1, reason };
        let question: Question = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
        check(&question).map_err(wrong)?;
        questions.push(question);
    }
    if questions.is_empty() { Err(failed("it has no question".to_owned())) } else { Ok(questions) }
}

fn check(question: &Question) -> Result<(), String> {
    let follow_ups = question.follow_ups.iter().map(|follow_up| (&follow_up.challenge, &follow_up.reference));
    for (challenge, reference) in std::iter::once((&question.challenge, &question.reference)).chain(follow_ups) {
        if challenge.trim().is_empty() {
            return Err("the challenge is empty".to_owned());
        }
        if challenge.len() + reference.as_ref().map_or(0, String::len) > MAX_BYTES {
            return Err(format!("more than {MAX_BYTES} bytes"));
        }
    }
    let number = question.reference.as_ref().map(|reference| reference.trim().parse::<f64>());
    if question.task == Task::Math && number.is_some_and(|number| number.is_err()) {
        return Err("the reference of a math question must be a number".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_questions_are_all_read_and_of_every_task() {
        let questions = own();
        assert_eq!(questions.len(), OWN.lines().count());
        assert!(questions.iter().all(|question| check(question).is_ok() && question.reference.is_some()));
        assert!(Task::ALL.iter().all(|task| questions.iter().any(|question| question.task == *task)));
    }

    #[test]
    fn what_is_wrong_in_a_file_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q.jsonl");
        let good = r#"{"task":"qa","challenge":"Why?","follow_ups":[{"challenge":"And?"}]}"#;
        let told = |text: &str| {
            std::fs::write(&path, text).unwrap();
            load(&path).map(|questions| questions.len()).map_err(|e| e.to_string())
        };
        assert_eq!(told(&format!("{good}\n\n{good}\n")), Ok(2));
        for (wrong, why) in [
            (r#"{"task":"poetry","challenge":"x"}"#, "poetry"),
            (r#"{"task":"qa","challenge":" "}"#, "the challenge is empty"),
            (r#"{"task":"math","challenge":"x","reference":"many"}"#, "number"),
            ("{", "EOF"),
        ] {
            let error = told(&format!("{good}\n{wrong}")).unwrap_err();
            assert!(error.contains("line 2") && error.contains(why), "{error}");
        }
        assert!(told("\n").unwrap_err().contains("no question"));
        assert!(load(&folder.path().join("none")).unwrap_err().to_string().contains("none"));
    }
}
