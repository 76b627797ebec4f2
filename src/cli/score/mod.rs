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
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};

use super::output::Output;
use super::{Exit, Failure, OrExit, Prints, Verb, args};
use crate::config::Settings;
use crate::config::table::Group;
use crate::ledger::{Address, Place};
use crate::report::compare::Comparison;
use crate::report::explain::Explained;
use crate::report::plot::Plotted;
use crate::report::sybil::Suspects;
use crate::report::{Case, ReportError};
use crate::role::setup;
use crate::scoring::incentives::Earnings;
use crate::subnets::events::ledger::{Archive, Verification};
use crate::subnets::events::settings::{EventsSettings, SCORING};
use crate::units::{Account, Identity};

pub(super) const VERB: Verb = Verb { name: "score", command, run, prints: Prints::Each(PARTS) };

const PARTS: &[(&str, Prints)] = &[
    ("verify", Prints::one::<Verification>()),
    ("explain", Prints::one::<Explained>()),
    ("compare", Prints::one::<Comparison>()),
    ("sybil", Prints::one::<Suspects>()),
    ("export", export::PRINTS),
    ("plot", Prints::one::<Plotted>()),
    ("incentives", Prints::one::<Vec<Earnings>>()),
];

const AFTER: &str = "\
The ledger is found in --db.directory, or named with --ledger; a copy made by `neuron score export` works too.
The rules are those of the settings (`--scoring.…`).";

fn command() -> Command {
    let ledger = ledger().global(true).help("The ledger to read [default: the only one under --db.directory]");
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
    let with = |part: Command| {
        let is_export = part.get_name() == "export";
        let wanted = move |group| [SCORING, Group::Housekeeping].contains(&group) || is_export && group == Group::Lake;
        args::with_settings_that(part, wanted)
    };
    parts.into_iter().fold(tree, |tree, part| tree.subcommand(with(part))).subcommand(incentives::command())
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (name, matches) = matches.subcommand().ok_or_else(|| anyhow!("see `neuron score --help`"))?;
    if name == "incentives" {
        return incentives::run(matches, output);
    }
    let (resolved, settings) = args::resolve(matches)?;
    if name == "export" && export::is_for_a_lake(matches) {
        return export::publish(&chosen(matches, &settings)?, &settings.lake, output);
    }
    let rules = EventsSettings::of(&resolved).or_exit(Exit::Usage)?.rules().or_exit(Exit::Usage)?;
    let case = Case { archive: open(&chosen(matches, &settings)?)?, rules };
    match name {
        "verify" => verify::run(&case, output),
        "explain" => explain::run(&case, matches, output),
        "compare" => compare::run(&case, matches, output),
        "sybil" => sybil::run(&case, matches, output),
        "export" => export::run(&case, matches, output),
        "plot" => plot::run(&case, matches, output),
        other => Err(anyhow!("there is no command `score {other}`").into()),
    }
}

/// `--ledger FILE`, for every command that reads one.
pub(super) fn ledger() -> Arg {
    Arg::new("ledger").long("ledger").value_name("PLACE").value_parser(|text: &str| text.parse::<Place>())
}

/// The ledger that is named, or the only one there is.
fn chosen(matches: &ArgMatches, settings: &Settings) -> Result<Place, Failure> {
    match (matches.get_one::<Place>("ledger"), setup::database(settings)?) {
        (Some(place), _) => Ok(setup::with_password(place.clone(), settings)?),
        (None, Some(database)) => only_schema(&database),
        (None, None) => only_ledger(&settings.db.directory).map(Place::File),
    }
}

/// The same, when it is there: for what is served until somebody stops it.
pub(super) fn place_of(matches: &ArgMatches, settings: &Settings) -> Result<Place, Failure> {
    let place = chosen(matches, settings)?;
    match &place {
        Place::File(path) if !path.is_file() => Err(no_file(path)),
        _ => Ok(place),
    }
}

