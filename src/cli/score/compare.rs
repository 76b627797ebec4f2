//! `neuron score compare`: the same records under several rules.

use anyhow::{Context, anyhow};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

use super::super::output::TextTable;
use super::{Case, short};
use crate::cli::{Exit, Failure, OrExit};
use crate::scoring::Rules;
use crate::scoring::window::{averages, shares};
use crate::subnets::events::ledger::Archive;
use crate::units::Identity;

pub(super) fn command() -> Command {
    let rule = Arg::new("rule")
        .long("rule")
        .action(ArgAction::Append)
        .required(true)
        .value_name("RULE")
        .help("A rule's name and changes to the settings, as in `sequential` or `market_delta,clip=event,exponent=2`; give it twice or more");
    Command::new("compare").about("Shows averages and shares of all miners under several rules").arg(rule)
}

#[derive(Debug, Serialize)]
struct Comparison {
    rules: Vec<String>,
    miners: Vec<Compared>,
}

#[derive(Debug, Serialize)]
struct Compared {
    identity: Identity,
    /// One per rule.
    under: Vec<Under>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Under {
    /// The average before the floor.
    pub(super) average: f64,
    /// The share of the weights, among all miners of the ledger; 0 when nobody earned anything.
    pub(super) share: f64,
}

pub(super) fn run(case: &Case, matches: &ArgMatches) -> Result<(), Failure> {
    let names: Vec<String> = matches.get_many::<String>("rule").unwrap_or_default().cloned().collect();
    let mut columns = Vec::with_capacity(names.len());
    for name in &names {
        let rules = variant(&case.rules, name).with_context(|| format!("--rule {name}")).or_exit(Exit::Usage)?;
        columns.push(under(&case.archive, &rules)?);
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
    case.output.result(&Comparison { rules: names, miners }, text)?;
    Ok(())
}

/// Averages and shares of everybody under some rules.
pub(super) fn under(archive: &Archive, rules: &Rules) -> Result<Vec<(Identity, Under)>, Failure> {
    let averages = averages(&archive.window(rules)?, rules);
    let rewards: Vec<_> = averages.iter().map(|(identity, average)| (*identity, average.reward)).collect();
    let shares = shares(&rewards).unwrap_or_else(|| rewards.iter().map(|(identity, _)| (*identity, 0.0)).collect());
    let join = averages.values().zip(shares);
    Ok(join.map(|(average, (identity, share))| (identity, Under { average: average.mean, share })).collect())
}

/// The settings' rules with changes: `name,key=value,…`.
pub(super) fn variant(base: &Rules, text: &str) -> anyhow::Result<Rules> {
    let mut table = toml::Table::try_from(base)?;
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or(("rule", part));
        let old = table.get(key).ok_or_else(|| anyhow!("there is no setting scoring.{key}"))?;
        let new = match old {
            toml::Value::String(_) => toml::Value::String(value.to_owned()),
            toml::Value::Integer(_) => toml::Value::Integer(value.parse().with_context(|| format!("{key}={value}"))?),
            toml::Value::Float(_) => toml::Value::Float(value.parse().with_context(|| format!("{key}={value}"))?),
            _ => toml::Value::Boolean(value.parse().with_context(|| format!("{key}={value}"))?),
        };
        table.insert(key.to_owned(), new);
    }
    let rules: Rules = table.try_into()?;
    rules.validate()?;
    Ok(rules)
}

fn text(comparison: &Comparison) -> String {
    if comparison.miners.is_empty() {
        return "the ledger knows no miner yet: nothing to compare".to_owned();
    }
    let heads = comparison.rules.iter().flat_map(|rule| [format!("average: {rule}"), "share".to_owned()]);
    let mut table = TextTable::new(["miner".to_owned()].into_iter().chain(heads));
    for miner in &comparison.miners {
        let cells =
            miner.under.iter().flat_map(|u| [format!("{:+.6}", u.average), format!("{:.2} %", 100.0 * u.share)]);
        table.row([short(&miner.identity)].into_iter().chain(cells));
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::rules::{Clip, RuleName};

    #[test]
    fn a_rule_is_a_name_and_changes() {
        let rules = variant(&Rules::default(), "sequential,clip=event,exponent=2,confidence_z=1").unwrap();
        assert_eq!((rules.rule, rules.clip, rules.exponent), (RuleName::Sequential, Clip::Event, 2));
        assert!(variant(&Rules::default(), "sequental").is_err());
        assert!(variant(&Rules::default(), "clipp=event").unwrap_err().to_string().contains("clipp"));
        assert!(variant(&Rules::default(), "exponent=9").is_err());
    }
}
