//! `neuron market-sim` as other processes meet it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use neuron::clock::Clock;
use neuron::market::polymarket::{Polymarket, PolymarketSettings};
use neuron::market::{HttpSettings, Listing, Provider, Resolution, TruthClient};
use serde_json::Value;

use crate::json_schema;
use crate::support::{Process, neuron};

/// Starts it and reads what it announces: one JSON document.
fn start(arguments: &[&str]) -> (Process, Value) {
    let mut command = neuron();
    command.args(["market-sim", "--output", "json"]).args(arguments).stdout(Stdio::piped());
    let mut market = Process(command.spawn().unwrap());
    let mut text = String::new();
    let mut lines = BufReader::new(market.stdout.take().unwrap()).lines();
    loop {
        text.push_str(&lines.next().expect("it ended before it announced itself").unwrap());
        if let Ok(announced) = serde_json::from_str(&text) {
            json_schema::check_printed(&["market-sim"], &announced);
            return (market, announced);
        }
    }
}

fn client(url: &str) -> Polymarket {
    let http = HttpSettings { spacing: Duration::ZERO, ..HttpSettings::at(url) };
    let settings =
        PolymarketSettings { http, cutoff_before_end: Duration::from_secs(120), ..PolymarketSettings::default() };
    Polymarket::new(settings, Clock::wall()).unwrap()
}

#[tokio::test]
async fn a_restart_shows_the_same_events_and_a_signal_ends_it_well() {
    let mut worlds: Vec<Vec<Listing>> = Vec::new();
    for _ in 0..2 {
        let (mut market, announced) = start(&["--listen", "127.0.0.1:0", "--seed", "7"]);
        let url = announced["url"].as_str().unwrap();
        assert_eq!(announced["seed"], 7);
        let listings = client(url).list().await.unwrap();
        assert!(listings.len() > 40, "20 minutes less 2 of events every 20 seconds: {}", listings.len());
        let id = &listings[0].event.id;
        assert_eq!(client(url).fetch(id).await.unwrap().resolution, Resolution::Open);
        TruthClient::new(HttpSettings::at(url)).unwrap().truth(id).await.unwrap();
        worlds.push(listings);
        Command::new("kill").arg(market.id().to_string()).status().unwrap();
        assert!(market.wait().unwrap().success());
    }
    let ids = |world: &[Listing]| world.iter().map(|l| l.event.id.clone()).collect::<Vec<_>>();
    let (first, second) = (ids(&worlds[0]), ids(&worlds[1]));
    assert!(first.iter().filter(|id| second.contains(id)).count() > 40, "{first:?} {second:?}");
}

#[tokio::test]
async fn a_recording_begins_now() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tape");
    // The second price comes a day after the first: at this speed, after hours.
    let (_market, announced) = start(&["--listen", "127.0.0.1:0", "--replay", folder, "--speed", "2"]);
    assert_eq!((&announced["recorded_markets"], &announced["unusable"]["bad_rows"]), (&7.into(), &4.into()));
    let url = announced["url"].as_str().unwrap();
    let first = client(url).fetch("0xef").await.unwrap();
    assert_eq!(first.resolution, Resolution::Open);
    assert!(client(url).fetch("0xbb").await.is_err(), "it opens later");
}

#[test]
fn a_simulated_market_can_be_recorded() {
    let (_market, announced) = start(&["--listen", "127.0.0.1:0", "--seed", "3"]);
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("tape");
    let output = neuron()
        .args(["market-record", "--output", "json", "--rounds", "2", "--every", "10ms", "--to", to.to_str().unwrap()])
        .args(["--market.cutoff_before_end", "2m", "--market.polymarket.url", announced["url"].as_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&done["rounds"], &done["rounds_lost"]), (&2.into(), &0.into()));
    json_schema::check_printed(&["market-record"], &done);
    let tape = neuron::market::tape::load(&to).unwrap();
    assert!(tape.markets().len() > 40 && tape.markets().iter().all(|market| !market.prices.is_empty()));
}

#[test]
fn its_games_can_be_recorded_through_azuro_and_played_again() {
    let (_market, announced) = start(&["--listen", "127.0.0.1:0", "--seed", "3"]);
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("tape");
    let record = |markets: &str| {
        neuron()
            .args(["market-record", "--output", "json", "--rounds", "1", "--to", to.to_str().unwrap()])
            .args(["--market", markets, "--market.azuro.url", announced["url"].as_str().unwrap()])
            .output()
            .unwrap()
    };
    let output = record("azuro");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tape = neuron::market::tape::load(&to).unwrap();
    // Half of the 20 minutes of each game, one every 20 seconds.
    assert!(tape.markets().len() > 20, "{}", tape.markets().len());
    assert!(tape.markets().iter().all(|it| it.id.starts_with("0x") && !it.prices.is_empty() && it.outcomes[0] == "On"));
}

#[test]
fn a_recording_that_read_nothing_says_so_with_a_status_of_its_own() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let folder = tempfile::tempdir().unwrap();
    let output = neuron()
        .args(["market-record", "--output", "json", "--rounds", "1", "--market.polymarket.url", &url, "--to"])
        .arg(folder.path().join("tape"))
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{message}");
    assert!(message.contains(&url) && message.contains("1 of 1 rounds"), "{message}");
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&done["rounds"], &done["rounds_lost"]), (&1.into(), &1.into()));
}

#[test]
fn what_cannot_work_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, status, words) in [
        (vec!["--listen", taken.as_str()], 2, taken.as_str()),
        (vec!["--listen", "127.0.0.1:0", "--error", "3"], 2, "error = 3"),
        (vec!["--replay", "/nonexistent/tape"], 4, "/nonexistent/tape"),
        (vec!["--replay", "x", "--seed", "1"], 2, "--seed"),
        (vec!["--horizon", "later"], 2, "later"),
    ] {
        let output = neuron().arg("market-sim").args(&arguments).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{message}");
        assert!(message.contains(words), "{message}");
        assert!(output.stdout.is_empty());
    }
}
