//! The command line as a person meets it: the real binary, its channels and its exit statuses.

use std::process::Output;

use crate::json_schema;
use crate::support::neuron;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn run(arguments: &[&str]) -> Output {
    neuron().args(arguments).output().unwrap()
}

#[test]
fn help_is_a_page_on_stdout() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let page = text(&output.stdout);
    for word in ["Start here:", "neuron demo", "Exit status:", "config"] {
        assert!(page.contains(word), "no `{word}` in:\n{page}");
    }
}

/// The stop of the tour in this room, since an example in the library's pages cannot call it.
#[test]
fn the_command_of_the_tour_prints_what_the_tour_says() {
    let (_, stop) = include_str!("../../src/tour.md").split_once("```console\n$ neuron ").unwrap();
    let mut lines = stop.split("```").next().unwrap().lines();
    let arguments: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    let output = run(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let printed: Vec<_> = text(&output.stdout).lines().map(words).collect();
    let mut said = 0;
    for line in lines {
        assert!(printed.contains(&words(line)), "`{line}` is not in\n{}", text(&output.stdout));
        said += 1;
    }
    assert!(said > 0, "the tour says nothing");
}

#[test]
fn a_typo_in_a_flag_suggests_the_right_one() {
    let output = run(&["config", "show", "--axon-prot", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--axon.port"), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
}

#[test]
fn a_typo_in_the_file_suggests_the_right_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("neuron.toml");
    std::fs::write(&file, "[wallet]\nhotkye = 'x'\n").unwrap();
    let output = run(&["config", "show", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("wallet.hotkye") && message.contains("did you mean `wallet.hotkey`"), "{message}");
}

#[test]
fn config_show_tells_the_layer_of_each_value_as_one_json_document() {
    let output = neuron()
        .args(["config", "show", "--output", "json", "--wallet-name", "flagged"])
        .env("BT_AXON_PORT", "4242")
        .output()
        .unwrap();
    assert!(output.status.success());
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    json_schema::check_printed(&["config", "show"], &rows.clone().into());
    let row = |key: &str| rows.iter().find(|row| row["key"] == key).unwrap().clone();
    assert_eq!(row("wallet.name")["value"], "flagged");
    assert_eq!(row("wallet.name")["layer"], "flag");
    assert_eq!(row("axon.port")["value"], 4242);
    assert_eq!(row("axon.port")["name"], "BT_AXON_PORT");
    assert_eq!(row("tick")["layer"], "default");
}

#[test]
fn credentials_never_show() {
    let output = run(&["config", "show", "--subtensor.network", "wss://me:hunter2@host/?key=hunter2"]);
    assert!(output.status.success());
    assert!(!text(&output.stdout).contains("hunter2"));
    assert!(text(&output.stdout).contains("***"));
}

#[test]
fn a_failure_in_json_mode_is_one_document_with_its_class() {
    let output = run(&["config", "show", "--axon.port", "eighty", "--output", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["class"], "usage");
    json_schema::check_printed(&["config", "show"], &document);
    assert!(document["error"]["message"].as_str().unwrap().contains("axon.port"));
}

#[test]
fn the_example_settings_are_valid() {
    for example in ["miner.toml", "validator.toml"] {
        let path = format!("{}/config/{example}", env!("CARGO_MANIFEST_DIR"));
        let output = run(&["config", "show", "--config", &path]);
        assert!(output.status.success(), "{example}: {}", text(&output.stderr));
    }
}

#[test]
fn what_the_example_settings_call_a_default_is_the_default() {
    for example in ["miner.toml", "validator.toml"] {
        let path = format!("{}/config/{example}", env!("CARGO_MANIFEST_DIR"));
        let mut section = String::new();
        let mut seen = 0;
        for line in std::fs::read_to_string(path).unwrap().lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = format!("{name}.");
            } else if let Some((key, rest)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ")) {
                let key = format!("{section}{key}");
                let setting = neuron::subnets::registry::settings()
                    .into_iter()
                    .find(|setting| setting.key == key)
                    .unwrap_or_else(|| panic!("{example} names {key}, which does not exist"));
                let value = rest.split('#').next().unwrap().trim().trim_matches('"');
                if let Some(default) = setting.default {
                    assert_eq!(value, default, "{example}: {key}");
                }
                seen += 1;
            }
        }
        assert!(seen > 5, "{example} has no commented settings");
    }
}
