//! From long-run weights to what is sent to the chain: outliers below are cut, the rest is spread apart.

/// How strongly weights are spread, and where the cut is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Weights not above `max(0, mean − sigmas · population deviation)` are dropped.
    pub sigmas: f64,
    /// λ of the Yeo-Johnson transform `((x+1)^λ − 1)/λ`; above 0.
    pub lambda: f64,
}

impl Spread {
    /// March 2024, the last public version.
    pub const V6: Self = Self { sigmas: 1.5, lambda: 2000.0 };
    /// January 2024.
    pub const V4: Self = Self { sigmas: 3.0, lambda: 500.0 };

    /// The lower bound: what is not strictly above it is dropped.
    #[must_use]
    pub fn lower_bound(&self, weights: &[f64]) -> f64 {
        let n = weights.len().max(1) as f64;
        let mean = weights.iter().sum::<f64>() / n;
        let deviation = (weights.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
        (mean - self.sigmas * deviation).max(0.0)
    }

    /// The weights of the survivors in `0..=1`, in their order.
    ///
    /// With `a = λ ln(1+x)` the transform and its min-max are `(e^(a−A) − e^(b−A)) / (1 − e^(b−A))`, A the largest and b
    /// the least `a`: nothing overflows, whatever λ is. Unlike the reference, a single survivor gets 1 (there: 0), and
    /// when all weights are equal and positive, so that nothing is above the bound, all get 1 (there: an error).
    #[must_use]
    pub fn chain_weights<K: Clone>(&self, weights: &[(K, f64)]) -> Vec<(K, f64)> {
        let usable = |x: f64| if x.is_finite() { x.max(0.0) } else { 0.0 };
        let values: Vec<f64> = weights.iter().map(|(_, x)| usable(*x)).collect();
        let bound = self.lower_bound(&values);
        let above = |x: f64| x > bound;
        let nobody = !values.iter().any(|x| above(*x));
        let survivors: Vec<(K, f64)> = weights
            .iter()
            .zip(&values)
            .filter(|(_, x)| if nobody { **x > 0.0 } else { above(**x) })
            .map(|((key, _), x)| (key.clone(), self.lambda * x.ln_1p()))
            .collect();
        let most = survivors.iter().map(|(_, a)| *a).fold(f64::NEG_INFINITY, f64::max);
        let least = survivors.iter().map(|(_, a)| *a).fold(f64::INFINITY, f64::min);
        let span = -(least - most).exp_m1();
        let spread = |a: f64| if span > 0.0 { ((a - most).exp() - (least - most).exp()) / span } else { 1.0 };
        survivors.into_iter().map(|(key, a)| (key, spread(a))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_survivor_or_equal_weights_get_everything() {
        assert_eq!(Spread::V6.chain_weights(&[("a", 0.3)]), [("a", 1.0)]);
        assert_eq!(Spread::V6.chain_weights(&[("a", 0.3), ("b", 0.3)]), [("a", 1.0), ("b", 1.0)]);
        assert!(Spread::V6.chain_weights::<u8>(&[]).is_empty());
        assert!(Spread::V6.chain_weights(&[("a", 0.0), ("b", f64::NAN)]).is_empty());
    }

    #[test]
    fn large_weights_do_not_overflow() {
        let spread = Spread::V6.chain_weights(&[("a", 0.9), ("b", 0.5), ("c", 0.4)]);
        assert_eq!((spread[0].1, spread.last().unwrap().1), (1.0, 0.0));
        assert!(spread.iter().all(|(_, w)| w.is_finite()));
    }
}
