//! From several forecasts to one, and from that and the market's price to what is answered.

/// The mean of `predictions` in which those farthest from the median weigh half, and the others as much more as they lost
/// (Halawi et al., 2024); `None` without any.
#[must_use]
pub fn trimmed_mean(predictions: &[f64]) -> Option<f64> {
    let first = *predictions.first()?;
    if predictions.iter().all(|p| *p == first) {
        return Some(first);
    }
    let median = median(predictions)?;
    let farthest = predictions.iter().map(|p| (p - median).abs()).fold(0.0, f64::max);
    let inner = 1.0 + 0.5 / (predictions.len() as f64 - 1.0);
    let weight = |p: f64| if (p - median).abs() == farthest { 0.5 } else { inner };
    let (sum, total) =
        predictions.iter().fold((0.0, 0.0), |(sum, total), p| (sum + weight(*p) * p, total + weight(*p)));
    Some(sum / total)
}

/// The middle of `values`; between two of them, their mean.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    crate::scoring::community::median(values.to_vec())
}

/// How far apart forecasts are: the standard deviation of the sample of them; 0 for fewer than two.
#[must_use]
pub fn spread(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}

/// The closest to certain that a probability counts as where its log odds are taken.
pub const EDGE: f64 = 1e-4;

/// Log odds, finite for every probability.
#[must_use]
pub fn logit(p: f64) -> f64 {
    let p = p.clamp(EDGE, 1.0 - EDGE);
    (p / (1.0 - p)).ln()
}

/// The probability with these log odds.
#[must_use]
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// From the market's `price` the share `weight`, in `0.0..=1.0`, of the way to `model`, in log odds: with a weight of 0 it is
/// the price to the last bit.
#[must_use]
pub fn towards(price: f64, model: f64, weight: f64) -> f64 {
    if weight == 0.0 {
        return price;
    }
    logistic(logit(price) + weight * (logit(model) - logit(price)))
}

/// The mean over the two classes of the squared error of their probabilities, `answer` being the class that came true
/// (0 is "no", 1 is "yes"; the first probability is that of class 0).
#[must_use]
pub fn two_class_brier(probabilities: [f64; 2], answer: usize) -> f64 {
    let squares = probabilities.iter().enumerate().map(|(class, p)| (p - f64::from(u8::from(class == answer))).powi(2));
    squares.sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_way_from_the_price_to_the_model() {
        assert_eq!(towards(0.37, 0.9, 0.0), 0.37);
        assert!((towards(0.37, 0.9, 1.0) - 0.9).abs() < 1e-12);
        assert!((towards(0.2, 0.8, 0.5) - 0.5).abs() < 1e-12);
        assert!(towards(0.0, 1.0, 0.5).is_finite());
    }

    #[test]
    fn apart_is_a_deviation() {
        assert_eq!((spread(&[]), spread(&[0.3]), median(&[])), (0.0, 0.0, None));
        assert!((spread(&[0.2, 0.4]) - 0.02f64.sqrt()).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_mean_lies_among_what_it_is_of(predictions in proptest::collection::vec(0.0..=1.0f64, 1..12)) {
            let mean = trimmed_mean(&predictions).unwrap();
            let low = predictions.iter().copied().fold(1.0, f64::min);
            let high = predictions.iter().copied().fold(0.0, f64::max);
            prop_assert!((low - 1e-12..=high + 1e-12).contains(&mean));
        }
    }
}
