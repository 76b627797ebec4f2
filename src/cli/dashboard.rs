//! `neuron dashboard`: the page of a ledger at rest, or of one that a validator of another process is writing.

use clap::{ArgMatches, Command};

use super::output::Output;
use super::{Exit, Failure, OrExit as _, Prints, Verb, args, block_on, interrupted, role, score};
use crate::config::table::Group;
use crate::dashboard::Source;

pub(super) const VERB: Verb = Verb { name: "dashboard", command, run, prints: Prints::Nothing };

/// Where it is looked for, when nobody says.
const PORT: u16 = 8090;

fn command() -> Command {
    let ledger = score::ledger().help("The ledger to show [default: the only one under --db.directory]");
    let dashboard = Command::new("dashboard")
        .about("Shows a ledger in a browser, until Ctrl-C; also while a validator writes it")
        .after_help("A running role shows more, with its own `--dashboard.port`. Here the port is 8090 by default.")
        .arg(ledger);
    let is_shown = |group: Group| match group {
        Group::Work(work) => work.validator,
        other => matches!(other, Group::Metrics | Group::Housekeeping),
    };
    args::with_settings_that(dashboard, is_shown)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (resolved, mut settings) = args::resolve(matches)?;
    args::start_logs(&settings)?;
    let place = score::place_of(matches, &settings)?;
    let source = Source::at_rest(&place, resolved).or_exit(Exit::Failed)?;
    settings.dashboard.port.get_or_insert(PORT);
    block_on(async {
        let Some(port) = role::page_port(&settings).await? else { return Ok(()) };
        let page = port.serve(source);
        output.note(&format!("page: http://{}/ shows {place}; Ctrl-C stops", page.local_addr()));
        interrupted().await;
        Ok(())
    })
}
