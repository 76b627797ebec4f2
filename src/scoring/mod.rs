//! Pure arithmetic on probabilities, prices and outcomes: no I/O, no clock, no async.
//!
//! The walk of a score: [`admission`] decides which reports count and against which price, [`stats`] folds them into
//! sufficient statistics per interval of the [`grid`], a rule turns an event's statistics into one score per miner
//! ([`market_delta`]), [`window`] averages scores over events into shares, and [`weights`] turns shares into the u16
//! numbers of the chain. [`Rules`] selects between the alternatives. Nothing here knows where its numbers come from.

pub mod admission;
pub mod averages_2024;
pub mod brier;
pub mod calibration;
pub mod community;
pub mod conditional;
pub mod elastic_net;
pub mod event;
pub mod grid;
pub mod incentives;
pub mod legacy;
pub mod ln;
pub mod market_delta;
pub mod peer;
pub mod quadratic;
pub mod ranks;
pub mod rules;
pub mod sequential;
pub mod stats;
pub mod streaming;
pub mod sybil;
pub mod text;
pub mod timeseries;
pub mod weights;
pub mod window;

pub use event::{EventView, Rule};
pub use rules::{Rules, RulesError};
pub use stats::{IntervalStats, Report};
