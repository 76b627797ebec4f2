//! Recorded markets through the whole job: every one that ended is scored exactly once, and `neuron score` finds in the ledger what
//! is in the recording.

use std::path::Path;

use neuron::demo::{self, DemoConfig};
use neuron::ledger::Place;
use neuron::market::tape;
use neuron::role::weights::Mode;
use neuron::scoring::admission::EventState;
use neuron::subnets::events::ledger::Archive;
use serde_json::{Value, json};

use crate::support::neuron;

/// Plays a folder of recordings on a market, and holds the ledger against them; how many were scored.
pub async fn play(folder: &Path, market: &str) -> usize {
    let kept = tempfile::tempdir().unwrap();
    let path = kept.path().join("ledger.sqlite");
    let config = DemoConfig {
        task: "events".to_owned(),
        goal: None,
        seed: 1,
        replay: Some(folder.to_owned()),
        markets: vec![market.to_owned()],
        weights: Mode::Plain,
        ledger: Some(Place::from(path.clone())),
    };
    demo::run(&config, |_| ()).await.unwrap();

    let tape = tape::load(folder).unwrap().only_scorable(1);
    let tape = if market == "azuro" { tape.only_decided() } else { tape };
    let archive = Archive::open(&path).unwrap();
    let settled = archive.settled().unwrap();
    assert_eq!(settled.len(), tape.markets().len());
    let mut scores = 0;
    for market in tape.markets() {
        let events: Vec<_> = settled.iter().filter(|event| event.id == market.id).collect();
        let [event] = events[..] else { panic!("{} is there {} times", market.id, events.len()) };
        let (_, outcome) = market.settled.unwrap();
        assert_eq!((event.state, event.outcome), (EventState::Scored, Some(outcome.get())), "{}", event.key);
        let life = archive.changes(&event.key).unwrap();
        let times = life.iter().filter(|change| change.state == EventState::Scored).count();
        assert_eq!(times, 1, "{} is scored once: {life:?}", event.key);
        scores += archive.scores_of(&event.key).unwrap().unwrap().1.len();
    }
    assert!(scores > settled.len(), "several miners are scored");

    let score = |arguments: &[&str]| -> Value {
        let ledger = path.to_str().unwrap();
        let output = neuron().arg("score").args(arguments).args(["--ledger", ledger, "--output", "json"]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(score(&["verify"]), json!({"events": settled.len(), "scores": scores, "differences": []}));
    settled.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_recorded_games_are_scored_once_each_as_the_command_finds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/azuro_recorded");
    // Of 23 games two were cancelled, one is open, and of two nobody knows how they ended.
    assert_eq!(play(&folder, "azuro").await, 18);
}