/// The one ledger in a database.
fn only_schema(database: &Address) -> Result<Place, Failure> {
    let found = database.ledgers()?;
    match found.as_slice() {
        [one] => Ok(one.into()),
        [] => {
            let error = anyhow!("no ledger in {database}; name one with --ledger");
            Err(Failure::new(Exit::Missing, error))
        }
        several => {
            let list: Vec<_> = several.iter().map(|address| format!("\n  {address}")).collect();
            Err(Failure::new(Exit::Usage, anyhow!("several ledgers; choose one with --ledger:{}", list.concat())))
        }
    }
}

fn no_file(path: &Path) -> Failure {
    Failure::new(Exit::Missing, anyhow!("there is no file {}; name a ledger with --ledger", path.display()))
}

fn open(place: &Place) -> Result<Archive<'static>, Failure> {
    is_there(place)?;
    Ok(Archive::open(place)?)
}

/// Says what is in the place of a file that is none.
fn is_there(place: &Place) -> Result<(), Failure> {
    if let Some(path) = place.file().filter(|path| path.is_dir()) {
        return Err(Failure::new(Exit::Usage, anyhow!("{} is a folder; name a file with --ledger", path.display())));
    }
    if let Some(path) = place.file().filter(|path| !path.exists()) {
        return Err(no_file(path));
    }
    Ok(())
}

/// The one ledger below a folder. A copy that was exported into the same folder is no second one: validators keep theirs in
/// `netuidN` (see `role::setup`), and only without any of these the others are looked at.
fn only_ledger(folder: &Path) -> Result<PathBuf, Failure> {
    let mut found = Vec::new();
    collect(folder, 3, &mut found);
    let kept = |path: &PathBuf| {
        path.parent().and_then(Path::file_name).is_some_and(|name| name.to_string_lossy().starts_with("netuid"))
    };
    if found.iter().any(kept) {
        found.retain(kept);
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let error = anyhow!("no ledger (*.sqlite) in {}; name one with --ledger", folder.display());
            Err(Failure::new(Exit::Missing, error))
        }
        several => {
            let list: Vec<_> = several.iter().map(|path| format!("\n  {}", path.display())).collect();
            let error = anyhow!("several ledgers in {}; choose one with --ledger:{}", folder.display(), list.concat());
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
fn identity(case: &Case, matches: &ArgMatches) -> Result<Identity, Failure> {
    let hotkey = required::<Account>(matches, "hotkey")?;
    case.identity(hotkey, matches.get_one("registered-at").copied()).map_err(classified)
}

/// The value of an option that clap demands.
fn required<'a, T: Clone + Send + Sync + 'static>(matches: &'a ArgMatches, name: &str) -> Result<&'a T, Failure> {
    matches.get_one(name).ok_or_else(|| anyhow!("--{name} is missing").into())
}

/// A failed report with its class.
fn classified(error: ReportError) -> Failure {
    let exit = match &error {
        ReportError::UnknownMiner { .. } | ReportError::UnknownEvent { .. } | ReportError::NoScore { .. } => {
            Exit::Missing
        }
        ReportError::Rule { .. } => Exit::Usage,
        ReportError::Folder { source, .. } | ReportError::File { source, .. }
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            Exit::Permission
        }
        _ => Exit::Failed,
    };
    Failure::new(exit, error)
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
        .help("The block of the hotkey's registration [default: the latest]");
    [hotkey, block]
}

/// `--to`, and `--format` with the first of `formats` as its default: what the parts that write files have in common.
fn target_args(formats: &'static [&'static str], help: &'static str) -> [Arg; 2] {
    let to = Arg::new("to")
        .long("to")
        .required(true)
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("The folder to write into; it is created when missing");
    let format = Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(PossibleValuesParser::new(formats))
        .default_value(formats.first().copied().unwrap_or_default())
        .help(help);
    [to, format]
}

/// The values of [`target_args`].
fn target(matches: &ArgMatches) -> Result<(&Path, &str), Failure> {
    Ok((required::<PathBuf>(matches, "to")?, required::<String>(matches, "format")?))
}
