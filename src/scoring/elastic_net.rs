//! Logistic regression with an elastic-net penalty, solved exactly.
//!
//! What is minimised over the coefficients `w` and the intercept `b`, which is not penalised:
//!
//! ```text
//! C · Σ sᵢ · ln(1 + exp(−yᵢ(w·xᵢ + b)))  +  (1 − ρ)/2 · ‖w‖²  +  ρ · ‖w‖₁,    yᵢ = ±1
//! ```
//!
//! with `sᵢ = n / (2 nᵧ)`, so that both outcomes weigh alike however rare one is. Features are taken as they are, without
//! standardisation. A proximal Newton method: the quadratic model of the loss is minimised coordinate by coordinate, and a
//! step is halved until the objective falls. It ends at the optimum itself, not near it.

/// Newton steps at most; some ten are taken.
const STEPS: usize = 200;
/// Walks through all coordinates in one Newton step at most.
const WALKS: usize = 20_000;
/// How far the conditions of the optimum may be missed, for one row.
const TOLERANCE: f64 = 1e-10;

/// What rounding does to the objective, as a share of it.
const ROUNDING: f64 = 1e-13;

/// How strongly coefficients are held back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Penalty {
    /// The weight of the loss against the penalty; above 0.
    pub c: f64,
    /// ρ: 0 is the squared penalty alone, 1 the absolute one.
    pub l1_ratio: f64,
}

/// One observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As many as in every other row, finite.
    pub features: Vec<f64>,
    /// What happened.
    pub outcome: bool,
}

/// A model: a coefficient for each feature, and the intercept.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// By feature.
    pub coefficients: Vec<f64>,
    /// The log-odds where all features are 0.
    pub intercept: f64,
}

impl Model {
    /// The probability that it happens.
    #[must_use]
    pub fn chance(&self, features: &[f64]) -> f64 {
        sigmoid(self.log_odds(features))
    }

    fn log_odds(&self, features: &[f64]) -> f64 {
        self.intercept + dot(&self.coefficients, features)
    }
}

/// Fits a model; `None` where both outcomes are not among the rows, or a row has another number of features than the first.
#[must_use]
pub fn fit(rows: &[Row], penalty: Penalty) -> Option<Model> {
    let features = rows.first()?.features.len();
    let yes = rows.iter().filter(|row| row.outcome).count();
    let (yes, no) = (yes as f64, (rows.len() - yes) as f64);
    if yes == 0.0 || no == 0.0 || rows.iter().any(|row| row.features.len() != features) {
        return None;
    }
    let n = rows.len() as f64;
    let weight = |row: &Row| penalty.c * n / (2.0 * if row.outcome { yes } else { no });
    let problem = Problem { rows, weights: rows.iter().map(weight).collect(), l1_ratio: penalty.l1_ratio };
    let mut model = Model { coefficients: vec![0.0; features], intercept: 0.0 };
    for _ in 0..STEPS {
        let slope = problem.slope(&model);
        let miss = problem.miss(&model, &slope.gradient);
        if miss <= TOLERANCE * n * penalty.c.max(1.0) {
            break;
        }
        let step = problem.step(&model, &slope);
        let Some(better) = problem.along(&model, &step, miss) else { break };
        model = better;
    }
    Some(model)
}

struct Problem<'a> {
    rows: &'a [Row],
    /// C·sᵢ.
    weights: Vec<f64>,
    l1_ratio: f64,
}

/// First and second derivatives of the loss, the intercept's at the end.
struct Slope {
    gradient: Vec<f64>,
    /// By row, `width` each.
    curvature: Vec<f64>,
    width: usize,
}

impl Slope {
    fn row(&self, j: usize) -> &[f64] {
        self.curvature.get(j * self.width..(j + 1) * self.width).unwrap_or_default()
    }
}

