//! What a network is fed with and what it says: its shape.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Scaler, temporal};
use crate::forecast::series::last;
use crate::market::klines::Candle;

/// A column of a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// The close; the three prices of a window are scaled together.
    Close,
    /// The highest price.
    High,
    /// The lowest price.
    Low,
    /// The amount traded, scaled by itself.
    Volume,
    /// Where the close lies in its day; times are not scaled.
    TimeOfDay,
    /// Where it lies in its week.
    TimeOfWeek,
    /// Where it lies in its month.
    TimeOfMonth,
    /// Where it lies in its year.
    TimeOfYear,
}

impl Feature {
    /// The four numbers of a candle.
    pub const CANDLE: [Self; 4] = [Self::Close, Self::High, Self::Low, Self::Volume];
    /// Those and the time, as the reference's latest network has them.
    pub const SEVEN: [Self; 7] =
        [Self::Close, Self::High, Self::Low, Self::Volume, Self::TimeOfDay, Self::TimeOfWeek, Self::TimeOfMonth];

    /// Its value at a candle, as it is.
    #[must_use]
    pub fn of(self, candle: &Candle) -> f32 {
        let at = candle.closes_at();
        match self {
            Self::Close => candle.close as f32,
            Self::High => candle.high as f32,
            Self::Low => candle.low as f32,
            Self::Volume => candle.volume as f32,
            Self::TimeOfDay => temporal::of_day(at),
            Self::TimeOfWeek => temporal::of_week(at),
            Self::TimeOfMonth => temporal::of_month(at),
            Self::TimeOfYear => temporal::of_year(at),
        }
    }

    /// Whether it is a price in dollars.
    #[must_use]
    pub const fn is_price(self) -> bool {
        matches!(self, Self::Close | Self::High | Self::Low)
    }
}

/// The window of a network, its features, and its outputs.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Candles that it sees.
    pub window: usize,
    /// What it sees of each, in this order.
    pub features: Vec<Feature>,
    /// The numbers it says; see [`super::sparse_indexes`].
    pub outputs: usize,
    /// The closes that these stand for.
    pub horizon: usize,
}

/// Longest window and horizon, and the most outputs: more is no network of this subnet.
const MOST: usize = 10_000;

/// A window as a network sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// Row by row, oldest first, scaled.
    pub rows: Vec<f32>,
    /// Numbers in a row.
    pub features: usize,
    /// What prices were scaled with.
    pub prices: Scaler,
}

impl Shape {
    /// Whether there can be such a network.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let sizes = [self.window, self.horizon, self.outputs];
        sizes.iter().all(|size| (1..=MOST).contains(size))
            && self.outputs <= self.horizon
            && self.features.contains(&Feature::Close)
            && self.features.len() <= 64
    }

    /// The last window of `candles`, scaled; `None` when there are fewer candles.
    #[must_use]
    pub fn inputs(&self, candles: &[Candle]) -> Option<Inputs> {
        if candles.len() < self.window {
            return None;
        }
        let window = last(candles, self.window);
        let prices = Scaler::of(
            self.features.iter().filter(|f| f.is_price()).flat_map(|f| window.iter().map(|candle| f.of(candle))),
        );
        let volume = Scaler::of(window.iter().map(|candle| Feature::Volume.of(candle)));
        let cell = |candle: &Candle, feature: Feature| {
            let value = feature.of(candle);
            match feature {
                price if price.is_price() => prices.scale(value),
                Feature::Volume => volume.scale(value),
                _ => value,
            }
        };
        let rows = window.iter().flat_map(|candle| self.features.iter().map(move |feature| (candle, *feature)));
        let rows = rows.map(|(candle, feature)| cell(candle, feature)).collect();
        Some(Inputs { rows, features: self.features.len(), prices })
    }
}

/// The names of the reference's networks, oldest first.
pub const NAMED: [&str; 7] =
    ["model_v4_1", "model_v4_2", "model_v4_3", "model_v4_4", "model_v4_5", "model_v4_6", "model_v5_1"];

/// The shape of the reference's network called `name`.
#[must_use]
pub fn named(name: &str) -> Option<Shape> {
    let (window, features, outputs): (_, &[Feature], _) = match name {
        "model_v5_1" => (500, &Feature::SEVEN, 10),
        "model_v4_2" => (500, &Feature::CANDLE, 1),
        other if NAMED.contains(&other) => (100, &Feature::CANDLE, 1),
        _ => return None,
    };
    Some(Shape { window, features: features.to_vec(), outputs, horizon: 100 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::klines::series::Series;
    use crate::units::UnixMs;

    #[test]
    fn every_named_shape_can_be_and_sees_scaled_numbers() {
        let series = Series::simulated(5, UnixMs(1_767_225_600_000), 700);
        for name in NAMED {
            let shape = named(name).unwrap();
            assert!(shape.is_sound());
            let inputs = shape.inputs(series.candles()).unwrap();
            assert_eq!(inputs.rows.len(), shape.window * shape.features.len());
            assert!(inputs.rows.iter().all(|x| (-1.0001..=1.0001).contains(x)), "{name}");
        }
        assert_eq!(named("model_v9"), None);
        assert!(!Shape { outputs: 101, ..named("model_v4_1").unwrap() }.is_sound());
        assert!(!Shape { features: vec![Feature::Volume], ..named("model_v4_1").unwrap() }.is_sound());
    }
}
