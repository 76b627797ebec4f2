//! Models with a handful of numbers: each setting of a small grid is tried on the candles that may be seen, the best stays.

use crate::forecast::series::trained::Parameters;
use crate::forecast::series::{Autoregression, Past, Ridge};

/// Fewest closes that anything is fitted to: two days.
pub(super) const LEAST: usize = 720;
/// Steps ahead at which a setting is judged.
const AHEAD: [usize; 3] = [12, 48, 96];
/// Most places at which it is.
const PLACES: usize = 400;

/// The best model called `name` for `closes`; `None` when they are too few, or say nothing.
pub(super) fn fit(name: &str, closes: &[f64]) -> Option<Parameters> {
    if closes.len() < LEAST * 4 / 5 {
        return None;
    }
    let candidates = candidates(name, closes);
    let judged = candidates.into_iter().filter_map(|candidate| Some((past_error(&candidate, closes)?, candidate)));
    judged.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, best)| best)
}

fn candidates(name: &str, closes: &[f64]) -> Vec<Parameters> {
    match name {
        "drift" => {
            let beliefs = [-0.25, 0.0, 0.1, 0.25, 0.5, 1.0];
            pairs(&[13, 73, 289, 577], &beliefs).map(|(closes, belief)| Parameters::Drift { closes, belief }).collect()
        }
        "holt" => {
            let levels = [0.7, 0.9, 1.0];
            let shapes = [(0.0, 0.9), (0.02, 0.8), (0.02, 0.9), (0.1, 0.8), (0.1, 0.9)];
            let of = |level| shapes.map(|(trend, fading)| Parameters::Holt { closes: 289, level, trend, fading });
            levels.into_iter().flat_map(of).collect()
        }
        "ar" => {
            let fitted = |(order, shrinkage)| {
                let model = Autoregression { order, shrinkage, ..Autoregression::default() };
                let closes_seen = model.closes;
                let coefficients = model.fitted(closes)?.coefficients?;
                Some(Parameters::Ar { closes: closes_seen, shrinkage, coefficients })
            };
            pairs(&[1, 2, 3, 6, 12], &[0.0, 0.2, 1.0]).filter_map(fitted).collect()
        }
        "ridge" => {
            let fitted = |penalty| {
                let Ridge { closes, stride, coefficients, .. } =
                    Ridge { penalty, ..Ridge::default() }.fitted(closes)?;
                Some(Parameters::Ridge { closes, penalty, stride, coefficients: coefficients? })
            };
            [0.1, 0.3, 1.0, 3.0].into_iter().filter_map(fitted).collect()
        }
        _ => Vec::new(),
    }
}

fn pairs<'a>(a: &'a [usize], b: &'a [f64]) -> impl Iterator<Item = (usize, f64)> + 'a {
    a.iter().flat_map(|a| b.iter().map(|b| (*a, *b)))
}

/// The mean square of the logarithmic errors of a candidate, each in proportion to its distance; `None` when it says nothing.
fn past_error(candidate: &Parameters, closes: &[f64]) -> Option<f64> {
    let model = candidate.model();
    let longest = AHEAD.iter().copied().max()?;
    let first = model.window().min(closes.len() / 2);
    let places = first..closes.len().checked_sub(longest)?;
    let stride = (places.len() / PLACES).max(1);
    let (mut sum, mut count) = (0.0, 0_u32);
    for end in places.step_by(stride) {
        let said = model.predict(Past::of_closes(closes).until(end)?, longest)?;
        for ahead in AHEAD {
            let (said, was) = (said.get(ahead - 1)?, closes.get(end + ahead - 1)?);
            sum += (said / was).ln().powi(2) / ahead as f64;
            count += 1;
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}
