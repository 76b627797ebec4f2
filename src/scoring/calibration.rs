//! How well probabilities match frequencies: the reliability diagram and its summary.

use schemars::JsonSchema;
use serde::Serialize;

/// One bin of reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, JsonSchema, Serialize)]
pub struct Bin {
    /// Reports in it.
    pub count: u64,
    /// Their mean.
    pub mean_p: f64,
    /// The mean outcome: what the reports should have been.
    pub frequency: f64,
}

/// A set of reports against outcomes.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize)]
pub struct Calibration {
    /// Equal bins of `0..=1`, those without reports included.
    pub bins: Vec<Bin>,
    /// Reports in all.
    pub count: u64,
    /// Mean quadratic loss.
    pub brier: f64,
    /// Mean squared distance between a bin's reports and its outcomes; 0 is perfect.
    pub reliability: f64,
    /// How far the bins' outcomes are from the overall mean; more is better.
    pub resolution: f64,
}

/// Sorts `(p, o)` into `bins` bins. Pairs that are not finite are left out.
#[must_use]
pub fn calibration(reports: impl IntoIterator<Item = (f64, f64)>, bins: usize) -> Calibration {
    let bins = bins.max(1);
    let mut sums = vec![(0_u64, 0.0, 0.0); bins];
    let (mut count, mut loss, mut outcomes) = (0_u64, 0.0, 0.0);
    for (p, o) in reports.into_iter().filter(|(p, o)| p.is_finite() && o.is_finite()) {
        let place = ((p.clamp(0.0, 1.0) * bins as f64) as usize).min(bins - 1);
        if let Some(sum) = sums.get_mut(place) {
            *sum = (sum.0 + 1, sum.1 + p, sum.2 + o);
        }
        count += 1;
        loss += (o - p) * (o - p);
        outcomes += o;
    }
    if count == 0 {
        return Calibration { bins: vec![Bin::default(); bins], ..Calibration::default() };
    }
    let bin = |(n, p, o): (u64, f64, f64)| {
        if n == 0 { Bin::default() } else { Bin { count: n, mean_p: p / n as f64, frequency: o / n as f64 } }
    };
    let bins: Vec<Bin> = sums.into_iter().map(bin).collect();
    let n = count as f64;
    let base = outcomes / n;
    let mean = |f: &dyn Fn(&Bin) -> f64| bins.iter().map(|b| b.count as f64 * f(b)).sum::<f64>() / n;
    let reliability = mean(&|b| (b.mean_p - b.frequency).powi(2));
    let resolution = mean(&|b| (b.frequency - base).powi(2));
    Calibration { count, brier: loss / n, reliability, resolution, bins }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfect_reports_are_reliable() {
        let reports = (0..100).map(|i| (0.25, if i % 4 == 0 { 1.0 } else { 0.0 }));
        let found = calibration(reports.chain([(f64::NAN, 1.0)]), 10);
        assert_eq!((found.count, found.bins[2].count), (100, 100));
        assert!(found.reliability < 1e-15 && (found.brier - 0.1875).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_no_division_by_zero() {
        assert_eq!(calibration([], 5).brier, 0.0);
    }
}
