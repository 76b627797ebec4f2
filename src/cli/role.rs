//! What both roles share on the command line: the exit status of what went wrong.

use super::{Exit, Failure, chain, wallet};
use crate::role::RoleError;
use crate::subnets::work::WorkError;

/// The failure of a role, with its exit status.
pub(super) fn failure(error: RoleError) -> Failure {
    let exit = match error {
        RoleError::Wallet(e) => return wallet::failed(e),
        RoleError::Chain(e) => return chain::refused(e),
        RoleError::Kind(_) | RoleError::Setting(_) => Exit::Usage,
        RoleError::Work(WorkError::Setting(_) | WorkError::Config(_) | WorkError::Forecast(_)) => Exit::Usage,
        RoleError::NotRegistered { .. } => Exit::Missing,
        RoleError::Weights(_) => Exit::Refused,
        RoleError::Work(WorkError::Market(_)) => Exit::Network,
        RoleError::Work(_) => Exit::Failed,
        RoleError::Axon(_) | RoleError::Metrics(_) | RoleError::Dendrite(_) | RoleError::Ledger(_) => Exit::Failed,
    };
    Failure::new(exit, error)
}
