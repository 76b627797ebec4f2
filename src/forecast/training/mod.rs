//! Models made of recorded candles, as files with a manifest.
//!
//! The candles are split in time: a model is fitted to the first four fifths and judged on the last one, which it has not
//! seen. What its manifest says about its skill is from there.

mod grid;
#[cfg(feature = "candle")]
mod lstm;

use std::path::Path;

use super::backtest::{Walk, WalkError, summary, walk};
use super::series::network::Shape;
use super::series::trained::{self, Data, HeldOut, Loaded, Manifest, ModelFileError};
use super::series::{Model, Persistence};
use crate::market::klines::INTERVAL;
use crate::market::klines::series::Series;
use crate::units::UnixMs;

/// The models that can be trained by this program.
pub const TRAINABLE: &[&str] = &[
    "ar",
    "ridge",
    "drift",
    "holt",
    #[cfg(feature = "candle")]
    "lstm",
];

/// Closes of a forecast.
const CLOSES: usize = 100;
/// Candles between two forecasts that a model is judged by.
const STRIDE: usize = 12;

/// How a model is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// One of [`TRAINABLE`].
    pub model: String,
    /// What a network sees and says; the others have their own.
    pub shape: Shape,
    /// Units of each layer of a network.
    pub units: usize,
    /// Passes through the candles, of a network, at most.
    pub epochs: usize,
    /// What chance is drawn from.
    pub seed: u64,
}

/// Why nothing was trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// Not one of [`TRAINABLE`].
    #[error("`{model}` cannot be trained here: {}{}", TRAINABLE.join(", "), if cfg!(feature = "candle") { "" } else { "; lstm needs `cargo build --features candle`" })]
    Unknown {
        /// What was asked for.
        model: String,
    },
    /// Too few candles.
    #[error("`{model}` cannot be fitted to {candles} candles: {least} are needed, and the price must move")]
    Short {
        /// The model.
        model: String,
        /// The candles there are.
        candles: usize,
        /// How many it takes.
        least: usize,
    },
    /// The candles kept for judging are too few.
    #[error("too few candles are left for the test: {0}")]
    Judging(#[from] WalkError),
    /// The file.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// The network.
    #[error("the network cannot be trained: {0}")]
    Network(String),
}

/// Trains a model on `series` and writes it to `file`; `watch` is told of progress in words.
///
/// # Errors
/// [`TrainingError`]; nothing is written then.
pub fn train(
    series: &Series,
    recipe: &Recipe,
    file: &Path,
    watch: &mut dyn FnMut(&str),
) -> Result<Loaded, TrainingError> {
    let unknown = || TrainingError::Unknown { model: recipe.model.clone() };
    if !TRAINABLE.contains(&recipe.model.as_str()) {
        return Err(unknown());
    }
    let candles = series.candles();
    let short = |least: usize| TrainingError::Short { model: recipe.model.clone(), candles: candles.len(), least };
    let (seen, unseen) = candles.split_at(candles.len() / 5 * 4);
    let (Some(first), Some(last), Some(end)) = (seen.first(), seen.last(), unseen.last()) else {
        return Err(short(grid::LEAST));
    };
    let data =
        Data { series: series.name.clone(), from_ms: first.open_at, until_ms: last.closes_at(), candles: seen.len() };
    let (shape, content) = match recipe.model.as_str() {
        #[cfg(feature = "candle")]
        "lstm" => (recipe.shape.clone(), lstm::train(seen, recipe, watch)?),
        name => {
            let closes: Vec<f64> = seen.iter().map(|candle| candle.close).collect();
            let parameters = grid::fit(name, &closes).ok_or_else(|| short(grid::LEAST))?;
            watch(&format!("{parameters:?}"));
            let content =
                serde_json::to_vec_pretty(&parameters).map_err(|error| TrainingError::Network(error.to_string()))?;
            (parameters.shape(), content)
        }
    };
    let mut manifest = Manifest { data: Some(data), ..Manifest::of(&recipe.model, shape, &content) };
    let model = trained::of_bytes(file, &manifest, &content)?;
    manifest.held_out = Some(judge(series, model, last.closes_at(), end.closes_at())?);
    manifest.write(file, &content)?;
    Ok(trained::load(file)?)
}

