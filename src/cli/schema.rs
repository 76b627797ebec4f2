//! `neuron schema`: what a command prints with `--output json`, as JSON Schema.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value as Json};

use super::output::Output;
use super::prints::Published;
use super::{Exit, Failure, Prints, Verb};

pub(super) const VERB: Verb =
    Verb { name: "schema", command, run, prints: Prints::either::<Vec<String>, Map<String, Json>>() };

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
    let published = Published::of_all();
    if typed.is_empty() {
        let names: Vec<String> = published.commands.into_iter().map(|(name, _)| name).collect();
        return Ok(output.result(&names, |names| names.iter().map(|name| format!("{name}\n")).collect())?);
    }
    let document = published.document(&typed).ok_or_else(|| no_schema(&published, &typed))?;
    Ok(output
        .result(&document, |document| format!("{}\n", serde_json::to_string_pretty(document).unwrap_or_default()))?)
}

fn no_schema(published: &Published, typed: &str) -> Failure {
    let near = |name: &&str| strsim::jaro_winkler(name, typed) > 0.8 || name.starts_with(&format!("{typed} "));
    let near: Vec<&str> = published.commands.iter().map(|(name, _)| name.as_str()).filter(near).collect();
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
    let text = format!("no schema is published for `{typed}`{hint} `neuron schema` lists all");
    Failure::new(Exit::Usage, anyhow::anyhow!(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_told_apart_from_its_commands() {
        let published = Published::of_all();
        assert!(no_schema(&published, "stake").to_string().contains("stake add, "));
        assert!(!no_schema(&published, "qqq").to_string().contains("did you mean"));
    }
}
