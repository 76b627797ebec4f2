//! Commands that no other test runs with `--output json`: what they print is what their published schemas say. The other
//! tests of commands check it along the way ([`json_schema::check_printed`]).
#![cfg(feature = "localnet")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::json_schema;
use crate::localnet::state::process;
use crate::support::{Process, neuron};

/// Runs `neuron ARGUMENTS --output json`, checks what it prints, and hands it out with the status.
fn printed(home: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = neuron().env("HOME", home).args(arguments).args(["--output", "json"]).output().unwrap();
    let told = || format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", told()));
    json_schema::check_printed(arguments, &document);
    (output.status.code().unwrap_or_else(|| panic!("{}", told())), document)
}

/// The same, for one that has to succeed.
fn done(home: &Path, arguments: &[&str]) -> Value {
    let (status, document) = printed(home, arguments);
    assert_eq!(status, 0, "{arguments:?}: {document}");
    document
}

/// The first document of a command that serves until it is stopped.
fn announced(arguments: &[&str]) -> (Process, Value) {
    let mut command = neuron();
    command.args(arguments).args(["--output", "json"]).stdout(Stdio::piped());
    let mut child = Process(command.spawn().unwrap());
    let mut text = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        text.push_str(&line.unwrap());
        if let Ok(document) = serde_json::from_str(&text) {
            json_schema::check_printed(arguments, &document);
            return (child, document);
        }
    }
    panic!("it ended: {text}");
}

#[test]
fn of_a_development_chain_and_who_begins_there() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let (_chain, banner) = process(&home.join("chain"), &[]);
    json_schema::check_printed(&["localnet"], &banner);
    let url = banner["endpoint"].as_str().unwrap();
    let status = done(home, &["localnet", "status", "--url", url]);
    assert_eq!(status["genesisHash"], banner["genesis_hash"], "{status}");

    let to = home.join("miner.toml").display().to_string();
    let begun = done(home, &["init", "--subtensor.network", url, "--netuid", "155", "--wallet.name", "w", "--to", &to]);
    assert_eq!((&begun["role"], &begun["netuid"]), (&"miner".into(), &155.into()));
    let next = begun["next"].as_array().unwrap();
    assert!(next.iter().any(|line| line.as_str().unwrap().starts_with("neuron doctor --config")), "{begun}");

    let nobody = "http://127.0.0.1:1";
    let (status, checkup) = printed(home, &["doctor", "--config", &to, "--market.polymarket.url", nobody]);
    assert_eq!(status, 1, "there is no wallet: {checkup}");
    let verdicts: Vec<&Value> = checkup["findings"].as_array().unwrap().iter().map(|it| &it["verdict"]).collect();
    assert!(verdicts.contains(&&"good".into()) && verdicts.contains(&&"bad".into()), "{checkup}");
}

#[test]
fn of_candles() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let (_exchange, it) = announced(&["klines", "simulate", "--listen", "127.0.0.1:0", "--seed", "4"]);
    let (store, csv) = (home.join("store.sqlite").display().to_string(), home.join("out.csv").display().to_string());
    let url = it["url"].as_str().unwrap();
    let fetched = done(home, &["klines", "fetch", "--days", "1", "--store", &store, "--url", url]);
    assert!(fetched["added"].as_u64().unwrap() > 200 && fetched["integrity"]["missing"] == 0, "{fetched}");
    let checked = done(home, &["klines", "check", "--store", &store]);
    assert_eq!((checked.as_array().unwrap().len(), &checked[0]["missing"]), (1, &0.into()));
    let exported = done(home, &["klines", "export", "--store", &store, &csv]);
    assert_eq!(exported["candles"], checked[0]["candles"]);
}

#[tokio::test]
async fn of_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let from = crate::score::ledger(home).await.display().to_string();
    let to = home.join("moved.sqlite").display().to_string();
    let moved = done(home, &["ledger", "migrate", "--from", &from, "--to", &to]);
    assert!(moved.as_array().unwrap().iter().any(|part| part["rows"].as_u64().unwrap() > 0), "{moved}");
    let lake = home.join("lake").display().to_string();
    let lake = done(home, &["score", "export", "--ledger", &to, "--lake", &lake]);
    assert!(lake["rows"].as_u64().unwrap() > 0, "{lake}");
}

#[test]
fn of_keys_pages_and_tables() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let made = done(home, &["gateway", "--new-key", "alice"]);
    assert_eq!(made["row"]["name"], "alice");
    let db = home.display().to_string();
    done(home, &["storefront", "key", "add", "bob", "--db.directory", &db]);
    assert_eq!(done(home, &["storefront", "key", "revoke", "bob", "--db.directory", &db])["revoked"], "bob");
    let earned = done(home, &["score", "incentives", "--seasons", "1", "--events", "20"]);
    assert!(earned.as_array().unwrap().len() > 3, "{earned}");
    let pages = done(home, &["man", "--to", &home.join("man").display().to_string()]);
    assert!(pages.as_array().unwrap().len() > 40, "{pages}");
    let commands = done(home, &["schema"]);
    assert!(commands.as_array().unwrap().contains(&"doctor".into()), "{commands}");
    let schema = done(home, &["schema", "stake", "add"]);
    assert_eq!(schema["title"], "neuron stake add --output json");
    assert_eq!(printed(home, &["schema", "stake", "ad"]).0, 2);
}
