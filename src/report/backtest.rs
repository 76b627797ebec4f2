//! A back-test as tables and pictures.

use std::fs;
use std::path::{Path, PathBuf};

use super::plot;
use super::{ReportError, create_folder};
use crate::forecast::backtest::{Fan, Moment, Standing, Summary};
use crate::lake::table::{Cell, Column, Format, Table, Type};

const FORECASTS: [Column; 4] = [
    Column::of("at_ms", Type::Time),
    Column::of("model", Type::Text),
    Column::of("rmse", Type::Double),
    Column::of("share", Type::Double),
];
const HORIZONS: [Column; 5] = [
    Column::of("model", Type::Text),
    Column::of("minutes", Type::Long),
    Column::of("ratio", Type::Double),
    Column::of("coverage_80", Type::Double).optional(),
    Column::of("width_80", Type::Double).optional(),
];
const RANKS: [Column; 4] = [
    Column::of("at_ms", Type::Time),
    Column::of("model", Type::Text),
    Column::of("weight", Type::Double),
    Column::of("rank", Type::Long),
];

/// What a back-test found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The models, as they were named.
    pub models: &'a [String],
    /// Every time that was forecast from.
    pub moments: &'a [Moment],
    /// What it comes to.
    pub summary: &'a Summary,
    /// The order of the models over time.
    pub standings: &'a [Standing],
    /// Some forecasts to be drawn, with the model's name and their time in words.
    pub fans: &'a [(String, String, Fan)],
}

/// Writes a row for every forecast to a CSV: its time, its model, its weighted error in dollars, its share.
///
/// # Errors
/// [`ReportError::File`].
pub fn write_csv(path: &Path, models: &[String], moments: &[Moment]) -> Result<(), ReportError> {
    let table = || forecasts(Table::create(path, Format::Csv, &FORECASTS)?, models, moments);
    table().map(|_| ()).map_err(|source| ReportError::File { path: path.to_owned(), source })
}

/// Writes everything into `folder`, which is made when it is not there: `forecasts`, `horizons` and `ranks` as CSV and as
/// Parquet, `skill.svg`, `ranks.svg` and a `fan-N.svg` for each forecast to be drawn. The files.
///
/// # Errors
/// [`ReportError::Folder`], [`ReportError::File`].
pub fn write_all(folder: &Path, found: &Found<'_>) -> Result<Vec<PathBuf>, ReportError> {
    create_folder(folder)?;
    let mut files = Vec::new();
    for format in [Format::Csv, Format::Parquet] {
        let mut write = |name: &str, columns, fill: &dyn Fn(Table) -> std::io::Result<PathBuf>| {
            let path = format.file(folder, name);
            let written = Table::create(&path, format, columns).and_then(fill);
            files.push(written.map_err(|source| ReportError::File { path, source })?);
            Ok::<(), ReportError>(())
        };
        write("forecasts", &FORECASTS, &|table| forecasts(table, found.models, found.moments))?;
        write("horizons", &HORIZONS, &|table| horizons(table, found.summary))?;
        write("ranks", &RANKS, &|table| ranks(table, found.models, found.standings))?;
    }
    let mut pictures = vec![
        ("skill.svg".to_owned(), plot::skill(&found.summary.models)),
        ("ranks.svg".to_owned(), plot::ranks(found.models, found.standings)),
    ];
    for (number, (model, when, fan)) in found.fans.iter().enumerate() {
        pictures.push((format!("fan-{}.svg", number + 1), plot::fan(fan, model, when)));
    }
    for (name, picture) in pictures {
        let path = folder.join(name);
        fs::write(&path, picture).map_err(|source| ReportError::File { path: path.clone(), source })?;
        files.push(path);
    }
    Ok(files)
}

fn forecasts(mut table: Table, models: &[String], moments: &[Moment]) -> std::io::Result<PathBuf> {
    for moment in moments {
        for ((model, error), share) in models.iter().zip(&moment.errors).zip(&moment.shares) {
            table.row(&[
                Cell::Time(moment.at.0),
                Cell::Text(model.clone()),
                Cell::Double(*error),
                Cell::Double(*share),
            ])?;
        }
    }
    table.finish()
}

fn horizons(mut table: Table, summary: &Summary) -> std::io::Result<PathBuf> {
    let maybe = |value: Option<f64>| value.map_or(Cell::Empty, Cell::Double);
    for line in &summary.models {
        for at in &line.horizons {
            table.row(&[
                Cell::Text(line.model.clone()),
                Cell::Long(at.minutes),
                Cell::Double(at.ratio),
                maybe(at.coverage_80),
                maybe(at.width_80),
            ])?;
        }
    }
    table.finish()
}

fn ranks(mut table: Table, models: &[String], standings: &[Standing]) -> std::io::Result<PathBuf> {
    for standing in standings {
        for ((model, weight), rank) in models.iter().zip(&standing.weights).zip(&standing.ranks) {
            table.row(&[
                Cell::Time(standing.at.0),
                Cell::Text(model.clone()),
                Cell::Double(*weight),
                Cell::Long(i64::from(*rank)),
            ])?;
        }
    }
    table.finish()
}
