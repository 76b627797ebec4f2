//! The process that uses the program: how it is restarted, and when it is ready.

use std::time::Duration;

use reqwest::{Client, Url};
use serde_json::Value;

use super::UpdateError;
use crate::clock;
use crate::forecast::program;
use crate::market::client_of;

/// Pause between two looks at the health of a process.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
const NOBODY: &str = "its health page does not answer";
/// How long a health page may take.
const LOOK: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Clone)]
pub struct Restart {
    program: String,
    arguments: Vec<String>,
    ready: Url,
    within: Duration,
    client: Client,
}

impl Restart {
    /// `command`, split at white space, makes the process start again; `ready` is its `/health`, which says 200 within
    /// `within`.
    ///
    /// # Errors
    /// A sentence, when one of them cannot be used.
    pub fn new(command: &str, ready: &str, within: Duration) -> Result<Self, UpdateError> {
        let refused = |what: &str, reason: String| UpdateError::Source { what: what.to_owned(), reason };
        let (program, arguments) =
            program::words(command).ok_or_else(|| refused("the restart", "the command is empty".to_owned()))?;
        let ready = Url::parse(ready).map_err(|e| refused("the health page", e.to_string()))?;
        let client = client_of(&ready).timeout(LOOK).build();
        let client = client.map_err(|e| refused("the health page", e.to_string()))?;
        Ok(Self { program, arguments, ready, within, client })
    }

    /// The process that answers now, by its number.
    pub(super) async fn process(&self) -> Option<u64> {
        self.health().await?.1
    }

    /// Whether who answers is well, and the number of its process, where it tells that.
    async fn health(&self) -> Option<(bool, Option<u64>)> {
        let response = self.client.get(self.ready.clone()).send().await.ok()?;
        let well = response.status().is_success();
        let health: Value = response.json().await.ok()?;
        Some((well, health.get("pid").and_then(Value::as_u64)))
    }

    /// Restarts, and waits until another process than `before` is well.
    pub(super) async fn until_ready(&self, before: Option<u64>) -> Result<(), String> {
        let run = program::command(&self.program, &self.arguments).output();
        let output = tokio::time::timeout(self.within, run).await;
        let output = output.map_err(|_| format!("`{}` did not end in time", self.program))?;
        let output = output.map_err(|e| format!("`{}` cannot be run: {e}", self.program))?;
        if !output.status.success() {
            return Err(format!("`{}` ended with {}", self.program, output.status));
        }
        let begin = clock::monotonic();
        let mut last = NOBODY;
        while begin.elapsed() < self.within {
            match self.health().await {
                Some((true, now)) if is_another(now, before) => return Ok(()),
                Some((true, _)) => last = "the old process still answers",
                Some((false, _)) => last = "its health page says that it is failing",
                None => last = NOBODY,
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Err(format!("after {} s {last}", self.within.as_secs()))
    }
}

/// Whether the process that answers was started since. One that tells no number is believed.
fn is_another(now: Option<u64>, before: Option<u64>) -> bool {
    before.is_none() || now.is_none() || now != before
}
