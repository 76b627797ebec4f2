//! `neuron score export`: tables as CSV or Parquet, and a copy of the ledger that recomputes like the original.

mod parquet;
mod table;

use std::io;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

use super::{Case, create_folder, target, target_args, write_exit};
use crate::cli::Failure;
use crate::ledger::LedgerError;
use crate::units::Identity;
use table::{Cell, Column, Table, Type};

const EVENTS: [Column; 8] = [
    Column::of("event", Type::Text),
    Column::of("description", Type::Text),
    Column::of("opened_at", Type::Time),
    Column::of("cutoff", Type::Time),
    Column::of("interval_minutes", Type::Int),
    Column::of("state", Type::Text),
    Column::of("outcome", Type::Double).optional(),
    Column::of("resolved_at", Type::Time).optional(),
];
const SCORES: [Column; 4] = [
    Column::of("event", Type::Text),
    Column::of("hotkey", Type::Text),
    Column::of("registered_at", Type::Long),
    Column::of("score", Type::Double),
];
const REPORTS: [Column; 6] = [
    Column::of("event", Type::Text),
    Column::of("hotkey", Type::Text),
    Column::of("registered_at", Type::Long),
    Column::of("answers", Type::Long),
    Column::of("mean_report", Type::Double),
    Column::of("mean_price", Type::Double),
];
const INTERVALS: [Column; 9] = [
    Column::of("event", Type::Text),
    Column::of("hotkey", Type::Text),
    Column::of("registered_at", Type::Long),
    Column::of("interval", Type::Int),
    Column::of("start", Type::Time),
    Column::of("answers", Type::Int),
    Column::of("sum_report", Type::Double),
    Column::of("sum_price", Type::Double),
    Column::of("sum_report2_minus_price2", Type::Double),
];
const TABLES: [&str; 5] = ["events", "scores", "reports", "intervals", "ledger"];

pub(super) fn command() -> Command {
    let target =
        target_args(["csv", "parquet"], "csv is text, times in milliseconds since the Unix epoch; parquet has types");
    let tables = Arg::new("tables")
        .long("tables")
        .value_name("LIST")
        .value_parser(TABLES)
        .value_delimiter(',')
        .default_values(TABLES)
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

pub(super) fn run(case: &Case, matches: &ArgMatches) -> Result<(), Failure> {
    let (folder, format) = target(matches)?;
    let wanted = |name: &str| matches.get_many::<String>("tables").unwrap_or_default().any(|table| table == name);
    create_folder(folder)?;
    let target = Target { case, folder, format };
    let mut files = Vec::new();
    if wanted("ledger") {
        // First, as it is refused when there is one: nothing else is overwritten then.
        let copy = folder.join("ledger.sqlite");
        case.archive.copy_to(&copy)?;
        files.push(copy);
    }
    for name in TABLES.into_iter().filter(|name| *name != "ledger" && wanted(name)) {
        files.push(match name {
            "events" => target.events()?,
            "scores" => target.scores()?,
            "reports" => target.reports()?,
            _ => target.intervals()?,
        });
    }
    let list = |written: &Written| written.files.iter().map(|file| format!("{}\n", file.display())).collect();
    case.output.result(&Written { files }, list)?;
    Ok(())
}

struct Target<'a> {
    case: &'a Case,
    folder: &'a Path,
    format: &'a str,
}

fn who(identity: &Identity) -> [Cell; 2] {
    [Cell::Text(identity.hotkey.ss58()), Cell::Long(i64::try_from(identity.registered_at).unwrap_or(i64::MAX))]
}

impl Target<'_> {
    fn failed(&self, name: &str, error: &io::Error) -> Failure {
        let file = self.folder.join(format!("{name}.{}", self.format));
        Failure::new(write_exit(error), anyhow!("{}: {error}; the file is not whole", file.display()))
    }

    /// Writes a table of the rows there are.
    fn table(&self, name: &str, columns: &[Column], rows: impl Iterator<Item = Vec<Cell>>) -> Result<PathBuf, Failure> {
        let write = || -> io::Result<PathBuf> {
            let mut table = Table::create(self.folder, name, self.format, columns)?;
            for row in rows {
                table.row(&row)?;
            }
            table.finish()
        };
        write().map_err(|error| self.failed(name, &error))
    }

    fn events(&self) -> Result<PathBuf, Failure> {
        let settled = self.case.archive.settled()?;
        let rows = settled.iter().map(|event| {
            let state = serde_json::to_value(event.state).ok().and_then(|s| s.as_str().map(str::to_owned));
            vec![
                Cell::Text(event.key.clone()),
                Cell::Text(event.description.as_raw().to_owned()),
                Cell::Time(event.opened_at.0),
                Cell::Time(event.cutoff.0),
                Cell::Int(i32::try_from(event.interval_minutes).unwrap_or(i32::MAX)),
                Cell::Text(state.unwrap_or_default()),
                event.outcome.map_or(Cell::Empty, Cell::Double),
                event.resolved_at.map_or(Cell::Empty, |t| Cell::Time(t.0)),
            ]
        });
        self.table("events", &EVENTS, rows)
    }

    fn scores(&self) -> Result<PathBuf, Failure> {
        let rescored = self.case.archive.rescored(&self.case.rules)?;
        let rows = rescored.iter().flat_map(|event| {
            event.scores.iter().map(|(identity, score)| {
                let [hotkey, registered] = who(identity);
                vec![Cell::Text(event.event.key.clone()), hotkey, registered, Cell::Double(*score)]
            })
        });
        self.table("scores", &SCORES, rows)
    }

    fn reports(&self) -> Result<PathBuf, Failure> {
        let settled = self.case.archive.settled()?;
        let reports = self.case.archive.mean_reports(usize::MAX)?;
        let rows = reports.iter().filter_map(|report| {
            let [hotkey, registered] = who(&report.identity);
            let answers = Cell::Long(i64::try_from(report.count).unwrap_or(i64::MAX));
            let event = Cell::Text(settled.get(report.event)?.key.clone());
            Some(vec![event, hotkey, registered, answers, Cell::Double(report.p), Cell::Double(report.r)])
        });
        self.table("reports", &REPORTS, rows)
    }

    /// A line at a time: a year of them does not fit into memory.
    fn intervals(&self) -> Result<PathBuf, Failure> {
        let failed = |error: io::Error| Stop::File(error);
        let write = || -> Result<PathBuf, Stop> {
            let mut table = Table::create(self.folder, "intervals", self.format, &INTERVALS).map_err(failed)?;
            self.case.archive.each_cell(|event, line| {
                let [hotkey, registered] = who(&line.identity);
                let stats = &line.stats;
                let row = [
                    Cell::Text(event.key.clone()),
                    hotkey,
                    registered,
                    Cell::Int(i32::try_from(line.interval).unwrap_or(i32::MAX)),
                    Cell::Time(line.start.0),
                    Cell::Int(i32::try_from(stats.count).unwrap_or(i32::MAX)),
                    Cell::Double(stats.sum_p),
                    Cell::Double(stats.sum_r),
                    Cell::Double(stats.sum_p2_minus_r2),
                ];
                table.row(&row).map_err(failed)
            })?;
            table.finish().map_err(failed)
        };
        write().map_err(|stop| match stop {
            Stop::Ledger(error) => error.into(),
            Stop::File(error) => self.failed("intervals", &error),
        })
    }
}

/// What ended a walk through the ledger.
enum Stop {
    Ledger(LedgerError),
    File(io::Error),
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}
