//! Every golden vector of `vectors/scoring` that our rules claim, every case of whatever set lies there: where a case is
//! met by another result on purpose, that result is asserted.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use ndarray::ArrayView1;
use neuron::scoring::admission::{EventState, Fate, Prices, Window};
use neuron::scoring::averages_2024::{Daily, ema_step};
use neuron::scoring::community::community;
use neuron::scoring::event::{EventFrame, EventStats, selected};
use neuron::scoring::grid::{interval_weights, minutes_since_origin};
use neuron::scoring::legacy::{
    differentiated_2024_07, differentiated_2024_08, differentiated_2025_01, interval_score_2024,
    interval_score_2025_01, unborn_intervals,
};
use neuron::scoring::peer::{PeerCell, Presence, interval};
use neuron::scoring::rules::{Clip, IntervalWeight, RuleName, SequentialOrder};
use neuron::scoring::sequential::chain;
use neuron::scoring::streaming::{Weighted, chunk_penalty, decayed_step, noted_status, noted_time, total_reward};
use neuron::scoring::sybil::{pair_rent, report_rent};
use neuron::scoring::timeseries::chain::Spread;
use neuron::scoring::timeseries::long_run::{Start, update};
use neuron::scoring::timeseries::volatility::{PercentileTables, percentile};
use neuron::scoring::timeseries::{rmse, scaling};
use neuron::scoring::weights::{emit, limit_largest, process, read_back};
use neuron::scoring::window::{ScoredEvent, averages, shares};
use neuron::scoring::{IntervalStats, Report, Rules, quadratic};
use neuron::units::{Uid, UnixMs};
use serde_json::Value;

use crate::needs::{lacks, shared};

tests! { blocking: the_main_rule_on_one_event, from_event_scores_to_shares, the_sequential_chain, the_quadratic_rule_and_the_settlement_of_june_2024, interval_weights_and_the_grid, the_mean_of_an_interval, the_peer_rule_end_to_end, averages_of_summer_2024, the_sdk_conversion_to_chain_weights, timeseries_errors_of_forecasts, timeseries_shares_of_a_request_and_older_scalings, timeseries_percentiles_of_volatility, timeseries_long_run_weights, timeseries_weights_for_the_chain, the_class_balanced_average_of_the_peer_rule, the_interval_scores_of_summer_2024, the_interval_scores_of_january_2025, the_worth_of_a_streamed_answer, what_a_pair_of_sybils_may_expect, the_community_prediction_of_a_storefront }

/// The cases of a file.
fn cases(file: &str) -> Vec<Value> {
    let path = shared(&format!("vectors/scoring/{file}.json"));
    let document: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let cases = document["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{file}");
    cases
}

/// Numbers, or the texts that stand for numbers JSON does not have; `None` for what is no number.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn fraction(text: &Value) -> f64 {
    let (n, d) = text.as_str().unwrap().split_once('/').unwrap();
    n.parse::<f64>().unwrap() / d.parse::<f64>().unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| number(x).unwrap_or(f64::NAN)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn near(context: &str, got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance, "{context}: {got} instead of {want}");
}

fn time(value: &Value) -> UnixMs {
    let at: jiff::Timestamp = value.as_str().unwrap().parse().unwrap();
    UnixMs(at.as_millisecond())
}

fn rules_of(config: &Value) -> Rules {
    let mut rules = Rules::default();
    for (key, value) in config.as_object().unwrap() {
        match key.as_str() {
            "price_max_age_ms" => rules.price_max_age_seconds = (value.as_u64().unwrap() / 1000) as u32,
            "power" => rules.interval_power = value.as_f64().unwrap(),
            "interval_weight" => rules.interval_weight = serde_json::from_value(value.clone()).unwrap(),
            "submission" => rules.submission = serde_json::from_value(value.clone()).unwrap(),
            "reference_pick" => rules.reference_pick = serde_json::from_value(value.clone()).unwrap(),
            other => panic!("unknown setting {other}"),
        }
    }
    rules
}

fn the_main_rule_on_one_event() {
    let cases = cases("market_event");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i} ({})", case["kind"]);
        let rules = rules_of(&case["config"]);
        let event = &case["event"];
        let (expect, submissions) = (&case["expect"], case["submissions"].as_array().unwrap());
        let status = event["status"].as_str().unwrap();
        if status != "resolved" {
            assert_eq!(expect["state"], status, "{context}");
            continue;
        }
        let window = Window {
            opened: UnixMs(event["opened"].as_i64().unwrap()),
            cutoff: UnixMs(event["cutoff"].as_i64().unwrap()),
            resolved: event["resolved"].as_i64().map(UnixMs),
        };
        let outcome = number(&event["outcome"]).unwrap();
        let observed = event["prices"].as_array().unwrap().iter();
        let prices = Prices::new(observed.filter_map(|x| Some((UnixMs(x[0].as_i64().unwrap()), number(&x[1])?))));
        let state = window.state(&prices, rules.price_max_age_ms());
        assert_eq!(serde_json::to_value(state).unwrap(), expect["state"], "{context}");
        assert_eq!(window.close().0, expect["close"].as_i64().unwrap(), "{context}");
        if state != EventState::Scored {
            continue;
        }
        let mut names: Vec<_> = submissions.iter().map(|s| text(&s[0])).collect();
        names.sort();
        names.dedup();
        let grid = rules.grid();
        let mut cells: BTreeMap<(i64, usize), IntervalStats> = BTreeMap::new();
        for (submission, fate) in submissions.iter().zip(expect["fates"].as_array().unwrap()) {
            let t = UnixMs(submission[1].as_i64().unwrap());
            let p = number(&submission[2]).unwrap_or(f64::NAN);
            let got = match window.admit(t, p, &prices, rules.price_max_age_ms()) {
                Ok(admitted) => {
                    let r = admitted.reference(rules.reference_pick, outcome);
                    let report = Report { t, p: admitted.p, r };
                    let miner = names.binary_search(&text(&submission[0])).unwrap();
                    let row = grid.index(t) - grid.index(window.opened);
                    cells.entry((row, miner)).and_modify(|s| s.add(report)).or_insert(IntervalStats::of(report));
                    Fate::Scored
                }
                Err(fate) => fate,
            };
            assert_eq!(&serde_json::to_value(got).unwrap(), fate, "{context} {submission}");
        }
        let frame = EventFrame { opened: window.opened, close: window.close(), outcome, prior: 0.5 };
        let mut stats = EventStats::new(&frame, &rules, vec![UnixMs(0); names.len()]);
        for ((row, miner), cell) in &cells {
            stats.set(usize::try_from(*row).unwrap(), *miner, cell);
        }
        let scores = selected(&rules).score(&stats.view());
        let got: Vec<_> = names.iter().zip(scores).filter_map(|(name, score)| Some((name, score?))).collect();
        let want = expect["scores"].as_array().unwrap();
        assert_eq!(got.len(), want.len(), "{context}");
        for ((name, score), line) in got.iter().zip(want) {
            assert_eq!(name.as_str(), line[0].as_str().unwrap(), "{context}");
            near(&context, *score, line[2].as_f64().unwrap(), 1e-12);
        }
    }
}

