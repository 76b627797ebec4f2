//! `neuron`: a node for Bittensor's prediction subnets, miner and validator in one binary.
//!
//! This page is a tour for whoever writes the next subnet, market or strategy: what happens to one prediction, the rooms
//! of the house with an example for each, and what was decided once and for all. The examples are run as tests, against a
//! development chain and a simulated market where they need one.
//!
//! # The walk of one prediction
//!
//! ```text
//! market ──event, price──▶ validator's duties ──synapse──▶ dendrite ══HTTP══▶ axon ──▶ forecaster
//!                               │      ▲                                                  │
//!   chain ◀──weights── shares ◀─┴── ledger ◀────────────────── answers ◀──────────────────┘
//! ```
//!
//! 1. A [`market`] yields events with a fresh price for each.
//! 2. The validator's part of a kind of work ([`subnets`]) decides which are open, and puts them into one synapse.
//! 3. The [`dendrite`] signs it for every miner of the metagraph and sends it, with a deadline.
//! 4. The [`axon`] at the other end looks at size, rate, freshness, signature and standing, then calls the miner's handler.
//! 5. A [`forecast`] gives a probability or abstains, from memory: a request never waits for a model.
//! 6. The answers are checked, and one transaction of the [`ledger`] keeps them with the price of that moment.
//! 7. The market reports how the event ended; [`scoring`] makes a gain per miner of it, in the same transaction that marks
//!    the event as scored.
//! 8. Shares of the gains become the u16 numbers of the chain under the subnet's hyperparameters, and the [`role`] writes
//!    them through [`subtensor`], until the chain shows them.
//!
//! # The rooms
//!
//! A room uses only rooms of a lower level (`tests/it/layers.rs` checks it):
//!
//! | level | rooms |
//! |---|---|
//! | 0 | [`units`] quantities that cannot be wrong, [`clock`] wall and stepped time |
//! | 1 | [`config`] settings and their layers, [`telemetry`] logs and metrics, [`wallet`] keys, [`scoring`] pure arithmetic, [`yuma`] the chain's consensus, [`timelock`] sealed weights |
//! | 2 | [`synapse`] the wire format and its signatures |
//! | 3 | [`axon`] serving, [`dendrite`] calling, [`subtensor`] the chain, [`market`] outside worlds, [`ledger`] durable state |
//! | 4 | [`forecast`] strategies that answer, [`lake`] history as files for any engine |
//! | 5 | [`subnets`] one kind of work each, behind one seam |
//! | 6 | [`role`] miner and validator, [`report`] tables, exports and plots of a ledger, [`gateway`] a door for customers, [`update`] a newer release in place of this one, [`localnet`] a development chain (feature `localnet`) |
//! | 7 | [`dashboard`] the page, [`storefront`] a read API over a ledger, [`demo`] the whole job in one process (feature `localnet`) |
//! | 8 | [`cli`] the command line |
//!
//! Where a lower room needs to know something of a higher one, it owns a small trait for it: who is this hotkey
//! ([`axon::StandingOf`]), who earned what ([`subnets::work::Shares`]). What serves, from an axon to a chain, is started with
//! a config, hands out a handle, and stops when that is dropped.
//!
#![doc = include_str!("tour.md")]
//!
//! # What was decided, and why
//!
//! * **Metadata at run time.** The chain changes its runtime every few weeks. Everything is looked up by name in the metadata
//!   that the node serves; what is missing is a clear word, not a panic.
//! * **Sums instead of rows.** The gain of a report p on the price r is 2o(p−r) − (p²−r²): a count and three sums per event,
//!   miner and interval give the exact mean for any outcome ([`scoring::stats`]).
//! * **One transaction per tick, one per resolution.** Kill the process anywhere: nothing accepted is lost, nothing is
//!   counted twice.
//! * **Miners are hotkeys, never uids.** A uid changes hands ([`units::Identity`]).
//! * **A request never waits for a model.** Forecasts are made in the background and served from memory.
//! * **Time is a parameter.** The demonstration runs days of market time in a minute, and tests do not sleep.
//! * **The development chain is a real runtime**, executed natively, for development alone; production talks to a node.
//! * **Keys, addresses and hashes come from `sp-core`**, the chain's own.
//! * **Text of strangers is a type** ([`units::Foreign`]): shown harmlessly wherever a person looks, raw only where bytes are
//!   compared, kept or sent.
//! * **What a page or a metric shows is read from the state that decides.** There is no second bookkeeping for display.
//!
// What the other build does not have is linked to the page itself.
#![cfg_attr(not(feature = "localnet"), doc = "[`localnet`]: crate")]
#![cfg_attr(not(feature = "localnet"), doc = "[`demo`]: crate")]

#[cfg(feature = "localnet")]
extern crate alloc;

pub mod axon;
// Compiled with the program (`src/main.rs`); here for its pages, its tests, and what is shipped.
#[cfg(any(doc, test, feature = "cli-in-library"))]
pub mod cli;
pub mod clock;
pub mod config;
pub mod dashboard;
#[cfg(feature = "localnet")]
pub mod demo;
pub mod dendrite;
pub mod forecast;
pub mod gateway;
pub mod lake;
pub mod ledger;
#[cfg(feature = "localnet")]
pub mod localnet;
pub mod market;
pub mod report;
pub mod role;
pub mod scoring;
pub mod storefront;
pub mod subnets;
pub mod subtensor;
pub mod synapse;
pub mod telemetry;
pub mod timelock;
pub mod units;
pub mod update;
pub mod wallet;
pub mod yuma;
