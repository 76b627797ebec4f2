//! Yuma consensus equals the real chain's to the last bit, on every recorded epoch.

use std::fs;

use neuron::yuma::{BondRule, Neuron, Outcome, Subnet, epoch, stored_weights};
use serde_json::{Map, Value};

use crate::needs::shared;

tests! { blocking: every_recorded_epoch_is_equal_to_the_last_bit, every_recorded_row_is_stored_alike }

/// The input with what it leaves out filled in.
fn complete(defaults: &Value, input: &Value) -> Map<String, Value> {
    let mut full = defaults.as_object().unwrap().clone();
    full.extend(input.as_object().unwrap().clone());
    full
}

fn rows(value: Option<&Value>, uid: usize) -> Vec<(u16, u16)> {
    value.map_or_else(Vec::new, |rows| serde_json::from_value(rows[uid].clone()).unwrap())
}

fn subnet(q: &Map<String, Value>) -> Subnet {
    let number = |name: &str| q[name].as_u64().unwrap();
    let share = |name: &str| u16::try_from(number(name)).unwrap();
    let flag = |name: &str| q[name].as_bool().unwrap();
    let at = |name: &str, uid: usize| q.get(name).and_then(|list| list.get(uid)).and_then(Value::as_u64);
    let neuron = |uid| Neuron {
        alpha_stake: at("alpha_stake", uid).unwrap(),
        root_stake: at("root_stake", uid).unwrap_or(0),
        last_update: at("last_update", uid),
        registered_at: at("registered_at", uid).unwrap(),
        permit: q["permits"].get(uid).and_then(Value::as_bool),
        weights: rows(q.get("weights"), uid),
        bonds: rows(q.get("bonds"), uid),
        committed_at: at("commit_block", uid).filter(|_| flag("commit_reveal")),
    };
    Subnet {
        block: number("block"),
        tempo: number("tempo"),
        last_step_block: number("last_mechanism_step_block"),
        activity_cutoff: number("activity_cutoff"),
        stake_threshold: number("stake_threshold"),
        tao_weight: number("tao_weight"),
        owner: q["owner_uid"].as_u64().map(|uid| u16::try_from(uid).unwrap()),
        max_validators: share("max_allowed_validators"),
        kappa: share("kappa"),
        bonds_penalty: share("bonds_penalty"),
        bonds_moving_average: number("bonds_moving_average"),
        bond_rule: match (flag("yuma3"), flag("liquid_alpha")) {
            (false, _) => BondRule::Yuma2,
            (true, false) => BondRule::Yuma3,
            (true, true) => BondRule::Liquid {
                low: share("alpha_low"),
                high: share("alpha_high"),
                steepness: i16::try_from(q["alpha_sigmoid_steepness"].as_i64().unwrap()).unwrap(),
            },
        },
        emission: number("emission"),
        neurons: (0..usize::try_from(number("n")).unwrap()).map(neuron).collect(),
    }
}

/// The fields that the present chain stores; `legacy` ones it no longer computes.
fn expected(expect: &Value) -> Outcome {
    fn list<T: serde::de::DeserializeOwned>(expect: &Value, name: &str) -> T {
        serde_json::from_value(expect[name].clone()).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
    Outcome {
        active: list(expect, "active"),
        validator_permit: list(expect, "validator_permit"),
        stake: list(expect, "stake"),
        stake_weight: list(expect, "stake_weight"),
        consensus: list(expect, "consensus"),
        validator_trust: list(expect, "validator_trust"),
        incentive: list(expect, "incentive"),
        dividends: list(expect, "dividends"),
        emission: list(expect, "emission"),
        server_emission: list(expect, "server_emission"),
        validator_emission: list(expect, "validator_emission"),
        bonds: list(expect, "bonds"),
    }
}

fn check_file(name: &str) {
    let text = fs::read_to_string(shared(&format!("vectors/yuma/{name}"))).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert!(!file["cases"].as_array().unwrap().is_empty(), "{name}");
    for case in file["cases"].as_array().unwrap() {
        let mut input = complete(&file["defaults"], &case["input"]);
        let single = [case.clone()];
        for (number, step) in case["steps"].as_array().map_or(&single[..], Vec::as_slice).iter().enumerate() {
            if let Some(change) = step["change"].as_object() {
                input.extend(change.clone());
            }
            assert_eq!(epoch(&subnet(&input)), expected(&step["expect"]), "{name}: {}, epoch {number}", case["name"]);
            input.insert("bonds".into(), step["expect"]["bonds"].clone());
            input.insert("permits".into(), step["expect"]["validator_permit"].clone());
        }
    }
}

fn every_recorded_epoch_is_equal_to_the_last_bit() {
    for file in ["cases.json", "large.json", "chains.json"] {
        check_file(file);
    }
}

fn every_recorded_row_is_stored_alike() {
    let path = shared("vectors/yuma/weight_rows.json");
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let list = |name: &str| serde_json::from_value::<Vec<u16>>(case[name].clone()).unwrap();
        assert_eq!(stored_weights(&list("values")), list("stored"), "{}", case["name"]);
    }
}
