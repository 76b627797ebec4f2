//! `neuron schema`: what a command prints with `--output json`, as JSON Schema.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value as Json, json};

use super::output::Output;
use super::{Exit, Failure, Verb};

pub(super) const VERB: Verb = Verb { command, run };

/// The published documents, with the words that stand in front of their commands. Tests compare real output with them.
const DOCUMENTS: [(&str, &str); 2] =
    [("", include_str!("../../docs/schema/chain.json")), ("wallet ", include_str!("../../docs/schema/wallet.json"))];

fn command() -> Command {
    let words = Arg::new("words").value_name("COMMAND").num_args(0..);
    Command::new("schema")
        .about(
            "Prints the JSON Schema of what a command prints with --output json; without a command, lists the commands",
        )
        .arg(words.help("A command such as `stake add`; `error` is what every command prints when it fails"))
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let words: Vec<&str> = matches.get_many::<String>("words").unwrap_or_default().map(String::as_str).collect();
    let typed = words.join(" ");
    let schemas = schemas()?;
    if typed.is_empty() {
        let names: Vec<&str> = schemas.iter().map(|schema| schema.name.as_str()).collect();
        return Ok(output.result(&names, |names| names.iter().map(|name| format!("{name}\n")).collect())?);
    }
    let found = schemas.iter().find(|schema| schema.name == typed).ok_or_else(|| {
        let near = |schema: &&Schema| strsim::jaro_winkler(&schema.name, &typed) > 0.8;
        let near: Vec<&str> = schemas.iter().filter(near).map(|schema| schema.name.as_str()).collect();
        let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
        Failure::new(
            Exit::Usage,
            anyhow::anyhow!("no schema is published for `{typed}`{hint} `neuron schema` lists all"),
        )
    })?;
    Ok(output.result(&found.document(), |document| {
        format!("{}\n", serde_json::to_string_pretty(document).unwrap_or_default())
    })?)
}

/// The schema of one command, with the definitions that it may refer to.
struct Schema {
    name: String,
    definition: Json,
    all: Map<String, Json>,
}

impl Schema {
    /// A document of its own.
    fn document(&self) -> Json {
        let mut needed = Map::new();
        self.collect(&self.definition, &mut needed);
        let mut document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": format!("neuron {} --output json", self.name),
        });
        if let (Some(document), Some(definition)) = (document.as_object_mut(), self.definition.as_object()) {
            document.extend(definition.clone());
            document.insert("$defs".to_owned(), Json::Object(needed));
        }
        document
    }

    /// The definitions that `schema` refers to, and those that they refer to.
    fn collect(&self, schema: &Json, needed: &mut Map<String, Json>) {
        match schema {
            Json::Object(object) => {
                let name = object.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
                if let Some((name, definition)) = name.and_then(|name| self.all.get_key_value(name))
                    && !needed.contains_key(name)
                {
                    needed.insert(name.clone(), definition.clone());
                    self.collect(definition, needed);
                }
                object.values().for_each(|value| self.collect(value, needed));
            }
            Json::Array(items) => items.iter().for_each(|item| self.collect(item, needed)),
            _ => {}
        }
    }
}

/// One for each command, and `error`.
fn schemas() -> Result<Vec<Schema>, Failure> {
    let tree = super::command();
    let mut schemas: Vec<Schema> = Vec::new();
    for (before, text) in DOCUMENTS {
        let document: Json = serde_json::from_str(text)?;
        let all = document.get("$defs").and_then(Json::as_object).cloned().unwrap_or_default();
        for (key, definition) in &all {
            // A definition of the chain's commands has `_` between two words; one of the wallet's is one word, with `_` for `-`.
            let name =
                if before.is_empty() { key.replace('_', " ") } else { before.to_owned() + &key.replace('_', "-") };
            let found = name.split(' ').try_fold(&tree, |command, word| command.find_subcommand(word));
            // A group of commands prints nothing itself.
            let is_command = found.is_some_and(|command| command.get_subcommands().next().is_none());
            if is_command || (key == "error" && before.is_empty()) {
                schemas.push(Schema { name, definition: definition.clone(), all: all.clone() });
            }
        }
    }
    schemas.sort_by(|a, b| a.name.cmp(&b.name));
    schemas.dedup_by(|a, b| a.name == b.name);
    Ok(schemas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schema_stands_alone() {
        let schemas = schemas().unwrap();
        let names: Vec<&str> = schemas.iter().map(|schema| schema.name.as_str()).collect();
        for name in
            ["stake add", "stake child set", "subnets create-cost", "wallet list", "wallet verify-keys", "error"]
        {
            assert!(names.contains(&name), "{name} is missing among {names:?}");
        }
        for schema in &schemas {
            let text = schema.document().to_string();
            for reference in text.split("\"$ref\":\"#/$defs/").skip(1) {
                let name = reference.split('"').next().unwrap();
                assert!(text.contains(&format!("\"{name}\":")), "{} refers to {name}", schema.name);
            }
        }
    }

    #[test]
    fn every_command_that_touches_the_chain_has_one() {
        let schemas = schemas().unwrap();
        let tree = super::super::command();
        let mut missing = Vec::new();
        for group in
            ["stake", "subnets", "delegates", "root", "proxy", "transfer", "register", "balance", "call", "storage"]
        {
            leaves(tree.find_subcommand(group).unwrap(), group, &mut |name| {
                if !schemas.iter().any(|schema| schema.name == name) {
                    missing.push(name.to_owned());
                }
            });
        }
        assert!(missing.is_empty(), "{missing:?}");
    }

    fn leaves(command: &Command, name: &str, found: &mut impl FnMut(&str)) {
        if command.get_subcommands().next().is_none() {
            found(name);
        }
        for sub in command.get_subcommands() {
            leaves(sub, &format!("{name} {}", sub.get_name()), found);
        }
    }
}
