//! `neuron score export`: tables as CSV or Parquet, a copy of the ledger, or the history as a lake.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::output::Output;
use super::super::{Exit, OrExit as _, Prints};
use super::{classified, target, target_args};
use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::LakeSettings;
use crate::lake::{self, LakeError, Published, Source, Target};
use crate::ledger::{LedgerError, Place, ReadOnly};
use crate::report::Case;
use crate::report::export::{Format, Part, export};
use crate::role;
use crate::subnets::registry;
use crate::units::millis;

/// What it prints.
pub(super) const PRINTS: Prints = Prints::either::<Written, ToLake>();

pub(super) fn command() -> Command {
    let [to, format] =
        target_args(&["csv", "parquet"], "The format; in csv, times are milliseconds since the Unix epoch");
    let tables = Arg::new("tables")
        .long("tables")
        .value_name("LIST")
        .value_parser(Part::ALL.map(Part::name))
        .value_delimiter(',')
        .default_values(Part::ALL.map(Part::name))
        .help("The tables to write");
    Command::new("export")
        .about(
            "Writes events, scores, reports and intervals as CSV or Parquet, and a copy of the ledger, into a folder",
        )
        .long_about(
            "Writes into a folder: events (all settled ones), scores (recomputed under the rules), reports (mean \
             report and mean price per miner and event), intervals (the statistics that scores are computed from) and \
             ledger.sqlite, a compact copy that every `neuron score` command can read. docs/scoring.md lists the \
             columns.\n\
             \n\
             Without --to, publishes the history into the lake of --lake (a folder, or s3://BUCKET/PREFIX), from where \
             the last run ended: files by table and day, for DuckDB, Spark and others (docs/lake.md).",
        )
        .args([to.required(false), format])
        .arg(tables)
}

#[derive(Debug, JsonSchema, Serialize)]
struct Written {
    files: Vec<PathBuf>,
}

/// Whether no folder is named: then it is about a lake.
pub(super) fn is_for_a_lake(matches: &ArgMatches) -> bool {
    matches.get_one::<PathBuf>("to").is_none()
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

#[derive(Debug, JsonSchema, Serialize)]
struct ToLake {
    lake: String,
    #[serde(flatten)]
    published: Published,
}

/// The history in a ledger, of whatever kind of work it is.
fn history(ledger: &Place) -> Result<Box<dyn Source>, Failure> {
    let mut other = None;
    for kind in &registry::KINDS {
        let (Some(open), Some(schema)) = (kind.history, kind.schema) else { continue };
        match ReadOnly::open(ledger, schema) {
            Ok(file) => return Ok(open(file)?),
            Err(error @ LedgerError::OtherKind { .. }) => other = other.or(Some(error)),
            Err(error) => return Err(error.into()),
        }
    }
    Err(other.map_or_else(|| anyhow!("no kind of work keeps a history for a lake").into(), Failure::from))
}

/// Publishes what is over and not in the lake.
pub(super) fn publish(ledger: &Place, settings: &LakeSettings, output: Output) -> Result<(), Failure> {
    let nowhere = || anyhow!("the target is missing: name a folder with --to, or a lake with --lake");
    let target: Target =
        settings.to.as_deref().ok_or_else(nowhere).or_exit(Exit::Usage)?.parse().or_exit(Exit::Usage)?;
    super::is_there(ledger)?;
    let source = history(ledger)?;
    let store = target.open(&role::lake::access(settings)).map_err(failed)?;
    let until = Clock::wall().now().plus_ms(-millis(settings.delay));
    let published = lake::publish(&*source, &name_of(ledger), &*store, until, &|| true).map_err(failed)?;
    let text = |done: &ToLake| {
        let Published { files, rows, bytes, there, .. } = done.published;
        format!("{}: {files} new files with {rows} rows, {bytes} bytes; {there} files existed\n", done.lake)
    };
    output.result(&ToLake { lake: target.to_string(), published }, text)?;
    Ok(())
}

/// What a ledger is called in its lake, as a validator calls it: `netuid155/HOTKEY`, of `netuid155/HOTKEY.sqlite` as of the
/// schema `sn155_HOTKEY`.
fn name_of(ledger: &Place) -> String {
    let ledger = match ledger {
        Place::File(path) => path,
        Place::Database(address) => {
            let schema = address.schema();
            let parts = schema.strip_prefix("sn").and_then(|rest| rest.split_once('_'));
            return parts.map_or_else(|| schema.to_owned(), |(netuid, hotkey)| format!("netuid{netuid}/{hotkey}"));
        }
    };
    let folder = ledger.parent().and_then(Path::file_name).unwrap_or_default();
    let file = ledger.file_stem().unwrap_or_default();
    format!("{}/{}", folder.to_string_lossy(), file.to_string_lossy())
}

fn failed(error: LakeError) -> Failure {
    let exit = match &error {
        LakeError::Target { .. } | LakeError::OtherLedger { .. } => Exit::Usage,
        LakeError::File { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => Exit::Permission,
        _ => Exit::Failed,
    };
    Failure::new(exit, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_has_one_name_wherever_it_lies() {
        for place in ["/x/netuid155/5Abc.sqlite", "postgres://n@db/neuron?schema=sn155_5Abc"] {
            assert_eq!(name_of(&place.parse().unwrap()), "netuid155/5Abc", "{place}");
        }
        assert_eq!(name_of(&"copy/ledger.sqlite".parse().unwrap()), "copy/ledger");
    }
}
