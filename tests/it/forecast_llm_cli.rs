//! `neuron forecast` with the real binary, offline.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::json_schema;
use crate::support::neuron;

fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = neuron();
    command.env("HOME", home).env_remove("OPENAI_API_KEY").arg("forecast").args(arguments);
    let output = command.args(["--output", "json"]).output().unwrap();
    if let Ok(document) = serde_json::from_slice(&output.stdout) {
        json_schema::check_printed(&[&["forecast"], arguments].concat(), &document);
    }
    output
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn path(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A script whose model says 0.3 to everything.
fn script(folder: &Path) -> String {
    let lines = [
        r#"{"when":["How much does it help"],"say":"Rating: 5"}"#,
        r#"{"when":["Suppose B ends"],"say":"Probability [{mark}] if yes: *0.8*\nProbability [{mark}] if no: *20%*"}"#,
        r#"{"when":["Probability ["],"say":"It happens seldom.\nProbability [{mark}]: *0.3*"}"#,
        r#"{"say":"Search Queries:\nbank rates"}"#,
    ];
    path(folder, "script.jsonl", &lines.join("\n"))
}

/// Forty markets of forty days that ended, one opening every third day.
fn recorded(folder: &Path) -> String {
    let (mut markets, mut prices) =
        ("market,question,first_date,last_date,inferred_outcome\n".to_owned(), "market,date,yes_price\n".to_owned());
    let first: jiff::civil::Date = "2023-01-01".parse().unwrap();
    for market in 0..40i64 {
        let day = |n: i64| first.checked_add(jiff::Span::new().days(market * 3 + n)).unwrap();
        let yes = i64::from(market % 3 == 0);
        writeln!(markets, "m{market},Will bank rates rise in case {market}?,{},{},{yes}", day(0), day(39)).unwrap();
        for n in 0..40 {
            writeln!(prices, "m{market},{},{}", day(n), 0.2 + 0.015 * ((market * 7 + n) % 40) as f64).unwrap();
        }
    }
    path(folder, "data/markets.csv", &markets);
    path(folder, "data/prices.csv", &prices);
    folder.join("data").display().to_string()
}

#[test]
fn a_question_is_asked_with_its_reasons_sources_and_cost() {
    let home = tempfile::tempdir().unwrap();
    let script = script(home.path());
    for n in 0..6 {
        let text = format!(
            "{{\"title\":\"Bank rates {n}\",\"text\":\"Report {n}: the bank on rates {n}{n}{n}.\",\"published\":\"2024-04-1{n}\"}}"
        );
        path(home.path(), &format!("articles/{n}.json"), &text);
    }
    let articles = home.path().join("articles").display().to_string();
    let ask = |more: &[&str]| {
        let all = [
            "ask",
            "Will the bank cut rates in May?",
            "--date",
            "2024-05-01",
            "--llm.script",
            &script,
            "--llm.articles",
            &articles,
        ];
        run(home.path(), &[&all, more].concat())
    };
    let told = document(&ask(&["--price", "0.5", "--llm.models", "m=1/2"]));
    assert_eq!((told["models_said"].as_f64(), told["silence"].as_str()), (Some(0.3), None), "{told}");
    assert!(told["answer"].as_f64().unwrap() < 0.5 && told["sources"].as_array().unwrap().len() == 6);
    assert!(told["thoughts"][0]["text"].as_str().unwrap().contains("seldom"));
    assert_eq!(told["thoughts"][0]["prompt"], "scratchpad@1");
    let cost = told["cost"]["micro_usd"].as_u64().unwrap();
    assert!(cost > 0);
    let spent = document(&run(home.path(), &["spend"]));
    assert_eq!((spent["day"].as_u64(), spent["unsettled"].as_u64()), (Some(cost), Some(0)));
    assert!(told.get("conditional").is_none());
    let given = document(&ask(&["--llm.models", "m=1/2", "--if", "Will the bank cut rates in June?"]));
    assert_eq!(given["conditional"]["link"], serde_json::json!({"if_yes": 0.8, "if_no": 0.2}));
    let sure = document(&ask(&["--price", "0.95", "--llm.models", "m=1/2"]));
    assert_eq!((sure["silence"].as_str(), sure["cost"]["calls"].as_u64()), (Some("sure_market"), Some(0)));
    assert!(document(&ask(&["--price", "0.95", "--llm.models", "m=1/2", "--always"]))["answer"].is_f64());

    let found =
        document(&run(home.path(), &["retrieve", "bank rates", "--until", "2024-04-13", "--llm.articles", &articles]));
    assert_eq!(found["articles"].as_array().unwrap().len(), 3, "{found}");
    let none = run(home.path(), &["retrieve", "x"]);
    assert!(!none.status.success() && String::from_utf8_lossy(&none.stderr).contains("--llm.articles"));
    let keyless = run(home.path(), &["ask", "Will it?", "--llm.least_articles", "0"]);
    assert!(String::from_utf8_lossy(&keyless.stderr).contains("--llm.models"));
}

#[test]
fn a_set_of_forecastbench_is_answered_and_scored() {
    let home = tempfile::tempdir().unwrap();
    let questions = r#"{"forecast_due_date":"2026-05-10","question_set":"2026-05-10-llm.json","questions":[
        {"id":"m1","source":"manifold","question":"Will it?","freeze_datetime_value":"0.5","resolution_dates":"N/A"},
        {"id":"m2","source":"manifold","question":"Will it surely?","freeze_datetime_value":"0.9","resolution_dates":"N/A"},
        {"id":"f1","source":"fred","question":"Will X rise by {resolution_date}?","resolution_dates":["2026-05-17"]}]}"#;
    let ends = r#"{"forecast_due_date":"2026-05-10","question_set":"2026-05-10-llm.json","resolutions":[
        {"id":"m1","source":"manifold","direction":null,"resolution_date":"2026-05-20","resolved_to":1.0,"resolved":true},
        {"id":"f1","source":"fred","direction":null,"resolution_date":"2026-05-17","resolved_to":0.0,"resolved":true}]}"#;
    let (questions, ends) = (path(home.path(), "q.json", questions), path(home.path(), "r.json", ends));
    let (script, to) = (script(home.path()), home.path().display().to_string());
    let write = ["bench", "write", "--questions", &questions, "--to", &to, "--organization", "Lab"];
    let models = ["--llm.script", &script, "--llm.least_articles", "0", "--llm.weight", "1"];
    let told = document(&run(home.path(), &[write.as_slice(), &models].concat()));
    assert_eq!((told["forecasts"].as_u64(), told["by_models"].as_u64()), (Some(3), Some(2)), "{told}");
    assert!(told["complaints"].as_array().unwrap().is_empty());
    let file = told["file"].as_str().unwrap();
    assert!(file.ends_with("/2026-05-10.Lab.1.json"));
    let handed_in: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(handed_in["forecasts"][1]["forecast"], 0.9, "where the models are silent it is the price");
    let score = ["bench", "score", "--questions", &questions, "--resolutions", &ends, "--forecasts", file];
    let score = document(&run(home.path(), &score));
    assert!(
        (score["market"].as_f64().unwrap() - 0.49).abs() < 1e-9
            && (score["dataset"].as_f64().unwrap() - 0.09).abs() < 1e-9
    );
    assert_eq!((score["market_price"].as_f64(), score["imputed"].as_u64()), (Some(0.25), Some(0)));
}

