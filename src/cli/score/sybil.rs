//! `neuron score sybil`: slots that look like one person's, and what that earned them.

use clap::{Arg, ArgMatches, Command, value_parser};

use super::super::output::{Output, TextTable};
use super::classified;
use crate::cli::Failure;
use crate::report::sybil::{Suspects, search};
use crate::report::{Case, short};
use crate::scoring::sybil::Thresholds;

pub(super) fn command() -> Command {
    let events = Arg::new("events")
        .long("events")
        .value_name("N")
        .value_parser(value_parser!(u64).range(1..))
        .help("How many of the last counted events to search [default: the window of the average]");
    Command::new("sybil")
        .about("Finds pairs and groups of miners with copied or complementary reports, and what they earned by it")
        .arg(events)
}

pub(super) fn run(case: &Case, matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let events = matches.get_one::<u64>("events").and_then(|n| usize::try_from(*n).ok());
    output.result(&search(case, events).map_err(classified)?, text)?;
    Ok(())
}

fn text(found: &Suspects) -> String {
    if found.pairs.is_empty() {
        let least = Thresholds::default().events;
        return format!(
            "{} events searched: no two miners with {least} events in common are alike beyond the market's price",
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
        "{} events searched\n\
         \n\
         {}\n\
         What each group earns, as a share of all weights, and what its best member would earn alone:\n\
         {}\n\
         Likeness is a reason to look closer, not a proof: two honest miners with the same public model look alike, \
         too.",
        found.events,
        table.render(),
        shares.render()
    )
}
