//! ForecastBench (Karger et al., ICLR 2025): its question sets as they are published, a submission as it is handed in, and its
//! score by the rules of 2026: Brier over everything that has resolved, a missing forecast counting as 0.5, market and dataset
//! questions weighing alike.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::units::Foreign;

/// Sources whose questions are markets: one forecast each, of how it ends.
const MARKETS: [&str; 5] = ["infer", "manifold", "metaculus", "polymarket", "kalshi"];
/// What a missing forecast counts as.
const MISSING: f64 = 0.5;
/// The share of each kind of questions that must be answered to stand on the board.
const COVERAGE: f64 = 0.95;

/// Why a file of the benchmark cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{path} is not a {what} of ForecastBench: {reason}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// A question set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct QuestionSet {
    /// The day on which forecasts are due.
    pub forecast_due_date: String,
    /// Its name.
    pub question_set: String,
    /// Its questions.
    pub questions: Vec<BenchQuestion>,
}

/// A question of a set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BenchQuestion {
    /// Its id; that of a pair is a list of two.
    pub id: Value,
    /// Where it comes from.
    pub source: String,
    /// The question, with places for dates in dataset questions.
    pub question: String,
    /// When it is yes.
    #[serde(default)]
    pub resolution_criteria: String,
    /// What there is to know.
    #[serde(default)]
    pub background: String,
    /// More about when it is yes.
    #[serde(default)]
    pub market_info_resolution_criteria: String,
    /// When the market closes.
    #[serde(default)]
    pub market_info_close_datetime: String,
    /// The market's price, or the last value of the series, before the set was made.
    #[serde(default)]
    pub freeze_datetime_value: Value,
    /// Days at which a dataset question resolves; a text for a market.
    #[serde(default)]
    pub resolution_dates: Value,
}

/// One forecast that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The place of its question in the set.
    pub question: usize,
    /// For which day, in dataset questions.
    pub resolution_date: Option<String>,
    /// What is asked.
    pub text: Foreign,
    /// The market's price, where it is one.
    pub price: Option<f64>,
}

impl BenchQuestion {
    /// Whether it is a market.
    #[must_use]
    pub fn is_market(&self) -> bool {
        MARKETS.contains(&self.source.as_str())
    }

    fn days(&self) -> Vec<String> {
        self.resolution_dates
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|day| day.as_str().map(str::to_owned))
            .collect()
    }

    /// The price of a market, which is written as a text.
    fn price(&self) -> Option<f64> {
        let value = &self.freeze_datetime_value;
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        (self.is_market() && (0.0..=1.0).contains(&number)).then_some(number)
    }

    fn text(&self, due: &str, day: Option<&str>) -> Foreign {
        let dated = |text: &str| {
            let text = text.replace("{forecast_due_date}", due);
            day.map_or(text.clone(), |day| text.replace("{resolution_date}", day))
        };
        let series = match (self.freeze_datetime_value.as_str(), self.is_market()) {
            (Some(value), false) if !value.is_empty() => format!("The last known value was {value}."),
            _ => String::new(),
        };
        let parts = [
            &self.question,
            &self.resolution_criteria,
            &self.market_info_resolution_criteria,
            &self.background,
            &series,
        ];
        let told = parts.into_iter().filter(|part| !part.is_empty() && *part != "N/A").map(|part| dated(part));
        told.collect::<Vec<_>>().join("\n").into()
    }
}

impl QuestionSet {
    /// The set in a file, as it is published.
    ///
    /// # Errors
    /// [`BenchError`].
    pub fn read(path: &Path) -> Result<Self, BenchError> {
        read(path, "question set")
    }

    /// Every forecast that is wanted: one for a market, one for each day of a dataset question.
    #[must_use]
    pub fn wanted(&self) -> Vec<Wanted> {
        let of = |(place, question): (usize, &BenchQuestion)| {
            let one = |day: Option<String>| Wanted {
                question: place,
                text: question.text(&self.forecast_due_date, day.as_deref()),
                price: question.price(),
                resolution_date: day,
            };
            if question.is_market() {
                vec![one(None)]
            } else {
                question.days().into_iter().map(|day| one(Some(day))).collect()
            }
        };
        self.questions.iter().enumerate().flat_map(of).collect()
    }
}

