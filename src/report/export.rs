//! Tables as CSV or Parquet, and a copy of the ledger that recomputes like the original.

use std::io;
use std::path::{Path, PathBuf};

use super::{Case, ReportError, create_folder};
pub use crate::lake::table::Format;
use crate::lake::table::{Cell, Column, Table, Type};
use crate::ledger::LedgerError;
use crate::subnets::events::lake::{INTERVAL_COLUMNS, interval_row};
use crate::units::Identity;

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
/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The settled events.
    Events,
    /// Their scores, recomputed under the rules.
    Scores,
    /// Mean report and mean price per miner and event.
    Reports,
    /// The statistics that scores are made of.
    Intervals,
    /// `ledger.sqlite`, a compact copy that reads like the original.
    Ledger,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Events, Self::Scores, Self::Reports, Self::Intervals, Self::Ledger];

    /// Its name, which is its file's as well.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Scores => "scores",
            Self::Reports => "reports",
            Self::Intervals => "intervals",
            Self::Ledger => "ledger",
        }
    }
}

/// Writes `parts` into a folder, which is made when it does not exist, and tells the files.
///
/// # Errors
/// [`ReportError::Folder`], [`ReportError::File`], or the ledger's; a copy of the ledger that exists is not replaced, and
/// then nothing else is either.
pub fn export(case: &Case, folder: &Path, format: Format, parts: &[Part]) -> Result<Vec<PathBuf>, ReportError> {
    create_folder(folder)?;
    let target = Target { case, folder, format };
    let mut files = Vec::new();
    if parts.contains(&Part::Ledger) {
        // First, as it is refused when there is one.
        let copy = folder.join("ledger.sqlite");
        case.archive.copy_to(&copy)?;
        files.push(copy);
    }
    for part in Part::ALL.into_iter().filter(|part| parts.contains(part)) {
        match part {
            Part::Events => files.push(target.events()?),
            Part::Scores => files.push(target.scores()?),
            Part::Reports => files.push(target.reports()?),
            Part::Intervals => files.push(target.intervals()?),
            Part::Ledger => {}
        }
    }
    Ok(files)
}

struct Target<'a> {
    case: &'a Case,
    folder: &'a Path,
    format: Format,
}

fn who(identity: &Identity) -> [Cell; 2] {
    [Cell::Text(identity.hotkey.ss58()), Cell::Long(i64::try_from(identity.registered_at).unwrap_or(i64::MAX))]
}

impl Target<'_> {
    fn failed(&self, part: Part, source: io::Error) -> ReportError {
        ReportError::File { path: self.format.file(self.folder, part.name()), source }
    }

    fn create(&self, part: Part, columns: &'static [Column]) -> io::Result<Table> {
        Table::create(&self.format.file(self.folder, part.name()), self.format, columns)
    }

    /// Writes a table of the rows there are.
    fn table(
        &self,
        part: Part,
        columns: &'static [Column],
        rows: impl Iterator<Item = Vec<Cell>>,
    ) -> Result<PathBuf, ReportError> {
        let write = || -> io::Result<PathBuf> {
            let mut table = self.create(part, columns)?;
            for row in rows {
                table.row(&row)?;
            }
            table.finish()
        };
        write().map_err(|source| self.failed(part, source))
    }

    fn events(&self) -> Result<PathBuf, ReportError> {
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
        self.table(Part::Events, &EVENTS, rows)
    }

    fn scores(&self) -> Result<PathBuf, ReportError> {
        let rescored = self.case.archive.rescored(&self.case.rules)?;
        let rows = rescored.iter().flat_map(|event| {
            event.scores.iter().map(|(identity, score)| {
                let [hotkey, registered] = who(identity);
                vec![Cell::Text(event.event.key.clone()), hotkey, registered, Cell::Double(*score)]
            })
        });
        self.table(Part::Scores, &SCORES, rows)
    }

    fn reports(&self) -> Result<PathBuf, ReportError> {
        let settled = self.case.archive.settled()?;
        let reports = self.case.archive.mean_reports()?;
        let rows = reports.iter().filter_map(|report| {
            let [hotkey, registered] = who(&report.identity);
            let answers = Cell::Long(i64::try_from(report.count).unwrap_or(i64::MAX));
            let event = Cell::Text(settled.get(report.event)?.key.clone());
            Some(vec![event, hotkey, registered, answers, Cell::Double(report.p), Cell::Double(report.r)])
        });
        self.table(Part::Reports, &REPORTS, rows)
    }

    /// A line at a time: a year of them does not fit into memory.
    fn intervals(&self) -> Result<PathBuf, ReportError> {
        let failed = |error: io::Error| Stop::File(error);
        let write = || -> Result<PathBuf, Stop> {
            let mut table = self.create(Part::Intervals, &INTERVAL_COLUMNS).map_err(failed)?;
            self.case.archive.each_cell(|event, line| {
                let row = interval_row(Cell::Text(event.key.clone()), who(&line.identity), line);
                table.row(&row).map_err(failed)
            })?;
            table.finish().map_err(failed)
        };
        write().map_err(|stop| match stop {
            Stop::Ledger(error) => error.into(),
            Stop::File(error) => self.failed(Part::Intervals, error),
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
