//! `neuron score incentives`: what kinds of miners can expect under each rule, in a simulated world.

use clap::{Arg, ArgMatches, Command, value_parser};

use super::super::output::{Output, TextTable};
use crate::cli::Failure;
use crate::scoring::incentives::{Earnings, simulate};

pub(super) fn command() -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").default_value(default).help(help)
    };
    Command::new("incentives")
        .about("Simulates what honest, copying, noisy, sybil and stale-price miners earn under each rule")
        .arg(
            number("seasons", "20", "The number of seasons to average over")
                .value_parser(value_parser!(u32).range(1..=10_000)),
        )
        .arg(
            number("events", "500", "The number of events per season")
                .value_parser(value_parser!(u64).range(1..=100_000)),
        )
        .arg(number("seed", "1", "The same seed gives the same table").value_parser(value_parser!(u64)))
}

pub(super) fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let number = |name: &str| matches.get_one::<u64>(name).copied().unwrap_or(1);
    let seasons = matches.get_one::<u32>("seasons").copied().unwrap_or(1);
    let events = usize::try_from(number("events")).unwrap_or(usize::MAX);
    let table = simulate(seasons, events, number("seed"));
    output.result(&table, |table| text(table))?;
    Ok(())
}

fn text(table: &[Earnings]) -> String {
    let players = table.first().map(|row| row.shares.clone()).unwrap_or_default();
    let name = |player| serde_json::to_value(player).ok().and_then(|v| v.as_str().map(|s| s.replace('_', " ")));
    let heads = players.iter().map(|(player, _)| name(*player).unwrap_or_default());
    let mut lines = TextTable::new(["rule".to_owned()].into_iter().chain(heads));
    for row in table {
        let cells = row.shares.iter().map(|(_, share)| format!("{:.1} %", 100.0 * share));
        lines.row([row.rule.to_owned()].into_iter().chain(cells));
    }
    lines.render()
}
