//! The JSON in which a program or a server is asked, and answers (`docs/forecasters.md`).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::forecast::{Forecast, Question};
use crate::scoring::conditional::{Conditional, MAX_PER_MINER};
use crate::units::{Probability, UnixMs};

/// Question number `number`, asked at market time `now`.
pub(super) fn asking(question: &Question, number: u64, now: UnixMs) -> Value {
    json!({
        "id": number,
        "event": question.key,
        "provider": question.provider,
        "event_id": question.id,
        "description": question.description,
        "cutoff": question.cutoff.map(UnixMs::as_secs),
        "now": now.as_secs(),
    })
}

/// An answer as it is written: `{"id": 17, "probability": 0.62}`, with or without `conditions`. Who is asked one question
/// at a time may leave out its number.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Option<u64>,
    probability: Value,
    #[serde(default)]
    conditions: Value,
}

/// A rule about the event that was asked about.
#[derive(Deserialize)]
struct Rule {
    probability: f64,
    if_event: String,
    #[serde(default)]
    above: Option<f64>,
    #[serde(default)]
    below: Option<f64>,
}

/// The answer to one question; the default abstains.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) probability: Option<Probability>,
    /// Rules about nothing yet.
    conditions: Vec<Conditional<String>>,
}

impl Answer {
    /// The number of the question, where it is said, and what is said to it; `None` for what is no answer.
    pub(super) fn read(line: &[u8]) -> Option<(Option<u64>, Self)> {
        let line: Line = serde_json::from_slice(line).ok()?;
        let probability = line.probability.as_f64().and_then(|p| Probability::new(p).ok());
        // Clamping would make certainty of a percentage; a number out of range is a mistake, so no answer.
        if probability.is_none() && !line.probability.is_null() {
            tracing::warn!(answer = %line.probability, "the answer of a forecaster is not a probability");
        }
        Some((line.id, Self { probability, conditions: rules(line.conditions) }))
    }

    /// The same as a forecast.
    pub(super) fn about(self, question: &Question) -> Forecast {
        let about = |rule: Conditional<String>| Conditional { event: question.key.0.clone(), ..rule };
        Forecast { probability: self.probability, conditions: self.conditions.into_iter().map(about).collect() }
    }
}

fn rules(conditions: Value) -> Vec<Conditional<String>> {
    let entries = match conditions {
        Value::Null => return Vec::new(),
        Value::Array(entries) => entries,
        other => vec![other],
    };
    let rule = |entry: Value| {
        let read = Rule::deserialize(&entry).map_err(|error| error.to_string()).and_then(|rule| {
            Conditional::new(String::new(), rule.probability, rule.if_event, rule.above, rule.below)
                .map_err(|error| error.to_string())
        });
        read.inspect_err(|error| tracing::warn!(%entry, error, "a forecaster gave a condition that is not valid")).ok()
    };
    entries.into_iter().take(MAX_PER_MINER).filter_map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::EventKey;

    fn question() -> Question {
        Question {
            key: EventKey::new("polymarket", "z"),
            provider: "polymarket".into(),
            id: "z".into(),
            description: "?".into(),
            cutoff: None,
        }
    }

    fn read(conditions: &str) -> Forecast {
        let line = format!(r#"{{"id":17,"probability":null,"conditions":{conditions}}}"#);
        let (id, answer) = Answer::read(line.as_bytes()).unwrap();
        assert_eq!(id, Some(17));
        answer.about(&question())
    }

    #[test]
    fn rules_are_about_the_question_and_a_wrong_one_costs_itself() {
        let good = r#"{"if_event":"polymarket-x","above":0.5,"probability":0.75}"#;
        let expected =
            Conditional::new("polymarket-z".to_owned(), 0.75, "polymarket-x".to_owned(), Some(0.5), None).unwrap();
        for bad in ["7", "null", "[]", r#"{"if_event":"x","above":0.5,"probability":75}"#, r#"{"if_event":"x"}"#] {
            assert_eq!(read(&format!("[{bad},{good}]")).conditions, std::slice::from_ref(&expected), "{bad}");
        }
        for nothing in ["null", "[]", "7", "\"x\"", "{}"] {
            assert!(read(nothing).abstains(), "{nothing}");
        }
        assert_eq!(read(&format!("[{}]", vec![good; 1000].join(","))).conditions.len(), MAX_PER_MINER);
    }
}
