//! What both roles share on the command line: logs, and the exit status of what went wrong.

use super::{Exit, Failure, chain, wallet};
use crate::config::Settings;
use crate::role::RoleError;
use crate::telemetry::{LogLevel, start_logs};

/// Starts the logs that the settings ask for.
pub(super) fn logs(settings: &Settings) -> Result<(), Failure> {
    let level = match (settings.logging.trace, settings.logging.debug) {
        (true, _) => LogLevel::Trace,
        (false, true) => LogLevel::Debug,
        (false, false) => LogLevel::Info,
    };
    Ok(start_logs(level, settings.logging.json)?)
}

/// The failure of a role, with its exit status.
pub(super) fn failure(error: RoleError) -> Failure {
    let exit = match error {
        RoleError::Wallet(e) => return wallet::failed(e),
        RoleError::Chain(e) => return chain::refused(e),
        RoleError::Task(_) | RoleError::NotBuilt { .. } | RoleError::Setting(_) | RoleError::Forecast(_) => Exit::Usage,
        RoleError::NotRegistered { .. } => Exit::Missing,
        RoleError::Market(_) => Exit::Network,
        RoleError::Axon(_) | RoleError::Dendrite(_) | RoleError::Ledger(_) => Exit::Failed,
    };
    Failure::new(exit, error)
}
