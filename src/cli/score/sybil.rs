//! `neuron score sybil`: slots that look like one person's, and what that earned them.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;

use super::super::output::TextTable;
use super::compare::{under, variant};
use super::{Case, short};
use crate::cli::Failure;
use crate::scoring::sybil::{Pair, Thresholds, groups, pairs};
use crate::units::Identity;

/// The alternatives that are shown beside the rules in force.
const ALTERNATIVES: [&str; 4] = ["clip=event", "duplicates=split", "sequential", "confidence_z=1"];

pub(super) fn command() -> Command {
    let events = Arg::new("events")
        .long("events")
        .value_name("N")
        .value_parser(value_parser!(u64).range(1..))
        .help("How many of the last counted events to search [default: as many as the window of the average]");
    Command::new("sybil")
        .about("Finds pairs and groups whose reports are copied or complementary, and what it earned them")
        .arg(events)
}

#[derive(Debug, Serialize)]
struct Found {
    /// Events searched.
    events: usize,
    pairs: Vec<Pair<Identity>>,
    groups: Vec<Group>,
    rules: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Group {
    members: Vec<Identity>,
    /// The share of the weights of the whole group: under the rules in force, then under each alternative.
    shares: Vec<f64>,
    /// The share of its best member under the rules in force: what the group might earn with one slot.
    best_alone: f64,
}

pub(super) fn run(case: &Case, matches: &ArgMatches) -> Result<(), Failure> {
    let last = matches.get_one::<u64>("events").and_then(|n| usize::try_from(*n).ok());
    let reports = case.archive.event_reports(last.unwrap_or(case.rules.window_events))?;
    let searched = reports.len();
    let pairs = pairs(&reports, &Thresholds::default());
    let mut rules = vec!["in force".to_owned()];
    let mut earned = vec![under(&case.archive, &case.rules)?];
    for alternative in ALTERNATIVES.iter().filter(|_| !pairs.is_empty()) {
        rules.push((*alternative).to_owned());
        earned.push(under(&case.archive, &variant(&case.rules, alternative)?)?);
    }
    let earned: Vec<BTreeMap<Identity, f64>> =
        earned.into_iter().map(|column| column.into_iter().map(|(who, under)| (who, under.share)).collect()).collect();
    let share = |members: &[Identity], column: &BTreeMap<Identity, f64>| -> f64 {
        members.iter().filter_map(|who| column.get(who)).sum()
    };
    let groups = groups(&pairs)
        .into_iter()
        .map(|members| {
            let alone = |who: &Identity| earned.first().and_then(|column| column.get(who)).copied().unwrap_or(0.0);
            let best_alone = members.iter().map(alone).fold(0.0, f64::max);
            Group { shares: earned.iter().map(|column| share(&members, column)).collect(), best_alone, members }
        })
        .collect();
    case.output.result(&Found { events: searched, pairs, groups, rules }, text)?;
    Ok(())
}

fn text(found: &Found) -> String {
    if found.pairs.is_empty() {
        let least = Thresholds::default().events;
        return format!(
            "{} events searched: no pair of miners that share {least} events is alike beyond the market's price",
            found.events
        );
    }
    let mut table = TextTable::new(["miner", "miner", "likeness", "events", "measure"]);
    for pair in &found.pairs {
        let likeness = format!("{:?}", pair.likeness).to_lowercase();
        table.row([short(&pair.a), short(&pair.b), likeness, pair.events.to_string(), format!("{:.4}", pair.measure)]);
    }
    let mut shares =
        TextTable::new(["group".to_owned(), "best alone".to_owned()].into_iter().chain(found.rules.iter().cloned()));
    for group in &found.groups {
        let members: Vec<_> = group.members.iter().map(short).collect();
        let cells =
            std::iter::once(&group.best_alone).chain(&group.shares).map(|share| format!("{:.2} %", 100.0 * share));
        shares.row([members.join(" ")].into_iter().chain(cells));
    }
    format!(
        "{} events searched\n\n{}\nWhat each group earns, share of all weights, beside what its best member does alone:\n{}\nAlike is a reason to look, not a proof: two honest miners \
         with the same public model copy each other, too.",
        found.events,
        table.render(),
        shares.render()
    )
}
