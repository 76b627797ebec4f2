//! Probabilities of binary events, scored against the market.

mod asking;
mod cast;
pub mod conditions;
mod cross_check;
mod history;
pub(crate) mod lake;
pub mod ledger;
mod miner;
mod outside;
pub mod record;
mod registry;
mod reports;
pub mod settings;
pub mod synapse;
mod validator;
mod views;
mod work;

pub use miner::EventsMiner;
pub use registry::Limits;
pub use reports::Reports;
pub use validator::{Discovery, EventsValidator, Quoted, TickSummary};
pub use work::EventsWork;

use super::work::{Harmless, Kind, MakeMiner, MakeValidator};
use crate::units::NetUid;

/// This kind of work.
pub const KIND: Kind = Kind {
    name: "events",
    subnets: &[NetUid(6), NetUid(155), NetUid(101), NetUid(30)],
    harmless: &[Harmless::default_of::<synapse::EventPredictionSynapse>()],
    settings: settings::ALL,
    presets: &[settings::IFGAMES_2025],
    schema: Some(ledger::SCHEMA),
    miner: Some(MakeMiner { check: miner::check, make: miner::make }),
    validator: Some(MakeValidator { check: work::check, make: work::make, shares: work::shares_in }),
    cast: Some(cast::make),
    views: Some(views::VIEWS),
    outside: Some(outside::look),
    history: Some(lake::open),
};
