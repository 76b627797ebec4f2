//! Logs on stderr or in a file, for a person or as JSON lines. `RUST_LOG` wins over the level of the settings.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::util::SubscriberInitExt;

use super::log_file::LogFile;
use crate::units::{harmless_json, harmless_line};

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
pub struct LogError(pub(super) String);

/// Starts logging, once per process: to `file`, or to stderr when there is none.
///
/// # Errors
/// [`LogError`] when logging has been started before, or the file cannot be opened.
pub fn start_logs(level: LogLevel, json: bool, file: Option<&Path>) -> Result<(), LogError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level.directives()));
    let file = file.map(LogFile::of_this_process).transpose()?;
    let started = match (file, json) {
        (Some(file), true) => as_json(filter, move || file).try_init(),
        (Some(file), false) => as_text(filter, false, move || file).try_init(),
        (None, true) => as_json(filter, io::stderr).try_init(),
        (None, false) => as_text(filter, io::stderr().is_terminal(), io::stderr).try_init(),
    };
    started.map_err(|e| LogError(e.to_string()))
}

/// Lines of the log that are remembered.
const REMEMBERED: usize = 400;

static TAIL: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// The last lines that this process has logged, oldest first, at most 400: harmless, and without colours.
#[must_use]
pub fn log_tail() -> Vec<String> {
    TAIL.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

fn remember(line: String) {
    let mut tail = TAIL.lock().unwrap_or_else(PoisonError::into_inner);
    if tail.len() >= REMEMBERED {
        tail.pop_front();
    }
    tail.push_back(line);
}

type Logs = Box<dyn tracing::Subscriber + Send + Sync>;

fn as_json<W: Write>(filter: EnvFilter, out: impl Fn() -> W + Send + Sync + 'static) -> Logs {
    let logs = tracing_subscriber::fmt().with_env_filter(filter).json().flatten_event(true);
    Box::new(logs.with_writer(move || Lines { out: out(), form: Form::Json }).finish())
}

fn as_text<W: Write>(filter: EnvFilter, colours: bool, out: impl Fn() -> W + Send + Sync + 'static) -> Logs {
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    let logs = logs.fmt_fields(format::debug_fn(write_field).delimited(" "));
    Box::new(logs.with_writer(move || Lines { out: out(), form: Form::Text { colours } }).finish())
}

/// Message and fields as the formatter has them, but harmless: its own escapes leave out what is shown by `Display`.
fn write_field(out: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let value = harmless_line(&format!("{value:?}"));
    match (field.name(), out.has_ansi_escapes()) {
        ("message", _) => out.write_str(&value),
        (name, true) => write!(out, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{value}"),
        (name, false) => write!(out, "{name}={value}"),
    }
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
enum Form {
    Text { colours: bool },
    Json,
}

/// The last gate of the log: one event is one line, and nothing in it commands a terminal. The formatter writes an event
/// at once.
struct Lines<W> {
    out: W,
    form: Form,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        let mut line = match self.form {
            Form::Json => harmless_json(line),
            Form::Text { colours: false } => harmless_line(line),
            Form::Text { colours: true } => coloured(line),
        };
        remember(match self.form {
            Form::Text { colours: true } => plain(&line),
            _ => line.clone(),
        });
        line.push_str(end);
        self.out.write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A line with the formatter's own colours; in [`write_field`] an ESC of anybody else has become harmless.
fn coloured(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        out.push_str(&harmless_line(before));
        let numbers = after.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(after.len());
        let (numbers, tail) = after.split_at(numbers);
        if let Some(tail) = tail.strip_prefix('m') {
            out.push_str("\x1b[");
            out.push_str(numbers);
            out.push('m');
            rest = tail;
        } else {
            out.push_str("\\u{1b}[");
            rest = after;
        }
    }
    out.push_str(&harmless_line(rest));
    out
}

/// A line of [`coloured`] without its colours.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::units::{Foreign, is_harmful};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const HOSTILE: &str =
        "q\x1b[2J\x1b[31m\x07\r\n2026 INFO forged\u{202e}\x1b]0;t\x07\u{9b}2J\u{9d}0;t\u{200b}\u{2028}\u{e0041}";

    /// Everything foreign in every place of an event: message, fields by display and debug, a span.
    fn logged(logs: impl FnOnce(EnvFilter, Sink) -> Logs) -> String {
        let sink = Sink::default();
        tracing::subscriber::with_default(logs(EnvFilter::new("info"), sink.clone()), || {
            let _span = tracing::info_span!("span", who = HOSTILE).entered();
            let typed = Foreign::from(HOSTILE);
            tracing::info!(plain = HOSTILE, shown = %HOSTILE, debugged = ?HOSTILE, %typed, "{HOSTILE}");
        });
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn one_event_is_one_harmless_line_in_both_forms() {
        let text = logged(|filter, sink| as_text(filter, false, move || sink.clone()));
        let json = logged(|filter, sink| as_json(filter, move || sink.clone()));
        for line in [&text, &json] {
            assert_eq!(line.matches('\n').count(), 1, "{line:?}");
            assert!(line.ends_with('\n') && !line.trim_end().chars().any(is_harmful), "{line:?}");
        }
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(document["plain"], HOSTILE);
        assert_eq!(document["typed"], Foreign::from(HOSTILE).to_string());
    }

    #[test]
    fn a_terminal_sees_the_formatters_colours_and_no_others() {
        let line = logged(|filter, sink| as_text(filter, true, move || sink.clone()));
        assert!(line.contains("\x1b[32m") && !line.contains("\x1b[31m"), "{line:?}");
        let mut plain = line.trim_end().to_owned();
        for colour in ["0", "1", "2", "3", "32"] {
            plain = plain.replace(&format!("\x1b[{colour}m"), "");
        }
        assert!(!plain.chars().any(is_harmful), "{plain:?}");
        assert_eq!(super::plain(line.trim_end()), plain);
        assert!(log_tail().contains(&plain), "it is remembered without them");
        assert_eq!(coloured("a\x1b[2Jb\x1b[\n"), "a\\u{1b}[2Jb\\u{1b}[\\n");
    }
}
