//! Predictions of price series, scored against what the market did.

pub mod synapse;
