//! `neuron demo`, the real binary: what it promises about its result, its output and what it leaves behind.

use std::process::Output;

use serde_json::Value;

use crate::json_schema;
use crate::support::neuron;

fn demo(arguments: &[&str]) -> Output {
    neuron().arg("demo").args(arguments).output().unwrap()
}

pub fn report(arguments: &[&str]) -> Value {
    let output = demo(&[arguments, &["--output", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "a good run has nothing to warn of: {said}");
    let report = serde_json::from_slice(&output.stdout).unwrap();
    json_schema::check_printed(&["demo"], &report);
    report
}

/// Without what may differ from run to run.
pub fn lasting(mut report: Value) -> Value {
    for field in ["seconds", "max_rss_mb"] {
        report.as_object_mut().unwrap().remove(field).unwrap();
    }
    report
}

#[test]
fn sixty_events_show_the_planted_ranking_within_the_promised_memory() {
    let report = report(&["--events", "60", "--seed", "1"]);
    assert_eq!(report["events_scored"], 60);
    assert_eq!(report["ranking_matches"], true);
    assert!(report["max_rss_mb"].as_f64().unwrap() < 200.0, "{}", report["max_rss_mb"]);
    let miners = report["miners"].as_array().unwrap();
    assert_eq!(miners.len(), 6);
    let miner = |name: &str| miners.iter().find(|miner| miner["name"] == name).unwrap();
    assert!(miner("sharp")["weight"].as_u64().unwrap() > 0);
    assert!(miner("sharp")["incentive"].as_f64().unwrap() > 0.0);
    assert!(miner("sharp")["emission_tao"].as_f64().unwrap() > miner("fair")["emission_tao"].as_f64().unwrap());
    // A copy of the price earns exactly nothing, rubbish is no prediction at all.
    assert_eq!(miner("copycat")["mean_gain"], 0.0);
    assert!(miner("copycat")["predicted"].as_u64().unwrap() > 50);
    assert_eq!(miner("garbage")["predicted"], 0);
    assert_eq!(miner("garbage")["weight"], 0);
}

/// As in a container that has the program and nothing else.
#[test]
fn a_machine_without_certificates_of_the_web_plays_it_too_and_hears_what_a_real_market_needs() {
    let bare = |arguments: &[&str]| {
        let nowhere = [("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")];
        neuron().args(arguments).envs(nowhere).output().unwrap()
    };
    let output = bare(&["demo", "--events", "3"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("WARN"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let output = bare(&["market-record", "--to", folder.path().to_str().unwrap(), "--rounds", "1"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("install the package ca-certificates"), "{said}");
}

#[test]
fn the_same_seed_gives_the_same_result_and_another_seed_another() {
    let arguments = ["--events", "60", "--seed", "7"];
    let first = lasting(report(&arguments));
    assert_eq!(first, lasting(report(&arguments)));
    assert_ne!(first["miners"], lasting(report(&["--events", "60", "--seed", "8"]))["miners"]);
}

#[test]
fn committed_weights_are_revealed_and_rank_as_well() {
    for mode in ["hashed", "timelocked"] {
        let report = report(&["--events", "60", "--seed", "1", "--weights", mode]);
        assert_eq!((&report["ranking_matches"], &report["weights"]["mode"]), (&true.into(), &mode.into()));
        let (committed, revealed) = (&report["weights"]["committed"], &report["weights"]["revealed"]);
        let (committed, revealed) = (committed.as_u64().unwrap(), revealed.as_u64().unwrap());
        assert!(revealed > 5 && committed >= revealed && committed <= revealed + 2, "{}", report["weights"]);
        assert_eq!(report["weights"]["read_back_equal"], true);
    }
    let plain = report(&["--events", "60", "--seed", "1"]);
    assert_eq!(plain["weights"]["read_back_equal"], true);
    assert_eq!(plain["weights"]["mode"], "plain");
}

#[test]
fn a_wrong_ranking_is_a_failure_and_still_one_document() {
    // So few events that luck outweighs skill for some seeds.
    let outputs: Vec<Output> =
        (1..=6).map(|seed| demo(&["--events", "1", "--seed", &seed.to_string(), "--output", "json"])).collect();
    for output in &outputs {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(report["ranking_matches"] == false)), "{report}");
    }
    assert!(outputs.iter().any(|output| !output.status.success()), "no seed was unlucky: the test is blind");
}

#[test]
fn games_of_azuro_rank_as_well_and_both_markets_at_once_too() {
    for seed in ["1", "2", "3"] {
        let report = report(&["--market", "azuro", "--events", "60", "--seed", seed]);
        assert_eq!((&report["events_scored"], &report["ranking_matches"]), (&60.into(), &true.into()), "{report}");
        let miners = report["miners"].as_array().unwrap();
        let gain = |name: &str| miners.iter().find(|miner| miner["name"] == name).unwrap()["mean_gain"].clone();
        for miner in miners {
            let (planted, gained) = (miner["planted_skill"].as_f64().unwrap(), miner["mean_gain"].as_f64().unwrap());
            assert!((planted - gained).abs() < 0.02, "{miner}");
        }
        assert_eq!(gain("copycat"), 0.0, "the odds are read the same on both sides");
    }
    let both = report(&["--market", "azuro,polymarket", "--events", "30", "--seed", "1"]);
    assert_eq!((&both["events_scored"], &both["ranking_matches"]), (&60.into(), &true.into()), "{both}");
}

#[test]
fn recorded_games_of_azuro_are_scored_exactly_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let game = |n: u64| {
        let core = "7f".repeat(20);
        let start = 1_767_225_600 + n * 9_000;
        let condition = format!("100610060000000000{n:019}000000001");
        let status = match n {
            3 => "Canceled",
            4 => "Created",
            _ => "Resolved",
        };
        let odds = |p: f64| format!("{:.12}", 1.0 / (p * 1.06));
        let share = 0.3 + 0.05 * (n % 9) as f64;
        let outcome = |number: u64, p: f64, won: bool| {
            let result = (status == "Resolved").then_some(if won { "Won" } else { "Lost" });
            serde_json::json!({"id": format!("0x{core}_{condition}_{number}"), "outcomeId": number.to_string(), "currentOdds": odds(p), "result": result})
        };
        let first_wins = n.is_multiple_of(2);
        serde_json::json!({
            "id": format!("g{n}"), "gameId": format!("100610060000000000{n:019}"), "title": format!("Reds – Blues {n}"), "status": status,
            "startsAt": start.to_string(), "conditions": [{
                "conditionId": condition, "status": status, "resolvedBlockTimestamp": (start + 7200).to_string(),
                "outcomes": [outcome(6979, share, first_wins), outcome(6980, 1.0 - share, !first_wins)],
            }],
        })
    };
    let page =
        |games: std::ops::Range<u64>| serde_json::json!({"data": {"games": games.map(game).collect::<Vec<_>>()}});
    std::fs::write(folder.path().join("page1.json"), page(0..20).to_string()).unwrap();
    // The same games again on the next page count once.
    std::fs::write(folder.path().join("page2.json"), page(15..30).to_string()).unwrap();
    let tape = neuron::market::tape::load(folder.path()).unwrap();
    assert_eq!((tape.markets().len(), tape.unusable().repeated), (29, 5), "one was cancelled");
    let report = report(&["--market", "azuro", "--market.replay", folder.path().to_str().unwrap()]);
    assert_eq!(
        (&report["events_scored"], &report["ranking_matches"]),
        (&28.into(), &true.into()),
        "one is still open: {report}"
    );
    let copycat = report["miners"].as_array().unwrap().iter().find(|miner| miner["name"] == "copycat").unwrap().clone();
    assert_eq!(copycat["mean_gain"], 0.0);
    assert!(report["miners"][0]["mean_gain"].as_f64().unwrap() > 0.0, "hindsight pays");
}

#[test]
fn the_service_of_2025_is_played_by_its_own_rule() {
    for seed in ["1", "2"] {
        let report = report(&["--market", "ifgames", "--events", "40", "--seed", seed]);
        assert_eq!((&report["events_scored"], &report["ranking_matches"]), (&40.into(), &true.into()), "{report}");
        let miners = report["miners"].as_array().unwrap();
        let gain =
            |name: &str| miners.iter().find(|miner| miner["name"] == name).unwrap()["mean_gain"].as_f64().unwrap();
        // Against each other: who knows most is above all, and who is silent is taken to have been wrong.
        let others = ["good", "fair", "part-time", "copycat", "garbage"];
        assert!(others.iter().all(|other| gain("sharp") > gain(other)), "{report}");
        assert!(gain("sharp") > 0.0 && gain("copycat") < 0.0, "there is no price to copy: {report}");
    }
}

#[test]
fn a_market_that_nobody_knows_is_named() {
    for (arguments, word) in [
        (&["--market", "betfair"][..], "betfair"),
        (&["--market", "ifgames,polymarket"], "ifgames alone"),
        (&["--task", "prompting", "--market", "azuro"], "azuro"),
    ] {
        let output = demo(arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(word), "{message}");
    }
}

#[test]
fn nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = neuron()
        .args(["demo", "--events", "3"])
        .env("TMPDIR", folder.path())
        .env("HOME", folder.path())
        .output()
        .unwrap();
    // Three events may rank wrongly; what is asked here is what remains.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn without_a_terminal_there_are_plain_lines_and_a_table() {
    let output = demo(&["--events", "60", "--seed", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\x1b'), "escape sequences in a pipe");
    assert!(text.contains("events scored") && text.contains("planted skill") && text.contains("copycat"), "{text}");
}

#[test]
fn a_folder_without_recordings_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(&["--market.replay", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains(folder.path().to_str().unwrap()) && message.contains("record"), "{message}");
}

#[test]
fn prompts_show_the_planted_ranking_and_who_streams_badly() {
    let report = report(&["--task", "prompting", "--events", "40", "--seed", "1"]);
    assert_eq!(report["questions_scored"], 40);
    assert_eq!(report["ranking_matches"], true);
    assert!(report["max_rss_mb"].as_f64().unwrap() < 200.0, "{}", report["max_rss_mb"]);
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
    let miners = report["miners"].as_array().unwrap();
    assert_eq!(miners.len(), 8);
    for miner in miners {
        let (planted, gained) = (miner["planted_skill"].as_f64().unwrap(), miner["mean_gain"].as_f64().unwrap());
        assert!((planted - gained).abs() < 0.05, "{miner}");
        assert_eq!(miner["predicted"], 40, "partial answers count: {miner}");
    }
    let gain = |name: &str| miners.iter().find(|miner| miner["name"] == name).unwrap()["mean_gain"].as_f64().unwrap();
    assert!((gain("one-chunk") / gain("whole") - 0.95).abs() < 1e-6, "one huge chunk costs exactly a twentieth");
}

#[test]
fn the_same_prompts_are_worth_the_same() {
    let arguments = ["--task", "prompting", "--events", "20", "--seed", "3"];
    assert_eq!(lasting(report(&arguments)), lasting(report(&arguments)));
}
