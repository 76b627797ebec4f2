//! From shares to weights on the chain, and back: by whatever way the subnet asks for, once per due time, with a journal that
//! survives the process.
//!
//! `due.rs` says when and how, `machine.rs` what comes next, `writer.rs` does it. A [`Job`] is the weights of one due time.

mod build;
mod due;
mod forecast;
mod job;
mod journal;
mod machine;
mod on_chain;
mod report;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub use build::row;
pub use due::{CommitBy, Obstacle, WeightsPolicy, due_at, lead, mode, obstacle};
pub use forecast::{MinerForecast, Moves, WeightsForecast, forecast};
pub use job::{At, Job, Mode, Plan, Stage};
pub use machine::Wait;
pub use on_chain::{OnChain, WeightsChain};
pub use report::{
    MechanismStatus, OpenJob, PastJob, Waiting, WeightLine, WeightsExplanation, WeightsStatus, history, open_jobs,
};
pub use view::{NO_SCORES, WeightsView};
pub use writer::{WeightsOutcome, WeightsWriter};
