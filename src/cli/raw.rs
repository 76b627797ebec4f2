//! `neuron storage`, `constant`, `api` and `call`: anything that the chain has, by its name.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::chain::{connect_at, refused, with_block, with_chain};
use super::output::{Output, TextTable};
use super::write::{Writer, with_write};
use super::{Exit, Failure, OrExit, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::{Entry, Stored};

pub(super) const STORAGE: Verb =
    Verb { name: "storage", command: storage_command, run: storage, prints: Prints::one::<Stored>() };
pub(super) const CONSTANT: Verb =
    Verb { name: "constant", command: constant_command, run: constant, prints: Prints::one::<Json>() };
pub(super) const API: Verb = Verb { name: "api", command: api_command, run: api, prints: Prints::one::<Json>() };
pub(super) const CALL: Verb =
    Verb { name: "call", command: call_command, run: call, prints: Prints::written::<Called>() };

const VALUES: &str =
    "Values are written as JSON or as plain words: 155, true, 5F…, 0x01ab, '[1, 2]', '{\"Id\": \"5F…\"}'.";

fn name(help: &'static str, shown: &'static str) -> Arg {
    Arg::new("name").value_name(shown).required(true).help(help)
}

fn words(id: &'static str, shown: &'static str, help: &'static str) -> Arg {
    Arg::new(id).value_name(shown).num_args(0..).allow_negative_numbers(true).help(help)
}

fn storage_command() -> Command {
    let limit = Arg::new("limit")
        .long("limit")
        .value_name("N")
        .default_value("100")
        .value_parser(value_parser!(u32))
        .help("The most entries of a map to show");
    let command = Command::new("storage")
        .about("Prints what the chain stores under a name: one value, or the entries of a map")
        .arg(name("Such as SubtensorModule.Tempo", "PALLET.ITEM"))
        .arg(words("key", "KEY", "The keys; with fewer keys than the item has, its entries are listed"))
        .arg(limit)
        .after_help(VALUES);
    args::with_settings(with_block(command), &[Group::Chain])
}

fn constant_command() -> Command {
    let command = Command::new("constant")
        .about("Prints a constant of the chain's runtime")
        .arg(name("Such as Aura.SlotDuration", "PALLET.NAME"));
    args::with_settings(with_block(command), &[Group::Chain])
}

fn api_command() -> Command {
    let command = Command::new("api")
        .about("Asks a runtime API of the chain")
        .arg(name("Such as SubnetInfoRuntimeApi.get_metagraph", "TRAIT.METHOD"))
        .arg(words("argument", "ARGUMENT", "The arguments, in order"))
        .after_help(VALUES);
    args::with_settings(with_block(command), &[Group::Chain])
}

fn call_command() -> Command {
    let file = Arg::new("args-file")
        .long("args-file")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .conflicts_with("argument")
        .help("A JSON object with the arguments");
    let root = Arg::new("as-root")
        .long("as-root")
        .alias("sudo")
        .action(ArgAction::SetTrue)
        .help("Do it as root: the wallet must have the chain's sudo key (development chains)");
    let hotkey = Arg::new("by-hotkey").long("by-hotkey").action(ArgAction::SetTrue).help("Sign with the hotkey");
    let command = Command::new("call")
        .about("Sends any call, signed by the wallet's coldkey")
        .arg(name("Such as Balances.transfer_all", "PALLET.CALL"))
        .arg(words("argument", "NAME=VALUE", "The arguments by name"))
        .args([file, root, hotkey])
        .after_help(VALUES);
    args::with_settings(with_write(command), &[Group::Wallet, Group::Chain])
}

/// What a word on the command line means: JSON when it is, else a text.
pub(super) fn json(word: &str) -> Json {
    serde_json::from_str(word).unwrap_or_else(|_| Json::from(word))
}

fn name_of(matches: &ArgMatches) -> &str {
    matches.get_one::<String>("name").map_or("", String::as_str)
}

fn values(matches: &ArgMatches, id: &str) -> Vec<Json> {
    matches.get_many::<String>(id).unwrap_or_default().map(|word| json(word)).collect()
}

fn storage(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let limit = matches.get_one::<u32>("limit").copied().unwrap_or(1);
        let chain = connect_at(&settings, matches).await?;
        let stored = chain.storage(name_of(matches), &values(matches, "key"), limit).await.map_err(refused)?;
        Ok(output.result(&stored, |stored| match stored {
            Stored::Value(value) => pretty(value),
            Stored::Entries { entries, more } => table(entries, *more),
        })?)
    })
}

fn table(entries: &[Entry], more: bool) -> String {
    let mut table = TextTable::new(["keys", "value"]);
    for Entry { keys, value } in entries {
        let keys: Vec<String> = keys.iter().map(plain).collect();
        table.row([keys.join(" "), plain(value)]);
    }
    let more = if more { ", and there are more (--limit N)" } else { "" };
    format!("{}{} entries{more}\n", table.render(), entries.len())
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn pretty(value: &Json) -> String {
    let text = match value {
        Json::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    format!("{text}\n")
}

fn constant(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let chain = connect_at(&settings, matches).await?;
        let value = chain.constant(name_of(matches)).await.map_err(refused)?;
        Ok(output.result(&value, pretty)?)
    })
}

fn api(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let chain = connect_at(&settings, matches).await?;
        let answer = chain.api(name_of(matches), &values(matches, "argument")).await.map_err(refused)?;
        Ok(output.result(&answer, pretty)?)
    })
}

#[derive(JsonSchema, Serialize)]
struct Called {
    arguments: Map<String, Json>,
}

fn call(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let arguments = arguments(matches)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let writer = if matches.get_flag("by-hotkey") { writer.signed_by_hotkey() } else { writer };
        let operation = writer.chain.operation(name_of(matches), &arguments).await.map_err(refused)?;
        let operation = if matches.get_flag("as-root") { operation.as_root() } else { operation };
        let what = format!("Send {operation}");
        let outcome = writer.carry_out(operation, &what).await?;
        writer.done(Called { arguments }, outcome, |_| format!("{} succeeded", name_of(matches)))
    })
}

fn arguments(matches: &ArgMatches) -> Result<Map<String, Json>, Failure> {
    let usage = |text: String| Failure::new(Exit::Usage, anyhow::anyhow!(text));
    if let Some(path) = matches.get_one::<PathBuf>("args-file") {
        let text = std::fs::read_to_string(path).map_err(|error| usage(format!("{}: {error}", path.display())))?;
        let object: Map<String, Json> = serde_json::from_str(&text).or_exit(Exit::Usage)?;
        return Ok(object);
    }
    let pairs = matches.get_many::<String>("argument").unwrap_or_default().map(|word| {
        let (name, value) =
            word.split_once('=').ok_or_else(|| usage(format!("`{word}` is not an argument: write NAME=VALUE")))?;
        Ok((name.to_owned(), json(value)))
    });
    pairs.collect()
}
