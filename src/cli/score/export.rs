//! `neuron score export`: CSV files, and a copy of the ledger that recomputes like the original.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;

use super::Case;
use crate::cli::Failure;
use crate::units::{Identity, UnixMs};

pub(super) fn command() -> Command {
    let to = Arg::new("to")
        .long("to")
        .required(true)
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("The folder to write into; made when it does not exist");
    Command::new("export")
        .about("Writes events.csv, scores.csv, reports.csv and ledger.sqlite (a copy) into a folder")
        .long_about(
            "Writes into a folder: events.csv, scores.csv, reports.csv (mean report and price per miner and event) and \
             ledger.sqlite, a compact copy of the ledger which every `neuron score` command reads like the original. \
             Times are milliseconds since the Unix epoch.",
        )
        .arg(to)
}

#[derive(Debug, Serialize)]
struct Written {
    files: Vec<PathBuf>,
}

pub(super) fn run(case: &Case, matches: &ArgMatches) -> Result<(), Failure> {
    let folder = matches.get_one::<PathBuf>("to").ok_or_else(|| anyhow!("--to is missing"))?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let settled = case.archive.settled()?;
    let copy = folder.join("ledger.sqlite");
    case.archive.copy_to(&copy)?;
    let events = settled.iter().map(|event| {
        let outcome = event.outcome.map_or_else(String::new, |outcome| outcome.to_string());
        let state = serde_json::to_value(event.state).ok().and_then(|s| s.as_str().map(str::to_owned));
        [
            quoted(&event.key),
            quoted(&event.description),
            event.opened_at.0.to_string(),
            event.cutoff.0.to_string(),
            state.unwrap_or_default(),
            outcome,
            event.resolved_at.map_or_else(String::new, |t: UnixMs| t.0.to_string()),
        ]
    });
    let head = "event,description,opened_at,cutoff,state,outcome,resolved_at";
    let events = csv(&folder.join("events.csv"), head, events)?;
    let rescored = case.archive.rescored(&case.rules)?;
    let scores = rescored.iter().flat_map(|event| {
        let line = move |(who, score): &(Identity, f64)| {
            [quoted(&event.event.key), who.hotkey.ss58(), who.registered_at.to_string(), score.to_string()]
        };
        event.scores.iter().map(line)
    });
    let scores = csv(&folder.join("scores.csv"), "event,hotkey,registered_at,score", scores)?;
    let reports = case.archive.mean_reports()?;
    let reports = reports.iter().filter_map(|report| {
        let event = settled.get(report.event)?;
        let who = &report.identity;
        Some([
            quoted(&event.key),
            who.hotkey.ss58(),
            who.registered_at.to_string(),
            report.count.to_string(),
            report.p.to_string(),
            report.r.to_string(),
        ])
    });
    let head = "event,hotkey,registered_at,answers,mean_report,mean_price";
    let reports = csv(&folder.join("reports.csv"), head, reports)?;
    let written = Written { files: vec![events, scores, reports, copy] };
    case.output
        .result(&written, |written| written.files.iter().map(|file| format!("{}\n", file.display())).collect())?;
    Ok(())
}

/// A field that may hold commas, quotes and line ends, as RFC 4180 has it.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn csv<const N: usize>(path: &Path, head: &str, rows: impl Iterator<Item = [String; N]>) -> Result<PathBuf, Failure> {
    let write = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "{head}")?;
        for row in rows {
            writeln!(file, "{}", row.join(","))?;
        }
        file.flush()
    };
    write().with_context(|| path.display().to_string())?;
    Ok(path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_are_quoted_where_needed() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
