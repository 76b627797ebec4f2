//! `neuron config show`: every setting, its value, and the layer it came from.

use clap::{ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::{Output, TextTable};
use super::{Failure, Prints, Verb, args};
use crate::config::{Layer, Resolved};

pub(super) const VERB: Verb = Verb { name: "config", command, run, prints: Prints::Each(PARTS) };

const PARTS: &[(&str, Prints)] = &[("show", Prints::one::<Vec<Shown>>())];

fn command() -> Command {
    let show = Command::new("show").about("Prints every setting with its value and the layer it came from");
    Command::new("config")
        .about("Shows the settings in force")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(args::with_settings_that(show, |_| true))
}

#[derive(Debug, JsonSchema, Serialize)]
struct Shown {
    key: &'static str,
    #[schemars(with = "Option<serde_json::Value>")]
    value: Option<toml::Value>,
    #[serde(flatten)]
    layer: Layer,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let Some(("show", matches)) = matches.subcommand() else {
        return Err(anyhow::anyhow!("`neuron config` knows `show`").into());
    };
    let (resolved, _) = args::resolve(matches)?;
    output.result(&shown(&resolved), |rows| {
        let mut table = TextTable::new(["setting", "value", "from"]);
        for row in rows {
            let value = row.value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            table.row([row.key.to_owned(), value, row.layer.to_string()]);
        }
        table.render()
    })?;
    Ok(())
}

fn shown(resolved: &Resolved) -> Vec<Shown> {
    resolved
        .values
        .iter()
        .map(|value| Shown { key: value.setting.key, value: value.shown(), layer: value.layer.clone() })
        .collect()
}
