//! Logistic regression on a few numbers, held near what was believed before.

use super::combine::logistic;

/// Rounds of Newton's method; a handful is enough for a convex function.
const ROUNDS: usize = 50;

/// A row: what is known, how it ended (0 to 1), and how much it weighs.
pub type Row<const D: usize> = ([f64; D], f64, f64);

/// The coefficients of the greatest likelihood for `logistic(Σ coefficient · x)`, with a normal prior about `prior` that
/// weighs as `strength`; the prior itself where the rows make no sense.
#[must_use]
pub fn logistic_fit<const D: usize>(rows: &[Row<D>], prior: [f64; D], strength: f64) -> [f64; D] {
    let mut at = prior;
    for _ in 0..ROUNDS {
        let mut slope = [0.0; D];
        let mut curve = [[0.0; D]; D];
        for (((slope, curve), now), (i, before)) in
            slope.iter_mut().zip(&mut curve).zip(&at).zip(prior.iter().enumerate())
        {
            *slope = strength * (now - before);
            for (j, cell) in curve.iter_mut().enumerate() {
                *cell = if i == j { strength } else { 0.0 };
            }
        }
        for (x, ended, weight) in rows {
            let p = logistic(x.iter().zip(&at).map(|(x, c)| x * c).sum());
            let bend = weight * (p * (1.0 - p)).max(1e-9);
            for ((slope, curve), xi) in slope.iter_mut().zip(&mut curve).zip(x) {
                *slope += weight * (p - ended) * xi;
                for (cell, xj) in curve.iter_mut().zip(x) {
                    *cell += bend * xi * xj;
                }
            }
        }
        let Some(step) = solve(curve, slope).filter(|step| step.iter().all(|s| s.is_finite())) else { return prior };
        let length = step.iter().fold(0.0, |longest: f64, s| longest.max(s.abs()));
        // A step of Newton's that is too long would swing.
        let scale = if length > 1.0 { 1.0 / length } else { 1.0 };
        for (now, step) in at.iter_mut().zip(step) {
            *now -= scale * step;
        }
        if length < 1e-10 {
            break;
        }
    }
    at
}

/// `x` with `matrix · x = right`, by Gauss's elimination with the largest pivot.
fn solve<const D: usize>(matrix: [[f64; D]; D], right: [f64; D]) -> Option<[f64; D]> {
    let mut rows: Vec<([f64; D], f64)> = matrix.into_iter().zip(right).collect();
    for column in 0..D {
        let size = |row: &([f64; D], f64)| row.0.get(column).map_or(0.0, |cell| cell.abs());
        let (best, _) = rows.iter().enumerate().skip(column).max_by(|a, b| size(a.1).total_cmp(&size(b.1)))?;
        rows.swap(column, best);
        let (pivot, pivot_right) = *rows.get(column)?;
        let head = *pivot.get(column)?;
        if head == 0.0 {
            return None;
        }
        for (_, (row, right)) in rows.iter_mut().enumerate().filter(|(place, _)| *place != column) {
            let factor = row.get(column)? / head;
            for (cell, above) in row.iter_mut().zip(pivot) {
                *cell -= factor * above;
            }
            *right -= factor * pivot_right;
        }
    }
    let mut found = [0.0; D];
    for (place, slot) in found.iter_mut().enumerate() {
        let (row, right) = rows.get(place)?;
        *slot = right / row.get(place)?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::simulator::uniform;

    #[test]
    fn what_made_the_rows_is_found() {
        let truth = [0.5, -1.0, 2.0];
        let row = |i: u64| {
            let x = [1.0, uniform(&[1, i]) * 2.0 - 1.0, uniform(&[2, i]) * 2.0 - 1.0];
            let p = logistic(x.iter().zip(truth).map(|(x, c)| x * c).sum());
            (x, f64::from(u8::from(uniform(&[3, i]) < p)), 1.0)
        };
        let rows: Vec<Row<3>> = (0..20_000).map(row).collect();
        let found = logistic_fit(&rows, [0.0; 3], 1.0);
        assert!(found.iter().zip(truth).all(|(a, b)| (a - b).abs() < 0.1), "{found:?}");
        assert_eq!(logistic_fit(&[], [0.0, 1.0], 1.0), [0.0, 1.0]);
        assert_eq!(logistic_fit(&[([f64::NAN, 0.0], 1.0, 1.0)], [0.0, 1.0], 1.0), [0.0, 1.0]);
        assert_eq!(solve([[0.0, 0.0], [0.0, 1.0]], [1.0, 1.0]), None);
    }
}