#[test]
fn forecasters_are_judged_on_recorded_questions_offline() {
    let home = tempfile::tempdir().unwrap();
    let (data, script) = (recorded(home.path()), script(home.path()));
    let records = home.path().join("records.jsonl").display().to_string();
    let models = "market,constant,base_rate,statistical,ensemble,llm";
    let arguments = [
        "backtest",
        "--data",
        &data,
        "--models",
        models,
        "--llm.script",
        &script,
        "--llm.least_articles",
        "0",
        "--records",
        &records,
    ];
    let told = document(&run(home.path(), &arguments));
    assert_eq!(told["markets"], 40);
    let line =
        |name: &str| told["models"].as_array().unwrap().iter().find(|line| line["model"] == name).unwrap().clone();
    assert_eq!(line("market")["gain"]["value"], 0.0);
    assert!((line("constant")["brier"]["value"].as_f64().unwrap() - 0.25).abs() < 1e-12);
    for name in models.split(',') {
        for score in ["brier", "log_score", "calibration_error", "gain"] {
            let value = &line(name)[score];
            let at = |key: &str| value["interval"][key].as_f64().unwrap();
            assert!(at("low") <= at("high"), "{name} {score} {value}");
        }
        assert!(
            !line(name)["selective"].as_array().unwrap().is_empty()
                && !line(name)["bins"].as_array().unwrap().is_empty()
        );
    }
    // Silent where the market is sure; elsewhere it answers, and everything is written down.
    let share = line("llm")["share"].as_f64().unwrap();
    assert!(share > 0.2 && share < 1.0, "{share}");
    assert!(told["llm"]["silences"].as_array().unwrap().iter().any(|why| why[0] == "sure_market"));
    let lines = std::fs::read_to_string(&records).unwrap();
    assert_eq!(lines.lines().count() as u64, told["questions"].as_u64().unwrap());
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    let narrow = document(&run(home.path(), &["backtest", "--data", &data, "--price_between", "0.4,0.6"]));
    assert!(narrow["questions"].as_u64() < told["questions"].as_u64());
    let nothing = run(home.path(), &["backtest", "--data", &data, "--price_between", "0.99,1"]);
    assert!(!nothing.status.success());
}
