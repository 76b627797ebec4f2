//! What both roles share on the command line: the page, and the exit status of what went wrong.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::output::Output;
use super::{Exit, Failure, OrExit, chain, wallet};
use crate::config::{Resolved, Settings};
use crate::dashboard::{Dashboard, DashboardPort, Gate, Source};
use crate::role::{RoleError, Watch, setup};
use crate::storefront::{self, Storefront, StorefrontError, StorefrontPort};
use crate::subnets::work::WorkError;

/// The failure of a role, with its exit status.
pub(super) fn failure(error: RoleError) -> Failure {
    let exit = match error {
        RoleError::Wallet(e) => return wallet::failed(e),
        RoleError::Chain(e) => return chain::refused(e),
        RoleError::Kind(_) | RoleError::Setting(_) => Exit::Usage,
        RoleError::Work(WorkError::Setting(_) | WorkError::Config(_) | WorkError::Forecast(_)) => Exit::Usage,
        RoleError::NotRegistered { .. } => Exit::Missing,
        RoleError::Weights(_) | RoleError::Held { .. } => Exit::Refused,
        RoleError::Work(WorkError::Market(_)) => Exit::Network,
        RoleError::Work(_) => Exit::Failed,
        RoleError::Axon(_) | RoleError::Metrics(_) | RoleError::Dendrite(_) | RoleError::Ledger(_) => Exit::Failed,
    };
    Failure::new(exit, error)
}

/// The file of keys to the storefront.
pub(super) fn storefront_keys(settings: &Settings) -> PathBuf {
    let otherwise = || settings.db.directory.join("storefront-keys.toml");
    settings.storefront.keys.clone().unwrap_or_else(otherwise)
}

/// Why there is no storefront, with the exit status.
pub(super) fn no_storefront(error: StorefrontError) -> Failure {
    let exit = match error {
        StorefrontError::Kind { .. } | StorefrontError::Settings(_) | StorefrontError::Keys(_) => Exit::Usage,
        StorefrontError::NoKeys(_) => Exit::Missing,
        StorefrontError::Port { .. } | StorefrontError::Ledger(_) => Exit::Failed,
    };
    Failure::new(exit, error)
}

/// Takes the port where the settings want a storefront; `None` when they want none.
pub(super) async fn storefront_port(settings: &Settings) -> Result<Option<StorefrontPort>, Failure> {
    let Some(port) = settings.storefront.port else { return Ok(None) };
    let ip = setup::ip("storefront.ip", &settings.storefront.ip).map_err(failure)?;
    let taken = StorefrontPort::take(SocketAddr::new(ip, port), &storefront_keys(settings)).await;
    Ok(Some(taken.map_err(no_storefront)?))
}

/// Opens the storefront of a running validator.
pub(super) fn storefront(
    port: Option<StorefrontPort>,
    resolved: &Resolved,
    settings: &Settings,
    watch: &Watch,
    output: Output,
) -> Result<Option<Storefront>, Failure> {
    let Some(port) = port else { return Ok(None) };
    let (_, kind) = setup::subnet_and_kind(settings).map_err(failure)?;
    let source = storefront::Source::of(watch, kind, resolved).map_err(no_storefront)?;
    let open = port.serve(source.on_ranks(settings.storefront.ranks));
    output.note(&format!("storefront: http://{}/openapi.json", open.local_addr()));
    Ok(Some(open))
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
