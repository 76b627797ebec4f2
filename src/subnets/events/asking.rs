//! One question to all miners, and what their answers say.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::conditions::Conditions;
use super::ledger::EventRow;
use super::synapse::{EventPrediction, EventPredictionSynapse, Verbatim};
use crate::dendrite::{Deadlines, Dendrite, DendriteError, Failure, Target};
use crate::scoring::conditional::Conditional;
use crate::synapse::{Hollow, Synapse};
use crate::units::Foreign;

/// What one miner reports.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reports {
    /// The event's key and the number that was said.
    pub(super) numbers: Vec<(Arc<str>, f64)>,
    /// Entries that are no answer to anything: wrong types, numbers out of range, missing members.
    pub(super) misfits: u64,
    /// What it says beside its numbers, by the event's key.
    pub(super) reasonings: Vec<(Arc<str>, Foreign)>,
    /// The miner's conditional forecasts, when it said anything about them: the set that replaces the one before.
    pub(super) rules: Option<Vec<Conditional<Arc<str>>>>,
}

/// Asks all miners about `open` events at once; one result for each, in their order. Words beside the numbers only when they
/// are wanted: an answer of 1,000 events takes a hundred times the memory of its numbers.
pub(super) async fn ask(
    dendrite: &Dendrite,
    targets: &[Target],
    open: &[EventRow],
    deadline: Duration,
    with_reasonings: bool,
) -> Result<Vec<Result<Reports, Failure>>, DendriteError> {
    let keys: HashMap<String, Arc<str>> = open.iter().map(|row| (row.key.clone(), row.key.as_str().into())).collect();
    let deadlines = Deadlines { total: deadline, per_peer: deadline };
    let take = move |round: Round| round.reports(&keys, with_reasonings);
    let answers = dendrite.gather(targets, &Round::asking(open), deadlines, take).await?;
    Ok(answers.into_iter().map(|answer| answer.result).collect())
}

/// The synapse as it goes out, and as it is read when it comes back: entry by entry, for one that is wrong must not
/// cost the miner its others. (For a Python validator of 2025 it does.)
#[derive(Debug, PartialEq, Serialize)]
struct Round {
    #[serde(flatten)]
    synapse: EventPredictionSynapse,
    #[serde(skip)]
    misfits: u64,
}

impl Round {
    fn asking(open: &[EventRow]) -> Self {
        let entry = |row: &EventRow| {
            let kind = row.beside.kind.as_ref().unwrap_or(&row.provider).clone();
            let mut asked =
                EventPrediction::ask(row.id.clone(), kind, row.description.clone(), Some(row.cutoff.as_secs()));
            let metadata = row.beside.metadata.as_ref().and_then(|text| Verbatim::object(text.as_raw().to_owned()));
            asked.metadata = metadata.unwrap_or_default();
            (row.key.clone(), asked)
        };
        Self {
            synapse: EventPredictionSynapse { events: open.iter().map(entry).collect(), ..Default::default() },
            misfits: 0,
        }
    }

    /// Numbers for events that were asked about; what is said about others is nobody's business.
    fn reports(&self, keys: &HashMap<String, Arc<str>>, with_reasonings: bool) -> Reports {
        let report = |(key, event): (&String, &EventPrediction)| {
            let key = keys.get(key)?;
            event.forecast().map(|p| (Arc::clone(key), p.get()))
        };
        let rule = |rule: &Conditional<String>| {
            let (event, if_event) = (keys.get(&rule.event)?, keys.get(&rule.if_event)?);
            Some(rule.between(Arc::clone(event), Arc::clone(if_event)))
        };
        let words = |(key, event): (&String, &EventPrediction)| {
            let text = event.reasoning.as_ref().filter(|text| !text.as_raw().trim().is_empty())?;
            event.forecast()?;
            Some((Arc::clone(keys.get(key)?), text.clone()))
        };
        let conditions = &self.synapse.conditions;
        Reports {
            reasonings: self.synapse.events.iter().filter(|_| with_reasonings).filter_map(words).collect(),
            numbers: self.synapse.events.iter().filter_map(report).collect(),
            misfits: self.misfits + conditions.misfits,
            rules: conditions.rules.as_ref().map(|rules| rules.iter().filter_map(rule).collect()),
        }
    }
}

