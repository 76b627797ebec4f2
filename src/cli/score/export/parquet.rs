//! Tables as Parquet files: typed columns, plainly encoded, not compressed, one page per column and row group.
//!
//! Format: <https://parquet.apache.org/docs/file-format/>. Of its many ways to write a column this has the plainest one, which
//! every reader knows: pyarrow, pandas, DuckDB, Polars, Spark. The library of the Rust
//! world for it costs 38 s of processor time in a cold release build.

use std::io::{self, Write};

use super::table::{Cell, Column, Type};
use super::thrift::{Kind, Struct, binary, number, varint};

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A value of Thrift's compact protocol, read by a decoder that shares nothing with the writer.
    #[derive(Debug, Clone, PartialEq)]
    enum Value {
        Flag,
        Number(i64),
        Text(String),
        List(Vec<Value>),
        Struct(BTreeMap<u8, Value>),
    }

    impl Value {
        fn at(&self, path: &[u8]) -> &Value {
            path.iter().fold(self, |value, number| match value {
                Value::Struct(fields) => &fields[number],
                Value::List(items) => &items[usize::from(*number)],
                other => panic!("{other:?} has no parts"),
            })
        }

        fn number(&self, path: &[u8]) -> i64 {
            let Value::Number(number) = self.at(path) else { panic!("{path:?} of {self:?} is no number") };
            *number
        }

        fn list(&self, path: &[u8]) -> &[Value] {
            let Value::List(items) = self.at(path) else { panic!("{path:?} is no list") };
            items
        }
    }

    fn unsigned(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }

    fn value(bytes: &mut &[u8], kind: u8) -> Value {
        match kind {
            1 => Value::Flag,
            5 | 6 => {
                let raw = unsigned(bytes);
                Value::Number((raw >> 1) as i64 ^ -((raw & 1) as i64))
            }
            8 => {
                let n = unsigned(bytes) as usize;
                let (text, rest) = bytes.split_at(n);
                *bytes = rest;
                Value::Text(String::from_utf8(text.to_vec()).unwrap())
            }
            9 => {
                let head = bytes[0];
                *bytes = &bytes[1..];
                let n = if head >> 4 == 15 { unsigned(bytes) } else { u64::from(head >> 4) };
                Value::List((0..n).map(|_| value(bytes, head & 15)).collect())
            }
            12 => {
                let (mut fields, mut number) = (BTreeMap::new(), 0);
                loop {
                    let head = bytes[0];
                    *bytes = &bytes[1..];
                    if head == 0 {
                        return Value::Struct(fields);
                    }
                    number += head >> 4;
                    fields.insert(number, value(bytes, head & 15));
                }
            }
            other => panic!("kind {other}"),
        }
    }

    const COLUMNS: [Column; 5] = [
        Column::of("name", Type::Text),
        Column::of("small", Type::Int),
        Column::of("large", Type::Long),
        Column::of("at", Type::Time).optional(),
        Column::of("x", Type::Double).optional(),
    ];

    fn rows(n: i32) -> Vec<[Cell; 5]> {
        let row = |k: i32| {
            let x = if k % 3 == 1 { Cell::Empty } else { Cell::Double(f64::from(k) / 7.0) };
            let at = if k < 4 { Cell::Empty } else { Cell::Time(1_717_200_000_000 + i64::from(k)) };
            [Cell::Text(format!("Zeile „{k}“")), Cell::Int(-k), Cell::Long(i64::from(k) << 40), at, x]
        };
        (0..n).map(row).collect()
    }

    fn file(rows: &[[Cell; 5]], group: usize) -> Vec<u8> {
        let mut writer = Writer::with_groups(Vec::new(), &COLUMNS, group).unwrap();
        rows.iter().for_each(|row| writer.row(row).unwrap());
        writer.finish().unwrap()
    }

    /// The values of a page, by the rules of the format.
    fn column(file: &[u8], meta: &Value, column: usize) -> Vec<Cell> {
        let mut bytes = &file[meta.number(&[9]) as usize..];
        let head = value(&mut bytes, 12);
        let n = head.number(&[5, 1]) as usize;
        assert_eq!((head.number(&[1]), head.number(&[2])), (0, head.number(&[3])));
        let mut page = &bytes[..head.number(&[2]) as usize];
        let mut present = Vec::new();
        if COLUMNS[column].optional {
            let (length, rest) = page.split_at(4);
            let (mut levels, rest) = rest.split_at(u32::from_le_bytes(length.try_into().unwrap()) as usize);
            page = rest;
            while !levels.is_empty() {
                let run = unsigned(&mut levels);
                assert_eq!(run & 1, 0, "runs only");
                present.extend(vec![levels[0] == 1; (run >> 1) as usize]);
                levels = &levels[1..];
            }
        } else {
            present = vec![true; n];
        }
        let mut take = |n: usize| {
            let (taken, rest) = page.split_at(n);
            page = rest;
            taken.to_vec()
        };
        let mut cell = |present: bool| match COLUMNS[column].of {
            _ if !present => Cell::Empty,
            Type::Text => {
                let n = u32::from_le_bytes(take(4).try_into().unwrap()) as usize;
                Cell::Text(String::from_utf8(take(n)).unwrap())
            }
            Type::Int => Cell::Int(i32::from_le_bytes(take(4).try_into().unwrap())),
            Type::Long => Cell::Long(i64::from_le_bytes(take(8).try_into().unwrap())),
            Type::Time => Cell::Time(i64::from_le_bytes(take(8).try_into().unwrap())),
            Type::Double => Cell::Double(f64::from_le_bytes(take(8).try_into().unwrap())),
        };
        let cells = present.into_iter().map(&mut cell).collect();
        assert!(page.is_empty());
        cells
    }

    #[test]
    fn a_reader_that_follows_the_specification_gets_every_cell_back() {
        for (n, group) in [(0, 10), (1, 10), (23, 10), (20, 10), (23, 100)] {
            let rows = rows(n);
            let file = file(&rows, group);
            assert!(file.starts_with(MAGIC) && file.ends_with(MAGIC));
            let end = file.len() - 8;
            let length = u32::from_le_bytes(file[end..end + 4].try_into().unwrap()) as usize;
            let mut footer = &file[end - length..end];
            let meta = value(&mut footer, 12);
            assert!(footer.is_empty());
            assert_eq!(meta.number(&[3]), i64::from(n));
            let names: Vec<_> = meta.list(&[2])[1..].iter().map(|column| column.at(&[4]).clone()).collect();
            assert_eq!(names, COLUMNS.map(|column| Value::Text(column.name.into())));
            let (mut seen, mut offset) = (0, 4);
            for group in meta.list(&[4]) {
                let count = group.number(&[3]) as usize;
                for (k, chunk) in group.list(&[1]).iter().enumerate() {
                    // Chunks follow each other without a gap, and are as long as they say.
                    assert_eq!(chunk.number(&[3, 9]), offset);
                    offset += chunk.number(&[3, 7]);
                    let expected: Vec<_> = rows[seen..seen + count].iter().map(|row| row[k].clone()).collect();
                    assert_eq!(column(&file, chunk.at(&[3]), k), expected);
                }
                seen += count;
            }
            assert_eq!((seen, offset as usize), (rows.len(), end - length));
        }
    }

    #[test]
    fn a_row_that_does_not_fit_is_refused() {
        let mut writer = Writer::new(Vec::new(), &COLUMNS[..2]).unwrap();
        assert!(writer.row(&[Cell::Text("a".into())]).is_err());
        assert!(writer.row(&[Cell::Int(1), Cell::Int(1)]).is_err());
        assert!(writer.row(&[Cell::Empty, Cell::Int(1)]).is_err());
    }
}
