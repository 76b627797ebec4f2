//! Kinds of work: what is asked of miners, and what an answer is worth.
//!
//! A kind is a folder here and one line in [`registry`]; no line in the roles, the demonstration or the page. To add one:
//!
//! 1. Its synapses: what goes over the wire ([`crate::synapse`]).
//! 2. A [`work::Kind`] as a constant: its name, the subnets that ask for it, its settings, its tables.
//! 3. A miner: a type that implements [`work::MinerWork`] and hands its handlers to the axon.
//! 4. A validator: a type that implements [`work::ValidatorWork`]; its duties ask and record, and
//!    [`work::Shares`] says who earned what. The role does everything else: keys, chain, weights, restarts, metrics.
//! 5. For the page: [`shown::Views`], what there is to see in its tables.
//! 6. For `neuron doctor`: what it needs from others, tried once.
//! 7. For a lake: its history as tables ([`crate::lake::Source`]), told once.
//! 8. For `neuron demo --task NAME`: a [`cast::Cast`] of miners whose skill is known.
//!
//! `tests/it/seam.rs` has one that is as small as can be, and runs it against a development chain.

pub mod cast;
pub mod events;
pub mod finding;
mod kept;
pub mod past;
pub mod prompting;
pub mod registry;
pub mod shown;
pub mod timeseries;
pub mod work;
