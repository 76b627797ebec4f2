//! Text in answer to text, streamed. A miner says what its [`backend`] does; a [`validator`] keeps what has come when time is
//! up, compares it with a right answer, and holds huge chunks and parrots against their sender.

pub mod asking;
pub mod backend;
mod cast;
pub mod conversation;
pub mod embeddings;
mod lake;
pub mod ledger;
mod log;
pub mod meter;
mod miner;
pub mod query;
pub mod questions;
mod settings;
pub mod source;
pub mod synapse;
pub mod task;
pub mod validator;
mod views;
mod wandb;
mod work;

pub use miner::PromptingMiner;
pub use settings::{AskingSettings, BackendSettings, ModelSettings, PromptingSettings};
pub use work::PromptingWork;

use super::work::{Harmless, Kind, MakeMiner, MakeValidator};
use crate::synapse::Synapse as _;
use crate::synapse::request::{NotSendable, Prepared};
use crate::units::NetUid;
use synapse::StreamPromptingSynapse;

/// This kind of work.
pub const KIND: Kind = Kind {
    name: "prompting",
    subnets: &[NetUid(1), NetUid(61), NetUid(102)],
    harmless: &[Harmless { name: StreamPromptingSynapse::NAME, prepare: ping }],
    settings: settings::SETTINGS,
    presets: &[],
    schema: Some(ledger::SCHEMA),
    miner: Some(MakeMiner { check: miner::check, make: miner::make }),
    validator: Some(MakeValidator { check: work::check, make: work::make, shares: work::shares_in }),
    cast: Some(cast::make),
    views: Some(views::VIEWS),
    outside: None,
    history: Some(lake::open),
};

fn ping(timeout: f64, sender: &str) -> Result<Prepared, NotSendable> {
    Prepared::new(&StreamPromptingSynapse::new(vec!["user".into()], vec!["ping".into()]), timeout, sender)
}
