//! Strategies that say where a price goes: the next closes of a series.
//!
//! A strategy is one file here that implements [`Model`]: a pure function of the past up to now. Whatever it says is
//! compared with [`Persistence`], the last close for ever, which is hard to beat. What was trained beforehand lies in files
//! ([`trained`]); networks see their past as [`network`] makes it.

mod autoregression;
mod ensemble;
mod holt;
pub mod indicators;
mod naive;
pub mod network;
mod outside;
mod past;
mod ridge;
mod strategy;
pub mod trained;

use std::fmt;

pub use self::autoregression::Autoregression;
pub use self::ensemble::Ensemble;
pub use self::holt::Holt;
pub use self::naive::{Drift, Persistence};
pub use self::outside::{Program, Server};
pub use self::past::Past;
pub use self::ridge::{Coefficients, Ridge};
pub use self::strategy::{Choice, NoStrategy, Pure, Strategy, model_or_file, strategy};

/// A strategy for a series of prices.
pub trait Model: Send + Sync + 'static {
    /// Its name in logs and on the command line.
    fn name(&self) -> &'static str;

    /// How many closes it looks at, at most.
    fn window(&self) -> usize;

    /// The `steps` closes that follow `past`; `None` when too little of it is known.
    fn predict(&self, past: Past<'_>, steps: usize) -> Option<Vec<f64>>;
}

impl fmt::Debug for dyn Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names that [`model`] knows.
pub const NAMES: [&str; 6] = ["persistence", "drift", "ar", "ridge", "holt", "ensemble"];

/// The strategy called `name`.
#[must_use]
pub fn model(name: &str) -> Option<Box<dyn Model>> {
    Some(match name {
        "persistence" => Box::new(Persistence),
        "drift" => Box::new(Drift::default()),
        "ar" => Box::new(Autoregression::default()),
        "ridge" => Box::new(Ridge::default()),
        "holt" => Box::new(Holt::default()),
        "ensemble" => Box::new(Ensemble::of_all()),
        _ => return None,
    })
}

/// The last `count` of them.
fn last<T>(closes: &[T], count: usize) -> &[T] {
    closes.get(closes.len().saturating_sub(count)..).unwrap_or_default()
}

/// Steps of the logarithm, oldest first.
fn log_returns(closes: &[f64]) -> Vec<f64> {
    closes.windows(2).filter_map(|pair| if let [a, b] = pair { Some((b / a).ln()) } else { None }).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// From the last close along steps of the logarithm.
fn path(last: f64, returns: impl Iterator<Item = f64>) -> Option<Vec<f64>> {
    let mut level = 0.0;
    let path: Vec<f64> = returns
        .map(|step| {
            level += step;
            last * f64::exp(level)
        })
        .collect();
    path.iter().all(|price| price.is_finite() && *price > 0.0).then_some(path)
}

/// Solves `a x = b` for a symmetric positive definite matrix (rows of equal length), by Cholesky's decomposition; `None`
/// when it is none.
#[expect(clippy::indexing_slicing, reason = "loops over the sides of square matrices made in this folder")]
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for j in 0..n {
        for k in 0..j {
            let factor = a[j][k];
            for row in a.iter_mut().skip(j) {
                row[j] -= factor * row[k];
            }
        }
        if !(a[j][j].is_finite() && a[j][j] > 0.0) {
            return None;
        }
        let root = a[j][j].sqrt();
        for row in a.iter_mut().skip(j) {
            row[j] /= root;
        }
    }
    for i in 0..n {
        for k in 0..i {
            b[i] -= a[i][k] * b[k];
        }
        b[i] /= a[i][i];
    }
    for i in (0..n).rev() {
        for k in i + 1..n {
            b[i] -= a[k][i] * b[k];
        }
        b[i] /= a[i][i];
    }
    b.iter().all(|x| x.is_finite()).then_some(b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_system_of_equations_is_solved() {
        let a = vec![vec![4.0, 2.0, 0.5], vec![2.0, 5.0, 1.0], vec![0.5, 1.0, 3.0]];
        let x = [1.0, -2.0, 0.5];
        let b = a.iter().map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum()).collect();
        for (got, want) in solve(a, b).unwrap().iter().zip(x) {
            assert!((got - want).abs() < 1e-12);
        }
        assert_eq!(solve(vec![vec![1.0, 2.0], vec![2.0, 1.0]], vec![1.0, 1.0]), None);
    }

    #[test]
    fn every_name_is_a_model_and_nothing_else_is() {
        for name in NAMES {
            assert_eq!(model(name).unwrap().name(), name);
        }
        assert!(model("oracle").is_none());
    }

    proptest! {
        #[test]
        fn any_prices_give_prices_or_nothing(
            start in 1e-3..1e6f64,
            steps in prop::collection::vec(-0.2..0.2f64, 0..400),
            constant: bool,
        ) {
            let closes: Vec<f64> = steps.iter().scan(start, |price, step| {
                *price *= if constant { 1.0 } else { step.exp() };
                Some(*price)
            }).collect();
            for name in NAMES {
                if let Some(said) = model(name).unwrap().predict(Past::of_closes(&closes), 100) {
                    prop_assert_eq!(said.len(), 100);
                    prop_assert!(said.iter().all(|price| price.is_finite() && *price > 0.0), "{}", name);
                }
            }
        }

        #[test]
        fn a_model_looks_no_further_back_than_it_says(
            steps in prop::collection::vec(-0.01..0.01f64, 1200..1300),
            other in 0.5..2.0f64,
        ) {
            let mut closes: Vec<f64> = steps.iter().scan(100.0, |price, step| {
                *price *= f64::exp(*step);
                Some(*price)
            }).collect();
            for name in NAMES {
                let model = model(name).unwrap();
                let said = model.predict(Past::of_closes(&closes), 10);
                let place = closes.len().checked_sub(model.window() + 1);
                if let Some(place) = place {
                    let kept = closes[place];
                    closes[place] *= other;
                    prop_assert_eq!(&said, &model.predict(Past::of_closes(&closes), 10), "{}", name);
                    closes[place] = kept;
                }
            }
        }
    }
}