fn from_event_scores_to_shares() {
    let cases = cases("market_window");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i}");
        let clip: Clip = serde_json::from_value(case["clip"].clone()).unwrap();
        let exponent = case["exponent"].as_u64().unwrap() as u8;
        let rules = Rules { clip, exponent, ..Rules::default() };
        let miners: Vec<String> = case["miners"].as_array().unwrap().iter().map(text).collect();
        let events = case["events"].as_array().unwrap().iter().map(|event| {
            let lines = event.as_array().unwrap().iter();
            let scores = lines.map(|line| (miners.iter().position(|m| line[0] == **m).unwrap(), fraction(&line[1])));
            ScoredEvent { outcome: 1.0, resolved: UnixMs(0), scores: scores.collect() }
        });
        let events: Vec<_> = events.collect();
        let averages = averages(&events, &rules);
        let rewards: Vec<_> = (0..miners.len()).map(|m| (m, averages.get(&m).map_or(0.0, |a| a.reward))).collect();
        let shares = shares(&rewards);
        let expect = |field: &str| case["expect"][field].as_array();
        for (field, last) in [("mean", 2), ("reward", 1)] {
            for (m, line) in expect(field).unwrap().iter().enumerate() {
                assert_eq!(line[0].as_str().unwrap(), miners[m], "{context}");
                let got = averages.get(&m).map_or(0.0, |a| if field == "mean" { a.mean } else { a.reward });
                near(&context, got, line[last].as_f64().unwrap(), 1e-12);
            }
        }
        match expect("weight") {
            None => assert_eq!(shares, None, "{context}"),
            Some(lines) => {
                for (line, (_, share)) in lines.iter().zip(shares.unwrap()) {
                    near(&context, share, line[1].as_f64().unwrap(), 1e-12);
                }
            }
        }
    }
}

fn the_sequential_chain() {
    let cases = cases("sequential");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i}");
        let order: SequentialOrder = serde_json::from_value(case["order"].clone()).unwrap();
        let (outcome, prior) = (number(&case["outcome"]).unwrap(), number(&case["prior"]).unwrap());
        let mut last: BTreeMap<String, (i64, f64)> = BTreeMap::new();
        for s in case["submissions"].as_array().unwrap() {
            let (t, p) = (s[1].as_i64().unwrap(), number(&s[2]).unwrap());
            let entry = last.entry(text(&s[0])).or_insert((t, p));
            if t >= entry.0 {
                *entry = (t, p);
            }
        }
        let reports = last.iter().map(|(name, (t, p))| (name.as_str(), UnixMs(*t), *p)).collect();
        let got = chain(reports, prior, outcome, order);
        let got_scores: HashMap<_, _> = got.scores.iter().copied().collect();
        let want = case["expect"]["scores"].as_array().unwrap();
        assert_eq!(got_scores.len(), want.len(), "{context}");
        for line in want {
            near(&context, got_scores[line[0].as_str().unwrap()], line[2].as_f64().unwrap(), 1e-12);
        }
        near(&context, got.state, fraction(&case["expect"]["final_state"]), 1e-12);
        let total: f64 = got.scores.iter().map(|(_, s)| s).sum();
        near(&context, total, fraction(&case["expect"]["total"]), 1e-12);
    }
}

fn the_quadratic_rule_and_the_settlement_of_june_2024() {
    let cases = cases("brier");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i}");
        if case["kind"] == "point" {
            let (p, o) = (number(&case["p"]).unwrap(), number(&case["outcome"]).unwrap());
            near(&context, quadratic::loss(p, o), case["loss"].as_f64().unwrap(), 1e-15);
            near(&context, quadratic::gain(p, o), case["gain"].as_f64().unwrap(), 1e-15);
            continue;
        }
        // On 20 June whatever resolved NO was thrown away (defect 1); the rest is scored as on 28 June.
        let old = &case["ref_2024_06_20"];
        assert!(case["answer"] != 0 || old["scored"] == false, "{context}");
        if old["scored"] == true {
            assert_eq!(old["scores_f32"], case["ref_2024_06_28"]["scores_f32"], "{context}");
        }
        // The version of 28 June; it takes NaN for 1 (defect 6) and fails on text (defect 5). Ours: no prediction.
        let Some(want) = case["ref_2024_06_28"]["scores_f32"].as_array() else { continue };
        let outcome = case["answer"].as_f64().unwrap();
        let mut rewards = vec![0.0; want.len()];
        let mut differs = vec![false; want.len()];
        for s in case["submissions"].as_array().unwrap() {
            let uid = s[0].as_u64().unwrap() as usize;
            let p = number(&s[1]).filter(|p| p.is_finite());
            differs[uid] = p.is_none();
            rewards[uid] = p.map_or(0.0, |p| quadratic::gain(p.clamp(0.0, 1.0), outcome));
        }
        for ((got, want), _) in rewards.iter().zip(want).zip(&differs).filter(|(_, differs)| !**differs) {
            near(&context, *got, want.as_f64().unwrap(), 1e-7);
        }
    }
}

