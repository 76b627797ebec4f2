//! Chance without state: every draw is a hash of what it is for.

/// The finaliser of `SplitMix64` (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// 64 random bits named by `labels`.
pub(crate) fn bits(labels: &[u64]) -> u64 {
    labels.iter().fold(0x9e37_79b9_7f4a_7c15, |state, label| {
        mix((state ^ label).wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(0x9e37_79b9_7f4a_7c15))
    })
}

/// A name for draws out of a text.
#[must_use]
pub fn label(text: &str) -> u64 {
    // FNV-1a; `bits` mixes it.
    let hash =
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    bits(&[hash])
}

/// A number in the open interval (0, 1), named by `labels`.
#[must_use]
pub fn uniform(labels: &[u64]) -> f64 {
    // 2⁵² steps, each drawn from its middle: neither 0 nor 1.
    ((bits(labels) >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

/// +1 or −1 with equal chances, named by `labels` and `step`; the two steps of a pair (2n, 2n + 1) have opposite signs.
///
/// So errors in a row average out as fast as they can without being any smaller: fewer events show the same thing.
#[must_use]
pub fn sign(labels: &[u64], step: i64) -> f64 {
    let pair = step.div_euclid(2).cast_unsigned();
    let first = if bits(&[bits(labels), pair]) & 1 == 0 { 1.0 } else { -1.0 };
    if step.rem_euclid(2) == 0 { first } else { -first }
}

/// A standard normal number, named by `labels` (Box and Muller).
pub(crate) fn normal(labels: &[u64]) -> f64 {
    let name = bits(labels);
    let radius = (-2.0 * uniform(&[name, 1]).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(&[name, 2])).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(of: impl Fn(u64) -> f64) -> f64 {
        (0..20_000).map(of).sum::<f64>() / 20_000.0
    }

    #[test]
    fn draws_have_their_moments() {
        assert!((mean(|i| uniform(&[7, i])) - 0.5).abs() < 0.01);
        assert!(mean(|i| normal(&[7, i])).abs() < 0.03);
        assert!((mean(|i| normal(&[7, i]).powi(2)) - 1.0).abs() < 0.04);
        assert!(mean(|i| sign(&[7, i], 0)).abs() < 0.03);
        assert!(mean(|i| uniform(&[i, 0]) * uniform(&[i, 1])) - 0.25 < 0.01);
    }

    #[test]
    fn a_pair_of_signs_cancels() {
        for step in [-4, 0, 2, 1_000_000] {
            assert_eq!(sign(&[3], step) + sign(&[3], step + 1), 0.0);
        }
    }
}
