//! The quadratic rule: loss `(o−p)²`, gain `1−(o−p)²`, and the improvement of a report on a reference.
//!
//! Strictly proper: with belief `q` the expected loss is least at `p = q`, also for fractional outcomes.

/// The loss of report `p` under outcome `o`, both in `0..=1`; in `0..=1`, lower is better.
#[must_use]
pub fn loss(p: f64, o: f64) -> f64 {
    (o - p) * (o - p)
}

/// The gain `1 − loss`, in `0..=1`, higher is better.
#[must_use]
pub fn gain(p: f64, o: f64) -> f64 {
    1.0 - loss(p, o)
}

/// The improvement of `p` on reference `r`: `(o−r)² − (o−p)² = (p−r)(2o−p−r)`, in `−1..=1`, positive is better.
///
/// Exactly 0 for `p = r`, and exactly antisymmetric in `p` and `r`, also in floating point.
#[must_use]
pub fn delta(p: f64, r: f64, o: f64) -> f64 {
    (p - r) * (2.0 * o - (p + r))
}