fn interval_weights_and_the_grid() {
    let cases = cases("interval_grid");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i}");
        let variant = case["variant"].as_str().unwrap();
        if variant == "align" {
            let t = time(&case["time"]);
            let minutes = minutes_since_origin(t);
            // The reference truncates seconds towards zero before it floors minutes; that differs before 2024 only.
            assert_eq!(minutes, case["minutes"].as_i64().unwrap(), "{context}");
            let grid = Rules::default().grid();
            let start = minutes_since_origin(grid.start(grid.index(t)));
            assert_eq!(start, case["interval_start"].as_i64().unwrap(), "{context}");
            continue;
        }
        let scheme = match variant {
            "power" | "power_2025_07" => IntervalWeight::Power,
            "reverse_exponential_2025_04" => IntervalWeight::ExponentialFlat2,
            "reverse_exponential_2024_07" => IntervalWeight::Exponential,
            other => panic!("{other}"),
        };
        let power = case["exponent"].as_f64().unwrap_or(2.0);
        let want = floats(&case["weights"]);
        let got = interval_weights(scheme, power, case["n"].as_u64().unwrap() as usize);
        assert_eq!(got.len(), want.len(), "{context}");
        got.iter().zip(want).for_each(|(got, want)| near(&context, *got, want, 1e-12));
    }
}

fn the_mean_of_an_interval() {
    let cases = cases("interval_mean");
    for (i, case) in cases.iter().enumerate() {
        let reports = floats(&case["series"]);
        let mut stats: Option<IntervalStats> = None;
        for (t, p) in reports.iter().enumerate() {
            let report = Report { t: UnixMs(t as i64), p: *p, r: 0.5 };
            match &mut stats {
                None => stats = Some(IntervalStats::of(report)),
                Some(stats) => stats.add(report),
            }
        }
        let stats = stats.unwrap();
        assert_eq!(u64::from(stats.count), case["count"].as_u64().unwrap());
        assert_eq!(stats.last.p, case["latest"].as_f64().unwrap());
        near(&format!("case {i}"), stats.mean_p(), case["mean"].as_f64().unwrap(), 1e-15);
    }
}

fn the_peer_rule_end_to_end() {
    let cases = cases("peer_event");
    let rules = Rules { rule: RuleName::PeerLog, interval_weight: IntervalWeight::Power, ..Rules::default() };
    let grid = rules.grid();
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i}");
        let event = &case["event"];
        let (opened, cutoff, resolved) = (time(&event["registered"]), time(&event["cutoff"]), time(&event["resolved"]));
        let close = cutoff.min(resolved);
        let outcome = event["outcome"].as_f64().unwrap();
        let registered: HashMap<_, _> =
            case["miners"].as_array().unwrap().iter().map(|m| ((m[0].as_u64(), text(&m[1])), time(&m[2]))).collect();
        // In the metagraph, and registered at least one interval before the end.
        let by = grid.start(grid.index(close) - 1);
        let mut miners: Vec<_> =
            case["metagraph"].as_array().unwrap().iter().map(|m| (m[0].as_u64(), text(&m[1]))).collect();
        miners.retain(|m| registered.get(m).is_some_and(|since| *since <= by));
        let frame = EventFrame { opened, close, outcome, prior: 0.5 };
        let mut stats = EventStats::new(&frame, &rules, miners.iter().map(|m| registered[m]).collect());
        let intervals = rules.intervals(opened, close);
        for p in case["predictions"].as_array().unwrap() {
            let start = p[2].as_i64().unwrap();
            let at = UnixMs(1_704_067_200_000 + start * 60_000);
            let Ok(row) = usize::try_from(grid.index(at) - grid.index(opened)) else { continue };
            let Some(miner) = miners.iter().position(|m| m.0 == p[0].as_u64() && p[1] == *m.1) else { continue };
            stats.set(row, miner, &IntervalStats::of(Report { t: at, p: p[3].as_f64().unwrap(), r: 0.5 }));
        }
        let want = case["expect"]["rows"].as_array().unwrap();
        let scores = selected(&rules).score(&stats.view());
        if want.is_empty() {
            let nobody = case["predictions"].as_array().unwrap().is_empty();
            assert!(intervals == 0 || nobody, "{context}");
            continue;
        }
        assert_eq!(want.len(), miners.len(), "{context}");
        for line in want {
            let miner = miners.iter().position(|m| m.0 == line[0].as_u64()).unwrap();
            near(&context, scores[miner].unwrap(), line[3].as_f64().unwrap(), 1e-9);
        }
        let Some(lines) = case.get("intervals").and_then(Value::as_array) else { continue };
        check_intervals(&context, lines, case, outcome, &miners, &registered, opened);
    }
}

type Miner = (Option<u64>, String);

