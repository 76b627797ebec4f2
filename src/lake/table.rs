//! Tables: typed columns, and the two kinds of files they become.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use bytes::Bytes;

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
    #[must_use]
    pub fn file(self, folder: &Path, name: &str) -> PathBuf {
        let extension = match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        };
        folder.join(name).with_extension(extension)
    }
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A text (UTF-8) that many rows share: a copy costs a counter.
    Shared(Bytes),
    /// A small number.
    Int(i32),
    /// A number.
    Long(i64),
    /// Milliseconds since the Unix epoch, UTC.
    Time(i64),
    /// A finite number.
    Double(f64),
    /// Only in columns that may be empty.
    Empty,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// UTF-8.
    Text,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// Milliseconds since the Unix epoch, UTC.
    Time,
    /// 64 bits.
    Double,
}

impl Type {
    /// The type's name in the description of a lake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int32",
            Self::Long => "int64",
            Self::Time => "timestamp_ms_utc",
            Self::Double => "double",
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub(super) name: &'static str,
    pub(super) of: Type,
    /// Whether cells may be empty.
    pub(super) optional: bool,
}

impl Column {
    /// A column that is never empty.
    #[must_use]
    pub const fn of(name: &'static str, of: Type) -> Self {
        Self { name, of, optional: false }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it holds.
    #[must_use]
    pub const fn of_type(&self) -> Type {
        self.of
    }

    /// Whether cells may be empty.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.optional
    }

    /// The same, with cells that may be empty.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

/// A file of one table, written row by row.
pub struct Table {
    path: PathBuf,
    writer: Writer,
}

enum Writer {
    Csv(Box<csv::Writer<BufWriter<File>>>),
    Parquet(Box<parquet::Writer<BufWriter<File>>>),
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Table {
    /// Begins a file.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path, format: Format, columns: &'static [Column]) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let writer = match format {
            Format::Parquet => Writer::Parquet(Box::new(parquet::Writer::new(file, columns, Vec::new())?)),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(file);
                writer.write_record(columns.iter().map(|column| column.name))?;
                Writer::Csv(Box::new(writer))
            }
        };
        Ok(Self { path: path.to_owned(), writer })
    }

    /// Adds a row: one cell per column, of its type.
    ///
    /// # Errors
    /// The system's; a row that does not fit.
    pub fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        match &mut self.writer {
            Writer::Parquet(writer) => writer.row(cells),
            Writer::Csv(writer) => Ok(writer.write_record(cells.iter().map(text))?),
        }
    }

    /// Writes what is left; the file is whole after this.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(self) -> io::Result<PathBuf> {
        match self.writer {
            Writer::Csv(mut writer) => writer.flush()?,
            Writer::Parquet(writer) => drop(writer.finish()?),
        }
        Ok(self.path)
    }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => no_formula(text),
        Cell::Shared(text) => no_formula(&String::from_utf8_lossy(text)),
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
