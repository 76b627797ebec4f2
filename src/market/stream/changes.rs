//! What a stream told between two looks.

use std::collections::VecDeque;

use crate::market::Quote;

/// So many are kept for who asks; the oldest make room.
const KEPT: usize = 50_000;

/// Prices as they changed, each by the name of what it is the price of, oldest first.
#[derive(Debug, Default)]
pub(in crate::market) struct Changes(VecDeque<(String, Quote)>);

impl Changes {
    /// Adds a price, unless it is that of the one before it.
    pub(in crate::market) fn note(&mut self, name: &str, quote: Quote) {
        if self.0.back().is_some_and(|(last, before)| last == name && before.price == quote.price) {
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((name.to_owned(), quote));
    }

    /// Those since the last call.
    pub(in crate::market) fn take(&mut self) -> Vec<(String, Quote)> {
        self.0.drain(..).collect()
    }
}