/// A file that is handed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// Who hands it in.
    pub organization: String,
    /// What forecast.
    pub model: String,
    /// Who made that.
    pub model_organization: String,
    /// For which set.
    pub question_set: String,
    /// The forecasts.
    pub forecasts: Vec<Submitted>,
}

/// One forecast of a submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    /// The question's id.
    pub id: Value,
    /// Its source.
    pub source: String,
    /// The probability.
    pub forecast: f64,
    /// The day, in dataset questions; null for a market.
    pub resolution_date: Option<String>,
    /// Reasons.
    #[serde(default)]
    pub reasoning: Option<String>,
}

impl Submission {
    /// A submission of answers to what `set` wants, in its order; what was not answered is left out.
    #[must_use]
    pub fn of(
        set: &QuestionSet,
        organization: &str,
        model: &str,
        answers: &[(Wanted, Option<f64>, Option<String>)],
    ) -> Self {
        let one = |(wanted, answer, reasoning): &(Wanted, Option<f64>, Option<String>)| {
            let question = set.questions.get(wanted.question)?;
            Some(Submitted {
                id: question.id.clone(),
                source: question.source.clone(),
                forecast: (*answer)?,
                resolution_date: wanted.resolution_date.clone(),
                reasoning: reasoning.clone(),
            })
        };
        Self {
            organization: organization.to_owned(),
            model: model.to_owned(),
            model_organization: organization.to_owned(),
            question_set: set.question_set.clone(),
            forecasts: answers.iter().filter_map(one).collect(),
        }
    }

    /// The submission in a file.
    ///
    /// # Errors
    /// [`BenchError`].
    pub fn read(path: &Path) -> Result<Self, BenchError> {
        read(path, "forecast set")
    }

    /// What its name must be: `2026-09-27.ORGANIZATION.1.json`.
    #[must_use]
    pub fn file_name(&self, due: &str, number: u32) -> String {
        let bare: String = self.organization.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect();
        format!("{due}.{bare}.{number}.json")
    }

    /// What the benchmark would refuse, or leave off its board.
    #[must_use]
    pub fn complaints(&self, set: &QuestionSet) -> Vec<String> {
        let mut found = Vec::new();
        if self.question_set != set.question_set {
            found.push(format!("it is for `{}`, not for `{}`", self.question_set, set.question_set));
        }
        let answered: std::collections::HashSet<Key> = self.forecasts.iter().map(key_of_forecast).collect();
        for (kind, market) in [("market", true), ("dataset", false)] {
            let of_kind: Vec<&BenchQuestion> = set.questions.iter().filter(|q| q.is_market() == market).collect();
            let all = |question: &&&BenchQuestion| {
                let days = if market { vec![None] } else { question.days().into_iter().map(Some).collect() };
                days.into_iter().any(|day| answered.contains(&key(&question.id, &question.source, day)))
            };
            let covered = of_kind.iter().filter(all).count();
            if (covered as f64) < COVERAGE * of_kind.len() as f64 {
                let of = of_kind.len();
                found.push(format!("{covered} of {of} {kind} questions are answered; the leaderboard needs 95 %"));
            }
        }
        let odd = self.forecasts.iter().filter(|forecast| !(0.0..=1.0).contains(&forecast.forecast)).count();
        if odd > 0 {
            found.push(format!("{odd} forecasts are not probabilities"));
        }
        found
    }
}

/// How questions ended.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ResolutionSet {
    /// For which set.
    pub question_set: String,
    /// The ends.
    pub resolutions: Vec<BenchResolution>,
}

/// How one question ended, for one day.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BenchResolution {
    /// The question's id.
    pub id: Value,
    /// Its source.
    pub source: String,
    /// For pairs: which of them are negated.
    #[serde(default)]
    pub direction: Value,
    /// The day.
    pub resolution_date: String,
    /// 0 or 1; the price of the day for a market that has not ended.
    pub resolved_to: Option<f64>,
    /// Whether it has ended.
    pub resolved: bool,
}

