//! Miner and validator: the rooms below, composed.
