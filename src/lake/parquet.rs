//! Tables as Parquet files, a row group at a time.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type as Schema;

use super::table::{Cell, Column, Type};

/// Rows of one row group: what is held in memory while writing.
const GROUP: usize = 1 << 17;
/// Bytes of texts that end one earlier: what miners say to a prompt is a thousand times a number.
const GROUP_BYTES: usize = 32 << 20;

/// The values of one column of the row group in work; empty cells have none.
#[derive(Debug)]
enum Values {
    Text(Vec<ByteArray>),
    Int(Vec<i32>),
    Long(Vec<i64>),
    Double(Vec<f64>),
}

impl Values {
    const fn new(of: Type) -> Self {
        match of {
            Type::Text => Self::Text(Vec::new()),
            Type::Int => Self::Int(Vec::new()),
            Type::Long | Type::Time => Self::Long(Vec::new()),
            Type::Double => Self::Double(Vec::new()),
        }
    }
}

/// A column of the row group in work.
#[derive(Debug)]
struct Chunk {
    values: Values,
    /// Per row 1, or 0 where the cell is empty; only of columns that may be empty.
    levels: Option<Vec<i16>>,
}

impl Chunk {
    fn new(column: &Column) -> Self {
        Self { values: Values::new(column.of), levels: column.optional.then(Vec::new) }
    }

    /// `false`: the cell is not of the column's type.
    fn push(&mut self, column: &Column, cell: &Cell) -> bool {
        match (&mut self.values, cell) {
            (Values::Text(values), Cell::Text(text)) => values.push(ByteArray::from(text.as_str())),
            (Values::Text(values), Cell::Shared(text)) => values.push(ByteArray::from(text.clone())),
            (Values::Int(values), Cell::Int(value)) => values.push(*value),
            (Values::Long(values), Cell::Long(value)) if column.of == Type::Long => values.push(*value),
            (Values::Long(values), Cell::Time(value)) if column.of == Type::Time => values.push(*value),
            (Values::Double(values), Cell::Double(value)) => values.push(*value),
            (_, Cell::Empty) if column.optional => {}
            _ => return false,
        }
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(*cell != Cell::Empty));
        }
        true
    }

    fn write(&self, mut to: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        fn put<T: DataType>(
            to: &mut SerializedColumnWriter<'_>,
            values: &[T::T],
            levels: Option<&[i16]>,
        ) -> Result<(), ParquetError> {
            to.typed::<T>().write_batch(values, levels, None).map(drop)
        }
        let levels = self.levels.as_deref();
        match &self.values {
            Values::Text(values) => put::<ByteArrayType>(&mut to, values, levels)?,
            Values::Int(values) => put::<Int32Type>(&mut to, values, levels)?,
            Values::Long(values) => put::<Int64Type>(&mut to, values, levels)?,
            Values::Double(values) => put::<DoubleType>(&mut to, values, levels)?,
        }
        to.close()
    }
}

/// A file on its way.
///
/// The rows of one group are in memory, and no more.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: &'static [Column],
    chunks: Vec<Chunk>,
    rows: usize,
    /// Bytes of texts of its own of the row group in work.
    text: usize,
    /// Rows of one row group.
    group: usize,
}

impl<W: Write + Send> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file with `said` in its metadata: names with values.
    ///
    /// # Errors
    /// The system's.
    pub fn new(to: W, columns: &'static [Column], said: Vec<(&'static str, String)>) -> io::Result<Self> {
        Self::with_groups(to, columns, said, GROUP)
    }

    fn with_groups(
        to: W,
        columns: &'static [Column],
        said: Vec<(&'static str, String)>,
        group: usize,
    ) -> io::Result<Self> {
        let said: Vec<KeyValue> = said.into_iter().map(|(name, value)| KeyValue::new(name.to_owned(), value)).collect();
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("neuron version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata((!said.is_empty()).then_some(said))
            .build();
        let file = schema(columns)
            .and_then(|schema| SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties)))
            .map_err(io_error)?;
        Ok(Self { file, columns, chunks: columns.iter().map(Chunk::new).collect(), rows: 0, text: 0, group })
    }

    /// Adds a row: one cell per column, of its type.
    ///
    /// # Errors
    /// The system's; a row that does not fit.
    pub fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        let places = self.chunks.iter_mut().zip(self.columns).zip(cells);
        let fits = cells.len() == self.columns.len()
            && places.fold(true, |fits, ((chunk, column), cell)| fits && chunk.push(column, cell));
        if !fits {
            return Err(io::Error::other(format!("a row that does not fit its table: {cells:?}")));
        }
        self.rows += 1;
        self.text += cells.iter().map(|cell| if let Cell::Text(text) = cell { text.len() } else { 0 }).sum::<usize>();
        if self.rows == self.group || self.text >= GROUP_BYTES { self.flush().map_err(io_error) } else { Ok(()) }
    }

    /// Writes the row group in work.
    fn flush(&mut self) -> Result<(), ParquetError> {
        let mut group: SerializedRowGroupWriter<'_, W> = self.file.next_row_group()?;
        for (chunk, column) in self.chunks.iter_mut().zip(self.columns) {
            let full = std::mem::replace(chunk, Chunk::new(column));
            if let Some(to) = group.next_column()? {
                full.write(to)?;
            }
        }
        group.close()?;
        (self.rows, self.text) = (0, 0);
        Ok(())
    }

    /// Writes what is left and the footer, and gives back what was written to.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> io::Result<W> {
        if self.rows > 0 {
            self.flush().map_err(io_error)?;
        }
        let mut to = self.file.into_inner().map_err(io_error)?;
        to.flush()?;
        Ok(to)
    }
}

