//! The command line: definitions and thin handlers, one file per command.
//!
//! A command is a [`Verb`] in `VERBS`: how clap knows it, and the function that runs it.
//!
//! The room is a part of the program, `src/main.rs`, and of the library only when its documentation or its unit tests are made:
//! who edits a command compiles the commands and not the house, and nobody else can depend on them.

pub mod args;
mod axon;
mod balance;
mod chain;
mod completions;
mod config;
mod dashboard;
mod delegates;
#[cfg(feature = "localnet")]
mod demo;
mod doctor;
mod exit;
mod forecast;
mod gateway;
#[cfg(all(test, feature = "localnet"))]
mod generated;
mod hints;
mod identity;
mod init;
mod klines;
mod ledger;
mod live;
#[cfg(feature = "localnet")]
mod localnet;
mod market_record;
mod market_sim;
mod metagraph;
mod miner;
mod model;
mod offline;
pub mod output;
#[cfg(all(test, feature = "localnet"))]
#[path = "../../tests/it/page.rs"]
mod page;
pub mod prints;
mod proxy;
mod query;
mod raw;
mod register;
mod role;
mod root;
mod schema;
mod score;
mod self_update;
mod spellings;
mod stake;
mod storefront;
mod subnets;
mod transaction;
mod transfer;
mod validator;
mod wallet;
mod weights;
mod write;

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

pub use exit::{EXIT_STATUSES, Exit, Failure, OrExit};
use output::{Format, Output};
use prints::Prints;

use crate::telemetry;

/// A command: its definition, what runs it, and what it prints.
#[derive(Debug, Clone, Copy)]
pub struct Verb {
    /// The word typed. The definition has it too, but to make that takes time.
    pub name: &'static str,
    /// The clap definition.
    pub command: fn() -> Command,
    /// Runs it with its own matches.
    pub run: fn(&ArgMatches, Output) -> Result<(), Failure>,
    /// What it puts on stdout with `--output json`.
    pub prints: Prints,
}

/// Every command, in the order of the help page.
const VERBS: &[Verb] = &[
    #[cfg(feature = "localnet")]
    demo::VERB,
    miner::VERB,
    validator::VERB,
    query::VERB,
    gateway::VERB,
    weights::VERB,
    #[cfg(feature = "localnet")]
    localnet::VERB,
    market_sim::VERB,
    score::VERB,
    ledger::VERB,
    dashboard::VERB,
    storefront::VERB,
    market_record::VERB,
    klines::VERB,
    model::VERB,
    forecast::VERB,
    wallet::VERB,
    config::VERB,
    init::VERB,
    doctor::VERB,
    register::VERB,
    metagraph::METAGRAPH,
    metagraph::HYPERPARAMETERS,
    balance::VERB,
    stake::VERB,
    transfer::VERB,
    subnets::VERB,
    delegates::VERB,
    root::VERB,
    proxy::VERB,
    raw::STORAGE,
    raw::CONSTANT,
    raw::API,
    raw::CALL,
    offline::SIGN,
    offline::SUBMIT,
    transaction::VERB,
    axon::VERB,
    self_update::VERB,
    schema::VERB,
    completions::COMPLETIONS,
    completions::MAN,
];

const ABOUT: &str = "\
A node for Bittensor's prediction subnets: miner and validator in one program.

A validator asks miners for the probability of events that a market lists. When the outcome of an event is known, it \
scores every miner against the market's price, and writes weights to the chain. A miner answers.";

const AFTER: &str = "\
Start here:
  neuron demo                                       the whole job in a minute, offline, nothing to set up
  neuron init                                       asks what must be decided, writes a settings file, says what is next
  neuron wallet create --wallet.name miner          keys that the Python tools can read
  neuron miner --netuid 155 --subtensor.network test --wallet.name miner
  neuron config show                                every setting, and where its value comes from
  neuron doctor --config miner.toml                 what does not work, and what to do about it

Settings: flag > environment (NEURON_…, BT_…) > file (--config FILE) > default. In the name of a flag `.`, `_` and `-` \
are the same.";

/// The whole tree.
#[must_use]
pub fn command() -> Command {
    with_verbs(VERBS.iter())
}

/// The part of the tree that a command line needs: of its one command, where its first word names one. To make all of them
/// takes longer than all the rest of a start.
fn command_for(arguments: &[String]) -> Command {
    match arguments.get(1).map(String::as_str) {
        Some("--version" | "-V") => with_verbs([]),
        Some(word) if VERBS.iter().any(|verb| verb.name == word) => {
            with_verbs(VERBS.iter().filter(|verb| verb.name == word))
        }
        _ => command(),
    }
}

