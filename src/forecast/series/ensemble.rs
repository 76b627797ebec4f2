//! Several models as one, each weighed by how it did lately.

use super::{Autoregression, Drift, Holt, Model, Past, Persistence, Ridge, mean};

/// Steps ahead at which members are judged.
const AHEAD: [usize; 3] = [12, 48, 96];
/// Closes between two of the past forecasts that members are judged by.
const STRIDE: usize = 48;
/// Past forecasts judged.
const LOOKS_BACK: usize = 6;

/// See the module. A member that errs twice as much as persistence has a sixteenth of its weight.
pub struct Ensemble {
    members: Vec<Box<dyn Model>>,
}

impl std::fmt::Debug for Ensemble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.members.iter().map(|member| member.name())).finish()
    }
}

impl Ensemble {
    /// One of these.
    #[must_use]
    pub fn new(members: Vec<Box<dyn Model>>) -> Self {
        Self { members }
    }

    /// One of every model there is.
    #[must_use]
    pub fn of_all() -> Self {
        Self::new(vec![
            Box::new(Persistence),
            Box::new(Drift::default()),
            Box::new(Autoregression::default()),
            Box::new(Ridge::default()),
            Box::new(Holt::default()),
        ])
    }

    /// The mean square of the logarithmic errors of a member's past forecasts; `None` when it made none.
    fn past_error(member: &dyn Model, past: Past<'_>) -> Option<f64> {
        let closes = past.closes();
        let longest = AHEAD.iter().copied().max().unwrap_or(1);
        let mut errors = Vec::new();
        for look in 0..LOOKS_BACK {
            let Some(end) = closes.len().checked_sub(longest + look * STRIDE) else { break };
            let Some(said) = past.until(end).and_then(|past| member.predict(past, longest)) else { break };
            for ahead in AHEAD {
                let (said, was) = (said.get(ahead - 1)?, closes.get(end + ahead - 1)?);
                errors.push((said / was).ln().powi(2) / ahead as f64);
            }
        }
        (!errors.is_empty()).then(|| mean(&errors))
    }
}

impl Model for Ensemble {
    fn name(&self) -> &'static str {
        "ensemble"
    }

    fn window(&self) -> usize {
        let needed = self.members.iter().map(|member| member.window()).max().unwrap_or(1);
        needed + AHEAD.iter().copied().max().unwrap_or(0) + LOOKS_BACK * STRIDE
    }

    fn predict(&self, past: Past<'_>, steps: usize) -> Option<Vec<f64>> {
        let past = past.last(self.window());
        let (mut sum, mut weights) = (vec![0.0; steps], 0.0);
        for member in &self.members {
            let Some(said) = member.predict(past, steps) else { continue };
            let error = Self::past_error(&**member, past).unwrap_or(0.0);
            let weight = 1.0 / error.max(1e-12).powi(2);
            for (slot, price) in sum.iter_mut().zip(said) {
                *slot += weight * price.ln();
            }
            weights += weight;
        }
        (weights > 0.0).then(|| sum.into_iter().map(|log| (log / weights).exp()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(f64);

    impl Model for Fixed {
        fn name(&self) -> &'static str {
            "fixed"
        }

        fn window(&self) -> usize {
            1
        }

        fn predict(&self, past: Past<'_>, steps: usize) -> Option<Vec<f64>> {
            Some(vec![past.closes().last()? * self.0; steps])
        }
    }

    #[test]
    fn who_was_right_counts_more() {
        let closes = [100.0; 600];
        let ensemble = Ensemble::new(vec![Box::new(Fixed(1.001)), Box::new(Fixed(2.0))]);
        let said = ensemble.predict(Past::of_closes(&closes), 3).unwrap();
        assert!((said[2] - 100.1).abs() < 0.01, "{said:?}");
        assert_eq!(Ensemble::new(Vec::new()).predict(Past::of_closes(&closes), 3), None);
    }
}
