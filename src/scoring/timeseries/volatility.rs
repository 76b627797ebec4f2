//! How much a request counts: volatile periods more, by percentile tables that live in `config/`.

use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};

/// The tables that come with the program.
const BUILT_IN: &str = include_str!("../../../config/timeseries-percentiles.toml");

/// Upper bounds of the percentiles 1 to 100 of two measures of a window of closes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PercentileTables {
    /// The mean close of the candles that the tables were made from, dollars.
    pub reference_price: f64,
    /// Whether deviations are brought to the price level of the tables first.
    pub rescale: bool,
    /// Highest close divided by the lowest.
    pub min_max: Vec<f64>,
    /// Population standard deviation, dollars.
    pub std_dev: Vec<f64>,
}

/// A table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Not the documented TOML.
    #[error("percentile tables: {0}")]
    Format(String),
    /// Bounds must be ascending finite numbers, at least one.
    #[error("percentile tables: `{0}` must be ascending finite numbers, at least one")]
    Order(&'static str),
}

impl PercentileTables {
    /// Reads tables from TOML as `config/timeseries-percentiles.toml` has it.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let tables: Self = toml::from_str(text).map_err(|e| TableError::Format(e.to_string()))?;
        let ascending = |table: &[f64]| !table.is_empty() && table.is_sorted() && table.iter().all(|x| x.is_finite());
        if !ascending(&tables.min_max) {
            return Err(TableError::Order("min_max"));
        }
        if !ascending(&tables.std_dev) {
            return Err(TableError::Order("std_dev"));
        }
        Ok(tables)
    }

    /// The tables that come with the program.
    ///
    /// # Errors
    /// Never, as long as the file in the project is sound; a test reads it.
    pub fn built_in() -> Result<Self, TableError> {
        Self::parse(BUILT_IN)
    }

    /// The weight `g` of a request whose closes these are: the geometric mean of both percentiles, in `0.01..=1`.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "views are passed by value, as ndarray does")]
    pub fn weight(&self, closes: ArrayView1<'_, f64>) -> f64 {
        let n = closes.len() as f64;
        let (least, most) = closes.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), x| (a.min(*x), b.max(*x)));
        let mean = closes.sum() / n;
        let deviation = (closes.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
        let scale = if self.rescale && mean > 0.0 { self.reference_price / mean } else { 1.0 };
        (percentile(&self.min_max, most / least) * percentile(&self.std_dev, deviation * scale)).sqrt()
    }
}

/// `(i+1)/100` for the first upper bound strictly above the value; 1 when there is none, also for NaN.
#[must_use]
pub fn percentile(bounds: &[f64], value: f64) -> f64 {
    match bounds.iter().position(|bound| *bound > value) {
        Some(place) => (place + 1) as f64 / 100.0,
        None => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_that_come_along_are_sound() {
        let tables = PercentileTables::built_in().unwrap();
        assert_eq!((tables.min_max.len(), tables.std_dev.len()), (100, 100));
        let calm = tables.weight(ArrayView1::from(&[60_000.0; 100]));
        assert!((calm - 0.01).abs() < 1e-12);
        let wild: Vec<f64> = (0..100).map(|i| 60_000.0 + 50.0 * f64::from(i)).collect();
        assert_eq!(tables.weight(ArrayView1::from(&wild)), 1.0);
    }

    #[test]
    fn rescaling_makes_the_weight_independent_of_the_price_level() {
        let tables = PercentileTables { rescale: true, ..PercentileTables::built_in().unwrap() };
        let closes: Vec<f64> = (0..100).map(|i| 60_000.0 + 300.0 * (f64::from(i) / 9.0).sin()).collect();
        let tripled: Vec<f64> = closes.iter().map(|x| 3.0 * x).collect();
        let weight = tables.weight(ArrayView1::from(&closes));
        assert_eq!(weight, tables.weight(ArrayView1::from(&tripled)));
        assert!(weight < 1.0);
    }

    #[test]
    fn a_broken_table_is_named() {
        let text = "reference_price = 1.0\nrescale = false\nmin_max = [2.0, 1.0]\nstd_dev = [1.0]";
        assert_eq!(PercentileTables::parse(text), Err(TableError::Order("min_max")));
        assert!(matches!(PercentileTables::parse("x = 1"), Err(TableError::Format(_))));
    }
}
