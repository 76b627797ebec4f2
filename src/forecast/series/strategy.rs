//! A strategy as a miner uses it: it may take its time, and it may be somebody else's program.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::outside::{Program, Server};
use super::{Ensemble, Model, NAMES, model};
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
        let closes: Vec<f64> = candles.iter().map(|candle| candle.close).collect();
        let model = Arc::clone(&self.0);
        async move {
            let said = tokio::task::spawn_blocking(move || model.predict(&closes, steps)).await;
            said.map_err(|error| error.to_string())?.ok_or_else(|| "too little is known of the past".to_owned())
        }
        .boxed()
    }
}

/// Names of the reference's networks: old command lines have them.
const SHAPES: [&str; 7] =
    ["model_v4_1", "model_v4_2", "model_v4_3", "model_v4_4", "model_v4_5", "model_v4_6", "model_v5_1"];
/// What answers in their place.
const STAND_IN: &str = "ensemble";

/// What an operator chooses from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// The strategy's name.
    pub name: String,
    /// The command line of `exec`.
    pub command: Option<String>,
    /// The URL of `http`.
    pub endpoint: Option<String>,
    /// How long either may think.
    pub deadline: Duration,
}

/// There is no such strategy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoStrategy {
    /// An unknown name.
    #[error("there is no model called `{name}`: {}, exec, http", NAMES.join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
    /// A strategy that needs to be told more.
    #[error("the model `{name}` needs {what}")]
    Lacks {
        /// The name.
        name: &'static str,
        /// What it needs.
        what: String,
    },
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
        shape if SHAPES.contains(&shape) => {
            tracing::warn!(
                "`{shape}` is a network of the reference, which is not run here: `{STAND_IN}` answers in its place"
            );
            Ok(Arc::new(Pure::new(Box::new(Ensemble::of_all()))))
        }
        name => {
            let model = model(name).ok_or_else(|| NoStrategy::Unknown { name: name.to_owned() })?;
            Ok(Arc::new(Pure::new(model)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_lists_what_there_is() {
        let chosen = |name: &str| strategy(&Choice { name: name.into(), ..Choice::default() });
        let error = chosen("model_v9").err().unwrap().to_string();
        assert!(error.contains("model_v9") && error.contains("persistence"), "{error}");
        assert!(chosen("exec").err().unwrap().to_string().contains("timeseries.command"));
        assert!(chosen("http").err().unwrap().to_string().contains("timeseries.endpoint"));
        for shape in SHAPES {
            assert_eq!(chosen(shape).ok().unwrap().name(), STAND_IN, "{shape}");
        }
    }
}
