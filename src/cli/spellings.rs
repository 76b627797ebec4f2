//! What people type who come from the Python tools: the verbs of 2023, `btcli GROUP VERB`, and short flags whose meaning
//! depends on their value. Everything is rewritten to today's spelling before clap sees it, and said once.

use std::path::Path;

/// Words of other tools and what they are now. The longest prefix that fits counts.
const VERBS: [(&[&str], &[&str]); 48] = [
    // 2023: directly behind the program.
    (&["new_coldkey"], &["wallet", "new-coldkey"]),
    (&["new_hotkey"], &["wallet", "new-hotkey"]),
    (&["regen_coldkey"], &["wallet", "regen-coldkey"]),
    (&["regen_hotkey"], &["wallet", "regen-hotkey"]),
    (&["regen_coldkeypub"], &["wallet", "regen-coldkeypub"]),
    (&["regen_hotkeypub"], &["wallet", "regen-hotkeypub"]),
    (&["list"], &["wallet", "list"]),
    (&["recycle_register"], &["register"]),
    (&["unstake"], &["stake", "remove"]),
    (&["my_delegates"], &["stake", "list"]),
    // Groups of btcli 6 to 11.
    (&["wallet", "update"], &["wallet", "upgrade"]),
    (&["wallet", "unlock"], &["wallet", "verify-keys"]),
    (&["wallet", "balance"], &["balance"]),
    (&["wallet", "transfer"], &["transfer"]),
    (&["overview"], &["wallet", "overview"]),
    (&["inspect"], &["wallet", "inspect"]),
    (&["swap_hotkey"], &["wallet", "swap-hotkey"]),
    (&["wallet", "swap_check"], &["wallet", "swap-coldkey", "check"]),
    (&["list_subnets"], &["subnets", "list"]),
    (&["list_delegates"], &["delegates", "list"]),
    (&["subnets", "register"], &["register"]),
    (&["subnets", "recycle_register"], &["register"]),
    (&["subnets", "pow_register"], &["register"]),
    (&["subnets", "metagraph"], &["metagraph"]),
    (&["subnets", "hyperparameters"], &["hyperparameters"]),
    (&["sudo", "get"], &["hyperparameters"]),
    (&["hparams", "get"], &["hyperparameters"]),
    (&["stake", "show"], &["stake", "list"]),
    (&["delegate", "mine"], &["stake", "list"]),
    (&["root", "delegate"], &["stake", "add"]),
    (&["root", "undelegate"], &["stake", "remove"]),
    (&["root", "my_delegates"], &["stake", "list"]),
    (&["root", "list_delegates"], &["delegates", "list"]),
    (&["root", "set_take"], &["delegates", "take"]),
    (&["root", "get_take"], &["delegates", "take"]),
    (&["sudo", "set"], &["subnets", "set"]),
    (&["hparams", "set"], &["subnets", "set"]),
    (&["sudo", "set_take"], &["delegates", "take"]),
    (&["sudo", "get_take"], &["delegates", "take"]),
    (&["hparams", "start"], &["subnets", "start"]),
    (&["hparams", "set_identity"], &["subnets", "set-identity"]),
    (&["hparams", "get_identity"], &["subnets", "get-identity"]),
    (&["stake", "claim"], &["root", "claim"]),
    (&["stake", "set_claim"], &["root", "claim-type"]),
    (&["delegate", "list"], &["delegates", "list"]),
    (&["delegate", "take"], &["delegates", "take"]),
    (&["delegate"], &["stake", "add"]),
    (&["undelegate"], &["stake", "remove"]),
];

/// Words that other tools have and this one has not, and why or what instead.
const GONE: [(&str, &str); 9] = [
    ("nominate", "no longer exists on the chain: every hotkey can take delegated stake"),
    ("faucet", "no longer exists on the chain; `neuron localnet` funds the development accounts"),
    ("senate", "no longer exists on the chain"),
    ("proposals", "no longer exists on the chain"),
    ("update", "was a git pull; install the new version with `cargo install`"),
    ("swap_coldkey", "is `neuron wallet swap-coldkey`: first announced, later executed"),
    ("keychain", "does not exist here: passwords come from --wallet.password_file, a descriptor or the environment"),
    ("history", "does not exist here: the chain has none"),
    ("run", "is `neuron miner` or `neuron validator`"),
];

/// Whether `word` of another tool is known to have no place here, and what to tell.
pub(super) fn gone(word: &str) -> Option<String> {
    let folded = word.replace('-', "_");
    GONE.iter().find(|(name, _)| *name == folded).map(|(_, why)| format!("`{word}` {why}"))
}

/// Rewrites a whole command line to today's spelling; the second value is what to tell the person.
pub(super) fn modern(mut arguments: Vec<String>) -> (Vec<String>, Vec<String>) {
    let mut notes = Vec::new();
    let program = arguments.first().and_then(|path| Path::new(path).file_name()?.to_str()).unwrap_or_default();
    if program != "btcli" && arguments.get(1).is_some_and(|word| word == "btcli") {
        arguments.remove(1);
    }
    modern_verb(&mut arguments, &mut notes);
    modern_query(&mut arguments, &mut notes);
    modern_flags(&mut arguments, &mut notes);
    (arguments, notes)
}

/// btcli's short names of its groups.
fn full_group(word: &str) -> &str {
    match word {
        "w" | "wallets" => "wallet",
        "s" | "subnet" => "subnets",
        "su" | "sudos" => "sudo",
        "st" | "stakes" => "stake",
        "r" | "roots" => "root",
        other => other,
    }
}

