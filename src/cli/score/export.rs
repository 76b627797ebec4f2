//! `neuron score export`: tables as CSV or Parquet, and a copy of the ledger.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

use super::super::output::Output;
use super::{classified, target, target_args};
use crate::cli::Failure;
use crate::report::Case;
use crate::report::export::{Format, Part, export};

pub(super) fn command() -> Command {
    let target =
        target_args(&["csv", "parquet"], "csv is text, times in milliseconds since the Unix epoch; parquet has types");
    let tables = Arg::new("tables")
        .long("tables")
        .value_name("LIST")
        .value_parser(Part::ALL.map(Part::name))
        .value_delimiter(',')
        .default_values(Part::ALL.map(Part::name))
        .help("What to write");
    Command::new("export")
        .about("Writes events, scores, reports and intervals as CSV or Parquet, and a copy of the ledger, into a folder")
        .long_about(
            "Writes into a folder: events (all that are settled), scores (recomputed under the rules), reports (mean report and \
             price per miner and event), intervals (the statistics that scores are made of) and ledger.sqlite, a compact \
             copy which every `neuron score` command reads like the original. The columns are in docs/scoring.md.",
        )
        .args(target)
        .arg(tables)
}

#[derive(Debug, Serialize)]
struct Written {
    files: Vec<PathBuf>,
}

pub(super) fn run(case: &Case, matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (folder, format) = target(matches)?;
    let format = if format == "parquet" { Format::Parquet } else { Format::Csv };
    let wanted = |part: &Part| matches.get_many::<String>("tables").unwrap_or_default().any(|name| name == part.name());
    let parts: Vec<Part> = Part::ALL.into_iter().filter(wanted).collect();
    let files = export(case, folder, format, &parts).map_err(classified)?;
    let list = |written: &Written| written.files.iter().map(|file| format!("{}\n", file.display())).collect();
    output.result(&Written { files }, list)?;
    Ok(())
}
