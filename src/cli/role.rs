//! What both roles share on the command line: the page, and the exit status of what went wrong.

use std::net::SocketAddr;

use super::output::Output;
use super::{Exit, Failure, OrExit, chain, wallet};
use crate::config::{Resolved, Settings};
use crate::dashboard::{Dashboard, DashboardPort, Gate, Source};
use crate::role::{RoleError, Watch, setup};
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

/// Takes the port where the settings want a page; `None` when they want none.
pub(super) async fn page_port(settings: &Settings) -> Result<Option<DashboardPort>, Failure> {
    let Some(port) = settings.dashboard.port else { return Ok(None) };
    let ip = setup::ip("dashboard.ip", &settings.dashboard.ip).map_err(failure)?;
    let otherwise = settings.db.directory.join("dashboard.token");
    let gate = Gate::of(ip, settings.dashboard.token_file.as_deref(), &otherwise).or_exit(Exit::Failed)?;
    Ok(Some(DashboardPort::take(SocketAddr::new(ip, port), gate).await.or_exit(Exit::Failed)?))
}

/// Serves the page of a running role.
pub(super) fn page(
    port: Option<DashboardPort>,
    resolved: &Resolved,
    settings: &Settings,
    watch: impl FnOnce() -> Watch,
    output: Output,
) -> Result<Option<Dashboard>, Failure> {
    let Some(port) = port else { return Ok(None) };
    let (_, kind) = setup::subnet_and_kind(settings).map_err(failure)?;
    let page = port.serve(Source::of(watch(), kind, resolved.clone()));
    output.note(&format!("page: http://{}/", page.local_addr()));
    Ok(Some(page))
}
