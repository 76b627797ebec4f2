//! The models that are a handful of numbers.

use serde::{Deserialize, Serialize};

use crate::forecast::series::network::{Feature, Shape};
use crate::forecast::series::{Autoregression, Coefficients, Drift, Holt, Model, Ridge};

/// Longest window of a file's model, and the highest order: a year of five-minute candles, a day of them.
const MOST_CLOSES: usize = 105_408;
const MOST_ORDER: usize = 288;
/// The closes that a forecast is made for.
const HORIZON: usize = 100;

/// What the file of such a model holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the models")]
pub enum Parameters {
    /// [`Drift`].
    Drift { closes: usize, belief: f64 },
    /// [`Holt`].
    Holt { closes: usize, level: f64, trend: f64, fading: f64 },
    /// [`Autoregression`].
    Ar { closes: usize, shrinkage: f64, coefficients: Vec<f64> },
    /// [`Ridge`].
    Ridge { closes: usize, penalty: f64, stride: usize, coefficients: Coefficients },
}

impl Parameters {
    /// The model's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Drift { .. } => "drift",
            Self::Holt { .. } => "holt",
            Self::Ar { .. } => "ar",
            Self::Ridge { .. } => "ridge",
        }
    }

    const fn closes(&self) -> usize {
        match self {
            Self::Drift { closes, .. }
            | Self::Holt { closes, .. }
            | Self::Ar { closes, .. }
            | Self::Ridge { closes, .. } => *closes,
        }
    }

    /// What it sees and says.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape { window: self.closes(), features: vec![Feature::Close], outputs: HORIZON, horizon: HORIZON }
    }

    /// Whether a forecast can be made of these numbers.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        if !(2..=MOST_CLOSES).contains(&self.closes()) {
            return Err(format!("`closes` must be 2 to {MOST_CLOSES}"));
        }
        let share = |x: f64| (0.0..=1.0).contains(&x);
        let (is_sound, rule) = match self {
            Self::Drift { belief, .. } => ((-2.0..=2.0).contains(belief), "`belief` must be -2 to 2"),
            Self::Holt { level, trend, fading, .. } => {
                ([*level, *trend, *fading].into_iter().all(share), "`level`, `trend` and `fading` must be 0 to 1")
            }
            Self::Ar { coefficients, shrinkage, .. } => (
                (1..=MOST_ORDER).contains(&coefficients.len())
                    && coefficients.iter().all(|c| c.is_finite())
                    && shrinkage.is_finite(),
                "`coefficients` must be 1 to 288 numbers",
            ),
            Self::Ridge { coefficients, penalty, .. } => {
                (coefficients.is_sound() && penalty.is_finite(), "`coefficients` must be numbers")
            }
        };
        if is_sound { Ok(()) } else { Err(rule.to_owned()) }
    }

    /// The model of these numbers.
    #[must_use]
    pub fn model(&self) -> Box<dyn Model> {
        match self.clone() {
            Self::Drift { closes, belief } => Box::new(Drift { closes, belief }),
            Self::Holt { closes, level, trend, fading } => Box::new(Holt { closes, level, trend, fading }),
            Self::Ar { closes, shrinkage, coefficients } => Box::new(Autoregression {
                order: coefficients.len(),
                closes,
                shrinkage,
                coefficients: Some(coefficients),
            }),
            Self::Ridge { closes, penalty, stride, coefficients } => {
                Box::new(Ridge { closes, penalty, stride, coefficients: Some(coefficients) })
            }
        }
    }
}
