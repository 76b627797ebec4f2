//! `neuron validator`: asks, scores and writes weights until it is told to stop.

use std::pin::{Pin, pin};
use std::time::Duration;

use clap::{ArgMatches, Command};

use super::output::Output;
use super::{Failure, Prints, Verb, args, block_on, interrupted, role};
use crate::config::table::Group;
use crate::config::{Resolved, Settings};
use crate::dashboard::DashboardPort;
use crate::role::metrics::{AtWork, StandingBy, Watched};
use crate::role::{Rank, Tenure, Turn, Validator, ValidatorParts, metrics, setup};
use crate::storefront::StorefrontPort;
use crate::telemetry::{MetricsEndpoint, MetricsPort};

pub(super) const VERB: Verb = Verb { name: "validator", command, run, prints: Prints::Nothing };

/// How long a pass in flight may take once it is told to stop; then it is abandoned. Who runs us counts to ten.
const PATIENCE: Duration = Duration::from_secs(7);

fn command() -> Command {
    let validator = Command::new("validator").about("Runs a validator: asks miners, scores them, writes weights");
    args::with_settings_that(validator, Group::is_for_validators)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (resolved, settings) = args::resolve(matches)?;
    args::start_logs(&settings)?;
    block_on(async {
        let port = metrics::port(&settings).await.map_err(role::failure)?;
        // A standby of the same machine takes these when the one before it is gone.
        let mut ports = if settings.standby { None } else { Some(Ports::take(&settings).await?) };
        let mut prepared = setup::prepared(&resolved, &settings).await.map_err(role::failure)?;
        let mut turn = Turn::at(prepared.place().map_err(role::failure)?, settings.standby);
        let mut monitor = Monitor { port, endpoint: None };
        if settings.standby {
            monitor.show(&StandingBy(turn.rank()));
        }
        let mut stop = pin!(interrupted());
        loop {
            let tables = prepared.tables();
            let (ledger, tenure) = tokio::select! {
                // First: nobody listens for signals before there is something to wait for.
                biased;
                turn = turn.ledger(&tables) => turn.map_err(role::failure)?,
                () = &mut stop => return Ok(()),
            };
            if turn.stands_by() {
                prepared.look_again().await;
            }
            let ports = match ports.take() {
                Some(ports) => ports,
                None => Ports::take(&settings).await?,
            };
            let parts = prepared.with(ledger).map_err(role::failure)?;
            let serving = Serving { resolved: &resolved, settings: &settings, output, rank: turn.rank() };
            if serving.until_it_ends(parts, ports, &mut monitor, &tenure, stop.as_mut()).await? {
                return Ok(());
            }
            drop(tenure);
            output.note("validator: another process has taken over; standing by");
            turn.stand_by();
            prepared = tokio::select! {
                prepared = setup::prepared(&resolved, &settings) => prepared.map_err(role::failure)?,
                () = &mut stop => return Ok(()),
            };
        }
    })
}

/// Metrics and health, of whatever this process is at the moment.
struct Monitor {
    port: Option<MetricsPort>,
    endpoint: Option<MetricsEndpoint>,
}

impl Monitor {
    fn show(&mut self, role: &impl Watched) {
        match (&self.endpoint, self.port.take()) {
            (Some(endpoint), _) => metrics::change(endpoint, role),
            (None, port) => self.endpoint = port.map(|port| metrics::serve(port, role)),
        }
    }
}

/// What a validator serves beside its metrics.
struct Ports {
    page: Option<DashboardPort>,
    storefront: Option<StorefrontPort>,
}

impl Ports {
    async fn take(settings: &Settings) -> Result<Self, Failure> {
        let page = role::page_port(settings).await?;
        Ok(Self { page, storefront: role::storefront_port(settings).await? })
    }
}

/// A validator whose turn it is.
struct Serving<'a> {
    resolved: &'a Resolved,
    settings: &'a Settings,
    output: Output,
    rank: Rank,
}

impl Serving<'_> {
    /// Works until it is told to stop, which is the end of the process, or until another one has taken over: then `false`.
    async fn until_it_ends(
        &self,
        mut parts: ValidatorParts,
        ports: Ports,
        monitor: &mut Monitor,
        tenure: &Tenure,
        mut stop: Pin<&mut dyn Future<Output = ()>>,
    ) -> Result<bool, Failure> {
        let (resolved, settings, output) = (self.resolved, self.settings, self.output);
        let announced = match parts.announcement.take() {
            Some(announcement) => Some(announcement.start(&parts.subnet).await.map_err(role::failure)?),
            None => None,
        };
        let (subnet, hotkey) = (parts.subnet.netuid(), parts.hotkey);
        output.note(&format!(
            "validator: subnet {subnet}, hotkey {hotkey}, ledger {}; Ctrl-C stops",
            parts.ledger.place()
        ));
        if let Some(announced) = &announced {
            output.note(&format!(
                "validator: an axon that answers only the echo is published as {}",
                announced.published()
            ));
        }
        let validator = Validator::start(parts);
        monitor.show(&AtWork(&validator, self.rank.clone()));
        let page = role::page(ports.page, resolved, settings, || validator.watch(), output)?;
        let storefront = role::storefront(ports.storefront, resolved, settings, &validator.watch(), output)?;
        let is_over = tokio::select! {
            () = &mut stop => true,
            () = tenure.lost() => false,
        };
        if is_over {
            output.note("validator: finishing the tick and stopping");
        }
        validator.stop(PATIENCE).await;
        if let Some(announced) = announced {
            announced.stop(Duration::from_secs(1)).await;
        }
        // What is shown keeps parts of the validator, its ledger among them.
        monitor.show(&StandingBy(self.rank.clone()));
        drop((page, storefront));
        Ok(is_over)
    }
}
