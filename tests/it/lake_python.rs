//! The questions of docs/lake.md, asked of a lake by engines that are not ours.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};

use crate::lake::corrected;
use crate::lake_kinds::{prompts, series};
use crate::needs::{python, spark};
use crate::score::{miner, score};

tests! { asynchronous: duckdb_answers_ten_questions, duckdb_answers_about_other_kinds, spark_on_two_workers_answers_as_duckdb_does,
spark_answers_about_other_kinds_as_duckdb_does }

/// Sections of the page, and how many questions each has.
const EVENTS: (&str, usize) = ("Asking", 10);
const SERIES: (&str, usize) = ("Asking about time series", 5);
const PROMPTS: (&str, usize) = ("Asking about prompts", 5);

/// A lake of thirty events, in a folder.
async fn lake(folder: &Path) -> String {
    let lake = folder.join("lake");
    corrected(folder, &lake).await;
    lake.to_str().unwrap().to_owned()
}

/// What an engine answers about events, by the number of the question.
pub fn answers(python: &Path, engine: &str, lake: &str) -> Map<String, Value> {
    answers_in(EVENTS, python, engine, lake)
}

/// What an engine answers to the questions of a section.
fn answers_in((section, questions): (&str, usize), python: &Path, engine: &str, lake: &str) -> Map<String, Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python);
    command
        .arg(root.join("tests/python/lake_queries.py"))
        .args([engine, lake])
        .arg(root.join("docs/lake.md"))
        .arg(section);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{engine}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let Ok(Value::Object(answers)) = serde_json::from_str(text.lines().last().unwrap()) else { panic!("{text}") };
    assert_eq!(answers.len(), questions, "{section}");
    answers
}

fn rows<'a>(answers: &'a Map<String, Value>, question: &str) -> &'a Vec<Value> {
    answers[question]["rows"].as_array().unwrap()
}

async fn duckdb_answers_ten_questions() {
    let folder = tempfile::tempdir().unwrap();
    let python = python("NEURON_PYTHON_DATA");
    let found = answers(&python, "duckdb", &lake(folder.path()).await);
    let all = |question: &str, column: usize| -> f64 {
        rows(&found, question).iter().map(|row| row[column].as_f64().unwrap()).sum()
    };
    assert_eq!(all("1", 1), 30.0 * 4.0 * 6.0, "every answer has a day");
    // As `neuron score` has it: the event that was settled anew counts once, with the scores that stand.
    let to = folder.path().join("export");
    assert_eq!(score(folder.path(), &["export", "--to", to.to_str().unwrap(), "--tables", "scores"]).0, Some(0));
    let text = std::fs::read_to_string(to.join("scores.csv")).unwrap();
    let best = miner(0).hotkey.ss58();
    let ours: Vec<f64> = text
        .lines()
        .filter(|line| line.contains(&best))
        .map(|l| l.rsplit(',').next().unwrap().parse().unwrap())
        .collect();
    let mean = ours.iter().sum::<f64>() / ours.len() as f64;
    let theirs = rows(&found, "2").iter().find(|row| row[0] == best.as_str()).unwrap();
    assert_eq!(theirs[2].as_u64(), Some(ours.len() as u64));
    assert!((theirs[3].as_f64().unwrap() - mean).abs() < 1e-12, "{theirs} {mean}");
    assert_eq!(all("5", 1), all("6", 1), "the same intervals");
    assert!(rows(&found, "7").iter().all(|row| row[2] == 1.0), "nobody was silent");
    assert_eq!(all("8", 6), 30.0 * 4.0, "every price has an hour");
    // The first two miners say the same; the pair of 1 and 0 is never equal.
    assert_eq!((&rows(&found, "9")[0][3], &rows(&found, "9")[0][4]), (&0.0.into(), &1.0.into()));
    assert_eq!(rows(&found, "9").len(), 6 * 5 / 2);
    assert_eq!(all("10", 1), 30.0 * 4.0 * 6.0, "every answer had a price in force");
}

/// Equal, but for the order in which doubles were summed.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= 1e-12 * one.abs().max(other.abs()).max(1.0)
        }
        _ => one == other,
    }
}

async fn duckdb_answers_about_other_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let python = python("NEURON_PYTHON_DATA");
    let found = answers_in(SERIES, &python, "duckdb", &series(folder.path()).await);
    let best = miner(1).hotkey.ss58();
    assert_eq!(rows(&found, "1")[0][0], best.as_str(), "{found:?}");
    let requests = rows(&found, "1").iter().map(|row| row[2].as_u64().unwrap()).sum::<u64>();
    assert_eq!(requests, 12 * 4, "every miner in every request");
    let shares: f64 = rows(&found, "1").iter().map(|row| row[5].as_f64().unwrap()).sum();
    assert!((shares - 12.0).abs() < 0.05, "each request has one to share: {shares}");
    assert_eq!(rows(&found, "2").len(), 6, "a row a step");
    // The third miner repeats what the second says.
    assert_eq!((&rows(&found, "5")[0][3], rows(&found, "5").len()), (&0.0.into(), 6));

    let found = answers_in(PROMPTS, &python, "duckdb", &prompts(folder.path()).await);
    let all = |question: &str, column: usize| -> u64 {
        rows(&found, question).iter().map(|row| row[column].as_u64().unwrap()).sum()
    };
    assert_eq!((all("1", 2), all("3", 2), all("4", 2)), (24 * 3, 24 * 3, 24));
    assert_eq!(rows(&found, "5")[0][3], 24, "two miners say the same in every round");
    assert!(rows(&found, "3").iter().any(|row| row[0] == "late" && row[1] == "too late"));
}

/// Asks both engines the questions of a section, and compares what they answer.
fn both_answer(section: (&str, usize), [duckdb, spark]: [&Path; 2], lake: &str) {
    let (by_duckdb, by_spark) =
        (answers_in(section, duckdb, "duckdb", lake), answers_in(section, spark, "spark", lake));
    for (question, found) in &by_duckdb {
        let (name, other) = (section.0, &by_spark[question]);
        assert!(!found["rows"].as_array().unwrap().is_empty(), "{name}: question {question} has no answer");
        assert_eq!(found["columns"], other["columns"], "{name}: question {question}");
        assert!(same(&found["rows"], &other["rows"]), "{name}: {question}: {found} {other}");
    }
}

async fn spark_on_two_workers_answers_as_duckdb_does() {
    let (spark, python) = (spark(), python("NEURON_PYTHON_DATA"));
    let folder = tempfile::tempdir().unwrap();
    both_answer(EVENTS, [&python, &spark], &lake(folder.path()).await);
}

async fn spark_answers_about_other_kinds_as_duckdb_does() {
    let (spark, python) = (spark(), python("NEURON_PYTHON_DATA"));
    let folder = tempfile::tempdir().unwrap();
    both_answer(SERIES, [&python, &spark], &series(folder.path()).await);
    both_answer(PROMPTS, [&python, &spark], &prompts(folder.path()).await);
}
