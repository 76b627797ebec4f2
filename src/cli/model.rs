//! `neuron model`: what models of a price are worth, on the past.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;

use super::klines::{parse_date, store};
use super::output::{Output, TextTable};
use super::{Exit, Failure, OrExit, Verb};
use crate::clock::monotonic;
use crate::forecast::backtest::{HORIZONS, Summary, Walk, summary, walk};
use crate::forecast::series::{Model, NAMES, model};
use crate::market::klines::series::Series;
use crate::market::klines::{VENUES, files};
use crate::report::backtest;
use crate::telemetry::{LogLevel, start_logs};
use crate::units::UnixMs;

pub(super) const VERB: Verb = Verb { command, run };

/// Closes of a forecast.
const CLOSES: usize = 100;
/// The part of the past that is walked through where nobody says: 30 days.
const MONTH_MS: i64 = 30 * 24 * 3_600_000;

fn command() -> Command {
    let date = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("DATE").value_parser(parse_date).help(help)
    };
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf)).help(help)
    };
    let backtest = Command::new("backtest")
        .about("Walks models through recorded candles and compares their errors with the last close for ever")
        .arg(date("from", "The first day of forecasts, UTC [default: 30 days before the last one]"))
        .arg(date("to", "The day after the last one [default: the end of the candles]"))
        .arg(
            Arg::new("models")
                .long("models")
                .value_name("NAMES")
                .value_delimiter(',')
                .value_parser(NAMES)
                .default_values(NAMES)
                .help("The models, with commas between; the first is the yardstick"),
        )
        .arg(
            Arg::new("stride")
                .long("stride")
                .value_name("N")
                .default_value("1")
                .value_parser(value_parser!(u16).range(1..))
                .help("Candles between two forecasts"),
        )
        .arg(file("market.replay", "A file or folder of recorded candles instead of the store"))
        .arg(file("store", "The file of candles [default: ~/.neuron/klines.sqlite]"))
        .arg(
            Arg::new("source")
                .long("source")
                .value_name("VENUE")
                .default_value("binance")
                .value_parser(VENUES.map(|venue| venue.name))
                .help("Whose candles of the store"),
        )
        .arg(file("csv", "Writes every forecast's error to this file as well"));
    Command::new("model")
        .about("Models of a price: back-tests")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(backtest)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    start_logs(LogLevel::Warnings, false)?;
    match matches.subcommand() {
        Some(("backtest", matches)) => back_test(matches, output),
        _ => Err(Failure::new(Exit::Usage, anyhow::anyhow!("see `neuron model --help`"))),
    }
}

/// The candles that were asked for.
fn series(matches: &ArgMatches) -> Result<Series, Failure> {
    if let Some(path) = matches.get_one::<PathBuf>("market.replay") {
        let found = files::load(path).or_exit(Exit::Missing)?;
        return Ok(found.into_iter().next().map(|file| file.series).unwrap_or_default());
    }
    let source = matches.get_one::<String>("source").cloned().unwrap_or_default();
    let (series, integrity) = store(matches)?.series(&source).or_exit(Exit::Failed)?;
    if integrity.missing > 0 {
        output_note(integrity.missing, &source);
    }
    Ok(series)
}

fn output_note(missing: usize, source: &str) {
    tracing::warn!(
        "{missing} candles are missing and repeat the one before; `neuron klines fetch --source {source}` mends gaps"
    );
}

#[derive(Serialize)]
struct Told {
    series: String,
    from_ms: i64,
    until_ms: i64,
    seconds: f64,
    #[serde(flatten)]
    summary: Summary,
}

fn back_test(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let series = series(matches)?;
    let names: Vec<String> = matches.get_many::<String>("models").into_iter().flatten().cloned().collect();
    let models: Vec<Box<dyn Model>> = names.iter().filter_map(|name| model(name)).collect();
    let span = series.span().ok_or_else(|| {
        let told = anyhow::anyhow!(
            "there are no candles; get some with `neuron klines fetch`, or name a folder with --market.replay"
        );
        Failure::new(Exit::Missing, told)
    })?;
    let until = matches.get_one::<UnixMs>("to").copied().unwrap_or(span.until).min(span.until);
    let from = matches.get_one::<UnixMs>("from").copied().unwrap_or_else(|| until.plus_ms(-MONTH_MS));
    let stride = usize::from(matches.get_one::<u16>("stride").copied().unwrap_or(1));
    let began = monotonic();
    let moments = walk(&series, &models, Walk { from, until, stride, closes: CLOSES }).or_exit(Exit::Failed)?;
    if let Some(path) = matches.get_one::<PathBuf>("csv") {
        backtest::write_csv(path, &names, &moments).or_exit(Exit::Failed)?;
    }
    let first = moments.first().map_or(from, |moment| moment.at);
    let told = Told {
        series: series.name.clone(),
        from_ms: first.0,
        until_ms: until.0,
        summary: summary(&names, &moments, stride),
        seconds: began.elapsed().as_secs_f64(),
    };
    output.result(&told, text)?;
    Ok(())
}

fn text(told: &Told) -> String {
    let heads = ["model", "rmse $", "ratio", "95 %", "wins", "share"].map(str::to_owned);
    let horizons = HORIZONS.map(|steps| format!("{} min", steps * 5));
    let mut table = TextTable::new(heads.into_iter().chain(horizons));
    for line in &told.summary.models {
        let numbers = [
            line.model.clone(),
            format!("{:.1}", line.rmse),
            format!("{:.4}", line.ratio),
            format!("{:.4} to {:.4}", line.ratio_95.low, line.ratio_95.high),
            format!("{:.1} %", line.win_rate * 100.0),
            format!("{:.4}", line.share),
        ];
        table.row(numbers.into_iter().chain(line.ratio_by_horizon.map(|ratio| format!("{ratio:.4}"))));
    }
    let surely: Vec<&str> =
        told.summary.models.iter().filter(|line| line.ratio_95.high < 1.0).map(|line| line.model.as_str()).collect();
    let verdict = if surely.is_empty() {
        "no model is surely better than the first".to_owned()
    } else {
        format!("surely better than the first: {}", surely.join(", "))
    };
    format!(
        "{}\n{} forecasts each on {} in {:.1} s: {verdict}\n",
        table.render(),
        told.summary.forecasts,
        told.series,
        told.seconds
    )
}
