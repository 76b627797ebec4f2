//! Miner and validator: the rooms below, composed.

mod announce;
pub mod doctor;
mod duties;
mod error;
pub mod lake;
pub mod metrics;
mod miner;
pub mod setup;
mod status;
mod subnet;
mod tasks;
mod turn;
mod validator;
mod watch;
pub mod weights;

pub use announce::{Announced, Announcement};
pub use error::RoleError;
pub use miner::{Miner, MinerParts};
pub use subnet::{Snapshot, Subnet};
pub use tasks::Tasks;
pub use turn::{Rank, Tenure, Turn};
pub use validator::{Others, Validator, ValidatorParts};
pub use watch::{Asking, Watch};
pub use weights::{WeightsOutcome, WeightsPolicy, WeightsWriter};
