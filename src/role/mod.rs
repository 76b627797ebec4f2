//! Miner and validator: the rooms below, composed.

mod tasks;

pub use tasks::Tasks;
