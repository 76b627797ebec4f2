//! Serving signed requests: the HTTP server of a neuron.
//!
//! A connection is accepted (`accept`, with the deadlines of `socket`) or turned away, a request climbs the ladder of [`admission`] in
//! `serve`, and the [`Handler`] of its synapse answers, at once or as a `stream`. What happened is counted in
//! [`counters`]. The room knows the wire and who is registered ([`StandingOf`]), not what a prediction is.

mod accept;
pub mod admission;
pub mod call_back;
mod config;
pub mod counters;
mod error;
mod handler;
mod metrics;
mod node;
pub mod probe;
mod proxied;
mod route;
mod serve;
mod server;
mod socket;
mod stream;
mod turn_away;

pub use admission::Rung;
pub(crate) use admission::connections::{Connections, Place};
pub use admission::policy::{AdmissionPolicy, Standing, StandingOf};
pub use admission::proxies::{Network, NotANetwork, Proxies};
pub use admission::rate::Rate;
pub use config::AxonConfig;
pub use counters::{Outcome, Snapshot};
pub use error::AxonError;
pub use handler::{Caller, Chunks, Dialect, Handler, Refusal, Reply};
pub use server::{Axon, Builder, Handle};
pub(crate) use socket::{Busy, Phase, Watched};
pub(crate) use turn_away::TurnAway;
