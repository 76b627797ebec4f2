//! The errors of a back-test as a file.

use std::path::Path;

use super::ReportError;
use crate::forecast::backtest::Moment;

/// Writes a row for every forecast: its time, its model, its weighted error in dollars, its share.
///
/// # Errors
/// [`ReportError::File`].
pub fn write_csv(path: &Path, models: &[String], moments: &[Moment]) -> Result<(), ReportError> {
    let write = || -> std::io::Result<()> {
        let mut writer = csv::Writer::from_path(path)?;
        writer.write_record(["at_ms", "model", "rmse", "share"])?;
        for moment in moments {
            for ((model, error), share) in models.iter().zip(&moment.errors).zip(&moment.shares) {
                let numbers = [moment.at.0.to_string(), model.clone(), error.to_string(), share.to_string()];
                writer.write_record(&numbers)?;
            }
        }
        writer.flush()
    };
    write().map_err(|source| ReportError::File { path: path.to_owned(), source })
}