impl Problem<'_> {
    fn objective(&self, model: &Model) -> f64 {
        let loss = |(row, weight): (&Row, &f64)| {
            let odds = model.log_odds(&row.features);
            weight * softplus(if row.outcome { -odds } else { odds })
        };
        let loss: f64 = self.rows.iter().zip(&self.weights).map(loss).sum();
        let held = |w: &f64| (1.0 - self.l1_ratio) / 2.0 * w * w + self.l1_ratio * w.abs();
        loss + model.coefficients.iter().map(held).sum::<f64>()
    }

    fn slope(&self, model: &Model) -> Slope {
        let width = model.coefficients.len() + 1;
        let mut slope = Slope { gradient: vec![0.0; width], curvature: vec![0.0; width * width], width };
        let mut features = vec![1.0; width];
        for (row, weight) in self.rows.iter().zip(&self.weights) {
            features.iter_mut().zip(&row.features).for_each(|(place, x)| *place = *x);
            let p = sigmoid(model.log_odds(&row.features));
            let (pull, bend) = (weight * (p - f64::from(row.outcome)), weight * p * (1.0 - p));
            add(&mut slope.gradient, pull, &features);
            for (line, x) in slope.curvature.chunks_exact_mut(width).zip(&features) {
                add(line, bend * x, &features);
            }
        }
        slope
    }

    /// By how much the conditions of the optimum are missed, at most.
    fn miss(&self, model: &Model, gradient: &[f64]) -> f64 {
        let ridge = 1.0 - self.l1_ratio;
        let of = |(w, g): (&f64, &f64)| {
            if *w == 0.0 {
                (g.abs() - self.l1_ratio).max(0.0)
            } else {
                (g + ridge * w + self.l1_ratio * w.signum()).abs()
            }
        };
        let intercept = gradient.last().map_or(0.0, |g| g.abs());
        model.coefficients.iter().zip(gradient).map(of).fold(intercept, f64::max)
    }

    /// Where the quadratic model of the loss, with the penalty, is least: as a step from here, the intercept's at the end.
    fn step(&self, model: &Model, slope: &Slope) -> Vec<f64> {
        let ridge = 1.0 - self.l1_ratio;
        let mut step = vec![0.0; slope.width];
        // The gradient of the quadratic model at the step.
        let mut pull = slope.gradient.clone();
        for _ in 0..WALKS {
            let mut moved: f64 = 0.0;
            for j in 0..slope.width {
                let line = slope.row(j);
                let (Some(bend), Some(g), Some(place)) = (line.get(j).copied(), pull.get(j).copied(), step.get_mut(j))
                else {
                    continue;
                };
                let change = match model.coefficients.get(j) {
                    Some(w) => {
                        let now = w + *place;
                        shrink(bend * now - g, self.l1_ratio) / (bend + ridge).max(f64::MIN_POSITIVE) - now
                    }
                    None => -g / bend.max(f64::MIN_POSITIVE),
                };
                if change != 0.0 && change.is_finite() {
                    *place += change;
                    add(&mut pull, change, line);
                    moved = moved.max(change.abs() * bend.sqrt().max(1.0));
                }
            }
            if moved < TOLERANCE {
                break;
            }
        }
        step
    }

    /// The model a step further, or half of it, or half of that, as soon as that is better; `None` where nothing is. `miss` is
    /// by how much `model` misses the conditions of the optimum.
    fn along(&self, model: &Model, step: &[f64], miss: f64) -> Option<Model> {
        let moved = |share: f64| {
            let mut coefficients = model.coefficients.clone();
            add(&mut coefficients, share, step);
            Some(Model { coefficients, intercept: model.intercept + share * step.last()? })
        };
        let before = self.objective(model);
        let whole = moved(1.0)?;
        let after = self.objective(&whole);
        // So near the optimum that the objective changes by less than its rounding, only the conditions tell what is better.
        let as_good = after <= before + ROUNDING * before;
        if after < before || as_good && self.miss(&whole, &self.slope(&whole).gradient) < miss {
            return Some(whole);
        }
        let mut share = 0.5;
        while share > 1e-12 {
            let less = moved(share)?;
            if self.objective(&less) < before {
                return Some(less);
            }
            share /= 2.0;
        }
        None
    }
}

