//! From the few outputs of a network to every close of its horizon.

use super::Scaler;

/// Where `count` outputs sit on a horizon of `length` closes: evenly, the last at its end. One output has no place of its
/// own and is counted as the first.
#[must_use]
pub fn sparse_indexes(length: usize, count: usize) -> Vec<usize> {
    let stride = length / count.saturating_sub(1).max(1);
    (0..count)
        .map(|place| if place > 0 && place + 1 == count { length.saturating_sub(1) } else { place * stride })
        .collect()
}

/// The `horizon` closes that `outputs` stand for, dollars; `last` is the last close known, dollars.
///
/// One output is where a straight line from the last close ends. Several are joined by lines and moved together so that the
/// line through the first two closes, drawn one step back, meets the last close known. What is no number counts as 0, what is
/// infinite as 1 or -1: the edges of what was seen.
#[must_use]
pub fn assemble(scaler: Scaler, last: f32, outputs: &[f32], horizon: usize) -> Vec<f32> {
    let last = scaler.scale(last);
    let outputs: Vec<f32> = outputs.iter().copied().map(tame).collect();
    let scaled = match outputs.as_slice() {
        [] => vec![last; horizon],
        [end] => line(last, *end, horizon),
        several => joined(last, several, horizon),
    };
    scaled.into_iter().map(|value| scaler.unscale(value)).collect()
}

fn tame(output: f32) -> f32 {
    if output.is_nan() {
        0.0
    } else if output.is_infinite() {
        output.signum()
    } else {
        output
    }
}

/// Equal steps, added up one by one in single precision: that is how the reference comes to its numbers.
fn line(from: f32, to: f32, steps: usize) -> Vec<f32> {
    let step = (to - from) / steps.max(1) as f32;
    let mut at = from;
    let next = |_| {
        at += step;
        at
    };
    (0..steps).map(next).collect()
}

fn joined(last: f32, outputs: &[f32], horizon: usize) -> Vec<f32> {
    let knots: Vec<(usize, f32)> =
        sparse_indexes(horizon, outputs.len()).into_iter().zip(outputs.iter().copied()).collect();
    let mut path: Vec<f32> = (0..horizon).map(|step| between(&knots, step)).collect();
    if let [first, second, ..] = path.as_slice() {
        let shift = last - (2.0 * first - second);
        path.iter_mut().for_each(|value| *value += shift);
    }
    path
}

/// On the line between two knots.
fn between(knots: &[(usize, f32)], step: usize) -> f32 {
    for pair in knots.windows(2) {
        if let [(a, x), (b, y)] = pair
            && step <= *b
            && a < b
        {
            let slope = (f64::from(*y) - f64::from(*x)) / (b - a) as f64;
            return (f64::from(*x) + slope * step.saturating_sub(*a) as f64) as f32;
        }
    }
    knots.last().map_or(0.0, |(_, y)| *y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_sit_evenly_and_the_last_at_the_end() {
        assert_eq!(sparse_indexes(100, 10), [0, 11, 22, 33, 44, 55, 66, 77, 88, 99]);
        assert_eq!(sparse_indexes(100, 1), [0]);
        assert_eq!(sparse_indexes(100, 100), (0..100).collect::<Vec<_>>());
        assert!(sparse_indexes(100, 0).is_empty());
    }

    #[test]
    fn what_is_no_number_stays_at_the_edges_of_what_was_seen() {
        let scaler = Scaler::of([100.0, 200.0]);
        let ends = |output: f32| assemble(scaler, 150.0, &[output], 4)[3];
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(ends), [150.0, 200.0, 100.0]);
        assert_eq!(assemble(scaler, 150.0, &[], 2), [150.0, 150.0]);
    }

    #[test]
    fn several_outputs_go_on_from_the_last_close() {
        let scaler = Scaler::of([100.0, 200.0]);
        let said = assemble(scaler, 150.0, &[0.5, 1.0], 11);
        let step = said[1] - said[0];
        assert!((said[0] - step - 150.0).abs() < 1e-3, "{said:?}");
        assert!((said[10] - said[0] - 25.0).abs() < 1e-3);
    }
}
