//! What the commands about identities share: fields as flags, reading, printing.

use clap::{Arg, ArgMatches, Command};
use serde_json::Value as Json;

use super::Failure;
use super::chain::refused;
use super::output::{Output, TextTable};
use crate::subtensor::Subtensor;

/// A flag for each field.
pub(super) fn with_fields(command: Command, fields: &[(&'static str, &'static str)]) -> Command {
    fields
        .iter()
        .fold(command, |command, (name, help)| command.arg(Arg::new(*name).long(*name).value_name("TEXT").help(*help)))
}

/// The text of a field; empty when it was not given.
pub(super) fn text_of(matches: &ArgMatches, field: &str) -> String {
    matches.get_one::<String>(field).cloned().unwrap_or_default()
}

/// What the chain has in an item of identities under one key; `null` for nothing.
pub(super) async fn stored(chain: &Subtensor, item: &str, key: Json) -> Result<Json, Failure> {
    Ok(chain.storage(&format!("SubtensorModule.{item}"), &[key], 1).await.map_err(refused)?.into_value())
}

/// Prints an identity, or that there is none.
pub(super) fn print(output: Output, identity: &Json, whose: &str) -> Result<(), Failure> {
    Ok(output.result(identity, |identity| match identity.as_object() {
        None => format!("{whose} has published no identity\n"),
        Some(fields) => {
            let mut table = TextTable::new(["field", "text"]);
            for (field, text) in fields {
                table.row([field.as_str(), text.as_str().unwrap_or_default()]);
            }
            table.render()
        }
    })?)
}
