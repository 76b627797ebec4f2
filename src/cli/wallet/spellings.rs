//! Older spellings that cannot be an alias of a flag: whole verbs of 2023, and `--json FILE` of btcli 9.

use std::path::Path;

/// The verbs of 2023, which stood directly behind the program, and where they are now.
const VERBS_OF_2023: [(&str, &str); 6] = [
    ("new_coldkey", "new-coldkey"),
    ("new_hotkey", "new-hotkey"),
    ("regen_coldkey", "regen-coldkey"),
    ("regen_hotkey", "regen-hotkey"),
    ("regen_coldkeypub", "regen-coldkeypub"),
    ("list", "list"),
];

/// Rewrites a whole command line to today's spelling; the second value is what to tell the person.
pub(in crate::cli) fn modern(mut arguments: Vec<String>) -> (Vec<String>, Vec<String>) {
    let mut notes = Vec::new();
    let verb = arguments.get(1).map(|word| word.replace('-', "_")).unwrap_or_default();
    if let Some((_, now)) = VERBS_OF_2023.iter().find(|(old, _)| *old == verb) {
        arguments.splice(1..2, ["wallet".to_owned(), (*now).to_owned()]);
        notes.push(format!("note: `{verb}` is now `neuron wallet {now}`"));
    }
    let is_regen = arguments.get(2).is_some_and(|word| word.starts_with("regen"));
    if is_regen {
        let file = arguments
            .windows(2)
            .position(|pair| matches!(pair, [flag, path] if flag == "--json" && Path::new(path).is_file()));
        if let Some(flag) = file.and_then(|at| arguments.get_mut(at)) {
            "--json-path".clone_into(flag);
            notes.push(
                "note: `--json FILE` is understood as --json-path FILE; --output json asks for JSON output".to_owned(),
            );
        }
    }
    (arguments, notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modern_line(line: &str) -> String {
        modern(line.split(' ').map(str::to_owned).collect()).0.join(" ")
    }

    #[test]
    fn verbs_of_2023_find_their_place() {
        assert_eq!(modern_line("neuron regen_coldkey --seed 0x1"), "neuron wallet regen-coldkey --seed 0x1");
        assert_eq!(modern_line("neuron list"), "neuron wallet list");
        assert_eq!(modern_line("neuron wallet list"), "neuron wallet list");
        assert_eq!(modern_line("neuron miner --name list"), "neuron miner --name list");
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
