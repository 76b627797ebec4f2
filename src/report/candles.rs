//! Candles as a Parquet file.

use std::path::Path;

use super::ReportError;
use crate::lake::table::{Cell, Column, Format, Table, Type};
use crate::market::klines::Candle;

const COLUMNS: [Column; 6] = [
    Column::of("open_time", Type::Time),
    Column::of("open", Type::Double),
    Column::of("high", Type::Double),
    Column::of("low", Type::Double),
    Column::of("close", Type::Double),
    Column::of("volume", Type::Double),
];

/// Writes `candles` to `path`, which is replaced.
///
/// # Errors
/// [`ReportError::File`].
pub fn write_parquet(path: &Path, candles: &[Candle]) -> Result<(), ReportError> {
    let write = || {
        let mut table = Table::create(path, Format::Parquet, &COLUMNS)?;
        for c in candles {
            let numbers = [c.open, c.high, c.low, c.close, c.volume].map(Cell::Double);
            let [open, high, low, close, volume] = numbers;
            table.row(&[Cell::Time(c.open_at.0), open, high, low, close, volume])?;
        }
        table.finish()
    };
    write().map(|_| ()).map_err(|source| ReportError::File { path: path.to_owned(), source })
}
