//! The next hundred closes of a price, committed first, shown later, scored against what the market did.

mod asking;
mod cast;
mod lake;
pub mod ledger;
pub mod miner;
mod outside;
pub mod schedule;
pub mod settings;
pub mod synapse;
mod validator;
mod views;
mod work;

pub use miner::TimeseriesMiner;
pub use validator::{Protocol, Step, TimeseriesValidator};
pub use work::TimeseriesWork;

use super::work::{Harmless, Kind, MakeMiner, MakeValidator};
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
    settings: settings::SETTINGS,
    presets: &[],
    schema: Some(ledger::SCHEMA),
    miner: Some(MakeMiner { check: miner::check, make: miner::make }),
    validator: Some(MakeValidator { check: work::check, make: work::make, shares: work::shares_in }),
    cast: Some(cast::make),
    views: Some(views::VIEWS),
    outside: Some(outside::look),
    history: Some(lake::open),
};
