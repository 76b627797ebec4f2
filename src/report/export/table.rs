//! The tables of an export: typed columns, and the two kinds of files they become.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::parquet;

/// What kind of files an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text with a header line (RFC 4180); times are milliseconds since the Unix epoch.
    Csv,
    /// Parquet: typed columns, dictionaries, statistics, compressed by snappy.
    Parquet,
}

impl Format {
    /// The file of a table.
    pub(in super::super) fn file(self, folder: &Path, name: &str) -> PathBuf {
        let extension = match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        };
        folder.join(name).with_extension(extension)
    }
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Cell {
    Text(String),
    Int(i32),
    Long(i64),
    /// Milliseconds since the Unix epoch, UTC.
    Time(i64),
    Double(f64),
    /// Only in columns that may be empty.
    Empty,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Type {
    Text,
    Int,
    Long,
    Time,
    Double,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Column {
    pub(super) name: &'static str,
    pub(super) of: Type,
    /// Whether cells may be empty.
    pub(super) optional: bool,
}

impl Column {
    pub(in super::super) const fn of(name: &'static str, of: Type) -> Self {
        Self { name, of, optional: false }
    }

    pub(in super::super) const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

/// A file of one table, written row by row.
pub(in super::super) struct Table {
    path: PathBuf,
    writer: Writer,
}

enum Writer {
    Csv(Box<csv::Writer<BufWriter<File>>>),
    Parquet(Box<parquet::Writer<BufWriter<File>>>),
}

impl Table {
    pub(in super::super) fn create(path: &Path, format: Format, columns: &'static [Column]) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let writer = match format {
            Format::Parquet => Writer::Parquet(Box::new(parquet::Writer::new(file, columns)?)),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(file);
                writer.write_record(columns.iter().map(|column| column.name))?;
                Writer::Csv(Box::new(writer))
            }
        };
        Ok(Self { path: path.to_owned(), writer })
    }

    /// Adds a row: one cell per column, of its type.
    pub(in super::super) fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        match &mut self.writer {
            Writer::Parquet(writer) => writer.row(cells),
            Writer::Csv(writer) => Ok(writer.write_record(cells.iter().map(text))?),
        }
    }

    /// Writes what is left; the file is whole after this.
    pub(in super::super) fn finish(self) -> io::Result<PathBuf> {
        match self.writer {
            Writer::Csv(mut writer) => writer.flush()?,
            Writer::Parquet(writer) => writer.finish()?,
        }
        Ok(self.path)
    }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => no_formula(text),
        Cell::Int(value) => value.to_string(),
        Cell::Long(value) | Cell::Time(value) => value.to_string(),
        Cell::Double(value) => value.to_string(),
        Cell::Empty => String::new(),
    }
}

/// A text that a spreadsheet would take for a formula, behind the apostrophe that says it is text; any other as it is.
/// Numbers are not asked: theirs may begin with a minus.
fn no_formula(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_texts_and_numbers_stay() {
        for begin in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(text(&Cell::Text(begin.into())), format!("'{begin}"));
        }
        assert_eq!(text(&Cell::Text("Will 1 = 1?".into())), "Will 1 = 1?");
        assert_eq!([text(&Cell::Double(-0.5)), text(&Cell::Long(-1)), text(&Cell::Empty)], ["-0.5", "-1", ""]);
    }
}
