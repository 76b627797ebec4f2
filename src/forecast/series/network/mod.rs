//! Networks: what goes into one, and what its few outputs say about a hundred closes.
//!
//! The shapes are those of the subnet's reference, and so are scaling and assembly (the project's vectors hold them to it), so
//! that a network that was trained there can be run here. What computes is behind [`Network`].

mod assemble;
#[cfg(feature = "candle")]
mod lstm;
#[cfg(feature = "onnx")]
mod onnx;
mod scaling;
mod shape;
pub mod temporal;

use std::fmt;

pub use self::assemble::{assemble, sparse_indexes};
#[cfg(feature = "candle")]
pub use self::lstm::Lstm;
#[cfg(feature = "onnx")]
pub use self::onnx::Onnx;
pub use self::scaling::Scaler;
pub use self::shape::{Feature, Inputs, NAMED, Shape, named};
use super::{Model, Past};

/// Something that computes: a recurrent network, somebody's own.
pub trait Network: Send + Sync + 'static {
    /// The raw outputs for one window: `inputs` is a row of features for each candle, oldest first. `None` when it fails.
    fn outputs(&self, inputs: &Inputs) -> Option<Vec<f32>>;
}

/// A network as a model of a series.
pub struct NetworkModel<N> {
    name: &'static str,
    shape: Shape,
    network: N,
}

impl<N> fmt::Debug for NetworkModel<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.name).field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl<N: Network> NetworkModel<N> {
    /// `network`, which was made for `shape`.
    #[must_use]
    pub const fn new(name: &'static str, shape: Shape, network: N) -> Self {
        Self { name, shape, network }
    }
}

impl<N: Network> Model for NetworkModel<N> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn window(&self) -> usize {
        self.shape.window
    }

    fn predict(&self, past: Past<'_>, steps: usize) -> Option<Vec<f64>> {
        let inputs = self.shape.inputs(past.candles())?;
        let outputs = self.network.outputs(&inputs)?;
        if outputs.len() != self.shape.outputs {
            return None;
        }
        let said = assemble(inputs.prices, *past.closes().last()? as f32, &outputs, self.shape.horizon);
        // Beyond its horizon a network says nothing new: the last close it expects stays.
        let beyond = *said.last()?;
        let path = (0..steps).map(|step| f64::from(said.get(step).copied().unwrap_or(beyond)));
        let path: Vec<f64> = path.collect();
        path.iter().all(|price| price.is_finite() && *price > 0.0).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::klines::series::Series;
    use crate::units::UnixMs;

    /// Says that the scaled price goes to this.
    struct GoesTo(f32, usize);

    impl Network for GoesTo {
        fn outputs(&self, inputs: &Inputs) -> Option<Vec<f32>> {
            assert_eq!(inputs.rows.len() % inputs.features, 0);
            Some(vec![self.0; self.1])
        }
    }

    #[test]
    fn a_network_needs_its_window_and_answers_in_dollars() {
        let series = Series::simulated(3, UnixMs(1_767_225_600_000), 600);
        let closes: Vec<f64> = series.candles().iter().map(|candle| candle.close).collect();
        let past = Past::new(series.candles(), &closes).unwrap();
        let shape = named("model_v5_1").unwrap();
        let model = NetworkModel::new("stub", shape.clone(), GoesTo(0.0, shape.outputs));
        let said = model.predict(past, 124).unwrap();
        assert_eq!(said.len(), 124);
        let last = *closes.last().unwrap();
        assert!((said[0] / last - 1.0).abs() < 1e-4, "it goes on from the last close");
        assert_eq!(said[123], said[99]);
        assert_eq!(model.predict(past.until(499).unwrap(), 100), None, "a candle too few");
        assert_eq!(model.predict(Past::of_closes(&closes), 100), None, "closes alone");
        let other = NetworkModel::new("stub", shape, GoesTo(0.0, 3));
        assert_eq!(other.predict(past, 100), None, "another number of outputs");
    }
}
