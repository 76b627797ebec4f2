//! The contract of the channels: stdout carries the result and nothing else, stderr the rest.
//!
//! With `--output json` stdout gets exactly one JSON document, the result or `{"error": …}`; the exit status is the
//! same as with text. A closed pipe is no error. Whatever goes out here commands no terminal.

use std::io::{self, IsTerminal, Write};

use schemars::JsonSchema;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::exit::{Exit, Failure};
use crate::units::{harmless_json, harmless_line, harmless_lines};

/// How results look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For a person.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// Where a command puts its result.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// How it looks.
    pub format: Format,
    /// `--yes`: no questions.
    pub yes: bool,
    /// `--quiet`: no notes.
    pub quiet: bool,
}

impl Output {
    /// Prints the result: `value` as JSON, or what `text` makes of it. Its type is what the command's [`super::Verb`] says
    /// that it prints.
    ///
    /// # Errors
    /// When stdout cannot be written to; a closed pipe is no error.
    pub fn result<T: Serialize + JsonSchema>(&self, value: &T, text: impl FnOnce(&T) -> String) -> io::Result<()> {
        let mut shown = match self.format {
            Format::Json => harmless_json(&serde_json::to_string_pretty(value)?),
            Format::Text => harmless_lines(&text(value)),
        };
        if !shown.ends_with('\n') {
            shown.push('\n');
        }
        quiet_when_closed(io::stdout().lock().write_all(shown.as_bytes()))
    }

    /// A line for the person at the terminal, on stderr, unless `--quiet`.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            self.say(line);
        }
    }

    /// A line on stderr that must be seen: an error, or a question.
    pub fn say(&self, line: &str) {
        // Nobody is left to tell when stderr is closed.
        let _ = writeln!(io::stderr().lock(), "{}", harmless_lines(line));
    }

    /// A line of progress that is no result: on stdout in text mode, nowhere in JSON mode.
    ///
    /// # Errors
    /// When stdout cannot be written to; a closed pipe is no error.
    pub fn progress(&self, line: &str) -> io::Result<()> {
        match self.format {
            Format::Json => Ok(()),
            Format::Text => quiet_when_closed(writeln!(io::stdout().lock(), "{}", harmless_lines(line))),
        }
    }

    /// Tells of a failure: on stderr, and with JSON as the one document on stdout, unless the result was that.
    pub fn failure(&self, failure: &Failure) {
        if self.format == Format::Json && !failure.after_result {
            let error = Told { class: failure.exit, status: failure.exit as u8, message: failure.to_string() };
            let _ = self.result(&Failed { error }, |failed| failed.error.message.clone());
        }
        self.say(&format!("error: {failure}"));
    }

    /// Whether a person watches stdout.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.format == Format::Text && io::stdout().is_terminal()
    }
}

/// What every command prints instead of its result when it fails.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Failed {
    error: Told,
}

/// Why a command failed.
#[derive(Debug, JsonSchema, Serialize)]
struct Told {
    /// By its name.
    class: Exit,
    /// The exit status.
    status: u8,
    /// What happened, to what, and what to do.
    message: String,
}

fn quiet_when_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A table for a person: columns as wide as their widest cell, numbers (by their look) to the right.
#[derive(Debug, Clone, Default)]
pub struct TextTable {
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table with these column heads.
    pub fn new<S: Into<String>>(heads: impl IntoIterator<Item = S>) -> Self {
        Self { rows: vec![heads.into_iter().map(Into::into).collect()] }
    }

    /// One more row; a cell is one line, whatever is in it.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(|cell| harmless_line(&cell.into())).collect());
    }

    /// The table as lines.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut lines = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let padding = " ".repeat(width.saturating_sub(cell.width()));
                let number = cell.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
                let (before, after) = if number { (padding.as_str(), "") } else { ("", padding.as_str()) };
                line.push_str(before);
                line.push_str(cell);
                line.push_str(after);
                line.push_str("  ");
            }
            lines.push_str(line.trim_end());
            lines.push('\n');
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = TextTable::new(["name", "n"]);
        table.row(["alice", "7"]);
        table.row(["b", "100"]);
        assert_eq!(table.render(), "name   n\nalice    7\nb      100\n");
        table.row(["漢字👍", "8"]);
        assert_eq!(table.render(), "name    n\nalice     7\nb       100\n漢字👍    8\n");
        table.row(["c\n\x1b", "1"]);
        assert!(table.render().ends_with("\nc\\n\\u{1b}    1\n"), "{}", table.render());
    }
}
