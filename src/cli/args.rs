//! From the table of settings to flags and back, and the one rule of spelling: in the name of a long flag `.`, `_` and
//! `-` are the same.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::exit::{Exit, Failure, OrExit};
use crate::config::table::{Group, Kind, Setting};
use crate::config::{Layers, Resolved, Settings};
use crate::subnets::registry;
use crate::telemetry::{self, LogLevel};

/// Adds `--config` and the flags of `groups` to a command.
#[must_use]
pub fn with_settings(command: Command, groups: &[Group]) -> Command {
    with_settings_that(command, |group| groups.contains(&group))
}

/// Adds `--config` and the flags of the groups that `wanted` picks, those of kinds of work among them.
#[must_use]
pub fn with_settings_that(command: Command, wanted: impl Fn(Group) -> bool) -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("A TOML file with settings; flags and environment variables are stronger.")
        .help_heading(Group::Housekeeping.heading());
    registry::settings()
        .into_iter()
        .filter(|setting| wanted(setting.group))
        .fold(command.arg(file), |command, setting| command.arg(flag(setting)))
}

fn flag(setting: &'static Setting) -> Arg {
    let mut arg = Arg::new(setting.key)
        .long(setting.key)
        .aliases(setting.aliases)
        .help_heading(setting.group.heading())
        .help(match setting.default {
            Some(default) => format!("{} [default: {default}]", setting.help),
            None => setting.help.to_owned(),
        })
        .value_name(value_name(setting.kind));
    // As btcli 9 and 11 have them.
    arg = match setting.key {
        "wallet.name" => arg.short('w'),
        "wallet.hotkey" => arg.short('H'),
        "wallet.path" => arg.short('p'),
        _ => arg,
    };
    arg = match setting.kind {
        Kind::List => arg.action(ArgAction::Append),
        Kind::Bool => arg.action(ArgAction::Set).num_args(0..=1).require_equals(true).default_missing_value("true"),
        Kind::Number { .. } | Kind::Integer { .. } => arg.action(ArgAction::Set).allow_negative_numbers(true),
        _ => arg.action(ArgAction::Set),
    };
    arg
}

const fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::List => "TEXT",
        Kind::Path => "PATH",
        Kind::Bool => "BOOL",
        Kind::Integer { .. } | Kind::Number { .. } => "N",
        Kind::Duration => "DURATION",
        Kind::Choice(_) => "CHOICE",
    }
}

/// The settings of a command made by [`with_settings`], from all layers.
///
/// # Errors
/// [`Exit::Usage`] with the file, flag or variable that is wrong.
pub fn resolve(matches: &ArgMatches) -> Result<(Resolved, Settings), Failure> {
    let mut layers = Layers { environment: environment(), ..registry::layers() };
    for setting in layers.rows.clone() {
        // Commands without this setting's group do not define its flag.
        if let Ok(Some(values)) = matches.try_get_many::<String>(setting.key) {
            layers.flags.insert(setting.key, values.cloned().collect());
        }
    }
    if let Some(path) = matches.get_one::<PathBuf>("config") {
        layers.read_file(path).or_exit(Exit::Usage)?;
    }
    let resolved = layers.resolve().or_exit(Exit::Usage)?;
    let settings = resolved.settings().or_exit(Exit::Usage)?;
    Ok((resolved, settings))
}

/// `--host` and `--port` of a command that serves others.
pub(super) fn listening(host: &'static str, default_port: &'static str, port: &'static str) -> [Arg; 2] {
    let ip = Arg::new("host").long("host").value_name("IP").default_value("127.0.0.1");
    let number = Arg::new("port").long("port").value_name("PORT").default_value(default_port);
    [ip.value_parser(clap::value_parser!(IpAddr)).help(host), number.value_parser(clap::value_parser!(u16)).help(port)]
}

/// The address that the arguments of [`listening`] say.
pub(super) fn listen_address(matches: &ArgMatches) -> SocketAddr {
    let host = matches.get_one::<IpAddr>("host").copied().unwrap_or(Ipv4Addr::LOCALHOST.into());
    SocketAddr::new(host, matches.get_one::<u16>("port").copied().unwrap_or_default())
}

