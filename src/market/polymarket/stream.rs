//! Prices by the market channel: the books that it told of the tokens that are wanted.

use std::collections::BTreeSet;

use serde_json::json;

use super::books::Books;
use crate::clock::Clock;
use crate::market::stream::{Changes, Ping, Stream, StreamSettings, Topic};
use crate::market::{PriceSource, Quote};
use crate::units::UnixMs;

/// Tokens named in one message of a subscription.
const TOKENS_AT_ONCE: usize = 500;

/// What happened on the channel since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct StreamFacts {
    /// Books that were told whole and are kept now.
    pub books: usize,
    /// Connections made.
    pub connections: u64,
    /// Of them, those that were given up because they were silent.
    pub silent: u64,
    /// Of them, those that were given up because what they told was not so any more.
    pub outdated: u64,
    /// Price levels set.
    pub levels: u64,
    /// Parts of messages older than what was known.
    pub stale: u64,
    /// Parts of messages that make no sense.
    pub malformed: u64,
}

/// The channel, and what it told last.
#[derive(Debug)]
pub(super) struct Channel(Stream<Told>);

#[derive(Debug, Default)]
struct Told {
    books: Books,
    /// Changes of midpoints since they were last asked for.
    changes: Changes,
    levels: u64,
    stale: u64,
    malformed: u64,
}

impl Channel {
    /// Refuses an address that is none.
    pub(super) fn new(settings: StreamSettings, clock: Clock) -> Result<Self, String> {
        Stream::new(Told::default(), settings, clock).map(Self)
    }

    /// Asks for these tokens from now on; must be called inside a tokio runtime.
    pub(super) fn want(&self, tokens: &BTreeSet<String>) {
        self.0.look(|told, _| told.books.want(tokens.iter().map(String::as_str)));
        self.0.want(tokens.clone());
    }

    /// The midpoint of a token, as of when the connection was last heard of.
    pub(super) fn quote(&self, token: &str) -> Option<Quote> {
        self.0.look(|told, heard| {
            let at = heard?;
            Some(Quote { price: told.books.midpoint(token)?, at, source: PriceSource::Stream })
        })
    }

    /// Gives the connection up: what it tells is not so.
    pub(super) fn replace(&self) {
        self.0.replace();
    }

    /// The midpoints that changed since the last call, by token, oldest first.
    pub(super) fn changes(&self) -> Vec<(String, Quote)> {
        self.0.look(|told, _| told.changes.take())
    }

    pub(super) fn facts(&self) -> StreamFacts {
        let connections = self.0.connections();
        self.0.look(|told, _| StreamFacts {
            books: told.books.whole(),
            connections: connections.made,
            silent: connections.silent,
            outdated: connections.outdated,
            levels: told.levels,
            stale: told.stale,
            malformed: told.malformed,
        })
    }
}

impl Topic for Told {
    type Name = String;
    const WHAT: &'static str = "Polymarket's prices";
    const PING: Ping = Ping::Text("PING");

    /// The first message of a connection says what it is for.
    fn turn(before: &BTreeSet<String>, after: &BTreeSet<String>, mut is_first: bool) -> Vec<String> {
        let mut messages = Vec::new();
        let added: Vec<&String> = after.difference(before).collect();
        for tokens in added.chunks(TOKENS_AT_ONCE) {
            let message = match std::mem::replace(&mut is_first, false) {
                true => json!({"assets_ids": tokens, "type": "market", "initial_dump": true}),
                false => json!({"assets_ids": tokens, "operation": "subscribe"}),
            };
            messages.push(message.to_string());
        }
        let removed: Vec<&String> = before.difference(after).collect();
        for tokens in removed.chunks(TOKENS_AT_ONCE) {
            messages.push(json!({"assets_ids": tokens, "operation": "unsubscribe"}).to_string());
        }
        messages
    }

    fn take(&mut self, frame: &str, now: UnixMs) {
        // What a sign of life is answered with.
        if frame == "PONG" {
            return;
        }
        let Self { books, changes, .. } = self;
        let applied = books.take(frame, |token, price| {
            if let Some(price) = price {
                changes.note(token, Quote { price, at: now, source: PriceSource::Stream });
            }
        });
        self.levels += applied.levels as u64;
        self.stale += applied.stale as u64;
        self.malformed += applied.malformed as u64;
    }

    fn forget(&mut self) {
        self.books.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tokens: &[&str]) -> BTreeSet<String> {
        tokens.iter().map(|token| (*token).to_owned()).collect()
    }

    #[test]
    fn a_subscription_is_opened_and_then_changed() {
        let said = |before: &[&str], after: &[&str]| Told::turn(&set(before), &set(after), false);
        assert!(said(&[], &[]).is_empty());
        let first = Told::turn(&set(&[]), &set(&["1", "2"]), true);
        assert_eq!(first, [r#"{"assets_ids":["1","2"],"initial_dump":true,"type":"market"}"#]);
        let more = [
            r#"{"assets_ids":["3"],"operation":"subscribe"}"#.to_owned(),
            r#"{"assets_ids":["1"],"operation":"unsubscribe"}"#.to_owned(),
        ];
        assert_eq!(said(&["1", "2"], &["2", "3"]), more);
        let many: Vec<String> = (0..1200).map(|n| n.to_string()).collect();
        assert_eq!(said(&[], &many.iter().map(String::as_str).collect::<Vec<_>>()).len(), 3);
    }
}
