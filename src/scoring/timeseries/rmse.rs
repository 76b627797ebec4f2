//! How far a forecast was from what happened.

use ndarray::ArrayView1;

/// Later values weigh less: the weight of value `i` is `exp(−DECAY · i)`.
const DECAY: f64 = 0.001;

/// A forecast that cannot be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unmeasurable {
    /// Another number of values than what happened, or fewer than two.
    #[error("{got} values forecast, {wanted} expected, at least 2")]
    Size {
        /// Values forecast.
        got: usize,
        /// Values that happened.
        wanted: usize,
    },
    /// NaN, an infinity, or a price that is not positive.
    #[error("value {0} of the forecast is not a positive finite number")]
    Value(usize),
}

/// The root of the weighted mean square error, in the unit of the values.
///
/// # Errors
/// [`Unmeasurable::Size`]; [`Unmeasurable::Value`] for NaN and infinities in either.
#[expect(clippy::needless_pass_by_value, reason = "views are passed by value, as ndarray does")]
pub fn weighted_rmse(forecast: ArrayView1<'_, f64>, actual: ArrayView1<'_, f64>) -> Result<f64, Unmeasurable> {
    same_size(&forecast, &actual)?;
    let (mut squares, mut weights) = (0.0, 0.0);
    for (i, (p, a)) in forecast.iter().zip(actual).enumerate() {
        if !p.is_finite() || !a.is_finite() {
            return Err(Unmeasurable::Value(i));
        }
        let weight = (-DECAY * i as f64).exp();
        squares += weight * (p - a) * (p - a);
        weights += weight;
    }
    let rmse = (squares / weights).sqrt();
    // Finite numbers whose squares overflow are as bad as can be, and still comparable.
    Ok(if rmse.is_finite() { rmse } else { f64::MAX })
}

/// Whether a forecast may be accepted at all: `wanted` values, all finite and above 0.
///
/// # Errors
/// What is wrong with it.
pub fn check_forecast(forecast: &[f64], wanted: usize) -> Result<(), Unmeasurable> {
    if forecast.len() != wanted {
        return Err(Unmeasurable::Size { got: forecast.len(), wanted });
    }
    match forecast.iter().position(|p| !(p.is_finite() && *p > 0.0)) {
        Some(place) => Err(Unmeasurable::Value(place)),
        None => Ok(()),
    }
}

/// The share of steps that went the forecast way; no change equals no change.
///
/// # Errors
/// [`Unmeasurable::Size`].
#[expect(clippy::needless_pass_by_value, reason = "views are passed by value, as ndarray does")]
pub fn directional_accuracy(forecast: ArrayView1<'_, f64>, actual: ArrayView1<'_, f64>) -> Result<f64, Unmeasurable> {
    same_size(&forecast, &actual)?;
    let sign = |x: f64| if x > 0.0 { 1 } else { -i8::from(x < 0.0) };
    let steps = forecast.windows(2).into_iter().zip(actual.windows(2));
    let hits = steps.filter(|(f, a)| sign(f[1] - f[0]) == sign(a[1] - a[0])).count();
    Ok(hits as f64 / (actual.len() - 1) as f64)
}

fn same_size(forecast: &ArrayView1<'_, f64>, actual: &ArrayView1<'_, f64>) -> Result<(), Unmeasurable> {
    let (got, wanted) = (forecast.len(), actual.len());
    if got == wanted && wanted >= 2 { Ok(()) } else { Err(Unmeasurable::Size { got, wanted }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_price_is_no_forecast() {
        assert_eq!(check_forecast(&[1.0, 2.0], 2), Ok(()));
        assert_eq!(check_forecast(&[1.0], 2), Err(Unmeasurable::Size { got: 1, wanted: 2 }));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(check_forecast(&[1.0, bad], 2), Err(Unmeasurable::Value(1)));
        }
    }

    #[test]
    fn an_absurd_forecast_is_measured_without_overflow() {
        let rmse = weighted_rmse(ArrayView1::from(&[1e308, 1.0]), ArrayView1::from(&[1.0, 1.0]));
        assert_eq!(rmse, Ok(f64::MAX));
        let nan = weighted_rmse(ArrayView1::from(&[1.0, f64::NAN]), ArrayView1::from(&[1.0, 1.0]));
        assert_eq!(nan, Err(Unmeasurable::Value(1)));
    }
}
