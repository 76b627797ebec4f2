//! What both roles share on the command line: the exit status of what went wrong.

use super::{Exit, Failure, chain, wallet};
use crate::role::RoleError;

/// The failure of a role, with its exit status.
pub(super) fn failure(error: RoleError) -> Failure {
    let exit = match error {
        RoleError::Wallet(e) => return wallet::failed(e),
        RoleError::Chain(e) => return chain::refused(e),
        RoleError::Task(_) | RoleError::NotBuilt { .. } | RoleError::Setting(_) | RoleError::Forecast(_) => Exit::Usage,
        RoleError::NotRegistered { .. } => Exit::Missing,
        RoleError::Market(_) => Exit::Network,
        RoleError::Axon(_) | RoleError::Metrics(_) | RoleError::Dendrite(_) | RoleError::Ledger(_) => Exit::Failed,
    };
    Failure::new(exit, error)
}
