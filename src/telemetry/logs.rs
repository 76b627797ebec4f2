//! Logs on stderr, for a person or as JSON lines. `RUST_LOG` wins over the level of the settings.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Warnings and errors only.
    Warnings,
    /// What an operator wants to see.
    Info,
    /// What a developer wants to see.
    Debug,
    /// Everything of ours.
    Trace,
}

impl LogLevel {
    /// Our own rooms at this level; the libraries below say only what is wrong. FRAME's span around an extrinsic would
    /// log it whole, in hex.
    const fn directives(self) -> &'static str {
        match self {
            Self::Warnings => "warn,frame_executive=off",
            Self::Info => "warn,neuron=info,frame_executive=off",
            Self::Debug => "info,neuron=debug,frame_executive=off",
            Self::Trace => "debug,neuron=trace,frame_executive=off",
        }
    }
}

/// The logs could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("logs cannot be started: {0}")]
pub struct LogError(String);

/// Starts logging to stderr, once per process.
///
/// # Errors
/// [`LogError`] when logging has been started before.
pub fn start_logs(level: LogLevel, json: bool) -> Result<(), LogError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level.directives()));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json {
        logs.json().flatten_event(true).try_init()
    } else {
        logs.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    started.map_err(|e| LogError(e.to_string()))
}