fn schema(columns: &[Column]) -> Result<Schema, ParquetError> {
    let field = |column: &Column| {
        let (physical, logical) = match column.of {
            Type::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Type::Int => (Physical::INT32, None),
            Type::Long => (Physical::INT64, None),
            Type::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
            Type::Double => (Physical::DOUBLE, None),
        };
        let repetition = if column.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let field = Schema::primitive_type_builder(column.name, physical).with_repetition(repetition);
        field.with_logical_type(logical).build().map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    Schema::group_type_builder("schema").with_fields(fields).build()
}

/// What the system said, where it was the system.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => cause.downcast().map_or_else(io::Error::other, |error: Box<io::Error>| *error),
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::basic::Encoding;
    use parquet::file::metadata::RowGroupMetaData;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

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
            [Cell::Text(format!("Zeile „{}“", k % 5)), Cell::Int(-k), Cell::Long(i64::from(k) << 40), at, x]
        };
        (0..n).map(row).collect()
    }

    fn file(rows: &[[Cell; 5]], group: usize) -> SerializedFileReader<Bytes> {
        let mut bytes = Vec::new();
        let mut writer = Writer::with_groups(&mut bytes, &COLUMNS, Vec::new(), group).unwrap();
        rows.iter().for_each(|row| writer.row(row).unwrap());
        writer.finish().map(drop).unwrap();
        SerializedFileReader::new(Bytes::from(bytes)).unwrap()
    }

    fn cell(field: &Field) -> Cell {
        match field {
            Field::Null => Cell::Empty,
            Field::Str(text) => Cell::Text(text.clone()),
            Field::Int(value) => Cell::Int(*value),
            Field::Long(value) => Cell::Long(*value),
            Field::TimestampMillis(value) => Cell::Time(*value),
            Field::Double(value) => Cell::Double(*value),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_cell_comes_back_in_groups_of_the_wanted_size() {
        for (n, group) in [(0, 10), (1, 10), (23, 10), (20, 10), (23, 100)] {
            let rows = rows(n);
            let file = file(&rows, group);
            let found: Vec<Vec<Cell>> = file
                .get_row_iter(None)
                .unwrap()
                .map(|row| row.unwrap().get_column_iter().map(|(_, field)| cell(field)).collect())
                .collect();
            assert_eq!(found, rows);
            let metadata = file.metadata();
            assert!(metadata.row_groups().iter().all(|g| g.num_rows() <= group as i64));
            assert_eq!(metadata.num_row_groups(), rows.len().div_ceil(group));
            for column in metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
                assert_eq!(column.compression(), Compression::SNAPPY);
                assert!(column.statistics().is_some() && column.dictionary_page_offset().is_some());
                assert!(column.encodings().any(|encoding| encoding == Encoding::RLE_DICTIONARY));
            }
        }
    }

    #[test]
    fn long_texts_end_a_group_before_its_rows_do() {
        let long = "x".repeat(GROUP_BYTES / 4 + 1);
        let row = |k: i32| [Cell::Text(long.clone()), Cell::Int(k), Cell::Long(0), Cell::Empty, Cell::Empty];
        let rows: Vec<[Cell; 5]> = (0..10).map(row).collect();
        let groups: Vec<i64> =
            file(&rows, 100).metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
        assert_eq!(groups, [4, 4, 2]);
    }

    #[test]
    fn a_row_that_does_not_fit_is_refused() {
        let mut writer = Writer::new(Vec::new(), &COLUMNS[..2], Vec::new()).unwrap();
        assert!(writer.row(&[Cell::Text("a".into())]).is_err());
        assert!(writer.row(&[Cell::Int(1), Cell::Int(1)]).is_err());
        assert!(writer.row(&[Cell::Empty, Cell::Int(1)]).is_err());
    }

    #[test]
    fn what_the_system_refuses_is_told_as_the_system_says_it() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = Writer::new(full, &COLUMNS, Vec::new()).and_then(Writer::finish).unwrap_err();
        assert!(error.to_string().contains("No space left on device"), "{error}");
    }
}