/// Starts logging to stderr as the settings say, for commands that run for a while.
///
/// # Errors
/// When logging has been started before, or its file cannot be opened.
pub fn start_logs(settings: &Settings) -> Result<(), Failure> {
    let level = match (settings.logging.trace, settings.logging.debug) {
        (true, _) => LogLevel::Trace,
        (_, true) => LogLevel::Debug,
        _ => LogLevel::Info,
    };
    telemetry::start_logs(level, settings.logging.json, settings.logging.file.as_deref())?;
    Ok(())
}

/// The variables that are text.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Rewrites each long flag to the spelling under which `command` (or any subcommand) knows it.
///
/// What it does not know is left alone for clap to complain about; arguments after `--` are never touched.
#[must_use]
pub fn canonical_flags(command: &Command, arguments: Vec<String>) -> Vec<String> {
    // One word has one spelling, and most command lines have nothing else: they need not wait for the table.
    if !arguments.iter().filter_map(|argument| argument.strip_prefix("--")).any(|name| name.contains(['.', '_', '-'])) {
        return arguments;
    }
    let mut spellings = BTreeMap::new();
    collect_spellings(command, &mut spellings);
    let mut rest_is_verbatim = false;
    arguments
        .into_iter()
        .map(|argument| {
            rest_is_verbatim |= argument == "--";
            match argument.strip_prefix("--") {
                Some(long) if !rest_is_verbatim && !long.is_empty() => {
                    let (name, value) = long.split_at(long.find('=').unwrap_or(long.len()));
                    match spellings.get(&folded(name)) {
                        // Both spellings exist in different commands: as typed.
                        Some(known) if !known.iter().any(|k| k == name) => {
                            known.first().map_or_else(|| argument.clone(), |known| format!("--{known}{value}"))
                        }
                        _ => argument,
                    }
                }
                _ => argument,
            }
        })
        .collect()
}

fn folded(name: &str) -> String {
    name.replace(['.', '_'], "-")
}

fn collect_spellings(command: &Command, spellings: &mut BTreeMap<String, Vec<String>>) {
    for arg in command.get_arguments() {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        for name in arg.get_long().into_iter().chain(aliases) {
            let known = spellings.entry(folded(name)).or_default();
            if !known.iter().any(|k| k == name) {
                known.push(name.to_owned());
            }
        }
    }
    for sub in command.get_subcommands() {
        collect_spellings(sub, spellings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(arguments: &[&str]) -> Vec<String> {
        let command = with_settings_that(Command::new("x"), |_| true);
        canonical_flags(&command, arguments.iter().map(|a| (*a).to_owned()).collect())
    }

    #[test]
    fn dots_dashes_and_underscores_are_the_same() {
        for spelling in ["--wallet.name", "--wallet-name", "--wallet_name"] {
            assert_eq!(canonical(&[spelling, "a.b_c"]), ["--wallet.name", "a.b_c"]);
        }
        assert_eq!(canonical(&["--axon-external-ip=1.2.3.4"]), ["--axon.external_ip=1.2.3.4"]);
        assert_eq!(canonical(&["--", "--wallet-name"]), ["--", "--wallet-name"]);
        assert_eq!(canonical(&["--walet.name"]), ["--walet.name"]);
    }

    #[test]
    fn every_flag_reaches_its_setting() {
        for setting in registry::settings() {
            let text = match setting.kind {
                Kind::Bool => "true".to_owned(),
                Kind::Integer { min, .. } => min.to_string(),
                Kind::Number { min, .. } => min.to_string(),
                Kind::Duration => "7s".to_owned(),
                Kind::Choice(words) => words[0].to_owned(),
                Kind::Text | Kind::Path | Kind::List => "text".to_owned(),
            };
            let command = with_settings_that(Command::new("x"), |_| true);
            let matches = command.try_get_matches_from(["x".to_owned(), format!("--{}={text}", setting.key)]).unwrap();
            let (resolved, _) = resolve(&matches).unwrap();
            let value = resolved.values.into_iter().find(|v| v.setting.key == setting.key).unwrap();
            assert_eq!(value.layer, crate::config::Layer::Flag, "{}", setting.key);
        }
    }
}