/// How `model` does from `from` on, beside the last close for ever.
fn judge(series: &Series, model: Box<dyn Model>, from: UnixMs, until: UnixMs) -> Result<HeldOut, WalkError> {
    let models: Vec<Box<dyn Model>> = vec![Box::new(Persistence), model];
    let moments = walk(series, &models, Walk { from, until, stride: STRIDE, closes: CLOSES })?;
    let names = ["persistence".to_owned(), "trained".to_owned()];
    let found = summary(&names, &moments, STRIDE);
    let rmse = |place: usize| found.models.get(place).map_or(f64::NAN, |line| line.rmse);
    let first = moments.first().map_or(from, |moment| moment.at);
    let last = moments.last().map_or(until, |moment| moment.at.plus_ms(CLOSES as i64 * INTERVAL.ms()));
    Ok(HeldOut {
        from_ms: first,
        until_ms: last,
        forecasts: moments.len(),
        rmse: rmse(1),
        persistence_rmse: rmse(0),
        ratio: rmse(1) / rmse(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::series::Past;
    use crate::forecast::series::network::named;
    use crate::forecast::series::trained::{Parameters, load};
    use crate::market::klines::Candle;
    use crate::market::simulator::uniform;

    const BEGIN: UnixMs = UnixMs(1_767_225_600_000);

    fn recipe(model: &str) -> Recipe {
        let shape = named("model_v5_1").unwrap();
        Recipe { model: model.to_owned(), shape, units: 8, epochs: 1, seed: 1 }
    }

    #[test]
    fn each_model_becomes_a_file_that_answers_and_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let series = Series::simulated(9, BEGIN, 8000);
        let closes: Vec<f64> = series.candles().iter().map(|candle| candle.close).collect();
        for name in ["ar", "ridge", "drift", "holt"] {
            let file = folder.path().join(format!("{name}.json"));
            let trained = train(&series, &recipe(name), &file, &mut |_| ()).unwrap();
            let again = load(&file).unwrap();
            assert_eq!(again.manifest, trained.manifest);
            let data = again.manifest.data.clone().unwrap();
            let held_out = again.manifest.held_out.unwrap();
            assert_eq!((data.candles, data.from_ms), (6400, BEGIN));
            assert!(held_out.from_ms >= data.until_ms && held_out.forecasts > 50, "{held_out:?}");
            assert!((held_out.ratio - held_out.rmse / held_out.persistence_rmse).abs() < 1e-12);
            assert!(held_out.ratio < 1.2, "{name} is far off: {held_out:?}");
            let said = again.model.predict(Past::of_closes(&closes), 100).unwrap();
            assert_eq!(Some(said), trained.model.predict(Past::of_closes(&closes), 100));
        }
    }

    #[test]
    fn a_planted_rhythm_is_learnt_and_found_again_on_what_was_kept_back() {
        // Each return is minus half of the one before, and chance.
        let (mut price, mut step) = (100.0_f64, 0.0);
        let candles = (0..6000_u64).map(|i| {
            step = -0.6 * step + 0.001 * (uniform(&[3, i]) - 0.5);
            let open = price;
            price *= f64::exp(step);
            let open_at = BEGIN.plus_ms(i as i64 * INTERVAL.ms());
            Candle { open_at, open, high: open.max(price), low: open.min(price), close: price, volume: 1.0 }
        });
        let (series, _) = Series::of("planted", candles);
        let folder = tempfile::tempdir().unwrap();
        let trained = train(&series, &recipe("ar"), &folder.path().join("ar.json"), &mut |_| ()).unwrap();
        let held_out = trained.manifest.held_out.unwrap();
        assert!(held_out.ratio < 1.0, "{held_out:?}");
        let text = std::fs::read(folder.path().join("ar.json")).unwrap();
        let Parameters::Ar { coefficients, .. } = serde_json::from_slice(&text).unwrap() else { panic!("no AR") };
        assert!((-0.7..-0.45).contains(&coefficients[0]), "{coefficients:?}");
    }

    #[test]
    fn what_cannot_be_trained_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.json");
        let refused = |model: &str, count: usize| {
            let series = Series::simulated(9, BEGIN, count);
            train(&series, &recipe(model), &file, &mut |_| ()).unwrap_err().to_string()
        };
        assert!(refused("oracle", 5000).contains("ridge"));
        assert!(refused("ridge", 0).contains("0 candles"));
        assert!(refused("ridge", 300).contains("300 candles"));
        assert!(!file.exists());
    }
}
