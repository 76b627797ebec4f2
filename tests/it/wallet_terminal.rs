//! The walk of the README at a pseudo-terminal, which Python makes.

use std::path::Path;
use std::process::Command;

use crate::needs::lacks;
use crate::wallet_walk::{block, hotkey_in, on_machine, said};

tests! { blocking: at_a_terminal, yes_asks_nothing_even_at_a_terminal }

const PASSWORD: &str = "typed by a person";

/// Runs a walk on a pseudo-terminal with these answers.
fn at_terminal(name: &str, home: &Path, carried: &Path, answers: &[(&str, &str)]) -> String {
    lines_at_terminal(&block(name), home, carried, answers)
}

fn lines_at_terminal(lines: &str, home: &Path, carried: &Path, answers: &[(&str, &str)]) -> String {
    if Command::new("python3").arg("--version").output().is_err() {
        lacks("python", "there is no python3 to make a pseudo-terminal");
    }
    let (script, answers_file) = (home.join("walk.sh"), home.join("answers.json"));
    std::fs::write(&script, lines).unwrap();
    std::fs::write(&answers_file, serde_json::to_string(answers).unwrap()).unwrap();
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/terminal.py");
    let output = on_machine("python3", home, carried).arg(driver).arg(script).arg(answers_file).output().unwrap();
    assert!(output.status.success(), "{lines}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn at_a_terminal() {
    let (carried, first, second) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let answers = [("New password for", PASSWORD), ("The same again", PASSWORD), ("Password of the coldkey", PASSWORD)];
    let here = at_terminal("terminal", first.path(), carried.path(), &answers);
    assert!(here.contains("valid: ") && here.contains("2 good, 0 locked, 0 broken"), "{here}");
    let phrases: Vec<&str> = here.lines().filter_map(|line| line.trim().strip_prefix("phrase: ")).collect();
    let [_, hotkey_phrase] = phrases[..] else { panic!("two phrases are shown: {here}") };
    let answers = [("The phrase (not shown)", hotkey_phrase)];
    let there = at_terminal("terminal, another machine", second.path(), carried.path(), &answers);
    assert_eq!(hotkey_in(&there), hotkey_in(&here));
    assert!(there.contains("(public only)"), "the coldkey stayed away: {there}");
}

fn yes_asks_nothing_even_at_a_terminal() {
    let home = tempfile::tempdir().unwrap();
    let lines = "status=0; neuron wallet create --yes || status=$?; test $status = 3\n";
    let shown = lines_at_terminal(lines, home.path(), home.path(), &[]);
    assert!(shown.contains("no terminal to ask") && !shown.contains("New password for the"), "{shown}");
}
