//! `neuron validator`: asks, scores and writes weights until it is told to stop.

use std::time::Duration;

use clap::{ArgMatches, Command};

use super::output::Output;
use super::{Failure, Verb, args, block_on, interrupted, role};
use crate::config::table::Group;
use crate::role::{Validator, metrics, setup};

pub(super) const VERB: Verb = Verb { command, run };

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
        let page_port = role::page_port(&settings).await?;
        let storefront_port = role::storefront_port(&settings).await?;
        let mut parts = setup::validator(&resolved, &settings).await.map_err(role::failure)?;
        let announced = match parts.announcement.take() {
            Some(announcement) => Some(announcement.start(&parts.subnet).await.map_err(role::failure)?),
            None => None,
        };
        output.note(&format!(
            "validator: subnet {}, hotkey {}, ledger {}; Ctrl-C stops",
            parts.subnet.netuid(),
            parts.hotkey,
            parts.ledger.place(),
        ));
        if let Some(announced) = &announced {
            output.note(&format!("validator: an axon for the echo is published as {}", announced.published()));
        }
        let validator = Validator::start(parts);
        let _metrics = port.map(|port| metrics::serve(port, &validator));
        let _page = role::page(page_port, &resolved, &settings, || validator.watch(), output)?;
        let _storefront = role::storefront(storefront_port, &resolved, &settings, &validator.watch(), output)?;
        interrupted().await;
        output.note("validator: finishing the tick and stopping");
        validator.stop(PATIENCE).await;
        if let Some(announced) = announced {
            announced.stop(Duration::from_secs(1)).await;
        }
        Ok(())
    })
}
