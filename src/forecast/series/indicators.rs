//! Indicators for whoever builds a model: RSI, MACD, Bollinger bands, EMA.
//!
//! [`Form::Standard`] is what the textbooks have; [`Form::Compat`] repeats the quirks of the subnet's reference, for models
//! that were trained on its numbers. A value that is not defined yet is `None`. None looks at a later close, except where
//! the reference does.

/// Whose definition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// As first published.
    #[default]
    Standard,
    /// As the reference computes it.
    Compat,
}

/// One value for every close.
pub type Column = Vec<Option<f64>>;

/// The relative strength index (Wilder 1978), `0.0..=100.0`; 100 where nothing fell.
///
/// In [`Form::Compat`] the first value comes one close early and looks one ahead, and the change it ends with counts twice.
#[must_use]
pub fn rsi(closes: &[f64], period: usize, form: Form) -> Column {
    let mut column = vec![None; closes.len()];
    let changes: Vec<f64> = closes.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?)).collect();
    let Some(seed) = changes.get(..period).filter(|seed| !seed.is_empty()) else { return column };
    let mean = |of: fn(f64) -> f64| seed.iter().copied().map(of).sum::<f64>() / period as f64;
    let (mut gain, mut loss) = (mean(rise), mean(fall));
    let first = if form == Form::Compat { period - 1 } else { period };
    let n = period as f64;
    for (index, slot) in column.iter_mut().enumerate().skip(first) {
        // The change that led to this close.
        if index > first
            && let Some(change) = changes.get(index - 1)
        {
            gain = (gain * (n - 1.0) + rise(*change)) / n;
            loss = (loss * (n - 1.0) + fall(*change)) / n;
        }
        *slot = Some(if loss == 0.0 { 100.0 } else { 100.0 - 100.0 / (1.0 + gain / loss) });
    }
    column
}

const fn rise(change: f64) -> f64 {
    change.max(0.0)
}

fn fall(change: f64) -> f64 {
    (-change).max(0.0)
}

/// Moving average convergence and divergence (Appel): the difference of two exponential averages, and its own average. Both
/// forms are the same.
#[must_use]
pub fn macd(closes: &[f64], short: usize, long: usize, signal: usize) -> (Vec<f64>, Vec<f64>) {
    let difference: Vec<f64> =
        from_first(closes, short).iter().zip(from_first(closes, long)).map(|(short, long)| short - long).collect();
    let signal = from_first(&difference, signal);
    (difference, signal)
}

/// The share of a new value in an exponential average of `length`.
fn alpha(length: usize) -> f64 {
    2.0 / (length as f64 + 1.0)
}

/// An exponential average that begins with the first value.
fn from_first(values: &[f64], length: usize) -> Vec<f64> {
    let mut average = values.first().copied().unwrap_or(0.0);
    let next = |value: &f64| {
        average += alpha(length) * (value - average);
        average
    };
    values.iter().map(next).collect()
}

/// Bollinger bands: the mean of a window, and so many deviations above and below it.
///
/// The deviation is that of the window's population; in [`Form::Compat`] it is the estimate from a sample (n − 1).
#[must_use]
pub fn bollinger(closes: &[f64], window: usize, deviations: f64, form: Form) -> [Column; 3] {
    let [mut middle, mut upper, mut lower] = [const { Vec::new() }; 3];
    let degrees = if form == Form::Compat { window.saturating_sub(1) } else { window };
    for index in 0..closes.len() {
        let values = (index + 1).checked_sub(window).and_then(|begin| closes.get(begin..=index));
        let band = values.filter(|values| !values.is_empty() && degrees > 0).map(|values| {
            let mean = values.iter().sum::<f64>() / window as f64;
            let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
            (mean, deviations * (squares / degrees as f64).sqrt())
        });
        middle.push(band.map(|(mean, _)| mean));
        upper.push(band.map(|(mean, width)| mean + width));
        lower.push(band.map(|(mean, width)| mean - width));
    }
    [middle, upper, lower]
}

/// An exponential average that begins with the plain mean of the first `length` closes, at the last of them.
///
/// In [`Form::Compat`] that mean stands one close later, whose own close is skipped.
#[must_use]
pub fn ema(closes: &[f64], length: usize, form: Form) -> Column {
    let mut column = vec![None; closes.len()];
    let Some(seed) = closes.get(..length).filter(|seed| !seed.is_empty()) else { return column };
    let mut average = seed.iter().sum::<f64>() / length as f64;
    let first = if form == Form::Compat { length } else { length - 1 };
    for (index, (slot, close)) in column.iter_mut().zip(closes).enumerate().skip(first) {
        if index > first {
            average += alpha(length) * (close - average);
        }
        *slot = Some(average);
    }
    column
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(got: Option<f64>, want: f64) -> bool {
        got.is_some_and(|got| (got - want).abs() < 1e-9)
    }

    #[test]
    fn textbook_values() {
        let closes = [1.0, 2.0, 3.0, 2.0, 4.0];
        let strength = rsi(&closes, 3, Form::Standard);
        assert_eq!(strength[..3], [None, None, None]);
        // Gains 1, 1, 0 and losses 0, 0, 1; then a gain of 2.
        assert!(near(strength[3], 100.0 - 100.0 / 3.0));
        assert!(near(strength[4], 100.0 - 100.0 / (1.0 + (4.0 / 3.0 + 2.0) / (2.0 / 3.0))));
        let average = ema(&closes, 2, Form::Standard);
        assert!(average[0].is_none() && near(average[1], 1.5) && near(average[2], 2.5));
        let [middle, upper, lower] = bollinger(&closes, 2, 2.0, Form::Standard);
        assert!(near(middle[1], 1.5) && near(upper[1], 2.5) && near(lower[1], 0.5));
        let [_, upper, _] = bollinger(&closes, 2, 2.0, Form::Compat);
        assert!(near(upper[1], 1.5 + 2.0_f64.sqrt()));
        assert_eq!(macd(&[5.0; 4], 12, 26, 9), (vec![0.0; 4], vec![0.0; 4]));
    }

    proptest! {
        #[test]
        fn the_standard_forms_never_look_ahead(
            closes in prop::collection::vec(1.0..100.0f64, 0..80), cut in 0usize..80, length in 0usize..30,
        ) {
            let early = &closes[..cut.min(closes.len())];
            let n = early.len();
            prop_assert_eq!(&rsi(&closes, length, Form::Standard)[..n], rsi(early, length, Form::Standard));
            prop_assert_eq!(&ema(&closes, length, Form::Standard)[..n], ema(early, length, Form::Standard));
            let whole = bollinger(&closes, length, 2.0, Form::Standard);
            for (whole, part) in whole.iter().zip(bollinger(early, length, 2.0, Form::Standard)) {
                prop_assert_eq!(&whole[..n], part);
            }
            for form in [Form::Standard, Form::Compat] {
                prop_assert_eq!(rsi(&closes, length, form).len(), closes.len());
                prop_assert_eq!(ema(&closes, length, form).len(), closes.len());
            }
        }
    }
}
