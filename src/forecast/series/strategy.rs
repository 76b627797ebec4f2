//! A strategy as a miner uses it: it may take its time, and it may be somebody else's program.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::outside::{Program, Server};
use super::trained::{self, ModelFileError};
use super::{Model, NAMES, Past, model};
use crate::market::klines::Candle;

/// Says what follows.
pub trait Strategy: Send + Sync + 'static {
    /// Its name in logs and on the command line.
    fn name(&self) -> &'static str;

    /// How many candles it wants to see, at least 2.
    fn window(&self) -> usize;

    /// The `steps` closes after `candles`, or why there are none.
    fn closes_after<'a>(&'a self, candles: &'a [Candle], steps: usize) -> BoxFuture<'a, Result<Vec<f64>, String>>;
}

/// A model of ours, on a thread where it may take its time.
pub struct Pure(Arc<dyn Model>);

impl std::fmt::Debug for Pure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Pure {
    /// This model.
    #[must_use]
    pub fn new(model: Box<dyn Model>) -> Self {
        Self(model.into())
    }
}

impl Strategy for Pure {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn window(&self) -> usize {
        self.0.window()
    }

    fn closes_after<'a>(&'a self, candles: &'a [Candle], steps: usize) -> BoxFuture<'a, Result<Vec<f64>, String>> {
        let candles = candles.to_vec();
        let model = Arc::clone(&self.0);
        async move {
            let predict = move || {
                let closes: Vec<f64> = candles.iter().map(|candle| candle.close).collect();
                model.predict(Past::new(&candles, &closes)?, steps)
            };
            let said = tokio::task::spawn_blocking(predict).await;
            said.map_err(|error| error.to_string())?.ok_or_else(|| "there is too little history".to_owned())
        }
        .boxed()
    }
}

/// What an operator chooses from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// The strategy's name, or a file of a model.
    pub name: String,
    /// Where models are that are named without a path.
    pub models: PathBuf,
    /// The command line of `exec`.
    pub command: Option<String>,
    /// The URL of `http`.
    pub endpoint: Option<String>,
    /// How long either may think.
    pub deadline: Duration,
}

/// There is no such strategy.
#[derive(Debug, thiserror::Error)]
pub enum NoStrategy {
    /// An unknown name.
    #[error("there is no model called `{name}`: {}, exec, http, a file, or a model in {folder}", NAMES.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// Where files were looked for.
        folder: PathBuf,
    },
    /// A strategy that needs to be told more.
    #[error("the model `{name}` needs {what}")]
    Lacks {
        /// The name.
        name: &'static str,
        /// What it needs.
        what: String,
    },
    /// A file that is refused.
    #[error(transparent)]
    File(#[from] ModelFileError),
}

/// The model called `name`: one of [`NAMES`], a file, or a file in `folder`.
///
/// # Errors
/// [`NoStrategy::Unknown`], [`NoStrategy::File`].
pub fn model_or_file(name: &str, folder: &std::path::Path) -> Result<Box<dyn Model>, NoStrategy> {
    if let Some(model) = model(name) {
        return Ok(model);
    }
    let file = trained::find(name, folder)?;
    let unknown = || NoStrategy::Unknown { name: name.to_owned(), folder: folder.to_owned() };
    Ok(trained::load(&file.ok_or_else(unknown)?)?.model)
}

/// The strategy that was chosen.
///
/// # Errors
/// [`NoStrategy`].
pub fn strategy(choice: &Choice) -> Result<Arc<dyn Strategy>, NoStrategy> {
    let lacks = |name, what: &str| NoStrategy::Lacks { name, what: what.to_owned() };
    match choice.name.as_str() {
        "exec" => {
            let program = choice.command.as_deref().and_then(|line| Program::of_line(line, choice.deadline));
            Ok(Arc::new(program.ok_or_else(|| lacks("exec", "a program: `--timeseries.command`"))?))
        }
        "http" => {
            let url = choice.endpoint.as_deref().ok_or_else(|| lacks("http", "a URL: `--timeseries.endpoint`"))?;
            let server = Server::at(url, choice.deadline).map_err(|what| NoStrategy::Lacks { name: "http", what })?;
            Ok(Arc::new(server))
        }
        name => Ok(Arc::new(Pure::new(model_or_file(name, &choice.models)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::series::network::NAMED;

    #[test]
    fn an_unknown_name_lists_what_there_is() {
        let chosen = |name: &str| strategy(&Choice { name: name.into(), ..Choice::default() });
        let error = chosen("model_v9").err().unwrap().to_string();
        assert!(error.contains("model_v9") && error.contains("persistence"), "{error}");
        assert!(chosen("exec").err().unwrap().to_string().contains("timeseries.command"));
        assert!(chosen("http").err().unwrap().to_string().contains("timeseries.endpoint"));
        for shape in NAMED {
            let error = chosen(shape).err().unwrap().to_string();
            assert!(error.contains(&format!("{shape}.safetensors")) && error.contains("is missing"), "{error}");
        }
    }
}
