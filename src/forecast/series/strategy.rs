//! A strategy as a miner uses it: it may take its time, and it may be somebody else's program.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{Model, NAMES, model};
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

/// What an operator chooses from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// The strategy's name.
    pub name: String,
}

/// There is no such strategy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoStrategy {
    /// An unknown name.
    #[error("there is no model called `{name}`: {}", NAMES.join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
}

/// The strategy that was chosen.
///
/// # Errors
/// [`NoStrategy`].
pub fn strategy(choice: &Choice) -> Result<Arc<dyn Strategy>, NoStrategy> {
    let model = model(&choice.name).ok_or_else(|| NoStrategy::Unknown { name: choice.name.clone() })?;
    Ok(Arc::new(Pure::new(model)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_lists_what_there_is() {
        let error = strategy(&Choice { name: "model_v9".into() }).err().unwrap().to_string();
        assert!(error.contains("model_v9") && error.contains("persistence"), "{error}");
    }
}
