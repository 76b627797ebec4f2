//! `neuron model backtest`: what models of a price are worth, on the past.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::{candles, candles_arguments, date, day, file, models_argument, models_folder};
use crate::cli::output::{Output, TextTable};
use crate::cli::{Exit, Failure, OrExit, Prints};
use crate::clock::monotonic;
use crate::forecast::backtest::{Fan, HORIZONS, Moment, Summary, Walk, fan, standings, summary, walk};
use crate::forecast::series::{Model, NAMES, model_or_file};
use crate::market::klines::series::Series;
use crate::report::backtest;

/// Closes of a forecast.
const CLOSES: usize = 100;
/// The part of the past that is walked through where nobody says: 30 days.
const MONTH_MS: i64 = 30 * 24 * 3_600_000;

/// What it prints.
pub(super) const PRINTS: Prints = Prints::one::<Told>();

pub(super) fn command() -> Command {
    Command::new("backtest")
        .about(
            "Runs models over recorded candles and compares their errors with those of persistence, which repeats the \
             last close",
        )
        .arg(date("from", "The first day of forecasts, UTC [default: 30 days before the last one]"))
        .arg(date("to", "The day after the last one [default: the end of the candles]"))
        .arg(
            Arg::new("models")
                .long("models")
                .value_name("NAMES")
                .value_delimiter(',')
                .default_values(NAMES)
                .help("The models, names or files, separated by commas; the others are compared with the first"),
        )
        .arg(
            Arg::new("stride")
                .long("stride")
                .value_name("N")
                .default_value("1")
                .value_parser(value_parser!(u16).range(1..))
                .help("The number of candles between two forecasts"),
        )
        .args(candles_arguments())
        .arg(models_argument())
        .arg(file("csv", "Also write the error of every forecast to this file"))
        .arg(file("out", "Write tables (CSV and Parquet) and pictures (SVG) into this folder"))
}

#[derive(JsonSchema, Serialize)]
struct Told {
    series: String,
    from_ms: i64,
    until_ms: i64,
    seconds: f64,
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<PathBuf>,
}

pub(super) fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (series, span) = candles(matches)?;
    let names: Vec<String> = matches.get_many::<String>("models").into_iter().flatten().cloned().collect();
    let folder = models_folder(matches);
    let models = names.iter().map(|name| model_or_file(name, &folder)).collect::<Result<Vec<Box<dyn Model>>, _>>();
    let models = models.or_exit(Exit::Usage)?;
    let until = day(matches, "to").unwrap_or(span.until).min(span.until);
    let from = day(matches, "from").unwrap_or_else(|| until.plus_ms(-MONTH_MS));
    let stride = usize::from(matches.get_one::<u16>("stride").copied().unwrap_or(1));
    let began = monotonic();
    let moments = walk(&series, &models, Walk { from, until, stride, closes: CLOSES }).or_exit(Exit::Failed)?;
    if let Some(path) = matches.get_one::<PathBuf>("csv") {
        backtest::write_csv(path, &names, &moments).or_exit(Exit::Failed)?;
    }
    let summary = summary(&names, &moments, stride);
    let files = match matches.get_one::<PathBuf>("out") {
        Some(folder) => {
            let found = backtest::Found {
                models: &names,
                moments: &moments,
                summary: &summary,
                standings: &standings(&moments),
                fans: &fans(&series, &models, &summary, &moments),
            };
            backtest::write_all(folder, &found).or_exit(Exit::Failed)?
        }
        None => Vec::new(),
    };
    let first = moments.first().map_or(from, |moment| moment.at);
    let told = Told {
        series: series.name.clone(),
        from_ms: first.0,
        until_ms: until.0,
        summary,
        files,
        seconds: began.elapsed().as_secs_f64(),
    };
    output.result(&told, text)?;
    Ok(())
}

/// Three forecasts of the best model but the first, from the second half of the time.
fn fans(
    series: &Series,
    models: &[Box<dyn Model>],
    summary: &Summary,
    moments: &[Moment],
) -> Vec<(String, String, Fan)> {
    let others = summary.models.iter().enumerate().skip(1);
    let best = others.min_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio)).or(summary.models.iter().enumerate().next());
    let Some((place, line)) = best else { return Vec::new() };
    let Some(model) = models.get(place) else { return Vec::new() };
    let last = moments.len().saturating_sub(1);
    let mut places = vec![last / 2, last * 3 / 4, last];
    places.dedup();
    let drawn = |place_in_time: usize| {
        let at = moments.get(place_in_time)?.at;
        let when = jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |time| time.to_string());
        Some((line.model.clone(), when, fan(series, &**model, place, moments, at, CLOSES)?))
    };
    places.into_iter().filter_map(drawn).collect()
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
        "no model is better than the first with certainty".to_owned()
    } else {
        format!("better than the first with certainty: {}", surely.join(", "))
    };
    format!(
        "{}\n{} forecasts each on {} in {:.1} s: {verdict}\n",
        table.render(),
        told.summary.forecasts,
        told.series,
        told.seconds
    )
}
