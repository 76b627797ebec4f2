//! Any program as a forecaster: questions as JSON lines on its stdin, answers on its stdout (`docs/forecasters.md`).
//!
//! The program is not trusted to live: when it dies or hangs it is started again, with growing pauses, and what it
//! was asked is abstained from. Its words are not trusted either: a line that is no answer is ignored.

mod process;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use self::process::{Ask, Shared};
use super::{Forecast, ForecastError, Forecaster, Question, program, spoken};
use crate::units::UnixMs;

/// What to run, and how long to believe in it.
#[derive(Debug, Clone)]
pub struct CommandSettings {
    /// The program: a path, or a name to be found in `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Longest wait for one answer.
    pub deadline: Duration,
    /// Questions it has before it at once.
    pub in_flight: usize,
    /// This many unanswered questions in a row mean that it hangs.
    pub patience: u32,
    /// Pause before it is started again; doubles until it has answered something.
    pub first_pause: Duration,
    /// The longest such pause.
    pub max_pause: Duration,
}

impl CommandSettings {
    /// Defaults for a command line, split at white space (quotes are not interpreted: use a script for that).
    ///
    /// # Errors
    /// [`ForecastError::Setting`] when the line is blank.
    pub fn from_line(line: &str) -> Result<Self, ForecastError> {
        let Some((program, arguments)) = program::words(line) else {
            let (value, rule) = (format!("`{line}`"), "a program and its arguments");
            return Err(ForecastError::Setting { forecaster: "exec", setting: "forecaster.command", value, rule });
        };
        Ok(Self {
            program: program.into(),
            arguments,
            deadline: Duration::from_secs(30),
            in_flight: 8,
            patience: 8,
            first_pause: Duration::from_secs(1),
            max_pause: Duration::from_secs(60),
        })
    }
}

/// A running program; dropping it ends the program.
#[derive(Debug)]
pub struct Command {
    settings: CommandSettings,
    asks: mpsc::Sender<Ask>,
    shared: Arc<Shared>,
    _keeper: AbortOnDropHandle<()>,
}

impl Command {
    /// Starts the program and its keeper; must be called inside a tokio runtime. A program that cannot be started is
    /// tried again like one that died.
    #[must_use]
    pub fn spawn(settings: CommandSettings) -> Self {
        let (asks, queue) = mpsc::channel(settings.in_flight.max(1));
        let shared = Arc::new(Shared::default());
        let keeper = AbortOnDropHandle::new(tokio::spawn(process::keep(settings.clone(), queue, Arc::clone(&shared))));
        Self { settings, asks, shared, _keeper: keeper }
    }

    async fn ask(&self, question: &Question, now: UnixMs) -> Forecast {
        let number = self.shared.next_number();
        let mut line = spoken::asking(question, number, now).to_string();
        line.push('\n');
        let (reply, answer) = oneshot::channel();
        let round = async {
            self.asks.send(Ask { number, line, reply }).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout(self.settings.deadline, round).await {
            Ok(answer) => answer.unwrap_or_default().about(question),
            Err(_) => {
                tracing::warn!(event = %question.key, deadline = ?self.settings.deadline, "the program gave no answer in time");
                self.shared.gave_up(number, self.settings.patience);
                Forecast::default()
            }
        }
    }
}

impl Forecaster for Command {
    fn name(&self) -> &'static str {
        "exec"
    }

    fn batch(&self) -> usize {
        self.settings.in_flight.max(1)
    }

    fn forecast<'a>(&'a self, questions: &'a [Question], now: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
        let asked = stream::iter(questions).map(move |question| self.ask(question, now));
        asked.buffered(self.settings.in_flight.max(1)).collect().boxed()
    }
}
