//! The move to a later close as a linear function of moves so far, with small coefficients (ridge regression).

use super::{Model, last, log_returns, solve};

/// Steps back whose moves are looked at.
const LOOKS: [usize; 4] = [1, 6, 24, 72];
/// Steps ahead that are fitted; between them is interpolated.
const AHEAD: [usize; 3] = [12, 48, 100];

/// See the module. Moves are measured in what the price moves usually over such a time, so that calm and wild days count
/// alike.
#[derive(Debug, Clone, Copy)]
pub struct Ridge {
    /// Closes that it is fitted to.
    pub closes: usize,
    /// The penalty, as a share of the number of examples.
    pub penalty: f64,
    /// Closes between two examples: neighbours say the same.
    pub stride: usize,
}

impl Default for Ridge {
    fn default() -> Self {
        Self { closes: 1153, penalty: 1.0, stride: 6 }
    }
}

impl Model for Ridge {
    fn name(&self) -> &'static str {
        "ridge"
    }

    fn window(&self) -> usize {
        self.closes
    }

    fn predict(&self, closes: &[f64], steps: usize) -> Option<Vec<f64>> {
        let closes = last(closes, self.closes);
        let logs: Vec<f64> = closes.iter().map(|close| close.ln()).collect();
        let returns = log_returns(closes);
        let size = (returns.iter().map(|r| r * r).sum::<f64>() / returns.len().max(1) as f64).sqrt();
        let (end, now) = (*closes.last()?, logs.len().checked_sub(1)?);
        if size == 0.0 {
            return Some(vec![end; steps]);
        }
        let features = looks(&logs, now, size)?;
        let mut knots = vec![(0, 0.0)];
        for ahead in AHEAD {
            let coefficients = self.fit(&logs, ahead, size)?;
            let moved: f64 = coefficients.iter().zip(features).map(|(c, x)| c * x).sum();
            let limit = 2.0;
            knots.push((ahead, moved.clamp(-limit, limit) * size * (ahead as f64).sqrt()));
        }
        Some((1..=steps).map(|step| end * interpolate(&knots, step).exp()).collect())
    }
}

impl Ridge {
    /// Coefficients of the move over `ahead` steps, from examples that ended by the last close.
    #[expect(clippy::indexing_slicing, reason = "square matrices with a row for each look")]
    fn fit(&self, logs: &[f64], ahead: usize, size: f64) -> Option<Vec<f64>> {
        let n = LOOKS.len();
        let (mut a, mut b, mut examples) = (vec![vec![0.0; n]; n], vec![0.0; n], 0.0);
        let last_start = logs.len().checked_sub(ahead + 1)?;
        for start in (LOOKS[n - 1]..=last_start).rev().step_by(self.stride.max(1)) {
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
        solve(a, b)
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
        let said = Ridge::default().predict(&closes[..=crest], 100).unwrap();
        assert!(said[47] < closes[crest], "{} {}", said[47], closes[crest]);
    }
}
