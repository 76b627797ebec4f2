//! The admission ladder: what a request must pass before a handler sees it, cheapest and least trusting first.
//!
//! | rung | asks | refuses with |
//! |---|---|---|
//! | [`Rung::Connection`] | is there room for this peer, does its address keep its rate, is the head in time and size | 503, 429, cut |
//! | [`Rung::Size`] | does the announced body fit | 413 |
//! | [`Rung::Path`] | do we serve this synapse | 404, 405 |
//! | [`Rung::Headers`] | can the headers be read | 400 |
//! | [`Rung::Blacklist`] | may this hotkey call at all | 403 |
//! | [`Rung::Freshness`] | is the nonce inside the window and unused | 401 |
//! | [`Rung::Signature`] | did that hotkey sign this, for us; does it keep its rate | 401, 429 |
//! | [`Rung::Integrity`] | is the body the signed one, and of the synapse's shape | 400, 408, 413, 422 |
//! | [`Rung::Queue`] | is a handler free within the bounded wait | 503 |
//! | [`Rung::Handler`] | did it answer within its deadline | what it says, 408, 500 |
//!
//! Before the signature nothing of the body is kept. (`btauth/1` signs the body itself, so there it is read first, within
//! the axon's budget for bodies.) The hotkey's rate is charged after the signature, so that nobody spends another's.

pub(super) mod body;
pub(super) mod claim;
pub(super) mod connections;
pub(super) mod freshness;
pub(super) mod policy;
pub(super) mod proxies;
pub(super) mod queue;
pub(super) mod rate;
pub mod replay;
pub(super) mod signature;

use std::time::Duration;

/// Where on the ladder a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// Connection caps, the rate of an address, the head's size and time.
    Connection,
    /// The announced body.
    Size,
    /// Path and method.
    Path,
    /// Reading the headers.
    Headers,
    /// Allow and deny lists, registration, permit, stake.
    Blacklist,
    /// The nonce's age, and replay.
    Freshness,
    /// The signature, and the rate of its hotkey.
    Signature,
    /// Reading the body, its hash, its shape.
    Integrity,
    /// Waiting for a handler.
    Queue,
    /// The handler itself.
    Handler,
}

impl Rung {
    /// All rungs, in the order a request climbs them.
    pub const ALL: [Self; 10] = [
        Self::Connection,
        Self::Size,
        Self::Path,
        Self::Headers,
        Self::Blacklist,
        Self::Freshness,
        Self::Signature,
        Self::Integrity,
        Self::Queue,
        Self::Handler,
    ];

    /// The rung's name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Size => "size",
            Self::Path => "path",
            Self::Headers => "headers",
            Self::Blacklist => "blacklist",
            Self::Freshness => "freshness",
            Self::Signature => "signature",
            Self::Integrity => "integrity",
            Self::Queue => "queue",
            Self::Handler => "handler",
        }
    }
}

/// A request that goes no further, and what its sender is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) rung: Rung,
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
}

/// A status message travels in a header line, where Python clients take at most 8190 bytes; ours stay far below.
const MESSAGE_LIMIT: usize = 1000;

impl Refused {
    /// `message` becomes one printable ASCII line: it travels in a header.
    pub(crate) fn new(rung: Rung, status: u16, message: impl AsRef<str>) -> Self {
        let line = message.as_ref().chars().take(MESSAGE_LIMIT);
        let message = line.map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
        Self { rung, status, message, retry_after: None }
    }

    /// 401 in the words a Python dendrite knows.
    pub(crate) fn unverified(rung: Rung, why: impl std::fmt::Display) -> Self {
        Self::new(rung, 401, format!("Not Verified with error: {why}"))
    }

    /// 503 with the time after which a new attempt makes sense.
    pub(crate) fn busy(rung: Rung, message: &str, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(rung, 503, message) }
    }

    /// 429: the caller's own rate is exceeded.
    pub(crate) fn too_many(rung: Rung, message: &str, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(rung, 429, message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_short_ascii_line() {
        let refused =
            Refused::new(Rung::Handler, 400, format!("no\r\nbt_header_axon_status_code: 200 é{}", "x".repeat(9000)));
        assert!(refused.message.starts_with("no??bt_header_axon_status_code: 200 ?x"));
        assert!(refused.message.len() <= MESSAGE_LIMIT);
    }
}
