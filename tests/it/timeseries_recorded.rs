//! The demo on recorded candles, and what the files of `../shared` look like to us.

use crate::demo::report;
use crate::needs::shared;

tests! { blocking: recorded_candles_rank_the_planted_skill, the_recorded_files_are_read }

fn recorded_candles_rank_the_planted_skill() {
    let folder = shared("data/btc-klines");
    let arguments = ["--task", "timeseries", "--requests", "48", "--market.replay", folder.to_str().unwrap()];
    let report = report(&arguments);
    assert_eq!(report["requests_scored"], 48);
    assert_eq!(report["ranking_matches"], true);
    assert!(report["miners"].as_array().unwrap().len() >= 6 && report["seconds"].is_number());
}

fn the_recorded_files_are_read() {
    let found = neuron::market::klines::files::load(&shared("data/btc-klines")).unwrap();
    let longest = &found[0];
    assert!(longest.series.candles().len() > 1000, "{:?}", longest.path);
    assert_eq!(longest.integrity.unsound, 0, "{:?}", longest.integrity);
    // A response of Binance as it was recorded is among them.
    assert!(found.iter().any(|file| file.path.extension().is_some_and(|kind| kind == "json")));
}
