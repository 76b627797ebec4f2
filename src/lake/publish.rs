//! Publishing: every stretch that is over and not listed becomes a file, day by day.

use std::io::{self, BufWriter, Seek as _, Write};

use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::error::LakeError;
use super::manifest::{self, FORMAT, Listed};
use super::parquet::Writer;
use super::source::{Kept, Read, Source};
use super::store::Store;
use super::stretch::{Grain, Stretch};
use super::table::Cell;
use crate::units::UnixMs;

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Published {
    /// Files that were written.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their length.
    pub bytes: u64,
    /// Stretches that were published before.
    pub there: u64,
    /// Whether it was told to stop before all was done.
    pub stopped: bool,
}

/// Publishes what the ledger called `ledger` has of stretches that ended at `until` or before, and what is not published
/// yet. `goes_on` is asked before each file: `false` ends the run early, with everything that was placed listed.
///
/// # Errors
/// Those of the ledger and the store. What was listed before stays, and the next run does the rest.
pub fn publish(
    source: &dyn Source,
    ledger: &str,
    store: &dyn Store,
    until: UnixMs,
    goes_on: &dyn Fn() -> bool,
) -> Result<Published, LakeError> {
    manifest::describe(store, ledger, source)?;
    let mut tables = Vec::new();
    for table in source.tables() {
        // Nothing that a ledger keeps is older than its clock.
        tables.extend(source.begins(table)?.map(|from| (table, from.max(UnixMs(0)))));
    }
    let Some(first) = tables.iter().map(|(_, from)| *from).min() else { return Ok(Published::default()) };
    let mut run = Run { source, ledger, store, done: Published::default() };
    let mut day = Grain::Day.floor(first);
    let (mut month, mut listed) = (String::new(), manifest::Manifest::default());
    while day < until && !run.done.stopped {
        let Some(date) = (Stretch { grain: Grain::Day, from: day }).day() else { break };
        let path = manifest::path_of(&date);
        if path != month {
            listed = manifest::read(store, &path)?.0;
            month = path;
        }
        let mut placed = Vec::new();
        let ended = run.day(day, until, &tables, &listed, goes_on, &mut placed);
        if !placed.is_empty() {
            listed = manifest::commit(store, &month, &placed)?;
        }
        ended?;
        day = day.plus_ms(Grain::Day.ms());
    }
    Ok(run.done)
}

struct Run<'a> {
    source: &'a dyn Source,
    ledger: &'a str,
    store: &'a dyn Store,
    done: Published,
}

impl Run<'_> {
    /// Places what is missing of a day. What was placed before something failed is in `placed` all the same.
    fn day(
        &mut self,
        day: UnixMs,
        until: UnixMs,
        tables: &[(&Kept, UnixMs)],
        listed: &manifest::Manifest,
        goes_on: &dyn Fn() -> bool,
        placed: &mut Vec<Listed>,
    ) -> Result<(), LakeError> {
        for (table, begins) in tables {
            let whole = |stretch: &Stretch| stretch.from >= *begins && stretch.to() <= until;
            for stretch in Stretch::of_day(day, table.grain).filter(whole) {
                let Some(path) = manifest::path_in(table, stretch) else { continue };
                if listed.lists(&path) {
                    self.done.there += 1;
                    continue;
                }
                if !goes_on() {
                    self.done.stopped = true;
                    return Ok(());
                }
                placed.extend(self.stretch(table, stretch, path)?);
            }
        }
        Ok(())
    }

    /// Places the file of a stretch; `None` when there is nothing in it, or not everything any more.
    fn stretch(&mut self, table: &Kept, stretch: Stretch, path: String) -> Result<Option<Listed>, LakeError> {
        // Most stretches of a table without rows cost no file this way.
        let mut file: Option<Target> = None;
        let mut put = |row: &[Cell]| -> Result<(), LakeError> {
            let target = match &mut file {
                Some(target) => target,
                None => file.insert(Target::begin(self.store, table, stretch, self.ledger)?),
            };
            target.rows += 1;
            target.writer.row(row).map_err(|error| LakeError::file(&path, error))
        };
        let read = self.source.read(table, stretch, &mut put)?;
        let Some(target) = file else { return Ok(None) };
        if read == Read::Forgotten {
            tracing::warn!(
                path,
                "the ledger deleted rows of this hour or day while it was read; it is left out of the lake"
            );
            return Ok(None);
        }
        let listed = target.place(self.store, table, stretch, path)?;
        self.done.files += 1;
        self.done.rows += listed.rows;
        self.done.bytes += listed.bytes;
        tracing::debug!(path = listed.path, rows = listed.rows, "published");
        Ok(Some(listed))
    }
}

/// A file on its way into the lake.
struct Target {
    draft: super::store::Draft,
    writer: Writer<Summed<BufWriter<std::fs::File>>>,
    rows: u64,
}

impl Target {
    fn begin(store: &dyn Store, table: &Kept, stretch: Stretch, ledger: &str) -> Result<Self, LakeError> {
        let draft = store.draft()?;
        let failed = |error: io::Error| LakeError::file(format!("{}: a draft", store.name()), error);
        let file = draft.file.try_clone().map_err(failed)?;
        let said = vec![
            ("neuron.lake.format", FORMAT.to_string()),
            ("neuron.lake.table", table.name.to_owned()),
            ("neuron.lake.version", table.version.to_string()),
            ("neuron.lake.ledger", ledger.to_owned()),
            ("neuron.lake.from_ms", stretch.from.0.to_string()),
            ("neuron.lake.to_ms", stretch.to().0.to_string()),
        ];
        let writer = Writer::new(Summed::over(BufWriter::new(file)), table.columns, said).map_err(failed)?;
        Ok(Self { draft, writer, rows: 0 })
    }

    fn place(self, store: &dyn Store, table: &Kept, stretch: Stretch, path: String) -> Result<Listed, LakeError> {
        let Self { mut draft, writer, rows } = self;
        let failed = |error: io::Error| LakeError::file(format!("{}/{path}", store.name()), error);
        let (bytes, sha256) = writer.finish().map_err(failed)?.end();
        draft.file.rewind().map_err(failed)?;
        store.place(draft, &format!("v{FORMAT}/{path}"))?;
        let day = stretch.day().unwrap_or_default();
        let (table, version) = (table.name.to_owned(), table.version);
        Ok(Listed { table, version, day, hour: stretch.hour(), path, rows, bytes, sha256 })
    }
}

/// Counts and sums what passes.
struct Summed<W> {
    to: W,
    bytes: u64,
    sum: Sha256,
}

impl<W> Summed<W> {
    fn over(to: W) -> Self {
        Self { to, bytes: 0, sum: Sha256::new() }
    }

    fn end(self) -> (u64, String) {
        (self.bytes, hex::encode(self.sum.finalize()))
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests;
