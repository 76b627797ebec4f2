//! The demo on real markets, as they were recorded.

use crate::demo::report;
use crate::needs::shared;

tests! { blocking: recorded_real_markets_are_scored_exactly_once_each }

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
