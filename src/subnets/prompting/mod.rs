//! Text in answer to text, streamed.
//!
//! The wire is here; miner, validator and cast are not built yet, and the registry says so.

pub mod synapse;

use super::work::{Harmless, Kind};
use crate::synapse::Synapse as _;
use crate::synapse::request::{NotSendable, Prepared};
use crate::units::NetUid;
use synapse::StreamPromptingSynapse;

/// This kind of work.
pub const KIND: Kind = Kind {
    name: "prompting",
    subnets: &[NetUid(1), NetUid(61), NetUid(102)],
    harmless: &[Harmless { name: StreamPromptingSynapse::NAME, prepare: ping }],
    settings: &[],
    schema: None,
    miner: None,
    validator: None,
    cast: None,
};

fn ping(timeout: f64, sender: &str) -> Result<Prepared, NotSendable> {
    Prepared::new(&StreamPromptingSynapse::new(vec!["user".into()], vec!["ping".into()]), timeout, sender)
}
