//! What can go wrong between us and the chain: what happened, to what, and what to do.

use std::time::Duration;

use super::refusals::Refusal;
use crate::units::{Account, BlockNumber, Foreign, NetUid};

/// Where to change what cannot be reached; ends every message about endpoints.
const ENDPOINT_HINT: &str = "check --subtensor.network and --subtensor.chain_endpoint";

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The node we talk to, or the network between.
    Peer,
    /// The chain itself: its rules or its state.
    Chain,
    /// Our settings or arguments.
    Config,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same again will fail again.
    No,
    /// At once.
    Now,
    /// Not before this has passed.
    After(Duration),
}

fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) }
}

/// One endpoint that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The address, without user, password and query.
    pub endpoint: String,
    /// Why.
    pub reason: Foreign,
}

/// Why the chain could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubtensorError {
    /// No endpoint was given.
    #[error("no chain endpoint is set: {ENDPOINT_HINT}")]
    NoEndpoint,
    /// Neither the name of a network nor an address.
    #[error(
        "`{0}` is not a network: --subtensor.network takes finney, test, archive, local, or an address such as \
         ws://127.0.0.1:9944"
    )]
    UnknownNetwork(String),
    /// Not a WebSocket address.
    #[error(
        "`{0}` is not a chain endpoint: --subtensor.chain_endpoint takes addresses such as ws://127.0.0.1:9944 or \
         wss://…"
    )]
    BadEndpoint(String),
    /// No endpoint answers as it should.
    #[error("the chain cannot be reached: {}; {ENDPOINT_HINT}", list(.0))]
    Unreachable(Vec<Attempt>),
    /// The time for a request is over.
    #[error("{what}: no answer within {} s from {}; {ENDPOINT_HINT}", .after.as_secs(), list(.attempts))]
    Deadline {
        /// What was asked.
        what: String,
        /// The time it was given.
        after: Duration,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// The node answered a request with an error of its own.
    #[error("{what}: {endpoint} answers {code}: {message}")]
    Node {
        /// What was asked.
        what: String,
        /// Who answered.
        endpoint: String,
        /// JSON-RPC code.
        code: i32,
        /// Message and data.
        message: Foreign,
    },
    /// The runtime does not have what we look for: a call, a storage item, a runtime API.
    #[error("the chain's runtime (spec version {spec_version}) has no {what}: update `neuron`")]
    Missing {
        /// Kind and name.
        what: String,
        /// The runtime's version.
        spec_version: u32,
    },
    /// A name that somebody typed, and the runtime does not have.
    #[error("the chain's runtime (spec version {spec_version}) has no {kind} {name}{}", did_you_mean(.near))]
    NoSuchName {
        /// What it should name.
        kind: String,
        /// As typed.
        name: String,
        /// What is there and resembles it.
        near: Vec<String>,
        /// The runtime's version.
        spec_version: u32,
    },
    /// A value that somebody gave does not fit where it belongs.
    #[error("{0}")]
    BadArgument(String),
    /// Something is there, but not in a shape we understand.
    #[error("{what} does not have the expected shape: {reason}; update `neuron`")]
    Shape {
        /// Kind and name.
        what: String,
        /// What the decoder or encoder says.
        reason: Foreign,
    },
    /// The subnet does not exist.
    #[error("subnet {0} does not exist on this chain: check --netuid and --subtensor.network")]
    NoSubnet(NetUid),
    /// A height that the chain has not reached.
    #[error("block {block} does not exist yet: the chain is at block {best}")]
    NoBlock {
        /// What was asked for.
        block: BlockNumber,
        /// The best block.
        best: BlockNumber,
    },
    /// No node in reach keeps the state of that block.
    #[error("no node keeps the state of block {0}: name an archive node with --subtensor.archive")]
    Discarded(BlockNumber),
    /// The hotkey has no uid in the subnet.
    #[error("hotkey {hotkey} is not registered in subnet {netuid}: register it (`neuron register --netuid {netuid}`)")]
    NotRegistered {
        /// Whose.
        hotkey: Account,
        /// Where.
        netuid: NetUid,
    },
    /// The chain refused a transaction, before or in a block.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The transaction's lifetime ended and no block has it: it never will be in one.
    #[error(
        "{call} ({extrinsic}) was not included up to block {last_block}, and is no longer valid: it is safe to send it \
         again"
    )]
    Expired {
        /// Pallet and call.
        call: String,
        /// The transaction's hash.
        extrinsic: String,
        /// The last block in which it could have been.
        last_block: BlockNumber,
    },
    /// Another transaction took the nonce: this one never will be in a block.
    #[error("{call} ({extrinsic}) was overtaken by another transaction of {account} with the same nonce {nonce}")]
    Overtaken {
        /// Pallet and call.
        call: String,
        /// The transaction's hash.
        extrinsic: String,
        /// Who signed both.
        account: Account,
        /// The nonce.
        nonce: u64,
    },
    /// The deadline passed before the transaction's fate was known: it may still be included.
    #[error(
        "{call} ({extrinsic}) was sent, but its outcome is not known after {} s: it may be included until block \
         {last_block}; look for it (`neuron transaction HASH`) before you send it again",
        .after.as_secs()
    )]
    FateUnknown {
        /// Pallet and call.
        call: String,
        /// The transaction's hash.
        extrinsic: String,
        /// The time it was given.
        after: Duration,
        /// The last block in which it can be.
        last_block: BlockNumber,
    },
}

