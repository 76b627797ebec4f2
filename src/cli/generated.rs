//! Pages of the book that are made from the command line: its commands, and the schemas of what they print. The other pages
//! that are made from the code are in `tests/it/generated.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::{Arg, Command};

use super::page::{cell, same};
use super::prints::Published;
use crate::subnets::registry;

/// What every command has.
const GLOBAL: [&str; 7] = ["output", "json", "quiet", "yes", "help", "version", "config"];

fn describe(command: &Command, name: &str, level: usize, page: &mut String) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = write!(page, "\n{} `{name}`\n\n{}.\n", "#".repeat(level.min(4)), cell(about.trim_end_matches('.')));
    let settings: BTreeMap<&str, &str> =
        registry::settings().into_iter().map(|setting| (setting.key, setting.group.heading())).collect();
    let is_setting = |arg: &Arg| settings.contains_key(arg.get_id().as_str());
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !GLOBAL.contains(&arg.get_id().as_str()))
        .filter(|arg| !is_setting(arg) || arg.get_help_heading().is_none())
        .collect();
    if !own.is_empty() {
        page.push_str("\n| argument | |\n|---|---|\n");
    }
    for arg in own {
        let value = arg.get_value_names().and_then(<[_]>::first).map(|name| format!(" {name}")).unwrap_or_default();
        let value = if arg.get_action().takes_values() { value } else { String::new() };
        let shown = arg.get_long().map_or_else(|| value.trim().to_owned(), |long| format!("--{long}{value}"));
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(page, "| `{}` | {} |", shown, cell(&help));
    }
    let groups: BTreeSet<&str> = command
        .get_arguments()
        .filter(|arg| is_setting(arg) && arg.get_help_heading().is_some())
        .filter_map(|arg| settings.get(arg.get_id().as_str()).copied())
        .collect();
    if !groups.is_empty() {
        let names: Vec<&str> = groups.into_iter().collect();
        let _ = write!(page, "\n[Settings](settings.md) of: {}.\n", names.join(", "));
    }
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        describe(sub, &format!("{name} {}", sub.get_name()), level + 1, page);
    }
}

#[test]
fn the_page_of_commands_is_that_of_the_command_line() {
    let mut page = "# Commands\n\nMade from the code. Every command also takes `--output text|json`, `--quiet`, `--yes` and `--help`; \
                    the result goes to stdout, everything else to stderr.\n"
        .to_owned();
    for command in super::command().get_subcommands().filter(|sub| sub.get_name() != "help") {
        describe(command, &format!("neuron {}", command.get_name()), 2, &mut page);
    }
    same("docs/commands.md", &page);
}

/// The schemas of `--output json`, as `neuron schema` prints them one by one.
#[test]
fn the_published_schemas_are_those_of_the_types() {
    let whole = Published::of_all().whole();
    same("docs/schema/commands.json", &format!("{}\n", serde_json::to_string_pretty(&whole).unwrap()));
}
