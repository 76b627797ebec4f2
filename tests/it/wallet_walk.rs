//! The walk of the README, run as it is written there: on a pseudo-terminal, and without one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::neuron;

/// The shell lines behind `<!-- walk: NAME -->` in the README.
pub fn block(name: &str) -> String {
    block_of("README.md", name)
}

/// The same in another page.
pub fn block_of(page: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(path).unwrap();
    let (_, after) =
        text.split_once(&format!("<!-- walk: {name} -->\n```sh\n")).unwrap_or_else(|| panic!("no walk `{name}`"));
    after.split_once("```").unwrap().0.to_owned()
}

/// A program on a machine of its own: its home folder; the working folder is what a person carries between the two.
pub fn on_machine(program: &str, home: &Path, carried: &Path) -> Command {
    let binary = PathBuf::from(neuron().get_program());
    let path = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("NEURON_") || name.starts_with("BT_")) {
            command.env_remove(name);
        }
    }
    command.env("HOME", home).env("PATH", path).current_dir(carried).stdin(Stdio::null());
    command
}

pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The address of the hotkey `default` in what `wallet list` printed.
pub fn hotkey_in(text: &str) -> String {
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("default "))
        .unwrap_or_else(|| panic!("no hotkey: {text}"));
    line.split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn without_a_terminal() {
    let (carried, first, second) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let run = |name: &str, home: &Path| {
        let output = on_machine("sh", home, carried.path()).args(["-euc", &block(name)]).output().unwrap();
        assert!(output.status.success(), "{name}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let here = run("script", first.path());
    assert!(here.contains("valid: ") && here.contains("2 good, 0 locked, 0 broken"), "{here}");
    let there = run("script, another machine", second.path());
    assert_eq!(hotkey_in(&there), hotkey_in(&here));
    assert!(there.contains("(public only)"), "the coldkey stayed away: {there}");
}
