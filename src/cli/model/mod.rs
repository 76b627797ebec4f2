//! `neuron model`: models of a price trained, looked at, and judged on the past.

mod backtest;
mod files;
mod train;

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::klines::{parse_date, store};
use super::output::Output;
use super::{Exit, Failure, OrExit, Prints, Verb};
use crate::market::klines::series::Series;
use crate::market::klines::{Span, VENUES, files as recorded};
use crate::telemetry::{LogLevel, start_logs};
use crate::units::UnixMs;

pub(super) const VERB: Verb = Verb { name: "model", command, run, prints: Prints::Each(PARTS) };

const PARTS: &[(&str, Prints)] = &[
    ("train", Prints::one::<files::Shown>()),
    ("list", Prints::one::<Vec<files::Shown>>()),
    ("show", Prints::one::<files::Shown>()),
    ("adopt", Prints::one::<files::Shown>()),
    ("backtest", backtest::PRINTS),
];

fn command() -> Command {
    Command::new("model")
        .about("Models that forecast a price: train, list, show, adopt, backtest")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(train::command())
        .subcommand(files::list_command())
        .subcommand(files::show_command())
        .subcommand(files::adopt_command())
        .subcommand(backtest::command())
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    start_logs(LogLevel::Warnings, false, None)?;
    match matches.subcommand() {
        Some(("train", matches)) => train::run(matches, output),
        Some(("list", matches)) => files::list(matches, output),
        Some(("show", matches)) => files::show(matches, output),
        Some(("adopt", matches)) => files::adopt(matches, output),
        Some(("backtest", matches)) => backtest::run(matches, output),
        _ => Err(Failure::new(Exit::Usage, anyhow::anyhow!("see `neuron model --help`"))),
    }
}

fn file(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf)).help(help)
}

fn date(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("DATE").value_parser(parse_date).help(help)
}

/// Where models are that are named without a path.
fn models_argument() -> Arg {
    file("timeseries.models", "The folder of models that are named without a path [default: ~/.neuron/models]")
}

fn models_folder(matches: &ArgMatches) -> PathBuf {
    let usual = || std::env::home_dir().unwrap_or_default().join(".neuron").join("models");
    matches.get_one::<PathBuf>("timeseries.models").cloned().unwrap_or_else(usual)
}

/// Where candles come from.
fn candles_arguments() -> [Arg; 3] {
    [
        file("market.replay", "A file or folder of recorded candles instead of the store"),
        file("store", "The file of candles [default: ~/.neuron/klines.sqlite]"),
        Arg::new("source")
            .long("source")
            .value_name("VENUE")
            .default_value("binance")
            .value_parser(VENUES.map(|venue| venue.name))
            .help("The exchange whose candles are read from the store"),
    ]
}

/// The candles that were asked for, and from when to when they are.
fn candles(matches: &ArgMatches) -> Result<(Series, Span), Failure> {
    let series = series(matches)?;
    let span = series.span().ok_or_else(|| {
        let told = anyhow::anyhow!(
            "there are no candles: get some with `neuron klines fetch`, or name a folder with --market.replay"
        );
        Failure::new(Exit::Missing, told)
    })?;
    Ok((series, span))
}

fn series(matches: &ArgMatches) -> Result<Series, Failure> {
    if let Some(path) = matches.get_one::<PathBuf>("market.replay") {
        let found = recorded::load(path).or_exit(Exit::Missing)?;
        return Ok(found.into_iter().next().map(|file| file.series).unwrap_or_default());
    }
    let source = matches.get_one::<String>("source").cloned().unwrap_or_default();
    let (series, integrity) = store(matches)?.series(&source).or_exit(Exit::Failed)?;
    if integrity.missing > 0 {
        let missing = integrity.missing;
        tracing::warn!(
            "{missing} candles are missing; each repeats the one before it. `neuron klines fetch --source {source}` \
             fills gaps"
        );
    }
    Ok(series)
}

/// A day of the command line, or what is meant when nobody says.
fn day(matches: &ArgMatches, name: &str) -> Option<UnixMs> {
    matches.get_one::<UnixMs>(name).copied()
}