impl SubtensorError {
    /// Something does not have the shape we expect, in the decoder's words without the bytes that it shows.
    pub(super) fn shape(what: String, error: &dyn std::error::Error) -> Self {
        Self::Shape { what, reason: without_bytes(&reason(error)).into() }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NoEndpoint
            | Self::UnknownNetwork(_)
            | Self::BadEndpoint(_)
            | Self::NoSuchName { .. }
            | Self::BadArgument(_) => Fault::Config,
            Self::NoSubnet(_) | Self::NotRegistered { .. } | Self::NoBlock { .. } | Self::Discarded(_) => Fault::Config,
            Self::Unreachable(_) | Self::Deadline { .. } | Self::Node { .. } | Self::FateUnknown { .. } => Fault::Peer,
            Self::Missing { .. } | Self::Shape { .. } | Self::Refused(_) => Fault::Chain,
            Self::Expired { .. } | Self::Overtaken { .. } => Fault::Chain,
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::NoEndpoint | Self::UnknownNetwork(_) | Self::BadEndpoint(_) => Retry::No,
            Self::NoSuchName { .. } | Self::BadArgument(_) => Retry::No,
            Self::NoSubnet(_) | Self::NotRegistered { .. } | Self::NoBlock { .. } | Self::Discarded(_) => Retry::No,
            Self::Missing { .. } | Self::Shape { .. } | Self::FateUnknown { .. } => Retry::No,
            Self::Unreachable(_) | Self::Deadline { .. } | Self::Node { .. } => Retry::After(Duration::from_secs(12)),
            Self::Expired { .. } | Self::Overtaken { .. } => Retry::Now,
            Self::Refused(refusal) => refusal.retry,
        }
    }

    /// The chain's refusal, when this is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

fn list(attempts: &[Attempt]) -> String {
    if attempts.is_empty() {
        return "any endpoint".to_owned();
    }
    attempts.iter().map(|a| format!("{}: {}", a.endpoint, a.reason)).collect::<Vec<_>>().join("; ")
}

/// Why one request to one node failed; decides whether another node may help.
#[derive(Debug)]
pub(super) enum Failure {
    /// The line or the node is at fault: another endpoint, or the same after reconnecting, may answer.
    Link(String),
    /// The node's own error, with its JSON-RPC code, message and data.
    Node(i32, Foreign),
    /// Nobody else will answer otherwise.
    Final(SubtensorError),
}

impl From<SubtensorError> for Failure {
    fn from(error: SubtensorError) -> Self {
        Self::Final(error)
    }
}

