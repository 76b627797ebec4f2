//! The move to a later close as a linear function of moves so far, with small coefficients (ridge regression).

use serde::{Deserialize, Serialize};

use super::{Model, Past, last, log_returns, solve};

/// Steps back whose moves are looked at.
const LOOKS: [usize; 4] = [1, 6, 24, 72];
/// Steps ahead that are fitted; between them is interpolated.
const AHEAD: [usize; 3] = [12, 48, 100];

/// Coefficients of the moves over `LOOKS`, for each of `AHEAD`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coefficients([[f64; LOOKS.len()]; AHEAD.len()]);

/// See the module. Moves are measured in what the price moves usually over such a time, so that calm and wild days count
/// alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ridge {
    /// Closes that it is fitted to.
    pub closes: usize,
    /// The penalty, as a share of the number of examples.
    pub penalty: f64,
    /// Closes between two examples: neighbours say the same.
    pub stride: usize,
    /// What it was fitted to beforehand; without, each forecast fits its own window.
    pub coefficients: Option<Coefficients>,
}

impl Default for Ridge {
    fn default() -> Self {
        Self { closes: 1153, penalty: 1.0, stride: 6, coefficients: None }
    }
}

impl Model for Ridge {
    fn name(&self) -> &'static str {
        "ridge"
    }

    fn window(&self) -> usize {
        self.closes
    }

    fn predict(&self, past: Past<'_>, steps: usize) -> Option<Vec<f64>> {
        let closes = last(past.closes(), self.closes);
        let logs: Vec<f64> = closes.iter().map(|close| close.ln()).collect();
        let returns = log_returns(closes);
        let size = (returns.iter().map(|r| r * r).sum::<f64>() / returns.len().max(1) as f64).sqrt();
        let (end, now) = (*closes.last()?, logs.len().checked_sub(1)?);
        if size == 0.0 {
            return Some(vec![end; steps]);
        }
        let features = looks(&logs, now, size)?;
        let mut knots = vec![(0, 0.0)];
        for (place, ahead) in AHEAD.into_iter().enumerate() {
            let coefficients = match self.coefficients {
                Some(Coefficients(all)) => *all.get(place)?,
                None => self.fit(&logs, ahead, |_| Some(size))?,
            };
            let moved: f64 = coefficients.iter().zip(features).map(|(c, x)| c * x).sum();
            let limit = 2.0;
            knots.push((ahead, moved.clamp(-limit, limit) * size * (ahead as f64).sqrt()));
        }
        Some((1..=steps).map(|step| end * interpolate(&knots, step).exp()).collect())
    }
}

impl Coefficients {
    /// Whether a forecast can be made of them.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.0.iter().flatten().all(|c| c.is_finite())
    }
}

impl Ridge {
    /// The same, fitted to all of `closes` once and for all, each example measured by the moves of the window before it;
    /// `None` when there are too few.
    #[must_use]
    pub fn fitted(self, closes: &[f64]) -> Option<Self> {
        let logs: Vec<f64> = closes.iter().map(|close| close.ln()).collect();
        let mut total = 0.0;
        let mut until = vec![0.0];
        until.extend(log_returns(closes).iter().map(|r| {
            total += r * r;
            total
        }));
        let window = self.closes.max(2) - 1;
        let size = |at: usize| {
            let begin = at.checked_sub(window)?;
            let mean = (until.get(at)? - until.get(begin)?) / window as f64;
            (mean > 0.0).then(|| mean.sqrt())
        };
        let mut all = [[0.0; LOOKS.len()]; AHEAD.len()];
        for (slot, ahead) in all.iter_mut().zip(AHEAD) {
            *slot = self.fit(&logs, ahead, size)?;
        }
        Some(Self { coefficients: Some(Coefficients(all)), ..self })
    }

    /// Coefficients of the move over `ahead` steps, from examples that ended by the last close; those without a `size` of
    /// their time are left out.
    #[expect(clippy::indexing_slicing, reason = "square matrices with a row for each look")]
    fn fit(&self, logs: &[f64], ahead: usize, size: impl Fn(usize) -> Option<f64>) -> Option<[f64; LOOKS.len()]> {
        let n = LOOKS.len();
        let (mut a, mut b, mut examples) = (vec![vec![0.0; n]; n], vec![0.0; n], 0.0);
        let last_start = logs.len().checked_sub(ahead + 1)?;
        for start in (LOOKS[n - 1]..=last_start).rev().step_by(self.stride.max(1)) {
            let Some(size) = size(start) else { continue };
            let features = looks(logs, start, size)?;
            let moved = (logs.get(start + ahead)? - logs.get(start)?) / (size * (ahead as f64).sqrt());
            for i in 0..n {
                for j in 0..n {
                    a[i][j] += features[i] * features[j];
                }
                b[i] += features[i] * moved;
            }
            examples += 1.0;
        }
        for (i, row) in a.iter_mut().enumerate() {
            row[i] += self.penalty * f64::max(examples, 1.0);
        }
        solve(a, b)?.try_into().ok()
    }
}

/// The moves up to `at` over each look, in what is usual for it.
fn looks(logs: &[f64], at: usize, size: f64) -> Option<[f64; LOOKS.len()]> {
    let mut found = [0.0; LOOKS.len()];
    for (slot, back) in found.iter_mut().zip(LOOKS) {
        let moved = logs.get(at)? - logs.get(at.checked_sub(back)?)?;
        *slot = (moved / (size * (back as f64).sqrt())).clamp(-4.0, 4.0);
    }
    Some(found)
}

/// On the line between two knots; beyond the last, its value.
fn interpolate(knots: &[(usize, f64)], step: usize) -> f64 {
    for pair in knots.windows(2) {
        if let [(a, x), (b, y)] = pair
            && step <= *b
        {
            return x + (y - x) * (step - a) as f64 / (b - a) as f64;
        }
    }
    knots.last().map_or(0.0, |(_, y)| *y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knots_are_joined_by_lines() {
        let knots = [(0, 0.0), (10, 5.0), (20, 6.0)];
        assert_eq!([1, 10, 15, 20, 25].map(|step| interpolate(&knots, step)), [0.5, 5.0, 5.5, 6.0, 6.0]);
    }

    #[test]
    fn what_returns_to_its_mean_is_expected_to() {
        let closes: Vec<f64> = (0..1200).map(|i| 100.0 * f64::exp(0.02 * (f64::from(i) / 30.0).sin())).collect();
        // At a crest: the way is down.
        let crest = closes.iter().take(1150).enumerate().skip(1000).max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        let said = Ridge::default().predict(Past::of_closes(&closes[..=crest]), 100).unwrap();
        assert!(said[47] < closes[crest], "{} {}", said[47], closes[crest]);
    }
}
