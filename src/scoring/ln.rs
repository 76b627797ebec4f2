//! The natural logarithm of many numbers at once: the same bits on every machine, by instructions that work on several
//! numbers.
//!
//! `ln x = k ln 2 + ln(1+f)` with `x = 2ᵏ(1+f)` and `1+f` in `√½..√2`; the latter is `f − (f²/2 − s(f²/2 + R(s²)))`, where
//! `s = f/(2+f)` and R is the minimax polynomial of degree 7 that FreeBSD's `e_log.c` uses. Its error is below one unit in
//! the last place, as a test checks against the system's.

use fearless_simd::{Level, Simd as _, dispatch};

/// Numbers that the compiler keeps in registers at a time.
const LANES: usize = 8;

/// The bits of 1, less those of √½: adding them moves the carry of the exponent to √2.
const TO_ONE: u64 = 0x3ff0_0000_0000_0000 - ROOT_HALF;
/// The bits of √½, to the upper half.
const ROOT_HALF: u64 = 0x3fe6_a09e_0000_0000;
/// 2⁵², whose bits below take an integer: so integers become floats without an instruction for it.
const TWO_52: u64 = 0x4330_0000_0000_0000;

/// ln 2 as a sum: the first part times an exponent is exact.
const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

const R: [f64; 7] = [
    f64::from_bits(0x3fe5_5555_5555_5593),
    f64::from_bits(0x3fd9_9999_9997_fa04),
    f64::from_bits(0x3fd2_4924_9422_9359),
    f64::from_bits(0x3fcc_71c5_1d8e_78af),
    f64::from_bits(0x3fc7_4664_96cb_03de),
    f64::from_bits(0x3fc3_9a09_d078_c69f),
    f64::from_bits(0x3fc2_f112_df3e_5244),
];

/// Does `job` with the widest vector instructions that this machine has: the job and all that it calls must be marked to be
/// inlined. No instruction among them rounds otherwise than the narrow ones.
#[inline(always)]
pub(super) fn wide<T>(job: impl FnOnce() -> T) -> T {
    dispatch!(Level::new(), simd => simd.vectorize(job))
}

/// Replaces each number by its natural logarithm. What is not a positive normal number gets what [`f64::ln`] says.
#[inline(always)]
pub fn ln_each(numbers: &mut [f64]) {
    let (chunks, rest) = numbers.as_chunks_mut::<LANES>();
    for chunk in chunks {
        // Without a short cut, so that all are looked at together.
        let mut all = true;
        for x in &*chunk {
            all &= is_plain(*x);
        }
        if all {
            for x in chunk {
                *x = of_plain(*x);
            }
        } else {
            for x in chunk {
                *x = ln(*x);
            }
        }
    }
    rest.iter_mut().for_each(|x| *x = ln(*x));
}

/// The natural logarithm, to the same bits as [`ln_each`].
#[must_use]
pub fn ln(x: f64) -> f64 {
    if is_plain(x) { of_plain(x) } else { x.ln() }
}

/// Whether it is positive, finite and not subnormal.
#[inline(always)]
#[expect(clippy::manual_range_contains, reason = "both bounds are looked at, without a branch between them")]
fn is_plain(x: f64) -> bool {
    (x >= f64::MIN_POSITIVE) & (x <= f64::MAX)
}

#[inline(always)]
fn of_plain(x: f64) -> f64 {
    let shifted = x.to_bits().wrapping_add(TO_ONE);
    let k = f64::from_bits((shifted >> 52) | TWO_52) - (f64::from_bits(TWO_52) + 1023.0);
    let f = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff).wrapping_add(ROOT_HALF)) - 1.0;
    let s = f / (2.0 + f);
    let (z, half) = (s * s, 0.5 * f * f);
    let w = z * z;
    let even = w * (R[1] + w * (R[3] + w * R[5]));
    let odd = z * (R[0] + w * (R[2] + w * (R[4] + w * R[6])));
    k * LN2_HIGH - ((half - (s * (half + (even + odd)) + k * LN2_LOW)) - f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance in units in the last place of `right`.
    fn units(got: f64, right: f64) -> f64 {
        let unit = (f64::from_bits(right.abs().to_bits() + 1) - right.abs()).max(f64::from_bits(1));
        (got - right).abs() / unit
    }

    /// The logarithms of a slice; each must have the bits of the single one.
    fn each(numbers: &[f64]) -> Vec<f64> {
        let mut found = numbers.to_vec();
        ln_each(&mut found);
        for (x, y) in numbers.iter().zip(&found) {
            assert!(ln(*x).to_bits() == y.to_bits() || (y.is_nan() && ln(*x).is_nan()), "{x}");
        }
        found
    }

    #[test]
    fn it_is_within_one_unit_of_the_systems() {
        let mut numbers: Vec<f64> = (1..100_000).map(|n| f64::from(n) / 100_000.0).collect();
        // Every exponent, and every size of what is added to 1.
        numbers.extend(
            (1..0x7ff)
                .flat_map(|e: u64| (0..40).map(move |m| (e << 52) | (m * 0x6_7543_2107_6543)))
                .map(f64::from_bits),
        );
        numbers.extend((0..1100).flat_map(|n| [1.0 + 0.97_f64.powi(n), 1.0 - 0.97_f64.powi(n + 1)]));
        numbers.extend(
            (0..64).flat_map(|n| [f64::from_bits(1.0_f64.to_bits() + n), f64::from_bits(1.0_f64.to_bits() - n)]),
        );
        let root = std::f64::consts::SQRT_2;
        numbers.extend(
            (0..64).flat_map(|n| [f64::from_bits(root.to_bits() + n), f64::from_bits((root / 2.0).to_bits() - n)]),
        );
        let worst = numbers.iter().zip(each(&numbers)).map(|(x, y)| units(y, x.ln())).fold(0.0, f64::max);
        // The system's own error is half a unit, so of two neighbours either may be nearer.
        assert!(worst <= 1.0, "{worst} units");
    }

    #[test]
    fn wide_instructions_round_like_narrow_ones() {
        let numbers: Vec<f64> = (1..10_000).map(|n| f64::from(n) / 7919.0).collect();
        let (narrow, mut widest) = (each(&numbers), numbers);
        wide(
            #[inline(always)]
            || ln_each(&mut widest),
        );
        assert!(narrow.iter().zip(&widest).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn what_has_no_plain_logarithm_is_the_systems() {
        let subnormals = (0..52).map(|shift| f64::from_bits(1 << shift));
        let edges = [0.0, -0.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE, f64::MAX, 1.0];
        for x in subnormals.chain(edges) {
            // Alone, among plain numbers, and in a rest.
            let found = each(&[0.5, 0.5, x, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, x]);
            for y in [found[2], found[9]] {
                let right = x.ln();
                assert!(
                    y == right || (y.is_nan() && right.is_nan()) || units(y, right) <= 1.0,
                    "ln {x} = {right}, not {y}"
                );
            }
            assert_eq!(found[0], 0.5_f64.ln());
        }
        assert_eq!(ln(1.0).to_bits(), 0, "exactly nothing");
    }
}
