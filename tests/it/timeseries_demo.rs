//! `neuron demo --task timeseries`, the real binary.

use serde_json::Value;

use crate::demo::report;

fn miner<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["miners"].as_array().unwrap().iter().find(|miner| miner["name"] == name).unwrap()
}

#[test]
fn a_day_shows_the_planted_ranking_and_no_cheat_pays() {
    let report = report(&["--task", "timeseries", "--requests", "48", "--seed", "3"]);
    assert_eq!(report["requests_scored"], 48);
    assert_eq!(report["ranking_matches"], true);
    assert!(report["seconds"].as_f64().unwrap() > 0.0 && report["max_rss_mb"].as_f64().unwrap() < 200.0);
    assert_eq!(report["miners"].as_array().unwrap().len(), 9);
    for name in ["sharp", "good", "fair", "faint", "naive"] {
        let miner = miner(&report, name);
        let (planted, gained) = (miner["planted_skill"].as_f64().unwrap(), miner["mean_gain"].as_f64().unwrap());
        assert!((planted - gained).abs() < 0.01, "{name}: planted {planted}, gained {gained}");
        assert_eq!(miner["predicted"], 48, "{name}");
    }
    for name in ["liar", "late", "copier"] {
        let miner = miner(&report, name);
        assert_eq!((&miner["predicted"], &miner["weight"]), (&0.into(), &0.into()), "{name}");
    }
    assert_eq!(miner(&report, "sharp")["weight"], 65_535);
}