fn with_verbs<'a>(verbs: impl IntoIterator<Item = &'a Verb>) -> Command {
    let output = Arg::new("output")
        .long("output")
        .global(true)
        .value_name("FORMAT")
        .value_parser(["text", "json"])
        .default_value("text")
        .help("text for a person, json for one JSON document on stdout; logs go to stderr either way");
    let json = Arg::new("json")
        .long("json")
        .alias("json-output")
        .alias("json-out")
        .global(true)
        .hide(true)
        .action(ArgAction::SetTrue);
    let quiet = Arg::new("quiet")
        .long("quiet")
        .short('q')
        .global(true)
        .action(ArgAction::SetTrue)
        .help("Print no notes: only results, errors and questions");
    let yes = Arg::new("yes")
        .long("yes")
        .short('y')
        .alias("no-prompt")
        .global(true)
        .action(ArgAction::SetTrue)
        .help("Answer yes to every question");
    Command::new("neuron")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(format!("{AFTER}\n\n{EXIT_STATUSES}"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(output)
        .arg(json)
        .arg(quiet)
        .arg(yes)
        .subcommands(verbs.into_iter().map(|verb| (verb.command)()))
}

/// Runs one command line; what it returns is the process's exit status.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<String> = arguments.into_iter().map(|a| a.to_string_lossy().into_owned()).collect();
    crate::wallet::forbid_core_dumps();
    let (arguments, notes) = spellings::modern(arguments);
    let wants_json = arguments
        .windows(2)
        .any(|pair| matches!(pair, [flag, value] if flag == "--output" && value == "json"))
        || arguments.iter().any(|a| ["--output=json", "--json", "--json-output", "--json-out"].contains(&a.as_str()));
    let format = if wants_json { Format::Json } else { Format::Text };
    let mut tree = command_for(&arguments);
    let arguments = args::canonical_flags(&tree, arguments);
    let matches = match tree.try_get_matches_from_mut(&arguments) {
        Ok(matches) => matches,
        Err(e) if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // A closed pipe under `--help` is no error.
            let _ = e.print();
            return ExitCode::SUCCESS;
        }
        Err(e) => {
            let hint = hints::hint(&tree, &arguments, &e);
            match (gone(&e), wants_json) {
                (None, false) => {
                    let _ = e.print();
                    if let Some(hint) = hint {
                        Output { format, yes: false, quiet: false }.say(&format!("\n  tip: {hint}"));
                    }
                }
                (gone, _) => {
                    let gone = gone.or_else(|| hint.map(|hint| format!("{}\n\n  tip: {hint}", e.to_string().trim())));
                    let text = gone.unwrap_or_else(|| e.to_string().trim().to_owned());
                    let failure = Failure::new(Exit::Usage, anyhow::anyhow!(text));
                    Output { format, yes: false, quiet: false }.failure(&failure);
                }
            }
            return ExitCode::from(Exit::Usage as u8);
        }
    };
    let output = Output { format, yes: matches.get_flag("yes"), quiet: matches.get_flag("quiet") };
    for note in notes {
        output.note(&note);
    }
    let exit = match run(&matches, output) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            if !failure.is_silent() {
                output.failure(&failure);
            }
            failure.exit
        }
    };
    ExitCode::from(exit as u8)
}

/// What to tell about a command that other tools have.
fn gone(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => spellings::gone(word),
        _ => None,
    }
}

/// A command that is a group of others.
fn group_of(verbs: &[Verb], command: Command) -> Command {
    let command = command.subcommand_required(true).arg_required_else_help(true);
    verbs.iter().fold(command, |tree, verb| tree.subcommand((verb.command)()))
}

/// Runs the subcommand of `group` that was typed.
fn run_one_of(verbs: &[Verb], group: &str, matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (name, matches) = matches.subcommand().unwrap_or(("", matches));
    let verb = verbs.iter().find(|verb| verb.name == name);
    let verb = verb.ok_or_else(|| anyhow::anyhow!("there is no such command; see `neuron {group} --help`"))?;
    (verb.run)(matches, output)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (name, matches) =
        matches.subcommand().ok_or_else(|| anyhow::anyhow!("no command given; see `neuron --help`"))?;
    let verb = VERBS.iter().find(|verb| verb.name == name);
    let verb = verb.ok_or_else(|| anyhow::anyhow!("there is no command `{name}`; see `neuron --help`"))?;
    (verb.run)(matches, output)
}

/// How long a command that is over waits for calls that block.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs a future on a runtime of its own, for the commands that need one.
///
/// # Errors
/// What the future returns, or that no runtime could be made.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run_on(&mut tokio::runtime::Builder::new_multi_thread(), future)
}

/// The same for a command that asks and ends: two threads are enough, and a thread for each core of a large machine takes longer
/// to start than the answer.
fn block_briefly_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run_on(tokio::runtime::Builder::new_multi_thread().worker_threads(2), future)
}

fn run_on<T>(
    builder: &mut tokio::runtime::Builder,
    future: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = builder.enable_all().build()?;
    if telemetry::logs_to_a_file() {
        runtime.spawn(reopen_logs_on_hangup());
    }
    let done = runtime.block_on(future);
    // What blocks in the system, a resolver or a disk, does not keep the process.
    runtime.shutdown_timeout(LAST_WORDS);
    done
}

/// SIGHUP ends a process that does nothing about it; one that logs to a file opens that anew.
async fn reopen_logs_on_hangup() {
    let Ok(mut hangups) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) else { return };
    while hangups.recv().await.is_some() {
        telemetry::reopen_log_file();
    }
}

/// Resolves on Ctrl-C or SIGTERM.
pub async fn interrupted() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound() {
        command().debug_assert();
    }

    /// A command and those below it are called what their definitions say.
    fn names_agree(verbs: &[Verb]) {
        for verb in verbs {
            assert_eq!((verb.command)().get_name(), verb.name);
            if let Prints::Group(below) = verb.prints {
                names_agree(below);
            }
        }
    }

    #[test]
    fn a_command_line_makes_its_own_command_alone() {
        names_agree(VERBS);
        let made = |line: &str| {
            let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            command_for(&arguments).get_subcommands().count()
        };
        assert_eq!((made("neuron stake add 5"), made("neuron --version")), (1, 0));
        for line in ["neuron", "neuron --help", "neuron help stake", "neuron steak add", "neuron --yes stake add"] {
            assert_eq!(made(line), VERBS.len(), "{line}: what is wrong or asked for needs all");
        }
    }
}