/// The intermediates of the first cases: weight, imputed probability, logarithms, difference.
fn check_intervals(
    context: &str,
    lines: &[Value],
    case: &Value,
    outcome: f64,
    miners: &[Miner],
    registered: &HashMap<Miner, UnixMs>,
    opened: UnixMs,
) {
    let grid = Rules::default().grid();
    let n = lines.iter().map(|line| line[1].as_u64().unwrap() as usize + 1).max().unwrap_or(0);
    for index in 0..n {
        let start = grid.start(grid.index(opened) + index as i64);
        let minutes = minutes_since_origin(start);
        let presence: Vec<_> = miners
            .iter()
            .map(|miner| {
                let mut predictions = case["predictions"].as_array().unwrap().iter();
                match predictions.find(|p| p[0].as_u64() == miner.0 && p[1] == *miner.1 && p[2] == minutes) {
                    Some(p) => Presence::Reported(p[3].as_f64().unwrap()),
                    None if registered[miner] < start => Presence::Absent,
                    None => Presence::New,
                }
            })
            .collect();
        let mut cells: Vec<PeerCell> = Vec::new();
        interval(&presence, outcome, &mut cells);
        for line in lines.iter().filter(|line| line[1].as_u64() == Some(index as u64)) {
            let cell = cells[miners.iter().position(|m| m.0 == line[0].as_u64()).unwrap()];
            for (got, want) in [cell.p, cell.log, cell.others, cell.peer].iter().zip(3..) {
                near(&format!("{context} interval {index} {line}"), *got, line[want].as_f64().unwrap(), 1e-9);
            }
        }
    }
}

fn averages_of_summer_2024() {
    let cases = cases("ema_2024");
    for (i, case) in cases.iter().enumerate() {
        // Who sits where; nobody is named before the first `resync`.
        let mut slots: Vec<Option<String>> = vec![None; case["n0"].as_u64().unwrap() as usize];
        let alpha = case["alpha"].as_f64().unwrap();
        let (mut daily, plain) = match case["variant"].as_str().unwrap() {
            "ema_2024_06_20" => (Daily::new(0.0, alpha, false), true),
            "daily_2024_06_28" => (Daily::new(0.4, alpha, false), false),
            "daily_2024_07_25" => (Daily::new(0.8, 0.8, true), false),
            other => panic!("{other}"),
        };
        for (k, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            let context = format!("case {i} step {k}");
            match step["op"].as_str().unwrap() {
                "update" => {
                    let batch: Vec<_> = step["uids"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .zip(floats(&step["rewards"]))
                        .map(|(uid, reward)| (uid.as_u64().unwrap() as usize, reward))
                        .collect();
                    if plain { ema_step(&mut daily.scores, &batch, alpha) } else { daily.update(&batch) }
                }
                "day_roll" => daily.roll(),
                "resync" => {
                    let hotkeys: Vec<_> = step["hotkeys"].as_array().unwrap().iter().map(text).collect();
                    let after = floats(&step["scores"]);
                    // The reference clears the score of a changed slot and keeps its daily means (defect 7). Of the first
                    // occupant, whom no step names, the cleared score tells that it left.
                    let changed =
                        |uid: &usize| slots[*uid].as_ref().map_or(after[*uid] == 0.0, |was| *was != hotkeys[*uid]);
                    for uid in (0..slots.len()).filter(changed) {
                        daily.scores.insert(uid, 0.0);
                    }
                    slots = hotkeys.into_iter().map(Some).collect();
                }
                other => panic!("{other}"),
            }
            for (field, got) in
                [("scores", &daily.scores), ("average", &daily.today), ("previous_average", &daily.yesterday)]
            {
                let Some(want) = step.get(field) else { continue };
                for (uid, want) in floats(want).into_iter().enumerate() {
                    near(&format!("{context} {field}"), got.get(&uid).copied().unwrap_or(0.0), want, 1e-6);
                }
            }
            if let Some(iterations) = step.get("iterations") {
                assert_eq!(daily.events, iterations.as_u64().unwrap(), "{context}");
            }
        }
    }
}

fn the_sdk_conversion_to_chain_weights() {
    let cases = cases("weights_sdk10");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i} {}", case["fn"]);
        let uids = || case["uids"].as_array().unwrap().iter().map(|u| Uid(u.as_u64().unwrap() as u16));
        match case["fn"].as_str().unwrap() {
            "normalize_max_weight" => {
                let x: Vec<f32> = floats(&case["x"]).iter().map(|x| *x as f32).collect();
                let got = limit_largest(&x, case["limit"].as_f64().unwrap() as f32);
                got.iter()
                    .zip(floats(&case["expect"]))
                    .for_each(|(got, want)| near(&context, f64::from(*got), want, 1e-6));
            }
            "process_weights_for_netuid" => {
                let given: Vec<_> = uids().zip(floats(&case["weights"])).collect();
                let minimum = case["min_allowed_weights"].as_u64().unwrap() as usize;
                let n = case["n"].as_u64().unwrap() as usize;
                let positive = given.iter().filter(|(_, w)| *w > 0.0).count();
                let consecutive = given.iter().enumerate().all(|(place, (uid, _))| usize::from(uid.0) == place);
                let quantile = case["exclude_quantile"].as_f64().unwrap() as f32 / 65535.0;
                let got = process(&given, minimum, case["max_weight_limit"].as_f64().unwrap(), quantile);
                if positive == 0 || n < minimum {
                    // The SDK sends the same to everybody; ours sends nothing.
                    assert_eq!(got, [], "{context}");
                    assert!(
                        floats(&case["weights_out"]).iter().all(|w| (w * n as f64 - 1.0).abs() < 1e-6),
                        "{context}"
                    );
                    continue;
                }
                if positive < minimum && !(consecutive && given.len() == n) {
                    // The SDK fills by position (its defect); ours everybody that was named.
                    assert!(got.iter().map(|(uid, _)| *uid).eq(uids()), "{context}");
                    continue;
                }
                let want: Vec<_> =
                    case["uids_out"].as_array().unwrap().iter().zip(floats(&case["weights_out"])).collect();
                assert_eq!(got.len(), want.len(), "{context}");
                for ((uid, weight), (want_uid, want_weight)) in got.iter().zip(&want) {
                    assert_eq!(u64::from(uid.0), want_uid.as_u64().unwrap(), "{context}");
                    near(&context, f64::from(*weight), *want_weight, 1e-6);
                }
                let want: Vec<_> =
                    case["emit_uids"].as_array().unwrap().iter().zip(floats(&case["emit_weights"])).collect();
                let emitted = emit(&got);
                assert_eq!(emitted.len(), want.len(), "{context}");
                let largest = got.iter().map(|(_, weight)| *weight).fold(0.0, f32::max);
                for ((uid, value), (want_uid, want)) in emitted.iter().zip(&want) {
                    assert_eq!(u64::from(uid.0), want_uid.as_u64().unwrap(), "{context}");
                    let weight = got.iter().find(|(found, _)| found == uid).unwrap().1;
                    let scaled = f64::from(weight) / f64::from(largest) * 65535.0;
                    let is_close_call = (scaled.fract() - 0.5).abs() < 1e-3;
                    near(&context, f64::from(*value), *want, if is_close_call { 1.0 } else { 0.0 });
                }
            }
            "convert_weights_and_uids_for_emit" => {
                if case.get("error").is_some() {
                    // A negative weight cannot come out of `process`; where the SDK raises, it counts as none.
                    let given: Vec<_> = uids().zip(floats(&case["weights"])).map(|(uid, w)| (uid, w as f32)).collect();
                    let positive: Vec<_> = given.iter().copied().filter(|(_, weight)| *weight > 0.0).collect();
                    assert!(positive.len() < given.len(), "{context}");
                    assert_eq!(emit(&given), emit(&positive), "{context}");
                    continue;
                }
                let given: Vec<_> = uids().zip(floats(&case["weights"])).map(|(uid, w)| (uid, w as f32)).collect();
                let got: Vec<(u64, u64)> =
                    emit(&given).iter().map(|(uid, w)| (u64::from(uid.0), u64::from(*w))).collect();
                let numbers = |field: &str| case[field].as_array().unwrap().iter().map(|x| x.as_u64().unwrap());
                let want: Vec<_> = numbers("emit_uids").zip(numbers("emit_weights")).collect();
                assert_eq!(got, want, "{context}");
            }
            "chain_row_to_weights" => {
                let row: Vec<_> =
                    uids().zip(case["values"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u16)).collect();
                let got: HashMap<_, _> = read_back(&row).into_iter().collect();
                for (uid, want) in floats(&case["expect"]).into_iter().enumerate() {
                    near(&context, got.get(&Uid(uid as u16)).copied().unwrap_or(0.0), want, 1e-6);
                }
            }
            other => panic!("{other}"),
        }
    }
}

