//! `neuron storefront`: a read API over a ledger at rest, or over one that a validator of another process is writing; and the
//! keys to it.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::Output;
use super::{Exit, Failure, OrExit as _, Prints, Verb, args, block_on, interrupted, role, score};
use crate::config::table::Group;
use crate::gateway::{KeyFile, KeyRow, NewKey};
use crate::storefront::Source;

pub(super) const VERB: Verb = Verb { name: "storefront", command, run, prints: Prints::Each(PARTS) };

const PARTS: &[(&str, Prints)] = &[
    ("", Prints::Nothing),
    ("key add", Prints::one::<Added>()),
    ("key list", Prints::one::<Keys>()),
    ("key revoke", Prints::one::<Revoked>()),
];

/// Where it is looked for, when nobody says.
const PORT: u16 = 8092;
/// What a key may ask in a minute, when nobody says: four requests a second, as the reference has it.
const PER_MINUTE: &str = "240";

fn command() -> Command {
    let ledger = score::ledger().help("The ledger to show [default: the only one under --db.directory]");
    let storefront = Command::new("storefront")
        .about("Serves a read API over a ledger, until Ctrl-C; also while a validator writes it")
        .after_help("A running validator can serve it too, with `--storefront.port`. Here the port is 8092 by default.")
        .args_conflicts_with_subcommands(true)
        .arg(ledger)
        .subcommand(key());
    let is_shown = |group: Group| match group {
        Group::Work(work) => work.validator,
        other => matches!(other, Group::Storefront | Group::Housekeeping),
    };
    args::with_settings_that(storefront, is_shown)
}

fn key() -> Command {
    let name = || Arg::new("name").required(true).value_name("NAME").help("The name of the key's owner");
    let limit = Arg::new("requests-per-minute")
        .long("requests-per-minute")
        .value_name("N")
        .default_value(PER_MINUTE)
        .value_parser(value_parser!(u32).range(1..))
        .help("The most requests in a minute");
    let with = |part| args::with_settings(part, &[Group::Storefront, Group::Housekeeping]);
    Command::new("key")
        .about("Creates, lists and revokes keys of the storefront")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with(Command::new("add").about("Creates a key and prints it, only now").arg(name()).arg(limit)))
        .subcommand(with(Command::new("list").about("Lists the keys, with the beginning of their hashes")))
        .subcommand(with(Command::new("revoke").about("Revokes a key, also for open streams").arg(name())))
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    match matches.subcommand().and_then(|(_, key)| key.subcommand()) {
        Some((verb, matches)) => keys(verb, matches, output),
        None => serve(matches, output),
    }
}

fn serve(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (resolved, mut settings) = args::resolve(matches)?;
    args::start_logs(&settings)?;
    let place = score::place_of(matches, &settings)?;
    let source = Source::at_rest(&place, &resolved).map_err(role::no_storefront)?;
    let source = source.no_older_than(settings.storefront.max_behind).on_ranks(settings.storefront.ranks);
    settings.storefront.port.get_or_insert(PORT);
    block_on(async {
        let Some(port) = role::storefront_port(&settings).await? else { return Ok(()) };
        let open = port.serve(source);
        let address = open.local_addr();
        output.note(&format!("storefront: http://{address}/openapi.json over {place}; Ctrl-C stops"));
        interrupted().await;
        Ok(())
    })
}

/// A key that was made.
#[derive(JsonSchema, Serialize)]
struct Added {
    /// The key itself, shown this once.
    key: String,
    /// Its row in the file of keys.
    row: KeyRow,
    /// The file of keys.
    file: PathBuf,
}

/// The keys that there are.
#[derive(JsonSchema, Serialize)]
struct Keys {
    keys: Vec<KeyRow>,
    /// The file they are in.
    file: PathBuf,
}

/// A key that opens nothing any more.
#[derive(JsonSchema, Serialize)]
struct Revoked {
    /// Its name.
    revoked: String,
}

fn keys(verb: &str, matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (_, settings) = args::resolve(matches)?;
    let path = role::storefront_keys(&settings);
    let mut file = KeyFile::open(&path).or_exit(Exit::Usage)?;
    let name = || matches.get_one::<String>("name").cloned().unwrap_or_default();
    match verb {
        "add" => {
            let NewKey { key, row } = NewKey::make(&name());
            let row = KeyRow { requests_per_minute: matches.get_one("requests-per-minute").copied(), ..row };
            file.add(row.clone()).or_exit(Exit::Exists)?;
            let told = format!("{key}\n\nIt is shown only now; {} keeps its hash.", path.display());
            Ok(output.result(&Added { key, row, file: path }, |_| told)?)
        }
        "revoke" => {
            let name = name();
            file.revoke(&name).or_exit(Exit::Missing)?;
            let told = format!("the key of {name} is revoked");
            Ok(output.result(&Revoked { revoked: name }, |_| told)?)
        }
        _ => {
            let line = |row: &KeyRow| {
                let limit = row.requests_per_minute.map_or("no limit".to_owned(), |n| format!("{n} a minute"));
                format!("{}  {}…  {limit}", row.name, row.sha256.get(..8).unwrap_or_default())
            };
            let lines: Vec<String> = file.rows().iter().map(line).collect();
            let told =
                if lines.is_empty() { format!("there are no keys in {}", path.display()) } else { lines.join("\n") };
            Ok(output.result(&Keys { keys: file.rows().to_vec(), file: path }, |_| told)?)
        }
    }
}
