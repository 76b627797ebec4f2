//! Tables as Parquet files: typed columns, plainly encoded, not compressed, one page per column and row group.
//!
//! Format: <https://parquet.apache.org/docs/file-format/>. Of its many ways to write a column this has the plainest one, which
//! every reader knows: pyarrow, pandas, DuckDB, Polars, Spark. The crate `parquet`, with no feature at all, would add 38 s
//! of processor time to a cold release build.

mod thrift;

#[cfg(test)]
mod tests;

use std::io::{self, Write};

use super::table::{Cell, Column, Type};
use thrift::{Kind, Struct, binary, number, varint};

const MAGIC: &[u8; 4] = b"PAR1";
/// Encodings.
const PLAIN: i32 = 0;
const RUNS: i32 = 3;
/// Rows of one row group: what is held in memory while writing.
const GROUP: usize = 1 << 17;

/// The physical type's number.
const fn physical(of: Type) -> i32 {
    match of {
        Type::Int => 1,
        Type::Long | Type::Time => 2,
        Type::Double => 5,
        Type::Text => 6,
    }
}

fn schema(column: &Column) -> Struct {
    let base = Struct::default().i32(1, physical(column.of)).i32(3, i32::from(column.optional)).text(4, column.name);
    // The older name of the logical type, then the newer one.
    match column.of {
        Type::Text => base.i32(6, 0).nested(10, Struct::default().nested(1, Struct::default())),
        Type::Time => {
            let milliseconds = Struct::default().nested(1, Struct::default());
            let timestamp = Struct::default().yes(1).nested(2, milliseconds);
            base.i32(6, 9).nested(10, Struct::default().nested(8, timestamp))
        }
        Type::Int | Type::Long | Type::Double => base,
    }
}

/// The cells of one column of the row group in work.
#[derive(Debug, Default)]
struct Chunk {
    values: Vec<u8>,
    present: Vec<bool>,
}

impl Chunk {
    /// `false`: the cell is not of the column's type.
    fn push(&mut self, column: &Column, cell: &Cell) -> bool {
        let values = &mut self.values;
        match (column.of, cell) {
            (Type::Text, Cell::Text(text)) => {
                values.extend((text.len() as u32).to_le_bytes());
                values.extend(text.as_bytes());
            }
            (Type::Int, Cell::Int(value)) => values.extend(value.to_le_bytes()),
            (Type::Long, Cell::Long(value)) | (Type::Time, Cell::Time(value)) => values.extend(value.to_le_bytes()),
            (Type::Double, Cell::Double(value)) => values.extend(value.to_le_bytes()),
            (_, Cell::Empty) if column.optional => {}
            _ => return false,
        }
        self.present.push(*cell != Cell::Empty);
        true
    }

    /// Definition levels as runs (which a mix of few and many empty cells both suit), before the values.
    fn levels(&self) -> Vec<u8> {
        let mut runs = Vec::new();
        for run in self.present.chunk_by(|a, b| a == b) {
            varint(&mut runs, (run.len() as u64) << 1);
            runs.push(u8::from(run.first().is_some_and(|present| *present)));
        }
        let mut out = (runs.len() as u32).to_le_bytes().to_vec();
        out.extend(runs);
        out
    }
}

/// A file on its way.
pub(super) struct Writer<W> {
    to: W,
    columns: Vec<Column>,
    chunks: Vec<Chunk>,
    rows: usize,
    written: u64,
    total: u64,
    groups: Vec<Vec<u8>>,
    group: usize,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(to: W, columns: &[Column]) -> io::Result<Self> {
        Self::with_groups(to, columns, GROUP)
    }

    fn with_groups(mut to: W, columns: &[Column], group: usize) -> io::Result<Self> {
        to.write_all(MAGIC)?;
        let chunks = columns.iter().map(|_| Chunk::default()).collect();
        let columns = columns.to_vec();
        Ok(Self { to, columns, chunks, rows: 0, written: 4, total: 0, groups: Vec::new(), group })
    }

    /// Adds a row: one cell per column, of its type.
    pub(super) fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        let fits = cells.len() == self.columns.len()
            && self
                .chunks
                .iter_mut()
                .zip(&self.columns)
                .zip(cells)
                .all(|((chunk, column), cell)| chunk.push(column, cell));
        if !fits {
            return Err(io::Error::other(format!("a row that does not fit its table: {cells:?}")));
        }
        self.rows += 1;
        if self.rows == self.group { self.flush() } else { Ok(()) }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    /// Writes the row group in work.
    fn flush(&mut self) -> io::Result<()> {
        let start = self.written;
        let mut metas = Vec::with_capacity(self.columns.len());
        for (column, chunk) in self.columns.clone().iter().zip(std::mem::take(&mut self.chunks)) {
            let offset = self.written as i64;
            let levels = if column.optional { chunk.levels() } else { Vec::new() };
            let size = i32::try_from(levels.len() + chunk.values.len())
                .map_err(|_| io::Error::other(format!("column {} has texts that are too long", column.name)))?;
            let rows = chunk.present.len() as i32;
            // Plain values; levels as runs, both of them, as the format wants it named.
            let data = Struct::default().i32(1, rows).i32(2, PLAIN).i32(3, RUNS).i32(4, RUNS);
            let head = Struct::default().i32(1, 0).i32(2, size).i32(3, size).nested(5, data).finish();
            self.put(&head)?;
            self.put(&levels)?;
            self.put(&chunk.values)?;
            let length = self.written as i64 - offset;
            let meta = Struct::default()
                .i32(1, physical(column.of))
                .list(2, Kind::I32, [number(PLAIN), number(RUNS)])
                .list(3, Kind::Binary, [binary(column.name)])
                .i32(4, 0)
                .i64(5, rows.into())
                .i64(6, length)
                .i64(7, length)
                .i64(9, offset);
            metas.push(Struct::default().i64(2, offset).nested(3, meta).finish());
        }
        self.chunks = self.columns.iter().map(|_| Chunk::default()).collect();
        let size = (self.written - start) as i64;
        let group = Struct::default().list(1, Kind::Struct, metas).i64(2, size).i64(3, self.rows as i64);
        self.groups.push(group.finish());
        self.total += self.rows as u64;
        self.rows = 0;
        Ok(())
    }

    /// Writes what is left and the footer, and gives the file back.
    pub(super) fn finish(mut self) -> io::Result<W> {
        if self.rows > 0 {
            self.flush()?;
        }
        let root = Struct::default().text(4, "schema").i32(5, self.columns.len() as i32).finish();
        let schema = [root].into_iter().chain(self.columns.iter().map(|column| schema(column).finish()));
        let footer = Struct::default()
            .i32(1, 1)
            .list(2, Kind::Struct, schema)
            .i64(3, self.total as i64)
            .list(4, Kind::Struct, std::mem::take(&mut self.groups))
            .text(6, concat!("neuron version ", env!("CARGO_PKG_VERSION")))
            .finish();
        self.put(&footer)?;
        self.put(&(footer.len() as u32).to_le_bytes())?;
        self.put(MAGIC)?;
        self.to.flush()?;
        Ok(self.to)
    }
}