/// `[name, number]` pairs.
fn pairs(value: &Value) -> Vec<(String, f64)> {
    value.as_array().unwrap().iter().map(|pair| (text(&pair[0]), number(&pair[1]).unwrap())).collect()
}

fn same_pairs(context: &str, got: &[(String, f64)], want: &[(String, f64)], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{context}");
    for (got, want) in got.iter().zip(want) {
        assert_eq!(got.0, want.0, "{context}");
        near(context, got.1, want.1, tolerance);
    }
}

fn timeseries_errors_of_forecasts() {
    let cases = cases("tsps_rmse");
    for (i, case) in cases.iter().enumerate() {
        let (forecast, actual) = (floats(&case["predictions"]), floats(&case["actual"]));
        let (forecast, actual) = (ArrayView1::from(&forecast), ArrayView1::from(&actual));
        let got = rmse::weighted_rmse(forecast, actual);
        match case["value"].as_f64() {
            None => assert!(got.is_err(), "case {i}"),
            Some(want) => {
                near(&format!("case {i}"), got.unwrap(), want, 1e-11);
                let direction = rmse::directional_accuracy(forecast, actual).unwrap();
                near(&format!("case {i}"), direction, case["directional_accuracy"].as_f64().unwrap(), 1e-12);
            }
        }
    }
}

fn timeseries_shares_of_a_request_and_older_scalings() {
    let cases = cases("tsps_scaling");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i} {}", case["fn"]);
        let values = || floats(&case["values"]);
        match case["fn"].as_str().unwrap() {
            "request_weights" => {
                let errors = pairs(&case["rmse"]);
                let shares = scaling::request_shares(&errors);
                if case.get("error").is_some() {
                    assert_eq!(shares, None, "{context}");
                    continue;
                }
                same_pairs(&context, &shares.unwrap(), &pairs(&case["weights"]), 1e-12);
                let plain: Vec<f64> = errors.iter().map(|(_, error)| *error).collect();
                let columns = [("scaled", scaling::goodness(&plain)), ("exp_scaled", scaling::exponential(&plain))];
                for (field, got) in columns {
                    for (name, want) in pairs(&case[field]) {
                        let place = errors.iter().position(|(key, _)| *key == name).unwrap();
                        near(&format!("{context} {field}"), got[place], want, 1e-12);
                    }
                }
            }
            "shifted_min_max" => {
                let (least, most) = (case["min"].as_f64().unwrap(), case["max"].as_f64().unwrap());
                let decimals = case["decimals"].as_u64().unwrap() as usize;
                for ((x, y), back) in values().iter().zip(floats(&case["scaled"])).zip(floats(&case["unscaled"])) {
                    near(&context, scaling::shifted_min_max(*x, least, most), y, 1e-12);
                    near(&context, scaling::unshift_min_max(y, least, most, decimals), back, 1e-12);
                }
            }
            "tanh" => {
                let mean = case["mean"].as_f64().unwrap();
                for ((x, y), back) in values().iter().zip(floats(&case["scaled"])).zip(floats(&case["unscaled_2dp"])) {
                    near(&context, scaling::tanh(*x, mean), y, 1e-12);
                    near(&context, scaling::untanh(y, mean, 2), back, 1e-12);
                }
            }
            "min_max_list" => {
                let got = scaling::min_max(&values());
                got.iter().zip(floats(&case["scaled"])).for_each(|(got, want)| near(&context, *got, want, 1e-12));
            }
            // How many decimals Python prints of a number: a question of display, not of scoring.
            "decimal_places" => {}
            other => panic!("{other}"),
        }
    }
}

