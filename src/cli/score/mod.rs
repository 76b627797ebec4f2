//! `neuron score`: recompute, explain and compare scores from a ledger, also while a validator uses it.

mod compare;
mod explain;
mod export;
mod incentives;
mod plot;
mod sybil;
mod verify;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Arg, ArgMatches, Command, value_parser};

use super::output::Output;
use super::{Exit, Failure, OrExit, Verb, args};
use crate::config::table::Group;
use crate::scoring::Rules;
use crate::subnets::events::ledger::Archive;
use crate::subnets::events::settings::{EventsSettings, SCORING};
use crate::units::{Account, Identity};

pub(super) const VERB: Verb = Verb { command, run };

const AFTER: &str = "\
The ledger is found in --db.directory, or named with --ledger; a copy made by `neuron score export` will do as well.
Rules are those of the settings (`--scoring.…`).";

fn command() -> Command {
    let ledger = Arg::new("ledger")
        .long("ledger")
        .global(true)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("The ledger to read [default: the only one under --db.directory]");
    let parts = [
        verify::command(),
        explain::command(),
        compare::command(),
        sybil::command(),
        export::command(),
        plot::command(),
    ];
    let tree = Command::new("score")
        .about("Recomputes, explains and compares scores from a ledger")
        .after_help(AFTER)
        .arg(ledger)
        .arg_required_else_help(true)
        .subcommand_required(true);
    let with = |part| args::with_settings(part, &[SCORING, Group::Housekeeping]);
    parts.into_iter().fold(tree, |tree, part| tree.subcommand(with(part))).subcommand(incentives::command())
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (name, matches) = matches.subcommand().ok_or_else(|| anyhow!("see `neuron score --help`"))?;
    if name == "incentives" {
        return incentives::run(matches, output);
    }
    let (resolved, settings) = args::resolve(matches)?;
    let rules = EventsSettings::of(&resolved).or_exit(Exit::Usage)?.rules().or_exit(Exit::Usage)?;
    let path = match matches.get_one::<PathBuf>("ledger") {
        Some(path) => path.clone(),
        None => only_ledger(&settings.db.directory)?,
    };
    let archive = open(&path)?;
    let case = Case { archive, rules, output };
    match name {
        "verify" => verify::run(&case),
        "explain" => explain::run(&case, matches),
        "compare" => compare::run(&case, matches),
        "sybil" => sybil::run(&case, matches),
        "export" => export::run(&case, matches),
        "plot" => plot::run(&case, matches),
        other => Err(anyhow!("no command `score {other}`").into()),
    }
}

fn open(path: &Path) -> Result<Archive, Failure> {
    if path.is_dir() {
        return Err(Failure::new(Exit::Usage, anyhow!("{} is a folder; name a file with --ledger", path.display())));
    }
    if !path.exists() {
        return Err(Failure::new(
            Exit::Missing,
            anyhow!("there is no file {}; name a ledger with --ledger", path.display()),
        ));
    }
    Ok(Archive::open(path)?)
}

/// What every part works on.
struct Case {
    archive: Archive,
    rules: Rules,
    output: Output,
}

/// The one ledger below a folder.
fn only_ledger(folder: &Path) -> Result<PathBuf, Failure> {
    let mut found = Vec::new();
    collect(folder, 3, &mut found);
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let error = anyhow!("no ledger (*.sqlite) under {}; name one with --ledger", folder.display());
            Err(Failure::new(Exit::Missing, error))
        }
        several => {
            let list: Vec<_> = several.iter().map(|path| format!("\n  {}", path.display())).collect();
            let error = anyhow!("several ledgers under {}; choose with --ledger:{}", folder.display(), list.concat());
            Err(Failure::new(Exit::Usage, error))
        }
    }
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, found);
        } else if path.extension().is_some_and(|extension| extension == "sqlite") {
            found.push(path);
        }
    }
    found.sort();
}

/// `--hotkey` (and `--registered-at` where the hotkey was registered more than once) as an identity of the ledger.
fn identity(archive: &Archive, matches: &ArgMatches) -> Result<Identity, Failure> {
    let hotkey = matches.get_one::<Account>("hotkey").ok_or_else(|| anyhow!("--hotkey is missing"))?;
    let mut known: Vec<Identity> = archive.identities().filter(|identity| identity.hotkey == *hotkey).collect();
    known.sort();
    if let Some(block) = matches.get_one::<u64>("registered-at") {
        known.retain(|identity| identity.registered_at == *block);
    }
    // The latest registration is the one a person asks about.
    known.last().copied().ok_or_else(|| {
        let at = matches
            .get_one::<u64>("registered-at")
            .map_or_else(String::new, |block| format!(" registered at block {block}"));
        Failure::new(Exit::Missing, anyhow!("the ledger knows no miner {hotkey}{at}"))
    })
}

fn hotkey_args() -> [Arg; 2] {
    let hotkey = Arg::new("hotkey")
        .long("hotkey")
        .required(true)
        .value_name("SS58")
        .value_parser(value_parser!(Account))
        .help("The miner");
    let block = Arg::new("registered-at")
        .long("registered-at")
        .value_name("BLOCK")
        .value_parser(value_parser!(u64))
        .help("Which registration of the hotkey [default: the latest]");
    [hotkey, block]
}

/// `--to`, and `--format` with the first of `formats` as its default: what the parts that write files have in common.
fn target_args(formats: [&'static str; 2], help: &'static str) -> [Arg; 2] {
    let to = Arg::new("to")
        .long("to")
        .required(true)
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("The folder to write into; made when it does not exist");
    let format = Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(formats)
        .default_value(formats[0])
        .help(help);
    [to, format]
}

/// The values of [`target_args`].
fn target(matches: &ArgMatches) -> Result<(&Path, &str), Failure> {
    let folder = matches.get_one::<PathBuf>("to").ok_or_else(|| anyhow!("--to is missing"))?;
    let format = matches.get_one::<String>("format").ok_or_else(|| anyhow!("--format is missing"))?;
    Ok((folder, format))
}

/// Makes a folder to write into.
fn create_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|e| {
        Failure::new(
            write_exit(&e),
            anyhow!("{}: {e}; name a folder that can be written to with --to", folder.display()),
        )
    })
}

/// The class of a failed write.
fn write_exit(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::PermissionDenied { Exit::Permission } else { Exit::Failed }
}

/// A hotkey short enough for a table, long enough to be found again.
fn short(identity: &Identity) -> String {
    let text = identity.hotkey.ss58();
    format!("{}…{}", text.get(..8).unwrap_or(&text), text.get(text.len().saturating_sub(4)..).unwrap_or(""))
}