impl From<subxt::rpcs::Error> for Failure {
    fn from(error: subxt::rpcs::Error) -> Self {
        match error {
            subxt::rpcs::Error::User(answer) => {
                // `data` is JSON text: a string in quotes on a real node.
                let data = answer.data.as_ref().map(|d| d.get().trim_matches('"').to_owned()).unwrap_or_default();
                let joint = if data.is_empty() { "" } else { ": " };
                Self::Node(answer.code, format!("{}{joint}{data}", answer.message).into())
            }
            other => Self::Link(reason(&other)),
        }
    }
}

/// An error with its sources on one line, shortened, without the same words twice.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = inner.source();
    }
    // The layers below all say that they are layers.
    let mut plain = text.as_str();
    while let Some(rest) = plain.strip_prefix("RPC error: ").or_else(|| plain.strip_prefix("client error: ")) {
        plain = rest;
    }
    plain.chars().take(300).collect()
}

/// The longest word of an explanation. What is longer are bytes in hexadecimal digits, or a list of numbers.
const LONGEST_WORD: usize = 64;

/// A sentence without dumps of bytes: they fill the screen and tell a person nothing.
pub(super) fn without_bytes(text: &str) -> String {
    let mut words = Vec::new();
    let mut bracket = 0_usize;
    for word in text.split_whitespace() {
        let outside = bracket == 0;
        bracket += word.matches('[').count();
        bracket = bracket.saturating_sub(word.matches(']').count());
        match word.chars().count() > LONGEST_WORD || !outside {
            false => words.push(word),
            true if words.last() == Some(&"…") => {}
            true => words.push("…"),
        }
    }
    words.join(" ")
}

/// An endpoint without what may be secret in it: user, password, query, fragment.
pub(super) fn shown(endpoint: &str) -> String {
    let plain = endpoint.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or_default())
        }
        None => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_shown_without_its_secrets() {
        assert_eq!(shown("wss://me:secret@node.example:443/path?key=secret"), "wss://node.example:443/path");
        assert_eq!(shown("ws://127.0.0.1:9944"), "ws://127.0.0.1:9944");
    }

    #[test]
    fn a_reason_is_without_the_words_of_the_layers() {
        let inner = subxt::rpcs::Error::Client("Connection refused".into());
        let outer = subxt::rpcs::Error::Client(Box::new(inner));
        assert_eq!(reason(&outer), "Connection refused");
    }

    #[test]
    fn a_dump_of_bytes_is_left_out() {
        let hex = format!("cannot decode: 0x{} is left", "00ab".repeat(80));
        assert_eq!(without_bytes(&hex), "cannot decode: … is left");
        assert_eq!(without_bytes("remaining bytes [1, 2, 3, 4] at .stake"), "remaining bytes [1, … at .stake");
        assert_eq!(without_bytes("a plain sentence"), "a plain sentence");
    }

    #[test]
    fn an_unreachable_chain_names_every_endpoint_and_the_flags() {
        let error = SubtensorError::Unreachable(vec![
            Attempt { endpoint: "ws://a".into(), reason: "refused".into() },
            Attempt { endpoint: "ws://b".into(), reason: "another chain".into() },
        ]);
        let text = error.to_string();
        for part in ["ws://a: refused", "ws://b: another chain", "--subtensor.network", "--subtensor.chain_endpoint"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(error.fault(), Fault::Peer);
    }

    #[test]
    fn the_nodes_own_error_keeps_its_data() {
        let answer = subxt::rpcs::UserError {
            code: 1010,
            message: "Invalid Transaction".into(),
            data: serde_json::value::RawValue::from_string("\"Custom error: 6\"".into()).ok(),
        };
        match Failure::from(subxt::rpcs::Error::User(answer)) {
            Failure::Node(1010, text) => assert_eq!(text, "Invalid Transaction: Custom error: 6"),
            other => panic!("{other:?}"),
        }
    }
}
