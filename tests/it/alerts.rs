//! The alerts of `config/prometheus-alerts.yml`, read by Prometheus' own `promtool`: each fires on its fault, and none does while all
//! is well. `scripts/proxies.sh` finds promtool.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::needs::proxy;

tests! { blocking: each_alert_fires_on_its_fault_and_none_when_all_is_well }

/// The labels of whoever is scraped.
const WHO: &str = r#"job="neuron", instance="here""#;

/// What a healthy miner and validator show, by the minute: metric, further labels, and its values in the words of promtool.
const WELL: &[(&str, &str, &str)] = &[
    ("up", "", "1x240"),
    ("neuron_chain_registered", "", "1x240"),
    ("neuron_chain_block", "", "1000+5x240"),
    ("neuron_chain_validator_permit", "", "1x240"),
    ("neuron_validator_weights_block", "", "900x240"),
    ("neuron_weights_age_blocks", "", "100x240"),
    ("neuron_weights_failed_total", "", "0x240"),
    ("neuron_weights_lost_total", "", "0x240"),
    ("neuron_duty_failures_total", r#", duty="query""#, "0x240"),
    ("neuron_validator_last_tick_age_seconds", "", "30x240"),
    ("neuron_validator_markets_failed", "", "0x240"),
    ("neuron_validator_miners_asked", "", "250x240"),
    ("neuron_validator_miners_answered", "", "240x240"),
    ("neuron_axon_requests_waiting", "", "0x240"),
    ("neuron_ledger_takeovers_total", "", "0x240"),
    ("neuron_ledger_role", r#", role="active""#, "1x240"),
];

/// The alert for each fault, and the metric that shows it.
const FAULTS: &[(&str, &str, &str)] = &[
    ("NeuronDown", "up", "0x240"),
    ("NeuronNotRegistered", "neuron_chain_registered", "0x240"),
    ("NeuronChainStands", "neuron_chain_block", "1000x240"),
    ("NeuronPermitLost", "neuron_chain_validator_permit", "0x240"),
    ("NeuronWeightsOld", "neuron_weights_age_blocks", "100+10x240"),
    ("NeuronWeightsFail", "neuron_weights_lost_total", "0+1x240"),
    ("NeuronTaskFails", "neuron_duty_failures_total", "0+1x240"),
    ("NeuronTicksStopped", "neuron_validator_last_tick_age_seconds", "30+60x240"),
    ("NeuronMarketAway", "neuron_validator_markets_failed", "1x240"),
    ("NeuronNobodyAnswers", "neuron_validator_miners_answered", "0x240"),
    ("NeuronMinerBusy", "neuron_axon_requests_waiting", "500x240"),
    ("NeuronLedgerTakenOver", "neuron_ledger_takeovers_total", "0x150 1x90"),
    ("NeuronLedgerNobodyActive", "neuron_ledger_role", "0x240"),
];

/// A test in promtool's format: `fault` in place of what is well, and who fires after three hours.
fn case(fault: Option<(&str, &str, &str)>) -> String {
    let mut text = "  - interval: 1m\n    input_series:\n".to_owned();
    for (metric, labels, well) in WELL {
        let values = fault.filter(|(_, broken, _)| broken == metric).map_or(*well, |(_, _, values)| values);
        let _ = writeln!(text, "      - series: '{metric}{{{WHO}{labels}}}'\n        values: '{values}'");
    }
    text += "    promql_expr_test:\n";
    let mut expect = |expr: &str, samples: &str| {
        let _ = writeln!(text, "      - expr: {expr}\n        eval_time: 3h\n        exp_samples: {samples}");
    };
    let one = "[{labels: '{}', value: 1}]";
    match fault {
        None => expect("count(ALERTS)", "[]"),
        Some((alert, ..)) => expect(&format!("count(ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}})"), one),
    }
    text
}

fn each_alert_fires_on_its_fault_and_none_when_all_is_well() {
    let promtool = proxy("NEURON_PROMTOOL");
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/prometheus-alerts.yml");
    let text = fs::read_to_string(&rules).unwrap();
    let named: BTreeSet<&str> = text.split("- alert: ").skip(1).map(|it| it.lines().next().unwrap()).collect();
    let tried: BTreeSet<&str> = FAULTS.iter().map(|(alert, ..)| *alert).collect();
    assert_eq!(named, tried, "every alert has its fault");

    let mut cases = format!("rule_files: ['{}']\nevaluation_interval: 1m\ntests:\n{}", rules.display(), case(None));
    for fault in FAULTS {
        cases += &case(Some(*fault));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.yml");
    fs::write(&file, cases).unwrap();
    for arguments in [
        vec!["check".as_ref(), "rules".as_ref(), rules.as_os_str()],
        vec!["test".as_ref(), "rules".as_ref(), file.as_os_str()],
    ] {
        let output = Command::new(&promtool).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}