impl ResolutionSet {
    /// The set in a file, as it is published.
    ///
    /// # Errors
    /// [`BenchError`].
    pub fn read(path: &Path) -> Result<Self, BenchError> {
        read(path, "resolution set")
    }
}

/// A submission's score.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct BenchScore {
    /// The mean of the two kinds, less is better.
    pub overall: Option<f64>,
    /// The same as the board shows it: 1 for what is always right, 0.5 for 0.5 said to everything, 0 for what is always wrong.
    pub index: Option<f64>,
    /// Brier of dataset questions.
    pub dataset: Option<f64>,
    /// Brier of markets.
    pub market: Option<f64>,
    /// The price's on the same markets, where the set says it.
    pub market_price: Option<f64>,
    /// By source.
    pub sources: BTreeMap<String, SourceScore>,
    /// Resolved questions without a forecast, counted as 0.5.
    pub imputed: usize,
}

/// The score of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, JsonSchema, Serialize)]
pub struct SourceScore {
    /// Resolved forecasts.
    pub count: usize,
    /// Their mean squared error.
    pub brier: f64,
}

type Key = (String, String, Option<String>);

/// A market's forecast has no day.
fn key(id: &Value, source: &str, day: Option<String>) -> Key {
    (id.to_string(), source.to_owned(), day.filter(|_| !MARKETS.contains(&source)))
}

fn key_of_forecast(forecast: &Submitted) -> Key {
    key(&forecast.id, &forecast.source, forecast.resolution_date.clone())
}

/// Scores `submission` on everything of `set` that has resolved.
///
/// Pairs of questions of the sets of 2024 are left out: they are no longer asked.
#[must_use]
pub fn score(set: &QuestionSet, submission: &Submission, resolutions: &ResolutionSet) -> BenchScore {
    let said: HashMap<Key, f64> =
        submission.forecasts.iter().map(|forecast| (key_of_forecast(forecast), forecast.forecast)).collect();
    let prices: HashMap<Key, f64> = set
        .questions
        .iter()
        .filter_map(|question| Some((key(&question.id, &question.source, None), question.price()?)))
        .collect();
    let mut sources: BTreeMap<String, SourceScore> = BTreeMap::new();
    let (mut dataset, mut market, mut of_price, mut imputed) = ((0.0, 0), (0.0, 0), (0.0, 0), 0);
    for ended in &resolutions.resolutions {
        let (Some(outcome), true, true) = (ended.resolved_to, ended.resolved, !ended.id.is_array()) else { continue };
        let key = key(&ended.id, &ended.source, Some(ended.resolution_date.clone()));
        let forecast = said.get(&key).copied().filter(|p| (0.0..=1.0).contains(p));
        imputed += usize::from(forecast.is_none());
        let error = (forecast.unwrap_or(MISSING) - outcome).powi(2);
        let is_market = MARKETS.contains(&ended.source.as_str());
        let (sum, count) = if is_market { &mut market } else { &mut dataset };
        *sum += error;
        *count += 1;
        if let Some(price) = prices.get(&key).filter(|_| is_market) {
            of_price.0 += (price - outcome).powi(2);
            of_price.1 += 1;
        }
        let source = sources.entry(ended.source.clone()).or_default();
        source.brier += error;
        source.count += 1;
    }
    sources.values_mut().for_each(|source| source.brier /= source.count as f64);
    let mean = |(sum, count): (f64, usize)| (count > 0).then(|| sum / count as f64);
    let (dataset, market) = (mean(dataset), mean(market));
    let overall = match (dataset, market) {
        (Some(a), Some(b)) => Some(f64::midpoint(a, b)),
        (one, other) => one.or(other),
    };
    BenchScore {
        overall,
        index: overall.map(|brier| 1.0 - brier.sqrt()),
        dataset,
        market,
        market_price: mean(of_price),
        sources,
        imputed,
    }
}

