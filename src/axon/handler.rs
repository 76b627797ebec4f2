//! What a subnet gives to an axon: a handler for a synapse, and what the handler is told about its caller.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::Stream;

use super::admission::policy::Standing;
use crate::synapse::{Ping, Synapse};
use crate::units::Account;

/// The rules a caller speaks by, as its headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// SDK 6 to 7.1: nonces that tell no time.
    Legacy,
    /// SDK 7.2 to 10.
    Sdk,
    /// `btauth/1` of SDK 11: the whole body is signed.
    Btauth,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 3] = [Self::Legacy, Self::Sdk, Self::Btauth];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Sdk => "sdk",
            Self::Btauth => "btauth",
        }
    }
}

/// Who asks. Everything here was verified or seen by the axon; nothing is taken from the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// Whose signature the request carries.
    pub hotkey: Account,
    /// The address at the other end of the connection.
    pub ip: IpAddr,
    /// The uuid of the caller's dendrite, which its signature covers. `btauth/1` has none.
    pub uuid: Option<String>,
    /// The rules it speaks by.
    pub dialect: Dialect,
    /// The version it claims (not signed), as the wire's integer: 10.5.0 is 10005000.
    pub version: Option<u64>,
    /// Its standing in the subnet; `None` when it is not registered.
    pub standing: Option<Standing>,
    /// Whether its signature covers the whole body. Where not, the body is whatever the network delivered.
    pub body_authenticated: bool,
    /// When the axon ends this exchange, streams included: the least of what the caller, the axon and the handler allow. A
    /// handler that has something to say in the end says it before.
    pub until: Instant,
}

impl Caller {
    /// The stake of the caller in TAO, 0 when it is not registered: the usual priority.
    #[must_use]
    pub fn stake_tao(&self) -> f64 {
        self.standing.map_or(0.0, |standing| standing.stake.as_tao())
    }
}

/// The text of an answer as it comes. Chunks may split characters: the axon joins them again.
pub type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, Refusal>> + Send>>;

/// What a handler gives back.
pub enum Reply<S> {
    /// The synapse, filled in.
    Answer(S),
    /// A stream of text, for streaming synapses.
    Stream(Chunks),
}

impl<S> std::fmt::Debug for Reply<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Answer(_) => "Answer",
            Self::Stream(_) => "Stream",
        })
    }
}

/// A handler's no, with the status the caller sees.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub struct Refusal {
    /// An HTTP status from 400 to 599.
    pub status: u16,
    /// For the caller to read; anything but printable ASCII is replaced on the wire.
    pub message: String,
}

impl Refusal {
    /// The request makes no sense to the handler: 400.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into() }
    }

    /// Not now: 503.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { status: 503, message: message.into() }
    }

    /// The handler failed: 500. The message goes to our log, the caller gets a number to ask about.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self { status: 500, message: message.into() }
    }
}

/// Answers one kind of synapse.
///
/// A handler runs until it answers, until its deadline, or until the caller leaves: then its future is dropped.
pub trait Handler<S: Synapse>: Send + Sync + 'static {
    /// The answer to `synapse`.
    fn handle(&self, caller: &Caller, synapse: S) -> impl Future<Output = Result<Reply<S>, Refusal>> + Send;

    /// Who goes first when handlers are scarce: the higher number. The stake by default.
    fn priority(&self, caller: &Caller) -> f64 {
        caller.stake_tao()
    }

    /// A deadline shorter than the axon's.
    fn deadline(&self) -> Option<Duration> {
        None
    }
}

/// The echo that every axon serves at `/Synapse`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Echo;

impl Handler<Ping> for Echo {
    async fn handle(&self, _: &Caller, ping: Ping) -> Result<Reply<Ping>, Refusal> {
        Ok(Reply::Answer(ping))
    }
}