/// The reference's own tables, from the vectors; ours live in `config/`. A set without them ignores the test.
fn reference_tables() -> PercentileTables {
    let cases = cases("tsps_percentile");
    let table = |name: &str| {
        let found = cases.iter().find(|c| c["fn"] == "table" && c["name"] == name);
        let Some(case) = found else { lacks("shared", &format!("this set of vectors has no table {name}")) };
        floats(&case["upper_bounds"])
    };
    PercentileTables { reference_price: 1.0, rescale: false, min_max: table("min_max"), std_dev: table("std_dev") }
}

fn timeseries_percentiles_of_volatility() {
    let tables = reference_tables();
    for (i, case) in cases("tsps_percentile").iter().enumerate() {
        let context = format!("case {i}");
        match case["fn"].as_str().unwrap() {
            "table" => {}
            "percentile" => {
                let bounds = if case["table"] == "min_max" { &tables.min_max } else { &tables.std_dev };
                let got = percentile(bounds, case["value"].as_f64().unwrap());
                near(&context, got, case["percentile"].as_f64().unwrap(), 1e-12);
            }
            "geometric_mean" | "geometric_mean_f32" => {
                let got = tables.weight(ArrayView1::from(&floats(&case["actual"])));
                near(&context, got, case["value"].as_f64().unwrap(), 1e-12);
            }
            other => panic!("{other}"),
        }
    }
}

fn timeseries_long_run_weights() {
    let (cases, tables) = (cases("tsps_ema"), reference_tables());
    for (i, case) in cases.iter().enumerate() {
        let start = if case["variant"] == "2024_01" { Start::Plain } else { Start::Mean };
        let mut stored = BTreeMap::new();
        for (k, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            let context = format!("case {i} step {k}");
            let g = tables.weight(ArrayView1::from(&floats(&step["actual"])));
            near(&context, g, step["g"].as_f64().unwrap(), 1e-12);
            update(&mut stored, &pairs(&step["scores"]), g, start);
            let got: Vec<_> = stored.iter().map(|(key, weight)| (key.clone(), *weight)).collect();
            let mut want = pairs(&step["weights"]);
            want.sort_by(|a, b| a.0.cmp(&b.0));
            same_pairs(&context, &got, &want, 1e-12);
        }
    }
}

fn timeseries_weights_for_the_chain() {
    let cases = cases("tsps_chain_weights");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i}");
        let spread = Spread { sigmas: case["sigmas"].as_f64().unwrap(), lambda: case["lambda"].as_f64().unwrap() };
        let weights = pairs(&case["weights"]);
        let values: Vec<f64> = weights.iter().map(|(_, x)| *x).collect();
        near(&context, spread.lower_bound(&values), case["lower_bound"].as_f64().unwrap(), 1e-12);
        let got = spread.chain_weights(&weights);
        let kept: Vec<_> = case["kept"].as_array().unwrap().iter().map(text).collect();
        let Some(want) = case["chain_weights"].as_array() else {
            // The reference raised: overflow, or nothing above the bound. Ours has an answer.
            assert!(!got.is_empty() && got.iter().all(|(_, w)| (0.0..=1.0).contains(w)), "{context}");
            continue;
        };
        assert_eq!(got.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), kept, "{context}");
        if kept.len() == 1 {
            assert_eq!(got[0].1, 1.0, "{context}: a single survivor is not worth 0");
            continue;
        }
        got.iter().zip(want).for_each(|((_, got), want)| near(&context, *got, want.as_f64().unwrap(), 1e-7));
    }
}

