//! From errors to shares of one request, and the older scalings that recorded data may carry.

/// `(x−min)/(max−min)` of every value; all 0 when they are equal.
#[must_use]
pub fn min_max(values: &[f64]) -> Vec<f64> {
    let (least, most) = bounds(values);
    let span = most - least;
    values.iter().map(|x| if span > 0.0 { (x - least) / span } else { 0.0 }).collect()
}

fn bounds(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| (least.min(*x), most.max(*x)))
}

/// The goodness of each error: 1 for the least, 0 for the greatest, in proportion between; all 1 when they are equal.
#[must_use]
pub fn goodness(errors: &[f64]) -> Vec<f64> {
    min_max(errors).into_iter().map(|x| 1.0 - x).collect()
}

/// The shares of one request, best first, rounded to four decimals; ties keep their order. At least two miners must have
/// answered, else nothing is scored (`None`).
#[must_use]
pub fn request_shares<K: Clone>(errors: &[(K, f64)]) -> Option<Vec<(K, f64)>> {
    if errors.len() < 2 {
        return None;
    }
    let values: Vec<f64> = errors.iter().map(|(_, error)| *error).collect();
    let (least, most) = bounds(&values);
    let shares = if least == most {
        vec![1.0 / values.len() as f64; values.len()]
    } else {
        let scaled = min_max(&goodness(&values));
        let total: f64 = scaled.iter().sum();
        scaled.iter().map(|x| x / total).collect()
    };
    let mut shares: Vec<(K, f64)> =
        errors.iter().zip(shares).map(|((key, _), share)| (key.clone(), round(share, 4))).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    Some(shares)
}

/// An older variant: `1 − exp(−mean/error)`; an error of 0 is read as 1e-8.
#[must_use]
pub fn exponential(errors: &[f64]) -> Vec<f64> {
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    errors.iter().map(|error| 1.0 - (-mean / if *error == 0.0 { 1e-8 } else { *error }).exp()).collect()
}

/// An older encoding of closes: `(x−min)/(max−min)/100 + 0.495`.
#[must_use]
pub fn shifted_min_max(x: f64, least: f64, most: f64) -> f64 {
    (x - least) / (most - least) / 100.0 + 0.495
}

/// The inverse of [`shifted_min_max`], rounded.
#[must_use]
pub fn unshift_min_max(y: f64, least: f64, most: f64, decimals: usize) -> f64 {
    round((y - 0.495) * 100.0 * (most - least) + least, decimals)
}

/// An older encoding of closes: `tanh(1e-4 (x − mean))`.
#[must_use]
pub fn tanh(x: f64, mean: f64) -> f64 {
    (1e-4 * (x - mean)).tanh()
}

/// The inverse of [`tanh`], rounded.
#[must_use]
pub fn untanh(y: f64, mean: f64, decimals: usize) -> f64 {
    round(y.atanh() / 1e-4 + mean, decimals)
}

/// Rounded to so many decimals as Python does it: half to even on the binary value.
#[must_use]
pub fn round(x: f64, decimals: usize) -> f64 {
    format!("{x:.decimals$}").parse().unwrap_or(x)
}