fn modern_verb(arguments: &mut Vec<String>, notes: &mut Vec<String>) {
    let folded = |at: usize| arguments.get(at).map(|word| word.replace('-', "_"));
    let Some(first) = folded(1) else { return };
    let (first, second) = (full_group(&first).to_owned(), folded(2).unwrap_or_default());
    let fits = |old: &&(&[&str], &[&str])| match old.0 {
        [verb] => *verb == first,
        [group, verb] => *group == first && *verb == second,
        _ => false,
    };
    // `delegate mine` before `delegate`.
    let found = VERBS.iter().filter(fits).max_by_key(|(old, _)| old.len());
    if let Some((old, now)) = found {
        let typed = arguments.splice(1..=old.len(), now.iter().map(|word| (*word).to_owned()));
        let typed = typed.collect::<Vec<_>>().join(" ");
        notes.push(format!("note: `{typed}` is now `neuron {}`", now.join(" ")));
    } else if matches!(first.as_str(), "stake" | "wallet" | "subnets" | "root")
        && let Some(group) = arguments.get_mut(1)
    {
        group.clone_from(&first);
    }
}

/// btcli's and the SDK's `query PALLET.ITEM`, beside the prompts of our own `query`.
fn modern_query(arguments: &mut [String], notes: &mut Vec<String>) {
    let is_item = |word: &String| {
        let halves = word.split_once('.').filter(|(pallet, item)| !item.is_empty() && !pallet.is_empty());
        halves.is_some_and(|(pallet, _)| pallet.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    if let [_, verb, item, ..] = arguments
        && verb == "query"
        && is_item(item)
    {
        "storage".clone_into(verb);
        notes.push(format!("note: `query {item}` is understood as `neuron storage {item}`"));
    }
}

/// Flags of one command or of one value: `--json FILE` of btcli 9, and `-n`, a subnet's number or a network's name.
fn modern_flags(arguments: &mut [String], notes: &mut Vec<String>) {
    let is_regen = arguments.get(2).is_some_and(|word| word.starts_with("regen"));
    let following = arguments.iter().skip(1).cloned().collect::<Vec<_>>();
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    for (flag, value) in arguments.iter_mut().take(end).zip(following) {
        match flag.as_str() {
            "--json" if is_regen && Path::new(&value).is_file() => {
                "--json-path".clone_into(flag);
                notes.push(
                    "note: `--json FILE` is understood as --json-path FILE; --output json asks for JSON output"
                        .to_owned(),
                );
            }
            "-n" if !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) => "--netuid".clone_into(flag),
            "-n" => "--network".clone_into(flag),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modern_line(line: &str) -> String {
        modern(line.split(' ').map(str::to_owned).collect()).0.join(" ")
    }

    #[test]
    fn verbs_of_other_tools_find_their_place() {
        for (typed, now) in [
            ("neuron regen_coldkey --seed 0x1", "neuron wallet regen-coldkey --seed 0x1"),
            ("neuron regen-coldkey --seed 0x1", "neuron wallet regen-coldkey --seed 0x1"),
            ("neuron list", "neuron wallet list"),
            ("neuron wallet list", "neuron wallet list"),
            ("neuron miner --name list", "neuron miner --name list"),
            ("neuron btcli w new_hotkey -w a", "neuron wallet new_hotkey -w a"),
            ("/usr/bin/btcli wallet update -w a", "/usr/bin/btcli wallet upgrade -w a"),
            ("neuron btcli s register -n 8", "neuron register --netuid 8"),
            ("neuron subnets metagraph -n test", "neuron metagraph --network test"),
            ("neuron btcli su get -n 8", "neuron hyperparameters --netuid 8"),
            ("neuron st add --amount 1", "neuron stake add --amount 1"),
            ("neuron delegate mine", "neuron stake list"),
            ("neuron query SubtensorModule.Tempo 155", "neuron storage SubtensorModule.Tempo 155"),
            ("neuron query --uids 1", "neuron query --uids 1"),
            ("neuron btcli su set -n 8", "neuron subnets set --netuid 8"),
            ("neuron s list", "neuron subnets list"),
            ("neuron list_subnets", "neuron subnets list"),
            ("neuron btcli r claim 1", "neuron root claim 1"),
            ("neuron delegate --amount 1", "neuron stake add --amount 1"),
            ("neuron score -- -n 8", "neuron score -- -n 8"),
            ("neuron", "neuron"),
            ("neuron btcli", "neuron"),
        ] {
            assert_eq!(modern_line(typed), now, "{typed}");
        }
    }

    #[test]
    fn every_old_verb_leads_to_a_command_that_is_there() {
        let tree = super::super::command();
        for (old, now) in VERBS {
            let found = now.iter().try_fold(&tree, |command, word| command.find_subcommand(word));
            assert!(found.is_some(), "{old:?} leads to {now:?}, which is not there");
        }
    }

    #[test]
    fn json_before_a_file_means_the_file_in_regen_only() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        assert_eq!(
            modern_line(&format!("neuron wallet regen-coldkey --json {path}")),
            format!("neuron wallet regen-coldkey --json-path {path}")
        );
        let other = format!("neuron wallet show --json {path}");
        assert_eq!(modern_line(&other), other);
        assert_eq!(modern_line("neuron wallet regen-coldkey --json --yes"), "neuron wallet regen-coldkey --json --yes");
    }
}
