//! The tables of an export: typed columns, and the two kinds of files they become.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::parquet;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
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
pub(super) enum Type {
    Text,
    Int,
    Long,
    Time,
    Double,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) of: Type,
    /// Whether cells may be empty.
    pub(super) optional: bool,
}

impl Column {
    pub(super) const fn of(name: &'static str, of: Type) -> Self {
        Self { name, of, optional: false }
    }

    pub(super) const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

/// A file of one table, written row by row.
pub(super) struct Table {
    pub(super) path: PathBuf,
    writer: Writer,
}

enum Writer {
    Csv(BufWriter<File>),
    Parquet(Box<parquet::Writer<BufWriter<File>>>),
}

impl Table {
    /// `format`: csv or parquet, which is the file's extension, too.
    pub(super) fn create(folder: &Path, name: &str, format: &str, columns: &[Column]) -> io::Result<Self> {
        let path = folder.join(format!("{name}.{format}"));
        let mut file = BufWriter::new(File::create(&path)?);
        let writer = if format == "parquet" {
            Writer::Parquet(Box::new(parquet::Writer::new(file, columns)?))
        } else {
            let names: Vec<_> = columns.iter().map(|column| column.name).collect();
            writeln!(file, "{}", names.join(","))?;
            Writer::Csv(file)
        };
        Ok(Self { path, writer })
    }

    /// Adds a row: one cell per column, of its type.
    pub(super) fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        match &mut self.writer {
            Writer::Parquet(writer) => writer.row(cells),
            Writer::Csv(file) => {
                for (k, cell) in cells.iter().enumerate() {
                    let comma = if k == 0 { "" } else { "," };
                    match cell {
                        Cell::Text(text) => write!(file, "{comma}{}", quoted(text))?,
                        Cell::Int(value) => write!(file, "{comma}{value}")?,
                        Cell::Long(value) | Cell::Time(value) => write!(file, "{comma}{value}")?,
                        Cell::Double(value) => write!(file, "{comma}{value}")?,
                        Cell::Empty => write!(file, "{comma}")?,
                    }
                }
                writeln!(file)
            }
        }
    }

    /// Writes what is left; the file is whole after this.
    pub(super) fn finish(self) -> io::Result<PathBuf> {
        match self.writer {
            Writer::Csv(mut file) => file.flush()?,
            Writer::Parquet(writer) => drop(writer.finish()?),
        }
        Ok(self.path)
    }
}

/// A field that may hold commas, quotes and line ends, as RFC 4180 has it.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
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
