//! `neuron subnets …`: all subnets, and what their owners do.

mod list;
mod owner;
mod parameters;
mod symbol;

use clap::{ArgMatches, Command};

use super::output::Output;
use super::{Failure, Prints, Verb, group_of, run_one_of};

pub(super) const VERB: Verb = Verb { name: "subnets", command, run, prints: Prints::Group(VERBS) };

/// Every subcommand, in the order of the help page.
const VERBS: &[Verb] = &[
    list::LIST,
    list::SHOW,
    list::PRICE,
    list::CREATION_COST,
    owner::CREATE,
    owner::START,
    owner::SET_IDENTITY,
    owner::GET_IDENTITY,
    parameters::SET,
    symbol::SET_SYMBOL,
    symbol::TRIGGER_EPOCH,
];

fn command() -> Command {
    let command = Command::new("subnets")
        .about("Lists subnets with their prices; creates, starts, names and tunes your own")
        .after_help("Neurons: `neuron metagraph`. Settings: `neuron hyperparameters`. A slot: `neuron register`.");
    group_of(VERBS, command)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    run_one_of(VERBS, "subnets", matches, output)
}