/// Adds `factor · from` to `to`, as far as both go.
fn add(to: &mut [f64], factor: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Moves a number towards 0 by `by`, and no further.
fn shrink(x: f64, by: f64) -> f64 {
    x.signum() * (x.abs() - by).max(0.0)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + eˣ)`, for any x.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALF: Penalty = Penalty { c: 1.0, l1_ratio: 0.5 };

    fn row(features: &[f64], outcome: bool) -> Row {
        Row { features: features.to_vec(), outcome }
    }

    fn problem(rows: &[Row], penalty: Penalty) -> Problem<'_> {
        let yes = rows.iter().filter(|row| row.outcome).count() as f64;
        let n = rows.len() as f64;
        let of = |row: &Row| penalty.c * n / (2.0 * if row.outcome { yes } else { n - yes });
        Problem { rows, weights: rows.iter().map(of).collect(), l1_ratio: penalty.l1_ratio }
    }

    #[test]
    fn without_both_outcomes_or_with_ragged_rows_there_is_no_model() {
        assert_eq!(fit(&[], HALF), None);
        assert_eq!(fit(&[row(&[0.1], true), row(&[0.2], true)], HALF), None);
        assert_eq!(fit(&[row(&[0.1], true), row(&[0.2, 0.3], false)], HALF), None);
    }

    #[test]
    fn a_strong_penalty_leaves_the_balanced_prior() {
        let rows = [row(&[0.9, 0.8], true), row(&[0.1, 0.3], false), row(&[0.2, 0.1], false)];
        let model = fit(&rows, Penalty { c: 0.01, ..HALF }).unwrap();
        assert_eq!(model.coefficients, [0.0, 0.0]);
        assert!((model.chance(&[0.7, 0.7]) - 0.5).abs() < 1e-9, "classes weigh alike: {model:?}");
    }

    #[test]
    fn one_feature_agrees_with_a_search_over_a_grid() {
        let rows: Vec<Row> = [0.1, 0.3, 0.4, 0.6, 0.7, 0.9].iter().map(|p| row(&[*p], *p > 0.35)).collect();
        let penalty = Penalty { c: 10.0, l1_ratio: 0.5 };
        let model = fit(&rows, penalty).unwrap();
        let problem = problem(&rows, penalty);
        let at = |w: f64, intercept: f64| problem.objective(&Model { coefficients: vec![w], intercept });
        let best = at(model.coefficients[0], model.intercept);
        let grid = |n: i32| f64::from(n) / 10.0;
        let least = (-200..=200).flat_map(|w| (-200..=200).map(move |b| at(grid(w), grid(b)))).fold(f64::MAX, f64::min);
        assert!(best <= least && least - best < 0.01, "{best} {least}");
        assert!(model.coefficients[0] > 1.0 && model.chance(&[0.9]) > 0.7 && model.chance(&[0.1]) < 0.3);
    }

    proptest! {
        #[test]
        fn every_fit_meets_the_conditions_of_the_optimum(
            cells in prop::collection::vec(prop::collection::vec(0.0..=1.0_f64, 6), 4..40),
            flips in prop::collection::vec(any::<bool>(), 40),
            c in 0.05..20.0_f64, l1_ratio in 0.0..=1.0_f64,
        ) {
            let mut rows: Vec<Row> = cells.iter().zip(flips).map(|(cells, outcome)| row(cells, outcome)).collect();
            rows[0].outcome = true;
            rows[1].outcome = false;
            let penalty = Penalty { c, l1_ratio };
            let model = fit(&rows, penalty).unwrap();
            let problem = problem(&rows, penalty);
            let miss = problem.miss(&model, &problem.slope(&model).gradient);
            prop_assert!(miss < 1e-6, "{miss} {model:?}");
        }

        #[test]
        fn who_says_the_same_shares_alike(cells in prop::collection::vec(0.0..=1.0_f64, 8..30)) {
            // Two equal columns: the squared part of the penalty splits between them.
            let mut rows: Vec<Row> = cells.iter().map(|p| row(&[*p, *p], *p > 0.5)).collect();
            rows.extend([row(&[0.6, 0.6], false), row(&[0.4, 0.4], true)]);
            let model = fit(&rows, Penalty { c: 5.0, l1_ratio: 0.5 }).unwrap();
            prop_assert!((model.coefficients[0] - model.coefficients[1]).abs() < 1e-6, "{model:?}");
        }
    }
}
