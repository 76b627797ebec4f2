//! What to say when a command line is nearly right: a bare word where a flag is meant, a setting in front of its command.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

use crate::units::Account;

/// The right spelling for what `error` complains of; `None` where clap's own words have to do.
pub(super) fn hint(tree: &Command, arguments: &[String], error: &Error) -> Option<String> {
    let context = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => return None,
    };
    let Some(ContextValue::String(wrong)) = error.get(context) else { return None };
    let (command, words) = found(tree, arguments);
    if wrong.starts_with('-') { misplaced(command, &words, arguments, wrong) } else { bare(command, &words, wrong) }
}

/// The command that is meant, and the words that lead to it.
fn found<'a>(tree: &'a Command, arguments: &[String]) -> (&'a Command, Vec<String>) {
    let (mut command, mut words) = (tree, vec!["neuron".to_owned()]);
    for word in arguments.iter().skip(1).filter(|word| !word.starts_with('-')) {
        if let Some(next) = command.find_subcommand(word) {
            command = next;
            words.push(word.clone());
        }
    }
    (command, words)
}

fn takes(command: &Command, flag: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some(flag))
}

/// A word without a flag: what it looks like says which flag it wants.
fn bare(command: &Command, words: &[String], word: &str) -> Option<String> {
    let is_number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    let looks = |flag: &str| match flag {
        "netuid" => is_number,
        "hotkey" | "ss58" | "wallet.hotkey" => word.parse::<Account>().is_ok(),
        "config" => word.ends_with(".toml"),
        "ledger" => word.ends_with(".sqlite"),
        "subtensor.network" => ["finney", "test", "local", "archive"].contains(&word) || word.starts_with("ws"),
        "subnet" => is_number,
        // Any word may be a name.
        "wallet.name" => !is_number,
        _ => false,
    };
    let known =
        ["netuid", "hotkey", "ss58", "wallet.hotkey", "config", "ledger", "subtensor.network", "subnet", "wallet.name"];
    let flag = known.iter().find(|flag| takes(command, flag) && looks(flag))?;
    Some(format!("name the setting that `{word}` is for: {} --{flag} {word}", words.join(" ")))
}

/// A flag that the command has, but that was written in front of it.
fn misplaced(command: &Command, words: &[String], arguments: &[String], wrong: &str) -> Option<String> {
    let name = wrong.trim_start_matches('-').split('=').next().unwrap_or_default();
    let first = arguments.iter().skip(1).position(|word| words.last() == Some(word))?;
    let place = arguments.iter().skip(1).position(|word| word == wrong || word.starts_with(&format!("{wrong}=")))?;
    if words.len() < 2 || place > first || !takes(command, name) {
        return None;
    }
    let rest: Vec<&str> =
        arguments.iter().skip(1).map(String::as_str).filter(|word| !words.iter().any(|of| of == word)).collect();
    Some(format!("settings come after the command: {} {}", words.join(" "), rest.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{args, command};

    fn told(line: &str) -> Option<String> {
        let tree = command();
        let typed: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let typed = args::canonical_flags(&tree, typed);
        let error = tree.clone().try_get_matches_from(&typed).expect_err("it is wrong");
        hint(&tree, &typed, &error)
    }

    #[test]
    fn what_was_meant_is_spelled_out() {
        for (typed, right) in [
            ("neuron miner 155", "neuron miner --netuid 155"),
            ("neuron register miner", "neuron register --wallet.name miner"),
            ("neuron wallet create miner", "neuron wallet create --wallet.name miner"),
            ("neuron validator config/validator.toml", "neuron validator --config config/validator.toml"),
            ("neuron metagraph test", "neuron metagraph --subtensor.network test"),
            ("neuron --netuid 155 miner", "neuron miner --netuid 155"),
            ("neuron --wallet-name a miner --netuid 8", "neuron miner --wallet.name a --netuid 8"),
        ] {
            let told = told(typed).unwrap_or_default();
            assert!(told.ends_with(right), "{typed}: {told}");
        }
    }

    #[test]
    fn what_nobody_can_guess_is_left_to_clap() {
        for typed in ["neuron miner --netid 8", "neuron minr", "neuron demo x"] {
            assert_eq!(told(typed), None, "{typed}");
        }
    }
}
