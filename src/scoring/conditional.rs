//! Conditional forecasts: "if the aggregate probability of X is above Y, mine for Z is p".
//!
//! A miner sends rules once; the validator evaluates them at every round on the aggregates of the last closed round, so
//! that no rule can wait for another, and the reports that result enter the scoring rule like any other.
//!
//! As JSON a rule is `{"event": "polymarket-Z", "probability": 0.7, "if_event": "polymarket-X", "above": 0.5}`, with
//! `below` in place of `above` for the other side: so it stands in the optional member `conditions` of the events
//! synapse, which old peers ignore.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Rules that a miner may have at a time; what is beyond is dropped.
pub const MAX_PER_MINER: usize = 32;

/// On which side of the threshold a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The aggregate is greater than the threshold.
    Above,
    /// The aggregate is less than the threshold.
    Below,
}

/// One rule of a miner; `E` names events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Entry<E>", into = "Entry<E>", bound(serialize = "E: Clone + Serialize"))]
pub struct Conditional<E> {
    /// The event it speaks about.
    pub event: E,
    /// What it says, clamped to `0..=1` when it is recorded; anything not finite is no rule.
    pub p: f64,
    /// The event whose aggregate decides.
    pub if_event: E,
    /// On which side.
    pub side: Side,
    /// Of what.
    pub threshold: f64,
}

/// A rule that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a conditional forecast needs a probability and either `above` or `below`, all of them numbers from 0 to 1")]
pub struct NoRule;

impl<E> Conditional<E> {
    /// A rule out of its members: exactly one of `above` and `below` is there, and all numbers are in `0..=1`.
    ///
    /// # Errors
    /// [`NoRule`] otherwise.
    pub fn new(event: E, p: f64, if_event: E, above: Option<f64>, below: Option<f64>) -> Result<Self, NoRule> {
        let (side, threshold) = match (above, below) {
            (Some(above), None) => (Side::Above, above),
            (None, Some(below)) => (Side::Below, below),
            _ => return Err(NoRule),
        };
        let is_share = |number: f64| (0.0..=1.0).contains(&number);
        if !is_share(p) || !is_share(threshold) {
            return Err(NoRule);
        }
        Ok(Self { event, p, if_event, side, threshold })
    }

    /// The same rule between events named otherwise.
    #[must_use]
    pub const fn between<F>(&self, event: F, if_event: F) -> Conditional<F> {
        Conditional { event, p: self.p, if_event, side: self.side, threshold: self.threshold }
    }

    /// Whether its numbers are numbers.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.p.is_finite() && self.threshold.is_finite()
    }

    /// Whether it holds, given the aggregate of its condition; never when there is none.
    #[must_use]
    pub fn holds(&self, aggregate: Option<f64>) -> bool {
        aggregate.is_some_and(|aggregate| match self.side {
            Side::Above => aggregate > self.threshold,
            Side::Below => aggregate < self.threshold,
        })
    }
}

/// A rule as JSON.
#[derive(Serialize, Deserialize)]
struct Entry<E> {
    event: E,
    probability: f64,
    if_event: E,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    above: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    below: Option<f64>,
}

impl<E> TryFrom<Entry<E>> for Conditional<E> {
    type Error = NoRule;

    fn try_from(entry: Entry<E>) -> Result<Self, NoRule> {
        Self::new(entry.event, entry.probability, entry.if_event, entry.above, entry.below)
    }
}

impl<E> From<Conditional<E>> for Entry<E> {
    fn from(rule: Conditional<E>) -> Self {
        let on = |side| (rule.side == side).then_some(rule.threshold);
        let (above, below) = (on(Side::Above), on(Side::Below));
        Self { event: rule.event, probability: rule.p, if_event: rule.if_event, above, below }
    }
}

