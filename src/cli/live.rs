//! A block of lines on a terminal that is drawn anew in its place.

use std::io::Write as _;
use std::process::{Command, Stdio};

use unicode_width::UnicodeWidthChar as _;

/// What is assumed of a terminal that does not say how wide it is.
const USUAL: usize = 80;

/// How many lines of the block are drawn now. The lines must fit: what wraps cannot be redrawn.
#[derive(Debug, Default)]
pub(super) struct Redrawn {
    lines: usize,
}

impl Redrawn {
    /// Draws `frame` where the last one stood.
    pub(super) fn draw(&mut self, frame: &str) {
        let mut out = std::io::stdout().lock();
        let cleared: String = frame.lines().map(|line| format!("\x1b[2K{line}\n")).collect();
        // Nobody is left to tell when stdout is closed; the end will say so.
        let _ = write!(out, "{}{cleared}\x1b[J", self.up()).and_then(|()| out.flush());
        self.lines = frame.lines().count();
    }

    /// Leaves the last frame where it is; whether there was one.
    #[cfg(feature = "localnet")]
    pub(super) fn leave(&mut self) -> bool {
        std::mem::take(&mut self.lines) > 0
    }

    fn up(&self) -> String {
        if self.lines > 0 { format!("\x1b[{}A", self.lines) } else { String::new() }
    }
}

/// The beginning of a line that fits: some characters are two columns wide.
pub(super) fn in_columns(line: &str, columns: usize) -> &str {
    let mut used = 0;
    let mut fits = |character: char| {
        used += character.width().unwrap_or(0);
        used <= columns
    };
    line.char_indices().find(|(_, character)| !fits(*character)).and_then(|(at, _)| line.get(..at)).unwrap_or(line)
}

/// How many columns the terminal has: by `COLUMNS`, or by what `stty` says of it.
pub(super) fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    said.or_else(stty).filter(|columns| *columns > 0).unwrap_or(USUAL)
}

fn stty() -> Option<usize> {
    let terminal = std::fs::File::open("/dev/tty").ok()?;
    let told = Command::new("stty").arg("size").stdin(terminal).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(told.stdout).ok()?.split_whitespace().last()?.parse().ok()
}
