//! `neuron model` with the real binary: trained, listed, shown, judged, and refused when the file is another.

use std::path::Path;
use std::process::Output;

use neuron::market::klines::files::write_csv;
use neuron::market::klines::series::Series;
use neuron::units::UnixMs;
use serde_json::Value;

use crate::json_schema;
use crate::support::neuron;

fn run(home: &Path, arguments: &[&str]) -> Output {
    let output = neuron().env("HOME", home).arg("model").args(arguments).args(["--output", "json"]).output().unwrap();
    if let Ok(document) = serde_json::from_slice(&output.stdout) {
        json_schema::check_printed(&[&["model"], arguments].concat(), &document);
    }
    output
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(output: &Output, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    for word in words {
        assert!(text.contains(word), "no `{word}` in {text}");
    }
}

/// Five weeks of candles in a file.
fn candles(folder: &Path) -> String {
    let file = folder.join("candles.csv");
    write_csv(&file, Series::simulated(5, UnixMs(1_767_225_600_000), 10_000).candles()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_model_is_trained_found_by_name_judged_and_refused_when_the_file_is_another() {
    let home = tempfile::tempdir().unwrap();
    let candles = candles(home.path());
    let models = home.path().join(".neuron/models");
    let file = models.join("mine.json");
    let path = file.to_str().unwrap();
    let trained =
        document(&run(home.path(), &["train", "--model", "ridge", "--out", path, "--market.replay", &candles]));
    assert_eq!(trained["manifest"]["model"], "ridge");
    assert_eq!(trained["manifest"]["data"]["candles"], 8000);

    let listed = document(&run(home.path(), &["list"]));
    let row = |name: &str| listed.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!(row("mine")["manifest"], trained["manifest"]);
    assert!(row("model_v5_1")["refused"].as_str().unwrap().contains("model_v5_1.safetensors"));
    assert!(row("persistence").get("refused").is_none());
    assert_eq!(document(&run(home.path(), &["show", "mine"]))["manifest"], trained["manifest"]);

    let models = ["--models", "persistence,mine", "--stride", "24", "--market.replay", &candles];
    let judged = document(&run(home.path(), &[&["backtest"], models.as_slice()].concat()));
    assert_eq!(judged["models"][1]["model"], "mine");
    assert!(judged["models"][1]["ratio"].as_f64().unwrap() > 0.5);

    let out = home.path().join("out");
    let drawn =
        document(&run(home.path(), &[&["backtest", "--out", out.to_str().unwrap()], models.as_slice()].concat()));
    let files: Vec<&str> = drawn["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    let named = |end: &str| files.iter().filter(|file| file.ends_with(end)).count();
    assert_eq!([named(".csv"), named(".parquet"), named(".svg")], [3, 3, 5], "{files:?}");
    for file in files {
        let content = std::fs::read(file).unwrap();
        let begins: &[u8] = match file.rsplit_once('.').unwrap().1 {
            "parquet" => b"PAR1",
            "svg" => b"<svg",
            _ => continue,
        };
        assert!(content.starts_with(begins), "{file}");
    }
    let rows = std::fs::read_to_string(out.join("forecasts.csv")).unwrap().lines().count();
    assert_eq!(rows as u64, 1 + 2 * drawn["forecasts"].as_u64().unwrap());
    let svg = std::fs::read_to_string(out.join("fan-3.svg")).unwrap();
    assert!(svg.contains("polygon") && svg.contains("mine"), "{svg}");

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("0.", "0.0", 1)).unwrap();
    for arguments in [&["show", "mine"][..], &[&["backtest"], models.as_slice()].concat()] {
        refused(&run(home.path(), arguments), &["mine.json", "SHA-256"]);
    }
}

#[test]
fn what_cannot_be_is_said_in_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    let candles = candles(home.path());
    let out = home.path().join("x.json");
    let train = |more: &[&str]| run(home.path(), &[&["train", "--market.replay", &candles], more].concat());
    refused(&train(&["--model", "oracle", "--out", out.to_str().unwrap()]), &["oracle", "ridge"]);
    refused(&train(&["--model", "ar", "--out", "x.bin"]), &["x.bin", ".json"]);
    refused(&run(home.path(), &["show", "oracle"]), &["oracle", "neuron model list"]);
    std::fs::write(home.path().join("weights.bin"), "x").unwrap();
    refused(&run(home.path(), &["adopt", home.path().join("weights.bin").to_str().unwrap()]), &["safetensors", "onnx"]);
    let backtest = |name: &str| {
        run(home.path(), &["backtest", "--models", &format!("persistence,{name}"), "--market.replay", &candles])
    };
    for name in ["model_v4_1", "model_v5_1"] {
        refused(&backtest(name), &[&format!("{name}.safetensors"), ".neuron/models"]);
    }
    refused(&backtest("oracle"), &["oracle", "persistence", "ensemble"]);
}

#[test]
fn a_miner_is_told_of_a_wrong_model_before_wallet_and_chain_are_looked_for() {
    let home = tempfile::tempdir().unwrap();
    let mine = |flags: &[&str]| {
        let nowhere = ["miner", "--netuid", "8", "--subtensor.network", "ws://127.0.0.1:9", "--wallet.name", "nobody"];
        neuron().env("HOME", home.path()).args(nowhere).args(flags).output().unwrap()
    };
    refused(&mine(&["--base_model", "model_v9"]), &["model_v9", "persistence"]);
    refused(&mine(&["--timeseries.period", "0s"]), &["timeseries.period"]);
    refused(&mine(&["--klines.sources", "mtgox"]), &["mtgox", "kraken"]);
    refused(&mine(&[]), &["nobody"]);
}
