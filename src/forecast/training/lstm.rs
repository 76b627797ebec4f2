//! A recurrent network trained on candles: windows drawn at random, the square of its errors, Adam, and an early end when what
//! it has not seen gets no better.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};
use candle_nn::{VarBuilder, VarMap, loss};

use super::{Recipe, TrainingError};
use crate::forecast::series::network::{Inputs, Lstm, Shape, sparse_indexes};
use crate::market::klines::Candle;
use crate::market::simulator::uniform;

/// Windows computed together.
const BATCH: usize = 64;
/// Windows of one pass.
const PER_EPOCH: usize = 2048;
/// Windows at the end of the candles by which it is decided when to stop.
const WATCHED: usize = 128;
/// Passes without progress after which it ends.
const PATIENCE: usize = 3;
/// The share of numbers left out between the layers.
const DROPOUT: f64 = 0.3;
const RATE: f64 = 2e-3;
/// Differentiation goes back through every candle of a window by recursion, each level of which takes stack.
const STACK: usize = 1 << 29;

/// The weights of a network for `candles`, as a file of safetensors.
pub(super) fn train(
    candles: &[Candle],
    recipe: &Recipe,
    watch: &mut dyn FnMut(&str),
) -> std::result::Result<Vec<u8>, TrainingError> {
    let Recipe { shape, .. } = recipe;
    let least = shape.window + shape.horizon + 2 * WATCHED;
    if candles.len() < least {
        return Err(TrainingError::Short { model: recipe.model.clone(), candles: candles.len(), least });
    }
    let failed = |error: &dyn std::fmt::Display| TrainingError::Network(error.to_string());
    let (told, progress) = std::sync::mpsc::channel::<String>();
    std::thread::scope(|scope| {
        let training = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || {
            let told = |line: String| drop(told.send(line));
            Trainer::new(candles, recipe)?.run(&told)
        });
        let training = training.map_err(|error| failed(&error))?;
        progress.iter().for_each(|line| watch(&line));
        let done = training.join().map_err(|_| failed(&"it stopped by a defect"))?;
        done.map_err(|error| failed(&error))
    })
}

/// A network on its way.
struct Trainer<'a> {
    candles: &'a [Candle],
    recipe: &'a Recipe,
    weights: VarMap,
    network: Lstm,
}

impl<'a> Trainer<'a> {
    fn new(candles: &'a [Candle], recipe: &'a Recipe) -> Result<Self> {
        let weights = VarMap::new();
        let builder = VarBuilder::from_varmap(&weights, DType::F32, &Device::Cpu);
        let network = Lstm::of_weights(&builder, &recipe.shape, recipe.units)?;
        let trainer = Self { candles, recipe, weights, network };
        trainer.begin_anew()?;
        Ok(trainer)
    }

