//! `neuron forecast`: questions asked, articles found, forecasters judged on what has ended.

mod ask;
mod backtest;
mod bench;
mod retrieve;
mod spend;

use clap::{ArgMatches, Command};

use super::args;
use super::output::Output;
use super::{Exit, Failure, OrExit, Prints, Verb, group_of, run_one_of};
use crate::clock::Clock;
use crate::config::table::Group;
use crate::forecast::llm::pipeline::Pipeline;
use crate::forecast::llm::scripted::{self, Handle, Script};
use crate::forecast::llm::settings::{LLM, LlmSettings};
use crate::subnets::events::settings::EventsSettings;
use crate::units::UnixMs;

pub(super) const VERB: Verb = Verb { name: "forecast", command, run, prints: Prints::Group(VERBS) };

const VERBS: &[Verb] = &[ask::VERB, retrieve::VERB, backtest::VERB, bench::VERB, spend::VERB];

fn command() -> Command {
    group_of(VERBS, Command::new("forecast").about("Forecasts questions: ask, retrieve, backtest, bench, spend"))
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    run_one_of(VERBS, "forecast", matches, output)
}

/// A command with the settings of language models.
fn with_models(command: Command) -> Command {
    args::with_settings(command, &[LLM, Group::Housekeeping]).mut_arg("db.directory", |arg| arg.hide(true))
}

/// What was said about language models; logs begin here.
fn models(matches: &ArgMatches) -> Result<LlmSettings, Failure> {
    let (resolved, settings) = args::resolve(matches)?;
    args::start_logs(&settings)?;
    Ok(EventsSettings::of(&resolved).or_exit(Exit::Usage)?.llm)
}

/// The pipeline of `settings`, and the server of its script, which lives as long as the handle.
async fn pipeline(settings: &LlmSettings) -> Result<(Pipeline, Option<Handle>), Failure> {
    let script = match &settings.script {
        Some(file) => {
            let script = Script::read(file).or_exit(Exit::Missing)?;
            Some(scripted::spawn(script).or_exit(Exit::Failed)?)
        }
        None => None,
    };
    let url = script.as_ref().map(Handle::url);
    let settings = settings.clone();
    let made = tokio::task::spawn_blocking(move || settings.pipeline(&Clock::wall(), url.as_deref())).await;
    let made = made.map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok((made.or_exit(Exit::Usage)?, script))
}

/// A day of the command line means its beginning; a moment, itself.
fn parse_moment(text: &str) -> Result<UnixMs, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(UnixMs(at.as_millisecond()));
    }
    super::klines::parse_date(text)
}
