//! From a bookmaker's odds to probabilities: the margin taken out, in one of three ways.
//!
//! Decimal odds `o` imply `π = 1/o`; over all outcomes of a question these sum to `Π`, a little more than 1, and the rest is
//! the margin. The ways agree on even books and part where one outcome is a long shot:
//!
//! | method | formula | long shots |
//! |---|---|---|
//! | proportional | `p = π/Π` | as the book has them |
//! | power | `p = π^k`, `k` such that they sum to 1 | lowered most |
//! | Shin | `p = (√(z² + 4(1−z)π²/Π) − z) / (2(1−z))`, `z` such that they sum to 1 | lowered |
//!
//! Books overprice long shots (the favourite–longshot bias), which the second and the third undo; the first is what other
//! validators of the subnet use. Sources: Shin, *Measuring the incidence of insider trading in a market for state-contingent
//! claims* (1993), solved as in Jullien and Salanié (1994), `z` the share of insiders; Vovk and Zhdanov, *Prediction with
//! expert advice for the Brier game* (2009), and Clarke, Kovalchik and Ingram (2017) for the power.

use serde::Deserialize;

/// Steps of bisection: each halves the error, and a double has 52 bits.
const STEPS: usize = 80;

/// The largest exponent looked for: beyond, a book is no book.
const LARGEST_POWER: f64 = 64.0;

/// How the margin is taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Margin {
    /// In proportion to the implied probabilities.
    #[default]
    Proportional,
    /// By Shin's model of insiders.
    Shin,
    /// By a common power.
    Power,
}

impl Margin {
    /// The probabilities of outcomes of which exactly one happens, by their decimal odds; they sum to 1. `None` without
    /// outcomes, or when odds are not finite numbers of 1 or more.
    #[must_use]
    pub fn remove(self, odds: &[f64]) -> Option<Vec<f64>> {
        if odds.is_empty() || !odds.iter().copied().all(are_odds) {
            return None;
        }
        let implied: Vec<f64> = odds.iter().map(|odds| odds.recip()).collect();
        let book: f64 = implied.iter().sum();
        let certain = implied.iter().any(|p| *p >= 1.0);
        let raw = match self {
            // Without a margin, or beside a certainty, there is nothing to share out by a model.
            Self::Shin if book > 1.0 && !certain => shin(&implied, book),
            Self::Power if !certain && implied.len() > 1 => power(&implied),
            _ => implied,
        };
        let sum: f64 = raw.iter().sum();
        Some(raw.into_iter().map(|p| p / sum).collect())
    }
}

/// Decimal odds pay back at least the stake.
pub(super) fn are_odds(odds: f64) -> bool {
    odds.is_finite() && odds >= 1.0
}

/// The sum falls from √Π at z = 0 to Σπ²/Π ≤ 1 at z = 1.
fn shin(implied: &[f64], book: f64) -> Vec<f64> {
    // (S − z)/(2(1−z)) with S² = z² + 4(1−z)a is 2a/(S + z), which has no hole at z = 1.
    let at = |z: f64| {
        implied.iter().map(move |p| p * p / book).map(move |a| 2.0 * a / ((z * z + 4.0 * (1.0 - z) * a).sqrt() + z))
    };
    let z = falling_to_one(|z| at(z).sum(), 0.0, 1.0);
    at(z).collect()
}

fn power(implied: &[f64]) -> Vec<f64> {
    let at = |k: f64| implied.iter().map(move |p| p.powf(k));
    let k = falling_to_one(|k| at(k).sum(), 0.0, LARGEST_POWER);
    at(k).collect()
}

