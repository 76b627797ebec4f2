//! `neuron miner report`: how a miner does, by its own record.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::output::{Output, TextTable};
use super::super::{Exit, Failure, OrExit, Prints, args};
use crate::clock::Clock;
use crate::config::parse_duration;
use crate::config::table::Group;
use crate::report::ReportError;
use crate::report::miner::{Judged, Line, MinerReport};
use crate::report::plot::{Format, plot_miner};
use crate::role::setup::MINER_ENDING;
use crate::scoring::calibration::Bin;
use crate::units::{UnixMs, millis};

/// Folders below `--db.directory` that are looked into.
const DEPTH: usize = 2;
/// Characters of a question in a table.
const QUESTION: usize = 60;
/// Askers in the text.
const ASKERS: usize = 10;

#[cfg(feature = "png")]
const FORMATS: &[&str] = &["svg", "png"];
#[cfg(not(feature = "png"))]
const FORMATS: &[&str] = &["svg"];

/// What it prints.
pub(super) const PRINTS: Prints = Prints::one::<Told>();

pub(super) fn command() -> Command {
    let record = Arg::new("record")
        .long("record")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("The record to read [default: the only one under --db.directory]");
    let since = Arg::new("since")
        .long("since")
        .value_name("DURATION")
        .help("Only events asked about within this time, such as 7d [default: everything in the record]");
    let to = Arg::new("to")
        .long("to")
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("Also draw calibration and the sum of gains into this folder");
    let format = Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(PossibleValuesParser::new(FORMATS))
        .default_value("svg")
        .help("The format of the pictures; png only in builds with the feature `png`");
    let report =
        Command::new("report").about("Reports how well a miner of events does, from its own record").long_about(
            "Reports how well a miner of events does, from the record that it keeps (--record.retention): what it was \
         asked and by whom, its Brier score, its calibration, and its gain against the market's price. Validators pay \
         for the gain. It works also while the miner runs.",
        );
    args::with_settings(report.args([record, since, to, format]), &[Group::Housekeeping])
}

/// The report, and the pictures drawn of it.
#[derive(Debug, JsonSchema, Serialize)]
struct Told {
    record: PathBuf,
    #[serde(flatten)]
    report: MinerReport,
    pictures: Vec<PathBuf>,
}

pub(super) fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (_, settings) = args::resolve(matches)?;
    let record = match matches.get_one::<PathBuf>("record") {
        Some(path) if path.is_file() => path.clone(),
        Some(path) => {
            return Err(missing(&format!("there is no file {}; name the record with --record", path.display())));
        }
        None => only_record(&settings.db.directory)?,
    };
    let since = match matches.get_one::<String>("since") {
        Some(text) => {
            let age = parse_duration(text).or_exit(Exit::Usage)?;
            UnixMs(Clock::wall().now().0.saturating_sub(millis(age)))
        }
        None => UnixMs(i64::MIN),
    };
    let report = MinerReport::read(&record, since).map_err(failed)?;
    let pictures = match matches.get_one::<PathBuf>("to") {
        Some(folder) => plot_miner(&report, folder, format(matches)).map_err(failed)?,
        None => Vec::new(),
    };
    output.result(&Told { record, report, pictures }, text)?;
    Ok(())
}

fn format(matches: &ArgMatches) -> Format {
    match matches.get_one::<String>("format").map(String::as_str) {
        #[cfg(feature = "png")]
        Some("png") => Format::Png,
        _ => Format::Svg,
    }
}

fn failed(error: ReportError) -> Failure {
    match error {
        ReportError::NothingToPlot => missing("nothing to plot yet: no event that the miner answered has ended"),
        ReportError::Ledger(error) => error.into(),
        error => Failure::new(Exit::Failed, error),
    }
}

fn missing(reason: &str) -> Failure {
    Failure::new(Exit::Missing, anyhow!("{reason}"))
}

