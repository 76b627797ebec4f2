//! The same records under several rules.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Case, ReportError};
use crate::ledger::LedgerError;
use crate::scoring::Rules;
use crate::scoring::window::{averages, shares};
use crate::subnets::events::ledger::Archive;
use crate::units::Identity;

/// All miners under several rules.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Comparison {
    /// The rules, as they were written.
    pub rules: Vec<String>,
    /// All miners of the ledger, the best under the first rule first.
    pub miners: Vec<Compared>,
}

/// A miner under several rules.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Compared {
    /// The miner.
    pub identity: Identity,
    /// One per rule.
    pub under: Vec<Under>,
}

/// What a rule makes of a miner.
#[derive(Debug, Clone, Copy, Default, PartialEq, JsonSchema, Serialize)]
pub struct Under {
    /// The average before the floor.
    pub average: f64,
    /// The share of the weights, among all miners of the ledger; 0 when nobody earned anything.
    pub share: f64,
}

/// Judges the ledger by each of `rules`: a rule's name with changes to the rules in force, see [`variant`].
///
/// # Errors
/// [`ReportError::Rule`], or the ledger's.
pub fn compare(case: &Case, rules: Vec<String>) -> Result<Comparison, ReportError> {
    let mut columns = Vec::with_capacity(rules.len());
    for rule in &rules {
        columns.push(under(&case.archive, &variant(&case.rules, rule)?)?);
    }
    let mut identities: Vec<Identity> = case.archive.identities().collect();
    identities.sort();
    let of = |identity: &Identity, column: &Vec<(Identity, Under)>| {
        column.iter().find(|(who, _)| who == identity).map_or_else(Under::default, |(_, under)| *under)
    };
    let mut miners: Vec<Compared> = identities
        .into_iter()
        .map(|identity| Compared { identity, under: columns.iter().map(|column| of(&identity, column)).collect() })
        .collect();
    let first = |miner: &Compared| miner.under.first().map_or(0.0, |under| under.average);
    miners.sort_by(|a, b| first(b).total_cmp(&first(a)));
    Ok(Comparison { rules, miners })
}

/// Averages and shares of everybody under some rules.
///
/// # Errors
/// The ledger's.
pub fn under(archive: &Archive, rules: &Rules) -> Result<Vec<(Identity, Under)>, LedgerError> {
    let averages = averages(&archive.window(rules)?, rules);
    let rewards: Vec<_> = averages.iter().map(|(identity, average)| (*identity, average.reward)).collect();
    let shares = shares(&rewards).unwrap_or_else(|| rewards.iter().map(|(identity, _)| (*identity, 0.0)).collect());
    let join = averages.values().zip(shares);
    Ok(join.map(|(average, (identity, share))| (identity, Under { average: average.mean, share })).collect())
}

/// `base` with changes: `name,key=value,…`, where a word alone is a rule's name and the keys are those of the settings
/// (`scoring.key`).
///
/// # Errors
/// [`ReportError::Rule`].
pub fn variant(base: &Rules, text: &str) -> Result<Rules, ReportError> {
    changed(base, text).map_err(|reason| ReportError::Rule { rule: text.to_owned(), reason })
}

fn changed(base: &Rules, text: &str) -> Result<Rules, String> {
    let mut table = toml::Table::try_from(base).map_err(|e| e.to_string())?;
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or(("rule", part));
        let old = table
            .get(key)
            .ok_or_else(|| format!("there is no setting scoring.{key}; `neuron config show` lists all settings"))?;
        let new = of_the_same_kind(old, value).ok_or_else(|| format!("{key}={value}: not a {}", old.type_str()))?;
        table.insert(key.to_owned(), new);
    }
    let rules: Rules = table.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
    rules.validate().map_err(|e| e.to_string())?;
    Ok(rules)
}

fn of_the_same_kind(old: &toml::Value, new: &str) -> Option<toml::Value> {
    match old {
        toml::Value::String(_) => Some(new.into()),
        toml::Value::Integer(_) => new.parse().ok().map(toml::Value::Integer),
        toml::Value::Float(_) => new.parse().ok().map(toml::Value::Float),
        toml::Value::Boolean(_) => new.parse().ok().map(toml::Value::Boolean),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::rules::{Clip, RuleName};

    #[test]
    fn a_rule_is_a_name_and_changes() {
        let rules = variant(&Rules::default(), "sequential,clip=event,exponent=2,confidence_z=1").unwrap();
        assert_eq!((rules.rule, rules.clip, rules.exponent), (RuleName::Sequential, Clip::Event, 2));
        for (text, part) in [
            ("sequental", "sequental"),
            ("clipp=event", "no setting scoring.clipp"),
            ("exponent=9", "exponent"),
            ("exponent=two", "exponent=two: not a integer"),
        ] {
            let message = variant(&Rules::default(), text).unwrap_err().to_string();
            assert!(message.starts_with(&format!("--rule {text}: ")) && message.contains(part), "{message}");
        }
    }
}