    /// Small weights drawn from the seed: the same seed begins with the same network.
    fn begin_anew(&self) -> Result<()> {
        let bound = 1.0 / (self.recipe.units as f64).sqrt();
        for (number, (_, var)) in self.by_name().into_iter().enumerate() {
            let draw = |i: usize| (uniform(&[self.recipe.seed, 1, number as u64, i as u64]) * 2.0 - 1.0) * bound;
            let values: Vec<f32> = (0..var.elem_count()).map(|i| draw(i) as f32).collect();
            var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu)?)?;
        }
        Ok(())
    }

    fn by_name(&self) -> Vec<(String, candle_core::Var)> {
        let data = self.weights.data().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut all: Vec<_> = data.iter().map(|(name, var)| (name.clone(), var.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    fn run(&self, told: &dyn Fn(String)) -> Result<Vec<u8>> {
        let shape = &self.recipe.shape;
        let ends = shape.window..=self.candles.len() - shape.horizon;
        let (first, last) = (*ends.start(), *ends.end());
        // Those watched come after those trained on, a horizon apart so that they share no future.
        let watched_from = last - (last - first) / 5;
        let trained_until = watched_from.saturating_sub(shape.horizon).max(first + 1);
        let spread = |places: usize, from: usize, until: usize| {
            (0..places).map(move |i| from + i * (until - from) / places.max(1)).collect::<Vec<_>>()
        };
        let watched = spread(WATCHED, watched_from, last);
        let mut optimizer =
            AdamW::new(self.weights.all_vars(), ParamsAdamW { lr: RATE, weight_decay: 0.0, ..ParamsAdamW::default() })?;
        let mut best = (self.loss(&watched, None)?.to_scalar::<f32>()?, self.save()?, 0);
        let count = PER_EPOCH.min(trained_until - first);
        for epoch in 1..=self.recipe.epochs {
            let mut sum = 0.0;
            for batch in 0..count.div_ceil(BATCH) {
                let draw = |i: usize| uniform(&[self.recipe.seed, 2, epoch as u64, (batch * BATCH + i) as u64]);
                let place = |i: usize| first + (draw(i) * (trained_until - first) as f64) as usize;
                let places: Vec<usize> = (0..BATCH.min(count)).map(place).collect();
                let mask = self.mask(places.len(), &[3, epoch as u64, batch as u64])?;
                let loss = self.loss(&places, Some(&mask))?;
                optimizer.backward_step(&loss)?;
                sum += loss.to_scalar::<f32>()?;
            }
            let now = self.loss(&watched, None)?.to_scalar::<f32>()?;
            let mean = sum / count.div_ceil(BATCH) as f32;
            told(format!("pass {epoch} of {}: error {mean:.5}, on what is watched {now:.5}", self.recipe.epochs));
            if now < best.0 {
                best = (now, self.save()?, epoch);
            } else if epoch - best.2 >= PATIENCE {
                break;
            }
        }
        Ok(best.1)
    }

    /// The mean square of the errors for the windows that end at `ends`.
    fn loss(&self, ends: &[usize], mask: Option<&Tensor>) -> Result<Tensor> {
        let shape = &self.recipe.shape;
        let (mut rows, mut wanted) = (Vec::new(), Vec::new());
        for end in ends {
            let window = self.candles.get(..*end).and_then(|past| shape.inputs(past));
            let Some(inputs) = window else { continue };
            wanted.extend(targets(shape, &inputs, self.candles, *end));
            rows.extend(inputs.rows);
        }
        let windows = Tensor::from_vec(rows, (ends.len(), shape.window, shape.features.len()), &Device::Cpu)?;
        let wanted = Tensor::from_vec(wanted, (ends.len(), shape.outputs), &Device::Cpu)?;
        loss::mse(&self.network.forward(&windows, mask)?, &wanted)
    }

    /// Zeros for what is left out, and for the others what keeps the mean.
    fn mask(&self, batch: usize, draw: &[u64; 3]) -> Result<Tensor> {
        let shape = (batch, self.recipe.shape.window, self.recipe.units);
        let keep = (1.0 / (1.0 - DROPOUT)) as f32;
        let [a, b, c] = *draw;
        let cell = |i: usize| if uniform(&[self.recipe.seed, a, b, c, i as u64]) < DROPOUT { 0.0 } else { keep };
        Tensor::from_vec((0..shape.0 * shape.1 * shape.2).map(cell).collect::<Vec<f32>>(), shape, &Device::Cpu)
    }

    fn save(&self) -> Result<Vec<u8>> {
        let tensors: HashMap<String, Tensor> =
            self.by_name().into_iter().map(|(name, var)| (name, var.as_tensor().clone())).collect();
        safetensors(&tensors)
    }
}

/// The closes at the places of the outputs, scaled as the window is.
fn targets(shape: &Shape, inputs: &Inputs, candles: &[Candle], end: usize) -> Vec<f32> {
    let places =
        if shape.outputs == 1 { vec![shape.horizon - 1] } else { sparse_indexes(shape.horizon, shape.outputs) };
    let close = |place: usize| candles.get(end + place).map_or(0.0, |candle| candle.close as f32);
    places.into_iter().map(|place| inputs.prices.scale(close(place))).collect()
}

/// Tensors as the bytes of a file: the length of a header, the header in JSON (in the order of the names), the numbers.
fn safetensors(tensors: &HashMap<String, Tensor>) -> Result<Vec<u8>> {
    let mut names: Vec<&String> = tensors.keys().collect();
    names.sort();
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for name in names {
        let Some(tensor) = tensors.get(name) else { continue };
        let begin = data.len();
        for value in tensor.flatten_all()?.to_vec1::<f32>()? {
            data.extend(value.to_le_bytes());
        }
        let about = serde_json::json!({"dtype": "F32", "shape": tensor.dims(), "data_offsets": [begin, data.len()]});
        header.insert(name.clone(), about);
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::series::network::Feature;
    use crate::forecast::series::trained;
    use crate::forecast::training::train as train_model;
    use crate::market::klines::INTERVAL;
    use crate::market::klines::series::Series;
    use crate::units::UnixMs;

    const BEGIN: UnixMs = UnixMs(1_767_225_600_000);

    fn small(epochs: usize) -> Recipe {
        let shape = Shape { window: 16, features: Feature::SEVEN.to_vec(), outputs: 4, horizon: 100 };
        Recipe { model: "lstm".to_owned(), shape, units: 12, epochs, seed: 1 }
    }

    #[test]
    fn a_wave_is_learnt_written_and_read_again() {
        // A price that goes round every eight hours: who sees a window knows where it goes.
        let candles = (0..3000).map(|i| {
            let price = |i: i32| 60_000.0 * (1.0 + 0.02 * (f64::from(i) * std::f64::consts::TAU / 96.0).sin());
            let (open, close) = (price(i - 1), price(i));
            let open_at = BEGIN.plus_ms(i64::from(i) * INTERVAL.ms());
            Candle { open_at, open, high: open.max(close), low: open.min(close), close, volume: 1.0 }
        });
        let (series, _) = Series::of("wave", candles);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wave.safetensors");
        let mut lines = Vec::new();
        let trained = train_model(&series, &small(6), &file, &mut |line| lines.push(line.to_owned())).unwrap();
        assert!(!lines.is_empty());
        let held_out = trained.manifest.held_out.unwrap();
        assert!(held_out.ratio < 0.8, "{held_out:?}\n{lines:?}");
        assert_eq!(trained.manifest.model, "lstm");
        // Another shape in the manifest is refused.
        let manifest = trained::Manifest { shape: Shape { outputs: 5, ..small(1).shape }, ..trained.manifest };
        manifest.write(&file, &std::fs::read(&file).unwrap()).unwrap();
        let error = trained::load(&file).unwrap_err().to_string();
        assert!(error.contains("wave.safetensors") && error.contains("LSTM"), "{error}");
    }

    #[test]
    fn too_few_candles_are_too_few() {
        let error = train(Series::simulated(1, BEGIN, 200).candles(), &small(1), &mut |_| ()).unwrap_err();
        assert!(matches!(error, TrainingError::Short { least: 372, .. }), "{error}");
    }
}
