//! `neuron miner`: answers questions about the future until it is told to stop.

mod report;

use std::time::Duration;

use clap::{ArgMatches, Command};

use super::output::Output;
use super::{Failure, Prints, Verb, args, block_on, interrupted, role};
use crate::config::table::Group;
use crate::role::{Miner, metrics, setup};

pub(super) const VERB: Verb = Verb { name: "miner", command, run, prints: Prints::Each(PARTS) };

const PARTS: &[(&str, Prints)] = &[("", Prints::Nothing), ("report", report::PRINTS)];

/// How long requests in flight may take once it is told to stop.
const PATIENCE: Duration = Duration::from_secs(5);

fn command() -> Command {
    let miner = Command::new("miner").about("Runs a miner: serves an axon and answers validators");
    args::with_settings_that(miner, Group::is_for_miners)
        .args_conflicts_with_subcommands(true)
        .subcommand(report::command())
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    if let Some(("report", matches)) = matches.subcommand() {
        return report::run(matches, output);
    }
    let (resolved, settings) = args::resolve(matches)?;
    args::start_logs(&settings)?;
    block_on(async {
        let port = metrics::port(&settings).await.map_err(role::failure)?;
        let page_port = role::page_port(&settings).await?;
        let parts = setup::miner(&resolved, &settings).await.map_err(role::failure)?;
        let manner = parts.work.manner();
        let miner = Miner::start(parts).await.map_err(role::failure)?;
        let _metrics = port.map(|port| metrics::serve(port, &miner));
        let _page = role::page(page_port, &resolved, &settings, || miner.watch(), output)?;
        output.note(&format!(
            "miner: serving on {}, published as {}, {manner}; Ctrl-C stops",
            miner.local_addr(),
            miner.published(),
        ));
        interrupted().await;
        output.note("miner: stopping");
        miner.stop(PATIENCE).await;
        Ok(())
    })
}