/// What a miner's rules come to: of several rules for one event the first that holds.
#[must_use]
pub fn evaluate<E: Ord>(rules: &[Conditional<E>], aggregate: impl Fn(&E) -> Option<f64>) -> BTreeMap<&E, f64> {
    let mut reports = BTreeMap::new();
    for rule in rules.iter().take(MAX_PER_MINER).filter(|rule| rule.is_sound()) {
        if !reports.contains_key(&rule.event) && rule.holds(aggregate(&rule.if_event)) {
            reports.insert(&rule.event, rule.p.clamp(0.0, 1.0));
        }
    }
    reports
}

/// The aggregate of one round: the median of its reports, which a few extreme ones do not move.
#[must_use]
pub fn aggregate(reports: &mut [f64]) -> Option<f64> {
    reports.sort_by(f64::total_cmp);
    let middle = reports.len() / 2;
    match reports.len() {
        0 => None,
        n if n % 2 == 1 => reports.get(middle).copied(),
        _ => Some((reports.get(middle - 1)? + reports.get(middle)?) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(
        event: &'static str,
        p: f64,
        if_event: &'static str,
        side: Side,
        threshold: f64,
    ) -> Conditional<&'static str> {
        Conditional { event, p, if_event, side, threshold }
    }

    #[test]
    fn the_first_rule_that_holds_speaks() {
        let rules = [
            rule("z", 0.9, "x", Side::Above, 0.5),
            rule("z", 0.4, "x", Side::Below, 0.5),
            rule("z", 0.1, "x", Side::Below, 0.9),
            rule("y", 7.0, "z", Side::Above, 0.0),
            rule("w", f64::NAN, "x", Side::Below, 0.5),
        ];
        let at = |x: f64| move |event: &&str| (*event == "x").then_some(x);
        assert_eq!(evaluate(&rules, at(0.6)), BTreeMap::from([(&"z", 0.9)]));
        assert_eq!(evaluate(&rules, at(0.3)), BTreeMap::from([(&"z", 0.4)]));
        // On the threshold neither side holds.
        assert_eq!(evaluate(&rules, at(0.5)), BTreeMap::from([(&"z", 0.1)]));
        assert!(evaluate(&rules, |_| None).is_empty());
    }

    #[test]
    fn as_json_a_rule_has_one_side_and_numbers_in_range() {
        for text in [
            r#"{"event":"z","probability":0.7,"if_event":"x","above":0.5}"#,
            r#"{"event":"z","probability":0.0,"if_event":"x","below":1.0}"#,
        ] {
            let rule: Conditional<String> = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&rule).unwrap(), text);
        }
        for members in [
            r#""probability":0.7,"if_event":"x""#,
            r#""probability":0.7,"if_event":"x","above":0.5,"below":0.5"#,
            r#""probability":70,"if_event":"x","above":0.5"#,
            r#""probability":0.7,"if_event":"x","above":-0.5"#,
            r#""probability":null,"if_event":"x","above":0.5"#,
            r#""probability":0.7,"if_event":7,"above":0.5"#,
            r#""probability":"0.7","if_event":"x","above":0.5"#,
            r#""probability":0.7,"above":0.5"#,
        ] {
            let text = format!(r#"{{"event":"z",{members}}}"#);
            assert!(serde_json::from_str::<Conditional<String>>(&text).is_err(), "{members}");
        }
    }

    #[test]
    fn a_miner_has_a_bounded_number_of_rules() {
        let rules: Vec<_> = (0..MAX_PER_MINER + 1)
            .map(|event| Conditional { event, p: 0.5, if_event: 0, side: Side::Above, threshold: 0.1 })
            .collect();
        assert_eq!(evaluate(&rules, |_| Some(0.5)).len(), MAX_PER_MINER);
    }

    #[test]
    fn the_aggregate_is_the_median() {
        assert_eq!(aggregate(&mut []), None);
        assert_eq!(aggregate(&mut [0.9, 0.1, 0.2]), Some(0.2));
        assert_eq!(aggregate(&mut [0.4, 0.2]), Some((0.2 + 0.4) / 2.0));
    }
}
