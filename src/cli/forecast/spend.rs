//! `neuron forecast spend`: what language models have cost.

use clap::{ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::{models, with_models};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, OrExit, Prints, Verb};
use crate::clock::Clock;
use crate::forecast::llm::money::MicroUsd;
use crate::forecast::llm::spend::Spent;

pub(super) const VERB: Verb = Verb { name: "spend", command, run, prints: Prints::one::<Told>() };

fn command() -> Command {
    with_models(
        Command::new("spend")
            .about("Prints what language models have cost today and in all, and what is left of today's budget"),
    )
}

#[derive(JsonSchema, Serialize)]
struct Told {
    #[serde(flatten)]
    spent: Spent,
    budget_day: MicroUsd,
    left: MicroUsd,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let settings = models(matches)?;
    let spent = settings.ledger().and_then(|ledger| ledger.spent(Clock::wall().now())).or_exit(Exit::Failed)?;
    let budget_day = settings.budget_day;
    let told = Told { spent, budget_day, left: budget_day.minus(spent.day) };
    output.result(&told, |told| {
        format!(
            "today: {} of {} in {} calls, {} of that for calls whose cost is not known; left: {}; in all: {}\n",
            told.spent.day, told.budget_day, told.spent.calls, told.spent.unsettled, told.left, told.spent.ever
        )
    })?;
    Ok(())
}
