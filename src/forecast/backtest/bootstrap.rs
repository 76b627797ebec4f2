//! How sure a mean is, when neighbours in time are alike: a moving-block bootstrap (Künsch 1989).

use schemars::JsonSchema;
use serde::Serialize;

use crate::market::simulator::uniform;

/// Resamplings.
const TIMES: u64 = 500;

/// Where a number lies with 95 %.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The interval of `of`, a function of a sample of places `0..length`, resampled in blocks of `block` neighbours.
pub(super) fn interval(length: usize, block: usize, seed: u64, of: impl Fn(&[usize]) -> f64) -> Interval {
    let block = block.clamp(1, length.max(1));
    let starts = length.saturating_sub(block) + 1;
    let mut found: Vec<f64> = (0..TIMES)
        .map(|time| {
            let blocks = length.div_ceil(block) as u64;
            let start = |number: u64| ((uniform(&[seed, time, number]) * starts as f64) as usize).min(starts - 1);
            let mut places: Vec<usize> = (0..blocks).map(start).flat_map(|start| start..start + block).collect();
            places.truncate(length);
            of(&places)
        })
        .collect();
    found.sort_by(f64::total_cmp);
    let at = |share: f64| found.get((share * (TIMES - 1) as f64) as usize).copied().unwrap_or(f64::NAN);
    Interval { low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_noise_lies_where_it_should_and_likeness_widens() {
        let noise: Vec<f64> = (0..2000).map(|i| uniform(&[1, i]) - 0.5).collect();
        let mean =
            |values: &[f64], places: &[usize]| places.iter().map(|p| values[*p]).sum::<f64>() / places.len() as f64;
        let Interval { low, high } = interval(2000, 1, 7, |places| mean(&noise, places));
        // The deviation of the mean is 0.2887 / √2000 = 0.0065.
        assert!((high - low - 4.0 * 0.0065).abs() < 0.006, "{low} {high}");
        let alike: Vec<f64> = (0..2000).map(|i| noise[i / 50 * 50]).collect();
        let wide = interval(2000, 100, 7, |places| mean(&alike, places));
        assert!(wide.high - wide.low > 3.0 * (high - low));
    }
}
