//! The demo on real markets, as they were recorded.

use serde_json::{Value, json};

use crate::demo::report;
use crate::needs::shared;
use crate::recorded_scores::play;

tests! {
    blocking: recorded_real_markets_are_scored_exactly_once_each;
    asynchronous: recorded_markets_of_polymarket_are_scored_once_as_the_command_finds, recorded_conditions_of_azuro_are_scored_once_whichever_way_they_end
}

fn recorded_real_markets_are_scored_exactly_once_each() {
    let recordings = shared("data/polymarket-history");
    let report = report(&["--market.replay", recordings.to_str().unwrap()]);
    let scored = report["events_scored"].as_u64().unwrap();
    let tape = neuron::market::tape::load(&recordings).unwrap().only_scorable(1);
    assert_eq!(scored, tape.markets().len() as u64);
    assert!(scored > 0);
    assert_eq!(report["ranking_matches"], true);
    for miner in report["miners"].as_array().unwrap() {
        assert!(miner["predicted"].as_u64().unwrap() <= scored);
        assert_eq!(miner["planted_skill"], serde_json::Value::Null);
    }
}

async fn recorded_markets_of_polymarket_are_scored_once_as_the_command_finds() {
    assert!(play(&shared("data/polymarket-history"), "polymarket").await > 0);
}

/// No answer with games that have ended was ever recorded; the conditions are real, and end here in each way they can.
async fn recorded_conditions_of_azuro_are_scored_once_whichever_way_they_end() {
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(shared("data/azuro").join(name)).unwrap()).unwrap()
    };
    let fragments = read("documented_response_fragments.json");
    let fragments: Vec<&Value> = fragments.as_array().unwrap().iter().map(|it| &it["fragment"]).collect();
    let mut games = Vec::new();
    for fragment in &fragments {
        let outcomes = fragment["outcomes"].as_array().unwrap();
        for winner in 0..outcomes.len() {
            let number = games.len() + 1;
            let start = 1_767_225_600 + number * 9_000;
            // Of some recorded conditions the id is cut.
            let condition_id = format!("100610060000000000{number:019}000000001");
            let mut condition = (*fragment).clone();
            condition["conditionId"] = condition_id.as_str().into();
            condition["status"] = "Resolved".into();
            condition["resolvedBlockTimestamp"] = (start + 7_200).to_string().into();
            for (place, outcome) in condition["outcomes"].as_array_mut().unwrap().iter_mut().enumerate() {
                let own = outcome["outcomeId"].as_str().unwrap().to_owned();
                outcome["id"] = format!("0x{}_{condition_id}_{own}", "7f".repeat(20)).into();
                outcome["result"] = if place == winner { "Won" } else { "Lost" }.into();
            }
            games.push(json!({
                "gameId": format!("100610060000000000{number:019}"), "title": format!("Game {number}"), "status": "Resolved",
                "startsAt": start.to_string(), "conditions": [condition],
            }));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let count = games.len();
    std::fs::write(folder.path().join("games.json"), json!({"data": {"games": games}}).to_string()).unwrap();
    assert_eq!(play(folder.path(), "azuro").await, count);
}