/// Where a falling function is 1 between `low` and `high`.
fn falling_to_one(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if f(middle) > 1.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Margin; 3] = [Margin::Proportional, Margin::Shin, Margin::Power];

    /// Probabilities of 2 to 8 outcomes, none below about one in 300.
    fn probabilities() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0.02..1.0f64, 2..=8).prop_map(|weights| {
            let sum: f64 = weights.iter().sum();
            weights.into_iter().map(|weight| weight / sum).collect()
        })
    }

    /// Odds whose implied probabilities are `p` times a margin that leaves every one below 1.
    fn odds(p: &[f64], share: f64) -> Vec<f64> {
        let largest = p.iter().copied().fold(0.0, f64::max);
        let book = 1.0 + share * (0.999 / largest - 1.0).clamp(0.0, 0.4);
        p.iter().map(|p| 1.0 / (p * book)).collect()
    }

    proptest! {
        #[test]
        fn every_method_makes_a_distribution_in_the_order_of_the_odds(p in probabilities(), share in 0.0..1.0f64) {
            let odds = odds(&p, share);
            for method in ALL {
                let fair = method.remove(&odds).unwrap();
                prop_assert!((fair.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{method:?} {fair:?}");
                for (i, j) in (0..p.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
                    prop_assert!((odds[i] <= odds[j]) == (fair[i] >= fair[j]) || (fair[i] - fair[j]).abs() < 1e-12);
                }
                prop_assert!(fair.iter().all(|p| (0.0..=1.0).contains(p)));
            }
        }

        #[test]
        fn each_method_finds_what_its_own_model_hid(p in probabilities(), share in 0.0..1.0f64, k in 1.0..1.4f64, z in 0.0..0.3f64) {
            let close = |method: Margin, odds: &[f64]| {
                let fair = method.remove(odds).unwrap();
                fair.iter().zip(&p).all(|(fair, p)| (fair - p).abs() < 1e-9)
            };
            prop_assert!(close(Margin::Proportional, &odds(&p, share)));
            // A book by the power: π = p^(1/k).
            let powered: Vec<f64> = p.iter().map(|p| p.powf(-1.0 / k)).collect();
            prop_assert!(close(Margin::Power, &powered));
            // Shin's own book: π = √(zp + (1−z)p²) · Σ√(zp + (1−z)p²).
            let roots: Vec<f64> = p.iter().map(|p| (z * p + (1.0 - z) * p * p).sqrt()).collect();
            let sum: f64 = roots.iter().sum();
            let book: Vec<f64> = roots.iter().map(|root| 1.0 / (root * sum)).collect();
            if book.iter().all(|odds| *odds > 1.0) {
                prop_assert!(close(Margin::Shin, &book), "{book:?}");
            }
        }

        #[test]
        fn of_two_outcomes_shin_takes_the_same_from_each(p in 0.05..0.95f64, share in 0.0..1.0f64) {
            let odds = odds(&[p, 1.0 - p], share);
            let (a, b) = (1.0 / odds[0], 1.0 / odds[1]);
            let fair = Margin::Shin.remove(&odds).unwrap();
            prop_assert!((fair[0] - (a - (a + b - 1.0) / 2.0)).abs() < 1e-9, "{fair:?}");
        }

        #[test]
        fn favourites_get_more_than_their_proportion_and_long_shots_less(p in 0.55..0.95f64, share in 0.05..1.0f64) {
            let odds = odds(&[p, 1.0 - p], share);
            let of = |method: Margin| method.remove(&odds).unwrap()[0];
            prop_assert!(of(Margin::Shin) > of(Margin::Proportional) - 1e-12);
            prop_assert!(of(Margin::Power) > of(Margin::Proportional) - 1e-12);
        }

        #[test]
        fn no_numbers_are_a_panic(odds in prop::collection::vec(any::<f64>(), 0..6)) {
            for method in ALL {
                if let Some(fair) = method.remove(&odds) {
                    prop_assert!(odds.iter().all(|o| *o >= 1.0));
                    prop_assert!(fair.iter().all(|p| p.is_nan() || (0.0..=1.0 + 1e-12).contains(p)));
                }
            }
        }
    }

    #[test]
    fn an_even_book_is_even_by_every_method() {
        for method in ALL {
            for (n, odds) in [(2, 1.9), (3, 2.8), (3, 3.0), (4, 3.7)] {
                let fair = method.remove(&vec![odds; n]).unwrap();
                assert!(fair.iter().all(|p| (p - 1.0 / n as f64).abs() < 1e-12), "{method:?}: {fair:?}");
            }
        }
    }

    #[test]
    fn a_book_worked_out_by_hand() {
        // Implied 0.9 and 0.2: a book of 1.1.
        let fair = |method: Margin| method.remove(&[1.0 / 0.9, 5.0]).unwrap()[0];
        assert!((fair(Margin::Proportional) - 0.9 / 1.1).abs() < 1e-12);
        assert!((fair(Margin::Shin) - 0.85).abs() < 1e-9, "0.05 from each");
        let power = fair(Margin::Power);
        // π₁^k + π₂^k = 1 has the same k on both sides.
        assert!((power.ln() / 0.9f64.ln() - (1.0 - power).ln() / 0.2f64.ln()).abs() < 1e-9, "{power}");
        for bad in [&[][..], &[0.9, 3.0], &[f64::NAN, 2.0], &[f64::INFINITY, 1.5], &[-2.0, 2.0]] {
            assert_eq!(Margin::Shin.remove(bad), None, "{bad:?}");
        }
    }
}
