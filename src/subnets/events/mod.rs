//! Probabilities of binary events, scored against the market.

pub mod synapse;