fn read<T: DeserializeOwned>(path: &Path, what: &'static str) -> Result<T, BenchError> {
    let text = std::fs::read(path).map_err(|source| BenchError::File { path: path.to_owned(), source })?;
    let wrong = |e: serde_json::Error| BenchError::Shape { path: path.to_owned(), what, reason: e.to_string() };
    serde_json::from_slice(&text).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set() -> QuestionSet {
        serde_json::from_value(json!({
            "forecast_due_date": "2026-05-10", "question_set": "2026-05-10-llm.json",
            "questions": [
                {"id": "m1", "source": "manifold", "question": "Will it?", "resolution_criteria": "R", "background": "N/A",
                 "freeze_datetime_value": "0.25", "resolution_dates": "N/A"},
                {"id": "f1", "source": "fred", "question": "Will X rise from {forecast_due_date} to {resolution_date}?",
                 "freeze_datetime_value": "3.5", "resolution_dates": ["2026-05-17", "2026-06-09"]}
            ]
        }))
        .unwrap()
    }

    fn ends() -> ResolutionSet {
        let row = |id: &str, source: &str, day: &str, to: f64, resolved: bool| json!({"id": id, "source": source, "direction": null, "resolution_date": day, "resolved_to": to, "resolved": resolved});
        let rows = [
            row("m1", "manifold", "2026-05-30", 1.0, true),
            row("f1", "fred", "2026-05-17", 0.0, true),
            row("f1", "fred", "2026-06-09", 1.0, true),
            row("m2", "manifold", "2026-05-30", 0.4, false),
        ];
        serde_json::from_value(json!({"question_set": "2026-05-10-llm.json", "resolutions": rows})).unwrap()
    }

    #[test]
    fn a_set_is_answered_handed_in_and_scored() {
        let set = set();
        let wanted = set.wanted();
        let texts: Vec<&str> = wanted.iter().map(|wanted| wanted.text.as_raw()).collect();
        assert_eq!(texts[0], "Will it?\nR");
        assert_eq!(texts[2], "Will X rise from 2026-05-10 to 2026-06-09?\nThe last known value was 3.5.");
        assert_eq!((wanted[0].price, wanted[1].price), (Some(0.25), None));
        let answers: Vec<_> = wanted.into_iter().zip([Some(0.5), Some(0.2), None]).map(|(w, p)| (w, p, None)).collect();
        let submission = Submission::of(&set, "The Lab, Inc", "neuron", &answers);
        assert_eq!(submission.file_name("2026-05-10", 1), "2026-05-10.TheLabInc.1.json");
        assert!(submission.complaints(&set).is_empty(), "a dataset question counts with any of its days");
        let json = serde_json::to_value(&submission).unwrap();
        assert_eq!(json["forecasts"][0]["resolution_date"], Value::Null);
        assert_eq!(json["forecasts"][1]["resolution_date"], "2026-05-17");
        let score = score(&set, &submission, &ends());
        assert!((score.market.unwrap() - 0.25).abs() < 1e-12 && (score.market_price.unwrap() - 0.5625).abs() < 1e-12);
        assert!((score.dataset.unwrap() - (0.04 + 0.25) / 2.0).abs() < 1e-12, "a missing one is 0.5");
        assert!((score.overall.unwrap() - f64::midpoint(0.25, 0.145)).abs() < 1e-12);
        assert!((score.index.unwrap() - (1.0 - 0.1975_f64.sqrt())).abs() < 1e-12);
        assert_eq!((score.imputed, score.sources["fred"].count), (1, 2));
    }

    #[test]
    fn what_the_benchmark_would_refuse_is_told_before() {
        let (set, mut submission) = (set(), Submission::of(&set(), "o", "m", &[]));
        submission.question_set = "other".to_owned();
        submission.forecasts = vec![Submitted {
            id: "m1".into(),
            source: "manifold".into(),
            forecast: 70.0,
            resolution_date: None,
            reasoning: None,
        }];
        let complaints = submission.complaints(&set).join("\n");
        for words in ["`other`", "0 of 1 dataset", "not probabilities"] {
            assert!(complaints.contains(words), "{complaints}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.json");
        std::fs::write(&file, "[]").unwrap();
        assert!(QuestionSet::read(&file).unwrap_err().to_string().contains("not a question set"));
        assert!(matches!(Submission::read(&folder.path().join("none")), Err(BenchError::File { .. })));
    }
}
