//! The honest yardsticks beside the price: how often such questions end with yes, and the price drawn by that and by how
//! prices have erred before. Trained walk-forward: at every moment on questions that had ended by then, and on no other.

use std::collections::HashMap;

use super::{Asked, Category};
use crate::forecast::llm::combine::{logistic, logit};
use crate::forecast::llm::fit::{Row, logistic_fit};

/// What a rate over all questions weighs in that of a category, in questions.
const BORROWED: f64 = 10.0;
/// What one half weighs in the rate over all.
const DOUBT: f64 = 4.0;
/// What the belief that the price is right weighs, in questions.
const BELIEF: f64 = 20.0;
/// The fit is made anew when so much more is known, as a share.
const GROWTH: f64 = 0.05;

/// What both say, for each question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Baselines {
    /// The share of "yes" in the question's category.
    pub base_rate: Vec<f64>,
    /// `logistic(a + b · logit(price) + c · logit(base rate))`, with the best a, b and c so far.
    pub statistical: Vec<f64>,
}

/// How often questions ended with yes.
#[derive(Debug, Clone, Default)]
struct Rates {
    all: (f64, f64),
    by_category: HashMap<Category, (f64, f64)>,
}

impl Rates {
    fn add(&mut self, asked: &Asked) {
        let own = self.by_category.entry(asked.category).or_default();
        for (yes, count) in [&mut self.all, own] {
            *yes += asked.outcome;
            *count += 1.0;
        }
    }

    fn of(&self, category: Category) -> f64 {
        let all = (self.all.0 + DOUBT / 2.0) / (self.all.1 + DOUBT);
        let (yes, count) = self.by_category.get(&category).copied().unwrap_or_default();
        (yes + BORROWED * all) / (count + BORROWED)
    }
}

/// Walks through `all`, which are in the order of time.
#[must_use]
pub fn walk(all: &[Asked]) -> Baselines {
    let mut moments: HashMap<usize, f64> = HashMap::new();
    for asked in all {
        *moments.entry(asked.market).or_default() += 1.0;
    }
    let mut by_end: Vec<usize> = (0..all.len()).collect();
    by_end.sort_by_key(|place| all.get(*place).map(|asked| asked.settled_at));
    let mut endings = by_end.into_iter().peekable();
    let (mut rates, mut counted) = (Rates::default(), std::collections::HashSet::new());
    let mut rows: Vec<Row<3>> = Vec::new();
    let (mut fitted_on, mut line) = (0, [0.0, 1.0, 0.0]);
    let mut said = Baselines::default();
    for now in all {
        while let Some(place) = endings.next_if(|place| all.get(*place).is_some_and(|past| past.settled_at <= now.at)) {
            let Some(past) = all.get(place) else { continue };
            // What was said of it then; the rate before its own end counts.
            let rate = said.base_rate.get(place).copied().unwrap_or(0.5);
            let weight = 1.0 / moments.get(&past.market).copied().unwrap_or(1.0);
            rows.push(([1.0, logit(past.price), logit(rate)], past.outcome, weight));
            if counted.insert(past.market) {
                rates.add(past);
            }
        }
        if rows.len() as f64 > fitted_on as f64 * (1.0 + GROWTH) {
            line = logistic_fit(&rows, [0.0, 1.0, 0.0], BELIEF);
            fitted_on = rows.len();
        }
        let rate = rates.of(now.category);
        let [a, b, c] = line;
        said.base_rate.push(rate);
        said.statistical.push(logistic(a + b * logit(now.price) + c * logit(rate)));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::resolved::tests::tape;
    use crate::forecast::resolved::{Sampling, asked};

    fn brier(all: &[Asked], said: impl Fn(usize, &Asked) -> f64) -> f64 {
        let late = all.iter().enumerate().skip(all.len() / 2);
        let errors: Vec<f64> = late.map(|(place, asked)| (said(place, asked) - asked.outcome).powi(2)).collect();
        errors.iter().sum::<f64>() / errors.len() as f64
    }

    #[test]
    fn prices_that_err_are_corrected_and_right_ones_left_alone() {
        let wrong = asked(&tape(600, 0.4), Sampling::default());
        let said = walk(&wrong);
        let (price, ours) = (brier(&wrong, |_, a| a.price), brier(&wrong, |place, _| said.statistical[place]));
        assert!(ours < price - 0.01, "{ours} {price}");
        let right = asked(&tape(600, 1.0), Sampling::default());
        let said = walk(&right);
        let (price, ours) = (brier(&right, |_, a| a.price), brier(&right, |place, _| said.statistical[place]));
        assert!((ours - price).abs() < 0.005, "{ours} {price}");
    }

    #[test]
    fn the_future_changes_nothing_said_before() {
        let all = asked(&tape(200, 0.5), Sampling::default());
        let cut = all[all.len() / 2].at;
        let mut other = all.clone();
        for asked in other.iter_mut().filter(|asked| asked.settled_at > cut) {
            asked.outcome = 1.0 - asked.outcome;
        }
        let (before, after) = (walk(&all), walk(&other));
        let known = all.iter().filter(|asked| asked.at <= cut).count();
        assert!(known > 100);
        assert_eq!(before.statistical[..known], after.statistical[..known]);
        assert_eq!(before.base_rate[..known], after.base_rate[..known]);
        assert_ne!(before.base_rate, after.base_rate, "the test is blind");
    }
}
