//! A network of the user's own, in the ONNX format; computed by `tract` on the processor.
//!
//! Its one input is a window, `[1, candles, features]` of 32-bit floats; its first output are the numbers that it says.

use tract_onnx::prelude::{
    DatumExt as _, Framework as _, InferenceModelExt as _, IntoTValue as _, IntoTensor as _, Tensor, TractResult,
    TypedModel, TypedRunnableModel, tvec,
};

use super::{Inputs, Network, Scaler, Shape};

/// See the module.
pub struct Onnx {
    plan: TypedRunnableModel<TypedModel>,
    window: usize,
}

impl std::fmt::Debug for Onnx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Onnx").field("window", &self.window).finish_non_exhaustive()
    }
}

impl Onnx {
    /// The network whose file has this content.
    ///
    /// # Errors
    /// In words: it is no ONNX, has operators that `tract` does not know, or another shape.
    pub fn of_bytes(content: &[u8], shape: &Shape) -> Result<Self, String> {
        let plan = plan(content, shape).map_err(|error| format!("it is not a network that can be run: {error:#}"))?;
        let network = Self { plan, window: shape.window };
        let features = shape.features.len();
        let inputs = Inputs { rows: vec![0.0; shape.window * features], features, prices: Scaler::of([]) };
        match network.run(&inputs) {
            Ok(said) if said.len() == shape.outputs => Ok(network),
            Ok(said) => Err(format!("it gives {} numbers, but the manifest says {}", said.len(), shape.outputs)),
            Err(error) => Err(format!("it cannot be run: {error:#}")),
        }
    }

    fn run(&self, inputs: &Inputs) -> TractResult<Vec<f32>> {
        let window = Tensor::from_shape(&[1, self.window, inputs.features], &inputs.rows)?;
        let said = self.plan.run(tvec!(window.into_tvalue()))?;
        let first = said.first().ok_or_else(|| anyhow::anyhow!("no output"))?;
        Ok(first.clone().into_tensor().as_slice::<f32>()?.to_vec())
    }
}

fn plan(content: &[u8], shape: &Shape) -> TractResult<TypedRunnableModel<TypedModel>> {
    let window = f32::fact([1, shape.window, shape.features.len()]);
    let mut reader = content;
    tract_onnx::onnx().model_for_read(&mut reader)?.with_input_fact(0, window.into())?.into_optimized()?.into_runnable()
}

impl Network for Onnx {
    fn outputs(&self, inputs: &Inputs) -> Option<Vec<f32>> {
        self.run(inputs).inspect_err(|error| tracing::warn!("the network failed: {error:#}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::series::network::Feature;

    /// A field of a protobuf message that holds bytes.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2], varint(content.len() as u64).as_slice(), content].concat()
    }

    /// A field that holds a number.
    fn number(number: u8, value: u64) -> Vec<u8> {
        [vec![number << 3], varint(value)].concat()
    }

    fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
        let inputs = inputs.iter().flat_map(|name| field(1, name.as_bytes()));
        let node: Vec<u8> = inputs.chain(field(2, output.as_bytes())).chain(field(4, operator.as_bytes())).collect();
        field(1, &node)
    }

    fn value(place: u8, name: &str, dimensions: &[u64]) -> Vec<u8> {
        let shape: Vec<u8> = dimensions.iter().flat_map(|d| field(1, &number(1, *d))).collect();
        let tensor = [number(1, 1), field(2, &shape)].concat();
        field(place, &[field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat())
    }

    /// A network of one layer: each output is the weighted sum of the whole window.
    fn one_layer(weights: &[f32], candles: u64, features: u64, outputs: u64) -> Vec<u8> {
        let raw: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        let tensor = [number(1, candles * features), number(1, outputs), number(2, 1), field(8, b"w"), field(9, &raw)];
        let graph = [
            node("Flatten", &["x"], "flat"),
            node("MatMul", &["flat", "w"], "y"),
            field(2, b"one layer"),
            field(5, &tensor.concat()),
            value(11, "x", &[1, candles, features]),
            value(12, "y", &[1, outputs]),
        ];
        [number(1, 8), field(8, &number(2, 13)), field(7, &graph.concat())].concat()
    }

    #[test]
    fn a_network_says_what_it_computes_and_others_are_refused() {
        let shape = Shape { window: 3, features: vec![Feature::Close, Feature::Volume], outputs: 2, horizon: 100 };
        // The first output is the last candle's first number, the second twice that.
        let mut weights = [0.0; 12];
        (weights[8], weights[9]) = (1.0, 2.0);
        let file = one_layer(&weights, 3, 2, 2);
        let network = Onnx::of_bytes(&file, &shape).unwrap();
        let inputs = Inputs { rows: vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6], features: 2, prices: Scaler::of([]) };
        assert_eq!(network.outputs(&inputs), Some(vec![0.5, 1.0]));
        let error = Onnx::of_bytes(&file, &Shape { outputs: 5, ..shape.clone() }).unwrap_err();
        assert!(error.contains("it gives 2 numbers"), "{error}");
        let wider = Shape { window: 4, ..shape.clone() };
        assert!(Onnx::of_bytes(&file, &wider).is_err(), "another window");
        for length in 0..file.len() {
            assert!(Onnx::of_bytes(&file[..length], &shape).is_err(), "cut off after {length} bytes");
        }
    }
}
