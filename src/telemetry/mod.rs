//! Logs.

mod logs;

pub use logs::{LogError, LogLevel, start_logs};
