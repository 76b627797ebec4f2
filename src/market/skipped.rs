//! What a poll leaves out, counted by reason, and said when it changes.

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// The reasons with their counts: `3 too far ahead, 1 malformed`.
pub(super) fn write_counts<const N: usize>(f: &mut fmt::Formatter<'_>, counts: [(usize, &str); N]) -> fmt::Result {
    let mut separator = "";
    for (count, reason) in counts.into_iter().filter(|(count, _)| *count > 0) {
        write!(f, "{separator}{count} {reason}")?;
        separator = ", ";
    }
    if separator.is_empty() { f.write_str("none") } else { Ok(()) }
}

/// What the last poll left out.
#[derive(Debug, Default)]
pub(super) struct LastSkipped<S>(Mutex<S>);

impl<S: Copy + PartialEq + fmt::Display> LastSkipped<S> {
    pub(super) fn get(&self) -> S {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what a poll of `things` left out, and says it when it is not what the last one did.
    pub(super) fn tell(&self, provider: &str, things: &str, listed: usize, skipped: S) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == skipped {
            tracing::debug!(provider, listed, %skipped, "{things} listed");
        } else {
            tracing::info!(provider, listed, "{things} listed; not taken: {skipped}");
        }
        *last = skipped;
    }
}
