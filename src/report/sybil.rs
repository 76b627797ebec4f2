//! Slots that look like one person's, and what that earned them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::compare::{under, variant};
use super::{Case, ReportError};
use crate::scoring::sybil::{Pair, Thresholds, groups, pairs};
use crate::units::Identity;

/// The alternatives that are shown beside the rules in force.
const ALTERNATIVES: [&str; 4] = ["clip=event", "duplicates=split", "sequential", "confidence_z=1"];

/// Pairs and groups of miners that are alike beyond the market's price.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Suspects {
    /// Events searched.
    pub events: usize,
    /// Pairs whose reports are copied or complementary.
    pub pairs: Vec<Pair<Identity>>,
    /// The pairs, joined.
    pub groups: Vec<Group>,
    /// The rules of [`Group::shares`]: those in force, then each alternative.
    pub rules: Vec<String>,
}

/// Miners that hang together.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Group {
    /// Who.
    pub members: Vec<Identity>,
    /// The share of the weights of the whole group, by rule.
    pub shares: Vec<f64>,
    /// The share of its best member under the rules in force: what the group might earn with one slot.
    pub best_alone: f64,
}

/// Searches the last `events` counted events; without a number, as many as the window of the average has.
///
/// # Errors
/// The ledger's.
pub fn search(case: &Case, events: Option<usize>) -> Result<Suspects, ReportError> {
    let reports = case.archive.event_reports(events.unwrap_or(case.rules.window_events))?;
    let pairs = pairs(&reports, &Thresholds::default());
    let mut rules = vec!["in force".to_owned()];
    let mut earned = vec![under(&case.archive, &case.rules)?];
    for alternative in ALTERNATIVES.iter().filter(|_| !pairs.is_empty()) {
        rules.push((*alternative).to_owned());
        earned.push(under(&case.archive, &variant(&case.rules, alternative)?)?);
    }
    let earned: Vec<BTreeMap<Identity, f64>> =
        earned.into_iter().map(|column| column.into_iter().map(|(who, under)| (who, under.share)).collect()).collect();
    let groups = groups(&pairs).into_iter().map(|members| group(members, &earned)).collect();
    Ok(Suspects { events: reports.len(), pairs, groups, rules })
}

fn group(members: Vec<Identity>, earned: &[BTreeMap<Identity, f64>]) -> Group {
    let share = |column: &BTreeMap<Identity, f64>| members.iter().filter_map(|who| column.get(who)).sum();
    let alone = |who: &Identity| earned.first().and_then(|column| column.get(who)).copied().unwrap_or(0.0);
    let best_alone = members.iter().map(alone).fold(0.0, f64::max);
    Group { shares: earned.iter().map(share).collect(), best_alone, members }
}