fn only_record(folder: &Path) -> Result<PathBuf, Failure> {
    let mut found = Vec::new();
    collect(folder, DEPTH, &mut found);
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(missing(&format!(
            "no miner's record (miner-*.{MINER_ENDING}) in {}: a miner of events writes one; name it with --record",
            folder.display()
        ))),
        several => {
            let list: Vec<_> = several.iter().map(|path| format!("\n  {}", path.display())).collect();
            let error = anyhow!("several records in {}; choose one with --record:{}", folder.display(), list.concat());
            Err(Failure::new(Exit::Usage, error))
        }
    }
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("miner-"));
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, found);
        } else if named && path.extension().is_some_and(|ending| ending == MINER_ENDING) {
            found.push(path);
        }
    }
    found.sort();
}

fn text(told: &Told) -> String {
    let Told { record, report, pictures } = told;
    let mut text = format!("{}\n", record.display());
    let asked = &report.asked;
    if let Some((from, to)) = report.between {
        text += &format!("asked between {} and {}\n", from.rfc3339(), to.rfc3339());
    }
    text += &format!(
        "{} of {} events answered ({} of {} questions); of the answered {} ended, {} are void, {} open\n\n",
        asked.answered, asked.events, asked.answers, asked.questions, asked.ended, asked.void, asked.open
    );
    text += &judged(report);
    text += &calibrated(report);
    text += &named("largest gains", &report.best);
    text += &named("largest losses", &report.worst);
    text += &askers(report);
    text.extend(pictures.iter().map(|file| format!("{}\n", file.display())));
    text
}

fn judged(report: &MinerReport) -> String {
    let mut table = TextTable::new(["market", "events", "Brier", "priced", "market's", "gain", "± 1 s.e.", "ahead"]);
    let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.4}"));
    let mut row = |name: &str, judged: &Judged| {
        table.row([
            name.to_owned(),
            judged.events.to_string(),
            number(judged.brier),
            judged.priced.to_string(),
            number(judged.market_brier),
            judged.gain.map_or_else(|| "-".to_owned(), |gain| format!("{gain:+.4}")),
            number(judged.gain_error),
            judged.ahead.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0)),
        ]);
    };
    report.by_market.iter().for_each(|(name, judged)| row(name, judged));
    row("all", &report.all);
    table.render() + "\n"
}

fn calibrated(report: &MinerReport) -> String {
    if report.calibration.count == 0 {
        return String::new();
    }
    let mut table = TextTable::new(["answers in", "events", "mean answer", "happened", "market's events", "happened"]);
    let bins = report.calibration.bins.len().max(1) as f64;
    let shown = |bin: Option<&Bin>, of: fn(&Bin) -> f64| {
        bin.filter(|bin| bin.count > 0).map_or_else(|| "-".to_owned(), |bin| format!("{:.3}", of(bin)))
    };
    for (k, own) in report.calibration.bins.iter().enumerate() {
        let market = report.market_calibration.bins.get(k);
        table.row([
            format!("{:.1} to {:.1}", k as f64 / bins, (k + 1) as f64 / bins),
            own.count.to_string(),
            shown(Some(own), |bin| bin.mean_p),
            shown(Some(own), |bin| bin.frequency),
            market.map_or(0, |bin| bin.count).to_string(),
            shown(market, |bin| bin.frequency),
        ]);
    }
    table.render() + "\n"
}

fn named(title: &str, lines: &[Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut table = TextTable::new([title, "answer", "price", "outcome", "question"]);
    for line in lines {
        let [gain, answer, price] = [line.gain, line.answer, line.price].map(|x| format!("{x:.4}"));
        table.row([gain, answer, price, line.outcome.to_string(), line.description.up_to(QUESTION).to_string()]);
    }
    table.render() + "\n"
}

fn askers(report: &MinerReport) -> String {
    let mut table = TextTable::new(["asked by", "requests", "events", "last"]);
    for asker in report.askers.iter().take(ASKERS) {
        let numbers = [asker.requests, asker.events].map(|n| n.to_string());
        let row = std::iter::once(asker.hotkey.to_string()).chain(numbers);
        table.row(row.chain([asker.last.rfc3339()]));
    }
    table.render()
}
