//! `neuron score compare`: the same records under several rules.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::super::output::{Output, TextTable};
use super::classified;
use crate::cli::Failure;
use crate::report::compare::{Comparison, compare};
use crate::report::{Case, short};

pub(super) fn command() -> Command {
    let rule = Arg::new("rule").long("rule").action(ArgAction::Append).required(true).value_name("RULE").help(
        "The name of a rule with changes to its settings, such as `sequential` or \
         `market_delta,clip=event,exponent=2`; give it twice or more",
    );
    Command::new("compare").about("Shows averages and shares of all miners under several rules").arg(rule)
}

pub(super) fn run(case: &Case, matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let rules = matches.get_many::<String>("rule").unwrap_or_default().cloned().collect();
    output.result(&compare(case, rules).map_err(classified)?, text)?;
    Ok(())
}

fn text(comparison: &Comparison) -> String {
    if comparison.miners.is_empty() {
        return "nothing to compare yet: the ledger has no miner".to_owned();
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