impl Synapse for Round {
    const NAME: &'static str = EventPredictionSynapse::NAME;

    fn required_fields(&self) -> Vec<(&'static str, Hollow)> {
        self.synapse.required_fields()
    }
}

impl<'de> Deserialize<'de> for Round {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            #[serde(default)]
            events: BTreeMap<String, Box<RawValue>>,
            #[serde(default)]
            conditions: Conditions,
        }
        let raw = Raw::deserialize(deserializer)?;
        let synapse = EventPredictionSynapse { conditions: raw.conditions, ..Default::default() };
        let mut round = Self { synapse, misfits: 0 };
        for (key, entry) in raw.events {
            match serde_json::from_str(entry.get()) {
                Ok(event) => {
                    round.synapse.events.insert(key, event);
                }
                Err(_) => round.misfits += 1,
            }
        }
        Ok(round)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synapse::body;

    fn entry(probability: &str) -> String {
        format!(
            r#"{{"event_id":"1","market_type":"m","description":"","cutoff":null,"metadata":{{}},"probability":{probability},"reasoning":null,"miner_answered":true}}"#
        )
    }

    #[test]
    fn a_wrong_entry_costs_nobody_but_itself() {
        let good = entry("0.25");
        for bad in [entry("2.0"), entry("\"maybe\""), entry("[]"), "7".to_owned(), "null".to_owned()] {
            let text = format!(r#"{{"events":{{"m-1":{good},"m-2":{bad},"m-3":{good}}}}}"#);
            let round: Round = body::read(text.as_bytes()).unwrap();
            let keys = HashMap::from([("m-1".to_owned(), "m-1".into()), ("m-2".to_owned(), "m-2".into())]);
            let reports = round.reports(&keys, true);
            let expected = Reports { numbers: vec![("m-1".into(), 0.25)], misfits: 1, ..Reports::default() };
            assert_eq!(reports, expected, "{bad}");
        }
        let nan = format!(r#"{{"events":{{"m-1":{good},"m-2":{}}}}}"#, entry("NaN"));
        let round: Round = body::read(nan.as_bytes()).unwrap();
        assert_eq!(round.synapse.events["m-1"].forecast().unwrap().get(), 0.25);
        assert!(round.synapse.events.get("m-2").is_none_or(|event| event.forecast().is_none()));
    }

    #[test]
    fn rules_about_events_that_were_asked_are_read_and_garbage_costs_itself() {
        let keys = HashMap::from(["m-1", "m-2"].map(|key| (key.to_owned(), key.into())));
        let good = r#"{"event":"m-1","probability":0.75,"if_event":"m-2","below":0.5}"#;
        let strange = r#"{"event":"m-1","probability":0.75,"if_event":"m-9","below":0.5}"#;
        for bad in ["7", "null", "{}", "[[]]", r#"{"event":"m-1","probability":2,"if_event":"m-2","above":0.5}"#] {
            let text = format!(r#"{{"events":{{}},"conditions":[{bad},{good},{strange}]}}"#);
            let reports = body::read::<Round>(text.as_bytes()).unwrap().reports(&keys, true);
            let rule = Conditional::new("m-1".into(), 0.75, "m-2".into(), None, Some(0.5)).unwrap();
            assert_eq!((reports.rules, reports.misfits), (Some(vec![rule]), 1), "{bad}");
        }
        for (absent, misfits) in [("null", 0), ("7", 1), ("{}", 1), ("\"[]\"", 1)] {
            let text = format!(r#"{{"events":{{"m-1":{}}},"conditions":{absent}}}"#, entry("0.25"));
            let reports = body::read::<Round>(text.as_bytes()).unwrap().reports(&keys, true);
            assert_eq!((reports.rules, reports.misfits), (None, misfits), "{absent}");
            assert_eq!(reports.numbers, [("m-1".into(), 0.25)], "{absent}");
        }
        let withdrawn = body::read::<Round>(br#"{"events":{},"conditions":[]}"#).unwrap().reports(&keys, true);
        assert_eq!(withdrawn.rules, Some(Vec::new()));
    }
}
