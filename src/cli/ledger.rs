//! `neuron ledger`: a ledger moved between a file and a database.

use clap::{Arg, ArgMatches, Command};

use super::output::{Output, TextTable};
use super::{Exit, Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::ledger::{Moved, Place, Schema, transfer};
use crate::role::setup;
use crate::subnets::registry::KINDS;

pub(super) const VERB: Verb = Verb { name: "ledger", command, run, prints: Prints::Each(PARTS) };

const PARTS: &[(&str, Prints)] = &[("migrate", Prints::one::<Vec<Moved>>())];

const AFTER: &str = "\
A place is a file (a path, or sqlite:PATH) or a schema of a database (postgres://user@host:port/database?schema=NAME). \
A validator keeps its ledger in the schema sn<netuid>_<hotkey>. Stop the validator first: a ledger in use is not moved. \
Then `neuron score verify --ledger TO` recomputes every score where it is now.";

fn command() -> Command {
    let place = |name: &'static str, help: &'static str| {
        let parser = |text: &str| text.parse::<Place>();
        Arg::new(name).long(name).value_name("PLACE").required(true).value_parser(parser).help(help)
    };
    let migrate = Command::new("migrate")
        .about("Copies a ledger to an empty place, in one transaction; the original stays as it is")
        .after_help(AFTER)
        .arg(place("from", "The ledger to copy"))
        .arg(place("to", "Where to copy it: a file that does not exist yet, or a schema without rows"));
    Command::new("ledger")
        .about("Moves a ledger between a file and a database")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(args::with_settings_that(migrate, |group| group == Group::Housekeeping))
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let Some(("migrate", matches)) = matches.subcommand() else {
        return Err(anyhow::anyhow!("`neuron ledger` knows `migrate`").into());
    };
    let (_, settings) = args::resolve(matches)?;
    args::start_logs(&settings)?;
    let place = |name: &str| -> Result<Place, Failure> {
        let missing = || Failure::new(Exit::Usage, anyhow::anyhow!("--{name} is missing"));
        Ok(setup::with_password(matches.get_one::<Place>(name).cloned().ok_or_else(missing)?, &settings)?)
    };
    let (from, to) = (place("from")?, place("to")?);
    let known: Vec<Schema> = KINDS.iter().filter_map(|kind| kind.schema).collect();
    let moved = transfer(&from, &to, &known)?;
    output.result(&moved, |moved| {
        let mut table = TextTable::new(["table", "rows"]);
        for part in moved.iter().filter(|part| part.rows > 0) {
            table.row([part.table.clone(), part.rows.to_string()]);
        }
        format!(
            "{}\n{to} has everything that {from} has; `neuron score verify --ledger '{to}'` recomputes its scores",
            table.render()
        )
    })?;
    Ok(())
}
