//! Two recurrent layers (LSTM) and a line at the end, as the reference's networks are; computed by `candle` on the processor.
//!
//! Its file is a `*.safetensors` with the names that PyTorch gives an `LSTM` of two layers called `lstm` and a `Linear` called
//! `dense`.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::rnn::{LSTM, LSTMConfig, RNN, lstm};
use candle_nn::{Linear, Module, VarBuilder, linear};

use super::{Inputs, Network, Shape};

/// Most units of a layer: the reference has 1024.
const MOST_UNITS: usize = 8192;

/// See the module.
#[derive(Debug)]
pub struct Lstm {
    first: LSTM,
    second: LSTM,
    dense: Linear,
}

impl Lstm {
    /// The network whose file has this content.
    ///
    /// # Errors
    /// In words: it is no safetensors, or its weights are not those of such a network for `shape`.
    pub fn of_bytes(content: &[u8], shape: &Shape) -> std::result::Result<Self, String> {
        let wrong = |error: candle_core::Error| format!("the weights are not those of two LSTM layers: {error}");
        let tensors = candle_core::safetensors::load_buffer(content, &Device::Cpu).map_err(wrong)?;
        let units =
            units(&tensors).ok_or("the weights are not those of two LSTM layers: lstm.weight_hh_l0 is missing")?;
        let weights = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        Self::of_weights(&weights, shape, units).map_err(wrong)
    }

    /// The network with these weights; what they lack is an error of theirs.
    ///
    /// # Errors
    /// Those of `candle`: a name or a size.
    pub fn of_weights(weights: &VarBuilder<'_>, shape: &Shape, units: usize) -> Result<Self> {
        let layer = |place: usize, width: usize| {
            lstm(width, units, LSTMConfig { layer_idx: place, ..LSTMConfig::default() }, weights.pp("lstm"))
        };
        Ok(Self {
            first: layer(0, shape.features.len())?,
            second: layer(1, units)?,
            dense: linear(units, shape.outputs, weights.pp("dense"))?,
        })
    }

    /// Outputs for a batch of windows (batch, candles, features); between the layers numbers are multiplied with `mask`
    /// (batch, candles, units), by which some are left out in training.
    ///
    /// # Errors
    /// Those of `candle`.
    pub fn forward(&self, windows: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let between = self.first.states_to_tensor(&self.first.seq(windows)?)?;
        let between = match mask {
            Some(mask) => between.mul(mask)?,
            None => between,
        };
        let states = self.second.seq(&between)?;
        let last = states.last().ok_or_else(|| candle_core::Error::Msg("a window of nothing".to_owned()))?;
        self.dense.forward(last.h())
    }
}

/// Units of the first layer.
fn units(tensors: &HashMap<String, Tensor>) -> Option<usize> {
    let units = *tensors.get("lstm.weight_hh_l0")?.dims().last()?;
    (1..=MOST_UNITS).contains(&units).then_some(units)
}

impl Network for Lstm {
    fn outputs(&self, inputs: &Inputs) -> Option<Vec<f32>> {
        let rows = inputs.rows.len() / inputs.features.max(1);
        let said = || {
            let window = Tensor::from_slice(&inputs.rows, (1, rows, inputs.features), &Device::Cpu)?;
            self.forward(&window, None)?.flatten_all()?.to_vec1::<f32>()
        };
        said().inspect_err(|error| tracing::warn!("the network failed: {error}")).ok()
    }
}
