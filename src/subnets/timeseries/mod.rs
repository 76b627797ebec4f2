//! Predictions of price series, scored against what the market did.
//!
//! The wire is here; miner, validator and cast are not built yet, and the registry says so.

pub mod synapse;

use super::work::{Harmless, Kind};
use crate::units::NetUid;
use synapse::{LiveBackward, LiveForward, LiveForwardHash, TrainingBackward, TrainingForward};

/// This kind of work.
pub const KIND: Kind = Kind {
    name: "timeseries",
    subnets: &[NetUid(8), NetUid(3)],
    harmless: &[
        Harmless::default_of::<LiveForwardHash>(),
        Harmless::default_of::<LiveForward>(),
        Harmless::default_of::<LiveBackward>(),
        Harmless::default_of::<TrainingForward>(),
        Harmless::default_of::<TrainingBackward>(),
    ],
    settings: &[],
    schema: None,
    miner: None,
    validator: None,
    cast: None,
};
