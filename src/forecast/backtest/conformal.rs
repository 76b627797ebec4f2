//! Bands around forecasts that hold what comes with a given probability: split conformal prediction (Vovk and others 2005;
//! Lei and others 2018), walked forward.
//!
//! The band at a time is made of the errors of the same model's forecasts of the week before, as far as they were known by
//! then: nothing of the future is in it, and nothing is assumed about how errors are distributed.

use super::{KNOTS, Moment};
use crate::market::klines::INTERVAL;
use crate::units::UnixMs;

/// Errors are taken from so long before, ms: a week.
const LOOKS_BACK_MS: i64 = 7 * 24 * 3_600_000;
/// Bands are made anew after so long, ms: a day.
const RENEWED_MS: i64 = 24 * 3_600_000;
/// Fewest errors that a band is made of.
const LEAST: usize = 50;

/// Lower and upper end of a band at each of [`KNOTS`], as logarithms of the price over the forecast.
pub type Band = [(f64, f64); KNOTS.len()];

/// The bands of one model of a walk.
#[derive(Debug, Clone, Copy)]
pub struct Conformal<'a> {
    moments: &'a [Moment],
    model: usize,
}

impl<'a> Conformal<'a> {
    /// Of the model number `model` of `moments`, which are in order of time.
    #[must_use]
    pub const fn new(moments: &'a [Moment], model: usize) -> Self {
        Self { moments, model }
    }

    /// The band that holds the close with probability `level`, as it was known at `now`; `None` when too few errors were.
    #[must_use]
    pub fn at(&self, now: UnixMs, level: f64) -> Option<Band> {
        let mut band = [(0.0, 0.0); KNOTS.len()];
        for (place, (slot, steps)) in band.iter_mut().zip(KNOTS).enumerate() {
            // Forecasts whose close after so many steps was known.
            let made_by = now.plus_ms(-(steps as i64) * INTERVAL.ms());
            let end = self.moments.partition_point(|moment| moment.at <= made_by);
            let begin = self.moments.partition_point(|moment| moment.at <= made_by.plus_ms(-LOOKS_BACK_MS));
            let known = self.moments.get(begin..end)?;
            let mut errors: Vec<f64> = known.iter().filter_map(|moment| self.moved(moment, place)).collect();
            if errors.len() < LEAST {
                return None;
            }
            errors.sort_by(f64::total_cmp);
            *slot = interval(&errors, level);
        }
        Some(band)
    }

    fn moved(&self, moment: &Moment, place: usize) -> Option<f64> {
        moment.moves.get(self.model)?.get(place).copied().filter(|moved| moved.is_finite())
    }

    /// How often the close lay in the band of `level`, and the band's mean width as a share of the price, at each of
    /// [`KNOTS`]; bands are a day old at most. `None` when there never was one.
    #[must_use]
    pub fn coverage(&self, level: f64) -> Option<[(f64, f64); KNOTS.len()]> {
        let mut sums = [(0.0, 0.0); KNOTS.len()];
        let mut count = 0.0;
        let mut current: Option<(UnixMs, Option<Band>)> = None;
        for moment in self.moments {
            if current.is_none_or(|(made, band)| band.is_none() || moment.at.since(made) >= RENEWED_MS) {
                // Until there is a band, it is looked for at most once an hour.
                let is_due = current.is_none_or(|(made, _)| moment.at.since(made) >= RENEWED_MS / 24);
                if is_due {
                    current = Some((moment.at, self.at(moment.at, level)));
                }
            }
            let Some((_, Some(band))) = current else { continue };
            count += 1.0;
            for (place, ((low, high), (held, width))) in band.iter().zip(&mut sums).enumerate() {
                let moved = self.moved(moment, place).unwrap_or(f64::INFINITY);
                *held += f64::from(u8::from((*low..=*high).contains(&moved)));
                *width += high.exp() - low.exp();
            }
        }
        (count > 0.0).then(|| sums.map(|(held, width)| (held / count, width / count)))
    }
}

/// The ends that leave out the same share on both sides, each a rank further out than a plain quantile: that is what makes
/// the promise hold for few errors.
fn interval(sorted: &[f64], level: f64) -> (f64, f64) {
    let n = sorted.len();
    let out = (n + 1) as f64 * (1.0 - level) / 2.0;
    // A tenth of a hundred is ten, also in floating point.
    let rank = ((out + 1e-9).floor() as usize).clamp(1, n.max(1));
    let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
    (at(rank - 1), at(n.saturating_sub(rank)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::simulator::normal;

    const BEGIN: UnixMs = UnixMs(1_767_225_600_000);

    /// Errors that grow with the root of time, half an hour apart.
    fn moments(count: u64) -> Vec<Moment> {
        let moment = |i: u64| Moment {
            at: BEGIN.plus_ms(i as i64 * 6 * INTERVAL.ms()),
            errors: vec![1.0],
            squares: vec![[1.0; KNOTS.len()]],
            moves: vec![KNOTS.map(|steps| 0.001 * normal(&[1, i, steps as u64]) * (steps as f64).sqrt())],
            shares: vec![1.0],
            weight: 1.0,
        };
        (0..count).map(moment).collect()
    }

    #[test]
    fn a_band_holds_what_it_promises_and_widens_with_time() {
        let moments = moments(3000);
        for level in [0.5, 0.8, 0.95] {
            let covered = Conformal::new(&moments, 0).coverage(level).unwrap();
            for (share, _) in covered {
                assert!((share - level).abs() < 0.04, "{level}: {covered:?}");
            }
            assert!(covered[11].1 > 5.0 * covered[0].1, "{covered:?}");
        }
    }

    #[test]
    fn the_future_is_not_in_it() {
        let moments = moments(600);
        let now = moments[400].at;
        let mut other = moments.clone();
        for moment in &mut other {
            for (place, moved) in moment.moves[0].iter_mut().enumerate() {
                if moment.at.plus_ms(KNOTS[place] as i64 * INTERVAL.ms()) > now {
                    *moved = 9.0;
                }
            }
        }
        let band = Conformal::new(&moments, 0).at(now, 0.8);
        assert!(band.is_some());
        assert_eq!(band, Conformal::new(&other, 0).at(now, 0.8));
        assert_eq!(Conformal::new(&moments, 0).at(moments[20].at, 0.8), None, "too early");
        assert_eq!(Conformal::new(&moments, 7).coverage(0.8), None, "no such model");
    }

    #[test]
    fn few_errors_make_a_band_that_is_wide_enough() {
        let sorted: Vec<f64> = (1..=99).map(f64::from).collect();
        assert_eq!(interval(&sorted, 0.8), (10.0, 90.0));
        assert_eq!(interval(&sorted, 0.999), (1.0, 99.0));
    }
}
