//! `neuron axon …`: axons seen from outside, and what the chain says about one's own.

mod call_back;
mod probe;
mod serve;

use clap::{ArgMatches, Command};

use super::output::Output;
use super::{Failure, Prints, Verb, group_of, run_one_of};

pub(super) use probe::resolve;

pub(super) const VERB: Verb = Verb { name: "axon", command, run, prints: Prints::Group(VERBS) };

/// Every subcommand, in the order of the help page.
const VERBS: &[Verb] = &[probe::PROBE, call_back::CALL_BACK, serve::SET, serve::RESET];

fn command() -> Command {
    let command = Command::new("axon")
        .about("Tests axons from outside; publishes the address of your own on the chain")
        .after_help("A miner publishes its address by itself; `set` is for axons of other programs.");
    group_of(VERBS, command)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    run_one_of(VERBS, "axon", matches, output)
}