fn the_class_balanced_average_of_the_peer_rule() {
    let cases = cases("peer_average");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i}");
        let window_events = case["window_before"].as_u64().unwrap() as usize + 1;
        let rules = Rules { class_balance: true, exponent: 2, window_events, ..Rules::default() };
        type Who = (u64, String);
        let mut events: Vec<(String, ScoredEvent<Who>)> = Vec::new();
        for event in case["events"].as_array().unwrap() {
            let outcome = event[1].as_f64().unwrap();
            events.push((text(&event[0]), ScoredEvent { outcome, resolved: UnixMs(0), scores: Vec::new() }));
        }
        for line in case["scores"].as_array().unwrap() {
            let event = events.iter_mut().find(|(name, _)| line[0] == **name).unwrap();
            event.1.scores.push(((line[1].as_u64().unwrap(), text(&line[2])), line[3].as_f64().unwrap()));
        }
        let plain: Vec<_> = events
            .iter()
            .map(|(_, event)| ScoredEvent {
                outcome: event.outcome,
                resolved: event.resolved,
                scores: event.scores.iter().map(|(who, score)| (who_id(case, who), *score)).collect(),
            })
            .collect();
        for line in case["expect_rows"].as_array().unwrap() {
            let place = events.iter().position(|(name, _)| line[0] == **name).unwrap();
            let window = &plain[(place + 1).saturating_sub(window_events)..=place];
            let averages = averages(window, &rules);
            let who = who_id(case, &(line[1].as_u64().unwrap(), text(&line[2])));
            near(&format!("{context} {line}"), averages[&who].mean, line[4].as_f64().unwrap(), 1e-9);
            assert_eq!(averages[&who].predicted as u64, line[6].as_u64().unwrap(), "{context}");
            // The reference normalises over the miners that have a row for this event.
            let own: Vec<usize> = plain[place].scores.iter().map(|(who, _)| *who).collect();
            let total: f64 = own.iter().map(|who| averages[who].reward).sum();
            near(
                &format!("{context} {line}"),
                averages[&who].reward / total.max(1e-7),
                line[3].as_f64().unwrap(),
                1e-9,
            );
        }
        // Joined with the metagraph: of a pair that is registered now its latest score, others 0.
        let latest: HashMap<(u64, String), f64> = case["last"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| ((line[0].as_u64().unwrap(), text(&line[1])), line[2].as_f64().unwrap()))
            .collect();
        let registered = case["metagraph"].as_array().unwrap().iter();
        let rewards: Vec<_> = registered
            .map(|pair| {
                let who = (pair[0].as_u64().unwrap(), text(&pair[1]));
                let reward = latest.get(&who).copied().unwrap_or(0.0);
                (who.0, reward)
            })
            .collect();
        let got = shares(&rewards);
        match case["raw_weights"].as_array() {
            None => assert_eq!(got, None, "{context}: nobody who is registered has earned anything"),
            Some(want) => {
                let got = got.unwrap();
                assert_eq!(got.len(), want.len(), "{context}");
                for ((_, share), want) in got.iter().zip(want) {
                    near(&context, *share, want.as_f64().unwrap(), 1e-9);
                }
            }
        }
    }
}

/// A number for a (uid, hotkey) pair: averages want keys that are copied.
fn who_id(case: &Value, who: &(u64, String)) -> usize {
    let mut lines = case["scores"].as_array().unwrap().iter();
    lines.position(|line| line[1].as_u64() == Some(who.0) && line[2] == *who.1).unwrap()
}

/// The interval starts (minutes) of an event, as the references of 2024 count them.
fn legacy_starts(registered: UnixMs, end: UnixMs) -> Vec<i64> {
    let grid = Rules::default().grid();
    (grid.index(registered)..grid.index(end)).map(|k| minutes_since_origin(grid.start(k))).collect()
}

fn the_interval_scores_of_summer_2024() {
    let cases = cases("legacy_intervals");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i}");
        let starts = legacy_starts(time(&case["registered"]), time(&case["cutoff"]).min(time(&case["now"])));
        let weights = interval_weights(IntervalWeight::Exponential, 2.0, starts.len());
        let n = case["n"].as_u64().unwrap() as usize;
        let mut scores = vec![0.0; n];
        for miner in case["predictions"].as_array().unwrap() {
            let said: HashMap<i64, f64> =
                miner[1].as_array().unwrap().iter().map(|x| (x[0].as_i64().unwrap(), x[1].as_f64().unwrap())).collect();
            let means: Vec<_> = starts.iter().map(|start| said.get(start).copied()).collect();
            let score = interval_score_2024(&means, &weights, case["answer"].as_f64().unwrap());
            scores[miner[0].as_u64().unwrap() as usize] = score;
        }
        let got = if case["variant"] == "intervals_2024_07_25" {
            differentiated_2024_07(&scores)
        } else {
            differentiated_2024_08(&scores)
        };
        for (got, want) in got.iter().zip(floats(&case["rewards"])) {
            if want.is_nan() {
                // The only correct miner got nothing.
                assert!(*got > 0.66, "{context}");
            } else {
                near(&context, *got, want, 1e-5);
            }
        }
    }
}

fn the_interval_scores_of_january_2025() {
    let cases = cases("legacy_brier_2025_01");
    for (i, case) in cases.iter().enumerate() {
        let opened = time(&case["registered"]);
        let starts = legacy_starts(opened, time(&case["cutoff"]));
        let weights = interval_weights(IntervalWeight::Exponential, 2.0, starts.len());
        let outcome = case["outcome"].as_f64().unwrap();
        let predictions = case["predictions"].as_array().unwrap();
        let (mut scores, want) = (Vec::new(), case["rows"].as_array().unwrap());
        for (miner, row) in case["miners"].as_array().unwrap().iter().zip(want) {
            let context = format!("case {i} {row}");
            assert_eq!(miner[0], row[0], "{context}");
            let registered = time(&miner[2]);
            let own: Vec<_> = predictions.iter().filter(|p| p[0] == miner[0]).collect();
            let said = |start: &i64| {
                let of_interval = own.iter().find(|p| p[1].as_i64() == Some(*start));
                of_interval.map(|p| p[2].as_f64().unwrap())
            };
            let means: Vec<_> = starts.iter().map(said).collect();
            let unborn = unborn_intervals(Rules::default().grid(), opened, registered);
            let (score, prediction) = interval_score_2025_01(&means, unborn, &weights, outcome);
            near(&context, score, row[2].as_f64().unwrap(), 1e-9);
            // Its marks, with the score 0: a miner of before the event that said nothing, and an event without intervals.
            let mark = if registered < opened && own.is_empty() {
                Some(-999.0)
            } else if starts.is_empty() {
                Some(-99.0)
            } else {
                None
            };
            near(&context, mark.unwrap_or(prediction), row[1].as_f64().unwrap(), 1e-9);
            assert!(mark.is_none() || score == 0.0, "{context}");
            scores.push(score);
        }
        for (share, row) in differentiated_2025_01(&scores).iter().zip(want) {
            near(&format!("case {i} {row}"), *share, row[3].as_f64().unwrap(), 1e-9);
        }
    }
}

fn the_worth_of_a_streamed_answer() {
    let cases = cases("sn1_streaming");
    let measures = |lists: &Value, miner: usize| -> Vec<Weighted> {
        let measure =
            |list: &Value| Weighted { weight: list[1].as_f64().unwrap(), value: list[2][miner].as_f64().unwrap() };
        lists.as_array().unwrap().iter().map(measure).collect()
    };
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i} {}", case["fn"]);
        match case["fn"].as_str().unwrap() {
            "streaming_penalty" => {
                let most = case["max_tokens_per_chunk"].as_u64().unwrap() as u32;
                let miners = case["tokens_per_chunk"].as_array().unwrap();
                for (tokens, want) in miners.iter().zip(floats(&case["penalty"])) {
                    let tokens: Vec<u32> = floats(tokens).into_iter().map(|tokens| tokens as u32).collect();
                    near(&context, chunk_penalty(&tokens, most), want, 1e-6);
                }
            }
            "total_reward" => {
                for (miner, want) in floats(&case["total"]).into_iter().enumerate() {
                    let got = total_reward(&measures(&case["rewards"], miner), &measures(&case["penalties"], miner));
                    near(&context, got, want, 1e-6);
                }
            }
            "score_decay" => {
                let mut scores: BTreeMap<u64, f64> = (0..case["n"].as_u64().unwrap()).map(|uid| (uid, 0.0)).collect();
                let (alpha, decay) = (case["alpha"].as_f64().unwrap(), case["decay"].as_f64().unwrap());
                for step in case["steps"].as_array().unwrap() {
                    let uids = step["uids"].as_array().unwrap().iter().map(|uid| uid.as_u64().unwrap());
                    let batch: Vec<_> = uids.zip(floats(&step["rewards"])).collect();
                    decayed_step(&mut scores, &batch, alpha, decay);
                    assert_eq!(scores.len(), step["scores"].as_array().unwrap().len(), "{context}");
                    for (got, want) in scores.values().zip(floats(&step["scores"])) {
                        near(&context, *got, want, 1e-6);
                    }
                }
            }
            "status_and_timing" => {
                let responses = case["responses"].as_array().unwrap();
                let (codes, timings) = (case["status_codes"].as_array().unwrap(), floats(&case["timings"]));
                assert!(responses.len() == codes.len() && responses.len() == timings.len(), "{context}");
                for ((response, code), timing) in responses.iter().zip(codes).zip(timings) {
                    let said = response[1].as_u64().map(|status| status as u16);
                    let status = noted_status(said, response[0].as_str().unwrap());
                    assert_eq!(status.map(u64::from), code.as_u64(), "{context} {response}");
                    let timeout = case["timeout"].as_f64().unwrap();
                    near(&context, noted_time(status, response[2].as_f64(), timeout), timing, 1e-6);
                }
            }
            other => panic!("{other}"),
        }
    }
}

fn what_a_pair_of_sybils_may_expect() {
    let cases = cases("sybil");
    for (i, case) in cases.iter().enumerate() {
        let context = format!("case {i}");
        let per_slot = || number(&case["expected_per_slot"]).unwrap_or_else(|| fraction(&case["expected_per_slot"]));
        let price = || number(&case["price"]).unwrap();
        match case["kind"].as_str().unwrap() {
            // Floored per event the pair earns what it does in one event, for ever.
            "per_event_clip_pair" => near(&context, pair_rent(price(), 1), per_slot(), 1e-12),
            "aggregate_clip_pair" => {
                let events = case["events"].as_u64().unwrap() as u32;
                near(&context, pair_rent(price(), events), per_slot(), 1e-12);
            }
            "aggregate_clip_best_shift" => {
                let events = case["events"].as_u64().unwrap() as u32;
                let rent = |hundredths: u32| report_rent(price() + f64::from(hundredths) / 100.0, price(), events);
                near(
                    &context,
                    report_rent(price() + case["shift"].as_f64().unwrap(), price(), events),
                    per_slot(),
                    1e-12,
                );
                let possible = (1..=100).filter(|hundredths| price() + f64::from(*hundredths) / 100.0 <= 1.0);
                assert!(possible.map(rent).all(|rent| rent <= per_slot() + 1e-12), "{context}: not the best shift");
                let gaussian = 0.1012 * 4.0 * price() * (1.0 - price()) / f64::from(events);
                near(&context, gaussian, case["gaussian_approximation"].as_f64().unwrap(), 1e-12);
            }
            other => panic!("{other}"),
        }
    }
}

fn the_community_prediction_of_a_storefront() {
    for (i, case) in cases("community").iter().enumerate() {
        let rows = |key: &str| case[key].as_array().unwrap().clone();
        let scores: HashMap<u64, f64> =
            rows("scores").iter().map(|row| (row[0].as_u64().unwrap(), row[1].as_f64().unwrap())).collect();
        for (event, want) in case["expect"].as_object().unwrap() {
            let said = rows("predictions").into_iter().filter(|row| row[0] == **event && row[3] == case["interval"]);
            let said = said.map(|row| {
                let score = scores.get(&row[1].as_u64().unwrap()).copied().unwrap_or(0.0);
                (score, row[2].as_f64().unwrap())
            });
            match (community(said.collect()), want.as_f64()) {
                (Some(got), Some(want)) => near(&format!("case {i}, {event}"), got, want, 1e-12),
                (got, want) => assert_eq!(got, want, "case {i}, {event}"),
            }
        }
    }
}
